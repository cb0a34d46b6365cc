//! What the outside does to a machine's disks, to its clock, and to the next start of its daemon.
//!
//! In: a generator. Out: [`Hardship`]s, each whole in itself. What they do is [`pop`](crate::pop)'s. Deliberately absent: the
//! network and the clients.

use std::time::Duration;

use edge_door::sim::{Fail, Rng};
use serde::{Deserialize, Serialize};

use super::ms;
use crate::span;

/// Which of a machine's disks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) enum Store {
    Spool,
    Sink,
}

/// See the head of this file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum Hardship {
    /// The wall clock steps; the monotonic one goes on.
    ClockStep { by_ms: i64 },
    /// A disk has only so much room left, for a while; on some file systems every write needs room.
    Full {
        store: Store,
        room_bytes: u64,
        copies_on_write: bool,
        #[serde(with = "span")]
        lasts: Duration,
    },
    /// An operation of a disk fails, once, when it is next asked for.
    Failure(Point),
    /// The next start of the daemon has so many shards.
    Shards(u16),
    /// Sectors of the spool's disk rot, on a copy of it: the same sectors for the same number.
    Rot(u32),
}

/// What can fail once, on the disk of the spool and on that of the sink.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Point {
    SegmentSync,
    SegmentWrite,
    SegmentCreate,
    CursorSync,
    CursorWrite,
    SpoolDirSync,
    LinesSync,
    LinesWrite,
    LinesCreate,
    SinkDirSync,
}

impl Point {
    const ALL: [Point; 10] = [
        Point::SegmentSync,
        Point::SegmentWrite,
        Point::SegmentCreate,
        Point::CursorSync,
        Point::CursorWrite,
        Point::SpoolDirSync,
        Point::LinesSync,
        Point::LinesWrite,
        Point::LinesCreate,
        Point::SinkDirSync,
    ];

    /// What that is to the simulated disk.
    pub(crate) const fn fail(self) -> (Store, Fail) {
        match self {
            Point::SegmentSync => (Store::Spool, Fail::Sync("seg-")),
            Point::SegmentWrite => (Store::Spool, Fail::Write("seg-")),
            Point::SegmentCreate => (Store::Spool, Fail::Create("seg-")),
            Point::CursorSync => (Store::Spool, Fail::Sync("cursor-")),
            Point::CursorWrite => (Store::Spool, Fail::Write("cursor-")),
            Point::SpoolDirSync => (Store::Spool, Fail::SyncDir),
            Point::LinesSync => (Store::Sink, Fail::Sync("commands-")),
            Point::LinesWrite => (Store::Sink, Fail::Write("commands-")),
            Point::LinesCreate => (Store::Sink, Fail::Create("commands-")),
            Point::SinkDirSync => (Store::Sink, Fail::SyncDir),
        }
    }
}

impl Hardship {
    /// Any of them.
    pub(super) fn draw(rng: &mut Rng) -> Hardship {
        match rng.below(100) {
            0..25 => Hardship::step(rng),
            25..50 => Hardship::full(rng),
            50..75 => Hardship::failure(rng),
            75..85 => Hardship::Rot(rng.next_u64() as u32),
            _ => Hardship::Shards(2 + rng.below(3) as u16),
        }
    }

    /// Seconds to hours, either way; now and then by what a token lasts.
    pub(super) fn step(rng: &mut Rng) -> Hardship {
        let most_ms = [2_000, 60_000, 20 * 60_000, 6 * 3_600_000][rng.index(4)];
        let by_ms = 1 + rng.below(most_ms) as i64;
        Hardship::ClockStep { by_ms: if rng.chance(500_000) { by_ms } else { -by_ms } }
    }

    fn full(rng: &mut Rng) -> Hardship {
        let store = if rng.chance(600_000) { Store::Spool } else { Store::Sink };
        let room_bytes = if rng.chance(500_000) { 0 } else { rng.below(40 << 10) };
        Hardship::Full { store, room_bytes, copies_on_write: rng.chance(500_000), lasts: ms(rng, 200, 6_000) }
    }

    /// Something that a disk does once.
    pub(super) fn failure(rng: &mut Rng) -> Hardship {
        Hardship::Failure(Point::ALL[rng.index(Point::ALL.len())])
    }
}
