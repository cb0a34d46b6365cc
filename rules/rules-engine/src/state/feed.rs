//! Feeding windows and reading them.
//!
//! In: an event's touch of a cell, and the value that it brings. Out: what a rule reads. Deliberately absent: which events feed
//! and with what (the evaluator knows).

use edge_event::StateDelta;

use super::fold::{self, Fold, Part};
use super::span::Span;
use super::window::{self, Fed};
use super::{State, Touch, last};
use crate::expr::{EvalError, LetValue, Scratch, Value};
use crate::identity::{KeyPart, value_hash};
use crate::ir::{Aggregate, ScalarType};
use crate::rule_set::Kind;

/// What the events of a feed are gathered to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Gathering {
    how: How,
    /// The operand's type; int where events alone are gathered.
    ty: ScalarType,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    Fold(Fold),
    Distinct,
    /// With the most bytes of a text.
    Last(u16),
}

impl Gathering {
    pub(crate) fn of(aggregate: &Aggregate) -> Gathering {
        let how = match aggregate {
            Aggregate::Distinct { .. } => How::Distinct,
            Aggregate::Last { max_bytes, .. } => How::Last(*max_bytes),
            folded => How::Fold(Fold::of(folded).expect("INVARIANT: all others are above")),
        };
        Gathering { how, ty: aggregate.operand().map_or(ScalarType::Int, |of| of.ty) }
    }

    /// What one event brings, at `time_ms`; `value` is the operand's. `bytes` is room for the canonical form of a value.
    ///
    /// # Errors
    /// The value has no place in such a feed: NaN, a moment that 64 bits of nanoseconds cannot hold, a text that is too long.
    pub(crate) fn bring<'v>(
        self,
        value: Option<Value<'v>>,
        time_ms: i64,
        bytes: &mut Vec<u8>,
    ) -> Result<Fed<'v>, EvalError> {
        let part = |word| Fed::Part(Part { word, count: 1, overflow: false });
        Ok(match (self.how, value) {
            (How::Fold(Fold::First), _) => part(fold::ordered_int(time_ms)),
            (How::Fold(_), None) => part(0),
            (How::Fold(Fold::Least | Fold::Most), Some(value)) => part(fold::ordered_word(value)?),
            (How::Fold(_), Some(value)) => part(fold::word(value)?),
            (How::Distinct, Some(value)) => {
                bytes.clear();
                KeyPart::of(value)?.write(bytes);
                Fed::Word(value_hash(bytes))
            }
            (How::Last(room), Some(Value::String(text))) => Fed::Bytes(fits(text.as_bytes(), room)?),
            (How::Last(room), Some(Value::Bytes(bytes))) => Fed::Bytes(fits(bytes, room)?),
            (How::Last(_), Some(value)) => Fed::Word(fold::word(value)?),
            (How::Distinct | How::Last(_), None) => return Err(EvalError::NoSuchOverload),
        })
    }
}

fn fits(bytes: &[u8], room: u16) -> Result<&[u8], EvalError> {
    if bytes.len() <= usize::from(room) { Ok(bytes) } else { Err(EvalError::TooLarge) }
}

impl State {
    /// What a key's window holds at the event's time. Texts are left in `scratch`.
    pub(crate) fn read(&self, touch: &Touch<'_>, scratch: &Scratch) -> LetValue {
        let (Kind::Feed { gathering: Gathering { how, ty }, .. }, Some(span)) = (touch.definition.kind, touch.span)
        else {
            return LetValue::Failed(EvalError::NoSuchOverload);
        };
        let cell = self.slot(touch.at).table.get(touch.key);
        let time = touch.time.0;
        match (how, cell) {
            (How::Fold(fold), None) => fold.read(Part::default(), ty),
            (How::Fold(fold), Some((layout, cell))) => fold.read(window::read(layout, span, cell, time), ty),
            (How::Distinct, None) => LetValue::Int(0),
            (How::Distinct, Some((layout, cell))) => LetValue::Int(window::distinct(layout, span, cell, time) as i64),
            (How::Last(_), None) => LetValue::Empty,
            (How::Last(_), Some((_, cell))) => newest(span, cell, time, ty, scratch),
        }
    }

    /// Adds what an event brings to a key's window.
    pub(crate) fn feed(&mut self, touch: &Touch<'_>, fed: Fed<'_>, deltas: &mut Vec<StateDelta>) {
        let Some(span) = touch.span else { return };
        let layout = touch.definition.layout;
        let forgotten = touch.definition.ttl_ms.map(|ttl| self.now.0.saturating_sub_unsigned(ttl));
        self.write(touch, deltas, |cell| {
            // What cleaning would have removed by now must look the same where it has not come by yet.
            if forgotten.is_some_and(|by| window::newest(layout, cell).is_some_and(|newest| newest <= by)) {
                cell.fill(0);
            }
            window::feed(layout, span, cell, touch.time.0, fed)
        });
    }
}

fn newest(span: Span<'_>, cell: &[u64], time_ms: i64, ty: ScalarType, scratch: &Scratch) -> LetValue {
    if !matches!(ty, ScalarType::String | ScalarType::Bytes) {
        return last::word(span, cell, time_ms).map_or(LetValue::Empty, |word| fold::scalar(ty, word));
    }
    let mut is_held = false;
    let kept = scratch.keep_bytes(|out| is_held = last::bytes(span, cell, time_ms, out));
    match ty {
        _ if !is_held => LetValue::Empty,
        ScalarType::String => LetValue::String(kept),
        _ => LetValue::Bytes(kept),
    }
}
