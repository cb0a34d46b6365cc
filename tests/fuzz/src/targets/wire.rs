//! The wire decoder: everything that a peer can put on a stream or into a datagram.
//!
//! The first byte says where the rest travels: bits 0 and 1 a client's stream, the server's control stream, a datagram,
//! or numbers with a close reason; the other bits in how large pieces it comes. What must hold: pieces decode as the
//! whole does, what is decoded encodes to what decodes as the same, and a decoder keeps no more than it was given and
//! never more than one frame.

use std::cell::RefCell;
use std::fmt::{self, Write as _};

use bytes::Bytes;
use edge_wire::datagram::Packed;
use edge_wire::{
    ClientFrame, CloseCode, CloseReason, DatagramEvents, DatagramPacker, EventFrame, FrameDecoder, FrameError,
    FrameType, RawFrame, ServerFrame, limits, varint,
};

use crate::repository;

const PAYLOAD_MAX: usize = limits::EVENT_PAYLOAD_BYTES_DEFAULT;

/// A frame, its head and what a decoder may add.
const KEPT_MAX: usize = 2 * (PAYLOAD_MAX + limits::EVENT_HEAD_BYTES_MAX + limits::FRAME_HEAD_BYTES_MAX);

pub(super) fn run(bytes: &[u8]) {
    let Some((&how, rest)) = bytes.split_first() else { return };
    let piece = usize::from(how >> 2);
    match how & 3 {
        0 => stream(|| FrameDecoder::client_stream(PAYLOAD_MAX), rest, piece),
        1 => stream(FrameDecoder::server_control, rest, piece),
        2 => datagram(rest),
        _ => numbers(rest),
    }
}

/// What a decoder gave: frames, then an error, or whether the stream may end there.
type Decoded = (Vec<RawFrame>, Result<(), FrameError>);

thread_local! {
    /// Frames of the input as a whole, and in pieces: room that is used again.
    static ROOM: RefCell<(Vec<RawFrame>, Vec<RawFrame>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

fn stream(decoder: impl Fn() -> FrameDecoder, bytes: &[u8], piece: usize) {
    let (whole, pieces) = ROOM.take();
    let whole = decode(decoder(), std::iter::once(bytes), whole);
    whole.0.iter().for_each(frame);
    if let Err(error) = &whole.1 {
        shown(error);
    }
    let pieces = if piece > 0 { decode(decoder(), bytes.chunks(piece), pieces) } else { (pieces, Ok(())) };
    assert!(piece == 0 || pieces == whole, "in pieces of {piece}: {pieces:?}, as a whole: {whole:?}");
    let (mut whole, mut pieces) = (whole.0, pieces.0);
    whole.clear();
    pieces.clear();
    ROOM.set((whole, pieces));
}

fn decode<'a>(mut decoder: FrameDecoder, pieces: impl Iterator<Item = &'a [u8]>, mut frames: Vec<RawFrame>) -> Decoded {
    let mut given = 0;
    for piece in pieces {
        decoder.push(Bytes::copy_from_slice(piece));
        given += piece.len();
        loop {
            match decoder.poll() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Err(error)),
            }
        }
        let kept = decoder.kept_bytes();
        assert!(kept <= KEPT_MAX && kept <= 2 * given + 64, "{kept} bytes kept of {given}");
    }
    let end = decoder.finish();
    (frames, end)
}

fn frame(frame: &RawFrame) {
    let decoded = match frame.ty {
        FrameType::Event => EventFrame::decode_reliable(frame.body.clone(), PAYLOAD_MAX).map(|event| again(&event)),
        FrameType::Hello | FrameType::Reauth => ClientFrame::decode(frame.clone()).map(|sent| {
            let mut bytes = Vec::new();
            sent.encode(&mut bytes).expect("what was decoded keeps the limits");
            assert_eq!(ClientFrame::decode(body_of(&bytes)), Ok(sent));
        }),
        _ => ServerFrame::decode(frame.clone()).map(|sent| {
            let mut bytes = Vec::new();
            sent.encode(&mut bytes).expect("what was decoded keeps the limits");
            assert_eq!(ServerFrame::decode(body_of(&bytes)), Ok(sent));
        }),
    };
    if let Err(error) = decoded {
        shown(&error);
    }
}

