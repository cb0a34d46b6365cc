//! From linked descriptors to the catalogue's data.
//!
//! Comes in: the descriptors of all files that parsed. Goes out: [`CatalogueData`] and every complaint about it. The data
//! is only fit for use where no complaint is an error. Event types are walked first; messages and enums that none of them
//! reaches are left out.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{Cardinality as ProtoCardinality, EnumDescriptor, FieldDescriptor, FileDescriptor};
use prost_reflect::{DescriptorPool, Kind as ProtoKind, MessageDescriptor, Syntax};

use super::Diagnostic;
use super::Sources;
use super::diagnostic::Code;
use super::limits::{Largest, limits_of};
use super::options::{EventOptions, FieldRules, FileDefaults, Options};
use super::places::Places;
use crate::model::{
    Cardinality, CatalogueData, EnumIndex, EnumType, EnumValue, EventType, Field, Kind, MessageIndex, MessageType,
    PersonalData, Provenances,
};
use crate::{MAX_COUNTED_FIELDS, MAX_DEPTH, MAX_EVENT_TYPE_ID, MAX_FIELDS, MAX_PAYLOAD_BYTES};

/// Room for fields of later versions in a payload whose limit the author left to us. Bytes.
const ROOM_TO_GROW_BYTES: u64 = 256;

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

/// A message with the option that makes it an event type.
struct Declared {
    message: MessageDescriptor,
    options: EventOptions,
    defaults: FileDefaults,
}

