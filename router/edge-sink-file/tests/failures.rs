//! Single failures of the disk, each told as a short story: what is in the files afterwards, and what is offered again.

mod support;

use std::time::Duration;

use edge_door::sim::DiskConfig;
use edge_sink_file::{Config, FileSink};
use edge_upstream::Outcome;
use support::{Bench, at, command, command_with_body, config};

#[test]
fn what_was_rejected_is_rejected_again_behind_a_later_delivery() {
    let mut bench = Bench::new(config());
    let not_json = || command_with_body(1, b"{\"half\":");
    assert!(matches!(bench.deliver(vec![not_json(), command(2)])[..], [Outcome::Reject { .. }, Outcome::Delivered]));
    // The quarantine did not have it yet when the process ended, so it comes again.
    bench.reopen(config(), at(0));
    assert!(matches!(bench.deliver(vec![not_json(), command(2)])[..], [Outcome::Reject { .. }, Outcome::Delivered]));
    assert_eq!(bench.delivered(), [2]);
}

#[test]
fn a_body_that_is_not_utf_8_on_one_line_is_rejected() {
    let mut bench = Bench::new(config());
    let bodies: [&[u8]; 4] = [b"{\"a\":\"\xff\"}", b"{\"a\":\n1}", b"{\"a\":\r1}", b"{\"a\":1}{"];
    for body in bodies {
        let said = bench.deliver(vec![command_with_body(1, body)]);
        assert!(matches!(said[..], [Outcome::Reject { .. }]), "{said:?} of {body:?}");
    }
    assert_eq!(bench.deliver(vec![command_with_body(1, "{\"a\":\"ü\"}".as_bytes())]), [Outcome::Delivered]);
}

#[test]
fn the_quarantine_takes_what_is_no_json() {
    let mut bench = Bench::new(Config::quarantine("/edge/test/node-1", support::SPOOL));
    let mut refused = command_with_body(1, b"\xff\n{");
    refused.rejected = Some("the body is not JSON on one line".into());
    assert_eq!(bench.deliver(vec![refused]), [Outcome::Delivered]);
    assert_eq!(bench.lines()[0]["data"]["message"], "\u{fffd}\n{");
    assert_eq!(bench.lines()[0]["rejected"], "the body is not JSON on one line");
}

#[test]
fn a_next_file_without_its_marks_does_not_hide_the_tail_before_it() {
    let mut bench = Bench::new(config());
    bench.deliver((1..=5).map(command).collect());
    // As a crash may leave it: the sync of 3 to 5 failed and the sector of 3 is gone; of the next file only the name is
    // there.
    let mut image = bench.image();
    let lines = image.files.get_mut("commands-00000001.jsonl").expect("the first file");
    let third: Vec<usize> = lines.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at).collect();
    lines[third[1] + 1..third[2]].fill(0);
    image.files.insert("commands-00000002.jsonl".into(), Vec::new());
    bench.restart_from(&image, config(), at(2));
    bench.deliver((3..=5).map(command).collect());
    assert_eq!(bench.delivered(), [1, 2, 3, 4, 5]);
    bench.every_line_is_json();
}

