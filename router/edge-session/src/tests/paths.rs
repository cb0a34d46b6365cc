//! Other addresses than the one that shook hands: clients that move, and attackers that pretend to.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use edge_wire::ServerFrame;
use proptest::prelude::*;

use super::pen::{path_challenge, path_response};
use super::world::{SECOND, World, class};
use crate::Config;

fn victim(n: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 7], 1000 + n))
}

/// What the shard sends now to `to`; the rest arrives where it belongs.
fn bytes_to(world: &mut World, to: SocketAddr) -> usize {
    world.strays.clear();
    world.exchange();
    world.strays.iter().filter(|(destination, _)| *destination == to).map(|(_, bytes)| bytes).sum()
}

#[test]
fn a_client_that_moves_is_asked_and_goes_on() {
    let mut world = World::new(Config::default());
    let client = world.player();
    let stream = world.clients[client].open_class(class(0), 1..=1);
    world.pass(SECOND);
    let (sent, received) = (world.clients[client].sent_bytes, world.clients[client].received_bytes);
    world.clients[client].address = victim(1);
    let mut events = 1;
    let started = world.now;
    // A player who plays: ten small events a second.
    while world.clients[client].receipts()[0] < events || events < 3 {
        events += 1;
        world.clients[client].send(stream, events..=events);
        world.pass(SECOND / 10);
        let (sent, received) =
            (world.clients[client].sent_bytes - sent, world.clients[client].received_bytes - received);
        if world.shards[0].stats().amplification_held > 0 && world.clients[client].receipts()[0] == 1 {
            assert!(received <= 3 * sent, "{received} for {sent}");
        }
        assert!(world.now - started < 5 * SECOND, "{events} events");
    }
    assert!(world.clients[client].lost.is_none());
    assert_eq!(world.shards[0].stats().address_changes, 1);
}

/// A packet of the smallest kind from a new address is answered at once: with all of the question in it, and none of its
/// padding. The answer to that is as long as the client likes; then everything may pass.
#[test]
fn a_quiet_client_that_moves_is_answered_at_once() {
    let mut world = World::new(Config::default());
    let client = world.player();
    world.pass(SECOND);
    world.clients[client].address = victim(1);
    let (sent, received) = (world.clients[client].sent_bytes, world.clients[client].received_bytes);
    let asked = world.clients[client].conn.stats().frame_rx.path_challenge;
    world.clients[client].conn.ping();
    world.client_speaks(client);
    world.clients[client].muted = true;
    world.exchange();
    let (sent, received) = (world.clients[client].sent_bytes - sent, world.clients[client].received_bytes - received);
    assert!(sent < 50 && received > 0 && received <= 3 * sent, "{received} for {sent}");
    assert_eq!(world.clients[client].conn.stats().frame_rx.path_challenge, asked + 1);
    // What it answered is lost; its next packets are asked again.
    world.clients[client].muted = false;
    world.pass(SECOND);
    world.clients[client].conn.ping();
    world.pass(SECOND);
    let key = world.key();
    assert!(world.reply(key, 4_000));
    world.exchange();
    assert!(matches!(world.clients[client].frames[..], [ServerFrame::Command(_)]), "{:?}", world.shards[0].stats());
}

/// A player whose address has changed, and who is about to ping from the new one.
fn moved_player() -> (World, usize) {
    let mut world = World::new(Config::default());
    let client = world.player();
    world.pass(SECOND);
    world.clients[client].address = victim(1);
    world.clients[client].conn.ping();
    (world, client)
}

/// Without a loss, nothing but the packets' own way stands between a change of address and the session that goes on.
#[test]
fn a_quiet_client_that_moves_goes_on_without_a_wait() {
    let (mut world, client) = moved_player();
    world.exchange();
    let key = world.key();
    assert!(world.reply(key, 4_000));
    world.exchange();
    assert!(
        matches!(world.clients[client].frames[..], [ServerFrame::Command(_)]),
        "{:?}",
        world.clients[client].frames
    );
    let stats = world.shards[0].stats();
    assert_eq!((stats.address_changes, stats.amplification_dropped), (1, 0));
}

