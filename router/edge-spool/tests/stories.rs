//! Short stories of one spool: commits, failing syncs, full disks, retirement, expiry.

mod support;

use std::time::Duration;

use edge_door::sim::{DiskConfig, Rng};
use edge_door::{Clock, Disk, DiskOp};
use edge_event::{EventRecord, Position, ShardId, StateDelta, UnixMillis};
use edge_spool::{AppendError, Config, Health, Reader};
use expect_test::expect;
use support::{World, last_record, record, small, state_key};

fn world() -> World {
    World::new(small(), DiskConfig::default(), 1)
}

/// Appends record `n` as ticket `ticket`, which must be taken.
fn append(world: &mut World, ticket: u64, n: u64) -> Position {
    let record = record(n, &mut Rng::new(n));
    let now = world.now_ms();
    world.spool.append(ShardId(0), ticket, &record, now).expect("there is room")
}

#[test]
fn nothing_is_called_committed_before_its_sync_ended() {
    let mut world = world();
    append(&mut world, 1, 1);
    world.drain();
    world.clock.advance(Duration::from_millis(5));
    let mut syncs = 0;
    let now = world.clock.now();
    while let Some((id, op)) = world.spool.poll_op(now) {
        assert_eq!(world.spool.poll_committed(), None);
        syncs += u32::from(matches!(&op, DiskOp::Sync { file } if file.starts_with("seg-")));
        world.disk.submit(id, op);
        while let Some((id, end)) = world.disk.poll() {
            world.spool.handle_end(id, end, now);
            let is_told = world.spool.poll_committed().is_some();
            assert_eq!(is_told, syncs == 1, "told with the sync's end and not before");
            if is_told {
                return;
            }
        }
    }
    panic!("it was never committed");
}

#[test]
fn a_group_waits_for_company_as_long_as_the_window_and_no_longer() {
    let mut world = world();
    append(&mut world, 1, 1);
    world.drain();
    let due = world.spool.poll_timeout().expect("the window");
    assert!(due <= world.clock.now() + world.config.commit_window);
    append(&mut world, 2, 2);
    world.drain();
    assert_eq!(world.committed_ticket, 0);
    world.clock.advance_to(due);
    world.drain();
    assert_eq!((world.committed_ticket, world.spool.status().commits), (2, 1));
}

#[test]
fn a_failed_sync_is_not_repeated_and_its_records_go_elsewhere() {
    let mut world = world();
    append(&mut world, 1, 1);
    world.run(Duration::from_millis(5));
    let before = world.spool.status();
    append(&mut world, 2, 2);
    world.disk.fail_next_syncs(1);
    world.run(Duration::from_millis(50));
    let after = world.spool.status();
    assert_eq!(world.committed_ticket, 2);
    assert_eq!((after.segments, after.commit_failures), (before.segments + 1, 1));
    assert_eq!(after.health, Health::Healthy);
    let all: Vec<Position> = world.read_all(Position::NONE).iter().map(|r| r.position).collect();
    assert!(all.is_sorted_by(|a, b| a < b), "no record is read twice: {all:?}");
    let world = world.crash(&mut Rng::new(3), small()).expect("it opens");
    assert_eq!(last_record(&world.recovered), 2);
    assert!(world.recovered.report.damage.is_empty(), "{:?}", world.recovered.report);
}

#[test]
fn two_failures_in_a_row_end_writing_but_not_reading() {
    let mut world = world();
    append(&mut world, 1, 1);
    world.run(Duration::from_millis(5));
    append(&mut world, 2, 2);
    world.disk.set_config(DiskConfig { sync_error_ppm: 1_000_000, ..DiskConfig::default() });
    world.run(Duration::from_secs(1));
    assert!(matches!(world.spool.health(), Health::ReadOnly { .. }), "{:?}", world.spool.health());
    assert_eq!(world.committed_ticket, 1, "no receipt for what is not durable");
    let refused = world.spool.append(ShardId(0), 3, &record(3, &mut Rng::new(3)), UnixMillis(0)).unwrap_err();
    assert_eq!((refused.code(), refused.can_retry()), ("spool-read-only", false));
    assert!(!world.spool.has_room(1, 1));
    world.read_all(Position::NONE);
    world.disk.set_config(DiskConfig::default());
    let world = world.crash(&mut Rng::new(1), small()).expect("a restart mends it");
    assert!(last_record(&world.recovered) >= 1);
    assert_eq!(*world.spool.health(), Health::Healthy);
}

