//! A dimension: sorts events into classes by one aspect of them, and knows each class's row and posting.

use std::ops::Range;

use rules_catalogue::FieldValue;

use super::Look;
use super::ordinal::ordinal_of;
use super::table::{Class, OrdinalTable, TextTable};
use crate::compact::{Source, text};
use crate::expr::is_set;

/// See the file's head.
pub(super) struct Dimension {
    pub(super) source: Source,
    pub(super) classes: Classes,
    /// The row of each class, by number; empty where no bit depends on the dimension.
    pub(super) rows: Vec<u32>,
    /// Where the posting of each class ends; it begins where the one before ends. Empty where there are none.
    pub(super) posting_ends: Vec<u32>,
    /// Where the first posting begins.
    pub(super) postings_from: u32,
}

/// How values are sorted.
pub(super) enum Classes {
    /// Class 0 are the texts that no rule names.
    Texts(TextTable),
    /// Class 0 are the numbers that no rule names. `zero` is what an unset field reads as.
    Ordinals { table: OrdinalTable, zero: u64 },
    /// Class n are the numbers with n of the cuts at or below them.
    Numbers { cuts: Vec<u64>, zero: u64 },
    /// Class n are the texts with n of the cuts at or before them.
    Stretches(Vec<Vec<u8>>),
}

impl Dimension {
    /// The event's class and place; `None` where the field holds what its kind cannot.
    #[inline]
    pub(super) fn class_of(&self, look: Look<'_>) -> Option<(Class, u64)> {
        match &self.classes {
            Classes::Texts(table) => Some(placed(table.class_of(self.text(look)?))),
            Classes::Stretches(cuts) => {
                let text = self.text(look)?.as_bytes();
                Some(placed(cuts.partition_point(|cut| **cut <= *text) as Class))
            }
            Classes::Ordinals { table, zero } => Some(placed(table.class_of(self.ordinal(look, *zero)?))),
            Classes::Numbers { cuts, zero } => {
                let ordinal = self.ordinal(look, *zero)?;
                Some((cuts.partition_point(|cut| *cut <= ordinal) as Class, ordinal))
            }
        }
    }

    #[inline]
    fn text<'a>(&self, look: Look<'a>) -> Option<&'a str> {
        match self.source {
            Source::Slot(slot) => match look.slots[usize::from(slot)] {
                FieldValue::Str(text) => Some(text),
                FieldValue::Absent => Some(""),
                _ => None,
            },
            Source::Var(var) => Some(text(var, look.event)),
            Source::Presence(_) => None,
        }
    }

    #[inline]
    fn ordinal(&self, look: Look<'_>, zero: u64) -> Option<u64> {
        match self.source {
            Source::Slot(slot) => match &look.slots[usize::from(slot)] {
                FieldValue::Absent => Some(zero),
                value => ordinal_of(value),
            },
            Source::Presence(slot) => {
                let slot = usize::from(slot);
                Some(u64::from(is_set(&look.slots[slot], &look.paths[slot])))
            }
            Source::Var(_) => None,
        }
    }

    /// The row of a class.
    #[inline]
    pub(super) fn row(&self, class: Class) -> Option<u32> {
        self.rows.get(class as usize).copied()
    }

    /// The postings of a class.
    #[inline]
    pub(super) fn postings(&self, class: Class) -> Range<usize> {
        let Some(end) = self.posting_ends.get(class as usize) else { return 0..0 };
        let from = (class as usize).checked_sub(1).map_or(self.postings_from, |before| self.posting_ends[before]);
        from as usize..*end as usize
    }

    pub(super) fn bytes(&self) -> usize {
        let classes = match &self.classes {
            Classes::Texts(table) => table.bytes(),
            Classes::Ordinals { table, .. } => table.bytes(),
            Classes::Numbers { cuts, .. } => size_of_val(&cuts[..]),
            Classes::Stretches(cuts) => cuts.iter().map(|cut| cut.len() + size_of::<Vec<u8>>()).sum(),
        };
        classes + size_of_val(&self.rows[..]) + size_of_val(&self.posting_ends[..])
    }
}

/// Where only classes are told apart, they are the places.
const fn placed(class: Class) -> (Class, u64) {
    (class, class as u64)
}
