//! The typed intermediate form: what the compiler writes into a bundle and what [`RuleSet::load`](crate::RuleSet::load) reads.
//!
//! Everything is flat: expressions are arrays of nodes in postfix order (operands stand before their operator, the root is
//! last, each node but the root is the operand of exactly one other), so decoding never recurses and a hostile file
//! cannot grow by sharing. Nothing here is trusted: types are inferred and indices checked when a rule set is loaded.
//!
//! Deliberately absent: names that need a look-up while evaluating (fields are slots, sets and regular expressions are
//! indices), source text and spans. The layout is format 1; a change of any type here is a new [`IR_FORMAT`].

mod codec;
mod feed;
mod gate;
mod zone;

use edge_event::{EventTypeId, Priority};
use serde::{Deserialize, Serialize};

pub use codec::DecodeError;
pub use feed::{Aggregate, FeedIr, Operand, Period, ScalarType, Window};
pub use gate::{
    ALL, ArmIr, CalendarIr, DaysIr, GroupIr, RateLimitIr, RegionsIr, RolloutIr, ScheduleIr, VariationIr, WeekSpanIr,
    ZoneRef,
};
pub use zone::{JumpIr, ZoneIr};

/// The version of this layout. Stands first in the encoded bytes.
pub const IR_FORMAT: u16 = 1;

/// Limits that every rule set keeps; a set that does not is refused.
pub mod limits {
    /// Rules in one set.
    pub const MAX_RULES: usize = 200_000;
    /// Nodes of one expression.
    pub const MAX_NODES: usize = 4_096;
    /// Nesting of one expression: bounds the stack of the evaluator.
    pub const MAX_DEPTH: usize = 64;
    /// Nesting of comprehensions.
    pub const MAX_LOCALS: usize = 4;
    /// Field slots of one event type.
    pub const MAX_SLOTS: usize = 1_024;
    /// Steps of a field path.
    pub const MAX_PATH: usize = 16;
    /// `let`s of one rule.
    pub const MAX_LETS: usize = 32;
    /// Parts of one key.
    pub const MAX_KEY_PARTS: usize = 8;
    /// Actions of one rule.
    pub const MAX_ACTIONS: usize = 16;
    /// Values of one template.
    pub const MAX_TEMPLATE_ENTRIES: usize = 256;
    /// Nesting of one template.
    pub const MAX_TEMPLATE_DEPTH: usize = 8;
    /// Capacity of an exact ring.
    pub const MAX_RING: u8 = 64;
    /// Bytes of one name, id, doc line excepted.
    pub const MAX_NAME_BYTES: usize = 256;
    /// Bytes of one regular expression, as the compiler writes it: up to eight times what the author wrote.
    pub const MAX_REGEX_BYTES: usize = 8 * 1_024;
    /// Longest window, cooldown, period, deadline: 400 days.
    pub const MAX_SPAN_MS: u64 = 400 * 24 * 60 * 60 * 1_000;
    /// Longest lateness: 10 minutes.
    pub const MAX_LATENESS_MS: u32 = 10 * 60 * 1_000;
    /// Time zones of one set.
    pub const MAX_ZONES: usize = 1_024;
    /// Jumps of one time zone.
    pub const MAX_JUMPS: usize = 1_024;
    /// What a clock may be ahead of UTC or behind it: 18 hours, in seconds.
    pub const MAX_OFFSET_S: i32 = 18 * 3_600;
    /// Pieces of a week of one schedule.
    pub const MAX_WEEKLY: usize = 64;
    /// Calendars that one schedule excepts.
    pub const MAX_EXCEPT: usize = 16;
    /// Spans of days of one calendar.
    pub const MAX_CALENDAR_DAYS: usize = 4_096;
    /// Regions of one table of zones.
    pub const MAX_REGIONS: usize = 1_024;
    /// Variations of one rule.
    pub const MAX_VARIATIONS: usize = 16;
    /// Arms of one variation.
    pub const MAX_ARMS: usize = 16;
    /// Parameters that one arm changes.
    pub const MAX_ARM_PARAMS: usize = 64;
    /// Passages of one period of a rate limit, and its burst.
    pub const MAX_RATE: u32 = 1_000_000;
    /// Rules and workflows that a rule depends on.
    pub const MAX_DEPENDENCIES: usize = 64;
    /// Canonical JSON body of one command.
    pub const MAX_BODY_BYTES: usize = 16 * 1024;
    /// A workflow's id.
    pub const MAX_WORKFLOW_ID_BYTES: usize = 512;
    /// Durable commands of one event together, names and ids included: with its cells they fit into one record of the spool.
    pub const MAX_EVENT_BYTES: usize = 480 * 1024;
    /// Durable cells that one event feeds, with those that they push out: they fit beside the commands into its record.
    pub const MAX_DURABLE_FEED_BYTES: usize = 480 * 1024;
    /// Values that a `distinct` feed keeps exactly.
    pub const MAX_DISTINCT: u16 = 1_024;
    /// Bytes of a text that a `last` feed keeps.
    pub const MAX_LAST_BYTES: u16 = 256;
}

