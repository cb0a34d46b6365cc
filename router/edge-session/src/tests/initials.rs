//! First packets by hand, good and bad, from addresses that anybody may have written on them.
//!
//! Each address has an account: what it "sent" and what it got. `EDGE_INITIALS=1000000` makes it a million packets instead
//! of a hundred thousand; `EDGE_SEED` repeats a run by the seed that it printed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use edge_wire::varint;
use rustls::Side;
use rustls::quic::{Keys, Version};

use super::pen::{crypto_frame, frame};
use super::world::World;
use crate::{Arrival, Config};

const V1: u32 = 1;
/// Small, quick and the same everywhere (Marsaglia, "Xorshift RNGs", 2003).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed | 1)
    }

    /// From the seed that `EDGE_SEED` names, else from a fresh one; prints it.
    #[allow(clippy::print_stdout, reason = "a run that went wrong is told again by its seed")]
    fn fresh() -> Dice {
        let seed = match std::env::var("EDGE_SEED") {
            Ok(text) => text.parse().expect("EDGE_SEED is a number"),
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64,
        };
        println!("EDGE_SEED={seed} tells it again");
        Dice::new(seed)
    }

    pub(super) fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.roll() as u8).collect()
    }
}

/// Everything that stands in the head of an Initial.
#[derive(Clone)]
pub(super) struct Initial<'a> {
    pub(super) version: u32,
    pub(super) destination: &'a [u8],
    pub(super) source: &'a [u8],
    pub(super) token: &'a [u8],
    pub(super) number: u16,
    pub(super) frames: &'a [u8],
    /// Of the whole datagram, padding included.
    pub(super) bytes: usize,
}

impl Initial<'_> {
    /// Seals it with the keys that everybody can make (RFC 9001 §5.2).
    pub(super) fn seal(&self) -> Vec<u8> {
        const NUMBER_BYTES: usize = 2;
        const TAG_BYTES: usize = 16;
        let mut packet = vec![0xc0 | (NUMBER_BYTES - 1) as u8];
        packet.extend_from_slice(&self.version.to_be_bytes());
        for id in [self.destination, self.source] {
            packet.push(id.len() as u8);
            packet.extend_from_slice(id);
        }
        varint::write(self.token.len() as u64, &mut packet);
        packet.extend_from_slice(self.token);
        let rest = self.bytes.saturating_sub(packet.len() + 2).max(self.frames.len() + NUMBER_BYTES + TAG_BYTES + 4);
        packet.extend_from_slice(&(0x4000 | rest as u16).to_be_bytes());
        let number_at = packet.len();
        packet.extend_from_slice(&self.number.to_be_bytes());
        let head = packet.len();
        packet.extend_from_slice(self.frames);
        packet.resize(number_at + rest - TAG_BYTES, 0);
        let suite = rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13().unwrap();
        let keys = Keys::initial(Version::V1, suite, suite.quic.unwrap(), self.destination, Side::Client);
        let (clear, payload) = packet.split_at_mut(head);
        let tag = keys.local.packet.encrypt_in_place(self.number.into(), clear, payload).unwrap();
        packet.extend_from_slice(tag.as_ref());
        let (clear, rest) = packet.split_at_mut(number_at);
        let (number, rest) = rest.split_at_mut(4);
        keys.local.header.encrypt_in_place(&rest[..16], &mut clear[0], &mut number[..NUMBER_BYTES]).unwrap();
        packet
    }
}

/// What a client says first, and the connection id that it says it under.
pub(super) struct Greeting {
    pub(super) frames: Vec<u8>,
    pub(super) source: Vec<u8>,
}

impl Greeting {
    pub(super) fn of_a_client() -> Greeting {
        let mut world = World::new(Config::default());
        let client = world.connect();
        let mut out = Vec::new();
        let sent = world.clients[client].conn.poll_transmit(world.now, 1, &mut out);
        assert!(sent.is_some(), "a client speaks first");
        let destination_bytes = usize::from(out[5]);
        let source_bytes = usize::from(out[6 + destination_bytes]);
        let source = out[7 + destination_bytes..][..source_bytes].to_vec();
        let mut frames = world.clients[client].pen.first();
        let end = frames.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        frames.truncate(end);
        Greeting { frames, source }
    }

    pub(super) fn initial<'a>(&'a self, destination: &'a [u8]) -> Initial<'a> {
        let Greeting { frames, source } = self;
        Initial { version: V1, destination, source, token: &[], number: 0, frames, bytes: 1200 }
    }
}

