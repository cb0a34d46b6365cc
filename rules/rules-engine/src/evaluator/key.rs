//! Keys of cells: typed parts to canonical bytes to a stable hash.

use super::KeyBytes;
use crate::expr::{EvalError, Program, Scope, evaluate};
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
            ir::Scope::Shard | ir::Scope::Region => {}
        }
        for part in parts {
            KeyPart::of(evaluate(part, scope, part.root())?)?.write(&mut self.key);
        }
        Ok(key_hash(&self.key))
    }
}
