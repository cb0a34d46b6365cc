//! Stable names: of a definition's state, of a key, of a command. All of them end on disk or in other people's
//! databases, so every layout here is version 1 for ever.

use edge_event::CommandId;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::expr::{EvalError, Value};
use crate::ir::{ALL, Aggregate, DefinitionIr, DefinitionKind, FeedIr, KeyType, Scope, Window};

/// The name under which a definition's cells are kept: a hash over package, name, kind and the typed shape of the key.
///
/// Conditions, thresholds, lengths of windows and durations are no part of it, so changing them keeps the state; changing
/// the fed event type, what is gathered and its type, the kind of window, the scope or the key makes new state.
pub fn stable_id(package: &str, definition: &DefinitionIr) -> u64 {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(b"edge/definition/1");
    push_part(&mut bytes, package.as_bytes());
    push_part(&mut bytes, definition.name.as_bytes());
    match &definition.kind {
        DefinitionKind::Feed(feed) => {
            let [kind, of, window] = shape(feed);
            // Counts in sliding windows came first.
            if [kind, window] == [0, 0] {
                bytes.push(1);
            } else {
                bytes.extend_from_slice(&[16, kind, of, window]);
            }
            bytes.extend_from_slice(&feed.event_type.0.to_le_bytes());
        }
        DefinitionKind::Once { .. } => bytes.push(2),
        DefinitionKind::Cooldown { .. } => bytes.push(3),
        DefinitionKind::Rate { .. } => bytes.push(16),
    }
    bytes.push(match definition.scope {
        Scope::Player => 1,
        Scope::Shard => 2,
        Scope::Region => 3,
    });
    bytes.extend(definition.key_types.iter().map(|t| *t as u8));
    xxh3_64(&bytes)
}

/// What makes a feed's state another one: what it gathers, of which type, over which kind of window. Not how long, nor how much.
fn shape(feed: &FeedIr) -> [u8; 3] {
    let kind = match &feed.aggregate {
        Aggregate::Count { .. } => 0,
        Aggregate::Sum(_) => 1,
        Aggregate::Min(_) => 2,
        Aggregate::Max(_) => 3,
        Aggregate::Avg(_) => 4,
        Aggregate::Distinct { max: None, .. } => 5,
        Aggregate::Distinct { max: Some(_), .. } => 6,
        Aggregate::FirstSeen => 7,
        Aggregate::Last { .. } => 8,
    };
    let window = match feed.window {
        Window::Sliding { .. } => 0,
        Window::Session { .. } => 1,
        Window::Ever => 2,
        Window::Tumbling { period, .. } => 3 + period as u8,
    };
    [kind, feed.aggregate.operand().map_or(0, |of| of.ty as u8), window]
}

/// The state that a shadow rule's gate keeps apart from the live one's.
pub(crate) fn shadow_id(live: u64) -> u64 {
    let mut bytes = *b"edge/shadow/1\0\0\0........";
    bytes[16..].copy_from_slice(&live.to_le_bytes());
    xxh3_64(&bytes)
}

/// One part of a key.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum KeyPart<'a> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    String(&'a str),
    Bytes(&'a [u8]),
    Timestamp { seconds: i64, nanos: u32 },
    Duration { nanos: i64 },
}

