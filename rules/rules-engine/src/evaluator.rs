//! One shard's evaluator: events in, outputs out.
//!
//! For each event, in this order: bound its time, read its fields, feed windows, find the rules whose conditions hold, ask
//! their gates ([`gates`]), make their commands, use the gates of the winners, emit in emission order. Finding
//! rules ([`find`]) knows nothing of gates and emission ([`settle`]).
//!
//! A rule whose condition or command fails does not fire and disturbs no other. Nothing is allocated for an event that fires
//! nothing, once the scratch memory has grown.

mod answer;
mod counters;
mod emit;
mod explain;
mod find;
mod gates;
mod key;
mod lets;
mod settle;

use edge_event::{Command, Event, UnixMillis};
use rules_catalogue::{FieldValue, recycle};

pub use counters::{EvaluatorCounters, RuleCounters};
pub use explain::{Explanation, GateAnswer, explain};

use crate::expr::{EvalError, LetValue, Scope, Scratch};
use crate::index::Selected;
use crate::outcome::{Outputs, Reason, RuleIndex, Verdict};
use crate::rule_set::{Arm, Kind, Partition, RuleSet};
use crate::state::{State, Touch};
use counters::Counters;

/// Scratch memory and counters of one shard. State lives in [`State`], rules in [`RuleSet`].
#[derive(Default)]
pub struct Evaluator {
    /// Whether every rule of an event's type is asked, without looking into the index.
    is_linear: bool,
    /// Rules that the index lets through; empty between events.
    selected: Vec<Selected>,
    scratch: Scratch,
    /// Room for the fields of an event; empty between events.
    slots: Vec<FieldValue<'static>>,
    lets: Vec<LetValue>,
    found: Vec<Found>,
    pending: Vec<Command>,
    /// Groups of which a rule fired for this event.
    won: Vec<gates::Won>,
    keys: KeyBytes,
    body: String,
    counters: Counters,
}

/// A rule whose condition holds or fails.
struct Found {
    rule: u32,
    holds: Result<(), EvalError>,
}

/// Canonical bytes of keys and identities.
#[derive(Default)]
struct KeyBytes {
    key: Vec<u8>,
    identity: Vec<u8>,
}

/// One event under one rule set.
#[derive(Clone, Copy)]
struct Case<'a> {
    set: &'a RuleSet,
    partition: &'a Partition,
    event: &'a Event,
    slots: &'a [FieldValue<'a>],
    /// The event's time, bounded to what lateness allows.
    time: UnixMillis,
    /// Whether it came too late to feed or read windows.
    late: bool,
    /// The variation of the rule at hand, from its gates on.
    arm: Option<&'a Arm>,
}

impl Evaluator {
    /// Without scratch memory and with counters at zero.
    pub fn new() -> Evaluator {
        Evaluator::default()
    }

    /// One that asks every rule of an event's type, one after the other. It decides as any other does, and takes longer: the
    /// oracle that the index is held to.
    pub fn linear() -> Evaluator {
        Evaluator { is_linear: true, ..Evaluator::default() }
    }

    /// Evaluates one event under one rule set; `now` is the shard's time. `out` is cleared first.
    ///
    /// Reserve room for [`RuleSet::worst_case`] of the event's type before: gates that let something through are used when
    /// this returns. The payload must have passed the catalogue's admission.
    pub fn evaluate(
        &mut self,
        set: &RuleSet,
        state: &mut State,
        event: &Event,
        now: UnixMillis,
        out: &mut Outputs,
    ) -> Verdict {
        out.clear();
        state.adopt(set);
        state.step(now);
        self.counters.adopt(set);
        let (time, late) = bounded_time(event, set.lateness_ms);
        out.time = time;
        let Some(at) = set.partition_index(event.event_type) else {
            return self.counters.count(Verdict::NoMatch);
        };
        self.counters.event_of(at, late);
        let partition = &set.partitions[at];
        let mut slots = recycle(std::mem::take(&mut self.slots));
        let verdict = match partition.extractor.extract(&event.payload, &mut slots) {
            Ok(()) => {
                let case = Case { set, partition, event, slots: &slots, time, late, arm: None };
                self.evaluate_case(case, state, out)
            }
            Err(_) => {
                self.counters.unreadable();
                Verdict::Suppressed(Reason::Error)
            }
        };
        self.slots = recycle(slots);
        self.counters.count(verdict)
    }

    fn evaluate_case(&mut self, case: Case<'_>, state: &mut State, out: &mut Outputs) -> Verdict {
        self.scratch.arena.reset();
        if !case.late {
            self.feed(case, state, out);
        }
        self.find(case, state);
        self.settle(case, state, out);
        match (out.fired.is_empty(), out.suppressed.first()) {
            (false, _) => Verdict::Commanded,
            (true, Some((_, reason))) => Verdict::Suppressed(*reason),
            (true, None) => Verdict::NoMatch,
        }
    }

    /// Leaves in `out` the rules whose conditions hold for an event, in emission order. Nothing is fed, ordered or counted, and
    /// no gate is asked.
    pub fn matching(&mut self, set: &RuleSet, state: &mut State, event: &Event, out: &mut Vec<RuleIndex>) {
        out.clear();
        state.adopt(set);
        let (time, late) = bounded_time(event, set.lateness_ms);
        let Some(partition) = set.partition(event.event_type) else { return };
        let mut slots = recycle(std::mem::take(&mut self.slots));
        if partition.extractor.extract(&event.payload, &mut slots).is_ok() {
            self.find(Case { set, partition, event, slots: &slots, time, late, arm: None }, state);
            out.extend(self.found.iter().filter(|found| found.holds.is_ok()).map(|found| RuleIndex(found.rule)));
        }
        self.slots = recycle(slots);
    }

    /// What the shard evaluated so far.
    pub fn counters(&self) -> EvaluatorCounters {
        self.counters.totals()
    }

    /// What happened to each rule of the set that was evaluated last, in the order of [`RuleSet::rules`].
    /// Counts of a rule go on through swaps as long as its package and id stay.
    pub fn rule_counters(&self) -> impl ExactSizeIterator<Item = RuleCounters> + '_ {
        self.counters.rules()
    }

    /// Times that the `where` or the key of a feed failed.
    pub fn feed_errors(&self) -> u64 {
        self.counters.totals().feed_errors
    }
}

impl<'a> Case<'a> {
    /// A cell of definition `at`, as this event sees it.
    fn touch(&self, at: u32, key: u128) -> Touch<'a> {
        let definition = &self.set.definitions[at as usize];
        let span = match definition.kind {
            Kind::Feed { window, .. } => Some(self.set.span(window, &self.event.conn.region)),
            _ => None,
        };
        Touch { at, definition, key, event: self.event, span, time: self.time }
    }

    fn scope(&self, lets: &'a [LetValue], scratch: &'a Scratch) -> Scope<'a> {
        let paths = self.partition.extractor.slots();
        let mut scope = Scope::new(&self.set.pools, self.event, self.slots, paths, lets, scratch);
        scope.arm = self.arm;
        scope
    }
}

/// The event's time within `[arrival - lateness, arrival]`, and whether it lay before.
fn bounded_time(event: &Event, lateness_ms: u32) -> (UnixMillis, bool) {
    let earliest = UnixMillis(event.arrival.0.saturating_sub(i64::from(lateness_ms)));
    let time = event.happened.max(earliest).min(event.arrival);
    (time, event.happened < earliest)
}
