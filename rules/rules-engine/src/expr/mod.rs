//! Expressions: types inferred at load, programs evaluated on events.
//!
//! Comes in: [`ExprIr`](crate::ir::ExprIr) and, for each evaluation, a [`Scope`]. Goes out: a [`Value`] or an [`EvalError`].
//! Deliberately absent: state. A window's value comes in through the scope.

mod check;
mod convert;
mod function;
mod operator;
mod program;
mod scope;
mod strings;
mod time;
mod types;
mod value;

pub(crate) use check::CheckContext;
pub(crate) use operator::holds;
pub(crate) use program::{Program, absorbing, evaluate};
pub(crate) use scope::{LetValue, Pools, Scope, Scratch, is_set, set_contains};
pub(crate) use time::{MAX_SECONDS, MIN_SECONDS, date_of, days_to, write_duration, write_timestamp};
pub(crate) use types::Type;
pub use value::EvalError;
pub(crate) use value::{Timestamp, Value, compare, set_order};
