//! `rate_limit:` and `group:`.
//!
//! In: their declarations. Out: definitions and gates. Players that share a limit must say who shares it (`scope`) and how much of it
//! one of them may take (`per_player`): otherwise one cheat uses it up.

use rules_engine::ir::{
    AtCapacity, DefinitionIr, DefinitionKind, GateIr, GroupIr, RateLimitIr, Scope as Sharing, limits,
};
use rules_engine::stable_id;

use super::Building;
use super::key::Key;
use super::rule::Triggered;
use crate::diagnostic::{Code, Diagnostic};
use crate::set::limits::Sum;
use crate::source::Span;
use crate::syntax::{GroupDecl, RateDecl, RateLimitDecl, ScopeDecl};

/// Cells of a definition on one shard, unless its author says otherwise.
const MAX_KEYS: u32 = 1_000_000;

/// Cells of one player in a table that others can be pushed out of, or kept out of.
const MAX_KEYS_PER_PLAYER: u32 = 1_000;

/// The least that can be divided among shards.
const LEAST_DIVIDED: u32 = 10;

/// What one definition lets through.
struct Rate {
    of: RateDecl,
    burst: u32,
    scope: Sharing,
    durable: bool,
}

impl Building<'_> {
    pub(crate) fn rate_limit(
        &mut self,
        decl: &RateLimitDecl,
        rule: &Triggered<'_>,
        sum: &mut Sum,
    ) -> Option<RateLimitIr> {
        let (key, of_player) = self.key_parts(&decl.by, rule.scope_without_lets(), sum)?;
        let sound = if of_player { self.check_own(decl) } else { self.check_shared(decl) };
        let burst = decl.burst.as_ref().map_or(decl.rate.value.count, |burst| burst.value);
        let rate = Rate {
            of: decl.rate.value,
            burst,
            scope: match &decl.scope {
                Some(scope) if !of_player => match scope.value {
                    ScopeDecl::Shard => Sharing::Shard,
                    ScopeDecl::Region => Sharing::Region,
                },
                _ => Sharing::Player,
            },
            durable: decl.durable.as_ref().is_some_and(|durable| durable.value),
        };
        let slow = u128::from(rate.of.period_ms) * u128::from(burst) / u128::from(rate.of.count);
        if slow > u128::from(limits::MAX_SPAN_MS) {
            let words = "a burst of this limit takes longer than `400d` to come back";
            self.report.push(Diagnostic::new(Code::BadValue, decl.rate.span, words).help("lower `burst`"));
            return None;
        }
        if !sound {
            return None;
        }
        sum.add_cell_of(decl.span, "reads the limit's cell");
        let limit = self.rate_gate(decl, rule, "@rate_limit", &key, &rate);
        let per_player = decl.per_player.as_ref().map(|per_player| {
            sum.add_cell_of(per_player.span, "reads the player's cell");
            let of = RateDecl { count: per_player.value, ..rate.of };
            let own = Rate { of, burst: per_player.value.min(burst), scope: Sharing::Player, durable: false };
            self.rate_gate(decl, rule, "@rate_limit_player", &key, &own)
        });
        Some(RateLimitIr { limit, per_player })
    }

    /// A limit of each player's own.
    fn check_own(&mut self, decl: &RateLimitDecl) -> bool {
        let mut odd = |span: Span, what: &str| {
            let words = format!("{what} is for limits that players share, and this key has the player");
            let d = Diagnostic::new(Code::SharedLimit, span, words).also(decl.by.span, "the key");
            self.report.push(d.help(format!("leave {what} out, or the player out of the key")));
        };
        if let Some(scope) = &decl.scope {
            odd(scope.span, "`scope`");
        }
        if let Some(per_player) = &decl.per_player {
            odd(per_player.span, "`per_player`");
        }
        decl.scope.is_none() && decl.per_player.is_none()
    }

    /// A limit that players share.
    fn check_shared(&mut self, decl: &RateLimitDecl) -> bool {
        let mut sound = true;
        let mut wrong = |code, span, words: &str, help: &str| {
            self.report.push(Diagnostic::new(code, span, words).help(help));
            sound = false;
        };
        if decl.scope.is_none() {
            let help = "add `scope: shard` (each shard counts for itself) or `scope: region` (each shard has an equal part), \
                or `player` to the key; both scopes are approximate";
            wrong(Code::SharedLimit, decl.by.span, "players share this limit, and it does not say where", help);
        }
        match &decl.per_player {
            None => {
                let help = "add `per_player: 2`, or as many as one player may take of it";
                wrong(Code::SharedLimit, decl.by.span, "players share this limit, and one of them can use it up", help);
            }
            Some(own) if own.value > decl.rate.value.count => {
                let help = "it is a part of the limit, in the same time";
                wrong(Code::SharedLimit, own.span, "`per_player` is more than the whole limit", help);
            }
            Some(_) => {}
        }
        if let Some(durable) = decl.durable.as_ref().filter(|durable| durable.value) {
            let help = "leave `durable` out, or put the player into the key";
            wrong(Code::ExactShared, durable.span, "what players share is not kept over a crash", help);
        }
        let region = decl.scope.as_ref().is_some_and(|scope| scope.value == ScopeDecl::Region);
        let least = decl.burst.as_ref().map_or(decl.rate.value.count, |burst| burst.value.min(decl.rate.value.count));
        if region && least < LEAST_DIVIDED {
            let words = "this limit is too exact for a region, whose shards have a part of it each";
            let help = "let 10 or more through, also at once, or use `scope: shard`, or a key with the player";
            let span = decl.burst.as_ref().filter(|b| b.value == least).map_or(decl.rate.span, |burst| burst.span);
            wrong(Code::ExactShared, span, words, help);
        }
        sound
    }

    fn rate_gate(&mut self, decl: &RateLimitDecl, rule: &Triggered<'_>, word: &str, key: &Key, rate: &Rate) -> GateIr {
        let max_keys = decl.max_keys.as_ref().map_or(MAX_KEYS, |n| n.value as u32);
        let deny = decl.deny.as_ref().is_some_and(|deny| deny.value);
        let crowded = !key.types.is_empty() && (deny || decl.per_player.is_some());
        let mut definition = DefinitionIr {
            id: 0,
            package: rule.package,
            name: format!("{}/{word}", rule.decl.id.value),
            kind: DefinitionKind::Rate { count: rate.of.count, period_ms: rate.of.period_ms, burst: rate.burst },
            scope: rate.scope,
            key_types: key.types.clone(),
            durable: rate.durable,
            max_keys,
            at_capacity: if deny { AtCapacity::Deny } else { AtCapacity::EvictOldest },
            max_keys_per_player: if crowded { MAX_KEYS_PER_PLAYER.min(max_keys) } else { 0 },
        };
        definition.id = stable_id(rule.package_name, &definition);
        self.definitions.push(definition);
        GateIr { definition: self.definitions.len() as u32 - 1, key: key.parts.clone() }
    }

    /// The index of a group of the package at hand.
    pub(crate) fn group(&mut self, decl: &GroupDecl, rule: &Triggered<'_>) -> Option<u16> {
        let of_package = |group: &GroupIr| group.package == rule.package && group.name == decl.name.value;
        if let Some(at) = self.groups.iter().position(of_package) {
            return Some(at as u16);
        }
        let index = u16::try_from(self.groups.len()).ok();
        match index {
            Some(_) => self.groups.push(GroupIr { package: rule.package, name: decl.name.value.clone() }),
            None => self.report.push(Diagnostic::new(Code::TooLarge, decl.name.span, "more than 65,536 groups")),
        }
        index
    }
}
