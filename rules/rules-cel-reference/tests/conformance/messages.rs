//! Messages from protobuf's JSON, as far as the data needs it.

use std::collections::HashMap;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value as Raw};
use rules_cel::{Constant, time};
use serde_json::Value as Json;

/// A whole number, written as a number or as a text.
pub(crate) fn whole<T: FromStr>(json: &Json) -> T {
    let text = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    text.parse().unwrap_or_else(|_| panic!("{text} is no such number"))
}

/// A double, written as a number or as a text.
pub(crate) fn double(json: &Json) -> f64 {
    json.as_f64().unwrap_or_else(|| whole(json))
}

/// An `Any` of a message with its `@type`.
pub(crate) fn any(json: &Json, pool: &DescriptorPool) -> DynamicMessage {
    let url = json["@type"].as_str().expect("a message says its type");
    let descriptor = named(url.rsplit('/').next().unwrap_or(url), pool);
    let value = json.get("value").unwrap_or(&Json::Null);
    let inner = match well_known(value, &descriptor, pool) {
        Some(inner) => inner,
        None if descriptor.full_name() != "google.protobuf.Any" => fields(json, &descriptor, pool),
        None if value.is_object() => any(value, pool),
        None => DynamicMessage::new(descriptor),
    };
    let mut any = DynamicMessage::new(named("google.protobuf.Any", pool));
    any.set_field_by_name("type_url", Raw::String(url.to_owned()));
    any.set_field_by_name("value", Raw::Bytes(inner.encode_to_vec().into()));
    any
}

fn named(name: &str, pool: &DescriptorPool) -> MessageDescriptor {
    pool.get_message_by_name(name).unwrap_or_else(|| panic!("there is no message `{name}`"))
}

fn message(json: &Json, of: &MessageDescriptor, pool: &DescriptorPool) -> DynamicMessage {
    if of.full_name() == "google.protobuf.Any" && json.get("@type").is_some() {
        return any(json, pool);
    }
    well_known(json, of, pool).unwrap_or_else(|| fields(json, of, pool))
}

fn fields(json: &Json, of: &MessageDescriptor, pool: &DescriptorPool) -> DynamicMessage {
    let mut out = DynamicMessage::new(of.clone());
    for (name, value) in json.as_object().into_iter().flatten().filter(|(name, _)| *name != "@type") {
        if let Some(name) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            let extension = of.get_extension_by_full_name(name).expect("the extension is there");
            let raw = if extension.is_list() {
                list(value, &extension.kind(), pool)
            } else {
                raw(value, &extension.kind(), pool)
            };
            out.set_extension(&extension, raw);
            continue;
        }
        let field = of.get_field_by_json_name(name).or_else(|| of.get_field_by_name(name));
        let field = field.unwrap_or_else(|| panic!("{} has no field `{name}`", of.full_name()));
        if value.is_null()
            && !matches!(field.kind(), Kind::Message(kind) if kind.full_name() == "google.protobuf.Value")
        {
            continue;
        }
        out.set_field(&field, field_value(value, &field, pool));
    }
    out
}

fn field_value(json: &Json, field: &FieldDescriptor, pool: &DescriptorPool) -> Raw {
    match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            let (key, value) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
            let entries = json.as_object().into_iter().flatten();
            Raw::Map(entries.map(|(name, json)| (map_key(name, &key), raw(json, &value, pool))).collect())
        }
        kind if field.is_list() => list(json, &kind, pool),
        kind => raw(json, &kind, pool),
    }
}

fn list(json: &Json, kind: &Kind, pool: &DescriptorPool) -> Raw {
    Raw::List(json.as_array().into_iter().flatten().map(|json| raw(json, kind, pool)).collect())
}

fn map_key(name: &str, kind: &Kind) -> MapKey {
    let json = Json::String(name.to_owned());
    match kind {
        Kind::String => MapKey::String(name.to_owned()),
        Kind::Bool => MapKey::Bool(name == "true"),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => MapKey::I32(whole(&json)),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => MapKey::I64(whole(&json)),
        Kind::Uint32 | Kind::Fixed32 => MapKey::U32(whole(&json)),
        _ => MapKey::U64(whole(&json)),
    }
}

