//! Fields of one message, then and now.
//!
//! Comes in: a message that both catalogues have under one name. Goes out: changes. Fields are matched by name; a number that went
//! to another name is told as well.

use super::{ChangeCode, Comparison, short};
use crate::model::{Cardinality, Field, MessageType, Range};

impl Comparison<'_> {
    pub(super) fn message(&mut self, was: &MessageType, is: &MessageType) {
        for before in &was.fields {
            match is.field_by_name(&before.name) {
                Some(now) => self.field((was, before), (is, now)),
                None => {
                    let words = format!("field `{}.{}` (number {}) is gone", short(was), before.name, before.number);
                    self.push_gone(ChangeCode::FieldRemoved, before.position, words);
                }
            }
        }
        for now in is.fields.iter().filter(|now| was.field_by_name(&now.name).is_none()) {
            self.added(was, is, now);
        }
    }

    fn added(&mut self, was: &MessageType, is: &MessageType, now: &Field) {
        let name = format!("{}.{}", short(is), now.name);
        if let Some(before) = was.field(now.number) {
            let words = format!("number {} is field `{name}` and was `{}`", now.number, before.name);
            self.push(ChangeCode::FieldReused, now.position, words);
        } else if now.is_needed() {
            let words = format!("field `{name}` is new, and its range has no 0");
            self.push(ChangeCode::FieldNeeded, now.position, words);
        } else {
            self.push(ChangeCode::FieldAdded, now.position, format!("field `{name}` is new"));
        }
    }

    fn field(&mut self, (was_in, was): (&MessageType, &Field), (is_in, is): (&MessageType, &Field)) {
        let (name, at) = (format!("{}.{}", short(is_in), is.name), is.position);
        if was.number != is.number {
            let words = format!("field `{name}` has number {} and had {}", is.number, was.number);
            self.push(ChangeCode::FieldNumber, at, words);
        }
        let (before, now) = (bare_type(&self.old.type_of(was)), bare_type(&self.new.type_of(is)));
        if before != now {
            // Limits of another type say nothing.
            return self.push(ChangeCode::FieldType, at, format!("field `{name}` is `{now}` and was `{before}`"));
        }
        self.presence(&name, (was_in, was), (is_in, is));
        self.limits(&name, was, is);
        if is.deprecated && !was.deprecated {
            self.push(ChangeCode::Deprecated, at, format!("field `{name}` is deprecated"));
        }
        self.class(&format!("field `{name}`"), (was.personal_data, is.personal_data), at);
    }

    fn presence(&mut self, name: &str, (was_in, was): (&MessageType, &Field), (is_in, is): (&MessageType, &Field)) {
        let oneof = |of: &MessageType, f: &Field| f.oneof.and_then(|at| of.oneofs.get(usize::from(at)).cloned());
        let (before, now) = (oneof(was_in, was), oneof(is_in, is));
        if before != now {
            let shown = |of: Option<String>| of.map_or_else(|| "no oneof".to_owned(), |of| format!("oneof `{of}`"));
            let words = format!("field `{name}` is in {} and was in {}", shown(now), shown(before));
            self.push(ChangeCode::Presence, is.position, words);
        } else if (was.cardinality, is.cardinality) == (Cardinality::Explicit, Cardinality::Implicit) {
            self.push(ChangeCode::Presence, is.position, format!("field `{name}` is no longer `optional`"));
        }
    }

    fn limits(&mut self, name: &str, was: &Field, is: &Field) {
        let at = is.position;
        for (code, word, before, now) in [
            (ChangeCode::LenLowered, "max_len", was.limits.max_len, is.limits.max_len),
            (ChangeCode::ItemsLowered, "max_items", was.limits.max_items, is.limits.max_items),
            (ChangeCode::KeyLenLowered, "max_key_len", was.limits.max_key_len, is.limits.max_key_len),
        ] {
            let (Some(before), Some(now)) = (before, now) else { continue };
            let words = format!("`{word}` of `{name}` is {now} and was {before}");
            if now < before {
                self.push(code, at, words);
            } else if now > before {
                self.push(ChangeCode::Widened, at, words);
            }
        }
        if was.limits.range == is.limits.range {
            return;
        }
        let shown = |range: Option<Range>| range.map_or_else(|| "open".to_owned(), |range| format!("`{range}`"));
        let words = format!("the range of `{name}` is {} and was {}", shown(is.limits.range), shown(was.limits.range));
        let is_narrowed = match (was.limits.range, is.limits.range) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(before), Some(now)) => !holds(now, before),
        };
        let code = if is_narrowed { ChangeCode::RangeNarrowed } else { ChangeCode::Widened };
        self.push(code, at, words);
    }
}

/// Without `optional`: whether a value can be missing is told apart from what it is.
fn bare_type(shown: &str) -> String {
    shown.strip_prefix("optional ").unwrap_or(shown).to_owned()
}

/// Whether every number of `inner` is one of `outer`.
fn holds(outer: Range, inner: Range) -> bool {
    match (outer, inner) {
        (Range::Int { min, max }, Range::Int { min: low, max: high }) => min <= low && high <= max,
        (Range::Uint { min, max }, Range::Uint { min: low, max: high }) => min <= low && high <= max,
        (Range::Double { min, max }, Range::Double { min: low, max: high }) => min <= low && high <= max,
        _ => false,
    }
}