fn events(pool: &DescriptorPool, sources: &Sources) -> Vec<Declared> {
    let Some(options) = Options::find(pool) else { return Vec::new() };
    let ours: BTreeSet<&str> = sources.names().collect();
    let of_ours = pool.all_messages().filter(|m| ours.contains(m.parent_file().name()));
    let declared = of_ours.filter_map(|message| {
        let event = options.of_message(&message)?;
        let defaults = options.of_file(&message.parent_file());
        Some(Declared { message, options: event, defaults })
    });
    let mut declared: Vec<Declared> = declared.collect();
    declared.sort_by(|a, b| a.message.full_name().cmp(b.message.full_name()));
    declared
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

struct Lowering<'d> {
    places: Places,
    options: Option<Options>,
    message_index: BTreeMap<String, u16>,
    enum_index: BTreeMap<String, u16>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl Lowering<'_> {
    fn complain(&mut self, code: Code, file: &FileDescriptor, path: &[i32], message: String) {
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

    fn event_type(&mut self, e: &Declared, messages: &[MessageType]) -> EventType {
        let (m, options) = (&e.message, &e.options);
        let file = m.parent_file();
        let index = MessageIndex(self.message_index.get(m.full_name()).copied().unwrap_or(0));
        let owner = if options.owner.is_empty() { &e.defaults.owner } else { &options.owner };
        let tags: BTreeSet<String> = e.defaults.tags.iter().chain(&options.tags).cloned().collect();
        self.names_and_words(e, owner, &tags);
        self.subject(e, messages, index);
        let personal_data = class_of(messages, index).max(options.personal_data);
        let max_payload_bytes = self.max_payload_bytes(e, messages, index);
        EventType {
            id: edge_event::EventTypeId(options.id),
            name: m.name().to_owned(),
            message: index,
            provenance: options.provenance,
            subject: (!options.subject.is_empty()).then(|| options.subject.clone()),
            owner: owner.clone(),
            tags: tags.into_iter().collect(),
            personal_data,
            idempotent: options.idempotent,
            deprecated: m.descriptor_proto().options.as_ref().is_some_and(|o| o.deprecated()),
            max_payload_bytes,
            doc: self.places.doc(&file, m.path()),
            position: self.places.position(&file, m.path()),
        }
    }

    fn names_and_words(&mut self, e: &Declared, owner: &str, tags: &BTreeSet<String>) {
        let (m, name) = (&e.message, e.message.name());
        let mut found = Vec::new();
        if !(1..=MAX_EVENT_TYPE_ID).contains(&e.options.id) {
            found.push((Code::EventId, format!("event type `{name}` has id {}", e.options.id)));
        }
        if owner.is_empty() {
            found.push((Code::NoOwner, format!("event type `{name}` has no owner")));
        }
        let words = tags.iter().map(String::as_str).chain((!owner.is_empty()).then_some(owner));
        for word in words.filter(|w| !is_word(w)) {
            found.push((Code::BadWord, format!("`{word}` is no tag or owner")));
        }
        if m.parent_message().is_some() {
            found.push((Code::EventNested, format!("event type `{name}` stands inside another message")));
        }
        if m.package_name().is_empty() {
            found.push((Code::NoPackage, format!("the file of event type `{name}` has no package")));
        }
        if !is_camel(name) {
            found.push((Code::EventName, format!("`{name}` is not UpperCamelCase")));
        }
        if self.places.doc(&m.parent_file(), m.path()).is_empty() {
            found.push((Code::NoDoc, format!("event type `{name}` has no comment")));
        }
        for (code, message) in found {
            self.complain(code, &m.parent_file(), m.path(), message);
        }
    }

    fn subject(&mut self, e: &Declared, messages: &[MessageType], index: MessageIndex) {
        let (m, subject) = (&e.message, e.options.subject.as_str());
        let complaint = match (e.options.provenance, subject) {
            (Provenances::Client, "") => None,
            (Provenances::Client, _) => {
                Some((Code::ClientSubject, format!("event type `{}` of clients has a subject field", m.name())))
            }
            (_, "") => {
                let what = format!("event type `{}` can come from game servers and names no subject", m.name());
                Some((Code::NoSubject, what))
            }
            _ => match subject_field(messages, index, subject) {
                Ok(field) if field.personal_data == PersonalData::None => {
                    Some((Code::SubjectClass, format!("the subject `{subject}` has no personal-data class")))
                }
                Ok(_) => None,
                Err(what) => Some((Code::BadSubject, format!("the subject `{subject}` {what}"))),
            },
        };
        if let Some((code, message)) = complaint {
            self.complain(code, &m.parent_file(), m.path(), message);
        }
    }

    fn max_payload_bytes(&mut self, e: &Declared, messages: &[MessageType], index: MessageIndex) -> u32 {
        let (m, wanted) = (&e.message, e.options.max_payload_bytes);
        let complaint = match Largest::new(messages).message(index, MAX_DEPTH) {
            None => (Code::TooDeep, format!("event type `{}` nests too deep or contains itself", m.name())),
            Some(_) if wanted > MAX_PAYLOAD_BYTES => {
                (Code::MaxPayload, format!("`max_payload_bytes` is {wanted}; at most {MAX_PAYLOAD_BYTES} is allowed"))
            }
            Some(_) if wanted > 0 => return wanted,
            Some(bytes) if bytes <= u64::from(MAX_PAYLOAD_BYTES) => {
                return (bytes + ROOM_TO_GROW_BYTES).min(u64::from(MAX_PAYLOAD_BYTES)) as u32;
            }
            Some(bytes) => {
                let what = format!("event type `{}` can have {bytes} bytes; at most {MAX_PAYLOAD_BYTES} fit", m.name());
                (Code::MaxPayload, what)
            }
        };
        self.complain(complaint.0, &m.parent_file(), m.path(), complaint.1);
        MAX_PAYLOAD_BYTES
    }

    /// What only shows between event types.
    fn across_types(&mut self, events: &[Declared]) {
        let mut by_id: BTreeMap<u32, &str> = BTreeMap::new();
        let package = events.iter().map(|e| e.message.package_name()).find(|p| !p.is_empty());
        for e in events {
            let (m, id) = (&e.message, e.options.id);
            if let Some(first) = by_id.get(&id).filter(|_| id != 0) {
                let message = format!("event types `{first}` and `{}` both have id {id}", m.name());
                self.complain(Code::EventIdTwice, &m.parent_file(), m.path(), message);
            }
            by_id.entry(id).or_insert(m.name());
            if Some(m.package_name()) != package && !m.package_name().is_empty() {
                let first = package.unwrap_or_default();
                let message =
                    format!("event type `{}` is in package `{}`, others are in `{first}`", m.name(), m.package_name());
                self.complain(Code::Packages, &m.parent_file(), m.path(), message);
            }
        }
    }
}

/// The most sensitive class among the fields of a message and of all that it contains.
fn class_of(messages: &[MessageType], root: MessageIndex) -> PersonalData {
    let mut seen = BTreeSet::from([root]);
    let mut todo = vec![root];
    let mut class = PersonalData::None;
    while let Some(message) = todo.pop() {
        for field in &messages[usize::from(message.0)].fields {
            class = class.max(field.personal_data);
            if let Kind::Message(inner) = field.kind
                && seen.insert(inner)
            {
                todo.push(inner);
            }
        }
    }
    class
}

fn subject_field<'m>(messages: &'m [MessageType], root: MessageIndex, path: &str) -> Result<&'m Field, String> {
    let mut message = &messages[usize::from(root.0)];
    let mut parts = path.split('.').peekable();
    while let Some(name) = parts.next() {
        let Some(field) = message.field_by_name(name) else {
            let near = crate::path::nearest(name, message.fields.iter().map(|f| f.name.as_str()));
            return Err(format!("is no field of `{}`{}", message.full_name, crate::path::did_you_mean(near)));
        };
        let single = matches!(field.cardinality, Cardinality::Implicit | Cardinality::Explicit);
        match field.kind {
            Kind::String if single && parts.peek().is_none() => return Ok(field),
            Kind::Message(inner) if single && parts.peek().is_some() => message = &messages[usize::from(inner.0)],
            _ => break,
        }
    }
    Err("is not one string field".to_owned())
}

fn is_snake(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn is_camel(name: &str) -> bool {
    name.bytes().next().is_some_and(|b| b.is_ascii_uppercase()) && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn is_word(word: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.' | b'/');
    (1..=64).contains(&word.len()) && word.bytes().all(allowed)
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
