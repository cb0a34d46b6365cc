//! Why an event is refused.
//!
//! Two tables of causes, each with a stable code: what an event can do wrong, and what its payload can. They name field and
//! limit, so that the detail of a REJECT tells the client's author what to mend. Deliberately absent: the checks.

use edge_event::EventTypeId;

use crate::model::Provenances;
use crate::wire::WireFault;

/// Why an event is refused.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The catalogue has no such type.
    #[error("event type {} is not in this catalogue; regenerate the client from the catalogue it connects to", .id.0)]
    UnknownType {
        /// The id.
        id: EventTypeId,
    },
    /// Only others may send it.
    #[error("{event_type} may be sent by {} only", match .allowed {
        Provenances::Client => "players' clients",
        _ => "game servers with a server token",
    })]
    Provenance {
        /// The type's name.
        event_type: String,
        /// Who may.
        allowed: Provenances,
    },
    /// The payload breaks the catalogue.
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

/// How a payload breaks the catalogue. `field` is a path such as `items.sku`.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum PayloadError {
    /// Longer than the event type allows.
    #[error("the payload has {len} bytes; the event type allows {limit}")]
    TooLarge {
        /// Bytes that came.
        len: usize,
        /// Bytes that are allowed.
        limit: u32,
    },
    /// Not protobuf.
    #[error("the payload is not a protobuf message: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// A known field stands in a form that its kind does not have.
    #[error("`{field}` is not encoded as {kind}")]
    WireType {
        /// Which field.
        field: String,
        /// What it should be.
        kind: &'static str,
    },
    /// A string is not UTF-8.
    #[error("`{field}` is not UTF-8")]
    Utf8 {
        /// Which field.
        field: String,
    },
    /// A string or bytes too long.
    #[error("`{field}` has {len} bytes; the limit is {limit}")]
    TooLong {
        /// Which field.
        field: String,
        /// Bytes that came.
        len: usize,
        /// Bytes that are allowed.
        limit: u32,
    },
    /// A list or map with too many elements.
    #[error("`{field}` has more than {limit} items")]
    TooMany {
        /// Which field.
        field: String,
        /// How many are allowed.
        limit: u32,
    },
    /// A number outside its range.
    #[error("`{field}` is {value}; allowed is {allowed}")]
    OutOfRange {
        /// Which field.
        field: String,
        /// What came.
        value: String,
        /// The range.
        allowed: String,
    },
    /// A singular message, or part of a map's entry, stands twice.
    #[error("`{field}` stands twice in one message")]
    Twice {
        /// Which field.
        field: String,
    },
    /// The field that names the player is empty.
    #[error("`{field}` names the player and must not be empty")]
    NoSubject {
        /// Which field.
        field: String,
    },
}

impl Refusal {
    /// Stable for ever; names the cause in metrics, in REJECT frames and in the reference.
    pub const fn code(&self) -> &'static str {
        match self {
            Refusal::UnknownType { .. } => "unknown_event_type",
            Refusal::Provenance { .. } => "wrong_provenance",
            Refusal::Payload(e) => e.code(),
        }
    }
}

impl PayloadError {
    /// Stable for ever; names the cause in metrics, in REJECT frames and in the reference.
    pub const fn code(&self) -> &'static str {
        match self {
            PayloadError::TooLarge { .. } => "payload_too_large",
            PayloadError::Malformed { .. } => "payload_malformed",
            PayloadError::WireType { .. } => "payload_wire_type",
            PayloadError::Utf8 { .. } => "payload_utf8",
            PayloadError::TooLong { .. } => "payload_too_long",
            PayloadError::TooMany { .. } => "payload_too_many",
            PayloadError::OutOfRange { .. } => "payload_out_of_range",
            PayloadError::Twice { .. } => "payload_twice",
            PayloadError::NoSubject { .. } => "payload_no_subject",
        }
    }

    /// The field at fault, where there is one.
    pub fn field(&self) -> Option<&str> {
        match self {
            PayloadError::TooLarge { .. } | PayloadError::Malformed { .. } => None,
            PayloadError::WireType { field, .. }
            | PayloadError::Utf8 { field }
            | PayloadError::TooLong { field, .. }
            | PayloadError::TooMany { field, .. }
            | PayloadError::OutOfRange { field, .. }
            | PayloadError::Twice { field }
            | PayloadError::NoSubject { field } => Some(field),
        }
    }

    /// Puts the name of the message around it in front of the path.
    pub(crate) fn inside(mut self, outer: &str) -> PayloadError {
        match &mut self {
            PayloadError::TooLarge { .. } | PayloadError::Malformed { .. } => {}
            PayloadError::WireType { field, .. }
            | PayloadError::Utf8 { field }
            | PayloadError::TooLong { field, .. }
            | PayloadError::TooMany { field, .. }
            | PayloadError::OutOfRange { field, .. }
            | PayloadError::Twice { field }
            | PayloadError::NoSubject { field } => *field = format!("{outer}.{field}"),
        }
        self
    }
}

impl From<WireFault> for PayloadError {
    fn from(fault: WireFault) -> PayloadError {
        PayloadError::Malformed { what: fault.0 }
    }
}