/// How late an event may be and still feed windows, unless a rule set says otherwise: 10 s.
pub const DEFAULT_LATENESS_MS: u32 = 10_000;

/// One compiled rule set.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RuleSetIr {
    /// [`IR_FORMAT`].
    pub format: u16,
    /// Whose rules these are; part of every command id.
    pub tenant: String,
    /// Rises with every build that is put to service; stamped on records.
    pub revision: u64,
    /// Digest of the catalogue that it was checked against.
    pub catalogue_digest: [u8; 32],
    /// An event whose time is further than this before its arrival feeds no window.
    pub lateness_ms: u32,
    /// Names of the packages. Sorted, unique.
    pub packages: Vec<String>,
    /// What is read of each event type. Sorted by event type, unique.
    pub events: Vec<EventIr>,
    /// Pool of constants, shared by all expressions.
    pub consts: Vec<ConstIr>,
    /// `params.*`, resolved.
    pub params: Vec<ParamIr>,
    /// `sets`.
    pub sets: Vec<SetIr>,
    /// Pool of regular expressions, linear-time syntax of the crate `regex`.
    pub regexes: Vec<String>,
    /// Time zones that anything of the set refers to.
    pub zones: Vec<ZoneIr>,
    /// Tables of the regions' time zones.
    pub regions: Vec<RegionsIr>,
    /// `calendars`.
    pub calendars: Vec<CalendarIr>,
    /// Exclusive groups of rules.
    pub groups: Vec<GroupIr>,
    /// All state that rules feed, read or gate on.
    pub definitions: Vec<DefinitionIr>,
    /// The rules, in any order; the engine orders them by falling precedence, then package, then id.
    pub rules: Vec<RuleIr>,
}

/// The fields that rules read of one event type.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EventIr {
    /// The event type.
    #[serde(with = "codec::event_type_serde")]
    pub event_type: EventTypeId,
    /// Slot `n` of expressions over this event type.
    pub slots: Vec<FieldPathIr>,
}

/// A path of field numbers from the event's message, e.g. `[4, 1]`. Singular messages all the way but for the last step.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct FieldPathIr {
    /// At least one number.
    pub numbers: Vec<u32>,
}

/// A constant.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum ConstIr {
    /// CEL `null`.
    Null,
    /// CEL `bool`.
    Bool(bool),
    /// CEL `int`; enums are ints.
    Int(i64),
    /// CEL `uint`.
    Uint(u64),
    /// CEL `double`.
    Double(f64),
    /// CEL `string`.
    String(String),
    /// CEL `bytes`.
    Bytes(Vec<u8>),
    /// CEL `timestamp`: seconds since 1970 and nanoseconds `0..1_000_000_000` after them.
    Timestamp {
        /// Seconds since 1970, may be negative.
        seconds: i64,
        /// `0..1_000_000_000`.
        nanos: u32,
    },
    /// CEL `duration`, in nanoseconds.
    Duration {
        /// Whole nanoseconds, may be negative.
        nanos: i64,
    },
}

/// One parameter.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ParamIr {
    /// Package it belongs to (index).
    pub package: u16,
    /// E.g. `threshold`.
    pub name: String,
    /// Its resolved value.
    pub value: ConstIr,
}

