//! Values on the edges of their types, and events made of them.

use std::sync::Arc;

use edge_event::{ConnInfo, Event, EventTypeId, UnixMillis};

use super::EVENT_TYPES;
use crate::START;
use crate::dice::Dice;
use crate::event::event;
use crate::payload::Payload;

pub(crate) const INTS: [i64; 15] =
    [0, 1, -1, 2, 3, 5, 7, 10, 12, 100, i32::MAX as i64, i64::MAX, i64::MIN, (1 << 53) + 1, -(1 << 53) - 1];
pub(crate) const UINTS: [u64; 9] = [0, 1, 2, 3, 5, 10, u32::MAX as u64, (1 << 53) + 1, u64::MAX];
pub(crate) const DOUBLES: [f64; 16] = [
    0.0,
    -0.0,
    0.5,
    1.0,
    2.5,
    3.0,
    5.0,
    -1.0,
    1e300,
    9_007_199_254_740_992.0,
    9_007_199_254_740_994.0,
    9_223_372_036_854_775_808.0,
    18_446_744_073_709_551_616.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];
pub(crate) const TEXTS: [&str; 17] = [
    "",
    "a",
    "ab",
    "abc",
    "abd",
    "crypt",
    "crypt_two",
    "abyss",
    "sky_fortress",
    "sky_harbour",
    "0123456789abcdef",
    "0123456789abcdefg",
    // Of one length, with the same ends.
    "beginning_one_the_end",
    "beginning_two_the_end",
    "\u{e4}rger",
    "\u{10ffff}",
    "zz",
];

/// A name of many: `spread` of them are drawn evenly.
pub(crate) fn item(dice: &mut Dice, spread: u64) -> String {
    format!("item_{}", dice.below(spread))
}

/// Small numbers, and some from the edges.
pub(crate) fn int(dice: &mut Dice) -> i64 {
    if dice.chance(60) { dice.below(60) as i64 } else { dice.pick(&INTS) }
}

pub(crate) fn uint(dice: &mut Dice) -> u64 {
    if dice.chance(60) { dice.below(60) } else { dice.pick(&UINTS) }
}

pub(crate) fn double(dice: &mut Dice) -> f64 {
    if dice.chance(50) { dice.below(240) as f64 / 4.0 } else { dice.pick(&DOUBLES) }
}

/// So many events of a few players; times never fall, some events are late, a few are no protobuf. `spread` is the number of names.
pub fn events(count: usize, spread: u64, seed: u64) -> Vec<Event> {
    let mut dice = Dice::new(seed ^ 0x6576_656e_7473);
    let conns: Vec<Arc<ConnInfo>> = (0..4).map(|_| Arc::new(conn(&mut dice))).collect();
    let mut now = START;
    (1..=count as u64)
        .map(|seq| {
            now = UnixMillis(now.0 + dice.pick(&[0, 1, 400, 3_000, 9_000]));
            let event_type = EventTypeId(1 + dice.below(u64::from(EVENT_TYPES)) as u32);
            let payload = payload(&mut dice, spread);
            let conn = &conns[dice.below(4) as usize];
            let mut event = event(dice.below(5), event_type, now, seq, conn, payload);
            event.happened = UnixMillis(now.0 - dice.pick(&[0, 0, 0, 0, 1, 5_000, 10_000, 10_001, 60_000]));
            event
        })
        .collect()
}

fn conn(dice: &mut Dice) -> ConnInfo {
    let mut segments: Vec<Arc<str>> = vec!["beta".into(), "vip".into(), "abc".into()];
    segments.truncate(dice.below(4) as usize);
    segments.sort();
    let clan: (Arc<str>, Arc<str>) = ("clan".into(), dice.pick(&TEXTS).into());
    ConnInfo {
        sub: format!("p{}", dice.below(5)).into(),
        region: dice.pick(&TEXTS).into(),
        segments,
        platform: dice.pick(&["pc", "ps5", "abc", ""]).into(),
        locale: dice.pick(&["pt-BR", "de", ""]).into(),
        build: dice.pick(&["1.2.3", "1.3.0", ""]).into(),
        attributes: if dice.chance(70) { vec![clan] } else { Vec::new() },
        ..ConnInfo::default()
    }
}

fn payload(dice: &mut Dice, spread: u64) -> Vec<u8> {
    let mut out = Payload::default();
    if dice.chance(1) {
        // A length that points past the end.
        return vec![0x4a, 0x40, b'x'];
    }
    let text = |dice: &mut Dice| if dice.chance(40) { item(dice, spread) } else { dice.pick(&TEXTS).to_owned() };
    // Most fields are there; what is not reads as its default.
    for number in dice.some(85, &[1, 3]) {
        let n = int(dice);
        out.varint(number, if number == 1 { i64::from(n as i32) as u64 } else { n as u64 });
    }
    for number in dice.some(85, &[2, 4]) {
        out.varint(number, uint(dice));
    }
    if dice.chance(85) {
        out.double(5, double(dice));
        out.float(6, double(dice) as f32);
    }
    for (number, values) in dice.some(85, &[(7, 2), (8, 3), (14, 2)]) {
        out.varint(number, dice.below(values));
    }
    for number in dice.some(85, &[9, 10, 12]) {
        out.delimited(number, text(dice).as_bytes());
    }
    if dice.chance(60) {
        out.varint(11, int(dice) as u64);
        out.double(13, double(dice));
    }
    if dice.chance(60) {
        let mut inner = Payload::default();
        inner.delimited(1, text(dice).as_bytes());
        inner.varint(2, dice.below(40));
        out.delimited(15, &inner.bytes);
    }
    for _ in 0..dice.below(4) {
        out.delimited(16, dice.pick(&TEXTS).as_bytes());
    }
    for key in dice.some(50, &["abc", "zz"]) {
        let mut entry = Payload::default();
        entry.delimited(1, key.as_bytes());
        entry.varint(2, int(dice) as u64);
        out.delimited(17, &entry.bytes);
    }
    if dice.chance(85) {
        out.delimited(18, text(dice).as_bytes());
    }
    for number in dice.some(50, &[19, 20]) {
        let mut span = Payload::default();
        // Now and then outside of what a timestamp may be.
        span.varint(1, if dice.chance(95) { dice.below(2_000_000_000) } else { u64::MAX / 2 });
        out.delimited(number, &span.bytes);
    }
    // Now and then so many that a loop in a loop takes too many steps.
    let numbers = if dice.chance(2) { 160 } else { dice.below(4) };
    (0..numbers).for_each(|_| out.varint(21, int(dice) as u64));
    out.bytes
}
