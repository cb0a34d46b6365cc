//! One shard's thread in the simulated daemon: the loop body that joins a [`Shard`] to its socket, its rings and its orders.
//!
//! Mirrors the daemon's own, turn by turn. In: packets, rings, orders, time. Out: packets, and the parts of ledger cuts.
//! Deliberately absent: decisions; what an event means is `edge-shard`'s.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use edge_event::{ShardId, UnixMillis};
use edge_session::{Arrival, DenyList, MoveTo};
use edge_shard::{Gate, Serving, Shard};
use edge_wire::MoveReason;

use crate::cuts::Cuts;
use crate::fabric::Fabric;
use crate::heap;
use crate::ladder::LadderWatch;
use crate::pop::Outgoing;
use crate::scribe::Scribe;

/// Messages taken from one ring in one turn.
const RING_BATCH: usize = 64;
/// While a ring is full or the shard has no room: how long until a turn looks again. The daemon looks so often all the
/// time; here it doubles while nothing changes, because every look costs real time.
const FULL_RING_POLL: Duration = Duration::from_micros(200);
const FULL_RING_POLL_MAX: Duration = Duration::from_millis(5);

/// See the head of this file.
pub(crate) struct ShardSeat {
    pub(crate) shard: Shard,
    me: usize,
    inbox: VecDeque<(Arrival, BytesMut)>,
    orders: VecDeque<(Instant, Order)>,
    /// The thread stands still until then.
    stalled_until: Option<Instant>,
    /// A turn is due then, though nothing arrives.
    wake_at: Option<Instant>,
    poll: Duration,
    /// What it has adopted.
    pub(crate) revision: u64,
    pub(crate) ladder: LadderWatch,
}

/// What the control thread asks of a shard.
#[derive(Clone)]
pub(crate) enum Order {
    Cut(u64),
    Gate(Gate),
    Deny(Arc<DenyList>),
    Drain(Duration),
    Rules(Arc<Serving>),
}

impl ShardSeat {
    pub(crate) fn new(me: usize, shard: Shard) -> ShardSeat {
        let revision = shard.rules().revision();
        let (inbox, orders) = (VecDeque::new(), VecDeque::new());
        ShardSeat {
            shard,
            me,
            inbox,
            orders,
            stalled_until: None,
            wake_at: None,
            poll: FULL_RING_POLL,
            revision,
            ladder: LadderWatch::default(),
        }
    }

    pub(crate) fn receive(&mut self, arrival: Arrival, bytes: &[u8]) {
        self.inbox.push_back((arrival, BytesMut::from(bytes)));
    }

    /// An order that it can see from `due` on; orders keep their order.
    pub(crate) fn order(&mut self, order: Order, due: Instant) {
        let due = self.orders.back().map_or(due, |(last, _)| due.max(*last));
        self.orders.push_back((due, order));
    }

    pub(crate) fn stall(&mut self, until: Instant) {
        self.stalled_until = Some(until);
    }

    /// When its next turn is due.
    pub(crate) fn due(&mut self, fabric: &Fabric, now: Instant) -> Option<Instant> {
        let at_once = (!self.inbox.is_empty()).then_some(now);
        let order = self.orders.front().map(|(due, _)| *due);
        let rings = fabric.shard_due(self.me, now, self.wake_at.is_some());
        let due = [at_once, order, rings, self.shard.poll_timeout(), self.wake_at].into_iter().flatten().min()?;
        Some(self.stalled_until.map_or(due, |until| due.max(until)))
    }

