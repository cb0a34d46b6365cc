//! What a rule orders.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::UnixMillis;

/// Sixteen bytes by which every consumer drops duplicates: a hash over tenant, package, rule, key, the event's identity
/// and the action's index (for `once`: the generation of the gate instead of identity). `rules-engine` computes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct CommandId(pub [u8; 16]);

/// How urgent a command is. The order of the variants is the order of urgency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
#[repr(u8)]
pub enum Priority {
    /// Money and safety.
    P0 = 0,
    /// A player waits for it.
    P1 = 1,
    /// The default.
    #[default]
    P2 = 2,
    /// Whenever there is room.
    P3 = 3,
    /// May be shed under pressure, counted.
    BestEffort = 4,
}

/// One order of a rule, complete: an upstream needs nothing else to carry it out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// Its name for ever.
    pub id: CommandId,
    /// The package of the rule, e.g. `eu.retention`.
    pub package: Arc<str>,
    /// The rule's id inside the package.
    pub rule: Arc<str>,
    /// Index of the action within the rule.
    pub action_index: u16,
    /// The player it is about.
    pub player: Arc<str>,
    /// How urgent.
    pub priority: Priority,
    /// The time of the event that ordered it.
    pub time: UnixMillis,
    /// After this it is counted as expired, not executed.
    pub deadline: Option<UnixMillis>,
    /// What to do.
    pub action: Action,
}

/// What a command does. Bodies are canonical JSON (sorted keys, no white space), made by `rules-engine`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Start a workflow under an id.
    StartWorkflow {
        /// The workflow's type, e.g. `RageQuitOffer`.
        workflow: Arc<str>,
        /// The workflow's id.
        workflow_id: Arc<str>,
        /// JSON object.
        input: Bytes,
    },
    /// Signal a running workflow.
    SignalWorkflow {
        /// The workflow's id.
        workflow_id: Arc<str>,
        /// The signal's name.
        signal: Arc<str>,
        /// JSON object.
        input: Bytes,
    },
    /// Cancel a running workflow.
    CancelWorkflow {
        /// The workflow's id.
        workflow_id: Arc<str>,
    },
    /// Publish a message on a topic.
    Publish {
        /// E.g. `fraud.alerts.v1`.
        topic: Arc<str>,
        /// JSON object.
        message: Bytes,
    },
    /// Answer the client at once. Volatile: never spooled, outside the receipt's promise.
    Reply {
        /// The name the client matches on.
        name: Arc<str>,
        /// JSON object.
        body: Bytes,
    },
}

impl Action {
    /// Gives the body memory of its own. Decoded bodies are slices of what they were read from, and keep the whole of it alive:
    /// whoever keeps a command for long calls this first.
    pub fn detach(&mut self) {
        let body = match self {
            Action::StartWorkflow { input, .. } | Action::SignalWorkflow { input, .. } => input,
            Action::Publish { message, .. } => message,
            Action::Reply { body, .. } => body,
            Action::CancelWorkflow { .. } => return,
        };
        *body = Bytes::copy_from_slice(body);
    }
}

impl Priority {
    /// The inverse of `as u8`.
    pub const fn from_u8(n: u8) -> Option<Priority> {
        match n {
            0 => Some(Priority::P0),
            1 => Some(Priority::P1),
            2 => Some(Priority::P2),
            3 => Some(Priority::P3),
            4 => Some(Priority::BestEffort),
            _ => None,
        }
    }
}

impl Action {
    /// Whether the command goes to the spool; a reply does not.
    pub const fn is_durable(&self) -> bool {
        !matches!(self, Action::Reply { .. })
    }

    /// A stable lower-case word for metrics and CloudEvents types.
    pub const fn kind(&self) -> &'static str {
        match self {
            Action::StartWorkflow { .. } => "start_workflow",
            Action::SignalWorkflow { .. } => "signal_workflow",
            Action::CancelWorkflow { .. } => "cancel_workflow",
            Action::Publish { .. } => "publish",
            Action::Reply { .. } => "reply",
        }
    }
}

/// Lower-case hexadecimal, 32 digits.
impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
