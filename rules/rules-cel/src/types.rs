//! The types of CEL, as the checker knows them.
//!
//! What comes in: declarations of the caller and of the library. What goes out: the type of every checked node.
//! Deliberately absent: enumerations (they are `int` here, as the language says) and the layout of messages, which the
//! caller's [`crate::TypeProvider`] knows.

use std::fmt;
use std::sync::Arc;

/// A type. Displays in the language's own words: `list(string)`, `map(string, int)`, `game.v1.PlayerDied`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// The type of `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// 64-bit signed integer; also every enumeration.
    Int,
    /// 64-bit unsigned integer.
    Uint,
    /// IEEE 754 binary64.
    Double,
    /// Unicode text.
    String,
    /// Bytes.
    Bytes,
    /// A moment, UTC.
    Timestamp,
    /// A length of time.
    Duration,
    /// A list of elements.
    List(Arc<Type>),
    /// A map from key to value.
    Map(Arc<Type>, Arc<Type>),
    /// A message with a full name, without leading dot.
    Message(Arc<str>),
    /// The type of a type: `type(1)` is `type(int)`.
    Type(Arc<Type>),
    /// Known only at run time; fits everything.
    Dyn,
    /// A value or nothing.
    Optional(Arc<Type>),
    /// One of bool, int, uint, double, string, bytes, or null (`google.protobuf.Int64Value` and its kin).
    Wrapper(Arc<Type>),
    /// A type of the caller's own, by its name and its parameters: `tuple(int, string)`.
    Abstract(Arc<str>, Arc<[Type]>),
    /// A type to be inferred. In signatures, number n is the n-th letter; never in a checked tree.
    Param(u32),
    /// The type of a node with an error; fits everything, so that one mistake is told once.
    Error,
}

impl Type {
    /// `list(element)`
    pub fn list(element: Self) -> Self {
        Self::List(Arc::new(element))
    }

    /// `map(key, value)`
    pub fn map(key: Self, value: Self) -> Self {
        Self::Map(Arc::new(key), Arc::new(value))
    }

    /// The message of that full name, without leading dot.
    pub fn message(name: &str) -> Self {
        Self::Message(Arc::from(name))
    }

    /// `optional_type(value)`
    pub fn optional(value: Self) -> Self {
        Self::Optional(Arc::new(value))
    }

    /// `wrapper(primitive)`
    pub fn wrapper(primitive: Self) -> Self {
        Self::Wrapper(Arc::new(primitive))
    }

    /// `type(of)`
    pub fn type_of(of: Self) -> Self {
        Self::Type(Arc::new(of))
    }

    /// Whether values of the type are numbers; those compare across types.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// Whether nothing is known before run time, or nothing can be said because of an error.
    pub fn is_dyn_or_error(&self) -> bool {
        matches!(self, Self::Dyn | Self::Error)
    }

    /// Whether `null` is among the values.
    pub fn is_nullable(&self) -> bool {
        use Type::{Duration, Dyn, Error, Message, Null, Optional, Timestamp, Wrapper};
        matches!(self, Null | Dyn | Error | Message(_) | Wrapper(_) | Timestamp | Duration | Optional(_))
    }

    /// Whether a map may have keys of the type (`dyn` included).
    pub fn is_map_key(&self) -> bool {
        matches!(self, Self::Bool | Self::Int | Self::Uint | Self::String | Self::Dyn | Self::Error | Self::Param(_))
    }

    /// Whether a [`Type::Error`] is inside.
    pub fn has_error(&self) -> bool {
        match self {
            Self::Error => true,
            Self::List(inner) | Self::Type(inner) | Self::Optional(inner) | Self::Wrapper(inner) => inner.has_error(),
            Self::Map(key, value) => key.has_error() || value.has_error(),
            Self::Abstract(_, params) => params.iter().any(Self::has_error),
            _ => false,
        }
    }

    /// The type behind a well-known name, as one writes it in an expression: `int`, `google.protobuf.Duration`.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null_type" => Self::Null,
            "bool" => Self::Bool,
            "int" => Self::Int,
            "uint" => Self::Uint,
            "double" => Self::Double,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "list" => Self::list(Self::Dyn),
            "map" => Self::map(Self::Dyn, Self::Dyn),
            "type" => Self::type_of(Self::Dyn),
            "optional_type" => Self::optional(Self::Dyn),
            _ => return Self::well_known_message(name),
        })
    }

    /// The type as which a well-known message counts; nothing for other messages.
    pub fn well_known_message(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("google.protobuf.")? {
            "Timestamp" => Self::Timestamp,
            "Duration" => Self::Duration,
            "BoolValue" => Self::wrapper(Self::Bool),
            "Int32Value" | "Int64Value" => Self::wrapper(Self::Int),
            "UInt32Value" | "UInt64Value" => Self::wrapper(Self::Uint),
            "FloatValue" | "DoubleValue" => Self::wrapper(Self::Double),
            "StringValue" => Self::wrapper(Self::String),
            "BytesValue" => Self::wrapper(Self::Bytes),
            "Any" | "Value" => Self::Dyn,
            "Struct" => Self::map(Self::String, Self::Dyn),
            "ListValue" => Self::list(Self::Dyn),
            "NullValue" => Self::Null,
            _ => return None,
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Duration => f.write_str("duration"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
            Self::Message(name) => f.write_str(name),
            Self::Type(of) => write!(f, "type({of})"),
            Self::Dyn => f.write_str("dyn"),
            Self::Optional(value) => write!(f, "optional({value})"),
            Self::Abstract(name, params) if params.is_empty() => f.write_str(name),
            Self::Abstract(name, params) => {
                let params: Vec<_> = params.iter().map(Self::to_string).collect();
                write!(f, "{name}({})", params.join(", "))
            }
            Self::Wrapper(primitive) => write!(f, "{primitive} or null"),
            Self::Param(number) if *number < 26 => {
                write!(f, "{}", char::from(b'A' + u8::try_from(*number).unwrap_or(0)))
            }
            Self::Param(number) => write!(f, "T{number}"),
            Self::Error => f.write_str("(error)"),
        }
    }
}
