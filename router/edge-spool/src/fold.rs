//! Durable state as the log tells it: the last writer of each key wins.
//!
//! What comes in: records in log order, and pieces of checkpoints. What goes out: cells, timers and dedupe marks, for recovery
//! and for the next checkpoint. The fold knows no rule; it is ordered, so a checkpoint can walk it piece by piece while
//! it changes.

use std::collections::BTreeMap;

use bytes::Bytes;
use edge_event::{Class, DedupeMark, EventId, EventRecord, Partition, ProducerKey, Seq, StateKey, UnixMillis};

/// The order in which cells and timers are walked.
type CellOrder = (u64, u128, u16);
/// The order in which marks are walked.
type MarkOrder = (ProducerKey, Class, Partition);

/// What is kept per entry beside its value, roughly.
const ENTRY_BYTES: u64 = 64;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cell {
    pub(crate) key: StateKey,
    pub(crate) value: Bytes,
    pub(crate) expires: Option<UnixMillis>,
}

/// The folded state.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Fold {
    cells: BTreeMap<CellOrder, Cell>,
    timers: BTreeMap<CellOrder, (StateKey, UnixMillis)>,
    marks: BTreeMap<MarkOrder, (Seq, UnixMillis)>,
    value_bytes: u64,
}

impl Fold {
    /// Folds one event's record, written at `at`.
    pub(crate) fn apply(&mut self, record: &EventRecord, at: UnixMillis) {
        for delta in &record.deltas {
            match &delta.value {
                Some(value) => self.set_cell(Cell { key: delta.key, value: value.clone(), expires: delta.expires }),
                None => self.remove_cell(order(delta.key)),
            }
        }
        for timer in &record.timers {
            self.set_timer(timer.key, timer.due);
        }
        if let EventId::Reliable { class, seq, .. } = record.id {
            self.set_mark(DedupeMark { producer: record.producer, class, partition: record.partition, seq, at });
        }
    }

    pub(crate) fn set_cell(&mut self, cell: Cell) {
        self.value_bytes += cell.value.len() as u64;
        // A slice of a batch or of a read window would keep the whole of it alive.
        let own = Cell { value: Bytes::copy_from_slice(&cell.value), ..cell };
        if let Some(old) = self.cells.insert(order(own.key), own) {
            self.value_bytes -= old.value.len() as u64;
        }
    }

    pub(crate) fn set_timer(&mut self, key: StateKey, due: Option<UnixMillis>) {
        match due {
            Some(due) => self.timers.insert(order(key), (key, due)),
            None => self.timers.remove(&order(key)),
        };
    }

    /// A mark never goes back.
    pub(crate) fn set_mark(&mut self, mark: DedupeMark) {
        let kept = self.marks.entry((mark.producer, mark.class, mark.partition)).or_insert((mark.seq, mark.at));
        *kept = (kept.0.max(mark.seq), kept.1.max(mark.at));
    }

    fn remove_cell(&mut self, at: CellOrder) {
        if let Some(old) = self.cells.remove(&at) {
            self.value_bytes -= old.value.len() as u64;
        }
    }

    /// Drops what nobody needs after `now`.
    pub(crate) fn expire(&mut self, now: UnixMillis, mark_ttl_ms: i64) {
        self.cells.retain(|_, cell| !is_over(cell.expires, now));
        self.value_bytes = self.cells.values().map(|c| c.value.len() as u64).sum();
        self.marks.retain(|_, (_, at)| !is_mark_over(*at, now, mark_ttl_ms));
    }

