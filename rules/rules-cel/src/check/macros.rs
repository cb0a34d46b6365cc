//! Macros: calls that declare variables or ask about a field, replaced by nodes of their own.
//!
//! A macro is known by its name, by whether it has a receiver, and by the number of its arguments. A call that has the name
//! of a macro, but not its shape, is told how the macro is written.

use super::Checker;
use crate::ast::{ExprId, ExprKind, Name};
use crate::checked::{Comprehension, Fold, LocalId, NodeId, NodeKind};
use crate::diagnostic::{Code, Diagnostic};
use crate::span::Span;
use crate::types::Type;

/// Macros without receiver, for near names.
pub(super) const FUNCTIONS: [&str; 2] = ["has", "cel.bind"];

/// Macros with a receiver, for near names.
pub(super) const METHODS: [&str; 11] = [
    "all",
    "exists",
    "exists_one",
    "existsOne",
    "filter",
    "map",
    "transformList",
    "transformMap",
    "transformMapEntry",
    "optMap",
    "optFlatMap",
];

/// How a loop is written: how many of its arguments declare variables, and whether a filter stands before the body.
struct Shape {
    fold: Fold,
    variables: usize,
    filter: bool,
}

impl Checker<'_> {
    /// The node of a macro; nothing where the call is none.
    pub(super) fn macro_call(
        &mut self,
        span: Span,
        target: Option<ExprId>,
        name: &Name,
        args: &[ExprId],
    ) -> Option<NodeId> {
        let Some(target) = target else {
            return match (name.text.as_str(), args) {
                ("has", [arg]) => Some(self.has(span, *arg)),
                ("has", _) => Some(self.misshapen(span, name, args, "`has(x.field)`")),
                _ => None,
            };
        };
        if let Some(node) = self.tool_macro(span, target, name, args) {
            return Some(node);
        }
        match (name.text.as_str(), args) {
            ("bind", _) if !self.is_cel_namespace(target) => None,
            ("bind", [variable, init, body]) => Some(self.bind(span, *variable, *init, *body)),
            ("bind", _) => Some(self.misshapen(span, name, args, "`cel.bind(name, value, expression)`")),
            ("optMap", [variable, body]) => Some(self.optional_map(span, target, *variable, *body, false)),
            ("optFlatMap", [variable, body]) => Some(self.optional_map(span, target, *variable, *body, true)),
            ("optMap" | "optFlatMap", _) => {
                let usage = format!("`x.{}(name, expression)`", name.text);
                Some(self.misshapen(span, name, args, &usage))
            }
            (text, _) => match shape(text, args.len()) {
                Some(shape) => Some(self.comprehension(span, target, name, &shape, args)),
                None => usage(text).map(|usage| self.misshapen(span, name, args, usage)),
            },
        }
    }

    fn is_cel_namespace(&self, target: ExprId) -> bool {
        matches!(&self.ast.expr(target).kind, ExprKind::Ident { name, .. } if name.text == "cel")
            && self.visible_local(false, "cel").is_none()
    }

    pub(super) fn misshapen(&mut self, span: Span, name: &Name, args: &[ExprId], usage: &str) -> NodeId {
        let plural = if args.len() == 1 { "" } else { "s" };
        let message = format!("`{}` is not written with {} argument{plural}", name.text, args.len());
        let diagnostic = Diagnostic::new(Code::BadMacro, name.span, message).help(format!("write {usage}"));
        self.fail(span, diagnostic)
    }

    /// The variable that a macro's argument declares, not yet visible.
    fn declare(&mut self, arg: ExprId, ty: Type) -> Option<LocalId> {
        let expr = self.ast.expr(arg);
        if let Some(name) = self.hidden_variable(arg) {
            return Some(self.local(&name, expr.span, ty));
        }
        match &expr.kind {
            ExprKind::Ident { rooted: false, name } => Some(self.local(&name.text, name.span, ty)),
            ExprKind::Error => None,
            _ => {
                let message = "a plain name is needed here, for the macro's variable";
                self.diagnostics.push(Diagnostic::new(Code::BadMacro, expr.span, message));
                None
            }
        }
    }

    fn comprehension(&mut self, span: Span, target: ExprId, name: &Name, shape: &Shape, args: &[ExprId]) -> NodeId {
        let range = self.expr(target);
        let (key, value) = self.range_types(range, name);
        let first_ty = match (&self.ty(range), shape.variables) {
            (Type::List(_), 1) => value.clone(),
            _ => key.clone(),
        };
        let first = self.declare(args[0], first_ty);
        let second = if shape.variables == 2 { self.declare(args[1], value) } else { None };
        let Some(first) = first.filter(|_| shape.variables == 1 || second.is_some()) else {
            return self.error(span);
        };
        if let Some(second) = second
            && self.locals[first.index()].name == self.locals[second.index()].name
        {
            let message = format!("both variables are named `{}`", self.locals[first.index()].name);
            let diagnostic = Diagnostic::new(Code::Duplicate, self.locals[second.index()].span, message);
            self.diagnostics.push(diagnostic);
        }
        let visible = self.scope.len();
        self.scope.push(first);
        self.scope.extend(second);
        let filter = shape.filter.then(|| self.expr(args[shape.variables]));
        let body = self.expr(args[args.len() - 1]);
        self.scope.truncate(visible);
        if let Some(filter) = filter {
            self.expect_bool(filter, &format!("the condition of `{}`", name.text));
        }
        let ty = self.fold_type(shape.fold, name, range, &key, body);
        self.push(
            span,
            ty,
            NodeKind::Comprehension(Comprehension { fold: shape.fold, range, first, second, filter, body }),
        )
    }

    /// The types of key (or index) and value of what a macro goes over.
    fn range_types(&mut self, range: NodeId, name: &Name) -> (Type, Type) {
        match self.ty(range) {
            Type::List(element) => (Type::Int, (*element).clone()),
            Type::Map(key, value) => ((*key).clone(), (*value).clone()),
            Type::Dyn | Type::Param(_) => (Type::Dyn, Type::Dyn),
            Type::Error => (Type::Error, Type::Error),
            other => {
                let message = format!("`{}` goes over a list or a map, not over {}", name.text, self.shown(&other));
                let diagnostic = Diagnostic::new(Code::NotSelectable, self.span(range), message);
                self.diagnostics.push(diagnostic);
                (Type::Error, Type::Error)
            }
        }
    }

    fn fold_type(&mut self, fold: Fold, name: &Name, range: NodeId, key: &Type, body: NodeId) -> Type {
        let body_ty = self.ty(body);
        match fold {
            Fold::All | Fold::Exists | Fold::ExistsOne => {
                self.expect_bool(body, &format!("the condition of `{}`", name.text));
                Type::Bool
            }
            Fold::Filter => {
                self.expect_bool(body, &format!("the condition of `{}`", name.text));
                match self.ty(range) {
                    Type::List(element) => Type::List(element),
                    _ => Type::list(key.clone()),
                }
            }
            Fold::List => Type::list(body_ty),
            Fold::Map => Type::map(key.clone(), body_ty),
            Fold::MapEntry => match body_ty {
                Type::Map(..) | Type::Dyn | Type::Param(_) | Type::Error => body_ty,
                other => {
                    let message =
                        format!("`{}` needs a map for each element; this is {}", name.text, self.shown(&other));
                    let diagnostic =
                        Diagnostic::new(Code::WrongType, self.span(body), message).help("write `{key: value}`");
                    self.diagnostics.push(diagnostic);
                    Type::Error
                }
            },
        }
    }

    fn bind(&mut self, span: Span, variable: ExprId, init: ExprId, body: ExprId) -> NodeId {
        let init = self.expr(init);
        let ty = self.ty(init);
        let Some(local) = self.declare(variable, ty) else { return self.error(span) };
        self.scope.push(local);
        let body = self.expr(body);
        self.scope.pop();
        let ty = self.ty(body);
        self.push(span, ty, NodeKind::Bind { local, init, body })
    }

    fn optional_map(&mut self, span: Span, target: ExprId, variable: ExprId, body: ExprId, flat: bool) -> NodeId {
        let operand = self.expr(target);
        let inner = match self.ty(operand) {
            Type::Optional(inner) => (*inner).clone(),
            Type::Error => Type::Error,
            Type::Dyn | Type::Param(_) => Type::Dyn,
            other => {
                let message = format!("an optional is needed here; this is {}", self.shown(&other));
                let help = "read with `.?field` or `[?key]`, or write `optional.of(x)`";
                self.diagnostics.push(Diagnostic::new(Code::WrongType, self.span(operand), message).help(help));
                Type::Error
            }
        };
        let Some(local) = self.declare(variable, inner) else { return self.error(span) };
        self.scope.push(local);
        let body = self.expr(body);
        self.scope.pop();
        let body_ty = self.ty(body);
        let ty = match (flat, body_ty) {
            (false, ty) => Type::optional(ty),
            (true, ty @ (Type::Optional(_) | Type::Dyn | Type::Param(_) | Type::Error)) => ty,
            (true, other) => {
                let message = format!("`optFlatMap` needs an optional; this is {}", self.shown(&other));
                let diagnostic = Diagnostic::new(Code::WrongType, self.span(body), message).help("write `optMap`");
                self.diagnostics.push(diagnostic);
                Type::Error
            }
        };
        self.push(span, ty, NodeKind::OptionalMap { operand, local, body, flat })
    }
}

