//! One body of tests for every door: io_uring, the plain system calls, and the simulated twin.
//!
//! `udp_body` and `disk_body` know only the traits; `udp` and `disk` run them on each door. Where the machine refuses
//! io_uring, its tests say that they were skipped. `seccomp` takes io_uring away and expects everything to work on.
#![expect(unsafe_code, reason = "one socket option that the standard library does not know")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod disk;
mod disk_body;
mod seccomp;
mod udp;
mod udp_body;
