//! How far delivery got, on disk: two slots, written in turn, of which the newer valid one wins.
//!
//! What comes in: what the cursor should say. What goes out: operations, and what the durable cursor says. A slot:
//!
//! ```text
//! magic 8 B | version u32 | zero u32 | counter u64 | start epoch u64 | settled (epoch, n) | committed (epoch, n) |
//! first segment u64 | spool UUID 16 B | crc32c u32
//! ```
//!
//! `committed` lets recovery tell a damaged last batch from a torn one; segments below `first segment` are only left over
//! from a removal. A cursor file whose fsync failed is not used again: the next file takes its place.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_door::{Disk, DiskOp};
use edge_event::{Position, SpoolUuid, StartEpoch};

use crate::layout::{FORMAT_VERSION, read_position, write_position};
use crate::log::is_no_room;
use crate::names;
use crate::ops::{Ops, Purpose};
use crate::scan::read_up_to;

const MAGIC: [u8; 8] = *b"EDGECUR\x01";
const SLOT_BYTES: u64 = 4096;
const FILE_BYTES: u64 = 2 * SLOT_BYTES;
const CONTENT_BYTES: usize = 88;
const CRC_BYTES: usize = 4;

/// What a cursor says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Cursor {
    pub(crate) epoch: StartEpoch,
    pub(crate) settled: Position,
    pub(crate) committed: Position,
    pub(crate) first_segment: u64,
}

/// Where the newest cursor was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Place {
    file: u64,
    counter: u64,
    slot: u64,
}

fn encode(uuid: SpoolUuid, counter: u64, cursor: &Cursor) -> Bytes {
    let mut b = Vec::with_capacity(CONTENT_BYTES);
    b.extend_from_slice(&MAGIC);
    b.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    b.extend_from_slice(&[0; 4]);
    b.extend_from_slice(&counter.to_le_bytes());
    b.extend_from_slice(&cursor.epoch.0.to_le_bytes());
    write_position(&mut b, cursor.settled);
    write_position(&mut b, cursor.committed);
    b.extend_from_slice(&cursor.first_segment.to_le_bytes());
    b.extend_from_slice(&uuid.0);
    let crc = crc32c::crc32c(&b);
    b.extend_from_slice(&crc.to_le_bytes());
    debug_assert_eq!(b.len(), CONTENT_BYTES + CRC_BYTES, "the layout above");
    Bytes::from(b)
}

fn decode(uuid: SpoolUuid, b: &[u8]) -> Option<(u64, Cursor)> {
    let (content, crc) = b.get(..CONTENT_BYTES + CRC_BYTES)?.split_at(CONTENT_BYTES);
    let number = |at: usize| u64::from_le_bytes(content[at..at + 8].try_into().expect("eight bytes"));
    let sound = crc32c::crc32c(content).to_le_bytes() == crc
        && content[..8] == MAGIC
        && content[8..12] == FORMAT_VERSION.to_le_bytes()
        && content[72..88] == uuid.0;
    if !sound {
        return None;
    }
    let cursor = Cursor {
        epoch: StartEpoch(number(24)),
        settled: read_position(&content[32..48])?,
        committed: read_position(&content[48..64])?,
        first_segment: number(64),
    };
    Some((number(16), cursor))
}

/// The newest valid cursor, and where it stands.
pub(crate) type Found = Option<(Place, Cursor)>;

/// The newest valid cursor of all files, and the numbers of the cursor files that are not its own.
pub(crate) fn find(disk: &mut dyn Disk, uuid: SpoolUuid) -> io::Result<(Found, Vec<u64>)> {
    let files: Vec<u64> = disk.list()?.iter().filter_map(|(name, _)| names::cursor_number(name)).collect();
    let mut best: Found = None;
    for &file in &files {
        for slot in 0..2 {
            let bytes = read_up_to(disk, &names::cursor(file), slot * SLOT_BYTES, CONTENT_BYTES + CRC_BYTES)?;
            let Some((counter, cursor)) = decode(uuid, &bytes) else { continue };
            if best.is_none_or(|(place, _)| place.counter < counter) {
                best = Some((Place { file, counter, slot }, cursor));
            }
        }
    }
    let kept = best.map(|(place, _)| place.file);
    Ok((best, files.into_iter().filter(|f| Some(*f) != kept).collect()))
}

/// Writes a cursor, durable when it returns, into the slot that does not hold the one before; into a new file where there is
/// none. Needs no room on a full disk, then. Other cursor files are removed. For recovery.
///
/// The one before may stand in the kernel's memory alone, where a process was killed before it could sync: it is synced first,
/// for the slot that is written now may hold the only cursor that the disk has.
pub(crate) fn write_now(
    disk: &mut dyn Disk,
    uuid: SpoolUuid,
    before: Option<Place>,
    others: &[u64],
    cursor: &Cursor,
) -> io::Result<Place> {
    let place = match before {
        Some(before) => Place { counter: before.counter + 1, slot: 1 - before.slot, ..before },
        None => Place { file: others.iter().max().map_or(1, |last| last + 1), counter: 1, slot: 0 },
    };
    let file = names::cursor(place.file);
    if before.is_none() {
        disk.blocking(DiskOp::Create { file: file.clone(), len: FILE_BYTES })?;
    } else {
        disk.blocking(DiskOp::Sync { file: file.clone() })?;
    }
    let data = encode(uuid, place.counter, cursor);
    disk.blocking(DiskOp::Write { file: file.clone(), offset: place.slot * SLOT_BYTES, data })?;
    disk.blocking(DiskOp::Sync { file })?;
    disk.blocking(DiskOp::SyncDir)?;
    for other in others {
        disk.blocking(DiskOp::Unlink { file: names::cursor(*other) })?;
    }
    Ok(place)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Idle,
    /// A new file, because the old one failed.
    Creating,
    Writing,
    Syncing,
    /// Of the new file's name.
    SyncingDir,
    Waiting(Instant),
}

