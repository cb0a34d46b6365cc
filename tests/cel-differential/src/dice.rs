//! Where choices come from: a seed, or bytes that a fuzzer made.

/// A source of choices.
pub trait Dice {
    /// A number below `end`; 0 where `end` is 0.
    fn below(&mut self, end: usize) -> usize;

    /// One of some choices.
    ///
    /// # Panics
    /// Where there is none.
    fn pick<'c, T: ?Sized>(&mut self, choices: &[&'c T]) -> &'c T {
        choices[self.below(choices.len())]
    }
}

/// The same choices for the same seed, on every machine: SplitMix64.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

/// Choices by the bytes of an input, one or two bytes each; behind its end, always the first.
#[derive(Clone, Debug)]
pub struct Written<'a>(pub &'a [u8]);

impl Seeded {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Dice for Seeded {
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() >> 32).unwrap_or(0).checked_rem(end).unwrap_or(0)
    }
}

impl Dice for Written<'_> {
    fn below(&mut self, end: usize) -> usize {
        let (head, rest) = self.0.split_at(self.0.len().min(if end > 256 { 2 } else { 1 }));
        self.0 = rest;
        head.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)).checked_rem(end).unwrap_or(0)
    }
}
