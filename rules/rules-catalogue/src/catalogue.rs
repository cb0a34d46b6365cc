//! A checked catalogue with its look-ups, canonical bytes and digest.
//!
//! Comes in: [`CatalogueData`] of the compiler, or canonical bytes of a bundle. Goes out: event types by id (one look into
//! a table) and by name, messages, enums, places in the `.proto` text. The digest names the *contract*: comments and line
//! numbers are in the bytes but not in the digest, so rewording a comment makes no client unknown.

use edge_event::EventTypeId;

use crate::check::{LoadError, check};
use crate::extract::Extractor;
use crate::model::{
    Cardinality, CatalogueData, EnumIndex, EnumType, EventType, Field, Kind, MessageIndex, MessageType, Position,
    Provenances, Range,
};
use crate::refusal::PayloadError;
use crate::value::FieldValue;
use crate::{MAX_CATALOGUE_BYTES, MAX_COUNTED_FIELDS};

/// A versioned set of event types. Immutable; shared between threads.
#[derive(Clone, PartialEq, Debug)]
pub struct Catalogue {
    data: CatalogueData,
    digest: [u8; 32],
    /// `by_id[id]` is a place in `data.types`, or [`NONE`].
    by_id: Vec<u16>,
    /// For each message and field: which counter admission uses, or [`NO_COUNTER`].
    counters: Vec<Vec<u8>>,
    /// For each message: places of the fields that must be on the wire.
    needed: Vec<Vec<u16>>,
    /// For each event type with a subject: how to read it.
    subjects: Vec<Option<Extractor>>,
}

const NONE: u16 = u16::MAX;
const NO_COUNTER: u8 = u8::MAX;
const _: () = assert!(MAX_COUNTED_FIELDS < NO_COUNTER as usize, "a counter's number must not look like none");

/// The first byte of the canonical form; rises with every change of [`CatalogueData`].
const FORMAT: u8 = 1;

impl Catalogue {
    /// Checks `data` and makes its tables.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn new(data: CatalogueData) -> Result<Catalogue, LoadError> {
        check(&data)?;
        let highest = data.types.last().map_or(0, |t| t.id.0 as usize);
        let mut by_id = vec![NONE; highest + 1];
        for (at, t) in data.types.iter().enumerate() {
            by_id[t.id.0 as usize] = at as u16;
        }
        let digest = digest(&data);
        let counters = data.messages.iter().map(counters_of).collect();
        let needed = data.messages.iter().map(needed_of).collect();
        let mut made = Catalogue { data, digest, by_id, counters, needed, subjects: Vec::new() };
        made.subjects = made.data.types.iter().map(|t| made.subject_plan(t)).collect::<Result<_, _>>()?;
        Ok(made)
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// The bytes are too many, of another format, not canonical, or say what [`Catalogue::new`] refuses.
    pub fn from_bytes(bytes: &[u8]) -> Result<Catalogue, LoadError> {
        if bytes.len() > MAX_CATALOGUE_BYTES {
            let (found, limit) = (bytes.len(), MAX_CATALOGUE_BYTES);
            return Err(LoadError::TooLarge { at: "catalogue".to_owned(), what: "bytes", found, limit });
        }
        let Some((&format, body)) = bytes.split_first() else { return Err(LoadError::Malformed) };
        if format != FORMAT {
            return Err(LoadError::Format { found: format, known: FORMAT });
        }
        let (data, rest) = postcard::take_from_bytes::<CatalogueData>(body).map_err(|_| LoadError::Malformed)?;
        let catalogue = Catalogue::new(data)?;
        // A number can be spelled in more than one way; only one of them is canonical.
        if !rest.is_empty() || catalogue.to_bytes() != bytes {
            return Err(LoadError::Malformed);
        }
        Ok(catalogue)
    }