/// The only frame of `bytes`, whose head is minimal because we wrote it.
fn body_of(bytes: &[u8]) -> RawFrame {
    let (ty, ty_len) = varint::read(bytes).expect("a type");
    let (len, len_len) = varint::read(&bytes[ty_len..]).expect("a length");
    let body = &bytes[ty_len + len_len..];
    assert_eq!(body.len() as u64, len, "one frame");
    let ty = FrameType::ALL.iter().find(|known| known.to_wire() == ty).expect("a known type");
    RawFrame { ty: *ty, body: Bytes::copy_from_slice(body) }
}

fn again(event: &EventFrame) {
    let mut bytes = Vec::new();
    event.encode(&mut bytes).expect("what was decoded keeps the limits");
    assert_eq!(bytes.len(), event.encoded_len());
    assert_eq!(EventFrame::decode(body_of(&bytes).body, PAYLOAD_MAX).as_ref(), Ok(event));
}

fn datagram(bytes: &[u8]) {
    let mut packer = DatagramPacker::new();
    let (mut events, mut packed) = (0, Vec::new());
    for event in DatagramEvents::new(Bytes::copy_from_slice(bytes), PAYLOAD_MAX) {
        match event {
            Ok(event) => {
                again(&event);
                events += 1;
                match packer.push(&event, limits::EVENT_PAYLOAD_BYTES_MAX).expect("what was decoded keeps the limits") {
                    Packed::Added => {}
                    Packed::Full(full) => packed.push(full),
                    Packed::TooLarge => panic!("no event of a datagram is larger than it"),
                }
            }
            Err(error) => shown(&error),
        }
    }
    packed.extend(packer.take());
    assert!(events <= limits::DATAGRAM_EVENTS_MAX);
    let again = packed.into_iter().flat_map(|bytes| DatagramEvents::new(bytes.into(), PAYLOAD_MAX));
    assert_eq!(again.filter(Result::is_ok).count(), events, "what is packed is unpacked");
}

fn numbers(bytes: &[u8]) {
    let mut rest = bytes;
    let mut written = Vec::new();
    for count in 0.. {
        let Some(number) = varint::take(&mut rest) else { break };
        written.clear();
        varint::write(number, &mut written);
        assert_eq!(varint::read(&written), Some((number, varint::len(number))));
        // The first is a close code before its phrase, too.
        if count == 0
            && let Some(reason) = CloseReason::parse(number, rest)
        {
            let (code, phrase) = (u64::from(reason.code.number()), reason.phrase());
            assert!(phrase.len() <= limits::CLOSE_REASON_BYTES_MAX);
            let again = CloseReason::parse(code, &phrase).expect("a published code");
            // What is no UTF-8 grows when it is replaced, and may be cut then.
            assert!(again == reason || phrase.len() + 4 > limits::CLOSE_REASON_BYTES_MAX, "{again:?} of {reason:?}");
            assert_eq!(again.phrase(), phrase);
        }
    }
    assert!(rest.len() < varint::LEN_MAX, "only the beginning of a number is left");
}

/// Every error has its code, and words for a person.
fn shown(error: &FrameError) {
    let mut words = Words(0);
    let _ = write!(words, "{error}");
    assert!(words.0 > 0 && CloseCode::from_number(error.close_code().number()).is_some());
}

/// Counts what is written.
struct Words(usize);

impl fmt::Write for Words {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let files = [("control", 1), ("events", 0), ("datagrams", 2), ("invalid", 0), ("varint", 3), ("close", 3)];
    for (file, place) in files {
        let text = repository::text(&format!("router/edge-wire/vectors/{file}.json"));
        let vectors: serde_json::Value = serde_json::from_str(&text).expect("the vectors are JSON");
        for entry in vectors.as_array().into_iter().flatten() {
            let place = match (entry["from"].as_str(), entry["place"].as_str()) {
                (Some("client"), _) | (_, Some("stream-client")) => 0,
                (_, Some("stream-server")) => 1,
                (_, Some("datagram")) => 2,
                _ => place,
            };
            let bytes = repository::unhex(entry["hex"].as_str().unwrap_or_default());
            let mut body = Vec::new();
            entry["code"].as_u64().into_iter().for_each(|code| varint::write(code, &mut body));
            body.extend(bytes);
            seeds.extend([0, 3 << 2].map(|piece| [vec![place | piece], body.clone()].concat()));
        }
    }
    seeds
}
