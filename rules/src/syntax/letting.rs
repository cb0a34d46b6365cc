//! `let:`, what a rule gathers of events: counts, sums, extremes, means, different values, the first and the last.
//!
//! In: the node under `let:`. Out: one [`LetDecl`] for each name. What the full language has beyond is refused by name.

use rules_engine::ir::Period;

use super::reader::{Fields, Reader};
use super::{Cel, Gather, KeyDecl, LetDecl, WindowDecl};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Spanned;
use crate::yaml::{Kind, Node, Style};

/// What the full language has beyond this version.
const LATER: [&str; 3] = ["scope", "time", "ttl"];

/// Most names in one rule's `let`.
pub(crate) const MAX_LETS: usize = 32;

/// Shortest and longest window.
pub(crate) const WITHIN_MS: (i64, i64) = (1000, 31 * 86_400_000);

/// Most different values that can be told apart exactly.
const MAX_DISTINCT: i64 = rules_engine::ir::limits::MAX_DISTINCT as i64;

/// The windows, by their keys.
const WINDOWS: [&str; 3] = ["within", "session", "tumbling"];

/// Pieces of the calendar.
const PERIODS: [(&str, Period); 4] =
    [("hour", Period::Hour), ("day", Period::Day), ("week", Period::Week), ("month", Period::Month)];

/// Names that expressions already know.
const RESERVED: [&str; 9] = ["event", "player", "conn", "token", "params", "sets", "trigger", "region", "variation"];

impl Reader<'_> {
    /// The clauses that could be read, and the names of those that could not.
    pub(super) fn lets(&mut self, node: &Node) -> (Vec<LetDecl>, Vec<String>) {
        let Some(mut fields) = self.fields(node, "`let`") else { return (Vec::new(), Vec::new()) };
        let clauses = fields.rest();
        if clauses.len() > MAX_LETS {
            let words = format!("`let` has {} names; limit {MAX_LETS}", clauses.len());
            self.push(Diagnostic::new(Code::TooLarge, node.span.at_start(), words).help("split the rule in two"));
        }
        let (mut lets, mut broken) = (Vec::new(), Vec::new());
        for (name, value) in clauses.into_iter().take(MAX_LETS) {
            let written = name.value.clone();
            match self.letting(name, value) {
                Some(clause) => lets.push(clause),
                None => broken.push(written),
            }
        }
        (lets, broken)
    }

    fn letting(&mut self, name: Spanned<String>, node: &Node) -> Option<LetDecl> {
        if RESERVED.contains(&name.value.as_str()) {
            let words = format!("`{}` already means something in expressions", name.value);
            self.push(Diagnostic::new(Code::ReservedName, name.span, words).help("choose another name"));
            return None;
        }
        if !is_identifier(&name.value) {
            let words = format!("`{}` cannot be a name in `let`", name.value);
            let help = "a name in expressions begins with a letter and goes on with letters, digits and `_`";
            self.push(Diagnostic::new(Code::BadName, name.span, words).help(help));
            return None;
        }
        let mut fields = self.fields(node, "a clause of `let`")?;
        let gathered = self.gathered(&mut fields);
        let gather = gathered.as_ref().map(|(gather, ..)| gather.value);
        let filter = fields.get("where").map(|n| self.cel(n, "`where`"));
        let window = self.let_window(&mut fields, gather);
        let by = fields.need(self, "by").and_then(|n| self.key(n));
        let max = match gather {
            Some(Gather::Distinct) => fields.get("max").map(|n| self.whole(n, "`max`", 1, MAX_DISTINCT)),
            _ => None,
        };
        let default = match gather {
            Some(gather) if !gather.may_be_empty() => None,
            _ => fields.get("default").map(|n| self.literal(n, "`default`")),
        };
        let durable = fields.get("durable").and_then(|n| self.switch(n, "`durable`"));
        let max_keys = fields.get("max_keys").and_then(|n| self.max_keys(n));
        let deny = fields.get("evict").and_then(|n| self.evict(n));
        fields.not_yet(self, &LATER);
        fields.finish(self);
        let (gather, of, value) = gathered?;
        Some(LetDecl {
            name,
            span: node.span,
            gather,
            of,
            value,
            filter: all_or_none(filter)?,
            window: window?,
            by: by?,
            max: all_or_none(max)?,
            default: all_or_none(default)?,
            durable: durable.unwrap_or(false),
            max_keys,
            deny,
        })
    }

    /// What is gathered, of which events, and of which value.
    fn gathered(&mut self, fields: &mut Fields<'_>) -> Option<(Spanned<Gather>, Spanned<String>, Option<Cel>)> {
        // Beside `distinct`, `max` is how many are told apart.
        let is_limit = |gather: &Gather| *gather == Gather::Max && fields.has("distinct");
        let written = Gather::ALL.into_iter().filter(|gather| fields.has(gather.key()) && !is_limit(gather));
        let mut found = written.collect::<Vec<_>>().into_iter();
        let Some(gather) = found.next() else {
            if !fields.is_cut_off() {
                let words = "a clause of `let` does not say what it gathers";
                let d = Diagnostic::new(Code::MissingKey, fields.span().at_start(), words);
                self.push(d.help("add `count: EventType`, or e.g. `sum: event.gold, of: EventType`"));
            }
            fields.skip(|key| key == "of");
            return None;
        };
        if let Some(other) = found.next() {
            let words = format!("a clause of `let` gathers one thing, not `{}` and `{}`", gather.key(), other.key());
            let d = Diagnostic::new(Code::TwoGathered, fields.span().at_start(), words);
            self.push(d.help("give each a name of its own"));
            fields.skip(|key| key == "of" || Gather::ALL.iter().any(|gather| gather.key() == key));
            return None;
        }
        let node = fields.get(gather.key())?;
        let spanned = Spanned::new(gather, node.span);
        if !gather.has_value() {
            let of = self.name(node, "an event type", true)?;
            return Some((spanned, of, None));
        }
        let value = self.cel(node, &format!("`{}`", gather.key()));
        let of = fields.need(self, "of").and_then(|n| self.name(n, "an event type", true));
        Some((spanned, of?, Some(value?)))
    }

    /// `within: 5m`, `session: { gap: 10m }`, or `tumbling: day, tz: …`; what was seen first or last may be of all time.
    fn let_window(&mut self, fields: &mut Fields<'_>, gather: Option<Gather>) -> Option<WindowDecl> {
        let written: Vec<&str> = WINDOWS.into_iter().filter(|key| fields.has(key)).collect();
        if let [first, second, ..] = written.as_slice() {
            let words = format!("a clause of `let` has one window, not `{first}` and `{second}`");
            let d = Diagnostic::new(Code::TwoWindows, fields.span().at_start(), words);
            self.push(d.help("give each a name of its own"));
            fields.skip(|key| WINDOWS.contains(&key));
            return None;
        }
        if let Some(node) = fields.get("within") {
            return Some(WindowDecl::Sliding { within_ms: self.window(node, "`within`")? });
        }
        if let Some(node) = fields.get("session") {
            let mut session = self.fields(node, "`session`")?;
            let gap_ms = session.need(self, "gap").and_then(|n| self.window(n, "`gap`"));
            session.finish(self);
            return Some(WindowDecl::Session { gap_ms: gap_ms? });
        }
        if let Some(node) = fields.get("tumbling") {
            let period = self.word(node, "`tumbling`", &PERIODS);
            let zone = fields.need(self, "tz").and_then(|n| self.tz(n));
            return Some(WindowDecl::Tumbling { period: period?.value, zone: zone? });
        }
        if gather.is_some_and(Gather::may_be_of_all_time) {
            return Some(WindowDecl::Ever);
        }
        if !fields.is_cut_off() {
            let d = Diagnostic::new(Code::MissingKey, fields.span().at_start(), "a clause of `let` has no window");
            self.push(d.help("add `within: 5m`, `session: { gap: 10m }`, or `tumbling: day, tz: Europe/Berlin`"));
        }
        None
    }

    fn window(&mut self, node: &Node, what: &str) -> Option<Spanned<i64>> {
        let (least, most) = WITHIN_MS;
        let within = self.duration_ms(node, what, 0)?;
        if (least..=most).contains(&within.value) {
            return Some(within);
        }
        let d = Diagnostic::new(Code::WindowLength, node.span, "a window is at least `1s` and at most `31d` long");
        self.push(d.help("for a limit over a longer time use `cooldown` or `once`"));
        None
    }

    /// `player`, or a list with `player` in it.
    pub(super) fn key(&mut self, node: &Node) -> Option<KeyDecl> {
        let parts: Vec<_> = match &node.kind {
            Kind::List(items) => items.iter().filter_map(|item| self.cel(item, "a part of `by`")).collect(),
            _ => vec![self.cel(node, "`by`")?],
        };
        Some(KeyDecl { span: node.span, parts })
    }

    /// The key where none was written: the player.
    pub(super) fn player_key(&mut self, node: &Node) -> KeyDecl {
        let mut part = self.cel_of("player", Style::Block, node.span.at_start());
        part.span = node.span;
        KeyDecl { span: node.span, parts: vec![part] }
    }

    pub(super) fn max_keys(&mut self, node: &Node) -> Option<Spanned<i64>> {
        self.whole(node, "`max_keys`", 1, 100_000_000)
    }

    /// `evict: oldest` or `evict: deny`.
    pub(super) fn evict(&mut self, node: &Node) -> Option<Spanned<bool>> {
        self.word(node, "`evict`", &[("oldest", false), ("deny", true)])
    }
}

