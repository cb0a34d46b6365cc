//! What a cell holds: how the words of a table are laid out, and who does their arithmetic.
//!
//! A window ends at the newer of the reading event's time and the newest time of its key, so an event that arrives after a
//! younger one of its player still counts. Times are milliseconds since 1970. Deliberately absent: keys, memory, eviction
//! (see [`Table`](super::table::Table)), and the arithmetic itself (the rooms beside this one).

use super::fold::{Fold, Part};
use super::{panes, ring};
use crate::ir::{Aggregate, FeedIr, Window};

/// How the words of a cell are laid out. A new cell is all zeros; every layout reads that as "nothing yet".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layout {
    /// See [`ring`].
    Ring { capacity: u8 },
    /// See [`panes`].
    Panes { fold: Fold, width_ms: u64 },
    /// `[used, generation, period, player low, player high]`.
    Once,
    /// `[used, time of the last passage]`.
    Cooldown,
}

impl Layout {
    /// The layout of a feed's cells, and for how long after its newest event a cell can still be read.
    pub(crate) fn of_feed(feed: &FeedIr) -> (Layout, u64) {
        let Window::Sliding { within_ms } = feed.window;
        match (&feed.aggregate, Fold::of(&feed.aggregate)) {
            (Aggregate::Count { ring: Some(capacity) }, _) => (Layout::Ring { capacity: *capacity }, within_ms),
            (_, Some(fold)) => {
                let width_ms = panes::width_ms(within_ms);
                // The oldest pane counts whole as long as the window touches it.
                (Layout::Panes { fold, width_ms }, within_ms + width_ms)
            }
            (_, None) => unreachable!("loading refuses it"),
        }
    }

    /// Words of one cell.
    pub(crate) const fn words(self) -> usize {
        match self {
            Layout::Ring { capacity } => 1 + capacity as usize,
            Layout::Panes { fold, .. } => panes::words(fold),
            Layout::Once => 5,
            Layout::Cooldown => 2,
        }
    }

    /// Whether it is a feed's.
    pub(crate) const fn is_window(self) -> bool {
        !matches!(self, Layout::Once | Layout::Cooldown)
    }

    /// Whether cells of this layout can be read as the other's.
    pub(crate) fn becomes(self, other: Layout) -> bool {
        match (self.fold(), other.fold()) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        }
    }

    fn fold(self) -> Option<Fold> {
        match self {
            Layout::Ring { .. } => Some(Fold::Count),
            Layout::Panes { fold, .. } => Some(fold),
            Layout::Once | Layout::Cooldown => None,
        }
    }
}

/// Adds what was gathered at one time to a window's cell, and says whether the cell changed.
pub(crate) fn feed(layout: Layout, cell: &mut [u64], time_ms: i64, part: Part) -> bool {
    match layout {
        Layout::Ring { capacity } => {
            let times = part.count.min(u64::from(capacity));
            (0..times).fold(false, |changed, _| ring::feed(cell, usize::from(capacity), time_ms) || changed)
        }
        Layout::Panes { fold, width_ms } => panes::feed(fold, cell, width_ms, time_ms, part),
        Layout::Once | Layout::Cooldown => false,
    }
}

/// What a window holds at a time.
pub(crate) fn read(layout: Layout, cell: &[u64], time_ms: i64, window: Window) -> Part {
    let Window::Sliding { within_ms } = window;
    match layout {
        Layout::Ring { .. } => Part { count: ring::count(cell, time_ms, within_ms), ..Part::default() },
        Layout::Panes { fold, width_ms } => panes::read(fold, cell, width_ms, time_ms, within_ms),
        Layout::Once | Layout::Cooldown => Part::default(),
    }
}

/// Moves a cell whose newest time lies behind `now_ms` back, as a whole, so that it is `now_ms`. A period of `once` has no time
/// and stays.
pub(crate) fn bring_back(layout: Layout, cell: &mut [u64], now_ms: i64) {
    let last = match layout {
        Layout::Cooldown => Some(cell[1] as i64),
        _ => newest(layout, cell),
    };
    let Some(ahead) = last.and_then(|last| last.checked_sub(now_ms)).filter(|ahead| *ahead > 0) else { return };
    match layout {
        Layout::Cooldown => cell[1] = now_ms as u64,
        Layout::Ring { .. } => ring::bring_back(cell, ahead),
        Layout::Panes { fold, width_ms } => panes::bring_back(fold, cell, width_ms, now_ms, ahead),
        Layout::Once => {}
    }
}

/// The newest time that a window's cell knows.
pub(crate) fn newest(layout: Layout, cell: &[u64]) -> Option<i64> {
    match layout {
        Layout::Ring { .. } => ring::newest(cell),
        Layout::Panes { .. } => panes::newest(cell),
        Layout::Once | Layout::Cooldown => None,
    }
}

/// Feeds what one window's cell knows into another's. What is known only to a pane is taken at the pane's end, so the window may
/// for a while reach back too far by a pane, never too little (but for one that grows: it knows what the old one kept).
pub(crate) fn convert(from: Layout, cell: &[u64], to: Layout, out: &mut [u64]) {
    if !from.becomes(to) {
        return;
    }
    match from {
        Layout::Ring { .. } => ring::times(cell).iter().for_each(|time| {
            feed(to, out, *time as i64, Part { count: 1, ..Part::default() });
        }),
        Layout::Panes { fold, width_ms } => panes::convert(fold, cell, width_ms, |time, part| {
            feed(to, out, time, part);
        }),
        Layout::Once | Layout::Cooldown => {}
    }
}
