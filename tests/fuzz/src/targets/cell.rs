//! Durable cells of rules' state, as the spool gives them back after a start.
//!
//! The first byte chooses a definition of the example rules, the second whether they are adopted before or after, the
//! rest is the cell's value. What must hold: refused, or taken back; then the example rules evaluate a full event of
//! each type as ever: never a panic.

use std::sync::{Arc, LazyLock};

use edge_event::{Partition, PlayerKey, StateKey, UnixMillis};
use rules_bundle::VerifiedBundle;
use rules_engine::{RuleSet, State, StateLimits};

use super::bundles::{good_of_all, trusted};
use super::evaluation::evaluated;
use crate::input::Input;

pub(super) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (which, order) = (input.u8(), input.u8());
    let set = set();
    let definitions = set.definition_names().count();
    let definition = set.definition_names().nth(usize::from(which) % definitions.max(1)).map_or(7, |(id, _)| id);
    let limits = StateLimits { hash_seed: 0, retire_grace_ms: 1000, max_retired: 10 };
    let mut state = State::new(limits, UnixMillis(0));
    if order & 1 == 1 {
        state.adopt(set);
    }
    let key = StateKey { definition, key: u128::from(order >> 1), partition: Partition::of(PlayerKey(7)) };
    match state.restore(key, input.rest(), None) {
        Ok(()) => drop(evaluated(set, &mut state)),
        Err(error) => assert!(!error.code().is_empty()),
    }
    state.tick(UnixMillis(1 << 40));
}

fn set() -> &'static Arc<RuleSet> {
    static SET: LazyLock<Arc<RuleSet>> = LazyLock::new(|| {
        let bundle = VerifiedBundle::verify(good_of_all(), trusted()).expect("our own bundle verifies");
        bundle.load().expect("and loads").rule_set
    });
    &SET
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let time = 5_000_i64.to_le_bytes();
    let ring = [&[1, 4, 2][..], &time, &time].concat();
    let buckets = [&[2][..], &60_000_u64.to_le_bytes(), &[0; 17 * 8]].concat();
    let once = [&[3][..], &1_u32.to_le_bytes(), &time, &[7; 16]].concat();
    let cooldown = [&[4][..], &time].concat();
    let values = [ring, buckets, once, cooldown, Vec::new(), vec![9]];
    let definitions = set().definition_names().count().min(40) as u8;
    let with = |which: u8| {
        let value = values[usize::from(which) % values.len()].clone();
        [vec![which, which & 1], value].concat()
    };
    (0..definitions).map(with).chain(values.iter().map(|value| [&[0, 1], &value[..]].concat())).collect()
}
