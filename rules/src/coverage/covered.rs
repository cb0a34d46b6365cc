//! What a coverage run found, as text for people or as JSON.
//!
//! In: the counts of [`Coverage`](super::Coverage). Out: a table of all rules, and below it each rule that never fired with how
//! far it got. Absent: the counting.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

/// What became of every rule over a capture.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Covered {
    /// Events of the capture.
    pub events: u64,
    /// Senders of events.
    pub senders: u64,
    /// From the first event to the last, by the capture's clock. Seconds.
    pub recorded_s: f64,
    /// Events that admission refused: no rule saw them.
    pub rejected: u64,
    /// Events whose number was taken before: no rule saw them.
    pub duplicate: u64,
    /// Each enabled rule, by package and id.
    pub rules: Vec<RuleCovered>,
}

/// How far one rule got.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RuleCovered {
    /// The package.
    pub package: String,
    /// The rule's id.
    pub rule: String,
    /// Whom to ask.
    pub owner: String,
    /// The event type that triggers it.
    pub event: String,
    /// Events of that type.
    pub events: u64,
    /// Events for which its condition held.
    pub held: u64,
    /// Of these, events for which something held it back, by the reason.
    pub held_back: BTreeMap<&'static str, u64>,
    /// Events for which its condition had no value.
    pub condition_errors: u64,
    /// Events for which its condition held, and a key or a command had no value.
    pub command_errors: u64,
    /// The line of the first error, in its file.
    pub first_error_line: Option<u64>,
    /// Events for which it ordered something.
    pub fired: u64,
    /// Players for whom it did.
    pub players: u64,
    /// How far it got.
    pub reach: Reach,
    /// Where its condition never held: the parts that were the first to be false.
    pub first_false: Vec<Blocked>,
}

/// How far a rule got. The order of the variants is the order of the steps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// No event of its type came.
    NoEvent,
    /// Events came, its condition never held.
    NeverHeld,
    /// Its condition held, and something always held it back.
    HeldBack,
    /// Runs in shadow, and would have fired.
    Shadow,
    /// It ordered something.
    Fired,
}

/// A part of a condition that was the first to be false.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Blocked {
    /// The author's words.
    pub text: String,
    /// `path:line:column`
    pub place: String,
    /// How often.
    pub times: u64,
    /// Of so many events that were looked at.
    pub of: u64,
}

impl RuleCovered {
    /// `package/id`
    pub fn name(&self) -> String {
        format!("{}/{}", self.package, self.rule)
    }

    /// Whether it never fired, nor would have fired in shadow.
    pub fn is_silent(&self) -> bool {
        self.reach < Reach::Shadow
    }

    pub(super) fn how_far(&self) -> Reach {
        let shadow = self.held_back.get("shadow").copied().unwrap_or(0);
        match () {
            () if self.fired > 0 => Reach::Fired,
            () if shadow > 0 => Reach::Shadow,
            () if self.held > 0 => Reach::HeldBack,
            () if self.events > 0 => Reach::NeverHeld,
            () => Reach::NoEvent,
        }
    }

    fn errors(&self) -> u64 {
        self.condition_errors + self.command_errors
    }

    /// Why it never fired, for people.
    fn write_silent(&self, out: &mut String) {
        let _ = write!(out, "  {} on {} ({}): ", self.name(), self.event, self.owner);
        let (held, events) = (self.held, self.events);
        let _ = match self.reach {
            Reach::NoEvent => writeln!(out, "no {} came", self.event),
            Reach::NeverHeld => writeln!(out, "{} came, its condition never held", plural(events, "event")),
            _ => writeln!(out, "its condition held {}, and it ordered nothing", times(held)),
        };
        for (reason, count) in &self.held_back {
            let _ = writeln!(out, "      held back by `{reason}`: {}", times(*count));
        }
        if let (Some(line), true) = (self.first_error_line, self.errors() > 0) {
            let (condition, command) = (self.condition_errors, self.command_errors);
            let counted = [("its condition", condition), ("a key or a command", command)].into_iter();
            let counted = counted.filter(|(_, n)| *n > 0).map(|(what, n)| format!("{what} {}", times(n)));
            let counted: Vec<String> = counted.collect();
            let _ = writeln!(out, "      without a value: {}; first in line {line}", counted.join(", "));
        }
        for blocked in &self.first_false {
            let Blocked { text, place, times: found, of } = blocked;
            let _ = writeln!(out, "      false first, {found} of {of}: `{text}`\n        --> {place}");
        }
    }
}

impl Covered {
    /// Rules that never fired, nor would have fired in shadow.
    pub fn silent(&self) -> impl Iterator<Item = &RuleCovered> {
        self.rules.iter().filter(|rule| rule.is_silent())
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let mut out = format!("{} of {}", plural(self.events, "event"), plural(self.senders, "sender"));
        if self.rejected + self.duplicate > 0 {
            let _ = write!(out, ", {} rejected, {} duplicate", self.rejected, self.duplicate);
        }
        let names: Vec<String> = self.rules.iter().map(RuleCovered::name).collect();
        let width = names.iter().map(String::len).max().unwrap_or(0).max(4);
        let _ = writeln!(
            out,
            "\n\n{:<width$} {:>9} {:>9} {:>9} {:>7} {:>8} {:>8}",
            "rule", "events", "held", "held back", "errors", "fired", "players"
        );
        for (name, rule) in names.iter().zip(&self.rules) {
            let held_back: u64 = rule.held_back.values().sum();
            let _ = writeln!(
                out,
                "{name:<width$} {:>9} {:>9} {held_back:>9} {:>7} {:>8} {:>8}",
                rule.events,
                rule.held,
                rule.errors(),
                rule.fired,
                rule.players
            );
        }
        let silent = self.silent().count();
        let _ = writeln!(out, "\n{} of {} fired", self.rules.len() - silent, plural(self.rules.len() as u64, "rule"));
        if silent > 0 {
            out.push_str("\nnever fired:\n");
            self.silent().for_each(|rule| rule.write_silent(&mut out));
        }
        out
    }
}

fn plural(n: u64, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

fn times(n: u64) -> String {
    match n {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}
