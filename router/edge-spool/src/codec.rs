//! An [`EventRecord`] as bytes, version 1.
//!
//! What comes in: a record, or bytes of unknown truth. What goes out: bytes appended to a buffer that the caller reuses,
//! or a record whose values are slices of the input. Fixed-width little-endian numbers, LEB128 for counts and lengths.
//!
//! Decoding never panics and allocates at most some eight times the input: a count is believed only as far as the
//! remaining bytes could hold that many of the smallest item.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub use decode::{DecodeError, decode_record};
pub use encode::encode_record;

pub(crate) use decode::Bytewise;
pub(crate) use encode::{write_bytes, write_state_key, write_varint};

/// The most payload bytes that any record may have.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// What this build writes.
pub(crate) const CODEC_VERSION: u8 = 1;

/// How deep a timer's identity may point to the timer that opened it.
const TIMER_DEPTH_MAX: usize = 8;

/// Presence bits of a delta.
const HAS_VALUE: u8 = 1;
const HAS_EXPIRY: u8 = 2;

/// Tags of actions. Stable for ever.
const START: u8 = 1;
const SIGNAL: u8 = 2;
const CANCEL: u8 = 3;
const PUBLISH: u8 = 4;
const REPLY: u8 = 5;
