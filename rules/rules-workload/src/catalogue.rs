//! Catalogues of made-up event types that all carry the same fields.

use std::sync::Arc;

use edge_event::EventTypeId;
use rules_catalogue::{
    Cardinality, Catalogue, CatalogueData, EnumType, EventType, Field, Kind, Limits, MessageIndex, MessageType,
    PersonalData, Position, Provenances,
};

/// A field without limits but for those that must be there.
pub(crate) fn field(number: u32, name: &str, kind: Kind, cardinality: Cardinality) -> Field {
    Field {
        number,
        name: name.to_owned(),
        kind,
        cardinality,
        oneof: None,
        limits: Limits {
            max_len: matches!(kind, Kind::String | Kind::Bytes).then_some(256),
            max_key_len: matches!(cardinality, Cardinality::Map(Kind::String)).then_some(64),
            max_items: matches!(cardinality, Cardinality::Repeated | Cardinality::Map(_)).then_some(1_024),
            range: None,
        },
        personal_data: PersonalData::None,
        deprecated: false,
        doc: String::new(),
        position: Position::default(),
    }
}

/// A message of other fields than an event's.
pub(crate) fn message(full_name: &str, fields: Vec<Field>) -> MessageType {
    let (doc, position) = (String::new(), Position::default());
    MessageType { full_name: full_name.to_owned(), fields, oneofs: Vec::new(), doc, position }
}

/// Event types 1 up to `event_types`, each with a message of these fields. Fields of `fields` may name `inner` by the index that
/// [`inner_index`] gives.
pub(crate) fn catalogue(
    event_types: u32,
    fields: &[Field],
    inner: Option<MessageType>,
    enums: Vec<EnumType>,
) -> Arc<Catalogue> {
    let name = |n: u32| format!("EventType{n:05}");
    let event_type = |n: u32| EventType {
        id: EventTypeId(n),
        name: name(n),
        message: MessageIndex(n as u16 - 1),
        provenance: Provenances::Client,
        subject: None,
        owner: "team".to_owned(),
        tags: Vec::new(),
        personal_data: PersonalData::None,
        idempotent: false,
        deprecated: false,
        max_payload_bytes: 65_536,
        doc: String::new(),
        position: Position::default(),
    };
    let messages = (1..=event_types).map(|n| message(&format!("made.v1.{}", name(n)), fields.to_vec()));
    let data = CatalogueData {
        name: "made.v1".to_owned(),
        types: (1..=event_types).map(event_type).collect(),
        messages: messages.chain(inner).collect(),
        enums,
        files: vec!["made.proto".to_owned()],
    };
    Arc::new(Catalogue::new(data).expect("INVARIANT: what is made here is a sound catalogue"))
}

/// The index of the message that is no event's.
pub(crate) const fn inner_index(event_types: u32) -> MessageIndex {
    MessageIndex(event_types as u16)
}
