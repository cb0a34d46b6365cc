//! Whatever bytes come, decoding allocates no more than a stated multiple of what it was given.
#![allow(unsafe_code, reason = "a counting allocator has to implement GlobalAlloc")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use edge_wire::{ClientFrame, DatagramEvents, EventFrame, FrameDecoder, FrameType, RawFrame, ServerFrame, limits};
use proptest::prelude::*;

thread_local! {
    static ALLOCATED_BYTES: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; counting touches a const-initialised cell only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED_BYTES.set(ALLOCATED_BYTES.get() + layout.size());
        // SAFETY: the caller's promise is the system allocator's condition.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the system allocator's condition.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocated_by(work: impl FnOnce()) -> usize {
    let before = ALLOCATED_BYTES.get();
    work();
    ALLOCATED_BYTES.get() - before
}

/// Entries of repeated fields are bounded by their count limits; texts by the body's length.
const FIXED_BYTES: usize = 8192;

proptest! {
    #[test]
    fn bodies(ty in prop::sample::select(FrameType::ALL.to_vec()), body in prop::collection::vec(any::<u8>(), 0..8192)) {
        let len = body.len();
        let frame = RawFrame { ty, body: body.into() };
        let client = allocated_by(|| drop(ClientFrame::decode(frame.clone())));
        let server = allocated_by(|| drop(ServerFrame::decode(frame.clone())));
        prop_assert!(client.max(server) <= 4 * len + FIXED_BYTES, "{client} {server} of {len}");
    }
}

/// The head of a stream of events, then whole and broken frames in any order.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let frame = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        (prop::sample::select(FrameType::ALL.to_vec()), prop::collection::vec(any::<u8>(), 0..2048)).prop_map(
            |(ty, body)| {
                let mut bytes = Vec::new();
                edge_wire::varint::write(ty.to_wire(), &mut bytes);
                edge_wire::varint::write(body.len() as u64, &mut bytes);
                bytes.extend(body);
                bytes
            }
        ),
    ];
    prop::collection::vec(frame, 0..8).prop_map(|frames| [vec![2, 0], frames.concat()].concat())
}

proptest! {
    #[test]
    fn any_stream_in_any_pieces(stream in streams(), piece in 1_usize..4096) {
        let len = stream.len();
        let pieces: Vec<Bytes> = stream.chunks(piece).map(Bytes::copy_from_slice).collect();
        let count = pieces.len();
        let bytes = allocated_by(|| {
            let mut decoder = FrameDecoder::client_stream(limits::EVENT_PAYLOAD_BYTES_DEFAULT);
            for piece in pieces {
                decoder.push(piece);
                loop {
                    match decoder.poll() {
                        Ok(Some(frame)) => {
                            drop(EventFrame::decode_reliable(frame.body, limits::EVENT_PAYLOAD_BYTES_DEFAULT));
                        }
                        Ok(None) => break,
                        Err(_) => return, // the connection is closed; nothing more is pushed
                    }
                }
            }
        });
        // All that was ever allocated, not what is held at once.
        prop_assert!(bytes <= 4 * len + 256 * count + FIXED_BYTES, "{bytes} of {len} in {count} pieces");
    }

    #[test]
    fn any_datagram(datagram in prop::collection::vec(any::<u8>(), 0..2048)) {
        let len = datagram.len();
        let datagram = Bytes::from(datagram);
        let bytes = allocated_by(|| {
            let _ = DatagramEvents::new(datagram, limits::EVENT_PAYLOAD_BYTES_DEFAULT).count();
        });
        prop_assert!(bytes <= len + 512, "{bytes} of {len}");
    }
}

/// The count is checked before the entries are built.
#[test]
fn a_body_of_nothing_but_entries() {
    for tag in [0x1a, 0x42] {
        let body = Bytes::from([tag, 0].repeat(limits::CONTROL_BODY_BYTES_MAX / 2));
        let frame = RawFrame { ty: FrameType::Hello, body };
        let bytes = allocated_by(|| assert!(ClientFrame::decode(frame).is_err()));
        assert!(bytes <= 512, "{bytes}");
    }
}

/// A head that announces much, or too much, costs nothing before the bytes come.
#[test]
fn announced_lengths() {
    for head in
        [&[2u8, 0, 0x20, 0x80, 0, 0x40, 0x18][..], &[2, 0, 0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]
    {
        let chunk = Bytes::copy_from_slice(head);
        let bytes = allocated_by(|| {
            let mut decoder = FrameDecoder::client_stream(limits::EVENT_PAYLOAD_BYTES_DEFAULT);
            decoder.push(chunk);
            let _ = decoder.poll();
        });
        assert!(bytes <= 128, "{bytes}");
    }
}

/// An event whose chunk holds it whole costs no allocation.
#[test]
fn whole_events_are_free() {
    let mut stream = Vec::new();
    edge_wire::StreamHeader::Events(edge_event::Class::ALL[0]).encode(&mut stream);
    let frame = |seq| EventFrame {
        seq: edge_event::Seq(seq),
        event_type: edge_event::EventTypeId(1),
        client_ms: 5,
        payload: Bytes::from_static(&[1; 40]),
    };
    (1..=20).for_each(|seq| frame(seq).encode(&mut stream).expect("within limits"));
    let mut decoder = FrameDecoder::client_stream(limits::EVENT_PAYLOAD_BYTES_DEFAULT);
    decoder.push(stream.into());
    let first = decoder.poll().expect("decodes").expect("is whole");
    let mut events = 1;
    let bytes = allocated_by(|| {
        drop(EventFrame::decode_reliable(first.body, 16_384).expect("decodes"));
        while let Some(frame) = decoder.poll().expect("decodes") {
            drop(EventFrame::decode_reliable(frame.body, 16_384).expect("decodes"));
            events += 1;
        }
    });
    // The first clone of a vector-backed buffer makes its reference count.
    assert!(events == 20 && bytes <= 64, "{events} events, {bytes} bytes");
    let datagram = Bytes::from_static(&[0x20, 3, 0, 7, 1, 0x20, 3, 0, 7, 1]);
    let bytes = allocated_by(|| assert_eq!(DatagramEvents::new(datagram, 16_384).count(), 2));
    assert_eq!(bytes, 0);
}
