//! Delivery told in short stories: order, going back, quarantine, deadlines, shedding, the cursor.

mod support;

use std::time::{Duration, Instant};

use edge_event::{Lane, Priority, UnixMillis};
use edge_upstream::{Config, Forwarder, Ledger, Outcome};
use support::{Manual, at, positions, record};

const LANE: Lane = Lane(3);
const WAIT: Duration = Duration::from_millis(250);

struct Story {
    forwarder: Forwarder,
    sink: Manual,
    quarantine: Manual,
    now: Instant,
    unix: UnixMillis,
}

impl Story {
    fn new(config: Config) -> Story {
        let (sink, quarantine) = (Manual::default(), Manual::default());
        Story {
            forwarder: Forwarder::new(config, at(0)),
            sink,
            quarantine,
            now: Instant::now(),
            unix: UnixMillis(1_000),
        }
    }

    fn of(records: impl IntoIterator<Item = u64>) -> Story {
        let mut story = Story::new(Config { batch_max: 3, ..Config::default() });
        for n in records {
            story.take(n, LANE, Priority::P2);
        }
        story.pump();
        story
    }

    fn take(&mut self, n: u64, lane: Lane, priority: Priority) {
        self.forwarder.accept(at(n), lane, priority, record(n, 1, priority, None));
    }

    fn pump(&mut self) {
        self.forwarder.pump(&mut self.sink, &mut self.quarantine, self.now, self.unix);
        assert_eq!(self.forwarder.ledger().residual(), 0);
    }

    fn settled(&mut self) -> Option<u64> {
        self.forwarder.poll_settled().map(|p| p.n)
    }
}

fn retry() -> Outcome {
    Outcome::Retry { after: WAIT }
}

fn reject(why: &str) -> Outcome {
    Outcome::Reject { reason: why.into() }
}

#[test]
fn a_lane_has_one_batch_on_its_way_and_goes_on_with_its_answer() {
    let mut story = Story::of(1..=5);
    story.pump();
    assert_eq!(story.sink.held(), [vec![1, 2, 3]]);
    story.sink.answer_all(&Outcome::Delivered);
    story.pump();
    assert_eq!(story.settled(), Some(3));
    assert_eq!(story.sink.held(), [vec![4, 5]]);
    assert_eq!(story.settled(), None, "told once");
}

#[test]
fn a_lane_goes_back_to_what_must_be_tried_again() {
    let mut story = Story::of(1..=4);
    story.sink.answer(vec![Outcome::Delivered, retry(), Outcome::Delivered]);
    story.pump();
    assert_eq!(story.settled(), Some(1));
    assert!(story.sink.given.is_empty(), "it waits first");
    assert_eq!(story.forwarder.poll_timeout(), Some(story.now + WAIT));
    story.now += WAIT;
    story.pump();
    assert_eq!(story.sink.held(), [vec![2, 3, 4]], "what stood behind it is sent again, too");
    assert_eq!(story.forwarder.ledger().resent, 2);
    story.sink.answer_all(&Outcome::Delivered);
    story.pump();
    assert_eq!((story.settled(), story.forwarder.is_idle()), (Some(4), true));
    let expected = Ledger { taken: 4, delivered: 4, resent: 2, ..Ledger::default() };
    assert_eq!(story.forwarder.ledger(), expected);
}

#[test]
fn a_stalled_lane_stops_no_other_but_holds_the_cursor() {
    let mut story = Story::new(Config::default());
    story.take(1, Lane(0), Priority::P2);
    story.take(2, Lane(1), Priority::P2);
    story.pump();
    story.sink.answer_all(&retry());
    story.sink.answer_all(&Outcome::Delivered);
    story.take(3, Lane(1), Priority::P2);
    story.pump();
    assert_eq!(story.sink.held(), [[3]]);
    story.sink.answer_all(&Outcome::Delivered);
    story.pump();
    assert_eq!(story.settled(), None, "record 1 is open");
    story.now += WAIT;
    story.pump();
    story.sink.answer_all(&Outcome::Delivered);
    story.pump();
    assert_eq!(story.settled(), Some(3));
}

#[test]
fn the_urgent_are_offered_first() {
    let mut story = Story::new(Config::default());
    story.sink.room = 2;
    story.take(1, Lane(0), Priority::BestEffort);
    story.take(2, Lane(0), Priority::P3);
    story.take(3, Lane(1), Priority::P0);
    story.take(4, Lane(0), Priority::P1);
    story.pump();
    assert_eq!(story.sink.held(), [[3], [4]]);
    assert_eq!(story.sink.ids().len(), 2, "no more than there is room for");
}

#[test]
fn a_rejected_command_is_quarantined_before_it_is_settled_and_blocks_nothing() {
    let mut story = Story::of(1..=4);
    story.sink.answer(vec![Outcome::Delivered, reject("no such workflow"), Outcome::Delivered]);
    story.pump();
    assert_eq!(story.sink.held(), [[4]], "the lane goes on");
    assert_eq!(story.settled(), Some(1), "the quarantine does not have it yet");
    let batch = story.quarantine.answer_all(&Outcome::Delivered);
    assert_eq!(positions(&batch), [2]);
    assert_eq!(batch.commands[0].rejected.as_deref(), Some("no such workflow"));
    story.pump();
    assert_eq!(story.settled(), Some(3));
    assert_eq!(story.forwarder.ledger().quarantined, 1);
}

