//! Frames of one stream, decoded from chunks as they come.
//!
//! What comes in: chunks of one stream's bytes. What goes out: whole frames that belong there, their bodies sliced from the
//! chunk where it holds them whole. A type that does not belong and a length beyond the type's limit are refused at the head,
//! before a byte of the body is kept; frames of the extension range are skipped without being kept.
//!
//! Deliberately absent: what bodies mean ([`control`](crate::control), [`event`](crate::event)).

#[cfg(test)]
mod tests;

use bytes::{Buf, Bytes, BytesMut};

use crate::error::FrameError;
use crate::frame::{FrameType, Head, RawFrame, Role, decode_head};
use crate::limits;
use crate::stream::StreamHeader;

/// Decodes one stream. `push` a chunk, then `poll` until it yields `None`, then push the next; on an error, drop it and
/// close the connection. Holds at most one incomplete frame.
#[derive(Debug)]
pub struct FrameDecoder {
    start: Start,
    event_payload_bytes_max: usize,
    chunk: Bytes,
    head: Vec<u8>,
    state: State,
    extensions: u64,
}

/// Whether the stream's header is still to come.
#[derive(Debug)]
enum Start {
    Awaiting,
    Known { header: Option<StreamHeader>, role: Role },
}

#[derive(Debug)]
enum State {
    Head,
    Body { ty: FrameType, len: usize, kept: BytesMut },
    Skip { left: usize },
}

impl FrameDecoder {
    /// For a stream that the client opened; the server reads its header first. `event_payload_bytes_max` is what WELCOME
    /// grants (or will).
    ///
    /// # Panics
    /// Where `event_payload_bytes_max` exceeds [`limits::EVENT_PAYLOAD_BYTES_MAX`].
    pub fn client_stream(event_payload_bytes_max: usize) -> FrameDecoder {
        assert!(event_payload_bytes_max <= limits::EVENT_PAYLOAD_BYTES_MAX, "beyond what version 1 can grant");
        FrameDecoder::new(Start::Awaiting, event_payload_bytes_max)
    }

    /// For the server's side of the control stream, which has no header.
    pub fn server_control() -> FrameDecoder {
        FrameDecoder::new(Start::Known { header: None, role: Role::ServerControl }, 0)
    }

    fn new(start: Start, event_payload_bytes_max: usize) -> FrameDecoder {
        let (chunk, head) = (Bytes::new(), Vec::with_capacity(limits::FRAME_HEAD_BYTES_MAX));
        FrameDecoder { start, event_payload_bytes_max, chunk, head, state: State::Head, extensions: 0 }
    }

