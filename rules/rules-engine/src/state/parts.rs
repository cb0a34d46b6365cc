//! What panes of one fold gathered, as words of a cell.
//!
//! ```text
//! [filled | overflow << 32, _, _, a word a pane …, two counts a word …]
//! ```
//! The second and third word belong to whoever keeps the panes. All zeros is panes that know nothing.

use super::fold::{Fold, Part};

/// Words before the panes.
pub(crate) const HEAD: usize = 3;

/// Some panes of one fold.
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) fold: Fold,
    /// How many panes; at most 32.
    pub(crate) kept: usize,
}

impl Parts {
    /// Words of a cell.
    pub(crate) const fn words(self) -> usize {
        let counts = if self.fold.has_count() { self.kept.div_ceil(2) } else { 0 };
        self.counts_at() + counts
    }

    const fn counts_at(self) -> usize {
        HEAD + if self.fold.has_word() { self.kept } else { 0 }
    }

    /// Whether any pane knows anything.
    pub(crate) fn is_used(cell: &[u64]) -> bool {
        cell[0] as u32 != 0
    }

    /// What one pane gathered.
    pub(crate) fn get(self, cell: &[u64], at: usize) -> Part {
        if cell[0] >> at & 1 == 0 {
            return Part::default();
        }
        Part {
            word: if self.fold.has_word() { cell[HEAD + at] } else { 0 },
            count: if self.fold.has_count() { self.count(cell, at) } else { 1 },
            overflow: cell[0] >> (32 + at) & 1 == 1,
        }
    }

    /// Puts a pane in the place of what it knew.
    pub(crate) fn set(self, cell: &mut [u64], at: usize, part: Part) {
        if part.count == 0 {
            return;
        }
        cell[0] |= 1 << at | u64::from(part.overflow) << (32 + at);
        if self.fold.has_word() {
            cell[HEAD + at] = part.word;
        }
        if self.fold.has_count() {
            self.set_count(cell, at, u32::try_from(part.count).unwrap_or(u32::MAX));
        }
    }

    /// Adds to a pane.
    pub(crate) fn add(self, cell: &mut [u64], at: usize, part: Part) {
        self.set(cell, at, self.fold.join(self.get(cell, at), part));
    }

    /// Makes room for `by` younger panes; as many old ones are forgotten.
    pub(crate) fn shift(self, cell: &mut [u64], by: u64) {
        let by = usize::try_from(by).unwrap_or(self.kept).min(self.kept);
        let kept = (1 << self.kept) - 1;
        let moved = |bits: u64| bits << by & kept;
        cell[0] = moved(cell[0] & kept) | moved(cell[0] >> 32) << 32;
        if self.fold.has_word() {
            let words = &mut cell[HEAD..HEAD + self.kept];
            words.copy_within(..self.kept - by, by);
            words[..by].fill(0);
        }
        if self.fold.has_count() {
            for at in (0..self.kept).rev() {
                let count = if at >= by { self.count(cell, at - by) } else { 0 };
                self.set_count(cell, at, count as u32);
            }
        }
    }

    fn count(self, cell: &[u64], at: usize) -> u64 {
        u64::from((cell[self.counts_at() + at / 2] >> (32 * (at % 2))) as u32)
    }

    fn set_count(self, cell: &mut [u64], at: usize, count: u32) {
        let word = &mut cell[self.counts_at() + at / 2];
        let bits = 32 * (at % 2);
        *word = *word & !(0xffff_ffff << bits) | u64::from(count) << bits;
    }
}
