//! Rules, verified: what the engine says of each condition for each event, held against CEL's reference interpreter.
//!
//! ```text
//! capture, or drawn events --Replay--> engine: does the rule's condition hold?  --+
//!                              '-----> reference: the author's text, the payload -+--> the same, or a difference
//! ```
//!
//! Comes in: a compilation and its rule set, loaded, and [`Captured`] events one after the other, of a capture or [drawn] from the
//! catalogue. Goes out: [`Verified`]: for each rule how often both were asked and said the same, and the first differences. Counts of
//! windows are the engine's: they are state and no expression. The two share the parser; compiler, extractor and evaluator are
//! the engine's alone, checked tree, decoder and interpreter the reference's.
//!
//! Deliberately absent: files, keys and commands of rules, and the daemon, which links none of this.

pub mod drawn;
mod payload;
mod second;
mod verified;

use std::collections::BTreeMap;
use std::sync::Arc;

use rules::{Compilation, Outcome, Replay};
use rules_capture::Captured;
use rules_engine::{EvalError, Explanation, Reason, RuleIndex, RuleSet};

use payload::Payloads;
use second::{Facts, Opinions};
use verified::Asked;
pub use verified::{Difference, RuleVerified, Verified};

/// See the head of this file.
pub struct Verify {
    replay: Replay,
    payloads: Payloads,
    /// By package.
    opinions: BTreeMap<String, Opinions>,
    verified: Verified,
    lines: Vec<u8>,
}

impl Verify {
    /// `set` is the rule set of `compilation`, loaded. Begins with empty state.
    pub fn new(compilation: &Compilation, set: Arc<RuleSet>) -> Verify {
        let payloads = Payloads::new(compilation.catalogue());
        let conditions = compilation.conditions();
        let opinion =
            |of: &rules::WrittenConditions| (of.package.clone(), Opinions::new(of, compilation.catalogue(), &payloads));
        Verify {
            opinions: conditions.iter().map(opinion).collect(),
            verified: Verified::of(&conditions),
            replay: Replay::new(set),
            payloads,
            lines: Vec::new(),
        }
    }

    /// Takes one event. Times must not fall.
    pub fn take(&mut self, captured: Captured) -> Outcome {
        let line = captured.line;
        self.lines.clear();
        let outcome = self.replay.take(captured, &mut self.lines);
        self.verified.events += 1;
        match outcome {
            Outcome::Evaluated(_) => self.compare(line),
            Outcome::Rejected(_) => self.verified.rejected += 1,
            Outcome::Duplicate => self.verified.duplicate += 1,
        }
        outcome
    }

    fn compare(&mut self, line: u64) {
        let offline = self.replay.offline();
        let Some(event) = offline.last_event() else { return };
        let catalogue = offline.rule_set().catalogue();
        let Some(event_type) = catalogue.event_type(event.event_type) else { return };
        let Some(fields) = self.payloads.value(event_type.message, &event.payload) else { return };
        for (at, info) in offline.rule_set().rules().filter(|(_, info)| info.on == event.event_type) {
            let Some(opinions) = self.opinions.get(&*info.package) else { continue };
            let Some(explanation) = offline.explain_last(at) else { continue };
            let Some(counts) = whole_numbers(&explanation) else {
                self.verified.pass_over(&info.package, &info.id);
                continue;
            };
            let Some(reference) =
                opinions.ask(&info.id, Facts { event, fields: &fields, counts: &counts }, &self.payloads)
            else {
                continue;
            };
            let asked = Asked {
                package: &info.package,
                rule: &info.id,
                line,
                engine: explanation.holds.as_ref().copied().map_err(ToString::to_string),
                torn: self.torn(at, &explanation),
                is_given_up: is_limit(&explanation.holds),
                reference,
                counts,
            };
            let shown = || {
                let json = catalogue.decode_json(event_type, &event.payload).unwrap_or_default();
                format!("{} of {} {json}", event_type.name, event.conn.sub)
            };
            self.verified.count(asked, shown);
        }
    }

    /// The engine decides in an order of its own and explains in the author's: both must come to the same.
    fn torn(&self, rule: RuleIndex, explanation: &Explanation) -> Option<&'static str> {
        let observed = self.replay.offline().observed()?;
        let held_back = observed.suppressed.iter().find(|(at, _)| *at == rule).map(|(_, reason)| *reason);
        let is_taken = observed.fired.contains(&rule) || held_back.is_some();
        match explanation.holds {
            // A key or a command without a value is told like a condition without one.
            Ok(holds) => {
                (holds != is_taken).then_some(if is_taken { "the rule was taken" } else { "the rule was not taken" })
            }
            Err(_) => (held_back != Some(Reason::Error)).then_some("the rule was not told to have no value"),
        }
    }

    /// What came out until now.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }
}

/// What the rule's `let`s gathered, where all of it is whole numbers: the reference is given nothing else.
fn whole_numbers(explanation: &Explanation) -> Option<Vec<(String, i64)>> {
    let number = |(name, value): &(String, Result<String, EvalError>)| match value {
        Ok(text) => text.parse().ok().map(|number| Some((name.clone(), number))),
        Err(_) => Some(None),
    };
    let numbers: Option<Vec<_>> = explanation.lets.iter().map(number).collect();
    numbers.map(|numbers| numbers.into_iter().flatten().collect())
}

/// Whether the engine had to stop at one of its limits, which the reference does not have.
fn is_limit(holds: &Result<bool, EvalError>) -> bool {
    matches!(holds, Err(EvalError::TooCostly | EvalError::TooLarge))
}
