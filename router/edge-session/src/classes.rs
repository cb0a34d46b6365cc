//! One ordered class of a session: which number comes next, what is finished, what the client may send.
//!
//! In: numbers of arriving events, and of finished ones in any order. Out: cumulative receipts and absolute credit.
//! Memory is one bit's worth of bookkeeping an outstanding event, and nobody can have more outstanding than the window.
//! Deliberately absent: frames, time, dedupe against earlier connections (that is the owner's).

use std::collections::VecDeque;

use edge_event::Seq;
use edge_mutant::mutant;
use edge_wire::varint;

/// What an arriving number means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Admitted {
    /// The next one.
    New,
    /// A resend of what has its receipt already.
    FinishedBefore,
}

/// Why a number is not acceptable. The client's fault; the connection closes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SeqError {
    /// Not the number after the previous one, or the first one leaves a hole above the receipts.
    Gap {
        /// The highest number that would have been right.
        expected: u64,
    },
    /// Above the credit.
    NoCredit {
        /// The highest number allowed.
        up_to: u64,
    },
}

/// Receipts and credit of one class on one connection.
#[derive(Debug)]
pub(crate) struct ClassState {
    /// Everything up to here is finished.
    receipt: u64,
    /// What the client was told of it.
    told: u64,
    /// The number that must come next; `None` before the first event of this connection.
    next: Option<u64>,
    /// Whether `receipt + 1 + i` is finished. INVARIANT: the front, where there is one, is not.
    finished: VecDeque<bool>,
    /// The client may send up to here.
    credit: u64,
    window: u64,
}

impl ClassState {
    /// `base`: the higher of the client's and the server's receipts.
    pub(crate) fn new(base: Seq, window: u32) -> ClassState {
        let window = u64::from(window);
        let credit = grant(base.0, window);
        ClassState { receipt: base.0, told: base.0, next: None, finished: VecDeque::new(), credit, window }
    }

    pub(crate) fn receipt(&self) -> Seq {
        Seq(self.receipt)
    }

    pub(crate) fn credit(&self) -> Seq {
        Seq(self.credit)
    }

    #[cfg(test)]
    fn outstanding(&self) -> usize {
        self.finished.len()
    }

    //= protocol.md#reliable-3
    /// The first event of a connection continues at or below the receipts plus one, each further one is the next
    /// number.
    pub(crate) fn admit(&mut self, seq: Seq) -> Result<Admitted, SeqError> {
        let Seq(seq) = seq;
        let expected = self.next.unwrap_or(self.receipt.saturating_add(1));
        let fits = match self.next {
            Some(next) => seq == next,
            None => (1..=expected).contains(&seq),
        };
        if !fits {
            return Err(SeqError::Gap { expected });
        }
        if seq > self.credit {
            return Err(SeqError::NoCredit { up_to: self.credit });
        }
        self.next = Some(seq + 1);
        if seq <= self.receipt {
            return Ok(Admitted::FinishedBefore);
        }
        assert_eq!(seq, self.receipt + self.finished.len() as u64 + 1, "outstanding events of a class are contiguous");
        self.finished.push_back(false);
        Ok(Admitted::New)
    }

    /// Marks `seq` finished and says how many finished events the client has not been told of. Doing so twice is
    /// harmless.
    pub(crate) fn complete(&mut self, seq: Seq) -> u64 {
        let outstanding = seq
            .0
            .checked_sub(self.receipt.saturating_add(1))
            .and_then(|i| self.finished.get_mut(usize::try_from(i).ok()?));
        if let Some(finished) = outstanding {
            *finished = true;
        }
        while self.finished.front() == Some(&true) {
            self.finished.pop_front();
            self.receipt += 1;
        }
        self.receipt - self.told
    }

    pub(crate) fn has_news(&self) -> bool {
        self.receipt > self.told
    }

    /// The receipt to send, once.
    pub(crate) fn take_receipt(&mut self) -> Option<Seq> {
        let news = self.has_news();
        self.told = self.receipt;
        news.then_some(Seq(self.receipt))
    }

    /// The credit to send, once, where it has grown by a worthwhile part of the window.
    pub(crate) fn take_credit(&mut self) -> Option<Seq> {
        let window = if mutant!(CreditTwice) { 2 * self.window } else { self.window };
        let grown = grant(self.receipt, window);
        if grown.saturating_sub(self.credit) < self.window.div_ceil(4) {
            return None;
        }
        self.credit = grown;
        Some(Seq(grown))
    }
}

