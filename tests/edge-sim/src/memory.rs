//! Checker of promise 4: a node's memory stays within fixed + connections x ceiling.
//!
//! In: what each node holds, by the marks on its blocks (see [`heap`](crate::heap)), turn by turn. Out: a violation where it holds
//! more than its configuration allows for the connections that it has, or, with everything at rest, more than it began with
//! and what it must remember. Both sums are made here, from limits that an operator can read. Deliberately absent: memory of the
//! kernel, of the allocator, and of rule sets, which the control thread keeps.

use edge_session::Stats;

use crate::heap;
use crate::pop::Setup;
use crate::scribe::{Promise, Scribe};

/// The largest event of a story with all that is kept about it while it waits.
const EVENT_BYTES: usize = 1_536;
/// A record with its commands, as a queue keeps it.
const RECORD_BYTES: usize = 6 << 10;
/// A message to another shard, without an event.
const MESSAGE_BYTES: usize = 256;
/// A connection without events: handshake, TLS, streams, packets on their way.
const CONNECTION_BYTES: usize = 96 << 10;
/// A session that says nothing, once everything is at rest.
const IDLE_BYTES: usize = 48 << 10;
/// Marks, cells and tables that grew with what a story told, and buffers that keep the size they once had.
const MEMORY_BYTES: usize = 384 << 10;
/// A shard more than the first daemon had: 96 KiB of tables, and queues of events that keep the size which a standstill gave them (256
/// slots of 196 and of 112 bytes, where three clients wait with full windows).
const SHARD_BYTES: usize = 176 << 10;
/// What a sink and its forwarder hold of commands on their way.
const DELIVERY_BYTES: usize = 384 << 10;

/// See the head of this file.
pub(crate) struct MemoryWatch {
    node: usize,
    /// What the node held when its first daemon had started.
    begun_with: Option<i64>,
    /// How many shards that daemon had.
    begun_shards: u16,
    /// For the shards that later ones have more, in bytes.
    for_shards: i64,
    /// The most so far since the daemon's start.
    most: i64,
    /// The most of what was allowed, in a thousandth.
    fullest: u32,
}

impl MemoryWatch {
    pub(crate) fn new(node: usize) -> MemoryWatch {
        MemoryWatch { node, begun_with: None, begun_shards: 0, for_shards: 0, most: 0, fullest: 0 }
    }

    /// A daemon has started.
    pub(crate) fn started(&mut self, shards: u16, scribe: &mut Scribe<'_>) {
        let held = heap::held(self.node);
        self.most = 0;
        let first = *self.begun_with.get_or_insert(held);
        if self.begun_shards == 0 {
            self.begun_shards = shards;
        }
        self.for_shards = i64::from(shards.saturating_sub(self.begun_shards)) * SHARD_BYTES as i64;
        if held > first + MEMORY_BYTES as i64 + self.for_shards {
            let what = format!("a daemon starts with {held} bytes, the first one with {first}");
            scribe.broken(Promise::P4, what);
        }
    }

    /// A turn is over. `stats` is asked only where there is more than ever before.
    pub(crate) fn see(&mut self, setup: &Setup, stats: impl FnOnce() -> Vec<Stats>, scribe: &mut Scribe<'_>) {
        let held = heap::held(self.node);
        // Looking often costs time; a kilobyte more or less changes nothing.
        if held <= self.most + 1_024 {
            return;
        }
        self.most = held;
        let stats = stats();
        let connections = stats.iter().map(|s| s.connections).sum::<u64>();
        let ceiling = setup.sessions.connections_max as u64;
        if let Some(crowded) = stats.iter().find(|s| s.connections > ceiling) {
            scribe
                .broken(Promise::P4, format!("a shard has {} connections, {ceiling} is the most", crowded.connections));
        }
        let (grown, allowed) =
            (held - self.begun_with.unwrap_or(held), allowance(setup, connections as usize) as i64 + self.for_shards);
        self.fullest = self.fullest.max((grown.max(0) * 1_000 / allowed) as u32);
        if grown > allowed {
            let what =
                format!("{grown} bytes more than at the start, {allowed} are allowed with {connections} connections");
            scribe.broken(Promise::P4, what);
        }
    }

    /// Everything is at rest.
    pub(crate) fn rested(&self, connections: u64, scribe: &mut Scribe<'_>) {
        let held = heap::held(self.node);
        let first = self.begun_with.unwrap_or(held);
        let allowed = (MEMORY_BYTES + connections as usize * IDLE_BYTES) as i64 + self.for_shards;
        scribe.mix.memory_rests += 1;
        if held - first > allowed {
            let grown = held - first;
            let what =
                format!("at rest {grown} bytes more than at the start, {allowed} with {connections} connections");
            scribe.broken(Promise::P4, what);
        }
    }

    /// The most of what was allowed, in a thousandth.
    pub(crate) fn fullest(&self) -> u32 {
        self.fullest
    }
}

/// What a node may hold beyond what it began with: every queue full, every window used.
fn allowance(setup: &Setup, connections: usize) -> usize {
    let (shards, shard) = (usize::from(setup.shards), &setup.shard);
    let peers = shards - 1;
    let events = setup.sessions.window_events.iter().map(|n| *n as usize).sum::<usize>();
    let of_shard = peers * (shard.forward_slots * EVENT_BYTES + shard.forward_slots * 2 * MESSAGE_BYTES)
        + shards * (shard.back_slots + 2 * shard.waiting_slots) * MESSAGE_BYTES
        + shard.record_slots * RECORD_BYTES
        + 2 * shard.waiting_slots * MESSAGE_BYTES
        + (peers * setup.ring_slots + setup.spool_slots) * RECORD_BYTES;
    let spool = 4 * setup.spool.queue_bytes_max + setup.spool.segment_bytes as usize;
    let connection = CONNECTION_BYTES + events * EVENT_BYTES;
    shards * of_shard + spool + DELIVERY_BYTES + MEMORY_BYTES + connections * connection
}
