//! What a seed decides about overload: a story in which a node has so little room, and a disk so slow, that it must shed; and
//! one in which a shard may have so few connections that those of clients which are gone fill it.
//!
//! In: the seed's generator, the setup and the trouble so far. Out: the same, with small queues, a slow disk, and bursts of
//! everybody at once, some of them met by newcomers; or with a low ceiling. Deliberately absent: what a node does about it.

use std::time::Duration;

use edge_door::sim::Rng;

use super::{Trouble, ms, pick};
use crate::pop::Setup;

/// Makes some stories crowded. Says whether this one is.
pub(super) fn crowd(
    rng: &mut Rng,
    clients: usize,
    length: Duration,
    setup: &mut Setup,
    troubles: &mut Vec<(Duration, Trouble)>,
) -> bool {
    if !rng.chance(120_000) {
        return false;
    }
    setup.shard.record_slots = pick(rng, 1, 4);
    setup.shard.waiting_slots = pick(rng, 2, 8);
    setup.shard.forward_slots = pick(rng, 1, 8);
    setup.spool_slots = pick(rng, 1, 2);
    setup.ring_slots = pick(rng, 1, 2);
    setup.spool.queue_bytes_max = 17 << 10;
    setup.disk.latency = ms(rng, 20, 150);
    setup.disk.jitter = ms(rng, 50, 300);
    for _ in 0..pick(rng, 1, 3) {
        let at = rng.duration(length);
        for client in 0..clients {
            troubles.push((at + ms(rng, 0, 100), Trouble::Burst { client, facts: pick(rng, 20, 80) as u32 }));
        }
        // Who comes while nothing fits is told when to come again.
        for _ in 0..pick(rng, 1, 4) {
            troubles.push((at + ms(rng, 100, 1_500), Trouble::Close { client: rng.index(clients) }));
        }
    }
    true
}

/// Lowers the ceiling of some stories: every client finds a place, but not beside all of those that it left behind.
pub(super) fn lower_ceiling(
    rng: &mut Rng,
    clients: usize,
    length: Duration,
    plan: (&mut Setup, &mut Vec<(Duration, Trouble)>),
) {
    if !rng.chance(100_000) {
        return;
    }
    let (setup, troubles) = plan;
    setup.sessions.connections_max = clients + pick(rng, 0, 2);
    if rng.chance(300_000) {
        setup.sessions.handshakes_max = pick(rng, 1, 3);
        setup.sessions.retry_above = setup.sessions.retry_above.min(setup.sessions.handshakes_max);
    }
    // A process that dies leaves a connection behind that ends with its idle timeout alone.
    for _ in 0..pick(rng, 4, 16) {
        troubles.push((rng.duration(length), Trouble::ClientDeath { client: rng.index(clients) }));
    }
}
