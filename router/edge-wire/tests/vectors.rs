//! Byte vectors for other languages: generated from the cases below, compared with `vectors/*.json`, decoded again.
//!
//! `EDGE_BLESS=1` rewrites the files. Deliberately absent: random cases; those are property tests beside the code.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use edge_event::{Class, CommandId, EventTypeId, NodeId, Partition, ProducerId, Seq, UnixMillis};
use edge_wire::{
    ClientFrame, CloseCode, CloseReason, Command, Credit, DatagramEvents, EventFrame, FrameDecoder, FrameError, Hello,
    Move, MoveReason, Reauth, Receipt, Refuse, RefuseCode, Reject, RejectCode, ServerFrame, SessionLimits,
    StreamHeader, Token, Welcome, keys, limits, varint,
};
use serde_json::{Value, json};

const PAYLOAD_MAX: usize = limits::EVENT_PAYLOAD_BYTES_DEFAULT;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Spaces are for the reader.
fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal");
    digits.chunks(2).map(byte).collect()
}

/// One entry a line, so that differences read well.
fn check(name: &str, entries: &[Value]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    let lines: Vec<_> = entries.iter().map(|entry| format!("  {entry}")).collect();
    let wanted = format!("[\n{}\n]\n", lines.join(",\n"));
    if std::env::var_os("EDGE_BLESS").is_some() {
        fs::write(&path, &wanted).expect("vectors can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "vectors/{name} is stale: run this test with EDGE_BLESS=1 and read the difference");
}

fn number(value: u64) -> Value {
    json!(value.to_string())
}

fn seqs(seqs: &[Seq; 4]) -> Value {
    let named = Class::ALL.into_iter().filter(|class| seqs[class.index()] != Seq(0));
    named.map(|class| json!({"class": class.get(), "seq": number(seqs[class.index()].0)})).collect()
}

fn event(seq: u64, event_type: u32, client_ms: u64, payload: &[u8]) -> EventFrame {
    let payload = Bytes::copy_from_slice(payload);
    EventFrame { seq: Seq(seq), event_type: EventTypeId(event_type), client_ms, payload }
}

fn event_json(event: &EventFrame) -> Value {
    json!({
        "seq": number(event.seq.0),
        "event_type": event.event_type.0,
        "client_ms": number(event.client_ms),
        "payload": hex(&event.payload),
    })
}

fn decode_stream<T>(
    mut decoder: FrameDecoder,
    bytes: &[u8],
    decode: impl Fn(edge_wire::RawFrame) -> Result<T, FrameError>,
) -> Result<Vec<T>, FrameError> {
    decoder.push(Bytes::copy_from_slice(bytes));
    let mut out = Vec::new();
    while let Some(frame) = decoder.poll()? {
        out.push(decode(frame)?);
    }
    decoder.finish().map(|()| out)
}

/// What a server makes of a stream that a client opened.
fn decode_client_stream(bytes: &[u8]) -> Result<(), FrameError> {
    let decoder = FrameDecoder::client_stream(PAYLOAD_MAX);
    let events = StreamHeader::decode(bytes)?.is_some_and(|(header, _)| header != StreamHeader::Control);
    decode_stream(decoder, bytes, |frame| match events {
        true => EventFrame::decode_reliable(frame.body, PAYLOAD_MAX).map(drop),
        false => ClientFrame::decode(frame).map(drop),
    })
    .map(drop)
}

#[test]
fn varints() {
    let shortest = [0, 37, 0x3f, 0x40, 15_293, 0x3fff, 0x4000, 494_878_333, 0x3fff_ffff, 0x4000_0000, varint::MAX];
    let mut entries = Vec::new();
    for value in shortest {
        let mut out = Vec::new();
        varint::write(value, &mut out);
        entries.push(json!({"hex": hex(&out), "value": number(value), "shortest": true}));
    }
    for longer in ["4025", "80000025", "c000000000000025"] {
        let (value, _) = varint::read(&unhex(longer)).expect("whole");
        entries.push(json!({"hex": longer, "value": number(value), "shortest": false}));
    }
    check("varint.json", &entries);
}

fn hello() -> Hello {
    Hello {
        token: Token("eyJhbGciOiJFZERTQSJ9.e30.c2ln".into()),
        producer: ProducerId(*b"producer-id-0001"),
        highest_receipts: [Seq(41), Seq(0), Seq(7), Seq(0)],
        build: "4.10.0".into(),
        platform: "pc".into(),
        locale: "pt-BR".into(),
        catalogue_digest: [0xca; 32],
        attributes: vec![("gpu".into(), "none".into()), ("store".into(), "own".into())],
        idle_timeout_ms: 15_000,
        client_ms: 123_456_789,
    }
}

fn hello_json(hello: &Hello) -> Value {
    let attributes: Value =
        hello.attributes.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    json!({"HELLO": {
        "token": hello.token.as_str(),
        "producer_id": hex(&hello.producer.0),
        "highest_receipts": seqs(&hello.highest_receipts),
        "build": hello.build,
        "platform": hello.platform,
        "locale": hello.locale,
        "catalogue_digest": hex(&hello.catalogue_digest),
        "attributes": attributes,
        "idle_timeout_ms": number(hello.idle_timeout_ms),
        "client_ms": number(hello.client_ms),
    }})
}

fn client_streams() -> Vec<Value> {
    let bare = Hello { token: Token("t".into()), producer: ProducerId([1; 16]), ..Hello::default() };
    let reauth = ClientFrame::Reauth(Reauth { token: Token("eyJhbGciOiJFZERTQSJ9.e30.bmV3".into()) });
    let streams = [vec![ClientFrame::Hello(Box::new(bare))], vec![ClientFrame::Hello(Box::new(hello())), reauth]];
    let mut entries = Vec::new();
    for frames in streams {
        let mut bytes = Vec::new();
        StreamHeader::Control.encode(&mut bytes);
        frames.iter().for_each(|frame| frame.encode(&mut bytes).expect("within limits"));
        let decoder = FrameDecoder::client_stream(PAYLOAD_MAX);
        assert_eq!(decode_stream(decoder, &bytes, ClientFrame::decode), Ok(frames.clone()));
        let frames: Value = frames
            .iter()
            .map(|frame| match frame {
                ClientFrame::Hello(hello) => hello_json(hello),
                ClientFrame::Reauth(reauth) => json!({"REAUTH": {"token": reauth.token.as_str()}}),
            })
            .collect();
        entries.push(json!({"from": "client", "hex": hex(&bytes), "frames": frames}));
    }
    entries
}

fn server_cases() -> Vec<ServerFrame> {
    let welcome = Welcome {
        resumed: true,
        session_ttl_ms: 120_000,
        receipts: [Seq(42), Seq(0), Seq(7), Seq(0)],
        limits: SessionLimits {
            event_payload_bytes_max: 16_384,
            events_per_second: 500,
            bytes_per_second: 262_144,
            datagrams_per_second: 200,
            outstanding_events_max: 256,
        },
        credit: [Seq(298), Seq(256), Seq(263), Seq(256)],
        server_time: UnixMillis(1_767_225_600_000),
        node: NodeId(3),
        revision: 17,
        catalogue_digest: [0xca; 32],
        idle_timeout_ms: 15_000,
    };
    let command =
        Command { id: CommandId([0x5a; 16]), name: "offer".into(), body: Bytes::from_static(br#"{"gold":5}"#) };
    let endpoints = vec!["b.example:443".into(), "[2001:db8::1]:443".into()];
    vec![
        ServerFrame::Welcome(Box::new(welcome)),
        ServerFrame::Refuse(Refuse::new(RefuseCode::Overloaded, "no room", Some(2_500))),
        ServerFrame::Receipt(Receipt { class: Class::ALL[0], up_to: Seq(58) }),
        ServerFrame::Receipt(Receipt { class: Class::ALL[3], up_to: Seq(varint::MAX) }),
        ServerFrame::Credit(Credit { class: Class::ALL[2], up_to: Seq(512) }),
        ServerFrame::Command(command),
        ServerFrame::Reject(Reject::new(
            Class::ALL[1],
            Seq(9),
            RejectCode::PayloadLimit,
            "ChatSent.text: 300 of 256 bytes",
        )),
        ServerFrame::Move(Move { reason: MoveReason::Drain, within_ms: 30_000, endpoints }),
    ]
}

fn server_json(frame: &ServerFrame) -> Value {
    match frame {
        ServerFrame::Welcome(w) => json!({"WELCOME": {
            "resumed": w.resumed,
            "session_ttl_ms": number(w.session_ttl_ms),
            "receipts": seqs(&w.receipts),
            "limits": {
                "event_payload_bytes_max": w.limits.event_payload_bytes_max,
                "events_per_second": w.limits.events_per_second,
                "bytes_per_second": w.limits.bytes_per_second,
                "datagrams_per_second": w.limits.datagrams_per_second,
                "outstanding_events_max": w.limits.outstanding_events_max,
            },
            "credit": seqs(&w.credit),
            "server_time_ms": w.server_time.0.to_string(),
            "node": w.node.0,
            "revision": number(w.revision),
            "catalogue_digest": hex(&w.catalogue_digest),
            "idle_timeout_ms": number(w.idle_timeout_ms),
        }}),
        ServerFrame::Refuse(r) => json!({"REFUSE": {
            "code": r.code, "detail": r.detail, "retry_after_ms": number(r.retry_after_ms.unwrap_or(0)),
        }}),
        ServerFrame::Receipt(r) => json!({"RECEIPT": {"class": r.class.get(), "up_to": number(r.up_to.0)}}),
        ServerFrame::Credit(c) => json!({"CREDIT": {"class": c.class.get(), "up_to": number(c.up_to.0)}}),
        ServerFrame::Command(c) => json!({"COMMAND": {"id": hex(&c.id.0), "name": c.name, "body": hex(&c.body)}}),
        ServerFrame::Reject(r) => json!({"REJECT": {
            "class": r.class.get(), "seq": number(r.seq.0), "code": r.code, "detail": r.detail,
        }}),
        ServerFrame::Move(m) => json!({"MOVE": {
            "reason": m.reason.number(), "within_ms": number(m.within_ms), "endpoints": m.endpoints,
        }}),
    }
}

#[test]
fn control() {
    let mut entries = client_streams();
    for frame in server_cases() {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes).expect("within limits");
        let decoded = decode_stream(FrameDecoder::server_control(), &bytes, ServerFrame::decode);
        assert_eq!(decoded, Ok(vec![frame.clone()]));
        entries.push(json!({"from": "server", "hex": hex(&bytes), "frames": [server_json(&frame)]}));
    }
    let skipped = unhex("4040 03 aabbcc 13 04 0801 1005");
    let receipt = ServerFrame::Receipt(Receipt { class: Class::ALL[1], up_to: Seq(5) });
    assert_eq!(decode_stream(FrameDecoder::server_control(), &skipped, ServerFrame::decode), Ok(vec![receipt.clone()]));
    let note = "an extension frame is skipped";
    entries.push(json!({"from": "server", "hex": hex(&skipped), "frames": [server_json(&receipt)], "note": note}));
    check("control.json", &entries);
}

#[test]
fn events() {
    let cases = [
        (0, vec![event(1, 1, 0, b"")]),
        (3, vec![event(1, 7, 100, b"\x0a\x02hi"), event(2, 7, 160, b"\x0a\x02ho")]),
        (1, vec![event(varint::MAX - 1, u32::MAX, varint::MAX, &[0xee; 70])]),
    ];
    let mut entries = Vec::new();
    for (class, events) in cases {
        let mut bytes = Vec::new();
        StreamHeader::Events(Class::ALL[class]).encode(&mut bytes);
        events.iter().for_each(|event| event.encode(&mut bytes).expect("within limits"));
        let decode = |frame: edge_wire::RawFrame| EventFrame::decode_reliable(frame.body, PAYLOAD_MAX);
        assert_eq!(decode_stream(FrameDecoder::client_stream(PAYLOAD_MAX), &bytes, decode), Ok(events.clone()));
        let events: Value = events.iter().map(event_json).collect();
        entries.push(json!({"hex": hex(&bytes), "class": class, "events": events}));
    }
    check("events.json", &entries);
}

#[test]
fn datagrams() {
    let cases = [vec![event(0, 9, 5, b"\x08\x01")], vec![event(0, 9, 5, b"\x08\x01"), event(0, 300, 70_000, b"")]];
    let mut entries = Vec::new();
    for events in cases {
        let mut bytes = Vec::new();
        events.iter().for_each(|event| event.encode(&mut bytes).expect("within limits"));
        let decoded: Result<Vec<_>, _> = DatagramEvents::new(bytes.clone().into(), PAYLOAD_MAX).collect();
        assert_eq!(decoded, Ok(events.clone()));
        entries.push(json!({"hex": hex(&bytes), "events": events.iter().map(event_json).collect::<Value>()}));
    }
    check("datagrams.json", &entries);
}

/// Where it comes, why it is wrong, what travels, how the connection closes.
#[rustfmt::skip]
const INVALID: &[(&str, &str, &str, CloseCode)] = &[
    ("stream-client", "stream type 3", "03", CloseCode::StreamTypeUnknown),
    ("stream-client", "class 4", "02 04", CloseCode::StreamTypeUnknown),
    ("stream-client", "frame type 0x21", "02 00 21 00", CloseCode::FrameUnknown),
    ("stream-client", "frame type 0x4000, past the extension range", "01 80004000 00", CloseCode::FrameUnknown),
    ("stream-client", "EVENT's type in two bytes", "02 00 4020 03 010701", CloseCode::FrameMalformed),
    ("stream-client", "HELLO on an events stream", "02 00 01 00", CloseCode::FrameUnexpected),
    ("stream-client", "EVENT on the control stream", "01 20 03 010701", CloseCode::FrameUnexpected),
    ("stream-client", "RECEIPT from a client", "01 13 04 08011005", CloseCode::FrameUnexpected),
    ("stream-client", "EVENT of 16,409 bytes of 16,408", "02 00 20 80004019", CloseCode::FrameTooLarge),
    ("stream-client", "HELLO of 8,193 bytes of 8,192", "01 01 6001", CloseCode::FrameTooLarge),
    ("stream-client", "extension frame of 8,193 bytes of 8,192", "01 4040 6001", CloseCode::FrameTooLarge),
    ("stream-client", "EVENT without client_ms", "02 00 20 02 0107", CloseCode::FrameMalformed),
    ("stream-client", "EVENT with seq 0 on a stream", "02 00 20 03 000701", CloseCode::FrameMalformed),
    ("stream-client", "event type 2^32", "02 00 20 0a 01 c000000100000000 01", CloseCode::FrameMalformed),
    ("stream-client", "HELLO without a token", "01 01 00", CloseCode::FrameMalformed),
    ("stream-client", "REAUTH with an empty token", "01 02 02 0a00", CloseCode::FrameMalformed),
    ("stream-client", "REAUTH with two tokens", "01 02 06 0a0174 0a0175", CloseCode::LimitExceeded),
    ("stream-client", "REAUTH with a line break", "01 02 03 0a010a", CloseCode::FrameMalformed),
    ("stream-client", "REAUTH with a token that is not UTF-8", "01 02 03 0a01ff", CloseCode::FrameMalformed),
    ("stream-client", "a group", "01 02 02 1b1c", CloseCode::FrameMalformed),
    ("stream-client", "a protobuf field that ends early", "01 02 02 0a05", CloseCode::FrameMalformed),
    ("stream-server", "WELCOME without limits", "11 02 0801", CloseCode::FrameMalformed),
    ("stream-server", "RECEIPT of class 4", "13 04 08041005", CloseCode::LimitExceeded),
    ("stream-server", "RECEIPT of class 2^32 + 1", "13 08 088180808010 1005", CloseCode::LimitExceeded),
    ("stream-server", "CREDIT beyond 62 bits", "14 0c 0801 10 808080808080808040", CloseCode::LimitExceeded),
    ("stream-server", "RECEIPT of 65 bytes of 64", "13 4041", CloseCode::FrameTooLarge),
    ("stream-server", "COMMAND with an id of 3 bytes", "15 05 0a03010203", CloseCode::FrameMalformed),
    ("stream-server", "MOVE to an endpoint without a port", "17 06 1a04686f7374", CloseCode::FrameMalformed),
    ("stream-server", "EVENT from a server", "20 03 010701", CloseCode::FrameUnexpected),
    ("datagram", "a seq", "20 03 010701", CloseCode::FrameMalformed),
    ("datagram", "the second EVENT ends early", "20 03 000701 20 04 0007", CloseCode::FrameMalformed),
    ("datagram", "HELLO", "01 00", CloseCode::FrameUnexpected),
    ("stream-client", "ends inside a frame", "02 00 20 05 010701", CloseCode::FrameMalformed),
    ("stream-client", "ends inside its header", "02", CloseCode::FrameMalformed),
];

#[test]
fn invalid() {
    let mut entries = Vec::new();
    for (place, why, text, code) in INVALID {
        let bytes = unhex(text);
        let error = match *place {
            "stream-client" => decode_client_stream(&bytes).err(),
            "stream-server" => decode_stream(FrameDecoder::server_control(), &bytes, ServerFrame::decode).err(),
            _ => DatagramEvents::new(bytes.clone().into(), PAYLOAD_MAX).find_map(Result::err),
        };
        let found = error.as_ref().map(FrameError::close_code);
        assert_eq!(found, Some(*code), "{place}: {why}: {error:?}");
        entries.push(json!({"place": place, "hex": hex(&bytes), "why": why, "code": code.name()}));
    }
    check("invalid.json", &entries);
}

#[test]
fn closes() {
    let cases = [
        CloseReason::new(CloseCode::NoError, ""),
        CloseReason::new(CloseCode::SeqGap, "class 0: seq 9 after 7"),
        CloseReason { code: CloseCode::Overloaded, retry_after_ms: Some(2_500), detail: String::new() },
        CloseReason { code: CloseCode::BudgetExceeded, retry_after_ms: Some(10_000), detail: "datagrams".into() },
    ];
    let mut entries = Vec::new();
    for reason in cases {
        let phrase = reason.phrase();
        assert_eq!(CloseReason::parse(u64::from(reason.code.number()), &phrase), Some(reason.clone()));
        let CloseReason { code, retry_after_ms, detail } = reason;
        let (number, name) = (code.number(), code.name());
        entries.push(json!({"code": number, "name": name, "hex": hex(&phrase), "retry_after_ms": retry_after_ms, "detail": detail}));
    }
    check("close.json", &entries);
}

#[test]
fn key_vectors() {
    let mut entries = Vec::new();
    for subject in ["p1", "player-0001", "ünïcode", &"long ".repeat(50)] {
        let key = keys::player_key(subject);
        let partition = Partition::of(key).index();
        entries.push(json!({"subject": subject, "player_key": format!("{key:?}"), "partition": partition}));
    }
    for (sub, producer) in [("p1", [1; 16]), ("player-0001", *b"producer-id-0001")] {
        let key = keys::producer_key(sub, ProducerId(producer));
        entries.push(json!({"sub": sub, "producer_id": hex(&producer), "producer_key": format!("{:032x}", key.0)}));
    }
    check("keys.json", &entries);
}
