//! `once` and `cooldown`, and what all definitions of a rule's state share.
//!
//! In: their declarations. Out: [`DefinitionIr`]s whose ids are stable for as long as package, names and types of keys are.

use rules_engine::ir::{AtCapacity, DefinitionIr, DefinitionKind, GateIr, KeyType, Scope as Sharing, limits};
use rules_engine::stable_id;

use super::Building;
use super::key::Key;
use super::rule::Triggered;
use crate::diagnostic::{Code, Diagnostic};
use crate::set::limits::Sum;
use crate::source::Spanned;
use crate::syntax::{CooldownDecl, OnceDecl};

/// Cells of a definition on one shard, unless its author says otherwise.
const MAX_KEYS: u32 = 1_000_000;

/// Cells of one player where a full table refuses new keys, so that one player cannot fill it.
const MAX_KEYS_PER_PLAYER: u32 = 1_000;

/// How large a definition may grow, as its author says it.
pub(super) struct Room {
    pub(super) max_keys: u32,
    pub(super) deny: bool,
    pub(super) durable: bool,
}

impl Building<'_> {
    /// Compiles `once`.
    pub(crate) fn once(&mut self, decl: &OnceDecl, rule: &Triggered<'_>, sum: &mut Sum) -> Option<GateIr> {
        let key = self.key(&decl.by, rule.scope_without_lets(), sum)?;
        let period_ms = decl.per_ms.as_ref().map(|per| per.value as u64);
        let kind = DefinitionKind::Once { generation: decl.generation.value, period_ms };
        let room = Room { max_keys: max_keys(decl.max_keys.as_ref()), deny: true, durable: true };
        self.gate(kind, key, rule, "@once", &room)
    }

    /// Compiles `cooldown`.
    pub(crate) fn cooldown(&mut self, decl: &CooldownDecl, rule: &Triggered<'_>, sum: &mut Sum) -> Option<GateIr> {
        if decl.duration_ms.value as u64 > limits::MAX_SPAN_MS {
            let d = Diagnostic::new(Code::BadValue, decl.duration_ms.span, "a cooldown is at most `400d` long");
            self.report.push(d.help("use `once` for what must not come again"));
            return None;
        }
        let key = self.key(&decl.by, rule.scope_without_lets(), sum)?;
        let kind = DefinitionKind::Cooldown { duration_ms: decl.duration_ms.value as u64 };
        let deny = decl.deny.as_ref().is_some_and(|d| d.value);
        let room = Room { max_keys: max_keys(decl.max_keys.as_ref()), deny, durable: decl.durable };
        self.gate(kind, key, rule, "@cooldown", &room)
    }

    fn gate(
        &mut self,
        kind: DefinitionKind,
        key: Key,
        rule: &Triggered<'_>,
        word: &str,
        room: &Room,
    ) -> Option<GateIr> {
        let name = format!("{}/{word}", rule.decl.id.value);
        let definition = self.define(rule.package, rule.package_name, name, kind, key.types, room);
        Some(GateIr { definition, key: key.parts })
    }

    pub(super) fn define(
        &mut self,
        package: u16,
        package_name: &str,
        name: String,
        kind: DefinitionKind,
        key_types: Vec<KeyType>,
        room: &Room,
    ) -> u32 {
        let at_capacity = if room.deny { AtCapacity::Deny } else { AtCapacity::EvictOldest };
        let shared_table = room.deny && !key_types.is_empty();
        let mut definition = DefinitionIr {
            id: 0,
            package,
            name,
            kind,
            scope: Sharing::Player,
            key_types,
            durable: room.durable,
            max_keys: room.max_keys,
            at_capacity,
            max_keys_per_player: if shared_table { MAX_KEYS_PER_PLAYER.min(room.max_keys) } else { 0 },
        };
        definition.id = stable_id(package_name, &definition);
        self.definitions.push(definition);
        self.definitions.len() as u32 - 1
    }
}

pub(super) fn max_keys(written: Option<&Spanned<i64>>) -> u32 {
    written.map_or(MAX_KEYS, |n| n.value as u32)
}
