//! The kernel's clocks behind the clock's door. The only place that asks the time.

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
