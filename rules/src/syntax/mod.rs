//! A rule file as its author meant it: typed by our schema, not yet checked against a catalogue.
//!
//! In: the YAML tree. Out: [`RuleFile`], whose every part knows its span, and diagnostics for wrong keys and shapes.
//! Expressions are still text here ([`Cel`]). Features of the language that this release does not have are named in a
//! diagnostic; nothing is ignored in silence.

mod action;
mod file;
mod gate;
mod head;
mod letting;
mod limit;
mod overlay;
mod reader;
mod rule;
mod scalar;
mod schedule;
mod share;
mod test;
mod week;

pub use file::read;
pub use limit::{GroupDecl, RateDecl, RateLimitDecl, ScopeDecl};
pub use overlay::{OverlayDecl, OverlayHead, RateChange};
pub(crate) use scalar::parse_duration_ms;
pub use schedule::{ActiveDecl, CalendarDecl, RegionsDecl, ZoneDecl};
pub use share::{ArmDecl, ParamValues, RolloutDecl, VariationDecl};

use edge_event::Priority;

use crate::source::{Span, Spanned};
use crate::yaml::{OffsetMap, Style};

/// One file, read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RuleFile {
    /// `rules/v1:`; absent in a file of parameters.
    pub head: Option<Head>,
    /// `params/v1:`; absent in a file of rules.
    pub params_head: Option<ParamsHead>,
    /// `overlay/v1:`; absent in all others.
    pub overlay_head: Option<OverlayHead>,
    /// `rules:` of an overlay.
    pub overlay: Vec<OverlayDecl>,
    /// `sets:`
    pub sets: Vec<SetDecl>,
    /// `params:`
    pub params: Vec<ParamDecl>,
    /// `calendars:`
    pub calendars: Vec<CalendarDecl>,
    /// `regions:`
    pub regions: Option<RegionsDecl>,
    /// `rules:`
    pub rules: Vec<RuleDecl>,
    /// `tests:`
    pub tests: Vec<TestDecl>,
}

/// Who a rule file is.
#[derive(Clone, PartialEq, Debug)]
pub struct Head {
    /// The whole header.
    pub span: Span,
    /// E.g. `eu.retention`.
    pub package: Spanned<String>,
    /// E.g. `game.v1`.
    pub catalogue: Spanned<String>,
    /// The team that answers for it.
    pub owner: Spanned<String>,
    /// A file of parameters, relative to this one.
    pub params: Option<Spanned<String>>,
}

/// Who a file of parameters is.
#[derive(Clone, PartialEq, Debug)]
pub struct ParamsHead {
    /// The package whose rules read them.
    pub package: Spanned<String>,
}

/// A named set of constants.
#[derive(Clone, PartialEq, Debug)]
pub struct SetDecl {
    /// E.g. `zones.hard`.
    pub name: Spanned<String>,
    /// Its members, as written.
    pub items: Vec<Spanned<Literal>>,
}

/// A constant as its author wrote it. Quotes make it text; bare words become what they look like.
#[derive(Clone, PartialEq, Debug)]
pub enum Literal {
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a point or an exponent.
    Double(f64),
    /// Anything else.
    Text(String),
}

/// A declared parameter.
#[derive(Clone, PartialEq, Debug)]
pub struct ParamDecl {
    /// Its name in `params.*`.
    pub name: Spanned<String>,
    /// What it holds.
    pub value: Spanned<ParamValue>,
    /// Smallest and largest value, for numbers and durations.
    pub range: Option<Spanned<(Bound, Bound)>>,
    /// Whether a region may change it.
    pub tunable: bool,
}

/// An end of a parameter's range, in the parameter's own unit; `None` is open.
pub type Bound = Option<f64>;

/// A parameter's default, which also gives its type.
#[derive(Clone, PartialEq, Debug)]
pub enum ParamValue {
    /// `type: bool`
    Bool(bool),
    /// `type: int`
    Int(i64),
    /// `type: double`
    Double(f64),
    /// `type: string`
    Text(String),
    /// `type: duration`, in milliseconds.
    DurationMs(i64),
}

