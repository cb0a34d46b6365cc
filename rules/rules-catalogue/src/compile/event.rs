//! Event types: messages with the option that makes them one.
//!
//! Comes in: a message, its options and the lowered messages. Goes out: an [`EventType`] with every complaint about its
//! id, owner, words, subject and size; and what only shows between event types.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{DescriptorPool, MessageDescriptor};

use super::Sources;
use super::diagnostic::Code;
use super::limits::Largest;
use super::lower::Lowering;
use super::options::{EventOptions, FileDefaults, Options};
use crate::model::{Cardinality, EventType, Field, Kind, MessageIndex, MessageType, PersonalData, Provenances};
use crate::{MAX_DEPTH, MAX_EVENT_TYPE_ID, MAX_PAYLOAD_BYTES};

/// Room for fields of later versions in a payload whose limit the author left to us. Bytes.
const ROOM_TO_GROW_BYTES: u64 = 256;

/// A message with the option that makes it an event type.
pub(super) struct Declared {
    pub(super) message: MessageDescriptor,
    pub(super) options: EventOptions,
    pub(super) defaults: FileDefaults,
}

/// The event types of our own files, sorted by full name.
pub(super) fn events(pool: &DescriptorPool, sources: &Sources) -> Vec<Declared> {
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

impl Lowering<'_> {
    pub(super) fn event_type(&mut self, e: &Declared, messages: &[MessageType]) -> EventType {
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
    pub(super) fn across_types(&mut self, events: &[Declared]) {
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

fn is_camel(name: &str) -> bool {
    name.bytes().next().is_some_and(|b| b.is_ascii_uppercase()) && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn is_word(word: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.' | b'/');
    (1..=64).contains(&word.len()) && word.bytes().all(allowed)
}
