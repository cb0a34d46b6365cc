//! Why an expression has no value.
//!
//! A [`Fault`] is what a function says; a [`Failure`] knows where in the text it happened. `&&`, `||` and their loops absorb
//! failures and unknowns where the other side decides; nothing absorbs that an evaluation costs too much.

use rules_cel::Span;
use std::collections::BTreeSet;
use std::fmt;

/// What kind of mistake, for whoever handles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No function takes such operands.
    NoOverload,
    /// The message has no such field.
    NoSuchField,
    /// The map has no such key, or the list no such place.
    NoSuchKey,
    /// Division or remainder by zero.
    DivideByZero,
    /// The result does not fit its type.
    OutOfRange,
    /// An operand of the right type has a value that makes no sense.
    InvalidArgument,
    /// A name has no value.
    Unbound,
    /// The tree has an error node.
    Malformed,
    /// The evaluation would cost more than its settings allow.
    Exhausted,
}

/// A mistake without a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of mistake.
    pub kind: Kind,
    /// In words.
    pub message: String,
}

/// A mistake and where it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of mistake.
    pub kind: Kind,
    /// In words.
    pub message: String,
    /// The text whose value was sought.
    pub span: Span,
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A mistake.
    Failed(Failure),
    /// The value depends on names whose values are not known yet.
    Unknown(BTreeSet<String>),
}

impl Fault {
    /// A mistake.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn range(message: impl Into<String>) -> Self {
        Self::new(Kind::OutOfRange, message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidArgument, message)
    }

    pub(crate) fn no_overload(message: impl Into<String>) -> Self {
        Self::new(Kind::NoOverload, message)
    }

    pub(crate) fn at(self, span: Span) -> Stop {
        Stop::Failed(Failure { kind: self.kind, message: self.message, span })
    }
}

impl Stop {
    /// Whether nothing may be evaluated any more.
    pub fn is_exhausted(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.kind == Kind::Exhausted)
    }

    /// What two operands without values make together: the unknown ones outweigh failures, the first failure stays.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (exhausted, _) | (_, exhausted) if exhausted.is_exhausted() => exhausted,
            (Self::Unknown(mut names), Self::Unknown(more)) => {
                names.extend(more);
                Self::Unknown(names)
            }
            (unknown @ Self::Unknown(_), _) | (_, unknown @ Self::Unknown(_)) => unknown,
            (first, _) => first,
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => f.write_str(&failure.message),
            Self::Unknown(names) => {
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                write!(f, "not known yet: {}", names.join(", "))
            }
        }
    }
}

impl std::error::Error for Stop {}
