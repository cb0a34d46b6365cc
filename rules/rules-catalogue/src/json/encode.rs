//! JSON to payload.

use base64::Engine as _;
use serde_json::Value;

use super::BASE64;
use crate::model::{Cardinality, EventType, Field, Kind, MessageIndex};
use crate::path::{did_you_mean, nearest};
use crate::value::wire_type_of;
use crate::wire::{WireType, Writer, zigzag};
use crate::{Catalogue, PayloadError, time};

/// Why a JSON value is no payload. `field` is a path such as `items.sku`.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum EncodeError {
    /// A name does not exist.
    #[error("no field `{field}` on {message}{}", did_you_mean(.nearest.as_deref()))]
    UnknownField {
        /// The path.
        field: String,
        /// Full name of the message.
        message: String,
        /// The most similar name that exists.
        nearest: Option<String>,
    },
    /// A value of another type.
    #[error("`{field}` must be {expected}, not {found}")]
    Mismatch {
        /// The path; empty for the event itself.
        field: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A number that the kind cannot hold.
    #[error("`{field}` is {value}, which is no {kind}")]
    NotOfKind {
        /// The path.
        field: String,
        /// The value.
        value: String,
        /// The kind.
        kind: &'static str,
    },
    /// A name that the enum does not have.
    #[error("`{field}` has no value `{value}`{}", did_you_mean(.nearest.as_deref()))]
    UnknownEnumValue {
        /// The path.
        field: String,
        /// The name.
        value: String,
        /// The most similar name that exists.
        nearest: Option<String>,
    },
    /// Two members of one `oneof`.
    #[error("`{field}` and another member of the oneof `{oneof}` are both set")]
    Oneof {
        /// The path of the later one.
        field: String,
        /// The name of the `oneof`.
        oneof: String,
    },
    /// The payload breaks a limit.
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

impl EncodeError {
    /// Stable for ever; names the cause in diagnostics.
    pub const fn code(&self) -> &'static str {
        match self {
            EncodeError::UnknownField { .. } => "encode_unknown_field",
            EncodeError::Mismatch { .. } => "encode_mismatch",
            EncodeError::NotOfKind { .. } => "encode_not_of_kind",
            EncodeError::UnknownEnumValue { .. } => "encode_unknown_enum_value",
            EncodeError::Oneof { .. } => "encode_oneof",
            EncodeError::Payload(e) => e.code(),
        }
    }

    fn inside(mut self, outer: &str) -> EncodeError {
        match &mut self {
            EncodeError::Payload(_) => {}
            EncodeError::UnknownField { field, .. }
            | EncodeError::Mismatch { field, .. }
            | EncodeError::NotOfKind { field, .. }
            | EncodeError::UnknownEnumValue { field, .. }
            | EncodeError::Oneof { field, .. } => *field = format!("{outer}.{field}"),
        }
        self
    }
}

