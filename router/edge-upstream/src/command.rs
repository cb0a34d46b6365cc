//! A command in its place.

use std::fmt;
use std::sync::Arc;

use edge_event::{Action, Command, EventId, Lane, Position, Priority};

/// The place of a command in one spool: its record, and its index among the record's commands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Place {
    /// The record.
    pub position: Position,
    /// Counts the record's commands from 0.
    pub index: u16,
}

/// One command on its way up, with all that an upstream or an operator may want to know of where it comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LaneCommand {
    /// Rises along a lane and priority; a resend keeps it.
    pub place: Place,
    /// The lane.
    pub lane: Lane,
    /// The priority its record travels with: the most urgent of the record's commands.
    pub priority: Priority,
    /// The rule-set revision that ordered it.
    pub revision: u64,
    /// The event that ordered it.
    pub event: EventId,
    /// How many best-effort commands of this lane were shed right before this one.
    pub skipped: u64,
    /// Why an upstream will never take it; set on the way to the quarantine.
    pub rejected: Option<Arc<str>>,
    /// What to do.
    pub command: Command,
}

impl LaneCommand {
    /// What it weighs in the bounds on memory, in bytes: its texts and its body, and a flat rate for the rest.
    pub(crate) fn bytes(&self) -> usize {
        const FLAT_BYTES: usize = 512;
        let command = &self.command;
        let texts = command.package.len() + command.rule.len() + command.player.len();
        let action = match &command.action {
            Action::StartWorkflow { workflow, workflow_id, input } => workflow.len() + workflow_id.len() + input.len(),
            Action::SignalWorkflow { workflow_id, signal, input } => workflow_id.len() + signal.len() + input.len(),
            Action::CancelWorkflow { workflow_id } => workflow_id.len(),
            Action::Publish { topic, message } => topic.len() + message.len(),
            Action::Reply { name, body } => name.len() + body.len(),
        };
        FLAT_BYTES + texts + action
    }
}

/// `epoch-n-index` in hexadecimal of fixed width: sorts as text in the order of the log.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:016x}-{:04x}", self.position.epoch.0, self.position.n, self.index)
    }
}

impl Place {
    /// The inverse of `Display`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Place> {
        let mut parts = text.split('-').map(|hex| u64::from_str_radix(hex, 16).ok());
        let (epoch, n, index) = (parts.next()??, parts.next()??, parts.next()??);
        let position = Position { epoch: edge_event::StartEpoch(epoch), n };
        let place = Place { position, index: u16::try_from(index).ok()? };
        (parts.next().is_none() && place.to_string() == text).then_some(place)
    }
}
