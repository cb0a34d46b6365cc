//! Values put into fields, and so into new messages.
//!
//! Null leaves a field of a message type unset, and is an error for every other. Numbers must fit: 5,000,000,000 is no int32.

use super::{Descriptors, Member};
use crate::failure::{Fault, Kind as FaultKind};
use crate::run::Run;
use crate::value::{Described, Value};
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, Kind, MapKey, MessageDescriptor, Value as Raw};
use rules_cel::Type;
use std::collections::HashMap;

impl Descriptors {
    /// The value of a message literal: a message with the fields set, or what it stands for.
    pub(crate) fn build(&self, name: &str, fields: &[(&str, Value)], run: &mut Run) -> Result<Value, Fault> {
        let mut message = self.new_message(name)?;
        for (field, value) in fields {
            let Some(member) = self.member(&message, field) else {
                return Err(Fault::new(FaultKind::NoSuchField, format!("{name} has no field `{field}`")));
            };
            if let Some(raw) = self.put(value, &member, run)? {
                member.set(&mut message, raw);
            }
        }
        self.unwrap(&message, run)
    }

    pub(super) fn new_message(&self, name: &str) -> Result<DynamicMessage, Fault> {
        match self.message(name) {
            Some(descriptor) => Ok(DynamicMessage::new(descriptor)),
            None => Err(Fault::new(FaultKind::Unbound, format!("there is no message type `{name}`"))),
        }
    }

    /// What a field holds for a value; nothing where it stays unset.
    fn put(&self, value: &Value, member: &Member, run: &mut Run) -> Result<Option<Raw>, Fault> {
        let kind = member.kind();
        match (&kind, value) {
            (Kind::Message(entry), Value::Map(map)) if member.is_map() => {
                let (key_kind, value_kind) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
                run.charge(map.len())?;
                let mut out = HashMap::with_capacity(map.len());
                for (key, value) in map.entries() {
                    let key = map_key(key, &key_kind)?;
                    if let Some(raw) = self.raw(value, &value_kind, run)? {
                        out.insert(key, raw);
                    }
                }
                Ok(Some(Raw::Map(out)))
            }
            (kind, Value::List(list)) if member.is_list() => {
                run.charge(list.len())?;
                let mut out = Vec::with_capacity(list.len());
                for value in list.iter() {
                    match self.raw(value, kind, run)? {
                        Some(raw) => out.push(raw),
                        None => return Err(Fault::no_overload("null cannot be an element of this field")),
                    }
                }
                Ok(Some(Raw::List(out)))
            }
            (_, value) if member.is_map() || member.is_list() => Err(mismatch(value, &kind)),
            (kind, value) => self.raw(value, kind, run),
        }
    }

    fn raw(&self, value: &Value, kind: &Kind, run: &mut Run) -> Result<Option<Raw>, Fault> {
        use Value as V;
        run.charge(1)?;
        Ok(Some(match (kind, value) {
            (Kind::Bool, V::Bool(value)) => Raw::Bool(*value),
            (Kind::Int32 | Kind::Sint32 | Kind::Sfixed32, V::Int(value)) => {
                Raw::I32(i32::try_from(*value).map_err(|_| outside("int32"))?)
            }
            (Kind::Int64 | Kind::Sint64 | Kind::Sfixed64, V::Int(value)) => Raw::I64(*value),
            (Kind::Uint32 | Kind::Fixed32, V::Uint(value)) => {
                Raw::U32(u32::try_from(*value).map_err(|_| outside("uint32"))?)
            }
            (Kind::Uint64 | Kind::Fixed64, V::Uint(value)) => Raw::U64(*value),
            #[expect(clippy::cast_possible_truncation, reason = "a float field holds the nearest float")]
            (Kind::Float, V::Double(value)) => Raw::F32(*value as f32),
            (Kind::Double, V::Double(value)) => Raw::F64(*value),
            (Kind::String, V::String(text)) => {
                run.charge(text.len())?;
                Raw::String(text.to_string())
            }
            (Kind::Bytes, V::Bytes(bytes)) => {
                run.charge(bytes.len())?;
                Raw::Bytes(bytes.to_vec().into())
            }
            (Kind::Enum(of), V::Null) if of.full_name() == "google.protobuf.NullValue" => Raw::EnumNumber(0),
            (Kind::Enum(_), V::Int(number)) => {
                Raw::EnumNumber(i32::try_from(*number).map_err(|_| outside("enumeration"))?)
            }
            (Kind::Enum(of), V::Enum { ty, number }) if of.full_name() == &**ty => Raw::EnumNumber(*number),
            (Kind::Message(of), value) => return self.put_message(value, of, run),
            (kind, value) => return Err(mismatch(value, kind)),
        }))
    }

