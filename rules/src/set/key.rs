//! `by:`: the parts of a key.
//!
//! In: a [`KeyDecl`]. Out: its expressions without the player, which every key has and the engine adds. State that is not a
//! player's own is not available in this version.

use rules_cel::Type;
use rules_engine::ir::{ExprIr, KeyType, limits};

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
        let mut key = Key::default();
        let mut whole_key = true;
        let is_player = |text: &str| matches!(text.trim(), "player" | "player.id");
        for part in decl.parts.iter().filter(|part| !is_player(&part.text)) {
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
        if !decl.parts.iter().any(|part| is_player(&part.text)) {
            let d = Diagnostic::new(Code::KeyWithoutPlayer, decl.span, "the key lacks the player");
            self.report.push(
                d.help("write `by: player`, or `by: [player, …]`; shared state is not available in this version"),
            );
            whole_key = false;
        }
        if decl.parts.len() > limits::MAX_KEY_PARTS {
            let words = format!("the key has {} parts; limit {}", decl.parts.len(), limits::MAX_KEY_PARTS);
            self.report.push(Diagnostic::new(Code::TooLarge, decl.span, words));
            whole_key = false;
        }
        whole_key.then_some(key)
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
