//! The fuzzy checkpoint: folded state written again, piece by piece between live records, so that old segments can retire.
//!
//! What comes in: how much was appended, how far is committed. What goes out: records of kind `CheckpointBegin`, `State` and
//! `CheckpointEnd`, one per group commit. Values are absolute, so a piece that holds what the log says at its own place is
//! right, however much changes before and behind it.

use edge_event::{Lane, Position, UnixMillis};

use crate::batch::{Queue, Refused};
use crate::codec::CODEC_VERSION;
use crate::fold::{Fold, Slice, Walk};
use crate::layout::{Kind, RecordHeader, write_position};
use crate::piece::encode_piece;

/// A checkpoint begins at the latest when there are this many segments behind the last one's beginning.
const SEGMENTS_MAX: usize = 32;
/// How many slices are looked at for one piece; expired entries leave a slice empty.
const SLICES_A_PIECE: usize = 8;

/// The checkpoint being written, if any, and the last whole one.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    every_bytes: u64,
    piece_bytes: usize,
    mark_ttl_ms: i64,
    running: Option<Running>,
    /// Appended since the last one began.
    bytes_since: u64,
    /// Where the last whole and durable one began.
    pub(crate) last: Option<Position>,
    pub(crate) completed: u64,
}

#[derive(Debug)]
struct Running {
    begin: Position,
    walk: Walk,
    /// The latest record of the checkpoint; the next one waits for its commit.
    latest: Position,
    is_ended: bool,
}

impl Checkpoint {
    /// `last` and `bytes_since` as recovery found them.
    pub(crate) fn new(config: &crate::Config, last: Option<Position>, bytes_since: u64) -> Checkpoint {
        Checkpoint {
            every_bytes: config.checkpoint_every_bytes,
            piece_bytes: config.checkpoint_piece_bytes,
            mark_ttl_ms: config.mark_ttl_ms,
            running: None,
            bytes_since,
            last,
            completed: 0,
        }
    }

    pub(crate) fn on_appended(&mut self, bytes: usize) {
        self.bytes_since += bytes as u64;
    }

    /// Appends the next record of the checkpoint where it is time. `committed` says how far the log is durable.
    /// `newer_segments` counts those behind the last checkpoint's beginning: many starts make many small ones. `is_wanted`: the
    /// log is full, and only a checkpoint makes room.
    pub(crate) fn advance(
        &mut self,
        queue: &mut Queue,
        fold: &mut Fold,
        committed: Position,
        now: UnixMillis,
        newer_segments: usize,
        is_wanted: bool,
    ) {
        let Some(running) = &mut self.running else {
            let is_time = self.bytes_since >= self.every_bytes.max(fold.bytes()) || newer_segments >= SEGMENTS_MAX;
            if is_time || is_wanted {
                self.begin(queue, now);
            }
            return;
        };
        if running.latest > committed {
            return;
        }
        if running.is_ended {
            self.last = Some(running.begin);
            self.completed += 1;
            self.running = None;
            return;
        }
        let mut slice = Slice::default();
        for _ in 0..SLICES_A_PIECE {
            if !slice.is_empty() || running.walk == Walk::Done {
                break;
            }
            slice = fold.walk(&mut running.walk, self.piece_bytes, now, self.mark_ttl_ms);
        }
        let begin = running.begin;
        let written = if !slice.is_empty() {
            push(queue, Kind::State, now, |out| encode_piece(&slice, out))
        } else if running.walk == Walk::Done {
            running.is_ended = true;
            push(queue, Kind::CheckpointEnd, now, |out| write_position(out, begin))
        } else {
            return;
        };
        running.latest = written;
    }

    fn begin(&mut self, queue: &mut Queue, now: UnixMillis) {
        let begin = push(queue, Kind::CheckpointBegin, now, |out| out.push(0));
        self.running = Some(Running { begin, walk: Walk::START, latest: begin, is_ended: false });
        self.bytes_since = 0;
    }
}

/// Checkpoints go past the queue's bound: they are one piece at a time, and they are what makes room.
fn push(queue: &mut Queue, kind: Kind, now: UnixMillis, encode: impl FnOnce(&mut Vec<u8>)) -> Position {
    let header = RecordHeader {
        payload_bytes: 0,
        kind,
        codec: CODEC_VERSION,
        priority: None,
        lane: Lane(0),
        in_batch: 0,
        position: Position::NONE,
        expiry: None,
        written: now,
    };
    match queue.push(header, usize::MAX, usize::MAX, encode) {
        Ok(batch) => batch.last,
        Err(Refused::TooLarge { .. } | Refused::NoRoom) => {
            unreachable!("nothing bounds a checkpoint's piece but its walk")
        }
    }
}
