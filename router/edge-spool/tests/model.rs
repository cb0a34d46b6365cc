//! Random actions on a spool and on a simple model of one, with every fault the simulated disk knows.
//!
//! The model is a list of records. Whatever happens, the spool must hold a prefix of it, at least as long as what it called
//! committed; its folded state must be that prefix folded; and a reader must see that prefix, in order, once.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use edge_door::sim::{DiskConfig, DiskFaults, Rng};
use edge_event::{EventId, EventRecord, Position, ShardId, UnixMillis};
use edge_spool::{AppendError, Health, Item, Reader, Recovered};
use proptest::prelude::*;
use support::{World, last_record, record, small};

/// A record that was appended, and where.
struct Entry {
    n: u64,
    position: Position,
    record: EventRecord,
}

struct Story {
    world: World,
    rng: Rng,
    /// Everything that may be in the log, in order.
    entries: Vec<Entry>,
    next_n: u64,
    /// Tickets restart with the writer.
    ticket: u64,
    /// Index into `entries` of the first that was appended in this epoch.
    epoch_from: usize,
    /// The last record that was called committed.
    promised_n: u64,
    settled: Position,
    reader: Reader,
    read_to: Position,
    faults: DiskFaults,
    restarts: u64,
}

fn nasty() -> DiskConfig {
    DiskConfig {
        latency: Duration::from_micros(100),
        jitter: Duration::from_micros(400),
        capacity_bytes: None,
        copies_on_write: false,
        sync_error_ppm: 0,
        write_error_ppm: 0,
    }
}

impl Story {
    fn new(seed: u64) -> Story {
        let world = World::new(small(), nasty(), seed);
        let reader = Reader::new(world.spool.uuid(), Position::NONE);
        Story {
            world,
            rng: Rng::new(seed ^ 0x5707),
            entries: Vec::new(),
            next_n: 1,
            ticket: 0,
            epoch_from: 0,
            promised_n: 0,
            settled: Position::NONE,
            reader,
            read_to: Position::NONE,
            faults: DiskFaults::default(),
            restarts: 0,
        }
    }

    fn act(&mut self) {
        match self.rng.below(100) {
            0..60 => self.append(),
            60..75 => {
                let span = self.rng.duration(Duration::from_millis(3));
                self.world.run(span);
            }
            75..85 => self.read(),
            85..92 => self.settle(),
            92..95 => self.change_faults(),
            95..97 => self.crash(),
            97..98 => self.world.disk.fail_next_syncs(1),
            _ => {
                self.world.run(Duration::from_millis(30));
            }
        }
        self.note_commits();
        if matches!(self.world.spool.health(), Health::ReadOnly { .. }) {
            self.crash();
        }
    }

    fn append(&mut self) {
        for _ in 0..=self.rng.below(6) {
            let record = record(self.next_n, &mut self.rng);
            let now = self.world.now_ms();
            let had_room = self.world.spool.has_room(1, 900);
            match self.world.spool.append(ShardId(0), self.ticket + 1, &record, now) {
                Ok(position) => {
                    assert!(self.entries.last().is_none_or(|e| e.position < position), "positions rise");
                    self.entries.push(Entry { n: self.next_n, position, record });
                    self.ticket += 1;
                    self.next_n += 1;
                }
                Err(AppendError::TooLarge { .. }) => panic!("records of this test are small"),
                Err(refused) => assert!(!had_room, "it said that there was room, then: {refused}"),
            }
        }
    }

    fn note_commits(&mut self) {
        let count = self.world.committed_ticket as usize;
        if count > 0 {
            self.promised_n = self.promised_n.max(self.entries[self.epoch_from + count - 1].n);
        }
    }

    /// Reads on; whatever comes must be the next record with commands.
    fn read(&mut self) {
        let committed = self.world.spool.committed();
        while let Some(item) = self.reader.next(&mut self.world.eyes, committed).expect("the log reads") {
            let Item::Record(stored) = item else { panic!("nothing is damaged here: {item:?}") };
            let expected = self.entries.iter().find(|e| e.position > self.read_to && !e.record.commands.is_empty());
            let expected = expected.expect("the reader reads what was written");
            assert_eq!((stored.position, &stored.record), (expected.position, &expected.record));
            self.read_to = stored.position;
        }
        let missed = self
            .entries
            .iter()
            .find(|e| e.position > self.read_to && e.position <= committed && !e.record.commands.is_empty());
        assert!(missed.is_none(), "{:?} is committed, but was not read", missed.map(|e| e.position));
    }

    fn settle(&mut self) {
        let known: Vec<Position> =
            self.entries.iter().map(|e| e.position).filter(|p| *p > self.settled && *p <= self.read_to).collect();
        if !known.is_empty() {
            self.settled = known[self.rng.index(known.len())];
            self.world.spool.settle(self.settled);
        }
    }

