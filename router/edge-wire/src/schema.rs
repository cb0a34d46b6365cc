//! The bounds of every body, checked on the bytes before prost builds anything.
//!
//! What comes in: a body and the description of its message. What goes out: nothing, or the first field that is too many,
//! too long, too large, not text or not protobuf. After the check, building the message allocates no more than the body's
//! length and a known number of entries. Unknown fields are skipped, as protobuf demands; groups are refused.
//!
//! The tables are also what `tests/contract.rs` compares with `wire.proto` and what `protocol.md` prints.

use crate::error::BodyError;
use crate::limits as l;
use crate::varint::MAX as VARINT_MAX;

/// One message.
#[derive(Debug)]
pub struct Schema {
    /// Its name in `wire.proto`.
    pub name: &'static str,
    /// Its fields, numbered from 1 without gaps.
    pub fields: &'static [Field],
}

/// One field. Its number is its index in [`Schema::fields`] plus 1.
#[derive(Debug)]
pub struct Field {
    /// Its name in `wire.proto`.
    pub name: &'static str,
    /// Its type and bound.
    pub kind: Kind,
    /// How often it may occur; 1 unless it is repeated.
    pub count_max: usize,
}

/// A field's type with its bound.
#[derive(Debug)]
pub enum Kind {
    /// `bool`.
    Bool,
    /// `uint32`.
    U32 {
        /// The largest value.
        max: u32,
    },
    /// `uint64`.
    U64 {
        /// The largest value.
        max: u64,
    },
    /// `string`, without control characters.
    Text {
        /// The longest, in bytes.
        max: usize,
    },
    /// `bytes`.
    Bytes {
        /// The longest.
        max: usize,
    },
    /// A message.
    Message(&'static Schema),
}

const fn one(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, count_max: 1 }
}

const fn many(name: &'static str, count_max: usize, kind: Kind) -> Field {
    Field { name, kind, count_max }
}

const CLASS: Kind = Kind::U32 { max: 3 };
const SEQ: Kind = Kind::U64 { max: VARINT_MAX };
const CODE: Kind = Kind::U32 { max: 0xffff };
const RATE: Kind = Kind::U32 { max: u32::MAX };
const DURATION_MS: Kind = Kind::U64 { max: l::DURATION_MS_MAX };
const TOKEN: Kind = Kind::Text { max: l::TOKEN_BYTES_MAX };
const DETAIL: Kind = Kind::Text { max: l::DETAIL_BYTES_MAX };
const DIGEST: Kind = Kind::Bytes { max: l::CATALOGUE_DIGEST_BYTES };

/// A number of one class.
pub static CLASS_SEQ: Schema = Schema { name: "ClassSeq", fields: &[one("class", CLASS), one("seq", SEQ)] };

/// A free attribute.
pub static ATTRIBUTE: Schema = Schema {
    name: "Attribute",
    fields: &[
        one("name", Kind::Text { max: l::ATTRIBUTE_NAME_BYTES_MAX }),
        one("value", Kind::Text { max: l::ATTRIBUTE_VALUE_BYTES_MAX }),
    ],
};

/// HELLO.
pub static HELLO: Schema = Schema {
    name: "Hello",
    fields: &[
        one("token", TOKEN),
        one("producer_id", Kind::Bytes { max: l::PRODUCER_ID_BYTES }),
        many("highest_receipts", edge_event::identity::CLASSES, Kind::Message(&CLASS_SEQ)),
        one("build", Kind::Text { max: l::BUILD_BYTES_MAX }),
        one("platform", Kind::Text { max: l::PLATFORM_BYTES_MAX }),
        one("locale", Kind::Text { max: l::LOCALE_BYTES_MAX }),
        one("catalogue_digest", DIGEST),
        many("attributes", l::ATTRIBUTES_MAX, Kind::Message(&ATTRIBUTE)),
        one("idle_timeout_ms", DURATION_MS),
        one("client_ms", Kind::U64 { max: VARINT_MAX }),
    ],
};

/// REAUTH.
pub static REAUTH: Schema = Schema { name: "Reauth", fields: &[one("token", TOKEN)] };

/// What a session may do.
pub static LIMITS: Schema = Schema {
    name: "Limits",
    fields: &[
        one("event_payload_bytes_max", Kind::U32 { max: l::EVENT_PAYLOAD_BYTES_MAX as u32 }),
        one("events_per_second", RATE),
        one("bytes_per_second", RATE),
        one("datagrams_per_second", RATE),
        one("outstanding_events_max", RATE),
    ],
};

/// WELCOME.
pub static WELCOME: Schema = Schema {
    name: "Welcome",
    fields: &[
        one("resumed", Kind::Bool),
        one("session_ttl_ms", DURATION_MS),
        many("receipts", edge_event::identity::CLASSES, Kind::Message(&CLASS_SEQ)),
        one("limits", Kind::Message(&LIMITS)),
        many("credit", edge_event::identity::CLASSES, Kind::Message(&CLASS_SEQ)),
        one("server_time_ms", Kind::U64 { max: VARINT_MAX }),
        one("node", RATE),
        one("revision", Kind::U64 { max: u64::MAX }),
        one("catalogue_digest", DIGEST),
        one("idle_timeout_ms", DURATION_MS),
    ],
};

