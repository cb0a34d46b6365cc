//! The clock's door.

use std::time::Instant;

/// Tells the time. Both hands are read together so that a log line and a timer agree.
pub trait Clock {
    /// Monotonic; drives timers and QUIC.
    fn now(&self) -> Instant;

    /// Milliseconds since 1970-01-01T00:00:00Z; may step, so nothing is ordered by it.
    fn unix_millis(&self) -> i64;
}
