//! WELCOME, REFUSE, RECEIPT, CREDIT, COMMAND, REJECT, MOVE.

use bytes::Bytes;
use edge_event::identity::CLASSES;
use edge_event::{Class, CommandId, NodeId, Seq, UnixMillis};

use super::{Body, class, exactly, per_class, to_entries};
use crate::codes::{RefuseCode, RejectCode};
use crate::error::BodyError;
use crate::frame::FrameType;
use crate::limits::{CATALOGUE_DIGEST_BYTES, EVENT_PAYLOAD_BYTES_DEFAULT};
use crate::proto;
use crate::schema::{self, Schema};

/// The session is open.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Welcome {
    /// Whether the server still knew the session, so that nothing was forgotten in between.
    pub resumed: bool,
    /// How long the server knows the session after a disconnect, in milliseconds.
    pub session_ttl_ms: u64,
    /// The server's receipts by class; 0: none.
    pub receipts: [Seq; CLASSES],
    /// What the session may do.
    pub limits: SessionLimits,
    /// The highest seq that may be sent, by class; 0: none yet.
    pub credit: [Seq; CLASSES],
    /// The server's wall clock.
    pub server_time: UnixMillis,
    /// Who answers.
    pub node: NodeId,
    /// The rule set in force.
    pub revision: u64,
    /// BLAKE3 of the catalogue in force.
    pub catalogue_digest: [u8; CATALOGUE_DIGEST_BYTES],
    /// The idle timeout in force, in milliseconds.
    pub idle_timeout_ms: u64,
}

/// What a session may do. A rate of 0 is not limited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionLimits {
    /// Bytes of one event's payload, from [`EVENT_PAYLOAD_BYTES_DEFAULT`] to
    /// [`EVENT_PAYLOAD_BYTES_MAX`](crate::limits::EVENT_PAYLOAD_BYTES_MAX).
    pub event_payload_bytes_max: u32,
    /// Events, reliable and datagram together.
    pub events_per_second: u32,
    /// Bytes of both.
    pub bytes_per_second: u32,
    /// Datagrams.
    pub datagrams_per_second: u32,
    /// Events of one class without a receipt; credit keeps to it.
    pub outstanding_events_max: u32,
}

/// The session is not opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refuse {
    /// The number of a [`RefuseCode`], or of a later version's.
    pub code: u32,
    /// For a person.
    pub detail: String,
    /// When to come back, in milliseconds; `None`: not told.
    pub retry_after_ms: Option<u64>,
}

/// What events of a class up to here ordered is on disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Which class.
    pub class: Class,
    /// Cumulative.
    pub up_to: Seq,
}

/// Events of a class may be sent up to here. Never goes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Credit {
    /// Which class.
    pub class: Class,
    /// Absolute.
    pub up_to: Seq,
}

/// A reply that a rule ordered. May come twice under one id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// By which duplicates are dropped.
    pub id: CommandId,
    /// What the client matches on.
    pub name: String,
    /// Canonical JSON object.
    pub body: Bytes,
}

/// One reliable event was refused; its seq is consumed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reject {
    /// Its class.
    pub class: Class,
    /// Its number.
    pub seq: Seq,
    /// The number of a [`RejectCode`], or of a later version's.
    pub code: u32,
    /// For a person.
    pub detail: String,
}

/// Go elsewhere: open a session there before this one ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    /// Why.
    pub reason: MoveReason,
    /// How long this connection stays, in milliseconds.
    pub within_ms: u64,
    /// `host:port`, best first; empty: the client's own list.
    pub endpoints: Vec<String>,
}

/// Why a client is asked to move.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MoveReason {
    /// The server stops.
    Drain,
    /// A new generation takes over; the same endpoint answers.
    Upgrade,
    /// Another server has more room or is nearer.
    Rebalance,
    /// A reason of a later version.
    Other(u16),
}

impl Default for SessionLimits {
    fn default() -> SessionLimits {
        SessionLimits {
            event_payload_bytes_max: EVENT_PAYLOAD_BYTES_DEFAULT as u32,
            events_per_second: 0,
            bytes_per_second: 0,
            datagrams_per_second: 0,
            outstanding_events_max: 0,
        }
    }
}

