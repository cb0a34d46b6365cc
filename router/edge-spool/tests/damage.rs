//! Every truncation and every single bit flip of a small spool: nothing panics, and nothing that was promised vanishes in
//! silence.

mod support;

use edge_door::FileName;
use edge_door::sim::{DiskConfig, DiskImage, Fail, Rng};
use edge_event::{EventRecord, Position, ShardId};
use edge_spool::{Config, Item, Reader, Recovered};
use support::{World, last_record, record};

/// As small as a spool can be, so that every bit of it can be flipped.
fn tiny() -> Config {
    Config {
        segment_bytes: 4 << 10,
        record_bytes_max: 512,
        batch_bytes_max: 1 << 10,
        queue_bytes_max: 4 << 10,
        ballast_bytes: 64,
        ..support::small()
    }
}

/// With a command where `n` is odd.
fn small_record(n: u64) -> EventRecord {
    let mut small = record(n, &mut Rng::new(n));
    small.deltas.truncate(1);
    small.timers.clear();
    small.commands = (0..n % 2).map(|_| support::command(n, 2)).collect();
    small
}

struct Sample {
    image: DiskImage,
    /// With commands, in order.
    records: Vec<(Position, EventRecord)>,
    last: u64,
}

/// Two starts of four group commits together; everything is committed.
fn sample(is_cursor_fresh: bool) -> Sample {
    let mut rng = Rng::new(5);
    let mut world = World::new(tiny(), DiskConfig::default(), 1);
    let (mut records, mut n) = (Vec::new(), 0);
    for epoch in 0..2 {
        let mut ticket = 0;
        for _ in 0..2 {
            for _ in 0..2 {
                (n, ticket) = (n + 1, ticket + 1);
                let record = small_record(n);
                let position = world.spool.append(ShardId(0), ticket, &record, world.now_ms()).expect("there is room");
                if !record.commands.is_empty() {
                    records.push((position, record));
                }
            }
            world.run(std::time::Duration::from_millis(2));
        }
        if is_cursor_fresh {
            world.flush();
        }
        if epoch == 0 {
            world = world.crash(&mut rng, tiny()).expect("it opens");
        }
    }
    let mut disk = world.disk;
    disk.crash(&mut rng);
    Sample { image: disk.image(), records, last: n }
}

fn segments(image: &DiskImage) -> Vec<FileName> {
    image.files.keys().filter(|name| name.starts_with("seg-")).cloned().collect()
}

/// Whether recovery said that something is wrong.
fn is_flagged(recovered: &Recovered) -> bool {
    let report = &recovered.report;
    !report.damage.is_empty() || report.cut_bytes > 0 || !report.kept_as.is_empty()
}

/// Opens a changed image and checks what must hold of it; says whether it was flagged.
fn check(sample: &Sample, image: &DiskImage, what: &str) -> bool {
    let mut world = match World::on_image(image, tiny()) {
        Ok(world) => world,
        Err(error) => {
            assert!(!error.code().is_empty(), "{what}: {error}");
            return true;
        }
    };
    let is_flagged = is_flagged(&world.recovered);
    let is_whole = last_record(&world.recovered) == sample.last;
    assert!(is_whole || is_flagged, "{what}: records vanished in silence: {:?}", world.recovered.report);
    let mut reader = Reader::new(world.spool.uuid(), Position::NONE);
    let (mut read, mut told) = (Vec::new(), is_flagged);
    while let Some(item) = reader.next(&mut world.eyes, world.spool.committed()).expect("it reads") {
        match item {
            Item::Record(stored) => read.push((stored.position, stored.record)),
            Item::Damage(_) => told = true,
        }
    }
    let mut rest = sample.records.iter();
    assert!(read.iter().all(|r| rest.any(|s| s == r)), "{what}: what is read was written, and in order");
    assert!(told || read == sample.records, "{what}: commands vanished in silence");
    is_flagged
}

/// Flips `bits` bits of each byte, all of them or other ones from byte to byte.
fn flip_each(sample: &Sample, files: &[FileName], bits: usize) -> u64 {
    let mut flagged = 0;
    for file in files {
        let used = sample.image.files[file].iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
        // And some of the zeros behind.
        let to = (used + 16).min(sample.image.files[file].len());
        // Nothing reads what is between the slots of a cursor.
        let is_read = |at: &usize| !file.starts_with("cursor-") || at % 4096 < 100;
        for at in (0..to).filter(is_read) {
            for bit in (0..bits).map(|bit| (at + bit) % 8) {
                let mut image = sample.image.clone();
                image.files.get_mut(file).expect("it is there")[at] ^= 1 << bit;
                flagged += u64::from(check(sample, &image, &format!("{file} byte {at} bit {bit}")));
            }
        }
    }
    flagged
}