    fn change_faults(&mut self) {
        let mut faults = nasty();
        match self.rng.below(4) {
            0 => faults.sync_error_ppm = 30_000,
            1 => faults.write_error_ppm = 30_000,
            2 => {
                let list = edge_door::Disk::list(&mut self.world.eyes).expect("it lists");
                let used: u64 = list.iter().map(|(_, len)| len).sum();
                faults.capacity_bytes = Some(used + self.rng.below(12 << 10));
            }
            _ => {}
        }
        self.world.disk.set_config(faults);
    }

    fn crash(&mut self) {
        self.note_commits();
        self.world.disk.crash(&mut self.rng);
        let clock = self.world.clock.clone();
        loop {
            let door = self.world.disk.handle();
            match World::open(clock.clone(), door, small()) {
                Ok(world) => {
                    self.world = world;
                    break;
                }
                // A disk that fails while the spool is opened: the power goes again, then it works.
                Err(_) => {
                    self.world.disk.crash(&mut self.rng);
                    self.world.disk.set_config(nasty());
                }
            }
        }
        self.restarts += 1;
        self.check_recovered();
        (self.ticket, self.epoch_from) = (0, self.entries.len());
        self.settled = self.world.recovered.settled;
        self.read_to = self.settled;
        self.reader = Reader::new(self.world.spool.uuid(), self.settled);
        self.read();
    }

    fn check_recovered(&mut self) {
        let recovered = &self.world.recovered;
        assert!(recovered.report.damage.is_empty(), "{:?}", recovered.report);
        assert!(recovered.settled <= self.settled, "a cursor never runs ahead");
        let last = last_record(recovered);
        assert!(last >= self.promised_n, "record {} was promised, the log ends at {last}", self.promised_n);
        self.entries.retain(|e| e.n <= last);
        self.promised_n = last;
        self.next_n = last + 1;
        assert_eq!(folded(recovered), model_fold(&self.entries));
    }

    fn end(mut self) -> (DiskFaults, u64, edge_spool::Status) {
        self.world.disk.set_config(nasty());
        self.world.run(Duration::from_secs(1));
        self.note_commits();
        let status = self.world.spool.status();
        self.crash();
        self.faults = self.world.disk.faults();
        (self.faults, self.restarts, status)
    }
}

type Folded = (BTreeMap<String, Vec<u8>>, BTreeMap<String, i64>, BTreeMap<String, u64>);

fn folded(recovered: &Recovered) -> Folded {
    (
        recovered.state.iter().map(|(key, value, _)| (format!("{key:?}"), value.to_vec())).collect(),
        recovered.timers.iter().map(|(key, due)| (format!("{key:?}"), due.0)).collect(),
        recovered.marks.iter().map(|m| (format!("{:?}{:?}{:?}", m.producer, m.class, m.partition), m.seq.0)).collect(),
    )
}

fn model_fold(entries: &[Entry]) -> Folded {
    let mut all = Folded::default();
    for Entry { record, .. } in entries {
        for delta in &record.deltas {
            match &delta.value {
                Some(value) => all.0.insert(format!("{:?}", delta.key), value.to_vec()),
                None => all.0.remove(&format!("{:?}", delta.key)),
            };
        }
        for timer in &record.timers {
            match timer.due {
                Some(UnixMillis(due)) => all.1.insert(format!("{:?}", timer.key), due),
                None => all.1.remove(&format!("{:?}", timer.key)),
            };
        }
        if let EventId::Reliable { class, seq, .. } = record.id {
            let mark = all.2.entry(format!("{:?}{:?}{:?}", record.producer, class, record.partition)).or_default();
            *mark = seq.0.max(*mark);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_spool_is_a_prefix_of_the_model(seed: u64, steps in 20_u32..300) {
        let mut story = Story::new(seed);
        for _ in 0..steps {
            story.act();
        }
        story.end();
    }
}

/// The stories are worth nothing if nothing happens in them.
#[test]
fn every_fault_fires_in_some_stories() {
    let (mut faults, mut retired, mut checkpoints, mut failures) = (DiskFaults::default(), 0, 0, 0);
    for seed in 0..30 {
        let mut story = Story::new(seed);
        for _ in 0..300 {
            story.act();
        }
        let (fired, _, status) = story.end();
        faults.crashes += fired.crashes;
        faults.writes_torn += fired.writes_torn;
        faults.names_lost += fired.names_lost;
        faults.syncs_failed += fired.syncs_failed;
        faults.writes_failed += fired.writes_failed;
        faults.out_of_space += fired.out_of_space;
        retired += status.retired_segments;
        checkpoints += status.checkpoints;
        failures += status.commit_failures;
    }
    assert!(faults.crashes > 20 && faults.writes_torn > 5 && faults.names_lost > 5, "{faults:?}");
    assert!(faults.syncs_failed > 5 && faults.writes_failed > 5 && faults.out_of_space > 5, "{faults:?}");
    assert!(retired > 10 && checkpoints > 10 && failures > 2, "{retired} {checkpoints} {failures}");
}