/// One datagram of somebody who means no good.
fn crafted(greeting: &Greeting, dice: &mut Dice) -> Vec<u8> {
    let destination = dice.bytes(8);
    let good = greeting.initial(&destination);
    let flip = |mut packet: Vec<u8>, dice: &mut Dice| {
        let at = dice.below(packet.len() as u64) as usize;
        packet[at] ^= 1 << dice.below(8);
        packet
    };
    match dice.below(20) {
        0 => good.seal(),
        1 => flip(good.seal(), dice),
        2 => good.seal()[..dice.below(1200) as usize].to_vec(),
        3 => Initial { bytes: 1200 + dice.below(250) as usize, ..good }.seal(),
        4 => Initial { token: &dice.bytes(60), ..good }.seal(),
        5 => {
            Initial { version: 0x7a00_0000 | dice.roll() as u32, bytes: 200 + dice.below(1200) as usize, ..good }.seal()
        }
        6 => {
            let id = dice.bytes(20);
            Initial { destination: &id[..dice.below(21) as usize], ..good }.seal()
        }
        7 => Initial { source: &dice.bytes(20), ..good }.seal(),
        8 => Initial { frames: &frame(0x01, &[]), ..good }.seal(),
        9 => Initial { frames: &frame(0x1c, &[0, 0, 0]), ..good }.seal(),
        10 => Initial { frames: &frame(0x02, &[dice.below(100), 0, 0, 0]), ..good }.seal(),
        11 => Initial { frames: &frame(0x08, &[2]), ..good }.seal(),
        12 => Initial { frames: &crypto_frame(0, &dice.bytes(300)), ..good }.seal(),
        13 => Initial { frames: &crypto_frame(dice.below(10_000), &dice.bytes(300)), ..good }.seal(),
        14 => {
            let mut frames = greeting.frames.clone();
            let at = dice.below(frames.len() as u64) as usize;
            frames[at] ^= 1 << dice.below(8);
            Initial { frames: &frames, ..good }.seal()
        }
        15 => {
            // Two in one datagram.
            let small = Initial { bytes: 0, frames: &frame(0x01, &[]), ..good.clone() }.seal();
            [small, Initial { bytes: 1000, ..good }.seal()].concat()
        }
        16 => {
            let mut packet = good.seal();
            packet[0] = (packet[0] & 0xcf) | ((dice.below(3) as u8 + 1) << 4); // 0-RTT, Handshake, Retry
            packet
        }
        17 => [&[0x80 | dice.roll() as u8, 0, 0, 0, 0][..], &dice.bytes(1200)].concat(),
        18 => {
            let len = dice.below(1400) as usize + 1;
            let mut packet = dice.bytes(len);
            packet[0] = 0x40 | (packet[0] & 0x3f);
            packet
        }
        _ => {
            let len = dice.below(1500) as usize;
            dice.bytes(len)
        }
    }
}

/// What an address says to the connection that its first packet has opened.
fn second(greeting: &Greeting, destination: &[u8], number: u16, dice: &mut Dice) -> Vec<u8> {
    let good = Initial { number, ..greeting.initial(destination) };
    match dice.below(6) {
        0 => good.seal(),
        1 => Initial { number: 0, ..good }.seal(), // the first one again
        2 => Initial { frames: &frame(0x01, &[]), bytes: 0, ..good }.seal(),
        // It has got what came.
        3 => Initial { frames: &frame(0x02, &[dice.below(3), 0, 0, 0]), bytes: 0, ..good }.seal(),
        4 => Initial { frames: &crypto_frame(dice.below(2_000), &dice.bytes(100)), bytes: 0, ..good }.seal(),
        _ => {
            let len = dice.below(1200) as usize;
            [&[0x40 | dice.roll() as u8 & 0x3f][..], destination, &dice.bytes(len)].concat()
        }
    }
}

/// What each address sent and got.
#[derive(Default)]
struct Accounts(HashMap<SocketAddr, (usize, usize)>);

impl Accounts {
    fn send(&mut self, world: &mut World, from: SocketAddr, datagram: &[u8]) {
        self.0.entry(from).or_default().0 += datagram.len();
        world.deliver(0, from, BytesMut::from(datagram));
    }

    fn got(&self, address: SocketAddr) -> usize {
        self.0.get(&address).map_or(0, |(_, got)| *got)
    }

    /// Everything the shard has to send now.
    fn drain(&mut self, world: &mut World) {
        world.strays.clear();
        world.exchange();
        for (to, bytes) in std::mem::take(&mut world.strays) {
            let (sent, got) = self.0.entry(to).or_default();
            *got += bytes;
            assert!(*got <= 3 * *sent, "{got} bytes for {sent} to {to}");
        }
    }
}

fn tell(initials: usize) -> usize {
    let wanted = std::env::var("EDGE_INITIALS").ok();
    wanted.map_or(initials, |number| number.parse().expect("EDGE_INITIALS is a number"))
}

