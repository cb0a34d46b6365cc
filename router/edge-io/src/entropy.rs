//! The kernel's randomness behind the entropy's door: getrandom(2), which blocks only until the pool was first filled.

use edge_door::Entropy;

use crate::sys;

/// Bytes nobody can guess.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// Where the kernel has no getrandom(2): keys made of anything less would be worse than no daemon.
    fn fill(&mut self, out: &mut [u8]) {
        let mut rest = out;
        while !rest.is_empty() {
            let n = sys::retry(|| sys::getrandom(rest)).expect("the kernel gives random bytes");
            rest = &mut rest[n..];
        }
    }
}