impl Catalogue {
    /// The payload of a JSON object: fields in the order of their numbers, lists packed, maps sorted by key, defaults left
    /// out. The limits of the catalogue are kept.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn encode_json(&self, event_type: &EventType, value: &Value) -> Result<Vec<u8>, EncodeError> {
        let payload = self.encode_json_unchecked(event_type, value)?;
        self.validate(event_type, &payload)?;
        Ok(payload)
    }

    /// Like [`encode_json`](Catalogue::encode_json), whatever the limits: for a payload that admission is yet to judge.
    ///
    /// # Errors
    /// See [`EncodeError`]; never its `Payload`.
    pub fn encode_json_unchecked(&self, event_type: &EventType, value: &Value) -> Result<Vec<u8>, EncodeError> {
        let mut out = Writer::default();
        self.message_from_json(event_type.message, value, &mut out).map_err(|e| match e {
            EncodeError::Mismatch { field, expected, found } if field == THE_VALUE => {
                EncodeError::Mismatch { field: event_type.name.clone(), expected, found }
            }
            e => e,
        })?;
        Ok(out.bytes)
    }

    /// Recurses once a nested message; the check at load bounds that.
    fn message_from_json(&self, message: MessageIndex, value: &Value, out: &mut Writer) -> Result<(), EncodeError> {
        let message = self.message(message);
        let Value::Object(object) = value else { return Err(mismatch(THE_VALUE, "an object", value)) };
        if let Some(name) = object.keys().find(|k| message.field_by_name(k).is_none()) {
            let nearest = nearest(name, message.fields.iter().map(|f| f.name.as_str())).map(str::to_owned);
            let message = message.full_name.clone();
            return Err(EncodeError::UnknownField { field: name.clone(), message, nearest });
        }
        let mut taken = vec![false; message.oneofs.len()];
        for field in &message.fields {
            let value = match object.get(&field.name) {
                None | Some(Value::Null) => continue,
                Some(value) => value,
            };
            if let Some(oneof) = field.oneof.map(usize::from)
                && std::mem::replace(&mut taken[oneof], true)
            {
                let oneof = message.oneofs[oneof].clone();
                return Err(EncodeError::Oneof { field: field.name.clone(), oneof });
            }
            self.field_from_json(field, value, out)?;
        }
        Ok(())
    }

    fn field_from_json(&self, field: &Field, value: &Value, out: &mut Writer) -> Result<(), EncodeError> {
        match field.cardinality {
            Cardinality::Implicit | Cardinality::Explicit => {
                let mut one = Writer::default();
                self.value_from_json(field, field.kind, value, &mut one)?;
                if field.cardinality == Cardinality::Explicit || !is_default(&one.bytes) {
                    out.tag(field.number, wire_type_of(field.kind));
                    out.bytes.extend_from_slice(&one.bytes);
                }
                Ok(())
            }
            Cardinality::Repeated => self.list_from_json(field, value, out),
            Cardinality::Map(key) => self.map_from_json(field, key, value, out),
        }
    }

    fn list_from_json(&self, field: &Field, value: &Value, out: &mut Writer) -> Result<(), EncodeError> {
        let Value::Array(elements) = value else { return Err(mismatch(&field.name, "a list", value)) };
        if !field.kind.is_packable() {
            return elements.iter().try_for_each(|element| {
                out.tag(field.number, WireType::Len);
                self.value_from_json(field, field.kind, element, out)
            });
        }
        let mut packed = Writer::default();
        elements.iter().try_for_each(|element| self.value_from_json(field, field.kind, element, &mut packed))?;
        if !elements.is_empty() {
            out.tag(field.number, WireType::Len);
            out.len_delimited(&packed.bytes);
        }
        Ok(())
    }

    fn map_from_json(&self, field: &Field, key: Kind, value: &Value, out: &mut Writer) -> Result<(), EncodeError> {
        let Value::Object(object) = value else { return Err(mismatch(&field.name, "an object", value)) };
        let mut entries: Vec<(&String, &Value)> = object.iter().collect();
        entries.sort_by_key(|(key, _)| *key);
        for (key_text, value) in entries {
            let key_value = match (key, key_text.as_str()) {
                (Kind::Bool, "true") => Value::Bool(true),
                (Kind::Bool, "false") => Value::Bool(false),
                _ => Value::from(key_text.as_str()),
            };
            let mut entry = Writer::default();
            entry.tag(1, wire_type_of(key));
            self.value_from_json(field, key, &key_value, &mut entry)?;
            entry.tag(2, wire_type_of(field.kind));
            self.value_from_json(field, field.kind, value, &mut entry)?;
            out.tag(field.number, WireType::Len);
            out.len_delimited(&entry.bytes);
        }
        Ok(())
    }

    /// Appends one value without its tag; what is length-delimited comes with its length.
    fn value_from_json(&self, field: &Field, kind: Kind, value: &Value, out: &mut Writer) -> Result<(), EncodeError> {
        let name = field.name.as_str();
        match kind {
            Kind::Bool => match value {
                Value::Bool(b) => out.varint(u64::from(*b)),
                _ => return Err(mismatch(name, "true or false", value)),
            },
            Kind::Float | Kind::Double => push_float(name, kind, value, out)?,
            Kind::String => out.len_delimited(text(name, "text", value)?.as_bytes()),
            Kind::Bytes => {
                let text = text(name, "base64 text", value)?;
                let bytes = BASE64.decode(text).map_err(|_| not_of_kind(name, value, "base64 text"))?;
                out.len_delimited(&bytes);
            }
            Kind::Enum(_) => out.varint(i64::from(self.enum_from_json(name, kind, value)?) as u64),
            Kind::Message(message) => {
                let mut inside = Writer::default();
                self.message_from_json(message, value, &mut inside).map_err(|e| match e {
                    EncodeError::Mismatch { field, expected, found } if field == THE_VALUE => {
                        EncodeError::Mismatch { field: name.to_owned(), expected, found }
                    }
                    e => e.inside(name),
                })?;
                out.len_delimited(&inside.bytes);
            }
            Kind::Timestamp => {
                let text = text(name, "RFC 3339 text", value)?;
                let parsed = time::parse_timestamp(text);
                push_time(parsed.ok_or_else(|| not_of_kind(name, value, "RFC 3339 timestamp"))?, out);
            }
            Kind::Duration => {
                let text = text(name, "text such as `1.5s`", value)?;
                let parsed = time::parse_duration(text);
                push_time(parsed.ok_or_else(|| not_of_kind(name, value, "duration in seconds such as `1.5s`"))?, out);
            }
            _ => push_integer(name, kind, value, out)?,
        }
        Ok(())
    }

    fn enum_from_json(&self, name: &str, kind: Kind, value: &Value) -> Result<i32, EncodeError> {
        let Kind::Enum(index) = kind else { unreachable!("only enums are written as enums") };
        match value {
            Value::String(text) => {
                let values = self.enum_type(index);
                values.by_name(text).map(|v| v.number).ok_or_else(|| EncodeError::UnknownEnumValue {
                    field: name.to_owned(),
                    value: text.clone(),
                    nearest: nearest(&text.to_ascii_lowercase(), values.values.iter().map(|v| v.short.as_str()))
                        .map(str::to_owned),
                })
            }
            Value::Number(_) => {
                let number = integer(value).and_then(|n| i32::try_from(n).ok());
                number.ok_or_else(|| not_of_kind(name, value, "number of an enum"))
            }
            _ => Err(mismatch(name, "the name of a value", value)),
        }
    }
}

