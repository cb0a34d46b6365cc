//! How much one connection may do: rates with a burst, by the generic cell rate algorithm (GCRA, ITU-T I.371).
//!
//! In: costs and the time. Out: yes, or how long to wait. A meter is eight bytes and never allocates. Deliberately
//! absent: who is punished and how (see `session.rs`), and anything about addresses that have not been validated: those
//! are never charged.

use std::time::Duration;

use crate::config::{ConfigError, ensure};

/// So much a second, and how much of it may come at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Units a second, `1..=1_000_000_000`.
    pub a_second: u32,
    /// Units that may come at once after a silence, at least 1.
    pub burst: u32,
}

/// What one connection may do. Beyond it: datagrams are dropped, streams are read slowly, then the connection closes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Events of both kinds.
    pub events: Rate,
    /// Bytes of events' payloads of both kinds.
    pub bytes: Rate,
    /// Datagrams with events.
    pub datagrams: Rate,
    /// Streams the client may open. Past it: close.
    pub streams: Rate,
    /// Streams the client may reset or stop, 200 in ten seconds by default. Past it: close.
    pub resets: Rate,
    /// QUIC frames of any kind but padding; tiny frames are how a peer buys our CPU cheaply. Past it: close.
    pub frames: Rate,
    /// Connection ids the client may retire, 100 and then one a second by default. Past it: close.
    pub retirements: Rate,
    /// Connection ids the client may announce. Past it: close.
    pub new_ids: Rate,
    /// Paths: questions whether one works, each answered with a full datagram, and changes of the client's address. Past
    /// it: close.
    pub paths: Rate,
    /// UDP datagrams read. Past it: they are not read; anybody who saw the connection id can send them.
    pub packets: Rate,
    /// The same in one turn of the shard's loop: what one connection can make the others wait.
    pub packets_a_turn: u32,
    /// Datagrams dropped for a budget before the connection is closed.
    pub strikes: Rate,
    /// Bytes of replies we send to it. Past it: the reply is dropped.
    pub reply_bytes: Rate,
}

impl Budget {
    /// For a player: a few hundred events a second are far beyond any game.
    pub const fn for_players() -> Budget {
        Budget {
            events: Rate { a_second: 500, burst: 2_000 },
            bytes: Rate { a_second: 128 * 1024, burst: 1024 * 1024 },
            datagrams: Rate { a_second: 250, burst: 500 },
            streams: Rate { a_second: 2, burst: 32 },
            resets: Rate { a_second: 20, burst: 200 },
            frames: Rate { a_second: 5_000, burst: 20_000 },
            retirements: Rate { a_second: 1, burst: 100 },
            new_ids: Rate { a_second: 1, burst: 100 },
            paths: Rate { a_second: 1, burst: 32 },
            packets: Rate { a_second: 2_000, burst: 4_000 },
            // What the largest window fits into, twice.
            packets_a_turn: 256,
            strikes: Rate { a_second: 100, burst: 2_000 },
            reply_bytes: Rate { a_second: 32 * 1024, burst: 256 * 1024 },
        }
    }

    /// For a game server, which attests for thousands of players.
    pub const fn for_servers() -> Budget {
        Budget {
            events: Rate { a_second: 100_000, burst: 200_000 },
            bytes: Rate { a_second: 32 * 1024 * 1024, burst: 64 * 1024 * 1024 },
            datagrams: Rate { a_second: 100_000, burst: 200_000 },
            streams: Rate { a_second: 2, burst: 32 },
            resets: Rate { a_second: 20, burst: 200 },
            frames: Rate { a_second: 400_000, burst: 800_000 },
            retirements: Rate { a_second: 1, burst: 100 },
            new_ids: Rate { a_second: 1, burst: 100 },
            paths: Rate { a_second: 1, burst: 32 },
            packets: Rate { a_second: 200_000, burst: 400_000 },
            packets_a_turn: 4_096,
            strikes: Rate { a_second: 10_000, burst: 200_000 },
            reply_bytes: Rate { a_second: 1024 * 1024, burst: 4 * 1024 * 1024 },
        }
    }

    pub(crate) fn check(&self, field: &'static str) -> Result<(), ConfigError> {
        let all = [
            self.events,
            self.bytes,
            self.datagrams,
            self.streams,
            self.resets,
            self.frames,
            self.retirements,
            self.new_ids,
            self.paths,
            self.packets,
            self.strikes,
            self.reply_bytes,
        ];
        for rate in all {
            ensure(
                (1..=1_000_000_000).contains(&rate.a_second) && rate.burst >= 1,
                field,
                format!("{} a second, burst {}", rate.a_second, rate.burst),
                "each rate 1..=1000000000 a second with a burst of at least 1",
            )?;
        }
        ensure(self.packets_a_turn >= 16, field, self.packets_a_turn, "at least 16 packets a turn")
    }
}

/// A limit whose passing closes a connection with `BUDGET_EXCEEDED`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// Datagrams with events kept coming past their budget.
    Datagrams,
    /// Streams opened.
    Streams,
    /// Streams reset or stopped.
    Resets,
    /// Frames of any kind.
    Frames,
    /// Connection ids retired.
    RetiredIds,
    /// Connection ids announced.
    NewIds,
    /// Paths asked about, addresses changed.
    Paths,
}

