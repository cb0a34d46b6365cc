//! The machine: everything of the other rooms, behind two verbs.

use std::collections::VecDeque;
use std::io;
use std::time::Instant;

use edge_door::{Disk, DiskOp, OpId};
use edge_event::{Command, EventRecord, Position, ShardId, SpoolUuid, StartEpoch, UnixMillis};
use edge_mutant::mutant;

use crate::batch::{Queue, Refused};
use crate::checkpoint::Checkpoint;
use crate::codec::{CODEC_VERSION, encode_record};
use crate::config::Config;
use crate::cursor::{Cursor, CursorWriter};
use crate::error::{AppendError, RecoverError};
use crate::fold::Fold;
use crate::layout::{ALIGN, Kind, RECORD_HEADER_BYTES, RecordHeader, Seed};
use crate::log::Log;
use crate::names;
use crate::ops::{Ops, Purpose};
use crate::recover::{Rebuilt, Recovered, recover};
use crate::segments::Segments;
use crate::status::{Health, Status};

/// Everything that a shard appended up to a ticket is durable: receipts may leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// Whose.
    pub shard: ShardId,
    /// The highest ticket.
    pub up_to_ticket: u64,
}

/// The durable log of one directory, without I/O of its own.
///
/// *Mutate, then drain.* Mutating: [`append`](Spool::append), [`settle`](Spool::settle), [`flush`](Spool::flush),
/// [`handle_end`](Spool::handle_end). Then, until each says `None`: [`poll_op`](Spool::poll_op), whose operations go to the
/// disk, and [`poll_committed`](Spool::poll_committed), whose tickets release receipts. Then sleep until an operation
/// ends, something is to be appended, or [`poll_timeout`](Spool::poll_timeout), and drain again.
///
/// The one contract: every operation is submitted once, in the order given, and its end is handed back once.
#[derive(Debug)]
pub struct Spool {
    config: Config,
    uuid: SpoolUuid,
    epoch: StartEpoch,
    fold: Fold,
    queue: Queue,
    log: Log,
    segments: Segments,
    checkpoint: Checkpoint,
    cursor: CursorWriter,
    wanted: Cursor,
    ballast: Ballast,
    ops: Ops,
    ready: VecDeque<Committed>,
    /// The last ticket of each shard.
    tickets: Vec<(ShardId, u64)>,
    is_flushing: bool,
    counters: Status,
}

/// The reserve that is given up so that a cursor can be written on a full disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ballast {
    Held,
    GivingUp,
    Gone { ask_again: Option<Instant> },
    Making,
}

impl Spool {
    /// Opens a directory: recovers what is there, or begins a spool named `fresh_uuid`. Uses the blocking half of the door.
    /// `now` drops what expired meanwhile.
    ///
    /// # Errors
    /// Nothing was lost by a failed attempt; see [`RecoverError`] for what to do.
    pub fn recover(
        disk: &mut dyn Disk,
        config: &Config,
        fresh_uuid: SpoolUuid,
        now: UnixMillis,
    ) -> Result<(Spool, Recovered), RecoverError> {
        let rebuilt = recover(disk, config, fresh_uuid, now)?;
        let recovered = rebuilt.told();
        Ok((Spool::start(config, rebuilt, now), recovered))
    }

    fn start(config: &Config, rebuilt: Rebuilt, now: UnixMillis) -> Spool {
        let Rebuilt { uuid, epoch, cursor, .. } = rebuilt;
        Spool {
            config: config.clone(),
            uuid,
            epoch,
            fold: rebuilt.fold,
            queue: Queue::new(Seed::of(uuid), config.batch_bytes_max, cursor.committed),
            log: Log::new(uuid, config, &rebuilt.start),
            segments: rebuilt.segments,
            checkpoint: Checkpoint::new(config, rebuilt.checkpoint, rebuilt.bytes_since_checkpoint),
            cursor: CursorWriter::new(uuid, config, rebuilt.cursor_place, cursor),
            wanted: cursor,
            ballast: if rebuilt.has_ballast { Ballast::Held } else { Ballast::Gone { ask_again: None } },
            ops: Ops::default(),
            ready: VecDeque::new(),
            tickets: Vec::new(),
            is_flushing: false,
            counters: Status { now, ..Status::default() },
        }
    }

    /// Whether `records` with `bytes` of payload together would be taken now. Ask before an event is evaluated.
    pub fn has_room(&self, records: usize, bytes: usize) -> bool {
        let framed = bytes.saturating_add(records.saturating_mul(RECORD_HEADER_BYTES + ALIGN));
        self.log.health == Health::Healthy && self.queue.bytes().saturating_add(framed) <= self.room_bytes()
    }

