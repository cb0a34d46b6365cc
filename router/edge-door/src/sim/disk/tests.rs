use super::*;

fn name(text: &str) -> FileName {
    text.into()
}

fn disk(seed: u64, config: DiskConfig) -> (SimDisk, SimClock) {
    let clock = SimClock::new(Instant::now(), 0);
    (SimDisk::new(clock.clone(), seed, config), clock)
}

fn write(file: &str, offset: u64, data: &'static [u8]) -> DiskOp {
    DiskOp::Write { file: name(file), offset, data: Bytes::from_static(data) }
}

fn contents(disk: &mut SimDisk, file: &str) -> Vec<u8> {
    let mut out = vec![0; 4_096];
    let n = disk.read(&name(file), 0, &mut out).expect("it is there");
    out.truncate(n);
    out
}

/// A file `a` that is durable with `old`, and unsynced work after it.
fn prepared(seed: u64) -> SimDisk {
    let (mut disk, _) = disk(seed, DiskConfig::default());
    disk.blocking(DiskOp::Create { file: name("a"), len: 0 }).unwrap();
    disk.blocking(write("a", 0, b"old")).unwrap();
    disk.blocking(DiskOp::Sync { file: name("a") }).unwrap();
    disk.blocking(DiskOp::SyncDir).unwrap();
    disk.blocking(write("a", 0, b"new")).unwrap();
    disk.blocking(DiskOp::Create { file: name("b"), len: 4 }).unwrap();
    disk.blocking(DiskOp::Rename { from: name("b"), to: name("c") }).unwrap();
    disk
}

#[test]
fn what_was_synced_survives_and_the_rest_may() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..300 {
        let mut disk = prepared(seed);
        disk.crash(&mut Rng::new(seed));
        let files: Vec<String> = disk.list().unwrap().iter().map(|(n, _)| n.to_string()).collect();
        let a = contents(&mut disk, "a");
        assert!(a == b"old" || a == b"new", "{a:?}");
        seen.insert((a, files));
    }
    assert!(seen.len() >= 6, "old or new, with no, the first or the second name: {seen:?}");
}

#[test]
fn the_same_seed_leaves_the_same_image() {
    let run = |seed| {
        let mut disk = prepared(seed);
        disk.crash(&mut Rng::new(seed + 1));
        (disk.image(), disk.faults())
    };
    for seed in 0..50 {
        assert_eq!(run(seed), run(seed));
    }
}

#[test]
fn writes_are_torn_only_between_sectors() {
    let mut torn = 0;
    for seed in 0..200 {
        let (mut disk, _) = disk(seed, DiskConfig::default());
        disk.blocking(DiskOp::Create { file: name("a"), len: 4_096 }).unwrap();
        disk.blocking(DiskOp::Sync { file: name("a") }).unwrap();
        disk.blocking(DiskOp::SyncDir).unwrap();
        disk.blocking(write("a", 100, &[7; 2_000])).unwrap();
        disk.crash(&mut Rng::new(seed));
        let bytes = contents(&mut disk, "a");
        assert_eq!(bytes.len(), 4_096);
        for sector in bytes[512..2_048].chunks(512) {
            assert!(sector.iter().all(|b| *b == sector[0]));
        }
        torn += disk.faults().writes_torn;
    }
    assert!(torn > 10, "{torn}");
}

#[test]
fn a_sync_covers_only_what_had_ended_before_it_began() {
    let config = DiskConfig { latency: Duration::from_millis(1), ..DiskConfig::default() };
    let (mut disk, clock) = disk(1, config);
    disk.blocking(DiskOp::Create { file: name("a"), len: 0 }).unwrap();
    disk.blocking(DiskOp::SyncDir).unwrap();
    disk.submit(OpId(1), write("a", 0, b"x"));
    disk.submit(OpId(2), DiskOp::Sync { file: name("a") });
    assert!(disk.poll().is_none());
    clock.advance_to(disk.next_due().unwrap());
    let ends: Vec<_> = std::iter::from_fn(|| disk.poll()).map(|(id, end)| (id.0, end.is_ok())).collect();
    assert_eq!(ends, [(1, true), (2, true)]);
    assert_eq!(disk.image().files[&name("a")], b"");
    disk.blocking(DiskOp::Sync { file: name("a") }).unwrap();
    assert_eq!(disk.image().files[&name("a")], b"x");
}