/// What is too large for what the new address has sent is neither sent nor lost: it leaves when more has come.
#[test]
fn what_does_not_fit_yet_is_kept_and_sent_when_it_fits() {
    let mut world = World::new(Config::default());
    let client = world.player();
    world.pass(SECOND);
    let key = world.key();
    world.clients[client].address = victim(1);
    let first = world.inked(client, &[0x01], 40);
    world.clients[client].muted = true;
    let received = world.clients[client].received_bytes;
    let mut sent = first.len();
    world.deliver(0, victim(1), first);
    assert!(world.reply(key, 600));
    world.exchange();
    assert!(world.shards[0].stats().amplification_held > 0);
    assert_eq!(world.clients[client].received_bytes, received, "600 bytes for {sent}");
    for bytes in [40, 40, 40, 100, 100] {
        let packet = world.inked(client, &[0x01], bytes);
        sent += packet.len();
        world.deliver(0, victim(1), packet);
        world.exchange();
        let received = world.clients[client].received_bytes - received;
        assert!(received <= 3 * sent, "{received} for {sent}");
        assert_eq!(received > 0, world.clients[client].frames.len() == 1, "it left whole, or not yet");
    }
    assert!(
        matches!(world.clients[client].frames[..], [ServerFrame::Command(_)]),
        "{:?}",
        world.clients[client].frames
    );
    let stats = world.shards[0].stats();
    assert_eq!((stats.address_changes, stats.amplification_dropped), (1, 0));
    let server_side = world.shards[0].table.get(key).expect("the session lives").conn.stats();
    assert_eq!(server_side.path.lost_packets, 0, "and it left once");
}

/// What was kept for an address that the client has left since, or of a connection that is over, is not sent any more.
#[test]
fn what_is_kept_goes_nowhere_else() {
    for closes in [false, true] {
        let mut world = World::new(Config::default());
        let client = world.player();
        world.pass(SECOND);
        let key = world.key();
        let packet = world.inked(client, &[0x01], 40);
        world.clients[client].muted = true;
        world.deliver(0, victim(1), packet);
        assert!(world.reply(key, 600));
        assert_eq!(bytes_to(&mut world, victim(1)), 0);
        if closes {
            world.shards[0].supersede(key);
            let mut received = bytes_to(&mut world, victim(1));
            for _ in 0..6 {
                let packet = world.inked(client, &[0x01], 100);
                world.deliver(0, victim(1), packet);
                received += bytes_to(&mut world, victim(1));
            }
            // The library answers what comes to a connection that is over with its close.
            assert!((1..300).contains(&received), "{received} bytes of closes");
            assert_eq!(world.shards[0].stats().amplification_dropped, 1);
        } else {
            world.clients[client].muted = false;
            world.clients[client].conn.ping();
            world.pass(SECOND);
            assert_eq!(world.strays.iter().map(|(_, bytes)| bytes).sum::<usize>(), 0);
            assert_eq!(world.shards[0].stats().amplification_dropped, 1);
            assert_eq!(world.clients[client].frames.len(), 1, "the reply is sent again where the client is");
        }
    }
}

/// A client that only pings after its address changed is found again.
#[test]
fn a_silent_client_that_moves_is_found_again() {
    let (mut world, client) = moved_player();
    world.pass(8 * SECOND);
    let stream = world.clients[client].open_class(class(0), 1..=1);
    world.pass(SECOND);
    assert_eq!(world.clients[client].receipts()[0], 1, "{:?}", world.shards[0].stats());
    world.clients[client].send(stream, 2..=2);
    world.pass(SECOND);
    assert_eq!(world.clients[client].receipts()[0], 2);
}

#[test]
fn a_spoofed_move_sends_a_victim_no_more_than_three_times_and_the_client_goes_on() {
    for bytes in [1, 40, 100, 300, 390, 400, 410, 1_100] {
        let mut world = World::new(Config::default());
        let client = world.player();
        let packet = world.inked(client, &[0x01], bytes);
        let sent = packet.len();
        world.deliver(0, victim(0), packet);
        assert_eq!(world.shards[0].stats().address_changes, 1);
        let mut received = bytes_to(&mut world, victim(0));
        for _ in 0..400 {
            world.now += Duration::from_millis(10);
            let (now, hands) = (world.now, world.hands());
            world.shards[0].handle_timeout(now, hands);
            received += bytes_to(&mut world, victim(0));
            assert!(received <= 3 * sent, "{received} bytes for {sent}");
        }
        assert!(received > 0, "what fits is sent");
        world.clients[client].open_class(class(0), 1..=3);
        world.pass(3 * SECOND);
        assert_eq!(world.clients[client].receipts()[0], 3, "{sent} bytes from the victim's address");
    }
}

