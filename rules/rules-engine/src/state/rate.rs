//! The cell of a rate limit: a debt that passages make and time pays back.
//!
//! Each passage owes one interval (a period divided by how many it lets through), and as many intervals as the burst may be owed at
//! once. This is the generic cell rate algorithm with its theoretical arrival time kept as the distance from the last passage, so
//! that a cell says nothing about the limit: after a swap the new limit goes on from the old debt, cut to what can be owed now.
//!
//! ```text
//! [used, time of the last passage in ms, what was owed after it in ns]
//! ```
//! Time is the shard's and does not run backwards.

const NANOS_PER_MS: u128 = 1_000_000;

/// How much, of one shard's part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rate {
    interval_ns: u128,
    burst: u128,
}

impl Rate {
    /// `count` in each `period_ms`, `burst` at once, of which this shard has one of `parts` equal parts. A part lets at
    /// least one through at once.
    pub(crate) fn new(count: u32, period_ms: u64, burst: u32, parts: u16) -> Rate {
        let interval_ns = u128::from(period_ms) * NANOS_PER_MS / u128::from(count.max(1));
        let parts = u128::from(parts.max(1));
        Rate { interval_ns: interval_ns * parts, burst: u128::from(burst).div_ceil(parts).max(1) }
    }

    /// How long until everything that can be owed is paid back.
    pub(crate) fn full_ms(self) -> u64 {
        u64::try_from((self.interval_ns * self.burst).div_ceil(NANOS_PER_MS)).unwrap_or(u64::MAX)
    }

    /// Whether one more may pass now.
    pub(crate) fn is_open(self, cell: Option<&[u64]>, now_ms: i64) -> bool {
        cell.map_or(0, |cell| self.owed(cell, now_ms)) + self.interval_ns <= self.interval_ns * self.burst
    }

    /// One passes.
    pub(crate) fn pass(self, cell: &mut [u64], now_ms: i64) {
        let owed = if cell[0] == 1 { self.owed(cell, now_ms) } else { 0 };
        let owes = u64::try_from(owed + self.interval_ns).unwrap_or(u64::MAX);
        cell.copy_from_slice(&[1, now_ms as u64, owes]);
    }

    /// What is owed now.
    fn owed(self, cell: &[u64], now_ms: i64) -> u128 {
        let paid = u128::from(now_ms.saturating_sub(cell[1] as i64).max(0) as u64) * NANOS_PER_MS;
        u128::from(cell[2]).min(self.interval_ns * self.burst).saturating_sub(paid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(rate: Rate, cell: &mut [u64], now_ms: i64) -> bool {
        let open = rate.is_open((cell[0] == 1).then_some(&*cell), now_ms);
        if open {
            rate.pass(cell, now_ms);
        }
        open
    }

    #[test]
    fn a_burst_at_once_then_one_each_interval() {
        let (rate, mut cell) = (Rate::new(3, 1_000, 2, 1), [0; 3]);
        let times = [0, 0, 0, 333, 334, 334, 667, 668, 2_000, 2_000, 2_000];
        let found = times.map(|at| passes(rate, &mut cell, at));
        assert_eq!(found, [true, true, false, false, true, false, true, false, true, true, false]);
    }

    #[test]
    fn a_part_of_a_limit_is_slower_and_lets_one_through_at_once() {
        let (rate, mut cell) = (Rate::new(10, 1_000, 2, 4), [0; 3]);
        let found = [0, 0, 399, 400, 400].map(|at| passes(rate, &mut cell, at));
        assert_eq!(found, [true, false, false, true, false]);
    }

    #[test]
    fn a_wider_limit_forgives_what_can_no_longer_be_owed() {
        let mut cell = [0; 3];
        assert!(passes(Rate::new(1, 86_400_000, 1, 1), &mut cell, 0));
        assert!(!passes(Rate::new(1, 86_400_000, 1, 1), &mut cell, 1_000));
        assert!(passes(Rate::new(60, 60_000, 1, 1), &mut cell, 1_000));
    }

    #[test]
    fn the_largest_limit_does_not_overflow() {
        let rate = Rate::new(1, crate::ir::limits::MAX_SPAN_MS, crate::ir::limits::MAX_RATE, u16::MAX);
        let mut cell = [1, 0, u64::MAX];
        assert!(rate.is_open(None, i64::MIN));
        rate.pass(&mut cell, i64::MAX);
        rate.pass(&mut cell, i64::MIN);
        assert!(rate.full_ms() > 0);
    }
}
