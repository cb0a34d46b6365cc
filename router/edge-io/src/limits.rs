//! What the kernel lets this process use: its resource limits, getrlimit(2); and one thing that would eat them up.
//!
//! In and out: numbers. Deliberately absent: how much is needed; that is for who knows the configuration.

use std::io;

use crate::sys;

/// A limit that a daemon can run into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// Open descriptors: files, sockets, rings.
    Descriptors,
    /// The size of a file that is written, bytes.
    FileBytes,
    /// The address space, bytes: what is reserved counts, used or not.
    AddressBytes,
}

/// How far it goes; `u64::MAX` where it does not end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Enforced now.
    pub soft: u64,
    /// Up to where the process may raise it itself.
    pub hard: u64,
}

impl Limit {
    const fn resource(self) -> sys::Resource {
        match self {
            Limit::Descriptors => libc::RLIMIT_NOFILE,
            Limit::FileBytes => libc::RLIMIT_FSIZE,
            Limit::AddressBytes => libc::RLIMIT_AS,
        }
    }

    /// How far it goes.
    ///
    /// # Errors
    /// The kernel's own; none is expected.
    pub fn bounds(self) -> io::Result<Bounds> {
        sys::get_limit(self.resource()).map(|(soft, hard)| Bounds { soft, hard })
    }

    /// Raises what is enforced as far as the process may. Gives what is enforced then.
    ///
    /// # Errors
    /// The kernel's own; none is expected.
    pub fn raise(self) -> io::Result<u64> {
        let Bounds { soft, hard } = self.bounds()?;
        if soft < hard {
            sys::set_limit(self.resource(), hard, hard)?;
        }
        Ok(hard)
    }
}

/// Lets the C library make do with one arena: mallopt(3), `M_ARENA_MAX`. To be called before the first thread.
///
/// Our memory is another allocator's, but each thread that starts asks the C library's for some bytes, and for that gets an arena of its
/// own: 64 MiB of address space, and 128 while it is aligned. Below a limit of it, who started last found nothing left.
#[cfg(target_env = "gnu")]
pub fn share_arena() {
    // SAFETY: mallopt takes two numbers, and no other thread runs yet that could ask for memory meanwhile.
    let is_set = unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    debug_assert_eq!(is_set, 1, "one is a number of arenas");
}

/// Another C library than GNU's has no such arenas.
#[cfg(not(target_env = "gnu"))]
pub fn share_arena() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_raised_is_raised_and_no_further() {
        let before = Limit::Descriptors.bounds().unwrap();
        assert_eq!(Limit::Descriptors.raise().unwrap(), before.hard);
        assert_eq!(Limit::Descriptors.bounds().unwrap(), Bounds { soft: before.hard, hard: before.hard });
        for limit in [Limit::FileBytes, Limit::AddressBytes] {
            let bounds = limit.bounds().unwrap();
            assert!(bounds.soft <= bounds.hard, "{limit:?}: {bounds:?}");
        }
    }
}
