//! One file of the queue, open for appending.
//!
//! ```text
//! header = "EDGEQUE1", producer [16], created_unix_ms u64, latest_client_ms u64, issued [4 x u64], crc32c u32
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use edge_event::identity::CLASSES;
use edge_event::{ProducerId, Seq};

use super::Newborn;
use super::record::Record;

const MAGIC: &[u8; 8] = b"EDGEQUE1";

/// How a segment begins: enough to go on without the segments before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) producer: ProducerId,
    pub(super) created_unix_ms: u64,
    pub(super) latest_client_ms: u64,
    /// Highest numbers given out in earlier segments.
    pub(super) issued: [Seq; CLASSES],
}

/// An open segment.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    index: u64,
    file: Arc<File>,
    len: u64,
    buffer: Vec<u8>,
}

impl Header {
    pub(super) const BYTES: usize = 8 + 16 + 8 + 8 + 8 * CLASSES + 4;

    pub(super) fn newborn(newborn: Newborn) -> Header {
        let Newborn { producer, created_unix_ms } = newborn;
        Header { producer, created_unix_ms, latest_client_ms: 0, issued: [Seq(0); CLASSES] }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.producer.0);
        out.extend_from_slice(&self.created_unix_ms.to_le_bytes());
        out.extend_from_slice(&self.latest_client_ms.to_le_bytes());
        self.issued.iter().for_each(|seq| out.extend_from_slice(&seq.0.to_le_bytes()));
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// `None` where it does not check.
    pub(super) fn decode(bytes: &[u8]) -> Option<Header> {
        let (summed, sum) = bytes.get(..Header::BYTES)?.split_at(Header::BYTES - 4);
        if crc32c::crc32c(summed).to_le_bytes() != sum {
            return None;
        }
        let number = |at: usize| summed[at..at + 8].try_into().map(u64::from_le_bytes).ok();
        let mut issued = [Seq(0); CLASSES];
        for (class, seq) in issued.iter_mut().enumerate() {
            *seq = Seq(number(40 + 8 * class).filter(|seq| *seq <= edge_wire::varint::MAX)?);
        }
        let producer = ProducerId(summed[8..24].try_into().ok()?);
        (summed.starts_with(MAGIC)).then_some(Header {
            producer,
            created_unix_ms: number(24)?,
            latest_client_ms: number(32)?,
            issued,
        })
    }

    /// Whether bytes without a good header may be one that a crash left unfinished, rather than something foreign.
    pub(super) fn could_be_torn(bytes: &[u8]) -> bool {
        let shared = bytes.len().min(MAGIC.len());
        bytes.len() <= Header::BYTES && (bytes[..shared] == MAGIC[..shared] || bytes.iter().all(|byte| *byte == 0))
    }
}

impl Segment {
    /// Makes the file, its header included.
    pub(super) fn create(dir: &Path, index: u64, header: &Header) -> io::Result<Segment> {
        let path = dir.join(format!("queue-{index:08}.log"));
        let file = File::options().create_new(true).append(true).open(&path)?;
        let mut segment = Segment { path, index, file: Arc::new(file), len: 0, buffer: header.encode() };
        if let Err(error) = segment.write_buffer() {
            // What is there would be in the way of the next attempt.
            let _ = fs::remove_file(&segment.path);
            return Err(error);
        }
        Ok(segment)
    }

    /// Opens the file for appending after its first `good` bytes; the rest is cut off.
    pub(super) fn reopen(path: &Path, index: u64, good: u64) -> io::Result<Segment> {
        let file = File::options().append(true).open(path)?;
        if file.metadata()?.len() != good {
            file.set_len(good)?;
        }
        Ok(Segment { path: path.to_owned(), index, file: Arc::new(file), len: good, buffer: Vec::new() })
    }

    /// The number in a segment's file name.
    pub(super) fn index_of(name: &str) -> Option<u64> {
        name.strip_prefix("queue-")?.strip_suffix(".log")?.parse().ok()
    }

    /// Appends a record. Where this fails the file is as before.
    pub(super) fn append(&mut self, record: &Record) -> io::Result<()> {
        self.buffer.clear();
        record.encode(&mut self.buffer);
        self.write_buffer()
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        match (&*self.file).write_all(&self.buffer) {
            Ok(()) => {
                self.len += self.buffer.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A record that is half there would hide all that follow.
                self.file.set_len(self.len)?;
                Err(error)
            }
        }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn index(&self) -> u64 {
        self.index
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// What is remembered of a segment that is no longer the last: its file, and what must have receipts before it goes.
    pub(super) fn sealed((segment, issued): (Segment, [Seq; CLASSES])) -> (PathBuf, [Seq; CLASSES]) {
        (segment.path, issued)
    }
}
