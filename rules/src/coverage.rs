//! How far each rule got over a capture, and which never fired.
//!
//! In: a [`Compilation`], and [`Captured`] events, one after the other, which go the way of a replay. Out: [`Covered`]. Of a rule
//! whose condition never held it says which part of the condition was most often the first to be false, by its first
//! 10,000 events. Absent: files, progress, and whether a rule that never fired is a fault: the caller knows its capture.

mod covered;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use edge_event::EventTypeId;
use rules_capture::Captured;
use rules_engine::{Explanation, Reason, RuleIndex, RuleSet};

use crate::compilation::Compilation;
use crate::replay::{Outcome, Replay};
use crate::source::Span;
use crate::words::text_of;
pub use covered::{Blocked, Covered, Reach, RuleCovered};

/// Of each rule whose condition never held, so many events are explained at most; explaining is slow.
const LOOKED_AT: u64 = 10_000;

/// See the head of this file.
pub struct Coverage<'c> {
    compilation: &'c Compilation,
    replay: Replay,
    /// By the index of the rule.
    seen: Vec<Seen>,
    /// Rules whose condition never held and that are still looked at, by the type of their event.
    never_held: HashMap<EventTypeId, Vec<RuleIndex>>,
    lines: Vec<u8>,
}

/// What the replay's own counts do not tell of a rule.
#[derive(Default)]
struct Seen {
    /// Times its condition had no value.
    condition_errors: u64,
    /// Times its condition held and a key or a command had no value.
    command_errors: u64,
    /// The line of the first error.
    first_error: Option<u64>,
    /// Events that were explained.
    looked_at: u64,
    /// Times that this node of the condition was the first to be false.
    first_false: BTreeMap<u32, u64>,
}

impl<'c> Coverage<'c> {
    /// `set` is the rule set of `compilation`, loaded. Begins with empty state.
    pub fn new(compilation: &'c Compilation, set: Arc<RuleSet>) -> Coverage<'c> {
        let mut never_held: HashMap<EventTypeId, Vec<RuleIndex>> = HashMap::new();
        for (at, info) in set.rules() {
            never_held.entry(info.on).or_default().push(at);
        }
        let seen = set.rules().map(|_| Seen::default()).collect();
        Coverage { compilation, replay: Replay::new(set), seen, never_held, lines: Vec::new() }
    }

    /// Takes one event. Times must not fall.
    pub fn take(&mut self, captured: Captured) -> Outcome {
        let (line, event_type) = (captured.line, captured.event_type);
        self.lines.clear();
        let outcome = self.replay.take(captured, &mut self.lines);
        if matches!(outcome, Outcome::Evaluated(_)) {
            self.errors(line);
            self.first_false(event_type);
        }
        outcome
    }

    /// Counts errors, and tells those of a condition from those of keys and commands.
    fn errors(&mut self, line: u64) {
        let offline = self.replay.offline();
        let Some(observed) = offline.observed() else { return };
        for (at, _) in observed.suppressed.iter().filter(|(_, reason)| *reason == Reason::Error) {
            let seen = &mut self.seen[at.0 as usize];
            seen.first_error.get_or_insert(line);
            match offline.explain_last(*at).map(|explanation| explanation.holds) {
                Some(Ok(_)) => seen.command_errors += 1,
                Some(Err(_)) | None => seen.condition_errors += 1,
            }
        }
    }

    /// For rules that never held: which part of the condition is false first.
    fn first_false(&mut self, event_type: EventTypeId) {
        let offline = self.replay.offline();
        let (Some(rules), Some(observed)) = (self.never_held.get_mut(&event_type), offline.observed()) else { return };
        let held = |at: &RuleIndex| observed.fired.contains(at) || observed.suppressed.iter().any(|(a, _)| a == at);
        rules.retain(|at| !held(at) && self.seen[at.0 as usize].looked_at < LOOKED_AT);
        for at in rules {
            let seen = &mut self.seen[at.0 as usize];
            seen.looked_at += 1;
            if let Some(node) = offline.explain_last(*at).as_ref().and_then(first_false_of) {
                *seen.first_false.entry(node).or_default() += 1;
            }
        }
    }

    /// What became of all events until now.
    pub fn covered(&self) -> Covered {
        let summary = self.replay.summary();
        let set = self.replay.offline().rule_set();
        let counters: Vec<_> = self.replay.offline().rule_counters().collect();
        let mut rules: Vec<RuleCovered> = Vec::new();
        for (at, info) in set.rules() {
            // There are none before the first event.
            let counted = counters.get(at.0 as usize).copied().unwrap_or_default();
            let seen = &self.seen[at.0 as usize];
            let tally = summary.rules.iter().find(|t| *t.package == *info.package && *t.rule == *info.id);
            let held = |reason: Reason| counted.suppressed[reason as usize];
            let gates = Reason::ALL.into_iter().filter(|r| *r != Reason::Error && held(*r) > 0);
            let all: u64 = counted.fired + counted.suppressed.iter().sum::<u64>();
            let rule = RuleCovered {
                package: info.package.to_string(),
                rule: info.id.to_string(),
                owner: info.owner.clone(),
                event: set.catalogue().event_type(info.on).map_or_else(String::new, |t| t.name.clone()),
                events: counted.evaluated,
                held: all - seen.condition_errors,
                held_back: gates.map(|reason| (reason.word(), held(reason))).collect(),
                condition_errors: seen.condition_errors,
                command_errors: seen.command_errors,
                first_error_line: seen.first_error,
                fired: counted.fired,
                players: tally.map_or(0, |t| t.players),
                reach: Reach::Fired,
                first_false: Vec::new(),
            };
            let reach = rule.how_far();
            let first_false = if reach == Reach::NeverHeld { self.blocked(at, info) } else { Vec::new() };
            rules.push(RuleCovered { reach, first_false, ..rule });
        }
        rules.sort_by(|a, b| (&a.package, &a.rule).cmp(&(&b.package, &b.rule)));
        Covered {
            events: summary.events,
            senders: summary.senders,
            recorded_s: summary.recorded_s,
            rejected: summary.rejected.iter().map(|r| r.count).sum(),
            duplicate: summary.duplicate,
            rules,
        }
    }

    /// The parts of a condition that were false first, the most frequent one in front.
    fn blocked(&self, at: RuleIndex, info: &rules_engine::RuleInfo) -> Vec<Blocked> {
        let name = (info.package.to_string(), info.id.to_string());
        let places: &[Span] = self.compilation.places.get(&name).map_or(&[], |p| p);
        let sources = &self.compilation.sources;
        let seen = &self.seen[at.0 as usize];
        let blocked = |(node, times): (&u32, &u64)| Blocked {
            text: text_of(sources, places, *node),
            place: places.get(*node as usize).map(|span| sources.describe(*span)).unwrap_or_default(),
            times: *times,
            of: seen.looked_at,
        };
        let mut all: Vec<Blocked> = seen.first_false.iter().map(blocked).collect();
        all.sort_by_key(|b| std::cmp::Reverse(b.times));
        all
    }
}

fn first_false_of(explanation: &Explanation) -> Option<u32> {
    explanation.conjuncts.iter().find(|(_, holds)| *holds == Ok(false)).map(|(node, _)| *node)
}
