//! Control frames: round trips, refusals with their codes, and any bytes at all.

use bytes::Bytes;
use edge_event::{CommandId, NodeId, ProducerId, UnixMillis};
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::codes::{CloseCode, RefuseCode, RejectCode};
use crate::decoder::FrameDecoder;
use crate::stream::StreamHeader;
use crate::{limits, proto};

fn hello() -> Hello {
    Hello {
        token: Token("h.p.s".into()),
        producer: ProducerId([7; 16]),
        highest_receipts: [Seq(3), Seq(0), Seq(9), Seq(0)],
        build: "1.2.3".into(),
        platform: "pc".into(),
        locale: "pt-BR".into(),
        catalogue_digest: [1; 32],
        attributes: vec![("a".into(), "1".into()), ("b".into(), "2".into())],
        idle_timeout_ms: 15_000,
        client_ms: 123,
    }
}

/// A frame of the client's control stream, as the server meets it.
fn client_frames(bytes: Vec<u8>) -> Result<Vec<ClientFrame>, FrameError> {
    let mut stream = Vec::new();
    StreamHeader::Control.encode(&mut stream);
    stream.extend(bytes);
    let mut decoder = FrameDecoder::client_stream(limits::EVENT_PAYLOAD_BYTES_DEFAULT);
    decoder.push(stream.into());
    let mut out = Vec::new();
    while let Some(frame) = decoder.poll()? {
        out.push(ClientFrame::decode(frame)?);
    }
    decoder.finish()?;
    Ok(out)
}

fn server_frames(bytes: Vec<u8>) -> Result<Vec<ServerFrame>, FrameError> {
    let mut decoder = FrameDecoder::server_control();
    decoder.push(bytes.into());
    let mut out = Vec::new();
    while let Some(frame) = decoder.poll()? {
        out.push(ServerFrame::decode(frame)?);
    }
    decoder.finish()?;
    Ok(out)
}

/// A frame around a body that our own encoder would refuse.
fn forged(ty: FrameType, message: &impl Message) -> Vec<u8> {
    let mut out = Vec::new();
    varint::write(ty.to_wire(), &mut out);
    varint::write(message.encoded_len() as u64, &mut out);
    message.encode_raw(&mut out);
    out
}

fn check_hello(change: impl FnOnce(&mut proto::Hello), expected: &Expect) {
    let mut proto = hello().to_proto();
    change(&mut proto);
    let error = client_frames(forged(FrameType::Hello, &proto)).expect_err("must be refused");
    expected.assert_eq(&format!("{}: {error}", error.close_code()));
}

fn class_seq(class: u32, seq: u64) -> ClassSeq {
    ClassSeq { class, seq }
}

fn attribute(name: &str, value: &str) -> proto::Attribute {
    proto::Attribute { name: name.into(), value: value.into() }
}

#[test]
fn hello_is_refused_field_by_field() {
    check_hello(
        |h| h.token.clear(),
        &expect!["FRAME_MALFORMED: body of frame type 0x1: Hello.token is empty: send the issuer's token"],
    );
    check_hello(
        |h| h.token = "x".repeat(4097),
        &expect!["LIMIT_EXCEEDED: body of frame type 0x1: Hello.token has 4097 bytes of at most 4096: shorten it"],
    );
    check_hello(
        |h| h.producer_id = Bytes::from_static(b"short"),
        &expect!["FRAME_MALFORMED: body of frame type 0x1: Hello.producer_id has not exactly 16 bytes"],
    );
    check_hello(
        |h| h.producer_id = Bytes::from_static(&[0; 16]),
        &expect![
            "FRAME_MALFORMED: body of frame type 0x1: Hello.producer_id is all zero: make 16 random bytes once and keep them"
        ],
    );
    check_hello(
        |h| h.highest_receipts = vec![class_seq(1, 1); 2],
        &expect![
            "FRAME_MALFORMED: body of frame type 0x1: Hello.highest_receipts names a class twice: name each at most once"
        ],
    );
    check_hello(
        |h| h.highest_receipts = vec![class_seq(1, 1); 5],
        &expect![
            "LIMIT_EXCEEDED: body of frame type 0x1: Hello.highest_receipts occurs more than 4 times: send at most that many"
        ],
    );
    check_hello(
        |h| h.highest_receipts = vec![class_seq(4, 1)],
        &expect![
            "LIMIT_EXCEEDED: body of frame type 0x1: ClassSeq.class is 4 of at most 3: see its unit in wire.proto"
        ],
    );
    check_hello(
        |h| h.highest_receipts = vec![class_seq(1, 1 << 62)],
        &expect![
            "LIMIT_EXCEEDED: body of frame type 0x1: ClassSeq.seq is 4611686018427387904 of at most 4611686018427387903: see its unit in wire.proto"
        ],
    );
    check_hello(
        |h| h.build = "a\nb".into(),
        &expect![
            "FRAME_MALFORMED: body of frame type 0x1: Hello.build is not plain text: send UTF-8 without control characters"
        ],
    );
    check_hello(
        |h| h.catalogue_digest = Bytes::new(),
        &expect!["FRAME_MALFORMED: body of frame type 0x1: Hello.catalogue_digest has not exactly 32 bytes"],
    );
    check_hello(
        |h| h.attributes = vec![attribute("a", ""); 17],
        &expect![
            "LIMIT_EXCEEDED: body of frame type 0x1: Hello.attributes occurs more than 16 times: send at most that many"
        ],
    );
    check_hello(
        |h| h.attributes = vec![attribute("a", ""); 2],
        &expect![
            "FRAME_MALFORMED: body of frame type 0x1: Hello.attributes name an attribute twice: name each at most once"
        ],
    );
    check_hello(
        |h| h.attributes = vec![attribute("", "v")],
        &expect!["FRAME_MALFORMED: body of frame type 0x1: Hello.attributes have an empty name: name each attribute"],
    );
    check_hello(
        |h| h.attributes = vec![attribute("a", &"v".repeat(129))],
        &expect!["LIMIT_EXCEEDED: body of frame type 0x1: Attribute.value has 129 bytes of at most 128: shorten it"],
    );
    check_hello(
        |h| h.idle_timeout_ms = u64::MAX,
        &expect![
            "LIMIT_EXCEEDED: body of frame type 0x1: Hello.idle_timeout_ms is 18446744073709551615 of at most 2592000000: see its unit in wire.proto"
        ],
    );
}

