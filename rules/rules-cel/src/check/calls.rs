//! Calls: functions, name-spaced functions and methods, and which of their overloads fit.
//!
//! `a.b.f(x)` is a function `a.b.f` where one is known, and else a method of `a.b`. With dyn among the operands all
//! overloads that are possible stay in the node.

use super::Checker;
use super::operators::unwrapped;
use crate::ast::{ExprId, Name};
use crate::checked::{NodeId, NodeKind};
use crate::diagnostic::{Code, Diagnostic};
use crate::env::Signature;
use crate::overload::Overload;
use crate::span::Span;
use crate::types::Type;

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        span: Span,
        target: Option<ExprId>,
        rooted: bool,
        function: &Name,
        args: &[ExprId],
    ) -> NodeId {
        if !rooted && let Some(node) = self.macro_call(span, target, function, args) {
            return node;
        }
        match target {
            None => self.function(span, rooted, &function.text, function.span, args),
            Some(target) => match self.namespaced(target, &function.text) {
                Some((rooted, name)) => {
                    let name_span = self.ast.expr(target).span.to(function.span);
                    self.function(span, rooted, &name, name_span, args)
                }
                None => self.method(span, target, function, args),
            },
        }
    }

    /// The full name of a function `target.name`, where the target is a path and there is such a function.
    fn namespaced(&self, target: ExprId, name: &str) -> Option<(bool, String)> {
        let (rooted, names) = self.ast.path(target)?;
        if self.visible_local(rooted, &names[0].text).is_some() {
            return None;
        }
        let mut full: String = names.iter().flat_map(|name| [name.text.as_str(), "."]).collect();
        full.push_str(name);
        let known = self.env.name_candidates(rooted, &full).iter().any(|full| self.has_style(full, false));
        known.then_some((rooted, full))
    }

    fn has_style(&self, name: &str, method: bool) -> bool {
        self.env.signatures(name).any(|signature| signature.method == method)
    }

    fn function(&mut self, span: Span, rooted: bool, name: &str, name_span: Span, args: &[ExprId]) -> NodeId {
        let args = self.exprs(args);
        let candidates = self.env.name_candidates(rooted, name);
        let Some(full) = candidates.iter().find(|full| self.has_style(full, false)) else {
            if self.is_dynamic() {
                return self.push(span, Type::Dyn, NodeKind::Call { overloads: Vec::new(), args });
            }
            let diagnostic = self.unknown_function(name, name_span);
            return self.fail(span, diagnostic);
        };
        match full.as_str() {
            "math.greatest" => self.extreme(span, name, name_span, Overload::MathGreatest, args),
            "math.least" => self.extreme(span, name, name_span, Overload::MathLeast, args),
            _ => self.apply(span, full, name_span, false, args),
        }
    }

    fn method(&mut self, span: Span, target: ExprId, function: &Name, args: &[ExprId]) -> NodeId {
        let mut all = vec![self.expr(target)];
        all.extend(self.exprs(args));
        if self.has_style(&function.text, true) {
            return self.apply(span, &function.text, function.span, true, all);
        }
        if self.ty(all[0]) == Type::Error {
            return self.error(span);
        }
        if self.is_dynamic() {
            return self.push(span, Type::Dyn, NodeKind::Call { overloads: Vec::new(), args: all });
        }
        let diagnostic = self.unknown_method(&function.text, function.span);
        self.fail(span, diagnostic)
    }

    /// The node of a call to a known function.
    fn apply(&mut self, span: Span, name: &str, name_span: Span, method: bool, args: Vec<NodeId>) -> NodeId {
        let types: Vec<Type> = args.iter().map(|arg| self.ty(*arg)).collect();
        let env = self.env;
        let signatures = env.signatures(name).filter(|signature| signature.method == method);
        if let Some((overloads, result)) = self.resolve(signatures, &types) {
            return self.push(span, result, NodeKind::Call { overloads, args });
        }
        if types.iter().any(Type::has_error) {
            return self.error(span);
        }
        if self.is_dynamic() {
            return self.push(span, Type::Dyn, NodeKind::Call { overloads: Vec::new(), args });
        }
        let diagnostic = self.no_overload(name, name_span, method, &types);
        self.fail(span, diagnostic)
    }

    /// The overloads that fit and the type of their result: dyn where they differ.
    pub(super) fn resolve<'s>(
        &mut self,
        signatures: impl IntoIterator<Item = &'s Signature>,
        args: &[Type],
    ) -> Option<(Vec<Overload>, Type)> {
        let mut fitting: Vec<(&Signature, Type)> = Vec::new();
        for signature in signatures {
            let mark = self.infer.mark();
            if let Some(result) = self.try_signature(signature, args) {
                self.infer.undo(mark);
                fitting.push((signature, result));
            }
        }
        let overloads = fitting.iter().map(|(signature, _)| signature.overload).collect();
        match fitting.as_slice() {
            [] => None,
            // Types still to be found are what the only one needs; where several fit, they stay open.
            [(signature, _)] => Some((overloads, self.try_signature(signature, args)?)),
            [(_, first), rest @ ..] => {
                let is_same = rest.iter().all(|(_, result)| result == first);
                Some((overloads, if is_same { first.clone() } else { Type::Dyn }))
            }
        }
    }

    /// The result's type where the operands fit; then variables stay bound.
    fn try_signature(&mut self, signature: &Signature, args: &[Type]) -> Option<Type> {
        if signature.params.len() != args.len() {
            return None;
        }
        let mark = self.infer.mark();
        let mut letters = Vec::new();
        for (arg, param) in args.iter().zip(&signature.params) {
            let param = self.infer.instantiate(param, &mut letters);
            if !self.infer.fits(arg, &param) {
                self.infer.undo(mark);
                return None;
            }
        }
        let result = self.infer.instantiate(&signature.result, &mut letters);
        Some(self.infer.deep(&result))
    }

    /// `math.greatest` and `math.least`: any number of numbers, or one list of them.
    fn extreme(&mut self, span: Span, name: &str, name_span: Span, overload: Overload, args: Vec<NodeId>) -> NodeId {
        let types: Vec<Type> = args.iter().map(|arg| self.ty(*arg)).collect();
        // Of a list that is written out each element is looked at: a number beside a text makes a list of dyn.
        let written = self.elements_written(&args);
        let numbers: Vec<Type> = match (&written, types.as_slice()) {
            (Some(elements), _) => elements.iter().map(unwrapped).cloned().collect(),
            (None, [Type::List(element)]) => vec![unwrapped(element).clone()],
            (None, types) => types.iter().map(unwrapped).cloned().collect(),
        };
        let is_number = |ty: &Type| ty.is_number() || matches!(ty, Type::Dyn | Type::Error | Type::Param(_));
        if let Some(first) = numbers.first()
            && numbers.iter().all(is_number)
        {
            let ty = if numbers.iter().all(|ty| ty == first) { first.clone() } else { Type::Dyn };
            return self.push(span, ty, NodeKind::Call { overloads: vec![overload], args });
        }
        let message = match written {
            Some(elements) if elements.is_empty() => format!("`{name}` needs at least one number"),
            Some(elements) => format!("`{name}` does not take a list of {}", self.shown_list(&elements)),
            None => format!("`{name}` does not take {}", self.shown_list(&types)),
        };
        let help = "it takes numbers, or one list of numbers";
        self.fail(span, Diagnostic::new(Code::NoOverload, name_span, message).help(help))
    }

    /// The types of the elements, where the only argument is a list that is written out.
    fn elements_written(&self, args: &[NodeId]) -> Option<Vec<Type>> {
        let [only] = args else { return None };
        let NodeKind::List(elements) = &self.nodes[only.index()].kind else { return None };
        let is_plain = elements.iter().all(|(optional, _)| !optional);
        is_plain.then(|| elements.iter().map(|(_, element)| self.ty(*element)).collect())
    }

    fn shown_list(&self, types: &[Type]) -> String {
        let shown: Vec<_> = types.iter().map(|ty| self.shown(ty)).collect();
        format!("({})", shown.join(", "))
    }

    fn no_overload(&self, name: &str, at: Span, method: bool, types: &[Type]) -> Diagnostic {
        const MAX_SHOWN: usize = 4;
        let (shown, receiver) = match types {
            [receiver, rest @ ..] if method => (self.shown_list(rest), Some(receiver)),
            types => (self.shown_list(types), None),
        };
        let same_receiver = |signature: &&Signature| receiver.is_none_or(|ty| same_kind(ty, &signature.params[0]));
        let style = || self.env.signatures(name).filter(|signature| signature.method == method);
        let fitting: Vec<_> = style().filter(same_receiver).collect();
        let Some(receiver) = receiver else {
            let takes: Vec<_> = style().map(|signature| declared_list(&signature.params)).collect();
            let message = format!("`{name}` does not take {shown}");
            return Diagnostic::new(Code::NoOverload, at, message).help(takes_one_of(&takes, MAX_SHOWN));
        };
        let receiver = self.shown(receiver);
        if fitting.is_empty() {
            let of: Vec<_> = style().map(|signature| signature.params[0].to_string()).collect();
            let message = format!("{receiver} has no method `{name}`");
            return Diagnostic::new(Code::NoOverload, at, message)
                .help(format!("it is a method of {}", listed(&of, MAX_SHOWN)));
        }
        let takes: Vec<_> = fitting.iter().map(|signature| declared_list(&signature.params[1..])).collect();
        let message = format!("`{name}` of {receiver} does not take {shown}");
        Diagnostic::new(Code::NoOverload, at, message).help(takes_one_of(&takes, MAX_SHOWN))
    }

    /// A translation, or near names.
    fn offered<'n>(&self, name: &str, known: impl Iterator<Item = &'n str>) -> Vec<String> {
        translated(name).map_or_else(|| self.near(name, known), |translation| vec![translation])
    }

    fn unknown_function(&self, name: &str, at: Span) -> Diagnostic {
        let diagnostic = Diagnostic::new(Code::UnknownFunction, at, format!("there is no function `{name}`"));
        if self.has_style(name, true) {
            return diagnostic.help(format!("it is a method: write `x.{name}(…)`"));
        }
        let functions = self.env.function_names().into_iter().filter(|name| self.has_style(name, false));
        diagnostic.candidates(self.offered(name, functions.chain(super::macros::FUNCTIONS)))
    }

    fn unknown_method(&self, name: &str, at: Span) -> Diagnostic {
        let diagnostic = Diagnostic::new(Code::UnknownFunction, at, format!("there is no method `{name}`"));
        if self.has_style(name, false) {
            return diagnostic.help(format!("it is a function: write `{name}(x)`"));
        }
        let methods = self.env.function_names().into_iter().filter(|name| self.has_style(name, true));
        diagnostic.candidates(self.offered(name, methods.chain(super::macros::METHODS)))
    }
}

