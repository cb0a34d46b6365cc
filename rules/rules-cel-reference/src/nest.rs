//! Lists and messages that know how deep they are nested.
//!
//! A text is bounded, but bindings let it nest values deeper than itself: each binding around the one before. Who walks a value
//! recurses, so its depth is kept when it is made, and the walk over the tree lets none through that is too deep.

use crate::value::Value;
use prost_reflect::{DynamicMessage, Value as Raw};
use std::ops::Deref;

/// A list.
#[derive(Clone)]
pub struct List {
    values: Vec<Value>,
    depth: usize,
}

/// A message.
#[derive(Clone)]
pub struct Message {
    message: DynamicMessage,
    depth: usize,
}

impl List {
    /// A list of these.
    pub fn new(values: Vec<Value>) -> Self {
        let depth = 1 + values.iter().map(Value::depth).max().unwrap_or(0);
        Self { values, depth }
    }

    /// How deep it is nested; 1 where nothing in it is.
    pub fn depth(&self) -> usize {
        self.depth
    }
}

impl Deref for List {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.values
    }
}

impl Message {
    /// The message, measured.
    pub fn new(message: DynamicMessage) -> Self {
        let depth = depth_of(&message);
        Self { message, depth }
    }

    /// How deep it is nested; 1 where nothing in it is.
    pub fn depth(&self) -> usize {
        self.depth
    }
}

impl Deref for Message {
    type Target = DynamicMessage;

    fn deref(&self) -> &DynamicMessage {
        &self.message
    }
}

fn depth_of(message: &DynamicMessage) -> usize {
    let fields = message.fields().map(|(_, value)| value);
    let extensions = message.extensions().map(|(_, value)| value);
    1 + fields.chain(extensions).map(raw_depth).max().unwrap_or(0)
}

fn raw_depth(raw: &Raw) -> usize {
    match raw {
        Raw::Message(message) => depth_of(message),
        Raw::List(values) => values.iter().map(raw_depth).max().unwrap_or(0),
        Raw::Map(entries) => entries.values().map(raw_depth).max().unwrap_or(0),
        _ => 0,
    }
}
