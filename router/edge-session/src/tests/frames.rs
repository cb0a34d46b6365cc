//! Frames that a real stack would not send: storms, floods, gaps, acknowledgements of what was never sent.
//!
//! Each story has a client whose keys are real and whose packets say what the story wants, and most have a neighbour who
//! must not notice.

use edge_wire::CloseCode;

use super::pen::{Space, crypto_frame, frame, new_connection_id, path_challenge, stream};
use super::world::{SECOND, World, class};
use crate::{Budget, Config, Ended, Limit, Rate};

/// As large as a datagram's room for frames gets.
const FULL: usize = 1_100;

fn with_budget(change: impl FnOnce(&mut Budget)) -> World {
    let mut budget = Budget::for_players();
    change(&mut budget);
    World::new(Config { client_budget: budget, ..Config::default() })
}

/// Says `frames` in full packets, `packets` times or until the connection has ended, and tells how many were said.
fn flood(world: &mut World, client: usize, packets: usize, frames: &[u8]) -> usize {
    for n in 0..packets {
        if world.clients[client].lost.is_some() || !world.ended.is_empty() {
            return n;
        }
        world.say(client, frames, FULL);
    }
    packets
}

fn closed_for(world: &World, limit: Limit) {
    assert_eq!(
        world.ended.iter().map(|(_, ended)| *ended).collect::<Vec<_>>(),
        [Ended::ByUs(CloseCode::BudgetExceeded)]
    );
    let stats = world.shards[0].stats();
    assert_eq!(stats.over_budget[limit as usize], 1, "{limit:?}: {:?}", stats.over_budget);
    assert_eq!(stats.over_budget.iter().sum::<u64>(), 1);
}

#[test]
fn every_kind_of_tiny_frame_has_a_budget() {
    let kinds: [(&str, Vec<u8>); 12] = [
        ("PING", frame(0x01, &[])),
        ("ACK", frame(0x02, &[0, 0, 0, 0])),
        ("STREAM", stream(2, 0, &[])),
        ("MAX_DATA", frame(0x10, &[1])),
        ("MAX_STREAM_DATA", frame(0x11, &[0, 1])),
        ("MAX_STREAMS, bidirectional", frame(0x12, &[1])),
        ("MAX_STREAMS, unidirectional", frame(0x13, &[1])),
        ("DATA_BLOCKED", frame(0x14, &[1])),
        ("STREAM_DATA_BLOCKED", frame(0x15, &[2, 1])),
        ("STREAMS_BLOCKED", frame(0x16, &[1])),
        ("CRYPTO", crypto_frame(0, &[])),
        ("IMMEDIATE_ACK", frame(0x1f, &[])),
    ];
    for (name, frame) in kinds {
        let mut world = with_budget(|budget| budget.frames = Rate { a_second: 10, burst: 2_000 });
        let neighbour = world.player();
        let client = world.player();
        let a_packet = FULL / frame.len();
        let packets = flood(&mut world, client, 100, &frame.repeat(a_packet));
        let closed = world.clients[client].closed();
        assert_eq!((closed.code, closed.retry_after_ms), (CloseCode::BudgetExceeded, Some(10_000)), "{name}");
        assert_eq!(closed.detail, "budget of frames", "{name}");
        // Frames are counted every 4 KiB, so at most four packets come late.
        assert!(packets <= 2_000 / a_packet + 5, "{name}: {packets} packets of {a_packet} frames");
        world.clients[neighbour].open_class(class(0), 1..=3);
        world.pass(SECOND);
        assert_eq!(world.clients[neighbour].receipts()[0], 3, "{name}");
    }
}

#[test]
fn one_reset_too_many_ends_the_connection() {
    let mut world = World::new(Config::default());
    let client = world.player();
    world.clients[client].open_class(class(0), 1..=1);
    world.exchange();
    // The same reset again and again: no new stream, no state, only work.
    let resets = frame(0x04, &[2, 0, 40]).repeat(50);
    world.say(client, &frame(0x04, &[2, 0, 40]), FULL);
    assert_eq!(flood(&mut world, client, 3, &resets), 3);
    world.say(client, &frame(0x04, &[2, 0, 40]).repeat(49), FULL);
    world.pass(SECOND / 100);
    assert!(world.ended.is_empty(), "200 pass");
    flood(&mut world, client, 8, &frame(0x04, &[2, 0, 40]));
    closed_for(&world, Limit::Resets);
    assert_eq!(world.clients[client].closed().retry_after_ms, Some(10_000));
}

