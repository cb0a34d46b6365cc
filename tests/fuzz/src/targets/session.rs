//! A client's session, driven by a stranger: a story of words, packets, resets, orders and time, told by the bytes.
//!
//! A peer connects first; each byte then chooses a step, those behind it its details. What must hold on every step is
//! asserted in `peers`; at the end everybody falls silent and within minutes nothing of them is left, every HELLO that
//! was told has its end, and a newcomer is served as if nothing had been.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use edge_event::{Class, CommandId};
use edge_session::{Config, DenyList, MoveTo};
use edge_wire::{CloseCode, CloseReason, MoveReason, RejectCode, StreamHeader};
use quinn_proto::{Dir, VarInt};

use super::peer::{Fate, event_bytes, hello_bytes};
use super::peers::{World, nobody};
use crate::input::Input;

/// Most steps of a story, and most peers in it.
const STEPS_MAX: usize = 48;
const PEERS_MAX: usize = 4;
/// Longer than every deadline, and than the longest idle timeout.
const SILENCE: Duration = Duration::from_secs(150);

pub(super) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut world = World::new(Config { retry_above: 2, handshakes_max: 3, ..Config::default() });
    world.connect();
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        step(&mut world, &mut input);
    }
    ends(&mut world);
    newcomer_is_served(&mut world);
}

fn step(world: &mut World, input: &mut Input<'_>) {
    let choice = input.u8();
    let who = usize::from(choice >> 6) % world.peers.len();
    match choice & 63 {
        0..12 => speak(world, who, choice & 63, input),
        12..20 => travel(world, who, choice & 63, input),
        20..32 => order(world, choice & 63, input),
        32 if world.peers.len() < PEERS_MAX => drop(world.connect()),
        33 => world.pass(Duration::from_millis(u64::from(input.u16()))),
        34 => world.pass(Duration::from_secs(u64::from(input.u8() % 16))),
        35 => world.peers[who].conn.close(
            world.now,
            VarInt::from_u32(u32::from(input.u16())),
            Bytes::from(input.short().to_vec()),
        ),
        36 => world.peers[who].is_muted ^= true,
        _ => world.exchange(),
    }
}

/// What a peer says.
fn speak(world: &mut World, who: usize, how: u8, input: &mut Input<'_>) {
    let peer = &mut world.peers[who];
    match how {
        0 => {
            let producer = input.u8();
            peer.hello(producer);
        }
        1 => match peer.control {
            Some(control) => peer.write(control, input.short()),
            None => peer.open_control(input.short()),
        },
        2 => {
            let (class, count) = (Class::ALL[usize::from(input.u8() & 3)], 1 + input.u8() % 24);
            let mut bytes = Vec::new();
            StreamHeader::Events(class).encode(&mut bytes);
            (0..count).for_each(|n| bytes.extend(peer.next_event(class, &[n])));
            let id = peer.open(Dir::Uni, &bytes);
            peer.streams.extend(id);
        }
        3 => {
            let id = peer.open(Dir::Uni, input.short());
            peer.streams.extend(id);
        }
        4 => {
            if let Some(id) = nth(&peer.streams, input.u8()) {
                peer.write(id, input.short());
            }
        }
        5 => {
            if let Some(id) = nth(&peer.streams, input.u8()) {
                let _ = peer.conn.send_stream(id).reset(VarInt::from_u32(u32::from(input.u8())));
            }
        }
        6 => {
            if let Some(id) = nth(&peer.streams, input.u8()) {
                let _ = peer.conn.send_stream(id).finish();
            }
        }
        7 => drop(peer.conn.datagrams().send(Bytes::from(input.short().to_vec()), true)),
        8 => {
            let count = input.u8() % 64;
            for n in 0..count {
                let _ = peer.conn.datagrams().send(Bytes::from(event_bytes(0, &[n])), true);
            }
        }
        9 => {
            let id = peer.open(Dir::Bi, input.short());
            peer.streams.extend(id);
        }
        10 => {
            if let Some(control) = peer.control {
                let _ = peer.conn.recv_stream(control).stop(VarInt::from_u32(u32::from(input.u8())));
            }
        }
        _ => {
            let bytes = hello_bytes(input.u8());
            let (cut, rest) = bytes.split_at(usize::from(input.u16()) % bytes.len());
            match peer.control {
                Some(control) => peer.write(control, rest),
                None => peer.open_control(cut),
            }
        }
    }
}

