//! Sliding windows in sixteen parts.
//!
//! `[flags, newest time, number of the newest pane, panes, youngest first …]` (see [`Parts`]). A window that begins inside a pane
//! touches it whole: what is read is exact for a window that reaches back up to a sixteenth further.

use super::fold::{Fold, Part, ordered_int, unordered_int};
use super::parts::{HEAD, Parts};

/// Parts of a sliding window.
pub(crate) const PARTS: u64 = 16;
/// A window that begins inside a part touches one more.
pub(crate) const KEPT: usize = PARTS as usize + 1;

/// Milliseconds of one pane of a window.
pub(crate) fn width_ms(within_ms: u64) -> u64 {
    within_ms.div_ceil(PARTS).max(1)
}

/// The panes of a fold.
pub(crate) const fn panes(fold: Fold) -> Parts {
    Parts { fold, kept: KEPT }
}

/// How many panes, counted from that of `number`, a window touches that ends at `end_ms`.
pub(crate) fn touched(number: i64, width_ms: u64, end_ms: i64, within_ms: u64) -> usize {
    let start = end_ms.saturating_sub_unsigned(within_ms);
    let oldest = start.saturating_add(1).div_euclid(width_ms as i64);
    number.saturating_sub(oldest).saturating_add(1).clamp(0, KEPT as i64) as usize
}

/// The last millisecond of a pane that is `age` panes older than `number`.
pub(crate) fn end_of(number: i64, width_ms: u64, age: usize) -> i64 {
    let number = number.saturating_sub(age as i64);
    number.saturating_add(1).saturating_mul(width_ms as i64).saturating_sub(1)
}

/// The newest time that a cell knows.
pub(crate) fn newest(cell: &[u64]) -> Option<i64> {
    Parts::is_used(cell).then(|| cell[1] as i64)
}

/// Adds what came at one time, and says whether any window from now on can see it.
pub(crate) fn feed(fold: Fold, cell: &mut [u64], width_ms: u64, time_ms: i64, fed: Part) -> bool {
    let number = time_ms.div_euclid(width_ms as i64);
    match newest(cell) {
        None => (cell[1], cell[2]) = (time_ms as u64, number as u64),
        Some(newest) => {
            cell[1] = newest.max(time_ms) as u64;
            if number > cell[2] as i64 {
                panes(fold).shift(cell, number.abs_diff(cell[2] as i64));
                cell[2] = number as u64;
            }
        }
    }
    // Beyond the last pane no window of this length reaches.
    let age = (cell[2] as i64).abs_diff(number);
    if age < KEPT as u64 {
        panes(fold).add(cell, age as usize, fed);
    }
    age < KEPT as u64
}

/// What lies in `(end - within, end]`, and the rest of the pane that this begins in; `end` is the newer of `time_ms` and the
/// newest of the cell.
pub(crate) fn read(fold: Fold, cell: &[u64], width_ms: u64, time_ms: i64, within_ms: u64) -> Part {
    let Some(newest) = newest(cell) else { return Part::default() };
    let touched = touched(cell[2] as i64, width_ms, newest.max(time_ms), within_ms);
    // The oldest first: sums of doubles depend on the order.
    (0..touched).rev().fold(Part::default(), |sum, at| fold.join(sum, panes(fold).get(cell, at)))
}

/// Moves everything so that the newest time, which lies `ahead_ms` after `now_ms`, is `now_ms`. Panes move by their ages; within
/// their pane times may move by less than its width.
pub(crate) fn bring_back(fold: Fold, cell: &mut [u64], width_ms: u64, now_ms: i64, ahead_ms: i64) {
    (cell[1], cell[2]) = (now_ms as u64, now_ms.div_euclid(width_ms as i64) as u64);
    if fold == Fold::First {
        for at in 0..KEPT {
            if let part @ Part { count: 1.., .. } = panes(fold).get(cell, at) {
                cell[HEAD + at] = ordered_int(unordered_int(part.word).saturating_sub(ahead_ms));
            }
        }
    }
}

/// Gives what each pane knows, the oldest first, with a time at which it was there for sure: the pane's end.
pub(crate) fn each(fold: Fold, cell: &[u64], width_ms: u64, mut take: impl FnMut(i64, Part)) {
    let Some(newest) = newest(cell) else { return };
    for at in (0..KEPT).rev() {
        let part = panes(fold).get(cell, at);
        if part.count > 0 {
            take(end_of(cell[2] as i64, width_ms, at).min(newest), part);
        }
    }
}
