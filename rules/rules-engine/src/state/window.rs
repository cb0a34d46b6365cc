//! What a cell holds: how the words of a table are laid out, and who does their arithmetic.
//!
//! A window ends at the newer of the reading event's time and the newest time of its key, so an event that arrives after a
//! younger one of its player still counts. Times are milliseconds since 1970. Deliberately absent: keys, memory, eviction
//! (see [`Table`](super::table::Table)), and the arithmetic itself (the rooms beside this one).

use super::fold::{Fold, Part};
use super::recent::{self, Recent};
use super::span::Span;
use super::{last, panes, ring, single, span, values};
use crate::ir::{Aggregate, FeedIr, Period, Window};

/// Different values that are kept exactly before a cell becomes a sketch.
pub(crate) const DISTINCT_EXACT: usize = 32;
/// Words of the sketch of a window that is no sliding one: those of the hashes that it replaces.
pub(crate) const VALUES_SKETCH_WORDS: usize = DISTINCT_EXACT;

/// How the words of a cell are laid out. A new cell is all zeros; every layout reads that as "nothing yet".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layout {
    /// See [`ring`].
    Ring { capacity: u8 },
    /// See [`panes`].
    Panes { fold: Fold, width_ms: u64 },
    /// See [`single`].
    Single { fold: Fold },
    /// See [`recent`].
    Recent { capacity: u16, width_ms: u64, sketches: bool },
    /// See [`values`].
    Values { capacity: u16, sketches: bool },
    /// See [`last`].
    Last { words: u8 },
    /// `[used, generation, period, player low, player high]`.
    Once,
    /// `[used, time of the last passage]`.
    Cooldown,
    /// `[used, time of the last passage, nanoseconds owed after it]`, see [`Rate`](super::rate::Rate).
    Rate,
}

/// What an event brings to a window.
#[derive(Clone, Copy)]
pub(crate) enum Fed<'a> {
    /// For folds.
    Part(Part),
    /// For counts of different values: a stable hash. For what is newest: the value.
    Word(u64),
    /// For what is newest: the value.
    Bytes(&'a [u8]),
}

impl Layout {
    /// The layout of a feed's cells.
    pub(crate) fn of_feed(feed: &FeedIr) -> Layout {
        let width_ms = match feed.window {
            Window::Sliding { within_ms } => Some(panes::width_ms(within_ms)),
            Window::Session { .. } | Window::Tumbling { .. } | Window::Ever => None,
        };
        match &feed.aggregate {
            Aggregate::Count { ring: Some(capacity) } => Layout::Ring { capacity: *capacity },
            Aggregate::Distinct { max, .. } => {
                let (capacity, sketches) = (max.unwrap_or(DISTINCT_EXACT as u16), max.is_none());
                match width_ms {
                    Some(width_ms) => Layout::Recent { capacity, width_ms, sketches },
                    None => Layout::Values { capacity, sketches },
                }
            }
            Aggregate::Last { max_bytes, .. } => Layout::Last { words: max_bytes.div_ceil(8).max(1) as u8 },
            folded => {
                let fold = Fold::of(folded).expect("INVARIANT: all others are above");
                width_ms.map_or(Layout::Single { fold }, |width_ms| Layout::Panes { fold, width_ms })
            }
        }
    }

    /// For how long after its newest event a cell can be read; `None`: for ever.
    pub(crate) fn reach_ms(self, window: Window) -> Option<u64> {
        let window_ms = match window {
            Window::Sliding { within_ms } => within_ms,
            Window::Session { gap_ms } => gap_ms,
            Window::Tumbling { period, .. } => longest_ms(period),
            Window::Ever => return None,
        };
        match self {
            // The oldest pane counts whole as long as the window touches it.
            Layout::Panes { width_ms, .. } | Layout::Recent { width_ms, .. } => Some(window_ms + width_ms),
            _ => Some(window_ms),
        }
    }

