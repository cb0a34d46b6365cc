//! Winners: what becomes of the rules whose conditions hold, once their gates are asked.

use edge_event::{Action as Order, Command};
use edge_mutant::mutant;

use super::find::read_lets;
use super::{Case, Evaluator};
use crate::expr::EvalError;
use crate::ir::{Mode, limits};
use crate::outcome::{Outputs, Reason, RuleIndex};
use crate::rule_set::Rule;
use crate::state::State;

/// Id, times, priority and lengths of one command.
const COMMAND_BYTES: usize = 96;
/// The cell of a gate that is used, and of one that it pushes out.
const GATE_BYTES: usize = 256;

impl Evaluator {
    /// Goes through `self.found` in emission order.
    pub(super) fn settle(&mut self, case: Case<'_>, state: &mut State, out: &mut Outputs) {
        self.won.clear();
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
        let case = Case { arm: passage.arm, ..case };
        read_lets(case, state, rule, (&mut self.lets, &mut self.keys, &self.scratch));
        let made = self.make_commands(case, rule).map_err(reason);
        if !mutant!(GateUsedOnRefusal) {
            made?;
        }
        let gates = rule.cells().count();
        let commands = self.pending.iter().filter(|c| c.action.is_durable()).map(command_bytes).sum::<usize>();
        let bytes = gates * GATE_BYTES + commands;
        if out.record_bytes + bytes > limits::MAX_EVENT_BYTES {
            return Err(Reason::Capacity);
        }
        // Nothing can fail any more: now the gates are used.
        out.record_bytes += bytes;
        self.use_gates(case, state, rule, &passage, out);
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

pub(super) fn reason(error: EvalError) -> Reason {
    match error {
        EvalError::Late => Reason::Late,
        _ => Reason::Error,
    }
}
