//! Values of fields, borrowed from a payload.
//!
//! Comes in: a payload that admission has passed. Goes out: [`FieldValue`]s that the evaluator reads; lists and maps are
//! iterators over the raw bytes, so nothing is allocated. Deliberately absent: which fields to read (see
//! [`Extractor`](crate::Extractor)).

use crate::model::Kind;
use crate::wire::{Reader, WireFault, WireType, unzigzag};

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum FieldValue<'a> {
    /// Nothing: a field with explicit presence that is not set.
    #[default]
    Absent,
    /// `bool`
    Bool(bool),
    /// Signed kinds.
    Int(i64),
    /// Unsigned kinds.
    Uint(u64),
    /// `float` (widened) and `double`.
    Double(f64),
    /// `string`
    Str(&'a str),
    /// `bytes`
    Bytes(&'a [u8]),
    /// The number of an enum's value.
    Enum(i32),
    /// A point in time: seconds since 1970-01-01T00:00:00Z and nanoseconds `0..1_000_000_000` after it.
    Timestamp {
        /// Whole seconds.
        seconds: i64,
        /// The rest.
        nanos: i32,
    },
    /// A span of time; nanoseconds have the sign of the seconds.
    Duration {
        /// Whole seconds.
        seconds: i64,
        /// The rest.
        nanos: i32,
    },
    /// A message's own bytes, to be read by an extractor of its type.
    Message(&'a [u8]),
    /// A list.
    Repeated(Repeated<'a>),
    /// A map.
    Map(Map<'a>),
}

/// A list inside a payload; elements are decoded while iterating.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Repeated<'a> {
    /// The message it is a field of, from the first element on; empty where there is none.
    pub(crate) scope: &'a [u8],
    pub(crate) number: u32,
    pub(crate) kind: Kind,
}

/// A map inside a payload; entries are decoded while iterating, in wire order. Where a key comes twice, the last counts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Map<'a> {
    pub(crate) scope: &'a [u8],
    pub(crate) number: u32,
    pub(crate) key: Kind,
    pub(crate) value: Kind,
}

/// The elements of a [`Repeated`]. Ends early at bytes that admission would have refused.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: Reader<'a>,
    packed: Reader<'a>,
    number: u32,
    kind: Kind,
}

/// The entries of a [`Map`]. Ends early at bytes that admission would have refused.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: Reader<'a>,
    number: u32,
    key: Kind,
    value: Kind,
}

impl FieldValue<'static> {
    /// What reading an unset field of this kind gives.
    pub const fn default_of(kind: Kind) -> FieldValue<'static> {
        match kind {
            Kind::Bool => FieldValue::Bool(false),
            Kind::Int32 | Kind::Int64 | Kind::Sint32 | Kind::Sint64 | Kind::Sfixed32 | Kind::Sfixed64 => {
                FieldValue::Int(0)
            }
            Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => FieldValue::Uint(0),
            Kind::Float | Kind::Double => FieldValue::Double(0.0),
            Kind::String => FieldValue::Str(""),
            Kind::Bytes => FieldValue::Bytes(&[]),
            Kind::Enum(_) => FieldValue::Enum(0),
            Kind::Message(_) => FieldValue::Message(&[]),
            Kind::Timestamp => FieldValue::Timestamp { seconds: 0, nanos: 0 },
            Kind::Duration => FieldValue::Duration { seconds: 0, nanos: 0 },
        }
    }
}

impl FieldValue<'_> {
    /// Whether it differs from what an unset field with implicit presence holds. Absent and empty lists and maps do not.
    pub fn differs_from_default(&self) -> bool {
        match self {
            FieldValue::Absent => false,
            FieldValue::Bool(b) => *b,
            FieldValue::Int(n) => *n != 0,
            FieldValue::Uint(n) => *n != 0,
            // By bits, as protobuf writes -0.0.
            FieldValue::Double(d) => d.to_bits() != 0,
            FieldValue::Str(s) => !s.is_empty(),
            FieldValue::Bytes(b) => !b.is_empty(),
            FieldValue::Enum(n) => *n != 0,
            FieldValue::Timestamp { .. } | FieldValue::Duration { .. } | FieldValue::Message(_) => true,
            FieldValue::Repeated(list) => !list.is_empty(),
            FieldValue::Map(map) => !map.is_empty(),
        }
    }
}

impl<'a> Repeated<'a> {
    /// The elements in order.
    pub const fn iter(&self) -> Elements<'a> {
        Elements { rest: Reader::new(self.scope), packed: Reader::new(&[]), number: self.number, kind: self.kind }
    }

    /// What each element is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// How many elements; counts them.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl<'a> Map<'a> {
    /// The entries in wire order.
    pub const fn iter(&self) -> Entries<'a> {
        Entries { rest: Reader::new(self.scope), number: self.number, key: self.key, value: self.value }
    }

    /// What each key is.
    pub const fn key_kind(&self) -> Kind {
        self.key
    }

    /// What each value is.
    pub const fn value_kind(&self) -> Kind {
        self.value
    }

    /// How many entries, repeated keys included; counts them.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl<'a> IntoIterator for Repeated<'a> {
    type Item = FieldValue<'a>;
    type IntoIter = Elements<'a>;

    fn into_iter(self) -> Elements<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for Map<'a> {
    type Item = (FieldValue<'a>, FieldValue<'a>);
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Entries<'a> {
        self.iter()
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = FieldValue<'a>;

    fn next(&mut self) -> Option<FieldValue<'a>> {
        loop {
            if !self.packed.is_empty() {
                return read(&mut self.packed, self.kind).ok();
            }
            if self.rest.is_empty() {
                return None;
            }
            let (number, wire_type) = self.rest.tag().ok()?;
            if number != self.number {
                self.rest.skip(wire_type).ok()?;
            } else if wire_type == wire_type_of(self.kind) {
                return read(&mut self.rest, self.kind).ok();
            } else if wire_type == WireType::Len && self.kind.is_packable() {
                self.packed = Reader::new(self.rest.bytes().ok()?);
            } else {
                self.rest.skip(wire_type).ok()?;
            }
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (FieldValue<'a>, FieldValue<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (number, wire_type) = self.rest.tag().ok()?;
            if number == self.number && wire_type == WireType::Len {
                return entry(self.rest.bytes().ok()?, self.key, self.value).ok();
            }
            self.rest.skip(wire_type).ok()?;
        }
        None
    }
}

