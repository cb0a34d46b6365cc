//! Payloads as the reference sees them: decoded by an independent decoder, by descriptors made of the catalogue.
//!
//! In: a catalogue, and payloads that admission passed. Out: [`Value`]s. Messages have names of their own here: rules name fields
//! and values of enums, and never messages. Absent: everything of the engine's own extractor.

use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, MessageOptions, OneofDescriptorProto,
};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use rules_catalogue::{Cardinality, Catalogue, Field, Kind, MessageIndex, MessageType};
use rules_cel_reference::{Descriptors, Value};

/// Decodes the payloads of a catalogue.
pub(crate) struct Payloads {
    /// By the index of the message.
    messages: Vec<MessageDescriptor>,
    types: Descriptors,
}

impl Payloads {
    /// # Panics
    /// Never, for a catalogue that loads: whatever it holds is a protobuf message.
    pub(crate) fn new(catalogue: &Catalogue) -> Payloads {
        let count = u16::try_from(catalogue.messages().len()).expect("messages have indices of 16 bits");
        let file = FileDescriptorProto {
            name: Some("catalogue.proto".to_owned()),
            syntax: Some("proto3".to_owned()),
            dependency: ["timestamp", "duration"].map(|name| format!("google/protobuf/{name}.proto")).to_vec(),
            message_type: (0..count).map(|at| message(at, catalogue.message(MessageIndex(at)))).collect(),
            ..FileDescriptorProto::default()
        };
        let mut pool = DescriptorPool::global();
        pool.add_file_descriptor_proto(file).expect("INVARIANT: what a catalogue holds protobuf can say");
        let named = |at: u16| pool.get_message_by_name(&name(at)).expect("it was added just now");
        Payloads { messages: (0..count).map(named).collect(), types: Descriptors::new(pool.clone()) }
    }

    /// The types of the values.
    pub(crate) fn types(&self) -> &Descriptors {
        &self.types
    }

    /// The message; nothing where the payload is none.
    pub(crate) fn value(&self, message: MessageIndex, payload: &[u8]) -> Option<Value> {
        let descriptor = self.messages.get(usize::from(message.0))?.clone();
        DynamicMessage::decode(descriptor, payload).ok().map(Value::message)
    }
}

fn name(index: u16) -> String {
    format!("M{index}")
}

fn message(index: u16, of: &MessageType) -> DescriptorProto {
    let mut out = DescriptorProto { name: Some(name(index)), ..DescriptorProto::default() };
    out.oneof_decl = of.oneofs.iter().map(|name| oneof(name)).collect();
    for field in &of.fields {
        let mut made = single(field.kind);
        made.name = Some(field.name.clone());
        made.number = Some(field.number.cast_signed());
        made.oneof_index = field.oneof.map(i32::from);
        match field.cardinality {
            Cardinality::Implicit => {}
            // Protobuf says so by a `oneof` that has one member.
            Cardinality::Explicit if field.oneof.is_none() && made.r#type != Some(Type::Message.into()) => {
                made.proto3_optional = Some(true);
                made.oneof_index = i32::try_from(out.oneof_decl.len()).ok();
                out.oneof_decl.push(oneof(&format!("_{}", field.name)));
            }
            Cardinality::Explicit => {}
            Cardinality::Repeated => made.label = Some(Label::Repeated.into()),
            Cardinality::Map(key) => {
                let entry = entry(field, key);
                made.type_name = Some(format!(".{}.{}", name(index), entry.name()));
                made.r#type = Some(Type::Message.into());
                made.label = Some(Label::Repeated.into());
                out.nested_type.push(entry);
            }
        }
        out.field.push(made);
    }
    out
}

fn oneof(name: &str) -> OneofDescriptorProto {
    OneofDescriptorProto { name: Some(name.to_owned()), ..OneofDescriptorProto::default() }
}

/// The entries of a map are messages with a key and a value.
fn entry(field: &Field, key: Kind) -> DescriptorProto {
    let member = |name: &str, number, kind| FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        ..single(kind)
    };
    DescriptorProto {
        name: Some(format!("F{}Entry", field.number)),
        field: vec![member("key", 1, key), member("value", 2, field.kind)],
        options: Some(MessageOptions { map_entry: Some(true), ..MessageOptions::default() }),
        ..DescriptorProto::default()
    }
}

fn single(kind: Kind) -> FieldDescriptorProto {
    let (ty, message) = match kind {
        Kind::Bool => (Type::Bool, None),
        // An open enumeration is a number, in rules too.
        Kind::Int32 | Kind::Enum(_) => (Type::Int32, None),
        Kind::Int64 => (Type::Int64, None),
        Kind::Uint32 => (Type::Uint32, None),
        Kind::Uint64 => (Type::Uint64, None),
        Kind::Sint32 => (Type::Sint32, None),
        Kind::Sint64 => (Type::Sint64, None),
        Kind::Fixed32 => (Type::Fixed32, None),
        Kind::Fixed64 => (Type::Fixed64, None),
        Kind::Sfixed32 => (Type::Sfixed32, None),
        Kind::Sfixed64 => (Type::Sfixed64, None),
        Kind::Float => (Type::Float, None),
        Kind::Double => (Type::Double, None),
        Kind::String => (Type::String, None),
        Kind::Bytes => (Type::Bytes, None),
        Kind::Message(MessageIndex(index)) => (Type::Message, Some(format!(".{}", name(index)))),
        Kind::Timestamp => (Type::Message, Some(".google.protobuf.Timestamp".to_owned())),
        Kind::Duration => (Type::Message, Some(".google.protobuf.Duration".to_owned())),
    };
    FieldDescriptorProto {
        r#type: Some(ty.into()),
        type_name: message,
        label: Some(Label::Optional.into()),
        ..FieldDescriptorProto::default()
    }
}
