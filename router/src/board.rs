//! What threads show each other without waiting: the control thread's orders to shards, the shards' reports and figures.
//!
//! What comes in: orders, through small rings and one published pointer. What goes out: reports through small rings, and the
//! latest figures of each shard as one pointer. Deliberately absent: locks, and anything on the event's path but one
//! relaxed load a turn.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use edge_session::{DenyList, MoveTo, TokenVerifier};
use edge_shard::{Cut, Gate, Serving, ShardStats};
use rtrb::{Consumer, Producer, RingBuffer};
use rules_engine::RuleSet;

/// The rule set that every shard shall serve, and a number that rises with each publication.
pub(crate) struct Published {
    serving: ArcSwap<Serving>,
    number: AtomicU64,
}

impl Published {
    pub(crate) fn new(serving: Arc<Serving>) -> Published {
        Published { serving: ArcSwap::new(serving), number: AtomicU64::new(1) }
    }

    /// Makes this the set to serve. One publisher: the control thread.
    pub(crate) fn publish(&self, serving: Arc<Serving>) -> u64 {
        self.serving.store(serving);
        self.number.fetch_add(1, Ordering::Release) + 1
    }

    /// The number of the latest publication.
    pub(crate) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    pub(crate) fn serving(&self) -> Arc<Serving> {
        self.serving.load_full()
    }
}

/// What the control thread asks of one shard.
pub(crate) enum Order {
    /// Let new sessions in, or not.
    Gate(Gate),
    /// Take part in a cut of the ledger.
    Cut(u64),
    /// Close the sessions that this list names, and let none of them in.
    Deny(Arc<DenyList>),
    /// Check tokens with these keys from now on.
    Verifier(Arc<TokenVerifier>),
    /// Take nothing new; tell everybody where to go.
    Drain { to: MoveTo, within: Duration },
    /// End the thread. Sessions were closed by a drain before.
    Stop,
}

/// What a shard tells the control thread.
pub(crate) enum Report {
    /// It serves the set of publication `number`.
    Adopted(u64),
    /// Its part of a cut.
    Cut(Cut),
}

/// One shard's ends of the board.
pub(crate) struct ShardBoard {
    pub(crate) published: Arc<Published>,
    pub(crate) orders: Consumer<Order>,
    pub(crate) reports: Producer<Report>,
    pub(crate) figures: Arc<ArcSwapOption<ShardFigures>>,
}

/// The control thread's ends of one shard's board.
pub(crate) struct ShardDesk {
    pub(crate) orders: Orders,
    pub(crate) reports: Consumer<Report>,
    pub(crate) figures: Arc<ArcSwapOption<ShardFigures>>,
}

/// Orders on their way to one shard. None is lost where its ring is full, and a shard that stands still makes no heap of them.
pub(crate) struct Orders {
    ring: Producer<Order>,
    /// At most one of each kind: a newer one says all that an older one did.
    waiting: VecDeque<Order>,
}

impl Orders {
    /// Puts an order behind the others.
    pub(crate) fn give(&mut self, order: Order) {
        let kind = std::mem::discriminant(&order);
        self.waiting.retain(|waiting| std::mem::discriminant(waiting) != kind);
        self.waiting.push_back(order);
        self.push_on();
    }

    /// Moves what waits into the ring, as far as it has room. Says whether something did.
    pub(crate) fn push_on(&mut self) -> bool {
        let mut any = false;
        while !self.ring.is_full()
            && let Some(order) = self.waiting.pop_front()
        {
            assert!(self.ring.push(order).is_ok(), "one producer, and it had room");
            any = true;
        }
        any
    }
}

/// The latest figures of one shard.
pub(crate) struct ShardFigures {
    pub(crate) stats: ShardStats,
    pub(crate) udp: Arc<edge_io::UdpCounts>,
    /// Turns of the loop since the start: a shard whose number stands still is stuck.
    pub(crate) turns: u64,
    /// Times the loop went to sleep.
    pub(crate) sleeps: u64,
    /// When these were shown.
    pub(crate) shown_at: Instant,
    pub(crate) rules: Arc<RuleSet>,
    pub(crate) hits: Vec<rules_engine::RuleCounters>,
}

/// Orders and reports that may wait.
const SLOTS: usize = 64;

/// Makes a board for one shard.
pub(crate) fn make(published: &Arc<Published>) -> (ShardBoard, ShardDesk) {
    let (order_in, orders) = RingBuffer::new(SLOTS);
    let (reports, report_out) = RingBuffer::new(SLOTS);
    let figures = Arc::new(ArcSwapOption::empty());
    (
        ShardBoard { published: published.clone(), orders, reports, figures: figures.clone() },
        ShardDesk { orders: Orders { ring: order_in, waiting: VecDeque::new() }, reports: report_out, figures },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_that_stands_still_finds_the_newest_order_of_each_kind_when_it_goes_on() {
        let (ring, mut shard) = RingBuffer::new(2);
        let mut orders = Orders { ring, waiting: VecDeque::new() };
        orders.give(Order::Cut(1));
        orders.give(Order::Gate(Gate::Open));
        for number in 2..100 {
            orders.give(Order::Cut(number));
        }
        orders.give(Order::Stop);
        assert_eq!(orders.waiting.len(), 2, "one of each kind waits");
        let mut got = Vec::new();
        loop {
            while let Ok(order) = shard.pop() {
                got.push(order);
            }
            if !orders.push_on() {
                break;
            }
        }
        assert!(matches!(got[..], [Order::Cut(1), Order::Gate(Gate::Open), Order::Cut(99), Order::Stop]));
    }
}
