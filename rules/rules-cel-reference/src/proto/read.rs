//! Fields as values.
//!
//! Well-known messages become what they stand for. A wrapper, a `Value` or an `Any` that is not set is null; other messages
//! that are not set read as empty ones.

use super::{Descriptors, Member};
use crate::failure::{Fault, Kind as FaultKind};
use crate::map::Map;
use crate::run::Run;
use crate::value::{Described, Value};
use prost_reflect::{DynamicMessage, Kind, MapKey, Value as Raw};
use rules_cel::{Type, time};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How many `Any`s may be packed into each other.
const MAX_PACKED: usize = 32;

impl Descriptors {
    /// The value of a field, or its default.
    pub(crate) fn read(&self, message: &DynamicMessage, member: &Member, run: &mut Run) -> Result<Value, Fault> {
        let kind = member.kind();
        if let Kind::Message(inner) = &kind
            && !member.is_list()
            && !member.is_map()
            && !member.is_set(message)
        {
            let name = inner.full_name();
            let is_nullable = matches!(name, "google.protobuf.Any" | "google.protobuf.Value")
                || matches!(Type::well_known_message(name), Some(Type::Wrapper(_)));
            if is_nullable {
                return Ok(Value::Null);
            }
        }
        match (member.raw(message).as_ref(), &kind) {
            (Raw::List(values), kind) => self.read_list(values, kind, run),
            (Raw::Map(entries), Kind::Message(entry)) if entry.is_map_entry() => {
                self.read_map(entries, &entry.map_entry_value_field().kind(), run)
            }
            (raw, kind) => self.value(raw, kind, run),
        }
    }

    fn read_list(&self, values: &[Raw], kind: &Kind, run: &mut Run) -> Result<Value, Fault> {
        run.charge(values.len())?;
        let values: Result<Vec<Value>, Fault> = values.iter().map(|value| self.value(value, kind, run)).collect();
        values.map(Value::list)
    }

    /// The entries in the order of their keys, since the message keeps none.
    fn read_map(&self, entries: &HashMap<MapKey, Raw>, kind: &Kind, run: &mut Run) -> Result<Value, Fault> {
        run.charge(entries.len())?;
        let sorted: BTreeMap<&MapKey, &Raw> = entries.iter().collect();
        let mut map = Map::new();
        for (key, value) in sorted {
            let key = match key {
                MapKey::Bool(value) => Value::Bool(*value),
                MapKey::I32(value) => Value::Int(i64::from(*value)),
                MapKey::I64(value) => Value::Int(*value),
                MapKey::U32(value) => Value::Uint(u64::from(*value)),
                MapKey::U64(value) => Value::Uint(*value),
                MapKey::String(text) => Value::from(text.as_str()),
            };
            map.insert(key, self.value(value, kind, run)?)?;
        }
        Ok(Value::Map(Arc::new(map)))
    }

    fn value(&self, raw: &Raw, kind: &Kind, run: &mut Run) -> Result<Value, Fault> {
        run.charge(1)?;
        Ok(match raw {
            Raw::Bool(value) => Value::Bool(*value),
            Raw::I32(value) => Value::Int(i64::from(*value)),
            Raw::I64(value) => Value::Int(*value),
            Raw::U32(value) => Value::Uint(u64::from(*value)),
            Raw::U64(value) => Value::Uint(*value),
            Raw::F32(value) => Value::Double(f64::from(*value)),
            Raw::F64(value) => Value::Double(*value),
            Raw::String(text) => {
                run.charge(text.len())?;
                Value::from(text.as_str())
            }
            Raw::Bytes(bytes) => {
                run.charge(bytes.len())?;
                Value::bytes(bytes)
            }
            Raw::EnumNumber(number) => match kind {
                Kind::Enum(of) => self.enum_value_of(of, *number),
                _ => Value::Int(i64::from(*number)),
            },
            Raw::Message(message) => self.unwrap(message, run)?,
            Raw::List(values) => self.read_list(values, kind, run)?,
            Raw::Map(_) => return Err(Fault::invalid("a map stands where none belongs")),
        })
    }

    /// A message as a value: a well-known one becomes what it stands for.
    pub fn unwrap(&self, message: &DynamicMessage, run: &mut Run) -> Result<Value, Fault> {
        let descriptor = message.descriptor_of();
        let read = |name: &str, run: &mut Run| match descriptor.get_field_by_name(name) {
            Some(field) => self.read(message, &Member::Field(field), run),
            None => Err(Fault::invalid("a well-known type has not its well-known fields")),
        };
        let Some(short) = descriptor.full_name().strip_prefix("google.protobuf.") else {
            return self.whole(message, run);
        };
        match short {
            "BoolValue" | "Int32Value" | "Int64Value" | "UInt32Value" | "UInt64Value" | "FloatValue"
            | "DoubleValue" | "StringValue" | "BytesValue" => read("value", run),
            "ListValue" => read("values", run),
            "Struct" => read("fields", run),
            "Value" => match message.fields().next() {
                Some((field, _)) => self.read(message, &Member::Field(field), run),
                None => Ok(Value::Null),
            },
            "Any" => self.unpack(message, run),
            "Timestamp" | "Duration" => {
                let (Value::Int(seconds), Value::Int(nanos)) = (read("seconds", run)?, read("nanos", run)?) else {
                    return Err(Fault::invalid("a well-known type has not its well-known fields"));
                };
                if short == "Timestamp" { moment(seconds, nanos) } else { duration(seconds, nanos) }
            }
            _ => self.whole(message, run),
        }
    }

    /// A message that stays one; cloning it is paid for by its size on the wire.
    fn whole(&self, message: &DynamicMessage, run: &mut Run) -> Result<Value, Fault> {
        run.charge(prost_reflect::prost::Message::encoded_len(message))?;
        Ok(Value::message(message.clone()))
    }

    fn unpack(&self, any: &DynamicMessage, run: &mut Run) -> Result<Value, Fault> {
        let mut any = any.clone();
        for _ in 0..MAX_PACKED {
            let (Some(url), Some(bytes)) = (any.get_field_by_name("type_url"), any.get_field_by_name("value")) else {
                break;
            };
            let (Some(url), Some(bytes)) = (url.as_str(), bytes.as_bytes()) else { break };
            run.charge(bytes.len() + url.len())?;
            let name = url.rsplit('/').next().unwrap_or(url);
            let Some(descriptor) = self.message(name) else {
                let message = "an Any holds a message of a type that nobody knows";
                return Err(Fault::new(FaultKind::InvalidArgument, message));
            };
            let inner = DynamicMessage::decode(descriptor, bytes.clone());
            let inner = inner.map_err(|_| Fault::invalid("an Any holds bytes that are no such message"))?;
            if name != "google.protobuf.Any" {
                return self.unwrap(&inner, run);
            }
            any = inner;
        }
        Err(Fault::invalid("Anys are packed into each other too deep"))
    }
}

fn moment(seconds: i64, nanos: i64) -> Result<Value, Fault> {
    let moment = u32::try_from(nanos).ok().and_then(|nanos| time::timestamp(seconds, nanos));
    moment.map(|moment| Value::from(&moment)).ok_or_else(|| Fault::range("the moment is out of range"))
}

fn duration(seconds: i64, nanos: i64) -> Result<Value, Fault> {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let nanos = i64::try_from(total).map_err(|_| Fault::range("the length of time is out of range"))?;
    Ok(Value::Duration { nanos })
}
