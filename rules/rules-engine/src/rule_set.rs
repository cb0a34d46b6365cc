//! A rule set, loaded: immutable, shared by all shards, replaced whole.
//!
//! For each event type that matters there is one [`Partition`]: what to read of the payload, which windows to feed, which
//! rules to try and with which tests first. Rules stand in emission order: falling precedence, then package, then id.
//! Deliberately absent: state, and the way from the intermediate form to here (see [`load`](crate::load)).

use std::ops::Range;
use std::sync::Arc;

use edge_event::{EventTypeId, Priority, UnixMillis};
use rules_catalogue::{Catalogue, Extractor};

use crate::compact::Test;
use crate::expr::{Pools, Program};
use crate::ir::{Mode, Scope};
use crate::outcome::{RuleIndex, WorstCase};
use crate::state::{Bounds, Gathering, Layout, Span};

/// See the file's head. Made by [`RuleSet::load`].
pub struct RuleSet {
    pub(crate) identity: [u8; 32],
    pub(crate) tenant: Arc<str>,
    pub(crate) revision: u64,
    pub(crate) lateness_ms: u32,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) pools: Pools,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) partitions: Vec<Partition>,
    /// `by_type[event type id]` is a partition, or [`NO_PARTITION`].
    pub(crate) by_type: Vec<u16>,
}

pub(crate) const NO_PARTITION: u16 = u16::MAX;

/// A rule's names and traits, for metrics, traces and lists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleInfo {
    /// The package.
    pub package: Arc<str>,
    /// The id inside the package.
    pub id: Arc<str>,
    /// The trigger.
    pub on: EventTypeId,
    /// One line for people.
    pub doc: String,
    /// Whom to ask.
    pub owner: String,
    /// Free words.
    pub tags: Vec<String>,
    /// Live or shadow.
    pub mode: Mode,
    /// Higher goes first.
    pub precedence: i32,
}

/// State that the set uses.
pub(crate) struct Definition {
    /// Under which its cells are kept; a shadow rule's gates have others than its live form's.
    pub(crate) id: u64,
    /// `package/name`.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) scope: Scope,
    pub(crate) layout: Layout,
    pub(crate) durable: bool,
    pub(crate) bounds: Bounds,
    /// A cell that was not written for so long answers as if it were not there. `None`: never.
    pub(crate) ttl_ms: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Feed { gathering: Gathering, span: Span },
    Once { generation: u32, period_ms: Option<u64> },
    Cooldown { duration_ms: u64 },
}

/// What happens on one event type.
pub(crate) struct Partition {
    pub(crate) event_type: EventTypeId,
    pub(crate) extractor: Extractor,
    pub(crate) feeds: Vec<Feed>,
    pub(crate) candidates: Vec<Candidate>,
    /// Tests of all candidates, one after the other.
    pub(crate) tests: Vec<Test>,
    pub(crate) worst_case: WorstCase,
}

/// A feed of the event type.
pub(crate) struct Feed {
    pub(crate) definition: u32,
    pub(crate) filter: Option<Program>,
    pub(crate) key: Vec<Program>,
    /// What it gathers; absent where events alone are gathered.
    pub(crate) operand: Option<Program>,
}

/// A rule to try.
pub(crate) struct Candidate {
    pub(crate) rule: u32,
    /// All must hold.
    pub(crate) tests: Range<u32>,
}

pub(crate) struct Rule {
    pub(crate) info: RuleInfo,
    pub(crate) when: Option<When>,
    pub(crate) lets: Vec<Let>,
    pub(crate) once: Option<Gate>,
    pub(crate) cooldown: Option<Gate>,
    pub(crate) actions: Vec<Action>,
}

/// A condition, cut into its conjuncts.
pub(crate) struct When {
    pub(crate) program: Program,
    /// All conjuncts (nodes), in the author's order: for explanations.
    pub(crate) conjuncts: Vec<u32>,
    /// Those that are no [`Test`] and read no window.
    pub(crate) plain: Vec<u32>,
    /// Those that read windows.
    pub(crate) windowed: Vec<u32>,
}