impl Limit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Limit; 7] = [
        Limit::Datagrams,
        Limit::Streams,
        Limit::Resets,
        Limit::Frames,
        Limit::RetiredIds,
        Limit::NewIds,
        Limit::Paths,
    ];

    /// A stable word for metrics and the reason of the close.
    pub const fn word(self) -> &'static str {
        match self {
            Limit::Datagrams => "datagrams",
            Limit::Streams => "streams",
            Limit::Resets => "resets",
            Limit::Frames => "frames",
            Limit::RetiredIds => "retired_connection_ids",
            Limit::NewIds => "new_connection_ids",
            Limit::Paths => "paths",
        }
    }
}

/// One meter: the theoretical arrival time of the next unit, in nanoseconds since the shard's origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Gcra {
    theoretical_ns: u64,
}

impl Gcra {
    /// Charges `cost` units, or says how long to wait until they would pass; a refused charge costs nothing.
    ///
    /// A cost above the burst passes when the meter is empty, so that one large thing is never refused for ever.
    ///
    /// # Errors
    /// How long to wait.
    pub fn charge(&mut self, rate: Rate, now_ns: u64, cost: u32) -> Result<(), Duration> {
        let a_second = u64::from(rate.a_second);
        let tolerance_ns = u64::from(rate.burst) * 1_000_000_000 / a_second;
        let cost_ns = u64::from(cost) * 1_000_000_000 / a_second;
        let start_ns = self.theoretical_ns.max(now_ns);
        let ahead_ns = start_ns - now_ns + cost_ns;
        if ahead_ns > tolerance_ns && start_ns > now_ns {
            return Err(Duration::from_nanos(ahead_ns - tolerance_ns));
        }
        self.theoretical_ns = start_ns + cost_ns;
        Ok(())
    }

    /// Charges `cost` units whatever the burst, and says how long to wait until the debt is back within it.
    pub fn owe(&mut self, rate: Rate, now_ns: u64, cost: u32) -> Option<Duration> {
        let a_second = u64::from(rate.a_second);
        self.theoretical_ns = self.theoretical_ns.max(now_ns) + u64::from(cost) * 1_000_000_000 / a_second;
        let tolerance_ns = u64::from(rate.burst) * 1_000_000_000 / a_second;
        (self.theoretical_ns - now_ns).checked_sub(tolerance_ns + 1).map(|debt_ns| Duration::from_nanos(debt_ns + 1))
    }

    /// Whether nothing is charged any more: the meter is as good as a new one.
    pub fn is_idle(&self, now_ns: u64) -> bool {
        self.theoretical_ns <= now_ns
    }
}

/// The meters of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meters {
    pub(crate) events: Gcra,
    pub(crate) bytes: Gcra,
    pub(crate) datagrams: Gcra,
    pub(crate) streams: Gcra,
    pub(crate) resets: Gcra,
    pub(crate) frames: Gcra,
    pub(crate) retirements: Gcra,
    pub(crate) new_ids: Gcra,
    pub(crate) paths: Gcra,
    pub(crate) packets: Gcra,
    pub(crate) strikes: Gcra,
    pub(crate) reply_bytes: Gcra,
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { a_second: 10, burst: 5 };
    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut meter = Gcra::default();
        for _ in 0..5 {
            assert_eq!(meter.charge(RATE, SECOND_NS, 1), Ok(()));
        }
        assert_eq!(meter.charge(RATE, SECOND_NS, 1), Err(Duration::from_millis(100)));
        assert_eq!(meter.charge(RATE, SECOND_NS + 100_000_000, 1), Ok(()));
        assert!(meter.charge(RATE, SECOND_NS + 100_000_000, 1).is_err());
    }

    #[test]
    fn in_the_long_run_no_more_than_the_rate_passes() {
        let mut meter = Gcra::default();
        let passed = (0..10_000u64).filter(|i| meter.charge(RATE, i * 1_000_000, 1).is_ok()).count();
        assert!((100..=106).contains(&passed), "{passed} in ten seconds at ten a second");
    }

    #[test]
    fn what_is_owed_is_waited_for_and_the_rate_holds() {
        let mut meter = Gcra::default();
        let (mut now_ns, mut passed) = (0, 0);
        while now_ns < 10 * SECOND_NS {
            passed += 1;
            now_ns += meter.owe(RATE, now_ns, 1).map_or(0, |wait| wait.as_nanos() as u64);
        }
        assert!((100..=107).contains(&passed), "{passed} in ten seconds at ten a second");
    }

    #[test]
    fn a_cost_above_the_burst_passes_once_when_idle() {
        let mut meter = Gcra::default();
        assert_eq!(meter.charge(RATE, 0, 50), Ok(()));
        assert!(meter.charge(RATE, SECOND_NS, 1).is_err());
        assert_eq!(meter.charge(RATE, 5 * SECOND_NS, 1), Ok(()));
    }

    #[test]
    fn the_wait_that_is_named_suffices() {
        let mut meter = Gcra::default();
        let mut now_ns = 0;
        for _ in 0..100 {
            if let Err(wait) = meter.charge(RATE, now_ns, 2) {
                now_ns += wait.as_nanos() as u64;
                assert_eq!(meter.charge(RATE, now_ns, 2), Ok(()));
            }
        }
    }
}
