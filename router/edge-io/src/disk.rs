//! Files: one locked directory, and the thread that serves its owner.
//!
//! In: a path, and a machine that submits operations and takes their ends. Out: the door [`Disk`] on tokio-uring
//! ([`UringDisk`]) or on plain system calls ([`PlainDisk`]), and [`run_disk`], which turns the machine round on either.
//!
//! Deliberately absent: what the files mean, and any second try of a failed sync.

mod directory;
mod plain;
mod run;
mod uring;

pub use directory::{Directory, OpenError};
pub use plain::PlainDisk;
pub use run::{Turn, run_disk};
pub use uring::UringDisk;

#[cfg(doc)]
use edge_door::Disk;
