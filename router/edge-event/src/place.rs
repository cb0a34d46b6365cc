//! Where things happen: region, PoP, shard, partition, lane, spool.

use std::fmt;
use std::sync::Arc;

use crate::StartEpoch;

/// A failure and latency area that holds upstreams, e.g. `eu`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Region(pub Arc<str>);

/// One site at the edge, e.g. `fra1`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Pop(pub Arc<str>);

/// A core's share of sessions and state, `0..N`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct ShardId(pub u16);

/// How many slices players are cut into.
pub const PARTITIONS: u16 = 4096;

/// One of [`PARTITIONS`] slices of players.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Partition(u16);

/// A stable 128-bit hash of a subject: the short name of a player in state keys. Written to disk, so stable for ever.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PlayerKey(pub u128);

/// An ordered sub-stream of commands: a slice of partitions. On exactly one region at a time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Lane(pub u16);

/// Names one spool directory for ever.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SpoolUuid(pub [u8; 16]);

/// The address of a record in one spool: the start of its writer, and the record's number in that start.
///
/// Positions rise in log order and are never used twice, because a start epoch is durable before its first record.
/// As a cursor it means "everything up to and with this record".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Position {
    /// Which start of the writer.
    pub epoch: StartEpoch,
    /// Counts the records of that start, from 1. 0 is "before the first".
    pub n: u64,
}

impl Position {
    /// Before every record.
    pub const NONE: Position = Position { epoch: StartEpoch(0), n: 0 };

    /// The greatest position below this one that can be a cursor. `n` must be at least 1.
    pub const fn before(self) -> Position {
        assert!(self.n > 0, "nothing stands before the start of an epoch");
        Position { epoch: self.epoch, n: self.n - 1 }
    }
}

/// `epoch.n`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch.0, self.n)
    }
}

impl Partition {
    /// `None` when `n` is not `0..PARTITIONS`.
    pub const fn new(n: u16) -> Option<Partition> {
        if n < PARTITIONS { Some(Partition(n)) } else { None }
    }

    /// The slice a player falls into: the low 12 bits of its key.
    pub const fn of(key: PlayerKey) -> Partition {
        Partition((key.0 % PARTITIONS as u128) as u16)
    }

    /// `0..PARTITIONS`.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The shard that keeps this slice, where the slices are dealt round-robin over `shards` (at least 1).
    pub const fn owner(self, shards: u16) -> ShardId {
        ShardId(self.0 % shards)
    }

    /// The lane of this slice, of `lanes` (at least 1).
    pub const fn lane(self, lanes: u16) -> Lane {
        Lane(self.0 % lanes)
    }
}

impl fmt::Debug for PlayerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpoolUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for SpoolUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
