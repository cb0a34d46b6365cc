//! The home of producers: which session of a producer is the newest, and how many producers a player has.
//!
//! A producer's home is the shard that owns the slice of its `sub`. What comes in: sessions that begin and end, on any shard.
//! What goes out: the older session that a newer one supersedes. Newer is who said HELLO later, not whose word came later: a
//! loaded shard's word may be overtaken. Deliberately absent: the sessions themselves.

use std::collections::HashMap;
use std::time::Instant;

use ahash::RandomState;
use edge_event::{PlayerKey, ProducerKey};
use edge_mutant::mutant;

use crate::mesh::Origin;

/// Newest session by producer. Bounded by the number of open sessions.
#[derive(Debug)]
pub(crate) struct Home {
    newest: HashMap<ProducerKey, Newest, RandomState>,
    /// Producers of each player that has one.
    producers: HashMap<PlayerKey, usize, RandomState>,
}

#[derive(Clone, Copy, Debug)]
struct Newest {
    origin: Origin,
    hello_at: Instant,
    player: PlayerKey,
}

impl Home {
    pub(crate) fn new(hash_seed: u64) -> Home {
        let hasher = || crate::hasher(hash_seed);
        Home { newest: HashMap::with_hasher(hasher()), producers: HashMap::with_hasher(hasher()) }
    }

    /// Notes a session and returns the one that is superseded, which is the session itself where a newer one is here already.
    pub(crate) fn attach(
        &mut self,
        player: PlayerKey,
        producer: ProducerKey,
        origin: Origin,
        hello_at: Instant,
    ) -> Option<Origin> {
        let comer = Newest { origin, hello_at, player };
        let kept = self.newest.entry(producer).or_insert_with(|| {
            *self.producers.entry(player).or_default() += 1;
            comer
        });
        if kept.hello_at > hello_at {
            return Some(origin);
        }
        let older = std::mem::replace(kept, comer);
        (older.origin != origin && !mutant!(SupersededStillServed)).then_some(older.origin)
    }

    /// Whether a session of the producer may be attached where a player may have `sessions_max`.
    pub(crate) fn has_room(&self, player: PlayerKey, producer: ProducerKey, sessions_max: usize) -> bool {
        let is_known = self.newest.contains_key(&producer);
        is_known || self.producers.get(&player).is_none_or(|count| *count < sessions_max)
    }

    pub(crate) fn len(&self) -> usize {
        self.newest.len()
    }

    /// Forgets the session, unless a newer one stands there already.
    pub(crate) fn detach(&mut self, producer: ProducerKey, origin: Origin) {
        let Some(newest) = self.newest.get(&producer).filter(|newest| newest.origin == origin) else { return };
        let player = newest.player;
        self.newest.remove(&producer);
        if let Some(count) = self.producers.get_mut(&player) {
            *count -= 1;
            if *count == 0 {
                self.producers.remove(&player);
            }
        }
    }
}