impl<'a> KeyPart<'a> {
    /// A value as a part of a key; doubles, lists, maps and messages are none.
    pub(crate) fn of(value: Value<'a>) -> Result<KeyPart<'a>, EvalError> {
        Ok(match value {
            Value::Bool(b) => KeyPart::Bool(b),
            Value::Int(n) => KeyPart::Int(n),
            Value::Uint(n) => KeyPart::Uint(n),
            Value::String(s) => KeyPart::String(s),
            Value::Bytes(b) => KeyPart::Bytes(b),
            Value::Timestamp(t) => KeyPart::Timestamp { seconds: t.seconds, nanos: t.nanos },
            Value::Duration(nanos) => KeyPart::Duration { nanos },
            Value::Null | Value::Double(_) | Value::List(_) | Value::Map(_) | Value::Message { .. } => {
                return Err(EvalError::NoSuchOverload);
            }
        })
    }

    pub(crate) fn key_type(&self) -> KeyType {
        match self {
            KeyPart::Bool(_) => KeyType::Bool,
            KeyPart::Int(_) => KeyType::Int,
            KeyPart::Uint(_) => KeyType::Uint,
            KeyPart::String(_) => KeyType::String,
            KeyPart::Bytes(_) => KeyType::Bytes,
            KeyPart::Timestamp { .. } => KeyType::Timestamp,
            KeyPart::Duration { .. } => KeyType::Duration,
        }
    }

    /// Appends the canonical bytes: the type, then fixed-width little-endian numbers or a length-prefixed text.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.key_type() as u8);
        match self {
            KeyPart::Bool(b) => out.push(u8::from(*b)),
            KeyPart::Int(n) => out.extend_from_slice(&n.to_le_bytes()),
            KeyPart::Uint(n) => out.extend_from_slice(&n.to_le_bytes()),
            KeyPart::String(s) => push_part(out, s.as_bytes()),
            KeyPart::Bytes(b) => push_part(out, b),
            KeyPart::Timestamp { seconds, nanos } => {
                out.extend_from_slice(&seconds.to_le_bytes());
                out.extend_from_slice(&nanos.to_le_bytes());
            }
            KeyPart::Duration { nanos } => out.extend_from_slice(&nanos.to_le_bytes()),
        }
    }
}

/// The short name of a key's canonical bytes.
pub(crate) fn key_hash(canonical: &[u8]) -> u128 {
    xxh3_128(canonical)
}

/// The short name of one value's canonical bytes, where values are counted.
pub(crate) fn value_hash(canonical: &[u8]) -> u64 {
    xxh3_64(canonical)
}

/// Which of the 100,000 buckets a key falls into: xxh3-64 of the salt, a zero byte and the key. Anybody can compute
/// it; `rules/docs/rollout-vectors.txt` has examples.
pub fn bucket(salt: &str, key: &str) -> u32 {
    bucket_of(&[salt.as_bytes(), &[0], key.as_bytes()].concat())
}

/// As [`bucket`], of salt, zero byte and key together.
pub(crate) fn bucket_of(salt_and_key: &[u8]) -> u32 {
    (xxh3_64(salt_and_key) % u64::from(ALL)) as u32
}

/// What a command id is made from.
pub(crate) struct CommandName<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) package: &'a str,
    pub(crate) rule: &'a str,
    /// Canonical bytes of the gate's key (the player's key where the rule has no gate).
    pub(crate) key: &'a [u8],
    /// Canonical bytes of the event's identity, or [`once_identity`].
    pub(crate) identity: &'a [u8],
    pub(crate) action_index: u16,
}

/// The first 16 bytes of BLAKE3 over the parts, each with its length.
pub(crate) fn command_id(name: &CommandName<'_>) -> CommandId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"edge/command/1");
    for part in [name.tenant.as_bytes(), name.package.as_bytes(), name.rule.as_bytes(), name.key, name.identity] {
        hasher.update(&(part.len() as u32).to_le_bytes());
        hasher.update(part);
    }
    hasher.update(&name.action_index.to_le_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    CommandId(id)
}

/// Stands in for the event's identity in the command ids of a `once` rule, so that they are the same wherever and on
/// whatever event the gate opens. The tag is none of `EventId::write_canonical`'s.
pub(crate) fn once_identity(generation: u32, period: i64) -> [u8; 13] {
    let mut bytes = [0; 13];
    bytes[0] = 0x10;
    bytes[1..5].copy_from_slice(&generation.to_le_bytes());
    bytes[5..].copy_from_slice(&period.to_le_bytes());
    bytes
}

fn push_part(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&(part.len() as u32).to_le_bytes());
    out.extend_from_slice(part);
}
