//! What hostile peers can make a shard keep, in bytes, and how much work what is not worth it makes, in allocations.
//!
//! Only what the shard allocates counts; packets are handed to it as copies of its own, as its thread does.

use bytes::BytesMut;

use super::initials::{Dice, Greeting};
use super::pen::stream;
use super::world::{SECOND, World};
use crate::{Config, Rate};

const KIB: isize = 1024;

fn with_world(change: impl FnOnce(&mut Config)) -> World {
    let mut config = Config::default();
    change(&mut config);
    World::new(config)
}

/// So many first packets of nobody, each under a connection id of its own.
fn spoof(world: &mut World, count: u16) {
    let greeting = Greeting::of_a_client();
    let mut dice = Dice::new(11);
    for n in 0..count {
        let packet = greeting.initial(&dice.roll().to_be_bytes()).seal();
        world.deliver(0, ([203, 0, (n >> 8) as u8, n as u8], 1 + n).into(), BytesMut::from(&packet[..]));
        world.exchange();
    }
}

#[test]
fn a_half_open_connection_keeps_at_most_40_kib_and_gives_them_back() {
    let mut world = with_world(|config| (config.retry_above, config.handshakes_max) = (2_000, 2_000));
    let before = world.kept_bytes;
    spoof(&mut world, 1_000);
    assert_eq!(world.shards[0].stats().half_open, 1_000);
    let each = (world.kept_bytes - before) / 1_000;
    assert!(each <= 40 * KIB, "{each} bytes each");
    world.pass(4 * SECOND);
    assert!(world.shards[0].is_empty());
    // The tables keep the room that they have grown to.
    let left = (world.kept_bytes - before) / 1_000;
    assert!(left <= KIB, "{left} bytes each are left");
}

#[test]
fn who_is_asked_to_prove_the_address_keeps_nothing() {
    let mut world = with_world(|config| (config.retry_above, config.handshakes_max) = (0, 1));
    spoof(&mut world, 1_000);
    let before = world.kept_bytes;
    spoof(&mut world, 10_000);
    assert_eq!(world.shards[0].stats().retries, 11_000);
    assert!(world.kept_bytes - before <= KIB, "{} bytes", world.kept_bytes - before);
}

#[test]
fn who_shook_hands_keeps_at_most_20_kib_and_who_is_welcome_24() {
    let mut world = World::new(Config::default());
    world.player(); // what is made once
    let before = world.kept_bytes;
    for _ in 0..20 {
        world.connect();
    }
    world.exchange();
    let waiting = (world.kept_bytes - before) / 20;
    assert!(waiting <= 20 * KIB, "{waiting} bytes until HELLO");
    let mut world = World::new(Config::default());
    world.player();
    let before = world.kept_bytes;
    for _ in 0..20 {
        world.player();
    }
    world.pass(SECOND);
    let each = (world.kept_bytes - before) / 20;
    assert!(each <= 24 * KIB, "{each} bytes a session");
}

/// A frame that has begun on every stream, as long as it may be, and never ends; behind it the windows full of holes.
#[test]
fn a_slow_loris_keeps_its_windows_and_little_more() {
    let mut world = World::new(Config::default());
    let client = world.player();
    world.pass(SECOND);
    let before = world.kept_bytes;
    let receive_window = world.shards[0].context.config.transport.receive_window_bytes as isize;
    // The head of an event of 16 KiB on each class, then every second byte of what may follow.
    for class in 0..4u8 {
        let id = 2 + 4 * u64::from(class);
        world.say(client, &stream(id, 0, &[2, class, 0x20, 0x80, 0, 0x40, 0x03, 1, 1, 1]), 0);
        for n in 0..40 {
            if world.clients[client].lost.is_some() {
                break;
            }
            world.say(client, &stream(id, 11 + 1_000 * n, &[7; 900]), 0);
        }
    }
    let kept = world.kept_bytes - before;
    assert!(kept <= 3 * receive_window, "{kept} bytes for windows of {receive_window}");
    world.pass(6 * SECOND);
    world.pass(30 * SECOND);
    assert!(world.shards[0].is_empty(), "and not for long");
    assert!(world.kept_bytes - before <= 0, "{}", world.kept_bytes - before);
}

