//! Hostile traffic: floods of Initials, amplification, storms of resets.

use std::net::SocketAddr;

use bytes::BytesMut;
use edge_wire::CloseCode;
use quinn_proto::{Dir, VarInt};

use super::world::{SECOND, World, class};
use crate::{Arrival, Budget, Config, Rate};

/// The first datagram of a client that never says another word.
fn initial(world: &mut World) -> BytesMut {
    let client = world.connect();
    let mut out = Vec::new();
    let transmit = world.clients[client].conn.poll_transmit(world.now, 1, &mut out).unwrap();
    world.clients[client].muted = true;
    BytesMut::from(&out[..transmit.size])
}

fn spoofed(n: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 7], n + 1))
}

/// Everything the shard sends now, by destination.
fn answers(world: &mut World) -> Vec<(SocketAddr, usize)> {
    while world.shards[0].poll_event().is_some() {}
    let (mut answers, mut out) = (Vec::new(), Vec::new());
    while let Some(departure) = world.shards[0].poll_transmit(world.now, &mut out) {
        answers.push((departure.destination, out.len()));
        out.clear();
    }
    answers
}

#[test]
fn many_half_open_connections_call_for_retry_and_real_clients_still_get_in() {
    let mut world = World::new(Config { retry_above: 4, handshakes_max: 6, ..Config::default() });
    for n in 0..10 {
        let datagram = initial(&mut world);
        world.deliver(0, spoofed(n), datagram);
    }
    world.exchange();
    let stats = world.shards[0].stats();
    assert_eq!((stats.half_open, stats.retries, stats.connections), (4, 6, 4));
    // A real client answers the Retry and is served.
    world.player();
    assert_eq!(world.shards[0].stats().retries, 7);
    world.pass(4 * SECOND);
    let stats = world.shards[0].stats();
    assert_eq!((stats.half_open, stats.handshakes_expired, stats.sessions), (0, 4, 1));
}

#[test]
fn above_the_last_limit_initials_are_dropped_in_silence() {
    let mut world = World::new(Config { retry_above: 2, handshakes_max: 2, ..Config::default() });
    for n in 0..5 {
        let datagram = initial(&mut world);
        world.deliver(0, spoofed(n), datagram);
    }
    let answered: Vec<_> = answers(&mut world).into_iter().map(|(to, _)| to).collect();
    assert!(answered.iter().all(|to| *to == spoofed(0) || *to == spoofed(1)), "{answered:?}");
    assert_eq!(world.shards[0].stats().initials_shed, 3);
}

#[test]
fn a_full_shard_refuses_at_the_door() {
    let mut world = World::new(Config { connections_max: 1, ..Config::default() });
    world.player();
    let second = world.connect();
    world.exchange();
    assert!(world.clients[second].lost.is_some());
    assert_eq!(world.shards[0].stats().connections, 1);
}

#[test]
fn an_address_that_was_not_validated_gets_at_most_three_times_what_it_sent() {
    flood(World::new(Config::default()));
    let held = flood(World::with_large_certificate(Config::default()));
    assert!(held > 0, "the large first flight meets the limit");
}

#[test]
fn a_real_client_gets_in_although_the_first_flight_meets_the_limit() {
    let mut world = World::with_large_certificate(Config::default());
    let client = world.connect();
    world.pass(SECOND);
    assert!(world.shards[0].stats().amplification_held > 0);
    assert!(!world.clients[client].conn.is_handshaking());
}

/// Says how often a datagram was held back.
fn flood(mut world: World) -> u64 {
    for n in 0..40u16 {
        let mut datagram = initial(&mut world);
        // Some are crafted: cut (too short for a server), flipped, of an unknown version.
        match n % 4 {
            1 => datagram.truncate(1199 - usize::from(n)),
            2 => datagram[60 + usize::from(n)] ^= 1,
            3 => datagram[1] = 0x7a,
            _ => {}
        }
        let sent = datagram.len();
        let remote = spoofed(n);
        world.deliver(0, remote, datagram);
        let mut answered = 0;
        // All probes and closes until it is forgotten count.
        for _ in 0..50 {
            answered +=
                answers(&mut world).iter().filter(|(to, _)| *to == remote).map(|(_, bytes)| bytes).sum::<usize>();
            let Some(at) = world.shards[0].poll_timeout() else { break };
            world.now = at.max(world.now);
            world.shards[0].handle_timeout(world.now, world.unix_ms);
        }
        assert!(answered <= 3 * sent, "{answered} bytes for {sent}, case {n}");
        if n % 4 == 0 {
            assert!(answered > 0, "a good Initial is answered");
        }
    }
    assert!(world.shards[0].is_empty());
    world.shards[0].stats().amplification_held
}

#[test]
fn a_storm_of_opened_and_reset_streams_ends_the_connection() {
    let mut world = World::new(Config::default());
    let client = world.player();
    let mut opened = 0;
    for _ in 0..100 {
        if world.clients[client].lost.is_some() {
            break;
        }
        if let Some(id) = world.clients[client].conn.streams().open(Dir::Uni) {
            world.clients[client].conn.send_stream(id).reset(VarInt::from_u32(0)).unwrap();
            opened += 1;
        }
        world.exchange();
    }
    assert!(opened <= 5, "{opened}: one stream a class and connection");
    assert_eq!(world.clients[client].closed().code, CloseCode::StreamDuplicate);
}

#[test]
fn tiny_frames_have_a_budget() {
    let mut budget = Budget::for_players();
    budget.frames = Rate { a_second: 10, burst: 100 };
    let mut world = World::new(Config { client_budget: budget, ..Config::default() });
    let client = world.player();
    for _ in 0..300 {
        world.clients[client].conn.ping();
        world.exchange();
        if world.clients[client].lost.is_some() {
            break;
        }
    }
    let closed = world.clients[client].closed();
    assert_eq!((closed.code, closed.retry_after_ms), (CloseCode::BudgetExceeded, Some(10_000)));
}

#[test]
fn a_datagram_for_a_stranger_is_not_answered_with_more_than_it_had() {
    let mut world = World::new(Config::default());
    let client = world.player();
    world.clients[client].open_class(class(0), 1..=1);
    // A packet of ours, replayed after the connection has gone: one reset, smaller than the packet.
    let mut out = Vec::new();
    let transmit = world.clients[client].conn.poll_transmit(world.now, 1, &mut out).unwrap();
    let replay = BytesMut::from(&out[..transmit.size]);
    world.shards = World::new(Config::default()).shards;
    for _ in 0..10 {
        let arrival = Arrival { remote: spoofed(1), local_ip: None, ecn: 0 };
        let _ = world.shards[0].handle_datagram(world.now, world.unix_ms, &arrival, replay.clone());
    }
    let answers = answers(&mut world);
    assert_eq!(answers.len(), 1, "resets are rate-limited");
    assert!(answers[0].1 < replay.len());
}
