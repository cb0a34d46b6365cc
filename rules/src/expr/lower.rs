//! From the checked tree to the engine's nodes.
//!
//! In: an [`Expr`] without mistakes. Out: an [`ExprIr`] in postfix order, its constants, fields, sets and patterns put into
//! the rule set's pools. What this version's evaluator cannot run is told as such ([`Code::NotEvaluated`]). Recursion is
//! bounded by the parser's limit on the height of a tree.

use rules_cel::Type;
use rules_cel::checked::{Comprehension, Constant, FieldRef, Fold, NodeId, NodeKind};
use rules_engine::ir::{ComprehensionKind, ConstIr, ExprIr, Function, Node, Var, limits};

use super::calls::{Lowered, lower_call};
use super::{Expr, Scope, VARIABLES, whole};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::set::pools::Pools;
use crate::source::Span;

/// Lowers a whole expression. `None` where a part of it cannot run; the report says which.
pub(crate) fn lower(expr: &Expr<'_>, scope: Scope<'_>, pools: &mut Pools, report: &mut Report) -> Option<ExprIr> {
    lower_parts(expr, &[expr.checked.root()], scope, pools, report)
}

/// As [`lower`], with the place of each node.
pub(crate) fn lower_with_places(
    expr: &Expr<'_>,
    scope: Scope<'_>,
    pools: &mut Pools,
    report: &mut Report,
) -> Option<(ExprIr, Vec<Span>)> {
    lower_all(expr, &[expr.checked.root()], scope, pools, report)
}

/// Lowers some conditions of an expression, joined by `&&`; one part alone may be of any type.
pub(crate) fn lower_parts(
    expr: &Expr<'_>,
    parts: &[NodeId],
    scope: Scope<'_>,
    pools: &mut Pools,
    report: &mut Report,
) -> Option<ExprIr> {
    lower_all(expr, parts, scope, pools, report).map(|(ir, _)| ir)
}

fn lower_all(
    expr: &Expr<'_>,
    parts: &[NodeId],
    scope: Scope<'_>,
    pools: &mut Pools,
    report: &mut Report,
) -> Option<(ExprIr, Vec<Span>)> {
    // It reads something that is wrong itself, and that was told.
    if expr.checked.nodes().any(|(_, node)| node.ty == Type::Error) {
        return None;
    }
    let at = expr.checked.root();
    let (nodes, places, locals) = (Vec::new(), Vec::new(), Vec::new());
    let mut lowering = Lowering { expr, scope, pools, report, nodes, places, locals, at, depth: 0 };
    let mut lowered = Vec::with_capacity(parts.len());
    for part in parts {
        lowered.push(lowering.node(*part)?);
    }
    if lowered.len() != 1 {
        lowering.push(Node::And(lowered));
    }
    let (nodes, places) = (lowering.nodes, lowering.places);
    if nodes.len() > limits::MAX_NODES {
        let words = format!("the expression has {} operations; limit {}", nodes.len(), limits::MAX_NODES);
        report.push(Diagnostic::new(Code::TooComplex, whole(expr.cel), words));
        return None;
    }
    Some((ExprIr { nodes }, places))
}

pub(super) struct Lowering<'a, 'e> {
    pub(super) expr: &'a Expr<'e>,
    pub(super) scope: Scope<'a>,
    pub(super) pools: &'a mut Pools,
    pub(super) report: &'a mut Report,
    nodes: Vec<Node>,
    /// Where each node stands in the file.
    places: Vec<Span>,
    /// The node that is being lowered.
    at: NodeId,
    /// Variables of the macros around, outermost first.
    locals: Vec<usize>,
    depth: usize,
}

impl Lowering<'_, '_> {
    pub(super) fn node(&mut self, id: NodeId) -> Option<u32> {
        self.depth += 1;
        if self.depth > limits::MAX_DEPTH {
            let words = format!("the expression is nested deeper than {} operations", limits::MAX_DEPTH);
            let d = Diagnostic::new(Code::TooComplex, self.expr.span_of(id), words);
            self.report.push(d.help("name lists of alternatives in `sets`, or split the rule"));
            return None;
        }
        let outer = std::mem::replace(&mut self.at, id);
        let out = self.kind(id);
        self.at = outer;
        self.depth -= 1;
        out
    }

