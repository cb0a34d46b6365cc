//! How long to wait before the next attempt.
//!
//! What comes in: attempts, a random number, what the server asked for. What goes out: a duration that doubles, with half of
//! it random, so that many clients who lost the same server do not come back together. Deliberately absent: the clock.

use std::time::Duration;

/// Doubles from `base` to `max`.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    base: Duration,
    max: Duration,
    attempts: u32,
}

impl Backoff {
    pub(crate) fn new(base: Duration, max: Duration) -> Backoff {
        Backoff { base, max, attempts: 0 }
    }

    /// After a connection that held.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The next wait: between half of the step and the step, and never less than the server asked for; the jitter comes on
    /// top of what it asked for.
    pub(crate) fn next(&mut self, random: u64, retry_after: Option<Duration>) -> Duration {
        let factor = 1u32 << self.attempts.min(20);
        self.attempts = self.attempts.saturating_add(1);
        let step = self.base.saturating_mul(factor).min(self.max);
        let share = (random >> 11) as f64 / (1u64 << 53) as f64;
        let jitter = step.mul_f64(0.5 * share);
        match retry_after {
            Some(asked) => asked.max(step / 2) + jitter,
            None => step / 2 + jitter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff::new(Duration::from_millis(100), Duration::from_secs(30))
    }

    #[test]
    fn doubles_to_its_maximum_and_starts_anew() {
        let mut backoff = backoff();
        let low: Vec<_> = (0..12).map(|_| backoff.next(0, None).as_millis()).collect();
        assert_eq!(low, [50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000, 15_000]);
        backoff.reset();
        assert_eq!(backoff.next(u64::MAX, None).as_millis(), 100, "at most the step");
    }

    #[test]
    fn never_earlier_than_asked() {
        let asked = Some(Duration::from_secs(60));
        assert!((0..40).all(|n| backoff().next(n << 58, asked) >= Duration::from_secs(60)));
        assert!(backoff().next(u64::MAX, asked) < Duration::from_secs(61));
    }
}