    fn put_message(&self, value: &Value, of: &MessageDescriptor, run: &mut Run) -> Result<Option<Raw>, Fault> {
        use Value as V;
        let name = of.full_name();
        Ok(Some(Raw::Message(match (name, value) {
            ("google.protobuf.Value", value) => self.json(value, run)?,
            ("google.protobuf.Any", value) => self.pack(value, run)?,
            ("google.protobuf.ListValue", V::List(list)) => self.json_list(list, run)?,
            ("google.protobuf.Struct", V::Map(map)) => self.json_struct(map, run)?,
            ("google.protobuf.ListValue" | "google.protobuf.Struct", value) => {
                return Err(mismatch(value, &Kind::Message(of.clone())));
            }
            (_, V::Null) => return Ok(None),
            ("google.protobuf.Timestamp", V::Timestamp { seconds, nanos }) => {
                self.time(of, *seconds, i64::from(*nanos))?
            }
            ("google.protobuf.Duration", V::Duration { nanos }) => {
                self.time(of, nanos / 1_000_000_000, nanos % 1_000_000_000)?
            }
            (_, V::Message(message)) if message.descriptor_of() == *of => {
                run.charge(message.encoded_len())?;
                (***message).clone()
            }
            (name, value) if matches!(Type::well_known_message(name), Some(Type::Wrapper(_))) => {
                return self.wrap(value, of, run).map(|message| Some(Raw::Message(message)));
            }
            (_, value) => return Err(mismatch(value, &Kind::Message(of.clone()))),
        })))
    }

    fn time(&self, of: &MessageDescriptor, seconds: i64, nanos: i64) -> Result<DynamicMessage, Fault> {
        let mut out = DynamicMessage::new(of.clone());
        set(&mut out, "seconds", Raw::I64(seconds))?;
        set(&mut out, "nanos", Raw::I32(i32::try_from(nanos).unwrap_or(0)))?;
        Ok(out)
    }

    fn wrap(&self, value: &Value, of: &MessageDescriptor, run: &mut Run) -> Result<DynamicMessage, Fault> {
        let mut out = DynamicMessage::new(of.clone());
        if let Some(field) = of.get_field_by_name("value")
            && let Some(raw) = self.raw(value, &field.kind(), run)?
        {
            out.set_field(&field, raw);
        }
        Ok(out)
    }

    /// An `Any` of the message that stands for a value.
    pub fn pack(&self, value: &Value, run: &mut Run) -> Result<DynamicMessage, Fault> {
        use Value as V;
        let own;
        let name = match value {
            V::Bool(_) => "google.protobuf.BoolValue",
            V::Int(_) => "google.protobuf.Int64Value",
            V::Uint(_) => "google.protobuf.UInt64Value",
            V::Double(_) => "google.protobuf.DoubleValue",
            V::String(_) => "google.protobuf.StringValue",
            V::Bytes(_) => "google.protobuf.BytesValue",
            V::Timestamp { .. } => "google.protobuf.Timestamp",
            V::Duration { .. } => "google.protobuf.Duration",
            V::List(_) => "google.protobuf.ListValue",
            V::Map(_) => "google.protobuf.Struct",
            V::Null => "google.protobuf.Value",
            V::Message(message) => {
                own = message.descriptor_of();
                own.full_name()
            }
            V::Enum { .. } | V::Optional(_) | V::Type(_) => {
                return Err(Fault::no_overload(format!("{} cannot be packed into an Any", value.type_name())));
            }
        };
        let Some(of) = self.message(name) else {
            return Err(Fault::new(FaultKind::Unbound, format!("there is no message type `{name}`")));
        };
        let Some(Raw::Message(inner)) = self.put_message(value, &of, run)? else {
            return Err(Fault::no_overload(format!("{} cannot be packed into an Any", value.type_name())));
        };
        let bytes = inner.encode_to_vec();
        run.charge(bytes.len())?;
        let mut any = self.new_message("google.protobuf.Any")?;
        set(&mut any, "type_url", Raw::String(format!("type.googleapis.com/{name}")))?;
        set(&mut any, "value", Raw::Bytes(bytes.into()))?;
        Ok(any)
    }
}

/// Sets a field of a well-known message.
pub(super) fn set(message: &mut DynamicMessage, field: &str, value: Raw) -> Result<(), Fault> {
    let set = message.try_set_field_by_name(field, value);
    set.map_err(|_| Fault::invalid("a well-known type has not its well-known fields"))
}

fn map_key(key: &Value, kind: &Kind) -> Result<MapKey, Fault> {
    Ok(match (kind, key) {
        (Kind::Bool, Value::Bool(value)) => MapKey::Bool(*value),
        (Kind::Int32 | Kind::Sint32 | Kind::Sfixed32, Value::Int(value)) => {
            MapKey::I32(i32::try_from(*value).map_err(|_| outside("int32"))?)
        }
        (Kind::Int64 | Kind::Sint64 | Kind::Sfixed64, Value::Int(value)) => MapKey::I64(*value),
        (Kind::Uint32 | Kind::Fixed32, Value::Uint(value)) => {
            MapKey::U32(u32::try_from(*value).map_err(|_| outside("uint32"))?)
        }
        (Kind::Uint64 | Kind::Fixed64, Value::Uint(value)) => MapKey::U64(*value),
        (Kind::String, Value::String(text)) => MapKey::String(text.to_string()),
        (kind, key) => return Err(mismatch(key, kind)),
    })
}

fn outside(what: &str) -> Fault {
    Fault::range(format!("the number fits no {what}"))
}

fn mismatch(value: &Value, kind: &Kind) -> Fault {
    let field = match kind {
        Kind::Message(of) => of.full_name().to_owned(),
        Kind::Enum(of) => of.full_name().to_owned(),
        kind => format!("{kind:?}").to_lowercase(),
    };
    Fault::no_overload(format!("a field of {field} does not take {}", value.type_name()))
}
