//! What a node remembers of its rules, durably: which revisions served, their exact signed bytes, and who changed what when.
//!
//! ```text
//! DIR/revisions        the newest revision of each signing key (rules_bundle::Ratchet)
//! DIR/memory.json      what serves, what has proved good, how often it was started in vain (Memory)
//! DIR/DIGEST.bundle    the signed bytes of what serves and of what has proved good
//! DIR/audit.jsonl      a line a change, each with the hash of the line before (Chain)
//! ```
//!
//! # The order of calls
//! 1. [`Store::open`], which changes nothing on disk.
//! 2. [`Memory::choose`]: what to start with, of what is deployed and what is remembered.
//! 3. [`Store::take`] when a bundle has come to service, by a start, a load or a step back.
//! 4. [`Store::confirm`] when it has served for long enough; [`Store::rest`] at an orderly end.
//!
//! Every file is written whole beside the old one, synced and put in its place, or appended to and synced; a crash leaves the one or the
//! other. Deliberately absent: signatures (`rules-bundle` checks them, also of what is remembered) and the decision to serve.

mod audit;
mod files;
mod memory;
mod store;

pub use audit::{Chain, ChainError, Deed, Entry};
pub use memory::{Choice, How, IN_VAIN_MAX, KEPT_MAX, Memory, MemoryError, Name, Source};
pub use store::{Store, StoreError};

#[cfg(test)]
mod tests;
