//! The catalogue as the CEL checker sees it.
//!
//! In: a [`Catalogue`]. Out: types of fields and numbers of enums' values. A field's index is its protobuf number.

use rules_catalogue::{Cardinality, Catalogue, EventType, Field, Kind};
use rules_cel::{FieldInfo, Type, TypeProvider};

/// Lends a catalogue to the checker.
pub(crate) struct CatalogueTypes<'a>(pub(crate) &'a Catalogue);

/// The full name of an event type's message.
pub(crate) fn event_message<'a>(catalogue: &'a Catalogue, event: &EventType) -> &'a str {
    &catalogue.message(event.message).full_name
}

impl CatalogueTypes<'_> {
    fn one(&self, kind: Kind) -> Type {
        match kind {
            Kind::Bool => Type::Bool,
            Kind::Int32
            | Kind::Int64
            | Kind::Sint32
            | Kind::Sint64
            | Kind::Sfixed32
            | Kind::Sfixed64
            | Kind::Enum(_) => Type::Int,
            Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => Type::Uint,
            Kind::Float | Kind::Double => Type::Double,
            Kind::String => Type::String,
            Kind::Bytes => Type::Bytes,
            Kind::Message(index) => Type::message(&self.0.message(index).full_name),
            Kind::Timestamp => Type::Timestamp,
            Kind::Duration => Type::Duration,
        }
    }

    fn type_of(&self, field: &Field) -> Type {
        match field.cardinality {
            Cardinality::Implicit | Cardinality::Explicit => self.one(field.kind),
            Cardinality::Repeated => Type::list(self.one(field.kind)),
            Cardinality::Map(key) => Type::map(self.one(key), self.one(field.kind)),
        }
    }
}

impl TypeProvider for CatalogueTypes<'_> {
    fn has_message(&self, message: &str) -> bool {
        self.0.message_by_name(message).is_some()
    }

    fn field(&self, message: &str, field: &str) -> Option<FieldInfo> {
        let found = self.0.message(self.0.message_by_name(message)?).field_by_name(field)?;
        Some(FieldInfo { ty: self.type_of(found), index: found.number })
    }

    fn field_names(&self, message: &str) -> Vec<String> {
        let Some(index) = self.0.message_by_name(message) else { return Vec::new() };
        self.0.message(index).fields.iter().map(|f| f.name.clone()).collect()
    }

    /// `game.v1.EndReason.END_REASON_QUIT`, and shorter `game.v1.EndReason.QUIT`.
    fn enum_value(&self, name: &str) -> Option<i64> {
        let (of, value) = name.rsplit_once('.')?;
        let found = self.0.enums().iter().find(|e| e.full_name == of)?;
        let value = found.values.iter().find(|v| v.name == value || v.short.to_ascii_uppercase() == value)?;
        Some(i64::from(value.number))
    }
}
