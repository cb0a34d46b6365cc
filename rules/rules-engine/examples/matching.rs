//! How long an event takes to find its rules: the index beside the linear scan, in one run.
//!
//! ```text
//! cargo run --release -p rules-engine --example matching [MIX…]
//! ```
//! In: nothing, or names of mixes (`spread`, `hot`, `distinct`, `unindexable-5`, `unindexable-20`). Out: for each mix and number of
//! rules a line: how long it took to load, memory of the index, rules that hold for an event, and nanoseconds for each event,
//! payload in, rules out. Both sides are asked in turns, so that a busy machine disturbs both; each event is timed by itself,
//! and what the clock takes is taken off. Two evaluators that do not find the same rules are told and end the run.

#![allow(clippy::print_stdout, missing_docs, reason = "a benchmark prints")]

use std::time::Instant;

use edge_event::{Event, UnixMillis};
use rules_engine::ir::RuleSetIr;
use rules_engine::{Evaluator, RuleIndex, RuleSet, State, StateLimits};
use rules_workload::START;
use rules_workload::traffic::{self, Mix};

const SIZES: [usize; 5] = [1, 100, 1_000, 10_000, 100_000];
/// Different events of one measurement.
const EVENTS: usize = 20_000;
/// Least time that each side is measured, milliseconds.
const LEAST_MS: u128 = 600;
/// Events that one side is asked before it is the other's turn.
const TURN: usize = 500;

/// The mix for so many rules.
type OfRules = fn(usize) -> Mix;

fn mixes() -> [(&'static str, OfRules); 5] {
    [
        ("spread", |_| Mix::SPREAD),
        ("hot", |_| Mix::HOT),
        ("distinct", Mix::distinct),
        ("unindexable-5", |_| Mix::unindexable(5)),
        ("unindexable-20", |_| Mix::unindexable(20)),
    ]
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let clock_ns = clock_ns();
    println!("nanoseconds for each event, payload in, rules out; the clock's {clock_ns} ns are taken off\n");
    println!(
        "{:<15} {:>7} | {:>8} {:>9} {:>9} | {:>22} | {:>25} | {:>7}",
        "mix", "rules", "load ms", "index KB", "hold/event", "index mean p50 p99", "linear mean p50 p99", "times"
    );
    for (name, mix) in mixes() {
        if !wanted.is_empty() && !wanted.iter().any(|w| w == name) {
            continue;
        }
        for rules in SIZES {
            measure(name, &mix(rules), rules, clock_ns);
        }
    }
}

/// What asking the clock twice takes.
fn clock_ns() -> u64 {
    let mut all: Vec<u64> = (0..10_000).map(|_| Instant::now().elapsed().as_nanos() as u64).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

fn measure(name: &str, mix: &Mix, rules: usize, clock_ns: u64) {
    let of_rules = mix.rules(rules, 42);
    let fields = mix.events(EVENTS, 7);
    let bytes = traffic::rule_set(mix, &of_rules).to_bytes();
    let begun = Instant::now();
    let ir = RuleSetIr::from_bytes(&bytes).expect("its own bytes");
    let set = RuleSet::load(ir, mix.catalogue()).expect("the workload's rules are sound");
    let load_ms = begun.elapsed().as_secs_f64() * 1e3;
    let events = traffic::events(&fields);
    let mut index = Side::new(Evaluator::new());
    let mut linear = Side::new(Evaluator::linear());
    let held = agree(&set, &events, &mut index, &mut linear);
    // A slow side sees fewer events; whole turns of the same events all the same.
    let mut at = 0;
    while index.spent_ns.min(linear.spent_ns) < LEAST_MS * 1_000_000 && linear.spent_ns < LEAST_MS * 5_000_000 {
        let turn = &events[at..(at + TURN).min(EVENTS)];
        index.run(&set, turn, clock_ns);
        linear.run(&set, turn, clock_ns);
        at = (at + TURN) % EVENTS;
    }
    while index.spent_ns < LEAST_MS * 1_000_000 {
        index.run(&set, &events[at..(at + TURN).min(EVENTS)], clock_ns);
        at = (at + TURN) % EVENTS;
    }
    let (fast, slow) = (index.figures(), linear.figures());
    println!(
        "{name:<15} {rules:>7} | {load_ms:>8.1} {:>9.0} {held:>10.3} | {:>8.0} {:>6} {:>6} | {:>9.0} {:>7} {:>7} | {:>7.1}",
        set.index_bytes() as f64 / 1024.0,
        fast.0,
        fast.1,
        fast.2,
        slow.0,
        slow.1,
        slow.2,
        slow.0 / fast.0,
    );
}

/// Rules that hold for an event, on average over some.
fn agree(set: &RuleSet, events: &[Event], index: &mut Side, linear: &mut Side) -> f64 {
    let some = if set.rules().len() > 10_000 { 500 } else { 5_000 };
    let mut held = 0;
    for event in &events[..some] {
        index.evaluator.matching(set, &mut index.state, event, &mut index.out);
        linear.evaluator.matching(set, &mut linear.state, event, &mut linear.out);
        assert_eq!(index.out, linear.out, "the index and the linear scan do not find the same rules");
        held += index.out.len();
    }
    held as f64 / some as f64
}

/// One evaluator and how long it took.
struct Side {
    evaluator: Evaluator,
    state: State,
    out: Vec<RuleIndex>,
    each_ns: Vec<u32>,
    spent_ns: u128,
}

impl Side {
    fn new(evaluator: Evaluator) -> Side {
        let state = State::new(StateLimits::with_seed(1), UnixMillis(START.0));
        Side { evaluator, state, out: Vec::new(), each_ns: Vec::with_capacity(1 << 22), spent_ns: 0 }
    }

    fn run(&mut self, set: &RuleSet, events: &[Event], clock_ns: u64) {
        let begun = Instant::now();
        for event in events {
            let before = Instant::now();
            self.evaluator.matching(set, &mut self.state, event, &mut self.out);
            self.each_ns.push((before.elapsed().as_nanos() as u64).saturating_sub(clock_ns) as u32);
        }
        self.spent_ns += begun.elapsed().as_nanos();
    }

    /// Mean, median and 99th percentile.
    fn figures(mut self) -> (f64, u32, u32) {
        self.each_ns.sort_unstable();
        let n = self.each_ns.len();
        // The mean without the slowest thousandth, which tells of the machine.
        let kept = &self.each_ns[..n - n / 1_000];
        let mean = kept.iter().map(|ns| f64::from(*ns)).sum::<f64>() / kept.len() as f64;
        (mean, self.each_ns[n / 2], self.each_ns[n * 99 / 100])
    }
}
