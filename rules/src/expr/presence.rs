//! Values that may not be there, and what says that they are.
//!
//! In: a checked expression, and names of `let` whose window may be empty. Out: reads of such a name that nothing guards, and the
//! names that must be there where an expression is true. `&&` and `||` take their operands in any order: one that decides wins over
//! one that has no value, so a guard may stand on either side.

use std::collections::BTreeSet;

use rules_cel::Overload;
use rules_cel::checked::{NodeId, NodeKind};

use super::Expr;
use super::reads::children;

type Names = BTreeSet<String>;

/// The first unguarded read of each of `names`; those in `known` are there.
pub(crate) fn unguarded(expr: &Expr<'_>, names: &Names, known: &Names) -> Vec<(NodeId, String)> {
    let mut search = Search { expr, names, found: Vec::new() };
    search.node(expr.checked.root(), known);
    search.found
}

/// Names that are there whenever the expression is true.
pub(crate) fn implied(expr: &Expr<'_>) -> Names {
    facts(expr, expr.checked.root(), true)
}

struct Search<'a, 'e> {
    expr: &'a Expr<'e>,
    names: &'a Names,
    found: Vec<(NodeId, String)>,
}

impl Search<'_, '_> {
    fn node(&mut self, id: NodeId, known: &Names) {
        let expr = self.expr;
        match expr.kind(id) {
            NodeKind::Variable { name } => {
                let is_told = self.found.iter().any(|(_, told)| told == name);
                if self.names.contains(name) && !known.contains(name) && !is_told {
                    self.found.push((id, name.clone()));
                }
            }
            NodeKind::And(parts) => self.joined(parts, known, true),
            NodeKind::Or(parts) => self.joined(parts, known, false),
            NodeKind::Conditional { condition, then, otherwise } => {
                self.node(*condition, known);
                self.node(*then, &with(known, facts(expr, *condition, true)));
                self.node(*otherwise, &with(known, facts(expr, *condition, false)));
            }
            kind => children(kind).into_iter().for_each(|child| self.node(child, known)),
        }
    }

    /// Each part matters only where all others are `value`.
    fn joined(&mut self, parts: &[NodeId], known: &Names, value: bool) {
        for (at, part) in parts.iter().enumerate() {
            let others = parts.iter().enumerate().filter(|(other, _)| *other != at);
            let facts = others.flat_map(|(_, other)| facts(self.expr, *other, value));
            self.node(*part, &with(known, facts));
        }
    }
}

fn with(known: &Names, more: impl IntoIterator<Item = String>) -> Names {
    known.iter().cloned().chain(more).collect()
}

/// Names that are there where the node is `value`.
fn facts(expr: &Expr<'_>, id: NodeId, value: bool) -> Names {
    match expr.kind(id) {
        NodeKind::HasVariable { name } if value => Names::from([name.clone()]),
        NodeKind::Call { overloads, args } if overloads.as_slice() == [Overload::Not] => facts(expr, args[0], !value),
        // Where an `&&` is true, all its parts are; where an `||` is false, none is.
        NodeKind::And(parts) if value => parts.iter().flat_map(|part| facts(expr, *part, true)).collect(),
        NodeKind::Or(parts) if !value => parts.iter().flat_map(|part| facts(expr, *part, false)).collect(),
        NodeKind::And(parts) | NodeKind::Or(parts) => {
            let mut each = parts.iter().map(|part| facts(expr, *part, value));
            let first = each.next().unwrap_or_default();
            each.fold(first, |all, next| all.intersection(&next).cloned().collect())
        }
        _ => Names::new(),
    }
}
