//! The queue on disk: what has no receipt survives the process.
//!
//! A directory holds a `lock` and numbered segments. A segment begins with a header (who the producer is, how far its classes
//! had come) and goes on with records, each `length u32, crc32c u32, body`, all little-endian; see [`record`]. Segments are
//! only appended to, and removed whole when everything in them has a receipt. Opening reads them in order, cuts what does not
//! check (a torn tail) and everything after it, and goes on in the last one.
//!
//! What survives what: the death of the process loses nothing that `send` has returned for. Loss of power loses what the
//! system had not written yet, unless [`Durability::Power`] is chosen.

mod record;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use edge_event::identity::CLASSES;
use edge_event::{Class, ProducerId, Seq};
use edge_wire::EventFrame;

use self::record::Record;
use self::segment::{Header, Segment};
use crate::error::JournalError;
use crate::outbox::Outbox;

/// What a queued event survives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// The death of the process. After a loss of power the newest numbers may be forgotten, which the client notices and
    /// tells ([`Notice::NumbersTaken`](crate::Notice::NumbersTaken)).
    #[default]
    Process,
    /// Loss of power, too: an event is sent only after its record is synced, by groups, off the caller's path.
    Power,
}

/// The writer of one directory.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
    durability: Durability,
    segment_bytes: u64,
    producer: ProducerId,
    created_unix_ms: u64,
    current: Segment,
    /// Full segments and the numbers that must have receipts before they go.
    sealed: VecDeque<(PathBuf, [Seq; CLASSES])>,
    latest_client_ms: u64,
    /// Held for its lock.
    _lock: File,
}

/// What a directory held.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) producer: ProducerId,
    pub(crate) created_unix_ms: u64,
    pub(crate) latest_client_ms: u64,
    pub(crate) outbox: Outbox,
    pub(crate) cut_bytes: u64,
}

/// Who a producer is that begins now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newborn {
    pub(crate) producer: ProducerId,
    pub(crate) created_unix_ms: u64,
}

/// A segment is closed at this length, or much earlier when the queue is empty.
const SEGMENT_BYTES: u64 = 4 << 20;

impl Journal {
    /// Opens or makes a directory.
    pub(crate) fn open(
        dir: &Path,
        durability: Durability,
        newborn: Newborn,
    ) -> Result<(Journal, Recovered), JournalError> {
        Journal::open_with(dir, durability, newborn, SEGMENT_BYTES)
    }

    fn open_with(
        dir: &Path,
        durability: Durability,
        newborn: Newborn,
        segment_bytes: u64,
    ) -> Result<(Journal, Recovered), JournalError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| JournalError::Io { path, error }
        };
        fs::create_dir_all(dir).map_err(at(dir))?;
        let lock = lock(dir)?;
        let mut fold = Fold::default();
        let mut sealed = VecDeque::new();
        let mut last = None;
        for (index, path) in segments(dir).map_err(at(dir))? {
            if fold.is_cut {
                fold.cut_bytes += fs::metadata(&path).map_or(0, |meta| meta.len());
                fs::remove_file(&path).map_err(at(&path))?;
                continue;
            }
            let Some(segment) = fold.segment(index, &path)? else { continue };
            if let Some((path, issued)) = last.replace((segment, fold.outbox.issued())).map(Segment::sealed) {
                sealed.push_back((path, issued));
            }
        }
        let header = fold.header.unwrap_or(Header::newborn(newborn));
        let current = match last {
            Some((segment, _)) => segment,
            None => Segment::create(dir, fold.next_index, &header).map_err(at(dir))?,
        };
        if durability == Durability::Power {
            current.sync().and_then(|()| sync_dir(dir)).map_err(at(dir))?;
        }
        let (producer, created_unix_ms) = (header.producer, header.created_unix_ms);
        let latest_client_ms = fold.latest_client_ms.max(header.latest_client_ms);
        let recovered =
            Recovered { producer, created_unix_ms, latest_client_ms, outbox: fold.outbox, cut_bytes: fold.cut_bytes };
        let dir = dir.to_owned();
        let journal = Journal {
            dir,
            durability,
            segment_bytes,
            producer,
            created_unix_ms,
            current,
            sealed,
            latest_client_ms,
            _lock: lock,
        };
        Ok((journal, recovered))
    }

    /// Writes an event that `outbox` is about to take. Where this fails nothing was written.
    pub(crate) fn append_event(
        &mut self,
        outbox: &Outbox,
        class: Class,
        event: &EventFrame,
    ) -> Result<(), JournalError> {
        self.roll(outbox)?;
        self.latest_client_ms = self.latest_client_ms.max(event.client_ms);
        self.append(&Record::Event { class, event: event.clone() })
    }

    /// Writes a receipt that `outbox` has taken, and removes segments that nobody needs any more.
    pub(crate) fn append_receipt(&mut self, outbox: &Outbox, class: Class, up_to: Seq) -> Result<(), JournalError> {
        self.append(&Record::Receipt { class, up_to })?;
        self.roll(outbox)?;
        let receipts = outbox.receipts();
        let done = |issued: &[Seq; CLASSES]| issued.iter().zip(&receipts).all(|(issued, receipt)| issued <= receipt);
        while self.sealed.front().is_some_and(|(_, issued)| done(issued)) {
            let (path, _) = self.sealed.pop_front().expect("has a front");
            fs::remove_file(&path).map_err(|error| JournalError::Io { path, error })?;
        }
        Ok(())
    }

    /// The file whose sync makes everything appended so far durable; earlier segments are synced when they are closed.
    pub(crate) fn file(&self) -> Arc<File> {
        self.current.file()
    }

    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        self.current.append(record).map_err(|error| JournalError::Io { path: self.current.path().to_owned(), error })
    }

    /// Begins a new segment where the current one is long, or where nothing in it is needed.
    fn roll(&mut self, outbox: &Outbox) -> Result<(), JournalError> {
        let len = self.current.len();
        let idle = outbox.outstanding() == 0 && len > self.segment_bytes / 16;
        if len < self.segment_bytes && !idle {
            return Ok(());
        }
        let header = Header {
            producer: self.producer,
            created_unix_ms: self.created_unix_ms,
            latest_client_ms: self.latest_client_ms,
            issued: outbox.issued(),
        };
        let next = self.create_next(&header).map_err(|error| JournalError::Io { path: self.dir.clone(), error })?;
        let full = std::mem::replace(&mut self.current, next);
        self.sealed.push_back((full.path().to_owned(), header.issued));
        Ok(())
    }

    fn create_next(&self, header: &Header) -> io::Result<Segment> {
        if self.durability == Durability::Power {
            self.current.sync()?;
        }
        let next = Segment::create(&self.dir, self.current.index() + 1, header)?;
        if self.durability == Durability::Power {
            next.sync()?;
            sync_dir(&self.dir)?;
        }
        Ok(next)
    }
}

