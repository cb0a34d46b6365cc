//! Checks definitions of state: names, ids, keys, and what is kept how long.

use std::collections::BTreeSet;

use super::error::LoadError;
use super::names::{check_count, check_name, check_span};
use super::{LoadedFeed, Loader, feed};
use crate::expr::{Program, Type};
use crate::identity::stable_id;
use crate::ir::{AtCapacity, DefinitionIr, DefinitionKind, ExprIr, KeyType, Scope, limits};
use crate::rule_set::{Definition, Kind};
use crate::state::{Bounds, Layout, Rate};

/// How much later than at its arrival an event may be evaluated and still find every cell that it should find.
const EXPIRY_SLACK_MS: u64 = 60_000;

impl Loader<'_> {
    pub(super) fn definitions(&self) -> Result<(Vec<Definition>, Vec<LoadedFeed>), LoadError> {
        let mut ids = BTreeSet::new();
        let (mut definitions, mut feeds) = (Vec::new(), Vec::new());
        for (at, ir) in self.ir.definitions.iter().enumerate() {
            let definition = self.definition(ir)?;
            if !ids.insert(ir.id) {
                return Err(LoadError::duplicate(&definition.name, "its stable id is taken: rename the definition"));
            }
            feeds.extend(self.feed(at as u32, ir, &definition.name)?);
            definitions.push(definition);
        }
        Ok((definitions, feeds))
    }

    fn definition(&self, ir: &DefinitionIr) -> Result<Definition, LoadError> {
        check_name("definition", "name", &ir.name)?;
        let package = self.package(&ir.name, ir.package)?;
        let place = format!("{package}/{}", ir.name);
        if ir.id != stable_id(package, ir) {
            return Err(LoadError::invalid(&place, "its id is not the hash of its shape"));
        }
        check_count(&place, "parts of the key", ir.key_types.len(), limits::MAX_KEY_PARTS)?;
        check_policy(ir, &place)?;
        // An event may lie `lateness` before its arrival, and be evaluated a while after it.
        let slack_ms = u64::from(self.ir.lateness_ms) + EXPIRY_SLACK_MS;
        let (kind, layout, ttl_ms) = match &ir.kind {
            DefinitionKind::Feed(feed) => {
                let (kind, layout, reach_ms) = feed::kind(feed, &place)?;
                (kind, layout, reach_ms.map(|reach| reach + slack_ms))
            }
            DefinitionKind::Once { generation, period_ms } => {
                period_ms.map_or(Ok(()), |p| check_span(&place, "period", p))?;
                let kind = Kind::Once { generation: *generation, period_ms: *period_ms };
                (kind, Layout::Once, period_ms.map(|p| p + slack_ms))
            }
            DefinitionKind::Cooldown { duration_ms } => {
                check_span(&place, "cooldown", *duration_ms)?;
                (Kind::Cooldown { duration_ms: *duration_ms }, Layout::Cooldown, Some(*duration_ms + slack_ms))
            }
            DefinitionKind::Rate { count, period_ms, burst } => {
                check_span(&place, "period of a rate", *period_ms)?;
                let full_ms = Rate::new(*count, *period_ms, *burst, 1).full_ms();
                let possible = 1..=limits::MAX_RATE;
                if !possible.contains(count) || !possible.contains(burst) || full_ms > limits::MAX_SPAN_MS {
                    return Err(LoadError::invalid(&place, "a rate's count or burst is not possible"));
                }
                let kind = Kind::Rate { count: *count, period_ms: *period_ms, burst: *burst };
                (kind, Layout::Rate, Some(full_ms + slack_ms))
            }
        };
        let bounds = Bounds {
            max_keys: ir.max_keys as usize,
            evict: ir.at_capacity == AtCapacity::EvictOldest,
            max_keys_per_player: ir.max_keys_per_player,
        };
        let (id, scope, durable) = (ir.id, ir.scope, ir.durable);
        Ok(Definition { id, name: place, kind, scope, layout, durable, bounds, ttl_ms })
    }

    /// A key's parts, as many and of the types that the definition says.
    pub(super) fn key(
        &self,
        place: &str,
        key: &[ExprIr],
        types: &[KeyType],
        context: &crate::expr::CheckContext<'_>,
    ) -> Result<Vec<Program>, LoadError> {
        if key.len() != types.len() {
            return Err(LoadError::invalid(place, "its key has more or fewer parts than its definition says"));
        }
        let mut parts = Vec::with_capacity(key.len());
        for (part, wanted) in key.iter().zip(types) {
            let program = self.program(place, "key", part, context)?;
            if program.ty != Type::of_key(*wanted) {
                let what =
                    format!("a part of its key is {}, its definition says {}", program.ty, Type::of_key(*wanted));
                return Err(LoadError::invalid(place, &what));
            }
            parts.push(program);
        }
        Ok(parts)
    }
}

/// What may be combined.
fn check_policy(ir: &DefinitionIr, place: &str) -> Result<(), LoadError> {
    let once = matches!(ir.kind, DefinitionKind::Once { .. });
    let deny = ir.at_capacity == AtCapacity::Deny;
    let invalid = |what| Err(LoadError::invalid(place, what));
    if ir.max_keys == 0 {
        return invalid("max_keys is 0");
    }
    if once && !(deny && ir.durable) {
        return invalid("`once` is always durable and never evicts");
    }
    if ir.durable && ir.scope != Scope::Player {
        return invalid("durable state is kept by player");
    }
    if ir.scope == Scope::Region && !matches!(ir.kind, DefinitionKind::Rate { .. }) {
        return invalid("only rates are divided among the shards of a node");
    }
    if deny && !ir.key_types.is_empty() && ir.max_keys_per_player == 0 {
        return invalid("a table that denies needs max_keys_per_player, or one player can fill it");
    }
    Ok(())
}
