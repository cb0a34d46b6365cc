//! What a catalogue says, as plain data.
//!
//! Comes in: nothing; the compiler of `.proto` text fills these types, and the daemon reads them from a bundle. Goes out:
//! event types, messages, enums and fields with their limits, owners and places in the `.proto` text. Messages and enums
//! stand in flat tables and are named by index, so decoding never recurses. Deliberately absent: look-ups, checks and
//! bytes (see [`Catalogue`](crate::Catalogue)).

use edge_event::EventTypeId;
use serde::{Deserialize, Serialize};

/// Everything a catalogue says; [`Catalogue::new`](crate::Catalogue::new) checks it and makes it usable.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct CatalogueData {
    /// The `.proto` package, e.g. `game.v1`.
    pub name: String,
    /// Event types, sorted by id.
    pub types: Vec<EventType>,
    /// Messages, sorted by full name: those of event types and those that they contain.
    pub messages: Vec<MessageType>,
    /// Enums, sorted by full name.
    pub enums: Vec<EnumType>,
    /// Names of the `.proto` files, sorted; [`Position::file`] points here.
    pub files: Vec<String>,
}

/// Points into [`CatalogueData::messages`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct MessageIndex(pub u16);

/// Points into [`CatalogueData::enums`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct EnumIndex(pub u16);

/// One kind of fact that clients or game servers send.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EventType {
    /// Its number on the wire, `1..=65535`; never used again for anything else.
    #[serde(with = "id_as_u32")]
    pub id: EventTypeId,
    /// The short name that rules use, e.g. `PlayerDied`.
    pub name: String,
    /// Its fields.
    pub message: MessageIndex,
    /// Who may send it.
    pub provenance: Provenances,
    /// Path of the string field that names the player it is about, e.g. `player_id`. Read from events of game servers only:
    /// the subject of a client's event is the token's `sub`.
    pub subject: Option<String>,
    /// The team that answers for it.
    pub owner: String,
    /// Words of the taxonomy, sorted.
    pub tags: Vec<String>,
    /// The most sensitive class among its fields.
    pub personal_data: PersonalData,
    /// Seeing it twice does no harm.
    pub idempotent: bool,
    /// New rules should not use it.
    pub deprecated: bool,
    /// A longer payload is refused. Bytes, at most [`MAX_PAYLOAD_BYTES`](crate::MAX_PAYLOAD_BYTES).
    pub max_payload_bytes: u32,
    /// The comment above it.
    pub doc: String,
    /// Where it is declared.
    pub position: Position,
}

/// A protobuf message.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MessageType {
    /// E.g. `game.v1.PlayerDied`.
    pub full_name: String,
    /// Sorted by number.
    pub fields: Vec<Field>,
    /// Names of its `oneof`s; [`Field::oneof`] points here.
    pub oneofs: Vec<String>,
    /// The comment above it.
    pub doc: String,
    /// Where it is declared.
    pub position: Position,
}

/// A field of a message.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Field {
    /// Its number on the wire.
    pub number: u32,
    /// Its name in rules and in JSON.
    pub name: String,
    /// What one value is; of a map: what one *value* of the map is.
    pub kind: Kind,
    /// How many values.
    pub cardinality: Cardinality,
    /// The `oneof` it is a member of.
    pub oneof: Option<u16>,
    /// What is refused at admission.
    pub limits: Limits,
    /// What may be done with it.
    pub personal_data: PersonalData,
    /// New rules should not use it.
    pub deprecated: bool,
    /// The comment above it.
    pub doc: String,
    /// Where it is declared.
    pub position: Position,
}

/// The type of one value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// `bool`
    Bool,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `uint32`
    Uint32,
    /// `uint64`
    Uint64,
    /// `sint32`
    Sint32,
    /// `sint64`
    Sint64,
    /// `fixed32`
    Fixed32,
    /// `fixed64`
    Fixed64,
    /// `sfixed32`
    Sfixed32,
    /// `sfixed64`
    Sfixed64,
    /// `float`
    Float,
    /// `double`
    Double,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// An open enum: unknown numbers are kept.
    Enum(EnumIndex),
    /// A message of the catalogue.
    Message(MessageIndex),
    /// `google.protobuf.Timestamp`
    Timestamp,
    /// `google.protobuf.Duration`
    Duration,
}

/// How many values a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Cardinality {
    /// One value; absent means the default value, and the two cannot be told apart.
    Implicit,
    /// One value or none: `optional`, a member of a `oneof`, or a message.
    Explicit,
    /// A list.
    Repeated,
    /// A map with keys of this kind (never float, double, bytes, enum or message).
    Map(Kind),
}

/// What admission refuses. Bytes and items are counted per event.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Longest string or bytes, of each element too. Bytes.
    pub max_len: Option<u32>,
    /// Longest string key of a map. Bytes.
    pub max_key_len: Option<u32>,
    /// Most elements of a list or entries of a map.
    pub max_items: Option<u32>,
    /// Smallest and largest number, of each element too. Holds for a value that is left out, too: see [`Field::is_needed`].
    pub range: Option<Range>,
}

