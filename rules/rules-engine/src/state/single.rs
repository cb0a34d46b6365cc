//! One pane for a whole session, or for all time.
//!
//! `[flags, newest time, oldest time, the pane]`, see [`Parts`] and [`span`]. What is read is exact.

use super::fold::{Fold, Part, ordered_int, unordered_int};
use super::parts::{HEAD, Parts};
use super::span::{self, Span};

/// The pane of a fold.
pub(crate) const fn pane(fold: Fold) -> Parts {
    Parts { fold, kept: 1 }
}

/// Adds what came at one time, and says whether the cell changed.
pub(crate) fn feed(fold: Fold, span: Span<'_>, cell: &mut [u64], time_ms: i64, fed: Part) -> bool {
    if !span::admit(span, cell, time_ms) {
        return false;
    }
    let before = pane(fold).get(cell, 0);
    pane(fold).add(cell, 0, fed);
    // What holds for ever does not depend on the newest time.
    span.ends() || pane(fold).get(cell, 0) != before
}

/// What the window holds at a time.
pub(crate) fn read(fold: Fold, span: Span<'_>, cell: &[u64], time_ms: i64) -> Part {
    if span::is_held(span, cell, time_ms) { pane(fold).get(cell, 0) } else { Part::default() }
}

/// Moves everything back.
pub(crate) fn bring_back(fold: Fold, cell: &mut [u64], ahead_ms: i64) {
    span::bring_back(cell, ahead_ms);
    if fold == Fold::First {
        cell[HEAD] = ordered_int(unordered_int(cell[HEAD]).saturating_sub(ahead_ms));
    }
}
