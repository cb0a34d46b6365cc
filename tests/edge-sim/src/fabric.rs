//! What joins the threads of the simulated daemon: rings of few slots, and tickets on their way back.
//!
//! In: messages. Out: the same messages, in order, a little later: a hop between two cores mostly, now and then the time that
//! a sleeping thread needs to wake up. Deliberately absent: what the messages mean.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use edge_door::sim::Rng;
use edge_event::ShardId;
use edge_shard::{Back, Forward, Shard, ToSpool};

use crate::pop::Setup;
use crate::ring::Ring;

/// One message in so many finds a sleeping thread.
const ASLEEP_PPM: u32 = 100_000;

/// See the head of this file.
pub(crate) struct Fabric {
    /// `[from][to]`; nobody uses the diagonal.
    forward: Vec<Vec<Ring<Forward>>>,
    back: Vec<Vec<Ring<Back>>>,
    to_spool: Vec<Ring<ToSpool>>,
    /// Committed tickets on their way to each shard.
    tickets: Vec<VecDeque<(Instant, u64)>>,
    hop: Duration,
    wake: Duration,
    rng: Rng,
}

impl Fabric {
    pub(crate) fn new(setup: &Setup, rng: Rng) -> Fabric {
        let n = usize::from(setup.shards);
        Fabric {
            forward: square(n, setup.ring_slots),
            back: square(n, setup.ring_slots),
            to_spool: (0..n).map(|_| Ring::new(setup.spool_slots)).collect(),
            tickets: vec![VecDeque::new(); n],
            hop: setup.hop,
            wake: setup.wake,
            rng,
        }
    }

    // ---- a shard's ends

    /// The next message of a peer that ends work.
    pub(crate) fn pop_back(&mut self, from: usize, to: usize, now: Instant) -> Option<Back> {
        self.back[from][to].pop(now)
    }

    /// The next message of a peer that makes work.
    pub(crate) fn pop_forward(&mut self, from: usize, to: usize, now: Instant) -> Option<Forward> {
        self.forward[from][to].pop(now)
    }

    /// The next word of the spool that a shard's tickets are durable.
    pub(crate) fn pop_ticket(&mut self, shard: usize, now: Instant) -> Option<u64> {
        self.tickets[shard].pop_front_if(|(due, _)| *due <= now).map(|(_, ticket)| ticket)
    }

    /// Moves what a shard produced into the rings that have room.
    pub(crate) fn take_from(&mut self, me: usize, shard: &mut Shard, now: Instant) {
        while let Some((peer, message)) = {
            let rings = &self.forward[me];
            shard.poll_forward(&mut |p: ShardId| !rings[usize::from(p.0)].is_full())
        } {
            let delay = self.delay();
            self.forward[me][usize::from(peer.0)].push(message, now, delay);
        }
        while let Some((peer, message)) = {
            let rings = &self.back[me];
            shard.poll_back(&mut |p: ShardId| !rings[usize::from(p.0)].is_full())
        } {
            let delay = self.delay();
            self.back[me][usize::from(peer.0)].push(message, now, delay);
        }
        while !self.to_spool[me].is_full() {
            let Some(item) = shard.poll_record() else { break };
            let delay = self.delay();
            self.to_spool[me].push(item, now, delay);
        }
    }

    /// When something arrives at a shard's ends. `leaves_due`: what is due by now was left there on purpose.
    pub(crate) fn shard_due(&self, me: usize, now: Instant, leaves_due: bool) -> Option<Instant> {
        let rings = self.forward.iter().map(|row| row[me].next_due());
        let rings = rings.chain(self.back.iter().map(|row| row[me].next_due())).flatten();
        let ticket = self.tickets[me].front().map(|(due, _)| *due);
        rings.filter(|at| !leaves_due || *at > now).chain(ticket).min()
    }

    /// Whether a message is due at a shard.
    pub(crate) fn is_left_over(&self, me: usize, now: Instant) -> bool {
        self.shard_due(me, now, false).is_some_and(|at| at <= now)
    }

    // ---- the spool's ends

    /// The next item of a shard.
    pub(crate) fn pop_to_spool(&mut self, shard: usize, now: Instant) -> Option<ToSpool> {
        self.to_spool[shard].pop(now)
    }

    /// Tells a shard that its tickets are durable up to this one.
    pub(crate) fn push_ticket(&mut self, shard: usize, ticket: u64, now: Instant) {
        let due = now + self.delay();
        let tickets = &mut self.tickets[shard];
        let due = tickets.back().map_or(due, |(last, _)| due.max(*last));
        tickets.push_back((due, ticket));
    }

    /// When something arrives at the spool's ends; see [`shard_due`](Fabric::shard_due).
    pub(crate) fn spool_due(&self, now: Instant, leaves_due: bool) -> Option<Instant> {
        self.to_spool.iter().filter_map(Ring::next_due).filter(|at| !leaves_due || *at > now).min()
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.forward.iter().flatten().all(Ring::is_empty)
            && self.back.iter().flatten().all(Ring::is_empty)
            && self.to_spool.iter().all(Ring::is_empty)
            && self.tickets.iter().all(VecDeque::is_empty)
    }

    fn delay(&mut self) -> Duration {
        let most = if self.rng.chance(ASLEEP_PPM) { self.wake } else { self.hop };
        Duration::from_micros(1) + self.rng.duration(most)
    }
}

fn square<T>(n: usize, slots: usize) -> Vec<Vec<Ring<T>>> {
    (0..n).map(|_| (0..n).map(|_| Ring::new(slots)).collect()).collect()
}