/// Key (field 1) and value (field 2) of a map's entry, each with its default where it is not set.
fn entry<'a>(bytes: &'a [u8], key: Kind, value: Kind) -> Result<(FieldValue<'a>, FieldValue<'a>), ReadFault> {
    let mut pair = (FieldValue::default_of(key), FieldValue::default_of(value));
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        match reader.tag()? {
            (1, wire_type) if wire_type == wire_type_of(key) => pair.0 = read(&mut reader, key)?,
            (2, wire_type) if wire_type == wire_type_of(value) => pair.1 = read(&mut reader, value)?,
            (_, wire_type) => reader.skip(wire_type)?,
        }
    }
    Ok(pair)
}

/// Why a value cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ReadFault {
    Wire(WireFault),
    /// A part of a time stands in a form that it does not have.
    WireType,
    Utf8,
}

impl From<WireFault> for ReadFault {
    fn from(fault: WireFault) -> ReadFault {
        ReadFault::Wire(fault)
    }
}

/// How one value of a kind stands on the wire.
#[inline]
pub(crate) const fn wire_type_of(kind: Kind) -> WireType {
    match kind {
        Kind::Bool
        | Kind::Int32
        | Kind::Int64
        | Kind::Uint32
        | Kind::Uint64
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Enum(_) => WireType::Varint,
        Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => WireType::Fixed32,
        Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => WireType::Fixed64,
        Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Timestamp | Kind::Duration => WireType::Len,
    }
}

/// One value of a kind; 32-bit kinds keep the low 32 bits of a varint, as every protobuf library does.
pub(crate) fn read<'a>(reader: &mut Reader<'a>, kind: Kind) -> Result<FieldValue<'a>, ReadFault> {
    let mut value = FieldValue::Absent;
    read_into(reader, kind, &mut value)?;
    Ok(value)
}

/// The same, written in place: a value that is handed on through the stack is copied in other pieces than it was written in, which
/// costs more than reading it. Leaves `out` as it was where there is a fault.
#[inline(always)]
pub(crate) fn read_into<'a>(reader: &mut Reader<'a>, kind: Kind, out: &mut FieldValue<'a>) -> Result<(), ReadFault> {
    match kind {
        Kind::Bool => *out = FieldValue::Bool(reader.varint()? != 0),
        Kind::Int32 => *out = FieldValue::Int(i64::from(reader.varint()? as i32)),
        Kind::Int64 => *out = FieldValue::Int(reader.varint()? as i64),
        Kind::Uint32 => *out = FieldValue::Uint(u64::from(reader.varint()? as u32)),
        Kind::Uint64 => *out = FieldValue::Uint(reader.varint()?),
        Kind::Sint32 => *out = FieldValue::Int(unzigzag(u64::from(reader.varint()? as u32))),
        Kind::Sint64 => *out = FieldValue::Int(unzigzag(reader.varint()?)),
        Kind::Fixed32 => *out = FieldValue::Uint(u64::from(reader.fixed32()?)),
        Kind::Fixed64 => *out = FieldValue::Uint(reader.fixed64()?),
        Kind::Sfixed32 => *out = FieldValue::Int(i64::from(reader.fixed32()? as i32)),
        Kind::Sfixed64 => *out = FieldValue::Int(reader.fixed64()? as i64),
        Kind::Float => *out = FieldValue::Double(f64::from(f32::from_bits(reader.fixed32()?))),
        Kind::Double => *out = FieldValue::Double(f64::from_bits(reader.fixed64()?)),
        Kind::String => *out = FieldValue::Str(str::from_utf8(reader.bytes()?).map_err(|_| ReadFault::Utf8)?),
        Kind::Bytes => *out = FieldValue::Bytes(reader.bytes()?),
        Kind::Enum(_) => *out = FieldValue::Enum(reader.varint()? as i32),
        Kind::Message(_) => *out = FieldValue::Message(reader.bytes()?),
        Kind::Timestamp => {
            let (seconds, nanos) = seconds_and_nanos(reader.bytes()?)?;
            *out = FieldValue::Timestamp { seconds, nanos };
        }
        Kind::Duration => {
            let (seconds, nanos) = seconds_and_nanos(reader.bytes()?)?;
            *out = FieldValue::Duration { seconds, nanos };
        }
    }
    Ok(())
}

/// The two fields that `Timestamp` and `Duration` share.
fn seconds_and_nanos(bytes: &[u8]) -> Result<(i64, i32), ReadFault> {
    let (mut seconds, mut nanos) = (0, 0);
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        match reader.tag()? {
            (1, WireType::Varint) => seconds = reader.varint()? as i64,
            (2, WireType::Varint) => nanos = reader.varint()? as i32,
            (1 | 2, _) => return Err(ReadFault::WireType),
            (_, wire_type) => reader.skip(wire_type)?,
        }
    }
    Ok((seconds, nanos))
}
