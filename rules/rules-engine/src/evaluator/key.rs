//! Keys of cells: typed parts to canonical bytes to a stable hash.

use super::KeyBytes;
use crate::expr::{EvalError, Program, Scope, Value, evaluate};
use crate::identity::{KeyPart, key_hash};
use crate::ir;
use crate::rule_set::Definition;

impl KeyBytes {
    /// Leaves the canonical bytes of a key in `self.key` and gives their hash.
    pub(super) fn make<'a>(
        &mut self,
        definition: &Definition,
        parts: &'a [Program],
        scope: &Scope<'a>,
    ) -> Result<u128, EvalError> {
        self.key.clear();
        match definition.scope {
            ir::Scope::Player => self.key.extend_from_slice(&scope.event.player.0.to_le_bytes()),
            ir::Scope::Shard => {}
        }
        for part in parts {
            key_part(evaluate(part, scope, part.root())?)?.write(&mut self.key);
        }
        Ok(key_hash(&self.key))
    }
}

fn key_part(value: Value<'_>) -> Result<KeyPart<'_>, EvalError> {
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
