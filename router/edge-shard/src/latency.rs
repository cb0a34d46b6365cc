//! Latency in buckets: four to each power of two, from a microsecond to a minute.
//!
//! What comes in: durations. What goes out: counts, and quantiles that are at most 25 % too high. One writer, no allocation;
//! the runner copies the counts out for others to read.

use std::time::Duration;

/// Buckets of a [`Latency`].
pub const BUCKETS: usize = 108;

/// Counts of durations by size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latency {
    /// How many fell into each bucket; see [`Latency::upper_us`].
    pub counts: [u64; BUCKETS],
    /// Sum of all, microseconds.
    pub sum_us: u64,
    /// The largest, microseconds.
    pub max_us: u64,
}

impl Default for Latency {
    fn default() -> Latency {
        Latency { counts: [0; BUCKETS], sum_us: 0, max_us: 0 }
    }
}

impl Latency {
    /// Counts one.
    pub fn add(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(us)] += 1;
        self.sum_us = self.sum_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Latency) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.max_us = self.max_us.max(other.max_us);
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The upper bound, in microseconds, of the bucket that holds quantile `q` (`0.0..=1.0`); 0 where nothing was counted.
    pub fn quantile_us(&self, q: f64) -> u64 {
        let total = self.total();
        let wanted = ((total as f64 * q).ceil() as u64).max(1);
        let mut seen = 0;
        for (i, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && total > 0 {
                return Latency::upper_us(i).min(self.max_us);
            }
        }
        0
    }

    /// The largest duration, in microseconds, that falls into bucket `i`.
    pub const fn upper_us(i: usize) -> u64 {
        if i < 4 {
            return i as u64;
        }
        let (power, quarter) = (i / 4 + 1, (i % 4) as u64);
        (1 << power) + (quarter + 1) * (1 << (power - 2)) - 1
    }
}

fn bucket(us: u64) -> usize {
    if us < 4 {
        return us as usize;
    }
    let power = us.ilog2() as usize;
    let quarter = (us >> (power - 2)) as usize & 3;
    ((power - 1) * 4 + quarter).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_within_its_bucket() {
        for us in (0..10_000).chain([65_535, 65_536, 1_000_000, 59_000_000]) {
            let i = bucket(us);
            assert!(us <= Latency::upper_us(i), "{us} in {i}");
            assert!(i == 0 || us > Latency::upper_us(i - 1), "{us} in {i}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn a_quantile_is_at_most_a_quarter_too_high() {
        let mut l = Latency::default();
        for us in 1..=10_000 {
            l.add(Duration::from_micros(us));
        }
        for (q, exact) in [(0.5, 5_000.0), (0.99, 9_900.0), (1.0, 10_000.0)] {
            let got = l.quantile_us(q) as f64;
            assert!(got >= exact && got <= exact * 1.25, "{q}: {got}");
        }
        assert_eq!(Latency::default().quantile_us(0.5), 0);
    }
}
