//! Gates: what may still hold back a rule whose condition holds, in their fixed order: active, variation, rollout, once,
//! cooldown, group, rate limit.
//!
//! In: a rule and the event. Out: a [`Passage`], or the first reason against it. Asking changes nothing; only a rule that fires
//! uses its gates ([`Evaluator::use_gates`]). Absent: commands.

use std::io::Write as _;

use super::settle::reason;
use super::{Case, Evaluator, KeyBytes};
use crate::expr::{EvalError, Program, Scratch, Value, evaluate};
use crate::identity::{bucket_of, once_identity};
use crate::ir::Mode;
use crate::outcome::{Outputs, Reason};
use crate::rule_set::{Arm, Gate, Kind, Rule, Variation};
use crate::state::State;

/// Gates that keep cells, of one rule: see [`Rule::cells`].
pub(super) const MAX_CELLS: usize = 4;

/// A rule's way through its gates.
pub(super) struct Passage<'a> {
    /// What was chosen of its variations.
    pub(super) arm: Option<&'a Arm>,
    /// The cells to be used, in the order of [`Rule::cells`].
    keys: [u128; MAX_CELLS],
}

/// A group of which a rule fired for the event at hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Won {
    group: u16,
    mode: Mode,
}

impl Evaluator {
    /// Asks the gates in their order, and leaves in `self.keys` what the command ids are made from.
    pub(super) fn gates<'a>(&mut self, case: Case<'a>, state: &State, rule: &'a Rule) -> Result<Passage<'a>, Reason> {
        let (keys, scratch) = (&mut self.keys, &self.scratch);
        active(case, state, rule)?;
        let arm = choose(case, &rule.variations, keys, scratch).map_err(reason)?;
        if arm.is_some_and(|arm| arm.holds_back) {
            return Err(Reason::Variation);
        }
        if let Some(rollout) = &rule.rollout
            && bucket(case, &rollout.salt, &rollout.key, keys, scratch).map_err(reason)? >= rollout.share
        {
            return Err(Reason::Rollout);
        }
        let mut passage = Passage { arm, keys: [0; MAX_CELLS] };
        let mut at = 0;
        let own = rule.once.iter().chain(&rule.cooldown);
        let limits = rule.limits.shared.iter().chain(&rule.limits.per_player);
        for gate in own {
            passage.keys[at] = cell(case, state, gate, keys, scratch)?;
            at += 1;
        }
        if is_won(&self.won, rule) {
            return Err(Reason::Group);
        }
        for gate in limits {
            passage.keys[at] = cell(case, state, gate, keys, scratch)?;
            at += 1;
        }
        self.name(case, rule)?;
        Ok(passage)
    }

    /// Leaves in `self.keys` what the command ids are made from: the key and period of `once`, or the player and the event.
    fn name(&mut self, case: Case<'_>, rule: &Rule) -> Result<(), Reason> {
        let keys = &mut self.keys;
        keys.identity.clear();
        match &rule.once {
            Some(gate) => {
                // Another gate's key may stand in the buffer by now.
                let definition = &case.set.definitions[gate.definition as usize];
                let scope = case.scope(&[], &self.scratch);
                keys.make(definition, &gate.key, &scope).map_err(reason)?;
                let Kind::Once { generation, .. } = definition.kind else {
                    unreachable!("loading refuses a `once` of another kind")
                };
                keys.identity.extend_from_slice(&once_identity(generation, definition.period(case.time)));
            }
            None => {
                keys.key.clear();
                keys.key.extend_from_slice(&case.event.player.0.to_le_bytes());
                case.event.id.write_canonical(&mut keys.identity);
            }
        }
        Ok(())
    }

    /// Uses the gates of a rule that fires.
    pub(super) fn use_gates(
        &mut self,
        case: Case<'_>,
        state: &mut State,
        rule: &Rule,
        passage: &Passage<'_>,
        out: &mut Outputs,
    ) {
        for (gate, key) in rule.cells().zip(passage.keys) {
            state.consume(&case.touch(gate.definition, key), &mut out.deltas);
        }
        if let Some(group) = rule.group {
            self.won.push(Won { group, mode: rule.info.mode });
        }
    }
}

/// Whether another rule of the group fired. What runs in shadow holds back nothing but shadows.
fn is_won(won: &[Won], rule: &Rule) -> bool {
    let counts =
        |won: &Won| Some(won.group) == rule.group && (won.mode == Mode::Live || rule.info.mode == Mode::Shadow);
    won.iter().any(counts)
}

pub(super) fn active(case: Case<'_>, state: &State, rule: &Rule) -> Result<(), Reason> {
    let Some(schedule) = &rule.active else { return Ok(()) };
    let zone = schedule.zone_for(case.set, &case.event.conn.region);
    schedule.check(zone, &case.set.calendars, state.now()).map_err(|_| Reason::Active)
}

/// The arm of the first variation whose condition holds.
pub(super) fn choose<'a>(
    case: Case<'a>,
    variations: &'a [Variation],
    keys: &mut KeyBytes,
    scratch: &Scratch,
) -> Result<Option<&'a Arm>, EvalError> {
    for variation in variations {
        let scope = case.scope(&[], scratch);
        let holds = variation.when.as_ref().map_or(Ok(true), |when| evaluate(when, &scope, when.root())?.as_bool());
        if !holds? {
            continue;
        }
        let [_, _, ..] = &variation.arms[..] else { return Ok(variation.arms.first()) };
        let bucket = bucket(case, &variation.salt, &variation.key, keys, scratch)?;
        let mut end = 0;
        return Ok(variation.arms.iter().find(|arm| {
            end += arm.share;
            bucket < end
        }));
    }
    Ok(None)
}

/// The bucket of a key: text as it is, numbers and booleans as text, parts apart by a zero byte.
pub(super) fn bucket(
    case: Case<'_>,
    salt: &str,
    key: &[Program],
    keys: &mut KeyBytes,
    scratch: &Scratch,
) -> Result<u32, EvalError> {
    let scope = case.scope(&[], scratch);
    let bytes = &mut keys.key;
    bytes.clear();
    bytes.extend_from_slice(salt.as_bytes());
    for part in key {
        bytes.push(0);
        let written = match evaluate(part, &scope, part.root())? {
            Value::String(text) => bytes.write_all(text.as_bytes()),
            Value::Int(n) => write!(bytes, "{n}"),
            Value::Uint(n) => write!(bytes, "{n}"),
            Value::Bool(b) => write!(bytes, "{b}"),
            _ => return Err(EvalError::NoSuchOverload),
        };
        written.expect("INVARIANT: writing to a vector does not fail");
    }
    Ok(bucket_of(bytes))
}

/// Whether a gate that keeps cells lets the event through, and the hash of its key.
pub(super) fn cell(
    case: Case<'_>,
    state: &State,
    gate: &Gate,
    keys: &mut KeyBytes,
    scratch: &Scratch,
) -> Result<u128, Reason> {
    let definition = &case.set.definitions[gate.definition as usize];
    let key = keys.make(definition, &gate.key, &case.scope(&[], scratch)).map_err(reason)?;
    state.gate(&case.touch(gate.definition, key))?;
    Ok(key)
}
