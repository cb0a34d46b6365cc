//! What a frame is: its types, where each belongs, how long each may be, and the head that says so.
//!
//! What comes in: the first bytes of a frame. What goes out: its type and length, if both are allowed where it was found.
//! Deliberately absent: gathering a frame's bytes ([`decoder`](crate::decoder), [`datagram`](crate::datagram)), what bodies
//! mean ([`control`](crate::control), [`event`](crate::event)).

use std::fmt;

use bytes::Bytes;

use crate::error::FrameError;
use crate::limits;
use crate::varint;

/// Every frame type of version 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum FrameType {
    /// Client: who I am.
    Hello = 0x01,
    /// Client: a fresh token.
    Reauth = 0x02,
    /// Server: the session is open.
    Welcome = 0x11,
    /// Server: it is not.
    Refuse = 0x12,
    /// Server: on disk up to here.
    Receipt = 0x13,
    /// Server: send up to here.
    Credit = 0x14,
    /// Server: a reply that a rule ordered.
    Command = 0x15,
    /// Server: one event was refused.
    Reject = 0x16,
    /// Server: go elsewhere.
    Move = 0x17,
    /// Client: one event.
    Event = 0x20,
}

/// Which frames belong on a stream: decided by who sends them and by the stream's header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// The control stream, from client to server.
    ClientControl,
    /// The control stream, from server to client.
    ServerControl,
    /// A stream of events.
    Events,
    /// A datagram.
    Datagram,
}

/// A whole frame that belongs where it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawFrame {
    /// Its type.
    pub ty: FrameType,
    /// Its body, within the type's limit.
    pub body: Bytes,
}

/// A frame's first two numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Head {
    /// Belongs here.
    Known { ty: FrameType, len: usize },
    /// Of the extension range.
    Extension { len: usize },
}

//= protocol.md#frame-1
/// Reads a frame's type and length and how many bytes they took; `None` where `bytes` ends before they do.
pub(crate) fn decode_head(
    bytes: &[u8],
    role: Role,
    event_payload_bytes_max: usize,
) -> Result<Option<(Head, usize)>, FrameError> {
    let Some((ty, ty_len)) = varint::read(bytes) else { return Ok(None) };
    //= protocol.md#frame-2
    if ty_len != varint::len(ty) {
        return Err(FrameError::TypeNotMinimal { ty });
    }
    let known = FrameType::from_wire(ty);
    let max = match known {
        Some(known) if role.allows(known) => known.body_bytes_max(event_payload_bytes_max),
        //= protocol.md#frame-4
        Some(_) => return Err(FrameError::UnexpectedType { ty, role }),
        None if is_extension(ty) => limits::EXTENSION_BODY_BYTES_MAX,
        None => return Err(FrameError::UnknownType { ty }),
    };
    let Some((len, len_len)) = varint::read(&bytes[ty_len..]) else { return Ok(None) };
    //= protocol.md#frame-3
    if len > max as u64 {
        return Err(FrameError::TooLarge { ty, len, max: max as u64 });
    }
    let len = len as usize;
    let head = known.map_or(Head::Extension { len }, |ty| Head::Known { ty, len });
    Ok(Some((head, ty_len + len_len)))
}

/// Types that later versions and experiments may use and version 1 skips: those of two bytes, `0x40..=0x3fff`.
pub const fn is_extension(ty: u64) -> bool {
    matches!(ty, 0x40..=0x3fff)
}

impl FrameType {
    /// All types, by number.
    pub const ALL: [FrameType; 10] = [
        FrameType::Hello,
        FrameType::Reauth,
        FrameType::Welcome,
        FrameType::Refuse,
        FrameType::Receipt,
        FrameType::Credit,
        FrameType::Command,
        FrameType::Reject,
        FrameType::Move,
        FrameType::Event,
    ];

    /// The inverse of [`to_wire`](FrameType::to_wire).
    pub fn from_wire(ty: u64) -> Option<FrameType> {
        FrameType::ALL.into_iter().find(|known| known.to_wire() == ty)
    }

    /// Its number.
    pub const fn to_wire(self) -> u64 {
        self as u64
    }

    /// Its name in `protocol.md`.
    pub const fn name(self) -> &'static str {
        match self {
            FrameType::Hello => "HELLO",
            FrameType::Reauth => "REAUTH",
            FrameType::Welcome => "WELCOME",
            FrameType::Refuse => "REFUSE",
            FrameType::Receipt => "RECEIPT",
            FrameType::Credit => "CREDIT",
            FrameType::Command => "COMMAND",
            FrameType::Reject => "REJECT",
            FrameType::Move => "MOVE",
            FrameType::Event => "EVENT",
        }
    }

    /// Bytes its body may have; an event's depend on what WELCOME grants.
    pub const fn body_bytes_max(self, event_payload_bytes_max: usize) -> usize {
        match self {
            FrameType::Event => limits::EVENT_HEAD_BYTES_MAX + event_payload_bytes_max,
            FrameType::Receipt | FrameType::Credit => 64,
            _ => limits::CONTROL_BODY_BYTES_MAX,
        }
    }
}

impl Role {
    /// Whether frames of a type belong there.
    pub const fn allows(self, ty: FrameType) -> bool {
        match ty {
            FrameType::Hello | FrameType::Reauth => matches!(self, Role::ClientControl),
            FrameType::Event => matches!(self, Role::Events | Role::Datagram),
            _ => matches!(self, Role::ServerControl),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::ClientControl => "client's control stream",
            Role::ServerControl => "server's control stream",
            Role::Events => "events stream",
            Role::Datagram => "datagram",
        })
    }
}
