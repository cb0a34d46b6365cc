//! Which kernel interface serves a door, and why.
//!
//! In: what the operator asked for. Out: one line for the log and a label for a metric. Deliberately absent: the
//! detection itself, which is each door's own: it tries, and keeps what works.

use std::fmt;
use std::io;

/// What the operator asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Choice {
    /// io_uring where it works, else the plain system calls.
    #[default]
    Auto,
    /// io_uring or nothing.
    Uring,
    /// The plain system calls: epoll for sockets, a plain thread for files.
    Plain,
}

/// What serves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chosen {
    /// `io_uring`, `epoll` or `plain`: a metric's label.
    pub door: &'static str,
    /// Why, in words, with what was cut back on the way.
    pub why: String,
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.door, self.why)
    }
}

/// Why io_uring is not used after it was tried.
pub(crate) fn refusal(error: &io::Error) -> String {
    let hint = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => "; a seccomp filter or `kernel.io_uring_disabled` forbids it",
        Some(libc::ENOSYS) => "; the kernel or a seccomp filter does not know it",
        Some(libc::ENOMEM) => "; raise LimitMEMLOCK",
        Some(libc::EINVAL) => "; Linux 6.1 or newer is needed",
        _ => "",
    };
    format!("io_uring was refused: {error}{hint}")
}
