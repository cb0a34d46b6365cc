//! The records of all segments as one chain of positions.
//!
//! What comes in: segments in the order of their numbers. What goes out: records in log order, each with the gap before it
//! (positions that should be there and are not, and the unreadable stretches where they must have stood). Copies that a
//! failed fsync left behind are told apart by their positions. Whether a gap is damage or a torn tail is decided by the
//! caller: recovery weighs proofs; a reader only sees what is committed.

use std::io;

use edge_door::Disk;
use edge_event::Position;

use crate::layout::{Kind, SegmentHeader, read_position};
use crate::scan::{Judge, Raw, Seen, SegmentScan, list_segments, read_segment_header};

/// An unreadable stretch of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hole {
    pub(crate) segment: u64,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// Positions that are missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Gap {
    /// The first that is missing.
    pub(crate) from: Position,
    /// The last that is missing.
    pub(crate) to: Position,
    /// Where they may have stood.
    pub(crate) holes: Vec<Hole>,
}

/// The next thing of the chain.
#[derive(Debug)]
pub(crate) enum Link {
    /// A record, and what is missing before it.
    Record(Raw, Option<Gap>),
    /// A record that was seen already: written again elsewhere after a failed fsync.
    Copy(Raw),
    /// Nothing more for now.
    End,
}

/// Walks over segments.
#[derive(Debug)]
pub(crate) struct Chain {
    judge: Judge,
    scan: Option<SegmentScan>,
    /// The last position seen.
    last: Option<Position>,
    /// What the oldest segment says its first record is.
    base: Option<Position>,
    /// Unreadable stretches since `last`.
    holes: Vec<Hole>,
    /// The segment to begin with is the first with at least this number.
    start: u64,
}

impl Chain {
    /// Begins with the first segment from number `start` on.
    pub(crate) fn new(judge: Judge, start: u64) -> Chain {
        Chain { judge, scan: None, last: None, base: None, holes: Vec::new(), start }
    }

    /// The segment it is in.
    pub(crate) fn segment(&self) -> Option<u64> {
        self.scan.as_ref().map(|scan| scan.number)
    }

    /// The next link; records above `limit` are left for later. With a limit, everything up to it must be there.
    pub(crate) fn next(&mut self, disk: &mut dyn Disk, limit: Option<Position>) -> io::Result<Link> {
        if limit.is_some() && limit <= self.last {
            return Ok(Link::End);
        }
        loop {
            if self.scan.is_none() && !self.open_first(disk)? {
                return Ok(Link::End);
            }
            let scan = self.scan.as_mut().expect("opened above");
            match scan.see(disk, self.judge)? {
                Seen::Record(raw) if limit.is_some_and(|l| raw.header.position > l) => {
                    // What was read ahead may be half of what is being written just now.
                    scan.forget();
                    return Ok(Link::End);
                }
                Seen::Record(raw) => {
                    scan.offset = raw.end();
                    return Ok(self.link(raw));
                }
                Seen::Unreadable => {
                    if !self.pass_unreadable(disk, limit)? {
                        return Ok(Link::End);
                    }
                }
            }
        }
    }

    /// Steps over what cannot be read: to the next segment where that goes on without a gap, else to the next readable
    /// record. `false`: there is none yet.
    fn pass_unreadable(&mut self, disk: &mut dyn Disk, limit: Option<Position>) -> io::Result<bool> {
        let scan = self.scan.as_mut().expect("the caller scans");
        let later = list_segments(disk)?.into_iter().filter(|(n, _)| *n > scan.number).map(|(n, _)| n);
        let later: Vec<u64> = later.collect();
        let next = next_in_use(disk, &later)?;
        if let (Some(last), Some((number, header))) = (self.last, &next)
            && continues(last, header)
        {
            self.scan = Some(SegmentScan::new(*number));
            return Ok(true);
        }
        if let Some(raw) = scan.look_ahead(disk, self.judge, self.last)? {
            if limit.is_some_and(|l| raw.header.position > l) {
                scan.forget();
                return Ok(false);
            }
            self.holes.push(Hole { segment: scan.number, from: scan.offset, to: raw.offset });
            scan.offset = raw.offset;
            return Ok(true);
        }
        // A reader behind the writer stays with the segment in use; the one after it may merely be set aside.
        let is_over = next.is_some() || later.len() > 1;
        if !later.is_empty() && (limit.is_none() || is_over) {
            self.holes.push(Hole { segment: scan.number, from: scan.offset, to: segment_bytes(disk, scan.number)? });
            self.scan = Some(SegmentScan::new(later[0]));
            return Ok(true);
        }
        if limit.is_none() {
            self.holes.push(Hole { segment: scan.number, from: scan.offset, to: segment_bytes(disk, scan.number)? });
        }
        scan.forget();
        Ok(false)
    }

