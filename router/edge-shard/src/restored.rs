//! What recovery gives back to the shards, dealt to the owners of today.
//!
//! What comes in: marks and cells as the log tells them. What goes out: each shard's share, by the slices of players that it
//! owns now, however many shards there were when they were written. Deliberately absent: the spool; nobody here knows it.

use bytes::Bytes;
use edge_event::{DedupeMark, StateKey, UnixMillis};
use edge_mutant::mutant;

/// A durable state cell, and when it is no longer needed.
pub type RestoredCell = (StateKey, Bytes, Option<UnixMillis>);

/// What recovery found on disk for one shard's slices of players.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// How far producers' classes are durable.
    pub marks: Vec<DedupeMark>,
    /// Durable state cells.
    pub cells: Vec<RestoredCell>,
}

impl Restored {
    /// Each shard's share of everything, at the shard's number.
    pub fn deal(marks: &[DedupeMark], cells: &[RestoredCell], shards: u16) -> Vec<Restored> {
        let mut dealt = vec![Restored::default(); usize::from(shards)];
        for mark in marks {
            let owners = if mutant!(MarkNotHandedOver) { shards.min(2) } else { shards };
            dealt[usize::from(mark.partition.owner(owners).0)].marks.push(*mark);
        }
        for cell in cells.iter().filter(|(.., expires)| expires.is_some() || !mutant!(DurableGateForgotten)) {
            dealt[usize::from(cell.0.partition.owner(shards).0)].cells.push(cell.clone());
        }
        dealt
    }
}

#[cfg(test)]
mod tests {
    use edge_event::{Class, Partition, PlayerKey, ProducerKey, Seq, ShardId};

    use super::*;

    #[test]
    fn everything_is_dealt_once_to_the_owner_of_its_slice() {
        for shards in 1..=5 {
            let slices: Vec<Partition> = (0..200).map(|n| Partition::of(PlayerKey(n * 977))).collect();
            let mark = |partition| DedupeMark {
                producer: ProducerKey(1),
                class: Class::ALL[0],
                partition,
                seq: Seq(1),
                at: UnixMillis(0),
            };
            let cell = |partition| (StateKey { definition: 1, key: 1, partition }, Bytes::new(), None);
            let marks: Vec<_> = slices.iter().copied().map(mark).collect();
            let cells: Vec<_> = slices.iter().copied().map(cell).collect();
            let dealt = Restored::deal(&marks, &cells, shards);
            assert_eq!(dealt.iter().map(|share| share.marks.len()).sum::<usize>(), 200);
            assert_eq!(dealt.iter().map(|share| share.cells.len()).sum::<usize>(), 200);
            for (shard, share) in (0..).map(ShardId).zip(&dealt) {
                assert!(share.marks.iter().all(|mark| mark.partition.owner(shards) == shard));
                assert!(share.cells.iter().all(|(key, ..)| key.partition.owner(shards) == shard));
            }
        }
    }
}
