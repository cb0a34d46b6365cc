//! Lanes against a sink that answers late, fails, refuses, and carries out more than it says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_event::{
    Action, Command, CommandId, EventId, EventRecord, Lane, NodeId, Partition, PlayerKey, Position, Priority,
    ProducerKey, ShardId, StartEpoch, UnixMillis,
};
use proptest::prelude::*;

use super::*;

fn at(n: u64) -> Position {
    Position { epoch: StartEpoch(1), n }
}

fn command(n: u64, index: u64, deadline: Option<UnixMillis>) -> Command {
    Command {
        id: CommandId(u128::from(n * 100 + index).to_be_bytes()),
        package: "p".into(),
        rule: "r".into(),
        action_index: index as u16,
        player: "ann".into(),
        priority: Priority::P2,
        time: UnixMillis(0),
        deadline,
        action: Action::Publish { topic: "t".into(), message: Bytes::from_static(b"{}") },
    }
}

fn record(n: u64, commands: u64, deadline: Option<UnixMillis>) -> EventRecord {
    EventRecord {
        id: EventId::Datagram { node: NodeId(1), epoch: StartEpoch(1), shard: ShardId(0), ordinal: n },
        producer: ProducerKey(0),
        player: PlayerKey(0),
        partition: Partition::of(PlayerKey(0)),
        revision: 1,
        time: UnixMillis(0),
        deltas: Vec::new(),
        timers: Vec::new(),
        commands: (0..commands).map(|index| command(n, index, deadline)).collect(),
    }
}

/// An upstream: what it was given, and what really happened there.
#[derive(Default)]
struct FakeSink {
    waiting: VecDeque<Batch>,
    answers: VecDeque<Answer>,
    effects: Vec<Arc<LaneCommand>>,
}

impl FakeSink {
    fn deliver_all(&mut self) {
        while let Some(batch) = self.waiting.pop_front() {
            self.carry_out(batch, |_| Outcome::Delivered, 0);
        }
    }

    /// `hidden`: how many commands from the first `Retry` on were carried out nevertheless.
    fn carry_out(&mut self, batch: Batch, mut outcome: impl FnMut(&LaneCommand) -> Outcome, hidden: usize) {
        let mut hidden = hidden;
        let mut outcomes = Vec::new();
        for command in &batch.commands {
            let failed = outcomes.iter().any(|o| matches!(o, Outcome::Retry { .. }));
            let outcome = if failed { RETRY } else { outcome(command) };
            let is_hidden = matches!(outcome, Outcome::Retry { .. }) && hidden > 0;
            hidden -= usize::from(is_hidden);
            if is_hidden || outcome == Outcome::Delivered {
                self.effects.push(command.clone());
            }
            outcomes.push(outcome);
        }
        self.answers.push_back(Answer { id: batch.id, outcomes });
    }
}

const RETRY: Outcome = Outcome::Retry { after: Duration::from_millis(10) };

impl Sink for FakeSink {
    fn name(&self) -> &'static str {
        "fake"
    }
    fn has_room(&self) -> bool {
        self.waiting.len() < 3
    }
    fn submit(&mut self, batch: Batch) {
        assert!(!batch.commands.is_empty(), "a batch is never empty");
        self.waiting.push_back(batch);
    }
    fn poll_answer(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }
    fn handle_timeout(&mut self, _now: Instant) {}
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// A forwarder with both its sinks and a clock.
struct World {
    forwarder: Forwarder,
    sink: FakeSink,
    quarantine: FakeSink,
    now: Instant,
    unix: UnixMillis,
}

impl World {
    fn new(config: Config) -> World {
        let (sink, quarantine) = (FakeSink::default(), FakeSink::default());
        World { forwarder: Forwarder::new(config, at(0)), sink, quarantine, now: Instant::now(), unix: UnixMillis(0) }
    }

    fn pump(&mut self) {
        self.forwarder.pump(&mut self.sink, &mut self.quarantine, self.now, self.unix);
        assert_eq!(self.forwarder.ledger().residual(), 0, "{:?}", self.forwarder.ledger());
    }

    fn accept(&mut self, n: u64, lane: u16, priority: Priority, commands: u64) {
        self.forwarder.accept(at(n), Lane(lane), priority, record(n, commands, None));
    }

    fn wait(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        self.unix.0 += ms as i64;
        self.pump();
    }
}

#[test]
fn settled_is_below_the_first_open_record() {
    let mut world = World::new(Config::default());
    world.accept(2, 0, Priority::P2, 1);
    world.accept(5, 1, Priority::P2, 2);
    world.accept(9, 2, Priority::P2, 0);
    world.pump();
    assert_eq!(world.forwarder.poll_settled(), Some(at(1)));
    let second = world.sink.waiting.remove(1).expect("two lanes are on their way");
    world.sink.carry_out(second, |_| Outcome::Delivered, 0);
    world.pump();
    assert_eq!(world.forwarder.poll_settled(), None);
    world.sink.deliver_all();
    world.pump();
    assert_eq!(world.forwarder.poll_settled(), Some(at(9)));
    assert!(world.forwarder.is_idle());
}

