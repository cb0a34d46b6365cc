//! Tree to typed tree.
//!
//! What comes in: a tree and an environment. What goes out: a typed tree, always, and what is wrong with the types and
//! names. The walk is one pass over the tree, children first. A mistake becomes an error node whose type fits everything,
//! so it is told once. Siblings: names and fields (`names`), operators (`operators`), calls (`calls`), macros (`macros`),
//! macros of tools (`tools`), literals of lists, maps and messages (`aggregates`), and which type fits which (`infer`).
//!
//! Deliberately absent: evaluation. Whether a value overflows, divides by zero or is no date is not asked here.

mod aggregates;
mod calls;
mod infer;
mod macros;
mod names;
mod operators;
mod tools;

#[cfg(test)]
mod tests;

use crate::MAX_HEIGHT;
use crate::ast::{Ast, ExprId, ExprKind, Literal};
use crate::checked::{Checked, Constant, Local, LocalId, Node, NodeId, NodeKind};
use crate::diagnostic::{Code, Collector, Diagnostic};
use crate::env::{Env, Typing};
use crate::nearest::nearest;
use crate::span::Span;
use crate::types::Type;
use infer::{Infer, deeper_than};

/// What [`check`] found.
#[derive(Clone, Debug)]
pub struct Check {
    /// The typed tree; with error nodes where there are diagnostics or where the parser had some.
    pub checked: Checked,
    /// Mistakes, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Types and resolves one expression. Never fails: a mistake becomes an error node and a diagnostic.
pub fn check(ast: &Ast, env: &Env<'_>) -> Check {
    let mut checker = Checker {
        ast,
        env,
        nodes: Vec::with_capacity(ast.len()),
        locals: Vec::new(),
        scope: Vec::new(),
        infer: Infer::default(),
        diagnostics: Collector::default(),
    };
    let root = checker.expr(ast.root());
    let Checker { mut nodes, mut locals, infer, diagnostics, .. } = checker;
    for ty in nodes.iter_mut().map(|node| &mut node.ty).chain(locals.iter_mut().map(|local| &mut local.ty)) {
        *ty = infer.finish(ty);
    }
    Check { checked: Checked { nodes, locals, root }, diagnostics: diagnostics.into_sorted() }
}

struct Checker<'a> {
    ast: &'a Ast,
    env: &'a Env<'a>,
    nodes: Vec<Node>,
    locals: Vec<Local>,
    /// The macros' variables that are visible, the innermost last.
    scope: Vec<LocalId>,
    infer: Infer,
    diagnostics: Collector,
}

impl Checker<'_> {
    /// Checks a node and everything below it.
    fn expr(&mut self, id: ExprId) -> NodeId {
        let ast = self.ast;
        let span = ast.expr(id).span;
        match &ast.expr(id).kind {
            ExprKind::Error => self.error(span),
            ExprKind::Literal(literal) => {
                let constant = constant(literal);
                self.push(span, constant.ty(), NodeKind::Constant(constant))
            }
            ExprKind::Ident { .. } => self.ident(id),
            ExprKind::Select { operand, optional, field, .. } => self.select(id, *operand, *optional, field),
            ExprKind::Index { operand, optional, op_span, index } => {
                self.index(span, *operand, *optional, *op_span, *index)
            }
            ExprKind::Call { target, rooted, function, args } => self.call(span, *target, *rooted, function, args),
            ExprKind::Unary { op, op_span, operand } => self.unary(span, *op, *op_span, *operand),
            ExprKind::Binary { op, op_span, left, right } => self.binary(span, *op, *op_span, *left, *right),
            ExprKind::Logic { op, terms, .. } => self.logic(span, *op, terms),
            ExprKind::Conditional { condition, op_span, then, otherwise } => {
                self.conditional(span, *condition, *op_span, *then, *otherwise)
            }
            ExprKind::List { elements } => self.list(span, elements),
            ExprKind::Map { entries } => self.map(span, entries),
            ExprKind::Message { rooted, path, fields } => self.message(span, *rooted, path, fields),
        }
    }

    fn exprs(&mut self, ids: &[ExprId]) -> Vec<NodeId> {
        ids.iter().map(|id| self.expr(*id)).collect()
    }

    /// Adds a node. A type nested deeper than any honest one counts as `dyn`, so that types stay small.
    fn push(&mut self, span: Span, ty: Type, kind: NodeKind) -> NodeId {
        let ty = if self.is_dynamic() || deeper_than(&ty, MAX_HEIGHT) { Type::Dyn } else { ty };
        let id = NodeId(u32::try_from(self.nodes.len()).expect("a bounded text makes a bounded tree"));
        self.nodes.push(Node { span, ty, kind });
        id
    }

    /// Whether nothing is held to types.
    fn is_dynamic(&self) -> bool {
        self.env.typing() == Typing::Dynamic
    }

    /// An error node about which something was said.
    fn error(&mut self, span: Span) -> NodeId {
        self.push(span, Type::Error, NodeKind::Error)
    }

    /// Says something and gives an error node.
    fn fail(&mut self, span: Span, diagnostic: Diagnostic) -> NodeId {
        self.diagnostics.push(diagnostic);
        self.error(span)
    }

    /// The type of a node as far as it is known by now; variables only where nothing is known.
    fn ty(&self, id: NodeId) -> Type {
        self.infer.deep(&self.nodes[id.index()].ty)
    }

    fn span(&self, id: NodeId) -> Span {
        self.nodes[id.index()].span
    }

    /// A type for messages: without variables.
    fn shown(&self, ty: &Type) -> String {
        self.infer.finish(ty).to_string()
    }

    /// Near names for a message; none where nothing more is told, so that hostile text does not cost their search.
    fn near<'n>(&self, name: &str, known: impl IntoIterator<Item = &'n str>) -> Vec<String> {
        if self.diagnostics.is_full() { Vec::new() } else { nearest(name, known) }
    }

    /// Says that `what` must be a bool, where the node is none.
    fn expect_bool(&mut self, id: NodeId, what: &str) {
        let ty = self.ty(id);
        if !self.infer.fits(&ty, &Type::Bool) {
            let message = format!("{what} must be bool; this is {}", self.shown(&ty));
            let diagnostic = Diagnostic::new(Code::WrongType, self.span(id), message);
            self.diagnostics.push(match ty {
                Type::Int | Type::Uint | Type::Double => diagnostic.help("compare it, for example with `> 0`"),
                Type::String => diagnostic.help("compare it, for example with `!= ''`"),
                Type::List(_) | Type::Map(..) => diagnostic.help("ask for its size, for example with `size(x) > 0`"),
                _ => diagnostic,
            });
        }
    }

    /// Makes a macro's variable; it is visible once [`Checker::scope`] has it.
    fn local(&mut self, name: &str, span: Span, ty: Type) -> LocalId {
        let id = LocalId(u32::try_from(self.locals.len()).expect("a bounded text makes a bounded number of variables"));
        self.locals.push(Local { name: name.to_owned(), span, ty });
        id
    }
}

fn constant(literal: &Literal) -> Constant {
    match literal {
        Literal::Null => Constant::Null,
        Literal::Bool(value) => Constant::Bool(*value),
        Literal::Int(value) => Constant::Int(*value),
        Literal::Uint(value) => Constant::Uint(*value),
        Literal::Double(value) => Constant::Double(*value),
        Literal::String(value) => Constant::String(value.clone()),
        Literal::Bytes(value) => Constant::Bytes(value.clone()),
    }
}
