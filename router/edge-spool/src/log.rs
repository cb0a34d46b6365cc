//! The writing half: one batch in flight, the segment in use, and the next one set aside ahead of its need.
//!
//! What comes in: batches, and the ends of operations. What goes out: operations, and committed batches. A batch goes
//! *place → (segment header) → write → sync → committed*; the next one starts only then, which is what `in_batch` proves.
//!
//! A sync that failed is never repeated on its file. The segment is left as it is and the batch is written again into the
//! next one, from the memory it never left. When that fails too, writing is over until a restart.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_door::DiskOp;
use edge_event::SpoolUuid;
use edge_mutant::mutant;

use crate::batch::Batch;
use crate::layout::{SEGMENT_HEADER_BYTES, SegmentHeader, write_segment_header};
use crate::names;
use crate::ops::{Ops, Purpose};
use crate::segments::{Segment, Segments};
use crate::status::Health;

/// Where the batch in flight is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// Waits for a segment with room.
    Placing,
    /// The segment's header is being written.
    Heading,
    Writing,
    Syncing,
    /// The disk was full; the write is tried again then.
    WaitingForRoom(Instant),
}

#[derive(Debug)]
struct Flight {
    batch: Batch,
    bytes: Bytes,
    step: Step,
}

/// The segment after the one in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    None,
    Creating(u64),
    SyncingDir(u64),
    Ready(u64),
    /// The disk was full; asked again then.
    WaitingForRoom(Instant),
}

/// The writer.
#[derive(Debug)]
pub(crate) struct Log {
    uuid: SpoolUuid,
    segment_bytes: u64,
    log_bytes_max: u64,
    retry_interval: Duration,
    flight: Option<Flight>,
    next: Next,
    next_number: u64,
    /// Where the segment in use ends.
    offset: u64,
    /// Its bytes.
    capacity: u64,
    /// Nothing more is written to it: its sync failed.
    is_sealed: bool,
    /// The log has its configured bytes: nothing new is taken.
    is_at_bound: bool,
    /// Only a checkpoint makes room: what waits, and the checkpoint, may go beyond the bound.
    pub(crate) is_checkpoint_wanted: bool,
    /// Failures since the last commit.
    failures: u32,
    pub(crate) health: Health,
    pub(crate) commits: u64,
    pub(crate) commit_failures: u64,
}

/// What recovery leaves for the writer: a segment with a durable header and its epoch record.
pub(crate) struct Start {
    pub(crate) number: u64,
    pub(crate) offset: u64,
    pub(crate) capacity: u64,
}

impl Log {
    pub(crate) fn new(uuid: SpoolUuid, config: &crate::Config, start: &Start) -> Log {
        Log {
            uuid,
            segment_bytes: config.segment_bytes,
            log_bytes_max: config.log_bytes_max,
            retry_interval: config.retry_interval,
            flight: None,
            next: Next::None,
            next_number: start.number + 1,
            offset: start.offset,
            capacity: start.capacity,
            is_sealed: false,
            is_at_bound: false,
            is_checkpoint_wanted: false,
            failures: 0,
            health: Health::Healthy,
            commits: 0,
            commit_failures: 0,
        }
    }

    /// Whether the next batch can be started.
    pub(crate) fn is_free(&self) -> bool {
        self.flight.is_none() && !self.is_read_only()
    }

    pub(crate) fn is_read_only(&self) -> bool {
        matches!(self.health, Health::ReadOnly { .. })
    }

    /// Whether the log has its configured bytes.
    pub(crate) fn is_at_bound(&self) -> bool {
        self.is_at_bound
    }

    /// Records and bytes on their way.
    pub(crate) fn in_flight(&self) -> (usize, usize) {
        self.flight.as_ref().map_or((0, 0), |f| (f.batch.records, f.bytes.len()))
    }

    /// Takes a batch to commit. [`is_free`](Log::is_free) must have said yes.
    pub(crate) fn start(&mut self, mut batch: Batch) {
        assert!(self.flight.is_none(), "one batch at a time is in flight");
        let bytes = Bytes::from(std::mem::take(&mut batch.bytes));
        self.flight = Some(Flight { batch, bytes, step: Step::Placing });
    }

