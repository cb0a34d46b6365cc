//! The real doors: UDP on io_uring and on epoll, files, clock, entropy. The home of unsafe.
//!
//! What comes in: where to bind, which directory, and a [`Choice`] of kernel interface. What goes out: the traits of
//! `edge-door`, and a [`Chosen`] that says in one line which interface serves and why, for the log and a metric.
//!
//! * [`open_udp`] binds a shard's socket; on the shard's thread, [`UdpOpener::into_door`] makes it io_uring (multishot
//!   receive into provided buffers) or epoll with recvmmsg/sendmmsg. Both do GRO, GSO, ECN and local addresses.
//! * [`Directory`] is one locked directory; [`run_disk`] runs a disk's owner on a tokio-uring thread or a plain one.
//! * [`wake`](mod@wake) has what threads sleep on and wake each other with; [`thread`] pins them to cores; [`limits`] says
//!   what the kernel lets the process use.
//!
//! Where io_uring is refused (by a seccomp filter, a sysctl or an old kernel), `Choice::Auto` falls back and says so.
//! Deliberately absent: QUIC, the spool, retries of a failed fsync, and any use of the outside beyond these doors.
//! `unsafe` stays in small wrappers, mostly in `sys`; what they give out is safe.
#![allow(unsafe_code)]

mod choice;
mod clock;
mod disk;
mod entropy;
pub mod limits;
mod sys;
pub mod thread;
mod udp;
pub mod wake;

pub use choice::{Choice, Chosen};
pub use clock::{ProcessClock, SystemClock, WallHand};
pub use disk::{Directory, OpenError, PlainDisk, Turn, UringDisk, run_disk};
pub use entropy::SystemEntropy;
pub use udp::{UdpCounts, UdpDoor, UdpOpener, UdpOptions, open_udp};