/// Appends until refused; gives the number of the last record that was taken.
fn fill(world: &mut World, from: u64) -> u64 {
    let mut n = from;
    loop {
        let record = record(n, &mut Rng::new(n));
        let now = world.now_ms();
        if !world.spool.has_room(1, 900) {
            return n - 1;
        }
        world.spool.append(ShardId(0), n, &record, now).expect("it said that there is room");
        world.run(Duration::from_millis(2));
        n += 1;
        assert!(n < 10_000, "the disk is never full");
    }
}

#[test]
fn a_full_disk_refuses_new_work_keeps_the_rest_and_recovers() {
    let mut world = world();
    let used: u64 = world.eyes.list().expect("it lists").iter().map(|(_, len)| len).sum();
    world.disk.set_config(DiskConfig { capacity_bytes: Some(used + 20_000), ..DiskConfig::default() });
    let last = fill(&mut world, 1);
    world.run(Duration::from_millis(100));
    assert!(matches!(world.spool.health(), Health::Full { .. }));
    let refused = world.spool.append(ShardId(0), last + 1, &record(1, &mut Rng::new(1)), UnixMillis(0)).unwrap_err();
    assert_eq!((refused, "spool-no-room"), (AppendError::NoRoom, AppendError::NoRoom.code()));
    let promised = world.committed_ticket;
    assert!(promised >= last - 1, "what was taken is committed while its segment has room");

    world.disk.set_config(DiskConfig::default());
    world.run(Duration::from_millis(100));
    assert_eq!(*world.spool.health(), Health::Healthy);
    assert_eq!(world.committed_ticket, last);
    append(&mut world, last + 1, last + 1);
    world.run(Duration::from_millis(10));
    assert_eq!(world.committed_ticket, last + 1);
}

#[test]
fn the_configured_share_of_the_disk_is_a_full_disk_until_delivery_frees_it() {
    let config = Config { log_bytes_max: 48 << 10, ..small() };
    let mut world = World::new(config, DiskConfig::default(), 1);
    let last = fill(&mut world, 1);
    let Health::Full { why } = world.spool.health() else { panic!("{:?}", world.spool.health()) };
    assert!(why.contains("configured 49152 bytes"), "{why}");
    assert!(world.spool.status().log_bytes <= 48 << 10);
    let all = world.read_all(Position::NONE);
    world.spool.settle(all.last().expect("there are commands").position);
    world.run(Duration::from_millis(200));
    assert_eq!(*world.spool.health(), Health::Healthy, "{:?}", world.spool.status());
    assert_eq!(world.committed_ticket, last);
}

#[test]
fn a_start_on_a_full_disk_works_so_that_the_rest_can_be_delivered() {
    let roomy = Config { ballast_bytes: 20_000, ..small() };
    let mut world = World::new(roomy.clone(), DiskConfig::default(), 1);
    for n in 1..=20 {
        append(&mut world, n, n);
        world.run(Duration::from_millis(2));
    }
    world.flush();
    let expected = world.read_all(Position::NONE).len();
    let used: u64 = world.eyes.list().expect("it lists").iter().map(|(_, len)| len).sum();
    world.disk.set_config(DiskConfig { capacity_bytes: Some(used), ..DiskConfig::default() });
    let large = Config { segment_bytes: 64 << 10, checkpoint_every_bytes: 64 << 10, ..roomy };
    let mut world = World::open(world.clock, world.disk, large).expect("it opens");
    assert_eq!(world.read_all(Position::NONE).len(), expected);
    assert!(!world.spool.status().has_ballast);
}

