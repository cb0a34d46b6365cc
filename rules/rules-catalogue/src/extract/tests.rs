//! The extractor against what protobuf says, told by an independent library.

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use prost_reflect::{DynamicMessage, MapKey, Value};

use super::*;
use crate::testing::{catalogue, descriptor, kinds, payload, pool};
use crate::wire::Writer;

/// Slot values of `paths` of `Kinds`.
fn extract<'a>(catalogue: &Catalogue, paths: &[&str], payload: &'a [u8]) -> Vec<FieldValue<'a>> {
    let extractor = Extractor::new(catalogue, kinds(catalogue).message, paths).unwrap();
    let mut out = Vec::new();
    extractor.extract(payload, &mut out).unwrap();
    out
}

fn encode(catalogue: &Catalogue, value: &serde_json::Value) -> Vec<u8> {
    catalogue.encode_json(kinds(catalogue), value).unwrap()
}

#[test]
fn nothing_on_the_wire_gives_defaults_or_absence() {
    let catalogue = catalogue();
    let paths =
        ["i32", "text", "color", "maybe", "inner", "inner.x", "inner.name", "ints", "by_name", "one_number", "at"];
    let extractor = Extractor::new(&catalogue, kinds(&catalogue).message, &paths).unwrap();
    let mut out = Vec::new();
    extractor.extract(&[], &mut out).unwrap();
    let plain = [FieldValue::Int(0), FieldValue::Str(""), FieldValue::Enum(0), FieldValue::Absent, FieldValue::Absent];
    assert_eq!(out[..5], plain);
    assert_eq!(out[5..7], [FieldValue::Int(0), FieldValue::Absent]);
    assert!(matches!(out[7], FieldValue::Repeated(list) if list.is_empty()));
    assert!(matches!(out[8], FieldValue::Map(map) if map.is_empty()));
    assert_eq!(out[9..], [FieldValue::Absent, FieldValue::Absent]);
    assert!((0..paths.len()).all(|slot| !extractor.has(slot, &out[slot])));
}

#[test]
fn presence_is_told_from_defaults() {
    let catalogue = catalogue();
    let bytes =
        encode(&catalogue, &serde_json::json!({"maybe": 0, "i32": 0, "inner": {}, "one_number": 0, "bools": [false]}));
    let paths = ["maybe", "i32", "inner", "one_number", "bools", "one_text"];
    let extractor = Extractor::new(&catalogue, kinds(&catalogue).message, &paths).unwrap();
    let mut out = Vec::new();
    extractor.extract(&bytes, &mut out).unwrap();
    let has: Vec<bool> = (0..paths.len()).map(|slot| extractor.has(slot, &out[slot])).collect();
    assert_eq!(has, [true, false, true, true, true, false]);
}

#[test]
fn a_oneof_holds_its_last_member_with_all_that_is_below() {
    let catalogue = catalogue();
    let one = |json| encode(&catalogue, &json);
    let inner = one(serde_json::json!({"one_inner": {"x": 5, "name": "n"}}));
    let number = one(serde_json::json!({"one_number": 7}));
    let paths = ["one_inner.x", "one_inner.name", "one_inner", "one_number"];
    let both = [inner.clone(), number.clone()].concat();
    let (zero, absent) = (FieldValue::Int(0), FieldValue::Absent);
    assert_eq!(extract(&catalogue, &paths, &both), [zero, absent, absent, FieldValue::Int(7)]);
    let back = [number, inner].concat();
    let values = extract(&catalogue, &paths, &back);
    assert_eq!(values[..2], [FieldValue::Int(5), FieldValue::Str("n")]);
    assert_eq!(values[3], absent);
    // Members that nobody reads count, too.
    assert_eq!(extract(&catalogue, &["one_inner.x"], &both), [zero]);
}

#[test]
fn lists_may_be_packed_and_scattered() {
    let catalogue = catalogue();
    let mut bytes = Writer::default();
    bytes.tag(19, WireType::Varint);
    bytes.varint(1);
    bytes.tag(2, WireType::Varint);
    bytes.varint(9);
    bytes.tag(19, WireType::Len);
    bytes.len_delimited(&[2, 3]);
    bytes.tag(19, WireType::Len);
    bytes.len_delimited(&[]);
    bytes.tag(19, WireType::Varint);
    bytes.varint(4);
    let values = extract(&catalogue, &["ints"], &bytes.bytes);
    let FieldValue::Repeated(list) = values[0] else { panic!("{values:?}") };
    assert_eq!(list.iter().collect::<Vec<_>>(), [1, 2, 3, 4].map(FieldValue::Int));
    assert_eq!((list.len(), list.kind()), (4, Kind::Int32));
}

