//! What one event leaves on disk: the content of an atomic spool record.
//!
//! Identity, revision, durable state and commands stand or fall together, so half an event never survives a crash.
//! State values are absolute ("this key now holds these bytes"), so folding records in log order is last-writer-wins and
//! the spool needs to know no rule.

use bytes::Bytes;

use crate::{Command, EventId, Partition, PlayerKey, ProducerKey, Seq, UnixMillis};

/// Addresses one durable state cell: a definition and a key of that definition. Both are stable hashes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct StateKey {
    /// Stable id of the definition: hash of (package, definition, kind, canonical typed shape).
    pub definition: u64,
    /// Stable hash of the typed key tuple.
    pub key: u128,
    /// The slice of players it belongs to: tells which shard gets it back after a restart.
    pub partition: Partition,
}

/// The new value of one durable state cell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateDelta {
    /// Which cell.
    pub key: StateKey,
    /// The whole new value; `None` removes the cell.
    pub value: Option<Bytes>,
    /// When nobody needs the cell any more; the fold drops it then. `None`: never.
    pub expires: Option<UnixMillis>,
}

/// A timer that must fire after a restart, too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimerSet {
    /// The cell the timer belongs to.
    pub key: StateKey,
    /// When it is due; `None` cancels.
    pub due: Option<UnixMillis>,
}

/// Everything one event leaves on disk, atomically.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventRecord {
    /// Who the event is. A reliable identity also is the dedupe mark `(producer, class, partition) -> seq`.
    pub id: EventId,
    /// Short name of `(sub, producer)`; zero unless `id` is reliable.
    pub producer: ProducerKey,
    /// The player.
    pub player: PlayerKey,
    /// The slice: decides lane and owner.
    pub partition: Partition,
    /// The rule-set revision that evaluated it.
    pub revision: u64,
    /// The event's (bounded) time.
    pub time: UnixMillis,
    /// Durable state after the event.
    pub deltas: Vec<StateDelta>,
    /// Timers set or cancelled.
    pub timers: Vec<TimerSet>,
    /// Durable commands, in emission order. Replies are not among them.
    pub commands: Vec<Command>,
}

/// How far a producer's class is on disk, for one slice of players.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DedupeMark {
    /// The producer.
    pub producer: ProducerKey,
    /// Its class.
    pub class: crate::Class,
    /// The slice of the subjects (a game server attests for many players).
    pub partition: Partition,
    /// The highest seq with a durable record.
    pub seq: Seq,
    /// When that record was written.
    pub at: UnixMillis,
}
