//! What must hold of a catalogue before anything trusts it.
//!
//! Comes in: decoded data of anybody. Goes out: nothing, or the first [`LoadError`]. After it has passed, every index points
//! somewhere, names are unique and found by binary search, messages nest at most [`MAX_DEPTH`](crate::MAX_DEPTH) deep and
//! never contain themselves, and every string, list and map has a limit, so that one pass over a payload is bounded.

use std::collections::BTreeSet;

use crate::model::{
    Cardinality, CatalogueData, EnumType, EventType, Field, Kind, Limits, MessageIndex, MessageType, Position,
    Provenances, Range,
};
use crate::{
    MAX_COUNTED_FIELDS, MAX_DEPTH, MAX_DOC_BYTES, MAX_EVENT_TYPE_ID, MAX_EVENT_TYPES, MAX_FIELDS, MAX_MESSAGES,
    MAX_NAME_BYTES, MAX_PAYLOAD_BYTES,
};

/// Why a catalogue is refused. `at` names the event type, message or field. Build the bundle again from its sources; where
/// that does not help, the compiler is at fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are no catalogue in canonical form.
    #[error("the bytes are not a catalogue in canonical form")]
    Malformed,
    /// Another version wrote it.
    #[error("the catalogue has format {found}; this version reads format {known}")]
    Format {
        /// What the bytes say.
        found: u8,
        /// What is read.
        known: u8,
    },
    /// Too many of something.
    #[error("{at}: {found} {what}; at most {limit} are allowed")]
    TooLarge {
        /// Where.
        at: String,
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// A name is empty, too long, or has other characters than letters, digits, `_` and, in full names, `.`.
    #[error("{at}: `{name}` is not a name")]
    Name {
        /// Where.
        at: String,
        /// The name.
        name: String,
    },
    /// Two things have one name or number, or they are out of order.
    #[error("{at}: {what} must be unique and sorted")]
    Order {
        /// Where.
        at: String,
        /// What.
        what: &'static str,
    },
    /// An id or field number outside its range.
    #[error("{at}: {what} {found} is outside 1..={limit}")]
    Number {
        /// Where.
        at: String,
        /// What.
        what: &'static str,
        /// What it is.
        found: u32,
        /// The largest.
        limit: u32,
    },
    /// Something points at what does not exist.
    #[error("{at}: points at {what} that does not exist")]
    Dangling {
        /// Where.
        at: String,
        /// At what.
        what: &'static str,
    },
    /// A string, list or map without a limit, or a limit that does not fit the field.
    #[error("{at}: {what}")]
    Limits {
        /// Where.
        at: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A kind or cardinality that contradicts itself.
    #[error("{at}: {what}")]
    Shape {
        /// Where.
        at: String,
        /// What is wrong.
        what: &'static str,
    },
    /// Messages nest too deep or contain themselves.
    #[error("{at}: nests more than {MAX_DEPTH} messages deep, or contains itself")]
    Depth {
        /// Where.
        at: String,
    },
    /// The subject field is not there or is no string.
    #[error("{at}: the subject {what}")]
    Subject {
        /// Where.
        at: String,
        /// What is wrong.
        what: String,
    },
}

impl LoadError {
    /// Stable for ever; names the cause in metrics and in the reference.
    pub const fn code(&self) -> &'static str {
        match self {
            LoadError::Malformed => "catalogue_malformed",
            LoadError::Format { .. } => "catalogue_format",
            LoadError::TooLarge { .. } => "catalogue_too_large",
            LoadError::Name { .. } => "catalogue_name",
            LoadError::Order { .. } => "catalogue_order",
            LoadError::Number { .. } => "catalogue_number",
            LoadError::Dangling { .. } => "catalogue_dangling",
            LoadError::Limits { .. } => "catalogue_limits",
            LoadError::Shape { .. } => "catalogue_shape",
            LoadError::Depth { .. } => "catalogue_depth",
            LoadError::Subject { .. } => "catalogue_subject",
        }
    }
}

/// Checks everything but subjects, which need look-ups.
pub(crate) fn check(data: &CatalogueData) -> Result<(), LoadError> {
    let at = || data.name.clone();
    name(&data.name, true, at)?;
    at_most(data.types.len(), MAX_EVENT_TYPES, "event types", at)?;
    at_most(data.messages.len(), MAX_MESSAGES, "messages", at)?;
    at_most(data.enums.len(), MAX_MESSAGES, "enums", at)?;
    at_most(data.files.len(), MAX_MESSAGES, "files", at)?;
    for file in &data.files {
        at_most(file.len(), MAX_NAME_BYTES, "bytes of a file's name", at)?;
    }
    rising(data.files.iter(), "files", at)?;
    rising(data.types.iter().map(|t| t.id), "ids of event types", at)?;
    rising(data.messages.iter().map(|m| &m.full_name), "names of messages", at)?;
    rising(data.enums.iter().map(|e| &e.full_name), "names of enums", at)?;
    unique(data.types.iter().map(|t| t.name.as_str()), "names of event types", at)?;
    data.types.iter().try_for_each(|t| event_type(data, t))?;
    data.messages.iter().try_for_each(|m| message(data, m))?;
    data.enums.iter().try_for_each(|e| enum_type(data, e))?;
    depths(data)
}

