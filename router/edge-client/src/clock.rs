//! The client's monotonic clock, which outlives the process.
//!
//! Queued events keep the `client_ms` with which they were stamped, also when another process sends them after a restart. So
//! the clock counts from the producer's first day: it starts at the wall clock's distance from that day, never before the
//! latest stamp in the queue, and goes on monotonically from there. A clock of the application's own may stand in for it.

//= protocol.md#event-3
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Reads as milliseconds since the producer was made, or as whatever the application's own clock counts.
#[derive(Clone)]
pub(crate) enum ClientClock {
    Machine { started: Instant, base_ms: u64 },
    Given(GivenClock),
}

/// A clock of the application's own.
pub(crate) type GivenClock = Arc<dyn Fn() -> u64 + Send + Sync>;

impl ClientClock {
    /// `created_unix_ms` is when the producer was made, `latest_ms` the latest stamp of its queue.
    pub(crate) fn resume(created_unix_ms: u64, latest_ms: u64) -> ClientClock {
        let wall_ms = unix_ms().saturating_sub(created_unix_ms);
        let base_ms = wall_ms.max(latest_ms).min(edge_wire::varint::MAX / 2);
        ClientClock::Machine { started: Instant::now(), base_ms }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        match self {
            ClientClock::Machine { started, base_ms } => base_ms + started.elapsed().as_millis() as u64,
            ClientClock::Given(read) => read().min(edge_wire::varint::MAX),
        }
    }
}

/// Milliseconds since 1970 by the machine's wall clock; 0 before.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_goes_back_when_the_wall_clock_does() {
        let future_ms = unix_ms() + 3_600_000;
        assert!(ClientClock::resume(future_ms, 5_000).now_ms() >= 5_000);
        let hour_ago_ms = unix_ms() - 3_600_000;
        assert!(ClientClock::resume(hour_ago_ms, 5_000).now_ms() >= 3_600_000);
    }
}
