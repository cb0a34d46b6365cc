//! What names and functions of the caller stand for while an expression runs.
//!
//! What comes in: full names, as declared, and operands. What goes out: values, or that a value is not known yet. Deliberately
//! absent: types; the checker had them.

use crate::failure::Fault;
use crate::value::Value;
use std::collections::BTreeMap;

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// A value.
    Value(Value),
    /// A value that is not known yet.
    Unknown,
}

/// What an expression is evaluated with. Names are full, as declared.
pub trait Activation {
    /// What a variable, or a constant of the caller, stands for; nothing where it is not bound.
    fn variable(&self, name: &str) -> Option<Lookup>;

    /// Calls the caller's function of that number ([`rules_cel::Overload::Custom`]); nothing where it does not take these.
    fn call(&self, _function: u32, _args: &[Value]) -> Option<Result<Value, Fault>> {
        None
    }
}

/// An activation that is a table.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    names: BTreeMap<String, Lookup>,
}

impl Bindings {
    /// Nothing is bound.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a name a value.
    #[must_use]
    pub fn bind(mut self, name: impl Into<String>, value: Value) -> Self {
        self.names.insert(name.into(), Lookup::Value(value));
        self
    }

    /// Says that a name has a value that is not known yet.
    #[must_use]
    pub fn unknown(mut self, name: impl Into<String>) -> Self {
        self.names.insert(name.into(), Lookup::Unknown);
        self
    }
}

impl Activation for Bindings {
    fn variable(&self, name: &str) -> Option<Lookup> {
        self.names.get(name).cloned()
    }
}
