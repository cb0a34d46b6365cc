//! The slow path: what a rule makes of an event, with values, for people.
//!
//! Runs against the state as it is and changes nothing: call it after the event was evaluated to see what the event saw
//! (its gates then already know of its own passage), or before to see what it would find.

use edge_event::Event;

pub use super::answer::GateAnswer;
use super::answer::ask_all;
use super::find::read_lets;
use super::{Case, KeyBytes, bounded_time};
use crate::expr::{EvalError, LetValue, Scratch, Value, evaluate};
use crate::ir::Node;
use crate::json::write_value;
use crate::outcome::RuleIndex;
use crate::rule_set::{Rule, RuleSet};
use crate::state::State;

/// Longest value that is shown. Bytes of JSON.
const SHOWN_BYTES: usize = 512;

/// What a rule makes of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// Whether the event came too late for windows.
    pub late: bool,
    /// Each `let` with its value as JSON.
    pub lets: Vec<(String, Result<String, EvalError>)>,
    /// Each field that the event type's rules read, by its path, as JSON.
    pub fields: Vec<(String, String)>,
    /// Each conjunct of `when`: its node, and whether it holds.
    pub conjuncts: Vec<(u32, Result<bool, EvalError>)>,
    /// Each node of `when` outside of macros with its value as JSON, where it can be shown.
    pub nodes: Vec<(u32, Result<String, EvalError>)>,
    /// Whether the condition holds.
    pub holds: Result<bool, EvalError>,
    /// What the gates say now.
    pub gates: Vec<GateAnswer>,
}

/// Explains one rule on one event; `None` where the rule is not about the event's type or the payload cannot be read.
pub fn explain(set: &RuleSet, state: &State, event: &Event, rule: RuleIndex) -> Option<Explanation> {
    let rule = set.rules.get(rule.0 as usize).filter(|r| r.info.on == event.event_type)?;
    let partition = set.partition(event.event_type)?;
    let mut slots = Vec::new();
    partition.extractor.extract(&event.payload, &mut slots).ok()?;
    let (time, late) = bounded_time(event, set.lateness_ms);
    let case = Case { set, partition, event, slots: &slots, time, late, arm: None };
    let (scratch, mut lets, mut keys) = (Scratch::default(), Vec::new(), KeyBytes::default());
    read_lets(case, state, rule, (&mut lets, &mut keys, &scratch));
    Some(Explanation {
        late,
        lets: lets_shown(case, rule, &lets, &scratch),
        fields: fields(case, &scratch),
        conjuncts: conjuncts(case, rule, &lets, &scratch),
        nodes: nodes(case, rule, &lets, &scratch),
        holds: rule.when.as_ref().map_or(Ok(true), |when| {
            evaluate(&when.program, &case.scope(&lets, &scratch), when.program.root())?.as_bool()
        }),
        gates: ask_all(case, state, rule, &mut keys, &scratch),
    })
}

fn lets_shown(
    case: Case<'_>,
    rule: &Rule,
    lets: &[LetValue],
    scratch: &Scratch,
) -> Vec<(String, Result<String, EvalError>)> {
    let shown = |at: u16| case.scope(lets, scratch).let_value(at).and_then(show);
    rule.lets.iter().zip(0..).map(|(l, at)| (l.name.clone(), shown(at))).collect()
}

fn fields(case: Case<'_>, scratch: &Scratch) -> Vec<(String, String)> {
    let paths = case.partition.extractor.slots();
    let scope = case.scope(&[], scratch);
    let shown = |slot: usize| scope.field(slot as u16).and_then(show).unwrap_or_else(|e| format!("({e})"));
    paths.iter().enumerate().map(|(slot, path)| (path.text.clone(), shown(slot))).collect()
}

fn show(value: Value<'_>) -> Result<String, EvalError> {
    let mut text = String::new();
    if matches!(value, Value::Message { .. }) {
        return Ok("(message)".to_owned());
    }
    match write_value(value, &mut text, SHOWN_BYTES) {
        Err(EvalError::TooLarge) => Ok("(large value)".to_owned()),
        Err(e) => Err(e),
        Ok(()) => Ok(text),
    }
}

fn conjuncts(case: Case<'_>, rule: &Rule, lets: &[LetValue], scratch: &Scratch) -> Vec<(u32, Result<bool, EvalError>)> {
    let Some(when) = &rule.when else { return Vec::new() };
    let holds = |at: u32| evaluate(&when.program, &case.scope(lets, scratch), at)?.as_bool();
    when.conjuncts.iter().map(|at| (*at, holds(*at))).collect()
}

fn nodes(case: Case<'_>, rule: &Rule, lets: &[LetValue], scratch: &Scratch) -> Vec<(u32, Result<String, EvalError>)> {
    let Some(when) = &rule.when else { return Vec::new() };
    let inside_macro = inside_macros(&when.program.nodes);
    let shown = |at: u32| evaluate(&when.program, &case.scope(lets, scratch), at).and_then(show);
    (0..when.program.nodes.len() as u32).filter(|at| !inside_macro[*at as usize]).map(|at| (at, shown(at))).collect()
}

/// Which nodes depend on a macro's variable being bound: everything under a macro but its range.
fn inside_macros(nodes: &[Node]) -> Vec<bool> {
    let mut inside = vec![false; nodes.len()];
    // Parents come after their operands, so one pass from the root down suffices.
    for at in (0..nodes.len()).rev() {
        let outer = inside[at];
        match &nodes[at] {
            Node::Comprehension { range, predicate, transform, .. } => {
                inside[*range as usize] |= outer;
                predicate.iter().chain(transform).for_each(|of| inside[*of as usize] = true);
            }
            node => node.operands(|of| inside[of as usize] |= outer),
        }
    }
    inside
}