    /// The canonical bytes: equal catalogues give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&self.data)
    }

    /// The `.proto` package, e.g. `game.v1`.
    pub fn name(&self) -> &str {
        &self.data.name
    }

    /// BLAKE3 over the canonical bytes without comments and places: names the contract with clients.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// All event types, sorted by id.
    pub fn event_types(&self) -> &[EventType] {
        &self.data.types
    }

    /// The event type of an id.
    #[inline]
    pub fn event_type(&self, id: EventTypeId) -> Option<&EventType> {
        let at = *self.by_id.get(id.0 as usize)?;
        self.data.types.get(usize::from(at))
    }

    /// The event type of a short name, e.g. `PlayerDied`.
    pub fn event_type_by_name(&self, name: &str) -> Option<&EventType> {
        self.data.types.iter().find(|t| t.name == name)
    }

    /// The event type whose name is most similar to `name`, where one is similar enough to be meant.
    pub fn nearest_event_type(&self, name: &str) -> Option<&EventType> {
        let nearest = crate::path::nearest(name, self.data.types.iter().map(|t| t.name.as_str()))?;
        self.event_type_by_name(nearest)
    }

    /// The event type that carries records of this `snake_case` name: `unit_born` is `UnitBorn`.
    pub fn event_type_of_record(&self, recorded: &str) -> Option<&EventType> {
        self.data.types.iter().find(|t| is_camel_of(&t.name, recorded))
    }

    /// A message.
    ///
    /// # Panics
    /// With an index of another catalogue.
    #[inline]
    pub fn message(&self, index: MessageIndex) -> &MessageType {
        &self.data.messages[usize::from(index.0)]
    }

    /// All messages; a [`MessageIndex`] is a place here.
    pub fn messages(&self) -> &[MessageType] {
        &self.data.messages
    }

    /// The message of a full name.
    pub fn message_by_name(&self, full_name: &str) -> Option<MessageIndex> {
        self.data
            .messages
            .binary_search_by(|m| m.full_name.as_str().cmp(full_name))
            .ok()
            .map(|i| MessageIndex(i as u16))
    }

    /// An enum.
    ///
    /// # Panics
    /// With an index of another catalogue.
    pub fn enum_type(&self, index: EnumIndex) -> &EnumType {
        &self.data.enums[usize::from(index.0)]
    }

    /// All enums, sorted by full name.
    pub fn enums(&self) -> &[EnumType] {
        &self.data.enums
    }

    /// The fields of an event type, sorted by number.
    pub fn fields(&self, event_type: &EventType) -> &[Field] {
        &self.message(event_type.message).fields
    }

    /// A place as diagnostics show it: `game/v1/player.proto:41`. Empty where the place is not known.
    pub fn place(&self, position: Position) -> String {
        match self.data.files.get(usize::from(position.file)) {
            Some(file) if position.line > 0 => format!("{file}:{}", position.line),
            _ => String::new(),
        }
    }

    /// The type of a field as an author would say it: `repeated string`, `map<string, int32>`, `game.v1.EndReason`.
    pub fn type_of(&self, field: &Field) -> String {
        let one = match field.kind {
            Kind::Enum(e) => self.enum_type(e).full_name.as_str(),
            Kind::Message(m) => self.message(m).full_name.as_str(),
            kind => kind.word(),
        };
        match field.cardinality {
            Cardinality::Repeated => format!("repeated {one}"),
            Cardinality::Map(key) => format!("map<{}, {one}>", key.word()),
            Cardinality::Explicit if !field.kind.is_message() && field.oneof.is_none() => format!("optional {one}"),
            Cardinality::Explicit | Cardinality::Implicit => one.to_owned(),
        }
    }

    /// The data as it was checked.
    pub const fn data(&self) -> &CatalogueData {
        &self.data
    }

    /// The player that a payload names; `None` where the type has no subject field.
    ///
    /// # Errors
    /// The payload is no protobuf, or names nobody.
    pub fn subject_of<'p>(&self, event_type: &EventType, payload: &'p [u8]) -> Result<Option<&'p str>, PayloadError> {
        let at = self.by_id.get(event_type.id.0 as usize).copied().unwrap_or(NONE);
        let Some(Some(plan)) = self.subjects.get(usize::from(at)) else { return Ok(None) };
        match plan.first(payload)? {
            FieldValue::Str(subject) if !subject.is_empty() => Ok(Some(subject)),
            _ => Err(PayloadError::NoSubject { field: event_type.subject.clone().unwrap_or_default() }),
        }
    }

    /// For each field of a message: which counter admission uses; past the counters where it uses none.
    pub(crate) fn counters(&self, message: MessageIndex) -> &[u8] {
        &self.counters[usize::from(message.0)]
    }

    /// Places of the fields that must be on the wire.
    pub(crate) fn needed(&self, message: MessageIndex) -> &[u16] {
        &self.needed[usize::from(message.0)]
    }

    fn subject_plan(&self, t: &EventType) -> Result<Option<Extractor>, LoadError> {
        let Some(path) = &t.subject else {
            return match t.provenance {
                Provenances::Client => Ok(None),
                _ => Err(LoadError::Subject { at: t.name.clone(), what: "names no player".to_owned() }),
            };
        };
        let plan = Extractor::new(self, t.message, &[path])
            .map_err(|e| LoadError::Subject { at: t.name.clone(), what: e.to_string() })?;
        let end = &plan.slots()[0];
        if end.kind != Kind::String || !matches!(end.cardinality, Cardinality::Implicit | Cardinality::Explicit) {
            return Err(LoadError::Subject { at: t.name.clone(), what: format!("`{path}` is not one string") });
        }
        Ok(Some(plan))
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Range::Int { min, max } => write!(f, "{min}..={max}"),
            Range::Uint { min, max } => write!(f, "{min}..={max}"),
            Range::Double { min, max } => write!(f, "{min}..={max}"),
        }
    }
}

fn encode(data: &CatalogueData) -> Vec<u8> {
    postcard::to_extend(data, vec![FORMAT]).expect("plain data in memory always encodes")
}

/// BLAKE3 over the canonical bytes of `data` without what only people read.
fn digest(data: &CatalogueData) -> [u8; 32] {
    let mut contract = data.clone();
    contract.files.clear();
    for t in &mut contract.types {
        t.doc.clear();
        t.position = Position::default();
    }
    for m in &mut contract.messages {
        m.doc.clear();
        m.position = Position::default();
        for f in &mut m.fields {
            f.doc.clear();
            f.position = Position::default();
        }
    }
    for e in &mut contract.enums {
        e.doc.clear();
        e.position = Position::default();
    }
    *blake3::hash(&encode(&contract)).as_bytes()
}

fn counters_of(message: &MessageType) -> Vec<u8> {
    let mut next = 0;
    let counter = |f: &Field| {
        if !f.is_counted() {
            return NO_COUNTER;
        }
        next += 1;
        next - 1
    };
    message.fields.iter().map(counter).collect()
}

fn needed_of(message: &MessageType) -> Vec<u16> {
    (0..).zip(&message.fields).filter(|(_, f)| f.is_needed()).map(|(at, _)| at).collect()
}

/// Whether `camel` is `snake` with each word's first letter raised and the underscores gone.
fn is_camel_of(camel: &str, snake: &str) -> bool {
    let mut raise = true;
    let mut expected = snake.chars().filter_map(|c| {
        if c == '_' {
            raise = true;
            return None;
        }
        let c = if raise { c.to_ascii_uppercase() } else { c };
        raise = false;
        Some(c)
    });
    camel.chars().all(|c| expected.next() == Some(c)) && expected.next().is_none()
}

#[cfg(test)]
mod tests;
