//! A whole PoP in one thread, under a virtual clock, from one seed.
//!
//! ```text
//!  plan (seed) ──> clients ──packets──> lossy network ──> shards (real TLS) ──rings──> spool ──> simulated disk
//!                     ^                                        |                         |
//!                     └───────── receipts, replies ────────────┘           reader ──> forwarder ──> file sink
//!  checkers: what clients know  x  what the disk holds  x  what the upstream got
//! ```
//!
//! What comes in: a seed. What goes out: an [`Ending`]: broken promises, a count of everything that happened, the hash of the
//! story. The same seed tells the same story, in every process. `cargo run -p edge-sim -- --seeds N` tells many;
//! `--from S --seeds 1 --trace` tells one aloud.
//!
//! The checkers are written against the promises of the architecture, not against the implementation: what must have been
//! ordered is computed from the clients' own logs by [an oracle](oracle) that knows no rule engine; what is durable by
//! [a watched disk](watch) that knows no spool; order and uniqueness are read from the sink's files.
//!
//! Deliberately absent: real time, threads, sockets, files.

mod cast;
mod check;
mod client;
mod cuts;
mod fabric;
mod fact;
mod forward;
mod lines;
mod link;
mod mix;
mod oracle;
mod plan;
mod pop;
mod ring;
mod rulebook;
mod scribe;
mod shard_seat;
mod spool_seat;
mod story;
mod tls;
mod trace;
mod watch;
mod witness;

pub use mix::Mix;
pub use scribe::{Promise, Violation};
pub use story::{Ending, tell};
pub use trace::Listener;