#[test]
fn a_failed_sync_leaves_nothing_behind_however_late_the_crash() {
    for seed in 0..40 {
        let small = Config { rotate_bytes: 1000, ..config() };
        let mut bench = Bench::seeded(small.clone(), seed);
        bench.deliver(vec![command(1)]);
        bench.disk.fail_next_syncs(1);
        let said = bench.deliver((2..=3).map(command).collect());
        assert!(matches!(said[..], [Outcome::Retry { .. }, Outcome::Retry { .. }]), "{said:?}");
        bench.pass(small.retry_interval);
        for n in 2..=9 {
            assert_eq!(bench.deliver(vec![command(n)]), [Outcome::Delivered]);
        }
        bench.crash();
        bench.reopen(small, at(0));
        bench.deliver((1..=9).map(command).collect());
        assert_eq!(bench.delivered(), (1..=9).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn a_restart_between_a_failed_sync_and_a_crash_changes_nothing() {
    for seed in 0..60 {
        let small = Config { rotate_bytes: 1000, ..config() };
        let mut bench = Bench::seeded(small.clone(), seed);
        bench.deliver(vec![command(1)]);
        bench.disk.fail_next_syncs(1);
        bench.deliver((2..=3).map(command).collect());
        bench.pass(small.retry_interval);
        bench.deliver((2..=3).map(command).collect());
        // Only the process ends: what the disk was asked to take back is still not durable.
        bench.reopen(small.clone(), at(0));
        for n in 1..=9 {
            assert_eq!(bench.deliver(vec![command(n)]), [Outcome::Delivered]);
        }
        bench.crash();
        bench.reopen(small, at(0));
        bench.deliver((1..=9).map(command).collect());
        assert_eq!(bench.delivered(), (1..=9).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn a_full_disk_is_waited_for_without_litter() {
    let small = Config { rotate_bytes: 600, ..config() };
    let mut bench = Bench::new(small.clone());
    bench.deliver((1..=2).map(command).collect());
    let used = bench.disk_bytes();
    bench.disk.set_config(DiskConfig { capacity_bytes: Some(used), ..DiskConfig::default() });
    for _ in 0..20 {
        let said = bench.deliver(vec![command(3)]);
        assert!(matches!(said[..], [Outcome::Retry { .. }]), "{said:?}");
        bench.pass(small.retry_interval);
    }
    assert!(bench.names().len() <= 2, "{:?}", bench.names());
    bench.disk.set_config(DiskConfig::default());
    assert_eq!(bench.deliver(vec![command(3)]), [Outcome::Delivered]);
    bench.crash();
    bench.reopen(small, at(0));
    bench.deliver((1..=3).map(command).collect());
    assert_eq!(bench.delivered(), [1, 2, 3]);
}

#[test]
fn a_write_that_failed_is_taken_back_and_its_file_left() {
    let mut bench = Bench::new(config());
    bench.deliver(vec![command(1)]);
    let before = bench.image();
    bench.disk.set_config(DiskConfig { write_error_ppm: 1_000_000, ..DiskConfig::default() });
    let said = bench.deliver(vec![command(2)]);
    assert!(matches!(said[..], [Outcome::Retry { .. }]), "{said:?}");
    assert_eq!(bench.ops.last().map(String::as_str), Some("truncate commands-00000001.jsonl"));
    bench.disk.set_config(DiskConfig::default());
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.deliver(vec![command(2)]), [Outcome::Delivered]);
    assert_eq!(bench.delivered(), [1, 2]);
    bench.crash();
    bench.reopen(config(), at(0));
    assert_eq!(bench.image().files["commands-00000001.jsonl"], before.files["commands-00000001.jsonl"]);
    assert_eq!(bench.delivered(), [1, 2]);
}

#[test]
fn old_files_are_removed_and_their_commands_still_known() {
    let few = Config { rotate_bytes: 600, files_max: 3, ..config() };
    let mut bench = Bench::new(few.clone());
    for n in 1..=40 {
        assert_eq!(bench.deliver(vec![command(n)]), [Outcome::Delivered]);
    }
    let files: Vec<String> = bench.names().into_iter().filter(|name| name.ends_with(".jsonl")).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    let kept = bench.delivered();
    bench.crash();
    bench.reopen(few, at(0));
    assert_eq!(bench.deliver((1..=40).map(command).collect()), vec![Outcome::Delivered; 40]);
    assert_eq!(bench.delivered(), kept, "nothing that was removed is written again");
}

#[test]
fn another_spool_starts_anew_in_the_same_files() {
    let mut bench = Bench::new(config());
    bench.deliver((1..=3).map(command).collect());
    let other = Config { spool: edge_event::SpoolUuid([9; 16]), ..config() };
    bench.reopen(other, at(0));
    bench.deliver((1..=2).map(command).collect());
    assert_eq!(bench.delivered(), [1, 2, 3, 1, 2], "places of two spools say nothing about each other");
}

#[test]
fn damage_in_the_middle_is_told_and_nothing_behind_it_is_lost() {
    let mut bench = Bench::new(config());
    bench.deliver((1..=5).map(command).collect());
    let mut image = bench.image();
    let lines = image.files.get_mut("commands-00000001.jsonl").expect("the first file");
    lines[3] ^= 0x80;
    let report = bench.restart_from(&image, config(), at(5));
    assert_eq!((report.damaged_lines, report.cut_bytes, report.lines), (1, 0, 4));
    bench.deliver((4..=6).map(command).collect());
    assert_eq!(bench.delivered(), [2, 3, 4, 5, 6]);
}

#[test]
fn a_large_file_opens_in_time_that_grows_with_its_size() {
    let mut bench = Bench::new(config());
    bench.deliver((1..=50).map(command).collect());
    let mut image = bench.image();
    let lines = image.files.get_mut("commands-00000001.jsonl").expect("the first file");
    *lines = lines.repeat(400);
    let began = std::time::Instant::now();
    let report = bench.restart_from(&image, config(), at(50));
    assert_eq!(report.lines, 20_000);
    // A file of 1 GiB would take some 100 times as long.
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn every_length_of_a_torn_file_opens() {
    let mut bench = Bench::new(config());
    bench.deliver((1..=3).map(command).collect());
    let image = bench.image();
    let whole = image.files["commands-00000001.jsonl"].clone();
    for len in 0..whole.len() {
        let mut torn = image.clone();
        torn.files.insert("commands-00000001.jsonl".into(), whole[..len].to_vec());
        bench.restart_from(&torn, config(), at(0));
        bench.deliver((1..=3).map(command).collect());
        assert_eq!(bench.delivered(), [1, 2, 3], "cut at {len}");
        bench.every_line_is_json();
    }
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let mut bench = Bench::new(config());
    let refused = |bench: &mut Bench, config: Config| FileSink::open(&mut bench.disk, config, at(0)).unwrap_err();
    let why = refused(&mut bench, Config { prefix: "Commands".into(), ..config() });
    assert_eq!(why.to_string(), "file sink: `prefix` is `Commands`, but must be 1 to 24 of `a-z`, `0-9`, `_`");
    assert_eq!(why.code(), "sink-file-config");
    let why = refused(&mut bench, Config { files_max: 0, ..config() });
    assert_eq!(why.to_string(), "file sink: `files_max` is `0`, but must be at least 1");
}
