//! The bytes of segment and record headers; the crate's root draws them.
//!
//! What comes in: bytes of unknown truth, or a header and its payload. What goes out: a parsed header, or the reason why
//! there is none. The payloads' own bytes are `codec` and `piece`.

use edge_event::{Lane, Position, Priority, SpoolUuid, StartEpoch, UnixMillis};

pub(crate) const SEGMENT_HEADER_BYTES: usize = 64;
pub(crate) const RECORD_HEADER_BYTES: usize = 48;
/// Records begin at multiples of this.
pub(crate) const ALIGN: usize = 8;
pub(crate) const FORMAT_VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"EDGESPL\x01";
const NO_PRIORITY: u8 = 0xff;

/// What a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    /// An `EventRecord`.
    Event = 1,
    /// A piece of a checkpoint.
    State = 2,
    /// A checkpoint begins; no payload but a filler byte.
    CheckpointBegin = 3,
    /// The checkpoint that began at the position in the payload is whole.
    CheckpointEnd = 4,
    /// The first record of an epoch; the payload is the position up to which recovery kept the log.
    Epoch = 5,
}

/// A record without its payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RecordHeader {
    pub(crate) payload_bytes: u32,
    pub(crate) kind: Kind,
    /// Version of the payload's codec.
    pub(crate) codec: u8,
    /// The most urgent of its commands; `None` when there are none.
    pub(crate) priority: Option<Priority>,
    pub(crate) lane: Lane,
    /// How many records of its batch come before it.
    pub(crate) in_batch: u16,
    pub(crate) position: Position,
    /// When the last of its commands expires.
    pub(crate) expiry: Option<UnixMillis>,
    /// When it was appended.
    pub(crate) written: UnixMillis,
}

/// What stands at an offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Parsed {
    Record(RecordHeader),
    /// A header of zeros.
    Zero,
    /// More bytes are needed: this many from the start of the record.
    Short(usize),
    /// Neither.
    Bad,
}

/// The head of a segment file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SegmentHeader {
    pub(crate) uuid: SpoolUuid,
    pub(crate) number: u64,
    /// Of its first record.
    pub(crate) first: Position,
}

/// Why there is no segment header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoHeader {
    /// All zeros: never written.
    Blank,
    Damaged,
    Newer(u32),
}

/// Where the checksums of one spool start: see the crate's root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seed(u32);

impl Seed {
    pub(crate) fn of(uuid: SpoolUuid) -> Seed {
        Seed(crc32c::crc32c(&uuid.0))
    }

    /// Over the length and everything behind the checksum.
    fn crc(self, record: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c_append(self.0, &record[..4]), &record[8..])
    }
}

impl RecordHeader {
    /// Everything up to and with this position was committed before this record was written.
    pub(crate) fn proves(&self) -> Position {
        let n = self.position.n.saturating_sub(u64::from(self.in_batch) + 1);
        Position { epoch: self.position.epoch, n }
    }

    /// Bytes in the file, padding included.
    pub(crate) fn stored_bytes(&self) -> usize {
        padded(RECORD_HEADER_BYTES + self.payload_bytes as usize)
    }

    fn write(&self, out: &mut [u8]) {
        out[0..4].copy_from_slice(&self.payload_bytes.to_le_bytes());
        out[8] = self.kind as u8;
        out[9] = self.codec;
        out[10] = self.priority.map_or(NO_PRIORITY, |p| p as u8);
        out[11] = 0;
        out[12..14].copy_from_slice(&self.lane.0.to_le_bytes());
        out[14..16].copy_from_slice(&self.in_batch.to_le_bytes());
        out[16..24].copy_from_slice(&self.position.epoch.0.to_le_bytes());
        out[24..32].copy_from_slice(&self.position.n.to_le_bytes());
        out[32..40].copy_from_slice(&self.expiry.map_or(i64::MAX, |e| e.0).to_le_bytes());
        out[40..48].copy_from_slice(&self.written.0.to_le_bytes());
    }

    fn read(b: &[u8]) -> Option<RecordHeader> {
        let kind = match b[8] {
            1 => Kind::Event,
            2 => Kind::State,
            3 => Kind::CheckpointBegin,
            4 => Kind::CheckpointEnd,
            5 => Kind::Epoch,
            _ => return None,
        };
        let priority = match b[10] {
            NO_PRIORITY => None,
            p => Some(Priority::from_u8(p)?),
        };
        let expiry = i64::from_le_bytes(array(&b[32..40]));
        Some(RecordHeader {
            payload_bytes: u32::from_le_bytes(array(&b[0..4])),
            kind,
            codec: b[9],
            priority,
            lane: Lane(u16::from_le_bytes(array(&b[12..14]))),
            in_batch: u16::from_le_bytes(array(&b[14..16])),
            position: Position {
                epoch: StartEpoch(u64::from_le_bytes(array(&b[16..24]))),
                n: u64::from_le_bytes(array(&b[24..32])),
            },
            expiry: (expiry != i64::MAX).then_some(UnixMillis(expiry)),
            written: UnixMillis(i64::from_le_bytes(array(&b[40..48]))),
        })
    }
}