/// A number that prost would cut to 32 bits is refused, not cut.
#[test]
fn numbers_are_not_cut() {
    let body = [0x08, 0x81, 0x80, 0x80, 0x80, 0x10, 0x10, 0x01];
    let mut bytes = vec![FrameType::Receipt as u8, body.len() as u8];
    bytes.extend(body);
    let error = server_frames(bytes).expect_err("class 2^32 + 1");
    assert_eq!(error.close_code(), CloseCode::LimitExceeded);
}

#[test]
fn attributes_arrive_sorted() {
    let mut proto = hello().to_proto();
    proto.attributes.reverse();
    assert_eq!(client_frames(forged(FrameType::Hello, &proto)), Ok(vec![ClientFrame::Hello(Box::new(hello()))]));
}

#[test]
fn unknown_fields_are_skipped() {
    let mut bytes = vec![FrameType::Receipt as u8, 9, 0x08, 1, 0x10, 5];
    bytes.extend([0x7a, 3, b'n', b'e', b'w']);
    let receipt = Receipt { class: Class::ALL[1], up_to: Seq(5) };
    assert_eq!(server_frames(bytes), Ok(vec![ServerFrame::Receipt(receipt)]));
}

#[test]
fn groups_and_wrong_wire_types_are_malformed() {
    for body in [&[0x0b, 0x0c][..], &[0x0d, 0, 0, 0, 0], &[0x0a, 0], &[0x08], &[0x00, 0], &[0x0a, 0xff, 0x7f]] {
        let mut bytes = vec![FrameType::Receipt as u8, body.len() as u8];
        bytes.extend(body);
        let error = server_frames(bytes).expect_err("must be refused");
        assert_eq!(error.close_code(), CloseCode::FrameMalformed, "{body:x?}: {error}");
    }
}

