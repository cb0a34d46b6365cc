//! Reading one segment, record by record, without trusting a byte.
//!
//! What comes in: a segment's file through the blocking half of the door. What goes out: whole records with their checksums
//! verified, or the word that an offset is unreadable, and where the next readable record stands. What an unreadable
//! stretch means is decided by `chain`, which sees the neighbours.

use std::io;

use bytes::Bytes;
use edge_door::{Disk, FileName};
use edge_event::Position;

use crate::layout::{
    ALIGN, NoHeader, Parsed, RECORD_HEADER_BYTES, RecordHeader, SEGMENT_HEADER_BYTES, Seed, SegmentHeader,
    parse_record, parse_segment_header,
};
use crate::names;

/// How much is read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// What is needed to tell a record from noise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge {
    pub(crate) seed: Seed,
    pub(crate) record_bytes_max: usize,
}

/// A record as it stands in a segment.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    pub(crate) header: RecordHeader,
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    /// Header and payload, without padding.
    pub(crate) bytes: Bytes,
}

impl Raw {
    pub(crate) fn payload(&self) -> Bytes {
        self.bytes.slice(RECORD_HEADER_BYTES..)
    }

    /// Behind the record and its padding.
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.header.stored_bytes() as u64
    }
}

/// What stands at the scan's offset.
pub(crate) enum Seen {
    Record(Raw),
    /// Zeros, noise, or the end of the file.
    Unreadable,
}

/// One segment from an offset on.
#[derive(Debug)]
pub(crate) struct SegmentScan {
    pub(crate) number: u64,
    pub(crate) offset: u64,
    file: FileName,
    /// Bytes read ahead, from `window_from` on.
    window: Bytes,
    window_from: u64,
}

impl SegmentScan {
    /// Begins at the first record.
    pub(crate) fn new(number: u64) -> SegmentScan {
        let file = names::segment(number);
        let offset = SEGMENT_HEADER_BYTES as u64;
        SegmentScan { number, offset, file, window: Bytes::new(), window_from: 0 }
    }

    /// What stands at the offset; the offset stays.
    pub(crate) fn see(&mut self, disk: &mut dyn Disk, judge: Judge) -> io::Result<Seen> {
        if let Some(raw) = self.see_at(disk, judge, self.offset)? {
            return Ok(Seen::Record(raw));
        }
        // The file may have grown since it was read ahead.
        self.forget();
        let seen = self.see_at(disk, judge, self.offset)?;
        Ok(seen.map_or(Seen::Unreadable, Seen::Record))
    }

    /// Drops what was read ahead.
    pub(crate) fn forget(&mut self) {
        self.window = Bytes::new();
    }

    /// The next readable record behind the offset and above `last`; the offset stays.
    pub(crate) fn look_ahead(
        &mut self,
        disk: &mut dyn Disk,
        judge: Judge,
        last: Option<Position>,
    ) -> io::Result<Option<Raw>> {
        let mut offset = self.offset + ALIGN as u64;
        loop {
            let bytes = self.bytes_at(disk, offset, RECORD_HEADER_BYTES)?;
            if bytes.len() < RECORD_HEADER_BYTES {
                return Ok(None);
            }
            let Some(ahead) = bytes[..].chunks_exact(ALIGN).position(may_begin_record) else {
                offset += (bytes.len() / ALIGN * ALIGN) as u64;
                continue;
            };
            offset += (ahead * ALIGN) as u64;
            let raw = self.see_at(disk, judge, offset)?;
            if let Some(raw) = raw.filter(|r| last.is_none_or(|l| r.header.position > l)) {
                return Ok(Some(raw));
            }
            offset += ALIGN as u64;
        }
    }

    fn see_at(&mut self, disk: &mut dyn Disk, judge: Judge, offset: u64) -> io::Result<Option<Raw>> {
        let mut want = RECORD_HEADER_BYTES;
        loop {
            let bytes = self.bytes_at(disk, offset, want)?;
            match parse_record(&bytes, judge.record_bytes_max, judge.seed) {
                Parsed::Record(header) => {
                    let bytes = bytes.slice(..RECORD_HEADER_BYTES + header.payload_bytes as usize);
                    return Ok(Some(Raw { header, segment: self.number, offset, bytes }));
                }
                Parsed::Short(more) if more > want && bytes.len() >= want => want = more,
                Parsed::Short(_) | Parsed::Zero | Parsed::Bad => return Ok(None),
            }
        }
    }

    /// At least `want` bytes from `offset` on, or as many as there are.
    fn bytes_at(&mut self, disk: &mut dyn Disk, offset: u64, want: usize) -> io::Result<Bytes> {
        let have = offset.checked_sub(self.window_from).and_then(|skip| {
            let skip = usize::try_from(skip).ok()?;
            (skip + want <= self.window.len()).then_some(skip)
        });
        if let Some(skip) = have {
            return Ok(self.window.slice(skip..));
        }
        self.window = read_up_to(disk, &self.file, offset, want.max(CHUNK_BYTES))?;
        self.window_from = offset;
        Ok(self.window.clone())
    }
}

/// The head of a segment; `None` when there is no such file.
pub(crate) fn read_segment_header(
    disk: &mut dyn Disk,
    number: u64,
) -> io::Result<Option<Result<SegmentHeader, NoHeader>>> {
    match read_up_to(disk, &names::segment(number), 0, SEGMENT_HEADER_BYTES) {
        Ok(bytes) => Ok(Some(parse_segment_header(&bytes))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// The numbers of the segments that are there, rising.
pub(crate) fn list_segments(disk: &mut dyn Disk) -> io::Result<Vec<(u64, u64)>> {
    let files = disk.list()?;
    let mut found: Vec<_> = files.iter().filter_map(|(name, len)| Some((names::segment_number(name)?, *len))).collect();
    found.sort_unstable();
    Ok(found)
}

/// Up to `want` bytes; fewer only at the end of the file.
pub(crate) fn read_up_to(disk: &mut dyn Disk, file: &FileName, offset: u64, want: usize) -> io::Result<Bytes> {
    let mut out = vec![0; want];
    let mut got = 0;
    while got < want {
        match disk.read(file, offset + got as u64, &mut out[got..])? {
            0 => break,
            n => got += n,
        }
    }
    out.truncate(got);
    Ok(Bytes::from(out))
}

/// A cheap look at eight bytes: a length that is not zero, and a stretch of zeros is passed quickly.
fn may_begin_record(b: &[u8]) -> bool {
    b[..4] != [0; 4] && b[3] == 0
}
