//! What passes between the sessions and the shard that drives them.
//!
//! In: arrivals of datagrams, answers to HELLO. Out: HELLOs, events, ends, and how a transmit leaves. Plain data;
//! deliberately absent: behaviour, sockets, and `EventId`s, which need the owner's view of the subject and the spool's
//! start epoch.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use edge_event::identity::CLASSES;
use edge_event::{Class, ConnInfo, EventTypeId, ProducerKey, Seq, ShardId, UnixMillis};
use edge_wire::limits::CATALOGUE_DIGEST_BYTES;
use edge_wire::{CloseCode, MoveReason};

use crate::budget::Limit;

/// Names a session of this shard. A key whose session has ended names nothing for ever, so a late answer is harmless.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}.{}", self.index, self.generation)
    }
}

/// How a datagram arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// Who sent it.
    pub remote: SocketAddr,
    /// The local address it was sent to, where the kernel says so.
    pub local_ip: Option<IpAddr>,
    /// The two ECN bits.
    pub ecn: u8,
}

/// What the clock shows, read at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hands {
    /// The shard's time, which never runs backwards: events are dated by it.
    pub shown: UnixMillis,
    /// The wall clock as it is, which may step either way: tokens are judged by it.
    pub wall: UnixMillis,
}

/// What became of a datagram.
#[derive(Debug)]
pub enum Handled {
    /// It was taken in, or was not worth it.
    Here,
    /// Its connection lives on another shard of this node; hand it over there, unchanged.
    Foreign {
        /// Which shard.
        shard: ShardId,
        /// The datagram.
        datagram: BytesMut,
    },
}

/// How a transmit leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Departure {
    /// To whom.
    pub destination: SocketAddr,
    /// From which local address, where the connection cares.
    pub source_ip: Option<IpAddr>,
    /// The two ECN bits.
    pub ecn: u8,
    /// Where the buffer holds several datagrams (GSO): the length of each but the last.
    pub segment_size: Option<usize>,
}

/// What a shard hears from its sessions.
#[derive(Debug)]
pub enum SessionEvent {
    /// A client introduced itself with a valid token. Answer with `welcome` or `refuse`; until then nothing else comes
    /// from it.
    Hello(Box<Hello>),
    /// A welcomed session sent an event. A reliable one wants `complete` (or `reject`) when it is finished.
    Event(Arrived),
    /// A session of which a `Hello` was told has ended. Its key names nothing any more.
    Closed {
        /// Which.
        key: SessionKey,
        /// Its producer.
        producer: ProducerKey,
        /// Why.
        ended: Ended,
    },
}

/// A client that wants to be welcomed.
#[derive(Clone, Debug)]
pub struct Hello {
    /// Names the session from now on.
    pub key: SessionKey,
    /// What token and HELLO say.
    pub conn: Arc<ConnInfo>,
    /// Short name of the producer: dedupe marks and superseding go by it.
    pub producer: ProducerKey,
    /// The highest receipt that the client holds, by class; 0 where none. Its own word.
    pub highest_receipts: [Seq; CLASSES],
    /// The catalogue that the client was built with.
    pub catalogue_digest: [u8; CATALOGUE_DIGEST_BYTES],
}

/// The answer to a [`Hello`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Welcome {
    /// Whether this node knew the producer.
    pub resumed: bool,
    /// How far each class of the producer is finished and durable on this node, by class; 0 where unknown.
    pub marks: [Seq; CLASSES],
    /// The rule-set revision in force.
    pub revision: u64,
    /// The catalogue in force.
    pub catalogue_digest: [u8; CATALOGUE_DIGEST_BYTES],
    /// How long this node keeps the marks after a disconnect, in milliseconds.
    pub session_ttl_ms: u64,
}

/// One event of a client, admitted: decoded, in order, within its budget. Not yet deduplicated against earlier
/// connections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrived {
    /// The session that sent it.
    pub key: SessionKey,
    /// Short name of the producer.
    pub producer: ProducerKey,
    /// What token and HELLO said.
    pub conn: Arc<ConnInfo>,
    /// What identity is made of.
    pub origin: Origin,
    /// Its schema; not yet looked up.
    pub event_type: EventTypeId,
    /// When it was read.
    pub arrival: UnixMillis,
    /// When it happened by the client's clock, mapped to ours at HELLO; never after `arrival`.
    pub happened: UnixMillis,
    /// The catalogue's message, not yet validated. Shares memory with the packet it came in.
    pub payload: Bytes,
}