/// An inclusive range of numbers, in the type that the field's kind is read as.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Range {
    /// Of signed kinds.
    Int {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// Of unsigned kinds.
    Uint {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// Of `float` and `double`; refuses NaN.
    Double {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
}

/// An enum and its named values.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EnumType {
    /// E.g. `game.v1.EndReason`.
    pub full_name: String,
    /// In the order of the text; the first has number 0.
    pub values: Vec<EnumValue>,
    /// The comment above it.
    pub doc: String,
    /// Where it is declared.
    pub position: Position,
}

/// One named value of an enum.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EnumValue {
    /// As written, e.g. `END_REASON_QUIT`.
    pub name: String,
    /// Without the enum's own name in front, in lower case, e.g. `quit`: how JSON writes it.
    pub short: String,
    /// On the wire.
    pub number: i32,
}

/// Who may send an event type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Provenances {
    /// Players' machines only.
    #[default]
    Client,
    /// Game servers only.
    Server,
    /// Both.
    Any,
}

/// What may be done with a value. The order of the variants is the order of sensitivity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub enum PersonalData {
    /// Says nothing about a person.
    #[default]
    None,
    /// Names a person by a made-up id.
    Pseudonymous,
    /// Names or describes a person.
    Personal,
    /// Needs special care: health, belief, whereabouts, money.
    Sensitive,
}

/// A place in the `.proto` text. Lines and columns count from 1; 0 means unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Position {
    /// Points into [`CatalogueData::files`].
    pub file: u16,
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl MessageType {
    /// The field of this number.
    pub fn field(&self, number: u32) -> Option<&Field> {
        self.field_position(number).map(|at| &self.fields[at])
    }

    /// The field of this name.
    pub fn field_by_name(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// Where in `fields` this number is; one look where numbers run from 1 without holes.
    pub(crate) fn field_position(&self, number: u32) -> Option<usize> {
        let guess = (number as usize).wrapping_sub(1);
        match self.fields.get(guess) {
            Some(f) if f.number == number => Some(guess),
            _ => self.fields.binary_search_by_key(&number, |f| f.number).ok(),
        }
    }
}

impl Field {
    /// Whether it must be on the wire: it has no presence of its own, and its range excludes what absence stands for.
    pub fn is_needed(&self) -> bool {
        self.cardinality == Cardinality::Implicit && self.limits.range.is_some_and(|range| !range.holds_zero())
    }

    /// Whether admission counts how often it stands in a message.
    pub(crate) fn is_counted(&self) -> bool {
        let many = matches!(self.cardinality, Cardinality::Repeated | Cardinality::Map(_));
        many || self.kind.is_message() || self.is_needed()
    }
}

impl Range {
    /// Whether 0 belongs to it.
    pub const fn holds_zero(self) -> bool {
        match self {
            Range::Int { min, max } => min <= 0 && 0 <= max,
            Range::Uint { min, .. } => min == 0,
            Range::Double { min, max } => min <= 0.0 && 0.0 <= max,
        }
    }
}

impl EnumType {
    /// The value of this name: as written or in its short form, in any case of ASCII letters.
    pub fn by_name(&self, name: &str) -> Option<&EnumValue> {
        self.values.iter().find(|v| v.name.eq_ignore_ascii_case(name) || v.short.eq_ignore_ascii_case(name))
    }

    /// The first value of this number.
    pub fn by_number(&self, number: i32) -> Option<&EnumValue> {
        self.values.iter().find(|v| v.number == number)
    }
}

impl Kind {
    /// Whether elements of a list of it may stand packed in one length-delimited field.
    pub const fn is_packable(self) -> bool {
        !matches!(self, Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Timestamp | Kind::Duration)
    }

    /// Whether it is a message on the wire, so that a single one always has explicit presence.
    pub const fn is_message(self) -> bool {
        matches!(self, Kind::Message(_) | Kind::Timestamp | Kind::Duration)
    }

    /// Whether a map's key may be of it.
    pub const fn is_map_key(self) -> bool {
        !matches!(self, Kind::Float | Kind::Double | Kind::Bytes | Kind::Enum(_)) && !self.is_message()
    }

    /// The word of the `.proto` language; `enum` and `message` where it takes the catalogue to say more.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Bool => "bool",
            Kind::Int32 => "int32",
            Kind::Int64 => "int64",
            Kind::Uint32 => "uint32",
            Kind::Uint64 => "uint64",
            Kind::Sint32 => "sint32",
            Kind::Sint64 => "sint64",
            Kind::Fixed32 => "fixed32",
            Kind::Fixed64 => "fixed64",
            Kind::Sfixed32 => "sfixed32",
            Kind::Sfixed64 => "sfixed64",
            Kind::Float => "float",
            Kind::Double => "double",
            Kind::String => "string",
            Kind::Bytes => "bytes",
            Kind::Enum(_) => "enum",
            Kind::Message(_) => "message",
            Kind::Timestamp => "google.protobuf.Timestamp",
            Kind::Duration => "google.protobuf.Duration",
        }
    }
}

impl Provenances {
    /// Whether an event that `provenance` vouches for may be of this type.
    pub const fn allows(self, provenance: edge_event::Provenance) -> bool {
        match self {
            Provenances::Any => true,
            Provenances::Client => matches!(provenance, edge_event::Provenance::Client),
            Provenances::Server => matches!(provenance, edge_event::Provenance::Server),
        }
    }
}

mod id_as_u32 {
    use edge_event::EventTypeId;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(id: &EventTypeId, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u32(id.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<EventTypeId, D::Error> {
        u32::deserialize(d).map(EventTypeId)
    }
}