#[test]
fn segments_retire_and_marks_and_gates_survive_by_checkpoint() {
    let mut world = world();
    let mut rng = Rng::new(9);
    let gate = StateDelta { key: state_key(1000), value: Some(b"once"[..].into()), expires: None };
    let mut first = record(1, &mut rng);
    first.deltas.push(gate.clone());
    first.deltas.retain(|d| d.key.definition == 99 || d.key == gate.key);
    let mark = (first.producer, first.partition);
    let now = world.now_ms();
    world.spool.append(ShardId(0), 1, &first, now).expect("there is room");
    let mut reader = Reader::new(world.spool.uuid(), Position::NONE);
    for n in 2..=600 {
        // Another producer, so that nothing but a checkpoint carries the first one's mark on.
        let other = EventRecord { producer: edge_event::ProducerKey(77), ..record(n, &mut rng) };
        let now = world.now_ms();
        world.spool.append(ShardId(0), n, &other, now).expect("there is room");
        world.run(Duration::from_millis(2));
        while let Some(item) = reader.next(&mut world.eyes, world.spool.committed()).expect("it reads") {
            let edge_spool::Item::Record(stored) = item else { panic!("{item:?}") };
            world.spool.settle(stored.position);
        }
    }
    world.flush();
    let status = world.spool.status();
    assert!(status.retired_segments > 20 && status.checkpoints > 5, "{status:?}");
    assert!(status.segments <= 8, "{status:?}");
    let files = world.eyes.list().expect("it lists");
    assert!(files.iter().filter(|(name, _)| name.starts_with("seg-")).count() <= 9);
    let world = world.crash(&mut rng, small()).expect("it opens");
    assert!(world.recovered.marks.iter().any(|m| (m.producer, m.partition) == mark && m.seq.0 == 1));
    assert!(world.recovered.state.iter().any(|(key, value, _)| *key == gate.key && value[..] == *b"once"));
    assert_eq!(last_record(&world.recovered), 600);
}

#[test]
fn what_is_not_settled_pins_its_segment_and_everything_behind() {
    let mut world = world();
    for n in 1..=300 {
        append(&mut world, n, n);
        world.run(Duration::from_millis(2));
    }
    world.flush();
    assert_eq!((world.spool.status().oldest_segment, world.spool.status().retired_segments), (1, 0));
    let all = world.read_all(Position::NONE);
    world.spool.settle(all[all.len() / 2].position);
    world.flush();
    let half = world.spool.status();
    assert!(half.retired_segments > 0, "{half:?}");
    assert_eq!(world.read_all(all[all.len() / 2].position).len(), all.len() - all.len() / 2 - 1);
}

#[test]
fn marks_and_cells_expire() {
    let mut world = World::new(Config { mark_ttl_ms: 60_000, ..small() }, DiskConfig::default(), 1);
    let mut first = record(1, &mut Rng::new(1));
    let expires = Some(UnixMillis(world.now_ms().0 + 30_000));
    first.deltas.push(StateDelta { key: state_key(1000), value: Some(b"x"[..].into()), expires });
    let now = world.now_ms();
    world.spool.append(ShardId(0), 1, &first, now).expect("there is room");
    world.flush();
    let config = world.config.clone();
    world.clock.advance(Duration::from_secs(29));
    let mut world = world.crash(&mut Rng::new(1), config.clone()).expect("it opens");
    assert!(world.recovered.state.iter().any(|(key, _, _)| *key == state_key(1000)));
    assert_eq!(world.recovered.marks.len(), 1);
    world.clock.advance(Duration::from_secs(1));
    world = world.crash(&mut Rng::new(2), config.clone()).expect("it opens");
    assert!(!world.recovered.state.iter().any(|(key, _, _)| *key == state_key(1000)));
    assert_eq!(world.recovered.marks.len(), 1);
    world.clock.advance(Duration::from_secs(30));
    world = world.crash(&mut Rng::new(3), config).expect("it opens");
    assert_eq!(world.recovered.marks.len(), 0);
}

