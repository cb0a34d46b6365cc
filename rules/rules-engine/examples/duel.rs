//! The evaluator with the index against the one that asks every rule, over drawn rule sets: a million pairs of rule set and event
//! unless told otherwise.
//!
//! ```text
//! cargo run --release -p rules-engine --example duel [RULE_SETS [FIRST_SEED]]
//! ```
//! In: how many rule sets (default 12,000, each with 100 events), and the seed of the first. Out: the counts so far, now and then;
//! at the first difference its seed, and the end. The same comparison, shorter, is the test `duel` of this crate.

#![allow(clippy::print_stdout, missing_docs, reason = "it tells how far it is")]

use std::process::ExitCode;
use std::thread;

use rules_workload::duel::{Tally, duel};

/// Most rules of one set, and events for each.
const RULES_MAX: usize = 1_000;
const EVENTS: usize = 100;
/// Rule sets between two lines of progress.
const STEP: u64 = 1_000;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|word| word.parse().expect("a number of rule sets, then a seed"));
    let sets = arguments.next().unwrap_or(12_000);
    let first = arguments.next().unwrap_or(1);
    let mut tally = Tally::default();
    let mut from = first;
    while from < first + sets {
        let to = (from + STEP).min(first + sets);
        match step(from, to) {
            Ok(more) => tally += more,
            Err(difference) => {
                println!("{difference}");
                return ExitCode::FAILURE;
            }
        }
        from = to;
        println!(
            "{} rule sets, {} rules, {} pairs, {} of them matching ({:.0} %), {} fired, {} held back or failed, {} walked",
            tally.sets,
            tally.rules,
            tally.pairs,
            tally.matching,
            100.0 * tally.matching as f64 / tally.pairs as f64,
            tally.fired,
            tally.suppressed,
            tally.walked,
        );
    }
    println!("no difference");
    ExitCode::SUCCESS
}

/// These seeds, on every core.
fn step(from: u64, to: u64) -> Result<Tally, String> {
    let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let run =
        |thread: u64| (from + thread..to).step_by(threads as usize).map(|seed| duel(seed, RULES_MAX, EVENTS)).sum();
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        running.into_iter().map(|thread| thread.join().expect("a comparison does not panic")).sum()
    })
}