#[test]
fn an_unharmed_spool_is_not_flagged() {
    for is_cursor_fresh in [false, true] {
        let sample = sample(is_cursor_fresh);
        assert!(!check(&sample, &sample.image, "unharmed"));
        assert!(sample.records.len() >= 4, "{}", sample.records.len());
    }
}

#[test]
fn every_bit_flip_of_the_first_segment_is_told() {
    let sample = sample(true);
    let files = segments(&sample.image);
    assert_eq!(files.len(), 2);
    assert!(flip_each(&sample, &files[..1], 8) > 1000);
}

#[test]
fn bit_flips_of_the_last_segment_are_told() {
    let sample = sample(true);
    assert!(flip_each(&sample, &segments(&sample.image)[1..], 2) > 500);
}

/// The last batch is not proven by anything: it is taken for torn, and what it held is cut and told.
#[test]
fn bit_flips_of_the_last_segment_are_told_with_an_old_cursor() {
    let sample = sample(false);
    let last = segments(&sample.image).split_off(1);
    assert!(flip_each(&sample, &last, 2) > 500);
}

#[test]
fn a_flipped_bit_of_cursor_or_identity_loses_nothing() {
    let sample = sample(true);
    let others: Vec<FileName> =
        sample.image.files.keys().filter(|n| n.starts_with("cursor-") || n.starts_with("spool.")).cloned().collect();
    assert!(others.len() >= 2, "{others:?}");
    assert_eq!(flip_each(&sample, &others, 8), 0, "each is there twice, or can be had from elsewhere");
}

#[test]
fn every_truncation_is_told() {
    for is_cursor_fresh in [false, true] {
        let sample = sample(is_cursor_fresh);
        for file in segments(&sample.image) {
            let used = sample.image.files[&file].iter().rposition(|b| *b != 0).map_or(0, |at| at + 16);
            for len in 0..used.min(sample.image.files[&file].len()) {
                let mut image = sample.image.clone();
                image.files.get_mut(&file).expect("it is there").truncate(len);
                let what = format!("{file} cut to {len} bytes");
                let mut world = World::on_image(&image, tiny()).unwrap_or_else(|e| panic!("{what}: {e}"));
                let is_whole = last_record(&world.recovered) == sample.last;
                // A tail that is gone altogether looks like one that was never written, unless the cursor knows better.
                assert!(is_whole || !is_cursor_fresh || is_flagged(&world.recovered), "{what}");
                let read = read_all(&mut world);
                let mut rest = sample.records.iter();
                assert!(read.iter().all(|r| rest.any(|s| s == r)), "{what}: what is read was written, and in order");
            }
        }
    }
}

fn read_all(world: &mut World) -> Vec<(Position, EventRecord)> {
    let mut reader = Reader::new(world.spool.uuid(), Position::NONE);
    let mut read = Vec::new();
    while let Some(item) = reader.next(&mut world.eyes, world.spool.committed()).expect("it reads") {
        if let Item::Record(stored) = item {
            read.push((stored.position, stored.record));
        }
    }
    read
}

#[test]
fn damage_in_the_middle_is_kept_aside_and_what_follows_is_read() {
    let sample = sample(true);
    let file = segments(&sample.image).remove(0);
    let mut image = sample.image.clone();
    // Inside the first record behind the epoch's.
    image.files.get_mut(&file).expect("it is there")[64 + 64 + 60] ^= 0x10;
    let mut world = World::on_image(&image, tiny()).expect("it opens");
    let report = world.recovered.report.clone();
    assert_eq!(report.damage.len(), 1, "{report:?}");
    assert_eq!((report.damage[0].from.n, report.damage[0].to.n), (2, 2));
    assert_eq!(report.kept_as.len(), 1);
    let kept = edge_door::Disk::list(&mut world.eyes).expect("it lists");
    assert!(kept.iter().any(|(name, len)| *name == report.kept_as[0] && *len > 40));
    assert_eq!(last_record(&world.recovered), sample.last);
    let expected: Vec<_> = sample.records.iter().filter(|(p, _)| (p.epoch.0, p.n) != (1, 2)).cloned().collect();
    assert_eq!(read_all(&mut world), expected);
}

