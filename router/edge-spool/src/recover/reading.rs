//! Reading the log at start: what is proven is folded, what is not is held back until it is proven or cut.
//!
//! A record proves that everything before its batch was committed (see the crate's root). So records are held for at most
//! one batch. A gap below what is proven is damage; a gap above it is where the last, unfinished batch is torn, and
//! everything from there on goes: keeping a later record while an earlier one of the same producer is lost would make the
//! earlier one's resend look like a duplicate.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use edge_door::{Disk, DiskOp};
use edge_event::{Position, SpoolUuid, StartEpoch};
use edge_mutant::mutant;

use super::{Damage, RecoveryReport};
use crate::chain::{Chain, Gap, Hole, Link, after, kept_to};
use crate::codec::{CODEC_VERSION, RECORD_BYTES_MAX, decode_record};
use crate::cursor::Cursor;
use crate::error::RecoverError;
use crate::fold::Fold;
use crate::layout::{FORMAT_VERSION, Kind, NoHeader, SEGMENT_HEADER_BYTES, Seed, read_position};
use crate::names;
use crate::piece::fold_piece;
use crate::quarantine::{self, failed};
use crate::scan::{Judge, Raw, list_segments, read_segment_header};
use crate::segments::{Segment, Segments};

/// The end of what is kept of the log: a segment and an offset in it.
type Tail = (u64, u64);

/// A record that no later batch proves yet.
struct Held {
    raw: Raw,
    gap: Option<Gap>,
    /// Where the log is cut, should it be cut here.
    tail_before: Option<Tail>,
}

/// What was read.
pub(super) struct Read {
    pub(super) fold: Fold,
    pub(super) segments: Segments,
    /// The last position that is kept.
    pub(super) last: Position,
    pub(super) highest_epoch: StartEpoch,
    /// The number of the segment to come.
    pub(super) next_segment: u64,
    pub(super) checkpoint: Option<Position>,
    pub(super) bytes_since_checkpoint: u64,
    pub(super) report: RecoveryReport,
}

/// Recovery while it reads.
pub(super) struct Reading {
    chain: Chain,
    /// The durable cursor's word on what was committed.
    cursor: Cursor,
    proven: Position,
    held: VecDeque<Held>,
    tail: Option<Tail>,
    table: BTreeMap<u64, Segment>,
    checkpoint_begun: Option<Position>,
    read: Read,
}

impl Reading {
    pub(super) fn new(uuid: SpoolUuid, cursor: Cursor) -> Reading {
        let judge = Judge { seed: Seed::of(uuid), record_bytes_max: RECORD_BYTES_MAX };
        Reading {
            chain: Chain::new(judge, cursor.first_segment),
            cursor,
            proven: cursor.committed,
            held: VecDeque::new(),
            tail: None,
            table: BTreeMap::new(),
            checkpoint_begun: None,
            read: Read {
                fold: Fold::default(),
                segments: Segments::default(),
                last: Position::NONE,
                highest_epoch: StartEpoch(0),
                next_segment: cursor.first_segment + 1,
                checkpoint: None,
                bytes_since_checkpoint: 0,
                report: RecoveryReport::default(),
            },
        }
    }

    /// Reads everything; afterwards only what nothing proves is held.
    pub(super) fn read(&mut self, disk: &mut dyn Disk) -> Result<(), RecoverError> {
        self.list(disk)?;
        loop {
            match self.chain.next(disk, None).map_err(failed("reading", "a segment"))? {
                Link::End => return Ok(()),
                Link::Copy(raw) => {
                    self.note_place(&raw);
                    self.tail = Some((raw.segment, raw.end()));
                }
                Link::Record(raw, gap) => self.on_record(disk, raw, gap)?,
            }
        }
    }