/// Reading segments in order into an outbox.
#[derive(Default)]
struct Fold {
    header: Option<Header>,
    outbox: Outbox,
    latest_client_ms: u64,
    next_index: u64,
    cut_bytes: u64,
    /// Something did not check; what follows cannot be trusted to be without gaps.
    is_cut: bool,
}

impl Fold {
    fn segment(&mut self, index: u64, path: &Path) -> Result<Option<Segment>, JournalError> {
        let io = |error| JournalError::Io { path: path.to_owned(), error };
        let bytes = fs::read(path).map_err(io)?;
        self.next_index = index + 1;
        let header = match Header::decode(&bytes) {
            Some(header) if self.follows(&header) => header,
            // A header that was not written whole, or does not go on from what is there.
            found => {
                if found.is_none() && !Header::could_be_torn(&bytes) && self.header.is_none() {
                    return Err(JournalError::NotOurs(path.to_owned()));
                }
                self.is_cut = true;
                self.cut_bytes += bytes.len() as u64;
                fs::remove_file(path).map_err(io)?;
                return Ok(None);
            }
        };
        if self.header.is_none() {
            // Earlier segments are gone, so everything they held has its receipt.
            Class::ALL.into_iter().for_each(|class| self.outbox.restore(class, header.issued[class.index()]));
        }
        self.header = Some(header);
        let good = self.records(&bytes);
        self.cut_bytes += (bytes.len() - good) as u64;
        self.is_cut = good < bytes.len();
        Segment::reopen(path, index, good as u64).map(Some).map_err(io)
    }

    fn follows(&self, header: &Header) -> bool {
        let same = |before: &Header| before.producer == header.producer && self.outbox.issued() == header.issued;
        self.header.as_ref().is_none_or(same)
    }

    /// Takes records until one does not check; says how many bytes are good.
    fn records(&mut self, bytes: &[u8]) -> usize {
        let mut good = Header::BYTES;
        while let Some((record, len)) = Record::decode(&bytes[good..]) {
            match record {
                Record::Event { class, event } => {
                    if event.seq != self.outbox.next(class) {
                        break;
                    }
                    self.latest_client_ms = self.latest_client_ms.max(event.client_ms);
                    self.outbox.push(class, event.event_type, event.client_ms, event.payload);
                }
                Record::Receipt { class, up_to } => {
                    self.outbox.receipt(class, up_to);
                    self.outbox.forget(class, up_to.next());
                }
            }
            good += len;
        }
        good
    }
}

/// Segments by number.
fn segments(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(index) = Segment::index_of(name) {
            out.push((index, path));
        }
    }
    out.sort();
    Ok(out)
}

fn lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join("lock");
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let file = opened.map_err(|error| JournalError::Io { path: path.clone(), error })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(JournalError::InUse(dir.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(JournalError::Io { path, error }),
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
