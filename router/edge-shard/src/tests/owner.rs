//! The owner's half and its outbox, with plain values and no connection.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_event::{
    Class, DedupeMark, Event, EventId, EventTypeId, Partition, PlayerKey, ProducerKey, Provenance, Seq, ShardId,
    UnixMillis,
};
use edge_session::SessionKey;
use edge_wire::keys::player_key;

use super::client::class;
use super::rulebook::{ASK, HIT, NOISE, payload, serving};
use super::world::World;
use crate::config::Config;
use crate::home::Home;
use crate::ledger::Counters;
use crate::mesh::{Attach, Back, Forward, Origin, RoutedEvent};
use crate::outbox::{Outbox, ToSpool};
use crate::owner::Owner;
use crate::restored::Restored;

const NOW: UnixMillis = UnixMillis(1_767_225_600_000);
const PRODUCER: ProducerKey = ProducerKey(77);
const PLAYER: PlayerKey = PlayerKey(1);
const HERE: ShardId = ShardId(0);
const THERE: ShardId = ShardId(1);

/// A key that names a session of somebody's; only sessions make keys.
fn session() -> SessionKey {
    static KEY: OnceLock<SessionKey> = OnceLock::new();
    *KEY.get_or_init(|| {
        let mut world = World::new(2);
        world.back[1][0].is_stopped = true;
        world.knock(0, &super::world::player_of(1, 0), Provenance::Client, [0; 4]);
        match world.back[1][0].front() {
            Some(Back::Attached { session, .. }) => *session,
            other => panic!("HELLO is answered, not {other:?}"),
        }
    })
}

struct Desk {
    owner: Owner,
    outbox: Outbox,
    counters: Counters,
    start: Instant,
}

impl Desk {
    fn new(restored: Restored) -> Desk {
        Desk::with(restored, Config::default())
    }

    fn with(restored: Restored, config: Config) -> Desk {
        let start = Instant::now();
        Desk {
            owner: Owner::new(serving(1).rules.clone(), restored, &config, 1, start, NOW),
            outbox: Outbox::new(HERE, 2, &config),
            counters: Counters::default(),
            start,
        }
    }

    fn take(&mut self, from: ShardId, reliable: Option<u64>, event_type: u32) {
        let routed = routed(from, reliable, event_type, self.start);
        self.owner.take(routed, NOW, &mut self.outbox, &mut self.counters);
    }

    fn attach(&mut self, from: ShardId, after_ms: u64, provenance: Provenance) {
        let hello_at = self.start + Duration::from_millis(after_ms);
        let origin = Origin { shard: from, session: session() };
        let attach =
            Attach { origin, player: PLAYER, producer: PRODUCER, partition: partition(), provenance, hello_at };
        self.owner.attach(attach, &mut self.outbox);
    }

    fn commit(&mut self, up_to: u64) {
        self.owner.handle_committed(up_to, self.start, &mut self.outbox);
    }

    /// What goes to the other shard, in short.
    fn told(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        while let Some((peer, message)) = self.outbox.poll_back(&mut |_| true) {
            assert_eq!(peer, THERE);
            told.push(match message {
                Back::Done { class, seq, .. } => format!("done {}/{}", class.get(), seq.0),
                Back::Reply { name, .. } => format!("reply {name}"),
                Back::Attached { marks, .. } => format!("attached {:?}", marks.map(|seq| seq.0)),
                Back::TooMany { .. } => "too many".to_owned(),
                Back::Slow { .. } => "slow".to_owned(),
                Back::Superseded { .. } => "superseded".to_owned(),
            });
        }
        told
    }

    fn tickets(&mut self) -> Vec<u64> {
        let items = std::iter::from_fn(|| self.outbox.poll_record());
        let tickets = items.map(|item| match item {
            ToSpool::Record { ticket, .. } => ticket,
            ToSpool::Cut(number) => panic!("cut {number}"),
        });
        tickets.collect()
    }
}

fn partition() -> Partition {
    Partition::of(player_key("p1"))
}

fn routed(from: ShardId, reliable: Option<u64>, event_type: u32, arrived: Instant) -> RoutedEvent {
    let id = match reliable {
        Some(seq) => EventId::Reliable {
            sub: "p1".into(),
            producer: edge_event::ProducerId([1; 16]),
            class: class(0),
            seq: Seq(seq),
        },
        None => {
            EventId::Datagram { node: edge_event::NodeId(1), epoch: edge_event::StartEpoch(1), shard: from, ordinal: 1 }
        }
    };
    RoutedEvent {
        origin: Origin { shard: from, session: session() },
        producer: PRODUCER,
        reliable: reliable.map(|seq| (class(0), Seq(seq))),
        arrived,
        event: Event {
            id,
            event_type: EventTypeId(event_type),
            subject: "p1".into(),
            player: player_key("p1"),
            partition: partition(),
            arrival: NOW,
            happened: NOW,
            conn: Default::default(),
            payload: Bytes::from(payload(5)),
        },
    }
}

