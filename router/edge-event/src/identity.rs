//! Who an event is.
//!
//! A *reliable* event is `(sub, producer_id, class, seq)`: the client made it, so a resend has the same name on every
//! node. A *datagram* event is named by us and is never resent. A *timer's firing* is named after the event that opened it.
//! Command ids are derived from these names (see [`CommandId`](crate::CommandId)), so they are compared and
//! hashed by their canonical bytes, which `edge-wire` and `rules-engine` agree on through [`EventId::write_canonical`].

use std::fmt;
use std::sync::Arc;

/// Sixteen bytes that an SDK makes once, at random, and keeps with its queue on disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ProducerId(pub [u8; 16]);

/// A stable 128-bit hash of `(sub, producer_id)`: the short name under which dedupe marks are kept.
///
/// Made by `edge-session` when a session opens; stable for ever, because it is written to disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ProducerKey(pub u128);

/// An ordered stream of a client's reliable events, `0..=3`; 0 is the most urgent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Class(u8);

/// How many classes a session has.
pub const CLASSES: usize = 4;

/// The number of a reliable event in its class. The first is 1; it rises by one. 0 means "none yet".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Seq(pub u64);

/// One machine of a PoP. Unique in the fleet; configured, never derived from an address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct NodeId(pub u32);

/// A counter fsynced at each start of the spool's writer, so that an ordinal is never used twice. The first is 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct StartEpoch(pub u64);

/// The identity of one event, unique for ever.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum EventId {
    /// From an ordered class of a producer: the same on every node and on every resend.
    Reliable {
        /// The token's `sub`.
        sub: Arc<str>,
        /// The producer.
        producer: ProducerId,
        /// Its class.
        class: Class,
        /// The number in the class.
        seq: Seq,
    },
    /// From a datagram: named by the node that took it in.
    Datagram {
        /// The node.
        node: NodeId,
        /// The start of its spool's writer.
        epoch: StartEpoch,
        /// The shard that took it in.
        shard: crate::ShardId,
        /// Counts arrivals on that shard in that epoch, from 1.
        ordinal: u64,
    },
    /// A timer that an event opened (the deadline of a sequence). The definition tells timers of one event apart.
    Timer {
        /// The event that opened it.
        opened_by: Box<EventId>,
        /// Stable id of the definition that set the timer.
        definition: u64,
    },
}

impl Class {
    /// `None` when `n` is not `0..=3`.
    pub const fn new(n: u8) -> Option<Class> {
        if (n as usize) < CLASSES { Some(Class(n)) } else { None }
    }

    /// All classes, most urgent first.
    pub const ALL: [Class; CLASSES] = [Class(0), Class(1), Class(2), Class(3)];

    /// As an array index, `0..CLASSES`.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// As on the wire.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Seq {
    /// The number after this one.
    pub const fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

impl EventId {
    /// Appends the canonical bytes: a tag, then fixed-width little-endian numbers and a length-prefixed `sub`.
    ///
    /// Two ids are equal exactly when these bytes are. They are hashed into command ids and written to disk,
    /// so this layout is version 1 for ever.
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        match self {
            EventId::Reliable { sub, producer, class, seq } => {
                out.push(1);
                out.extend_from_slice(&(sub.len() as u32).to_le_bytes());
                out.extend_from_slice(sub.as_bytes());
                out.extend_from_slice(&producer.0);
                out.push(class.get());
                out.extend_from_slice(&seq.0.to_le_bytes());
            }
            EventId::Datagram { node, epoch, shard, ordinal } => {
                out.push(2);
                out.extend_from_slice(&node.0.to_le_bytes());
                out.extend_from_slice(&epoch.0.to_le_bytes());
                out.extend_from_slice(&shard.0.to_le_bytes());
                out.extend_from_slice(&ordinal.to_le_bytes());
            }
            EventId::Timer { opened_by, definition } => {
                out.push(3);
                out.extend_from_slice(&definition.to_le_bytes());
                opened_by.write_canonical(out);
            }
        }
    }
}

impl fmt::Debug for ProducerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ProducerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for ProducerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// `producer/class/seq` for reliable events, `node.epoch.shard.ordinal` for datagrams. Never contains the `sub`,
/// so it may stand in a log.
impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventId::Reliable { producer, class, seq, .. } => write!(f, "{producer}/{}/{}", class.get(), seq.0),
            EventId::Datagram { node, epoch, shard, ordinal } => {
                write!(f, "{}.{}.{}.{ordinal}", node.0, epoch.0, shard.0)
            }
            EventId::Timer { opened_by, definition } => write!(f, "{opened_by}~{definition:016x}"),
        }
    }
}
