//! Each refusal, by the bytes that bring it about, and the nearest bytes that pass.

use serde_json::json;

use super::*;
use crate::testing::{catalogue, kinds};
use crate::wire::Writer;

const SERVER: Provenance = Provenance::Server;
const RANGES: EventTypeId = EventTypeId(2);

/// Field `number` with `body` behind a length.
fn len(number: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Writer::default();
    out.tag(number, WireType::Len);
    out.len_delimited(body);
    out.bytes
}

fn varint(number: u32, value: u64) -> Vec<u8> {
    let mut out = Writer::default();
    out.tag(number, WireType::Varint);
    out.varint(value);
    out.bytes
}

/// Code and text for a payload of `Kinds`.
fn refused(payload: &[u8]) -> (&'static str, String) {
    let catalogue = catalogue();
    let error = catalogue.validate(kinds(&catalogue), payload).expect_err("it must be refused");
    (error.code(), error.to_string())
}

fn passes(payload: &[u8]) {
    let catalogue = catalogue();
    catalogue.validate(kinds(&catalogue), payload).expect("it must pass");
}

#[test]
fn types_and_provenance() {
    let catalogue = catalogue();
    let unknown = catalogue.admit(EventTypeId(3), SERVER, &[]).unwrap_err();
    assert_eq!(unknown.code(), "unknown_event_type");
    assert_eq!(catalogue.admit(EventTypeId(u32::MAX), SERVER, &[]).unwrap_err().code(), "unknown_event_type");
    let forged = catalogue.admit(RANGES, Provenance::Client, &[]).unwrap_err();
    assert_eq!(forged.to_string(), "Ranges may be sent by game servers with a server token only");
    let attested = catalogue.admit(EventTypeId(1), SERVER, &[]).unwrap_err();
    assert_eq!(attested.code(), "wrong_provenance");
    let admitted = catalogue.admit(EventTypeId(1), Provenance::Client, &[]).unwrap();
    assert_eq!((admitted.event_type.name.as_str(), admitted.subject), ("Kinds", None));
}

#[test]
fn subjects() {
    let catalogue = catalogue();
    let ranges = catalogue.event_type(RANGES).unwrap();
    let payload = catalogue.encode_json(ranges, &json!({"level": 1, "who": {"id": "p1"}})).unwrap();
    assert_eq!(catalogue.admit(RANGES, SERVER, &payload).unwrap().subject, Some("p1"));
    for json in [json!({"level": 1}), json!({"level": 1, "who": {}}), json!({"level": 1, "who": {"id": ""}})] {
        let payload = catalogue.encode_json(ranges, &json).unwrap();
        let error = catalogue.admit(RANGES, SERVER, &payload).unwrap_err();
        assert_eq!(
            (error.code(), error.to_string().as_str()),
            ("payload_no_subject", "`who.id` names the player and must not be empty")
        );
    }
}

#[test]
fn sizes() {
    passes(&len(99, &[0; 4_092]));
    assert_eq!(refused(&len(99, &[0; 4_093])).0, "payload_too_large");
}

#[test]
fn broken_wire_format() {
    for (bytes, what) in [
        (&[0x80][..], "a varint is cut short"),
        (&[0x08], "a varint is cut short"),
        (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], "a varint is larger than 64 bits"),
        (&[0x00, 0x00], "a tag has field number 0"),
        (&[0x0b], "groups are not supported"),
        (&[0x0c], "groups are not supported"),
        (&[0x0e], "a tag has wire type 6 or 7, which do not exist"),
        (&[0x80, 0x80, 0x80, 0x80, 0x10, 0x00], "a tag is larger than 32 bits"),
        (&[0x45, 1, 2, 3], "a 32-bit value is cut short"),
        (&[0x49, 1, 2, 3], "a 64-bit value is cut short"),
        (&[0x72, 2, b'a'], "a length points past the end"),
        (&[0x72, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "a length points past the end"),
    ] {
        let message = format!("the payload is not a protobuf message: {what}");
        assert_eq!(refused(bytes), ("payload_malformed", message), "{bytes:02x?}");
    }
    assert_eq!(refused(&varint(14, 1)), ("payload_wire_type", "`text` is not encoded as string".to_owned()));
    assert_eq!(refused(&len(2, &[1])).0, "payload_wire_type");
    assert_eq!(refused(&varint(22, 1)), ("payload_wire_type", "`by_name` is not encoded as map entry".to_owned()));
    passes(&varint(4_000, 1));
}

