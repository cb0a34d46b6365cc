//! What waits to be written on the control stream.
//!
//! In: frames. Out: bytes, as fast as the client lets us. Deliberately absent: which frames, and what to do when too
//! much waits.

use std::time::Instant;

use edge_wire::{EncodeError, ServerFrame};
use quinn_proto::{Connection, StreamId, WriteError};

/// A buffer that is kept small: emptied, it gives back what a burst took.
const KEPT_BYTES: usize = 4 * 1024;

/// Frames in the order of their making.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    written: usize,
    /// Since when the client lets nothing be written although something waits.
    stuck_since: Option<Instant>,
    /// Finish the stream when all is written.
    last: bool,
    finished: bool,
}

/// The client stopped or closed the control stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ControlGone;

impl Outbox {
    pub(crate) fn push(&mut self, frame: &ServerFrame) -> Result<(), EncodeError> {
        debug_assert!(!self.last, "nothing follows the last frame");
        frame.encode(&mut self.bytes)
    }

    /// The frames pushed so far are the last.
    pub(crate) fn end(&mut self) {
        self.last = true;
    }

    pub(crate) fn waiting_bytes(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(crate) fn stuck_since(&self) -> Option<Instant> {
        self.stuck_since
    }

    pub(crate) fn flush(&mut self, conn: &mut Connection, control: StreamId, now: Instant) -> Result<(), ControlGone> {
        while self.written < self.bytes.len() {
            match conn.send_stream(control).write(&self.bytes[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    self.stuck_since = None;
                }
                Err(WriteError::Blocked) => {
                    self.stuck_since.get_or_insert(now);
                    self.give_back();
                    return Ok(());
                }
                Err(WriteError::Stopped(_) | WriteError::ClosedStream) => return Err(ControlGone),
            }
        }
        self.stuck_since = None;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.written = 0;
        if self.last && !std::mem::replace(&mut self.finished, true) {
            conn.send_stream(control).finish().map_err(|_| ControlGone)?;
        }
        Ok(())
    }

    /// A client that reads slowly, and never everything, must not keep what it has read.
    fn give_back(&mut self) {
        if self.written >= KEPT_BYTES.max(self.waiting_bytes()) {
            self.bytes.drain(..self.written);
            self.bytes.shrink_to(2 * self.bytes.len());
            self.written = 0;
        }
    }
}
