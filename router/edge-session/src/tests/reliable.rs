//! Reliable events: order, receipts, credit, resume, rejects.

use std::time::Duration;

use bytes::Bytes;
use edge_event::{CommandId, Seq, UnixMillis};
use edge_wire::{CloseCode, Hello, RejectCode, ServerFrame, StreamHeader};
use quinn_proto::Dir;

use super::world::{SECOND, World, class, event, event_bytes, hello};
use crate::{Budget, Config, Origin, Rate, Welcome};

fn world() -> World {
    World::new(Config::default())
}

const RECEIPT_DELAY: Duration = Duration::from_millis(30);

#[test]
fn events_arrive_in_order_and_get_one_receipt_together() {
    let mut world = world();
    let client = world.player();
    world.clients[client].open_class(class(1), 1..=5);
    world.exchange();
    assert_eq!(world.seqs(class(1)), [1, 2, 3, 4, 5]);
    let first = &world.arrived[0];
    assert_eq!((&*first.conn.sub, first.event_type.0, &first.payload[..]), ("p1", 9, &b"e1"[..]));
    assert_eq!(first.producer, world.hellos[0].producer);
    assert!(world.clients[client].frames.is_empty(), "a receipt waits for company");
    world.pass(RECEIPT_DELAY);
    assert_eq!(world.clients[client].receipts(), [0, 5, 0, 0]);
    assert_eq!(world.shards[0].stats().receipts, 1);
}

#[test]
fn sixteen_events_get_their_receipt_at_once() {
    let mut world = world();
    let client = world.player();
    world.clients[client].open_class(class(0), 1..=16);
    world.exchange();
    assert_eq!(world.clients[client].receipts(), [16, 0, 0, 0]);
}

#[test]
fn a_receipt_waits_for_the_slowest_before_it() {
    let mut world = world();
    world.completes = false;
    let client = world.player();
    world.clients[client].open_class(class(0), 1..=4);
    world.exchange();
    let key = world.key();
    for seq in [4, 2, 3] {
        world.shards[0].complete(key, class(0), Seq(seq));
    }
    world.pass(SECOND);
    assert_eq!(world.clients[client].receipts(), [0; 4]);
    world.shards[0].complete(key, class(0), Seq(1));
    world.pass(RECEIPT_DELAY);
    assert_eq!(world.clients[client].receipts(), [4, 0, 0, 0]);
}

#[test]
fn a_rejected_event_is_told_and_its_number_is_consumed() {
    let mut world = world();
    world.completes = false;
    let client = world.player();
    world.clients[client].open_class(class(0), 1..=2);
    world.exchange();
    let key = world.key();
    world.shards[0].reject(key, class(0), Seq(2), RejectCode::EventTypeUnknown, "type 9");
    world.pass(RECEIPT_DELAY);
    let [ServerFrame::Reject(reject)] = &world.clients[client].frames[..] else { panic!("no REJECT alone") };
    assert_eq!((reject.seq, reject.known(), &*reject.detail), (Seq(2), Some(RejectCode::EventTypeUnknown), "type 9"));
    world.shards[0].complete(key, class(0), Seq(1));
    world.pass(RECEIPT_DELAY);
    assert_eq!(world.clients[client].receipts(), [2, 0, 0, 0]);
}

#[test]
fn a_client_resumes_at_or_below_the_receipts() {
    let mut world = world();
    let marks = [Seq(10), Seq(0), Seq(0), Seq(0)];
    world.welcome = Some(Welcome { resumed: true, marks, ..Welcome::default() });
    let client = world.player();
    // It missed the last receipts and resends from 8.
    world.clients[client].open_class(class(0), 8..=12);
    world.exchange();
    assert_eq!(world.seqs(class(0)), [11, 12]);
    assert_eq!(world.shards[0].stats().events_finished_before, 3);
    world.pass(RECEIPT_DELAY);
    assert_eq!(world.clients[client].receipts(), [12, 0, 0, 0]);
}

#[test]
fn the_clients_own_receipts_count_on_a_node_that_does_not_know_it() {
    let mut world = world();
    let client = world.connect();
    world.exchange();
    world.clients[client].hello(Hello { highest_receipts: [Seq(100), Seq(0), Seq(0), Seq(0)], ..hello() });
    world.exchange();
    world.clients[client].open_class(class(0), 101..=103);
    world.pass(RECEIPT_DELAY);
    assert_eq!(world.seqs(class(0)), [101, 102, 103]);
    assert_eq!(world.clients[client].receipts(), [103, 0, 0, 0]);
}

