//! Gates and winners: what becomes of the rules whose conditions hold.

use edge_event::{Action as Order, Command};
use edge_mutant::mutant;

use super::find::read_lets;
use super::{Case, Evaluator};
use crate::expr::EvalError;
use crate::identity::once_identity;
use crate::ir::{Mode, limits};
use crate::outcome::{Outputs, Reason, RuleIndex};
use crate::rule_set::{Gate, Kind, Rule};
use crate::state::State;

/// Id, times, priority and lengths of one command.
const COMMAND_BYTES: usize = 96;
/// The cell of a gate that is used, and of one that it pushes out.
const GATE_BYTES: usize = 256;

/// The gates that a winner uses, with the hashes of their keys.
#[derive(Clone, Copy, Default)]
struct Passage {
    once: Option<u128>,
    cooldown: Option<u128>,
}

impl Evaluator {
    /// Goes through `self.found` in emission order.
    pub(super) fn settle(&mut self, case: Case<'_>, state: &mut State, out: &mut Outputs) {
        for at in 0..self.found.len() {
            let found = &self.found[at];
            let index = RuleIndex(found.rule);
            let rule = &case.set.rules[found.rule as usize];
            let holds = found.holds;
            self.scratch.arena.reset();
            match holds.map_err(reason).and_then(|()| self.settle_rule(case, state, rule, out)) {
                Ok(()) => {
                    out.fired.push(index);
                    self.counters.fired(index);
                }
                Err(reason) => {
                    out.suppressed.push((index, reason));
                    self.counters.suppressed(index, reason);
                }
            }
        }
    }

    fn settle_rule(&mut self, case: Case<'_>, state: &mut State, rule: &Rule, out: &mut Outputs) -> Result<(), Reason> {
        let passage = self.gates(case, state, rule)?;
        read_lets(case, state, rule, (&mut self.lets, &mut self.keys, &self.scratch));
        let made = self.make_commands(case, rule).map_err(reason);
        if !mutant!(GateUsedOnRefusal) {
            made?;
        }
        let gates = usize::from(rule.once.is_some()) + usize::from(rule.cooldown.is_some());
        let commands = self.pending.iter().filter(|c| c.action.is_durable()).map(command_bytes).sum::<usize>();
        let bytes = gates * GATE_BYTES + commands;
        if out.record_bytes + bytes > limits::MAX_EVENT_BYTES {
            return Err(Reason::Capacity);
        }
        // Nothing can fail any more: now the gates are used.
        out.record_bytes += bytes;
        for (gate, key) in [(&rule.once, passage.once), (&rule.cooldown, passage.cooldown)] {
            if let (Some(gate), Some(key)) = (gate, key) {
                state.consume(&case.touch(gate.definition, key), &mut out.deltas);
            }
        }
        made?;
        if rule.info.mode == Mode::Shadow {
            out.shadow.append(&mut self.pending);
            return Err(Reason::Shadow);
        }
        for command in self.pending.drain(..) {
            if command.action.is_durable() {
                out.commands.push(command);
            } else {
                out.replies.push(command);
            }
        }
        Ok(())
    }

    /// Asks the gates in their order, and leaves in `self.keys` what the command ids are made from.
    fn gates(&mut self, case: Case<'_>, state: &State, rule: &Rule) -> Result<Passage, Reason> {
        let mut passage = Passage::default();
        self.keys.identity.clear();
        if let Some(gate) = &rule.once {
            passage.once = Some(self.gate(case, state, gate)?);
        }
        if let Some(gate) = &rule.cooldown {
            passage.cooldown = Some(self.gate(case, state, gate)?);
        }
        match &rule.once {
            Some(gate) => {
                // The cooldown's key may stand in the buffer by now.
                let definition = &case.set.definitions[gate.definition as usize];
                let scope = case.scope(&[], &self.scratch);
                self.keys.make(definition, &gate.key, &scope).map_err(reason)?;
                let Kind::Once { generation, .. } = definition.kind else {
                    unreachable!("loading refuses a `once` of another kind")
                };
                self.keys.identity.extend_from_slice(&once_identity(generation, definition.period(case.time)));
            }
            None => {
                self.keys.key.clear();
                self.keys.key.extend_from_slice(&case.event.player.0.to_le_bytes());
                case.event.id.write_canonical(&mut self.keys.identity);
            }
        }
        Ok(passage)
    }

    fn gate(&mut self, case: Case<'_>, state: &State, gate: &Gate) -> Result<u128, Reason> {
        let definition = &case.set.definitions[gate.definition as usize];
        let scope = case.scope(&[], &self.scratch);
        let key = self.keys.make(definition, &gate.key, &scope).map_err(reason)?;
        state.gate(&case.touch(gate.definition, key))?;
        Ok(key)
    }
}

/// About what a command takes in its event's record.
fn command_bytes(command: &Command) -> usize {
    let (words, body) = match &command.action {
        Order::StartWorkflow { workflow, workflow_id, input } => (workflow.len() + workflow_id.len(), input.len()),
        Order::SignalWorkflow { workflow_id, signal, input } => (workflow_id.len() + signal.len(), input.len()),
        Order::CancelWorkflow { workflow_id } => (workflow_id.len(), 0),
        Order::Publish { topic, message } => (topic.len(), message.len()),
        Order::Reply { name, body } => (name.len(), body.len()),
    };
    COMMAND_BYTES + command.package.len() + command.rule.len() + command.player.len() + words + body
}

fn reason(error: EvalError) -> Reason {
    match error {
        EvalError::Late => Reason::Late,
        _ => Reason::Error,
    }
}
