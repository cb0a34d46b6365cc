//! `by:`: the parts of a key.
//!
//! In: a [`KeyDecl`]. Out: its expressions without the player, which the engine adds. Keys of limits that players share have no
//! player; all others must.

use rules_cel::Type;
use rules_engine::ir::{ExprIr, KeyType, Node, Var, limits};

use super::Building;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Expr, Scope, check, cost_of, in_words, lower, tainted_by, whole};
use crate::set::limits::Sum;
use crate::source::Span;
use crate::syntax::KeyDecl;

/// The parts of a key besides the player.
#[derive(Default)]
pub(crate) struct Key {
    pub(crate) parts: Vec<ExprIr>,
    pub(crate) types: Vec<KeyType>,
}

impl Building<'_> {
    /// Compiles a key over the event in scope. `None` where a part is wrong.
    pub(crate) fn key(&mut self, decl: &KeyDecl, scope: Scope<'_>, sum: &mut Sum) -> Option<Key> {
        let found = self.key_parts(decl, scope, sum);
        if !decl.parts.iter().any(|part| is_player(&part.text)) {
            let d = Diagnostic::new(Code::KeyWithoutPlayer, decl.span, "the key lacks the player");
            self.report
                .push(d.help("write `by: player`, or `by: [player, …]`; players can share nothing but a `rate_limit`"));
            return None;
        }
        found.map(|(key, _)| key)
    }

    /// The parts of a key besides the player, and whether it has the player.
    pub(crate) fn key_parts(&mut self, decl: &KeyDecl, scope: Scope<'_>, sum: &mut Sum) -> Option<(Key, bool)> {
        let mut key = Key::default();
        let mut whole_key = true;
        for part in decl.parts.iter().filter(|part| !is_player(&part.text)) {
            if part.text.trim() == "region" {
                key.parts.push(ExprIr { nodes: vec![Node::Var(Var::TokenRegion)] });
                key.types.push(KeyType::String);
                continue;
            }
            let lowered = check(part, scope, self.report).and_then(|expr| {
                let ty = self.key_type(&expr, whole(part))?;
                sum.add(&expr, &cost_of(&expr, scope));
                self.note_taint(&expr, scope);
                Some((lower(&expr, scope, &mut self.pools, self.report)?, ty))
            });
            match lowered {
                Some((part, ty)) => {
                    key.parts.push(part);
                    key.types.push(ty);
                }
                None => whole_key = false,
            }
        }
        whole_key &= self.few_parts(decl);
        let of_player = decl.parts.iter().any(|part| is_player(&part.text));
        whole_key.then_some((key, of_player))
    }

    /// Complains about a key with too many parts.
    pub(crate) fn few_parts(&mut self, decl: &KeyDecl) -> bool {
        let few = decl.parts.len() <= limits::MAX_KEY_PARTS;
        if !few {
            let words = format!("the key has {} parts; limit {}", decl.parts.len(), limits::MAX_KEY_PARTS);
            self.report.push(Diagnostic::new(Code::TooLarge, decl.span, words));
        }
        few
    }

    /// Remembers what a client can make up here, for rules that grant something.
    pub(crate) fn note_taint(&mut self, expr: &Expr<'_>, scope: Scope<'_>) {
        if let Some((at, why)) = tainted_by(expr, scope) {
            self.forgeable.push((expr.span_of(at), why));
        }
    }

    /// The type of a part; complains where it can be none.
    pub(crate) fn key_type(&mut self, expr: &Expr<'_>, span: Span) -> Option<KeyType> {
        let found = key_type_of(expr.ty());
        if found.is_none() {
            self.bad_key_part(expr.ty(), span);
        }
        found
    }

    pub(crate) fn bad_key_part(&mut self, ty: &Type, span: Span) {
        let words = format!("{} cannot be part of a key", in_words(ty));
        let help = "use text, a whole number, a boolean, a moment or a duration; round numbers with `int(…)`";
        self.report.push(Diagnostic::new(Code::BadKeyPart, span, words).help(help));
    }
}

fn is_player(part: &str) -> bool {
    matches!(part.trim(), "player" | "player.id")
}

/// The engine's word for a type that can be part of a key.
pub(crate) fn key_type_of(ty: &Type) -> Option<KeyType> {
    Some(match ty {
        Type::Bool => KeyType::Bool,
        Type::Int => KeyType::Int,
        Type::Uint => KeyType::Uint,
        Type::String => KeyType::String,
        Type::Bytes => KeyType::Bytes,
        Type::Timestamp => KeyType::Timestamp,
        Type::Duration => KeyType::Duration,
        _ => return None,
    })
}