#[test]
fn elements_of_a_list_are_read_by_an_extractor_of_their_own() {
    let catalogue = catalogue();
    let bytes = encode(&catalogue, &serde_json::json!({"inners": [{"x": 1}, {"x": -2, "deep": {"values": [0.5]}}]}));
    let values = extract(&catalogue, &["inners"], &bytes);
    let FieldValue::Repeated(list) = values[0] else { panic!("{values:?}") };
    let inner = catalogue.message_by_name("t.v1.Inner").unwrap();
    let extractor = Extractor::new(&catalogue, inner, &["x", "deep.values"]).unwrap();
    let mut slots = Vec::new();
    let mut xs = Vec::new();
    for element in list {
        let FieldValue::Message(bytes) = element else { panic!("{element:?}") };
        extractor.extract(bytes, &mut slots).unwrap();
        xs.push((slots[0], slots[1].differs_from_default()));
    }
    assert_eq!(xs, [(FieldValue::Int(1), false), (FieldValue::Int(-2), true)]);
}

#[test]
fn paths_that_lead_nowhere_say_why() {
    let catalogue = catalogue();
    let error = |path: &str| Extractor::new(&catalogue, kinds(&catalogue).message, &[path]).unwrap_err();
    assert_eq!(error("tex").to_string(), "no field `tex` on t.v1.Kinds; did you mean `text`?");
    assert_eq!(error("inner.zzz").to_string(), "no field `zzz` on t.v1.Inner");
    assert_eq!(error("i32.x").to_string(), "`i32` is of type int32 and has no fields");
    assert_eq!(error("inners.x").code(), "path_through_many");
    assert_eq!(error("a.b.c.d.e.f.g.h.i").code(), "path_too_deep");
    assert_eq!(error("").code(), "path_unknown_field");
    let twice = Extractor::new(&catalogue, kinds(&catalogue).message, &["i32", "i32"]).unwrap_err();
    assert_eq!(twice.code(), "path_twice");
}

#[test]
fn room_is_used_again() {
    let catalogue = catalogue();
    let extractor = Extractor::new(&catalogue, kinds(&catalogue).message, &["i32", "text"]).unwrap();
    let mut values: Vec<FieldValue<'static>> = Vec::with_capacity(extractor.len());
    let room = (values.as_ptr() as usize, values.capacity());
    for n in 0..3 {
        let bytes = encode(&catalogue, &serde_json::json!({"i32": n, "text": "t"}));
        let mut borrowed = recycle(values);
        extractor.extract(&bytes, &mut borrowed).unwrap();
        assert_eq!(borrowed, [FieldValue::Int(n), FieldValue::Str("t")]);
        values = recycle(borrowed);
        assert_eq!((values.as_ptr() as usize, values.capacity()), room);
    }
}

/// All fields of a message equal what the oracle decoded.
fn assert_same(catalogue: &Catalogue, message: MessageIndex, bytes: &[u8], oracle: &DynamicMessage) {
    let fields = &catalogue.message(message).fields;
    let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
    let extractor = Extractor::new(catalogue, message, &names).unwrap();
    let mut values = Vec::new();
    extractor.extract(bytes, &mut values).unwrap();
    for (slot, field) in fields.iter().enumerate() {
        let theirs = oracle.get_field_by_name(&field.name).unwrap();
        let same = |ours: FieldValue<'_>, theirs: &Value| same_value(catalogue, field.kind, ours, theirs);
        match values[slot] {
            FieldValue::Absent => assert!(!oracle.has_field_by_name(&field.name), "{}", field.name),
            FieldValue::Repeated(list) => {
                let theirs = theirs.as_list().unwrap();
                assert_eq!(list.len(), theirs.len(), "{}", field.name);
                list.iter().zip(theirs).for_each(|(ours, theirs)| same(ours, theirs));
            }
            FieldValue::Map(map) => {
                let theirs = theirs.as_map().unwrap();
                let ours: BTreeMap<String, FieldValue<'_>> = map.iter().map(|(k, v)| (format!("{k:?}"), v)).collect();
                assert_eq!(ours.len(), theirs.len(), "{}", field.name);
                for (key, theirs) in theirs {
                    let key = match key {
                        MapKey::String(s) => FieldValue::Str(s),
                        MapKey::I32(n) => FieldValue::Int(i64::from(*n)),
                        other => panic!("no such key in the catalogue: {other:?}"),
                    };
                    same(ours[&format!("{key:?}")], theirs);
                }
            }
            one => {
                if field.cardinality == Cardinality::Explicit {
                    assert!(oracle.has_field_by_name(&field.name), "{}", field.name);
                }
                same(one, &theirs);
            }
        }
    }
}

