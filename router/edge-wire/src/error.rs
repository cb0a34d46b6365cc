//! What can be wrong with bytes, whose fault it is, and with which code the connection closes.
//!
//! Decoding errors are the peer's fault and end the connection with [`FrameError::close_code`]; encoding errors are the
//! caller's and send nothing. Each message says what, where and what to do.

use thiserror::Error;

use crate::codes::CloseCode;
use crate::frame::Role;

/// A stream or datagram that is not this protocol. The decoder that returned it must not be used again.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum FrameError {
    /// The stream's first varint.
    #[error("stream type {ty} is unknown: open 1 (control, bidirectional) or 2 (events, unidirectional)")]
    StreamTypeUnknown {
        /// What was read.
        ty: u64,
    },
    /// The class after stream type 2.
    #[error("class {class} of an events stream is unknown: use 0 to 3")]
    ClassUnknown {
        /// What was read.
        class: u64,
    },
    /// A type in more bytes than it needs.
    #[error("frame type {ty:#x} is not in its shortest encoding: encode types minimally")]
    TypeNotMinimal {
        /// What was read.
        ty: u64,
    },
    /// A type outside the known ones and the extension range.
    #[error("frame type {ty:#x} is unknown and not in the extension range 0x40..=0x3fff: speak version 1")]
    UnknownType {
        /// What was read.
        ty: u64,
    },
    /// A known frame on the wrong stream.
    #[error("frame type {ty:#x} does not belong on {role}: see the table of frames")]
    UnexpectedType {
        /// What was read.
        ty: u64,
        /// Where.
        role: Role,
    },
    /// A length beyond the type's limit; nothing of the body was kept.
    #[error("frame type {ty:#x} of {len} bytes exceeds its limit of {max} bytes: send less, WELCOME tells the limits")]
    TooLarge {
        /// The frame's type.
        ty: u64,
        /// Its announced length in bytes.
        len: u64,
        /// What is allowed.
        max: u64,
    },
    /// Frames of the extension range beyond the count that one stream may carry.
    #[error("more than {max} extension frames on one stream: send fewer")]
    TooManyExtensions {
        /// What is allowed.
        max: u64,
    },
    /// A datagram with more events than allowed.
    #[error("more than {max} events in one datagram: pack fewer")]
    TooManyEvents {
        /// What is allowed.
        max: usize,
    },
    /// EVENT's three varints do not fit its body.
    #[error("the head of an EVENT frame ends early: write seq, event_type and client_ms")]
    EventHead,
    /// An event type beyond 32 bits.
    #[error("event type {event_type} exceeds 32 bits: take the id from the catalogue")]
    EventTypeRange {
        /// What was read.
        event_type: u64,
    },
    /// Seq 0 on a stream.
    #[error("a reliable EVENT has seq 0: seqs begin at 1")]
    SeqZero,
    /// A seq in a datagram.
    #[error("a datagram EVENT has seq {seq}: datagram events have seq 0")]
    SeqInDatagram {
        /// What was read.
        seq: u64,
    },
    /// The stream or datagram ended inside a frame.
    #[error("the {role} ended inside a frame: send whole frames")]
    Truncated {
        /// Where.
        role: Role,
    },
    /// The body of a control frame.
    #[error("body of frame type {ty:#x}: {error}")]
    Body {
        /// The frame's type.
        ty: u64,
        /// What is wrong with it.
        error: BodyError,
    },
}

/// What can be wrong inside a protobuf body.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum BodyError {
    /// Not protobuf, or a wire type that the field does not have.
    #[error(
        "{message} is not well-formed protobuf near byte {offset}: encode it with a protobuf library and wire.proto"
    )]
    Malformed {
        /// The message's name.
        message: &'static str,
        /// Where, in bytes from the message's beginning.
        offset: usize,
    },
    /// A field occurs too often.
    #[error("{message}.{field} occurs more than {max} times: send at most that many")]
    TooMany {
        /// The message's name.
        message: &'static str,
        /// The field's name.
        field: &'static str,
        /// What is allowed.
        max: usize,
    },
    /// A field is too long.
    #[error("{message}.{field} has {len} bytes of at most {max}: shorten it")]
    TooLong {
        /// The message's name.
        message: &'static str,
        /// The field's name.
        field: &'static str,
        /// Its length in bytes.
        len: usize,
        /// What is allowed.
        max: usize,
    },
    /// A number is too large.
    #[error("{message}.{field} is {value} of at most {max}: see its unit in wire.proto")]
    OutOfRange {
        /// The message's name.
        message: &'static str,
        /// The field's name.
        field: &'static str,
        /// What was read.
        value: u64,
        /// What is allowed.
        max: u64,
    },
    /// A text is not UTF-8 or has control characters.
    #[error("{message}.{field} is not plain text: send UTF-8 without control characters")]
    NotText {
        /// The message's name.
        message: &'static str,
        /// The field's name.
        field: &'static str,
    },
    /// A field is missing, has the wrong length, or contradicts another.
    #[error("{message}.{field} {problem}")]
    Invalid {
        /// The message's name.
        message: &'static str,
        /// The field's name.
        field: &'static str,
        /// What is wrong and what to do.
        problem: &'static str,
    },
}

/// A frame that must not be sent. Nothing was appended.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum EncodeError {
    /// The same check as the receiver's.
    #[error("frame not encoded: {0}")]
    Body(#[from] BodyError),
    /// All fields are within their limits, their sum is not.
    #[error("frame not encoded: body of {len} bytes exceeds {max}: shorten it")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// What is allowed.
        max: usize,
    },
}

impl FrameError {
    /// With which code the connection closes.
    pub const fn close_code(&self) -> CloseCode {
        match self {
            FrameError::StreamTypeUnknown { .. } | FrameError::ClassUnknown { .. } => CloseCode::StreamTypeUnknown,
            FrameError::UnknownType { .. } => CloseCode::FrameUnknown,
            FrameError::UnexpectedType { .. } => CloseCode::FrameUnexpected,
            FrameError::TooLarge { .. } => CloseCode::FrameTooLarge,
            FrameError::TooManyExtensions { .. } | FrameError::TooManyEvents { .. } => CloseCode::LimitExceeded,
            FrameError::TypeNotMinimal { .. }
            | FrameError::EventHead
            | FrameError::EventTypeRange { .. }
            | FrameError::SeqZero
            | FrameError::SeqInDatagram { .. }
            | FrameError::Truncated { .. } => CloseCode::FrameMalformed,
            FrameError::Body { error, .. } => error.close_code(),
        }
    }
}

impl BodyError {
    /// With which code the connection closes.
    pub const fn close_code(&self) -> CloseCode {
        match self {
            BodyError::Malformed { .. } | BodyError::NotText { .. } | BodyError::Invalid { .. } => {
                CloseCode::FrameMalformed
            }
            BodyError::TooMany { .. } | BodyError::TooLong { .. } | BodyError::OutOfRange { .. } => {
                CloseCode::LimitExceeded
            }
        }
    }
}
