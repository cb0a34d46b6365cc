//! The bytes of the intermediate form: postcard, one spelling for each set, the format first.

use super::{IR_FORMAT, RuleSetIr};

/// Why bytes are no rule set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Written by another version.
    #[error(
        "rule set has format {found}, this build reads format {IR_FORMAT}: compile it with an `edgectl` of this version"
    )]
    Format {
        /// What the bytes say.
        found: u16,
    },
    /// Not what the compiler writes.
    #[error("rule set is malformed: build the bundle again")]
    Malformed,
    /// Reads, but would be written otherwise.
    #[error("rule set is not in canonical form: build the bundle again")]
    NotCanonical,
}

impl DecodeError {
    /// Stable word for metrics and documents.
    pub const fn code(&self) -> &'static str {
        match self {
            DecodeError::Format { .. } => "IR_FORMAT",
            DecodeError::Malformed => "IR_MALFORMED",
            DecodeError::NotCanonical => "IR_NOT_CANONICAL",
        }
    }
}

impl RuleSetIr {
    /// The canonical bytes: the same set gives the same bytes.
    ///
    /// # Panics
    /// Never: every part of the form can be written.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("the intermediate form always serialises")
    }

    /// The inverse of [`to_bytes`](Self::to_bytes). Allocates at most a constant factor of `bytes.len()`.
    ///
    /// # Errors
    /// The bytes are of another format, or not exactly what `to_bytes` writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<RuleSetIr, DecodeError> {
        let (found, _) = postcard::take_from_bytes::<u16>(bytes).map_err(|_| DecodeError::Malformed)?;
        if found != IR_FORMAT {
            return Err(DecodeError::Format { found });
        }
        let (ir, rest) = postcard::take_from_bytes::<RuleSetIr>(bytes).map_err(|_| DecodeError::Malformed)?;
        if !rest.is_empty() {
            return Err(DecodeError::Malformed);
        }
        if ir.to_bytes() != bytes {
            return Err(DecodeError::NotCanonical);
        }
        Ok(ir)
    }
}

/// `edge-event` knows no serialisation, so its two nouns in this form are written here.
pub(super) mod event_type_serde {
    use edge_event::EventTypeId;
    use serde::{Deserialize, Deserializer, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub(in crate::ir) fn serialize<S: Serializer>(id: &EventTypeId, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u32(id.0)
    }

    pub(in crate::ir) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<EventTypeId, D::Error> {
        u32::deserialize(d).map(EventTypeId)
    }
}

/// As a byte, see [`Priority::from_u8`].
pub(super) mod priority_serde {
    use edge_event::Priority;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub(in crate::ir) fn serialize<S: Serializer>(p: &Priority, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u8(*p as u8)
    }

    pub(in crate::ir) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Priority, D::Error> {
        Priority::from_u8(u8::deserialize(d)?).ok_or_else(|| D::Error::custom("no such priority"))
    }
}
