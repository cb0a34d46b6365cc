//! The file sink on a simulated disk that crashes, tears, fails and fills up: no id twice, none missing, lanes in order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_door::sim::{DiskConfig, DiskFaults, Rng, SimClock, SimDisk};
use edge_door::{Clock, Disk, FileName};
use edge_event::{
    Action, Command, CommandId, EventId, EventRecord, Lane, NodeId, Partition, PlayerKey, Position, Priority,
    ProducerKey, ShardId, SpoolUuid, StartEpoch, UnixMillis,
};
use edge_sink_file::{Config, FileSink};
use edge_upstream::{Forwarder, Sink};
use proptest::prelude::*;

const SPOOL: SpoolUuid = SpoolUuid([7; 16]);

fn config() -> Config {
    Config {
        rotate_bytes: 4096,
        files_max: 100_000,
        retry_interval: Duration::from_millis(5),
        ..Config::new("/edge/test/node-1", SPOOL)
    }
}

fn nasty() -> DiskConfig {
    DiskConfig { latency: Duration::from_micros(100), jitter: Duration::from_micros(300), ..DiskConfig::default() }
}

fn at(n: u64) -> Position {
    Position { epoch: StartEpoch(1 + n / 40), n }
}

fn record(n: u64) -> EventRecord {
    let command = |index: u64| Command {
        id: CommandId(u128::from(n * 10 + index).to_be_bytes()),
        package: "eu".into(),
        rule: "comeback".into(),
        action_index: index as u16,
        player: "ann \"the\" ghost\n".into(),
        priority: Priority::P2,
        time: UnixMillis(1_700_000_000_000 + n as i64),
        deadline: None,
        action: Action::Publish {
            topic: "t".into(),
            message: Bytes::from(format!("{{\"text\":\"{}\"}}", "x".repeat((n % 200) as usize))),
        },
    };
    EventRecord {
        id: EventId::Datagram { node: NodeId(1), epoch: StartEpoch(1), shard: ShardId(0), ordinal: n },
        producer: ProducerKey(0),
        player: PlayerKey(0),
        partition: Partition::of(PlayerKey(0)),
        revision: 1,
        time: UnixMillis(0),
        deltas: Vec::new(),
        timers: Vec::new(),
        commands: (0..n % 3).map(command).collect(),
    }
}

/// Delivery of a fixed list of records, as a spool would hold them.
struct Story {
    clock: SimClock,
    disk: SimDisk,
    rng: Rng,
    sink: FileSink,
    /// Nothing is ever rejected here, so the quarantine is a sink that is never used.
    quarantine: FileSink,
    forwarder: Forwarder,
    fed: u64,
    total: u64,
    settled: Position,
    /// What a spool would have persisted: never ahead of `settled`.
    settled_durable: Position,
}

impl Story {
    fn new(seed: u64, total: u64) -> Story {
        let clock = SimClock::new(Instant::now(), 0);
        let mut disk = SimDisk::new(clock.clone(), seed, nasty());
        let (sink, _) = FileSink::open(&mut disk, config(), Position::NONE).expect("a fresh directory opens");
        let mut spare = SimDisk::new(clock.clone(), seed, DiskConfig::default());
        let quarantine = Config::quarantine("/edge/test/node-1", SPOOL);
        let (quarantine, _) = FileSink::open(&mut spare, quarantine, Position::NONE).expect("a fresh directory opens");
        Story {
            clock,
            disk,
            rng: Rng::new(seed ^ 0xf11e),
            sink,
            quarantine,
            forwarder: Forwarder::new(edge_upstream::Config { batch_max: 5, ..Default::default() }, Position::NONE),
            fed: 0,
            total,
            settled: Position::NONE,
            settled_durable: Position::NONE,
        }
    }

    fn is_over(&self) -> bool {
        self.fed == self.total && self.forwarder.is_idle()
    }

    fn feed(&mut self) {
        for _ in 0..=self.rng.below(12) {
            if self.fed < self.total && self.forwarder.wants() {
                self.fed += 1;
                let lane = Lane((self.fed % 3) as u16);
                let priority = if self.fed.is_multiple_of(4) { Priority::P0 } else { Priority::P2 };
                self.forwarder.accept(at(self.fed), lane, priority, record(self.fed));
            }
        }
    }

    fn drain(&mut self) {
        loop {
            let now = self.clock.now();
            let mut is_busy = false;
            self.forwarder.pump(&mut self.sink, &mut self.quarantine, now, UnixMillis(0));
            while let Some((id, op)) = self.sink.poll_op(now) {
                self.disk.submit(id, op);
                is_busy = true;
            }
            while let Some((id, end)) = self.disk.poll() {
                self.sink.handle_end(id, end, now);
                is_busy = true;
            }
            if let Some(settled) = self.forwarder.poll_settled() {
                self.settled = settled;
                is_busy = true;
            }
            if !is_busy {
                return;
            }
        }
    }

