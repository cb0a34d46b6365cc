//! What an expression reads, and from whom it comes.
//!
//! In: a checked expression. Out: forgeable parts, uses of a count, the player in a workflow's id, and the equalities by which a
//! count is tied to its triggering event. All walks go down from the root and are bounded by the height of the tree.

use std::collections::BTreeSet;

use rules_cel::Overload;
use rules_cel::checked::{Constant, NodeId, NodeKind};
use rules_cel::overload::Relation;
use rules_engine::ir::Var;

use super::lower::path_from;
use super::{Expr, Scope, VARIABLES};

/// How a count is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Use {
    /// Compared with something that is known: the largest count that must be told apart.
    Counted {
        /// E.g. 3 for `deaths >= 3`, 4 for `deaths > 3`.
        needs: i64,
    },
    /// Compared for equality with something that is not known.
    EqualityUnknown(NodeId),
    /// Compared for equality with a constant.
    Equality {
        /// One more than the constant.
        needs: i64,
        /// The comparison.
        at: NodeId,
    },
    /// Anything else: the number itself is wanted.
    Value,
}

/// A count's `where`, taken apart.
pub(crate) struct Conditions {
    /// Conditions on the counted event alone.
    pub(crate) own: Vec<NodeId>,
    /// Equalities: the counted event's side, the triggering event's side.
    pub(crate) equalities: Vec<(NodeId, NodeId)>,
    /// Conditions that use the triggering event in another way.
    pub(crate) other: Vec<NodeId>,
}

/// Operands of a node, in order of evaluation.
pub(super) fn children(kind: &NodeKind) -> Vec<NodeId> {
    match kind {
        NodeKind::Error
        | NodeKind::Constant(_)
        | NodeKind::TypeValue(_)
        | NodeKind::Variable { .. }
        | NodeKind::HasVariable { .. }
        | NodeKind::NamedConstant { .. }
        | NodeKind::Local(_) => Vec::new(),
        NodeKind::Field { operand, .. }
        | NodeKind::Key { operand, .. }
        | NodeKind::HasField { operand, .. }
        | NodeKind::HasKey { operand, .. } => vec![*operand],
        NodeKind::Index { operand, index, .. } => vec![*operand, *index],
        NodeKind::Call { args, .. } => args.clone(),
        NodeKind::And(parts) | NodeKind::Or(parts) => parts.clone(),
        NodeKind::Conditional { condition, then, otherwise } => vec![*condition, *then, *otherwise],
        NodeKind::List(items) => items.iter().map(|(_, id)| *id).collect(),
        NodeKind::Map(entries) => entries.iter().flat_map(|(_, key, value)| [*key, *value]).collect(),
        NodeKind::Message { fields, .. } => fields.iter().map(|(_, _, id)| *id).collect(),
        NodeKind::Comprehension(loops) => {
            [Some(loops.range), loops.filter, Some(loops.body)].into_iter().flatten().collect()
        }
        NodeKind::OptionalMap { operand, body, .. } => vec![*operand, *body],
        NodeKind::Bind { init, body, .. } => vec![*init, *body],
    }
}

/// Calls `f` with each node below and at `id`.
fn walk(expr: &Expr<'_>, id: NodeId, f: &mut impl FnMut(NodeId, &NodeKind)) {
    f(id, expr.kind(id));
    for child in children(expr.kind(id)) {
        walk(expr, child, f);
    }
}

/// Names of all variables and sets that it reads.
pub(crate) fn variables(expr: &Expr<'_>) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    walk(expr, expr.checked.root(), &mut |_, kind| {
        if let NodeKind::Variable { name } | NodeKind::HasVariable { name } | NodeKind::NamedConstant { name } = kind {
            out.insert(name.clone());
        }
    });
    out
}

/// Whether the variable is read anywhere at or below `id`.
fn mentions(expr: &Expr<'_>, id: NodeId, variable: &str) -> bool {
    let mut found = false;
    walk(expr, id, &mut |_, kind| found |= matches!(kind, NodeKind::Variable { name } if name == variable));
    found
}

