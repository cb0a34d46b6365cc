//! The ledger of events: two ends that count independently, and a cut through all shards at which they must agree.
//!
//! The session's end counts what it accepted; the owner's end counts how each event ended. Between them lie rings, so the
//! two are comparable only along a *consistent cut* (Chandy and Lamport, "Distributed Snapshots", 1985): a shard notes
//! its counters, sends a marker down every forward channel, and then counts what still arrives before the peer's
//! marker as in flight. What comes out is a [`Cut`] a shard; their sum has a residual of 0, at any moment and under load.

use edge_event::ShardId;

/// Monotonic counters of one shard since its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Session's end: events accepted and sent to their owner, datagrams among them.
    pub accepted: u64,
    /// Session's end: reliable events refused by the catalogue with a REJECT. Not accepted.
    pub rejected: u64,
    /// Session's end: datagram events refused by the catalogue. Not accepted.
    pub dropped: u64,
    /// Owner's end: events that had been accepted before.
    pub duplicate: u64,
    /// Owner's end: at least one command.
    pub commanded: u64,
    /// Owner's end: a rule matched and was held back.
    pub suppressed: u64,
    /// Owner's end: no rule matched.
    pub no_match: u64,
    /// Owner's end: durable commands handed to the spool.
    pub commands: u64,
    /// Owner's end: replies sent.
    pub replies: u64,
    /// Owner's end: records handed to the spool.
    pub records: u64,
}

impl Counters {
    /// Events that ended, whichever way.
    pub const fn ended(&self) -> u64 {
        self.duplicate + self.commanded + self.suppressed + self.no_match
    }
}

/// One shard's part of a consistent cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cut {
    /// Which cut.
    pub number: u64,
    /// The counters when the cut passed this shard.
    pub counters: Counters,
    /// Events that were on their way to this shard.
    pub in_flight: u64,
}

/// Takes one cut at a time on one shard.
#[derive(Debug)]
pub(crate) struct CutTaker {
    shards: usize,
    current: Option<Open>,
    last: u64,
}

#[derive(Debug)]
struct Open {
    cut: Cut,
    /// Peers whose marker has not come yet.
    awaited: Vec<bool>,
}

impl CutTaker {
    pub(crate) fn new(shards: u16) -> CutTaker {
        CutTaker { shards: usize::from(shards), current: None, last: 0 }
    }

    /// Whether this cut is new here: the caller then notes its counters and sends markers.
    pub(crate) fn begins(&self, number: u64) -> bool {
        number > self.last && self.current.as_ref().is_none_or(|o| o.cut.number < number)
    }

    pub(crate) fn begin(&mut self, number: u64, me: ShardId, counters: Counters) {
        let mut awaited = vec![true; self.shards];
        awaited[usize::from(me.0)] = false;
        self.current = Some(Open { cut: Cut { number, counters, in_flight: 0 }, awaited });
    }

    pub(crate) fn on_event_from(&mut self, peer: ShardId) {
        if let Some(open) = &mut self.current
            && open.awaited[usize::from(peer.0)]
        {
            open.cut.in_flight += 1;
        }
    }

    pub(crate) fn on_marker_from(&mut self, peer: ShardId, number: u64) {
        if let Some(open) = &mut self.current
            && open.cut.number == number
        {
            open.awaited[usize::from(peer.0)] = false;
        }
    }

    /// The finished cut, once.
    pub(crate) fn poll(&mut self) -> Option<Cut> {
        if self.current.as_ref()?.awaited.iter().any(|a| *a) {
            return None;
        }
        let open = self.current.take()?;
        self.last = open.cut.number;
        Some(open.cut)
    }
}
