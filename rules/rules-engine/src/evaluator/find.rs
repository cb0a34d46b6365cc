//! Which rules' conditions hold: the linear scan over the event type's partition.
//!
//! Reads state, changes none, knows no gate and emits nothing. Rules come out in emission order, and those whose condition
//! failed with an error come out with it. This is the reference that every faster way must agree with.

use super::lets::let_value;
use super::{Case, Evaluator, Found, KeyBytes};
use crate::expr::{EvalError, LetValue, Scratch, absorbing, evaluate};
use crate::rule_set::{Rule, When};
use crate::state::State;

impl Evaluator {
    /// Leaves the rules whose conditions hold or fail in `self.found`.
    pub(super) fn find(&mut self, case: Case<'_>, state: &State) {
        self.found.clear();
        let (pools, paths) = (&case.set.pools, case.partition.extractor.slots());
        for candidate in &case.partition.candidates {
            let tests = &case.partition.tests[candidate.tests.start as usize..candidate.tests.end as usize];
            if !tests.iter().all(|test| test.holds(pools, paths, case.slots, case.event)) {
                continue;
            }
            let rule = &case.set.rules[candidate.rule as usize];
            let holds = match &rule.when {
                None => Ok(true),
                Some(when) if when.plain.is_empty() && when.windowed.is_empty() => Ok(true),
                Some(when) => {
                    self.scratch.arena.reset();
                    holds(case, state, rule, when, (&mut self.lets, &mut self.keys, &self.scratch))
                }
            };
            match holds {
                Ok(true) => self.found.push(Found { rule: candidate.rule, holds: Ok(()) }),
                Ok(false) => {}
                Err(e) => self.found.push(Found { rule: candidate.rule, holds: Err(e) }),
            }
        }
    }
}

/// Whether the rest of a condition holds. Windows are read only where what needs none does not decide.
fn holds(
    case: Case<'_>,
    state: &State,
    rule: &Rule,
    when: &When,
    (lets, keys, scratch): (&mut Vec<LetValue>, &mut KeyBytes, &Scratch),
) -> Result<bool, EvalError> {
    let plain = {
        let scope = case.scope(&[], scratch);
        absorbing(&when.plain, false, |of| evaluate(&when.program, &scope, of)?.as_bool())
    };
    if plain == Ok(false) || when.windowed.is_empty() {
        return plain;
    }
    read_lets(case, state, rule, (lets, keys, scratch));
    let scope = case.scope(lets, scratch);
    let windowed = absorbing(&when.windowed, false, |of| evaluate(&when.program, &scope, of)?.as_bool());
    match (plain, windowed) {
        (_, Ok(false)) => Ok(false),
        (Err(e), _) => Err(e),
        (Ok(_), windowed) => windowed,
    }
}

/// Reads a rule's windows at the event's time. For a late event they have no value.
pub(super) fn read_lets(
    case: Case<'_>,
    state: &State,
    rule: &Rule,
    (lets, keys, scratch): (&mut Vec<LetValue>, &mut KeyBytes, &Scratch),
) {
    lets.clear();
    scratch.let_bytes.borrow_mut().clear();
    for let_ in &rule.lets {
        let definition = &case.set.definitions[let_.definition as usize];
        let value = if case.late {
            LetValue::Failed(EvalError::Late)
        } else {
            match keys.make(definition, &let_.key, &case.scope(&[], scratch)) {
                Ok(key) => let_value(case, state, let_, key, scratch),
                Err(e) => LetValue::Failed(e),
            }
        };
        lets.push(value);
    }
}
