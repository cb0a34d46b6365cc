//! Values: read from the data, and compared with what came out.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::DescriptorPool;
use rules_cel_reference::{Descriptors, Map, Run, Settings, Value, equal};
use serde_json::Value as Json;

use crate::messages;

/// A value of the data.
pub(crate) fn read(json: &Json, pool: &DescriptorPool, types: &Descriptors) -> Value {
    let (kind, of) = json.as_object().and_then(|object| object.iter().next()).expect("a value has a kind");
    match kind.as_str() {
        "nullValue" => Value::Null,
        "boolValue" => Value::Bool(of.as_bool().expect("a bool")),
        "int64Value" => Value::Int(messages::whole(of)),
        "uint64Value" => Value::Uint(messages::whole(of)),
        "doubleValue" => Value::Double(messages::double(of)),
        "stringValue" => Value::from(of.as_str().expect("a text")),
        "bytesValue" => Value::bytes(&STANDARD.decode(of.as_str().expect("a text")).expect("base64")),
        "typeValue" => Value::Type(Arc::from(of.as_str().expect("a text"))),
        "enumValue" => Value::Enum {
            ty: Arc::from(of["type"].as_str().expect("a text")),
            number: i32::try_from(of["value"].as_i64().unwrap_or(0)).expect("an int32"),
        },
        "listValue" => Value::list(items(of, "values").map(|value| read(value, pool, types)).collect()),
        "mapValue" => {
            let mut map = Map::new();
            for entry in items(of, "entries") {
                let (key, value) = (read(&entry["key"], pool, types), read(&entry["value"], pool, types));
                map.insert(key, value).expect("the data's keys are keys");
            }
            Value::Map(Arc::new(map))
        }
        "objectValue" => {
            let any = messages::any(of, pool);
            types.unwrap(&any, &mut Run::new(Settings::default())).expect("the data's messages are values")
        }
        other => panic!("the data has a value of kind `{other}`"),
    }
}

fn items<'j>(of: &'j Json, name: &str) -> impl Iterator<Item = &'j Json> {
    of[name].as_array().into_iter().flatten()
}

/// Whether two values are the same, types included; NaN is the same as NaN.
pub(crate) fn same(left: &Value, right: &Value, types: &Descriptors) -> bool {
    match (left, right) {
        (Value::Double(left), Value::Double(right)) => left == right || (left.is_nan() && right.is_nan()),
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right.iter()).all(|(left, right)| same(left, right, types))
        }
        (Value::Map(left), Value::Map(right)) => {
            left.len() == right.len()
                && left.entries().iter().all(|(key, value)| {
                    let same_key = right.entries().iter().any(|(other, _)| same(key, other, types));
                    same_key && right.get(key).is_some_and(|other| same(value, other, types))
                })
        }
        (left, right) => {
            left.type_name() == right.type_name()
                && equal(left, right, types, &mut Run::new(Settings::default())) == Ok(true)
        }
    }
}
