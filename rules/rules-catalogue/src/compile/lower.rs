//! From linked descriptors to the catalogue's data.
//!
//! Comes in: the descriptors of all files that parsed. Goes out: [`CatalogueData`] and every complaint about it. The data
//! is only fit for use where no complaint is an error. Event types are walked first; messages and enums that none of them
//! reaches are left out.

use std::collections::BTreeMap;

use prost_reflect::{Cardinality as ProtoCardinality, EnumDescriptor, FieldDescriptor, FileDescriptor};
use prost_reflect::{DescriptorPool, Kind as ProtoKind, MessageDescriptor, Syntax};

use super::Diagnostic;
use super::Sources;
use super::diagnostic::Code;
use super::event::events;
use super::limits::limits_of;
use super::options::{FieldRules, Options};
use super::places::Places;
use crate::model::{
    Cardinality, CatalogueData, EnumIndex, EnumType, EnumValue, EventType, Field, Kind, MessageIndex, MessageType,
};
use crate::{MAX_COUNTED_FIELDS, MAX_FIELDS};

pub(super) fn lower(
    pool: &DescriptorPool,
    sources: &Sources,
    all_parsed: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> CatalogueData {
    let events = events(pool, sources);
    if events.is_empty() && all_parsed {
        let file = sources.names().next().unwrap_or_default();
        diagnostics.push(Diagnostic::new(Code::NoEvents, file, (0, 0), "no message is an event type".to_owned()));
    }
    let reach = Reach::from(events.iter().map(|e| &e.message));
    let mut lowering = Lowering {
        places: Places::new(pool),
        options: Options::find(pool),
        message_index: index(reach.messages.keys()),
        enum_index: index(reach.enums.keys()),
        diagnostics,
    };
    let messages: Vec<MessageType> = reach.messages.values().map(|m| lowering.message(m)).collect();
    let enums = reach.enums.values().map(|e| lowering.enum_type(e)).collect();
    let mut types: Vec<EventType> = events.iter().map(|e| lowering.event_type(e, &messages)).collect();
    lowering.across_types(&events);
    types.sort_by_key(|t| t.id);
    let name = events.iter().map(|e| e.message.package_name()).find(|p| !p.is_empty()).unwrap_or_default().to_owned();
    CatalogueData { name, types, messages, enums, files: lowering.places.file_names() }
}

/// All messages and enums that event types contain, by full name.
#[derive(Default)]
struct Reach {
    messages: BTreeMap<String, MessageDescriptor>,
    enums: BTreeMap<String, EnumDescriptor>,
}

impl Reach {
    fn from<'m>(roots: impl Iterator<Item = &'m MessageDescriptor>) -> Reach {
        let mut reach = Reach::default();
        let mut todo: Vec<MessageDescriptor> = roots.cloned().collect();
        while let Some(message) = todo.pop() {
            if reach.messages.insert(message.full_name().to_owned(), message.clone()).is_some() {
                continue;
            }
            for field in message.fields() {
                match value_kind(&field) {
                    ProtoKind::Message(inner) if !inner.full_name().starts_with("google.protobuf.") => todo.push(inner),
                    ProtoKind::Enum(e) => drop(reach.enums.insert(e.full_name().to_owned(), e)),
                    _ => {}
                }
            }
        }
        reach
    }
}

/// What a field's values are; a map's values for a map.
fn value_kind(field: &FieldDescriptor) -> ProtoKind {
    match field.kind() {
        ProtoKind::Message(entry) if field.is_map() => entry.map_entry_value_field().kind(),
        kind => kind,
    }
}

fn index<'n>(names: impl Iterator<Item = &'n String>) -> BTreeMap<String, u16> {
    names.enumerate().map(|(at, name)| (name.clone(), u16::try_from(at).unwrap_or(u16::MAX))).collect()
}

