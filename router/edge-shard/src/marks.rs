//! Dedupe marks: the highest seq taken in, by (producer, class, slice of players).
//!
//! Events of one producer and class reach one owner in rising order, on every connection, so "not above the mark" is
//! exactly "seen before". What comes in: seqs, and marks the spool restored. Memory is bounded by age and by number: marks
//! live in two halves, and every `memory`, or as soon as the younger half is full, the older half is dropped, which is one
//! deallocation whatever its size. Who makes up producers by the million makes us forget early, and no more than that:
//! consumers still drop what a forgotten resend orders twice, because its command ids are the same.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ahash::RandomState;
use edge_event::{Class, Partition, ProducerKey, Seq};
use edge_mutant::mutant;

type Half = HashMap<(ProducerKey, Class, Partition), Seq, RandomState>;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Marks {
    young: Half,
    old: Half,
    turned: Instant,
    memory: Duration,
    /// Marks in one half.
    half_max: usize,
    hash_seed: u64,
}

impl Marks {
    /// At most `marks_max` marks are kept.
    pub(crate) fn new(now: Instant, memory: Duration, marks_max: usize, hash_seed: u64) -> Marks {
        let half_max = (marks_max / 2).max(1);
        Marks { young: half(hash_seed), old: half(hash_seed), turned: now, memory, half_max, hash_seed }
    }

    /// The highest seq taken in; 0 where none is remembered.
    pub(crate) fn get(&self, producer: ProducerKey, class: Class, partition: Partition) -> Seq {
        let key = (producer, class, partition);
        self.young.get(&key).or_else(|| self.old.get(&key)).copied().unwrap_or_default()
    }

    /// Whether `seq` is new; then it is the mark.
    pub(crate) fn take(&mut self, producer: ProducerKey, class: Class, partition: Partition, seq: Seq) -> bool {
        let mut mark = self.get(producer, class, partition);
        if mutant!(DedupeTooLow) {
            mark.0 = mark.0.saturating_sub(1);
        }
        if mutant!(DedupeTooHigh) && mark > Seq(0) {
            mark.0 += 1;
        }
        if seq <= mark {
            return false;
        }
        if self.young.len() >= self.half_max && !self.young.contains_key(&(producer, class, partition)) {
            self.turn();
        }
        self.young.insert((producer, class, partition), seq);
        true
    }

    /// Drops what did not rise in the last one to two `memory`.
    pub(crate) fn on_time(&mut self, now: Instant) {
        if now.saturating_duration_since(self.turned) >= self.memory {
            self.turn();
            self.turned = now;
        }
    }

    fn turn(&mut self) {
        self.old = std::mem::replace(&mut self.young, half(self.hash_seed));
    }

    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

fn half(hash_seed: u64) -> Half {
    HashMap::with_hasher(crate::hasher(hash_seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_rises_and_is_forgotten_only_after_its_memory() {
        let start = Instant::now();
        let day = Duration::from_secs(86_400);
        let mut marks = Marks::new(start, day, 100, 1);
        let (p, c, s) = (ProducerKey(7), Class::ALL[0], Partition::default());
        assert!(marks.take(p, c, s, Seq(5)));
        assert!(!marks.take(p, c, s, Seq(5)));
        assert!(!marks.take(p, c, s, Seq(4)));
        marks.on_time(start + day);
        assert_eq!(marks.get(p, c, s), Seq(5), "one turn is too soon");
        assert!(marks.take(p, c, s, Seq(6)), "and use renews it");
        marks.on_time(start + 2 * day);
        assert_eq!(marks.get(p, c, s), Seq(6));
        marks.on_time(start + 3 * day);
        assert_eq!(marks.get(p, c, s), Seq(0));
    }

    #[test]
    fn however_many_producers_come_the_marks_stay_within_their_number() {
        let start = Instant::now();
        let mut marks = Marks::new(start, Duration::from_secs(1), 100, 1);
        let (c, s) = (Class::ALL[0], Partition::default());
        for n in 0..10_000 {
            assert!(marks.take(ProducerKey(n), c, s, Seq(1)));
            assert!(marks.len() <= 100);
            assert!(
                (n.saturating_sub(49)..=n).all(|p| !marks.take(ProducerKey(p), c, s, Seq(1))),
                "the latest are kept"
            );
        }
        for seq in 2..1_000 {
            assert!(marks.take(ProducerKey(9_999), c, s, Seq(seq)), "one producer's progress takes no room");
        }
        assert_eq!(marks.get(ProducerKey(9_998), c, s), Seq(1));
    }
}
