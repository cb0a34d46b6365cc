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
mod owner;
mod shard;

pub use config::Config;
pub use latency::{BUCKETS, Latency};
pub use ledger::{Counters, Cut};
pub use mesh::{Back, Forward, Origin, RoutedEvent, StrayPacket};
pub use outbox::ToSpool;
pub use owner::Restored;
pub use shard::{Gate, Parts, Shard, ShardStats};

/// A hasher with fixed keys: the same input gives the same order on every run, which the simulator relies on. Keys are
/// hashes of authenticated identities, so nobody outside chooses collisions.
fn fixed_hasher() -> ahash::RandomState {
    ahash::RandomState::with_seeds(0x6564_6765, 0x7368_6172, 0x6420_6b65, 0x7973_2e2e)
}