pub(super) struct Lowering<'d> {
    pub(super) places: Places,
    options: Option<Options>,
    pub(super) message_index: BTreeMap<String, u16>,
    enum_index: BTreeMap<String, u16>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl Lowering<'_> {
    pub(super) fn complain(&mut self, code: Code, file: &FileDescriptor, path: &[i32], message: String) {
        self.diagnostics.push(self.places.complain(code, file, path, message));
    }

    fn message(&mut self, m: &MessageDescriptor) -> MessageType {
        let file = m.parent_file();
        if file.syntax() != Syntax::Proto3 {
            self.complain(Code::Unsupported, &file, m.path(), format!("`{}` is not proto3", m.name()));
        }
        let mut fields: Vec<Field> = m.fields().map(|f| self.field(&f)).collect();
        fields.sort_by_key(|f| f.number);
        let counted = fields.iter().filter(|f| f.is_counted()).count();
        for (found, limit, what) in [
            (fields.len(), MAX_FIELDS, "fields"),
            (counted, MAX_COUNTED_FIELDS, "lists, maps, messages and fields whose range excludes 0"),
        ] {
            if found > limit {
                let message = format!("`{}` has {found} {what}; at most {limit} are allowed", m.name());
                self.complain(Code::TooMany, &file, m.path(), message);
            }
        }
        MessageType {
            full_name: m.full_name().to_owned(),
            fields,
            oneofs: m.oneofs().filter(|o| !o.is_synthetic()).map(|o| o.name().to_owned()).collect(),
            doc: self.places.doc(&file, m.path()),
            position: self.places.position(&file, m.path()),
        }
    }

    fn field(&mut self, f: &FieldDescriptor) -> Field {
        let file = f.parent_file();
        let path = f.path().to_vec();
        let name = f.name().to_owned();
        let rules = self.options.as_ref().map_or_else(FieldRules::default, |o| o.of_field(f));
        let kind = self.kind(f, &value_kind(f));
        let cardinality = self.cardinality(f, kind);
        let mut complaints = Vec::new();
        let limits = limits_of(kind, cardinality, &rules, |code, what| complaints.push((code, what)));
        for (code, what) in complaints {
            self.complain(code, &file, &path, format!("`{name}` {what}"));
        }
        if !is_snake(&name) {
            self.complain(Code::FieldName, &file, &path, format!("`{name}` is not lower_snake_case"));
        }
        let oneof = f.containing_oneof().filter(|o| !o.is_synthetic()).map(|o| o.name().to_owned());
        let oneof = oneof.and_then(|name| {
            let mut real = f.parent_message().oneofs().filter(|o| !o.is_synthetic());
            real.position(|o| o.name() == name).and_then(|at| u16::try_from(at).ok())
        });
        Field {
            number: f.number(),
            name,
            kind,
            cardinality,
            oneof,
            limits,
            personal_data: rules.personal_data,
            deprecated: f.field_descriptor_proto().options.as_ref().is_some_and(|o| o.deprecated()),
            doc: self.places.doc(&file, &path),
            position: self.places.position(&file, &path),
        }
    }

    /// A kind that is not supported leaves a complaint and counts as `bool`.
    fn kind(&mut self, f: &FieldDescriptor, kind: &ProtoKind) -> Kind {
        match kind {
            ProtoKind::Bool => Kind::Bool,
            ProtoKind::Int32 => Kind::Int32,
            ProtoKind::Int64 => Kind::Int64,
            ProtoKind::Uint32 => Kind::Uint32,
            ProtoKind::Uint64 => Kind::Uint64,
            ProtoKind::Sint32 => Kind::Sint32,
            ProtoKind::Sint64 => Kind::Sint64,
            ProtoKind::Fixed32 => Kind::Fixed32,
            ProtoKind::Fixed64 => Kind::Fixed64,
            ProtoKind::Sfixed32 => Kind::Sfixed32,
            ProtoKind::Sfixed64 => Kind::Sfixed64,
            ProtoKind::Float => Kind::Float,
            ProtoKind::Double => Kind::Double,
            ProtoKind::String => Kind::String,
            ProtoKind::Bytes => Kind::Bytes,
            ProtoKind::Enum(e) => Kind::Enum(EnumIndex(self.enum_index.get(e.full_name()).copied().unwrap_or(0))),
            ProtoKind::Message(m) => self.message_kind(f, m),
        }
    }

    fn message_kind(&mut self, f: &FieldDescriptor, m: &MessageDescriptor) -> Kind {
        let instead = match m.full_name() {
            "google.protobuf.Timestamp" => return Kind::Timestamp,
            "google.protobuf.Duration" => return Kind::Duration,
            name if !name.starts_with("google.protobuf.") && !f.is_group() => {
                return Kind::Message(MessageIndex(self.message_index.get(name).copied().unwrap_or(0)));
            }
            name if name.ends_with("Value") && name != "google.protobuf.Value" => "; write `optional` instead",
            _ => "; declare a message of its own",
        };
        let what = format!("`{}` is a `{}`, which is not supported{instead}", f.name(), m.full_name());
        self.complain(Code::Unsupported, &f.parent_file(), f.path(), what);
        Kind::Bool
    }

    fn cardinality(&mut self, f: &FieldDescriptor, kind: Kind) -> Cardinality {
        if f.is_map()
            && let ProtoKind::Message(entry) = f.kind()
        {
            let key = entry.map_entry_key_field().kind();
            return Cardinality::Map(self.kind(f, &key));
        }
        match f.cardinality() {
            ProtoCardinality::Repeated => Cardinality::Repeated,
            ProtoCardinality::Required => {
                let what = format!("`{}` is required, which proto3 does not have", f.name());
                self.complain(Code::Unsupported, &f.parent_file(), f.path(), what);
                Cardinality::Explicit
            }
            ProtoCardinality::Optional if f.supports_presence() || kind.is_message() => Cardinality::Explicit,
            ProtoCardinality::Optional => Cardinality::Implicit,
        }
    }

    fn enum_type(&mut self, e: &EnumDescriptor) -> EnumType {
        let prefix = format!("{}_", upper_snake(e.name()));
        // The reflected values are sorted by number; the text's own order has the default first.
        let values = e.enum_descriptor_proto().value.iter().map(|v| {
            let short = v.name().strip_prefix(prefix.as_str()).filter(|s| !s.is_empty()).unwrap_or(v.name());
            EnumValue { name: v.name().to_owned(), short: short.to_ascii_lowercase(), number: v.number() }
        });
        EnumType {
            full_name: e.full_name().to_owned(),
            values: values.collect(),
            doc: self.places.doc(&e.parent_file(), e.path()),
            position: self.places.position(&e.parent_file(), e.path()),
        }
    }
}

fn is_snake(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// `EndReason` as `END_REASON`.
fn upper_snake(camel: &str) -> String {
    let mut snake = String::new();
    for (at, c) in camel.char_indices() {
        if at > 0 && c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_uppercase());
    }
    snake
}
