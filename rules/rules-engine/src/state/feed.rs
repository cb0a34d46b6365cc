//! Feeding windows and reading them.
//!
//! In: an event's touch of a cell, and the value that it brings. Out: what a rule reads. Deliberately absent: which events feed
//! and with what (the evaluator knows).

use edge_event::StateDelta;

use super::fold::{self, Fold, Part};
use super::{State, Touch, window};
use crate::expr::{EvalError, LetValue, Value};
use crate::ir::ScalarType;
use crate::rule_set::Kind;

/// What the events of a feed are gathered to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Gathering {
    pub(crate) fold: Fold,
    /// The operand's type; int where events alone are gathered.
    pub(crate) ty: ScalarType,
}

impl Gathering {
    /// What one event brings; `value` is the operand's.
    ///
    /// # Errors
    /// The value has no place in such a feed: NaN, a moment that 64 bits of nanoseconds cannot hold.
    pub(crate) fn bring(self, value: Option<Value<'_>>) -> Result<Part, EvalError> {
        let word = match (self.fold, value) {
            (Fold::Least | Fold::Most, Some(value)) => fold::ordered_word(value)?,
            (_, Some(value)) => fold::word(value)?,
            (_, None) => 0,
        };
        Ok(Part { word, count: 1, overflow: false })
    }
}

impl State {
    /// What a key's window holds at the event's time.
    pub(crate) fn read(&self, touch: &Touch<'_>) -> LetValue {
        let Kind::Feed { gathering, window } = touch.definition.kind else {
            return LetValue::Failed(EvalError::NoSuchOverload);
        };
        let cell = self.slot(touch.at).table.get(touch.key);
        let part = cell.map_or_else(Part::default, |(layout, cell)| window::read(layout, cell, touch.time.0, window));
        gathering.fold.read(part, gathering.ty)
    }

    /// Adds what an event brings to a key's window.
    pub(crate) fn feed(&mut self, touch: &Touch<'_>, part: Part, deltas: &mut Vec<StateDelta>) {
        let layout = touch.definition.layout;
        let forgotten = self.now.0.saturating_sub_unsigned(touch.definition.ttl_ms.unwrap_or(u64::MAX));
        self.write(touch, deltas, |cell| {
            // What cleaning would have removed by now must look the same where it has not come by yet.
            if window::newest(layout, cell).is_some_and(|newest| newest <= forgotten) {
                cell.fill(0);
            }
            window::feed(layout, cell, touch.time.0, part)
        });
    }
}