#[test]
fn retired_connection_ids_have_a_budget() {
    let mut world = World::new(Config::default());
    let client = world.player();
    // The library would not understand why new ids keep coming.
    world.clients[client].deaf = true;
    let mut retired = 0;
    while world.ended.is_empty() && retired < 1_000 {
        // None before it was issued; and packets go on under the id of the handshake, which is not retired.
        retired += 1;
        world.say(client, &frame(0x19, &[retired]), FULL);
    }
    closed_for(&world, Limit::RetiredIds);
    assert!((101..=104).contains(&retired), "{retired} retired");
    // Slowly, it is nobody's business.
    let mut world = World::new(Config::default());
    let client = world.player();
    world.clients[client].deaf = true;
    for sequence in 1..=140 {
        world.say(client, &frame(0x19, &[sequence]), FULL);
        if sequence > 90 {
            world.pass(SECOND);
        }
    }
    assert!(world.ended.is_empty());
}

#[test]
fn announced_connection_ids_have_a_budget_and_a_bound() {
    let mut world = World::new(Config::default());
    let client = world.player();
    let mut announced = 0;
    // It is told the end under an id that it made up.
    while world.ended.is_empty() && announced < 1_000 {
        announced += 1;
        world.say(client, &new_connection_id(announced + 10, announced + 10), FULL);
    }
    closed_for(&world, Limit::NewIds);
    assert!((90..=104).contains(&announced), "{announced} announced");
    // More at once than the limit that we told: the transport's own code (RFC 9000 §5.1.1).
    let mut world = World::new(Config::default());
    let client = world.player();
    let many: Vec<u8> = (10..30).flat_map(|sequence| new_connection_id(sequence, 0)).collect();
    world.say(client, &many, FULL);
    assert_eq!(world.clients[client].violated(), 0x09, "CONNECTION_ID_LIMIT_ERROR");
}

#[test]
fn questions_about_the_path_have_a_budget() {
    let mut world = World::new(Config::default());
    let client = world.player();
    let before = world.clients[client].received_bytes;
    let mut asked = 0;
    while world.clients[client].lost.is_none() && asked < 1_000 {
        asked += 1;
        world.say(client, &path_challenge(asked), 20);
    }
    closed_for(&world, Limit::Paths);
    assert!((33..=48).contains(&asked), "{asked} asked");
    let answered = world.clients[client].received_bytes - before;
    assert!(answered <= 48 * 1_200 + 1_200, "{answered} bytes");
}

#[test]
fn acknowledging_what_was_never_sent_is_a_violation() {
    let mut world = World::new(Config::default());
    let client = world.player();
    world.say(client, &frame(0x02, &[1_000_000, 0, 0, 0]), 0);
    assert_eq!(world.clients[client].violated(), 0x0a, "PROTOCOL_VIOLATION");
    assert_eq!(world.shards[0].stats().transport_violations, 1);
}

/// The server leaves out a packet number now and then; who acknowledges it acknowledges without having received.
#[test]
fn acknowledging_a_packet_that_was_left_out_is_a_violation() {
    let mut world = World::new(Config::default());
    let client = world.player();
    let id = world.clients[client].open_class(class(0), 1..=1);
    // Each receipt is a packet; among the first 64 numbers one is left out.
    for seq in 2..=80 {
        world.clients[client].send(id, seq..=seq);
        world.pass(SECOND / 10);
    }
    assert_eq!(world.clients[client].receipts()[0], 80);
    assert!(world.clients[client].lost.is_none());
    world.say(client, &frame(0x02, &[70, 0, 0, 70]), 0);
    assert_eq!(world.clients[client].violated(), 0x0a, "PROTOCOL_VIOLATION");
}

#[test]
fn an_optimistic_acknowledger_gets_no_more_than_the_send_window() {
    let mut world = World::new(Config::default());
    let client = world.player();
    let key = world.key();
    world.clients[client].deaf = true;
    let before = world.clients[client].received_bytes;
    let body = bytes::Bytes::from(vec![b'x'; 7_000]);
    let mut guess = 0;
    for n in 0..200 {
        world.shards[0].reply(key, edge_event::CommandId([n; 16]), "r", &body);
        // It acknowledges everything that may have been sent, as soon as it may have been sent.
        guess += 6;
        if !world.ended.is_empty() {
            break;
        }
        world.say(client, &frame(0x02, &[guess, 0, 0, 0]), 0);
    }
    let received = world.clients[client].received_bytes - before;
    let cap = Config::default().transport.send_window_bytes as usize;
    assert!(!world.ended.is_empty(), "a guess was wrong at last");
    assert!(received <= cap + cap / 4, "{received} bytes to who only guesses");
}

#[test]
fn ranges_that_fall_below_zero_are_malformed() {
    let mut world = World::new(Config::default());
    let client = world.player();
    // Five hundred ranges below packet number 0.
    let mut ack = frame(0x02, &[2, 0, 500, 0]);
    ack.extend(frame(0, &[0; 2]).repeat(500).into_iter().take(1_000));
    world.say(client, &ack, FULL);
    assert_eq!(world.clients[client].violated(), 0x07, "FRAME_ENCODING_ERROR");
}