/// Where an event stood among its kind.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// In an ordered class.
    Reliable {
        /// Which.
        class: Class,
        /// Its number.
        seq: Seq,
    },
    /// In a datagram.
    Datagram {
        /// Counts datagram events of this shard since it was made, from 1.
        ordinal: u64,
    },
}

/// Why a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The client closed it with this application code.
    ByClient(u64),
    /// We did.
    ByUs(CloseCode),
    /// Silence.
    Idle,
    /// The client lost its state (stateless reset), or its QUIC stack or ours found an error of the transport.
    Transport,
}

/// Where clients are sent by MOVE.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MoveTo {
    /// Why.
    pub reason: MoveReason,
    /// `host:port`, best first; from the operator's signed allow-list. At most [`edge_wire::limits::ENDPOINTS_MAX`];
    /// empty: the client's own list.
    pub endpoints: Vec<String>,
}

impl Ended {
    /// A stable word for metrics; for our own closes the published name of the code.
    pub const fn word(self) -> &'static str {
        match self {
            Ended::ByClient(_) => "by_client",
            Ended::ByUs(code) => code.name(),
            Ended::Idle => "idle",
            Ended::Transport => "transport",
        }
    }
}

/// Counts since the shard's sessions were made, and how many there are now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Connections now, half-open and closing ones included.
    pub connections: u64,
    /// Of them, handshakes not complete.
    pub half_open: u64,
    /// Of them, welcomed sessions.
    pub sessions: u64,
    /// Datagrams taken in.
    pub datagrams_in: u64,
    /// Datagrams that belong to another shard.
    pub datagrams_foreign: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Handshakes completed.
    pub handshakes: u64,
    /// Handshakes that ran out of time.
    pub handshakes_expired: u64,
    /// Retry packets sent.
    pub retries: u64,
    /// Initials dropped or refused because a limit was reached.
    pub initials_shed: u64,
    /// HELLOs with a valid token.
    pub hellos: u64,
    /// REFUSEs sent.
    pub refused: u64,
    /// Of them, for the token.
    pub tokens_refused: u64,
    /// Reliable events handed to the shard.
    pub events_reliable: u64,
    /// Reliable events that were below a receipt already and went no further.
    pub events_finished_before: u64,
    /// Datagram events handed to the shard.
    pub events_datagram: u64,
    /// Datagrams dropped because no WELCOME had been sent.
    pub datagrams_before_welcome: u64,
    /// Datagrams dropped for a budget.
    pub datagrams_over_budget: u64,
    /// Datagrams dropped because the shard sheds them.
    pub datagrams_shed: u64,
    /// Times that reading of a session's streams was slowed for a budget.
    pub streams_slowed: u64,
    /// Receipts sent.
    pub receipts: u64,
    /// Rejects sent.
    pub rejects: u64,
    /// Replies handed to the transport.
    pub replies: u64,
    /// Replies dropped: for the budget, a full backlog, or because the session was gone.
    pub replies_dropped: u64,
    /// Connections closed by us for a fault of the client.
    pub violations: u64,
    /// Times that nothing was sent because the address is not validated and what waits would pass 3.00 times what it
    /// sent.
    pub amplification_held: u64,
    /// Datagrams lost because they would have passed it.
    pub amplification_dropped: u64,
    /// Initials whose contents did not verify, or that no handshake can begin with.
    pub initials_unreadable: u64,
    /// Datagrams that belong to nothing: noise, too short, of connections that are no more.
    pub datagrams_ignored: u64,
    /// Datagrams of a connection that were not read: too many in a turn or a second, or its budget was spent.
    pub datagrams_unread: u64,
    /// Version Negotiation packets sent.
    pub versions_negotiated: u64,
    /// Stateless resets sent.
    pub resets_sent: u64,
    /// Stateless answers that were lost: too many at once, or larger than three times their cause.
    pub answers_lost: u64,
    /// Times that a connection came to another address.
    pub address_changes: u64,
    /// Connections closed by the QUIC stack for a violation of RFC 9000.
    pub transport_violations: u64,
    /// Connections closed by us, by [`CloseCode::ALL`].
    pub closed: [u64; CloseCode::ALL.len()],
    /// Of them, those whose budget was spent, by [`Limit::ALL`].
    pub over_budget: [u64; Limit::ALL.len()],
}

impl Stats {
    pub(crate) fn on_close(&mut self, code: CloseCode) {
        let rows = CloseCode::ALL.iter().zip(&mut self.closed);
        rows.filter(|(row, _)| **row == code).for_each(|(_, count)| *count += 1);
    }
}
