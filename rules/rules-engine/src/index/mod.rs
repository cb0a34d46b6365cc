//! The index of one event type's rules: which of them an event may concern.
//!
//! Comes in: the tests of all rules, once; then events. Goes out: for each event the rules that may hold, in emission order:
//! all that do, and a few that do not (the residual decides). Every rule is one bit; every *dimension* (a field by its values, a
//! field by its order, …) has for each class of values one *row* of bits: the rules that this class still lets through. The
//! rows of an event are ANDed, 256 rules at a time. Rules that ask for one rare value of many stand in that value's *posting*
//! instead.
//!
//! Deliberately absent: windows, gates, conditions that are no tests, state of any kind.

mod chunk;
mod dimension;
mod entry;
mod interval;
mod ordinal;
mod plan;
mod rows;
mod sorting;
mod table;
mod term;
mod terms;

use edge_event::Event;
use rules_catalogue::{FieldPath, FieldValue};

use chunk::{BITS, Chunk};
use dimension::Dimension;
use entry::{Entry, Places};
pub(crate) use entry::{OpenTests, Selected};
pub(crate) use terms::Terms;

/// Most dimensions of one index; what more there is stays with the residual.
const DIMENSIONS_MAX: usize = 32;
/// Rows of more chunks have summaries, and their bits are in an order that makes chunks empty together.
const SUMMARY_WIDTH: usize = 16;

/// What an event is looked at through.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) slots: &'a [FieldValue<'a>],
    pub(crate) paths: &'a [FieldPath],
    pub(crate) event: &'a Event,
}

/// See the file's head. The default is that of no rules. Knows rules by their numbers among those of the event type, in
/// emission order.
#[derive(Default)]
pub(crate) struct Index {
    /// Of the terms that it was made from: equal terms make equal indices.
    digest: [u8; 32],
    rules: u32,
    dimensions: Vec<Dimension>,
    /// Chunks of one row.
    width: usize,
    rows: Vec<Chunk>,
    /// For each row, which of its chunks have a bit; empty where rows are short.
    summaries: Vec<u64>,
    /// The rule of each bit.
    bits: Vec<u32>,
    /// The bits that are certain wherever they are let through: their entries say nothing.
    certain: Vec<Chunk>,
    /// Of each bit.
    entries: Vec<Entry>,
    /// Rules under the values that they ask for, class by class.
    postings: Vec<Entry>,
    /// Whether bits alone come out in emission order.
    in_order: bool,
}

impl Index {
    /// What it was made from, as a digest.
    pub(crate) const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Leaves in `out` the rules that the event may concern, rising. Allocates only where `out` has no room.
    pub(crate) fn select(&self, look: Look<'_>, out: &mut Vec<Selected>) {
        out.clear();
        let mut classes = [0; DIMENSIONS_MAX];
        let mut places: Places = [0; DIMENSIONS_MAX];
        let (mut rows, mut count) = ([0; DIMENSIONS_MAX], 0);
        for (at, dimension) in self.dimensions.iter().enumerate() {
            let Some((class, place)) = dimension.class_of(look) else {
                return out.extend((0..self.rules).map(Selected::unknown));
            };
            (classes[at], places[at]) = (class, place);
            if let Some(row) = dimension.row(class) {
                rows[count] = row;
                count += 1;
            }
        }
        if !self.postings.is_empty() {
            for (dimension, class) in self.dimensions.iter().zip(classes) {
                push(&self.postings[dimension.postings(class)], &places, out);
            }
        }
        let posted = out.len();
        match &rows[..count] {
            [] => push(&self.entries, &places, out),
            rows if self.summaries.is_empty() => (0..self.width).for_each(|at| self.intersect(rows, at, &places, out)),
            rows => self.intersect_summed(rows, &places, out),
        }
        if posted > 0 || !self.in_order {
            out.sort_unstable();
        }
    }

    /// One chunk of all rows, ANDed. Rows are numbers.
    #[inline]
    fn intersect(&self, rows: &[u32], at: usize, places: &Places, out: &mut Vec<Selected>) {
        let mut left = Chunk::FULL;
        for row in rows {
            left = left & self.rows[*row as usize * self.width + at];
            if left.is_empty() {
                return;
            }
        }
        let certain = self.certain[at];
        let (bits, entries) = (&self.bits[at * BITS..], &self.entries[at * BITS..]);
        if left.is_within(certain) {
            return left.each(|bit| out.push(Selected::certain(bits[bit])));
        }
        left.each(|bit| {
            if certain.has(bit) {
                out.push(Selected::certain(bits[bit]));
            } else if entries[bit].fits(places) {
                out.push(entries[bit].selected());
            }
        });
    }

    /// The chunks that no row's summary rules out.
    fn intersect_summed(&self, rows: &[u32], places: &Places, out: &mut Vec<Selected>) {
        let words = self.width.div_ceil(64);
        for word in 0..words {
            let mut left = rows.iter().fold(u64::MAX, |left, row| left & self.summaries[*row as usize * words + word]);
            while left != 0 {
                self.intersect(rows, word * 64 + left.trailing_zeros() as usize, places, out);
                left &= left - 1;
            }
        }
    }

    /// Memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.rows[..])
            + size_of_val(&self.summaries[..])
            + size_of_val(&self.bits[..])
            + size_of_val(&self.certain[..])
            + size_of_val(&self.entries[..])
            + size_of_val(&self.postings[..])
            + self.dimensions.iter().map(Dimension::bytes).sum::<usize>()
    }
}

fn push(entries: &[Entry], places: &Places, out: &mut Vec<Selected>) {
    out.extend(entries.iter().filter(|entry| entry.fits(places)).map(Entry::selected));
}