#[test]
fn answers_leave_in_the_order_of_tickets_and_never_before_their_commit() {
    let mut desk = Desk::new(Restored::default());
    desk.take(THERE, Some(1), HIT);
    desk.take(THERE, Some(2), NOISE);
    desk.take(THERE, Some(3), HIT);
    desk.take(THERE, Some(3), HIT);
    desk.take(THERE, Some(1), HIT);
    assert_eq!(desk.told(), ["done 0/2"]);
    assert_eq!(desk.tickets(), [1, 2]);
    desk.commit(1);
    assert_eq!(desk.told(), ["done 0/1"]);
    desk.commit(2);
    assert_eq!(desk.told(), ["done 0/3", "done 0/3", "done 0/1"]);
    desk.take(THERE, Some(2), HIT);
    assert_eq!(desk.told(), ["done 0/2"], "everything issued is committed");
    let counters = desk.counters;
    assert_eq!((counters.commanded, counters.no_match, counters.duplicate, counters.records), (2, 1, 3, 2));
}

#[test]
fn a_datagram_makes_a_record_and_no_answer() {
    let mut desk = Desk::new(Restored::default());
    desk.take(THERE, None, HIT);
    desk.take(THERE, None, HIT);
    desk.take(THERE, None, ASK);
    assert_eq!(desk.told(), ["reply first", "reply second"]);
    assert_eq!(desk.owner.waiting_len(), 2, "for the latency");
    desk.commit(2);
    assert_eq!((desk.told().len(), desk.owner.waiting_len(), desk.owner.latency().total()), (0, 0, 2));
}

#[test]
fn a_home_answers_with_marks_when_they_are_committed_and_says_who_is_superseded() {
    let mut desk = Desk::new(Restored::default());
    desk.take(THERE, Some(9), HIT);
    desk.attach(THERE, 10, Provenance::Client);
    assert_eq!(desk.told(), Vec::<String>::new());
    desk.commit(1);
    assert_eq!(desk.told(), ["done 0/9", "attached [9, 0, 0, 0]"]);
    desk.attach(HERE, 20, Provenance::Client);
    assert_eq!(desk.told(), ["superseded"]);
    desk.attach(THERE, 15, Provenance::Client);
    assert_eq!(desk.told(), ["superseded"], "overtaken, so it is not welcomed");
    desk.attach(THERE, 30, Provenance::Server);
    assert_eq!(desk.told(), ["attached [0, 0, 0, 0]"]);
}

#[test]
fn restored_marks_are_durable_and_answered_at_once() {
    let mark = |seq| DedupeMark { producer: PRODUCER, class: class(0), partition: partition(), seq: Seq(seq), at: NOW };
    let mut desk = Desk::new(Restored { marks: vec![mark(4), mark(3)], cells: Vec::new() });
    desk.take(THERE, Some(4), HIT);
    desk.take(THERE, Some(5), HIT);
    assert_eq!(desk.told(), ["done 0/4"]);
    assert_eq!(desk.tickets(), [1]);
}

#[test]
#[should_panic(expected = "the spool committed ticket 2 of 1")]
fn a_commit_of_what_was_never_issued_is_a_defect() {
    let mut desk = Desk::new(Restored::default());
    desk.take(THERE, Some(1), HIT);
    desk.commit(2);
}

#[test]
fn room_is_for_the_worst_that_any_event_can_do() {
    let config = Config { back_slots: 5, record_slots: 2, waiting_slots: 2, ..Config::default() };
    let start = Instant::now();
    let mut outbox = Outbox::new(HERE, 2, &config);
    let owner = Owner::new(serving(1).rules.clone(), Restored::default(), &config, 1, start, NOW);
    assert!(owner.has_room(&outbox));
    let done = || Back::Done { session: session(), class: Class::ALL[0], seq: Seq(1) };
    outbox.back(THERE, done());
    assert!(owner.has_room(&outbox), "a completion, a word to slow down and two replies fit beside it");
    outbox.back(THERE, done());
    assert!(!owner.has_room(&outbox));
    assert!(outbox.poll_back(&mut |_| false).is_none(), "the ring is full");
    assert!(outbox.poll_back(&mut |_| true).is_some());
    assert!(owner.has_room(&outbox));
}