    /// Takes one event's record. It is durable when its ticket is told by [`poll_committed`](Spool::poll_committed).
    ///
    /// `ticket` rises by one per shard, from any start. `now` also becomes the spool's idea of the time.
    ///
    /// # Errors
    /// The record was not taken and its ticket is not used up.
    pub fn append(
        &mut self,
        shard: ShardId,
        ticket: u64,
        record: &EventRecord,
        now: UnixMillis,
    ) -> Result<Position, AppendError> {
        self.see_time(now);
        match &self.log.health {
            Health::Healthy => {}
            Health::Full { .. } => return Err(AppendError::NoRoom),
            Health::ReadOnly { why } => return Err(AppendError::ReadOnly { why: why.clone() }),
        }
        self.check_ticket(shard, ticket);
        let header = self.header(record, now);
        let (limit, room) = (self.config.record_bytes_max, self.room_bytes());
        let before = self.queue.bytes();
        let pushed = self.queue.push(header, limit, room, |out| encode_record(record, out));
        let position = match pushed {
            Ok(batch) => {
                batch.note_ticket(shard, ticket);
                batch.last
            }
            Err(Refused::NoRoom) => return Err(AppendError::NoRoom),
            Err(Refused::TooLarge { payload_bytes: bytes }) => return Err(AppendError::TooLarge { bytes, limit }),
        };
        self.note_ticket(shard, ticket);
        self.fold.apply(record, now);
        let added = self.queue.bytes() - before;
        self.checkpoint.on_appended(added);
        self.counters.appended_records += 1;
        self.counters.appended_bytes += added as u64;
        Ok(position)
    }

    /// Tells that everything up to and with `position` is delivered. Segments retire when a durable cursor says so.
    pub fn settle(&mut self, position: Position) {
        assert!(position <= self.wanted.committed, "only what is committed can have been delivered");
        self.wanted.settled = self.wanted.settled.max(position);
    }

    /// Commits what waits and persists the cursor without waiting for company; for drain. Ends by itself when
    /// [`is_idle`](Spool::is_idle).
    pub fn flush(&mut self) {
        self.is_flushing = true;
    }

    /// Whether everything appended is committed and the durable cursor says what was settled.
    pub fn is_idle(&self) -> bool {
        let is_committed = self.queue.records() == 0 && self.log.in_flight().0 == 0;
        is_committed && self.ops.is_idle() && *self.cursor.durable() == self.wanted
    }

    /// Tells the time where nothing is appended, so that expiry goes on.
    pub fn see_time(&mut self, now: UnixMillis) {
        self.counters.now = self.counters.now.max(now);
    }

    /// An operation ended.
    pub fn handle_end(&mut self, id: OpId, result: io::Result<()>, now: Instant) {
        match self.ops.end(id) {
            Purpose::Batch => {
                let done = self.log.on_batch_end(result, now, &mut self.segments, &mut self.ops);
                if let Some((batch, bytes)) = done {
                    self.wanted.committed = batch.last;
                    self.ready
                        .extend(batch.tickets.iter().map(|&(shard, ticket)| Committed { shard, up_to_ticket: ticket }));
                    self.queue.give_back(Vec::from(bytes));
                }
            }
            Purpose::NextSegment => self.log.on_next_end(result, now, &mut self.segments, &mut self.ops),
            Purpose::Cursor => {
                self.cursor.on_end(result, now, &mut self.ops);
                self.retire();
            }
            Purpose::Ballast => self.on_ballast_end(&result, now),
            Purpose::Remove => {
                if let Err(error) = result {
                    tracing::warn!(%error, "a file that is not needed any more stays until the next start");
                }
            }
        }
    }

    /// The next operation for the disk.
    pub fn poll_op(&mut self, now: Instant) -> Option<(OpId, DiskOp)> {
        if let Some(op) = self.ops.pop() {
            return Some(op);
        }
        self.advance(now);
        self.ops.pop()
    }

    /// The next tickets that are durable.
    pub fn poll_committed(&mut self) -> Option<Committed> {
        self.ready.pop_front()
    }

