//! What a seed decides about the widths of paths: narrow ones from the start, and black holes in mid-connection.
//!
//! In: the seed's generator. Out: the longest UDP payload of each client's path, and holes that swallow what was carried a
//! moment before, each met by a burst, because only long packets notice. Never below 1,200 bytes: QUIC needs those.

use std::time::Duration;

use edge_door::sim::Rng;
use serde::{Deserialize, Serialize};

use super::{Trouble, ms, pick};

/// QUIC's least.
const LEAST_BYTES: u64 = 1_200;

/// Which direction of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Way {
    Up,
    Down,
    Both,
}

/// The longest payload on each client's path, where it is less than the network's own.
pub(super) fn draw(rng: &mut Rng, clients: usize) -> Vec<Option<usize>> {
    (0..clients).map(|_| rng.chance(150_000).then(|| pick(rng, LEAST_BYTES, 1_400))).collect()
}

/// Opens black holes in some stories.
pub(super) fn holes(rng: &mut Rng, clients: usize, length: Duration, troubles: &mut Vec<(Duration, Trouble)>) {
    if !rng.chance(400_000) {
        return;
    }
    for _ in 0..pick(rng, 1, 3) {
        let (at, client) = (rng.duration(length), rng.index(clients));
        let way = [Way::Up, Way::Down, Way::Both][rng.index(3)];
        let mtu_bytes = pick(rng, LEAST_BYTES, 1_420);
        troubles.push((at, Trouble::BlackHole { client, way, mtu_bytes, lasts: ms(rng, 500, 8_000) }));
        for _ in 0..pick(rng, 2, 5) {
            let facts = pick(rng, 20, 60) as u32;
            troubles.push((at + ms(rng, 1, 3_000), Trouble::Burst { client, facts }));
        }
    }
}
