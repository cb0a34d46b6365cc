//! Names, fields and `has`.
//!
//! A dotted path is first sought as one declared name, the longest part first; what remains are fields. Macros' variables
//! hide declared names; a leading dot looks past them.

use super::Checker;
use crate::ast::{ExprId, ExprKind, Name};
use crate::checked::{Constant, FieldRef, LocalId, NodeId, NodeKind};
use crate::diagnostic::{Code, Diagnostic};
use crate::env::Declared;
use crate::span::Span;
use crate::types::Type;

/// What a field of something is.
pub(super) enum Member {
    Field(FieldRef, Type),
    /// The entry of a map, or of something known at run time.
    Key(Type),
    /// A mistake that was told.
    Error,
}

impl Checker<'_> {
    pub(super) fn ident(&mut self, id: ExprId) -> NodeId {
        let expr = self.ast.expr(id);
        let ExprKind::Ident { rooted, name } = &expr.kind else { return self.error(expr.span) };
        if let Some(local) = self.visible_local(*rooted, &name.text) {
            let ty = self.locals[local.index()].ty.clone();
            return self.push(expr.span, ty, NodeKind::Local(local));
        }
        if let Some(node) = self.declared(expr.span, *rooted, &name.text) {
            return node;
        }
        if self.is_dynamic() {
            return self.push(expr.span, Type::Dyn, NodeKind::Variable { name: name.text.clone() });
        }
        let diagnostic = self.unknown_name(name.span, &name.text);
        self.fail(expr.span, diagnostic)
    }

    pub(super) fn visible_local(&self, rooted: bool, name: &str) -> Option<LocalId> {
        let visible = |local: &&LocalId| self.locals[local.index()].name == name;
        if rooted { None } else { self.scope.iter().rev().find(visible).copied() }
    }

    /// A node for a declared name, a type or an enumeration's value; nothing where the name is none of them.
    fn declared(&mut self, span: Span, rooted: bool, name: &str) -> Option<NodeId> {
        for full in self.env.name_candidates(rooted, name) {
            if let Some(declared) = self.env.declared(&full) {
                // A parameter in a declared type may be anything, at each use anew.
                let mut anew = |ty: &Type| self.infer.instantiate(ty, &mut Vec::new());
                let (ty, kind) = match declared {
                    Declared::Variable(ty) | Declared::Maybe(ty) => (anew(ty), NodeKind::Variable { name: full }),
                    Declared::NamedConstant(ty) => (anew(ty), NodeKind::NamedConstant { name: full }),
                    Declared::Constant(value) => (value.ty(), NodeKind::Constant(value.clone())),
                };
                return Some(self.push(span, ty, kind));
            }
            if let Some(ty) = self.env.provider().named_constant(&full) {
                return Some(self.push(span, ty, NodeKind::NamedConstant { name: full }));
            }
            if let Some(value) = self.env.provider().enum_value(&full) {
                return Some(self.push(span, Type::Int, NodeKind::Constant(Constant::Int(value))));
            }
            if let Some(ty) = self.named_type(&full) {
                return Some(self.push(span, Type::type_of(ty.clone()), NodeKind::TypeValue(ty)));
            }
        }
        None
    }

    /// The type behind a full name.
    pub(super) fn named_type(&self, full: &str) -> Option<Type> {
        let message = || self.env.provider().has_message(full).then(|| Type::message(full));
        Type::named(full).or_else(message)
    }

    pub(super) fn select(&mut self, id: ExprId, operand: ExprId, optional: bool, field: &Name) -> NodeId {
        let span = self.ast.expr(id).span;
        if let Some(node) = self.qualified(id, span) {
            return node;
        }
        let operand = self.expr(operand);
        match self.member(operand, field) {
            Member::Error => self.error(span),
            Member::Field(field, ty) => {
                let ty = self.maybe_optional(operand, optional, ty);
                self.push(span, ty, NodeKind::Field { operand, field, optional })
            }
            Member::Key(ty) => {
                let ty = self.maybe_optional(operand, optional, ty);
                self.push(span, ty, NodeKind::Key { operand, key: field.text.clone(), optional })
            }
        }
    }

    /// The node of a dotted path that is one declared name, or an error where not even its beginning is one.
    fn qualified(&mut self, id: ExprId, span: Span) -> Option<NodeId> {
        let (rooted, names) = self.ast.path(id)?;
        if self.visible_local(rooted, &names[0].text).is_some() {
            return None;
        }
        let parts: Vec<&str> = names.iter().map(|name| name.text.as_str()).collect();
        if let Some(node) = self.declared(span, rooted, &parts.join(".")) {
            return Some(node);
        }
        if self.is_dynamic() || (1..parts.len()).any(|length| self.is_declared(rooted, &parts[..length].join("."))) {
            return None;
        }
        let at = names[0].span;
        let diagnostic = self.unknown_path(at, &names).unwrap_or_else(|| self.unknown_name(at, parts[0]));
        Some(self.fail(span, diagnostic))
    }

    fn is_declared(&self, rooted: bool, name: &str) -> bool {
        self.env.name_candidates(rooted, name).iter().any(|full| {
            self.env.declared(full).is_some()
                || self.env.provider().named_constant(full).is_some()
                || self.env.provider().enum_value(full).is_some()
                || self.named_type(full).is_some()
        })
    }

    /// Where names are declared below the path's first part: which of them may have been meant.
    fn unknown_path(&self, at: Span, names: &[&Name]) -> Option<Diagnostic> {
        let prefix = format!("{}.", names[0].text);
        let below: Vec<&str> = self.env.declared_names().filter_map(|name| name.strip_prefix(&prefix)).collect();
        let second = names.get(1)?;
        if below.is_empty() {
            return None;
        }
        let message = format!("there is no `{prefix}{}`", second.text);
        let near = self.near(&second.text, below.iter().copied());
        let near = near.into_iter().map(|name| format!("{prefix}{name}")).collect();
        let diagnostic = Diagnostic::new(Code::UnknownName, at.to(second.span), message).candidates(near);
        Some(if diagnostic.candidates.is_empty() { diagnostic.help(one_of(&prefix, below)) } else { diagnostic })
    }

    fn unknown_name(&self, at: Span, name: &str) -> Diagnostic {
        let diagnostic = Diagnostic::new(Code::UnknownName, at, format!("nothing is named `{name}`"));
        if self.diagnostics.is_full() {
            return diagnostic;
        }
        let mut candidates: Vec<String> = self
            .env
            .declared_names()
            .filter(|full| match self.env.declared(full) {
                Some(Declared::Variable(Type::Message(message))) => self.env.provider().field(message, name).is_some(),
                _ => false,
            })
            .map(|variable| format!("{variable}.{name}"))
            .collect();
        candidates.extend(
            self.env
                .declared_names()
                .filter(|full| full.rsplit_once('.').is_some_and(|(_, last)| last == name))
                .map(str::to_owned),
        );
        let locals = self.scope.iter().map(|local| self.locals[local.index()].name.as_str());
        candidates.extend(self.near(name, self.env.declared_names().chain(locals).chain(["true", "false", "null"])));
        candidates.truncate(3);
        diagnostic.candidates(candidates)
    }

    /// The field of a checked operand.
    pub(super) fn member(&mut self, operand: NodeId, field: &Name) -> Member {
        let ty = match self.ty(operand) {
            Type::Optional(inner) => (*inner).clone(),
            ty => ty,
        };
        let diagnostic = match &ty {
            Type::Error => return Member::Error,
            Type::Dyn | Type::Param(_) => return Member::Key(Type::Dyn),
            Type::Map(key, value) => {
                if self.infer.fits(&Type::String, key) {
                    return Member::Key((**value).clone());
                }
                let message =
                    format!("the keys of this map are {}, so it has no field `{}`", self.shown(key), field.text);
                Diagnostic::new(Code::NotSelectable, field.span, message).help("write the key in brackets: `x[key]`")
            }
            Type::Message(message) => {
                if let Some(info) = self.env.provider().field(message, &field.text) {
                    let field = FieldRef { message: message.to_string(), name: field.text.clone(), index: info.index };
                    return Member::Field(field, info.ty);
                }
                self.unknown_field(message, field)
            }
            _ => {
                let message = format!("{} has no field `{}`", self.shown(&ty), field.text);
                let diagnostic = Diagnostic::new(Code::NotSelectable, field.span, message);
                match ty {
                    Type::Timestamp | Type::Duration => diagnostic.help("call a method, for example `x.getHours()`"),
                    Type::List(_) => diagnostic.help("ask for an element: `x[0].…`, or for some: `x.exists(e, e.…)`"),
                    _ => diagnostic,
                }
            }
        };
        self.diagnostics.push(diagnostic);
        Member::Error
    }

    pub(super) fn unknown_field(&self, message: &str, field: &Name) -> Diagnostic {
        let known = self.env.provider().field_names(message);
        let text = format!("no field `{}` on {message}", field.text);
        let near = self.near(&field.text, known.iter().map(String::as_str));
        let mut diagnostic = Diagnostic::new(Code::UnknownField, field.span, text).candidates(near);
        diagnostic.message_type = Some(message.to_owned());
        let listed = diagnostic.candidates.is_empty() && !known.is_empty();
        if listed { diagnostic.help(one_of("", known.iter().map(String::as_str).collect())) } else { diagnostic }
    }

    /// The type of something read from an operand: optional where asked so, or where the operand is one.
    pub(super) fn maybe_optional(&self, operand: NodeId, optional: bool, ty: Type) -> Type {
        let operand_is_optional = matches!(self.ty(operand), Type::Optional(_));
        match ty {
            Type::Error => ty,
            _ if optional || operand_is_optional => Type::optional(ty),
            _ => ty,
        }
    }

    /// `has(operand.field)`; `span` is the whole macro's.
    pub(super) fn has(&mut self, span: Span, arg: ExprId) -> NodeId {
        let expr = self.ast.expr(arg);
        if let Some(name) = self.absentable(arg) {
            return self.push(span, Type::Bool, NodeKind::HasVariable { name });
        }
        let ExprKind::Select { operand, optional: false, field, .. } = &expr.kind else {
            let message = "`has` asks for a field";
            let diagnostic = Diagnostic::new(Code::BadMacro, expr.span, message).help("write `has(x.field)`");
            if matches!(expr.kind, ExprKind::Error) {
                return self.error(span);
            }
            return self.fail(span, diagnostic);
        };
        if let Some((rooted, names)) = self.ast.path(arg)
            && self.visible_local(rooted, &names[0].text).is_none()
        {
            let parts: Vec<_> = names.iter().map(|name| name.text.as_str()).collect();
            let path = parts.join(".");
            if self.is_declared(rooted, &path) {
                let message = format!("`{path}` is no field: it is always there");
                return self.fail(span, Diagnostic::new(Code::BadMacro, expr.span, message));
            }
        }
        let operand = self.expr(*operand);
        match self.member(operand, field) {
            Member::Error => self.push(span, Type::Bool, NodeKind::Error),
            Member::Field(field, _) => self.push(span, Type::Bool, NodeKind::HasField { operand, field }),
            Member::Key(_) => self.push(span, Type::Bool, NodeKind::HasKey { operand, key: field.text.clone() }),
        }
    }
}

impl Checker<'_> {
    /// The full name of a plain name that stands for a variable which may be absent.
    fn absentable(&self, arg: ExprId) -> Option<String> {
        let ExprKind::Ident { rooted, name } = &self.ast.expr(arg).kind else { return None };
        if self.visible_local(*rooted, &name.text).is_some() {
            return None;
        }
        let mut candidates = self.env.name_candidates(*rooted, &name.text).into_iter();
        let found = candidates.find(|full| self.env.declared(full).is_some())?;
        matches!(self.env.declared(&found), Some(Declared::Maybe(_))).then_some(found)
    }
}

/// "there are …", for when nothing is near.
fn one_of(prefix: &str, mut names: Vec<&str>) -> String {
    const MAX_NAMES: usize = 8;
    names.sort_unstable();
    let more = if names.len() > MAX_NAMES { ", …" } else { "" };
    let names: Vec<_> = names.into_iter().take(MAX_NAMES).map(|name| format!("`{prefix}{name}`")).collect();
    format!("there are {}{more}", names.join(", "))
}
