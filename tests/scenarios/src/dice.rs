//! Dice from a seed (SplitMix64), so that a story can be told again.

use std::time::{SystemTime, UNIX_EPOCH};

/// The variable that names a seed.
const SEED: &str = "EDGE_SEED";

/// A sequence of numbers that looks random and follows from its seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// From the seed that `EDGE_SEED` names, else from a fresh one; prints it.
    ///
    /// # Panics
    /// Where the variable is no number.
    #[allow(clippy::print_stdout, reason = "a story that went wrong is told again by its seed")]
    pub fn fresh(story: &str) -> Dice {
        let seed = match std::env::var(SEED) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{SEED} is `{text}`: a number is needed")),
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64),
        };
        println!("{story}: {SEED}={seed} tells it again");
        Dice(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is at least 1.
    pub fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    /// Whether one of `n` sides came up.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Dice of their own for a part of the story.
    pub fn split(&mut self) -> Dice {
        Dice(self.roll())
    }
}