/// REFUSE.
pub static REFUSE: Schema =
    Schema { name: "Refuse", fields: &[one("code", CODE), one("detail", DETAIL), one("retry_after_ms", DURATION_MS)] };

/// RECEIPT.
pub static RECEIPT: Schema = Schema { name: "Receipt", fields: &[one("class", CLASS), one("up_to", SEQ)] };

/// CREDIT.
pub static CREDIT: Schema = Schema { name: "Credit", fields: &[one("class", CLASS), one("up_to", SEQ)] };

/// COMMAND.
pub static COMMAND: Schema = Schema {
    name: "Command",
    fields: &[
        one("id", Kind::Bytes { max: l::COMMAND_ID_BYTES }),
        one("name", Kind::Text { max: l::COMMAND_NAME_BYTES_MAX }),
        one("body", Kind::Bytes { max: l::COMMAND_BODY_BYTES_MAX }),
    ],
};

/// REJECT.
pub static REJECT: Schema = Schema {
    name: "Reject",
    fields: &[one("class", CLASS), one("seq", SEQ), one("code", CODE), one("detail", DETAIL)],
};

/// MOVE.
pub static MOVE: Schema = Schema {
    name: "Move",
    fields: &[
        one("reason", CODE),
        one("within_ms", DURATION_MS),
        many("endpoints", l::ENDPOINTS_MAX, Kind::Text { max: l::ENDPOINT_BYTES_MAX }),
    ],
};

/// All messages, in the order of `wire.proto`.
pub static ALL: [&Schema; 12] =
    [&CLASS_SEQ, &ATTRIBUTE, &HELLO, &REAUTH, &LIMITS, &WELCOME, &REFUSE, &RECEIPT, &CREDIT, &COMMAND, &REJECT, &MOVE];

/// More fields than any message has.
const FIELDS_MAX: usize = 16;

//= protocol.md#frame-6
/// Checks a body against its message's bounds. Recursion is as deep as the tables, two levels.
///
/// # Errors
/// The first violation.
pub fn check(schema: &'static Schema, body: &[u8]) -> Result<(), BodyError> {
    let message = schema.name;
    let mut counts = [0usize; FIELDS_MAX];
    let mut rest = body;
    while !rest.is_empty() {
        let offset = body.len() - rest.len();
        let malformed = BodyError::Malformed { message, offset };
        let (number, value) = take_field(&mut rest).ok_or(malformed.clone())?;
        let Some(index) = (number as usize).checked_sub(1).filter(|index| *index < schema.fields.len()) else {
            continue;
        };
        let field = &schema.fields[index];
        counts[index] += 1;
        if counts[index] > field.count_max {
            return Err(BodyError::TooMany { message, field: field.name, max: field.count_max });
        }
        match value {
            Value::Varint(value) => check_number(schema, field, value, malformed)?,
            Value::Bytes(bytes) => check_bytes(schema, field, bytes, malformed)?,
            Value::Fixed => return Err(malformed),
        }
    }
    Ok(())
}

fn check_number(schema: &Schema, field: &Field, value: u64, malformed: BodyError) -> Result<(), BodyError> {
    let max = match field.kind {
        Kind::Bool => 1,
        Kind::U32 { max } => u64::from(max),
        Kind::U64 { max } => max,
        Kind::Text { .. } | Kind::Bytes { .. } | Kind::Message(_) => return Err(malformed),
    };
    if value > max {
        return Err(BodyError::OutOfRange { message: schema.name, field: field.name, value, max });
    }
    Ok(())
}

fn check_bytes(schema: &Schema, field: &Field, bytes: &[u8], malformed: BodyError) -> Result<(), BodyError> {
    let (message, name, len) = (schema.name, field.name, bytes.len());
    match field.kind {
        Kind::Text { max } | Kind::Bytes { max } if len > max => {
            Err(BodyError::TooLong { message, field: name, len, max })
        }
        Kind::Text { .. } if !is_plain_text(bytes) => Err(BodyError::NotText { message, field: name }),
        Kind::Text { .. } | Kind::Bytes { .. } => Ok(()),
        Kind::Message(inner) => check(inner, bytes),
        Kind::Bool | Kind::U32 { .. } | Kind::U64 { .. } => Err(malformed),
    }
}

/// UTF-8 without control characters, so that it can be logged and compared as it is.
fn is_plain_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_control))
}

enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// The next field's number and value; `None` where the bytes are not protobuf.
fn take_field<'a>(rest: &mut &'a [u8]) -> Option<(u32, Value<'a>)> {
    let key = take_protobuf_varint(rest)?;
    let number = u32::try_from(key >> 3).ok().filter(|number| (1..1 << 29).contains(number))?;
    let value = match key & 7 {
        0 => Value::Varint(take_protobuf_varint(rest)?),
        1 => take_bytes(rest, 8).map(|_| Value::Fixed)?,
        2 => {
            let len = usize::try_from(take_protobuf_varint(rest)?).ok()?;
            Value::Bytes(take_bytes(rest, len)?)
        }
        5 => take_bytes(rest, 4).map(|_| Value::Fixed)?,
        _ => return None,
    };
    Some((number, value))
}

fn take_bytes<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}

/// Protobuf's own varint: base 128, little end first, at most ten bytes and 64 bits.
fn take_protobuf_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (index, byte) in rest.iter().take(10).enumerate() {
        if index == 9 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *rest = &rest[index + 1..];
            return Some(value);
        }
    }
    None
}
