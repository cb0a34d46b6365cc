//! The shard's own time: anchored to the wall, never backwards.
//!
//! Rules ask "within five minutes", so their clock must not jump back when an operator or a leap smear sets the wall
//! clock back, and must come close to it again afterwards. What comes in: both hands of the outer clock. What goes
//! out: milliseconds that only ever rise. Deliberately absent: the outer clock.

use std::time::{Duration, Instant};

use edge_event::UnixMillis;

/// Wall-anchored time of one shard.
#[derive(Debug)]
pub(crate) struct ShardClock {
    /// The shard's time at `since`.
    shown: i64,
    /// When `shown` was right.
    since: Instant,
}

impl ShardClock {
    pub(crate) fn new(now: Instant, wall: UnixMillis) -> ShardClock {
        ShardClock { shown: wall.0, since: now }
    }

    /// The shard's time: the wall's, unless that is behind what was shown; then it runs at half speed until the wall has caught up.
    /// So a wall that stands still is followed, too.
    pub(crate) fn tell(&mut self, now: Instant, wall: UnixMillis) -> UnixMillis {
        if wall.0 >= self.shown {
            (self.shown, self.since) = (wall.0, now);
        } else {
            // Calls closer than a millisecond add up.
            let passed = now.saturating_duration_since(self.since).as_millis() as i64;
            // Only what was shown is used up of `since`, so that an odd millisecond is not lost at every call.
            self.shown += passed / 2;
            self.since += Duration::from_millis(passed as u64 / 2 * 2);
        }
        UnixMillis(self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_runs_backwards_and_finds_the_wall_again() {
        let start = Instant::now();
        let mut clock = ShardClock::new(start, UnixMillis(100_000));
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(clock.tell(at(1_000), UnixMillis(101_000)), UnixMillis(101_000));
        // The wall steps back by a minute: we go on at half speed ...
        assert_eq!(clock.tell(at(2_000), UnixMillis(42_000)), UnixMillis(101_500));
        // ... until it has caught up.
        assert_eq!(clock.tell(at(202_000), UnixMillis(242_000)), UnixMillis(242_000));
        // A step forward is followed at once.
        assert_eq!(clock.tell(at(203_000), UnixMillis(500_000)), UnixMillis(500_000));
    }

    /// A wall that is moved by hand, as where recorded events are played: what is dated by it must not drift.
    #[test]
    fn a_wall_that_stands_still_is_followed() {
        let start = Instant::now();
        let mut clock = ShardClock::new(start, UnixMillis(100));
        for ms in 0..5_000 {
            assert_eq!(clock.tell(start + Duration::from_millis(ms), UnixMillis(100)), UnixMillis(100));
        }
        assert_eq!(clock.tell(start + Duration::from_millis(5_000), UnixMillis(101)), UnixMillis(101));
    }

    #[test]
    fn frequent_calls_do_not_stop_a_slow_clock() {
        let start = Instant::now();
        for step_us in [100, 999, 1_000, 1_001, 3_000] {
            let mut clock = ShardClock::new(start, UnixMillis(10_000));
            for us in (0..100_000u64).step_by(step_us) {
                clock.tell(start + Duration::from_micros(us), UnixMillis(0));
            }
            let shown = clock.tell(start + Duration::from_millis(100), UnixMillis(0)).0;
            assert_eq!(shown, 10_050, "every {step_us} us");
        }
    }
}