    /// Moves on whatever can be moved without waiting for the disk.
    pub(crate) fn advance(&mut self, now: Instant, segments: &mut Segments, ops: &mut Ops) {
        if self.is_read_only() {
            return;
        }
        let step = self.flight.as_ref().map(|f| f.step);
        match step {
            Some(Step::Placing) => self.place(segments, ops),
            Some(Step::WaitingForRoom(until)) if until <= now => self.write(segments, ops),
            _ => {}
        }
        if self.is_at_bound && self.is_within_bound(segments) {
            self.is_at_bound = false;
            self.room_again();
        }
        self.set_next_aside(now, segments, ops);
    }

    /// When [`advance`](Log::advance) has something to do though nothing ended.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        let write = match self.flight.as_ref().map(|f| f.step) {
            Some(Step::WaitingForRoom(until)) => Some(until),
            _ => None,
        };
        let create = match self.next {
            Next::WaitingForRoom(until) => Some(until),
            _ => None,
        };
        if self.is_read_only() { None } else { write.into_iter().chain(create).min() }
    }

    /// The step of the batch in flight ended. Gives the batch back when it is committed.
    pub(crate) fn on_batch_end(
        &mut self,
        result: io::Result<()>,
        now: Instant,
        segments: &mut Segments,
        ops: &mut Ops,
    ) -> Option<(Batch, Bytes)> {
        let flight = self.flight.as_mut().expect("a batch's operation ended, so a batch is in flight");
        let step = flight.step;
        match (step, result) {
            (Step::Heading, Ok(())) => {
                self.offset = SEGMENT_HEADER_BYTES as u64;
                self.write(segments, ops);
            }
            (Step::Writing, Ok(())) if mutant!(CommitWithoutFsync) => return Some(self.commit(segments)),
            (Step::Syncing, Err(_)) if mutant!(FsyncRetried) => {
                let file = names::segment(segments.current().number);
                ops.push(Purpose::Batch, DiskOp::Sync { file });
            }
            (Step::Writing, Ok(())) => {
                flight.step = Step::Syncing;
                let file = names::segment(segments.current().number);
                ops.push(Purpose::Batch, DiskOp::Sync { file });
            }
            (Step::Syncing, Ok(())) => return Some(self.commit(segments)),
            (Step::Heading | Step::Writing, Err(e)) if is_no_room(&e) => {
                flight.step = Step::WaitingForRoom(now + self.retry_interval);
                self.no_room(format!("writing a segment: {e}"));
            }
            (_, Err(e)) => self.on_failure(step, &e),
            (Step::Placing | Step::WaitingForRoom(_), Ok(())) => {
                unreachable!("a batch that waits has no operation on its way")
            }
        }
        None
    }

    /// The step of setting the next segment aside ended.
    pub(crate) fn on_next_end(&mut self, result: io::Result<()>, now: Instant, segments: &mut Segments, ops: &mut Ops) {
        self.next = match (self.next, result) {
            (Next::Creating(number), Ok(())) => {
                ops.push(Purpose::NextSegment, DiskOp::SyncDir);
                Next::SyncingDir(number)
            }
            (Next::SyncingDir(number), Ok(())) => {
                self.room_again();
                Next::Ready(number)
            }
            (_, Err(e)) if e.kind() == io::ErrorKind::AlreadyExists => Next::None,
            (next, Err(e)) => {
                if let Next::SyncingDir(number) = next {
                    ops.remove_file(names::segment(number));
                }
                if self.is_sealed && !is_no_room(&e) {
                    self.read_only(format!("after a failed commit no other segment can be set aside: {e}"));
                } else {
                    self.no_room(format!("setting a segment aside: {e}"));
                }
                Next::WaitingForRoom(now + self.retry_interval)
            }
            (next @ (Next::None | Next::Ready(_) | Next::WaitingForRoom(_)), Ok(())) => {
                unreachable!("no segment was being set aside: {next:?}")
            }
        };
        self.advance(now, segments, ops);
    }

    /// Finds room for the batch in flight: in the segment in use, else in the next.
    fn place(&mut self, segments: &mut Segments, ops: &mut Ops) {
        let bytes = self.flight.as_ref().map_or(0, |f| f.bytes.len()) as u64;
        let header_bytes = if self.offset == 0 { SEGMENT_HEADER_BYTES as u64 } else { 0 };
        if self.is_sealed || self.offset + header_bytes + bytes > self.capacity {
            let Next::Ready(number) = self.next else { return };
            segments.push(Segment { number, first: None, last_command: None, bytes: self.segment_bytes });
            (self.offset, self.capacity, self.is_sealed) = (0, self.segment_bytes, false);
            self.next = Next::None;
        }
        self.write(segments, ops);
    }

    /// Writes the segment's header where it has none, else the batch.
    fn write(&mut self, segments: &mut Segments, ops: &mut Ops) {
        let flight = self.flight.as_mut().expect("the caller has a batch in flight");
        let segment = segments.current();
        let file = names::segment(segment.number);
        let op = if self.offset == 0 {
            flight.step = Step::Heading;
            let header = SegmentHeader { uuid: self.uuid, number: segment.number, first: flight.batch.first };
            DiskOp::Write { file, offset: 0, data: Bytes::copy_from_slice(&write_segment_header(&header)) }
        } else {
            flight.step = Step::Writing;
            DiskOp::Write { file, offset: self.offset, data: flight.bytes.clone() }
        };
        ops.push(Purpose::Batch, op);
    }

    fn commit(&mut self, segments: &mut Segments) -> (Batch, Bytes) {
        let flight = self.flight.take().expect("the batch that was synced");
        self.offset += flight.bytes.len() as u64;
        self.failures = 0;
        self.commits += 1;
        self.room_again();
        let segment = segments.current();
        segment.first.get_or_insert(flight.batch.first);
        segment.last_command = flight.batch.last_command.or(segment.last_command);
        (flight.batch, flight.bytes)
    }

    /// A write or sync failed for another reason than a full disk. What the file holds is not known any more.
    fn on_failure(&mut self, step: Step, error: &io::Error) {
        self.failures += 1;
        self.commit_failures += 1;
        self.is_sealed = true;
        if self.failures > 1 {
            self.read_only(format!("{step:?} failed again in another segment: {error}"));
            return;
        }
        tracing::error!(%error, ?step, "a commit failed: its records are written again into another segment");
        if let Some(flight) = &mut self.flight {
            flight.step = Step::Placing;
        }
    }

    /// Sets the next segment aside when the one in use is half full or can take nothing more.
    fn set_next_aside(&mut self, now: Instant, segments: &Segments, ops: &mut Ops) {
        let is_wanted = match self.next {
            Next::None => self.is_sealed || self.offset > self.capacity / 2 || self.is_placing(),
            Next::WaitingForRoom(until) => until <= now,
            Next::Creating(_) | Next::SyncingDir(_) | Next::Ready(_) => false,
        };
        if !is_wanted {
            return;
        }
        if !self.is_within_bound(segments) {
            self.is_at_bound = true;
            self.no_room(format!("the log has reached its configured {} bytes", self.log_bytes_max));
            if !self.is_checkpoint_wanted {
                self.next = Next::WaitingForRoom(now + self.retry_interval);
                return;
            }
        }
        let number = self.next_number;
        self.next_number += 1;
        self.next = Next::Creating(number);
        ops.push(Purpose::NextSegment, DiskOp::Create { file: names::segment(number), len: self.segment_bytes });
    }

    /// Whether another segment finds room in what the log may take.
    fn is_within_bound(&self, segments: &Segments) -> bool {
        segments.bytes() + self.segment_bytes <= self.log_bytes_max
    }

    fn is_placing(&self) -> bool {
        self.flight.as_ref().is_some_and(|f| f.step == Step::Placing)
    }

    fn no_room(&mut self, why: String) {
        if self.health == Health::Healthy {
            tracing::warn!(why, "the spool is full: nothing new is committed until there is room");
        }
        if !self.is_read_only() {
            self.health = Health::Full { why };
        }
    }

    fn room_again(&mut self) {
        let is_waiting = matches!(self.next, Next::WaitingForRoom(_)) || self.is_at_bound;
        if matches!(self.health, Health::Full { .. }) && !is_waiting {
            tracing::info!("the spool has room again");
            self.health = Health::Healthy;
        }
    }

    fn read_only(&mut self, why: String) {
        tracing::error!(why, "the spool is read-only until a restart");
        self.health = Health::ReadOnly { why };
    }
}

pub(crate) fn is_no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
