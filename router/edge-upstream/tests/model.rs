//! Random deliveries to an upstream that answers late, asks again, rejects, and forgets nothing; with restarts of the
//! forwarder from its cursor. Against a simple model: every command ends, in a place that says so, and lanes keep their order.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use edge_event::{Lane, Position, Priority, UnixMillis};
use edge_upstream::{Batch, Config, Forwarder, Outcome, Place};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use support::{Manual, at, record};

const CONFIG: Config = Config { open_max: 60, shed_above: 40, batch_max: 4 };

/// What the log holds: record `n` is always the same.
#[derive(Clone, Copy, Debug)]
struct Logged {
    lane: Lane,
    priority: Priority,
    commands: u64,
    /// The upstream will never take its first command.
    is_poison: bool,
    deadline: Option<UnixMillis>,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Read(u8),
    /// Answer one of the batches that wait: which, and at which command it asks to try again, if at any.
    Answer {
        which: u8,
        retry_at: Option<u8>,
    },
    Quarantine {
        fails: bool,
    },
    Pass(u16),
    Room(u8),
    Restart,
}

fn logged() -> impl Strategy<Value = Logged> {
    let deadline = prop::option::weighted(0.1, (0..2_000_i64).prop_map(UnixMillis));
    (0..3_u16, 0..5_u8, 0..4_u64, prop::bool::weighted(0.1), deadline).prop_map(
        |(lane, priority, commands, is_poison, deadline)| {
            let priority = Priority::from_u8(priority).expect("0 to 4");
            Logged { lane: Lane(lane), priority, commands, is_poison, deadline }
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..12_u8).prop_map(Act::Read),
        8 => (any::<u8>(), prop::option::weighted(0.3, 0..4_u8)).prop_map(|(which, retry_at)| Act::Answer { which, retry_at }),
        3 => any::<bool>().prop_map(|fails| Act::Quarantine { fails }),
        3 => (0..400_u16).prop_map(Act::Pass),
        1 => (0..6_u8).prop_map(Act::Room),
        1 => Just(Act::Restart),
    ]
}

struct World {
    log: Vec<Logged>,
    forwarder: Forwarder,
    sink: Manual,
    quarantine: Manual,
    /// What the upstream has, by stream, in the order in which it came first.
    upstream: BTreeMap<(Priority, Lane), Vec<Place>>,
    has: BTreeSet<Place>,
    in_quarantine: BTreeSet<Place>,
    /// How many were said to be shed in front of what the upstream has.
    skipped: u64,
    /// Counters of forwarders that ended.
    shed: u64,
    read: u64,
    settled: Position,
    now: Instant,
    unix: i64,
}

impl World {
    fn new(log: Vec<Logged>) -> World {
        World {
            log,
            forwarder: Forwarder::new(CONFIG, Position::NONE),
            sink: Manual::default(),
            quarantine: Manual::default(),
            upstream: BTreeMap::new(),
            has: BTreeSet::new(),
            in_quarantine: BTreeSet::new(),
            skipped: 0,
            shed: 0,
            read: 0,
            settled: Position::NONE,
            now: Instant::now(),
            unix: 0,
        }
    }

    fn pump(&mut self) {
        self.forwarder.pump(&mut self.sink, &mut self.quarantine, self.now, UnixMillis(self.unix));
        assert_eq!(self.forwarder.ledger().residual(), 0);
        for batch in &self.sink.given {
            self.check_batch(batch);
        }
        if let Some(settled) = self.forwarder.poll_settled() {
            assert!(settled > self.settled, "the cursor rises");
            assert!(settled <= at(self.read), "only what was read is settled");
            self.settled = settled;
            self.check_settled();
        }
    }

    fn check_batch(&self, batch: &Batch) {
        assert!((1..=CONFIG.batch_max).contains(&batch.commands.len()));
        let first = &batch.commands[0];
        for pair in batch.commands.windows(2) {
            assert!(pair[0].place < pair[1].place, "a batch is in order");
            assert_eq!((pair[1].lane, pair[1].priority), (first.lane, first.priority), "a batch is of one stream");
        }
    }

    /// Everything below the cursor is somewhere: upstream, in the quarantine, expired, or (best-effort) shed.
    fn check_settled(&self) {
        for (n, logged) in (1..=self.settled.n).zip(&self.log) {
            for index in 0..logged.commands {
                let place = Place { position: at(n), index: index as u16 };
                let has_ended = self.has.contains(&place) || self.in_quarantine.contains(&place);
                let may_be_gone = logged.priority == Priority::BestEffort
                    || logged.deadline.is_some_and(|deadline| deadline.0 <= self.unix);
                assert!(has_ended || may_be_gone, "{place:?} of {logged:?} is settled and nowhere");
            }
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Read(count) => self.read(count.into()),
            Act::Answer { which, retry_at } => self.answer(which.into(), retry_at.map(usize::from)),
            Act::Quarantine { fails } => self.answer_quarantine(fails),
            Act::Pass(ms) => {
                self.now += Duration::from_millis(ms.into());
                self.unix += i64::from(ms);
            }
            Act::Room(room) => self.sink.room = room.into(),
            Act::Restart => self.restart(),
        }
        self.pump();
    }

