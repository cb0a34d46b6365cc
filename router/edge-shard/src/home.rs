//! The home of producers: which session of a producer is the newest.
//!
//! A producer's home is the shard that owns the slice of its `sub`. What comes in: sessions that begin and end, on any shard.
//! What goes out: the older session that a newer one supersedes. Deliberately absent: the sessions themselves.

use ahash::RandomState;
use edge_event::ProducerKey;
use std::collections::HashMap;

use crate::mesh::Origin;

/// Newest session by producer. Bounded by the number of open sessions.
#[derive(Debug)]
pub(crate) struct Home {
    newest: HashMap<ProducerKey, Origin, RandomState>,
}

impl Home {
    pub(crate) fn new(hash_seed: u64) -> Home {
        Home { newest: HashMap::with_hasher(crate::hasher(hash_seed)) }
    }

    /// Notes the newer session and returns the one that it supersedes.
    pub(crate) fn attach(&mut self, producer: ProducerKey, origin: Origin) -> Option<Origin> {
        self.newest.insert(producer, origin).filter(|older| *older != origin)
    }

    /// Forgets the session, unless a newer one stands there already.
    pub(crate) fn detach(&mut self, producer: ProducerKey, origin: Origin) {
        if self.newest.get(&producer) == Some(&origin) {
            self.newest.remove(&producer);
        }
    }
}