#[test]
fn a_failed_sync_dooms_what_it_should_have_covered() {
    let mut lost = 0;
    for seed in 0..50 {
        let mut disk = prepared(seed);
        disk.fail_next_syncs(1);
        assert!(disk.blocking(DiskOp::Sync { file: name("a") }).is_err());
        assert_eq!(contents(&mut disk, "a"), b"new", "readers still see it");
        disk.blocking(DiskOp::Sync { file: name("a") }).unwrap();
        disk.crash(&mut Rng::new(seed));
        lost += usize::from(contents(&mut disk, "a") == b"old");
    }
    assert!(lost > 5, "the second sync must not mend the first: {lost}");
}

#[test]
fn a_full_disk_refuses_and_has_room_again() {
    let (mut disk, _) = disk(1, DiskConfig { capacity_bytes: Some(8), ..DiskConfig::default() });
    disk.blocking(DiskOp::Create { file: name("a"), len: 6 }).unwrap();
    let full = disk.blocking(DiskOp::Create { file: name("b"), len: 3 }).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    assert!(disk.blocking(write("a", 4, b"12345")).is_err());
    assert_eq!(contents(&mut disk, "a").len(), 6);
    disk.blocking(write("a", 4, b"1234")).unwrap();
    disk.blocking(DiskOp::Unlink { file: name("a") }).unwrap();
    disk.blocking(DiskOp::Create { file: name("b"), len: 8 }).unwrap();
    assert_eq!(disk.faults().out_of_space, 2);
}

#[test]
fn jitter_lets_ends_overtake_and_handles_see_only_their_own() {
    let config = DiskConfig { jitter: Duration::from_millis(5), ..DiskConfig::default() };
    let (mut disk, clock) = disk(3, config);
    disk.blocking(DiskOp::Create { file: name("a"), len: 0 }).unwrap();
    let mut other = disk.handle();
    other.submit(OpId(99), write("a", 0, b"z"));
    for i in 0..20 {
        disk.submit(OpId(i), write("a", i, b"y"));
    }
    clock.advance(Duration::from_millis(5));
    let ids: Vec<u64> = std::iter::from_fn(|| disk.poll()).map(|(id, _)| id.0).collect();
    assert_eq!(ids.len(), 20);
    assert!(!ids.is_sorted());
    assert_eq!(other.poll().map(|(id, _)| id), Some(OpId(99)));
}

#[test]
fn flipped_bits_are_durable() {
    let mut disk = prepared(1);
    assert!(disk.flip_bit(&name("a"), 0, 0));
    assert!(!disk.flip_bit(&name("a"), 3, 0));
    assert_eq!(disk.image().files[&name("a")], b"nld");
    assert_eq!(disk.faults().bits_flipped, 1);
}

/// A durable file of two sectors, the second written and synced twice.
fn two_sectors() -> SimDisk {
    let (mut disk, _) = disk(1, DiskConfig::default());
    disk.blocking(DiskOp::Create { file: name("a"), len: 1_024 }).unwrap();
    disk.blocking(DiskOp::SyncDir).unwrap();
    for (offset, data) in [(0, &[1; 1_024]), (512, &[2; 1_024])] {
        let data = Bytes::from_static(&data[..1_024 - offset as usize]);
        disk.blocking(DiskOp::Write { file: name("a"), offset, data }).unwrap();
        disk.blocking(DiskOp::Sync { file: name("a") }).unwrap();
    }
    disk
}

#[test]
fn a_sector_rots_alone_and_for_good() {
    for (rot, expected) in [(Rot::Zero, 0), (Rot::Stale, 1)] {
        let mut disk = two_sectors();
        assert!(disk.rot(&name("a"), 1, rot));
        assert!(!disk.rot(&name("a"), 1, Rot::Zero) || expected != 0);
        assert!(!disk.rot(&name("a"), 2, rot), "there is none");
        disk = two_sectors();
        disk.rot(&name("a"), 1, rot);
        disk.crash(&mut Rng::new(1));
        let bytes = contents(&mut disk, "a");
        assert!(bytes[..512].iter().all(|b| *b == 1), "{rot:?}");
        assert!(bytes[512..].iter().all(|b| *b == expected), "{rot:?}");
    }
    let mut disk = two_sectors();
    assert!(disk.rot(&name("a"), 0, Rot::Flip(8 * 511)));
    assert_eq!(contents(&mut disk, "a")[510..513], [1, 0, 2]);
    assert_eq!(disk.faults(), DiskFaults { bits_flipped: 1, ..DiskFaults::default() });
}

#[test]
fn what_is_not_synced_yet_does_not_rot() {
    let mut disk = two_sectors();
    disk.blocking(write("a", 600, b"fresh")).unwrap();
    assert!(disk.rot(&name("a"), 1, Rot::Zero));
    let bytes = contents(&mut disk, "a");
    assert_eq!((&bytes[598..607], bytes[512]), (&b"\0\0fresh\0\0"[..], 0));
}

