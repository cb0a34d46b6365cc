//! Streams of frames, cut anywhere.

use edge_event::{Class, EventTypeId, Seq};
use proptest::prelude::*;

use super::*;
use crate::codes::CloseCode;
use crate::datagram::{DatagramEvents, DatagramPacker, Packed};
use crate::event::EventFrame;
use crate::varint;

const PAYLOAD_MAX: usize = limits::EVENT_PAYLOAD_BYTES_DEFAULT;

fn event(seq: u64, payload: &[u8]) -> EventFrame {
    EventFrame { seq: Seq(seq), event_type: EventTypeId(7), client_ms: 42, payload: Bytes::copy_from_slice(payload) }
}

fn stream(events: &[EventFrame]) -> Vec<u8> {
    let mut out = Vec::new();
    StreamHeader::Events(Class::ALL[2]).encode(&mut out);
    events.iter().for_each(|event| event.encode(&mut out).expect("within limits"));
    out
}

/// Feeds chunks and polls in between, as a session does.
fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<EventFrame>, FrameError> {
    let mut decoder = FrameDecoder::client_stream(PAYLOAD_MAX);
    let mut out = Vec::new();
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        while let Some(frame) = decoder.poll()? {
            out.push(EventFrame::decode_reliable(frame.body, PAYLOAD_MAX)?);
        }
    }
    decoder.finish()?;
    Ok(out)
}

fn code_of(bytes: &[u8]) -> CloseCode {
    decode([bytes]).expect_err("must be refused").close_code()
}

#[test]
fn a_payload_is_a_slice_of_its_chunk() {
    let bytes = Bytes::from(stream(&[event(1, b"payload")]));
    let mut decoder = FrameDecoder::client_stream(PAYLOAD_MAX);
    decoder.push(bytes.clone());
    let frame = decoder.poll().expect("decodes").expect("is whole");
    let payload = EventFrame::decode(frame.body, PAYLOAD_MAX).expect("decodes").payload;
    assert_eq!(payload.as_ptr(), bytes[bytes.len() - 7..].as_ptr());
    assert_eq!(decoder.header(), Some(StreamHeader::Events(Class::ALL[2])));
    assert!(!decoder.is_partial());
}

#[test]
fn refusals_at_the_head() {
    assert_eq!(code_of(&[3]), CloseCode::StreamTypeUnknown);
    assert_eq!(code_of(&[2, 9]), CloseCode::StreamTypeUnknown);
    assert_eq!(code_of(&[2, 0, 0x21, 0]), CloseCode::FrameUnknown);
    assert_eq!(code_of(&[2, 0, 0x80, 0, 0x40, 0]), CloseCode::FrameUnknown, "0x4000 lies past the extension range");
    assert_eq!(code_of(&[2, 0, 0x40, 0x20, 0]), CloseCode::FrameMalformed, "EVENT in two bytes");
    assert_eq!(code_of(&[2, 0, 0x01, 0]), CloseCode::FrameUnexpected, "HELLO on an events stream");
    assert_eq!(code_of(&[1, 0x20, 0]), CloseCode::FrameUnexpected, "EVENT on the control stream");
    assert_eq!(code_of(&[1, 0x13, 0]), CloseCode::FrameUnexpected, "RECEIPT from a client");
    assert_eq!(code_of(&[2, 0, 0x20, 0x80, 0, 0x40, 0x19]), CloseCode::FrameTooLarge, "16,409 bytes of 16,408");
    assert_eq!(code_of(&[1, 0x01, 0x60, 0x01]), CloseCode::FrameTooLarge, "8,193 bytes of 8,192");
}

#[test]
fn refusals_in_the_body() {
    assert_eq!(code_of(&[2, 0, 0x20, 2, 1, 7]), CloseCode::FrameMalformed, "no client_ms");
    assert_eq!(code_of(&[2, 0, 0x20, 3, 0, 7, 1]), CloseCode::FrameMalformed, "seq 0");
    let wide = [2, 0, 0x20, 10, 1, 0xc0, 0, 0, 1, 0, 0, 0, 0, 1];
    assert_eq!(code_of(&wide), CloseCode::FrameMalformed, "event type 2^32");
    let mut long = Vec::new();
    StreamHeader::Events(Class::ALL[0]).encode(&mut long);
    event(1, &vec![0; PAYLOAD_MAX + 1]).encode(&mut long).expect("some server may grant it");
    assert_eq!(code_of(&long), CloseCode::FrameTooLarge);
}

#[test]
fn ends_inside_a_frame_are_truncations() {
    let bytes = stream(&[event(1, b"abc"), event(2, b"")]);
    let borders = [bytes.len(), 10, 2];
    for end in (0..bytes.len()).filter(|end| !borders.contains(end)) {
        assert!(matches!(decode([&bytes[..end]]), Err(FrameError::Truncated { .. })), "{end}");
    }
}

#[test]
fn extension_frames_are_skipped_without_being_kept() {
    let mut bytes = vec![2, 0];
    varint::write(0x3fff, &mut bytes);
    varint::write(limits::EXTENSION_BODY_BYTES_MAX as u64, &mut bytes);
    let mut decoder = FrameDecoder::client_stream(PAYLOAD_MAX);
    decoder.push(bytes.into());
    for _ in 0..limits::EXTENSION_BODY_BYTES_MAX {
        assert_eq!(decoder.poll(), Ok(None));
        assert!(decoder.is_partial() && decoder.kept_bytes() == 0);
        decoder.push(Bytes::from_static(&[0xff]));
    }
    assert_eq!((decoder.poll(), decoder.is_partial(), decoder.extensions()), (Ok(None), false, 1));
    decoder.push(stream(&[event(1, b"x")])[2..].to_vec().into());
    assert!(decoder.poll().expect("decodes").is_some());
    assert_eq!(code_of(&[2, 0, 0x40, 0x40, 0x60, 0x01]), CloseCode::FrameTooLarge);
}

