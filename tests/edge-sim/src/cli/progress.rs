//! How far a long run is: a line now and then.
//!
//! In: moments and counts. Out: words, no more often than is useful. Deliberately absent: who says them.

use std::time::{Duration, Instant};

/// So long a run says nothing.
const EVERY: Duration = Duration::from_secs(15);

/// See the head of this file.
pub(super) struct Progress {
    begun: Instant,
    said: Instant,
    count: u64,
}

impl Progress {
    /// A run of `count` stories begins.
    pub(super) fn new(count: u64, now: Instant) -> Progress {
        Progress { begun: now, said: now, count }
    }

    /// So many stories are told, `lasted` long together in their own time; of them so many broke a promise.
    pub(super) fn words(&mut self, stories: u64, broke: usize, lasted: Duration, now: Instant) -> Option<String> {
        if now < self.said + EVERY || stories >= self.count {
            return None;
        }
        self.said = now;
        let took = (now - self.begun).as_secs_f64();
        let left = took / stories as f64 * (self.count - stories) as f64;
        let left = if left < 90.0 { format!("{left:.0} s") } else { format!("{:.0} min", left / 60.0) };
        let a_second = lasted.as_secs_f64() / 60.0 / took;
        let count = self.count;
        Some(format!(
            "{stories} of {count} stories, {broke} broke a promise, {a_second:.2} simulated minutes a second, {left} left"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_now_and_then_and_none_at_the_end() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let mut progress = Progress::new(1_000, begun);
        let minute = Duration::from_secs(60);
        assert_eq!(progress.words(100, 0, 30 * minute, after(14)), None);
        let said = "200 of 1000 stories, 1 broke a promise, 2.00 simulated minutes a second, 80 s left";
        assert_eq!(progress.words(200, 1, 40 * minute, after(20)).as_deref(), Some(said));
        assert_eq!(progress.words(210, 1, 41 * minute, after(21)), None);
        let said = "500 of 1000 stories, 1 broke a promise, 0.50 simulated minutes a second, 3 min left";
        assert_eq!(progress.words(500, 1, 100 * minute, after(200)).as_deref(), Some(said));
        assert_eq!(progress.words(1_000, 1, 200 * minute, after(400)), None, "the end says it all");
    }
}