#[test]
fn names_whose_sync_failed_may_be_there_and_are_after_the_next() {
    let (mut kept, mut lost) = (0, 0);
    for seed in 0..50 {
        let (mut disk, _) = disk(seed, DiskConfig::default());
        disk.blocking(DiskOp::Create { file: name("a"), len: 0 }).unwrap();
        disk.fail_next(Fail::SyncDir);
        assert!(disk.blocking(DiskOp::SyncDir).is_err());
        assert_eq!((disk.list().unwrap().len(), disk.faults().dir_syncs_failed), (1, 1));
        let is_kept = disk.image().files.contains_key("a");
        (kept, lost) = (kept + u64::from(is_kept), lost + u64::from(!is_kept));
        disk.blocking(DiskOp::SyncDir).unwrap();
        assert!(disk.image().files.contains_key("a"));
    }
    assert!(kept > 5 && lost > 5, "{kept} {lost}");
}

#[test]
fn what_fails_once_fails_where_it_was_meant_to() {
    let (mut disk, _) = disk(1, DiskConfig::default());
    for fail in [Fail::Create("b"), Fail::Write("b"), Fail::Sync("b")] {
        disk.fail_next(fail);
    }
    disk.blocking(DiskOp::Create { file: name("a"), len: 0 }).unwrap();
    assert!(disk.blocking(DiskOp::Create { file: name("b"), len: 0 }).is_err());
    disk.blocking(DiskOp::Create { file: name("b"), len: 0 }).unwrap();
    disk.blocking(write("a", 0, b"x")).unwrap();
    assert!(disk.blocking(write("b", 0, b"x")).is_err());
    disk.blocking(DiskOp::Sync { file: name("a") }).unwrap();
    assert!(disk.blocking(DiskOp::Sync { file: name("b") }).is_err());
    disk.blocking(DiskOp::Sync { file: name("b") }).unwrap();
    disk.fail_next(Fail::Sync("a"));
    disk.fail_nothing();
    disk.blocking(DiskOp::Sync { file: name("a") }).unwrap();
}

#[test]
fn a_disk_that_copies_on_write_refuses_writes_into_the_midst_of_a_file() {
    let config = DiskConfig { capacity_bytes: Some(10), copies_on_write: true, ..DiskConfig::default() };
    let (mut disk, _) = disk(1, config);
    disk.blocking(DiskOp::Create { file: name("a"), len: 6 }).unwrap();
    disk.blocking(write("a", 0, b"1234")).unwrap();
    assert_eq!(disk.blocking(write("a", 0, b"12345")).unwrap_err().kind(), io::ErrorKind::StorageFull);
    disk.blocking(DiskOp::Create { file: name("b"), len: 4 }).unwrap();
    assert!(disk.blocking(write("a", 0, b"1")).is_err());
    disk.blocking(DiskOp::Unlink { file: name("b") }).unwrap();
    disk.blocking(write("a", 0, b"1")).unwrap();
    assert_eq!((disk.used_bytes(), disk.faults().out_of_space), (6, 2));
}

#[test]
fn names_are_checked() {
    let (mut disk, _) = disk(1, DiskConfig::default());
    let long = "x".repeat(65);
    for bad in ["", ".", "..", ".hidden", "a/b", "A", "ä", "a b", &long] {
        let error = disk.blocking(DiskOp::Create { file: name(bad), len: 0 }).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{bad}");
    }
    disk.blocking(DiskOp::Create { file: name(&long[1..]), len: 0 }).unwrap();
}

#[test]
fn a_killed_process_leaves_what_it_wrote_readable_and_unsynced() {
    let (mut disk, clock) = disk(5, DiskConfig::default());
    disk.blocking(DiskOp::Create { file: name("a"), len: 0 }).unwrap();
    disk.blocking(DiskOp::SyncDir).unwrap();
    disk.blocking(write("a", 0, b"left")).unwrap();
    disk.submit(OpId(1), DiskOp::Sync { file: name("b") });
    disk.abandon(&mut Rng::new(1));
    clock.advance(Duration::from_secs(1));
    assert!(disk.poll().is_none(), "nobody hears of what was in flight");
    let mut out = [0; 4];
    assert_eq!(disk.read(&name("a"), 0, &mut out).unwrap(), 4);
    assert_eq!(&out, b"left");
    assert_eq!(disk.image().files[&name("a")], b"", "no sync covered it");
    assert_eq!(disk.faults().crashes, 0);
}