fn event_type(data: &CatalogueData, t: &EventType) -> Result<(), LoadError> {
    let at = || t.name.clone();
    name(&t.name, false, at)?;
    number(t.id.0, MAX_EVENT_TYPE_ID, "event type id", at)?;
    number(t.max_payload_bytes, MAX_PAYLOAD_BYTES, "max_payload_bytes", at)?;
    if usize::from(t.message.0) >= data.messages.len() {
        return Err(LoadError::Dangling { at: at(), what: "a message" });
    }
    if t.owner.is_empty() {
        return Err(LoadError::Name { at: at(), name: t.owner.clone() });
    }
    at_most(t.owner.len(), MAX_NAME_BYTES, "bytes of an owner", at)?;
    at_most(t.tags.len(), MAX_FIELDS, "tags", at)?;
    rising(t.tags.iter(), "tags", at)?;
    for tag in &t.tags {
        at_most(tag.len(), MAX_NAME_BYTES, "bytes of a tag", at)?;
    }
    if t.subject.is_some() && t.provenance == Provenances::Client {
        return Err(LoadError::Subject { at: at(), what: "of a client's event is the token's `sub`".to_owned() });
    }
    notes(data, &t.doc, t.position, at)
}

fn message(data: &CatalogueData, m: &MessageType) -> Result<(), LoadError> {
    let at = || m.full_name.clone();
    name(&m.full_name, true, at)?;
    at_most(m.fields.len(), MAX_FIELDS, "fields", at)?;
    at_most(m.oneofs.len(), MAX_FIELDS, "oneofs", at)?;
    m.oneofs.iter().try_for_each(|o| name(o, false, at))?;
    rising(m.fields.iter().map(|f| f.number), "field numbers", at)?;
    unique(m.fields.iter().map(|f| f.name.as_str()), "names of fields", at)?;
    let counted = m.fields.iter().filter(|f| f.is_counted()).count();
    at_most(counted, MAX_COUNTED_FIELDS, "fields that are counted", at)?;
    m.fields.iter().try_for_each(|f| field(data, m, f))?;
    notes(data, &m.doc, m.position, at)
}

fn field(data: &CatalogueData, m: &MessageType, f: &Field) -> Result<(), LoadError> {
    let at = || format!("{}.{}", m.full_name, f.name);
    name(&f.name, false, at)?;
    number(f.number, (1 << 29) - 1, "field number", at)?;
    let exists = match f.kind {
        Kind::Message(i) => usize::from(i.0) < data.messages.len(),
        Kind::Enum(i) => usize::from(i.0) < data.enums.len(),
        _ => true,
    };
    if !exists {
        return Err(LoadError::Dangling { at: at(), what: "a message or enum" });
    }
    if f.oneof.is_some_and(|o| usize::from(o) >= m.oneofs.len()) {
        return Err(LoadError::Dangling { at: at(), what: "a oneof" });
    }
    let shape = |what| Err(LoadError::Shape { at: at(), what });
    match f.cardinality {
        Cardinality::Implicit if f.kind.is_message() => return shape("a message has explicit presence"),
        Cardinality::Map(key) if !key.is_map_key() => return shape("this kind cannot be a map's key"),
        Cardinality::Explicit => {}
        _ if f.oneof.is_some() => return shape("a member of a oneof has explicit presence"),
        _ => {}
    }
    limits(f).map_err(|what| LoadError::Limits { at: at(), what })?;
    notes(data, &f.doc, f.position, at)
}

fn limits(f: &Field) -> Result<(), &'static str> {
    let Limits { max_len, max_key_len, max_items, range } = f.limits;
    let text = matches!(f.kind, Kind::String | Kind::Bytes);
    let text_key = f.cardinality == Cardinality::Map(Kind::String);
    match () {
        () if text && max_len.is_none() => Err("strings and bytes need max_len"),
        () if !text && max_len.is_some() => Err("max_len is for strings and bytes"),
        () if is_many(f) && max_items.is_none() => Err("lists and maps need max_items"),
        () if !is_many(f) && max_items.is_some() => Err("max_items is for lists and maps"),
        () if text_key && max_key_len.is_none() => Err("string keys need max_key_len"),
        () if !text_key && max_key_len.is_some() => Err("max_key_len is for maps with string keys"),
        () => match range {
            Some(range) => range_fits(f.kind, range),
            None => Ok(()),
        },
    }
}

