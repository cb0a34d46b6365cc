//! A bundle: one signed file that carries a rule set with everything it needs.
//!
//! ```text
//! "EDGEBNDL"  format:u16  sections:u16                                  head
//! { kind:u16  zero:u16  len:u64  blake3:[u8;32] } × sections            table, kinds rising
//! manifest | catalogue | rules                                          sections, in the table's order
//! signatures:u8  { key id:[u8;16]  ed25519:[u8;64] } × signatures       key ids rising
//! ```
//! Little-endian. Signatures are over all bytes before the last line, exactly as they stand; the same input gives the same
//! bytes. Nothing is decoded before a trusted signature was found over it.
//!
//! # The order of calls
//! Building: [`Unsigned::emit`], then [`Unsigned::sign`]. Loading: [`VerifiedBundle::verify`], [`Ratchet::check`],
//! [`VerifiedBundle::load`], and, once every shard has adopted it, [`Ratchet::accept`].
//!
//! Deliberately absent: files, clocks, randomness (whoever makes a key brings its seed), and which bundle serves.

mod bundle;
mod container;
mod key;
mod manifest;
mod ratchet;

#[cfg(test)]
mod tests;

pub use bundle::{EmitError, LoadedBundle, RefuseError, Unsigned, VerifiedBundle};
pub use container::{FORMAT, MAGIC, MAX_BUNDLE_BYTES, MAX_MANIFEST_BYTES, MAX_RULES_BYTES, MAX_SIGNATURES, ReadError};
pub use key::{KeyError, KeyId, PublicKey, SigningKey, TrustedKeys};
pub use manifest::Manifest;
pub use ratchet::{Ratchet, RatchetError, RatchetTextError};