/// Stands for "this very value" in a path until the name is known.
const THE_VALUE: &str = "";

/// Whether a value without its tag is what proto3 leaves out: only zeros (a number or an empty length).
fn is_default(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| *b == 0)
}

fn push_integer(name: &str, kind: Kind, value: &Value, out: &mut Writer) -> Result<(), EncodeError> {
    let is_number = matches!(value, Value::Number(_) | Value::String(_));
    if !is_number {
        return Err(mismatch(name, "a whole number", value));
    }
    let n = integer(value).ok_or_else(|| not_of_kind(name, value, kind.word()))?;
    let bounds = match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => i128::from(i32::MIN)..=i128::from(i32::MAX),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => i128::from(i64::MIN)..=i128::from(i64::MAX),
        Kind::Uint32 | Kind::Fixed32 => 0..=i128::from(u32::MAX),
        _ => 0..=i128::from(u64::MAX),
    };
    if !bounds.contains(&n) {
        return Err(not_of_kind(name, value, kind.word()));
    }
    match kind {
        Kind::Sint32 | Kind::Sint64 => out.varint(zigzag(n as i64)),
        Kind::Fixed32 | Kind::Sfixed32 => out.bytes.extend_from_slice(&(n as u32).to_le_bytes()),
        Kind::Fixed64 | Kind::Sfixed64 => out.bytes.extend_from_slice(&(n as u64).to_le_bytes()),
        // Negative numbers take ten bytes, as everywhere in protobuf.
        _ => out.varint(n as u64),
    }
    Ok(())
}

fn push_float(name: &str, kind: Kind, value: &Value, out: &mut Writer) -> Result<(), EncodeError> {
    let d = match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => match s.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    };
    let d = d.ok_or_else(|| mismatch(name, "a number", value))?;
    if kind == Kind::Double {
        out.bytes.extend_from_slice(&d.to_le_bytes());
        return Ok(());
    }
    let f = d as f32;
    if d.is_finite() && !f.is_finite() {
        return Err(not_of_kind(name, value, kind.word()));
    }
    out.bytes.extend_from_slice(&f.to_le_bytes());
    Ok(())
}

/// Seconds and nanoseconds as fields 1 and 2 of a message, with its length.
fn push_time((seconds, nanos): (i64, i32), out: &mut Writer) {
    let mut inside = Writer::default();
    for (number, n) in [(1, seconds), (2, i64::from(nanos))] {
        if n != 0 {
            inside.tag(number, WireType::Varint);
            inside.varint(n as u64);
        }
    }
    out.len_delimited(&inside.bytes);
}

/// A whole number from a number (`6.0` counts) or from decimal text.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Number(n) => {
            let whole = n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from));
            whole.or_else(|| n.as_f64().filter(|d| d.fract() == 0.0 && d.abs() < 2_f64.powi(64)).map(|d| d as i128))
        }
        Value::String(s) if s.len() <= 20 && s.bytes().all(|b| b.is_ascii_digit() || b == b'-') => s.parse().ok(),
        _ => None,
    }
}

fn text<'v>(name: &str, expected: &'static str, value: &'v Value) -> Result<&'v str, EncodeError> {
    value.as_str().ok_or_else(|| mismatch(name, expected, value))
}

fn mismatch(field: &str, expected: &'static str, value: &Value) -> EncodeError {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    EncodeError::Mismatch { field: field.to_owned(), expected, found }
}

fn not_of_kind(field: &str, value: &Value, kind: &'static str) -> EncodeError {
    let shown: String = value.to_string().chars().take(80).collect();
    EncodeError::NotOfKind { field: field.to_owned(), value: shown, kind }
}
