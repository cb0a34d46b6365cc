//! 256 bits, one a rule: as many as a vector register holds.

use std::ops::{BitAnd, BitOrAssign};

/// Rules of one chunk.
pub(super) const BITS: usize = 256;

/// Which of 256 rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(align(32))]
pub(super) struct Chunk([u64; 4]);

impl Chunk {
    pub(super) const FULL: Chunk = Chunk([u64::MAX; 4]);

    #[inline]
    pub(super) const fn is_empty(self) -> bool {
        self.0[0] | self.0[1] | self.0[2] | self.0[3] == 0
    }

    #[inline]
    pub(super) const fn has(self, bit: usize) -> bool {
        self.0[bit / 64 % 4] >> (bit % 64) & 1 == 1
    }

    /// Whether all bits of this one are set in the other.
    #[inline]
    pub(super) fn is_within(self, other: Chunk) -> bool {
        self & other == self
    }

    pub(super) const fn set(&mut self, bit: usize, to: bool) {
        let mask = 1 << (bit % 64);
        let word = &mut self.0[bit / 64 % 4];
        if to { *word |= mask } else { *word &= !mask }
    }

    /// Calls `f` with each bit that is set, rising.
    #[inline]
    pub(super) fn each(self, mut f: impl FnMut(usize)) {
        for (at, mut word) in self.0.into_iter().enumerate() {
            while word != 0 {
                f(at * 64 + word.trailing_zeros() as usize);
                word &= word - 1;
            }
        }
    }
}

impl BitAnd for Chunk {
    type Output = Chunk;

    #[inline]
    fn bitand(self, other: Chunk) -> Chunk {
        Chunk(std::array::from_fn(|at| self.0[at] & other.0[at]))
    }
}

impl BitOrAssign for Chunk {
    fn bitor_assign(&mut self, other: Chunk) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
    }
}