/// The first part that a client could have made up, and what it is.
pub(crate) fn tainted_by(expr: &Expr<'_>, scope: Scope<'_>) -> Option<(NodeId, String)> {
    let forgeable_event = scope.event.provenance.allows(edge_event::Provenance::Client);
    let mut found = None;
    walk(expr, expr.checked.root(), &mut |id, kind| {
        // The walk sees `event.zone` before `event`, so the label stands under the whole.
        if forgeable_event && matches!(kind, NodeKind::Field { .. }) && path_from(expr, id, scope.root).is_some() {
            found.get_or_insert_with(|| (id, format!("clients may send {}", scope.event.name)));
        }
        let NodeKind::Variable { name } = kind else { return };
        let what = match VARIABLES.iter().find(|(known, _)| known == name).map(|(_, var)| *var) {
            Some(Var::ConnPlatform | Var::ConnLocale | Var::ConnBuild | Var::ConnAttributes) => {
                format!("`{name}` is the client's own word")
            }
            None if name == scope.root && forgeable_event => format!("clients may send {}", scope.event.name),
            _ => return,
        };
        found.get_or_insert((id, what));
    });
    found
}

/// Whether text made by this expression always contains the player.
pub(crate) fn names_player(expr: &Expr<'_>, id: NodeId) -> bool {
    match expr.kind(id) {
        NodeKind::Variable { name } => name == "player.id" || name == "token.sub",
        NodeKind::Call { overloads, args } => match (overloads.as_slice(), args.as_slice()) {
            ([Overload::AddString], [left, right]) => names_player(expr, *left) || names_player(expr, *right),
            ([Overload::StringToString], [of]) => names_player(expr, *of),
            _ => false,
        },
        NodeKind::Conditional { then, otherwise, .. } => names_player(expr, *then) && names_player(expr, *otherwise),
        _ => false,
    }
}

/// Every use of the count `name`.
pub(crate) fn uses_of(expr: &Expr<'_>, name: &str, scope: Scope<'_>) -> Vec<Use> {
    let mut uses = Vec::new();
    collect_uses(expr, expr.checked.root(), name, scope, &mut uses);
    uses
}

fn collect_uses(expr: &Expr<'_>, id: NodeId, name: &str, scope: Scope<'_>, uses: &mut Vec<Use>) {
    let is_count = |id: NodeId| matches!(expr.kind(id), NodeKind::Variable { name: n } if n == name);
    if is_count(id) {
        uses.push(Use::Value);
        return;
    }
    if let NodeKind::Call { overloads, args } = expr.kind(id)
        && let ([overload], [left, right]) = (overloads.as_slice(), args.as_slice())
        && is_count(*left) != is_count(*right)
        && let Some(found) = comparison(*overload, is_count(*left))
    {
        let other = if is_count(*left) { *right } else { *left };
        let bound = bound_of(expr, other, scope);
        uses.push(match (found, bound) {
            (Comparison::Order { strict }, Some(bound)) => {
                Use::Counted { needs: bound.saturating_add(i64::from(strict)) }
            }
            (Comparison::Order { .. }, None) => Use::Value,
            (Comparison::Equality, Some(bound)) => Use::Equality { needs: bound.saturating_add(1), at: id },
            (Comparison::Equality, None) => Use::EqualityUnknown(id),
        });
        collect_uses(expr, other, name, scope, uses);
        return;
    }
    for child in children(expr.kind(id)) {
        collect_uses(expr, child, name, scope, uses);
    }
}

enum Comparison {
    /// `strict`: the count must be told apart from one more than the bound.
    Order {
        strict: bool,
    },
    Equality,
}

