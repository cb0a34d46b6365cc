//! What the kernel lets this process use: its resource limits, getrlimit(2).
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