    /// Cuts the log where it is torn, and makes what stays durable. What is cut although something readable stood behind
    /// it, or although it was promised, is kept aside.
    pub(super) fn settle_tail(&mut self, disk: &mut dyn Disk) -> Result<(), RecoverError> {
        let torn_at = self.held.iter().position(|held| held.gap.is_some() && !mutant!(TornTailAccepted));
        let dropped = torn_at.map_or_else(VecDeque::new, |at| self.held.split_off(at));
        if let Some(first) = dropped.front() {
            self.tail = first.tail_before;
        }
        let stays: Vec<Held> = self.held.drain(..).collect();
        for held in &stays {
            self.fold(&held.raw)?;
        }
        let last = self.read.last;
        let is_damage = self.cursor.committed > last;
        if is_damage {
            let from = if last == Position::NONE { last } else { after(last) };
            let why = "the durable cursor says that these were committed, but the log ends before them";
            self.damage(Damage { from, to: self.cursor.committed, why });
        }
        self.read.report.cut_records = dropped.len() as u64;
        let must_keep = is_damage || !dropped.is_empty();
        self.cut(disk, must_keep)?;
        self.make_durable(disk, &stays)
    }

    pub(super) fn finish(mut self) -> Read {
        self.read.report.segments = self.table.len();
        for segment in self.table.into_values() {
            self.read.segments.push(segment);
        }
        self.read
    }

    fn list(&mut self, disk: &mut dyn Disk) -> Result<(), RecoverError> {
        let segments = list_segments(disk).map_err(failed("listing", "."))?;
        for &(number, bytes) in &segments {
            let file = names::segment(number);
            match read_segment_header(disk, number).map_err(failed("reading", &file))? {
                Some(Ok(header)) => {
                    self.read.highest_epoch = self.read.highest_epoch.max(header.first.epoch);
                    if header.number != number {
                        let why =
                            "a segment's file has another segment's name: records out of their order are left out";
                        self.damage(Damage { from: header.first, to: header.first, why });
                    }
                }
                Some(Err(NoHeader::Newer(version))) => {
                    return Err(RecoverError::Newer { file: file.to_string(), version, known: FORMAT_VERSION });
                }
                Some(Err(NoHeader::Blank | NoHeader::Damaged)) | None => {}
            }
            self.table.insert(number, Segment { number, first: None, last_command: None, bytes });
            self.read.next_segment = self.read.next_segment.max(number + 1);
        }
        let oldest = self.cursor.first_segment;
        if !self.table.is_empty() && oldest > 0 && !self.table.contains_key(&oldest) {
            let why = "the oldest segment that the durable cursor knows is not there";
            self.damage(Damage { from: Position::NONE, to: Position::NONE, why });
        }
        Ok(())
    }

    fn on_record(&mut self, disk: &mut dyn Disk, raw: Raw, gap: Option<Gap>) -> Result<(), RecoverError> {
        let mut proves = raw.header.proves();
        if let Some(kept) = kept_to(&raw) {
            // An earlier recovery cut what is behind; should it still be there, it is still cut.
            self.held.retain(|held| held.raw.header.position <= kept);
            proves = proves.max(kept);
        }
        self.proven = self.proven.max(proves);
        let tail_before = self.tail.replace((raw.segment, raw.end()));
        self.held.push_back(Held { raw, gap, tail_before });
        self.release(disk)
    }

    /// Folds what is proven by now, and reports the gaps that turn out to be damage.
    fn release(&mut self, disk: &mut dyn Disk) -> Result<(), RecoverError> {
        for at in 0..self.held.len() {
            let proven = self.proven;
            let Some(gap) = self.held[at].gap.take_if(|gap| gap.from <= proven) else { continue };
            for hole in &gap.holes {
                let kept = quarantine::keep(disk, *hole)?;
                self.read.report.kept_as.extend(kept);
            }
            let why = "unreadable between readable records, and proven to be committed by a later one";
            self.damage(Damage { from: gap.from, to: gap.to.min(proven), why });
            // The rest of the gap is part of the last batch, which may be torn.
            self.held[at].gap = (gap.to > proven).then(|| Gap { from: after(proven), ..gap });
        }
        while self.held.front().is_some_and(|held| held.gap.is_none() && held.raw.header.position <= self.proven) {
            let held = self.held.pop_front().expect("looked at above");
            self.fold(&held.raw)?;
        }
        Ok(())
    }

