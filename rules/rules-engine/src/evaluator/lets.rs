//! Feeds and `let`s: what an event brings to windows, and what a rule reads of them.
//!
//! In: the event, its feeds, the state. Out: windows that are fed before any rule reads one, and the value of a `let`. A feed whose
//! `where`, key or value fails is counted and takes nothing.

use super::{Case, Evaluator};
use crate::expr::{EvalError, LetValue, Scratch, Value, evaluate};
use crate::outcome::Outputs;
use crate::rule_set::{Feed, Kind, Let};
use crate::state::State;

impl Evaluator {
    /// Lets the event feed all windows of its type, before any rule reads one.
    pub(super) fn feed(&mut self, case: Case<'_>, state: &mut State, out: &mut Outputs) {
        for feed in &case.partition.feeds {
            if self.feed_one(case, feed, state, out).is_err() {
                self.counters.feed_error();
            }
        }
    }

    fn feed_one(&mut self, case: Case<'_>, feed: &Feed, state: &mut State, out: &mut Outputs) -> Result<(), EvalError> {
        let definition = &case.set.definitions[feed.definition as usize];
        let Kind::Feed { gathering, .. } = definition.kind else { return Err(EvalError::NoSuchOverload) };
        let scope = case.scope(&[], &self.scratch);
        if let Some(filter) = &feed.filter
            && !evaluate(filter, &scope, filter.root())?.as_bool()?
        {
            return Ok(());
        }
        let operand = feed.operand.as_ref().map(|of| evaluate(of, &scope, of.root())).transpose()?;
        let fed = gathering.bring(operand, case.time.0, &mut self.keys.key)?;
        let key = self.keys.make(definition, &feed.key, &scope)?;
        state.feed(&case.touch(feed.definition, key), fed, &mut out.deltas);
        Ok(())
    }
}

/// What a rule reads of a window, or the value that stands for an empty one.
pub(super) fn let_value(case: Case<'_>, state: &State, let_: &Let, key: u128, scratch: &Scratch) -> LetValue {
    match (state.read(&case.touch(let_.definition, key), scratch), let_.default) {
        (LetValue::Empty, Some(default)) => {
            constant(Value::of_const(&case.set.pools.consts[default as usize]), scratch)
        }
        (value, _) => value,
    }
}

fn constant(value: Value<'_>, scratch: &Scratch) -> LetValue {
    match value {
        Value::Bool(b) => LetValue::Bool(b),
        Value::Int(n) => LetValue::Int(n),
        Value::Uint(n) => LetValue::Uint(n),
        Value::Double(d) => LetValue::Double(d),
        Value::Timestamp(t) => LetValue::Timestamp(t),
        Value::Duration(nanos) => LetValue::Duration(nanos),
        Value::String(s) => LetValue::String(scratch.keep_bytes(|out| out.extend_from_slice(s.as_bytes()))),
        Value::Bytes(b) => LetValue::Bytes(scratch.keep_bytes(|out| out.extend_from_slice(b))),
        // INVARIANT: loading lets only scalars through.
        Value::Null | Value::List(_) | Value::Map(_) | Value::Message { .. } => {
            LetValue::Failed(EvalError::NoSuchOverload)
        }
    }
}