pub(crate) struct Let {
    pub(crate) name: String,
    pub(crate) definition: u32,
    pub(crate) key: Vec<Program>,
    /// A constant: what is read where the window is empty.
    pub(crate) default: Option<u32>,
}

pub(crate) struct Gate {
    pub(crate) definition: u32,
    pub(crate) key: Vec<Program>,
}

pub(crate) struct Action {
    pub(crate) kind: ActionKind,
    pub(crate) id: Option<Program>,
    pub(crate) template: Vec<TemplateStep>,
    pub(crate) priority: Priority,
    pub(crate) deadline_ms: Option<u64>,
}

/// As [`ir::ActionKind`](crate::ir::ActionKind), with shared names.
pub(crate) enum ActionKind {
    StartWorkflow(Arc<str>),
    SignalWorkflow(Arc<str>),
    CancelWorkflow,
    Publish(Arc<str>),
    Reply(Arc<str>),
}

/// Text that is known, or a value that is not.
pub(crate) enum TemplateStep {
    Text(String),
    Value(Program),
}

impl RuleSet {
    /// Digest of the intermediate form: two rule sets with one identity decide alike.
    pub fn identity(&self) -> &[u8; 32] {
        &self.identity
    }

    /// Whose rules these are.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Rises with every build that is put to service.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The catalogue it was loaded with.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// Its rules in emission order, without those that are not enabled.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = (RuleIndex, &RuleInfo)> + Clone {
        self.rules.iter().enumerate().map(|(at, rule)| (RuleIndex(at as u32), &rule.info))
    }

    /// One rule.
    ///
    /// # Panics
    /// With an index of another rule set.
    pub fn rule(&self, at: RuleIndex) -> &RuleInfo {
        &self.rules[at.0 as usize].info
    }

    /// The rule of a name.
    pub fn find_rule(&self, package: &str, id: &str) -> Option<RuleIndex> {
        self.rules().find(|(_, info)| &*info.package == package && &*info.id == id).map(|(at, _)| at)
    }

    /// The most that one event of a type can leave behind: reserve it before evaluating. Zeros where no rule cares.
    pub fn worst_case(&self, event_type: EventTypeId) -> WorstCase {
        self.partition(event_type).map_or_else(WorstCase::default, |p| p.worst_case)
    }

    /// The most of each figure over all event types.
    pub fn worst_case_of_any(&self) -> WorstCase {
        self.partitions.iter().fold(WorstCase::default(), |most, p| WorstCase {
            records: most.records.max(p.worst_case.records),
            commands: most.commands.max(p.worst_case.commands),
            replies: most.replies.max(p.worst_case.replies),
            deltas: most.deltas.max(p.worst_case.deltas),
            bytes: most.bytes.max(p.worst_case.bytes),
        })
    }

    /// Names of the definitions with the stable ids under which their cells are kept.
    pub fn definition_names(&self) -> impl Iterator<Item = (u64, &str)> {
        self.definitions.iter().map(|d| (d.id, d.name.as_str()))
    }

    pub(crate) fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    #[inline]
    pub(crate) fn partition(&self, event_type: EventTypeId) -> Option<&Partition> {
        let at = self.partition_index(event_type)?;
        self.partitions.get(at)
    }

    #[inline]
    pub(crate) fn partition_index(&self, event_type: EventTypeId) -> Option<usize> {
        let at = *self.by_type.get(event_type.0 as usize)?;
        (at != NO_PARTITION).then_some(usize::from(at))
    }
}

impl Definition {
    /// The period of a `once` gate that a time falls into; 0 where there is only one.
    pub(crate) fn period(&self, time: UnixMillis) -> i64 {
        match self.kind {
            Kind::Once { period_ms: Some(period_ms), .. } => time.0.div_euclid(period_ms as i64),
            _ => 0,
        }
    }
}

impl std::fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleSet")
            .field("tenant", &self.tenant)
            .field("revision", &self.revision)
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}