#[test]
fn an_open_command_does_not_keep_alive_what_it_was_read_from() {
    let mut world = World::new(Config::default());
    let read = Bytes::from(vec![b' '; 64 << 10]);
    let mut record = record(1, 1, None);
    record.commands[0].action = Action::Publish { topic: "t".into(), message: read.slice(100..102) };
    world.forwarder.accept(at(1), Lane(0), Priority::P2, record);
    assert!(!world.forwarder.is_idle());
    assert!(read.is_unique());
}

#[test]
fn a_lane_goes_back_to_the_command_that_failed() {
    let mut world = World::new(Config::default());
    (1..=4).for_each(|n| world.accept(n, 0, Priority::P2, 1));
    world.pump();
    let batch = world.sink.waiting.pop_front().expect("one batch");
    world.sink.carry_out(batch, |c| if c.place.position.n == 2 { RETRY } else { Outcome::Delivered }, 0);
    world.accept(5, 0, Priority::P2, 1);
    world.pump();
    assert!(world.sink.waiting.is_empty(), "it waits as long as the sink asked");
    assert_eq!(world.forwarder.poll_timeout(), Some(world.now + Duration::from_millis(10)));
    world.wait(10);
    world.sink.deliver_all();
    world.pump();
    let order: Vec<u64> = world.sink.effects.iter().map(|c| c.place.position.n).collect();
    assert_eq!(order, [1, 2, 3, 4, 5]);
    assert_eq!(world.forwarder.ledger().resent, 3);
}

#[test]
fn a_poison_command_goes_aside_and_its_lane_goes_on() {
    let mut world = World::new(Config::default());
    (1..=3).for_each(|n| world.accept(n, 0, Priority::P1, 1));
    world.pump();
    let batch = world.sink.waiting.pop_front().expect("one batch");
    let reject = |c: &LaneCommand| match c.place.position.n {
        2 => Outcome::Reject { reason: "no such workflow".into() },
        _ => Outcome::Delivered,
    };
    world.sink.carry_out(batch, reject, 0);
    world.pump();
    assert_eq!(world.forwarder.poll_settled(), Some(at(1)), "not settled before the quarantine has it");
    world.quarantine.deliver_all();
    world.pump();
    assert_eq!(world.forwarder.poll_settled(), Some(at(3)));
    let kept = &world.quarantine.effects[0];
    assert_eq!((kept.place.position, kept.rejected.as_deref()), (at(2), Some("no such workflow")));
    assert_eq!((world.forwarder.ledger().delivered, world.forwarder.ledger().quarantined), (2, 1));
}

#[test]
fn an_expired_command_is_counted_and_not_sent() {
    let mut world = World::new(Config::default());
    world.unix = UnixMillis(1000);
    world.forwarder.accept(at(1), Lane(0), Priority::P2, record(1, 2, Some(UnixMillis(1000))));
    world.forwarder.accept(at(2), Lane(0), Priority::P2, record(2, 1, Some(UnixMillis(1001))));
    world.pump();
    world.sink.deliver_all();
    world.pump();
    assert_eq!((world.forwarder.ledger().expired, world.forwarder.ledger().delivered), (2, 1));
    assert_eq!(world.forwarder.poll_settled(), Some(at(2)));
}

#[test]
fn shedding_leaves_a_count_on_the_next_of_the_lane() {
    let mut world = World::new(Config { shed_above: 3, batch_max: 1, ..Config::default() });
    (1..=6).for_each(|n| world.accept(n, 0, Priority::BestEffort, 1));
    world.accept(7, 0, Priority::P0, 1);
    world.pump();
    assert_eq!(world.forwarder.ledger().shed, 4, "the oldest that wait; never an urgent one");
    for _ in 0..4 {
        world.sink.deliver_all();
        world.pump();
    }
    let seen: Vec<(u64, u64)> = world.sink.effects.iter().map(|c| (c.place.position.n, c.skipped)).collect();
    assert_eq!(seen, [(7, 0), (5, 4), (6, 0)]);
}

#[test]
fn under_pressure_arriving_best_effort_is_shed() {
    let mut world = World::new(Config::default());
    world.forwarder.set_pressure(true);
    world.accept(1, 0, Priority::BestEffort, 2);
    world.accept(2, 0, Priority::P3, 1);
    world.forwarder.set_pressure(false);
    world.accept(3, 0, Priority::BestEffort, 1);
    world.pump();
    world.sink.deliver_all();
    world.pump();
    let seen: Vec<(u64, u64)> = world.sink.effects.iter().map(|c| (c.place.position.n, c.skipped)).collect();
    assert_eq!(seen, [(2, 0), (3, 2)]);
    assert_eq!(world.forwarder.poll_settled(), Some(at(3)));
}