/// One byte in each packet, none beside another: what is kept is not the packets.
#[test]
fn single_bytes_do_not_keep_their_packets() {
    let mut world = with_world(|config| {
        config.client_budget.frames = Rate { a_second: 1_000_000, burst: 1_000_000 };
        config.client_budget.packets = Rate { a_second: 1_000_000, burst: 1_000_000 };
    });
    let client = world.player();
    world.pass(SECOND);
    let before = world.kept_bytes;
    let mut most = 0;
    for n in 0..900 {
        if world.clients[client].lost.is_some() {
            break;
        }
        world.say(client, &stream(2, 3 + 2 * n, &[7]), 1_000);
        most = most.max(world.kept_bytes - before);
    }
    assert!(most <= 256 * KIB, "{most} bytes for 900 bytes");
}

#[test]
fn who_does_not_read_keeps_a_bounded_backlog_and_not_for_long() {
    let mut world = with_world(|config| {
        config.client_budget.reply_bytes = Rate { a_second: 100_000_000, burst: 100_000_000 };
    });
    let client = world.player();
    let key = world.key();
    world.pass(SECOND);
    world.clients[client].stop_reading();
    let before = world.kept_bytes;
    let mut most = 0;
    for _ in 0..120 {
        for _ in 0..20 {
            world.reply(key, 7_000);
        }
        world.clients[client].conn.ping();
        world.pass(SECOND / 10);
        most = most.max(world.kept_bytes - before);
        if !world.ended.is_empty() {
            break;
        }
    }
    let config = Config::default();
    let bound = 2 * config.control_backlog_bytes_max as isize + 2 * config.transport.send_window_bytes as isize;
    assert!(most <= bound, "{most} bytes of at most {bound}");
    assert!(world.shards[0].stats().replies_dropped > 1_000);
    let closed = world.clients[client].closed();
    assert_eq!(closed.detail, "the control stream is not read");
}

/// Who reads a little now and then stays, and what it has read does not.
#[test]
fn who_reads_slowly_keeps_no_more_than_who_does_not_read() {
    let mut world = with_world(|config| {
        config.client_budget.reply_bytes = Rate { a_second: 100_000_000, burst: 100_000_000 };
    });
    let client = world.player();
    let key = world.key();
    world.pass(SECOND);
    world.clients[client].stop_reading();
    let before = world.kept_bytes;
    let mut most = 0;
    for _ in 0..400 {
        for _ in 0..20 {
            world.reply(key, 7_000);
        }
        world.clients[client].conn.ping();
        world.clients[client].read_bytes(40_000);
        world.pass(SECOND / 10);
        most = most.max(world.kept_bytes - before);
    }
    assert!(world.ended.is_empty(), "{:?}", world.clients[client].lost);
    let config = Config::default();
    let bound = 2 * config.control_backlog_bytes_max as isize + 2 * config.transport.send_window_bytes as isize;
    assert!(most <= bound, "{most} bytes of at most {bound}");
}

/// Work is counted in allocations: what cannot be read makes a handful, whatever it is.
#[test]
fn what_is_not_worth_reading_makes_little_work() {
    let greeting = Greeting::of_a_client();
    let mut dice = Dice::new(17);
    let mut world = World::new(Config::default());
    let id = dice.roll().to_be_bytes();
    let good = greeting.initial(&id).seal();
    let mut broken = good.clone();
    broken[700] ^= 1;
    let mut unknown = good.clone();
    unknown[1] = 0x7a;
    let cases: [(&str, Vec<u8>, usize); 7] = [
        ("one byte", vec![0x40], 4),
        ("nothing", vec![], 4),
        ("a long header and no more", vec![0xc0, 0, 0, 0, 1], 4),
        ("an Initial that is too short", good[..1199].to_vec(), 4),
        ("another version", unknown, 8),
        ("a short header of nobody", [vec![0x41], vec![7; 40]].concat(), 4),
        ("an Initial whose seal is broken", broken, 24),
    ];
    for (name, datagram, most) in cases {
        // The first of its kind may make room for all.
        world.deliver(0, ([203, 0, 113, 1], 1).into(), BytesMut::from(&datagram[..]));
        world.exchange();
        let (before, kept_before) = (world.allocations, world.kept_bytes);
        for n in 0..100 {
            world.deliver(0, ([203, 0, 113, 1], 1 + n).into(), BytesMut::from(&datagram[..]));
            world.exchange();
        }
        let each = (world.allocations - before) / 100;
        assert!(each <= most, "{name}: {each} allocations");
        assert!(world.kept_bytes - kept_before <= 0, "{name}: {} bytes kept", world.kept_bytes - kept_before);
        assert!(world.shards[0].is_empty(), "{name}");
    }
}
