//! Limits of fields, and the largest payload they allow.
//!
//! Comes in: what the author wrote about a field. Goes out: checked [`Limits`] with the complaints, and the size in bytes
//! of the largest message that keeps all limits.

use std::collections::BTreeMap;

use super::diagnostic::Code;
use super::options::FieldRules;
use crate::model::{Cardinality, Field, Kind, Limits, MessageIndex, MessageType, Range};

/// Turns the author's numbers into limits; a complaint is a code and a message without the field's name.
pub(super) fn limits_of(
    kind: Kind,
    cardinality: Cardinality,
    rules: &FieldRules,
    mut complain: impl FnMut(Code, String),
) -> Limits {
    let text = matches!(kind, Kind::String | Kind::Bytes);
    let many = matches!(cardinality, Cardinality::Repeated | Cardinality::Map(_));
    let text_key = cardinality == Cardinality::Map(Kind::String);
    for (wanted, set, missing, name, what) in [
        (text, rules.max_len, Code::NoMaxLen, "max_len", "strings and bytes"),
        (many, rules.max_items, Code::NoMaxItems, "max_items", "lists and maps"),
        (text_key, rules.max_key_len, Code::NoMaxKeyLen, "max_key_len", "maps with string keys"),
    ] {
        match (wanted, set) {
            (true, None) => complain(missing, format!("has no `{name}`")),
            (false, Some(_)) => complain(Code::UselessLimit, format!("has `{name}`, which is for {what}")),
            _ => {}
        }
    }
    let range = rules.range.and_then(|(min, max)| match range_of(kind, min, max) {
        Ok(range) => Some(range),
        Err((code, message)) => {
            complain(code, message);
            None
        }
    });
    Limits { max_len: rules.max_len, max_key_len: rules.max_key_len, max_items: rules.max_items, range }
}

fn range_of(kind: Kind, min: Option<f64>, max: Option<f64>) -> Result<Range, (Code, String)> {
    if let (Some(min), Some(max)) = (min, max)
        && (min > max || min.is_nan() || max.is_nan())
    {
        return Err((Code::BadRange, format!("has the empty range {min} to {max}")));
    }
    let bad = |end: f64| (Code::BadRange, format!("has a range that ends at {end}, which is no whole {}", kind.word()));
    let int = |low: i64, high: i64| {
        let end = |end: Option<f64>, open: i64| end.map_or(Ok(open), |d| whole(d, low, high).ok_or_else(|| bad(d)));
        Ok(Range::Int { min: end(min, low)?, max: end(max, high)? })
    };
    let uint = |high: u64| {
        let end = |end: Option<f64>, open: u64| {
            let whole = |d| whole(d, 0, i64::MAX).map(i64::unsigned_abs).filter(|n| *n <= high);
            end.map_or(Ok(open), |d| whole(d).ok_or_else(|| bad(d)))
        };
        Ok(Range::Uint { min: end(min, 0)?, max: end(max, high)? })
    };
    match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => int(i64::from(i32::MIN), i64::from(i32::MAX)),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => int(i64::MIN, i64::MAX),
        Kind::Uint32 | Kind::Fixed32 => uint(u64::from(u32::MAX)),
        Kind::Uint64 | Kind::Fixed64 => uint(u64::MAX),
        Kind::Float | Kind::Double => {
            Ok(Range::Double { min: min.unwrap_or(f64::NEG_INFINITY), max: max.unwrap_or(f64::INFINITY) })
        }
        _ => Err((Code::UselessLimit, "has `range`, which is for numbers".to_owned())),
    }
}

/// A whole number that a `double` holds exactly, between `low` and `high`.
fn whole(d: f64, low: i64, high: i64) -> Option<i64> {
    let exact = d.fract() == 0.0 && d.abs() <= 9_007_199_254_740_992.0;
    exact.then_some(d as i64).filter(|n| (low..=high).contains(n))
}

/// Sizes of the largest messages that keep all limits; each message is worked out once for each level it stands at.
pub(super) struct Largest<'m> {
    messages: &'m [MessageType],
    known: BTreeMap<(MessageIndex, usize), Option<u64>>,
}

impl<'m> Largest<'m> {
    pub(super) const fn new(messages: &'m [MessageType]) -> Largest<'m> {
        Largest { messages, known: BTreeMap::new() }
    }

    /// Bytes. `None`: the message nests deeper than `levels_left`, or contains itself.
    pub(super) fn message(&mut self, message: MessageIndex, levels_left: usize) -> Option<u64> {
        let inside = levels_left.checked_sub(1)?;
        if let Some(known) = self.known.get(&(message, levels_left)) {
            return *known;
        }
        let fields = self.messages[usize::from(message.0)].fields.iter();
        let sizes: Option<Vec<u64>> = fields.map(|f| self.field(f, inside)).collect();
        let sum = sizes.map(|sizes| sizes.into_iter().fold(0_u64, u64::saturating_add));
        self.known.insert((message, levels_left), sum);
        sum
    }

    fn field(&mut self, field: &Field, levels_left: usize) -> Option<u64> {
        let tag = varint_len(u64::from(field.number) << 3);
        let one = self.value(field.kind, &field.limits, levels_left)?;
        let items = u64::from(field.limits.max_items.unwrap_or(0));
        Some(match field.cardinality {
            Cardinality::Implicit | Cardinality::Explicit => tag.saturating_add(one),
            Cardinality::Repeated => items.saturating_mul(tag.saturating_add(one)),
            Cardinality::Map(key) => {
                let key_limits = Limits { max_len: field.limits.max_key_len, ..Limits::default() };
                let key = self.value(key, &key_limits, levels_left)?;
                let entry = key.saturating_add(one).saturating_add(2);
                items.saturating_mul(tag.saturating_add(varint_len(entry)).saturating_add(entry))
            }
        })
    }

    fn value(&mut self, kind: Kind, limits: &Limits, levels_left: usize) -> Option<u64> {
        let with_length = |n: u64| varint_len(n).saturating_add(n);
        Some(match kind {
            Kind::Bool => 1,
            Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => 4,
            Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => 8,
            Kind::String | Kind::Bytes => with_length(u64::from(limits.max_len.unwrap_or(0))),
            Kind::Message(inner) => with_length(self.message(inner, levels_left)?),
            // A length, and a tag and a varint for seconds and for nanoseconds.
            Kind::Timestamp | Kind::Duration => 1 + 11 + 11,
            Kind::Uint32 | Kind::Sint32 => 5,
            _ => match limits.range {
                Some(Range::Int { min: 0.., max }) => varint_len(max.unsigned_abs()),
                Some(Range::Uint { max, .. }) => varint_len(max),
                _ => 10,
            },
        })
    }
}

/// Bytes of a varint.
const fn varint_len(n: u64) -> u64 {
    let bits = 64 - (n | 1).leading_zeros() as u64;
    bits.div_ceil(7)
}