#[test]
fn gaps_and_repetitions_end_the_connection() {
    for seqs in [vec![2], vec![1, 3], vec![1, 1], vec![1, 2, 1]] {
        let mut world = world();
        let client = world.player();
        let mut bytes = Vec::new();
        StreamHeader::Events(class(2)).encode(&mut bytes);
        seqs.iter().for_each(|seq| bytes.extend(event_bytes(*seq, 1)));
        world.clients[client].open(Dir::Uni, &bytes);
        world.exchange();
        assert_eq!(world.clients[client].closed().code, CloseCode::SeqGap, "{seqs:?}");
    }
}

#[test]
fn a_class_has_one_stream() {
    let mut world = world();
    let client = world.player();
    world.clients[client].open_class(class(0), 1..=1);
    world.clients[client].open_class(class(1), 1..=1);
    world.exchange();
    world.clients[client].open_class(class(0), 2..=2);
    world.exchange();
    assert_eq!(world.clients[client].closed().code, CloseCode::StreamDuplicate);
}

#[test]
fn a_class_that_was_finished_leaves_the_others_alone() {
    let mut world = world();
    let client = world.player();
    let id = world.clients[client].open_class(class(0), 1..=2);
    world.clients[client].conn.send_stream(id).finish().unwrap();
    let other = world.clients[client].open_class(class(3), 1..=1);
    world.pass(SECOND);
    world.clients[client].send(other, 2..=2);
    world.pass(SECOND);
    assert_eq!(world.clients[client].receipts(), [2, 0, 0, 2]);
}

#[test]
fn nobody_sends_beyond_the_credit() {
    let mut world = World::new(Config { window_events: [4; 4], ..Config::default() });
    world.completes = false;
    let client = world.player();
    let id = world.clients[client].open_class(class(0), 1..=4);
    world.exchange();
    let key = world.key();
    world.shards[0].complete(key, class(0), Seq(1));
    world.pass(RECEIPT_DELAY);
    let credit: Vec<_> = world.clients[client].frames.iter().filter(|f| matches!(f, ServerFrame::Credit(_))).collect();
    let [ServerFrame::Credit(credit)] = credit[..] else { panic!("no CREDIT alone") };
    assert_eq!(credit.up_to, Seq(5));
    world.clients[client].send(id, 5..=5);
    world.exchange();
    assert_eq!(world.seqs(class(0)).len(), 5);
    world.clients[client].send(id, 6..=6);
    world.exchange();
    assert_eq!(world.clients[client].closed().code, CloseCode::CreditExceeded);
}

