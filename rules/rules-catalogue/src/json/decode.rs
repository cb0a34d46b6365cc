//! Payload to JSON.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Map as Object, Number, Value};

use super::BASE64;
use crate::model::{EventType, Field, Kind, MessageIndex};
use crate::value::FieldValue;
use crate::{Catalogue, Extractor, PayloadError, time};

impl Catalogue {
    /// A payload as a JSON object.
    ///
    /// # Errors
    /// [`validate`](Catalogue::validate) refuses the payload.
    pub fn decode_json(&self, event_type: &EventType, payload: &[u8]) -> Result<Value, PayloadError> {
        self.validate(event_type, payload)?;
        self.message_to_json(event_type.message, payload)
    }

    /// Recurses once a nested message; the check at load bounds that.
    fn message_to_json(&self, message: MessageIndex, bytes: &[u8]) -> Result<Value, PayloadError> {
        let fields = &self.message(message).fields;
        let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
        let extractor = Extractor::new(self, message, &names).expect("a message's own fields are paths");
        let mut values = Vec::with_capacity(names.len());
        extractor.extract(bytes, &mut values)?;
        let mut object = Object::new();
        for (field, value) in fields.iter().zip(values) {
            if value != FieldValue::Absent {
                object.insert(field.name.clone(), self.field_to_json(field, value)?);
            }
        }
        Ok(Value::Object(object))
    }

    fn field_to_json(&self, field: &Field, value: FieldValue<'_>) -> Result<Value, PayloadError> {
        match value {
            FieldValue::Repeated(list) => {
                list.iter().map(|e| self.value_to_json(field.kind, e)).collect::<Result<_, _>>().map(Value::Array)
            }
            FieldValue::Map(map) => {
                let mut entries = BTreeMap::new();
                for (key, value) in map {
                    entries.insert(key_text(key), self.value_to_json(field.kind, value)?);
                }
                Ok(Value::Object(entries.into_iter().collect()))
            }
            one => self.value_to_json(field.kind, one),
        }
    }

    fn value_to_json(&self, kind: Kind, value: FieldValue<'_>) -> Result<Value, PayloadError> {
        Ok(match value {
            FieldValue::Absent => Value::Null,
            FieldValue::Bool(b) => Value::Bool(b),
            FieldValue::Int(n) => Value::from(n),
            FieldValue::Uint(n) => Value::from(n),
            FieldValue::Double(d) => double_to_json(kind, d),
            FieldValue::Str(s) => Value::from(s),
            FieldValue::Bytes(b) => Value::from(BASE64.encode(b)),
            FieldValue::Enum(n) => self.enum_to_json(kind, n),
            FieldValue::Timestamp { seconds, nanos } => Value::from(time::format_timestamp(seconds, nanos)),
            FieldValue::Duration { seconds, nanos } => Value::from(time::format_duration(seconds, nanos)),
            FieldValue::Message(inside) => {
                let Kind::Message(message) = kind else { unreachable!("only messages are read as messages") };
                self.message_to_json(message, inside)?
            }
            FieldValue::Repeated(_) | FieldValue::Map(_) => unreachable!("lists and maps do not nest"),
        })
    }

    fn enum_to_json(&self, kind: Kind, number: i32) -> Value {
        let Kind::Enum(index) = kind else { unreachable!("only enums are read as enums") };
        self.enum_type(index).by_number(number).map_or_else(|| Value::from(number), |v| Value::from(v.short.as_str()))
    }
}

/// A `float` is written with the digits of a `float`, so that 66.79 does not become 66.79000091552734.
fn double_to_json(kind: Kind, d: f64) -> Value {
    let shortest = match kind {
        Kind::Float => (d as f32).to_string().parse().unwrap_or(d),
        _ => d,
    };
    match Number::from_f64(shortest) {
        Some(number) => Value::Number(number),
        None if d.is_nan() => Value::from("NaN"),
        None if d > 0.0 => Value::from("Infinity"),
        None => Value::from("-Infinity"),
    }
}

fn key_text(key: FieldValue<'_>) -> String {
    match key {
        FieldValue::Str(s) => s.to_owned(),
        FieldValue::Int(n) => n.to_string(),
        FieldValue::Uint(n) => n.to_string(),
        FieldValue::Bool(b) => b.to_string(),
        _ => unreachable!("the check at load allows no other keys"),
    }
}