    /// When to drain again though nothing happened. Of meaning after draining.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let batch = if self.log.is_free() && !mutant!(BatchForgotten) { self.queue.due() } else { None };
        let ballast = match self.ballast {
            Ballast::Gone { ask_again } => ask_again,
            Ballast::Held | Ballast::GivingUp | Ballast::Making => None,
        };
        [batch, self.log.timeout(), self.cursor.timeout(), ballast].into_iter().flatten().min()
    }

    /// Everything up to here is durable and may be read.
    pub fn committed(&self) -> Position {
        self.wanted.committed
    }

    /// Names the directory.
    pub fn uuid(&self) -> SpoolUuid {
        self.uuid
    }

    /// This start of the writer.
    pub fn epoch(&self) -> StartEpoch {
        self.epoch
    }

    /// Whether records are taken.
    pub fn health(&self) -> &Health {
        &self.log.health
    }

    /// Gauges and counters.
    pub fn status(&self) -> Status {
        let (in_flight_records, in_flight_bytes) = self.log.in_flight();
        let (cells, timers, marks) = self.fold.counts();
        Status {
            health: self.log.health.clone(),
            uncommitted_records: self.queue.records() + in_flight_records,
            uncommitted_bytes: self.queue.bytes() + in_flight_bytes,
            committed: self.wanted.committed,
            settled: self.wanted.settled,
            settled_durable: self.cursor.durable().settled,
            segments: self.segments.len(),
            oldest_segment: self.segments.oldest(),
            log_bytes: self.segments.bytes(),
            cells,
            timers,
            marks,
            fold_bytes: self.fold.bytes(),
            commits: self.log.commits,
            commit_failures: self.log.commit_failures,
            checkpoints: self.checkpoint.completed,
            cursor_failures: self.cursor.failures,
            has_ballast: self.ballast == Ballast::Held,
            ..self.counters.clone()
        }
    }

    /// Moves on whatever can be moved without waiting for the disk.
    fn advance(&mut self, now: Instant) {
        // On a full disk too: a checkpoint is what lets segments retire. At the log's own bound it may go beyond that, or none
        // would ever end and nothing retire: by what waits, and by what the state weighs.
        self.log.is_checkpoint_wanted =
            self.log.is_at_bound() && self.segments.wait_for_checkpoint(self.wanted.settled, self.checkpoint.last);
        if !self.log.is_read_only() {
            let (committed, newer) = (self.wanted.committed, self.segments.newer_than(self.checkpoint.last));
            let (now, is_wanted) = (self.counters.now, self.log.is_checkpoint_wanted);
            self.checkpoint.advance(&mut self.queue, &mut self.fold, committed, now, newer, is_wanted);
        }
        self.queue.see_clock(now + self.config.commit_window);
        if self.log.is_free()
            && let Some(batch) = self.queue.take_due(now, self.is_flushing)
        {
            if mutant!(CursorBeforeData) {
                self.wanted.committed = batch.last;
            }
            self.log.start(batch);
        }
        self.log.advance(now, &mut self.segments, &mut self.ops);
        self.wanted.first_segment = self.segments.first_to_keep(self.wanted.settled, self.checkpoint.last);
        self.cursor.advance(&self.wanted, now, self.is_flushing, &mut self.ops);
        self.advance_ballast(now);
        if self.is_flushing && self.is_idle() {
            self.is_flushing = false;
        }
    }

    /// Unlinks what the durable cursor gave up: never the other way round.
    fn retire(&mut self) {
        let durable = if mutant!(UnlinkBeforeCursor) { &self.wanted } else { self.cursor.durable() };
        for segment in self.segments.retire_before(durable.first_segment) {
            self.counters.retired_segments += 1;
            self.ops.remove_file(names::segment(segment.number));
        }
    }

    fn advance_ballast(&mut self, now: Instant) {
        match self.ballast {
            Ballast::Held if std::mem::take(&mut self.cursor.wants_room) => {
                self.ballast = Ballast::GivingUp;
                self.ops.push(Purpose::Ballast, DiskOp::Unlink { file: names::BALLAST.into() });
            }
            Ballast::Gone { ask_again } if ask_again.is_none_or(|at| at <= now) => {
                self.cursor.wants_room = false;
                self.ballast = if self.log.health == Health::Healthy {
                    let len = self.config.ballast_bytes;
                    self.ops.push(Purpose::Ballast, DiskOp::Create { file: names::BALLAST.into(), len });
                    Ballast::Making
                } else {
                    Ballast::Gone { ask_again: Some(now + self.config.retry_interval) }
                };
            }
            _ => {}
        }
    }

    fn on_ballast_end(&mut self, result: &io::Result<()>, now: Instant) {
        let ask_again = Some(now + self.config.retry_interval);
        let is_there = match (self.ballast, result) {
            (Ballast::Making, Ok(())) => true,
            (Ballast::Making, Err(e)) => e.kind() == io::ErrorKind::AlreadyExists,
            _ => false,
        };
        self.ballast = if is_there { Ballast::Held } else { Ballast::Gone { ask_again } };
    }

    /// How many bytes may wait.
    fn room_bytes(&self) -> usize {
        self.config.queue_bytes_max.saturating_sub(self.log.in_flight().1)
    }

    fn header(&self, record: &EventRecord, now: UnixMillis) -> RecordHeader {
        RecordHeader {
            payload_bytes: 0,
            kind: Kind::Event,
            codec: CODEC_VERSION,
            priority: record.commands.iter().map(|c| c.priority).min(),
            lane: record.partition.lane(self.config.lanes),
            in_batch: 0,
            position: Position::NONE,
            expiry: last_deadline(&record.commands),
            written: now,
        }
    }

    fn check_ticket(&self, shard: ShardId, ticket: u64) {
        let last = self.tickets.iter().find(|(s, _)| *s == shard).map(|(_, ticket)| *ticket);
        let is_next = last.is_none_or(|last| ticket == last + 1);
        assert!(is_next, "tickets of a shard rise by one: {ticket} came after {last:?}");
    }

    fn note_ticket(&mut self, shard: ShardId, ticket: u64) {
        match self.tickets.iter_mut().find(|(s, _)| *s == shard) {
            Some((_, last)) => *last = ticket,
            None => self.tickets.push((shard, ticket)),
        }
    }
}

/// When the last command expires; `None` where one never does.
fn last_deadline(commands: &[Command]) -> Option<UnixMillis> {
    let mut last = UnixMillis(i64::MIN);
    for command in commands {
        last = last.max(command.deadline?);
    }
    (!commands.is_empty()).then_some(last)
}
