//! What an evaluation gives back: commands, deltas, what fired and what was held back, and the event's one place in the
//! ledger.

use edge_event::{Command, StateDelta, TimerSet, UnixMillis};

/// Index of a rule in [`RuleSet::rules`](crate::RuleSet::rules); only meaningful with the rule set that gave it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RuleIndex(pub u32);

/// Why a rule whose condition may have held ordered nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Reason {
    /// Its `once` gate was already used.
    Once = 0,
    /// Its `cooldown` has not passed.
    Cooldown = 1,
    /// The event came too late for the windows that the rule reads.
    Late = 2,
    /// It runs in shadow.
    Shadow = 3,
    /// Its condition or its command could not be computed.
    Error = 4,
    /// The gate's table is full, so its use could not be recorded; or the event's record is, by rules before this one.
    Capacity = 5,
    /// It is not active now.
    Active = 6,
    /// The variation that was chosen holds it back.
    Variation = 7,
    /// Its `rollout` does not let this key through.
    Rollout = 8,
    /// Another rule of its group fired for this event.
    Group = 9,
    /// It fired too often.
    RateLimit = 10,
}

/// How many [`Reason`]s there are.
pub const REASONS: usize = 11;

/// Where an event ends in the ledger: the first that fits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// At least one command (a reply counts) was ordered.
    Commanded,
    /// None was, and this is why the first rule (in emission order) that could have ordered did not.
    Suppressed(Reason),
    /// No rule's condition held.
    NoMatch,
}

/// What one evaluation leaves behind. Owned by the shard, cleared by each evaluation, its capacity kept.
#[derive(Default, Debug)]
pub struct Outputs {
    /// Durable commands in emission order.
    pub commands: Vec<Command>,
    /// Volatile commands in emission order.
    pub replies: Vec<Command>,
    /// What shadow rules would have ordered; goes nowhere but into traces and tests.
    pub shadow: Vec<Command>,
    /// New values of durable cells.
    pub deltas: Vec<StateDelta>,
    /// Timers set or cancelled.
    pub timers: Vec<TimerSet>,
    /// Rules that ordered something, in emission order.
    pub fired: Vec<RuleIndex>,
    /// Rules that were held back, in emission order.
    pub suppressed: Vec<(RuleIndex, Reason)>,
    /// Bytes of the commands and gates so far, about as the event's record will hold them.
    pub record_bytes: usize,
    /// The event's bounded time: goes into its record.
    pub time: UnixMillis,
}

/// The most that one event of a type can leave behind. Reserve it before evaluating.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WorstCase {
    /// Records in the spool: 0 or 1.
    pub records: u32,
    /// Durable commands.
    pub commands: u32,
    /// Replies.
    pub replies: u32,
    /// Durable cells changed.
    pub deltas: u32,
    /// Bytes of all bodies, ids and cell values together.
    pub bytes: u64,
}

impl Outputs {
    /// Whether the event needs a record.
    pub fn is_durable(&self) -> bool {
        !(self.commands.is_empty() && self.deltas.is_empty() && self.timers.is_empty())
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.commands.clear();
        self.replies.clear();
        self.shadow.clear();
        self.deltas.clear();
        self.timers.clear();
        self.fired.clear();
        self.suppressed.clear();
        self.record_bytes = 0;
        self.time = UnixMillis(0);
    }
}

impl Reason {
    /// All of them, in order of their numbers.
    pub const ALL: [Reason; REASONS] = [
        Reason::Once,
        Reason::Cooldown,
        Reason::Late,
        Reason::Shadow,
        Reason::Error,
        Reason::Capacity,
        Reason::Active,
        Reason::Variation,
        Reason::Rollout,
        Reason::Group,
        Reason::RateLimit,
    ];

    /// A stable lower-case word: metric label, and what a test's `expect: { none: … }` names.
    pub const fn word(self) -> &'static str {
        match self {
            Reason::Once => "once",
            Reason::Cooldown => "cooldown",
            Reason::Late => "late",
            Reason::Shadow => "shadow",
            Reason::Error => "error",
            Reason::Capacity => "capacity",
            Reason::Active => "active",
            Reason::Variation => "variation",
            Reason::Rollout => "rollout",
            Reason::Group => "group",
            Reason::RateLimit => "rate_limit",
        }
    }
}
