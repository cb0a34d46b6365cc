//! `let`, `once` and `cooldown`: the definitions of a rule's state.
//!
//! In: their declarations. Out: [`DefinitionIr`]s whose ids are stable for as long as package, names and types of keys are. How a
//! window counts is decided last, when every expression that reads it is known.

use rules_cel::{Env, Type};
use rules_engine::ir::{
    AtCapacity, DefinitionIr, DefinitionKind, ExprIr, GateIr, KeyType, LetIr, Scope as Sharing, Window, limits,
};
use rules_engine::stable_id;

use super::Building;
use super::key::{Key, key_type_of};
use super::rule::Triggered;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expr::{
    Expr, Scope, Use, check_as, constant_condition, cost_of, event_message, lower_parts, split_filter, uses_of,
    variables,
};
use crate::set::limits::{Priced, Sum, What};
use crate::source::{Span, Spanned};
use crate::syntax::{CooldownDecl, LetDecl, OnceDecl};

/// Cells of a definition on one shard, unless its author says otherwise.
const MAX_KEYS: u32 = 1_000_000;

/// Cells of one player where a full table refuses new keys, so that one player cannot fill it.
const MAX_KEYS_PER_PLAYER: u32 = 1_000;

/// A key's parts: on the counted event's side, on the triggering event's side, and their types.
#[derive(Default)]
struct TiedKey {
    fed: Vec<ExprIr>,
    read: Vec<ExprIr>,
    types: Vec<KeyType>,
}

/// How large a definition may grow, as its author says it.
struct Room {
    max_keys: u32,
    deny: bool,
    durable: bool,
}

