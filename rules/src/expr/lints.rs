//! Conditions that cannot be meant as they are written.
//!
//! In: a checked expression. Out: warnings: comparisons that the catalogue's limits decide, conditions that are the same for
//! every event, fields that the catalogue's owner wants to retire.

use rules_catalogue::{Cardinality, Field, Range};
use rules_cel::Overload;
use rules_cel::checked::{Constant, FieldRef, NodeId, NodeKind};
use rules_cel::overload::Relation;

use super::explain::field_label;
use super::{Expr, Scope, whole};
use crate::diagnostic::{Code, Diagnostic, Report};

/// Warns of comparisons that no admitted event can meet, or that every one meets.
pub(crate) fn never_true(expr: &Expr<'_>, scope: Scope<'_>, report: &mut Report) {
    for (id, _) in expr.checked.nodes() {
        let NodeKind::Call { overloads, args } = expr.kind(id) else { continue };
        let ([overload], [left, right]) = (overloads.as_slice(), args.as_slice()) else { continue };
        let found = match (expr.kind(*left), expr.kind(*right)) {
            (NodeKind::Field { field, .. }, NodeKind::Constant(c)) => Some((field, c, relation(*overload, false))),
            (NodeKind::Constant(c), NodeKind::Field { field, .. }) => Some((field, c, relation(*overload, true))),
            _ => None,
        };
        let Some((field, constant, Some(relation))) = found else { continue };
        let Some(field) = declared(field, scope) else { continue };
        let own = of_event(expr, id, scope);
        let Some(always) = decided(field, own, relation, constant) else { continue };
        let words = format!("this is {} for every event that is admitted", if always { "true" } else { "false" });
        let mut d = Diagnostic::new(Code::NeverTrue, expr.span_of(id), words).label(format!(
            "`{}` is {}",
            field.name,
            field_label(scope.catalogue, field)
        ));
        let place = scope.catalogue.place(field.position);
        if !place.is_empty() {
            d = d.note("catalogue", format!("{place}  {}.{}", scope.event.name, field.name));
        }
        report.push(d.help("look for a wrong digit or direction; the limit itself is the catalogue's"));
    }
}

/// Warns of a condition that is the same for every event.
pub(crate) fn constant_condition(expr: &Expr<'_>, report: &mut Report) {
    if let NodeKind::Constant(Constant::Bool(value)) = expr.kind(expr.checked.root()) {
        let words = format!("the condition is always {value}");
        let help = if *value { "leave it out" } else { "use `enabled: false` to switch a rule off" };
        report.push(Diagnostic::new(Code::ConstantCondition, whole(expr.cel), words).help(help));
    }
}

/// Warns of deprecated fields.
pub(crate) fn deprecated(expr: &Expr<'_>, scope: Scope<'_>, report: &mut Report) {
    for (id, node) in expr.checked.nodes() {
        let (NodeKind::Field { field, .. } | NodeKind::HasField { field, .. }) = &node.kind else { continue };
        let Some(found) = declared(field, scope).filter(|f| f.deprecated) else { continue };
        let words = format!("field `{}` is deprecated", found.name);
        let mut d = Diagnostic::new(Code::Deprecated, expr.span_of(id), words);
        let place = scope.catalogue.place(found.position);
        if !place.is_empty() {
            d = d.note("catalogue", format!("{place}  {}", first_line(&found.doc)));
        }
        report.push(d.help("the catalogue's owner wants to retire it; read something else"));
    }
}

/// The first line of a comment in the catalogue.
pub(crate) fn first_line(doc: &str) -> &str {
    doc.lines().next().unwrap_or("").trim()
}

fn declared<'a>(field: &FieldRef, scope: Scope<'a>) -> Option<&'a Field> {
    let message = scope.catalogue.message_by_name(&field.message)?;
    scope.catalogue.message(message).field(field.index)
}

#[derive(Clone, Copy)]
enum Comparison {
    Equal,
    NotEqual,
    Order(Relation),
}

fn relation(overload: Overload, mirrored: bool) -> Option<Comparison> {
    Some(match overload {
        Overload::Equals => Comparison::Equal,
        Overload::NotEquals => Comparison::NotEqual,
        Overload::Compare(relation, _) => Comparison::Order(match (relation, mirrored) {
            (Relation::Less, true) => Relation::Greater,
            (Relation::LessEqual, true) => Relation::GreaterEqual,
            (Relation::Greater, true) => Relation::Less,
            (Relation::GreaterEqual, true) => Relation::LessEqual,
            (relation, false) => relation,
        }),
        _ => return None,
    })
}

/// Whether the field that is compared stands in the event itself, not in a message that may be absent.
fn of_event(expr: &Expr<'_>, comparison: NodeId, scope: Scope<'_>) -> bool {
    let event = &scope.catalogue.message(scope.event.message).full_name;
    super::reads::children(expr.kind(comparison))
        .into_iter()
        .any(|side| matches!(expr.kind(side), NodeKind::Field { field, .. } if field.message == *event))
}

/// Whether the field's limits alone decide the comparison. A field that can be absent reads as zero then, whatever its range;
/// one of the event itself without presence is refused where zero is out of its range.
fn decided(field: &Field, own: bool, relation: Comparison, constant: &Constant) -> Option<bool> {
    if let Constant::String(text) = constant {
        let too_long = field.limits.max_len.is_some_and(|max| text.len() > max as usize);
        return match relation {
            Comparison::Equal if too_long => Some(false),
            Comparison::NotEqual if too_long => Some(true),
            _ => None,
        };
    }
    let constant = match constant {
        Constant::Int(n) => *n as f64,
        Constant::Uint(n) => *n as f64,
        Constant::Double(n) => *n,
        _ => return None,
    };
    let (low, high) = match field.limits.range? {
        Range::Int { min, max } => (min as f64, max as f64),
        Range::Uint { min, max } => (min as f64, max as f64),
        Range::Double { min, max } => (min, max),
    };
    let always_there = own && field.cardinality == Cardinality::Implicit;
    let (low, high) = if always_there { (low, high) } else { (low.min(0.0), high.max(0.0)) };
    // Numbers beyond 2^53 are not told apart here; so close to the edge nothing is claimed.
    if constant.abs() > 9e15 {
        return None;
    }
    let holds = |value: f64| match relation {
        Comparison::Equal => value == constant,
        Comparison::NotEqual => value != constant,
        Comparison::Order(Relation::Less) => value < constant,
        Comparison::Order(Relation::LessEqual) => value <= constant,
        Comparison::Order(Relation::Greater) => value > constant,
        Comparison::Order(Relation::GreaterEqual) => value >= constant,
    };
    match relation {
        Comparison::Equal | Comparison::NotEqual if (low..=high).contains(&constant) => None,
        _ if holds(low) == holds(high) => Some(holds(low)),
        _ => None,
    }
}
