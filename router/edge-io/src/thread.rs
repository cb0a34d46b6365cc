//! Pinning threads to cores.

use std::io;

use crate::sys;

/// Keeps the calling thread on one core from now on.
///
/// # Errors
/// `InvalidInput`, naming the cores that are allowed, where the process may not run on `core`.
pub fn pin_to_core(core: usize) -> io::Result<()> {
    sys::set_affinity(core).map_err(|error| {
        let allowed = allowed_cores().unwrap_or_default();
        let why = format!("cannot pin a thread to core {core}: {error}; this process may use the cores {allowed:?}");
        io::Error::new(io::ErrorKind::InvalidInput, why)
    })
}

/// The cores that the calling thread may run on, in order.
///
/// # Errors
/// The kernel's own.
pub fn allowed_cores() -> io::Result<Vec<usize>> {
    sys::get_affinity()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_can_be_pinned_to_an_allowed_core_only() {
        std::thread::spawn(|| {
            let last = *allowed_cores().unwrap().last().unwrap();
            pin_to_core(last).unwrap();
            assert_eq!(allowed_cores().unwrap(), [last]);
            let refused = pin_to_core(1_000_000).unwrap_err().to_string();
            assert!(refused.contains("core 1000000") && refused.contains(&format!("[{last}]")), "{refused}");
        })
        .join()
        .unwrap();
    }
}
