//! Events in datagrams: one or more EVENT frames with seq 0, packed back to back.
//!
//! What comes in: a whole datagram, or events to pack. What goes out: the events in order, or datagrams that fit the path.
//! Deliberately absent: when to send a datagram that still has room; the client decides that by its clock.

use bytes::{Buf, Bytes};
use edge_event::Seq;

use crate::error::{EncodeError, FrameError};
use crate::event::EventFrame;
use crate::frame::{Head, Role, decode_head};
use crate::limits;

/// Walks over the events of one datagram. Ends after the first error.
#[derive(Debug)]
pub struct DatagramEvents {
    rest: Bytes,
    frames: usize,
    payload_bytes_max: usize,
}

impl DatagramEvents {
    /// `payload_bytes_max` as granted in WELCOME.
    pub fn new(datagram: Bytes, payload_bytes_max: usize) -> DatagramEvents {
        DatagramEvents { rest: datagram, frames: 0, payload_bytes_max }
    }

    fn take(&mut self) -> Result<Option<EventFrame>, FrameError> {
        while self.rest.has_remaining() {
            let truncated = FrameError::Truncated { role: Role::Datagram };
            let found = decode_head(&self.rest, Role::Datagram, self.payload_bytes_max)?;
            let Some((head, head_len)) = found else { return Err(truncated) };
            self.rest.advance(head_len);
            let (Head::Known { len, .. } | Head::Extension { len }) = head;
            if self.rest.len() < len {
                return Err(truncated);
            }
            //= protocol.md#datagram-2
            self.frames += 1;
            if self.frames > limits::DATAGRAM_EVENTS_MAX {
                return Err(FrameError::TooManyEvents { max: limits::DATAGRAM_EVENTS_MAX });
            }
            let body = self.rest.split_to(len);
            if matches!(head, Head::Extension { .. }) {
                continue;
            }
            //= protocol.md#datagram-1
            let event = EventFrame::decode(body, self.payload_bytes_max)?;
            if event.seq != Seq(0) {
                return Err(FrameError::SeqInDatagram { seq: event.seq.0 });
            }
            return Ok(Some(event));
        }
        Ok(None)
    }
}

impl Iterator for DatagramEvents {
    type Item = Result<EventFrame, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.take().transpose();
        if matches!(item, Some(Err(_))) {
            self.rest.clear();
        }
        item
    }
}

/// Fills datagrams with events.
#[derive(Debug, Default)]
pub struct DatagramPacker {
    packed: Vec<u8>,
    events: usize,
}

/// What became of an event given to [`DatagramPacker::push`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Packed {
    /// It is in the datagram that is being filled.
    Added,
    /// The datagram that was being filled is full and must leave; the event is the first of the next one.
    Full(Vec<u8>),
    /// It does not fit into any datagram of this path; it was not taken.
    TooLarge,
}

impl DatagramPacker {
    /// An empty one.
    pub fn new() -> DatagramPacker {
        DatagramPacker::default()
    }

    /// Adds an event; `datagram_bytes_max` is what the path carries now.
    ///
    /// # Errors
    /// Those of [`EventFrame::encode`].
    ///
    /// # Panics
    /// Where the event has a seq.
    pub fn push(&mut self, event: &EventFrame, datagram_bytes_max: usize) -> Result<Packed, EncodeError> {
        assert_eq!(event.seq, Seq(0), "datagram events have no seq");
        let len = event.encoded_len();
        if len > datagram_bytes_max {
            return Ok(Packed::TooLarge);
        }
        let full = self.packed.len() + len > datagram_bytes_max || self.events == limits::DATAGRAM_EVENTS_MAX;
        let out = if full { self.take() } else { None };
        event.encode(&mut self.packed)?;
        self.events += 1;
        Ok(out.map_or(Packed::Added, Packed::Full))
    }

    /// What has been filled so far, if anything; begins a new datagram.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        self.events = 0;
        (!self.packed.is_empty()).then(|| std::mem::take(&mut self.packed))
    }

    /// Events in the datagram that is being filled.
    pub const fn events(&self) -> usize {
        self.events
    }
}
