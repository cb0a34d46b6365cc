//! The kernel's clocks behind the clock's door. The only place that asks the time.
//!
//! A process lives by one [`ProcessClock`]. Where recorded events are played, its wall clock is moved by hand: what is dated by it
//! (events, tokens, records, deadlines) lives in recorded time, while timers and QUIC go by the machine's monotonic clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use edge_door::Clock;

/// The machine's clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn unix_millis(&self) -> i64 {
        // A wall clock before 1970 counts backwards rather than ending the process.
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }
}

/// What a process lives by: the machine's clocks, or with a wall clock that somebody moves by hand. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct ProcessClock {
    by_hand: Option<Arc<AtomicI64>>,
}

/// Moves the wall clock of a process.
#[derive(Debug)]
pub struct WallHand(Arc<AtomicI64>);

impl ProcessClock {
    /// A clock whose wall stands at `unix_ms` until it is moved.
    pub fn by_hand(unix_ms: i64) -> (ProcessClock, WallHand) {
        let shown = Arc::new(AtomicI64::new(unix_ms));
        (ProcessClock { by_hand: Some(shown.clone()) }, WallHand(shown))
    }

    /// The same clock for whoever must not notice that its wall is moved by hand: for him it stands where it stands now. The
    /// machine's wall goes on.
    pub fn unmoved(&self) -> ProcessClock {
        let standing = |shown: &Arc<AtomicI64>| Arc::new(AtomicI64::new(shown.load(Ordering::SeqCst)));
        ProcessClock { by_hand: self.by_hand.as_ref().map(standing) }
    }
}

impl WallHand {
    /// Moves the clock forward. It never goes back: an earlier time changes nothing.
    pub fn move_to(&self, unix_ms: i64) {
        // Whoever hears of what was done under the new time must read it.
        self.0.fetch_max(unix_ms, Ordering::SeqCst);
    }
}

impl Clock for ProcessClock {
    fn now(&self) -> Instant {
        SystemClock.now()
    }

    fn unix_millis(&self) -> i64 {
        match &self.by_hand {
            None => SystemClock.unix_millis(),
            Some(shown) => shown.load(Ordering::SeqCst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_that_is_moved_by_hand_stands_and_never_goes_back() {
        let (clock, hand) = ProcessClock::by_hand(1_000);
        let (same, unmoved) = (clock.clone(), clock.unmoved());
        assert_eq!((clock.unix_millis(), same.unix_millis()), (1_000, 1_000));
        hand.move_to(5_000);
        hand.move_to(4_000);
        assert_eq!((clock.unix_millis(), same.unix_millis(), unmoved.unix_millis()), (5_000, 5_000, 1_000));
        assert!(ProcessClock::default().unmoved().unix_millis() > 1_000_000, "the machine's goes on");
    }
}