impl Refuse {
    /// With a code of this version.
    pub fn new(code: RefuseCode, detail: impl Into<String>, retry_after_ms: Option<u64>) -> Refuse {
        Refuse { code: code.number(), detail: detail.into(), retry_after_ms }
    }

    /// The code, where this version knows it.
    pub const fn known(&self) -> Option<RefuseCode> {
        RefuseCode::from_number(self.code)
    }
}

impl Reject {
    /// With a code of this version.
    pub fn new(class: Class, seq: Seq, code: RejectCode, detail: impl Into<String>) -> Reject {
        Reject { class, seq, code: code.number(), detail: detail.into() }
    }

    /// The code, where this version knows it.
    pub const fn known(&self) -> Option<RejectCode> {
        RejectCode::from_number(self.code)
    }
}

impl MoveReason {
    /// On the wire.
    pub const fn number(self) -> u32 {
        match self {
            MoveReason::Drain => 1,
            MoveReason::Upgrade => 2,
            MoveReason::Rebalance => 3,
            MoveReason::Other(n) => n as u32,
        }
    }

    /// The inverse of [`number`](MoveReason::number).
    pub const fn from_number(number: u16) -> MoveReason {
        match number {
            1 => MoveReason::Drain,
            2 => MoveReason::Upgrade,
            3 => MoveReason::Rebalance,
            n => MoveReason::Other(n),
        }
    }
}

//= protocol.md#welcome-1
impl Body for Welcome {
    const TYPE: FrameType = FrameType::Welcome;
    const SCHEMA: &'static Schema = &schema::WELCOME;
    type Proto = proto::Welcome;

    fn to_proto(&self) -> proto::Welcome {
        proto::Welcome {
            resumed: self.resumed,
            session_ttl_ms: self.session_ttl_ms,
            receipts: to_entries(&self.receipts),
            limits: Some(proto::Limits {
                event_payload_bytes_max: self.limits.event_payload_bytes_max,
                events_per_second: self.limits.events_per_second,
                bytes_per_second: self.limits.bytes_per_second,
                datagrams_per_second: self.limits.datagrams_per_second,
                outstanding_events_max: self.limits.outstanding_events_max,
            }),
            credit: to_entries(&self.credit),
            server_time_ms: self.server_time.0.max(0) as u64,
            node: self.node.0,
            revision: self.revision,
            catalogue_digest: Bytes::copy_from_slice(&self.catalogue_digest),
            idle_timeout_ms: self.idle_timeout_ms,
        }
    }

    fn from_proto(welcome: proto::Welcome) -> Result<Welcome, BodyError> {
        const MESSAGE: &str = "Welcome";
        let limits = welcome.limits.unwrap_or_default();
        //= protocol.md#welcome-3
        if limits.event_payload_bytes_max < EVENT_PAYLOAD_BYTES_DEFAULT as u32 {
            let problem = "grants fewer payload bytes than every server must take";
            return Err(BodyError::Invalid { message: MESSAGE, field: "limits", problem });
        }
        Ok(Welcome {
            resumed: welcome.resumed,
            session_ttl_ms: welcome.session_ttl_ms,
            receipts: per_class(MESSAGE, "receipts", &welcome.receipts)?,
            limits: SessionLimits {
                event_payload_bytes_max: limits.event_payload_bytes_max,
                events_per_second: limits.events_per_second,
                bytes_per_second: limits.bytes_per_second,
                datagrams_per_second: limits.datagrams_per_second,
                outstanding_events_max: limits.outstanding_events_max,
            },
            credit: per_class(MESSAGE, "credit", &welcome.credit)?,
            server_time: UnixMillis(welcome.server_time_ms.min(i64::MAX as u64) as i64),
            node: NodeId(welcome.node),
            revision: welcome.revision,
            catalogue_digest: exactly(MESSAGE, "catalogue_digest", &welcome.catalogue_digest)?,
            idle_timeout_ms: welcome.idle_timeout_ms,
        })
    }
}

