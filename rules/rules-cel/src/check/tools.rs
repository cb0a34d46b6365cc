//! Macros that only tools write: `cel.block` and what is used in it, and fields that another file extends a message with.
//!
//! Known unless the environment is [`Typing::Strict`]. `cel.block([a, b], x)` is `x` where `cel.index(0)` stands for `a`
//! and `cel.index(1)`, also within `b`, for the second; so it becomes bindings, each around the rest. `cel.iterVar(0, 0)`
//! and `cel.accuVar(0, 0)` are names that no author can write. `proto.getExt(m, pkg.ext)` is a field with a full name.

use super::Checker;
use super::names::Member;
use crate::ast::{ExprId, ExprKind, Literal, Name};
use crate::checked::{LocalId, NodeId, NodeKind};
use crate::diagnostic::{Code, Diagnostic};
use crate::env::Typing;
use crate::span::Span;
use crate::types::Type;

impl Checker<'_> {
    /// The node of such a macro; nothing where the call is none.
    pub(super) fn tool_macro(&mut self, span: Span, target: ExprId, name: &Name, args: &[ExprId]) -> Option<NodeId> {
        if self.env.typing() == Typing::Strict {
            return None;
        }
        if let Some(hidden) = self.hidden_name(target, name, args) {
            return Some(self.hidden(span, &hidden));
        }
        let usage = match (self.namespace(target)?, name.text.as_str()) {
            ("cel", "block") => "`cel.block([value, …], expression)`",
            ("proto", "getExt") => "`proto.getExt(message, full.name)`",
            ("proto", "hasExt") => "`proto.hasExt(message, full.name)`",
            _ => return None,
        };
        let [first, second] = args else { return Some(self.misshapen(span, name, args, usage)) };
        let node = match name.text.as_str() {
            "block" => self.block(span, *first, *second),
            text => self.extension(span, *first, *second, text == "hasExt"),
        };
        Some(node.unwrap_or_else(|| self.misshapen(span, name, args, usage)))
    }

    /// `cel` or `proto`, where the target is that word and no variable.
    fn namespace(&self, target: ExprId) -> Option<&'static str> {
        let ExprKind::Ident { name, .. } = &self.ast.expr(target).kind else { return None };
        let word = ["cel", "proto"].into_iter().find(|word| *word == name.text)?;
        self.visible_local(false, word).is_none().then_some(word)
    }

    /// The name behind `cel.index(1)`, `cel.iterVar(0, 1)` and `cel.accuVar(0, 1)`: one that cannot be written.
    fn hidden_name(&self, target: ExprId, name: &Name, args: &[ExprId]) -> Option<String> {
        if self.namespace(target) != Some("cel") {
            return None;
        }
        let number = |id: &ExprId| match self.ast.expr(*id).kind {
            ExprKind::Literal(Literal::Int(number)) => Some(number),
            _ => None,
        };
        match (name.text.as_str(), args) {
            ("index", [index]) => Some(format!("@index:{}", number(index)?)),
            ("iterVar" | "accuVar", [depth, which]) => {
                Some(format!("@{}:{}:{}", name.text, number(depth)?, number(which)?))
            }
            _ => None,
        }
    }

    /// The name that a macro's argument declares, where it is such a one.
    pub(super) fn hidden_variable(&self, arg: ExprId) -> Option<String> {
        let ExprKind::Call { target: Some(target), rooted: false, function, args } = &self.ast.expr(arg).kind else {
            return None;
        };
        if self.env.typing() == Typing::Strict { None } else { self.hidden_name(*target, function, args) }
    }

    fn hidden(&mut self, span: Span, name: &str) -> NodeId {
        let Some(local) = self.visible_local(false, name) else {
            let diagnostic = Diagnostic::new(Code::UnknownName, span, "nothing is bound to this number here");
            return self.fail(span, diagnostic);
        };
        let ty = self.locals[local.index()].ty.clone();
        self.push(span, ty, NodeKind::Local(local))
    }

    fn block(&mut self, span: Span, values: ExprId, body: ExprId) -> Option<NodeId> {
        let ExprKind::List { elements } = &self.ast.expr(values).kind else { return None };
        let visible = self.scope.len();
        let mut bound: Vec<(LocalId, NodeId)> = Vec::with_capacity(elements.len());
        for (number, element) in elements.iter().enumerate() {
            let init = self.expr(element.value);
            let (ty, at) = (self.ty(init), self.span(init));
            let local = self.local(&format!("@index:{number}"), at, ty);
            self.scope.push(local);
            bound.push((local, init));
        }
        let mut node = self.expr(body);
        self.scope.truncate(visible);
        for (local, init) in bound.into_iter().rev() {
            let ty = self.ty(node);
            node = self.push(span, ty, NodeKind::Bind { local, init, body: node });
        }
        Some(node)
    }

    fn extension(&mut self, span: Span, operand: ExprId, path: ExprId, asks: bool) -> Option<NodeId> {
        let (_, names) = self.ast.path(path)?;
        let parts: Vec<_> = names.iter().map(|name| name.text.as_str()).collect();
        let field = Name { text: parts.join("."), span: self.ast.expr(path).span };
        let operand = self.expr(operand);
        Some(match self.member(operand, &field) {
            Member::Error => self.error(span),
            Member::Field(field, _) if asks => self.push(span, Type::Bool, NodeKind::HasField { operand, field }),
            Member::Field(field, ty) => self.push(span, ty, NodeKind::Field { operand, field, optional: false }),
            Member::Key(_) if asks => self.push(span, Type::Bool, NodeKind::HasKey { operand, key: field.text }),
            Member::Key(ty) => self.push(span, ty, NodeKind::Key { operand, key: field.text, optional: false }),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Env, NoTypes, Type, Typing, check, parse};
    use expect_test::expect;

    /// What each of the three ways to type makes of the text.
    fn told(source: &str) -> String {
        let parsed = parse(source);
        assert!(parsed.diagnostics.is_empty(), "{source}: {:?}", parsed.diagnostics);
        let one = |typing| {
            let mut env = Env::new(&NoTypes);
            env.variable("any", Type::Dyn).set_typing(typing);
            let checked = check(&parsed.ast, &env);
            let first = checked.diagnostics.first().map(|diagnostic| diagnostic.message.clone());
            first.unwrap_or_else(|| checked.checked.ty().to_string())
        };
        let [strict, definition, dynamic] = [Typing::Strict, Typing::Definition, Typing::Dynamic].map(one);
        format!("{source}\n  strict: {strict}\n  definition: {definition}\n  dynamic: {dynamic}\n")
    }

    #[test]
    fn what_is_held_to_types() {
        let sources = [
            "1 == 1.0",
            "{1.5: 'a'}",
            "cel.block([1, cel.index(0) + 1], cel.index(1))",
            "cel.block([[1]], cel.index(0).map(cel.iterVar(0, 0), cel.iterVar(0, 0) + 1))",
            "cel.block([1], cel.index(1))",
            "cel.block(1)",
            "proto.hasExt(any, pkg.ext)",
            "proto.getExt(any, 1)",
            "nobody.knows(1)",
            "nobody && 'x'",
            "1.0 % 2",
        ];
        expect![[r#"
            1 == 1.0
              strict: bool
              definition: int and double are never equal
              dynamic: dyn
            {1.5: 'a'}
              strict: a key is bool, int, uint or string; this is double
              definition: map(double, string)
              dynamic: dyn
            cel.block([1, cel.index(0) + 1], cel.index(1))
              strict: nothing is named `cel`
              definition: int
              dynamic: dyn
            cel.block([[1]], cel.index(0).map(cel.iterVar(0, 0), cel.iterVar(0, 0) + 1))
              strict: nothing is named `cel`
              definition: list(int)
              dynamic: dyn
            cel.block([1], cel.index(1))
              strict: nothing is named `cel`
              definition: nothing is bound to this number here
              dynamic: nothing is bound to this number here
            cel.block(1)
              strict: nothing is named `cel`
              definition: `block` is not written with 1 argument
              dynamic: `block` is not written with 1 argument
            proto.hasExt(any, pkg.ext)
              strict: nothing is named `proto`
              definition: bool
              dynamic: dyn
            proto.getExt(any, 1)
              strict: nothing is named `proto`
              definition: `getExt` is not written with 2 arguments
              dynamic: `getExt` is not written with 2 arguments
            nobody.knows(1)
              strict: nothing is named `nobody`
              definition: nothing is named `nobody`
              dynamic: dyn
            nobody && 'x'
              strict: nothing is named `nobody`
              definition: nothing is named `nobody`
              dynamic: dyn
            1.0 % 2
              strict: `%` does not take double and int
              definition: `%` does not take double and int
              dynamic: dyn
        "#]]
        .assert_eq(&sources.map(told).concat());
    }
}