fn shape(name: &str, args: usize) -> Option<Shape> {
    let (fold, variables, filter) = match (name, args) {
        ("all", 2 | 3) => (Fold::All, args - 1, false),
        ("exists", 2 | 3) => (Fold::Exists, args - 1, false),
        ("exists_one" | "existsOne", 2 | 3) => (Fold::ExistsOne, args - 1, false),
        ("filter", 2) => (Fold::Filter, 1, false),
        ("map", 2 | 3) => (Fold::List, 1, args == 3),
        ("transformList", 3 | 4) => (Fold::List, 2, args == 4),
        ("transformMap", 3 | 4) => (Fold::Map, 2, args == 4),
        ("transformMapEntry", 3 | 4) => (Fold::MapEntry, 2, args == 4),
        _ => return None,
    };
    Some(Shape { fold, variables, filter })
}

fn usage(name: &str) -> Option<&'static str> {
    Some(match name {
        "all" => "`x.all(name, condition)` or `x.all(key, value, condition)`",
        "exists" => "`x.exists(name, condition)` or `x.exists(key, value, condition)`",
        "exists_one" | "existsOne" => "`x.exists_one(name, condition)` or `x.exists_one(key, value, condition)`",
        "filter" => "`x.filter(name, condition)`",
        "map" => "`x.map(name, expression)` or `x.map(name, condition, expression)`",
        "transformList" => "`x.transformList(key, value, expression)`",
        "transformMap" => "`x.transformMap(key, value, expression)`",
        "transformMapEntry" => "`x.transformMapEntry(key, value, map)`",
        _ => return None,
    })
}
