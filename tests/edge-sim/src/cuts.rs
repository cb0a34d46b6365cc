//! Checker of promise 8: at every cut of the ledger, every accepted event has ended, or is between two shards.
//!
//! In: each shard's part of a cut, and what the spool had counted when the same cut passed its rings. Out: the sum, and a
//! violation where its residual is not 0. Adds up with its own arithmetic. Deliberately absent: how a shard takes its part.

use edge_shard::Cut;

use crate::scribe::{Promise, Scribe};

/// A closed cut, added up over all shards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) number: u64,
    pub(crate) accepted: u64,
    pub(crate) duplicate: u64,
    pub(crate) commanded: u64,
    pub(crate) suppressed: u64,
    pub(crate) no_match: u64,
    pub(crate) in_flight: u64,
    /// Durable commands that owners counted.
    pub(crate) ordered: u64,
    /// Durable commands that the spool thread counted.
    pub(crate) spooled: u64,
}

/// One daemon's cuts, one at a time.
pub(crate) struct Cuts {
    begun: u64,
    parts: Vec<Option<Cut>>,
    spooled: Vec<Option<u64>>,
    last: Sum,
}

impl Cuts {
    pub(crate) fn new(shards: usize) -> Cuts {
        Cuts { begun: 0, parts: vec![None; shards], spooled: vec![None; shards], last: Sum::default() }
    }

    /// How many shards take part.
    pub(crate) fn shards(&self) -> usize {
        self.parts.len()
    }

    /// The number of the next cut; `None` while one is under way.
    pub(crate) fn begin(&mut self) -> Option<u64> {
        if !self.is_closed() {
            return None;
        }
        self.begun += 1;
        self.parts.fill(None);
        self.spooled.fill(None);
        Some(self.begun)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.begun == self.last.number
    }

    pub(crate) fn last(&self) -> Sum {
        self.last
    }

    pub(crate) fn note(&mut self, shard: usize, cut: Cut, scribe: &mut Scribe<'_>) {
        if cut.number != self.begun || self.parts[shard].is_some() {
            scribe.broken(
                Promise::P8,
                format!("shard {shard} closes cut {}, cut {} is under way", cut.number, self.begun),
            );
        }
        self.parts[shard] = Some(cut);
        self.close(scribe);
    }

    pub(crate) fn note_spool(&mut self, shard: usize, number: u64, commands: u64, scribe: &mut Scribe<'_>) {
        if number != self.begun || self.spooled[shard].is_some() {
            scribe.broken(Promise::P8, format!("the spool passes cut {number}, cut {} is under way", self.begun));
        }
        self.spooled[shard] = Some(commands);
        self.close(scribe);
    }

    fn close(&mut self, scribe: &mut Scribe<'_>) {
        let mut sum = Sum { number: self.begun, ..Sum::default() };
        for (part, spooled) in self.parts.iter().zip(&self.spooled) {
            let (Some(part), Some(spooled)) = (part, spooled) else { return };
            sum.accepted += part.counters.accepted;
            sum.duplicate += part.counters.duplicate;
            sum.commanded += part.counters.commanded;
            sum.suppressed += part.counters.suppressed;
            sum.no_match += part.counters.no_match;
            sum.in_flight += part.in_flight;
            sum.ordered += part.counters.commands;
            sum.spooled += spooled;
        }
        scribe.mix.cuts += 1;
        scribe.mix.cuts_in_flight += u64::from(sum.in_flight > 0);
        scribe.note(format_args!("cut {}: {sum:?}", sum.number));
        let ended = sum.duplicate + sum.commanded + sum.suppressed + sum.no_match;
        if sum.accepted != ended + sum.in_flight {
            scribe.broken(Promise::P8, format!("events ended nowhere or twice: {sum:?}"));
        }
        if sum.ordered != sum.spooled {
            scribe.broken(Promise::P8, format!("commands got lost on the way to the spool: {sum:?}"));
        }
        self.last = sum;
    }
}
