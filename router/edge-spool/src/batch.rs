//! Records that will be committed together, and the queue of such batches.
//!
//! What comes in: records, encoded straight into a reused buffer. What goes out: a batch's bytes for one write and one
//! fsync, and the tickets that are durable when it ended.

use std::collections::VecDeque;
use std::time::Instant;

use edge_event::{Position, ShardId};

use crate::layout::{RecordHeader, Seed, begin_record, finish_record};

/// The most records of a batch, so that `in_batch` holds the count.
const BATCH_RECORDS_MAX: usize = u16::MAX as usize;
/// How many buffers are kept for reuse.
const SPARE_BUFFERS: usize = 4;

/// One group commit.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: usize,
    /// Of its first record; [`Position::NONE`] while it has none.
    pub(crate) first: Position,
    pub(crate) last: Position,
    /// Of its last record with commands.
    pub(crate) last_command: Option<Position>,
    /// The highest ticket of each shard.
    pub(crate) tickets: Vec<(ShardId, u64)>,
    /// When it is written though it is not full; `None` until the clock was seen once.
    pub(crate) due: Option<Instant>,
}

impl Batch {
    fn note(&mut self, position: Position, has_commands: bool) {
        if self.records == 0 {
            self.first = position;
        }
        self.records += 1;
        self.last = position;
        if has_commands {
            self.last_command = Some(position);
        }
    }

    pub(crate) fn note_ticket(&mut self, shard: ShardId, ticket: u64) {
        match self.tickets.iter_mut().find(|(s, _)| *s == shard) {
            Some((_, highest)) => *highest = ticket,
            None => self.tickets.push((shard, ticket)),
        }
    }
}

/// Batches that wait; the last one is being filled.
#[derive(Debug)]
pub(crate) struct Queue {
    seed: Seed,
    batch_bytes_max: usize,
    waiting: VecDeque<Batch>,
    spare: Vec<Vec<u8>>,
    bytes: usize,
    records: usize,
    /// Of the last record that was taken.
    last: Position,
}

/// Why a record was not taken.
pub(crate) enum Refused {
    TooLarge { payload_bytes: usize },
    NoRoom,
}

impl Queue {
    /// `last` is the position before the first record to come.
    pub(crate) fn new(seed: Seed, batch_bytes_max: usize, last: Position) -> Queue {
        let (waiting, spare) = (VecDeque::new(), Vec::new());
        Queue { seed, batch_bytes_max, waiting, spare, bytes: 0, records: 0, last }
    }

    /// Encodes one record at the end. `header` comes without position and place in the batch.
    pub(crate) fn push(
        &mut self,
        header: RecordHeader,
        payload_bytes_max: usize,
        room_bytes: usize,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<&mut Batch, Refused> {
        if self.waiting.back().is_none_or(|b| b.records >= BATCH_RECORDS_MAX) {
            self.open();
        }
        let batch = self.waiting.back_mut().expect("opened above");
        let mut start = begin_record(&mut batch.bytes);
        let payload_from = batch.bytes.len();
        encode(&mut batch.bytes);
        let (payload_bytes, added) = (batch.bytes.len() - payload_from, batch.bytes.len() - start);
        let refused = if payload_bytes > payload_bytes_max {
            Some(Refused::TooLarge { payload_bytes })
        } else if self.bytes + added > room_bytes {
            Some(Refused::NoRoom)
        } else {
            None
        };
        if let Some(refused) = refused {
            batch.bytes.truncate(start);
            self.drop_empty();
            return Err(refused);
        }
        if batch.records > 0 && start + added > self.batch_bytes_max {
            start = self.move_to_new_batch(start);
        }
        self.last = Position { n: self.last.n + 1, ..self.last };
        self.records += 1;
        let batch = self.waiting.back_mut().expect("opened above");
        let header = RecordHeader { position: self.last, in_batch: batch.records as u16, ..header };
        finish_record(&mut batch.bytes, start, header, self.seed);
        self.bytes += batch.bytes.len() - start;
        batch.note(self.last, header.priority.is_some());
        Ok(batch)
    }

    /// Takes the first batch where it is full, due, or `at_once`.
    pub(crate) fn take_due(&mut self, now: Instant, at_once: bool) -> Option<Batch> {
        let first = self.waiting.front()?;
        let is_full = self.waiting.len() > 1 || first.bytes.len() >= self.batch_bytes_max / 2;
        let is_due = at_once || is_full || first.due.is_some_and(|due| due <= now);
        if !is_due {
            return None;
        }
        let batch = self.waiting.pop_front()?;
        self.bytes -= batch.bytes.len();
        self.records -= batch.records;
        Some(batch)
    }

    /// Starts the clock of batches that have not seen it.
    pub(crate) fn see_clock(&mut self, due: Instant) {
        self.waiting.iter_mut().for_each(|b| {
            b.due.get_or_insert(due);
        });
    }

    /// When the first batch is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.waiting.front()?.due
    }

    /// Keeps a committed batch's buffer for reuse.
    pub(crate) fn give_back(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < SPARE_BUFFERS {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn records(&self) -> usize {
        self.records
    }

    fn open(&mut self) {
        let bytes = self.spare.pop().unwrap_or_default();
        self.waiting.push_back(Batch { bytes, ..Batch::default() });
    }

    fn drop_empty(&mut self) {
        if self.waiting.back().is_some_and(|b| b.records == 0)
            && let Some(batch) = self.waiting.pop_back()
        {
            self.give_back(batch.bytes);
        }
    }

    /// The record that begins at `start` does not fit into its batch any more.
    fn move_to_new_batch(&mut self, start: usize) -> usize {
        self.open();
        let count = self.waiting.len();
        let (full, fresh) = self.waiting.make_contiguous()[count - 2..].split_at_mut(1);
        fresh[0].bytes.extend_from_slice(&full[0].bytes[start..]);
        full[0].bytes.truncate(start);
        0
    }
}
