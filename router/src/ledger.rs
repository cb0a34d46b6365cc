//! The ledger over all shards: adds up the parts of a consistent cut, and says what ended nowhere.
//!
//! What comes in: each shard's part of a cut, and what the spool thread had counted when the same cut passed its rings. What
//! goes out: the latest finished [`Closed`] cut with its residuals. Deliberately absent: how a shard takes its part
//! (`edge_shard::ledger`).

use edge_shard::Cut;

use crate::spool_thread::SpoolFigures;

/// A finished cut, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) number: u64,
    pub(crate) accepted: u64,
    pub(crate) ended: u64,
    pub(crate) in_flight: u64,
    /// Durable commands that owners counted.
    pub(crate) ordered: u64,
    /// Durable commands that the spool thread counted.
    pub(crate) spooled: u64,
}

impl Closed {
    /// Events that ended nowhere, or twice. Must be 0.
    pub(crate) fn residual_events(&self) -> i64 {
        self.accepted as i64 - (self.ended + self.in_flight) as i64
    }

    /// Commands that a rule ordered and the spool never got, or got twice. Must be 0.
    pub(crate) fn residual_commands(&self) -> i64 {
        self.ordered as i64 - self.spooled as i64
    }
}

/// A cut that has not come back after so many others were due is given up: a shard stands still, or will say so late.
const GIVE_UP_AFTER: u32 = 20;

/// One cut at a time.
#[derive(Debug)]
pub(crate) struct Cuts {
    number: u64,
    /// How often another one was due since.
    overdue: u32,
    parts: Vec<Option<Cut>>,
    spooled: Vec<Option<u64>>,
    closed: Closed,
}

impl Cuts {
    pub(crate) fn new(shards: usize) -> Cuts {
        Cuts {
            number: 0,
            overdue: 0,
            parts: vec![None; shards],
            spooled: vec![None; shards],
            closed: Closed::default(),
        }
    }

    /// The number of the next cut; `None` while one is under way.
    pub(crate) fn begin(&mut self) -> Option<u64> {
        if self.number != self.closed.number && self.overdue < GIVE_UP_AFTER {
            self.overdue += 1;
            return None;
        }
        Some(self.begin_anew())
    }

    /// The number of a cut that begins now; one that is under way is given up.
    pub(crate) fn begin_anew(&mut self) -> u64 {
        self.overdue = 0;
        self.number += 1;
        self.parts.fill(None);
        self.spooled.fill(None);
        self.number
    }

    pub(crate) fn note(&mut self, shard: usize, cut: Cut) {
        if cut.number == self.number {
            self.parts[shard] = Some(cut);
        }
        self.close();
    }

    pub(crate) fn note_spool(&mut self, figures: &SpoolFigures) {
        for (mine, (number, commands)) in self.spooled.iter_mut().zip(&figures.at_cut) {
            if *number == self.number {
                *mine = Some(*commands);
            }
        }
        self.close();
    }

    /// The latest finished cut.
    pub(crate) fn closed(&self) -> Closed {
        self.closed
    }

    fn close(&mut self) {
        if self.number == self.closed.number {
            return;
        }
        let mut sum = Closed { number: self.number, ..Closed::default() };
        for (part, spooled) in self.parts.iter().zip(&self.spooled) {
            let (Some(part), Some(spooled)) = (part, spooled) else { return };
            sum.accepted += part.counters.accepted;
            sum.ended += part.counters.ended();
            sum.in_flight += part.in_flight;
            sum.ordered += part.counters.commands;
            sum.spooled += spooled;
        }
        let residuals = |c: &Closed| (c.residual_events(), c.residual_commands());
        if residuals(&sum) != residuals(&self.closed) {
            match residuals(&sum) {
                (0, 0) => tracing::warn!("the ledger closes again"),
                _ => tracing::error!(?sum, "the ledger does not close: events or commands ended nowhere, or twice"),
            }
        }
        self.closed = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge_shard::Counters;

    fn part(number: u64, accepted: u64, no_match: u64, in_flight: u64) -> Cut {
        let counters = Counters { accepted, no_match, ..Counters::default() };
        Cut { number, counters, in_flight }
    }

    #[test]
    fn a_cut_closes_when_every_part_is_there() {
        let mut cuts = Cuts::new(2);
        assert_eq!(cuts.begin(), Some(1));
        assert_eq!(cuts.begin(), None, "one at a time");
        cuts.note(0, part(1, 10, 4, 0));
        cuts.note(1, part(1, 0, 5, 1));
        assert_eq!(cuts.closed().number, 0, "the spool's part is missing");
        cuts.note_spool(&SpoolFigures { at_cut: vec![(1, 0), (1, 0)], ..SpoolFigures::default() });
        assert_eq!((cuts.closed().number, cuts.closed().residual_events()), (1, 0));
        assert_eq!(cuts.begin(), Some(2));
        cuts.note(0, part(2, 12, 4, 0));
        cuts.note(1, part(1, 99, 99, 9));
        cuts.note(1, part(2, 0, 7, 0));
        cuts.note_spool(&SpoolFigures { at_cut: vec![(2, 0), (2, 3)], ..SpoolFigures::default() });
        assert_eq!((cuts.closed().residual_events(), cuts.closed().residual_commands()), (1, -3));
    }

    #[test]
    fn a_cut_that_never_comes_back_does_not_end_them_all() {
        let mut cuts = Cuts::new(1);
        assert_eq!(cuts.begin(), Some(1));
        for _ in 0..GIVE_UP_AFTER {
            assert_eq!(cuts.begin(), None);
        }
        assert_eq!(cuts.begin(), Some(2));
        assert_eq!(cuts.begin_anew(), 3);
        cuts.note(0, part(1, 9, 9, 0));
        cuts.note(0, part(3, 5, 5, 0));
        cuts.note_spool(&SpoolFigures { at_cut: vec![(3, 0)], ..SpoolFigures::default() });
        assert_eq!((cuts.closed().number, cuts.closed().residual_events()), (3, 0));
    }
}
