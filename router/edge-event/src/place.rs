//! Where things happen: region, PoP, shard, partition, lane, spool.

use std::fmt;
use std::sync::Arc;

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

impl Partition {
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