#[test]
fn a_quarantine_that_fails_or_refuses_is_asked_again_in_order() {
    let mut story = Story::of(1..=3);
    story.sink.answer(vec![reject("a"), reject("b"), reject("c")]);
    story.pump();
    story.quarantine.answer(vec![Outcome::Delivered, retry(), Outcome::Delivered]);
    story.pump();
    assert_eq!((story.settled(), story.quarantine.held().len()), (Some(1), 0));
    story.now = story.forwarder.poll_timeout().expect("it waits for the quarantine");
    story.pump();
    assert_eq!(story.quarantine.held(), [[2, 3]]);
    story.quarantine.answer(vec![reject("even here"), Outcome::Delivered]);
    story.pump();
    assert_eq!((story.settled(), story.forwarder.ledger().pending), (None, 2), "nothing vanishes");
    story.now = story.forwarder.poll_timeout().expect("it waits for the quarantine");
    story.pump();
    story.quarantine.answer_all(&Outcome::Delivered);
    story.pump();
    assert_eq!((story.settled(), story.forwarder.is_idle()), (Some(3), true));
}

#[test]
fn a_command_whose_deadline_passed_is_counted_and_not_sent() {
    let mut story = Story::new(Config::default());
    story.forwarder.accept(at(1), LANE, Priority::P2, record(1, 1, Priority::P2, Some(UnixMillis(999))));
    story.forwarder.accept(at(2), LANE, Priority::P2, record(2, 1, Priority::P2, Some(UnixMillis(1_001))));
    story.pump();
    assert_eq!(story.sink.held(), [[2]]);
    assert_eq!((story.settled(), story.forwarder.ledger().expired), (Some(1), 1));
    // It comes back, and its time is over meanwhile.
    story.sink.answer_all(&retry());
    story.pump();
    (story.now, story.unix) = (story.now + WAIT, UnixMillis(1_002));
    story.pump();
    assert!(story.sink.given.is_empty());
    assert_eq!((story.settled(), story.forwarder.ledger().expired), (Some(2), 2));
}

#[test]
fn best_effort_is_shed_above_the_bound_and_the_next_says_how_many() {
    let mut story = Story::new(Config { open_max: 10, shed_above: 4, batch_max: 2 });
    for n in 1..=3 {
        story.take(n, LANE, Priority::P0);
    }
    for n in 4..=8 {
        story.take(n, LANE, Priority::BestEffort);
    }
    story.pump();
    let ledger = story.forwarder.ledger();
    assert_eq!((ledger.taken, ledger.shed, ledger.pending), (8, 4, 4));
    assert_eq!(story.sink.held(), [vec![1, 2], vec![8]], "the oldest are shed, the urgent never");
    assert_eq!(story.sink.given[1].commands[0].skipped, 4);
}

#[test]
fn a_shed_command_settles_its_record() {
    let mut story = Story::new(Config::default());
    story.forwarder.set_pressure(true);
    story.take(1, LANE, Priority::BestEffort);
    story.pump();
    assert_eq!((story.settled(), story.forwarder.ledger().shed), (Some(1), 1));
    story.forwarder.set_pressure(false);
    story.take(2, LANE, Priority::BestEffort);
    story.pump();
    assert_eq!(story.sink.given[0].commands[0].skipped, 1);
}

#[test]
fn what_is_open_is_bounded() {
    let mut story = Story::new(Config { open_max: 4, shed_above: 4, batch_max: 2 });
    let mut taken = 0;
    while story.forwarder.wants() {
        taken += 1;
        story.take(taken, LANE, Priority::P2);
        story.pump();
    }
    assert_eq!(taken, 4);
    story.sink.answer_all(&Outcome::Delivered);
    story.pump();
    assert!(story.forwarder.wants());
}

#[test]
fn what_is_open_is_bounded_in_bytes() {
    let mut story = Story::new(Config::default());
    let message = bytes::Bytes::from(vec![b' '; 1 << 20]);
    let mut taken_bytes = 0_usize;
    for n in 1.. {
        if !story.forwarder.wants() {
            break;
        }
        let mut large = record(n, 1, Priority::P2, None);
        taken_bytes += message.len();
        large.commands[0].action = edge_event::Action::Publish { topic: "t".into(), message: message.clone() };
        story.forwarder.accept(at(n), LANE, Priority::P2, large);
        assert!(taken_bytes <= 256 << 20, "memory is bounded whatever commands weigh");
    }
    story.pump();
    assert!(story.sink.given[0].commands.len() <= 4, "a batch is bounded too");
}

#[test]
fn records_without_commands_move_the_cursor() {
    let mut story = Story::new(Config::default());
    story.take(1, LANE, Priority::P2);
    story.forwarder.accept(at(2), LANE, Priority::P2, record(2, 0, Priority::P2, None));
    story.pump();
    assert_eq!(story.settled(), None);
    story.sink.answer_all(&Outcome::Delivered);
    story.pump();
    assert_eq!(story.settled(), Some(2));
}

#[test]
#[should_panic(expected = "records come in log order")]
fn records_out_of_order_are_a_broken_invariant() {
    let mut story = Story::of([2]);
    story.take(2, LANE, Priority::P2);
}
