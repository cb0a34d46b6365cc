//! What waits to be written on the control stream.
//!
//! In: frames. Out: bytes, as fast as the client lets us. Deliberately absent: which frames, and what to do when too
//! much waits.

use edge_wire::{EncodeError, ServerFrame};
use quinn_proto::{Connection, StreamId, WriteError};

/// A buffer that is kept small: emptied, it gives back what a burst took.
const KEPT_BYTES: usize = 4 * 1024;

/// Frames in the order of their making.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    written: usize,
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

    pub(crate) fn flush(&mut self, conn: &mut Connection, control: StreamId) -> Result<(), ControlGone> {
        while self.written < self.bytes.len() {
            match conn.send_stream(control).write(&self.bytes[self.written..]) {
                Ok(count) => self.written += count,
                Err(WriteError::Blocked) => return Ok(()),
                Err(WriteError::Stopped(_) | WriteError::ClosedStream) => return Err(ControlGone),
            }
        }
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.written = 0;
        if self.last && !std::mem::replace(&mut self.finished, true) {
            conn.send_stream(control).finish().map_err(|_| ControlGone)?;
        }
        Ok(())
    }
}
