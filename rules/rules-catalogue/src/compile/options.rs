//! The catalogue's own options, read from descriptors by reflection.
//!
//! Comes in: the dynamic options of a file, message or field. Goes out: plain structs, with what the author left out as
//! `None` or empty. Deliberately absent: what the values mean.

use prost_reflect::{DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, FileDescriptor, Kind};
use prost_reflect::{MessageDescriptor, Value};

use crate::model::{PersonalData, Provenances};

/// Finds the options; `None` where no file imports them.
pub(super) struct Options {
    defaults: ExtensionDescriptor,
    event: ExtensionDescriptor,
    field: ExtensionDescriptor,
}

#[derive(Default)]
pub(super) struct FileDefaults {
    pub(super) owner: String,
    pub(super) tags: Vec<String>,
}

pub(super) struct EventOptions {
    pub(super) id: u32,
    pub(super) owner: String,
    pub(super) tags: Vec<String>,
    pub(super) provenance: Provenances,
    pub(super) subject: String,
    pub(super) personal_data: PersonalData,
    pub(super) idempotent: bool,
    pub(super) max_payload_bytes: u32,
}

#[derive(Default)]
pub(super) struct FieldRules {
    pub(super) max_len: Option<u32>,
    pub(super) max_items: Option<u32>,
    pub(super) max_key_len: Option<u32>,
    pub(super) range: Option<(Option<f64>, Option<f64>)>,
    pub(super) personal_data: PersonalData,
    /// Whether the author said anything about `personal_data`.
    pub(super) is_classed: bool,
}

impl Options {
    pub(super) fn find(pool: &DescriptorPool) -> Option<Options> {
        let extension = |name: &str| {
            let found = pool.get_extension_by_name(&format!("edge.catalogue.v1.{name}"))?;
            matches!(found.kind(), Kind::Message(_)).then_some(found)
        };
        Some(Options { defaults: extension("defaults")?, event: extension("event")?, field: extension("field")? })
    }

    pub(super) fn of_file(&self, file: &FileDescriptor) -> FileDefaults {
        let Some(set) = extension_of(&file.options(), &self.defaults) else { return FileDefaults::default() };
        FileDefaults { owner: text(&set, "owner"), tags: texts(&set, "tags") }
    }

    /// `None`: the message is no event type.
    pub(super) fn of_message(&self, message: &MessageDescriptor) -> Option<EventOptions> {
        let set = extension_of(&message.options(), &self.event)?;
        Some(EventOptions {
            id: number(&set, "id").unwrap_or(0),
            owner: text(&set, "owner"),
            tags: texts(&set, "tags"),
            provenance: match enum_number(&set, "provenance") {
                2 => Provenances::Server,
                3 => Provenances::Any,
                _ => Provenances::Client,
            },
            subject: text(&set, "subject"),
            personal_data: personal_data(&set),
            idempotent: value(&set, "idempotent").and_then(|v| v.as_bool()).unwrap_or(false),
            max_payload_bytes: number(&set, "max_payload_bytes").unwrap_or(0),
        })
    }

    pub(super) fn of_field(&self, field: &FieldDescriptor) -> FieldRules {
        let Some(set) = extension_of(&field.options(), &self.field) else { return FieldRules::default() };
        let range = value(&set, "range").and_then(|range| {
            let range = range.as_message()?;
            let end = |name| value(range, name).and_then(|v| v.as_f64());
            Some((end("min"), end("max")))
        });
        FieldRules {
            max_len: number(&set, "max_len"),
            max_items: number(&set, "max_items"),
            max_key_len: number(&set, "max_key_len"),
            range,
            personal_data: personal_data(&set),
            is_classed: enum_number(&set, "personal_data") != 0,
        }
    }
}

fn extension_of(options: &DynamicMessage, extension: &ExtensionDescriptor) -> Option<DynamicMessage> {
    if !options.has_extension(extension) {
        return None;
    }
    options.get_extension(extension).as_message().cloned()
}

/// A field that is set.
fn value(message: &DynamicMessage, name: &str) -> Option<Value> {
    if !message.has_field_by_name(name) {
        return None;
    }
    message.get_field_by_name(name).map(std::borrow::Cow::into_owned)
}

fn text(message: &DynamicMessage, name: &str) -> String {
    value(message, name).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn texts(message: &DynamicMessage, name: &str) -> Vec<String> {
    let list = value(message, name);
    let list = list.as_ref().and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

fn number(message: &DynamicMessage, name: &str) -> Option<u32> {
    value(message, name).and_then(|v| v.as_u32())
}

fn enum_number(message: &DynamicMessage, name: &str) -> i32 {
    value(message, name).and_then(|v| v.as_enum_number()).unwrap_or(0)
}

fn personal_data(message: &DynamicMessage) -> PersonalData {
    match enum_number(message, "personal_data") {
        2 => PersonalData::Pseudonymous,
        3 => PersonalData::Personal,
        4 => PersonalData::Sensitive,
        _ => PersonalData::None,
    }
}