/// One named set.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SetIr {
    /// E.g. `zones.hard`.
    pub name: String,
    /// Its elements, in any order.
    pub items: Vec<ConstIr>,
}

/// One expression: a tree in postfix order, root last.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, Default)]
pub struct ExprIr {
    /// Operands are indices of earlier nodes.
    pub nodes: Vec<Node>,
}

/// One node of an expression.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Node {
    /// A constant of the pool.
    Const(u32),
    /// A parameter.
    Param(u16),
    /// An attribute of the player, the connection or the token.
    Var(Var),
    /// A field of the event in context: its value, or proto3's default where it is absent.
    Field(u16),
    /// `has(event.path)`.
    HasField(u16),
    /// The value of the rule's `let` of this index. Only in a rule's own expressions.
    Let(u16),
    /// The variable of the n-th enclosing comprehension, outermost 0.
    Local(u8),
    /// `message.field`, for messages that are not reached by a slot (elements of repeated fields).
    Select {
        /// The message.
        of: u32,
        /// Field number.
        number: u32,
    },
    /// `has(message.field)`.
    HasSelect {
        /// The message.
        of: u32,
        /// Field number.
        number: u32,
    },
    /// One operand.
    Unary {
        /// What to do.
        op: UnaryOp,
        /// The operand.
        of: u32,
    },
    /// Two operands.
    Binary {
        /// What to do.
        op: BinaryOp,
        /// The first.
        left: u32,
        /// The second.
        right: u32,
    },
    /// `a && b && …`: false where any is false, whatever the others; else an error where any is one. At least one operand.
    And(Vec<u32>),
    /// `a || b || …`: true where any is true, whatever the others; else an error where any is one. At least one operand.
    Or(Vec<u32>),
    /// `condition ? then : otherwise`.
    If {
        /// Decides.
        condition: u32,
        /// Its value where true.
        then: u32,
        /// Its value where false.
        otherwise: u32,
    },
    /// `x in set` with a constant set.
    InSet {
        /// The element.
        of: u32,
        /// Which set.
        set: u16,
    },
    /// `x.matches('…')` with a constant pattern.
    Matches {
        /// The string.
        of: u32,
        /// Which pattern.
        regex: u16,
    },
    /// A function; the receiver is the first argument.
    Call {
        /// Which.
        function: Function,
        /// Its arguments.
        args: Vec<u32>,
    },
    /// `[a, b]`.
    List(Vec<u32>),
    /// `{k: v}`; keys bool, int, uint or string.
    Map(Vec<(u32, u32)>),
    /// A macro over a list, or over the keys of a map. Binds one more local while `predicate` and `transform` run.
    Comprehension {
        /// Which macro.
        kind: ComprehensionKind,
        /// What it runs over.
        range: u32,
        /// The condition. Required but for `Map`.
        predicate: Option<u32>,
        /// The new element. Required for `Map`, absent otherwise.
        transform: Option<u32>,
    },
    /// `has(name)` of the rule's `let` of this index: whether its window holds anything. Only in a rule's own expressions.
    HasLet(u16),
}

/// What an expression may know besides the event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Var {
    /// `player.id`, string: the subject.
    PlayerId,
    /// `conn.platform`, string.
    ConnPlatform,
    /// `conn.locale`, string.
    ConnLocale,
    /// `conn.build`, string.
    ConnBuild,
    /// `conn.region`, string: the token's.
    ConnRegion,
    /// `conn.attributes`, map(string, string).
    ConnAttributes,
    /// `token.sub`, string.
    TokenSub,
    /// `token.region`, string.
    TokenRegion,
    /// `token.segments`, list(string).
    TokenSegments,
    /// `variation`, string: the name of the arm that was chosen, empty where none was. Only in actions.
    Variation,
}

/// Operators with one operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum UnaryOp {
    /// `!x`.
    Not,
    /// `-x`: int, double (and duration).
    Negate,
}

/// Operators with two operands. Meanings and overloads are CEL's; integers overflow to an error, never wrap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum BinaryOp {
    /// `+`: numbers of one type, strings, bytes, lists, timestamp and duration.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Modulo,
    /// `==`, numbers compare by value across types.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`, numbers compare by value across types.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
    /// `x in list`, `key in map`.
    In,
    /// `list[i]`, `map[key]`.
    Index,
}