    /// Words of one cell.
    pub(crate) const fn words(self) -> usize {
        match self {
            Layout::Ring { capacity } => 1 + capacity as usize,
            Layout::Panes { fold, .. } => panes::panes(fold).words(),
            Layout::Single { fold } => single::pane(fold).words(),
            Layout::Recent { sketches: true, .. } => span::HEAD + panes::KEPT * recent::PANE,
            Layout::Recent { capacity, .. } => span::HEAD + 2 * capacity as usize,
            Layout::Values { capacity, .. } => span::HEAD + capacity as usize,
            Layout::Last { words } => span::HEAD + words as usize,
            Layout::Once => 5,
            Layout::Cooldown => 2,
            Layout::Rate => 3,
        }
    }

    /// Whether it is a feed's.
    pub(crate) const fn is_window(self) -> bool {
        !matches!(self, Layout::Once | Layout::Cooldown | Layout::Rate)
    }

    /// Whether cells of this layout can be read as the other's.
    pub(crate) fn becomes(self, other: Layout) -> bool {
        use Layout::{Last, Panes, Recent, Ring, Values};
        match (self, other) {
            (Ring { .. } | Panes { fold: Fold::Count, .. }, Ring { .. } | Panes { fold: Fold::Count, .. }) => true,
            (Panes { fold, .. }, Panes { fold: to, .. }) => fold == to,
            (Recent { sketches, .. }, Recent { sketches: to, .. }) => sketches == to,
            (Values { sketches, .. }, Values { sketches: to, .. }) => sketches == to,
            (Last { .. }, Last { .. }) => true,
            (a, b) => a == b,
        }
    }

    fn recent(self) -> Option<Recent> {
        match self {
            Layout::Recent { capacity, width_ms, sketches } => {
                Some(Recent { capacity: usize::from(capacity), width_ms, sketches })
            }
            _ => None,
        }
    }
}

/// The longest that a piece of the calendar lasts: clocks differ by at most 36 h from each other, so none is set back by more.
const fn longest_ms(period: Period) -> u64 {
    const HOUR: u64 = 3_600_000;
    match period {
        Period::Hour => HOUR,
        Period::Day => (24 + 36) * HOUR,
        Period::Week => (7 * 24 + 36) * HOUR,
        Period::Month => (31 * 24 + 36) * HOUR,
    }
}

/// Takes in what an event brings, and says whether the cell changed.
pub(crate) fn feed(layout: Layout, span: Span<'_>, cell: &mut [u64], time_ms: i64, fed: Fed<'_>) -> bool {
    match (layout, fed, span) {
        (Layout::Ring { .. } | Layout::Panes { .. }, Fed::Part(part), _) => add(layout, cell, time_ms, part),
        (Layout::Single { fold }, Fed::Part(part), _) => single::feed(fold, span, cell, time_ms, part),
        (Layout::Recent { capacity, width_ms, sketches }, Fed::Word(hash), Span::Sliding { within_ms }) => {
            let recent = Recent { capacity: usize::from(capacity), width_ms, sketches };
            recent.feed(cell, within_ms, time_ms, hash)
        }
        (Layout::Values { sketches, .. }, Fed::Word(hash), _) => values::feed(span, cell, sketches, time_ms, hash),
        (Layout::Last { .. }, Fed::Word(word), _) => last::feed(span, cell, time_ms, last::Newest::Word(word)),
        (Layout::Last { .. }, Fed::Bytes(bytes), _) => last::feed(span, cell, time_ms, last::Newest::Bytes(bytes)),
        // INVARIANT: loading pairs layouts, windows and aggregates.
        _ => false,
    }
}

/// Adds what was gathered at one time to a cell whose parts can be added to.
fn add(layout: Layout, cell: &mut [u64], time_ms: i64, part: Part) -> bool {
    match layout {
        Layout::Ring { capacity } => {
            let times = part.count.min(u64::from(capacity));
            (0..times).fold(false, |changed, _| ring::feed(cell, usize::from(capacity), time_ms) || changed)
        }
        Layout::Panes { fold, width_ms } => panes::feed(fold, cell, width_ms, time_ms, part),
        _ => false,
    }
}

