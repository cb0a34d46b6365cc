//! The catalogue's extractor and its admission: a payload of anybody against a schema.
//!
//! The first byte chooses an event type, the rest is the payload. The example catalogue and messages that share field
//! numbers stand for schemas that drift apart: the same payload is read by each. What must hold: what admission passes
//! the extractor reads, and reads as an independent decoder does; lists are no longer than their payload; a payload's
//! JSON makes a payload with the same JSON.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use edge_event::Provenance;
use prost_reflect::{DynamicMessage, MapKey, Value};
use rules_catalogue::{Cardinality, EventType, FieldValue, Kind, MessageIndex, recycle};

use super::payloads;
use super::schemas::{self, Schema};

thread_local! {
    static VALUES: RefCell<Vec<FieldValue<'static>>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn run(bytes: &[u8]) {
    let Some((&chosen, payload)) = bytes.split_first() else { return };
    let (schema, at, event_type) = schemas::choose(chosen);
    let admitted = schema.catalogue.validate(event_type, payload);
    let mut values = recycle(VALUES.take());
    let extracted = schema.extractors[usize::from(event_type.message.0)].extract(payload, &mut values);
    if extracted.is_ok() {
        values.iter().for_each(|value| bounded(value, payload.len()));
    }
    if admitted.is_ok() {
        extracted.expect("what admission passes is read");
        let oracle = DynamicMessage::decode(schema.descriptors[at].clone(), payload);
        same_values(
            schema,
            event_type.message,
            &values,
            &oracle.expect("the other decoder takes what admission passes"),
        );
        json_and_back(schema, event_type, payload);
        let provenance =
            if event_type.provenance.allows(Provenance::Server) { Provenance::Server } else { Provenance::Client };
        let _ = schema.catalogue.admit(event_type.id, provenance, payload);
    }
    VALUES.set(recycle(values));
}

/// However it is cut, a list has no more elements than bytes.
fn bounded(value: &FieldValue<'_>, most: usize) {
    match value {
        FieldValue::Repeated(list) => assert!(list.iter().count() <= most),
        FieldValue::Map(map) => assert!(map.iter().count() <= most),
        _ => {}
    }
}

fn same(schema: &Schema, message: MessageIndex, bytes: &[u8], oracle: &DynamicMessage) {
    let mut values = Vec::new();
    schema.extractors[usize::from(message.0)].extract(bytes, &mut values).expect("inside what admission passes");
    same_values(schema, message, &values, oracle);
}

fn same_values(schema: &Schema, message: MessageIndex, values: &[FieldValue<'_>], oracle: &DynamicMessage) {
    for (value, field) in values.iter().zip(&schema.catalogue.message(message).fields) {
        let name = &field.name;
        let is_set = oracle.has_field_by_number(field.number);
        let theirs = || oracle.get_field_by_number(field.number).unwrap_or(Cow::Owned(Value::Bool(false)));
        match value {
            FieldValue::Absent => assert!(!is_set, "{name}"),
            FieldValue::Repeated(list) => {
                let theirs = theirs();
                let theirs = theirs.as_list().expect("a list");
                assert_eq!(list.len(), theirs.len(), "{name}");
                list.iter().zip(theirs).for_each(|(ours, theirs)| same_value(schema, field.kind, ours, theirs));
            }
            FieldValue::Map(map) => {
                let ours: BTreeMap<String, FieldValue<'_>> = map.iter().map(|(k, v)| (format!("{k:?}"), v)).collect();
                let theirs = theirs();
                let theirs = theirs.as_map().expect("a map");
                assert_eq!(ours.len(), theirs.len(), "{name}");
                for (key, theirs) in theirs {
                    same_value(schema, field.kind, ours[&format!("{:?}", of_key(key))], theirs);
                }
            }
            one => {
                assert!(is_set || field.cardinality != Cardinality::Explicit, "{name}");
                same_value(schema, field.kind, *one, &theirs());
            }
        }
    }
}

fn of_key(key: &MapKey) -> FieldValue<'_> {
    match key {
        MapKey::Bool(b) => FieldValue::Bool(*b),
        MapKey::I32(n) => FieldValue::Int(i64::from(*n)),
        MapKey::I64(n) => FieldValue::Int(*n),
        MapKey::U32(n) => FieldValue::Uint(u64::from(*n)),
        MapKey::U64(n) => FieldValue::Uint(*n),
        MapKey::String(text) => FieldValue::Str(text),
    }
}

fn same_value(schema: &Schema, kind: Kind, ours: FieldValue<'_>, theirs: &Value) {
    let is_same = match (ours, theirs) {
        (FieldValue::Bool(a), Value::Bool(b)) => a == *b,
        (FieldValue::Int(a), Value::I32(b)) => a == i64::from(*b),
        (FieldValue::Int(a), Value::I64(b)) => a == *b,
        (FieldValue::Uint(a), Value::U32(b)) => a == u64::from(*b),
        (FieldValue::Uint(a), Value::U64(b)) => a == *b,
        (FieldValue::Double(a), Value::F32(b)) => a == f64::from(*b) || a.is_nan() && b.is_nan(),
        (FieldValue::Double(a), Value::F64(b)) => a == *b || a.is_nan() && b.is_nan(),
        (FieldValue::Str(a), Value::String(b)) => a == b,
        (FieldValue::Bytes(a), Value::Bytes(b)) => a == b,
        (FieldValue::Enum(a), Value::EnumNumber(b)) => a == *b,
        (FieldValue::Timestamp { seconds, nanos } | FieldValue::Duration { seconds, nanos }, Value::Message(time)) => {
            let part = |number| time.get_field_by_number(number).map(Cow::into_owned);
            part(1).and_then(|n| n.as_i64()) == Some(seconds) && part(2).and_then(|n| n.as_i32()) == Some(nanos)
        }
        (FieldValue::Message(bytes), Value::Message(theirs)) => {
            let Kind::Message(message) = kind else { panic!("{kind:?} gives no message") };
            same(schema, message, bytes, theirs);
            true
        }
        _ => false,
    };
    assert!(is_same, "{ours:?} against {theirs:?}");
}

fn json_and_back(schema: &Schema, event_type: &EventType, payload: &[u8]) {
    let json = schema.catalogue.decode_json(event_type, payload).expect("what admission passes has JSON");
    let Ok(again) = schema.catalogue.encode_json(event_type, &json) else { return };
    let json_again = schema.catalogue.decode_json(event_type, &again).expect("what is encoded passes admission");
    assert_eq!(json_again, json);
}

/// For each event type, a payload with every field.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let seed = |chosen: u8| {
        let (schema, _, event_type) = schemas::choose(chosen);
        [vec![chosen], payloads::full(&schema.catalogue, event_type)].concat()
    };
    (0..schemas::count() as u8).map(seed).collect()
}
