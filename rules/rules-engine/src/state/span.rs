//! Windows that hold everything or nothing: sessions, pieces of the calendar, and all time.
//!
//! Their cells keep one thing, with the newest and the oldest time of what it is made of. In: these times and another one. Out:
//! whether that one belongs to them, and whether they can still be seen. Of a sliding window only what is newest is asked here.

use edge_event::UnixMillis;

use crate::zone::{Unit, Zone};

/// For how long events count.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span<'z> {
    /// `(end - within, end]`.
    Sliding { within_ms: u64 },
    /// Until no event came for so long.
    Session { gap_ms: u64 },
    /// A piece of the calendar, by a clock on the wall.
    Tumbling { unit: Unit, zone: &'z Zone },
    /// For ever.
    Ever,
}

/// What an event is to what a cell holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// It belongs to it.
    Joins,
    /// What was held is over; this is the first of the next.
    Begins,
    /// It belongs to what is over already.
    Outside,
}

impl Span<'_> {
    /// Where an event at `time_ms` belongs.
    fn place(self, newest_ms: i64, oldest_ms: i64, time_ms: i64) -> Place {
        match self {
            Span::Session { gap_ms } if apart(newest_ms, time_ms) >= gap_ms => Place::Begins,
            Span::Session { gap_ms } if apart(time_ms, oldest_ms) >= gap_ms => Place::Outside,
            Span::Tumbling { unit, zone } if newest_ms > time_ms => {
                let ends = zone.end_of(unit, UnixMillis(time_ms)).0;
                if newest_ms >= ends { Place::Outside } else { Place::Joins }
            }
            Span::Tumbling { .. } if !self.holds(newest_ms, time_ms) => Place::Begins,
            _ => Place::Joins,
        }
    }

    /// Whether what was held until `newest_ms` can be seen at `time_ms`.
    fn holds(self, newest_ms: i64, time_ms: i64) -> bool {
        match self {
            Span::Sliding { within_ms: span_ms } | Span::Session { gap_ms: span_ms } => {
                apart(newest_ms, time_ms) < span_ms
            }
            Span::Tumbling { unit, zone } => {
                newest_ms >= time_ms || newest_ms >= zone.start_of(unit, UnixMillis(time_ms)).0
            }
            Span::Ever => true,
        }
    }

    /// Whether what it holds depends on the newest time.
    pub(crate) const fn ends(self) -> bool {
        !matches!(self, Span::Ever)
    }
}

/// Milliseconds from one time to a later one; 0 where it is not later.
fn apart(from_ms: i64, to_ms: i64) -> u64 {
    if to_ms > from_ms { to_ms.abs_diff(from_ms) } else { 0 }
}

/// The words that cells of such windows begin with: flags of whoever keeps them (not zero once used), newest and oldest time.
pub(crate) const HEAD: usize = 3;

/// The newest time of a used cell.
pub(crate) fn newest(cell: &[u64]) -> Option<i64> {
    (cell[0] != 0).then(|| cell[1] as i64)
}

/// Makes room for an event: empties a cell whose window is over. Says whether the event has a place, and keeps its time then.
pub(crate) fn admit(span: Span<'_>, cell: &mut [u64], time_ms: i64) -> bool {
    let place = newest(cell).map_or(Place::Begins, |newest| span.place(newest, cell[2] as i64, time_ms));
    match place {
        Place::Outside => return false,
        Place::Joins => {
            cell[1] = (cell[1] as i64).max(time_ms) as u64;
            cell[2] = (cell[2] as i64).min(time_ms) as u64;
        }
        Place::Begins => {
            cell.fill(0);
            (cell[1], cell[2]) = (time_ms as u64, time_ms as u64);
        }
    }
    true
}

/// Whether a cell holds something that can be seen at a time.
pub(crate) fn is_held(span: Span<'_>, cell: &[u64], time_ms: i64) -> bool {
    newest(cell).is_some_and(|newest| span.holds(newest, time_ms))
}

/// Moves the times back.
pub(crate) fn bring_back(cell: &mut [u64], ahead_ms: i64) {
    for time in &mut cell[1..HEAD] {
        *time = (*time as i64).saturating_sub(ahead_ms) as u64;
    }
}