#[test]
fn an_epoch_is_never_used_twice() {
    let mut world = world();
    let mut rng = Rng::new(1);
    let mut epochs = vec![world.spool.epoch()];
    for n in 1..100 {
        append(&mut world, 1, n);
        if n % 3 == 0 {
            world.run(Duration::from_millis(2));
        }
        world = world.crash(&mut rng, small()).expect("it opens");
        epochs.push(world.spool.epoch());
    }
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
    assert_eq!(epochs[0].0, 1);
    world.spool.settle(world.spool.committed());
    world.flush();
    world.run(Duration::from_secs(1));
    assert!(world.spool.status().segments < 40, "many starts do not fill the disk: {:?}", world.spool.status());
}

#[test]
fn a_record_beyond_the_limit_is_refused_and_nothing_changes() {
    let mut world = world();
    let mut large = record(1, &mut Rng::new(1));
    large.deltas[0].value = Some(vec![0; 2000].into());
    let refused = world.spool.append(ShardId(0), 1, &large, UnixMillis(0)).unwrap_err();
    assert_eq!((refused.code(), refused.can_retry()), ("spool-record-too-large", false));
    assert_eq!(world.spool.status().uncommitted_records, 0);
    append(&mut world, 1, 1);
}

#[test]
#[should_panic(expected = "tickets of a shard rise by one")]
fn a_ticket_that_is_left_out_is_our_bug() {
    let mut world = world();
    append(&mut world, 1, 1);
    append(&mut world, 3, 2);
}

/// These bytes are on disks: they never change within a version.
#[test]
fn the_bytes_of_a_fresh_spool() {
    let mut world = world();
    let mut show = |file: &str, bytes: usize| {
        let mut out = vec![0; bytes];
        let got = world.eyes.read(&file.into(), 0, &mut out).expect("it is there");
        let lines = out[..got].chunks(16);
        lines.map(|line| line.iter().map(|b| format!("{b:02x}")).collect::<String>()).collect::<Vec<_>>().join("\n")
    };
    expect![[r#"
        4544474553504c010100000040000000
        612073706f6f6c277320757569642121
        01000000000000000100000000000000
        0100000000000000000000000a7ad2f7
        1000000095b599000501ff0000000000
        01000000000000000100000000000000
        ffffffffffffff7f0068e5cf8b010000
        00000000000000000000000000000000
        00000000000000000000000000000000"#]]
    .assert_eq(&show("seg-0000000000000001.log", 144));
    expect![[r#"
        45444745435552010100000000000000
        01000000000000000100000000000000
        00000000000000000000000000000000
        01000000000000000100000000000000
        0100000000000000612073706f6f6c27
        7320757569642121ca3d96d300000000"#]]
    .assert_eq(&show("cursor-0000000000000001.slots", 96));
    expect![[r#"
        656467652d73706f6f6c2f3120363132
        30373337303666366636633237373332
        30373537353639363432313231206131
        6639613863370a"#]]
    .assert_eq(&show("spool.id", 100));
}

/// However little the log may take, what is delivered makes room: also where a checkpoint and what waits are more than what
/// is left.
#[test]
fn a_log_at_its_bound_goes_on_by_itself_once_everything_is_delivered() {
    let config = Config { log_bytes_max: 48 << 10, queue_bytes_max: 64 << 10, ..small() };
    let mut world = World::new(config, DiskConfig::default(), 1);
    let (mut n, mut times_full) = (0, 0);
    for round in 0..60 {
        // All at once, as from a burst.
        while world.spool.has_room(1, 900) {
            n += 1;
            append(&mut world, n, n);
        }
        world.run(Duration::from_millis(300));
        times_full += u32::from(matches!(world.spool.health(), Health::Full { .. }));
        for _ in 0..20 {
            let all = world.read_all(world.spool.status().settled);
            if let Some(last) = all.last() {
                world.spool.settle(last.position);
            }
            world.run(Duration::from_millis(100));
        }
        assert_eq!(*world.spool.health(), Health::Healthy, "round {round}: {:?}", world.spool.status());
        assert_eq!(world.committed_ticket, n, "round {round}");
    }
    assert!(times_full > 10, "{times_full}");
}