    fn read(&mut self, count: usize) {
        for _ in 0..count {
            let Some(logged) = self.log.get(self.read as usize) else { return };
            if !self.forwarder.wants() {
                return;
            }
            self.read += 1;
            let record = record(self.read, logged.commands, logged.priority, logged.deadline);
            self.forwarder.accept(at(self.read), logged.lane, logged.priority, record);
        }
    }

    /// The upstream takes all, or what stands before `retry_at`. What stands behind may have come through as well, but its
    /// answer says nothing of it.
    fn answer(&mut self, which: usize, retry_at: Option<usize>) {
        if self.sink.given.is_empty() {
            return;
        }
        let which = which % self.sink.given.len();
        let batch = self.sink.given.remove(which).expect("there are more than `which`");
        let mut outcomes = Vec::new();
        for (at, command) in batch.commands.iter().enumerate() {
            let is_poison = self.log[command.place.position.n as usize - 1].is_poison && command.place.index == 0;
            outcomes.push(match retry_at {
                Some(retry_at) if at == retry_at => Outcome::Retry { after: Duration::from_millis(50) },
                _ if is_poison => Outcome::Reject { reason: "poison".into() },
                Some(retry_at) if at > retry_at => Outcome::Delivered,
                _ => {
                    let stream = self.upstream.entry((command.priority, command.lane)).or_default();
                    if stream.last().is_none_or(|last| *last < command.place) {
                        self.has.insert(command.place);
                        stream.push(command.place);
                        self.skipped += command.skipped;
                    } else {
                        // Shed before a restart, offered again after it: a consumer drops what is behind its mark.
                        let was_shed = command.priority == Priority::BestEffort;
                        assert!(was_shed || self.has.contains(&command.place), "a stream is out of order");
                    }
                    Outcome::Delivered
                }
            });
        }
        self.sink.given.insert(0, batch);
        self.sink.answer(outcomes);
    }

    fn answer_quarantine(&mut self, fails: bool) {
        if self.quarantine.given.is_empty() {
            return;
        }
        if fails {
            self.quarantine.answer_all(&Outcome::Retry { after: Duration::from_millis(20) });
            return;
        }
        for command in self.quarantine.answer_all(&Outcome::Delivered).commands {
            assert!(command.rejected.is_some(), "the reason goes with it");
            self.in_quarantine.insert(command.place);
        }
    }

    fn restart(&mut self) {
        self.shed += self.forwarder.ledger().shed;
        self.forwarder = Forwarder::new(CONFIG, self.settled);
        (self.sink, self.quarantine) = (Manual::default(), Manual::default());
        self.read = self.settled.n;
    }

    fn finish(&mut self) {
        self.sink.room = 0;
        for _ in 0..10_000 {
            if self.read as usize == self.log.len() && self.forwarder.is_idle() {
                self.shed += self.forwarder.ledger().shed;
                return;
            }
            self.act(Act::Read(10));
            self.act(Act::Answer { which: 0, retry_at: None });
            self.act(Act::Quarantine { fails: false });
            self.act(Act::Pass(10));
        }
        panic!("delivery comes to its end");
    }

    fn check_end(&self) {
        let last = self.log.iter().rposition(|l| l.commands > 0).map_or(0, |at| at as u64 + 1);
        assert!(self.settled >= at(last) || last == 0, "everything is settled");
        self.check_settled();
        assert!(self.skipped <= self.shed, "no more is said to be shed than was: {} of {}", self.skipped, self.shed);
        for place in &self.in_quarantine {
            assert!(self.log[place.position.n as usize - 1].is_poison, "only poison is quarantined");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_command_ends_in_order_and_in_a_counted_place(
        log in prop::collection::vec(logged(), 1..120),
        acts in prop::collection::vec(act(), 0..200),
    ) {
        let mut world = World::new(log);
        for act in acts {
            world.act(act);
        }
        world.finish();
        world.check_end();
    }
}

/// The model is worth nothing if nothing happens in it.
#[test]
fn every_end_is_reached_in_some_deliveries() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (prop::collection::vec(logged(), 120), prop::collection::vec(act(), 200));
    let mut sum = [0_u64; 5];
    for _ in 0..60 {
        let (log, acts) = strategy.new_tree(&mut runner).expect("the strategy has values").current();
        let mut world = World::new(log);
        for act in acts.into_iter().filter(|act| !matches!(act, Act::Restart)) {
            world.act(act);
        }
        world.finish();
        let ledger = world.forwarder.ledger();
        let ends = [ledger.delivered, ledger.expired, ledger.quarantined, ledger.shed, ledger.resent];
        sum.iter_mut().zip(ends).for_each(|(sum, end)| *sum += end);
    }
    assert!(sum.iter().all(|count| *count > 50), "delivered, expired, quarantined, shed, resent: {sum:?}");
}