/// The macros.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ComprehensionKind {
    /// `all(x, p)`.
    All,
    /// `exists(x, p)`.
    Exists,
    /// `exists_one(x, p)`.
    ExistsOne,
    /// `filter(x, p)`.
    Filter,
    /// `map(x, t)` and `map(x, p, t)`.
    Map,
}

/// Functions. Where CEL has a receiver it is the first argument. Argument counts: one, unless stated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Function {
    /// Code points of a string, bytes of bytes, elements of a list or map.
    Size,
    /// `s.contains(t)`, 2.
    Contains,
    /// `s.startsWith(t)`, 2.
    StartsWith,
    /// `s.endsWith(t)`, 2.
    EndsWith,
    /// ASCII letters only.
    LowerAscii,
    /// ASCII letters only.
    UpperAscii,
    /// Cuts Unicode white space at both ends.
    Trim,
    /// `s.indexOf(t)` or `s.indexOf(t, from)` in code points; -1 where absent; 2 or 3.
    IndexOf,
    /// `s.lastIndexOf(t)` or with the last start to consider; 2 or 3.
    LastIndexOf,
    /// `s.substring(from)` or `(from, to)` in code points; 2 or 3.
    Substring,
    /// `s.replace(a, b)` or `(a, b, limit)`; 3 or 4.
    Replace,
    /// `s.charAt(i)`; 2.
    CharAt,
    /// `s.split(t)` or `(t, limit)`; 2 or 3.
    Split,
    /// `list.join()` or `(separator)`; 1 or 2.
    Join,
    /// `has(map.key)` where a map, not a message, is selected from; 2.
    HasKey,
    /// `int(x)`.
    ToInt,
    /// `uint(x)`.
    ToUint,
    /// `double(x)`.
    ToDouble,
    /// `string(x)`.
    ToString,
    /// `bytes(x)`.
    ToBytes,
    /// `bool(x)`.
    ToBool,
    /// `timestamp(x)`.
    ToTimestamp,
    /// `duration(x)`.
    ToDuration,
    /// `t.getFullYear()`, UTC.
    GetFullYear,
    /// `0..=11`, UTC.
    GetMonth,
    /// `1..=31`, UTC.
    GetDate,
    /// `0..=30`, UTC.
    GetDayOfMonth,
    /// `0..=6`, Sunday 0, UTC.
    GetDayOfWeek,
    /// `0..=365`, UTC.
    GetDayOfYear,
    /// Of a timestamp `0..=23` UTC; of a duration: all of it.
    GetHours,
    /// Of a timestamp `0..=59`; of a duration: all of it.
    GetMinutes,
    /// Of a timestamp `0..=59`; of a duration: all of it.
    GetSeconds,
    /// `0..=999`.
    GetMilliseconds,
    /// `math.greatest(a, b, …)` or of a list; 1 or more.
    Greatest,
    /// `math.least(a, b, …)` or of a list; 1 or more.
    Least,
    /// `math.abs(x)`.
    Abs,
    /// `math.sign(x)`.
    Sign,
    /// `math.ceil(double)`.
    Ceil,
    /// `math.floor(double)`.
    Floor,
    /// `math.round(double)`: half away from zero.
    Round,
    /// `math.trunc(double)`.
    Trunc,
    /// `math.isNaN(double)`.
    IsNan,
    /// `math.isInf(double)`.
    IsInf,
    /// `math.isFinite(double)`.
    IsFinite,
}

/// One piece of state: a table of cells, one cell a key.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DefinitionIr {
    /// [`stable_id`](crate::stable_id) of what follows: recomputed and compared at load.
    pub id: u64,
    /// Package it belongs to (index).
    pub package: u16,
    /// Unique in the package, e.g. `rage_quit_offer/deaths`.
    pub name: String,
    /// What the cells hold.
    pub kind: DefinitionKind,
    /// Who shares a cell.
    pub scope: Scope,
    /// Types of the key's parts (besides the player, which `scope` adds).
    pub key_types: Vec<KeyType>,
    /// Whether changes stand in the event's record and so survive a crash. Always for `Once`; only with `Scope::Player`.
    pub durable: bool,
    /// Most cells of a shard; at least 1.
    pub max_keys: u32,
    /// What happens at `max_keys`. `Once` needs `Deny`.
    pub at_capacity: AtCapacity,
    /// Most cells of one player; 0: no such limit. Required (not 0) for `Deny` with a key of more than the player.
    pub max_keys_per_player: u32,
}