impl Gather {
    /// Every one, in the order of the reference.
    pub const ALL: [Gather; 8] = [
        Gather::Count,
        Gather::Sum,
        Gather::Min,
        Gather::Max,
        Gather::Avg,
        Gather::Distinct,
        Gather::FirstSeen,
        Gather::Last,
    ];

    /// The key in a clause of `let`.
    pub const fn key(self) -> &'static str {
        match self {
            Gather::Count => "count",
            Gather::Sum => "sum",
            Gather::Min => "min",
            Gather::Max => "max",
            Gather::Avg => "avg",
            Gather::Distinct => "distinct",
            Gather::FirstSeen => "first_seen",
            Gather::Last => "last",
        }
    }

    /// Whether something of each event is gathered, rather than the events themselves.
    pub const fn has_value(self) -> bool {
        !matches!(self, Gather::Count | Gather::FirstSeen)
    }

    /// Whether a window without events has no value.
    pub const fn may_be_empty(self) -> bool {
        !matches!(self, Gather::Count | Gather::Sum | Gather::Distinct)
    }

    /// Whether it needs no window.
    pub const fn may_be_of_all_time(self) -> bool {
        matches!(self, Gather::FirstSeen | Gather::Last)
    }
}

/// A key that was written must have been read; one that was not written is fine.
fn all_or_none<T>(key: Option<Option<T>>) -> Option<Option<T>> {
    match key {
        Some(None) => None,
        Some(Some(value)) => Some(Some(value)),
        None => Some(None),
    }
}

fn is_identifier(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