#[test]
fn a_paused_class_waits_without_loss_and_without_blame() {
    let mut world = World::new(Config { window_events: [8; 4], ..Config::default() });
    let client = world.player();
    world.shards[0].pause(class(3));
    let bulk = world.clients[client].open_class(class(3), 1..=1);
    let urgent = world.clients[client].open_class(class(0), 1..=8);
    world.pass(SECOND);
    assert_eq!(world.seqs(class(0)).len(), 8);
    world.clients[client].send(bulk, 2..=8);
    world.clients[client].send(urgent, 9..=9);
    world.pass(8 * SECOND);
    assert!(world.seqs(class(3)).is_empty(), "not even what came with the stream's header");
    assert!(world.clients[client].lost.is_none());
    world.shards[0].resume(class(3));
    world.pass(SECOND);
    assert_eq!(world.seqs(class(3)), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(world.clients[client].receipts(), [9, 0, 0, 8]);
}

#[test]
fn a_frame_cut_by_a_pause_is_not_the_clients_fault() {
    let mut world = world();
    let client = world.player();
    let id = world.clients[client].open_class(class(3), 1..=1);
    let bytes = event_bytes(2, 1);
    world.clients[client].write(id, &bytes[..4]);
    world.pass(3 * SECOND);
    world.shards[0].pause(class(3));
    world.clients[client].write(id, &bytes[4..]);
    world.pass(8 * SECOND);
    assert!(world.clients[client].lost.is_none());
    assert_eq!(world.seqs(class(3)), [1]);
    world.shards[0].resume(class(3));
    world.pass(SECOND);
    assert_eq!(world.seqs(class(3)), [1, 2]);
}

#[test]
fn a_paused_class_gets_receipts_and_no_credit_until_it_is_resumed() {
    let mut world = World::new(Config { window_events: [4; 4], ..Config::default() });
    world.completes = false;
    let client = world.player();
    world.clients[client].open_class(class(3), 1..=4);
    world.exchange();
    world.shards[0].pause(class(3));
    let key = world.key();
    (1..=4).for_each(|seq| world.shards[0].complete(key, class(3), Seq(seq)));
    world.pass(RECEIPT_DELAY);
    assert!(
        matches!(world.clients[client].frames[..], [ServerFrame::Receipt(_)]),
        "{:?}",
        world.clients[client].frames
    );
    world.shards[0].resume(class(3));
    world.exchange();
    let [_, ServerFrame::Credit(credit)] = &world.clients[client].frames[..] else { panic!("no CREDIT") };
    assert_eq!((credit.class, credit.up_to), (class(3), Seq(8)));
}

#[test]
fn past_the_budget_streams_are_read_slowly_and_nothing_is_lost() {
    let mut budget = Budget::for_players();
    budget.events = Rate { a_second: 10, burst: 20 };
    let mut world = World::new(Config { client_budget: budget, ..Config::default() });
    let client = world.player();
    world.clients[client].open_class(class(0), 1..=100);
    world.exchange();
    assert!((20..=22).contains(&world.arrived.len()), "{}", world.arrived.len());
    world.pass(2 * SECOND);
    assert!((38..=44).contains(&world.arrived.len()), "{}", world.arrived.len());
    world.pass(7 * SECOND);
    assert_eq!(world.seqs(class(0)), (1..=100).collect::<Vec<_>>());
    assert!(world.clients[client].lost.is_none());
    assert!(world.shards[0].stats().streams_slowed > 10);
}

#[test]
fn large_events_pass_and_too_large_ones_end_the_connection() {
    let mut world = world();
    let client = world.player();
    let payload = |len: usize, seq| {
        let mut bytes = Vec::new();
        edge_wire::EventFrame { payload: Bytes::from(vec![7; len]), ..event(seq, 1) }.encode(&mut bytes).unwrap();
        bytes
    };
    let id = world.clients[client].open_class(class(0), 1..=1);
    world.clients[client].write(id, &payload(16 * 1024, 2));
    world.exchange();
    assert_eq!(world.arrived[1].payload.len(), 16 * 1024);
    world.clients[client].write(id, &payload(16 * 1024 + 30, 3));
    world.exchange();
    assert_eq!(world.clients[client].closed().code, CloseCode::FrameTooLarge);
}

#[test]
fn the_clients_clock_is_mapped_and_never_runs_ahead() {
    let mut world = world();
    let client = world.player();
    let hello_at = world.unix_ms;
    world.pass(10 * SECOND);
    let mut bytes = Vec::new();
    StreamHeader::Events(class(0)).encode(&mut bytes);
    for (seq, client_ms) in [(1, 4_000), (2, 1_000), (3, 400), (4, 99_000), (5, (1 << 62) - 1)] {
        bytes.extend(event_bytes(seq, client_ms));
    }
    world.clients[client].open(Dir::Uni, &bytes);
    world.exchange();
    // HELLO said 1,000 ms.
    let happened: Vec<i64> = world.arrived.iter().map(|arrived| arrived.happened.0 - hello_at).collect();
    assert_eq!(happened, [3_000, 0, -600, 10_000, 10_000]);
    assert!(world.arrived.iter().all(|arrived| arrived.arrival == UnixMillis(hello_at + 10_000)));
}

/// Ages are measured by the monotonic clocks of both ends, and dates by what the shard shows.
#[test]
fn a_step_of_the_wall_makes_no_event_late() {
    for step_ms in [3_600_000, -3_600_000] {
        let mut world = world();
        let client = world.player();
        world.pass(10 * SECOND);
        world.unix_ms += step_ms;
        let mut bytes = Vec::new();
        StreamHeader::Events(class(0)).encode(&mut bytes);
        // HELLO said 1,000 ms, ten seconds ago: told just now, and two seconds ago.
        for (seq, client_ms) in [(1, 11_000), (2, 9_000)] {
            bytes.extend(event_bytes(seq, client_ms));
        }
        world.clients[client].open(Dir::Uni, &bytes);
        world.exchange();
        let ages: Vec<i64> = world.arrived.iter().map(|arrived| arrived.arrival.0 - arrived.happened.0).collect();
        assert_eq!(ages, [0, 2_000], "{step_ms}");
    }
}

/// Recorded events: both ends live by a wall that leaps, and every event is dated as it was recorded.
#[test]
fn where_a_wall_is_moved_by_hand_ages_are_measured_by_it() {
    let mut world = World::new(Config { ages_by_wall: true, ..Config::default() });
    let client = world.player();
    let hello_at = world.unix_ms;
    world.unix_ms += 3_600_000;
    let mut bytes = Vec::new();
    StreamHeader::Events(class(0)).encode(&mut bytes);
    // HELLO said 1,000 ms, an hour ago.
    for (seq, client_ms) in [(1, 3_591_000), (2, 3_600_000), (3, 3_601_000)] {
        bytes.extend(event_bytes(seq, client_ms));
    }
    world.clients[client].open(Dir::Uni, &bytes);
    world.exchange();
    let happened: Vec<i64> = world.arrived.iter().map(|arrived| arrived.happened.0 - hello_at).collect();
    assert_eq!(happened, [3_590_000, 3_599_000, 3_600_000]);
}

#[test]
fn replies_reach_the_client_within_their_budget() {
    let mut budget = Budget::for_players();
    budget.reply_bytes = Rate { a_second: 100, burst: 1_000 };
    let mut world = World::new(Config { client_budget: budget, ..Config::default() });
    let client = world.player();
    let key = world.key();
    let body = Bytes::from(vec![b'1'; 300]);
    let taken = (0..5).filter(|i| world.shards[0].reply(key, CommandId([*i; 16]), "tip", &body)).count();
    assert_eq!(taken, 3);
    assert!(!world.shards[0].reply(key, CommandId([9; 16]), &"n".repeat(500), &Bytes::new()), "beyond a frame's limit");
    world.exchange();
    assert_eq!(world.clients[client].frames.len(), 3);
    let ServerFrame::Command(command) = &world.clients[client].frames[2] else { panic!("no COMMAND") };
    assert_eq!((command.id, &*command.name, &command.body), (CommandId([2; 16]), "tip", &body));
    world.clients[client].close(world.now);
    world.exchange();
    assert!(!world.shards[0].reply(key, CommandId([9; 16]), "tip", &body), "the session is gone");
    let stats = world.shards[0].stats();
    assert_eq!((stats.replies, stats.replies_dropped), (3, 4));
}

#[test]
fn a_client_that_does_not_read_is_not_read() {
    let config = Config { control_backlog_bytes_max: 16 * 1024, ..Config::default() };
    let mut world = World::new(config);
    let client = world.player();
    let key = world.key();
    world.clients[client].muted = true;
    let body = Bytes::from(vec![b'1'; 7_000]);
    let taken = (0..100u8).filter(|i| world.shards[0].reply(key, CommandId([*i; 16]), "tip", &body)).count();
    // The transport's window, the backlog, and one more.
    assert!((3..=40).contains(&taken), "{taken}");
    world.clients[client].muted = false;
    world.clients[client].open_class(class(0), 1..=3);
    world.pass(5 * SECOND);
    assert_eq!(world.clients[client].receipts(), [3, 0, 0, 0]);
    let replies = world.clients[client].frames.iter().filter(|frame| matches!(frame, ServerFrame::Command(_))).count();
    assert_eq!(replies, taken);
}

#[test]
fn ordinals_and_seqs_do_not_mix() {
    let mut world = world();
    let client = world.player();
    world.clients[client].open_class(class(0), 1..=1);
    world.exchange();
    world.clients[client].send_datagram(event_bytes(0, 1));
    world.exchange();
    let origins: Vec<Origin> = world.arrived.iter().map(|arrived| arrived.origin).collect();
    assert_eq!(origins, [Origin::Reliable { class: class(0), seq: Seq(1) }, Origin::Datagram { ordinal: 1 }]);
}
