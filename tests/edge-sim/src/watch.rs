//! A disk that is watched: which records are durable, and since when.
//!
//! Stands between the spool and the simulated disk and sees every operation pass. It knows the drawn layout of segments and
//! records (the crate root of `edge-spool`) and the contract of the disk's door, and nothing of the spool's own idea of what
//! is committed. In: operations and their ends, as the [`door`](WatchedDisk) sees them. Out: [`Watch::durable_at`].

mod door;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use edge_door::sim::SimClock;
use edge_door::{DiskOp, FileName};
use edge_event::{Position, StartEpoch};

pub(crate) use door::WatchedDisk;

const SEGMENT_HEADER_BYTES: usize = 64;
const RECORD_HEADER_BYTES: usize = 48;
const KIND_EPOCH: u8 = 5;

/// What was seen so far; outlives the daemon.
pub(crate) struct Watch {
    clock: SimClock,
    /// Counts what ends, so that a sync covers what had ended when it was submitted, and nothing more.
    ended: u64,
    /// Records of ended writes that no sync covers yet, by file, each with its place among what ended.
    written: BTreeMap<FileName, Vec<(u64, Position)>>,
    /// Records that a sync of their file covers, whose file's name no sync of the directory covers yet.
    nameless: BTreeMap<FileName, Vec<Position>>,
    /// Records that a failed sync should have covered: no later one makes them durable.
    doomed: Vec<Position>,
    created: Vec<(u64, FileName)>,
    named: BTreeSet<FileName>,
    durable: BTreeMap<Position, Duration>,
    /// What each epoch's first record says about the log before it.
    kept: BTreeMap<StartEpoch, Position>,
}

/// An operation on its way.
enum Flight {
    Write {
        file: FileName,
        records: Vec<Position>,
    },
    /// `before`: what ended before it was submitted.
    Sync {
        file: FileName,
        before: u64,
    },
    SyncDir {
        before: u64,
    },
    Create {
        file: FileName,
    },
    Other,
}

impl Watch {
    pub(crate) fn new(clock: SimClock) -> Watch {
        Watch {
            clock,
            ended: 0,
            written: BTreeMap::new(),
            nameless: BTreeMap::new(),
            doomed: Vec::new(),
            created: Vec::new(),
            named: BTreeSet::new(),
            durable: BTreeMap::new(),
            kept: BTreeMap::new(),
        }
    }

    /// Since when a record is durable, in virtual time; `None` where it is not.
    pub(crate) fn durable_at(&self, position: Position) -> Option<Duration> {
        self.durable.get(&position).copied()
    }

    /// Up to where the log before an epoch was kept, by the epoch's own first record.
    pub(crate) fn kept(&self, epoch: StartEpoch) -> Option<Position> {
        self.kept.get(&epoch).copied()
    }

    /// The power is gone and has come back: what is still there, is there for good. What is not is never asked for again,
    /// because recovery does not keep it.
    fn on_power_loss(&mut self, survivors: &[(FileName, u64)]) {
        let now = self.clock.elapsed();
        let written = std::mem::take(&mut self.written).into_values().flatten().map(|(_, position)| position);
        let nameless = std::mem::take(&mut self.nameless).into_values().flatten();
        let unsure = written.chain(nameless).chain(std::mem::take(&mut self.doomed));
        for position in unsure {
            self.durable.entry(position).or_insert(now);
        }
        self.created.clear();
        self.named = survivors.iter().map(|(name, _)| name.clone()).filter(is_segment).collect();
    }

    fn begin(&mut self, op: &DiskOp) -> Flight {
        match op {
            DiskOp::Write { file, offset, data } if is_segment(file) => {
                Flight::Write { file: file.clone(), records: self.records_in(*offset, data) }
            }
            DiskOp::Sync { file } if is_segment(file) => Flight::Sync { file: file.clone(), before: self.ended },
            DiskOp::SyncDir => Flight::SyncDir { before: self.ended },
            DiskOp::Create { file, .. } if is_segment(file) => Flight::Create { file: file.clone() },
            _ => Flight::Other,
        }
    }

    fn end(&mut self, flight: Flight, ended_well: bool) {
        self.ended += 1;
        let here = self.ended;
        match flight {
            Flight::Write { file, records } if ended_well => {
                self.written.entry(file).or_default().extend(records.into_iter().map(|position| (here, position)));
            }
            Flight::Sync { file, before } => {
                let Some(written) = self.written.get_mut(&file) else { return };
                let covered = written.extract_if(.., |(at, _)| *at <= before).map(|(_, position)| position).collect();
                if ended_well {
                    self.synced(file, covered);
                } else {
                    self.doomed.extend(covered);
                }
            }
            // One that failed leaves its names to the next.
            Flight::SyncDir { before } if ended_well => {
                for (_, file) in self.created.extract_if(.., |(at, _)| *at <= before).collect::<Vec<_>>() {
                    self.named.insert(file.clone());
                    let records = self.nameless.remove(&file).unwrap_or_default();
                    self.synced(file, records);
                }
            }
            Flight::Create { file } if ended_well => self.created.push((here, file)),
            Flight::Write { .. } | Flight::SyncDir { .. } | Flight::Create { .. } | Flight::Other => {}
        }
    }

    fn synced(&mut self, file: FileName, records: Vec<Position>) {
        let now = self.clock.elapsed();
        if self.named.contains(&file) {
            // Recovery may write and sync again what was durable before.
            for position in records {
                self.durable.entry(position).or_insert(now);
            }
        } else {
            self.nameless.entry(file).or_default().extend(records);
        }
    }

    /// Reads the positions of the records in a write.
    fn records_in(&mut self, offset: u64, data: &Bytes) -> Vec<Position> {
        let mut records = Vec::new();
        let mut at = if offset == 0 { SEGMENT_HEADER_BYTES } else { 0 };
        while let Some(header) = data.get(at..at + RECORD_HEADER_BYTES) {
            let payload_bytes = u32::from_le_bytes(header[..4].try_into().expect("four bytes")) as usize;
            let kind = header[8];
            if kind == 0 {
                break;
            }
            let position = position(&header[16..32]);
            if kind == KIND_EPOCH
                && let Some(payload) = data.get(at + RECORD_HEADER_BYTES..at + RECORD_HEADER_BYTES + 16)
            {
                self.kept.insert(position.epoch, self::position(payload));
            }
            records.push(position);
            at += (RECORD_HEADER_BYTES + payload_bytes).next_multiple_of(8);
        }
        records
    }
}

fn position(bytes: &[u8]) -> Position {
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    Position { epoch: StartEpoch(number(0)), n: number(8) }
}

/// Whether a file is one of the spool's segments.
fn is_segment(file: &FileName) -> bool {
    file.starts_with("seg-")
}