#[test]
fn strings_and_lists() {
    passes(&len(14, &[b'a'; 32]));
    assert_eq!(refused(&len(14, &[b'a'; 33])), ("payload_too_long", "`text` has 33 bytes; the limit is 32".to_owned()));
    assert_eq!(refused(&len(15, &[0xff; 33])).0, "payload_too_long");
    assert_eq!(refused(&len(14, &[0xff])), ("payload_utf8", "`text` is not UTF-8".to_owned()));
    assert_eq!(refused(&len(20, &[0xff])).0, "payload_utf8");
    let four = len(20, b"a").repeat(4);
    passes(&four);
    let five = [four, len(20, b"a")].concat();
    assert_eq!(refused(&five), ("payload_too_many", "`texts` has more than 4 items".to_owned()));
    passes(&len(19, &[1; 40]));
    assert_eq!(refused(&len(19, &[1; 41])).0, "payload_too_many");
    assert_eq!(refused(&[len(19, &[1; 40]), varint(19, 1)].concat()).0, "payload_too_many");
}

#[test]
fn maps() {
    let entry = |key: &[u8], value| len(22, &[len(1, key), varint(2, value)].concat());
    passes(&entry(&[b'k'; 32], 1));
    assert_eq!(refused(&entry(&[b'k'; 33], 1)).0, "payload_too_long");
    assert_eq!(refused(&entry(&[0xff], 1)).0, "payload_utf8");
    assert_eq!(refused(&entry(b"k", 1).repeat(5)).0, "payload_too_many");
    assert_eq!(refused(&len(22, &[len(1, b"k"), len(1, b"k")].concat())).0, "payload_twice");
    assert_eq!(refused(&len(22, &varint(1, 1))).0, "payload_wire_type");
    passes(&len(22, &[]));
}

#[test]
fn nested_messages_carry_their_path() {
    let name = len(2, &[b'n'; 33]);
    assert_eq!(refused(&len(18, &name)).1, "`inner.name` has 33 bytes; the limit is 32");
    assert_eq!(refused(&len(21, &name)).1, "`inners.name` has 33 bytes; the limit is 32");
    let values = len(3, &len(1, &[0; 72]));
    assert_eq!(refused(&len(18, &values)).1, "`inner.deep.values` has more than 8 items");
    assert_eq!(refused(&len(18, &[]).repeat(2)), ("payload_twice", "`inner` stands twice in one message".to_owned()));
    assert_eq!(refused(&len(27, &[]).repeat(2)).0, "payload_twice");
}

#[test]
fn times() {
    assert_eq!(refused(&len(27, &len(1, b"k"))).1, "`at` is not encoded as google.protobuf.Timestamp");
    passes(&len(27, &len(3, b"k")));
    passes(&len(27, &varint(1, 253_402_300_799)));
    assert_eq!(refused(&len(27, &varint(1, 253_402_300_800))).0, "payload_out_of_range");
    assert_eq!(refused(&len(27, &varint(2, 1_000_000_000))).0, "payload_out_of_range");
    let minus_one = -1_i64 as u64;
    passes(&len(28, &[varint(1, minus_one), varint(2, minus_one)].concat()));
    assert_eq!(refused(&len(28, &[varint(1, 1), varint(2, minus_one)].concat())).0, "payload_out_of_range");
    assert_eq!(refused(&len(28, &varint(1, 315_576_000_001))).0, "payload_out_of_range");
}

#[test]
fn ranges() {
    let catalogue = catalogue();
    let ranges = catalogue.event_type(RANGES).unwrap();
    let check = |payload: &[u8]| catalogue.validate(ranges, payload).map_err(|e| e.to_string());
    let double = |d: f64| [&[0x19][..], &d.to_le_bytes()].concat();
    let level = |rest: &[u8]| [&varint(1, 1), rest].concat();
    for payload in [level(&[]), varint(1, 200), level(&varint(2, 9)), level(&double(1.0)), level(&double(-0.0))] {
        assert_eq!(check(&payload), Ok(()));
    }
    // What is left out is 0.
    assert_eq!(check(&[]), Err("`level` is 0; allowed is 1..=200".to_owned()));
    assert_eq!(check(&varint(1, 0)), Err("`level` is 0; allowed is 1..=200".to_owned()));
    assert_eq!(check(&varint(1, 201)), Err("`level` is 201; allowed is 1..=200".to_owned()));
    assert_eq!(check(&varint(1, u64::MAX)), Err("`level` is -1; allowed is 1..=200".to_owned()));
    assert_eq!(check(&varint(2, 10)), Err("`count` is 10; allowed is 0..=9".to_owned()));
    assert_eq!(check(&double(1.5)), Err("`ratio` is 1.5; allowed is 0..=1".to_owned()));
    assert_eq!(check(&double(f64::NAN)), Err("`ratio` is NaN; allowed is 0..=1".to_owned()));
}
