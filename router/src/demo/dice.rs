//! Seeded dice: the same seed throws the same for ever, on every machine.
//!
//! What comes in: a seed and the names of a stream. What goes out: numbers. SplitMix64 (Steele, Lea and Flood, "Fast
//! splittable pseudorandom number generators", 2014): good enough for play, and no secret is made of it.

/// One stream of throws.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Dice {
    /// The stream `name` of `seed`; streams with different names have nothing to do with each other.
    pub(crate) fn new(seed: u64, name: &[u64]) -> Dice {
        let mut dice = Dice(seed);
        for part in name {
            dice.0 = dice.next() ^ part.wrapping_mul(STEP);
        }
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, not including, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub(crate) fn hits(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A place in `weights`, with the probability of its weight. 0 where there is none.
    pub(crate) fn place(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (place, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return place;
            }
        }
        weights.len().saturating_sub(1)
    }

    /// Normally distributed, mean 0, variance 1 (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.unit(), self.unit());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

/// The share of a normal distribution below `z` (Abramowitz and Stegun 26.2.17; error below 1e-7).
pub(crate) fn share_below(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series =
        t * (0.319_381_530 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt() * series;
    if z >= 0.0 { 1.0 - tail } else { tail }
}

/// The `z` below which this share of a normal distribution lies (Abramowitz and Stegun 26.2.23; error below 5e-4).
pub(crate) fn normal_at(share: f64) -> f64 {
    let share = share.clamp(1e-6, 1.0 - 1e-6);
    let t = (-2.0 * share.min(1.0 - share).ln()).sqrt();
    let z =
        t - (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    if share < 0.5 { -z } else { z }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_name_fix_every_throw() {
        let throw = |seed, name: &[u64]| Dice::new(seed, name).next();
        assert_eq!(throw(1, &[2, 3]), throw(1, &[2, 3]));
        assert_ne!(throw(1, &[2, 3]), throw(1, &[3, 2]));
        assert_ne!(throw(1, &[2, 3]), throw(2, &[2, 3]));
    }

    #[test]
    fn throws_are_spread_as_they_say() {
        let mut dice = Dice::new(7, &[]);
        let n = 20_000;
        let mean = (0..n).map(|_| dice.unit()).sum::<f64>() / f64::from(n);
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let normal: Vec<f64> = (0..n).map(|_| dice.normal()).collect();
        let square = normal.iter().map(|z| z * z).sum::<f64>() / f64::from(n);
        assert!((square - 1.0).abs() < 0.05, "{square}");
        let thirds = (0..n).filter(|_| dice.place(&[2.0, 1.0]) == 1).count() as f64 / f64::from(n);
        assert!((thirds - 1.0 / 3.0).abs() < 0.02, "{thirds}");
        assert_eq!(dice.place(&[]), 0);
    }

    #[test]
    fn the_normal_distribution_and_its_inverse_agree() {
        for share in [0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999] {
            assert!((share_below(normal_at(share)) - share).abs() < 1e-3, "{share}");
        }
    }
}
