//! Panes: what a fold gathered, a sixteenth of a sliding window each.
//!
//! ```text
//! [filled | overflow << 32, newest time, number of the newest pane, a word a pane …, two counts a word …]
//! ```
//! The youngest pane stands first. A window that begins inside a pane touches it whole: so what is read is exact for a window
//! that reaches back up to a sixteenth further. All zeros is a cell that knows nothing.

use super::fold::{Fold, Part, ordered_int, unordered_int};

/// Parts of a sliding window.
pub(crate) const PARTS: u64 = 16;
/// A window that begins inside a part touches one more.
pub(crate) const KEPT: usize = PARTS as usize + 1;
/// Words before the panes.
pub(crate) const HEAD: usize = 3;
/// One bit a pane.
const MASK: u64 = (1 << KEPT) - 1;

/// Milliseconds of one pane of a window.
pub(crate) fn width_ms(within_ms: u64) -> u64 {
    within_ms.div_ceil(PARTS).max(1)
}

/// Words of a cell.
pub(crate) const fn words(fold: Fold) -> usize {
    let values = if fold.has_word() { KEPT } else { 0 };
    let counts = if fold.has_count() { KEPT.div_ceil(2) } else { 0 };
    HEAD + values + counts
}

/// The newest time that a cell knows.
pub(crate) fn newest(cell: &[u64]) -> Option<i64> {
    (cell[0] & MASK != 0).then(|| cell[1] as i64)
}

/// What one pane gathered.
pub(crate) fn part(fold: Fold, cell: &[u64], at: usize) -> Part {
    if cell[0] >> at & 1 == 0 {
        return Part::default();
    }
    Part {
        word: if fold.has_word() { cell[HEAD + at] } else { 0 },
        count: if fold.has_count() { u64::from(count_at(counts(fold, cell), at)) } else { 1 },
        overflow: cell[0] >> (32 + at) & 1 == 1,
    }
}

/// Puts a pane back as [`part`] gave it.
pub(crate) fn set_part(fold: Fold, cell: &mut [u64], at: usize, part: Part) {
    if part.count == 0 {
        return;
    }
    cell[0] |= 1 << at | u64::from(part.overflow) << (32 + at);
    if fold.has_word() {
        cell[HEAD + at] = part.word;
    }
    if fold.has_count() {
        let counts = &mut cell[HEAD + if fold.has_word() { KEPT } else { 0 }..];
        set_count(counts, at, u32::try_from(part.count).unwrap_or(u32::MAX));
    }
}

/// Adds what came at one time, and says whether any window from now on can see it.
pub(crate) fn feed(fold: Fold, cell: &mut [u64], width_ms: u64, time_ms: i64, fed: Part) -> bool {
    let number = time_ms.div_euclid(width_ms as i64);
    match newest(cell) {
        None => (cell[1], cell[2]) = (time_ms as u64, number as u64),
        Some(newest) => {
            cell[1] = newest.max(time_ms) as u64;
            if number > cell[2] as i64 {
                shift(fold, cell, number.abs_diff(cell[2] as i64));
                cell[2] = number as u64;
            }
        }
    }
    // Beyond the last pane no window of this length reaches.
    let age = (cell[2] as i64).abs_diff(number);
    if age >= KEPT as u64 {
        return false;
    }
    let at = age as usize;
    let joined = fold.join(part(fold, cell, at), fed);
    set_part(fold, cell, at, joined);
    true
}

/// What lies in `(end - within, end]`, and the rest of the pane that this begins in; `end` is the newer of `time_ms` and the
/// newest of the cell.
pub(crate) fn read(fold: Fold, cell: &[u64], width_ms: u64, time_ms: i64, within_ms: u64) -> Part {
    let Some(newest) = newest(cell) else { return Part::default() };
    let start = newest.max(time_ms).saturating_sub_unsigned(within_ms);
    let oldest = start.saturating_add(1).div_euclid(width_ms as i64);
    let touched = (cell[2] as i64).saturating_sub(oldest).saturating_add(1).clamp(0, KEPT as i64);
    // The oldest first: sums of doubles depend on the order.
    (0..touched as usize).rev().fold(Part::default(), |sum, at| fold.join(sum, part(fold, cell, at)))
}

/// Moves everything so that the newest time, which lies `ahead_ms` after `now_ms`, is `now_ms`. Panes move by their ages; within
/// their pane times may move by less than its width.
pub(crate) fn bring_back(fold: Fold, cell: &mut [u64], width_ms: u64, now_ms: i64, ahead_ms: i64) {
    (cell[1], cell[2]) = (now_ms as u64, now_ms.div_euclid(width_ms as i64) as u64);
    if fold == Fold::First {
        for at in 0..KEPT {
            if cell[0] >> at & 1 == 1 {
                let time = unordered_int(cell[HEAD + at]).saturating_sub(ahead_ms);
                cell[HEAD + at] = ordered_int(time);
            }
        }
    }
}

/// Feeds what a cell knows into one whose panes have another width. What is known only to a pane is taken at the pane's end.
pub(crate) fn convert(fold: Fold, cell: &[u64], width_ms: u64, mut feed: impl FnMut(i64, Part)) {
    let Some(newest) = newest(cell) else { return };
    for at in (0..KEPT).rev() {
        let number = (cell[2] as i64).saturating_sub(at as i64);
        let end = number.saturating_add(1).saturating_mul(width_ms as i64).saturating_sub(1).min(newest);
        let part = part(fold, cell, at);
        if part.count > 0 {
            feed(end, part);
        }
    }
}

/// Makes room for `by` younger panes.
fn shift(fold: Fold, cell: &mut [u64], by: u64) {
    let by = usize::try_from(by).unwrap_or(KEPT).min(KEPT);
    let moved = |bits: u64| bits << by & MASK;
    cell[0] = moved(cell[0] & MASK) | moved(cell[0] >> 32) << 32;
    let (values, counts) = cell[HEAD..].split_at_mut(if fold.has_word() { KEPT } else { 0 });
    if !values.is_empty() {
        values.copy_within(..KEPT - by, by);
        values[..by].fill(0);
    }
    if fold.has_count() {
        for at in (0..KEPT).rev() {
            let count = if at >= by { count_at(counts, at - by) } else { 0 };
            set_count(counts, at, count);
        }
    }
}

fn counts(fold: Fold, cell: &[u64]) -> &[u64] {
    &cell[HEAD + if fold.has_word() { KEPT } else { 0 }..]
}

fn count_at(counts: &[u64], at: usize) -> u32 {
    (counts[at / 2] >> (32 * (at % 2))) as u32
}

fn set_count(counts: &mut [u64], at: usize, count: u32) {
    let bits = 32 * (at % 2);
    counts[at / 2] = counts[at / 2] & !(0xffff_ffff << bits) | u64::from(count) << bits;
}