/// A wrong answer to a question that went to somebody else proves nothing.
#[test]
fn a_guessed_answer_does_not_validate_a_victim() {
    let mut world = World::new(Config::default());
    let client = world.player();
    let mut sent = 0;
    let mut received = 0;
    for n in 0..20 {
        let packet = world.inked(client, &[vec![0x01], path_response(n)].concat(), 60);
        sent += packet.len();
        world.deliver(0, victim(0), packet);
        received += bytes_to(&mut world, victim(0));
        assert!(received <= 3 * sent, "{received} for {sent}");
    }
    let key = world.key();
    let body = bytes::Bytes::from(vec![0; 7_000]);
    for n in 0..8 {
        world.shards[0].reply(key, edge_event::CommandId([n; 16]), "r", &body);
    }
    received += bytes_to(&mut world, victim(0));
    assert!(received <= 3 * sent, "{received} for {sent}");
}

#[test]
fn an_answer_beside_the_path_is_no_larger_than_three_times_its_question() {
    for (bytes, answered) in [(9, false), (300, false), (400, true), (1_100, true)] {
        let mut world = World::new(Config::default());
        let client = world.player();
        // A probing packet: no move follows from it.
        let packet = world.inked(client, &path_challenge(7), bytes);
        let sent = packet.len();
        world.deliver(0, victim(0), packet);
        let received = bytes_to(&mut world, victim(0));
        assert!(received <= 3 * sent && (received > 0) == answered, "{received} for {sent}");
        assert_eq!(world.shards[0].stats().amplification_dropped, u64::from(!answered));
        assert_eq!(world.shards[0].stats().address_changes, 0);
    }
}

#[test]
fn a_connection_that_keeps_moving_is_closed() {
    let mut world = World::new(Config::default());
    let client = world.player();
    // Its answers would move it back each time.
    world.clients[client].deaf = true;
    let mut moves = 0;
    while world.ended.is_empty() && moves < 200 {
        moves += 1;
        let packet = world.inked(client, &[0x01], 40);
        world.deliver(0, victim(moves), packet);
        world.exchange();
    }
    assert!((32..=34).contains(&moves), "{moves} moves");
    assert_eq!(world.shards[0].stats().over_budget[crate::Limit::Paths as usize], 1);
}

/// One step of somebody who holds a connection and can write any sender's address on a packet.
#[derive(Clone, Debug)]
struct Step {
    from: u16,
    says: u8,
    bytes: usize,
    wait_ms: u64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0u16..4, 0u8..5, 1usize..1_100, 0u64..400).prop_map(|(from, says, bytes, wait_ms)| Step {
        from,
        says,
        bytes,
        wait_ms,
    });
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_on_the_packets_no_victim_gets_more_than_three_times(steps in steps()) {
        let mut world = World::new(Config::default());
        let client = world.player();
        let key = world.key();
        let (mut sent, mut received) = ([0; 4], [0; 4]);
        let mut replies = 0u8;
        for Step { from, says, bytes, wait_ms } in steps {
            let frames: Vec<u8> = match says {
                0 => vec![0x01],
                1 => path_challenge(1),
                2 => path_response(1),
                3 => [vec![0x01], path_challenge(2)].concat(),
                _ => {
                    replies = replies.wrapping_add(1);
                    world.shards[0].reply(key, edge_event::CommandId([replies; 16]), "r", &vec![0; 2_000].into());
                    vec![0x01]
                }
            };
            // What the reply moves, and whom it reaches, counts as well; so many moves may end the connection.
            world.exchange();
            if world.clients[client].lost.is_some() || !world.ended.is_empty() {
                break;
            }
            let packet: BytesMut = world.inked(client, &frames, bytes);
            sent[usize::from(from)] += packet.len();
            world.deliver(0, victim(from), packet);
            world.pass(Duration::from_millis(wait_ms));
            for (to, bytes) in world.strays.drain(..) {
                received[usize::from(to.port() - 1000)] += bytes;
            }
            for (n, (received, sent)) in received.iter().zip(&sent).enumerate() {
                prop_assert!(*received <= 3 * sent, "{received} bytes for {sent} to {n}");
            }
        }
    }
}