    /// Takes up to `bytes_max` of what follows `from`, in walking order, dropping what is over on the way.
    pub(crate) fn walk(&mut self, from: &mut Walk, bytes_max: usize, now: UnixMillis, mark_ttl_ms: i64) -> Slice {
        let mut slice = Slice::default();
        let mut left = bytes_max;
        let mut over = Vec::new();
        if let Walk::Cells(after) = *from {
            for (&at, cell) in range(&self.cells, after) {
                let cost = 44 + cell.value.len();
                if cost > left && !slice.is_empty() {
                    break;
                }
                *from = Walk::Cells(Some(at));
                left = left.saturating_sub(if is_over(cell.expires, now) { 44 } else { cost });
                if is_over(cell.expires, now) {
                    over.push(at);
                    if left == 0 {
                        break;
                    }
                    continue;
                }
                slice.cells.push(cell.clone());
            }
            over.into_iter().for_each(|at| self.remove_cell(at));
            if range(&self.cells, from.cell()).next().is_none() {
                *from = Walk::Timers(None);
            }
        } else if let Walk::Timers(after) = *from {
            for (&at, timer) in range(&self.timers, after).take(bytes_max / 34) {
                *from = Walk::Timers(Some(at));
                slice.timers.push(*timer);
            }
            if range(&self.timers, from.cell()).next().is_none() {
                *from = Walk::Marks(None);
            }
        } else if let Walk::Marks(after) = *from {
            let mut over = Vec::new();
            for (&at, &(seq, written)) in range(&self.marks, after).take(bytes_max / 35) {
                *from = Walk::Marks(Some(at));
                if is_mark_over(written, now, mark_ttl_ms) {
                    over.push(at);
                    continue;
                }
                slice.marks.push(DedupeMark { producer: at.0, class: at.1, partition: at.2, seq, at: written });
            }
            for at in over {
                self.marks.remove(&at);
            }
            let Walk::Marks(after) = *from else { unreachable!("the walk is among the marks") };
            if range(&self.marks, after).next().is_none() {
                *from = Walk::Done;
            }
        }
        slice
    }

    pub(crate) fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.cells.values()
    }

    pub(crate) fn timers(&self) -> impl Iterator<Item = (StateKey, UnixMillis)> + '_ {
        self.timers.values().copied()
    }

    pub(crate) fn marks(&self) -> impl Iterator<Item = DedupeMark> + '_ {
        self.marks.iter().map(|(&(producer, class, partition), &(seq, at))| DedupeMark {
            producer,
            class,
            partition,
            seq,
            at,
        })
    }

    /// Cells, timers, marks.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        (self.cells.len(), self.timers.len(), self.marks.len())
    }

    /// What a checkpoint of it weighs, roughly.
    pub(crate) fn bytes(&self) -> u64 {
        let entries = (self.cells.len() + self.timers.len() + self.marks.len()) as u64;
        self.value_bytes + entries * ENTRY_BYTES
    }
}

/// How far a checkpoint walked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Walk {
    Cells(Option<CellOrder>),
    Timers(Option<CellOrder>),
    Marks(Option<MarkOrder>),
    Done,
}

impl Walk {
    pub(crate) const START: Walk = Walk::Cells(None);

    fn cell(self) -> Option<CellOrder> {
        match self {
            Walk::Cells(after) | Walk::Timers(after) => after,
            Walk::Marks(_) | Walk::Done => None,
        }
    }
}

/// What one piece of a checkpoint holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Slice {
    pub(crate) cells: Vec<Cell>,
    pub(crate) timers: Vec<(StateKey, UnixMillis)>,
    pub(crate) marks: Vec<DedupeMark>,
}

impl Slice {
    pub(crate) fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.timers.is_empty() && self.marks.is_empty()
    }
}

fn order(key: StateKey) -> CellOrder {
    (key.definition, key.key, key.partition.index() as u16)
}

fn range<K: Ord + Copy, V>(map: &BTreeMap<K, V>, after: Option<K>) -> impl Iterator<Item = (&K, &V)> {
    use std::ops::Bound::{Excluded, Unbounded};
    map.range((after.map_or(Unbounded, Excluded), Unbounded))
}

fn is_over(expires: Option<UnixMillis>, now: UnixMillis) -> bool {
    expires.is_some_and(|e| e <= now)
}

fn is_mark_over(at: UnixMillis, now: UnixMillis, ttl_ms: i64) -> bool {
    at.0.saturating_add(ttl_ms) <= now.0
}