    fn fold(&mut self, raw: &Raw) -> Result<(), RecoverError> {
        self.note_place(raw);
        let (position, payload) = (raw.header.position, raw.payload());
        self.read.last = position;
        self.read.highest_epoch = self.read.highest_epoch.max(position.epoch);
        self.read.report.records += 1;
        self.read.bytes_since_checkpoint += raw.header.stored_bytes() as u64;
        if raw.header.codec > CODEC_VERSION {
            let (file, version) = (names::segment(raw.segment).to_string(), u32::from(raw.header.codec));
            return Err(RecoverError::Newer { file, version, known: u32::from(CODEC_VERSION) });
        }
        let decoded = match raw.header.kind {
            Kind::Event => decode_record(&payload).map(|record| self.read.fold.apply(&record, raw.header.written)),
            Kind::State => fold_piece(&payload, &mut self.read.fold),
            Kind::CheckpointBegin => {
                self.checkpoint_begun = Some(position);
                self.read.bytes_since_checkpoint = 0;
                Ok(())
            }
            Kind::CheckpointEnd => {
                let begun = read_position(&payload);
                self.read.checkpoint = begun.filter(|_| begun == self.checkpoint_begun).or(self.read.checkpoint);
                Ok(())
            }
            Kind::Epoch => Ok(()),
        };
        if let Err(error) = decoded {
            tracing::error!(%position, %error, "a spooled record has a sound checksum but cannot be decoded");
            let why = "sound checksum, but not a record that this build can decode";
            self.damage(Damage { from: position, to: position, why });
        }
        Ok(())
    }

    fn note_place(&mut self, raw: &Raw) {
        let segment = self.table.get_mut(&raw.segment).expect("records stand in listed segments");
        segment.first.get_or_insert(raw.header.position);
        if raw.header.priority.is_some() {
            segment.last_command = Some(raw.header.position);
        }
    }

    fn damage(&mut self, damage: Damage) {
        let Damage { from, to, why } = &damage;
        tracing::error!(%from, %to, why, "the spool is damaged");
        self.read.report.damage.push(damage);
    }

    /// Removes what is behind the tail.
    fn cut(&mut self, disk: &mut dyn Disk, must_keep: bool) -> Result<(), RecoverError> {
        let (last_number, end) = self.tail.unwrap_or((0, 0));
        let behind: Vec<Segment> = self.table.range(last_number..).map(|(_, segment)| *segment).collect();
        for segment in behind {
            let is_last = segment.number == last_number;
            let from = if is_last { end } else { SEGMENT_HEADER_BYTES as u64 };
            let hole = Hole { segment: segment.number, from, to: segment.bytes };
            self.read.report.cut_bytes += quarantine::content_bytes(disk, hole)?;
            if must_keep {
                let kept = quarantine::keep(disk, hole)?;
                self.read.report.kept_as.extend(kept);
            }
            let file = names::segment(segment.number);
            let op = if is_last {
                self.table.get_mut(&last_number).expect("listed").bytes = end;
                DiskOp::Truncate { file: file.clone(), len: end }
            } else {
                self.table.remove(&segment.number);
                DiskOp::Unlink { file: file.clone() }
            };
            disk.blocking(op).map_err(failed("cutting", &file))?;
        }
        Ok(())
    }

    /// Writes again what no later batch proves: an fsync that failed before the crash may have left it in memory only, and
    /// the next fsync would have nothing to do. Then syncs all of it.
    fn make_durable(&mut self, disk: &mut dyn Disk, stays: &[Held]) -> Result<(), RecoverError> {
        let mut touched: BTreeSet<u64> = self.tail.map(|(number, _)| number).into_iter().collect();
        for Held { raw, .. } in stays {
            touched.insert(raw.segment);
            let file = names::segment(raw.segment);
            let write = DiskOp::Write { file: file.clone(), offset: raw.offset, data: raw.bytes.clone() };
            disk.blocking(write).map_err(failed("writing", &file))?;
        }
        for number in touched {
            let file = names::segment(number);
            disk.blocking(DiskOp::Sync { file: file.clone() }).map_err(failed("syncing", &file))?;
        }
        disk.blocking(DiskOp::SyncDir).map_err(failed("syncing", "the directory"))
    }
}
