//! What shards say to each other.
//!
//! Every pair of shards is joined by two bounded rings each way. The *forward* ring carries what makes work at its receiver
//! (events, new sessions, strayed packets); the *back* ring carries what ends work (completions, replies). A receiver
//! may leave the forward ring alone while it has no room, and always empties the back ring: so two full shards can
//! never wait for each other.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use edge_event::{Class, CommandId, Event, Partition, PlayerKey, ProducerKey, Provenance, Seq, ShardId};
use edge_session::{Arrival, SessionKey};

/// The session, on its shard, that an event came from and that its completion goes back to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The shard that holds the connection.
    pub shard: ShardId,
    /// The session there.
    pub session: SessionKey,
}

/// An event on its way to the shard that owns its player.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoutedEvent {
    /// Who sent it.
    pub origin: Origin,
    /// Short name of its producer.
    pub producer: ProducerKey,
    /// `Some` for a reliable event: it is deduplicated and completed. `None` for a datagram.
    pub reliable: Option<(Class, Seq)>,
    /// When the shard of the connection took it in.
    pub arrived: Instant,
    /// The event.
    pub event: Event,
}

/// A session that said HELLO, on its way to its producer's home.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attach {
    /// The new session.
    pub origin: Origin,
    /// Its producer.
    pub producer: ProducerKey,
    /// Whom the token's `sub` names.
    pub player: PlayerKey,
    /// The slice of the token's `sub`.
    pub partition: Partition,
    /// Whether the producer speaks for its own slice alone: see [`Back::Attached`].
    pub provenance: Provenance,
    /// When HELLO came: the later one is the newer session, whichever word arrives first.
    pub hello_at: Instant,
}

/// A packet that reached the wrong shard: its connection id names another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StrayPacket {
    /// How it arrived.
    pub arrival: Arrival,
    /// The UDP payload.
    pub data: BytesMut,
}

/// What makes work at its receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Forward {
    /// Evaluate this.
    Event(RoutedEvent),
    /// A session said HELLO: its producer's home answers with [`Back::Attached`].
    Attach(Attach),
    /// A session ended.
    Detach {
        /// The session.
        origin: Origin,
        /// Its producer.
        producer: ProducerKey,
    },
    /// Not mine but yours.
    Packet(StrayPacket),
    /// The n-th cut of the ledger has passed this channel; see [`crate::ledger`].
    Cut(u64),
}

/// What ends work at its receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Back {
    /// A reliable event is finished: what it ordered is durable, or it ordered nothing.
    Done {
        /// The session that waits for it.
        session: SessionKey,
        /// Its class.
        class: Class,
        /// Its number.
        seq: Seq,
    },
    /// A rule answers the client.
    Reply {
        /// The session.
        session: SessionKey,
        /// The command's id.
        command: CommandId,
        /// The name the client matches on.
        name: std::sync::Arc<str>,
        /// JSON.
        body: Bytes,
    },
    /// To [`Forward::Attach`]: how far this producer's classes are durable here. Only a player's own marks say that: the events
    /// of a game server go to the owners of many slices, and the mark of one slice knows nothing of the others.
    Attached {
        /// The new session.
        session: SessionKey,
        /// Highest durable seq per class; 0 for none.
        marks: [Seq; edge_event::identity::CLASSES],
    },
    /// To [`Forward::Attach`]: the player has as many sessions as it may.
    TooMany {
        /// The new session.
        session: SessionKey,
    },
    /// All sessions of the player together sent too much.
    Slow {
        /// The one that sent last.
        session: SessionKey,
        /// How long to leave it alone.
        wait: Duration,
    },
    /// A newer connection of the producer has come: close this one. Instead of [`Back::Attached`] where the newer one was first.
    Superseded {
        /// The older session.
        session: SessionKey,
    },
}
