//! The limits at the door: half-open connections, all connections, the first flight. Whole floods are in `floods.rs`.

use std::net::SocketAddr;

use bytes::BytesMut;

use super::world::{SECOND, World, class};
use crate::{Arrival, Config};

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
fn a_real_client_gets_in_although_the_first_flight_meets_the_limit() {
    let mut world = World::with_large_certificate(Config::default());
    let client = world.connect();
    world.pass(SECOND);
    assert!(world.shards[0].stats().amplification_held > 0);
    assert!(!world.clients[client].conn.is_handshaking());
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
        let hands = world.hands();
        let _ = world.shards[0].handle_datagram(world.now, hands, &arrival, replay.clone());
    }
    let answers = answers(&mut world);
    assert_eq!(answers.len(), 1, "resets are rate-limited");
    assert!(answers[0].1 < replay.len());
}

#[test]
fn who_speaks_another_version_is_offered_version_1_alone() {
    // A reserved one (RFC 9000 §15), and the last draft.
    for version in [0x1a2a_3a4a_u32, 0xff00_001d] {
        let mut world = World::new(Config::default());
        let mut datagram = initial(&mut world);
        datagram[1..5].copy_from_slice(&version.to_be_bytes());
        world.deliver(0, spoofed(1), datagram);
        let mut answer = Vec::new();
        world.shards[0].poll_transmit(world.now, &mut answer).expect("Version Negotiation");
        assert_eq!(answer[1..5], [0; 4], "RFC 9000 §17.2.1");
        let source_id = 6 + usize::from(answer[5]);
        let offered = &answer[source_id + 1 + usize::from(answer[source_id])..];
        let is_reserved = |version: &&[u8]| version.iter().all(|byte| byte & 0xf == 0xa);
        let real: Vec<&[u8]> = offered.chunks(4).filter(|version| !is_reserved(version)).collect();
        assert_eq!(real, [[0, 0, 0, 1]]);
    }
}