    fn run(&mut self, span: Duration) {
        let end = self.clock.now() + span;
        loop {
            self.drain();
            let times = [self.disk.next_due(), self.sink.poll_timeout(), self.forwarder.poll_timeout()];
            let Some(next) = times.into_iter().flatten().min().filter(|at| *at <= end) else { break };
            self.clock.advance_to(next);
        }
        self.clock.advance_to(end);
    }

    fn act(&mut self) {
        match self.rng.below(100) {
            0..45 => self.feed(),
            45..80 => {
                let span = self.rng.duration(Duration::from_millis(2));
                self.run(span);
            }
            80..85 => self.settled_durable = self.settled,
            85..90 => self.change_faults(),
            90..92 => self.disk.fail_next_syncs(1),
            92..95 => self.crash(),
            _ => self.run(Duration::from_millis(12)),
        }
    }

    fn change_faults(&mut self) {
        let mut faults = nasty();
        match self.rng.below(4) {
            0 => faults.sync_error_ppm = 50_000,
            1 => faults.write_error_ppm = 50_000,
            2 => {
                let used: u64 = self.disk.list().expect("it lists").iter().map(|(_, len)| len).sum();
                faults.capacity_bytes = Some(used + self.rng.below(4096));
            }
            _ => {}
        }
        self.disk.set_config(faults);
    }

    fn crash(&mut self) {
        // Most crashes of interest are in the midst of work.
        self.feed();
        for _ in 0..self.rng.below(12) {
            self.drain();
            if let Some(due) = self.disk.next_due() {
                self.clock.advance_to(due);
                if let Some((id, end)) = self.disk.poll() {
                    self.sink.handle_end(id, end, due);
                }
            }
        }
        self.disk.crash(&mut self.rng);
        loop {
            let mut door = self.disk.handle();
            match FileSink::open(&mut door, config(), self.settled_durable) {
                Ok((sink, report)) => {
                    assert_eq!((report.damaged_lines, report.read_all_files), (0, false));
                    (self.sink, self.disk) = (sink, door);
                    break;
                }
                Err(_) => {
                    self.disk.crash(&mut self.rng);
                    self.disk.set_config(nasty());
                }
            }
        }
        self.settled = self.settled_durable;
        self.fed = self.settled.n;
        self.forwarder = Forwarder::new(edge_upstream::Config { batch_max: 5, ..Default::default() }, self.settled);
    }

    fn finish(&mut self) -> DiskFaults {
        self.disk.set_config(nasty());
        for _ in 0..10_000 {
            if self.is_over() {
                break;
            }
            self.feed();
            self.run(Duration::from_millis(5));
        }
        assert!(self.is_over(), "delivery comes to its end");
        self.disk.faults()
    }

    fn lines(&mut self) -> Vec<serde_json::Value> {
        let files: Vec<(FileName, u64)> = self.disk.list().expect("it lists");
        let mut lines = Vec::new();
        for (file, len) in files.into_iter().filter(|(name, _)| name.ends_with(".jsonl")) {
            let mut bytes = vec![0; len as usize];
            let got = self.disk.read(&file, 0, &mut bytes).expect("it reads");
            assert_eq!(got, bytes.len());
            let text = String::from_utf8(bytes).expect("JSON is text");
            assert!(text.is_empty() || text.ends_with('\n'), "every line is whole");
            lines.extend(text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")));
        }
        lines
    }

    fn check(&mut self) {
        let mut ids = BTreeSet::new();
        let mut lanes: BTreeMap<(u64, String), String> = BTreeMap::new();
        for line in self.lines() {
            let word = |name: &str| line[name].as_str().expect("a text attribute").to_string();
            assert!(ids.insert(word("id")), "{} is there twice", word("id"));
            let lane = (line["lane"].as_u64().expect("a number"), word("priority"));
            let before = lanes.insert(lane.clone(), word("position")).unwrap_or_default();
            assert!(before < word("position"), "lane {lane:?} is out of order");
        }
        let expected: BTreeSet<String> =
            (1..=self.total).flat_map(|n| record(n).commands).map(|c| c.id.to_string()).collect();
        assert_eq!(ids, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_id_is_twice_in_the_files_and_none_is_missing(seed: u64, steps in 10_u32..200) {
        let mut story = Story::new(seed, 150);
        for _ in 0..steps {
            story.act();
        }
        story.finish();
        story.check();
    }
}

/// The stories are worth nothing if nothing happens in them.
#[test]
fn every_fault_fires_in_some_stories() {
    let mut all = DiskFaults::default();
    for seed in 0..20 {
        let mut story = Story::new(seed, 500);
        for _ in 0..250 {
            story.act();
        }
        let faults = story.finish();
        story.check();
        all.crashes += faults.crashes;
        all.writes_torn += faults.writes_torn;
        all.names_lost += faults.names_lost;
        all.syncs_failed += faults.syncs_failed;
        all.writes_failed += faults.writes_failed;
        all.out_of_space += faults.out_of_space;
    }
    assert!(all.crashes > 20 && all.writes_torn > 1 && all.names_lost > 2, "{all:?}");
    assert!(all.syncs_failed > 5 && all.writes_failed > 2 && all.out_of_space > 5, "{all:?}");
}