/// `count >= k` and `count < k` need k; `count > k` and `count <= k` need k + 1; mirrored where the count is on the right.
fn comparison(overload: Overload, count_is_left: bool) -> Option<Comparison> {
    Some(match overload {
        Overload::Compare(relation, _) => {
            let strict = match relation {
                Relation::GreaterEqual | Relation::Less => !count_is_left,
                Relation::Greater | Relation::LessEqual => count_is_left,
            };
            Comparison::Order { strict }
        }
        Overload::Equals | Overload::NotEquals => Comparison::Equality,
        _ => return None,
    })
}

/// The largest whole number that this can be: a constant, or a parameter within its range.
fn bound_of(expr: &Expr<'_>, id: NodeId, scope: Scope<'_>) -> Option<i64> {
    match expr.kind(id) {
        NodeKind::Constant(Constant::Int(n)) => Some(*n),
        NodeKind::Constant(Constant::Uint(n)) => i64::try_from(*n).ok(),
        NodeKind::Constant(Constant::Double(n)) if n.is_finite() && n.abs() < 1e15 => Some(n.ceil() as i64),
        NodeKind::Variable { name } => {
            let param = scope.names.params.get(name.strip_prefix("params.")?)?;
            match param.value {
                Constant::Int(n) => Some(param.highest.unwrap_or(n).max(n)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Takes the `where` of a count apart.
pub(crate) fn split_filter(expr: &Expr<'_>) -> Conditions {
    let root = expr.checked.root();
    let parts = match expr.kind(root) {
        NodeKind::And(parts) => parts.clone(),
        _ => vec![root],
    };
    let mut out = Conditions { own: Vec::new(), equalities: Vec::new(), other: Vec::new() };
    for part in parts {
        if !mentions(expr, part, "trigger") {
            out.own.push(part);
            continue;
        }
        match equality(expr, part) {
            Some(sides) => out.equalities.push(sides),
            None => out.other.push(part),
        }
    }
    out
}

fn equality(expr: &Expr<'_>, id: NodeId) -> Option<(NodeId, NodeId)> {
    let NodeKind::Call { overloads, args } = expr.kind(id) else { return None };
    let ([Overload::Equals], [left, right]) = (overloads.as_slice(), args.as_slice()) else { return None };
    let of_trigger = |id| mentions(expr, id, "trigger");
    let of_event = |id| mentions(expr, id, "event");
    if of_trigger(*right) && !of_trigger(*left) && !of_event(*right) {
        Some((*left, *right))
    } else if of_trigger(*left) && !of_trigger(*right) && !of_event(*left) {
        Some((*right, *left))
    } else {
        None
    }
}

/// Whether one of the conditions joined by `&&` compares something of the event or connection with what is known: such a
/// condition lets an index skip the rule for most events.
pub(crate) fn is_indexable(expr: &Expr<'_>) -> bool {
    let root = expr.checked.root();
    let parts = match expr.kind(root) {
        NodeKind::And(parts) => parts.clone(),
        _ => vec![root],
    };
    parts.into_iter().any(|part| {
        let NodeKind::Call { overloads, args } = expr.kind(part) else { return false };
        let ([overload], [left, right]) = (overloads.as_slice(), args.as_slice()) else { return false };
        let compares = matches!(overload, Overload::Compare(..) | Overload::Equals | Overload::InList);
        let known = |id: NodeId| match expr.kind(id) {
            NodeKind::Constant(_) | NodeKind::NamedConstant { .. } => true,
            NodeKind::Variable { name } => name.starts_with("params."),
            NodeKind::List(items) => items.iter().all(|(_, id)| matches!(expr.kind(*id), NodeKind::Constant(_))),
            _ => false,
        };
        let read = |id: NodeId| match expr.kind(id) {
            NodeKind::Field { .. } | NodeKind::Key { .. } => true,
            NodeKind::Variable { name } => name.starts_with("conn.") || name.starts_with("token."),
            _ => false,
        };
        compares && ((read(*left) && known(*right)) || (known(*left) && read(*right)))
    })
}