#[test]
fn open_commands_are_bounded() {
    let mut world = World::new(Config { open_max: 2, ..Config::default() });
    world.accept(1, 0, Priority::P2, 2);
    assert!(!world.forwarder.wants());
    world.pump();
    world.sink.deliver_all();
    world.pump();
    assert!(world.forwarder.wants());
}

#[test]
fn a_place_as_text_sorts_as_the_log() {
    let places = [(1, 9, 1), (1, 10, 0), (2, 1, 0), (300, 1, 70)]
        .map(|(epoch, n, index)| Place { position: Position { epoch: StartEpoch(epoch), n }, index });
    let texts = places.map(|p| p.to_string());
    assert!(texts.is_sorted());
    assert_eq!(texts[0], "00000001-0000000000000009-0001");
    assert_eq!(texts.map(|t| Place::parse(&t)), places.map(Some));
    assert_eq!(Place::parse("1-9-1"), None);
}

/// What happens next in a random story.
#[derive(Clone, Debug)]
enum Act {
    Accept { lane: u16, priority: u8, commands: u64, deadline: bool },
    Answer { which: usize, fail_from: Option<usize>, hidden: usize, reject: bool },
    AnswerQuarantine { fail: bool },
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..3_u16, 0..5_u8, 0..4_u64, proptest::bool::weighted(0.1))
            .prop_map(|(lane, priority, commands, deadline)| Act::Accept { lane, priority, commands, deadline }),
        4 => (0..3_usize, proptest::option::of(0..5_usize), 0..4_usize, proptest::bool::weighted(0.2))
            .prop_map(|(which, fail_from, hidden, reject)| Act::Answer { which, fail_from, hidden, reject }),
        1 => any::<bool>().prop_map(|fail| Act::AnswerQuarantine { fail }),
        1 => (0..15_u64).prop_map(Act::Wait),
    ]
}

fn answer(world: &mut World, which: usize, fail_from: Option<usize>, hidden: usize, reject: bool) {
    let Some(batch) = world.sink.waiting.remove(which) else { return };
    let mut count = 0;
    let outcome = |_: &LaneCommand| {
        count += 1;
        match fail_from {
            Some(from) if count > from => RETRY,
            _ if reject && count == 1 => Outcome::Reject { reason: "never".into() },
            _ => Outcome::Delivered,
        }
    };
    world.sink.carry_out(batch, outcome, hidden);
}

proptest! {
    #[test]
    fn every_command_ends_once_and_lanes_keep_their_order(acts in proptest::collection::vec(act(), 1..120)) {
        let mut world = World::new(Config { open_max: 60, shed_above: 40, batch_max: 4 });
        let (mut next, mut all) = (1, BTreeSet::new());
        for act in acts {
            match act {
                Act::Accept { lane, priority, commands, deadline } if world.forwarder.wants() => {
                    let deadline = deadline.then_some(UnixMillis(world.unix.0 + 5));
                    let priority = Priority::from_u8(priority).expect("five priorities");
                    world.forwarder.accept(at(next), Lane(lane), priority, record(next, commands, deadline));
                    all.extend((0..commands).map(|index| (next, index)));
                    next += 1;
                }
                Act::Accept { .. } => {}
                Act::Answer { which, fail_from, hidden, reject } => answer(&mut world, which, fail_from, hidden, reject),
                Act::AnswerQuarantine { fail } => {
                    if let Some(batch) = world.quarantine.waiting.pop_front() {
                        world.quarantine.carry_out(batch, |_| if fail { RETRY } else { Outcome::Delivered }, 0);
                    }
                }
                Act::Wait(ms) => world.wait(ms),
            }
            world.pump();
        }
        for _ in 0..10_000 {
            if world.forwarder.is_idle() {
                break;
            }
            world.sink.deliver_all();
            world.quarantine.deliver_all();
            world.wait(10);
        }
        prop_assert!(world.forwarder.is_idle(), "everything ends");
        let _ = world.forwarder.poll_settled();
        prop_assert_eq!(world.forwarder.poll_settled(), None);
        let ledger = world.forwarder.ledger();
        prop_assert_eq!((ledger.taken, ledger.residual(), ledger.pending), (all.len() as u64, 0, 0));

        let mut lanes: BTreeMap<_, Vec<Place>> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for effect in &world.sink.effects {
            if ids.insert(effect.command.id) {
                lanes.entry((effect.lane, effect.priority)).or_default().push(effect.place);
            }
        }
        for (lane, places) in lanes {
            prop_assert!(places.is_sorted(), "{lane:?}: {places:?}");
        }
        prop_assert!(ids.len() as u64 >= ledger.delivered);
    }
}