fn raw(json: &Json, kind: &Kind, pool: &DescriptorPool) -> Raw {
    match kind {
        Kind::Bool => Raw::Bool(json.as_bool().expect("a bool")),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Raw::I32(whole(json)),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Raw::I64(whole(json)),
        Kind::Uint32 | Kind::Fixed32 => Raw::U32(whole(json)),
        Kind::Uint64 | Kind::Fixed64 => Raw::U64(whole(json)),
        #[expect(clippy::cast_possible_truncation, reason = "a float field holds the nearest float")]
        Kind::Float => Raw::F32(double(json) as f32),
        Kind::Double => Raw::F64(double(json)),
        Kind::String => Raw::String(json.as_str().expect("a text").to_owned()),
        Kind::Bytes => Raw::Bytes(STANDARD.decode(json.as_str().expect("a text")).expect("base64").into()),
        Kind::Enum(of) => Raw::EnumNumber(match json.as_str() {
            Some(name) => of.get_value_by_name(name).expect("the enumeration has the value").number(),
            None => whole::<f64>(json) as i32,
        }),
        Kind::Message(of) => Raw::Message(message(json, of, pool)),
    }
}

/// A well-known message from the JSON that is its own.
fn well_known(json: &Json, of: &MessageDescriptor, pool: &DescriptorPool) -> Option<DynamicMessage> {
    let mut out = DynamicMessage::new(of.clone());
    match of.full_name().strip_prefix("google.protobuf.")? {
        "Timestamp" => {
            let moment = time::parse_timestamp(json.as_str()?).expect("a moment");
            let Constant::Timestamp { seconds, nanos } = moment else { return None };
            out.set_field_by_name("seconds", Raw::I64(seconds));
            out.set_field_by_name("nanos", Raw::I32(nanos.cast_signed()));
        }
        "Duration" => {
            let nanos = time::parse_duration(json.as_str()?).expect("a length of time");
            out.set_field_by_name("seconds", Raw::I64(nanos / 1_000_000_000));
            out.set_field_by_name("nanos", Raw::I32(i32::try_from(nanos % 1_000_000_000).expect("nanoseconds")));
        }
        "FieldMask" => {
            let paths = json.as_str()?.split(',').map(|path| Raw::String(path.to_owned())).collect();
            out.set_field_by_name("paths", Raw::List(paths));
        }
        "ListValue" => {
            let kind = of.get_field_by_name("values")?.kind();
            out.set_field_by_name("values", list(json, &kind, pool));
        }
        "Struct" => {
            let kind = Kind::Message(named("google.protobuf.Value", pool));
            let entries = json.as_object()?.iter();
            let entries: HashMap<_, _> =
                entries.map(|(name, json)| (MapKey::String(name.clone()), raw(json, &kind, pool))).collect();
            out.set_field_by_name("fields", Raw::Map(entries));
        }
        "Value" => {
            let (name, raw) = match json {
                Json::Null => ("null_value", Raw::EnumNumber(0)),
                Json::Bool(value) => ("bool_value", Raw::Bool(*value)),
                Json::Number(_) => ("number_value", Raw::F64(double(json))),
                Json::String(text) => ("string_value", Raw::String(text.clone())),
                Json::Array(_) => {
                    ("list_value", raw(json, &Kind::Message(named("google.protobuf.ListValue", pool)), pool))
                }
                Json::Object(_) => {
                    ("struct_value", raw(json, &Kind::Message(named("google.protobuf.Struct", pool)), pool))
                }
            };
            out.set_field_by_name(name, raw);
        }
        wrapper if wrapper.ends_with("Value") && !json.is_object() => {
            let field = of.get_field_by_name("value")?;
            if !json.is_null() {
                out.set_field(&field, raw(json, &field.kind(), pool));
            }
        }
        _ => return None,
    }
    Some(out)
}