#[allow(clippy::print_stdout, reason = "the worst case is worth knowing")]
#[test]
fn nobody_gets_more_than_three_times_what_it_sent_whatever_it_sent() {
    let count = tell(100_000);
    let greeting = Greeting::of_a_client();
    let mut dice = Dice::fresh();
    let (mut worst, mut seconds_answered): (f64, u64) = (0.0, 0);
    let mut seen = crate::Stats::default();
    // Some shards ask for proof early, some late, some are full; some have a certificate that fills several flights.
    for (retry_above, connections_max, is_large) in
        [(64, 60_000, false), (0, 60_000, false), (10_000, 60_000, true), (10_000, 8, false)]
    {
        let config = Config { retry_above, handshakes_max: 10_000, connections_max, ..Config::default() };
        let mut world = if is_large { World::with_large_certificate(config) } else { World::new(config) };
        let mut accounts = Accounts::default();
        for n in 0..count / 4 {
            let remote = SocketAddr::from(([203, 0, (n >> 14) as u8, (n >> 6) as u8], 1024 + (n % 64) as u16));
            if dice.below(16) == 0 {
                // A good first packet, and others of the same sender to the same connection.
                let destination = dice.bytes(8);
                accounts.send(&mut world, remote, &greeting.initial(&destination).seal());
                accounts.drain(&mut world);
                for number in 1..=1 + dice.below(3) as u16 {
                    let before = accounts.got(remote);
                    if dice.below(16) == 0 {
                        advance(&mut world, &mut accounts, Duration::from_millis(dice.below(500)));
                    }
                    accounts.send(&mut world, remote, &second(&greeting, &destination, number, &mut dice));
                    accounts.drain(&mut world);
                    seconds_answered += u64::from(accounts.got(remote) > before);
                }
            } else {
                // Now and then the same datagram again.
                let datagram = crafted(&greeting, &mut dice);
                let copies = if dice.below(16) == 0 { 3 } else { 1 };
                for _ in 0..copies {
                    accounts.send(&mut world, remote, &datagram);
                }
                accounts.drain(&mut world);
            }
            // Time passes, so that probes are due, deadlines too.
            if n % 20 == 0 {
                advance(&mut world, &mut accounts, Duration::from_millis(40));
            }
        }
        advance(&mut world, &mut accounts, Duration::from_secs(70));
        assert!(world.shards[0].is_empty(), "nothing is left of {} packets", count / 4);
        let ratio = |(sent, got): &(usize, usize)| *got as f64 / (*sent).max(1) as f64;
        worst = accounts.0.values().map(ratio).fold(worst, f64::max);
        assert!(accounts.0.values().filter(|(_, got)| *got > 0).count() > count / 40, "much is answered");
        let stats = world.shards[0].stats();
        assert_eq!((stats.violations, stats.hellos), (0, 0));
        seen.retries += stats.retries;
        seen.versions_negotiated += stats.versions_negotiated;
        seen.initials_shed += stats.initials_shed;
        seen.initials_unreadable += stats.initials_unreadable;
        seen.handshakes_expired += stats.handshakes_expired;
        seen.amplification_held += stats.amplification_held;
    }
    assert!(worst > 2.0 && worst <= 3.0, "the limit is approached: {worst}");
    for (name, count) in [
        ("Retry", seen.retries),
        ("Version Negotiation", seen.versions_negotiated),
        ("a refusal", seen.initials_shed),
        ("an Initial that is none", seen.initials_unreadable),
        ("a deadline", seen.handshakes_expired),
        ("the limit", seen.amplification_held),
        ("an answer to a second datagram", seconds_answered),
    ] {
        assert!(count > 10, "{name} was met {count} times");
    }
    println!("{count} senders, at worst {worst:.4} bytes for one");
}

fn advance(world: &mut World, accounts: &mut Accounts, by: Duration) {
    let end = world.now + by;
    loop {
        let next = world.shards[0].poll_timeout().filter(|at| *at <= end);
        world.now = next.unwrap_or(end).max(world.now);
        let (now, hands) = (world.now, world.hands());
        world.shards[0].handle_timeout(now, hands);
        accounts.drain(world);
        if next.is_none() {
            return;
        }
    }
}

