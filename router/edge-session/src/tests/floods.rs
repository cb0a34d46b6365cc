//! Floods of first packets with false senders, and real clients beside them.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;

use super::initials::{Dice, Greeting};
use super::world::{SECOND, World, hello};
use crate::Config;

/// Three thousand a second, as one host with a cheap uplink can send.
const SPOOFED_A_SECOND: u64 = 3_000;

#[test]
fn beside_a_flood_of_first_packets_every_real_client_gets_in() {
    let greeting = Greeting::of_a_client();
    let mut dice = Dice::new(3);
    let config = Config::default();
    let mut world = World::new(config.clone());
    let (mut spoofed, mut got) = (0u64, 0usize);
    let mut opened = Vec::new();
    let mut half_open_max = 0;
    // Eight seconds, ten milliseconds at a time; a client every fifty.
    for step in 0..800u64 {
        for _ in 0..SPOOFED_A_SECOND / 100 {
            spoofed += 1;
            let [a, b, c, d, ..] = dice.roll().to_be_bytes();
            let remote = SocketAddr::from(([a, b, c, d], 1 + dice.below(60_000) as u16));
            let packet = greeting.initial(&dice.roll().to_be_bytes()).seal();
            world.deliver(0, remote, BytesMut::from(&packet[..]));
        }
        if step % 5 == 0 {
            let client = world.connect();
            opened.push((client, world.now));
        }
        world.pass(Duration::from_millis(10));
        for (client, since) in &opened {
            let client = &mut world.clients[*client];
            assert!(client.lost.is_none(), "{:?}", client.lost);
            if !client.conn.is_handshaking() && !client.is_introduced() {
                client.hello(hello());
            }
            assert!(!client.frames.is_empty() || world.now - *since < SECOND, "a real client waits for a second");
        }
        opened.retain(|(client, _)| world.clients[*client].frames.is_empty());
        let stats = world.shards[0].stats();
        half_open_max = half_open_max.max(stats.half_open);
        got += world.strays.drain(..).map(|(_, bytes)| bytes).sum::<usize>();
        // Old clients leave, so that the world stays small.
        if step % 100 == 99 && opened.is_empty() {
            world.clients.clear();
        }
    }
    let stats = world.shards[0].stats();
    assert!(stats.handshakes >= 159, "{stats:?}");
    assert_eq!(spoofed, 24_000);
    assert!(half_open_max <= config.retry_above as u64 + 2, "{half_open_max} half open");
    assert!(stats.retries > 23_000, "{stats:?}");
    assert!(got as u64 <= 3 * 1200 * spoofed);
    // What was half open is forgotten, without a word.
    world.clients.clear();
    world.pass(4 * SECOND);
    assert_eq!(world.shards[0].stats().half_open, 0);
}

#[test]
fn above_the_last_limit_even_proven_addresses_wait() {
    let greeting = Greeting::of_a_client();
    let mut dice = Dice::new(4);
    let mut world = World::new(Config { retry_above: 8, handshakes_max: 8, ..Config::default() });
    for n in 0..100u16 {
        let packet = greeting.initial(&dice.roll().to_be_bytes()).seal();
        world.deliver(0, ([203, 0, 113, 7], 1 + n).into(), BytesMut::from(&packet[..]));
    }
    world.exchange();
    let stats = world.shards[0].stats();
    assert_eq!((stats.half_open, stats.initials_shed, stats.retries), (8, 92, 0));
    // A client that asks meanwhile asks again, and is let in when there is room.
    let client = world.connect();
    world.pass(8 * SECOND);
    assert!(!world.clients[client].conn.is_handshaking());
}

/// Whose address was misused is a client like any other.
#[test]
fn a_victim_whose_address_was_misused_gets_in() {
    let greeting = Greeting::of_a_client();
    let mut dice = Dice::new(5);
    let mut world = World::new(Config::default());
    let victim = SocketAddr::from(([192, 0, 2, 1], 10_000));
    for n in 0..10_000usize {
        let mut packet = greeting.initial(&dice.roll().to_be_bytes()).seal();
        if n % 2 == 0 {
            packet[600] ^= 1;
        }
        world.deliver(0, victim, BytesMut::from(&packet[..]));
    }
    world.exchange();
    let client = world.player();
    assert_eq!(world.clients[client].address, victim);
}
