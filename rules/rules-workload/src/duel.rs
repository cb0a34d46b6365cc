//! Two evaluators over the same rule sets and events: whatever they leave behind must be the same.
//!
//! Comes in: a seed for each rule set. Goes out: a [`Tally`], or the first difference, with the seed that shows it again. One
//! evaluator uses the index, the other asks every rule. Half-way both go over to a changed rule set, which the first loads with
//! what it can keep of the old one. For a few rules of each event the walk over the whole condition is asked, too, which
//! knows neither index nor tests. Deliberately absent: clocks, threads, printing.

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::AddAssign;

use edge_event::Event;
use rules_engine::ir::RuleSetIr;
use rules_engine::{EvalError, Evaluator, Outputs, RuleIndex, RuleSet, State, StateLimits, Verdict, explain};

use crate::START;
use crate::anything::{changed, events, rule_set, the_catalogue};
use crate::dice::Dice;

/// What was compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Rule sets.
    pub sets: u64,
    /// Rules of all sets.
    pub rules: u64,
    /// Events, each under one rule set.
    pub pairs: u64,
    /// Pairs in which a condition held or failed.
    pub matching: u64,
    /// Rules that ordered something.
    pub fired: u64,
    /// Rules that were held back, errors among them.
    pub suppressed: u64,
    /// Conditions that were walked besides.
    pub walked: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Tally) {
        self.sets += more.sets;
        self.rules += more.rules;
        self.pairs += more.pairs;
        self.matching += more.matching;
        self.fired += more.fired;
        self.suppressed += more.suppressed;
        self.walked += more.walked;
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Tally>>(all: I) -> Tally {
        all.fold(Tally::default(), |mut sum, more| {
            sum += more;
            sum
        })
    }
}

/// One side.
struct Side {
    evaluator: Evaluator,
    state: State,
    out: Outputs,
}

impl Side {
    fn new(evaluator: Evaluator) -> Side {
        Side { evaluator, state: State::new(StateLimits::with_seed(5), START), out: Outputs::default() }
    }
}

/// Draws a rule set of at most `rules_max` rules and so many events, and lets both evaluators run over them.
///
/// # Errors
/// The first difference, in words.
pub fn duel(seed: u64, rules_max: usize, count: usize) -> Result<Tally, String> {
    let mut dice = Dice::new(seed.wrapping_mul(0x0001_0000_01b3));
    // As many small sets as large ones.
    let rules = 1 + (rules_max as f64).powf(dice.unit()) as usize;
    let rules = rules.min(rules_max);
    let spread = dice.pick(&[10, 100, 3_000]);
    let ir = rule_set(rules, spread, seed);
    let events = events(count, spread, seed);
    let fault = |what: String| format!("seed {seed}, {rules} rules: {what}");
    let mut duel =
        Duel { dice, fast: Side::new(Evaluator::new()), slow: Side::new(Evaluator::linear()), tally: Tally::default() };
    let (before, after) = events.split_at(count / 2);
    let set = load(&ir, None).map_err(fault)?;
    duel.run(&set, before).map_err(fault)?;
    let next = changed(&ir, spread, seed);
    let kept = load(&next, Some(&set)).map_err(fault)?;
    duel.run(&kept, after).map_err(fault)?;
    duel.end().map_err(fault)?;
    Ok(Tally { sets: 1, rules: rules as u64, ..duel.tally })
}

fn load(ir: &RuleSetIr, before: Option<&RuleSet>) -> Result<RuleSet, String> {
    let loaded = match before {
        Some(before) => RuleSet::load_after(ir.clone(), the_catalogue(), before),
        None => RuleSet::load(ir.clone(), the_catalogue()),
    };
    loaded.map_err(|refusal| format!("what is drawn does not load: {refusal}"))
}

struct Duel {
    dice: Dice,
    fast: Side,
    slow: Side,
    tally: Tally,
}

impl Duel {
    fn run(&mut self, set: &RuleSet, events: &[Event]) -> Result<(), String> {
        for event in events {
            let (fast, slow) = (&mut self.fast, &mut self.slow);
            let of_fast = fast.evaluator.evaluate(set, &mut fast.state, event, event.arrival, &mut fast.out);
            let of_slow = slow.evaluator.evaluate(set, &mut slow.state, event, event.arrival, &mut slow.out);
            self.compare(of_fast, of_slow).map_err(|what| format!("event {:?}: {what}", event.id))?;
            self.count();
            self.walk(set, event)?;
        }
        Ok(())
    }

    fn compare(&self, of_fast: Verdict, of_slow: Verdict) -> Result<(), String> {
        let (fast, slow) = (&self.fast.out, &self.slow.out);
        same("fired", &fast.fired, &slow.fired)?;
        same("suppressed", &fast.suppressed, &slow.suppressed)?;
        same("verdict", &of_fast, &of_slow)?;
        same("commands", &fast.commands, &slow.commands)?;
        same("replies", &fast.replies, &slow.replies)?;
        same("shadow", &fast.shadow, &slow.shadow)?;
        same("deltas", &fast.deltas, &slow.deltas)?;
        same("timers", &fast.timers, &slow.timers)?;
        same("record bytes", &fast.record_bytes, &slow.record_bytes)?;
        same("time", &fast.time, &slow.time)
    }

    fn count(&mut self) {
        let out = &self.fast.out;
        self.tally.pairs += 1;
        self.tally.matching += u64::from(!(out.fired.is_empty() && out.suppressed.is_empty()));
        self.tally.fired += out.fired.len() as u64;
        self.tally.suppressed += out.suppressed.len() as u64;
    }

    /// A rule was found exactly if its condition, walked as a whole, does not come out as false.
    fn walk(&mut self, set: &RuleSet, event: &Event) -> Result<(), String> {
        let found = |at: RuleIndex| {
            let out = &self.fast.out;
            out.fired.contains(&at) || out.suppressed.iter().any(|(of, _)| *of == at)
        };
        for _ in 0..2 {
            if set.rules().len() == 0 {
                return Ok(());
            }
            let at = RuleIndex(self.dice.below(set.rules().len() as u64) as u32);
            let Some(explanation) = explain(set, &self.fast.state, event, at) else { continue };
            // The walk pays a step for each test, an evaluator none, so the walk runs out of steps first.
            if explanation.holds == Err(EvalError::TooCostly) {
                continue;
            }
            if found(at) != (explanation.holds != Ok(false)) {
                return Err(format!(
                    "{:?} was found: {}, walked it is {:?}",
                    set.rule(at),
                    found(at),
                    explanation.holds
                ));
            }
            self.tally.walked += 1;
        }
        Ok(())
    }

    /// What is left at the end.
    fn end(&self) -> Result<(), String> {
        let (fast, slow) = (&self.fast, &self.slow);
        same("counters", &fast.evaluator.counters(), &slow.evaluator.counters())?;
        let counters = |side: &Side| side.evaluator.rule_counters().collect::<Vec<_>>();
        same("counters of rules", &counters(fast), &counters(slow))?;
        let tables = |side: &Side| side.state.tables().collect::<Vec<_>>();
        same("tables", &tables(fast), &tables(slow))?;
        // All cells, in the order in which they were made.
        same("state", &format!("{:?}", fast.state), &format!("{:?}", slow.state))
    }
}

fn same<T: PartialEq + Debug>(what: &str, fast: &T, slow: &T) -> Result<(), String> {
    if fast == slow {
        return Ok(());
    }
    Err(format!("{what} differ\n  with the index: {fast:?}\n  one by one: {slow:?}"))
}