#[test]
fn what_cannot_be_read_is_met_with_silence_and_leaves_nothing_behind() {
    let greeting = Greeting::of_a_client();
    let mut dice = Dice::new(7);
    let mut world = World::new(Config::default());
    let arrival = Arrival { remote: ([203, 0, 113, 1], 999).into(), local_ip: None, ecn: 0 };
    for n in 0..20_000usize {
        let destination = dice.bytes(8);
        let good = greeting.initial(&destination);
        let datagram = match n % 4 {
            // Its seal is broken, somewhere behind the head.
            0 => {
                let mut packet = good.seal();
                packet[40 + dice.below(1100) as usize] ^= 0x10;
                packet
            }
            // Too short for a first packet (RFC 9000 §14.1).
            1 => good.seal()[..1199 - dice.below(1100) as usize].to_vec(),
            // Cut in the middle of what it announces, and padded behind.
            2 => {
                let mut packet = good.seal();
                packet.truncate(1200);
                let at = 1 + 4 + 1 + 8 + 1 + greeting.source.len() + 1;
                packet[at..at + 2].copy_from_slice(&0x7f00u16.to_be_bytes());
                packet
            }
            // Noise with a long header.
            _ => [&[0xe0u8, 0, 0, 0, 1][..], &dice.bytes(1300)].concat(),
        };
        let (now, hands) = (world.now, world.hands());
        let _ = world.shards[0].handle_datagram(now, hands, &arrival, BytesMut::from(&datagram[..]));
        world.exchange();
        assert!(world.strays.is_empty(), "case {} was answered", n % 4);
    }
    let stats = world.shards[0].stats();
    assert!(world.shards[0].is_empty());
    assert_eq!(world.shards[0].poll_timeout(), None, "no deadline, no state");
    assert_eq!((stats.connections, stats.half_open, stats.bytes_out), (0, 0, 0));
    assert_eq!(stats.initials_unreadable + stats.datagrams_ignored, 20_000, "each is counted once");
    // Who could not be read is not punished for it: the address was anybody's.
    let (now, hands) = (world.now, world.hands());
    let good = greeting.initial(b"12345678").seal();
    let _ = world.shards[0].handle_datagram(now, hands, &arrival, BytesMut::from(&good[..]));
    world.exchange();
    assert!(!world.strays.is_empty());
}

#[test]
fn an_unknown_version_is_told_the_known_one_where_the_packet_is_large_enough() {
    let greeting = Greeting::of_a_client();
    for (bytes, answers) in [(1199, 0), (1200, 1), (1400, 1)] {
        let mut world = World::new(Config::default());
        let packet = Initial { version: 0x1234_5678, bytes, ..greeting.initial(b"12345678") }.seal();
        assert_eq!(packet.len(), bytes);
        world.deliver(0, ([203, 0, 113, 1], 999).into(), BytesMut::from(&packet[..]));
        world.exchange();
        assert_eq!(world.strays.len(), answers, "{bytes} bytes");
        assert_eq!(world.shards[0].stats().versions_negotiated, answers as u64);
        assert!(world.strays.iter().all(|(_, answer)| *answer < 100) && world.shards[0].is_empty());
    }
}

#[test]
fn packets_of_unknown_connections_are_reset_only_under_ids_of_ours_and_seldom() {
    let mut world = World::new(Config::default());
    let client = world.player();
    let ours = world.inked(client, &[0x01], 100);
    world.shards = World::new(Config::default()).shards;
    world.clients.clear();
    let mut dice = Dice::new(99);
    let remote = SocketAddr::from(([203, 0, 113, 1], 999));
    // Under anybody's id: nothing, but where an id looks like ours by chance, one in 65,536.
    for _ in 0..100_000 {
        let mut noise = dice.bytes(60);
        noise[0] = 0x40 | (noise[0] & 0x3f);
        world.deliver(0, remote, BytesMut::from(&noise[..]));
    }
    world.exchange();
    let by_chance = world.shards[0].stats().resets_sent;
    assert!(by_chance <= 8, "{by_chance} of 100,000");
    // Under an id of ours whose connection is no more: one in 20 ms, smaller than its cause.
    world.strays.clear();
    world.pass(Duration::from_millis(20));
    for _ in 0..100 {
        for _ in 0..50 {
            world.deliver(0, remote, ours.clone());
        }
        world.pass(Duration::from_millis(10));
    }
    let resets = world.shards[0].stats().resets_sent - by_chance;
    assert!((49..=51).contains(&resets), "{resets} in a second");
    assert!(world.strays.iter().all(|(_, bytes)| *bytes < ours.len()));
}

#[test]
fn early_data_is_not_read() {
    let greeting = Greeting::of_a_client();
    let mut world = World::new(Config::default());
    let remote = SocketAddr::from(([203, 0, 113, 1], 999));
    let initial = greeting.initial(b"12345678").seal();
    let mut early = greeting.initial(b"12345678").seal();
    early[0] = 0xd0 | (early[0] & 0x0f);
    world.deliver(0, remote, BytesMut::from(&initial[..]));
    for _ in 0..10 {
        world.deliver(0, remote, BytesMut::from(&early[..]));
    }
    world.exchange();
    assert!(world.arrived.is_empty() && world.hellos.is_empty());
    assert_eq!(world.shards[0].stats().half_open, 1);
}
