//! Random choices from a seed, the same on every machine.
//!
//! Comes in: a seed. Goes out: numbers, choices. Deliberately absent: entropy.

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The same seed throws the same numbers.
    pub const fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Any number.
    pub const fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `0..n`; `n` is not 0.
    pub const fn below(&mut self, n: u64) -> u64 {
        self.throw() % n
    }

    /// One of the numbers from `low` up to and with `high`.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// Yes, this often in a hundred.
    pub const fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// Each of these, this often in a hundred.
    pub fn some<T: Copy>(&mut self, percent: u64, of: &[T]) -> Vec<T> {
        of.iter().copied().filter(|_| self.chance(percent)).collect()
    }

    /// In `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.throw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of `0..n`, low numbers more often: the most frequent one about √n times as often as by equal chances.
    pub fn skewed(&mut self, n: u64) -> u64 {
        let unit = self.unit();
        (unit * unit * n as f64) as u64
    }
}
