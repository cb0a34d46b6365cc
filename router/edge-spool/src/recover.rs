//! From a directory to a running spool.
//!
//! What comes in: the disk as a crash left it. What goes out: the folded state, a new durable start epoch with a segment of
//! its own, and a report of what was cut and what was damaged. Nothing is used before it is durable, and running it again
//! after a crash in its midst gives the same.

mod reading;
mod start;

use bytes::Bytes;
use edge_door::{Disk, FileName};
use edge_event::{DedupeMark, Position, SpoolUuid, StartEpoch, StateKey, UnixMillis};
use edge_mutant::mutant;

use crate::config::Config;
use crate::cursor::{self, Cursor, Place};
use crate::error::RecoverError;
use crate::fold::Fold;
use crate::log::Start;
use crate::quarantine::failed;
use crate::segments::Segments;

/// What the log knew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// Names the directory.
    pub uuid: SpoolUuid,
    /// This start. Durable.
    pub epoch: StartEpoch,
    /// Per producer, class and partition: the highest seq on disk.
    pub marks: Vec<DedupeMark>,
    /// Durable cells: key, value, when nobody needs it any more.
    pub state: Vec<(StateKey, Bytes, Option<UnixMillis>)>,
    /// Timers that are set.
    pub timers: Vec<(StateKey, UnixMillis)>,
    /// Everything up to here was delivered before.
    pub settled: Position,
    /// Everything up to here can be read.
    pub committed: Position,
    /// For the log line and the metrics.
    pub report: RecoveryReport,
}

/// What recovery did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RecoveryReport {
    /// The directory held no spool.
    pub is_fresh: bool,
    /// Records that were folded.
    pub records: u64,
    /// Segments that were read.
    pub segments: usize,
    /// Bytes of a torn tail that were cut, the zeros behind it not counted.
    pub cut_bytes: u64,
    /// Records of that tail that were readable, but stood behind an unreadable one; none had a receipt.
    pub cut_records: u64,
    /// What was promised and cannot be read.
    pub damage: Vec<Damage>,
    /// Where the bytes of damage and of doubtful tails are kept.
    pub kept_as: Vec<FileName>,
}

/// Positions that were committed and cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The first of them.
    pub from: Position,
    /// The last of them.
    pub to: Position,
    /// What is wrong, for the operator.
    pub why: &'static str,
}

/// What the machine starts from.
pub(crate) struct Rebuilt {
    pub(crate) uuid: SpoolUuid,
    pub(crate) epoch: StartEpoch,
    pub(crate) fold: Fold,
    pub(crate) segments: Segments,
    pub(crate) start: Start,
    pub(crate) cursor: Cursor,
    pub(crate) cursor_place: Place,
    pub(crate) checkpoint: Option<Position>,
    pub(crate) bytes_since_checkpoint: u64,
    pub(crate) has_ballast: bool,
    pub(crate) report: RecoveryReport,
}

impl Rebuilt {
    /// What the rest of the daemon wants to know of it.
    pub(crate) fn told(&self) -> Recovered {
        Recovered {
            uuid: self.uuid,
            epoch: self.epoch,
            marks: self.fold.marks().collect(),
            state: self.fold.cells().map(|c| (c.key, c.value.clone(), c.expires)).collect(),
            timers: self.fold.timers().collect(),
            settled: self.cursor.settled,
            committed: self.cursor.committed,
            report: self.report.clone(),
        }
    }
}

/// Reads, cuts, keeps aside, and begins a new epoch.
pub(crate) fn recover(
    disk: &mut dyn Disk,
    config: &Config,
    fresh_uuid: SpoolUuid,
    now: UnixMillis,
) -> Result<Rebuilt, RecoverError> {
    config.check()?;
    let (uuid, is_fresh) = start::identity(disk, fresh_uuid)?;
    let (found, mut other_cursors) = cursor::find(disk, uuid).map_err(failed("reading", "cursor"))?;
    let (mut place, before) = found.map_or((None, Cursor::default()), |(place, cursor)| (Some(place), cursor));
    let retired = start::retired(disk, before.first_segment)?;
    if !retired.is_empty() {
        // Killed, the last daemon may have left this cursor in the kernel's memory alone; without it the disk needs them.
        place = Some(write_cursor(disk, uuid, place, &std::mem::take(&mut other_cursors), &before)?);
        start::remove(disk, &retired)?;
    }

    let mut reading = reading::Reading::new(uuid, before);
    reading.read(disk)?;
    reading.settle_tail(disk)?;
    let mut read = reading.finish();
    read.fold.expire(now, config.mark_ttl_ms);
    read.report.is_fresh = is_fresh;

    let epoch = StartEpoch(read.highest_epoch.max(before.epoch).0 + u64::from(is_fresh || !mutant!(EpochReused)));
    let begun = start::begin_epoch(disk, config, uuid, epoch, read.last, read.next_segment, now)?;
    read.segments.push(begun.segment);
    let cursor = Cursor {
        epoch,
        settled: before.settled,
        committed: Position { epoch, n: 1 },
        first_segment: read.segments.oldest(),
    };
    let place = write_cursor(disk, uuid, place, &other_cursors, &cursor)?;
    let has_ballast = begun.had_room && start::set_ballast_aside(disk, config.ballast_bytes);
    Ok(Rebuilt {
        uuid,
        epoch,
        fold: read.fold,
        segments: read.segments,
        start: begun.start,
        cursor,
        cursor_place: place,
        checkpoint: read.checkpoint,
        bytes_since_checkpoint: read.bytes_since_checkpoint,
        has_ballast,
        report: read.report,
    })
}

fn write_cursor(
    disk: &mut dyn Disk,
    uuid: SpoolUuid,
    before: Option<Place>,
    others: &[u64],
    cursor: &Cursor,
) -> Result<Place, RecoverError> {
    cursor::write_now(disk, uuid, before, others, cursor).map_err(failed("writing", "cursor"))
}