    /// Takes the stream's next bytes. Costs a copy where the bytes before were not yet polled.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            let mut joined = BytesMut::with_capacity(self.chunk.len() + chunk.len());
            joined.extend_from_slice(&self.chunk);
            joined.extend_from_slice(&chunk);
            self.chunk = joined.freeze();
        }
    }

    /// The next frame; `None` where it needs more bytes.
    ///
    /// # Errors
    /// The stream is not this protocol; see [`FrameError::close_code`].
    pub fn poll(&mut self) -> Result<Option<RawFrame>, FrameError> {
        let Some(role) = self.poll_start()? else { return Ok(None) };
        loop {
            match &mut self.state {
                State::Head => {
                    let Some(head) = self.poll_head(role)? else { return Ok(None) };
                    self.state = match head {
                        Head::Known { ty, len } => State::Body { ty, len, kept: BytesMut::new() },
                        Head::Extension { len } => State::Skip { left: self.count_extension(len)? },
                    };
                }
                State::Body { ty, len, kept } => {
                    let ty = *ty;
                    let Some(body) = take_body(&mut self.chunk, *len, kept) else { return Ok(None) };
                    self.state = State::Head;
                    return Ok(Some(RawFrame { ty, body }));
                }
                State::Skip { left } => {
                    let skipped = (*left).min(self.chunk.len());
                    self.chunk.advance(skipped);
                    *left -= skipped;
                    if *left > 0 {
                        return Ok(None);
                    }
                    self.state = State::Head;
                }
            }
        }
    }

    /// What the stream's header said; `None` until it is whole, and on the server's side of the control stream.
    pub const fn header(&self) -> Option<StreamHeader> {
        match &self.start {
            Start::Awaiting => None,
            Start::Known { header, .. } => *header,
        }
    }

    /// Whether a frame, or the stream's header, has begun and not ended: the stream's deadline runs.
    pub fn is_partial(&self) -> bool {
        let awaiting = matches!(self.start, Start::Awaiting);
        awaiting || !self.chunk.is_empty() || !self.head.is_empty() || !matches!(self.state, State::Head)
    }

    /// How many frames of the extension range were met; they cost budget like others.
    pub const fn extensions(&self) -> u64 {
        self.extensions
    }

    /// Bytes kept for a frame that is not whole.
    pub fn kept_bytes(&self) -> usize {
        match &self.state {
            State::Body { kept, .. } => self.chunk.len() + self.head.len() + kept.capacity(),
            _ => self.chunk.len() + self.head.len(),
        }
    }

    /// To be called when the stream has ended and `poll` yields nothing more.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] where it ended inside a frame or before its header.
    pub fn finish(&self) -> Result<(), FrameError> {
        let role = match &self.start {
            Start::Known { role, .. } => *role,
            Start::Awaiting => Role::Events,
        };
        if self.is_partial() { Err(FrameError::Truncated { role }) } else { Ok(()) }
    }

    fn poll_start(&mut self) -> Result<Option<Role>, FrameError> {
        if let Start::Known { role, .. } = &self.start {
            return Ok(Some(*role));
        }
        let kept = self.head.len();
        let Some((header, len)) = self.read_head(StreamHeader::decode)? else { return Ok(None) };
        self.take_head(kept, len);
        let role = match header {
            StreamHeader::Control => Role::ClientControl,
            StreamHeader::Events(_) => Role::Events,
        };
        self.start = Start::Known { header: Some(header), role };
        Ok(Some(role))
    }

    fn poll_head(&mut self, role: Role) -> Result<Option<Head>, FrameError> {
        let kept = self.head.len();
        let payload_max = self.event_payload_bytes_max;
        let Some((head, len)) = self.read_head(|bytes| decode_head(bytes, role, payload_max))? else { return Ok(None) };
        self.take_head(kept, len);
        Ok(Some(head))
    }

    /// Decodes a head that may lie across chunks: `self.head` holds its bytes from earlier chunks.
    fn read_head<T>(
        &mut self,
        decode: impl Fn(&[u8]) -> Result<Option<(T, usize)>, FrameError>,
    ) -> Result<Option<(T, usize)>, FrameError> {
        if self.head.is_empty() {
            let found = decode(&self.chunk)?;
            if found.is_none() {
                self.head.extend_from_slice(&self.chunk);
                self.chunk = Bytes::new();
            }
            return Ok(found);
        }
        let wanted = limits::FRAME_HEAD_BYTES_MAX - self.head.len();
        let taken = wanted.min(self.chunk.len());
        let kept = self.head.len();
        self.head.extend_from_slice(&self.chunk[..taken]);
        let found = decode(&self.head)?;
        match found {
            Some(_) => self.head.truncate(kept),
            None => self.chunk.advance(taken),
        }
        Ok(found)
    }

    /// Leaves behind a head of `len` bytes, of which the first `kept` came from earlier chunks.
    fn take_head(&mut self, kept: usize, len: usize) {
        self.chunk.advance(len - kept);
        self.head.clear();
    }

    //= protocol.md#frame-5
    fn count_extension(&mut self, len: usize) -> Result<usize, FrameError> {
        self.extensions += 1;
        if self.extensions > limits::EXTENSION_FRAMES_MAX {
            return Err(FrameError::TooManyExtensions { max: limits::EXTENSION_FRAMES_MAX });
        }
        Ok(len)
    }
}

/// A slice of the chunk where it holds the whole body; else copies what is there, so that a slow sender's small chunks do
/// not keep whole packets alive.
fn take_body(chunk: &mut Bytes, len: usize, kept: &mut BytesMut) -> Option<Bytes> {
    if kept.is_empty() && chunk.len() >= len {
        return Some(chunk.split_to(len));
    }
    let taken = (len - kept.len()).min(chunk.len());
    kept.extend_from_slice(&chunk[..taken]);
    chunk.advance(taken);
    if chunk.is_empty() {
        // Let go of the packet's buffer.
        *chunk = Bytes::new();
    }
    (kept.len() == len).then(|| std::mem::take(kept).freeze())
}