/// What a definition's cells hold.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum DefinitionKind {
    /// What a `let` gathers.
    Feed(FeedIr),
    /// A gate that opens once per key: once ever, or once per period.
    Once {
        /// Raised by an author who wants the gate to open again.
        generation: u32,
        /// `Some`: time is cut into periods of this length, counted from 1970, and the gate opens once in each.
        period_ms: Option<u64>,
    },
    /// A gate that stays shut for a while after it let something through.
    Cooldown {
        /// For how long.
        duration_ms: u64,
    },
    /// A gate that lets `count` through in each period on average, and `burst` at once.
    Rate {
        /// `1..=MAX_RATE`.
        count: u32,
        /// Length of the period.
        period_ms: u64,
        /// `1..=MAX_RATE`.
        burst: u32,
    },
}

/// Who shares a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Scope {
    /// The key starts with the player: exact at the player's owner shard.
    Player,
    /// All players of a shard: approximate, as each shard counts for itself.
    Shard,
    /// All players of a node: approximate, as each of its shards has an equal part of the limit. Only of `Rate`.
    Region,
}

/// Type of a key's part. Doubles, lists, maps and messages are no keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum KeyType {
    /// CEL `bool`.
    Bool = 0,
    /// CEL `int`, enums.
    Int = 1,
    /// CEL `uint`.
    Uint = 2,
    /// CEL `string`.
    String = 3,
    /// CEL `bytes`.
    Bytes = 4,
    /// CEL `timestamp`.
    Timestamp = 5,
    /// CEL `duration`.
    Duration = 6,
}

/// What happens when a table is full and a new key comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AtCapacity {
    /// The key that was written the longest ago makes room; counted.
    EvictOldest,
    /// The new key is refused; counted. A gate that cannot be recorded does not open.
    Deny,
}

/// One rule.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RuleIr {
    /// Unique in its package.
    pub id: String,
    /// Package (index).
    pub package: u16,
    /// One line for people.
    pub doc: String,
    /// Whom to ask.
    pub owner: String,
    /// Whom to call when it does harm; empty: the owner.
    pub contact: String,
    /// `rule`, `package/rule` or `workflow.Type`: what it cannot do without.
    pub depends_on: Vec<String>,
    /// Free words.
    pub tags: Vec<String>,
    /// The trigger.
    #[serde(with = "codec::event_type_serde")]
    pub on: EventTypeId,
    /// Bool; absent means always. `event.*` is the triggering event.
    pub when: Option<ExprIr>,
    /// Feeds it reads.
    pub lets: Vec<LetIr>,
    /// When it is active; absent: always.
    pub active: Option<ScheduleIr>,
    /// The first whose condition holds is chosen; where none is, the actions read the parameters as they are.
    pub variations: Vec<VariationIr>,
    /// For whom; absent: for everybody.
    pub rollout: Option<RolloutIr>,
    /// The `once` gate.
    pub once: Option<GateIr>,
    /// The `cooldown` gate.
    pub cooldown: Option<GateIr>,
    /// The group that it is a member of (index).
    pub group: Option<u16>,
    /// How often.
    pub rate_limit: Option<RateLimitIr>,
    /// Higher goes first; rules of one precedence go by package, then id.
    pub precedence: i32,
    /// Whether it orders or only records what it would have ordered.
    pub mode: Mode,
    /// A rule that is not enabled is checked at load and then left out.
    pub enabled: bool,
    /// What it orders, in this order.
    pub actions: Vec<ActionIr>,
}

