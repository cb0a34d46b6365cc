//! The streams that a client opened: at most one for control and one a class, each read as frames.
//!
//! In: a connection with readable streams. Out: whole frames, one at a time, so that the reader can stop between two.
//! Remembers since when a frame is incomplete. Deliberately absent: what frames mean, and when not to read (see
//! `session.rs`).

use std::time::Instant;

use edge_event::Class;
use edge_event::identity::CLASSES;
use edge_wire::{CloseCode, CloseReason, FrameDecoder, FrameError, RawFrame, StreamHeader};
use quinn_proto::{Connection, Dir, ReadError, ReadableError, StreamId};

/// Bytes taken from the transport at a time.
const READ_BYTES: usize = 16 * 1024;

/// One stream that the client opened.
#[derive(Debug)]
pub(crate) struct Incoming {
    id: StreamId,
    decoder: FrameDecoder,
    /// The transport may have bytes.
    readable: bool,
    /// Since when a frame is incomplete.
    partial_since: Option<Instant>,
    /// Which class it was claimed for, once its header is known.
    class: Option<Class>,
    /// The frame that came with its header.
    first: Option<RawFrame>,
    ended: bool,
}

/// What reading one stream gave.
#[derive(Debug)]
pub(crate) enum Polled {
    /// A frame.
    Frame(RawFrame),
    /// The stream's class is known now: whether to read on is to be asked again.
    Begun,
    /// More must arrive first.
    Blocked,
    /// The client finished the stream between two frames, or reset it.
    Ended,
}

impl Incoming {
    fn new(id: StreamId, event_payload_bytes_max: usize) -> Incoming {
        let decoder = FrameDecoder::client_stream(event_payload_bytes_max);
        Incoming { id, decoder, readable: true, partial_since: None, class: None, first: None, ended: false }
    }

    pub(crate) fn class(&self) -> Option<Class> {
        self.class
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next frame of the stream.
    pub(crate) fn poll(&mut self, conn: &mut Connection, now: Instant) -> Result<Polled, FrameError> {
        if let Some(frame) = self.first.take() {
            return Ok(Polled::Frame(frame));
        }
        if self.ended {
            return Ok(Polled::Ended);
        }
        loop {
            if let Some(frame) = self.decoder.poll()? {
                self.partial_since = None;
                return Ok(Polled::Frame(frame));
            }
            if !self.readable {
                let since = self.partial_since.unwrap_or(now);
                self.partial_since = self.decoder.is_partial().then_some(since);
                return Ok(Polled::Blocked);
            }
            match read_chunk(conn, self.id) {
                Ok(Some(bytes)) => self.decoder.push(bytes),
                Ok(None) => {
                    self.end();
                    self.decoder.finish()?;
                    return Ok(Polled::Ended);
                }
                Err(ReadError::Blocked) => self.readable = false,
                Err(ReadError::Reset(_)) => {
                    self.end();
                    return Ok(Polled::Ended);
                }
            }
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.readable = false;
        self.partial_since = None;
    }

    /// We chose not to read on: a frame that is incomplete now is not the client's fault.
    pub(crate) fn suspend(&mut self) {
        self.partial_since = None;
    }
}

/// `None` at the stream's end.
fn read_chunk(conn: &mut Connection, id: StreamId) -> Result<Option<bytes::Bytes>, ReadError> {
    let mut stream = conn.recv_stream(id);
    let mut chunks = match stream.read(true) {
        Ok(chunks) => chunks,
        Err(ReadableError::ClosedStream) => return Ok(None),
        Err(ReadableError::IllegalOrderedRead) => unreachable!("this stream is only ever read in order"),
    };
    let chunk = chunks.next(READ_BYTES);
    // Whether this calls for a packet is asked when the connection is polled for transmits, which follows every read.
    let _ = chunks.finalize();
    chunk.map(|chunk| chunk.map(|chunk| chunk.bytes))
}

/// All streams of a session.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    pub(crate) control: Option<Incoming>,
    /// Unidirectional streams in the order of their opening.
    events: Vec<Incoming>,
    /// Classes whose stream was opened.
    opened: [bool; CLASSES],
}

impl Streams {
    //= protocol.md#stream-2
    /// Takes in every stream that the client opened in one direction and says how many there were.
    pub(crate) fn accept(
        &mut self,
        conn: &mut Connection,
        dir: Dir,
        event_payload_bytes_max: usize,
    ) -> Result<u32, CloseReason> {
        let mut accepted = 0;
        while let Some(id) = conn.streams().accept(dir) {
            accepted += 1;
            let stream = Incoming::new(id, event_payload_bytes_max);
            match dir {
                Dir::Uni if self.events.len() < CLASSES => self.events.push(stream),
                Dir::Bi if self.control.is_none() => self.control = Some(stream),
                Dir::Uni => return Err(CloseReason::new(CloseCode::StreamDuplicate, "more streams than classes")),
                Dir::Bi => return Err(CloseReason::new(CloseCode::StreamDuplicate, "second control stream")),
            }
        }
        Ok(accepted)
    }

