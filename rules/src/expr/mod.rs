//! One expression of a rule: checked against what it may speak of, then lowered to the engine's form.
//!
//! In: text with its place ([`Cel`]) and a [`Scope`]. Out: an [`Expr`] that analyses walk (who shaped it, what it costs,
//! what it reads), and from it an [`ExprIr`](rules_engine::ir::ExprIr). All of an expression's problems are told together,
//! at the very words. Absent: what the expression is for; the caller says which type it wants.

mod calls;
mod cost;
mod explain;
mod lints;
mod lower;
mod presence;
mod reads;
mod types;

pub(crate) use cost::{Cost, cost_of};
pub(crate) use lints::{constant_condition, deprecated, first_line, never_true};
pub(crate) use lower::{const_ir, lower, lower_parts, lower_with_places};
pub(crate) use presence::{implied, unguarded};
pub(crate) use reads::{Use, is_indexable, names_player, split_filter, tainted_by, uses_of, variables};
pub(crate) use types::{CatalogueTypes, event_message};

use std::collections::BTreeMap;

use rules_catalogue::{Catalogue, EventType};
use rules_cel::checked::{Checked, Constant, NodeId, NodeKind};
use rules_cel::{Env, Type};
use rules_engine::ir::Var;

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::source::{Span, Spanned};
use crate::syntax::{Bound, Cel};

/// What expressions of one package know besides the event.
#[derive(Clone, Default)]
pub(crate) struct Names {
    /// Sets by name, e.g. `zones.hard`.
    pub(crate) sets: BTreeMap<String, SetInfo>,
    /// Parameters by name, without `params.`.
    pub(crate) params: BTreeMap<String, ParamInfo>,
}

/// A set of constants of one type.
#[derive(Clone)]
pub(crate) struct SetInfo {
    pub(crate) ty: Type,
    pub(crate) items: Vec<Constant>,
    pub(crate) span: Span,
}

/// A parameter and what it may become.
#[derive(Clone)]
pub(crate) struct ParamInfo {
    /// Index in the rule set.
    pub(crate) index: u16,
    pub(crate) value: Constant,
    /// The largest value that its range allows, for whole numbers.
    pub(crate) highest: Option<i64>,
    /// The values that its author allows.
    pub(crate) range: Option<Spanned<(Bound, Bound)>>,
    /// Whether a region may change it.
    pub(crate) tunable: bool,
    pub(crate) span: Span,
}

/// What one expression may speak of.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) names: &'a Names,
    pub(crate) env: &'a Env<'a>,
    /// The type of the event in context.
    pub(crate) event: &'a EventType,
    /// The name under which the expression speaks of it: `event`, or `trigger` within a count's `where`.
    pub(crate) root: &'static str,
    /// Names of the rule's `let`; their indices are the engine's.
    pub(crate) lets: &'a [String],
}

/// A checked expression and where it came from.
pub(crate) struct Expr<'a> {
    pub(crate) cel: &'a Cel,
    pub(crate) checked: Checked,
    /// Constants in place of the nodes that are constant.
    folded: Vec<Option<NodeKind>>,
}

/// Names of variables outside the event, and what the engine calls them.
pub(crate) const VARIABLES: [(&str, Var); 9] = [
    ("player.id", Var::PlayerId),
    ("conn.platform", Var::ConnPlatform),
    ("conn.locale", Var::ConnLocale),
    ("conn.build", Var::ConnBuild),
    ("conn.region", Var::ConnRegion),
    ("conn.attributes", Var::ConnAttributes),
    ("token.sub", Var::TokenSub),
    ("token.region", Var::TokenRegion),
    ("token.segments", Var::TokenSegments),
];

/// The type of such a variable.
pub(crate) fn variable_type(var: Var) -> Type {
    match var {
        Var::ConnAttributes => Type::map(Type::String, Type::String),
        Var::TokenSegments => Type::list(Type::String),
        _ => Type::String,
    }
}

impl Expr<'_> {
    /// The file's place of a node.
    pub(crate) fn span_of(&self, id: NodeId) -> Span {
        span_in(self.cel, self.checked.node(id).span)
    }

    pub(crate) fn ty(&self) -> &Type {
        self.checked.ty()
    }

    /// What a node is, after folding.
    pub(crate) fn kind(&self, id: NodeId) -> &NodeKind {
        self.folded[id.index()].as_ref().unwrap_or(&self.checked.node(id).kind)
    }
}

/// Parses and checks. `None` where something is wrong; the report says what.
pub(crate) fn check<'a>(cel: &'a Cel, scope: Scope<'_>, report: &mut Report) -> Option<Expr<'a>> {
    let parsed = rules_cel::parse(&cel.text);
    let checked = rules_cel::check(&parsed.ast, scope.env);
    // The checker is silent about what the parser could not read, so both are told together.
    let mistakes: Vec<_> = parsed.diagnostics.iter().chain(&checked.diagnostics).collect();
    if mistakes.is_empty() {
        return folded(cel, checked.checked, scope, report);
    }
    for mistake in mistakes {
        explain::push(mistake, cel, scope, report);
    }
    None
}

/// Puts constants where everything is known. A constant operation without a value is a mistake.
fn folded<'a>(cel: &'a Cel, checked: Checked, scope: Scope<'_>, report: &mut Report) -> Option<Expr<'a>> {
    let values = rules_cel::fold::fold(&checked);
    for mistake in &values.diagnostics {
        explain::push(mistake, cel, scope, report);
    }
    let constant = |(id, _): (NodeId, _)| values.value(id).map(|value| NodeKind::Constant(value.clone()));
    let folded = checked.nodes().map(constant).collect();
    values.diagnostics.is_empty().then_some(Expr { cel, checked, folded })
}

/// As [`check`], and the whole must be of type `wanted`.
pub(crate) fn check_as<'a>(
    cel: &'a Cel,
    scope: Scope<'_>,
    wanted: &Type,
    what: &str,
    report: &mut Report,
) -> Option<Expr<'a>> {
    let expr = check(cel, scope, report)?;
    if expr.ty() == wanted {
        return Some(expr);
    }
    let words = format!("{what} must be {}, not {}", in_words(wanted), in_words(expr.ty()));
    let mut d = Diagnostic::new(Code::WrongType, whole(cel), words);
    if *wanted == Type::Bool {
        d = d.help("compare it with something, e.g. `event.level >= 10`");
    } else if *wanted == Type::String {
        d = d.help("convert it with `string(…)`, or put quotes inside the quotes for a constant: `\"'daily'\"`");
    }
    report.push(d);
    None
}

/// A type as authors say it.
pub(crate) fn in_words(ty: &Type) -> String {
    match ty {
        Type::Bool => "true or false (bool)".to_owned(),
        Type::String => "text (string)".to_owned(),
        Type::Int => "a whole number (int)".to_owned(),
        Type::Uint => "a whole number (uint)".to_owned(),
        Type::Double => "a number (double)".to_owned(),
        Type::Timestamp => "a moment (timestamp)".to_owned(),
        Type::Duration => "a length of time (duration)".to_owned(),
        Type::Message(name) => format!("the message {name}"),
        other => other.to_string(),
    }
}

/// The place of a whole expression, without quotes.
pub(crate) fn whole(cel: &Cel) -> Span {
    Span::new(cel.span.file, cel.map.range(0..cel.text.len()))
}

/// The file's place of an expression's span.
pub(crate) fn span_in(cel: &Cel, span: rules_cel::Span) -> Span {
    Span::new(cel.span.file, cel.map.range(span.start as usize..span.end as usize))
}
