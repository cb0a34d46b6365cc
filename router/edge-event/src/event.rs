//! What an event carries on its way from a session to the rules.

use std::sync::Arc;

use bytes::Bytes;

use crate::{EventId, Partition, PlayerKey, ProducerId};

/// Names an event type of the catalogue; stable for ever.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct EventTypeId(pub u32);

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct UnixMillis(pub i64);

/// Who vouches for an event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub enum Provenance {
    /// A player's own machine: forgeable.
    #[default]
    Client,
    /// A game server with a token of the servers' issuer: attested.
    Server,
}

/// What a session told us about itself at HELLO: shared by all its events, immutable for the session's life.
///
/// `sub`, `region`, `segments` and `provenance` come from the verified token; the rest is the client's word.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConnInfo {
    /// The token's `sub`.
    pub sub: Arc<str>,
    /// The producer.
    pub producer: ProducerId,
    /// Decided by the key that signed the token.
    pub provenance: Provenance,
    /// The token's region; empty where it names none.
    pub region: Arc<str>,
    /// The token's segments, sorted.
    pub segments: Vec<Arc<str>>,
    /// E.g. `pc`, `ps5`; forgeable.
    pub platform: Arc<str>,
    /// BCP 47, e.g. `pt-BR`; forgeable.
    pub locale: Arc<str>,
    /// The client's build, forgeable.
    pub build: Arc<str>,
    /// Free attributes of HELLO, sorted by name; forgeable.
    pub attributes: Vec<(Arc<str>, Arc<str>)>,
}

/// One admitted event, as the owner shard evaluates it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Who it is.
    pub id: EventId,
    /// Its schema.
    pub event_type: EventTypeId,
    /// The player it is about: the token's `sub` for client events, the catalogue's `subject` field for server events.
    pub subject: Arc<str>,
    /// Stable hash of `subject`.
    pub player: PlayerKey,
    /// The slice of `player`.
    pub partition: Partition,
    /// When the shard took it in, by the shard's wall-anchored clock.
    pub arrival: UnixMillis,
    /// When it happened: the client's clock mapped to ours at HELLO; not yet bounded by lateness.
    pub happened: UnixMillis,
    /// The session that sent it.
    pub conn: Arc<ConnInfo>,
    /// The catalogue's protobuf message.
    pub payload: Bytes,
}
