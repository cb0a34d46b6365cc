//! The writes of recovery that are not about records: identity, left-overs, the new epoch, the ballast.

use bytes::Bytes;
use edge_door::{Disk, DiskOp};
use edge_event::{Lane, Position, SpoolUuid, StartEpoch, UnixMillis};

use crate::codec::CODEC_VERSION;
use crate::config::Config;
use crate::error::RecoverError;
use crate::layout::{
    FORMAT_VERSION, Kind, NoHeader, RecordHeader, Seed, SegmentHeader, begin_record, finish_record, write_position,
    write_segment_header,
};
use crate::log::{Start, is_no_room};
use crate::names;
use crate::quarantine::failed;
use crate::scan::{list_segments, read_segment_header, read_up_to};
use crate::segments::Segment;

/// Set aside for the epoch's first record where the disk has no room for a whole segment.
const EPOCH_BYTES_MIN: u64 = 4096;
const ID_PREFIX: &str = "edge-spool/1 ";

/// The spool's UUID, from `spool.id` or else from a segment; written down where there was none. And whether the directory
/// is fresh.
pub(super) fn identity(disk: &mut dyn Disk, fresh: SpoolUuid) -> Result<(SpoolUuid, bool), RecoverError> {
    let files = disk.list().map_err(failed("listing", "."))?;
    if files.iter().any(|(name, _)| &**name == names::ID) {
        let bytes = read_up_to(disk, &names::ID.into(), 0, 256).map_err(failed("reading", names::ID))?;
        if let Some(uuid) = parse_id(&bytes) {
            return Ok((uuid, false));
        }
    }
    let segments = list_segments(disk).map_err(failed("listing", "."))?;
    let mut uuid = None;
    for &(number, _) in &segments {
        let file = names::segment(number);
        match read_segment_header(disk, number).map_err(failed("reading", &file))? {
            Some(Ok(header)) => uuid = uuid.or(Some(header.uuid)),
            Some(Err(NoHeader::Newer(version))) => {
                return Err(RecoverError::Newer { file: file.to_string(), version, known: FORMAT_VERSION });
            }
            Some(Err(NoHeader::Blank | NoHeader::Damaged)) | None => {}
        }
    }
    if uuid.is_none() && !segments.is_empty() {
        return Err(RecoverError::NoIdentity);
    }
    write_id(disk, uuid.unwrap_or(fresh)).map_err(failed("writing", names::ID))?;
    Ok((uuid.unwrap_or(fresh), uuid.is_none()))
}

fn write_id(disk: &mut dyn Disk, uuid: SpoolUuid) -> std::io::Result<()> {
    let (new, id) = (names::ID_NEW.into(), names::ID.into());
    if disk.list()?.iter().any(|(name, _)| &**name == names::ID_NEW) {
        disk.blocking(DiskOp::Unlink { file: names::ID_NEW.into() })?;
    }
    let line = format!("{ID_PREFIX}{uuid} {:08x}\n", crc32c::crc32c(&uuid.0));
    let write = DiskOp::Write { file: names::ID_NEW.into(), offset: 0, data: Bytes::from(line) };
    disk.blocking(DiskOp::Create { file: names::ID_NEW.into(), len: 0 })?;
    disk.blocking(write)?;
    disk.blocking(DiskOp::Sync { file: names::ID_NEW.into() })?;
    disk.blocking(DiskOp::Rename { from: new, to: id })?;
    disk.blocking(DiskOp::SyncDir)
}

fn parse_id(bytes: &[u8]) -> Option<SpoolUuid> {
    let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let (uuid, crc) = line.strip_prefix(ID_PREFIX)?.split_once(' ')?;
    if uuid.len() != 32 || !uuid.is_ascii() {
        return None;
    }
    let uuid = SpoolUuid(u128::from_str_radix(uuid, 16).ok()?.to_be_bytes());
    (u32::from_str_radix(crc, 16).ok()? == crc32c::crc32c(&uuid.0)).then_some(uuid)
}

/// Segments that the cursor gave up, but whose removal did not come about, or was undone by a crash.
pub(super) fn retired(disk: &mut dyn Disk, first_segment: u64) -> Result<Vec<u64>, RecoverError> {
    let segments = list_segments(disk).map_err(failed("listing", "."))?;
    Ok(segments.into_iter().map(|(number, _)| number).filter(|number| *number < first_segment).collect())
}

/// Removes segments. The cursor that gives them up must be durable.
pub(super) fn remove(disk: &mut dyn Disk, segments: &[u64]) -> Result<(), RecoverError> {
    for number in segments {
        let file = names::segment(*number);
        disk.blocking(DiskOp::Unlink { file: file.clone() }).map_err(failed("removing", &file))?;
    }
    Ok(())
}

/// A new epoch's segment.
pub(super) struct Begun {
    pub(super) segment: Segment,
    pub(super) start: Start,
    /// Whether a whole segment could be set aside.
    pub(super) had_room: bool,
}

/// Makes a segment whose first record names the epoch and says what of the log is kept. Durable when it returns.
///
/// On a full disk the ballast is given up and the segment is a small one, so that what is spooled can be delivered.
pub(super) fn begin_epoch(
    disk: &mut dyn Disk,
    config: &Config,
    uuid: SpoolUuid,
    epoch: StartEpoch,
    kept: Position,
    number: u64,
    now: UnixMillis,
) -> Result<Begun, RecoverError> {
    let file = names::segment(number);
    let mut capacity = config.segment_bytes;
    match disk.blocking(DiskOp::Create { file: file.clone(), len: capacity }) {
        Err(e) if is_no_room(&e) => {
            // Either may be missing, and a half-made file may be there.
            let _ = disk.blocking(DiskOp::Unlink { file: names::BALLAST.into() });
            let _ = disk.blocking(DiskOp::Unlink { file: file.clone() });
            capacity = EPOCH_BYTES_MIN;
            let small = DiskOp::Create { file: file.clone(), len: capacity };
            disk.blocking(small).map_err(failed("creating", &file))?;
        }
        made => made.map_err(failed("creating", &file))?,
    }
    let first = Position { epoch, n: 1 };
    let mut bytes = write_segment_header(&SegmentHeader { uuid, number, first }).to_vec();
    let start = begin_record(&mut bytes);
    write_position(&mut bytes, kept);
    let header = RecordHeader {
        payload_bytes: 0,
        kind: Kind::Epoch,
        codec: CODEC_VERSION,
        priority: None,
        lane: Lane(0),
        in_batch: 0,
        position: first,
        expiry: None,
        written: now,
    };
    finish_record(&mut bytes, start, header, Seed::of(uuid));
    let offset = bytes.len() as u64;
    let write = DiskOp::Write { file: file.clone(), offset: 0, data: Bytes::from(bytes) };
    disk.blocking(write).map_err(failed("writing", &file))?;
    disk.blocking(DiskOp::Sync { file: file.clone() }).map_err(failed("syncing", &file))?;
    disk.blocking(DiskOp::SyncDir).map_err(failed("syncing the directory for", &file))?;
    Ok(Begun {
        segment: Segment { number, first: Some(first), last_command: None, bytes: capacity },
        start: Start { number, offset, capacity },
        had_room: capacity == config.segment_bytes,
    })
}

/// Whether the ballast is there, or could be made.
pub(super) fn set_ballast_aside(disk: &mut dyn Disk, bytes: u64) -> bool {
    let Ok(files) = disk.list() else { return false };
    files.iter().any(|(name, _)| &**name == names::BALLAST)
        || disk.blocking(DiskOp::Create { file: names::BALLAST.into(), len: bytes }).is_ok()
}
