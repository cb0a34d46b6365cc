//! Control frames: everything on the control stream, checked.
//!
//! What comes in: a [`RawFrame`] of the control stream. What goes out: a typed frame whose fields keep their limits; and
//! back, through the same checks. Classes are [`Class`]es, seqs [`Seq`]s, ids arrays, from here on.
//! Deliberately absent: what the frames do to a session.

mod client;
mod server;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use edge_event::identity::CLASSES;
use edge_event::{Class, Seq};
use prost::Message;

pub use client::{Hello, Reauth, Token};
pub use server::{Command, Credit, Move, MoveReason, Receipt, Refuse, Reject, SessionLimits, Welcome};

use crate::error::{BodyError, EncodeError, FrameError};
use crate::frame::{FrameType, RawFrame};
use crate::proto::ClassSeq;
use crate::schema::{self, Schema};
use crate::varint;

/// What a client sends on the control stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientFrame {
    /// The first frame, once.
    Hello(Box<Hello>),
    /// Later, before the token's `exp`.
    Reauth(Reauth),
}

/// What a server sends on the control stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServerFrame {
    /// The first frame, once, unless REFUSE is.
    Welcome(Box<Welcome>),
    /// The only frame; the server closes after it.
    Refuse(Refuse),
    /// On disk up to here.
    Receipt(Receipt),
    /// Send up to here.
    Credit(Credit),
    /// A reply that a rule ordered.
    Command(Command),
    /// One event was refused.
    Reject(Reject),
    /// Go elsewhere.
    Move(Move),
}

/// A frame's typed form beside its protobuf form.
trait Body: Sized {
    const TYPE: FrameType;
    const SCHEMA: &'static Schema;
    type Proto: Message + Default;

    fn to_proto(&self) -> Self::Proto;
    fn from_proto(proto: Self::Proto) -> Result<Self, BodyError>;
}

impl ClientFrame {
    /// Decodes a frame of the client's control stream.
    ///
    /// # Errors
    /// [`FrameError::Body`]; [`FrameError::UnexpectedType`] for a server's frame.
    pub fn decode(frame: RawFrame) -> Result<ClientFrame, FrameError> {
        match frame.ty {
            FrameType::Hello => decode(frame.body).map(|hello| ClientFrame::Hello(Box::new(hello))),
            FrameType::Reauth => decode(frame.body).map(ClientFrame::Reauth),
            other => Err(FrameError::UnexpectedType { ty: other.to_wire(), role: crate::frame::Role::ClientControl }),
        }
    }

    /// Appends the whole frame.
    ///
    /// # Errors
    /// A field beyond its limit; nothing is appended then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            ClientFrame::Hello(hello) => encode(&**hello, out),
            ClientFrame::Reauth(reauth) => encode(reauth, out),
        }
    }
}

impl ServerFrame {
    /// Decodes a frame of the server's control stream.
    ///
    /// # Errors
    /// [`FrameError::Body`]; [`FrameError::UnexpectedType`] for a client's frame.
    pub fn decode(frame: RawFrame) -> Result<ServerFrame, FrameError> {
        match frame.ty {
            FrameType::Welcome => decode(frame.body).map(|welcome| ServerFrame::Welcome(Box::new(welcome))),
            FrameType::Refuse => decode(frame.body).map(ServerFrame::Refuse),
            FrameType::Receipt => decode(frame.body).map(ServerFrame::Receipt),
            FrameType::Credit => decode(frame.body).map(ServerFrame::Credit),
            FrameType::Command => decode(frame.body).map(ServerFrame::Command),
            FrameType::Reject => decode(frame.body).map(ServerFrame::Reject),
            FrameType::Move => decode(frame.body).map(ServerFrame::Move),
            other => Err(FrameError::UnexpectedType { ty: other.to_wire(), role: crate::frame::Role::ServerControl }),
        }
    }

    /// Appends the whole frame.
    ///
    /// # Errors
    /// A field beyond its limit; nothing is appended then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            ServerFrame::Welcome(welcome) => encode(&**welcome, out),
            ServerFrame::Refuse(refuse) => encode(refuse, out),
            ServerFrame::Receipt(receipt) => encode(receipt, out),
            ServerFrame::Credit(credit) => encode(credit, out),
            ServerFrame::Command(command) => encode(command, out),
            ServerFrame::Reject(reject) => encode(reject, out),
            ServerFrame::Move(moved) => encode(moved, out),
        }
    }
}

fn decode<B: Body>(body: Bytes) -> Result<B, FrameError> {
    let body_len = body.len();
    schema::check(B::SCHEMA, &body)
        .and_then(|()| {
            // The check has walked the same bytes, so prost has nothing left to refuse.
            B::Proto::decode(body).map_err(|_| BodyError::Malformed { message: B::SCHEMA.name, offset: body_len })
        })
        .and_then(B::from_proto)
        .map_err(|error| FrameError::Body { ty: B::TYPE.to_wire(), error })
}

/// The receiver's checks run on the sender's bytes, so that nothing leaves that a peer would have to refuse.
fn encode<B: Body>(body: &B, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let proto = body.to_proto();
    let (len, max) = (proto.encoded_len(), B::TYPE.body_bytes_max(0));
    if len > max {
        return Err(EncodeError::TooLarge { len, max });
    }
    let begin = out.len();
    varint::write(B::TYPE.to_wire(), out);
    varint::write(len as u64, out);
    proto.encode_raw(out);
    let checked = schema::check(B::SCHEMA, &out[out.len() - len..]).and_then(|()| B::from_proto(proto).map(drop));
    if checked.is_err() {
        out.truncate(begin);
    }
    Ok(checked?)
}

/// Numbers by class; a class that is not named has 0.
fn per_class(message: &'static str, field: &'static str, entries: &[ClassSeq]) -> Result<[Seq; CLASSES], BodyError> {
    let mut out = [Seq(0); CLASSES];
    let mut named = [false; CLASSES];
    for entry in entries {
        let class = class(message, field, entry.class)?;
        if std::mem::replace(&mut named[class.index()], true) {
            let problem = "names a class twice: name each at most once";
            return Err(BodyError::Invalid { message, field, problem });
        }
        out[class.index()] = Seq(entry.seq);
    }
    Ok(out)
}

fn to_entries(seqs: &[Seq; CLASSES]) -> Vec<ClassSeq> {
    let named = Class::ALL.into_iter().filter(|class| seqs[class.index()] != Seq(0));
    named.map(|class| ClassSeq { class: u32::from(class.get()), seq: seqs[class.index()].0 }).collect()
}

fn class(message: &'static str, field: &'static str, class: u32) -> Result<Class, BodyError> {
    let known = u8::try_from(class).ok().and_then(Class::new);
    known.ok_or(BodyError::Invalid { message, field, problem: "is not a class: use 0 to 3" })
}

/// An array out of bytes that must have exactly its length.
fn exactly<const N: usize>(message: &'static str, field: &'static str, bytes: &[u8]) -> Result<[u8; N], BodyError> {
    let problem = match N {
        16 => "has not exactly 16 bytes",
        _ => "has not exactly 32 bytes",
    };
    bytes.try_into().map_err(|_| BodyError::Invalid { message, field, problem })
}