/// What happens to packets.
fn travel(world: &mut World, who: usize, how: u8, input: &mut Input<'_>) {
    let fate = match how {
        12 => Fate::Lost,
        13 => Fate::Twice,
        14 => Fate::Late,
        15 => Fate::Flipped(input.u8(), input.u8()),
        16 => Fate::Cut(input.u8()),
        17 => Fate::From(input.u8()),
        18 => Fate::Astray,
        _ => {
            let (shard, from) = (usize::from(input.u8() & 1), nobody(input.u8()));
            let len = usize::from(input.u16() % 1500);
            let mut datagram = input.short().to_vec();
            datagram.resize(len.max(1), input.u8());
            world.deliver(shard, from, BytesMut::from(&datagram[..]));
            return;
        }
    };
    world.peers[who].fates.push_back(fate);
}

/// What the shard, or an operator, orders.
fn order(world: &mut World, how: u8, input: &mut Input<'_>) {
    let n = usize::from(input.u8());
    let session = world.hellos.get(n % world.hellos.len().max(1)).copied();
    let class = Class::ALL[n & 3];
    match (how, session) {
        (20, _) => world.complete(n),
        (21, _) => {
            if let Some((shard, key, class, seq)) = world.waiting.pop_front() {
                world.shards[shard].reject(key, class, seq, RejectCode::ALL[n % RejectCode::ALL.len()], "no");
            }
        }
        (22, Some((shard, key))) => {
            let name = String::from_utf8_lossy(input.short()).into_owned();
            let body = Bytes::from(input.short().to_vec());
            world.shards[shard].reply(key, CommandId([n as u8; 16]), &name, &body);
        }
        (23, Some((shard, key))) => world.shards[shard].supersede(key),
        (24, Some((shard, key))) => {
            let code = CloseCode::ALL[n % CloseCode::ALL.len()];
            let detail = String::from_utf8_lossy(input.short()).into_owned();
            world.shards[shard].close(key, &CloseReason::new(code, detail));
        }
        (25, _) => world.shards.iter_mut().for_each(|shard| shard.pause(class)),
        (26, _) => world.shards.iter_mut().for_each(|shard| shard.resume(class)),
        (27, _) => world.shards.iter_mut().for_each(|shard| shard.shed_datagrams(n & 1 == 1)),
        (28, _) => {
            let subjects = BTreeSet::from(["p1".to_owned()]);
            let deny = Arc::new(DenyList { subjects, ..DenyList::default() });
            world.shards.iter_mut().for_each(|shard| shard.revoke(Arc::clone(&deny)));
            world.exchange();
            world.shards.iter_mut().for_each(|shard| shard.revoke(Arc::default()));
        }
        (29, _) => {
            let to = MoveTo { reason: MoveReason::Drain, endpoints: vec!["other.test:443".to_owned()] };
            for shard in world.shards.iter_mut().take(1 + n % 2) {
                shard.begin_drain(to.clone(), Duration::from_secs(5)).expect("the endpoint is good");
            }
        }
        (30, _) => world.welcomes ^= true,
        (31, Some((shard, key))) => world.shards[shard].refuse(
            key,
            edge_wire::RefuseCode::ALL[n % edge_wire::RefuseCode::ALL.len()],
            "no",
            None,
        ),
        _ => {}
    }
}

fn nth(streams: &[quinn_proto::StreamId], n: u8) -> Option<quinn_proto::StreamId> {
    streams.get(usize::from(n) % streams.len().max(1)).copied()
}

/// Everybody falls silent.
fn ends(world: &mut World) {
    world.peers.iter_mut().for_each(|peer| peer.is_muted = true);
    world.pass(SILENCE);
    for shard in &world.shards {
        let stats = shard.stats();
        assert!(shard.is_empty(), "{stats:?}");
        assert_eq!((stats.connections, stats.half_open, stats.sessions), (0, 0, 0));
    }
    let told: u64 = world.shards.iter().map(|shard| shard.stats().hellos).sum();
    assert_eq!((world.hellos.len() as u64, world.ended.len() as u64), (told, told), "every HELLO has its end");
}