#[test]
fn gaps_are_held_within_the_window_and_no_further() {
    let window = u64::from(Config::default().transport.stream_window_bytes);
    let mut world = World::new(Config::default());
    let client = world.player();
    world.say(client, &stream(2, window - 1, &[0]), 0);
    assert!(world.clients[client].lost.is_none());
    world.say(client, &stream(2, window, &[0]), 0);
    assert_eq!(world.clients[client].violated(), 0x03, "FLOW_CONTROL_ERROR");
    // One byte here and one there: too many pieces.
    let mut world = with_budget(|budget| budget.frames = Rate { a_second: 1_000_000, burst: 1_000_000 });
    let client = world.player();
    for n in 0..100 {
        if world.clients[client].lost.is_some() {
            break;
        }
        let pieces: Vec<u8> = (0..100).flat_map(|piece| stream(2, 2 * (100 * n + piece) + 1, &[0])).collect();
        world.say(client, &pieces, 0);
    }
    assert!(world.clients[client].lost.is_some(), "10,000 pieces are not kept");
    let mut world = World::new(Config::default());
    let client = world.player();
    world.say(client, &crypto_frame(8 * 1024 + 1, &[0]), 0);
    assert_eq!(world.clients[client].violated(), 0x0d, "CRYPTO_BUFFER_EXCEEDED");
}

#[test]
fn gaps_in_the_handshake_are_bounded_and_end_with_its_deadline() {
    let mut world = World::new(Config::default());
    let client = world.connect();
    world.clients[client].pen.write(Space::Initial, &crypto_frame(9 * 1024, &[0]));
    world.exchange();
    assert!(world.clients[client].lost.is_some(), "beyond the buffer");
    let mut world = World::new(Config::default());
    let client = world.connect();
    world.clients[client].pen.write(Space::Initial, &crypto_frame(1_000, &[0; 100]));
    world.clients[client].deaf = true;
    world.exchange();
    assert_eq!(world.shards[0].stats().half_open, 1, "a hole is not yet a fault");
    world.clients[client].muted = true;
    world.pass(3 * SECOND + SECOND / 100);
    assert_eq!((world.shards[0].stats().half_open, world.shards[0].stats().handshakes_expired), (0, 1));
}

/// Packets without a frame that asks for anything: nobody is closed for them, for anybody could have sent them; but most
/// are not read.
#[test]
fn packets_past_their_rate_are_not_read_and_nobody_is_closed() {
    let mut world = with_budget(|budget| budget.packets = Rate { a_second: 10, burst: 60 });
    let client = world.player();
    for _ in 0..300 {
        world.say(client, &[0], 20);
    }
    assert!(world.clients[client].lost.is_none());
    let unread = world.shards[0].stats().datagrams_unread;
    assert!((240..=300).contains(&unread), "{unread} of 300");
    // Later it is heard again.
    world.pass(6 * SECOND);
    world.clients[client].open_class(class(0), 1..=3);
    world.pass(2 * SECOND);
    assert_eq!(world.clients[client].receipts()[0], 3);
}

#[test]
fn one_connection_takes_only_its_part_of_a_turn() {
    let mut world = World::new(Config::default());
    let neighbour = world.player();
    let client = world.player();
    let packets: Vec<_> = (0..1_000).map(|_| world.inked(client, &[0x01, 0x01], 2)).collect();
    let address = world.clients[client].address;
    for packet in packets {
        world.deliver(0, address, packet);
    }
    assert_eq!(world.shards[0].stats().datagrams_unread, 1_000 - 256);
    world.clients[neighbour].open_class(class(0), 1..=3);
    world.pass(SECOND);
    assert_eq!(world.clients[neighbour].receipts()[0], 3);
    assert!(world.clients[client].lost.is_none());
}

/// Who saw a connection id can send any noise to it. It costs the connection nothing but what is not read.
#[test]
fn noise_under_a_real_connection_id_is_held_against_nobody() {
    let mut world = World::new(Config::default());
    let client = world.player();
    let real = world.inked(client, &[0x01], 40);
    let before = world.shards[0].stats();
    for n in 0..200u8 {
        let mut noise = real.clone();
        noise[20] ^= n | 1;
        world.deliver(0, ([203, 0, 113, n], 7).into(), noise);
        world.exchange();
    }
    let stats = world.shards[0].stats();
    assert_eq!((stats.violations, stats.address_changes), (before.violations, before.address_changes));
    world.clients[client].open_class(class(0), 1..=3);
    world.pass(SECOND);
    assert_eq!(world.clients[client].receipts()[0], 3);
}

/// A stream that is opened only to be reset takes the place of a class: the fifth ends the connection.
#[test]
fn opening_and_resetting_streams_ends_with_the_classes() {
    let mut world = World::new(Config::default());
    let client = world.player();
    for n in 0..100u64 {
        if world.clients[client].lost.is_some() {
            break;
        }
        let id = 2 + 4 * n;
        world.say(client, &[stream(id, 0, &[2]), frame(0x04, &[id, 0, 1])].concat(), 0);
    }
    assert_eq!(world.clients[client].closed().code, CloseCode::StreamDuplicate);
    assert_eq!(world.clients[client].pen.written(), 5);
}