/// No number is beyond a varint.
fn grant(receipt: u64, window: u64) -> u64 {
    receipt.saturating_add(window).min(varint::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn admit_all(class: &mut ClassState, seqs: std::ops::RangeInclusive<u64>) {
        for seq in seqs {
            assert_eq!(class.admit(Seq(seq)), Ok(Admitted::New));
        }
    }

    #[test]
    fn the_first_number_continues_at_or_below_the_receipts() {
        let fresh = || ClassState::new(Seq(10), 4);
        assert_eq!(fresh().admit(Seq(0)), Err(SeqError::Gap { expected: 11 }));
        assert_eq!(fresh().admit(Seq(12)), Err(SeqError::Gap { expected: 11 }));
        assert_eq!(fresh().admit(Seq(11)), Ok(Admitted::New));
        let mut resent = fresh();
        assert_eq!(resent.admit(Seq(9)), Ok(Admitted::FinishedBefore));
        assert_eq!(resent.admit(Seq(11)), Err(SeqError::Gap { expected: 10 }));
        assert_eq!(resent.admit(Seq(10)), Ok(Admitted::FinishedBefore));
        assert_eq!(resent.admit(Seq(11)), Ok(Admitted::New));
        assert_eq!(resent.admit(Seq(11)), Err(SeqError::Gap { expected: 12 }));
    }

    #[test]
    fn a_receipt_waits_for_what_is_before_it() {
        let mut class = ClassState::new(Seq(0), 8);
        admit_all(&mut class, 1..=4);
        assert_eq!(class.complete(Seq(2)), 0);
        assert_eq!(class.take_receipt(), None);
        assert_eq!(class.complete(Seq(1)), 2);
        assert_eq!(class.complete(Seq(1)), 2);
        assert_eq!(class.take_receipt(), Some(Seq(2)));
        assert_eq!(class.take_receipt(), None);
        assert_eq!(class.complete(Seq(99)), 0);
        assert_eq!(class.outstanding(), 2);
    }

    #[test]
    fn credit_is_a_wall_and_moves_with_the_receipts() {
        let mut class = ClassState::new(Seq(0), 8);
        admit_all(&mut class, 1..=8);
        assert_eq!(class.admit(Seq(9)), Err(SeqError::NoCredit { up_to: 8 }));
        class.complete(Seq(1));
        assert_eq!(class.take_credit(), None);
        class.complete(Seq(2));
        assert_eq!(class.take_credit(), Some(Seq(10)));
        assert_eq!(class.take_credit(), None);
        assert_eq!(class.admit(Seq(9)), Ok(Admitted::New));
    }

    #[test]
    fn numbers_near_the_end_of_their_range_do_not_overflow() {
        let end = (1 << 62) - 1;
        let mut class = ClassState::new(Seq(end), 8);
        assert_eq!(class.admit(Seq(end)), Ok(Admitted::FinishedBefore));
        let mut class = ClassState::new(Seq(u64::MAX), 8);
        assert_eq!(class.admit(Seq(1)), Ok(Admitted::FinishedBefore));
        assert_eq!(class.take_credit(), None);
    }

    proptest! {
        /// Whatever the order of completion: the receipt is the longest finished prefix, and the window holds.
        #[test]
        fn receipts_are_the_finished_prefix(base in 0u64..100, order in Just((1u64..=32).collect::<Vec<_>>()).prop_shuffle()) {
            let mut class = ClassState::new(Seq(base), 32);
            for i in 1..=32 {
                prop_assert_eq!(class.admit(Seq(base + i)), Ok(Admitted::New));
            }
            let mut done = [false; 33];
            for i in order {
                done[i as usize] = true;
                class.complete(Seq(base + i));
                let prefix = done[1..].iter().take_while(|d| **d).count() as u64;
                prop_assert_eq!(class.receipt(), Seq(base + prefix));
                prop_assert_eq!(class.outstanding() as u64, 32 - prefix);
                class.take_credit();
                prop_assert!(class.credit().0 <= class.receipt().0 + 32);
            }
        }
    }
}