//= protocol.md#refuse-1
impl Body for Refuse {
    const TYPE: FrameType = FrameType::Refuse;
    const SCHEMA: &'static Schema = &schema::REFUSE;
    type Proto = proto::Refuse;

    fn to_proto(&self) -> proto::Refuse {
        let retry_after_ms = self.retry_after_ms.unwrap_or(0);
        proto::Refuse { code: self.code, detail: self.detail.clone(), retry_after_ms }
    }

    fn from_proto(refuse: proto::Refuse) -> Result<Refuse, BodyError> {
        let retry_after_ms = (refuse.retry_after_ms != 0).then_some(refuse.retry_after_ms);
        Ok(Refuse { code: refuse.code, detail: refuse.detail, retry_after_ms })
    }
}

//= protocol.md#receipt-1
impl Body for Receipt {
    const TYPE: FrameType = FrameType::Receipt;
    const SCHEMA: &'static Schema = &schema::RECEIPT;
    type Proto = proto::Receipt;

    fn to_proto(&self) -> proto::Receipt {
        proto::Receipt { class: u32::from(self.class.get()), up_to: self.up_to.0 }
    }

    fn from_proto(receipt: proto::Receipt) -> Result<Receipt, BodyError> {
        Ok(Receipt { class: class("Receipt", "class", receipt.class)?, up_to: Seq(receipt.up_to) })
    }
}

//= protocol.md#credit-1
impl Body for Credit {
    const TYPE: FrameType = FrameType::Credit;
    const SCHEMA: &'static Schema = &schema::CREDIT;
    type Proto = proto::Credit;

    fn to_proto(&self) -> proto::Credit {
        proto::Credit { class: u32::from(self.class.get()), up_to: self.up_to.0 }
    }

    fn from_proto(credit: proto::Credit) -> Result<Credit, BodyError> {
        Ok(Credit { class: class("Credit", "class", credit.class)?, up_to: Seq(credit.up_to) })
    }
}

//= protocol.md#command-1
impl Body for Command {
    const TYPE: FrameType = FrameType::Command;
    const SCHEMA: &'static Schema = &schema::COMMAND;
    type Proto = proto::Command;

    fn to_proto(&self) -> proto::Command {
        proto::Command { id: Bytes::copy_from_slice(&self.id.0), name: self.name.clone(), body: self.body.clone() }
    }

    fn from_proto(command: proto::Command) -> Result<Command, BodyError> {
        let id = CommandId(exactly("Command", "id", &command.id)?);
        Ok(Command { id, name: command.name, body: command.body })
    }
}

//= protocol.md#reject-1
impl Body for Reject {
    const TYPE: FrameType = FrameType::Reject;
    const SCHEMA: &'static Schema = &schema::REJECT;
    type Proto = proto::Reject;

    fn to_proto(&self) -> proto::Reject {
        let class = u32::from(self.class.get());
        proto::Reject { class, seq: self.seq.0, code: self.code, detail: self.detail.clone() }
    }

    fn from_proto(reject: proto::Reject) -> Result<Reject, BodyError> {
        let class = class("Reject", "class", reject.class)?;
        Ok(Reject { class, seq: Seq(reject.seq), code: reject.code, detail: reject.detail })
    }
}

//= protocol.md#move-1
impl Body for Move {
    const TYPE: FrameType = FrameType::Move;
    const SCHEMA: &'static Schema = &schema::MOVE;
    type Proto = proto::Move;

    fn to_proto(&self) -> proto::Move {
        proto::Move { reason: self.reason.number(), within_ms: self.within_ms, endpoints: self.endpoints.clone() }
    }

    fn from_proto(moved: proto::Move) -> Result<Move, BodyError> {
        if !moved.endpoints.iter().all(|endpoint| is_endpoint(endpoint)) {
            let problem = "has an entry that is not host:port";
            return Err(BodyError::Invalid { message: "Move", field: "endpoints", problem });
        }
        // The schema has bounded it to 16 bits.
        let reason = MoveReason::from_number(moved.reason as u16);
        Ok(Move { reason, within_ms: moved.within_ms, endpoints: moved.endpoints })
    }
}

fn is_endpoint(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0))
}