fn range_fits(kind: Kind, range: Range) -> Result<(), &'static str> {
    let of_kind = match range {
        Range::Int { .. } => {
            matches!(kind, Kind::Int32 | Kind::Int64 | Kind::Sint32 | Kind::Sint64 | Kind::Sfixed32 | Kind::Sfixed64)
        }
        Range::Uint { .. } => matches!(kind, Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64),
        Range::Double { .. } => matches!(kind, Kind::Float | Kind::Double),
    };
    let holds_something = match range {
        Range::Int { min, max } => min <= max,
        Range::Uint { min, max } => min <= max,
        Range::Double { min, max } => min <= max,
    };
    match (of_kind, holds_something) {
        (false, _) => Err("the range is of another kind of number than the field"),
        (_, false) => Err("the range is empty"),
        _ => Ok(()),
    }
}

fn enum_type(data: &CatalogueData, e: &EnumType) -> Result<(), LoadError> {
    let at = || e.full_name.clone();
    name(&e.full_name, true, at)?;
    at_most(e.values.len(), MAX_MESSAGES, "values", at)?;
    if e.values.first().is_none_or(|v| v.number != 0) {
        return Err(LoadError::Shape { at: at(), what: "the first value must be 0" });
    }
    e.values.iter().try_for_each(|v| name(&v.name, false, at).and_then(|()| name(&v.short, false, at)))?;
    unique(e.values.iter().map(|v| v.name.as_str()), "names of values", at)?;
    notes(data, &e.doc, e.position, at)
}

/// Longest chain of messages from each message; the chain is followed at most [`MAX_DEPTH`] deep, each message once.
fn depths(data: &CatalogueData) -> Result<(), LoadError> {
    let mut known = vec![None; data.messages.len()];
    for (at, m) in data.messages.iter().enumerate() {
        let deep_enough = depth(data, MessageIndex(at as u16), &mut known, 1);
        if deep_enough.is_none() {
            return Err(LoadError::Depth { at: m.full_name.clone() });
        }
    }
    Ok(())
}

/// `None`: too deep. `level` counts the messages from the first to this one.
fn depth(data: &CatalogueData, message: MessageIndex, known: &mut [Option<usize>], level: usize) -> Option<usize> {
    if level > MAX_DEPTH {
        return None;
    }
    let at = usize::from(message.0);
    if let Some(depth) = known[at] {
        return (level - 1 + depth <= MAX_DEPTH).then_some(depth);
    }
    let mut deepest = 1;
    for field in &data.messages[at].fields {
        if let Kind::Message(inner) = field.kind {
            deepest = deepest.max(1 + depth(data, inner, known, level + 1)?);
        }
    }
    known[at] = Some(deepest);
    Some(deepest)
}

const fn is_many(f: &Field) -> bool {
    matches!(f.cardinality, Cardinality::Repeated | Cardinality::Map(_))
}

fn notes(data: &CatalogueData, doc: &str, position: Position, at: impl Fn() -> String) -> Result<(), LoadError> {
    at_most(doc.len(), MAX_DOC_BYTES, "bytes of comment", &at)?;
    if position.line > 0 && usize::from(position.file) >= data.files.len() {
        return Err(LoadError::Dangling { at: at(), what: "a file" });
    }
    Ok(())
}

fn name(name: &str, dots: bool, at: impl Fn() -> String) -> Result<(), LoadError> {
    let part = |p: &str| {
        p.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && p.bytes().next().is_some_and(|b| !b.is_ascii_digit())
    };
    let short_form = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let good = if dots { name.split('.').all(part) } else { short_form(name) };
    if good && name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    let shown = name.chars().take(64).collect();
    Err(LoadError::Name { at: at().chars().take(MAX_NAME_BYTES).collect(), name: shown })
}

fn number(found: u32, limit: u32, what: &'static str, at: impl Fn() -> String) -> Result<(), LoadError> {
    if (1..=limit).contains(&found) { Ok(()) } else { Err(LoadError::Number { at: at(), what, found, limit }) }
}

fn at_most(found: usize, limit: usize, what: &'static str, at: impl Fn() -> String) -> Result<(), LoadError> {
    if found <= limit { Ok(()) } else { Err(LoadError::TooLarge { at: at(), what, found, limit }) }
}

fn rising<T: PartialOrd>(
    items: impl Iterator<Item = T> + Clone,
    what: &'static str,
    at: impl Fn() -> String,
) -> Result<(), LoadError> {
    if items.clone().zip(items.skip(1)).all(|(a, b)| a < b) { Ok(()) } else { Err(LoadError::Order { at: at(), what }) }
}

fn unique<'n>(
    names: impl Iterator<Item = &'n str>,
    what: &'static str,
    at: impl Fn() -> String,
) -> Result<(), LoadError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(LoadError::Order { at: at(), what });
        }
    }
    Ok(())
}
