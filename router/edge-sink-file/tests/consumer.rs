//! A consumer as the documentation describes it: it reads the files while they are written, keeps its place and the ids it
//! has seen, and misses nothing, whatever the node and its disk do meanwhile. And the documented program itself.

mod support;

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Command as Program;

use bytes::Bytes;
use edge_door::Disk as _;
use edge_door::sim::Rng;
use edge_event::{Action, Lane};
use edge_sink_file::Config;
use edge_upstream::{BatchId, LaneCommand, Outcome, Sink as _};
use support::{Bench, at, command, config};

/// Reads on from its place: a file that another follows is final.
#[derive(Default)]
struct Consumer {
    file: String,
    offset: u64,
    seen: BTreeSet<String>,
    dropped: u64,
}

impl Consumer {
    fn read(&mut self, bench: &mut Bench) {
        for (file, len) in bench.disk.list().expect("it lists") {
            if !file.ends_with(".jsonl") || *file < *self.file {
                continue;
            }
            if *file > *self.file {
                (self.file, self.offset) = (file.to_string(), 0);
            }
            let mut rest = vec![0; len.saturating_sub(self.offset) as usize];
            let got = bench.disk.read(&file, self.offset, &mut rest).expect("it reads");
            for line in rest[..got].split_inclusive(|b| *b == b'\n').filter(|line| line.ends_with(b"\n")) {
                self.offset += line.len() as u64;
                let line: serde_json::Value = serde_json::from_slice(line).expect("a whole line is JSON");
                let is_new = self.seen.insert(line["id"].as_str().expect("an id").to_string());
                self.dropped += u64::from(!is_new);
            }
        }
    }
}

fn command_on(lane: u16, n: u64) -> LaneCommand {
    let mut command = command(n);
    command.lane = Lane(lane);
    let message = Bytes::from(format!("{{\"n\":\"{}\"}}", "x".repeat((n * 7 % 60) as usize)));
    command.command.action = Action::Publish { topic: "t".into(), message };
    command
}

/// Two lanes whose commands come again in another mixture after every failure.
struct Story {
    bench: Bench,
    consumer: Consumer,
    rng: Rng,
    lanes: [VecDeque<u64>; 2],
    offered: [Option<BatchId>; 2],
}

impl Story {
    fn offer(&mut self) {
        let first = self.rng.index(2);
        for lane in [first, 1 - first] {
            let count = self.rng.index(4).min(self.lanes[lane].len());
            if self.offered[lane].is_none() && count > 0 {
                let commands = self.lanes[lane].iter().take(count).map(|n| command_on(lane as u16, *n)).collect();
                self.offered[lane] = Some(self.bench.offer(commands));
            }
        }
    }

    fn act(&mut self, config: &Config) {
        match self.rng.below(40) {
            0 => self.bench.disk.fail_next_syncs(1),
            1 => {
                self.bench.disk.fail_next_syncs(0);
                self.bench.crash();
                self.bench.reopen(config.clone(), at(0));
                self.offered = [None, None];
            }
            2..8 => self.consumer.read(&mut self.bench),
            8..14 => self.offer(),
            _ => {
                if !self.bench.step() {
                    self.bench.pass(config.retry_interval);
                }
            }
        }
        while let Some(answer) = self.bench.sink.poll_answer() {
            let lane = usize::from(self.offered[1] == Some(answer.id));
            self.offered[lane] = None;
            let delivered = answer.outcomes.iter().take_while(|outcome| **outcome == Outcome::Delivered).count();
            self.lanes[lane].drain(..delivered);
        }
    }
}

#[test]
fn a_consumer_that_reads_while_the_node_fails_misses_nothing() {
    let small = Config { rotate_bytes: 4000, ..config() };
    let mut dropped = 0;
    for seed in 0..50 {
        let bench = Bench::seeded(small.clone(), seed);
        let lanes = [(1..=60).map(|n| 2 * n).collect(), (1..=60).map(|n| 2 * n - 1).collect()];
        let (rng, consumer) = (Rng::new(seed), Consumer::default());
        let mut story = Story { bench, consumer, rng, lanes, offered: [None, None] };
        for _ in 0..20_000 {
            if story.lanes.iter().all(VecDeque::is_empty) {
                break;
            }
            story.act(&small);
        }
        assert!(story.lanes.iter().all(VecDeque::is_empty), "delivery comes to its end");
        story.consumer.read(&mut story.bench);
        let expected: BTreeSet<String> = (1..=120).map(|n| command_on(0, n).command.id.to_string()).collect();
        let missed: Vec<_> = expected.difference(&story.consumer.seen).collect();
        assert!(missed.is_empty(), "seed {seed}: {missed:?}");
        dropped += story.consumer.dropped;
    }
    assert!(dropped > 0, "in some stories a line that was read was cut and came again");
}

/// Runs the program of the documentation, twice over the same files and once more when there is more to read.
#[test]
fn the_documented_program_carries_out_every_command_once() {
    let documentation = include_str!("../../docs/delivery.md");
    let (_, program) = documentation.split_once("```python\n").expect("the documentation shows a program");
    let (program, _) = program.split_once("```").expect("a fence closes");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("consumer-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder is made");
    let driver =
        "\nimport sys\nconsume(sys.argv[1], sys.argv[1] + '/seen.db', lambda db, c: print(int(c['id'], 16)))\n";
    let run = |folder: &PathBuf| {
        let program = Program::new("python3").arg("-c").arg(format!("{program}{driver}")).arg(folder).output();
        let output = program.ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).expect("numbers").lines().map(str::to_string).collect::<Vec<_>>())
    };
    let mut bench = Bench::new(Config { rotate_bytes: 1500, ..config() });
    let mut carried_out = Vec::new();
    for upto in [4, 4, 7] {
        for n in 1..=upto {
            bench.deliver(vec![command(n)]);
        }
        for (file, bytes) in bench.image().files {
            std::fs::write(folder.join(&*file), bytes).expect("the file is written");
        }
        // The daemon is in the midst of a line.
        let newest = bench.image().files.into_keys().rfind(|name| name.ends_with(".jsonl")).expect("there are files");
        let torn = [bench.image().files[&newest].as_slice(), b"{\"specver"].concat();
        std::fs::write(folder.join(&*newest), torn).expect("the file is written");
        let Some(numbers) = run(&folder) else {
            say_skipped();
            return;
        };
        carried_out.extend(numbers);
    }
    std::fs::remove_dir_all(&folder).expect("the folder is removed");
    assert_eq!(carried_out, ["1", "2", "3", "4", "5", "6", "7"]);
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn say_skipped() {
    assert!(std::env::var_os("CI").is_none(), "where CI is set, python3 must be there");
    eprintln!("skipped: there is no python3 to run the documented program with");
}
