//! Message types and enumerations, by their descriptors.
//!
//! What comes in: a pool of descriptors. What goes out: what the checker asks of a [`TypeProvider`], and what the walk needs:
//! fields read as values (`read`), values put into fields (`write`), values as JSON (`json`), and, where enumerations are to
//! be types of their own, their constants and conversions (`enums`).
//!
//! Deliberately absent: `.proto` text; `rules-catalogue` compiles it.

mod enums;
mod json;
mod read;
mod write;

use crate::value::Described;
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value as Raw,
};
use rules_cel::{FieldInfo, Type, TypeProvider};
use std::borrow::Cow;

/// The message types that expressions may name.
#[derive(Clone, Debug)]
pub struct Descriptors {
    pool: DescriptorPool,
    strong_enums: bool,
}

/// A field of a message, its own or one that another file extends it with.
#[derive(Clone, Debug)]
pub(crate) enum Member {
    Field(FieldDescriptor),
    Extension(ExtensionDescriptor),
}

/// The well-known types of protobuf, and no others.
impl Default for Descriptors {
    fn default() -> Self {
        Self::new(DescriptorPool::global())
    }
}

impl Descriptors {
    /// The types of a pool. Enumerations count as int.
    pub fn new(pool: DescriptorPool) -> Self {
        Self { pool, strong_enums: false }
    }

    /// The same, with enumerations as types of their own: `Zone.CRYPT` is a `Zone`, made from a number by `Zone(3)` or from a
    /// name by `Zone('CRYPT')`. [`Descriptors::declare_enums`] tells an environment.
    pub fn with_strong_enums(pool: DescriptorPool) -> Self {
        Self { pool, strong_enums: true }
    }

    /// The field of that name; the full name of an extension serves, too.
    pub(crate) fn member(&self, message: &DynamicMessage, name: &str) -> Option<Member> {
        self.member_of(&message.descriptor_of(), name)
    }

    fn member_of(&self, message: &MessageDescriptor, name: &str) -> Option<Member> {
        let field = message.get_field_by_name(name).map(Member::Field);
        field.or_else(|| message.get_extension_by_full_name(name).map(Member::Extension))
    }

    fn message(&self, name: &str) -> Option<MessageDescriptor> {
        self.pool.get_message_by_name(name).filter(|message| !message.is_map_entry())
    }

    fn type_of_member(&self, member: &Member) -> Type {
        let kind = member.kind();
        match &kind {
            Kind::Message(entry) if member.is_map() => {
                let key = self.type_of(&entry.map_entry_key_field().kind());
                Type::map(key, self.type_of(&entry.map_entry_value_field().kind()))
            }
            kind if member.is_list() => Type::list(self.type_of(kind)),
            kind => self.type_of(kind),
        }
    }

    fn type_of(&self, kind: &Kind) -> Type {
        match kind {
            Kind::Double | Kind::Float => Type::Double,
            Kind::Int32 | Kind::Int64 | Kind::Sint32 | Kind::Sint64 | Kind::Sfixed32 | Kind::Sfixed64 => Type::Int,
            Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => Type::Uint,
            Kind::Bool => Type::Bool,
            Kind::String => Type::String,
            Kind::Bytes => Type::Bytes,
            // Both null and the constant's number stand for its only value.
            Kind::Enum(of) if of.full_name() == "google.protobuf.NullValue" => Type::Dyn,
            Kind::Enum(of) => self.enum_type(of),
            Kind::Message(message) => {
                let name = message.full_name();
                Type::well_known_message(name).unwrap_or_else(|| Type::message(name))
            }
        }
    }
}

impl TypeProvider for Descriptors {
    fn has_message(&self, message: &str) -> bool {
        self.message(message).is_some()
    }

    fn field(&self, message: &str, field: &str) -> Option<FieldInfo> {
        let member = self.member_of(&self.message(message)?, field)?;
        Some(FieldInfo { ty: self.type_of_member(&member), index: member.number() })
    }

    fn field_names(&self, message: &str) -> Vec<String> {
        let Some(message) = self.message(message) else { return Vec::new() };
        message.fields().map(|field| field.name().to_owned()).collect()
    }

    fn named_constant(&self, name: &str) -> Option<Type> {
        self.strong_enums.then(|| self.enum_constant(name)).flatten().map(|(of, _)| self.enum_type(&of))
    }

    fn enum_value(&self, name: &str) -> Option<i64> {
        self.enum_constant(name).map(|(_, number)| i64::from(number))
    }
}

impl Member {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Field(field) => field.kind(),
            Self::Extension(extension) => extension.kind(),
        }
    }

    fn number(&self) -> u32 {
        match self {
            Self::Field(field) => field.number(),
            Self::Extension(extension) => extension.number(),
        }
    }

    fn is_list(&self) -> bool {
        match self {
            Self::Field(field) => field.is_list(),
            Self::Extension(extension) => extension.is_list(),
        }
    }

    fn is_map(&self) -> bool {
        match self {
            Self::Field(field) => field.is_map(),
            Self::Extension(extension) => extension.is_map(),
        }
    }

    /// Whether the field has a value of its own, or, where a type does not tell, another than zero.
    pub(crate) fn is_set(&self, message: &DynamicMessage) -> bool {
        match self {
            Self::Field(field) => message.has_field(field),
            Self::Extension(extension) => message.has_extension(extension),
        }
    }

    /// The value in the field, or its default.
    pub(crate) fn raw<'m>(&self, message: &'m DynamicMessage) -> Cow<'m, Raw> {
        match self {
            Self::Field(field) => message.get_field(field),
            Self::Extension(extension) => message.get_extension(extension),
        }
    }

    fn set(&self, message: &mut DynamicMessage, value: Raw) {
        match self {
            Self::Field(field) => message.set_field(field, value),
            Self::Extension(extension) => message.set_extension(extension, value),
        }
    }
}
