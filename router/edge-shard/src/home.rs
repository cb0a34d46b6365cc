//! The home of producers: which session of a producer is the newest.
//!
//! A producer's home is the shard that owns the slice of its `sub`. What comes in: sessions that begin and end, on any shard.
//! What goes out: the older session that a newer one supersedes. Newer is who said HELLO later, not whose word came later: a
//! loaded shard's word may be overtaken. Deliberately absent: the sessions themselves.

use std::collections::HashMap;
use std::time::Instant;

use ahash::RandomState;
use edge_event::ProducerKey;

use crate::mesh::Origin;

/// Newest session by producer. Bounded by the number of open sessions.
#[derive(Debug)]
pub(crate) struct Home {
    newest: HashMap<ProducerKey, Newest, RandomState>,
}

#[derive(Clone, Copy, Debug)]
struct Newest {
    origin: Origin,
    hello_at: Instant,
}

impl Home {
    pub(crate) fn new(hash_seed: u64) -> Home {
        Home { newest: HashMap::with_hasher(crate::hasher(hash_seed)) }
    }

    /// Notes a session and returns the one that is superseded, which is the session itself where a newer one is here already.
    pub(crate) fn attach(&mut self, producer: ProducerKey, origin: Origin, hello_at: Instant) -> Option<Origin> {
        let comer = Newest { origin, hello_at };
        let kept = self.newest.entry(producer).or_insert(comer);
        if kept.hello_at > hello_at {
            return Some(origin);
        }
        let older = std::mem::replace(kept, comer);
        (older.origin != origin).then_some(older.origin)
    }

    pub(crate) fn len(&self) -> usize {
        self.newest.len()
    }

    /// Forgets the session, unless a newer one stands there already.
    pub(crate) fn detach(&mut self, producer: ProducerKey, origin: Origin) {
        if self.newest.get(&producer).is_some_and(|newest| newest.origin == origin) {
            self.newest.remove(&producer);
        }
    }
}
