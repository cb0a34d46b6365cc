//! A file sink on a simulated disk, driven batch by batch.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of it")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_door::sim::{DiskConfig, DiskImage, Rng, SimClock, SimDisk};
use edge_door::{Clock, Disk, DiskOp};
use edge_event::{
    Action, Command, CommandId, EventId, Lane, NodeId, Position, Priority, ShardId, SpoolUuid, StartEpoch, UnixMillis,
};
use edge_sink_file::{Config, FileSink, OpenReport};
use edge_upstream::{Batch, BatchId, LaneCommand, Outcome, Place, Sink};

pub const SPOOL: SpoolUuid = SpoolUuid([7; 16]);

pub fn config() -> Config {
    Config { retry_interval: Duration::from_millis(5), ..Config::new("/edge/test/node-1", SPOOL) }
}

pub fn at(n: u64) -> Position {
    Position { epoch: StartEpoch(1), n }
}

/// Command `n` of one lane, the only one of its record.
pub fn command(n: u64) -> LaneCommand {
    command_with_body(n, b"{\"a\":1}")
}

pub fn command_with_body(n: u64, body: &'static [u8]) -> LaneCommand {
    let event = EventId::Datagram { node: NodeId(1), epoch: StartEpoch(1), shard: ShardId(0), ordinal: n };
    LaneCommand {
        place: Place { position: at(n), index: 0 },
        lane: Lane(3),
        priority: Priority::P2,
        revision: 7,
        event,
        skipped: 0,
        rejected: None,
        command: Command {
            id: CommandId(u128::from(n).to_be_bytes()),
            package: "eu".into(),
            rule: "comeback".into(),
            action_index: 0,
            player: "ann".into(),
            priority: Priority::P2,
            time: UnixMillis(1_772_357_400_250),
            deadline: None,
            action: Action::Publish { topic: "t".into(), message: Bytes::from_static(body) },
        },
    }
}

pub struct Bench {
    pub clock: SimClock,
    pub disk: SimDisk,
    pub sink: FileSink,
    /// What the disk was asked to do, in words.
    pub ops: Vec<String>,
    rng: Rng,
    next_batch: u64,
}

impl Bench {
    pub fn new(config: Config) -> Bench {
        Bench::seeded(config, 1)
    }

    pub fn seeded(config: Config, seed: u64) -> Bench {
        let clock = SimClock::new(Instant::now(), 0);
        let mut disk = SimDisk::new(clock.clone(), seed, DiskConfig::default());
        let (sink, _) = FileSink::open(&mut disk, config, Position::NONE).expect("a fresh directory opens");
        Bench { clock, disk, sink, ops: Vec::new(), rng: Rng::new(seed ^ 0xdead), next_batch: 1 }
    }

    /// Submits one batch and drives the disk until it is answered and nothing is left to do.
    pub fn deliver(&mut self, commands: Vec<LaneCommand>) -> Vec<Outcome> {
        assert!(self.sink.has_room());
        let id = self.offer(commands);
        for _ in 0..1000 {
            self.drive();
            if let Some(answer) = self.sink.poll_answer() {
                assert_eq!(answer.id, id);
                self.drive();
                return answer.outcomes;
            }
            self.clock.advance_to(self.sink.poll_timeout().expect("an unanswered sink waits for something"));
        }
        panic!("a batch is answered in bounded time");
    }

    /// Submits one batch and does nothing more.
    pub fn offer(&mut self, commands: Vec<LaneCommand>) -> BatchId {
        let id = BatchId(self.next_batch);
        self.next_batch += 1;
        self.sink.submit(Batch { id, commands: commands.into_iter().map(Arc::new).collect() });
        id
    }

    /// Lets one operation begin or end. Says whether there was one.
    pub fn step(&mut self) -> bool {
        let now = self.clock.now();
        if let Some((id, end)) = self.disk.poll() {
            self.sink.handle_end(id, end, now);
            return true;
        }
        let Some((id, op)) = self.sink.poll_op(now) else { return false };
        self.ops.push(word(&op));
        self.disk.submit(id, op);
        true
    }

    fn drive(&mut self) {
        loop {
            let now = self.clock.now();
            while let Some((id, op)) = self.sink.poll_op(now) {
                self.ops.push(word(&op));
                self.disk.submit(id, op);
            }
            let Some((id, end)) = self.disk.poll() else { return };
            self.sink.handle_end(id, end, now);
        }
    }

    pub fn pass(&mut self, span: Duration) {
        let then = self.clock.now() + span;
        self.clock.advance_to(then);
    }

    pub fn crash(&mut self) {
        self.disk.crash(&mut self.rng);
    }

    pub fn reopen(&mut self, config: Config, settled: Position) -> OpenReport {
        self.disk = self.disk.handle();
        let (sink, report) = FileSink::open(&mut self.disk, config, settled).expect("it opens");
        self.sink = sink;
        report
    }

    pub fn restart_from(&mut self, image: &DiskImage, config: Config, settled: Position) -> OpenReport {
        self.disk = SimDisk::from_image(image, self.clock.clone(), 1, DiskConfig::default());
        self.reopen(config, settled)
    }

    pub fn image(&self) -> DiskImage {
        self.disk.image()
    }

    pub fn names(&mut self) -> Vec<String> {
        self.disk.list().expect("it lists").into_iter().map(|(name, _)| name.to_string()).collect()
    }

    pub fn disk_bytes(&mut self) -> u64 {
        self.disk.list().expect("it lists").iter().map(|(_, len)| len).sum()
    }

    /// All files of lines, one behind the other.
    pub fn text(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        for (file, len) in self.disk.list().expect("it lists") {
            if file.ends_with(".jsonl") {
                let mut bytes = vec![0; len as usize];
                assert_eq!(self.disk.read(&file, 0, &mut bytes).expect("it reads"), bytes.len());
                all.extend(bytes);
            }
        }
        all
    }

    /// The lines that a consumer can read.
    pub fn lines(&mut self) -> Vec<serde_json::Value> {
        self.text().split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    pub fn every_line_is_json(&mut self) {
        let text = self.text();
        assert!(text.is_empty() || text.ends_with(b"\n"));
        assert_eq!(self.lines().len(), text.iter().filter(|b| **b == b'\n').count());
    }

    /// The numbers of the commands that a consumer can read, in the order of the files.
    pub fn delivered(&mut self) -> Vec<u64> {
        let number = |line: serde_json::Value| u64::from_str_radix(&line["id"].as_str()?[16..], 16).ok();
        self.lines().into_iter().filter_map(number).collect()
    }
}

fn word(op: &DiskOp) -> String {
    match op {
        DiskOp::Create { file, .. } => format!("create {file}"),
        DiskOp::Write { file, .. } => format!("write {file}"),
        DiskOp::Sync { file } => format!("sync {file}"),
        DiskOp::SyncDir => "sync the directory".to_string(),
        DiskOp::Truncate { file, .. } => format!("truncate {file}"),
        DiskOp::Rename { from, to } => format!("rename {from} to {to}"),
        DiskOp::Unlink { file } => format!("unlink {file}"),
    }
}
