//! The doors: the only ways in which the outside enters the event's path.
//!
//! Each door is one small trait: [`Clock`], [`Entropy`], [`Udp`], [`Disk`]. What comes in: nothing but bytes and addresses.
//! What goes out: the same. `edge-io` implements them on the kernel; the simulated twins here ([`sim`]) implement them
//! on a seed, and one conformance body of tests holds both to the same behaviour.
//!
//! Deliberately absent: the kernel, threads, async. A door never blocks, except where its name says `wait` or
//! `blocking`.

pub mod clock;
pub mod disk;
pub mod entropy;
pub mod sim;
pub mod udp;

pub use clock::Clock;
pub use disk::{Disk, DiskOp, FileName, OpId};
pub use entropy::Entropy;
pub use udp::{RecvMeta, SendMeta, Udp, Wake};