#[test]
fn neither_records_nor_answers_pile_up() {
    let has_room = |desk: &Desk| desk.owner.has_room(&desk.outbox);
    let mut desk = Desk::with(Restored::default(), Config { record_slots: 1, ..Config::default() });
    desk.take(THERE, Some(1), HIT);
    assert!(!has_room(&desk), "the record waits for its ring");
    desk.tickets();
    assert!(has_room(&desk));
    let mut desk = Desk::with(Restored::default(), Config { waiting_slots: 1, ..Config::default() });
    desk.take(THERE, Some(1), HIT);
    desk.tickets();
    assert!(!has_room(&desk), "the answer waits for the commit");
    desk.commit(1);
    assert!(has_room(&desk));
}

#[test]
fn an_event_larger_than_a_lane_goes_into_an_empty_one() {
    let config = Config { back_slots: 1, ..Config::default() };
    let mut outbox = Outbox::new(HERE, 2, &config);
    assert!(outbox.has_room(1_000));
    outbox.back(THERE, Back::Superseded { session: session() });
    assert!(!outbox.has_room(1_000) && !outbox.has_room(0));
}

#[test]
fn forward_lanes_keep_room_for_what_must_not_wait_behind_events() {
    let config = Config { forward_slots: 4, ..Config::default() };
    let mut outbox = Outbox::new(HERE, 3, &config);
    let mut rooms = Vec::new();
    for number in 0..8 {
        rooms.push([outbox.has_packet_room(THERE), outbox.has_forward_room(THERE), outbox.has_attach_room(THERE)]);
        outbox.forward(THERE, Forward::Cut(number));
    }
    assert_eq!(
        rooms.iter().map(|r| r.map(u8::from)).collect::<Vec<_>>(),
        [[1, 1, 1], [1, 1, 1], [0, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]]
    );
    assert!(!outbox.has_attach_room(THERE));
    assert!(outbox.has_packet_room(ShardId(2)), "each lane for itself");
}

#[test]
fn peers_are_served_in_turn_and_each_in_order() {
    let mut outbox = Outbox::new(HERE, 4, &Config::default());
    for number in 0..2 {
        for peer in [3, 1, 2] {
            outbox.forward(ShardId(peer), Forward::Cut(number * 10 + u64::from(peer)));
        }
    }
    let mut polled = Vec::new();
    while let Some((peer, Forward::Cut(number))) = outbox.poll_forward(&mut |p| p != ShardId(2)) {
        polled.push((peer.0, number));
    }
    assert_eq!(polled, [(1, 1), (3, 3), (1, 11), (3, 13)]);
    assert!(outbox.is_waiting());
    assert_eq!(outbox.poll_forward(&mut |_| true), Some((ShardId(2), Forward::Cut(2))));
}

#[test]
fn what_the_ring_was_not_asked_to_take_is_no_backlog() {
    let config = Config { record_slots: 8, forward_slots: 4, ..Config::default() };
    let mut outbox = Outbox::new(HERE, 2, &config);
    (1..=6).for_each(|number| outbox.cut(number));
    assert_eq!(outbox.eighths(), 12, "six of four slots");
    while outbox.poll_forward(&mut |_| true).is_some() {}
    assert_eq!(outbox.eighths(), 0);
    outbox.end_turn();
    assert_eq!(outbox.eighths(), 6);
    assert!(outbox.leaves_own_share());
    outbox.cut(7);
    assert!(!outbox.leaves_own_share());
    outbox.poll_record();
    assert_eq!(outbox.eighths(), 5);
}

#[test]
fn the_later_hello_is_the_newer_session() {
    let mut home = Home::new(1);
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let origin = |shard| Origin { shard: ShardId(shard), session: session() };
    assert_eq!(home.attach(PLAYER, PRODUCER, origin(0), at(5)), None);
    assert_eq!(home.attach(PLAYER, PRODUCER, origin(1), at(4)), Some(origin(1)), "it was overtaken");
    assert_eq!(home.attach(PLAYER, PRODUCER, origin(2), at(5)), Some(origin(0)));
    home.detach(PRODUCER, origin(0));
    home.detach(PRODUCER, origin(1));
    assert_eq!(home.attach(PLAYER, PRODUCER, origin(3), at(9)), Some(origin(2)));
    home.detach(PRODUCER, origin(3));
    assert_eq!(home.attach(PLAYER, PRODUCER, origin(0), at(1)), None, "nobody is left");
    assert_eq!(home.attach(PLAYER, ProducerKey(1), origin(0), at(1)), None);
}
