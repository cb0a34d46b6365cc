//! Counting a replay: where its events ended, and what became of each rule.
//!
//! In: each event with its outcome. Out: a [`Summary`], as text for people or as JSON. The first four counts of events add up to
//! all of them, as in the daemon's ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use edge_event::UnixMillis;
use rules_capture::Captured;
use rules_engine::{Reason, RuleSet, Verdict};
use serde::Serialize;

use crate::offline::Observed;

/// What became of a capture.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Summary {
    /// Events of the capture.
    pub events: u64,
    /// Senders of events.
    pub senders: u64,
    /// From the first event to the last, by the capture's clock. Seconds.
    pub recorded_s: f64,
    /// Revisions of the rules, in the order in which they held.
    pub revisions: Vec<u64>,
    /// Events that ordered something.
    pub commanded: u64,
    /// Events that ordered nothing, by the reason.
    pub suppressed: BTreeMap<&'static str, u64>,
    /// Events that no rule fitted.
    pub no_match: u64,
    /// Events whose number was taken before.
    pub duplicate: u64,
    /// Events that admission refused, by the reason.
    pub rejected: Vec<Rejected>,
    /// Durable commands ordered.
    pub commands: u64,
    /// Replies ordered.
    pub replies: u64,
    /// What became of each rule, by package and id.
    pub rules: Vec<RuleTally>,
}

/// Events that were refused for one reason.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Rejected {
    /// The reason.
    pub code: &'static str,
    /// How many.
    pub count: u64,
    /// The line of the first one.
    pub first_line: u64,
    /// What was wrong with the first one.
    pub detail: String,
}

/// What became of one rule.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct RuleTally {
    /// The package.
    pub package: String,
    /// The rule's id.
    pub rule: String,
    /// Events for which it ordered something.
    pub fired: u64,
    /// Players for whom it did.
    pub players: u64,
    /// Events for which it was held back, by the reason.
    pub suppressed: BTreeMap<&'static str, u64>,
}

/// The counts while they grow.
#[derive(Default)]
pub(super) struct Tally {
    so_far: Summary,
    senders: usize,
    first: Option<UnixMillis>,
    last: UnixMillis,
    rules: BTreeMap<(Arc<str>, Arc<str>), Fired>,
    /// The names of the rules in force, by their index.
    names: Vec<(Arc<str>, Arc<str>)>,
}

#[derive(Default)]
struct Fired {
    fired: u64,
    players: BTreeSet<Arc<str>>,
    suppressed: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// From now on indices are those of `set`; counts of rules that stay go on.
    pub(super) fn adopt(&mut self, set: &RuleSet) {
        self.names = set.rules().map(|(_, info)| (info.package.clone(), info.id.clone())).collect();
        for name in &self.names {
            self.rules.entry(name.clone()).or_default();
        }
        self.so_far.revisions.push(set.revision());
    }

    pub(super) fn event(&mut self, captured: &Captured) {
        self.so_far.events += 1;
        self.senders = self.senders.max(captured.sender + 1);
        self.first.get_or_insert(captured.at);
        self.last = captured.at;
    }

    pub(super) fn rejected(&mut self, code: &'static str, line: u64, detail: String) {
        match self.so_far.rejected.iter_mut().find(|seen| seen.code == code) {
            Some(seen) => seen.count += 1,
            None => self.so_far.rejected.push(Rejected { code, count: 1, first_line: line, detail }),
        }
    }

    pub(super) fn duplicate(&mut self) {
        self.so_far.duplicate += 1;
    }

    pub(super) fn evaluated(&mut self, player: &Arc<str>, observed: &Observed<'_>) {
        let so_far = &mut self.so_far;
        match observed.verdict {
            Verdict::Commanded => so_far.commanded += 1,
            Verdict::Suppressed(reason) => *so_far.suppressed.entry(reason.word()).or_default() += 1,
            Verdict::NoMatch => so_far.no_match += 1,
        }
        so_far.commands += observed.commands.len() as u64;
        so_far.replies += observed.replies.len() as u64;
        for rule in observed.fired {
            let tally = self.rules.entry(self.names[rule.0 as usize].clone()).or_default();
            tally.fired += 1;
            if !tally.players.contains(player) {
                tally.players.insert(player.clone());
            }
        }
        for (rule, reason) in observed.suppressed {
            let tally = self.rules.entry(self.names[rule.0 as usize].clone()).or_default();
            *tally.suppressed.entry(reason.word()).or_default() += 1;
        }
    }

    pub(super) fn summary(&self) -> Summary {
        let tally = |((package, rule), fired): (&(Arc<str>, Arc<str>), &Fired)| RuleTally {
            package: package.to_string(),
            rule: rule.to_string(),
            fired: fired.fired,
            players: fired.players.len() as u64,
            suppressed: fired.suppressed.clone(),
        };
        Summary {
            senders: self.senders as u64,
            recorded_s: self.first.map_or(0.0, |first| (self.last.0 - first.0) as f64 / 1000.0),
            rules: self.rules.iter().map(tally).collect(),
            ..self.so_far.clone()
        }
    }
}

impl Summary {
    /// For people.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let revisions: Vec<String> = self.revisions.iter().map(u64::to_string).collect();
        let _ = writeln!(
            out,
            "{} events of {} senders over {}, rules of revision {}",
            self.events,
            self.senders,
            span(self.recorded_s),
            revisions.join(", then ")
        );
        let held: u64 = self.suppressed.values().sum();
        let rejected: u64 = self.rejected.iter().map(|r| r.count).sum();
        let _ = writeln!(
            out,
            "  {} commanded, {held} held back{}, {} no match, {} duplicate, {rejected} rejected",
            self.commanded,
            reasons(&self.suppressed),
            self.no_match,
            self.duplicate
        );
        for Rejected { code, count, first_line, detail } in &self.rejected {
            let _ = writeln!(out, "  rejected {code}: {count}, the first in line {first_line}: {detail}");
        }
        let _ = writeln!(out, "  {} commands, {} replies\n", self.commands, self.replies);
        out.push_str(&self.rules_text());
        out
    }

    /// One line a rule, under a headline.
    fn rules_text(&self) -> String {
        let names: Vec<String> = self.rules.iter().map(|r| format!("{}/{}", r.package, r.rule)).collect();
        let width = names.iter().map(String::len).max().unwrap_or(0).max(4);
        let held: Vec<&str> = Reason::ALL.iter().map(|reason| reason.word()).collect();
        let held: Vec<&str> =
            held.into_iter().filter(|word| self.rules.iter().any(|r| r.suppressed.contains_key(word))).collect();
        let mut out = format!("{:<width$} {:>8} {:>8}", "rule", "fired", "players");
        held.iter().for_each(|word| out.push_str(&format!(" {word:>8}")));
        out.push('\n');
        for (name, rule) in names.iter().zip(&self.rules) {
            let _ = write!(out, "{name:<width$} {:>8} {:>8}", rule.fired, rule.players);
            for word in &held {
                let _ = write!(out, " {:>8}", rule.suppressed.get(word).copied().unwrap_or(0));
            }
            out.push('\n');
        }
        out
    }
}

fn span(seconds: f64) -> String {
    match seconds {
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 3600.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

fn reasons(suppressed: &BTreeMap<&'static str, u64>) -> String {
    let all: Vec<String> = suppressed.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    if all.is_empty() { String::new() } else { format!(" ({})", all.join(", ")) }
}