#[test]
fn the_encoder_keeps_the_receiver_s_limits() {
    let mut out = vec![1, 2, 3];
    let long = Reject::new(Class::ALL[0], Seq(1), RejectCode::PayloadLimit, "x".repeat(513));
    assert!(matches!(ServerFrame::Reject(long).encode(&mut out), Err(EncodeError::Body(BodyError::TooLong { .. }))));
    let body = Bytes::from(vec![b'x'; limits::CONTROL_BODY_BYTES_MAX + 1]);
    let huge = Command { id: CommandId([1; 16]), name: "n".into(), body };
    assert!(matches!(ServerFrame::Command(huge).encode(&mut out), Err(EncodeError::TooLarge { .. })));
    let nowhere = Move { reason: MoveReason::Drain, within_ms: 1, endpoints: vec!["nowhere".into()] };
    assert!(ServerFrame::Move(nowhere).encode(&mut out).is_err());
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn the_largest_hello_fits_one_frame() {
    let name = |n: usize| format!("{n:0>32}");
    let largest = Hello {
        token: Token("x".repeat(limits::TOKEN_BYTES_MAX)),
        producer: ProducerId([255; 16]),
        highest_receipts: [Seq(varint::MAX); CLASSES],
        build: "b".repeat(limits::BUILD_BYTES_MAX),
        platform: "p".repeat(limits::PLATFORM_BYTES_MAX),
        locale: "l".repeat(limits::LOCALE_BYTES_MAX),
        catalogue_digest: [255; 32],
        attributes: (0..16).map(|n| (name(n), "v".repeat(limits::ATTRIBUTE_VALUE_BYTES_MAX))).collect(),
        idle_timeout_ms: limits::DURATION_MS_MAX,
        client_ms: varint::MAX,
    };
    let mut out = Vec::new();
    ClientFrame::Hello(Box::new(largest.clone())).encode(&mut out).expect("fits");
    assert_eq!(client_frames(out), Ok(vec![ClientFrame::Hello(Box::new(largest))]));
}

#[test]
fn tokens_are_not_printed() {
    let text = format!("{:?}", hello());
    assert!(text.contains("Token(5 bytes)") && !text.contains("h.p.s"), "{text}");
}

#[test]
fn frames_of_the_other_side_are_unexpected() {
    let mut out = Vec::new();
    ClientFrame::Reauth(Reauth { token: Token("t".into()) }).encode(&mut out).expect("fits");
    let error = server_frames(out).expect_err("REAUTH from a server");
    assert_eq!(error.close_code(), CloseCode::FrameUnexpected);
}

fn any_class() -> impl Strategy<Value = Class> {
    prop::sample::select(Class::ALL.to_vec())
}

fn any_seq() -> impl Strategy<Value = Seq> {
    (0..=varint::MAX).prop_map(Seq)
}

fn any_duration() -> impl Strategy<Value = u64> {
    0..=limits::DURATION_MS_MAX
}

fn any_welcome() -> impl Strategy<Value = Welcome> {
    let seqs = || prop::array::uniform4(any_seq());
    let bytes = limits::EVENT_PAYLOAD_BYTES_DEFAULT as u32..=limits::EVENT_PAYLOAD_BYTES_MAX as u32;
    let limits = (bytes, any::<[u32; 4]>()).prop_map(|(event_payload_bytes_max, rates)| SessionLimits {
        event_payload_bytes_max,
        events_per_second: rates[0],
        bytes_per_second: rates[1],
        datagrams_per_second: rates[2],
        outstanding_events_max: rates[3],
    });
    let scalars =
        (any::<bool>(), any_duration(), 0..=(varint::MAX >> 1) as i64, any::<u32>(), any::<u64>(), any_duration());
    (scalars, seqs(), seqs(), limits, any::<[u8; 32]>()).prop_map(
        |(scalars, receipts, credit, limits, catalogue_digest)| {
            let (resumed, session_ttl_ms, time, node, revision, idle_timeout_ms) = scalars;
            let (server_time, node) = (UnixMillis(time), NodeId(node));
            Welcome {
                resumed,
                session_ttl_ms,
                receipts,
                limits,
                credit,
                server_time,
                node,
                revision,
                catalogue_digest,
                idle_timeout_ms,
            }
        },
    )
}

fn any_server_frame() -> impl Strategy<Value = ServerFrame> {
    let refuse = (prop::sample::select(RefuseCode::ALL.to_vec()), "[a-zé ]{0,80}", any_duration());
    let reject = (any_class(), any_seq(), prop::sample::select(RejectCode::ALL.to_vec()), "[a-z ]{0,80}");
    let command = (any::<[u8; 16]>(), "[a-z.]{0,128}", prop::collection::vec(any::<u8>(), 0..300));
    let moved = (any::<u16>(), any_duration(), prop::collection::vec("[a-z]{1,9}:[1-9][0-9]{0,3}", 0..=8));
    prop_oneof![
        any_welcome().prop_map(|welcome| ServerFrame::Welcome(Box::new(welcome))),
        refuse.prop_map(|(code, detail, ms)| ServerFrame::Refuse(Refuse::new(code, detail, (ms > 0).then_some(ms)))),
        (any_class(), any_seq()).prop_map(|(class, up_to)| ServerFrame::Receipt(Receipt { class, up_to })),
        (any_class(), any_seq()).prop_map(|(class, up_to)| ServerFrame::Credit(Credit { class, up_to })),
        command.prop_map(|(id, name, body)| ServerFrame::Command(Command {
            id: CommandId(id),
            name,
            body: body.into()
        })),
        reject.prop_map(|(class, seq, code, detail)| ServerFrame::Reject(Reject::new(class, seq, code, detail))),
        moved.prop_map(|(reason, within_ms, endpoints)| {
            ServerFrame::Move(Move { reason: MoveReason::from_number(reason), within_ms, endpoints })
        }),
    ]
}

proptest! {
    #[test]
    fn server_frames_round_trip(frames in prop::collection::vec(any_server_frame(), 0..6)) {
        let mut out = Vec::new();
        for frame in &frames {
            frame.encode(&mut out).expect("within limits");
        }
        prop_assert_eq!(server_frames(out), Ok(frames));
    }

    #[test]
    fn any_body_decodes_or_errs(
        ty in prop::sample::select(FrameType::ALL.to_vec()),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let body = Bytes::from(body);
        let _ = ClientFrame::decode(RawFrame { ty, body: body.clone() });
        let _ = ServerFrame::decode(RawFrame { ty, body });
    }

    /// One changed byte of a good frame: what still decodes encodes again and means the same.
    #[test]
    fn a_changed_byte_decodes_or_errs(at in any::<prop::sample::Index>(), byte: u8) {
        let mut out = Vec::new();
        ClientFrame::Hello(Box::new(hello())).encode(&mut out).expect("within limits");
        let at = at.index(out.len());
        out[at] = byte;
        for frame in client_frames(out).into_iter().flatten() {
            let mut again = Vec::new();
            frame.encode(&mut again).expect("what decodes encodes");
            prop_assert_eq!(client_frames(again), Ok(vec![frame]));
        }
    }
}