#[test]
fn extension_frames_are_counted() {
    let mut bytes = vec![2, 0];
    bytes.extend([0x40, 0x40, 0].repeat(limits::EXTENSION_FRAMES_MAX as usize));
    assert_eq!(decode([&bytes[..]]), Ok(vec![]));
    bytes.extend([0x40, 0x40, 0]);
    assert_eq!(code_of(&bytes), CloseCode::LimitExceeded);
}

#[test]
fn an_incomplete_body_keeps_no_more_than_it_got() {
    let mut decoder = FrameDecoder::client_stream(PAYLOAD_MAX);
    decoder.push(stream(&[event(1, &[9; 16_000])])[..40].to_vec().into());
    assert_eq!(decoder.poll(), Ok(None));
    assert!(decoder.kept_bytes() <= 128, "{}", decoder.kept_bytes());
}

fn any_event(seq: u64) -> impl Strategy<Value = EventFrame> {
    let payload = prop::collection::vec(any::<u8>(), 0..100);
    (any::<u32>(), 0..=varint::MAX, payload).prop_map(move |(event_type, client_ms, payload)| EventFrame {
        seq: Seq(seq),
        event_type: EventTypeId(event_type),
        client_ms,
        payload: payload.into(),
    })
}

proptest! {
    #[test]
    fn events_round_trip_however_they_are_cut(
        events in prop::collection::vec((1..=varint::MAX).prop_flat_map(any_event), 0..6),
        sizes in prop::collection::vec(1usize..60, 1..8),
    ) {
        let bytes = stream(&events);
        let mut rest = &bytes[..];
        let mut chunks = Vec::new();
        for size in sizes.iter().cycle() {
            let (chunk, left) = rest.split_at((*size).min(rest.len()));
            chunks.push(chunk);
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(decode(chunks), Ok(events.clone()));
        let lens: usize = events.iter().map(EventFrame::encoded_len).sum();
        prop_assert_eq!(lens + 2, bytes.len());
    }

    /// However bytes are cut, they mean the same.
    #[test]
    fn any_stream_decodes_or_errs(bytes in prop::collection::vec(any::<u8>(), 0..120), known in any::<bool>()) {
        let mut stream = if known { vec![2, 1, 0x20] } else { Vec::new() };
        stream.extend(bytes);
        let whole = decode([&stream[..]]);
        prop_assert_eq!(&decode(stream.chunks(1)), &whole);
        prop_assert_eq!(&decode(stream.chunks(7)), &whole);
    }

    #[test]
    fn datagrams_round_trip(
        events in prop::collection::vec(any_event(0), 0..80),
        max in 130usize..400,
    ) {
        let mut packer = DatagramPacker::new();
        let mut datagrams = Vec::new();
        for event in &events {
            match packer.push(event, max).expect("within limits") {
                Packed::Added => {}
                Packed::Full(datagram) => datagrams.push(datagram),
                Packed::TooLarge => prop_assert!(event.encoded_len() > max),
            }
        }
        datagrams.extend(packer.take());
        prop_assert!(datagrams.iter().all(|datagram| datagram.len() <= max));
        let unpacked = datagrams.into_iter().flat_map(|datagram| DatagramEvents::new(datagram.into(), PAYLOAD_MAX));
        prop_assert_eq!(unpacked.collect::<Result<Vec<_>, _>>(), Ok(events));
    }

    #[test]
    fn any_datagram_decodes_or_errs(bytes in prop::collection::vec(any::<u8>(), 0..120), known in any::<bool>()) {
        let mut datagram = if known { vec![0x20] } else { Vec::new() };
        datagram.extend(bytes);
        let mut events = DatagramEvents::new(datagram.into(), PAYLOAD_MAX);
        while let Some(Ok(_)) = events.next() {}
        prop_assert!(events.next().is_none());
    }
}

#[test]
fn datagram_refusals() {
    let code = |bytes: &[u8]| {
        let mut events = DatagramEvents::new(Bytes::copy_from_slice(bytes), PAYLOAD_MAX);
        events.find_map(Result::err).expect("must be refused").close_code()
    };
    assert_eq!(code(&[0x20, 3, 1, 7, 1]), CloseCode::FrameMalformed, "a seq");
    assert_eq!(code(&[0x20, 4, 0, 7, 1]), CloseCode::FrameMalformed, "truncated");
    assert_eq!(code(&[0x20]), CloseCode::FrameMalformed, "head truncated");
    assert_eq!(code(&[0x01, 0]), CloseCode::FrameUnexpected, "HELLO");
    assert_eq!(code(&[0x20, 3, 0, 7, 1].repeat(65)), CloseCode::LimitExceeded, "65 events");
}

#[test]
fn a_datagram_has_a_count_limit() {
    let mut packer = DatagramPacker::new();
    for _ in 0..limits::DATAGRAM_EVENTS_MAX {
        assert_eq!(packer.push(&event(0, b""), 1200), Ok(Packed::Added));
    }
    assert!(matches!(packer.push(&event(0, b""), 1200), Ok(Packed::Full(_))));
    assert_eq!(packer.events(), 1);
    assert_eq!(packer.push(&event(0, &[0; 1200]), 1200), Ok(Packed::TooLarge));
}