    fn open_first(&mut self, disk: &mut dyn Disk) -> io::Result<bool> {
        let first = list_segments(disk)?.into_iter().map(|(number, _)| number).find(|n| *n >= self.start);
        if let Some(first) = first {
            self.base = read_segment_header(disk, first)?.and_then(Result::ok).map(|header| header.first);
        }
        self.scan = first.map(SegmentScan::new);
        Ok(first.is_some())
    }

    fn link(&mut self, raw: Raw) -> Link {
        let position = raw.header.position;
        let gap = match self.last {
            Some(last) if position <= last => return Link::Copy(raw),
            Some(last) if position == after(last) => None,
            Some(last) if is_start_after(&raw, last) => None,
            Some(last) => Some((after(last), missing_to(&raw))),
            // What was before the oldest segment has retired.
            None => match self.base {
                Some(base) => (base != position).then(|| (base, missing_to(&raw))),
                None => self.missing_at_front(&raw),
            },
        };
        self.last = Some(position);
        let holes = std::mem::take(&mut self.holes);
        Link::Record(raw, gap.map(|(from, to)| Gap { from, to: to.max(from), holes }))
    }

    /// What is missing before the first record where the oldest segment's header cannot say what its first one was: the
    /// unreadable stretch held something, unless nothing had been written yet.
    fn missing_at_front(&self, raw: &Raw) -> Option<(Position, Position)> {
        let to = missing_to(raw);
        let is_missing = !self.holes.is_empty() && to.n > 0;
        is_missing.then_some((Position { n: 1, ..to }, to))
    }
}

/// The next position of the same epoch.
pub(crate) fn after(position: Position) -> Position {
    Position { n: position.n + 1, ..position }
}

/// Whether a record begins an epoch whose recovery kept nothing behind `last`.
fn is_start_after(raw: &Raw, last: Position) -> bool {
    raw.header.position.epoch > last.epoch && kept_to(raw).is_some_and(|kept| kept <= last)
}

/// Up to where the epoch that this record begins kept the log; `None` for other records.
pub(crate) fn kept_to(raw: &Raw) -> Option<Position> {
    if raw.header.kind != Kind::Epoch {
        return None;
    }
    read_position(&raw.payload())
}

fn missing_to(raw: &Raw) -> Position {
    kept_to(raw).unwrap_or_else(|| raw.header.position.before())
}

/// The first of these segments that says what its first record is. Others may stand before it, made and never used: their
/// removal was not durable yet when the power went.
fn next_in_use(disk: &mut dyn Disk, segments: &[u64]) -> io::Result<Option<(u64, SegmentHeader)>> {
    for number in segments {
        if let Some(Ok(header)) = read_segment_header(disk, *number)? {
            return Ok(Some((*number, header)));
        }
    }
    Ok(None)
}

/// Whether a segment of the same epoch goes on where the chain is.
fn continues(last: Position, header: &SegmentHeader) -> bool {
    header.first.epoch == last.epoch && header.first.n <= last.n + 1
}

fn segment_bytes(disk: &mut dyn Disk, number: u64) -> io::Result<u64> {
    Ok(list_segments(disk)?.into_iter().find(|(n, _)| *n == number).map_or(0, |(_, bytes)| bytes))
}
