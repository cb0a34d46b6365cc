//! What a seed decides about tokens: how long they last, and who is put on a deny list.
//!
//! In: the seed's generator. Out: [`Papers`], and spans in which a client is denied. How a client treats REAUTH is drawn for
//! each connection (see [`pass`](crate::pass)).

use std::time::Duration;

use edge_door::sim::Rng;

use super::{Trouble, ms, pick};
use crate::pass::Papers;

/// Tokens of most stories outlast them.
pub(super) const LONG: Papers = Papers { life: Duration::from_secs(900), leeway: Duration::from_secs(30) };

pub(super) fn draw(rng: &mut Rng) -> Papers {
    if rng.chance(300_000) {
        Papers { life: ms(rng, 700, 5_000), leeway: if rng.chance(500_000) { ms(rng, 0, 500) } else { Duration::ZERO } }
    } else {
        LONG
    }
}

/// Puts clients on a deny list for a while.
pub(super) fn deny(rng: &mut Rng, clients: usize, length: Duration, troubles: &mut Vec<(Duration, Trouble)>) {
    if !rng.chance(250_000) {
        return;
    }
    for _ in 0..pick(rng, 1, 2) {
        let deny = Trouble::Deny {
            client: rng.index(clients),
            is_whole_subject: rng.chance(600_000),
            lasts: ms(rng, 100, 4_000),
        };
        troubles.push((rng.duration(length), deny));
    }
}
