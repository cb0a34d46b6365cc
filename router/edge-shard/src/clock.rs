//! The shard's own time: anchored to the wall, never backwards.
//!
//! Rules ask "within five minutes", so their clock must not jump back when an operator or a leap smear sets the wall
//! clock back, and must come close to it again afterwards. What comes in: both hands of the outer clock. What goes
//! out: milliseconds that only ever rise. Deliberately absent: the outer clock.

use std::time::{Duration, Instant};

use edge_event::{Event, UnixMillis};

/// Clocks of two shards that are nearer than this agree: each is read at the shard's own moments.
const AGREE_WITHIN_MS: i64 = 100;

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

    /// Dates an event that another shard dated `passed` ago by our time, where the two clocks disagree; the event's age stays.
    /// The wall may step forward and back while one of two shards does not look; its own time then lies outside of every window
    /// of the other, for hours perhaps.
    pub(crate) fn redate(&self, event: &mut Event, passed: Duration) {
        let arrival = self.shown.saturating_sub(passed.as_millis() as i64);
        let behind = arrival.saturating_sub(event.arrival.0);
        if behind.abs() >= AGREE_WITHIN_MS {
            event.arrival.0 = arrival;
            event.happened.0 = event.happened.0.saturating_add(behind);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use edge_event::{EventId, EventTypeId, NodeId, Partition, PlayerKey, ShardId, StartEpoch};

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

    fn dated(arrival: i64, happened: i64) -> Event {
        Event {
            id: EventId::Datagram { node: NodeId(1), epoch: StartEpoch(1), shard: ShardId(0), ordinal: 1 },
            event_type: EventTypeId(1),
            subject: "p".into(),
            player: PlayerKey(1),
            partition: Partition::of(PlayerKey(1)),
            arrival: UnixMillis(arrival),
            happened: UnixMillis(happened),
            conn: Arc::default(),
            payload: Bytes::new(),
        }
    }

    /// The wall stepped forward by an hour and back while only we looked: to us it is an hour later than to our peer.
    #[test]
    fn what_a_peer_dated_by_another_time_happened_as_long_ago_by_ours() {
        let start = Instant::now();
        let mut clock = ShardClock::new(start, UnixMillis(0));
        clock.tell(start, UnixMillis(3_600_000));
        let mut event = dated(1_000, 400);
        clock.redate(&mut event, Duration::from_millis(50));
        assert_eq!((event.arrival.0, event.happened.0), (3_599_950, 3_599_350));
        // Between clocks that agree, what the peer wrote stands.
        let mut event = dated(3_599_930, 3_599_000);
        clock.redate(&mut event, Duration::from_millis(50));
        assert_eq!((event.arrival.0, event.happened.0), (3_599_930, 3_599_000));
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
