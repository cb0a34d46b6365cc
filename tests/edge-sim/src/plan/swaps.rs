//! What a seed decides about bundles at awkward moments: beside deaths and starts, in the midst of a cut of the ledger, while
//! a shard stands still, several at once with a bad one between.
//!
//! In: the seed's generator, the trouble so far. Out: the same, with bundles added. When each shard adopts what was published
//! is drawn later, shard by shard (see [`shard_seat`](crate::shard_seat)).

use std::time::Duration;

use edge_door::sim::Rng;

use super::{Trouble, ms};

/// Adds bundles where they hurt most.
pub(super) fn crowd(rng: &mut Rng, troubles: &mut Vec<(Duration, Trouble)>) {
    let mut more = Vec::new();
    for (at, trouble) in troubles.iter() {
        let ppm = if matches!(trouble, Trouble::Drain { .. }) { 500_000 } else { 80_000 };
        if !rng.chance(ppm) {
            continue;
        }
        let (at, elsewhere) = match trouble {
            Trouble::Elsewhere(there) => (moment(rng, *at, there), true),
            here => (moment(rng, *at, here), false),
        };
        let Some(at) = at else { continue };
        let bundles = match rng.below(3) {
            0 => vec![Trouble::Swap],
            1 => vec![Trouble::Swap, Trouble::Spoiled, Trouble::Swap],
            _ => vec![Trouble::Spoiled, Trouble::Swap],
        };
        let there = |trouble| if elsewhere { Trouble::Elsewhere(Box::new(trouble)) } else { trouble };
        more.extend(bundles.into_iter().map(|trouble| (at, there(trouble))));
    }
    troubles.extend(more);
}

/// When a bundle meets this trouble.
fn moment(rng: &mut Rng, at: Duration, trouble: &Trouble) -> Option<Duration> {
    match trouble {
        Trouble::Drain { within, .. } => Some(at + rng.duration(*within)),
        Trouble::LedgerCut => Some(at + Duration::from_micros(rng.below(500))),
        Trouble::Stall { lasts, .. } => Some(at + rng.duration(*lasts)),
        // While it is down, or a moment after it came back.
        Trouble::Death { down, .. } => Some(at + if rng.chance(500_000) { *down } else { rng.duration(*down) }),
        Trouble::Burst { .. } | Trouble::Cut { .. } | Trouble::Roam { .. } => Some(at + ms(rng, 0, 30)),
        _ => None,
    }
}