/// As if nothing had been.
fn newcomer_is_served(world: &mut World) {
    world.welcomes = true;
    world.shards.iter_mut().for_each(|shard| {
        Class::ALL.into_iter().for_each(|class| shard.resume(class));
        shard.shed_datagrams(false);
    });
    let hellos = world.hellos.len();
    let newcomer = world.connect();
    world.exchange();
    world.peers[newcomer].hello(77);
    world.exchange();
    let is_draining = !world.peers[newcomer].is_welcome;
    if is_draining {
        assert_eq!(world.hellos.len(), hellos, "a HELLO that was told is welcomed");
        return;
    }
    let events: Vec<u8> = (0..3).flat_map(|n| world.peers[newcomer].next_event(Class::ALL[1], &[n])).collect();
    let mut bytes = Vec::new();
    StreamHeader::Events(Class::ALL[1]).encode(&mut bytes);
    bytes.extend(events);
    world.peers[newcomer].open(Dir::Uni, &bytes).expect("a newcomer may open a stream");
    world.exchange();
    world.complete(3);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.peers[newcomer].receipts, [0, 3, 0, 0], "its receipts come");
    assert!(!world.peers[newcomer].is_lost);
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    // Connect, HELLO, WELCOME.
    const PLAYER: [u8; 4] = [40, 0, 3, 40];
    let stories: [&[u8]; 24] = [
        &[],
        &[40],
        &[2, 1, 5, 40, 20, 5, 33, 40, 0],
        &[2, 0, 20, 40, 21, 0, 20, 30, 33, 100, 0, 2, 0, 9, 40],
        &[8, 20, 40, 7, 3, 0x20, 3, 0, 40],
        &[3, 5, 2, 1, 0x20, 3, 1, 40, 5, 0, 7, 33, 0, 16],
        &[4, 0, 3, 1, 2, 3, 40, 6, 0, 40],
        &[1, 4, 0x40, 0x40, 1, 9, 40],
        &[1, 2, 0x20, 0, 40, 33, 255, 0],
        &[12, 13, 14, 40, 2, 2, 9, 40, 33, 0, 4, 20, 9],
        &[15, 9, 3, 16, 100, 2, 1, 3, 40, 33, 0, 4],
        &[17, 1, 2, 1, 3, 40, 17, 2, 17, 1, 8, 3, 40, 33, 0, 8, 40],
        &[18, 2, 1, 3, 40, 18, 18, 8, 3, 40],
        &[22, 0, 3, b'f', b'o', b'o', 2, b'{', b'}', 40, 33, 50, 0],
        &[23, 0, 40, 33, 0, 4],
        &[24, 3, 2, b'o', b'k', 40, 33, 0, 4],
        &[25, 1, 2, 1, 9, 40, 33, 0, 32, 26, 1, 40, 20, 9],
        &[27, 1, 8, 9, 40, 27, 0, 8, 9, 40],
        &[28, 0, 40, 32, 64, 3, 40],
        &[29, 1, 40, 33, 0, 32, 32, 40],
        &[32, 40, 64, 3, 40, 66, 1, 4, 40, 20, 9, 40],
        &[35, 7, 0, 3, b'b', b'y', b'e', 40],
        &[36, 33, 0, 64, 36, 40],
        &[9, 3, 1, 2, 3, 40, 10, 5, 40],
    ];
    let behind = stories.iter().map(|story| [&PLAYER, *story].concat());
    // Before the handshake is over.
    let before: [&[u8]; 8] = [
        &[36, 40, 33, 0, 32],
        &[12, 40, 33, 0, 8, 40, 0, 3, 40],
        &[15, 5, 1, 40, 33, 0, 8, 0, 3, 40],
        &[17, 0, 40, 33, 0, 16],
        &[19, 0, 0, 200, 4, 7, 0xc0, 0, 0, 0, 1, 8, 1, 0, 40],
        &[19, 1, 1, 200, 4, 7, 0xc0, 0, 0, 0, 9, 8, 1, 0, 40],
        &[32, 32, 32, 17, 0, 81, 1, 145, 2, 209, 3, 40, 33, 0, 16, 40],
        &[30, 0, 40, 0, 3, 40, 31, 0, 40, 33, 0, 4],
    ];
    behind.chain(before.iter().map(|story| story.to_vec())).collect()
}
