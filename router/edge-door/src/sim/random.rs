//! The seeded generator of the simulation: xoshiro256++ (Blackman and Vigna), its state filled by SplitMix64.
//!
//! In: a seed. Out: the same numbers on every machine, for ever. Deliberately absent: any claim to be hard to guess.

use crate::Entropy;
use crate::sim::Ppm;

/// A seeded generator. Streams that must not disturb each other are [forked](Rng::fork).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The generator of a seed; every seed is good.
    pub fn new(seed: u64) -> Self {
        let mut z = seed;
        Self { state: std::array::from_fn(|_| splitmix64(&mut z)) }
    }

    /// A generator of its own for one part of a story, named by `label`. Advances this one by one number.
    pub fn fork(&mut self, label: u64) -> Self {
        Self::new(self.next_u64() ^ label.rotate_left(32))
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// A number in `0..limit`; 0 where the limit is 0. Its bias is below 2⁻³² for limits below 2³².
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(limit)) >> 64) as u64
    }

    /// An index of a list of `len` items; 0 where it is empty.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// Whether a thing that happens `ppm` times in a million happens now. Always draws one number.
    pub fn chance(&mut self, ppm: Ppm) -> bool {
        self.below(1_000_000) < u64::from(ppm)
    }

    /// A span of time up to and including `max`, in nanoseconds. Always draws one number.
    pub fn duration(&mut self, max: std::time::Duration) -> std::time::Duration {
        let max_ns = u64::try_from(max.as_nanos()).unwrap_or(u64::MAX);
        std::time::Duration::from_nanos(self.below(max_ns.saturating_add(1)))
    }

    /// Fills a buffer.
    pub fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let bytes = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

/// The door for randomness on a seed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SimEntropy(Rng);

impl SimEntropy {
    /// The entropy of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Rng::new(seed))
    }
}

impl Entropy for SimEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

fn splitmix64(z: &mut u64) -> u64 {
    *z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut x = *z;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_matches_the_published_numbers() {
        let mut z = 1_234_567;
        let got: Vec<u64> = (0..3).map(|_| splitmix64(&mut z)).collect();
        assert_eq!(got, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_seed_decides_everything_and_another_differs() {
        let run = |seed| {
            let mut rng = Rng::new(seed);
            let mut bytes = [0; 13];
            rng.fill(&mut bytes);
            (bytes, rng.below(1000), rng.fork(7).next_u64(), rng.next_u64())
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn limits_are_kept_and_chances_are_about_right() {
        let mut rng = Rng::new(3);
        assert_eq!(rng.below(0), 0);
        assert!((0..1000).all(|_| rng.below(7) < 7));
        assert!(!(0..1000).any(|_| rng.chance(0)));
        assert!((0..1000).all(|_| rng.chance(1_000_000)));
        let hits = (0..100_000).filter(|_| rng.chance(250_000)).count();
        assert!((24_000..26_000).contains(&hits), "{hits}");
    }
}
