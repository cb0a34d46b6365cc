//! Bytes that recovery could not read, or had to cut although something stood behind them, kept for a human.
//!
//! What comes in: stretches of segments. What goes out: one file each, durable. A stretch that was kept by an earlier
//! recovery is not kept twice.

use bytes::Bytes;
use edge_door::{Disk, DiskOp, FileName};

use crate::chain::Hole;
use crate::error::RecoverError;
use crate::names;
use crate::scan::read_up_to;

/// How much is copied at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Copies a stretch where it is more than zeros. `None`: it is zeros.
pub(crate) fn keep(disk: &mut dyn Disk, hole: Hole) -> Result<Option<FileName>, RecoverError> {
    let source = names::segment(hole.segment);
    let name = names::quarantine(hole.segment, hole.from);
    let bytes = content(disk, &source, hole).map_err(failed("reading", &source))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let files = disk.list().map_err(failed("listing", &name))?;
    if files.iter().any(|(file, len)| *file == name && *len == bytes.len() as u64) {
        return Ok(Some(name));
    }
    // A shorter one is left over from a recovery that was interrupted.
    if files.iter().any(|(file, _)| *file == name) {
        disk.blocking(DiskOp::Unlink { file: name.clone() }).map_err(failed("removing", &name))?;
    }
    disk.blocking(DiskOp::Create { file: name.clone(), len: 0 }).map_err(failed("creating", &name))?;
    for (at, chunk) in bytes.chunks(CHUNK_BYTES).enumerate() {
        let (offset, data) = ((at * CHUNK_BYTES) as u64, Bytes::copy_from_slice(chunk));
        let write = DiskOp::Write { file: name.clone(), offset, data };
        disk.blocking(write).map_err(failed("writing", &name))?;
    }
    disk.blocking(DiskOp::Sync { file: name.clone() }).map_err(failed("syncing", &name))?;
    disk.blocking(DiskOp::SyncDir).map_err(failed("syncing the directory for", &name))?;
    Ok(Some(name))
}

/// Bytes of a stretch without the zeros at its end.
pub(crate) fn content_bytes(disk: &mut dyn Disk, hole: Hole) -> Result<u64, RecoverError> {
    let source = names::segment(hole.segment);
    content(disk, &source, hole).map(|bytes| bytes.len() as u64).map_err(failed("reading", &source))
}

/// The stretch without the zeros at its end.
fn content(disk: &mut dyn Disk, source: &FileName, hole: Hole) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let mut content_bytes = 0;
    let mut at = hole.from;
    while at < hole.to {
        let want = CHUNK_BYTES.min((hole.to - at) as usize);
        let chunk = read_up_to(disk, source, at, want)?;
        if chunk.is_empty() {
            break;
        }
        if let Some(last) = chunk.iter().rposition(|b| *b != 0) {
            let base = (at - hole.from) as usize;
            kept.resize(base, 0);
            kept.extend_from_slice(&chunk);
            content_bytes = base + last + 1;
        }
        at += chunk.len() as u64;
    }
    kept.truncate(content_bytes);
    Ok(kept)
}

pub(crate) fn failed<'a>(doing: &'static str, file: &'a str) -> impl FnOnce(std::io::Error) -> RecoverError + use<'a> {
    move |source| RecoverError::Disk { doing, file: file.to_string(), source }
}
