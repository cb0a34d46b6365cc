//! What a rule made of an event, as text for people or as JSON.
//!
//! In: a [`Why`] that [`Compilation::why`](crate::Compilation::why) filled. Out: text that begins with the answer and goes on
//! with the conditions, the counts and the gates. Absent: finding out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Serialize, Serializer};

/// What a rule made of an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Why {
    /// The package.
    pub package: String,
    /// The rule's id.
    pub rule: String,
    /// The event's line in its file.
    pub line: u64,
    /// The event's identity: `producer/class/seq`, as commands carry it.
    pub id: String,
    /// The `sub` of who sent it.
    pub sender: String,
    /// The event's type.
    pub event: String,
    /// When it happened.
    pub time: String,
    /// Where it ended for this rule.
    pub end: End,
    /// Why, in one sentence.
    pub because: String,
    /// Each part of `when` that `&&` joins, in the author's order.
    pub conditions: Vec<Condition>,
    /// Each `let` with its value.
    #[serde(serialize_with = "as_map")]
    pub counts: Vec<(String, String)>,
    /// Each field that rules on this event type read, as JSON.
    #[serde(serialize_with = "as_map")]
    pub fields: Vec<(String, String)>,
    /// What the gates said, in the order in which they are asked.
    pub gates: Vec<GateSaid>,
    /// What the rule ordered.
    pub commands: Vec<String>,
}

/// Where an event ends for one rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Admission refused the event.
    Rejected,
    /// The event's number was taken before.
    Duplicate,
    /// The rule looks at another event type.
    NotThisType,
    /// Its condition did not hold.
    NoMatch,
    /// Its condition, a key or a command has no value.
    Error,
    /// Its condition held, and this held it back.
    HeldBack(&'static str),
    /// It ordered something.
    Fired,
}

/// A part of `when`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Condition {
    /// The author's words.
    pub text: String,
    /// `path:line:column`
    pub place: String,
    /// Whether it holds; nothing where it has no value.
    pub holds: Option<bool>,
    /// Why it has no value.
    pub error: Option<String>,
    /// What was read in it: `event.level = 3`.
    pub values: Vec<String>,
}

/// What a gate said.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GateSaid {
    /// The word of the rule file, `once` or `rate_limit`; `rate_limit_player` for one player's part of a shared limit.
    pub gate: String,
    /// Whether the event could pass.
    pub open: bool,
    /// In words.
    pub says: String,
}

impl End {
    /// A stable lower-case word; of what was held back, the reason's.
    pub const fn word(self) -> &'static str {
        match self {
            End::Rejected => "rejected",
            End::Duplicate => "duplicate",
            End::NotThisType => "not_this_type",
            End::NoMatch => "no_match",
            End::Error => "error",
            End::HeldBack(reason) => reason,
            End::Fired => "fired",
        }
    }
}

impl Serialize for End {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.word())
    }
}

fn as_map<S: Serializer>(pairs: &[(String, String)], s: S) -> Result<S::Ok, S::Error> {
    s.collect_map(pairs.iter().map(|(name, value)| (name, value)).collect::<BTreeMap<_, _>>())
}

impl Why {
    /// For people.
    pub fn to_text(&self) -> String {
        let did = match self.end {
            End::Fired => "fired",
            End::HeldBack("shadow") => "would have fired",
            End::HeldBack(_) => "was held back",
            _ => "did not fire",
        };
        let mut out = format!(
            "{}/{} {did}: {}\n  event     {} of {}, {}, line {}, id {}\n",
            self.package, self.rule, self.because, self.event, self.sender, self.time, self.line, self.id
        );
        for (at, condition) in self.conditions.iter().enumerate() {
            condition.write(&mut out, if at == 0 { "when" } else { "" });
        }
        let counts: Vec<String> = self.counts.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        if !counts.is_empty() {
            let _ = writeln!(out, "  let       {}", counts.join(", "));
        }
        for gate in &self.gates {
            let _ = writeln!(out, "  {:<9} {}", gate.gate, gate.says);
        }
        for command in &self.commands {
            let _ = writeln!(out, "  ordered   {command}");
        }
        out
    }
}

impl Condition {
    fn write(&self, out: &mut String, head: &str) {
        let word = match self.holds {
            Some(true) => "true",
            Some(false) => "FALSE",
            None => "ERROR",
        };
        let _ = writeln!(out, "  {head:<9} {word:<5}  {}", self.text);
        let mut below = self.values.clone();
        below.extend(self.error.as_ref().map(|error| format!("no value: {error}")));
        if !below.is_empty() {
            let _ = writeln!(out, "{:19}{}", "", below.join(", "));
        }
        if self.holds != Some(true) {
            let _ = writeln!(out, "{:19}--> {}", "", self.place);
        }
    }
}
