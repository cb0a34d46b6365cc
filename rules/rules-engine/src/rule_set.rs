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
use crate::index::Index;
use crate::ir::{CalendarIr, ConstIr, Mode, Period, RegionsIr, Scope, Window, ZoneRef};
use crate::outcome::{RuleIndex, WorstCase};
use crate::schedule::Schedule;
use crate::state::{Bounds, Gathering, Layout, Rate, Span};
use crate::zone::{Unit, Zone};

/// See the file's head. Made by [`RuleSet::load`].
pub struct RuleSet {
    pub(crate) identity: [u8; 32],
    pub(crate) tenant: Arc<str>,
    pub(crate) revision: u64,
    pub(crate) lateness_ms: u32,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) pools: Pools,
    pub(crate) zones: Vec<Zone>,
    pub(crate) regions: Vec<RegionsIr>,
    pub(crate) calendars: Vec<CalendarIr>,
    /// Names of the groups.
    pub(crate) groups: Vec<String>,
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
    /// Whom to call when it does harm; empty: the owner.
    pub contact: String,
    /// What it cannot do without: `rule`, `package/rule` or `workflow.Type`.
    pub depends_on: Vec<String>,
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
    Feed { gathering: Gathering, window: Window },
    Once { generation: u32, period_ms: Option<u64> },
    Cooldown { duration_ms: u64 },
    Rate { count: u32, period_ms: u64, burst: u32 },
}

/// What happens on one event type.
pub(crate) struct Partition {
    pub(crate) event_type: EventTypeId,
    pub(crate) extractor: Extractor,
    pub(crate) feeds: Vec<Feed>,
    /// Its rules.
    pub(crate) rules: Vec<u32>,
    /// What is asked of each of them first.
    pub(crate) candidates: Vec<Candidate>,
    /// Tests of all candidates, one after the other.
    pub(crate) tests: Vec<Test>,
    /// Which of the candidates an event may concern. Shared with the rule sets before and after where their tests are the same.
    pub(crate) index: Arc<Index>,
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

/// What is asked of a rule first.
pub(crate) struct Candidate {
    /// All must hold.
    pub(crate) tests: Range<u32>,
    /// Whether its condition has more than tests.
    pub(crate) has_rest: bool,
}

pub(crate) struct Rule {
    pub(crate) info: RuleInfo,
    pub(crate) when: Option<When>,
    pub(crate) lets: Vec<Let>,
    pub(crate) active: Option<Schedule>,
    pub(crate) variations: Vec<Variation>,
    pub(crate) rollout: Option<Rollout>,
    pub(crate) once: Option<Gate>,
    pub(crate) cooldown: Option<Gate>,
    /// A group of [`RuleSet::groups`].
    pub(crate) group: Option<u16>,
    pub(crate) limits: Limits,
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

/// As [`ir::RolloutIr`](crate::ir::RolloutIr), checked.
pub(crate) struct Rollout {
    pub(crate) share: u32,
    pub(crate) salt: String,
    pub(crate) key: Vec<Program>,
}

/// As [`ir::VariationIr`](crate::ir::VariationIr), checked.
pub(crate) struct Variation {
    pub(crate) when: Option<Program>,
    pub(crate) salt: String,
    pub(crate) key: Vec<Program>,
    pub(crate) arms: Vec<Arm>,
}

/// What is chosen of a variation.
pub(crate) struct Arm {
    pub(crate) name: String,
    pub(crate) share: u32,
    /// Rising by the parameter.
    pub(crate) params: Vec<(u16, ConstIr)>,
    pub(crate) holds_back: bool,
}

/// `rate_limit`: for all who share it, and for each player.
#[derive(Default)]
pub(crate) struct Limits {
    pub(crate) shared: Option<Gate>,
    pub(crate) per_player: Option<Gate>,
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

    /// The time zones that it brought along, in the order of the intermediate form.
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    /// The name of the exclusive group that a rule is a member of, with its package: `eu.retention/rewards`.
    pub fn group_of(&self, at: RuleIndex) -> Option<&str> {
        self.rules[at.0 as usize].group.map(|group| self.groups[usize::from(group)].as_str())
    }

    /// Names of the definitions with the stable ids under which their cells are kept.
    pub fn definition_names(&self) -> impl Iterator<Item = (u64, &str)> {
        self.definitions.iter().map(|d| (d.id, d.name.as_str()))
    }

    /// Memory of the indices of all event types, in bytes.
    pub fn index_bytes(&self) -> usize {
        self.partitions.iter().map(|partition| partition.index.bytes()).sum()
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

impl Rule {
    /// Its gates that keep cells, in the order in which they are asked.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &Gate> {
        [&self.once, &self.cooldown, &self.limits.shared, &self.limits.per_player].into_iter().flatten()
    }
}

impl RuleSet {
    /// Whose clock a zone is for a player of this region.
    pub(crate) fn zone_for(&self, zone: ZoneRef, region: &str) -> &Zone {
        let zone = match zone {
            ZoneRef::Zone(zone) => zone,
            ZoneRef::Region(table) => {
                let RegionsIr { zones, others } = &self.regions[usize::from(table)];
                let at = zones.binary_search_by(|(name, _)| name.as_str().cmp(region));
                at.map_or(*others, |at| zones[at].1)
            }
        };
        &self.zones[usize::from(zone)]
    }

    /// For how long the events of a feed count, for a player of this region.
    pub(crate) fn span(&self, window: Window, region: &str) -> Span<'_> {
        match window {
            Window::Sliding { within_ms } => Span::Sliding { within_ms },
            Window::Session { gap_ms } => Span::Session { gap_ms },
            Window::Tumbling { period, zone } => {
                let unit = match period {
                    Period::Hour => Unit::Hour,
                    Period::Day => Unit::Day,
                    Period::Week => Unit::Week,
                    Period::Month => Unit::Month,
                };
                Span::Tumbling { unit, zone: self.zone_for(zone, region) }
            }
            Window::Ever => Span::Ever,
        }
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

    /// The part of a rate limit that one of `shards` has.
    pub(crate) fn rate(&self, shards: u16) -> Option<Rate> {
        let Kind::Rate { count, period_ms, burst } = self.kind else { return None };
        Some(Rate::new(count, period_ms, burst, if self.scope == Scope::Region { shards } else { 1 }))
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