/// A rule.
#[derive(Clone, PartialEq, Debug)]
pub struct RuleDecl {
    /// The whole rule.
    pub span: Span,
    /// Unique in its package.
    pub id: Spanned<String>,
    /// For people.
    pub doc: Option<String>,
    /// Overrides the file's owner.
    pub owner: Option<Spanned<String>>,
    /// Whom to call when it does harm.
    pub contact: Option<Spanned<String>>,
    /// Rules and workflows that it cannot do without.
    pub depends_on: Vec<Spanned<String>>,
    /// Free words.
    pub tags: Vec<Spanned<String>>,
    /// The event type.
    pub on: Spanned<String>,
    /// What it gathers.
    pub lets: Vec<LetDecl>,
    /// The condition; absent: always.
    pub when: Option<Cel>,
    /// When it is active.
    pub active: Option<ActiveDecl>,
    /// Ways in which it may go.
    pub variations: Vec<VariationDecl>,
    /// For how many.
    pub rollout: Option<RolloutDecl>,
    /// At most once.
    pub once: Option<OnceDecl>,
    /// Not again for a while.
    pub cooldown: Option<CooldownDecl>,
    /// At most one rule of these for one event.
    pub group: Option<GroupDecl>,
    /// Not too often.
    pub rate_limit: Option<RateLimitDecl>,
    /// Higher goes first.
    pub precedence: Spanned<i32>,
    /// Evaluates, orders nothing.
    pub shadow: bool,
    /// `false`: not evaluated at all.
    pub enabled: bool,
    /// What it orders.
    pub actions: Vec<ActionDecl>,
    /// A part of it could not be read; the rest is still checked.
    pub broken: bool,
    /// Names of `let` whose clause could not be read.
    pub broken_lets: Vec<String>,
    /// `variations` could not be read.
    pub broken_variations: bool,
}

/// Text of an expression, and where each of its characters stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cel {
    /// The expression.
    pub text: String,
    /// The scalar that holds it.
    pub span: Span,
    /// How it was quoted.
    pub style: Style,
    /// From the expression's bytes to the file's.
    pub map: OffsetMap,
}

/// A clause of `let`: what is gathered of events.
#[derive(Clone, PartialEq, Debug)]
pub struct LetDecl {
    /// The name expressions read it by.
    pub name: Spanned<String>,
    /// The whole clause.
    pub span: Span,
    /// What becomes of the events.
    pub gather: Spanned<Gather>,
    /// Their type.
    pub of: Spanned<String>,
    /// What is gathered of each; absent where the events themselves are.
    pub value: Option<Cel>,
    /// Which of those events; absent: all.
    pub filter: Option<Cel>,
    /// For how long they count.
    pub window: WindowDecl,
    /// Whose events.
    pub by: KeyDecl,
    /// Of `distinct`: how many values are told apart; absent: all, the many by estimate.
    pub max: Option<Spanned<i64>>,
    /// What is read where the window is empty.
    pub default: Option<Spanned<Literal>>,
    /// Survives a crash.
    pub durable: bool,
    /// Cells at most.
    pub max_keys: Option<Spanned<i64>>,
    /// What happens at `max_keys`: `true` refuses a new key, `false` drops the oldest.
    pub deny: Option<Spanned<bool>>,
}

/// What becomes of events in a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gather {
    /// `count: TYPE`
    Count,
    /// `sum: event.field, of: TYPE`
    Sum,
    /// `min: event.field, of: TYPE`
    Min,
    /// `max: event.field, of: TYPE`
    Max,
    /// `avg: event.field, of: TYPE`
    Avg,
    /// `distinct: event.field, of: TYPE`
    Distinct,
    /// `first_seen: TYPE`
    FirstSeen,
    /// `last: event.field, of: TYPE`
    Last,
}

/// For how long events count.
#[derive(Clone, PartialEq, Debug)]
pub enum WindowDecl {
    /// `within: 5m`
    Sliding {
        /// Its length in milliseconds.
        within_ms: Spanned<i64>,
    },
    /// `session: { gap: 10m }`
    Session {
        /// In milliseconds.
        gap_ms: Spanned<i64>,
    },
    /// `tumbling: day, tz: Europe/Berlin`
    Tumbling {
        /// Hours, days, weeks or months.
        period: rules_engine::ir::Period,
        /// By whose clock.
        zone: Spanned<ZoneDecl>,
    },
    /// None is written: all time.
    Ever,
}

/// `by:` of a clause.
#[derive(Clone, PartialEq, Debug)]
pub struct KeyDecl {
    /// The whole.
    pub span: Span,
    /// Its parts, in order; each is `player` or an expression.
    pub parts: Vec<Cel>,
}

/// `once:`
#[derive(Clone, PartialEq, Debug)]
pub struct OnceDecl {
    /// The whole clause.
    pub span: Span,
    /// For each of these once.
    pub by: KeyDecl,
    /// Once in each period of this length, in milliseconds; absent: once for ever.
    pub per_ms: Option<Spanned<i64>>,
    /// Begins anew when it is raised.
    pub generation: Spanned<u32>,
    /// Cells at most.
    pub max_keys: Option<Spanned<i64>>,
}

/// `cooldown:`
#[derive(Clone, PartialEq, Debug)]
pub struct CooldownDecl {
    /// The whole clause.
    pub span: Span,
    /// For each of these.
    pub by: KeyDecl,
    /// How long, in milliseconds.
    pub duration_ms: Spanned<i64>,
    /// Survives a crash.
    pub durable: bool,
    /// Cells at most.
    pub max_keys: Option<Spanned<i64>>,
    /// As in [`LetDecl::deny`].
    pub deny: Option<Spanned<bool>>,
}