/// A failed sync may leave the second record of a batch and not the first. Both were written again elsewhere; a segment that was
/// made in between and never used must not hide that.
#[test]
fn a_record_that_a_failed_sync_lost_is_found_where_it_was_written_again() {
    let mut world = World::new(tiny(), DiskConfig::default(), 1);
    let append = |world: &mut World, n: u64| {
        world.spool.append(ShardId(0), n, &small_record(n), world.now_ms()).expect("there is room").n
    };
    // The segment that is to come next is made, and removed because its name could not be synced.
    world.disk.fail_next(Fail::SyncDir);
    let mut n = 0;
    while world.disk.faults().dir_syncs_failed == 0 {
        n += 1;
        append(&mut world, n);
        world.flush();
    }
    world.run(std::time::Duration::from_secs(1));
    let image = world.disk.image();
    let first = segments(&image).remove(0);
    let end = image.files[&first].iter().rposition(|b| *b != 0).expect("records") + 1;
    let lost = append(&mut world, n + 1);
    assert_eq!(append(&mut world, n + 2), lost + 1);
    world.disk.fail_next_syncs(1);
    world.run(std::time::Duration::from_secs(1));
    assert_eq!(world.committed_ticket, n + 2);
    // What readers see while the kernel still has it, and what the disk may have of it: all but the beginning.
    let mut seen = vec![0; image.files[&first].len()];
    edge_door::Disk::read(&mut world.eyes, &first, 0, &mut seen).expect("it reads");
    let start = end + seen[end..].iter().position(|b| *b != 0).expect("the batch stands there");
    seen[start..start + 8].fill(0);
    let mut image = world.disk.image();
    let again = segments(&image).remove(1);
    assert_eq!((&*first, &*again), ("seg-0000000000000001.log", "seg-0000000000000003.log"));
    image.files.insert(first, seen);
    image.files.insert("seg-0000000000000002.log".into(), vec![0; 4 << 10]);
    let mut world = World::on_image(&image, tiny()).expect("it opens");
    assert!(world.recovered.report.damage.is_empty(), "{:?}", world.recovered.report);
    assert_eq!(last_record(&world.recovered), n + 2);
    assert_eq!(read_all(&mut world).len() as u64, (n + 2).div_ceil(2));
}

#[test]
fn a_segment_that_is_gone_is_told() {
    let sample = sample(true);
    for file in segments(&sample.image) {
        let mut image = sample.image.clone();
        image.files.remove(&file);
        let world = World::on_image(&image, tiny()).expect("it opens");
        assert!(!world.recovered.report.damage.is_empty(), "{file}");
    }
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let sample = sample(true);
    let file = segments(&sample.image).remove(0);
    let mut image = sample.image;
    let head = image.files.get_mut(&file).expect("it is there");
    head[8] = 2;
    let crc = crc32c::crc32c(&head[..60]);
    head[60..64].copy_from_slice(&crc.to_le_bytes());
    let error = World::on_image(&image, tiny()).err().expect("it is refused");
    assert_eq!(error.code(), "spool-newer-format");
    assert!(error.to_string().contains("has format version 2, this build reads up to 1"), "{error}");
}

#[test]
fn a_damaged_header_of_the_first_segment_hides_no_other_damage() {
    let sample = sample(true);
    let [first, second] = <[FileName; 2]>::try_from(segments(&sample.image)).expect("two segments");
    for sector in [0, 1] {
        for at in [8, 40, 48] {
            let mut image = sample.image.clone();
            image.files.get_mut(&first).expect("it is there")[at] ^= 1;
            image.files.get_mut(&second).expect("it is there")[sector * 512..][..512].fill(0);
            check(&sample, &image, &format!("header byte {at} of the first, sector {sector} of the second segment"));
            let mut image = sample.image.clone();
            image.files.get_mut(&first).expect("it is there")[at] ^= 1;
            image.files.get_mut(&first).expect("it is there")[64..128 + 64].fill(0);
            check(&sample, &image, &format!("header byte {at} and what follows it"));
        }
    }
}

#[test]
fn segments_that_changed_their_names_are_told() {
    let sample = sample(true);
    let [first, second] = <[FileName; 2]>::try_from(segments(&sample.image)).expect("two segments");
    let mut swapped = sample.image.clone();
    swapped.files.insert(first.clone(), sample.image.files[&second].clone());
    swapped.files.insert(second, sample.image.files[&first].clone());
    assert!(check(&sample, &swapped, "swapped"));
    let mut copied = sample.image.clone();
    copied.files.insert("seg-0000000000000009.log".into(), sample.image.files[&first].clone());
    assert!(check(&sample, &copied, "copied"));
}
