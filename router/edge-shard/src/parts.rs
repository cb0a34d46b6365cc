//! What a shard is made of, what an operator changes about it while it runs, and how it says that it is going.
//!
//! Plain data. Deliberately absent: behaviour.

use std::sync::Arc;
use std::time::Duration;

use edge_event::{NodeId, ShardId, StartEpoch};
use edge_session::Sessions;
use edge_wire::codes::RefuseCode;
use rules_engine::RuleSet;

use crate::config::Config;
use crate::latency::Latency;
use crate::ledger::Counters;
use crate::overload::Strain;
use crate::restored::Restored;

/// Everything a shard is made of.
pub struct Parts {
    /// Which shard this is.
    pub shard: ShardId,
    /// How many there are.
    pub shards: u16,
    /// Queues and memory.
    pub config: Config,
    /// The QUIC endpoint and its sessions.
    pub sessions: Sessions,
    /// The rule set to begin with.
    pub serving: Arc<Serving>,
    /// What the spool found for this shard's slices of players.
    pub restored: Restored,
    /// This machine.
    pub node: NodeId,
    /// This start of the spool's writer.
    pub epoch: StartEpoch,
    /// Keys of the hash tables: random in the daemon, the story's in the simulator.
    pub hash_seed: u64,
}

/// A rule set in force, and the catalogues whose clients it can read.
#[derive(Debug)]
pub struct Serving {
    /// The rules with their catalogue.
    pub rules: Arc<RuleSet>,
    /// Digests of catalogues; a client that names another is refused. The rule set's own is always welcome.
    pub lineage: Vec<[u8; 32]>,
}

/// Whether new sessions are let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Gate {
    /// They are.
    Open,
    /// They are refused with this code and detail, and told to come again after that long (where it is known).
    Shut {
        /// The code of the REFUSE.
        code: RefuseCode,
        /// For the client's log.
        detail: String,
        /// When to come again.
        retry_after: Option<Duration>,
    },
}

/// How it is going on one shard.
#[derive(Clone, Debug)]
pub struct ShardStats {
    /// The ledger's counters.
    pub counters: Counters,
    /// The sessions' own.
    pub sessions: edge_session::Stats,
    /// From an event's arrival to the commit of its record.
    pub latency: Latency,
    /// Dedupe marks kept.
    pub marks: usize,
    /// Producers at home here that have an open session, on whichever shard.
    pub producers: usize,
    /// Completions that wait for a commit.
    pub waiting: usize,
    /// Times that a session was told to slow down because its player's sessions together sent too much.
    pub players_slowed: u64,
    /// Players who sent something lately.
    pub players_metered: usize,
    /// What the shard does not do for overload.
    pub strain: Strain,
    /// The revision evaluated under.
    pub revision: u64,
}