    pub(crate) fn on_readable(&mut self, id: StreamId) {
        let all = self.control.iter_mut().chain(&mut self.events);
        all.filter(|stream| stream.id == id && !stream.ended).for_each(|stream| stream.readable = true);
    }

    pub(crate) fn control_id(&self) -> Option<StreamId> {
        self.control.as_ref().map(|stream| stream.id)
    }

    /// How many unidirectional streams there are; each is named by its place.
    pub(crate) fn events_len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn events_mut(&mut self, at: usize) -> &mut Incoming {
        &mut self.events[at]
    }

    pub(crate) fn class_at(&self, at: usize) -> Option<Class> {
        self.events[at].class
    }

    /// Polls the unidirectional stream at `at` and, when its header becomes known, claims its class.
    pub(crate) fn poll_events(
        &mut self,
        at: usize,
        conn: &mut Connection,
        now: Instant,
    ) -> Result<Polled, CloseReason> {
        let stream = &mut self.events[at];
        let polled = stream.poll(conn, now).map_err(|error| fault(&error))?;
        match stream.decoder.header() {
            Some(StreamHeader::Events(class)) if stream.class.is_none() => {
                stream.class = Some(class);
                if std::mem::replace(&mut self.opened[class.index()], true) {
                    let detail = format!("second stream of class {}", class.get());
                    return Err(CloseReason::new(CloseCode::StreamDuplicate, detail));
                }
                // A class that is not read must not be read because its stream is new.
                let Polled::Frame(frame) = polled else { return Ok(polled) };
                stream.first = Some(frame);
                Ok(Polled::Begun)
            }
            Some(StreamHeader::Control) => Err(wrong_direction("control is bidirectional")),
            _ => Ok(polled),
        }
    }

    /// Polls the bidirectional stream, where there is one.
    pub(crate) fn poll_control(&mut self, conn: &mut Connection, now: Instant) -> Result<Polled, CloseReason> {
        let Some(stream) = &mut self.control else { return Ok(Polled::Blocked) };
        let polled = stream.poll(conn, now).map_err(|error| fault(&error))?;
        match stream.decoder.header() {
            Some(StreamHeader::Events(_)) => Err(wrong_direction("events are unidirectional")),
            _ => Ok(polled),
        }
    }

    /// Since when the oldest incomplete frame is incomplete.
    pub(crate) fn partial_since(&self) -> Option<Instant> {
        self.control.iter().chain(&self.events).filter_map(|stream| stream.partial_since).min()
    }
}

/// How a connection ends whose bytes are not this protocol.
pub(crate) fn fault(error: &FrameError) -> CloseReason {
    CloseReason::new(error.close_code(), error.to_string())
}

fn wrong_direction(detail: &'static str) -> CloseReason {
    CloseReason::new(CloseCode::StreamTypeUnknown, detail)
}