    fn kind(&mut self, id: NodeId) -> Option<u32> {
        let expr = self.expr;
        match expr.kind(id) {
            NodeKind::Error => None,
            NodeKind::Constant(constant) => Some(self.constant(constant)),
            NodeKind::Variable { name } => self.variable(id, name),
            NodeKind::HasVariable { name } => {
                let at = self.scope.lets.iter().position(|known| known == name)?;
                Some(self.push(Node::HasLet(at as u16)))
            }
            NodeKind::NamedConstant { name } => Some(self.set_as_list(name)),
            NodeKind::Local(local) => {
                let depth = self.locals.iter().position(|l| *l == local.index());
                depth.map(|depth| self.push(Node::Local(depth as u8)))
            }
            NodeKind::Field { optional: true, .. }
            | NodeKind::Key { optional: true, .. }
            | NodeKind::Index { optional: true, .. }
            | NodeKind::OptionalMap { .. } => self.not_evaluated(id, "optional values"),
            NodeKind::Field { operand, field, .. } => self.field(id, *operand, field, false),
            NodeKind::HasField { operand, field } => self.field(id, *operand, field, true),
            NodeKind::Key { operand, key, .. } => {
                let left = self.container(*operand)?;
                let right = self.constant(&Constant::String(key.clone()));
                Some(self.push(Node::Binary { op: rules_engine::ir::BinaryOp::Index, left, right }))
            }
            NodeKind::HasKey { operand, key } => {
                let map = self.container(*operand)?;
                let key = self.constant(&Constant::String(key.clone()));
                Some(self.push(Node::Call { function: Function::HasKey, args: vec![map, key] }))
            }
            NodeKind::Index { operand, index, .. } => {
                let left = self.container(*operand)?;
                let right = self.node(*index)?;
                Some(self.push(Node::Binary { op: rules_engine::ir::BinaryOp::Index, left, right }))
            }
            NodeKind::Call { overloads, args } => match overloads.as_slice() {
                [overload] => match lower_call(self, *overload, args)? {
                    Lowered::Node(node) => Some(self.push(node)),
                    Lowered::Same(at) => Some(at),
                    Lowered::NotEvaluated(what) => self.not_evaluated(id, what),
                },
                _ => self.not_evaluated(id, "operands whose type is known only at run time"),
            },
            NodeKind::And(parts) => {
                let parts = self.all(parts)?;
                Some(self.push(Node::And(parts)))
            }
            NodeKind::Or(parts) => {
                let parts = self.all(parts)?;
                Some(self.push(Node::Or(parts)))
            }
            NodeKind::Conditional { condition, then, otherwise } => {
                let condition = self.node(*condition)?;
                let then = self.node(*then)?;
                let otherwise = self.node(*otherwise)?;
                Some(self.push(Node::If { condition, then, otherwise }))
            }
            NodeKind::List(items) => {
                if items.iter().any(|(optional, _)| *optional) {
                    return self.not_evaluated(id, "optional elements");
                }
                let ids: Vec<_> = items.iter().map(|(_, id)| *id).collect();
                let items = self.all(&ids)?;
                Some(self.push(Node::List(items)))
            }
            NodeKind::Map(entries) => self.map(id, entries),
            NodeKind::Message { .. } => self.not_evaluated(id, "new messages"),
            NodeKind::TypeValue(_) => self.not_evaluated(id, "types as values"),
            NodeKind::Bind { .. } => self.not_evaluated(id, "`cel.bind`"),
            NodeKind::Comprehension(loops) => self.comprehension(id, loops),
        }
    }

    pub(super) fn push(&mut self, node: Node) -> u32 {
        self.nodes.push(node);
        self.places.push(self.expr.span_of(self.at));
        self.nodes.len() as u32 - 1
    }

    pub(super) fn all(&mut self, ids: &[NodeId]) -> Option<Vec<u32>> {
        ids.iter().map(|id| self.node(*id)).collect()
    }

    pub(super) fn constant(&mut self, constant: &Constant) -> u32 {
        let index = self.pools.constant(const_ir(constant));
        self.push(Node::Const(index))
    }

    /// A list or map that is reached into; one that is known only at run time cannot be.
    fn container(&mut self, id: NodeId) -> Option<u32> {
        if matches!(self.expr.checked.node(id).ty, Type::Dyn | Type::Optional(_)) {
            return self.not_evaluated(id, "values whose type is known only at run time");
        }
        self.node(id)
    }

    fn map(&mut self, id: NodeId, entries: &[(bool, NodeId, NodeId)]) -> Option<u32> {
        if entries.iter().any(|(optional, ..)| *optional) {
            return self.not_evaluated(id, "optional entries");
        }
        let mut out = Vec::with_capacity(entries.len());
        for (_, key, value) in entries {
            let key = self.node(*key)?;
            out.push((key, self.node(*value)?));
        }
        Some(self.push(Node::Map(out)))
    }

    fn variable(&mut self, id: NodeId, name: &str) -> Option<u32> {
        if let Some(at) = self.scope.lets.iter().position(|known| known == name) {
            return Some(self.push(Node::Let(at as u16)));
        }
        if let Some((_, var)) = VARIABLES.iter().find(|(known, _)| *known == name) {
            return Some(self.push(Node::Var(*var)));
        }
        if let Some(param) = name.strip_prefix("params.").and_then(|name| self.scope.names.params.get(name)) {
            return Some(self.push(Node::Param(param.index)));
        }
        if name == "variation" {
            return Some(self.push(Node::Var(Var::Variation)));
        }
        // What is left is `event` itself, or `trigger` outside the equalities that became key parts.
        self.not_evaluated(id, "a whole event as a value")
    }