/// One item of `do:`.
#[derive(Clone, PartialEq, Debug)]
pub struct ActionDecl {
    /// The whole item.
    pub span: Span,
    /// What to do.
    pub verb: Verb,
    /// The workflow's, the topic's or the reply's name.
    pub name: Spanned<String>,
    /// The workflow's id.
    pub id: Option<Cel>,
    /// The body.
    pub body: Template,
    /// How urgent.
    pub priority: Option<Spanned<Priority>>,
    /// May depend on server data alone.
    pub granting: bool,
    /// Milliseconds after the event within which it must be carried out.
    pub deadline_ms: Option<Spanned<i64>>,
}

/// What an action does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// `start_workflow: Type, id:, input:`
    StartWorkflow,
    /// `signal_workflow: signal, id:, input:`
    SignalWorkflow,
    /// `cancel_workflow: Type, id:`
    CancelWorkflow,
    /// `publish: topic, message:`
    Publish,
    /// `reply: name, body:`
    Reply,
}

/// A body: names, and expressions or further templates for their values.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Template {
    /// In the order written.
    pub fields: Vec<(Spanned<String>, TemplateValue)>,
}

/// A value in a body.
#[derive(Clone, PartialEq, Debug)]
pub enum TemplateValue {
    /// An expression.
    Expr(Cel),
    /// An object within the object.
    Object(Template),
    /// A list of values.
    List(Vec<TemplateValue>),
}

/// A test.
#[derive(Clone, PartialEq, Debug)]
pub struct TestDecl {
    /// The whole test.
    pub span: Span,
    /// What it shows.
    pub name: Spanned<String>,
    /// Only this rule is looked at; absent: all of the file's package.
    pub rule: Option<Spanned<String>>,
    /// `given.start`, milliseconds since 1970.
    pub start_ms: Option<i64>,
    /// `given.conn`, before anybody looked at what the names mean.
    pub conn: Vec<(Spanned<String>, crate::yaml::Node)>,
    /// `given.params`
    pub params: Vec<(Spanned<String>, Spanned<Literal>)>,
    /// In the order of time.
    pub events: Vec<TestEvent>,
}

/// An event of a test.
#[derive(Clone, PartialEq, Debug)]
pub struct TestEvent {
    /// The whole item.
    pub span: Span,
    /// Milliseconds after the test's start at which it happens.
    pub at: Spanned<i64>,
    /// Milliseconds after the test's start at which it arrives; absent: when it happens.
    pub arrives: Option<Spanned<i64>>,
    /// The player; absent: the one of `given.conn`.
    pub player: Option<Spanned<String>>,
    /// Its type and fields; absent where only time passes.
    pub event: Option<(Spanned<String>, crate::yaml::Node)>,
    /// What must be seen.
    pub expect: Option<Expectation>,
}

/// What a test expects of one event.
#[derive(Clone, PartialEq, Debug)]
pub struct Expectation {
    /// The whole `expect:`.
    pub span: Span,
    /// Exactly these rules fire.
    pub fires: Option<Vec<Spanned<String>>>,
    /// Nothing fires, for this reason: `once`, `cooldown`, `no_match`, …; empty: for any reason.
    pub none: Option<Spanned<String>>,
    /// Exactly these commands are ordered, in this order.
    pub commands: Option<Vec<ExpectedCommand>>,
}

/// A command that a test expects.
#[derive(Clone, PartialEq, Debug)]
pub struct ExpectedCommand {
    /// The whole item.
    pub span: Span,
    /// What it does.
    pub verb: Verb,
    /// The workflow's, the topic's or the reply's name.
    pub name: Spanned<String>,
    /// The workflow's id.
    pub id: Option<Spanned<String>>,
    /// Members that the body must have; others are not looked at.
    pub body: Option<crate::yaml::Node>,
}

impl Verb {
    /// Every verb, in the order of the reference.
    pub const ALL: [Verb; 5] =
        [Verb::StartWorkflow, Verb::SignalWorkflow, Verb::CancelWorkflow, Verb::Publish, Verb::Reply];

    /// The key in `do:`.
    pub const fn key(self) -> &'static str {
        match self {
            Verb::StartWorkflow => "start_workflow",
            Verb::SignalWorkflow => "signal_workflow",
            Verb::CancelWorkflow => "cancel_workflow",
            Verb::Publish => "publish",
            Verb::Reply => "reply",
        }
    }

    /// The key of its body; `None` where it has none.
    pub const fn body_key(self) -> Option<&'static str> {
        match self {
            Verb::StartWorkflow | Verb::SignalWorkflow => Some("input"),
            Verb::Publish => Some("message"),
            Verb::Reply => Some("body"),
            Verb::CancelWorkflow => None,
        }
    }

    /// Whether it names a workflow by `id:`.
    pub const fn needs_id(self) -> bool {
        matches!(self, Verb::StartWorkflow | Verb::SignalWorkflow | Verb::CancelWorkflow)
    }
}
