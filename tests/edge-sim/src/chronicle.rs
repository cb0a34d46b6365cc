//! The wall clock of one node, as the outside moved it, and when its daemon started.
//!
//! In: steps and starts. Out: what the node's wall shows, and what checkers of rules with time want to know. True time is the
//! story's clock, which never steps: clients and those who sign their tokens live by it. Deliberately absent: what a daemon
//! makes of a step.
//!
//! # What is promised under steps
//!
//! * Promises 1, 2 and 8 do not know the wall: nothing is lost, doubled, or out of order, and the ledger closes.
//! * Time as rules see it never runs backwards while a daemon runs: it follows a step forward at once and waits, at half its
//!   speed, after a step back. A span (a window, a cooldown) therefore ends sooner by as much as the wall stepped forward
//!   within it, and lasts at most twice as long after a step back. `once` without a period knows no time.
//! * A start begins with the wall. What durable state has in the future of it has just happened.
//! * An event is as old as its client's clock and the node's say by their monotonic hands: a step makes none late.
//! * A token is judged by the wall at its HELLO, within 30 s, however often it stepped before.

use std::time::Duration;

use edge_door::Clock as _;
use edge_door::sim::SimClock;
use edge_event::UnixMillis;

/// See the head of this file.
pub(crate) struct Chronicle {
    clock: SimClock,
    /// How far the wall was ahead of the truth from each moment on, in milliseconds.
    skews: Vec<(Duration, i64)>,
    starts: Vec<Duration>,
}

impl Chronicle {
    /// The wall shows the truth.
    pub(crate) fn new(clock: SimClock) -> Chronicle {
        Chronicle { clock, skews: vec![(Duration::ZERO, 0)], starts: Vec::new() }
    }

    /// What the wall shows.
    pub(crate) fn wall(&self) -> UnixMillis {
        UnixMillis(self.clock.unix_millis() + self.skew_ms())
    }

    /// How far the wall is ahead of the truth.
    pub(crate) fn skew_ms(&self) -> i64 {
        self.skews.last().map_or(0, |(_, ms)| *ms)
    }

    /// The wall steps.
    pub(crate) fn step(&mut self, by_ms: i64) {
        self.skews.push((self.clock.elapsed(), self.skew_ms() + by_ms));
    }

    /// A daemon starts.
    pub(crate) fn start(&mut self) {
        self.starts.push(self.clock.elapsed());
    }

    /// Whether the wall ever stepped.
    pub(crate) fn has_stepped(&self) -> bool {
        self.skews.len() > 1
    }

    /// The least and the most that the wall was ahead within a stretch of true time, both ends included.
    pub(crate) fn skews(&self, from: Duration, to: Duration) -> (i64, i64) {
        let begun = self.skews.partition_point(|(at, _)| *at <= from).saturating_sub(1);
        let within = self.skews[begun..].iter().take_while(|(at, _)| *at <= to).map(|(_, ms)| *ms);
        within.fold((i64::MAX, i64::MIN), |(least, most), ms| (least.min(ms), most.max(ms)))
    }

    /// By how much the wall stepped forward in a stretch of true time, all such steps together.
    pub(crate) fn forward_ms(&self, from: Duration, to: Duration) -> i64 {
        let pairs = self.skews.windows(2).filter(|two| two[1].0 >= from && two[1].0 <= to);
        pairs.map(|two| (two[1].1 - two[0].1).max(0)).sum()
    }

    /// The last start of a daemon up to a moment.
    pub(crate) fn last_start(&self, up_to: Duration) -> Duration {
        self.starts.iter().copied().take_while(|at| *at <= up_to).last().unwrap_or_default()
    }

    /// The moment of a true date.
    pub(crate) fn elapsed_at(&self, unix_ms: i64) -> Duration {
        let ago_ms = u64::try_from(self.clock.unix_millis() - unix_ms).unwrap_or(0);
        self.clock.elapsed().saturating_sub(Duration::from_millis(ago_ms))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn steps_add_up_and_can_be_asked_for() {
        let clock = SimClock::new(Instant::now(), 1_000_000);
        let mut chronicle = Chronicle::new(clock.clone());
        let s = Duration::from_secs;
        assert!(!chronicle.has_stepped());
        clock.advance(s(10));
        chronicle.step(5_000);
        clock.advance(s(10));
        chronicle.step(-7_000);
        chronicle.start();
        clock.advance(s(10));
        assert_eq!(chronicle.wall(), UnixMillis(1_028_000));
        assert_eq!(chronicle.skews(s(0), s(9)), (0, 0));
        assert_eq!(chronicle.skews(s(5), s(10)), (0, 5_000));
        assert_eq!(chronicle.skews(s(15), s(30)), (-2_000, 5_000));
        assert_eq!((chronicle.forward_ms(s(0), s(30)), chronicle.forward_ms(s(11), s(30))), (5_000, 0));
        assert_eq!((chronicle.last_start(s(19)), chronicle.last_start(s(20))), (s(0), s(20)));
        assert_eq!(chronicle.elapsed_at(1_012_000), s(12));
    }
}
