//! A payload with every field of its type, for seeds and for rules to read.

use rules_catalogue::{Cardinality, Catalogue, EventType, FieldValue, Kind};

/// Every field, in the order of the schema, with a small value.
pub(super) fn full(catalogue: &Catalogue, event_type: &EventType) -> Vec<u8> {
    let mut out = Vec::new();
    for field in &catalogue.message(event_type.message).fields {
        let (wire_type, body) = value(field.kind);
        let (wire_type, body) = match field.cardinality {
            Cardinality::Repeated if wire_type != LEN => (LEN, [vec![body.len() as u8], body].concat()),
            Cardinality::Map(key) => {
                let key: &[u8] = if key == Kind::String { &[10, 1, b'k'] } else { &[8, 5] };
                let entry = [key, &[2 << 3 | wire_type as u8], &body].concat();
                (LEN, [vec![entry.len() as u8], entry].concat())
            }
            _ => (wire_type, body),
        };
        let tag = field.number << 3 | wire_type;
        if tag < 128 {
            out.push(tag as u8);
        } else {
            out.extend_from_slice(&[tag as u8 | 0x80, (tag >> 7) as u8]);
        }
        out.extend_from_slice(&body);
    }
    out
}

/// Protobuf's wire type of what has a length.
const LEN: u32 = 2;

fn value(kind: Kind) -> (u32, Vec<u8>) {
    match (FieldValue::default_of(kind), kind) {
        (FieldValue::Double(_), Kind::Double) => (1, 0.5_f64.to_le_bytes().to_vec()),
        (FieldValue::Double(_), _) => (5, 0.5_f32.to_le_bytes().to_vec()),
        (FieldValue::Str(_) | FieldValue::Bytes(_), _) => (LEN, vec![2, b'h', b'i']),
        (FieldValue::Message(_), _) => (LEN, vec![0]),
        (FieldValue::Timestamp { .. } | FieldValue::Duration { .. }, _) => (LEN, vec![4, 8, 7, 16, 9]),
        (_, Kind::Fixed32 | Kind::Sfixed32) => (5, vec![1, 0, 0, 0]),
        (_, Kind::Fixed64 | Kind::Sfixed64) => (1, vec![1, 0, 0, 0, 0, 0, 0, 0]),
        _ => (0, vec![1]),
    }
}