/// Keeps the durable cursor behind what is wanted.
#[derive(Debug)]
pub(crate) struct CursorWriter {
    uuid: SpoolUuid,
    interval: Duration,
    retry_interval: Duration,
    step: Step,
    /// Where the latest write went or goes.
    place: Place,
    /// The file that holds the durable cursor.
    durable_file: u64,
    /// A write or sync of the file failed: another takes its place.
    is_suspect: bool,
    durable: Cursor,
    in_flight: Cursor,
    next_write: Option<Instant>,
    /// The disk had no room for a cursor: the ballast must go.
    pub(crate) wants_room: bool,
    pub(crate) failures: u64,
}

impl CursorWriter {
    pub(crate) fn new(uuid: SpoolUuid, config: &crate::Config, place: Place, durable: Cursor) -> CursorWriter {
        CursorWriter {
            uuid,
            interval: config.cursor_interval,
            retry_interval: config.retry_interval,
            step: Step::Idle,
            place,
            durable_file: place.file,
            is_suspect: false,
            durable,
            in_flight: durable,
            next_write: None,
            wants_room: false,
            failures: 0,
        }
    }

    /// What is on disk for certain.
    pub(crate) fn durable(&self) -> &Cursor {
        &self.durable
    }

    /// Starts a write where `wanted` differs from what is durable and it is time, or a segment waits for it.
    pub(crate) fn advance(&mut self, wanted: &Cursor, now: Instant, at_once: bool, ops: &mut Ops) {
        let is_time = match self.step {
            Step::Idle if *wanted == self.durable => false,
            Step::Idle => {
                let is_urgent = at_once || wanted.first_segment != self.durable.first_segment;
                is_urgent || *self.next_write.get_or_insert(now + self.interval) <= now
            }
            Step::Waiting(until) => until <= now,
            Step::Creating | Step::Writing | Step::Syncing | Step::SyncingDir => false,
        };
        if !is_time {
            return;
        }
        self.next_write = None;
        self.in_flight = *wanted;
        if self.is_suspect {
            self.place.file += 1;
            self.place.slot = 1;
            self.step = Step::Creating;
            ops.push(Purpose::Cursor, DiskOp::Create { file: names::cursor(self.place.file), len: FILE_BYTES });
        } else {
            self.write(ops);
        }
    }

    /// When [`advance`](CursorWriter::advance) has something to do though nothing ended.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        match self.step {
            Step::Idle => self.next_write,
            Step::Waiting(until) => Some(until),
            Step::Creating | Step::Writing | Step::Syncing | Step::SyncingDir => None,
        }
    }

    /// The step in flight ended.
    pub(crate) fn on_end(&mut self, result: io::Result<()>, now: Instant, ops: &mut Ops) {
        let file = names::cursor(self.place.file);
        match (self.step, result) {
            (Step::Creating, Ok(())) => self.write(ops),
            (Step::Writing, Ok(())) => {
                self.step = Step::Syncing;
                ops.push(Purpose::Cursor, DiskOp::Sync { file });
            }
            (Step::Syncing, Ok(())) if self.place.file != self.durable_file => {
                self.step = Step::SyncingDir;
                ops.push(Purpose::Cursor, DiskOp::SyncDir);
            }
            (Step::Syncing | Step::SyncingDir, Ok(())) => {
                self.step = Step::Idle;
                self.durable = self.in_flight;
                if self.place.file != self.durable_file {
                    ops.remove_file(names::cursor(self.durable_file));
                    (self.durable_file, self.is_suspect) = (self.place.file, false);
                }
            }
            (step, Err(error)) => self.on_failure(step, &error, now, ops),
            (step @ (Step::Idle | Step::Waiting(_)), Ok(())) => unreachable!("no cursor was being written: {step:?}"),
        }
    }

    /// Into the slot that does not hold the durable cursor.
    fn write(&mut self, ops: &mut Ops) {
        self.step = Step::Writing;
        self.place.counter += 1;
        self.place.slot = 1 - self.place.slot;
        let data = encode(self.uuid, self.place.counter, &self.in_flight);
        let (file, offset) = (names::cursor(self.place.file), self.place.slot * SLOT_BYTES);
        ops.push(Purpose::Cursor, DiskOp::Write { file, offset, data });
    }

    /// A full disk gets the ballast and is asked again; after anything else the file is not trusted any more.
    fn on_failure(&mut self, step: Step, error: &io::Error, now: Instant, ops: &mut Ops) {
        tracing::warn!(%error, ?step, "the spool's cursor was not persisted; it is tried again");
        self.failures += 1;
        self.wants_room |= is_no_room(error);
        self.step = Step::Waiting(now + self.retry_interval);
        let slot_is_intact = step == Step::Writing && is_no_room(error) && !self.is_suspect;
        if slot_is_intact {
            self.place.slot = 1 - self.place.slot;
            return;
        }
        let is_made = step != Step::Creating;
        if self.place.file != self.durable_file && is_made {
            ops.remove_file(names::cursor(self.place.file));
        }
        self.is_suspect = true;
    }
}
