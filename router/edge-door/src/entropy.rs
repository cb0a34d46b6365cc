//! The door for randomness.

/// Fills buffers with bytes nobody can guess (real) or with bytes that a seed decides (simulated).
pub trait Entropy {
    /// Fills `out` whole.
    fn fill(&mut self, out: &mut [u8]);

    /// Eight random bytes as a number.
    fn next_u64(&mut self) -> u64 {
        let mut b = [0; 8];
        self.fill(&mut b);
        u64::from_le_bytes(b)
    }
}
