//! What one shard has to say to the others and to the spool, in bounded queues.
//!
//! What comes in: messages from the session's and the owner's side. What goes out: [`Outbox::poll_forward`],
//! [`Outbox::poll_back`], [`Outbox::poll_record`], which the runner moves into rings as far as those have room.
//! Room is asked for *before* work is begun ([`Outbox::has_room`]), so nothing is ever dropped here.
//!
//! Bounds: a forward lane holds `forward_slots` events, as many HELLOs, half as many packets, one marker of a cut, and one
//! detach for each session of this shard. A back lane holds `back_slots` answers, and what one commit sets free.

use std::collections::VecDeque;

use edge_event::{EventRecord, ShardId};

use crate::config::Config;
use crate::mesh::{Back, Forward};

/// One item for the spool's ring, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ToSpool {
    /// Write this; tickets rise by one a record, from 1.
    Record {
        /// The ticket that [`crate::Shard::handle_committed`] reports back.
        ticket: u64,
        /// What to write.
        record: Box<EventRecord>,
    },
    /// The n-th cut of the ledger has passed: everything before it was counted.
    Cut(u64),
}

#[derive(Debug)]
pub(crate) struct Outbox {
    me: usize,
    forward: Vec<VecDeque<Forward>>,
    back: Vec<VecDeque<Back>>,
    spool: VecDeque<ToSpool>,
    config: Config,
    tickets: u64,
    /// Items queued for the spool since the last turn: its ring was not asked to take them yet.
    fresh: usize,
    /// Where the next poll of a lane begins, so that no peer is served last for ever.
    turn: usize,
}

impl Outbox {
    pub(crate) fn new(me: ShardId, shards: u16, config: &Config) -> Outbox {
        Outbox {
            me: usize::from(me.0),
            forward: (0..shards).map(|_| VecDeque::new()).collect(),
            back: (0..shards).map(|_| VecDeque::new()).collect(),
            spool: VecDeque::new(),
            config: config.clone(),
            tickets: 0,
            fresh: 0,
            turn: 0,
        }
    }

    /// Whether one more event may be sent to `owner`'s forward ring.
    pub(crate) fn has_forward_room(&self, owner: ShardId) -> bool {
        self.forward[usize::from(owner.0)].len() < self.config.forward_slots
    }

    /// Whether a HELLO may be sent to `home`: a lane full of events does not shut sessions out yet.
    pub(crate) fn has_attach_room(&self, home: ShardId) -> bool {
        self.forward[usize::from(home.0)].len() < self.config.forward_slots * 2
    }

    /// Whether a strayed packet may be sent to `shard`: it must not take the room of events.
    pub(crate) fn has_packet_room(&self, shard: ShardId) -> bool {
        self.forward[usize::from(shard.0)].len() < self.config.forward_slots.div_ceil(2)
    }

    /// Whether an event of any shard may be evaluated that makes at most one record, one completion, one word to its
    /// session to slow down, and `replies` replies.
    /// An empty lane has room for any event, else one that is larger than a lane could never be evaluated.
    pub(crate) fn has_room(&self, replies: usize) -> bool {
        let fits = |lane: &VecDeque<Back>| lane.is_empty() || lane.len() + 2 + replies <= self.config.back_slots;
        self.spool.len() < self.config.record_slots && self.back.iter().all(fits)
    }

    /// Whether enough is left for this shard's own sessions that other shards' events may be taken.
    pub(crate) fn leaves_own_share(&self) -> bool {
        self.spool.len() + self.config.record_slots / 8 < self.config.record_slots
    }

    /// How full the fullest queue is in front of a ring that did not take everything, in eighths.
    pub(crate) fn eighths(&self) -> usize {
        let records = eighths(self.spool.len().saturating_sub(self.fresh), self.config.record_slots);
        let forward = self.forward.iter().map(|lane| eighths(lane.len(), self.config.forward_slots));
        forward.fold(records, usize::max)
    }

    /// The turn's work is done: what is in the queues now is offered to the rings.
    pub(crate) fn end_turn(&mut self) {
        self.fresh = 0;
    }

    pub(crate) fn forward(&mut self, to: ShardId, message: Forward) {
        debug_assert_ne!(usize::from(to.0), self.me, "a shard takes its own events inline");
        self.forward[usize::from(to.0)].push_back(message);
    }

    pub(crate) fn back(&mut self, to: ShardId, message: Back) {
        self.back[usize::from(to.0)].push_back(message);
    }

    /// Queues a record and says its ticket.
    pub(crate) fn record(&mut self, record: EventRecord) -> u64 {
        self.tickets += 1;
        self.fresh += 1;
        self.spool.push_back(ToSpool::Record { ticket: self.tickets, record: Box::new(record) });
        self.tickets
    }

    /// Sends the ledger's marker down every channel that leads out.
    pub(crate) fn cut(&mut self, number: u64) {
        for (peer, lane) in self.forward.iter_mut().enumerate() {
            if peer != self.me {
                lane.push_back(Forward::Cut(number));
            }
        }
        self.fresh += 1;
        self.spool.push_back(ToSpool::Cut(number));
    }

    /// The highest ticket given out.
    pub(crate) fn issued(&self) -> u64 {
        self.tickets
    }

    pub(crate) fn poll_forward(&mut self, has_room: &mut dyn FnMut(ShardId) -> bool) -> Option<(ShardId, Forward)> {
        let peer = self.next_with(|o, i| !o.forward[i].is_empty(), has_room)?;
        Some((ShardId(peer as u16), self.forward[peer].pop_front()?))
    }

    pub(crate) fn poll_back(&mut self, has_room: &mut dyn FnMut(ShardId) -> bool) -> Option<(ShardId, Back)> {
        let peer = self.next_with(|o, i| !o.back[i].is_empty(), has_room)?;
        Some((ShardId(peer as u16), self.back[peer].pop_front()?))
    }

    pub(crate) fn poll_record(&mut self) -> Option<ToSpool> {
        self.spool.pop_front()
    }

    /// What this shard owes its own sessions; never goes through a ring.
    pub(crate) fn poll_own_back(&mut self) -> Option<Back> {
        self.back[self.me].pop_front()
    }

    /// Whether something waits for a ring.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.spool.is_empty() || self.forward.iter().any(|q| !q.is_empty()) || self.back.iter().any(|q| !q.is_empty())
    }

    fn next_with(
        &mut self,
        waits: impl Fn(&Outbox, usize) -> bool,
        has_room: &mut dyn FnMut(ShardId) -> bool,
    ) -> Option<usize> {
        let n = self.forward.len();
        let start = self.turn;
        let peer =
            (0..n).map(|k| (start + k) % n).find(|&i| i != self.me && waits(self, i) && has_room(ShardId(i as u16)))?;
        self.turn = peer + 1;
        Some(peer)
    }
}

/// How full a queue is, in eighths, rounded down.
pub(crate) fn eighths(len: usize, slots: usize) -> usize {
    len.saturating_mul(8) / slots.max(1)
}