/// What a fold's window holds at a time.
pub(crate) fn read(layout: Layout, span: Span<'_>, cell: &[u64], time_ms: i64) -> Part {
    match (layout, span) {
        (Layout::Ring { .. }, Span::Sliding { within_ms }) => {
            Part { count: ring::count(cell, time_ms, within_ms), ..Part::default() }
        }
        (Layout::Panes { fold, width_ms }, Span::Sliding { within_ms }) => {
            panes::read(fold, cell, width_ms, time_ms, within_ms)
        }
        (Layout::Single { fold }, _) => single::read(fold, span, cell, time_ms),
        _ => Part::default(),
    }
}

/// How many different values a window holds at a time.
pub(crate) fn distinct(layout: Layout, span: Span<'_>, cell: &[u64], time_ms: i64) -> u64 {
    match (layout.recent(), span) {
        (Some(recent), Span::Sliding { within_ms }) => recent.read(cell, within_ms, time_ms),
        _ => values::read(span, cell, time_ms),
    }
}

/// Moves a cell whose newest time lies behind `now_ms` back, as a whole, so that it is `now_ms`. A period of `once` has no time
/// and stays.
pub(crate) fn bring_back(layout: Layout, cell: &mut [u64], now_ms: i64) {
    let last = match layout {
        Layout::Cooldown | Layout::Rate => Some(cell[1] as i64),
        _ => newest(layout, cell),
    };
    let Some(ahead) = last.and_then(|last| last.checked_sub(now_ms)).filter(|ahead| *ahead > 0) else { return };
    match layout {
        Layout::Cooldown | Layout::Rate => cell[1] = now_ms as u64,
        Layout::Ring { .. } => ring::bring_back(cell, ahead),
        Layout::Panes { fold, width_ms } => panes::bring_back(fold, cell, width_ms, now_ms, ahead),
        Layout::Single { fold } => single::bring_back(fold, cell, ahead),
        Layout::Recent { capacity, width_ms, sketches } => {
            Recent { capacity: usize::from(capacity), width_ms, sketches }.bring_back(cell, now_ms, ahead);
        }
        Layout::Values { .. } | Layout::Last { .. } => span::bring_back(cell, ahead),
        Layout::Once => {}
    }
}

/// The newest time that a window's cell knows.
pub(crate) fn newest(layout: Layout, cell: &[u64]) -> Option<i64> {
    match layout {
        Layout::Ring { .. } => ring::newest(cell),
        Layout::Panes { .. } => panes::newest(cell),
        Layout::Single { .. } | Layout::Recent { .. } | Layout::Values { .. } | Layout::Last { .. } => {
            span::newest(cell)
        }
        Layout::Once | Layout::Cooldown | Layout::Rate => None,
    }
}

/// Takes into one window's cell what another's knows. What is known only to a pane is taken at the pane's end, so the window may
/// for a while reach back too far by a pane, never too little (but for one that grows: it knows what the old one kept).
pub(crate) fn convert(from: Layout, cell: &[u64], to: Layout, out: &mut [u64]) {
    if !from.becomes(to) {
        return;
    }
    match (from, to) {
        (Layout::Ring { .. }, _) => ring::times(cell).iter().for_each(|time| {
            add(to, out, *time as i64, Part { count: 1, ..Part::default() });
        }),
        (Layout::Panes { fold, width_ms }, _) => panes::each(fold, cell, width_ms, |time, part| {
            add(to, out, time, part);
        }),
        (Layout::Values { .. }, Layout::Values { sketches, .. }) => values::convert(cell, out, sketches),
        (Layout::Last { .. }, Layout::Last { .. }) => last::convert(cell, out),
        _ => match (from.recent(), to.recent()) {
            (Some(from), Some(to)) => from.convert(cell, to, out),
            _ => out.copy_from_slice(cell),
        },
    }
}
