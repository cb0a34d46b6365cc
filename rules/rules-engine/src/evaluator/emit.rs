//! Commands of one rule: ids, workflow ids, canonical bodies.

use std::sync::Arc;

use bytes::Bytes;
use edge_event::{Action as Order, Command, UnixMillis};

use super::{Case, Evaluator};
use crate::expr::{EvalError, evaluate};
use crate::identity::{CommandName, command_id};
use crate::ir::limits;
use crate::json::write_value;
use crate::rule_set::{Action, ActionKind, Rule, TemplateStep};

impl Evaluator {
    /// Leaves the commands of a rule in `self.pending`, all or none. `self.lets` holds its windows' values, `self.keys` what
    /// the ids are made from.
    pub(super) fn make_commands(&mut self, case: Case<'_>, rule: &Rule) -> Result<(), EvalError> {
        self.pending.clear();
        for (index, action) in (0_u16..).zip(&rule.actions) {
            match self.make_command(case, rule, index, action) {
                Ok(command) => self.pending.push(command),
                Err(e) => {
                    self.pending.clear();
                    return Err(e);
                }
            }
        }
        Ok(())
    }

    fn make_command(&mut self, case: Case<'_>, rule: &Rule, index: u16, action: &Action) -> Result<Command, EvalError> {
        let id = command_id(&CommandName {
            tenant: &case.set.tenant,
            package: &rule.info.package,
            rule: &rule.info.id,
            key: &self.keys.key,
            identity: &self.keys.identity,
            action_index: index,
        });
        let order = self.make_order(case, action)?;
        let deadline = action.deadline_ms.map(|d| UnixMillis(case.time.0.saturating_add_unsigned(d)));
        Ok(Command {
            id,
            package: rule.info.package.clone(),
            rule: rule.info.id.clone(),
            action_index: index,
            player: case.event.subject.clone(),
            priority: action.priority,
            time: case.time,
            deadline,
            action: order,
        })
    }

    fn make_order(&mut self, case: Case<'_>, action: &Action) -> Result<Order, EvalError> {
        let scope = case.scope(&self.lets, &self.scratch);
        let workflow_id = match &action.id {
            None => Arc::from(""),
            Some(program) => {
                let id = evaluate(program, &scope, program.root())?.as_str()?;
                if id.is_empty() {
                    return Err(EvalError::BadConversion);
                }
                if id.len() > limits::MAX_WORKFLOW_ID_BYTES {
                    return Err(EvalError::TooLarge);
                }
                Arc::from(id)
            }
        };
        self.body.clear();
        for step in &action.template {
            match step {
                TemplateStep::Text(text) => self.body.push_str(text),
                TemplateStep::Value(program) => {
                    let value = evaluate(program, &scope, program.root())?;
                    write_value(value, &mut self.body, limits::MAX_BODY_BYTES)?;
                }
            }
        }
        if self.body.len() > limits::MAX_BODY_BYTES {
            return Err(EvalError::TooLarge);
        }
        let body = Bytes::copy_from_slice(self.body.as_bytes());
        Ok(match &action.kind {
            ActionKind::StartWorkflow(workflow) => {
                Order::StartWorkflow { workflow: workflow.clone(), workflow_id, input: body }
            }
            ActionKind::SignalWorkflow(signal) => {
                Order::SignalWorkflow { workflow_id, signal: signal.clone(), input: body }
            }
            ActionKind::CancelWorkflow => Order::CancelWorkflow { workflow_id },
            ActionKind::Publish(topic) => Order::Publish { topic: topic.clone(), message: body },
            ActionKind::Reply(name) => Order::Reply { name: name.clone(), body },
        })
    }
}
