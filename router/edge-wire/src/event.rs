//! The EVENT frame, whose head can be read without allocating.
//!
//! What comes in: a frame's body. What goes out: three numbers and the payload as a slice of the same buffer.
//! Deliberately absent: the payload's schema (the catalogue knows it) and the order of seqs (the session keeps it).

use bytes::{Buf, Bytes};
use edge_event::{EventTypeId, Seq};

use crate::error::{EncodeError, FrameError};
use crate::frame::FrameType;
use crate::limits;
use crate::varint;

/// One event as it travels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventFrame {
    /// Number in its class, from 1; 0 in a datagram.
    pub seq: Seq,
    /// Id of its type in the catalogue.
    pub event_type: EventTypeId,
    /// When it happened: milliseconds of the client's monotonic clock, as in HELLO. A resend keeps it.
    pub client_ms: u64,
    /// The catalogue's protobuf message.
    pub payload: Bytes,
}

impl EventFrame {
    //= protocol.md#event-1
    /// Reads a body that [`FrameDecoder`](crate::FrameDecoder) has bounded.
    ///
    /// # Errors
    /// [`FrameError::EventHead`], [`FrameError::EventTypeRange`], and [`FrameError::TooLarge`] where the payload exceeds
    /// `payload_bytes_max`.
    pub fn decode(mut body: Bytes, payload_bytes_max: usize) -> Result<EventFrame, FrameError> {
        let mut rest = &body[..];
        let mut number = || varint::take(&mut rest).ok_or(FrameError::EventHead);
        let (seq, event_type, client_ms) = (number()?, number()?, number()?);
        let payload_len = rest.len();
        if payload_len > payload_bytes_max {
            let (len, max) = (payload_len as u64, payload_bytes_max as u64);
            return Err(FrameError::TooLarge { ty: FrameType::Event.to_wire(), len, max });
        }
        let event_type = u32::try_from(event_type).map_err(|_| FrameError::EventTypeRange { event_type })?;
        body.advance(body.len() - payload_len);
        Ok(EventFrame { seq: Seq(seq), event_type: EventTypeId(event_type), client_ms, payload: body })
    }

    //= protocol.md#event-2
    /// Like [`decode`](EventFrame::decode), for a frame of a stream.
    ///
    /// # Errors
    /// Those of `decode`, and [`FrameError::SeqZero`].
    pub fn decode_reliable(body: Bytes, payload_bytes_max: usize) -> Result<EventFrame, FrameError> {
        let event = EventFrame::decode(body, payload_bytes_max)?;
        if event.seq == Seq(0) { Err(FrameError::SeqZero) } else { Ok(event) }
    }

    /// Appends the whole frame, type and length included.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`] where the payload exceeds what any server may grant.
    ///
    /// # Panics
    /// Where `seq` or `client_ms` exceed 62 bits.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.encode_head(out)?;
        out.extend_from_slice(&self.payload);
        Ok(())
    }

    /// Appends all but the payload, for senders that pass the payload on without copying it.
    ///
    /// # Errors
    /// Those of [`encode`](EventFrame::encode).
    ///
    /// # Panics
    /// Where `seq` or `client_ms` exceed 62 bits.
    pub fn encode_head(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let (len, max) = (self.payload.len(), limits::EVENT_PAYLOAD_BYTES_MAX);
        if len > max {
            return Err(EncodeError::TooLarge { len, max });
        }
        varint::write(FrameType::Event.to_wire(), out);
        varint::write(self.body_len() as u64, out);
        varint::write(self.seq.0, out);
        varint::write(u64::from(self.event_type.0), out);
        varint::write(self.client_ms, out);
        Ok(())
    }

    /// Bytes that [`encode`](EventFrame::encode) appends.
    pub fn encoded_len(&self) -> usize {
        let body = self.body_len();
        varint::len(FrameType::Event.to_wire()) + varint::len(body as u64) + body
    }

    fn body_len(&self) -> usize {
        let head = varint::len(self.seq.0) + varint::len(u64::from(self.event_type.0)) + varint::len(self.client_ms);
        head + self.payload.len()
    }
}
