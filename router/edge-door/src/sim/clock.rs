//! The virtual clock: two hands that only the simulator moves.
//!
//! In: a base instant, a wall time, and moves. Out: [`Clock`]. Deliberately absent: any look at the real time; the
//! caller brings the base, and nothing depends on its value, only on differences.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Clock;

/// A virtual clock; clones show the same time.
#[derive(Clone, Debug)]
pub struct SimClock {
    base: Instant,
    hands: Arc<Hands>,
}

#[derive(Debug)]
struct Hands {
    /// Nanoseconds since `base`.
    elapsed_ns: AtomicU64,
    /// Wall time at `base`, in milliseconds; moved by steps of the wall clock.
    unix_base_ms: AtomicI64,
}

impl SimClock {
    /// A clock that stands at `base` and at `unix_ms` (milliseconds since 1970-01-01T00:00:00Z).
    pub fn new(base: Instant, unix_ms: i64) -> Self {
        Self { base, hands: Arc::new(Hands { elapsed_ns: AtomicU64::new(0), unix_base_ms: AtomicI64::new(unix_ms) }) }
    }

    /// Moves both hands on.
    pub fn advance(&self, by: Duration) {
        let ns = u64::try_from(by.as_nanos()).expect("virtual time ends after 584 years");
        self.hands.elapsed_ns.fetch_add(ns, Ordering::SeqCst);
    }

    /// Moves both hands to an instant; one that is past moves nothing.
    pub fn advance_to(&self, to: Instant) {
        let ns = u64::try_from(to.saturating_duration_since(self.base).as_nanos()).expect("584 years");
        self.hands.elapsed_ns.fetch_max(ns, Ordering::SeqCst);
    }

    /// Steps the wall clock alone, as an operator or a time service would; may go back.
    pub fn step_unix_millis(&self, by_ms: i64) {
        self.hands.unix_base_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// How far the monotonic hand is from where it began.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.hands.elapsed_ns.load(Ordering::SeqCst))
    }
}

impl Clock for SimClock {
    fn now(&self) -> Instant {
        self.base + self.elapsed()
    }

    fn unix_millis(&self) -> i64 {
        self.hands.unix_base_ms.load(Ordering::SeqCst) + self.elapsed().as_millis() as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_hands_and_only_the_wall_goes_back() {
        let base = Instant::now();
        let clock = SimClock::new(base, 1_000);
        let other = clock.clone();
        clock.advance(Duration::from_millis(250));
        assert_eq!(other.now(), base + Duration::from_millis(250));
        assert_eq!(other.unix_millis(), 1_250);
        other.advance_to(base + Duration::from_millis(100));
        assert_eq!(clock.elapsed(), Duration::from_millis(250));
        other.step_unix_millis(-1_000);
        assert_eq!(clock.unix_millis(), 250);
        assert_eq!(clock.elapsed(), Duration::from_millis(250));
    }
}
