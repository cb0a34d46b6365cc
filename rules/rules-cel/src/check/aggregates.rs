//! Literals of lists, maps and messages.
//!
//! Elements of different types make a list of dyn, as the language has it; a map's keys are bool, int, uint or string.

use super::Checker;
use crate::ast::{FieldInit, ListElement, MapEntry, Name};
use crate::checked::{FieldRef, NodeId, NodeKind};
use crate::diagnostic::{Code, Diagnostic};
use crate::env::Typing;
use crate::span::Span;
use crate::types::Type;

impl Checker<'_> {
    pub(super) fn list(&mut self, span: Span, elements: &[ListElement]) -> NodeId {
        let mut nodes = Vec::with_capacity(elements.len());
        let mut joined = None;
        for element in elements {
            let node = self.expr(element.value);
            let ty = self.value_type(node, element.optional);
            joined = Some(self.join_or_dyn(joined, ty));
            nodes.push((element.optional, node));
        }
        let element = joined.unwrap_or_else(|| self.infer.fresh());
        self.push(span, Type::list(element), NodeKind::List(nodes))
    }

    pub(super) fn map(&mut self, span: Span, entries: &[MapEntry]) -> NodeId {
        let mut nodes = Vec::with_capacity(entries.len());
        let (mut keys, mut values) = (None, None);
        for entry in entries {
            let key = self.expr(entry.key);
            let mut key_ty = self.ty(key);
            if !key_ty.is_map_key() && self.env.typing() == Typing::Strict {
                let message = format!("a key is bool, int, uint or string; this is {}", self.shown(&key_ty));
                self.diagnostics.push(Diagnostic::new(Code::WrongType, self.span(key), message));
                key_ty = Type::Error;
            }
            let value = self.expr(entry.value);
            let value_ty = self.value_type(value, entry.optional);
            keys = Some(self.join_or_dyn(keys, key_ty));
            values = Some(self.join_or_dyn(values, value_ty));
            nodes.push((entry.optional, key, value));
        }
        let key = keys.unwrap_or_else(|| self.infer.fresh());
        let value = values.unwrap_or_else(|| self.infer.fresh());
        self.push(span, Type::map(key, value), NodeKind::Map(nodes))
    }

    pub(super) fn join_or_dyn(&mut self, so_far: Option<Type>, ty: Type) -> Type {
        match so_far {
            None => ty,
            Some(so_far) => self.infer.join(&so_far, &ty).unwrap_or(Type::Dyn),
        }
    }

    /// The type that an element gives to its list: of `?element`, what is inside the optional.
    fn value_type(&mut self, node: NodeId, optional: bool) -> Type {
        let ty = self.ty(node);
        if !optional {
            return ty;
        }
        match ty {
            Type::Optional(inner) => (*inner).clone(),
            Type::Dyn | Type::Param(_) | Type::Error => ty,
            _ => {
                let message = format!("after `?` stands an optional; this is {}", self.shown(&ty));
                let help = "leave the `?` out, or read with `.?field` or `[?key]`";
                self.diagnostics.push(Diagnostic::new(Code::WrongType, self.span(node), message).help(help));
                Type::Error
            }
        }
    }

    pub(super) fn message(&mut self, span: Span, rooted: bool, path: &[Name], fields: &[FieldInit]) -> NodeId {
        let parts: Vec<_> = path.iter().map(|name| name.text.as_str()).collect();
        let name = parts.join(".");
        let candidates = self.env.name_candidates(rooted, &name);
        let Some(full) = candidates.into_iter().find(|full| self.env.provider().has_message(full)) else {
            for field in fields {
                self.expr(field.value);
            }
            let at = path.iter().map(|name| name.span).reduce(Span::to).unwrap_or(span);
            let message = format!("there is no message type `{name}`");
            return self.fail(span, Diagnostic::new(Code::UnknownType, at, message));
        };
        let mut nodes = Vec::with_capacity(fields.len());
        for field in fields {
            let value = self.expr(field.value);
            if let Some(field_ref) = self.field_init(&full, field, value) {
                nodes.push((field.optional, field_ref, value));
            }
        }
        let ty = Type::well_known_message(&full).unwrap_or_else(|| Type::message(&full));
        self.push(span, ty, NodeKind::Message { name: full, fields: nodes })
    }

    fn field_init(&mut self, message: &str, field: &FieldInit, value: NodeId) -> Option<FieldRef> {
        let Some(info) = self.env.provider().field(message, &field.name.text) else {
            if self.is_dynamic() {
                let name = field.name.text.clone();
                return Some(FieldRef { message: message.to_owned(), name, index: u32::MAX });
            }
            let diagnostic = self.unknown_field(message, &field.name);
            self.diagnostics.push(diagnostic);
            return None;
        };
        let ty = self.value_type(value, field.optional);
        if !self.infer.fits(&ty, &info.ty) {
            let (name, wanted, found) = (&field.name.text, self.shown(&info.ty), self.shown(&ty));
            let text = format!("field `{name}` is {wanted}; this is {found}");
            let diagnostic = Diagnostic::new(Code::WrongType, self.span(value), text);
            let convert = info.ty.is_number() && ty.is_number();
            self.diagnostics.push(if convert {
                diagnostic.help(format!("convert it: `{wanted}(x)`"))
            } else {
                diagnostic
            });
        }
        Some(FieldRef { message: message.to_owned(), name: field.name.text.clone(), index: info.index })
    }
}
