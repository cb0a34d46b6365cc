//! Maps: entries in the order in which they were made, found by the value of their keys.
//!
//! What comes in: entries, each key once. What goes out: values by key, and the entries as they were made.
//!
//! Keys are bool, int, uint or string. Numbers are one key where they are one number: `{1: 'a'}[1u]` and `{1: 'a'}[1.0]`
//! are `'a'`.

use crate::failure::{Fault, Kind};
use crate::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A map.
#[derive(Clone, Debug, Default)]
pub struct Map {
    entries: Vec<(Value, Value)>,
    depth: usize,
    places: BTreeMap<Key, usize>,
}

/// What makes two keys one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Bool(bool),
    Number(i128),
    String(Arc<str>),
}

impl Map {
    /// A map without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// Where the key is there already, or is of a type that no key has.
    pub fn insert(&mut self, key: Value, value: Value) -> Result<(), Fault> {
        let place = place_of(&key)?;
        if self.places.insert(place, self.entries.len()).is_some() {
            return Err(Fault::new(Kind::InvalidArgument, "a key stands twice in a map"));
        }
        self.depth = self.depth.max(value.depth());
        self.entries.push((key, value));
        Ok(())
    }

    /// Whether keys may be of the value's type.
    ///
    /// # Errors
    /// Where they may not.
    pub(crate) fn accepts(key: &Value) -> Result<(), Fault> {
        place_of(key).map(drop)
    }

    /// The value under a key; a double finds the whole number that it is.
    pub fn get(&self, key: &Value) -> Option<&Value> {
        let at = self.places.get(&place(key)?)?;
        self.entries.get(*at).map(|(_, value)| value)
    }

    /// The entries, in the order in which they were added.
    pub fn entries(&self) -> &[(Value, Value)] {
        &self.entries
    }

    /// How deep it is nested; 1 where nothing in it is.
    pub fn depth(&self) -> usize {
        self.depth + 1
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// What a key of its own is found by.
fn place_of(key: &Value) -> Result<Key, Fault> {
    let place = if matches!(key, Value::Double(_)) { None } else { place(key) };
    place.ok_or_else(|| Fault::new(Kind::NoOverload, format!("{} cannot be a map's key", key.type_name())))
}

fn place(key: &Value) -> Option<Key> {
    Some(match key {
        Value::Bool(value) => Key::Bool(*value),
        Value::Int(value) => Key::Number(i128::from(*value)),
        Value::Uint(value) => Key::Number(i128::from(*value)),
        Value::Double(value) => Key::Number(whole(*value)?),
        Value::String(text) => Key::String(text.clone()),
        Value::Enum { number, .. } => Key::Number(i128::from(*number)),
        _ => return None,
    })
}

/// The whole number that a double is.
pub(crate) fn whole(value: f64) -> Option<i128> {
    // Beyond it lies no int and no uint.
    const BEYOND: f64 = 36_893_488_147_419_103_232.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and of bounded magnitude")]
    (value.abs() < BEYOND && value.fract() == 0.0).then_some(value as i128)
}