    /// A set outside `in`: its members, written out.
    fn set_as_list(&mut self, name: &str) -> u32 {
        let items: Vec<Constant> =
            self.scope.names.sets.get(set_name(name)).map(|s| s.items.clone()).unwrap_or_default();
        let items = items.iter().map(|item| self.constant(item)).collect();
        self.push(Node::List(items))
    }

    /// A chain of fields that begins at the event is one slot; any other field is read from its message.
    fn field(&mut self, id: NodeId, operand: NodeId, field: &FieldRef, has: bool) -> Option<u32> {
        if let Some(mut numbers) = path_from(self.expr, operand, self.scope.root) {
            numbers.push(field.index);
            let event = self.scope.event;
            let Some(slot) = self.pools.slot(event.id, numbers) else {
                let words = format!("the rules together read more than {} fields of {}", limits::MAX_SLOTS, event.name);
                self.report.push(Diagnostic::new(Code::TooComplex, self.expr.span_of(id), words));
                return None;
            };
            return Some(self.push(if has { Node::HasField(slot) } else { Node::Field(slot) }));
        }
        if matches!(self.expr.checked.node(operand).ty, Type::Optional(_)) {
            return self.not_evaluated(id, "optional values");
        }
        let of = self.node(operand)?;
        let number = field.index;
        Some(self.push(if has { Node::HasSelect { of, number } } else { Node::Select { of, number } }))
    }

    fn comprehension(&mut self, id: NodeId, loops: &Comprehension) -> Option<u32> {
        let kind = match loops.fold {
            Fold::All => ComprehensionKind::All,
            Fold::Exists => ComprehensionKind::Exists,
            Fold::ExistsOne => ComprehensionKind::ExistsOne,
            Fold::Filter => ComprehensionKind::Filter,
            Fold::List => ComprehensionKind::Map,
            Fold::Map | Fold::MapEntry => return self.not_evaluated(id, "loops that make maps"),
        };
        if loops.second.is_some() {
            return self.not_evaluated(id, "loops with two variables");
        }
        if self.locals.len() >= limits::MAX_LOCALS {
            let words = format!("more than {} macros within each other", limits::MAX_LOCALS);
            self.report.push(Diagnostic::new(Code::TooComplex, self.expr.span_of(id), words));
            return None;
        }
        let range = self.container(loops.range)?;
        self.locals.push(loops.first.index());
        let inner = self.loop_parts(loops, kind);
        self.locals.pop();
        let (predicate, transform) = inner?;
        Some(self.push(Node::Comprehension { kind, range, predicate, transform }))
    }

    fn loop_parts(&mut self, loops: &Comprehension, kind: ComprehensionKind) -> Option<(Option<u32>, Option<u32>)> {
        if kind == ComprehensionKind::Map {
            let predicate = match loops.filter {
                Some(filter) => Some(self.node(filter)?),
                None => None,
            };
            return Some((predicate, Some(self.node(loops.body)?)));
        }
        Some((Some(self.node(loops.body)?), None))
    }

    fn not_evaluated<T>(&mut self, id: NodeId, what: &str) -> Option<T> {
        let words = format!("this version does not evaluate {what}");
        let d = Diagnostic::new(Code::NotEvaluated, self.expr.span_of(id), words);
        self.report.push(d.help("the reference lists what it evaluates; write the condition with that"));
        None
    }
}

/// Field numbers from the variable `root` to this node; empty for the variable itself.
pub(super) fn path_from(expr: &Expr<'_>, mut id: NodeId, root: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    loop {
        match expr.kind(id) {
            NodeKind::Variable { name } if name == root => {
                numbers.reverse();
                return Some(numbers);
            }
            NodeKind::Field { operand, field, optional: false } => {
                numbers.push(field.index);
                id = *operand;
            }
            _ => return None,
        }
    }
}

/// `zones.hard` for `zones.hard` and `sets.zones.hard`.
pub(super) fn set_name(name: &str) -> &str {
    name.strip_prefix("sets.").unwrap_or(name)
}

/// A constant in the engine's form.
pub(crate) fn const_ir(constant: &Constant) -> ConstIr {
    match constant {
        Constant::Null => ConstIr::Null,
        Constant::Bool(b) => ConstIr::Bool(*b),
        Constant::Int(n) => ConstIr::Int(*n),
        Constant::Uint(n) => ConstIr::Uint(*n),
        Constant::Double(n) => ConstIr::Double(*n),
        Constant::String(s) => ConstIr::String(s.clone()),
        Constant::Bytes(b) => ConstIr::Bytes(b.clone()),
        Constant::Timestamp { seconds, nanos } => ConstIr::Timestamp { seconds: *seconds, nanos: *nanos },
        Constant::Duration { nanos } => ConstIr::Duration { nanos: *nanos },
    }
}