/// A named value of a rule, read from a feed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LetIr {
    /// E.g. `deaths`.
    pub name: String,
    /// A `Feed` definition (index).
    pub definition: u32,
    /// The key's parts over the *triggering* event: as many and of the same types as the definition's.
    pub key: Vec<ExprIr>,
    /// A constant of the pool, of the feed's type: what is read where the window is empty.
    pub default: Option<u32>,
}

/// A gate of a rule. A gate's definition belongs to one rule.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GateIr {
    /// A `Once`, `Cooldown` or `Rate` definition (index).
    pub definition: u32,
    /// The key's parts over the triggering event.
    pub key: Vec<ExprIr>,
}

/// Whether a rule orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Mode {
    /// Orders commands.
    Live,
    /// Evaluates with gates of its own and orders nothing.
    Shadow,
}

/// One thing a rule orders.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ActionIr {
    /// What.
    pub kind: ActionKind,
    /// String: the workflow's id. Required for the workflow kinds, absent for the others.
    pub id: Option<ExprIr>,
    /// The JSON object. Empty for `CancelWorkflow`.
    pub input: TemplateIr,
    /// How urgent.
    #[serde(with = "codec::priority_serde")]
    pub priority: Priority,
    /// The command expires this long after the event's time.
    pub deadline_ms: Option<u64>,
    /// It grants something of value; the compiler checked that only attested data decides.
    pub granting: bool,
}

/// The kinds of action, with their constant names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ActionKind {
    /// Start a workflow.
    StartWorkflow {
        /// Its type.
        workflow: String,
    },
    /// Signal a workflow.
    SignalWorkflow {
        /// The signal's name.
        signal: String,
    },
    /// Cancel a workflow.
    CancelWorkflow,
    /// Publish a message.
    Publish {
        /// The topic.
        topic: String,
    },
    /// Answer the client.
    Reply {
        /// The name the client matches on.
        name: String,
    },
}

/// A JSON object with expressions as values, written as one flat walk over it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, Default)]
pub struct TemplateIr {
    /// Names rise strictly (by bytes) within each object; every `Open` has its `Close`.
    pub entries: Vec<TemplateEntry>,
}

/// A step of the walk over a template.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum TemplateEntry {
    /// `"name": value`.
    Value {
        /// The name.
        name: String,
        /// The value; anything but a message.
        value: ExprIr,
    },
    /// `"name": {`.
    Open {
        /// The name.
        name: String,
    },
    /// `}`.
    Close,
}

impl ExprIr {
    /// The root's index.
    pub fn root(&self) -> Option<u32> {
        self.nodes.len().checked_sub(1).map(|i| i as u32)
    }
}

impl RuleIr {
    /// Its gates that keep cells, in the order in which they are asked.
    pub fn cells(&self) -> impl Iterator<Item = &GateIr> {
        let limits = self.rate_limit.iter().flat_map(|limit| [Some(&limit.limit), limit.per_player.as_ref()]);
        [self.once.as_ref(), self.cooldown.as_ref()].into_iter().chain(limits).flatten()
    }
}

impl Node {
    /// Calls `f` with each operand, in order of evaluation.
    pub fn operands(&self, mut f: impl FnMut(u32)) {
        match self {
            Node::Const(_)
            | Node::Param(_)
            | Node::Var(_)
            | Node::Field(_)
            | Node::HasField(_)
            | Node::Let(_)
            | Node::HasLet(_)
            | Node::Local(_) => {}
            Node::Select { of, .. }
            | Node::HasSelect { of, .. }
            | Node::Unary { of, .. }
            | Node::InSet { of, .. }
            | Node::Matches { of, .. } => f(*of),
            Node::Binary { left, right, .. } => {
                f(*left);
                f(*right);
            }
            Node::And(of) | Node::Or(of) | Node::List(of) | Node::Call { args: of, .. } => {
                of.iter().for_each(|n| f(*n));
            }
            Node::If { condition, then, otherwise } => {
                f(*condition);
                f(*then);
                f(*otherwise);
            }
            Node::Map(pairs) => pairs.iter().for_each(|(k, v)| {
                f(*k);
                f(*v);
            }),
            Node::Comprehension { range, predicate, transform, .. } => {
                f(*range);
                predicate.iter().for_each(|n| f(*n));
                transform.iter().for_each(|n| f(*n));
            }
        }
    }
}
