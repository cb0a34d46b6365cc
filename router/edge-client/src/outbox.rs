//! Reliable events without a receipt, by class, in order.
//!
//! What comes in: events and receipts. What goes out: the next number, and events from a number on. The numbers in a class's
//! queue have no gaps. A receipt does not yet forget its events: a connection whose stream has not come to them must still
//! send them, since its seqs may not have gaps either. Deliberately absent: the disk, the network, waiting.

use std::collections::VecDeque;

use bytes::Bytes;
use edge_event::identity::CLASSES;
use edge_event::{Class, EventTypeId, Seq};
use edge_wire::EventFrame;

/// All classes of one producer.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    lanes: [Lane; CLASSES],
    events: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Lane {
    /// From at most `receipted + 1` to `issued`.
    queue: VecDeque<EventFrame>,
    receipted: Seq,
    issued: Seq,
}

impl Outbox {
    /// The number the next event of a class gets.
    pub(crate) fn next(&self, class: Class) -> Seq {
        self.lanes[class.index()].issued.next()
    }

    /// Takes an event under [`next`](Outbox::next).
    pub(crate) fn push(&mut self, class: Class, event_type: EventTypeId, client_ms: u64, payload: Bytes) -> Seq {
        let lane = &mut self.lanes[class.index()];
        let seq = lane.issued.next();
        lane.issued = seq;
        self.events += 1;
        self.bytes += payload.len();
        lane.queue.push_back(EventFrame { seq, event_type, client_ms, payload });
        seq
    }

    /// Takes a receipt and says for how many events it is news. One for numbers that were never issued here moves the next
    /// number behind it.
    pub(crate) fn receipt(&mut self, class: Class, up_to: Seq) -> u64 {
        let lane = &mut self.lanes[class.index()];
        let news = up_to.min(lane.issued).0.saturating_sub(lane.receipted.0);
        lane.receipted = lane.receipted.max(up_to);
        lane.issued = lane.issued.max(up_to);
        news
    }

    /// Forgets events that have receipts, those before `next` only.
    pub(crate) fn forget(&mut self, class: Class, next: Seq) {
        let lane = &mut self.lanes[class.index()];
        while lane.queue.front().is_some_and(|event| event.seq <= lane.receipted && event.seq < next) {
            let event = lane.queue.pop_front().expect("has a front");
            self.bytes -= event.payload.len();
            self.events -= 1;
        }
    }

    /// Sets an empty class to what an earlier life of the producer reached.
    ///
    /// # Panics
    /// Where the class is not empty.
    pub(crate) fn restore(&mut self, class: Class, receipted: Seq) {
        let lane = &mut self.lanes[class.index()];
        assert!(lane.queue.is_empty(), "only an empty class is set");
        lane.receipted = lane.receipted.max(receipted);
        lane.issued = lane.issued.max(receipted);
    }

    /// The event under a number; `None` where it is forgotten or was not issued.
    pub(crate) fn get(&self, class: Class, seq: Seq) -> Option<&EventFrame> {
        let queue = &self.lanes[class.index()].queue;
        let index = seq.0.checked_sub(queue.front()?.seq.0)?;
        queue.get(usize::try_from(index).ok()?)
    }

    /// Highest receipts, by class.
    pub(crate) fn receipts(&self) -> [Seq; CLASSES] {
        Class::ALL.map(|class| self.lanes[class.index()].receipted)
    }

    /// Highest numbers given out, by class.
    pub(crate) fn issued(&self) -> [Seq; CLASSES] {
        Class::ALL.map(|class| self.lanes[class.index()].issued)
    }

    /// Events without a receipt.
    pub(crate) fn outstanding(&self) -> usize {
        self.lanes.iter().map(|lane| (lane.issued.0 - lane.receipted.0) as usize).sum()
    }

    /// Events that are kept.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// Bytes of their payloads.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const C: Class = Class::ALL[1];

    fn push(outbox: &mut Outbox, n: usize) {
        for _ in 0..n {
            outbox.push(C, EventTypeId(1), 5, Bytes::from_static(b"abc"));
        }
    }

    #[test]
    fn numbers_begin_at_1_and_receipts_are_cumulative() {
        let mut outbox = Outbox::default();
        push(&mut outbox, 3);
        assert_eq!((outbox.get(C, Seq(0)), outbox.get(C, Seq(4))), (None, None));
        assert_eq!(outbox.get(C, Seq(3)).map(|event| event.seq), Some(Seq(3)));
        assert_eq!((outbox.receipt(C, Seq(2)), outbox.receipt(C, Seq(1))), (2, 0));
        outbox.forget(C, Seq(u64::MAX));
        assert_eq!((outbox.outstanding(), outbox.events(), outbox.bytes(), outbox.receipts()[1]), (1, 1, 3, Seq(2)));
        assert!(outbox.get(C, Seq(2)).is_none() && outbox.get(C, Seq(3)).is_some());
        assert_eq!(outbox.next(Class::ALL[0]), Seq(1), "classes count apart");
    }

    #[test]
    fn what_a_stream_has_not_reached_is_kept() {
        let mut outbox = Outbox::default();
        push(&mut outbox, 3);
        assert_eq!(outbox.receipt(C, Seq(3)), 3);
        outbox.forget(C, Seq(2));
        assert_eq!((outbox.outstanding(), outbox.events()), (0, 2));
        assert!(outbox.get(C, Seq(1)).is_none() && outbox.get(C, Seq(2)).is_some());
    }

    #[test]
    fn a_receipt_ahead_moves_the_next_number() {
        let mut outbox = Outbox::default();
        push(&mut outbox, 1);
        assert_eq!(outbox.receipt(C, Seq(9)), 1);
        outbox.forget(C, Seq(u64::MAX));
        assert_eq!(outbox.next(C), Seq(10));
        push(&mut outbox, 1);
        assert!(outbox.get(C, Seq(10)).is_some());
    }

    #[test]
    fn restored_classes_go_on() {
        let mut outbox = Outbox::default();
        outbox.restore(C, Seq(41));
        push(&mut outbox, 1);
        assert_eq!(outbox.get(C, Seq(42)).map(|event| event.seq), Some(Seq(42)));
        assert_eq!(outbox.issued(), [Seq(0), Seq(42), Seq(0), Seq(0)]);
    }
}
