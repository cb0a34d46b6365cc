//! One core's loop body: session, rules, outbox, in that order.
//!
//! ```text
//!  packets --> Sessions --arrived--> admit --routed--> [forward ring] --> Owner --record--> [spool ring]
//!                 ^                                                        |  ^
//!                 +------------------------- [back ring] <-----done--------+  +--committed ticket--
//! ```
//!
//! What comes in and goes out are plain values; [`Shard`] is a machine with two verbs, `handle_*` and `poll_*`: mutate,
//! then drain. The daemon runs one on each core and joins them with rings; the simulator runs all of them in one thread.
//!
//! Deliberately absent: the kernel, async runtimes, clocks, the disk. A shard does not know what a ring, a spool or a
//! socket is.

mod admit;
mod clock;
mod config;
mod home;
mod latency;
pub mod ledger;
mod marks;
pub mod mesh;
mod outbox;
mod overload;
mod owner;
mod parts;
mod quota;
mod restored;
mod shard;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use latency::{BUCKETS, Latency};
pub use ledger::{Counters, Cut};
pub use mesh::{Attach, Back, Forward, Origin, RoutedEvent, StrayPacket};
pub use outbox::ToSpool;
pub use overload::Strain;
pub use parts::{Gate, Parts, Serving, ShardStats};
pub use restored::{Restored, RestoredCell};
pub use shard::Shard;

/// A hasher whose keys follow from `seed`. Clients choose their producer ids, so the daemon draws the seed at random; the
/// simulator draws it from the story's, and nothing here depends on the order of a hash table.
fn hasher(seed: u64) -> ahash::RandomState {
    ahash::RandomState::with_seeds(seed, seed.rotate_left(17), !seed, seed.rotate_left(41))
}
