//! Reads committed records behind the writer, for delivery.
//!
//! What comes in: a position, and how far the log is committed. What goes out: the records with commands above that
//! position, in log order, and word of what is damaged. The reader has a door of its own to the same directory, so it may
//! live on another thread than the spool.

use std::io;

use edge_door::Disk;
use edge_event::{EventRecord, Lane, Position, Priority, SpoolUuid, UnixMillis};

use crate::chain::{Chain, Gap, Link};
use crate::codec::{CODEC_VERSION, DecodeError, RECORD_BYTES_MAX, decode_record};
use crate::cursor;
use crate::error::ReadError;
use crate::layout::{Kind, Seed};
use crate::recover::Damage;
use crate::scan::{Judge, Raw, list_segments, read_segment_header};

/// A record as delivery needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredRecord {
    /// Its address. Settling it settles everything before it too.
    pub position: Position,
    /// The lane its commands go on.
    pub lane: Lane,
    /// The most urgent of its commands.
    pub priority: Priority,
    /// When the last of its commands expires; `None` where one never does.
    pub expiry: Option<UnixMillis>,
    /// When it was appended.
    pub written: UnixMillis,
    /// What it says.
    pub record: EventRecord,
}

/// What comes next in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// A record with at least one command.
    Record(Box<StoredRecord>),
    /// Committed positions that cannot be read. Told once; reading goes on behind them.
    Damage(Damage),
}

/// A place in the log. Reads with [`next`](Reader::next) until that has nothing more, and again when more is committed.
#[derive(Debug)]
pub struct Reader {
    uuid: SpoolUuid,
    judge: Judge,
    /// What is at or below it was delivered before.
    floor: Position,
    chain: Option<Chain>,
    /// Behind a gap that was just told.
    waiting: Option<Raw>,
}

impl Reader {
    /// Begins behind `settled`.
    pub fn new(uuid: SpoolUuid, settled: Position) -> Reader {
        let judge = Judge { seed: Seed::of(uuid), record_bytes_max: RECORD_BYTES_MAX };
        Reader { uuid, judge, floor: settled, chain: None, waiting: None }
    }

    /// The next item at or below `committed`; `None` when there is none yet.
    ///
    /// # Errors
    /// The disk's may pass: call again. After a [`ReadError::Decode`] the next call goes on behind that record.
    pub fn next(&mut self, disk: &mut dyn Disk, committed: Position) -> Result<Option<Item>, ReadError> {
        if committed <= self.floor {
            return Ok(None);
        }
        if self.chain.is_none() {
            self.chain = Some(Chain::new(self.judge, self.start(disk)?));
        }
        loop {
            let raw = match self.waiting.take() {
                Some(raw) => raw,
                None => match self.link(disk, committed)? {
                    None => return Ok(None),
                    Some((raw, Some(gap))) if gap.to > self.floor => {
                        self.waiting = Some(raw);
                        let from = gap.from.max(self.floor);
                        let why = "committed, but unreadable";
                        return Ok(Some(Item::Damage(Damage { from, to: gap.to, why })));
                    }
                    Some((raw, _)) => raw,
                },
            };
            if let Some(stored) = self.deliverable(&raw)? {
                self.floor = stored.position;
                return Ok(Some(Item::Record(Box::new(stored))));
            }
        }
    }

    fn link(&mut self, disk: &mut dyn Disk, committed: Position) -> Result<Option<(Raw, Option<Gap>)>, ReadError> {
        loop {
            let chain = self.chain.as_mut().expect("made by the caller");
            match chain.next(disk, Some(committed)) {
                Ok(Link::Record(raw, gap)) => return Ok(Some((raw, gap))),
                Ok(Link::Copy(_)) => {}
                Ok(Link::End) => return Ok(None),
                Err(e) if e.kind() == io::ErrorKind::NotFound => self.leave_retired(disk, e)?,
                Err(e) => return Err(failed(e)),
            }
        }
    }

    /// Goes on with the oldest segment there is, where the durable cursor says that the one being read has retired: all its
    /// commands were read and settled before.
    fn leave_retired(&mut self, disk: &mut dyn Disk, missing: io::Error) -> Result<(), ReadError> {
        let (cursor, _) = cursor::find(disk, self.uuid).map_err(failed)?;
        let first = cursor.map_or(0, |(_, cursor)| cursor.first_segment);
        let here = self.chain.as_ref().and_then(Chain::segment);
        if here.is_none_or(|here| here >= first) {
            return Err(failed(missing));
        }
        self.chain = Some(Chain::new(self.judge, first));
        Ok(())
    }

    /// The record, when it has commands that were not delivered.
    fn deliverable(&self, raw: &Raw) -> Result<Option<StoredRecord>, ReadError> {
        let header = &raw.header;
        let Some(priority) = header.priority else { return Ok(None) };
        if header.kind != Kind::Event || header.position <= self.floor {
            return Ok(None);
        }
        let position = header.position;
        let decoded = if header.codec > CODEC_VERSION {
            Err(DecodeError::Version { version: header.codec })
        } else {
            decode_record(&raw.payload())
        };
        let record = decoded.map_err(|source| ReadError::Decode { position, source })?;
        let (lane, expiry, written) = (header.lane, header.expiry, header.written);
        Ok(Some(StoredRecord { position, lane, priority, expiry, written, record }))
    }

    /// The segment before the last one that begins at or below the floor: after a failed fsync and a crash the last one may
    /// hold copies of only a part of the batch that stands whole before it.
    fn start(&self, disk: &mut dyn Disk) -> Result<u64, ReadError> {
        let segments = list_segments(disk).map_err(failed)?;
        for (at, &(number, _)) in segments.iter().enumerate().rev() {
            let header = read_segment_header(disk, number).map_err(failed)?;
            if header.is_some_and(|h| h.is_ok_and(|h| h.first <= self.floor)) {
                return Ok(segments[at.saturating_sub(1)].0);
            }
        }
        Ok(0)
    }
}

fn failed(source: io::Error) -> ReadError {
    ReadError::Disk { file: "a segment".to_string(), source }
}