/// Leaves room for a header at the end of `out` and says where it starts. The payload is appended behind it.
pub(crate) fn begin_record(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    debug_assert!(start.is_multiple_of(ALIGN), "records begin at multiples of {ALIGN}");
    out.resize(start + RECORD_HEADER_BYTES, 0);
    start
}

/// Fills in the header of the record that [`begin_record`] began, and pads it. `payload_bytes` is set from `out`.
pub(crate) fn finish_record(out: &mut Vec<u8>, start: usize, mut header: RecordHeader, seed: Seed) {
    let end = out.len();
    header.payload_bytes = (end - start - RECORD_HEADER_BYTES) as u32;
    header.write(&mut out[start..]);
    let crc = seed.crc(&out[start..end]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    out.resize(padded(end), 0);
}

/// Reads what stands at the start of `bytes`, checksum included.
pub(crate) fn parse_record(bytes: &[u8], record_bytes_max: usize, seed: Seed) -> Parsed {
    let Some(head) = bytes.first_chunk::<RECORD_HEADER_BYTES>() else {
        return Parsed::Short(RECORD_HEADER_BYTES);
    };
    if head.iter().all(|b| *b == 0) {
        return Parsed::Zero;
    }
    let Some(header) = RecordHeader::read(head) else { return Parsed::Bad };
    let payload_bytes = header.payload_bytes as usize;
    let plausible = head[11] == 0 && (1..=record_bytes_max).contains(&payload_bytes) && header.position.n > 0;
    if !plausible {
        return Parsed::Bad;
    }
    let end = RECORD_HEADER_BYTES + payload_bytes;
    let Some(whole) = bytes.get(..end) else { return Parsed::Short(end) };
    if seed.crc(whole) == u32::from_le_bytes(array(&head[4..8])) { Parsed::Record(header) } else { Parsed::Bad }
}

pub(crate) fn write_segment_header(header: &SegmentHeader) -> [u8; SEGMENT_HEADER_BYTES] {
    let mut b = [0; SEGMENT_HEADER_BYTES];
    b[0..8].copy_from_slice(&MAGIC);
    b[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    b[12..16].copy_from_slice(&(SEGMENT_HEADER_BYTES as u32).to_le_bytes());
    b[16..32].copy_from_slice(&header.uuid.0);
    b[32..40].copy_from_slice(&header.first.epoch.0.to_le_bytes());
    b[40..48].copy_from_slice(&header.number.to_le_bytes());
    b[48..56].copy_from_slice(&header.first.n.to_le_bytes());
    let crc = crc32c::crc32c(&b[..60]);
    b[60..64].copy_from_slice(&crc.to_le_bytes());
    b
}

/// Reads a segment's head. A file shorter than a header counts as blank when it is zeros.
pub(crate) fn parse_segment_header(b: &[u8]) -> Result<SegmentHeader, NoHeader> {
    if b.iter().all(|x| *x == 0) {
        return Err(NoHeader::Blank);
    }
    let Some(b) = b.first_chunk::<SEGMENT_HEADER_BYTES>() else { return Err(NoHeader::Damaged) };
    let sound = b[0..8] == MAGIC && crc32c::crc32c(&b[..60]) == u32::from_le_bytes(array(&b[60..64]));
    if !sound {
        return Err(NoHeader::Damaged);
    }
    let version = u32::from_le_bytes(array(&b[8..12]));
    if version > FORMAT_VERSION {
        return Err(NoHeader::Newer(version));
    }
    Ok(SegmentHeader {
        uuid: SpoolUuid(array(&b[16..32])),
        number: u64::from_le_bytes(array(&b[40..48])),
        first: Position {
            epoch: StartEpoch(u64::from_le_bytes(array(&b[32..40]))),
            n: u64::from_le_bytes(array(&b[48..56])),
        },
    })
}

/// Up to the next multiple of [`ALIGN`].
pub(crate) const fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGN)
}

/// A position as a payload: two `u64`.
pub(crate) fn write_position(out: &mut Vec<u8>, position: Position) {
    out.extend_from_slice(&position.epoch.0.to_le_bytes());
    out.extend_from_slice(&position.n.to_le_bytes());
}

/// The inverse of [`write_position`].
pub(crate) fn read_position(b: &[u8]) -> Option<Position> {
    if b.len() != 16 {
        return None;
    }
    Some(Position { epoch: StartEpoch(u64::from_le_bytes(array(&b[0..8]))), n: u64::from_le_bytes(array(&b[8..16])) })
}

fn array<const N: usize>(b: &[u8]) -> [u8; N] {
    b.try_into().expect("the caller cut the slice to size")
}
