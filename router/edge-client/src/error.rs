//! What can go wrong, by operation. Each says what, where and what to do, and has a stable code for metrics.

use std::io;
use std::path::PathBuf;

use edge_event::{Class, Seq};
use edge_wire::{CloseCode, RefuseCode};
use thiserror::Error;

use crate::token::BoxError;

/// Why a client could not be started.
#[derive(Debug, Error)]
pub enum BuildError {
    /// No endpoint was given.
    #[error("no endpoint: name at least one `host:port`")]
    NoEndpoint,
    /// An endpoint is not `host:port`.
    #[error("endpoint `{0}` is not `host:port`: e.g. `edge.example:443`, `[2001:db8::1]:443`")]
    Endpoint(String),
    /// No root certificate was given.
    #[error("no root certificate: give the one that signed the servers' certificates")]
    NoRoots,
    /// A certificate or key cannot be used.
    #[error("certificate or key cannot be used: {0}")]
    Certificate(String),
    /// No token was given.
    #[error("no token: give a token or a token provider")]
    NoToken,
    /// Neither a directory nor memory only was chosen.
    #[error("no place for the queue: choose `state_dir` or `memory_only`")]
    NoState,
    /// A field of HELLO exceeds its limit.
    #[error("{0}")]
    Hello(edge_wire::EncodeError),
    /// The queue's directory cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No UDP socket.
    #[error("no UDP socket: {0}")]
    Socket(io::Error),
    /// `start` was called outside of a tokio runtime.
    #[error("no tokio runtime: call `start` inside one")]
    NoRuntime,
}

/// What can be wrong with the queue's directory.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Another process, or another client of this one, has it.
    #[error("queue in {0} is in use: give each client its own directory")]
    InUse(PathBuf),
    /// It cannot be read or written.
    #[error("queue in {path}: {error}: check space and permissions")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file is there that is not a queue's, or of a later version.
    #[error("{0} is not a queue of version 1: choose another directory, or update")]
    NotOurs(PathBuf),
}

/// Why an event was not taken. Nothing was queued.
#[derive(Debug, Error)]
pub enum SendError {
    /// The queue is at its limit; `send` waits instead.
    #[error("queue is full with {events} events of {bytes} bytes: wait for receipts, or raise its limits")]
    Full {
        /// Events in it.
        events: usize,
        /// Bytes of their payloads.
        bytes: usize,
    },
    /// The payload is longer than allowed.
    #[error("payload of {len} bytes exceeds {max}: split or shorten the event, or send it reliably")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// What is allowed here.
        max: usize,
    },
    /// A datagram event, and there is no connection to send it on.
    #[error("not connected: datagram events are not queued")]
    NotConnected,
    /// The path, or the server, takes no datagrams.
    #[error("datagrams are not supported on this connection: send the event reliably")]
    NoDatagrams,
    /// [`close`](crate::Client::close) was called.
    #[error("client is closed")]
    Closed,
    /// The client has given up.
    #[error("client has stopped: {0}")]
    Stopped(StopReason),
    /// The queue cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Why a client gave up for good. What is queued stays in the directory.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum StopReason {
    /// The server refused the session with a code that forbids trying again.
    #[error("refused with {name}: {detail}")]
    Refused {
        /// On the wire.
        code: u32,
        /// In the published table.
        name: &'static str,
        /// The server's words.
        detail: String,
    },
    /// The server closed with a code that forbids trying again.
    #[error("closed with {code}: {detail}")]
    Closed {
        /// The code.
        code: CloseCode,
        /// The server's words.
        detail: String,
    },
    /// The queue's disk failed.
    #[error("queue's disk failed: {0}")]
    Journal(String),
    /// The producer has used all numbers of a class.
    #[error("class {} has no numbers left: begin with an empty directory", .0.get())]
    SeqsExhausted(Class),
}

/// Why one attempt or one connection ended.
#[derive(Debug, Error)]
pub(crate) enum LinkError {
    #[error("token provider: {0}")]
    Token(BoxError),
    #[error("address of `{0}`: {1}")]
    Resolve(String, io::Error),
    #[error("no answer within {0} ms")]
    TimedOut(u128),
    #[error("{0}")]
    Connect(#[from] quinn::ConnectError),
    #[error("{0}")]
    Connection(#[from] quinn::ConnectionError),
    #[error("refused with code {}: {}", .0.code, .0.detail)]
    Refused(edge_wire::Refuse),
    #[error("server broke the protocol: {0}")]
    Protocol(#[from] edge_wire::FrameError),
    #[error("frame not encoded: {0}")]
    Encode(#[from] edge_wire::EncodeError),
    #[error("receipt for seq {} of class {}, where only {} were sent", up_to.0, class.get(), issued.0)]
    ReceiptAhead { class: Class, up_to: Seq, issued: Seq },
    #[error("server ended the {0} stream")]
    StreamEnded(&'static str),
}

impl SendError {
    /// A stable lower-case word.
    pub const fn code(&self) -> &'static str {
        match self {
            SendError::Full { .. } => "full",
            SendError::TooLarge { .. } => "too_large",
            SendError::NotConnected => "not_connected",
            SendError::NoDatagrams => "no_datagrams",
            SendError::Closed => "closed",
            SendError::Stopped(_) => "stopped",
            SendError::Journal(_) => "journal",
        }
    }
}

impl StopReason {
    pub(crate) fn refused(code: RefuseCode, detail: String) -> StopReason {
        StopReason::Refused { code: code.number(), name: code.name(), detail }
    }
}
