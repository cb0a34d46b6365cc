//! The simulated twins of the doors, driven by a seed and a virtual clock.
//!
//! What comes in: a seed, a configuration of faults, and the calls that the real doors would get. What goes out: the same
//! behaviour as the kernel's, only that the same seed gives the same story, and that every fault that fired was counted,
//! so that a run can fail where a fault never did.
//!
//! Two ways to use the network: [`SimUdp`] implements the door itself; a simulator with a loop of its own drives the
//! machine [`SimNet`] directly. The disk, [`SimDisk`], keeps apart what is durable and what a crash may take.
//!
//! Deliberately absent: real time, threads (only [`SimUdp::wait`](crate::Udp::wait) without a limit can block, for a
//! waker on another thread), and any choice that is not drawn from the seed.

mod clock;
mod disk;
mod faults;
mod file;
mod net;
mod random;
mod udp;

pub use clock::SimClock;
pub use disk::{DiskConfig, DiskImage, SimDisk};
pub use faults::{DiskFaults, Fail, Rot};
pub use file::SECTOR_BYTES;
pub use net::{LinkConfig, NetFaults, Packet, SimNet};
pub use random::{Rng, SimEntropy};
pub use udp::{SimHub, SimUdp};

/// A probability in parts of a million: exact in a configuration file and in a seed's story.
pub type Ppm = u32;