fn same_value(catalogue: &Catalogue, kind: Kind, ours: FieldValue<'_>, theirs: &Value) {
    let time = |theirs: &DynamicMessage| {
        let part = |name| theirs.get_field_by_name(name).unwrap().into_owned();
        (part("seconds").as_i64().unwrap(), part("nanos").as_i32().unwrap())
    };
    match (ours, theirs) {
        (FieldValue::Bool(a), Value::Bool(b)) => assert_eq!(a, *b),
        (FieldValue::Int(a), Value::I32(b)) => assert_eq!(a, i64::from(*b)),
        (FieldValue::Int(a), Value::I64(b)) => assert_eq!(a, *b),
        (FieldValue::Uint(a), Value::U32(b)) => assert_eq!(a, u64::from(*b)),
        (FieldValue::Uint(a), Value::U64(b)) => assert_eq!(a, *b),
        (FieldValue::Double(a), Value::F32(b)) => assert!(a == f64::from(*b) || a.is_nan() && b.is_nan(), "{a} {b}"),
        (FieldValue::Double(a), Value::F64(b)) => assert!(a == *b || a.is_nan() && b.is_nan(), "{a} {b}"),
        (FieldValue::Str(a), Value::String(b)) => assert_eq!(a, b),
        (FieldValue::Bytes(a), Value::Bytes(b)) => assert_eq!(a, b),
        (FieldValue::Enum(a), Value::EnumNumber(b)) => assert_eq!(a, *b),
        (FieldValue::Timestamp { seconds, nanos } | FieldValue::Duration { seconds, nanos }, Value::Message(b)) => {
            assert_eq!((seconds, nanos), time(b));
        }
        (FieldValue::Message(a), Value::Message(b)) => {
            let Kind::Message(message) = kind else { panic!("{kind:?}") };
            assert_same(catalogue, message, a, b);
        }
        (ours, theirs) => panic!("{ours:?} against {theirs:?}"),
    }
}

#[test]
fn what_admission_passes_equals_the_oracle() {
    let (catalogue, pool) = (catalogue(), pool());
    let kinds = kinds(&catalogue);
    let op = (any::<u8>(), any::<u8>(), prop_oneof![0..300_u64, any::<u64>()], vec(any::<u8>(), 0..24));
    let passed = Cell::new(0);
    let cases = 1_024;
    let mut runner =
        TestRunner::new_with_rng(Config::with_cases(cases), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let run = runner.run(&vec(op, 0..5), |ops| {
        let bytes = payload(&catalogue, &ops);
        let oracle = DynamicMessage::decode(descriptor(&pool, "t.v1.Kinds"), bytes.as_slice());
        // Limits, groups and messages that stand twice are refused by us alone.
        if catalogue.validate(kinds, &bytes).is_ok() {
            let oracle = oracle.expect("the oracle takes what admission passes");
            assert_same(&catalogue, kinds.message, &bytes, &oracle);
            passed.set(passed.get() + 1);
        }
        Ok(())
    });
    run.unwrap();
    assert!(passed.get() > cases / 4, "the generator must make enough that passes: {} of {cases}", passed.get());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..64)) {
        let catalogue = catalogue();
        let fields = catalogue.fields(kinds(&catalogue));
        let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).chain(["inner.deep.values", "inner.x"]).collect();
        let extractor = Extractor::new(&catalogue, kinds(&catalogue).message, &names).unwrap();
        let mut out = Vec::new();
        if extractor.extract(&bytes, &mut out).is_ok() {
            for value in &out {
                match value {
                    FieldValue::Repeated(list) => prop_assert!(list.len() <= bytes.len()),
                    FieldValue::Map(map) => prop_assert!(map.len() <= bytes.len()),
                    _ => {}
                }
            }
        }
        let _ = catalogue.validate(kinds(&catalogue), &bytes);
    }

    #[test]
    fn few_slots_hold_what_all_slots_hold(which in vec(any::<prop::sample::Index>(), 1..5), ops in vec((any::<u8>(), 0..250_u8, any::<u64>(), vec(any::<u8>(), 0..8)), 0..6)) {
        let catalogue = catalogue();
        let message = kinds(&catalogue).message;
        let bytes = payload(&catalogue, &ops);
        let names: Vec<&str> = catalogue.message(message).fields.iter().map(|f| f.name.as_str()).collect();
        let mut some: Vec<&str> = which.iter().map(|i| names[i.index(names.len())]).collect();
        some.sort_unstable();
        some.dedup();
        let (all, few) = (Extractor::new(&catalogue, message, &names).unwrap(), Extractor::new(&catalogue, message, &some).unwrap());
        let (mut of_all, mut of_few) = (Vec::new(), Vec::new());
        if all.extract(&bytes, &mut of_all).is_ok() {
            few.extract(&bytes, &mut of_few).unwrap();
            for (slot, name) in some.iter().enumerate() {
                let in_all = of_all[all.slot_of(name).unwrap()];
                prop_assert_eq!(format!("{:?}", in_all), format!("{:?}", of_few[slot]));
            }
        }
    }
}