impl Building<'_> {
    /// Compiles a count. Its window is a placeholder until [`Building::choose_window`].
    pub(crate) fn letting(&mut self, decl: &LetDecl, rule: &Triggered<'_>, sum: &mut Sum) -> Option<LetIr> {
        let counted = self.event_type(&decl.count)?;
        let mut feed_sum = Sum::default();
        let mut env = rule.package_env.child();
        env.variable("event", Type::message(event_message(self.catalogue, counted)));
        let fed_scope = Scope { env: &env, event: counted, lets: &[], ..rule.scope };
        let fed = self.key(&decl.by, fed_scope, &mut feed_sum);
        // The same parts are read from the triggering event; where it is of the same type, mistakes were told already.
        let mut told = Report::default();
        if counted.id == rule.scope.event.id {
            std::mem::swap(self.report, &mut told);
        }
        let read = self.key(&decl.by, rule.scope_without_lets(), sum);
        if counted.id == rule.scope.event.id {
            std::mem::swap(self.report, &mut told);
        }
        let (filter, tied) = self.filter(decl, rule, counted, &env, &mut feed_sum)?;
        let (fed, read) = (fed?, read?);
        if fed.types != read.types {
            let words = format!("the key has other types on {} than on {}", counted.name, rule.scope.event.name);
            self.report.push(Diagnostic::new(Code::BadKeyPart, decl.by.span, words));
            return None;
        }
        self.feed_limits(decl, rule, counted, &feed_sum, filter.is_some());
        let (key, read) = join(fed, read, tied);
        let kind = DefinitionKind::Count {
            event_type: counted.id,
            filter,
            key: key.parts,
            within_ms: decl.within_ms.value as u64,
            window: Window::Buckets,
        };
        let room = Room {
            max_keys: max_keys(decl.max_keys.as_ref()),
            deny: decl.deny.as_ref().is_some_and(|d| d.value),
            durable: decl.durable,
        };
        let name = format!("{}/{}", rule.decl.id.value, decl.name.value);
        let definition = self.define(rule.package, rule.package_name, name, kind, key.types, &room);
        self.pools.event(counted.id);
        sum.add_cell(decl.name.span);
        Some(LetIr { name: decl.name.value.clone(), definition, key: read })
    }

    /// The `where` of a count: what the counted event must be, and how it is tied to the triggering one.
    fn filter(
        &mut self,
        decl: &LetDecl,
        rule: &Triggered<'_>,
        counted: &rules_catalogue::EventType,
        fed_env: &Env<'_>,
        feed_sum: &mut Sum,
    ) -> Option<(Option<ExprIr>, TiedKey)> {
        let Some(cel) = &decl.filter else { return Some((None, TiedKey::default())) };
        let trigger = rule.scope.event;
        let mut env = fed_env.child();
        env.variable("trigger", Type::message(event_message(self.catalogue, trigger)));
        let scope = Scope { env: &env, event: counted, lets: &[], root: "event", ..rule.scope };
        let expr = check_as(cel, scope, &Type::Bool, "`where`", self.report)?;
        self.lint(&expr, scope);
        constant_condition(&expr, self.report);
        feed_sum.add(&expr, &cost_of(&expr, scope));
        self.note_taint(&expr, scope);
        rule.used.borrow_mut().extend(variables(&expr));
        let parts = split_filter(&expr);
        if let Some(odd) = parts.other.first() {
            let words = "`trigger` can only be compared for equality here, joined by `&&`";
            let help = "write `event.x == trigger.x`; conditions on the triggering event alone belong into `when`";
            self.report.push(Diagnostic::new(Code::TriggerOutsideEquality, expr.span_of(*odd), words).help(help));
            return None;
        }
        let trigger_scope = Scope { event: trigger, root: "trigger", ..scope };
        let mut tied = TiedKey::default();
        for (fed, read) in parts.equalities {
            let (fed_type, read_type) = (&expr.checked.node(fed).ty, &expr.checked.node(read).ty);
            let Some(ty) = key_type_of(fed_type).filter(|_| fed_type == read_type) else {
                self.bad_tie(&expr, fed, fed_type, read_type);
                return None;
            };
            tied.types.push(ty);
            tied.fed.push(lower_parts(&expr, &[fed], scope, &mut self.pools, self.report)?);
            tied.read.push(lower_parts(&expr, &[read], trigger_scope, &mut self.pools, self.report)?);
        }
        let filter = if parts.own.is_empty() {
            None
        } else {
            Some(lower_parts(&expr, &parts.own, scope, &mut self.pools, self.report)?)
        };
        Some((filter, tied))
    }

    fn bad_tie(&mut self, expr: &Expr<'_>, at: rules_cel::checked::NodeId, fed: &Type, read: &Type) {
        if fed == read {
            self.bad_key_part(fed, expr.span_of(at));
        } else {
            let words = format!("an equality with `trigger` needs one type on both sides, not {fed} and {read}");
            self.report.push(Diagnostic::new(Code::BadKeyPart, expr.span_of(at), words).help("convert one side"));
        }
    }

    fn feed_limits(
        &mut self,
        decl: &LetDecl,
        rule: &Triggered<'_>,
        counted: &rules_catalogue::EventType,
        sum: &Sum,
        filtered: bool,
    ) {
        let span = decl.filter.as_ref().map_or(decl.name.span, |cel| cel.span);
        if let Some(d) = sum.above(super::limits::RULE_NS, "feeding this count costs", span) {
            self.report.push(d);
        }
        if filtered {
            self.add_unindexed(counted.id, sum, span);
        }
        let priced = sum.priced(rule, What::Count(decl.name.value.clone()), counted.id, decl.name.span);
        self.priced.push(Priced { is_unskippable: filtered, ..priced });
    }

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

    fn define(
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

    /// Decides how a count is kept: exactly, where everything that reads it needs at most 64; else in parts of the window.
    ///
    /// A count that is also read as a number (in a body) beside such comparisons is kept exactly up to 64 and stops there.
    pub(crate) fn choose_window(&mut self, at: &LetIr, decl: &LetDecl, exprs: &[(Expr<'_>, Scope<'_>)]) {
        let uses: Vec<(Use, usize)> = exprs
            .iter()
            .enumerate()
            .flat_map(|(n, (expr, scope))| uses_of(expr, &at.name, *scope).into_iter().map(move |u| (u, n)))
            .collect();
        if uses.is_empty() {
            let words = format!("nothing reads `{}`", at.name);
            let d = Diagnostic::new(Code::UnusedLet, decl.name.span, words);
            self.report.push(d.help("use it in `when` or in a body, or remove it"));
        }
        let needs = uses.iter().map(|(u, _)| match u {
            Use::Counted { needs } | Use::Equality { needs, .. } => Some((*needs).max(1)),
            Use::EqualityUnknown(_) => None,
            Use::Value => Some(0),
        });
        let most: Option<i64> = needs.collect::<Option<Vec<_>>>().map(|all| all.into_iter().max().unwrap_or(1));
        let read_as_value = uses.iter().any(|(u, _)| *u == Use::Value);
        let most_ring = i64::from(limits::MAX_RING);
        let window = match most {
            Some(most) if (1..=most_ring).contains(&most) => {
                Window::Ring { capacity: if read_as_value { limits::MAX_RING } else { most as u8 } }
            }
            _ => Window::Buckets,
        };
        if window == Window::Buckets {
            self.warn_of_equalities(&uses, exprs);
        }
        if let DefinitionKind::Count { window: chosen, .. } = &mut self.definitions[at.definition as usize].kind {
            *chosen = window;
        }
    }

    fn warn_of_equalities(&mut self, uses: &[(Use, usize)], exprs: &[(Expr<'_>, Scope<'_>)]) {
        for (u, n) in uses {
            let (Use::Equality { at, .. } | Use::EqualityUnknown(at)) = u else { continue };
            let span: Span = exprs[*n].0.span_of(*at);
            let words = "this count is approximate, and may skip over the number it is compared with";
            let help = "compare with `>=`; a count is exact where it is compared with constants up to 64";
            self.report.push(Diagnostic::new(Code::ApproximateEquality, span, words).help(help));
        }
    }
}

fn join(fed: Key, read: Key, tied: TiedKey) -> (Key, Vec<ExprIr>) {
    let mut key = fed;
    key.parts.extend(tied.fed);
    key.types.extend(tied.types);
    let mut read = read.parts;
    read.extend(tied.read);
    (key, read)
}

fn max_keys(written: Option<&Spanned<i64>>) -> u32 {
    written.map_or(MAX_KEYS, |n| n.value as u32)
}
