//! Different values of a sliding window.
//!
//! ```text
//! [len | SKETCHED | USED, newest time, _, hashes …, times …]                                     exact
//! [      SKETCHED | USED, newest time, number of the newest pane, registers a pane …]            estimated
//! ```
//! A value is known by its stable hash, and with it the newest time at which it came: so a count of values is exact, without
//! parts of the window, up to the capacity. One that has more becomes a sketch for each part of the window in the same words; or,
//! where an author gave the capacity, keeps those that came last, so that its count is exact and stops there.

use super::panes::{self, KEPT};
use super::values::{SKETCHED, USED, len};
use super::{sketch, span};

const HEAD: usize = span::HEAD;
/// Words of the sketch of one pane.
pub(crate) const PANE: usize = 8;

/// How a cell is made.
#[derive(Clone, Copy)]
pub(crate) struct Recent {
    pub(crate) capacity: usize,
    pub(crate) width_ms: u64,
    pub(crate) sketches: bool,
}

impl Recent {
    /// Takes in a value, and says whether any window from now on can see it.
    pub(crate) fn feed(self, cell: &mut [u64], within_ms: u64, time_ms: i64, hash: u64) -> bool {
        let end = span::newest(cell).map_or(time_ms, |newest| newest.max(time_ms));
        let start = end.saturating_sub_unsigned(within_ms);
        if time_ms <= start {
            return false;
        }
        if cell[0] & SKETCHED != 0 && number(end, self.width_ms).abs_diff(cell[2] as i64) >= KEPT as u64 {
            // Nothing of it can be seen any more.
            cell.fill(0);
        }
        cell[0] |= USED;
        cell[1] = end as u64;
        if cell[0] & SKETCHED != 0 {
            self.sketch(cell, time_ms, hash);
        } else {
            self.keep(cell, start, time_ms, hash);
        }
        true
    }

    fn keep(self, cell: &mut [u64], start: i64, time_ms: i64, hash: u64) {
        let len = len(cell);
        let (hashes, times) = cell[HEAD..].split_at_mut(self.capacity);
        if let Some(at) = hashes[..len].iter().position(|known| *known == hash) {
            times[at] = (times[at] as i64).max(time_ms) as u64;
            return;
        }
        if len < self.capacity {
            (hashes[len], times[len]) = (hash, time_ms as u64);
            cell[0] += 1;
            return;
        }
        let (at, oldest) = oldest(&times[..len]);
        if self.sketches && oldest > start {
            self.become_sketch(cell, len);
            self.sketch(cell, time_ms, hash);
        } else if oldest < time_ms {
            (hashes[at], times[at]) = (hash, time_ms as u64);
        }
    }

    fn sketch(self, cell: &mut [u64], time_ms: i64, hash: u64) {
        let number = number(time_ms, self.width_ms);
        if number > cell[2] as i64 {
            let by = number.abs_diff(cell[2] as i64);
            shift(&mut cell[HEAD..], by);
            cell[2] = number as u64;
        }
        let age = (cell[2] as i64).abs_diff(number);
        if age < KEPT as u64 {
            sketch::add(pane_mut(cell, age as usize), hash);
        }
    }

    /// The hashes make room for the registers that they leave.
    fn become_sketch(self, cell: &mut [u64], len: usize) {
        let mut known = [(0, 0); super::window::DISTINCT_EXACT];
        for (at, known) in known.iter_mut().enumerate().take(len) {
            *known = (cell[HEAD + at], cell[HEAD + self.capacity + at] as i64);
        }
        cell[HEAD..].fill(0);
        cell[0] = USED | SKETCHED;
        cell[2] = number(cell[1] as i64, self.width_ms) as u64;
        known[..len].iter().for_each(|(hash, time_ms)| self.sketch(cell, *time_ms, *hash));
    }

    /// How many different values lie in `(end - within, end]`, where `end` is the newer of `time_ms` and the newest of the cell; an
    /// estimate counts the rest of the pane, too, that this begins in.
    pub(crate) fn read(self, cell: &[u64], within_ms: u64, time_ms: i64) -> u64 {
        let Some(newest) = span::newest(cell) else { return 0 };
        let end = newest.max(time_ms);
        if cell[0] & SKETCHED != 0 {
            let mut all = [0; PANE];
            let touched = panes::touched(cell[2] as i64, self.width_ms, end, within_ms);
            (0..touched).for_each(|at| sketch::merge(&mut all, pane(cell, at)));
            return sketch::estimate(&all);
        }
        let start = end.saturating_sub_unsigned(within_ms);
        self.times(cell).iter().filter(|time| **time as i64 > start).count() as u64
    }

    /// The times of the values that are kept.
    pub(crate) fn times(self, cell: &[u64]) -> &[u64] {
        &cell[HEAD + self.capacity..][..len(cell)]
    }

    /// Moves everything so that the newest time, which lies `ahead_ms` after `now_ms`, is `now_ms`.
    pub(crate) fn bring_back(self, cell: &mut [u64], now_ms: i64, ahead_ms: i64) {
        cell[1] = now_ms as u64;
        if cell[0] & SKETCHED != 0 {
            cell[2] = number(now_ms, self.width_ms) as u64;
            return;
        }
        let len = len(cell);
        for time in &mut cell[HEAD + self.capacity..][..len] {
            *time = (*time as i64).saturating_sub(ahead_ms) as u64;
        }
    }

    /// Takes in what a cell of another capacity or length of window knows. What is known only to a pane is taken at its end.
    pub(crate) fn convert(self, cell: &[u64], to: Recent, out: &mut [u64]) {
        let Some(newest) = span::newest(cell) else { return };
        if cell[0] & SKETCHED == 0 {
            let known = cell[HEAD..][..len(cell)].iter().zip(self.times(cell));
            let within_ms = to.width_ms * panes::PARTS;
            known.for_each(|(hash, time)| {
                to.feed(out, within_ms, *time as i64, *hash);
            });
            return;
        }
        (out[0], out[1], out[2]) = (USED | SKETCHED, newest as u64, number(newest, to.width_ms) as u64);
        for at in (0..KEPT).rev() {
            let time = panes::end_of(cell[2] as i64, self.width_ms, at).min(newest);
            let age = (out[2] as i64).abs_diff(number(time, to.width_ms));
            if age < KEPT as u64 {
                sketch::merge(pane_mut(out, age as usize), pane(cell, at));
            }
        }
    }
}

fn number(time_ms: i64, width_ms: u64) -> i64 {
    time_ms.div_euclid(width_ms as i64)
}

/// Where the oldest time stands.
fn oldest(times: &[u64]) -> (usize, i64) {
    let times = times.iter().map(|time| *time as i64).enumerate();
    times.min_by_key(|(_, time)| *time).unwrap_or((0, i64::MIN))
}

/// The registers of one pane.
pub(crate) fn pane(cell: &[u64], at: usize) -> &[u64] {
    &cell[HEAD + at * PANE..][..PANE]
}

/// As [`pane`].
pub(crate) fn pane_mut(cell: &mut [u64], at: usize) -> &mut [u64] {
    &mut cell[HEAD + at * PANE..][..PANE]
}

/// Makes room for `by` younger panes.
fn shift(registers: &mut [u64], by: u64) {
    let by = usize::try_from(by).unwrap_or(KEPT).min(KEPT);
    registers.copy_within(..(KEPT - by) * PANE, by * PANE);
    registers[..by * PANE].fill(0);
}
