//! The messages of `proto/edge/v1/wire.proto`, field by field, for prost.
//!
//! Written by hand so that building needs no protobuf compiler; `tests/contract.rs` compiles the `.proto` and compares.
//! Unchecked: [`control`](crate::control) is what the rest of the system sees.

use bytes::Bytes;
use prost::Message;

/// A number of one class.
#[derive(Clone, PartialEq, Message)]
pub struct ClassSeq {
    /// `0..=3`.
    #[prost(uint32, tag = "1")]
    pub class: u32,
    /// The highest seq meant.
    #[prost(uint64, tag = "2")]
    pub seq: u64,
}

/// A free attribute.
#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// HELLO.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct Hello {
    /// Compact JWS.
    #[prost(string, tag = "1")]
    pub token: String,
    /// 16 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub producer_id: Bytes,
    /// Per class.
    #[prost(message, repeated, tag = "3")]
    pub highest_receipts: Vec<ClassSeq>,
    /// The client's build.
    #[prost(string, tag = "4")]
    pub build: String,
    /// E.g. `pc`.
    #[prost(string, tag = "5")]
    pub platform: String,
    /// BCP 47.
    #[prost(string, tag = "6")]
    pub locale: String,
    /// 32 bytes.
    #[prost(bytes = "bytes", tag = "7")]
    pub catalogue_digest: Bytes,
    /// By name.
    #[prost(message, repeated, tag = "8")]
    pub attributes: Vec<Attribute>,
    /// Wished for; 0: the server's.
    #[prost(uint64, tag = "9")]
    pub idle_timeout_ms: u64,
    /// The client's clock now.
    #[prost(uint64, tag = "10")]
    pub client_ms: u64,
}

/// REAUTH.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct Reauth {
    /// Compact JWS.
    #[prost(string, tag = "1")]
    pub token: String,
}

/// What a session may do.
#[derive(Clone, PartialEq, Message)]
pub struct Limits {
    /// Bytes of one event's payload.
    #[prost(uint32, tag = "1")]
    pub event_payload_bytes_max: u32,
    /// Reliable and datagram events together.
    #[prost(uint32, tag = "2")]
    pub events_per_second: u32,
    /// Bytes of both.
    #[prost(uint32, tag = "3")]
    pub bytes_per_second: u32,
    /// Datagrams.
    #[prost(uint32, tag = "4")]
    pub datagrams_per_second: u32,
    /// Events of one class without a receipt.
    #[prost(uint32, tag = "5")]
    pub outstanding_events_max: u32,
}

/// WELCOME.
#[derive(Clone, PartialEq, Message)]
pub struct Welcome {
    /// Whether the server still knew the session.
    #[prost(bool, tag = "1")]
    pub resumed: bool,
    /// How long it will know it after a disconnect.
    #[prost(uint64, tag = "2")]
    pub session_ttl_ms: u64,
    /// Per class.
    #[prost(message, repeated, tag = "3")]
    pub receipts: Vec<ClassSeq>,
    /// What the session may do.
    #[prost(message, optional, tag = "4")]
    pub limits: Option<Limits>,
    /// Per class, absolute.
    #[prost(message, repeated, tag = "5")]
    pub credit: Vec<ClassSeq>,
    /// Milliseconds since 1970.
    #[prost(uint64, tag = "6")]
    pub server_time_ms: u64,
    /// The node.
    #[prost(uint32, tag = "7")]
    pub node: u32,
    /// The rule set's revision.
    #[prost(uint64, tag = "8")]
    pub revision: u64,
    /// 32 bytes.
    #[prost(bytes = "bytes", tag = "9")]
    pub catalogue_digest: Bytes,
    /// In force.
    #[prost(uint64, tag = "10")]
    pub idle_timeout_ms: u64,
}

/// REFUSE.
#[derive(Clone, PartialEq, Message)]
pub struct Refuse {
    /// A `RefuseCode`.
    #[prost(uint32, tag = "1")]
    pub code: u32,
    /// For a person.
    #[prost(string, tag = "2")]
    pub detail: String,
    /// 0: not told.
    #[prost(uint64, tag = "3")]
    pub retry_after_ms: u64,
}

/// RECEIPT.
#[derive(Clone, PartialEq, Message)]
pub struct Receipt {
    /// `0..=3`.
    #[prost(uint32, tag = "1")]
    pub class: u32,
    /// Cumulative.
    #[prost(uint64, tag = "2")]
    pub up_to: u64,
}

/// CREDIT.
#[derive(Clone, PartialEq, Message)]
pub struct Credit {
    /// `0..=3`.
    #[prost(uint32, tag = "1")]
    pub class: u32,
    /// Absolute.
    #[prost(uint64, tag = "2")]
    pub up_to: u64,
}

/// COMMAND.
#[derive(Clone, PartialEq, Message)]
pub struct Command {
    /// 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub id: Bytes,
    /// What the client matches on.
    #[prost(string, tag = "2")]
    pub name: String,
    /// JSON object.
    #[prost(bytes = "bytes", tag = "3")]
    pub body: Bytes,
}

/// REJECT.
#[derive(Clone, PartialEq, Message)]
pub struct Reject {
    /// `0..=3`.
    #[prost(uint32, tag = "1")]
    pub class: u32,
    /// The event.
    #[prost(uint64, tag = "2")]
    pub seq: u64,
    /// A `RejectCode`.
    #[prost(uint32, tag = "3")]
    pub code: u32,
    /// For a person.
    #[prost(string, tag = "4")]
    pub detail: String,
}

/// MOVE.
#[derive(Clone, PartialEq, Message)]
pub struct Move {
    /// A `MoveReason`.
    #[prost(uint32, tag = "1")]
    pub reason: u32,
    /// Before the server closes.
    #[prost(uint64, tag = "2")]
    pub within_ms: u64,
    /// `host:port`, best first.
    #[prost(string, repeated, tag = "3")]
    pub endpoints: Vec<String>,
}
