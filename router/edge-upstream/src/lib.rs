//! Lanes, the contract every sink keeps, outcomes.
//!
//! What comes in: committed records in log order, and a sink's answers. What goes out: batches for a sink, each of one lane and
//! priority and in order; how far everything is settled; and what can never be delivered, for the quarantine.
//!
//! [`Forwarder`] is a machine without I/O: *mutate, then drain*. A [`Sink`] is polled too: a simulated one fits as well as one
//! whose client runs on an async runtime behind it.
//!
//! Deliberately absent: spool files, networks, clocks, and how an upstream is spoken to. A sink knows no spool.
//!
//! # How to add a sink
//! 1. A crate `edge-sink-<name>` that knows this one and exactly one foreign SDK.
//! 2. Implement [`Sink`]: take batches while there is room, answer each once, every command in it with an [`Outcome`].
//! 3. `Delivered` only when the upstream has made the command durable; a time-out is a `Retry`.
//! 4. `Reject` only what can never succeed: it goes to the quarantine and the lane goes on.
//! 5. Send [`CommandId`](edge_event::CommandId) where the upstream dedupes; duplicates are the normal case after a failure.

mod command;
mod config;
mod forwarder;
mod lane;
mod ledger;
mod sink;
#[cfg(test)]
mod tests;

pub use command::{LaneCommand, Place};
pub use config::Config;
pub use forwarder::Forwarder;
pub use ledger::Ledger;
pub use sink::{Answer, Batch, BatchId, Outcome, Sink};
