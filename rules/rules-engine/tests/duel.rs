//! The evaluator with the index decides as the one that asks every rule: the same comparison as `examples/duel.rs`, shorter.

#![expect(clippy::print_stdout, reason = "says how much was compared")]

use rules_workload::duel::{Tally, duel};

/// Rule sets of up to a thousand rules, of up to sixty, and events for each.
const LARGE: u64 = 12;
const SMALL: u64 = 120;
const EVENTS: usize = 60;

#[test]
fn the_index_changes_nothing_but_the_time() {
    let large = (1..=LARGE).map(|seed| duel(seed, 1_000, EVENTS));
    let small = (LARGE..LARGE + SMALL).map(|seed| duel(seed, 60, EVENTS));
    let tally: Result<Tally, String> = large.chain(small).sum();
    let tally = tally.unwrap_or_else(|difference| panic!("{difference}"));
    println!("{tally:?}");
    assert_eq!(tally.pairs, (LARGE + SMALL) * EVENTS as u64);
    assert!(tally.matching >= tally.pairs / 10, "too few pairs match: {tally:?}");
    assert!(tally.fired > 0 && tally.suppressed > 0 && tally.walked > 0, "{tally:?}");
}
