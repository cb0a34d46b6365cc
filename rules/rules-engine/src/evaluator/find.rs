//! Which rules' conditions hold.
//!
//! Reads state, changes none, knows no gate and emits nothing. Rules come out in emission order, and those whose condition
//! failed with an error come out with it. Each rule is asked in one place, whether the index chose it or, in the linear
//! evaluator, nothing chooses: the two differ in what they do not ask.

use super::lets::let_value;
use super::{Case, Evaluator, Found, KeyBytes};
use crate::expr::{EvalError, LetValue, Scratch, absorbing, evaluate};
use crate::index::{Look, OpenTests};
use crate::rule_set::{Candidate, Partition, Rule, When};
use crate::state::State;

impl Evaluator {
    /// Leaves the rules whose conditions hold or fail in `self.found`.
    pub(super) fn find(&mut self, case: Case<'_>, state: &State) {
        self.found.clear();
        let Partition { rules, index, .. } = case.partition;
        if self.is_linear {
            return (0..rules.len() as u32).for_each(|at| self.ask(case, state, at, OpenTests::ALL));
        }
        let mut selected = std::mem::take(&mut self.selected);
        let look = Look { slots: case.slots, paths: case.partition.extractor.slots(), event: case.event };
        index.select(look, &mut selected);
        for of in &selected {
            if of.open().is_empty() {
                self.found.push(Found { rule: rules[of.rule() as usize], holds: Ok(()) });
            } else {
                self.ask(case, state, of.rule(), of.open());
            }
        }
        self.selected = selected;
    }

    /// Asks one of the event type's rules: its open tests first (the others are known to hold), then what is no test.
    fn ask(&mut self, case: Case<'_>, state: &State, at: u32, open: OpenTests) {
        let (pools, paths) = (&case.set.pools, case.partition.extractor.slots());
        let Candidate { tests, has_rest } = &case.partition.candidates[at as usize];
        let tests = &case.partition.tests[tests.start as usize..tests.end as usize];
        let mut asked = tests.iter().enumerate().filter(|(at, _)| open.has(*at));
        if !asked.all(|(_, test)| test.holds(pools, paths, case.slots, case.event)) {
            return;
        }
        let index = case.partition.rules[at as usize];
        if !has_rest {
            return self.found.push(Found { rule: index, holds: Ok(()) });
        }
        let rule = &case.set.rules[index as usize];
        let holds = rule.when.as_ref().map_or(Ok(true), |when| {
            self.scratch.arena.reset();
            holds(case, state, rule, when, (&mut self.lets, &mut self.keys, &self.scratch))
        });
        match holds {
            Ok(true) => self.found.push(Found { rule: index, holds: Ok(()) }),
            Ok(false) => {}
            Err(e) => self.found.push(Found { rule: index, holds: Err(e) }),
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
