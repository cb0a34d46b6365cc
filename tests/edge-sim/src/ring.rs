//! The bounded rings between threads, in one thread: what is pushed arrives a little later, in order.
//!
//! In: items and moments. Out: the items when they are due. Deliberately absent: who rings whom; the loop asks when the next
//! item is due.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A single-producer ring with a delay.
pub(crate) struct Ring<T> {
    slots: usize,
    items: VecDeque<(Instant, T)>,
    last_due: Option<Instant>,
}

impl<T> Ring<T> {
    pub(crate) fn new(slots: usize) -> Ring<T> {
        Ring { slots, items: VecDeque::new(), last_due: None }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.items.len() >= self.slots
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The caller has asked [`is_full`](Ring::is_full).
    pub(crate) fn push(&mut self, item: T, now: Instant, delay: Duration) {
        assert!(!self.is_full(), "one producer, and it asked for room");
        let due = self.last_due.map_or(now + delay, |last| last.max(now + delay));
        self.last_due = Some(due);
        self.items.push_back((due, item));
    }

    pub(crate) fn pop(&mut self, now: Instant) -> Option<T> {
        self.items.pop_front_if(|(due, _)| *due <= now).map(|(_, item)| item)
    }

    /// When the next item arrives.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.items.front().map(|(due, _)| *due)
    }
}