    /// One turn of the loop.
    pub(crate) fn turn(
        &mut self,
        fabric: &mut Fabric,
        cuts: &mut Cuts,
        (now, wall): (Instant, UnixMillis),
        out: &mut Vec<Outgoing>,
        scribe: &mut Scribe<'_>,
    ) {
        self.stalled_until = None;
        self.wake_at = None;
        while let Some((arrival, data)) = self.inbox.pop_front() {
            self.shard.handle_packet(now, wall, arrival, data);
        }
        self.take_orders(now, scribe);
        while let Some(ticket) = fabric.pop_ticket(self.me, now) {
            self.shard.handle_committed(ticket, now);
        }
        self.take_rings(fabric, cuts.shards(), now, wall);
        if self.shard.poll_timeout().is_some_and(|at| at <= now) {
            self.shard.handle_timeout(now, wall);
        }
        self.shard.work(now, wall);
        self.ladder.see(self.me, self.shard.strain(), scribe);
        fabric.take_from(self.me, &mut self.shard, now);
        while let Some(cut) = self.shard.poll_cut() {
            cuts.note(self.me, cut, scribe);
        }
        self.transmit(now, out);
        if self.shard.is_waiting_for_room() || fabric.is_left_over(self.me, now) {
            scribe.mix.waits_for_room += 1;
            self.wake_at = Some(now + self.poll);
            self.poll = FULL_RING_POLL_MAX.min(2 * self.poll);
        } else {
            self.poll = FULL_RING_POLL;
        }
    }

    /// Whether it has nothing to do but to wait.
    pub(crate) fn is_idle(&self) -> bool {
        self.inbox.is_empty() && self.orders.is_empty() && !self.shard.is_waiting_for_room()
    }

    /// Adds its own counts to the mix, at its end.
    pub(crate) fn harvest(&self, scribe: &mut Scribe<'_>) {
        let stats = self.shard.stats();
        let mix = &mut scribe.mix;
        mix.duplicates += stats.counters.duplicate;
        mix.suppressed += stats.counters.suppressed;
        mix.rejected += stats.counters.rejected;
        mix.retries += stats.sessions.retries;
        mix.shed_at_the_door += stats.sessions.initials_shed;
        mix.handshakes += stats.sessions.handshakes;
        mix.packets_strayed += stats.sessions.datagrams_foreign;
        mix.finished_before += stats.sessions.events_finished_before;
        mix.datagrams_shed += stats.sessions.datagrams_shed;
        mix.datagram_events += stats.sessions.events_datagram;
    }

    fn take_orders(&mut self, now: Instant, scribe: &mut Scribe<'_>) {
        while let Some((_, order)) = self.orders.pop_front_if(|(due, _)| *due <= now) {
            match order {
                Order::Cut(number) => self.shard.handle_cut(number),
                Order::Gate(gate) => self.shard.handle_gate(gate),
                Order::Drain(within) => {
                    let to = MoveTo { reason: MoveReason::Drain, endpoints: Vec::new() };
                    self.shard.begin_drain(to, within).expect("a MOVE without endpoints fits");
                }
                Order::Deny(list) => self.shard.handle_deny_list(list),
                Order::Rules(serving) => {
                    self.revision = serving.rules.revision();
                    scribe.note(format_args!("shard {} adopts revision {}", self.me, self.revision));
                    drop(self.shard.handle_rules(serving));
                }
            }
        }
    }

    /// The back rings are always emptied, the forward rings as far as there is room.
    fn take_rings(&mut self, fabric: &mut Fabric, shards: usize, now: Instant, wall: UnixMillis) {
        for peer in 0..shards {
            for _ in 0..RING_BATCH {
                let Some(message) = fabric.pop_back(peer, self.me, now) else { break };
                self.shard.handle_back(message);
            }
        }
        for peer in 0..shards {
            for _ in 0..RING_BATCH {
                if !self.shard.takes_forward() {
                    return;
                }
                let Some(message) = fabric.pop_forward(peer, self.me, now) else { break };
                self.shard.handle_forward(now, wall, ShardId(peer as u16), message);
            }
        }
    }

    fn transmit(&mut self, now: Instant, out: &mut Vec<Outgoing>) {
        let mut buffer = Vec::new();
        while let Some(departure) = self.shard.poll_transmit(now, &mut buffer) {
            let stride = departure.segment_size.unwrap_or(buffer.len()).max(1);
            let (to, ecn) = (departure.destination, departure.ecn);
            let _mine = heap::of_simulator();
            out.extend(buffer.chunks(stride).map(|bytes| Outgoing { to, ecn, bytes: bytes.to_vec() }));
            buffer.clear();
        }
    }
}