/// Whether both are, say, lists, whatever is inside.
fn same_kind(left: &Type, right: &Type) -> bool {
    left.is_dyn_or_error() || std::mem::discriminant(left) == std::mem::discriminant(right)
}

/// Types of a signature, its letters as they are.
fn declared_list(types: &[Type]) -> String {
    let shown: Vec<_> = types.iter().map(Type::to_string).collect();
    format!("({})", shown.join(", "))
}

/// What other languages call it, and what it is called here.
fn translated(name: &str) -> Option<String> {
    let known = match name {
        "length" | "len" | "count" => "size",
        "lower" | "toLower" | "toLowerCase" | "lowercase" => "lowerAscii",
        "upper" | "toUpper" | "toUpperCase" | "uppercase" => "upperAscii",
        "includes" => "contains",
        "substr" | "slice" => "substring",
        "any" | "some" => "exists",
        "every" => "all",
        "max" => "math.greatest",
        "min" => "math.least",
        "abs" => "math.abs",
        "floor" => "math.floor",
        "ceil" => "math.ceil",
        "round" => "math.round",
        "str" | "toString" => "string",
        "float" => "double",
        _ => return None,
    };
    Some(known.to_owned())
}

fn takes_one_of(takes: &[String], max: usize) -> String {
    format!("it takes {}", listed(takes, max))
}

fn listed(items: &[String], max: usize) -> String {
    let mut shown: Vec<&str> = Vec::new();
    for item in items {
        if !shown.contains(&item.as_str()) {
            shown.push(item);
        }
    }
    let more = if shown.len() > max { " …" } else { "" };
    shown.truncate(max);
    format!("{}{more}", shown.join(" or "))
}
