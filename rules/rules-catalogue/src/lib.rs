//! The event catalogue: which events exist, what they carry, who answers for them and what is refused.
//!
//! ```text
//! game/v1/*.proto --compile--> CatalogueData --check--> Catalogue --bytes--> bundle --bytes--> Catalogue (daemon)
//! ```
//!
//! Comes in: canonical bytes out of a bundle, or (feature `compile`, which the daemon leaves off) `.proto` text. Goes out:
//! [`Catalogue`]: look-ups by id, name and path; [`Catalogue::admit`], which refuses a payload that breaks a limit;
//! [`Extractor`], which reads just the fields that rules use, in one pass and without allocating; and the JSON mapping
//! that rule tests, replays and explanations use. [`changes`] holds one catalogue against the next.
//!
//! # The order of calls
//! 1. [`Catalogue::from_bytes`] once a bundle.
//! 2. [`Catalogue::admit`] once an event, before anything else looks at the payload.
//! 3. [`Extractor::extract`] once an event and rule partition; it trusts step 2 for meaning, never for safety.
//!
//! Deliberately absent: rules, and the wire protocol's frames.

mod admit;
mod catalogue;
mod check;
mod compatibility;
#[cfg(feature = "compile")]
pub mod compile;
mod extract;
mod json;
mod model;
mod path;
mod refusal;
#[cfg(test)]
mod testing;
mod time;
mod value;
mod wire;

pub use admit::Admitted;
pub use catalogue::Catalogue;
pub use check::LoadError;
pub use compatibility::{Change, ChangeCode, changes};
pub use extract::{Extractor, recycle};
pub use json::EncodeError;
pub use model::{
    Cardinality, CatalogueData, EnumIndex, EnumType, EnumValue, EventType, Field, Kind, Limits, MessageIndex,
    MessageType, PersonalData, Position, Provenances, Range,
};
pub use path::{FieldPath, PathError};
pub use refusal::{PayloadError, Refusal};
pub use time::{parse_rfc3339, rfc3339};
pub use value::{Elements, Entries, FieldValue, Map, Repeated};

/// The longest payload that any event type may allow. Bytes.
pub const MAX_PAYLOAD_BYTES: u32 = 65_536;
/// The largest catalogue in canonical form. Bytes.
pub const MAX_CATALOGUE_BYTES: usize = 8 << 20;
/// The largest event-type id.
pub const MAX_EVENT_TYPE_ID: u32 = 65_535;
/// Most event types of a catalogue.
pub const MAX_EVENT_TYPES: usize = 4_096;
/// Most messages of a catalogue; as many enums.
pub const MAX_MESSAGES: usize = 8_192;
/// Most fields of a message.
pub const MAX_FIELDS: usize = 256;
/// Most fields of a message that are lists, maps, messages, or needed because their range excludes 0.
pub const MAX_COUNTED_FIELDS: usize = 64;
/// How many messages deep an event may nest, itself included.
pub const MAX_DEPTH: usize = 8;
/// The longest name. Bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// The longest comment that is kept. Bytes.
pub const MAX_DOC_BYTES: usize = 4_096;
