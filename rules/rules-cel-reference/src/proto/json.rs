//! Values as `google.protobuf.Value`, the way protobuf writes JSON.
//!
//! Whole numbers beyond what a double holds exactly become texts, bytes become base64, moments and lengths of time their
//! texts, a field mask its paths.

use super::Descriptors;
use super::write::set;
use crate::failure::Fault;
use crate::functions::{base64, duration_text, timestamp_text};
use crate::map::Map;
use crate::run::Run;
use crate::value::{Described, Value};
use prost_reflect::{DynamicMessage, MapKey, Value as Raw};
use std::collections::HashMap;

/// Beyond it, doubles skip whole numbers.
const EXACT: u64 = (1 << 53) - 1;

impl Descriptors {
    /// A `google.protobuf.Value`.
    pub(super) fn json(&self, value: &Value, run: &mut Run) -> Result<DynamicMessage, Fault> {
        use Value as V;
        run.charge(1)?;
        #[expect(clippy::cast_precision_loss, reason = "only where it is exact")]
        let (field, raw) = match value {
            V::Null => ("null_value", Raw::EnumNumber(0)),
            V::Bool(value) => ("bool_value", Raw::Bool(*value)),
            V::Double(value) => ("number_value", Raw::F64(*value)),
            V::Int(value) if value.unsigned_abs() <= EXACT => ("number_value", Raw::F64(*value as f64)),
            V::Uint(value) if *value <= EXACT => ("number_value", Raw::F64(*value as f64)),
            V::Enum { number, .. } => ("number_value", Raw::F64(f64::from(*number))),
            V::List(list) => ("list_value", Raw::Message(self.json_list(list, run)?)),
            V::Map(map) => ("struct_value", Raw::Message(self.json_struct(map, run)?)),
            V::Message(message) if message.descriptor_of().full_name() == "google.protobuf.Empty" => {
                ("struct_value", Raw::Message(self.json_struct(&Map::new(), run)?))
            }
            other => ("string_value", Raw::String(json_text(other, run)?)),
        };
        let mut out = self.new_message("google.protobuf.Value")?;
        set(&mut out, field, raw)?;
        Ok(out)
    }

    pub(super) fn json_list(&self, list: &[Value], run: &mut Run) -> Result<DynamicMessage, Fault> {
        let values: Result<Vec<Raw>, Fault> =
            list.iter().map(|value| self.json(value, run).map(Raw::Message)).collect();
        let mut out = self.new_message("google.protobuf.ListValue")?;
        set(&mut out, "values", Raw::List(values?))?;
        Ok(out)
    }

    pub(super) fn json_struct(&self, map: &Map, run: &mut Run) -> Result<DynamicMessage, Fault> {
        let mut fields = HashMap::with_capacity(map.len());
        for (key, value) in map.entries() {
            let Value::String(key) = key else {
                return Err(Fault::no_overload(format!("a Struct has texts for keys; this is {}", key.type_name())));
            };
            run.charge(key.len())?;
            fields.insert(MapKey::String(key.to_string()), Raw::Message(self.json(value, run)?));
        }
        let mut out = self.new_message("google.protobuf.Struct")?;
        set(&mut out, "fields", Raw::Map(fields))?;
        Ok(out)
    }
}

fn json_text(value: &Value, run: &mut Run) -> Result<String, Fault> {
    Ok(match value {
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::String(text) => {
            run.charge(text.len())?;
            text.to_string()
        }
        Value::Bytes(bytes) => {
            run.charge(bytes.len())?;
            base64(bytes)
        }
        Value::Timestamp { seconds, nanos } => in_thousands(&timestamp_text(*seconds, *nanos)),
        Value::Duration { nanos } => in_thousands(&duration_text(*nanos)),
        Value::Message(message) if message.descriptor_of().full_name() == "google.protobuf.FieldMask" => {
            field_mask(message, run)?
        }
        other => return Err(Fault::no_overload(format!("{} has no JSON", other.type_name()))),
    })
}

/// Protobuf writes milliseconds, microseconds or nanoseconds, and nothing between: `1.5s` is `1.500s`.
fn in_thousands(text: &str) -> String {
    let Some((whole, rest)) = text.split_once('.') else { return text.to_owned() };
    let (digits, unit) = rest.split_at(rest.len() - 1);
    let width = digits.len().next_multiple_of(3);
    format!("{whole}.{digits:0<width$}{unit}")
}

/// `a.b_c` and `d` are `a.bC,d`.
fn field_mask(message: &DynamicMessage, run: &mut Run) -> Result<String, Fault> {
    let paths = message.get_field_by_name("paths");
    let paths = paths.as_ref().and_then(|paths| paths.as_list()).unwrap_or_default();
    let mut out = String::new();
    for path in paths.iter().filter_map(Raw::as_str) {
        run.charge(path.len() + 1)?;
        if !out.is_empty() {
            out.push(',');
        }
        let mut upper = false;
        for c in path.chars() {
            match c {
                '_' => upper = true,
                c if upper => {
                    out.push(c.to_ascii_uppercase());
                    upper = false;
                }
                c => out.push(c),
            }
        }
    }
    Ok(out)
}
