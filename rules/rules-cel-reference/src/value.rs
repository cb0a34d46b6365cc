//! Values, as an expression sees them.
//!
//! Well-known messages never appear as messages: a wrapper is what it wraps or null, a `Struct` is a map, an `Any` is what
//! was packed. Cloning is cheap. Deliberately absent: `PartialEq`, because equality of values costs and is counted; ask
//! [`crate::equal()`].

use crate::map::Map;
use crate::nest::{List, Message};
use prost_reflect::DynamicMessage;
use rules_cel::Constant;
use std::fmt;
use std::sync::Arc;

/// A value.
#[derive(Clone)]
pub enum Value {
    /// `null`
    Null,
    /// A bool.
    Bool(bool),
    /// A 64-bit signed integer.
    Int(i64),
    /// A 64-bit unsigned integer.
    Uint(u64),
    /// A binary64 number.
    Double(f64),
    /// Text.
    String(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A moment: seconds since 1970 and nanoseconds 0..1,000,000,000.
    Timestamp {
        /// Whole seconds, between the years 1 and 9999.
        seconds: i64,
        /// The rest.
        nanos: u32,
    },
    /// A length of time.
    Duration {
        /// Nanoseconds; negative is backwards.
        nanos: i64,
    },
    /// A list.
    List(Arc<List>),
    /// A map.
    Map(Arc<Map>),
    /// A message that is not well known.
    Message(Arc<Message>),
    /// A value of an enumeration, where enumerations are types of their own.
    Enum {
        /// The enumeration's full name.
        ty: Arc<str>,
        /// Which value; it may have no name.
        number: i32,
    },
    /// A value or nothing.
    Optional(Option<Arc<Value>>),
    /// A type, by its name: `int`, `list`, `google.protobuf.Duration`.
    Type(Arc<str>),
}

impl Value {
    /// A list of values.
    pub fn list(values: Vec<Self>) -> Self {
        Self::List(Arc::new(List::new(values)))
    }

    /// A message, which should not be a well-known one: [`crate::Descriptors::unwrap`] makes values of those, too.
    pub fn message(message: DynamicMessage) -> Self {
        Self::Message(Arc::new(Message::new(message)))
    }

    /// A map.
    pub fn map(map: Map) -> Self {
        Self::Map(Arc::new(map))
    }

    /// Bytes.
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::Bytes(Arc::from(bytes))
    }

    /// An optional that has a value.
    pub fn some(value: Self) -> Self {
        Self::Optional(Some(Arc::new(value)))
    }

    /// The bool, where it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The int, where it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    /// The text, where it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(value) = self { Some(value) } else { None }
    }

    /// How deep it is nested; 0 where it holds no other.
    pub fn depth(&self) -> usize {
        match self {
            Self::List(list) => list.depth(),
            Self::Map(map) => map.depth(),
            Self::Message(message) => message.depth(),
            Self::Optional(Some(value)) => 1 + value.depth(),
            _ => 0,
        }
    }

    /// The name of its type, as `type(x)` has it.
    pub fn type_name(&self) -> Arc<str> {
        Arc::from(match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Timestamp { .. } => "google.protobuf.Timestamp",
            Self::Duration { .. } => "google.protobuf.Duration",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Message(message) => return Arc::from(message.descriptor_of().full_name()),
            Self::Enum { ty, .. } => return ty.clone(),
            Self::Optional(_) => "optional_type",
            Self::Type(_) => "type",
        })
    }

    /// Whether it is the zero of its type: false, 0, nothing in it, a message without any field set.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(value) => !value,
            Self::Int(value) => *value == 0,
            Self::Uint(value) => *value == 0,
            Self::Double(value) => *value == 0.0,
            Self::String(text) => text.is_empty(),
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Timestamp { seconds, nanos } => *seconds == 0 && *nanos == 0,
            Self::Duration { nanos } => *nanos == 0,
            Self::List(values) => values.is_empty(),
            Self::Map(map) => map.is_empty(),
            Self::Message(message) => {
                message.fields().next().is_none()
                    && message.extensions().next().is_none()
                    && message.unknown_fields().next().is_none()
            }
            Self::Enum { number, .. } => *number == 0,
            Self::Optional(_) | Self::Type(_) => false,
        }
    }
}

/// The descriptor, without importing the trait everywhere.
pub(crate) trait Described {
    fn descriptor_of(&self) -> prost_reflect::MessageDescriptor;
}

impl Described for DynamicMessage {
    fn descriptor_of(&self) -> prost_reflect::MessageDescriptor {
        prost_reflect::ReflectMessage::descriptor(self)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(Arc::from(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(Arc::from(text))
    }
}

impl From<&Constant> for Value {
    fn from(constant: &Constant) -> Self {
        match constant {
            Constant::Null => Self::Null,
            Constant::Bool(value) => Self::Bool(*value),
            Constant::Int(value) => Self::Int(*value),
            Constant::Uint(value) => Self::Uint(*value),
            Constant::Double(value) => Self::Double(*value),
            Constant::String(text) => Self::from(text.as_str()),
            Constant::Bytes(bytes) => Self::bytes(bytes),
            Constant::Timestamp { seconds, nanos } => Self::Timestamp { seconds: *seconds, nanos: *nanos },
            Constant::Duration { nanos } => Self::Duration { nanos: *nanos },
        }
    }
}

/// For people who look at a failed test. Written by hand: a descriptor's own `Debug` never ends where its type contains
/// itself.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Uint(value) => write!(f, "{value}u"),
            Self::Double(value) => write!(f, "{value:?}"),
            Self::String(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Self::Timestamp { seconds, nanos } => write!(f, "timestamp({seconds}.{nanos:09})"),
            Self::Duration { nanos } => write!(f, "duration({nanos}ns)"),
            Self::List(values) => f.debug_list().entries(values.iter()).finish(),
            Self::Map(map) => f.debug_map().entries(map.entries().iter().map(|(key, value)| (key, value))).finish(),
            Self::Message(message) => {
                write!(f, "{}{{", message.descriptor_of().full_name())?;
                for (field, value) in message.fields() {
                    write!(f, " {}: {value}", field.name())?;
                }
                f.write_str(" }")
            }
            Self::Enum { ty, number } => write!(f, "{ty}({number})"),
            Self::Optional(None) => f.write_str("optional.none()"),
            Self::Optional(Some(value)) => write!(f, "optional.of({value:?})"),
            Self::Type(name) => write!(f, "type({name})"),
        }
    }
}
