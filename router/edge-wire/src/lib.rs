//! Wire protocol, version 1: bytes <-> frames.
//!
//! What comes in: chunks of a QUIC stream, or one QUIC datagram. What goes out: frames whose every length and count is
//! within [`limits`], or an error that maps to a close code of [`codes`]. The law is `router/docs/protocol.md`, whose clauses
//! the code cites as `//= protocol.md#clause`; the public contract of the bodies is `proto/edge/v1/wire.proto`.
//!
//! ```text
//! stream    = stream-type varint [, class varint], frame*
//! frame     = type varint, length varint, body
//! EVENT     = seq varint, event_type varint, client_ms varint, payload
//! datagram  = EVENT frame, EVENT frame, ...           (seq 0)
//! other bodies are protobuf messages of edge.v1
//! ```
//!
//! A receiver keeps one [`FrameDecoder`] per stream: `push` a chunk, then `poll` until it yields nothing, then push the next.
//! An [`EventFrame`]'s payload is a slice of the chunk wherever the chunk holds all of it.
//!
//! Deliberately absent: sockets, clocks, sessions, the decision what a frame means. Bad bytes never panic and never make
//! this crate hold more than one frame's limit.

pub mod codes;
pub mod control;
pub mod datagram;
pub mod decoder;
pub mod error;
pub mod event;
pub mod frame;
pub mod keys;
pub mod limits;
pub mod proto;
pub mod schema;
pub mod stream;
pub mod varint;

pub use codes::{CloseCode, CloseReason, CodeInfo, Fault, RefuseCode, RejectCode, Retry};
pub use control::{
    ClientFrame, Command, Credit, Hello, Move, MoveReason, Reauth, Receipt, Refuse, Reject, ServerFrame, SessionLimits,
    Token, Welcome,
};
pub use datagram::{DatagramEvents, DatagramPacker};
pub use decoder::FrameDecoder;
pub use error::{BodyError, EncodeError, FrameError};
pub use event::EventFrame;
pub use frame::{FrameType, RawFrame, Role};
pub use stream::StreamHeader;

//= protocol.md#transport-1
/// The ALPN protocol name of version 1.
pub const ALPN: &[u8] = b"edge/1";
