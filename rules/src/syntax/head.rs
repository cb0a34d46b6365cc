//! The headers `rules/v1` and `params/v1`, and the sections `sets` and `params`.
//!
//! In: their nodes. Out: [`Head`], [`ParamsHead`], [`SetDecl`], [`ParamDecl`].

use super::reader::Reader;
use super::scalar::parse_duration_ms;
use super::{Bound, Head, ParamDecl, ParamValue, ParamsHead, SetDecl};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{Span, Spanned};
use crate::yaml::{Kind, Node};

/// Most members of one set.
const MAX_SET_ITEMS: usize = 10_000;

#[derive(Clone, Copy)]
enum ParamType {
    Bool,
    Int,
    Double,
    Text,
    Duration,
}

impl Reader<'_> {
    pub(super) fn head(&mut self, node: &Node) -> Option<Head> {
        let mut fields = self.fields(node, "the header `rules/v1`")?;
        let package = fields.need(self, "package").and_then(|n| self.name(n, "a package", true));
        let catalogue = fields.need(self, "catalogue").and_then(|n| self.name(n, "a catalogue", true));
        let owner = fields.need(self, "owner").and_then(|n| self.text(n, "an owner"));
        let params = fields.get("params").and_then(|n| self.text(n, "`params`"));
        fields.finish(self);
        Some(Head { span: node.span, package: package?, catalogue: catalogue?, owner: owner?, params })
    }

    pub(super) fn params_head(&mut self, node: &Node) -> Option<ParamsHead> {
        let mut fields = self.fields(node, "the header `params/v1`")?;
        let package = fields.need(self, "package").and_then(|n| self.name(n, "a package", true));
        if let Some(owner) = fields.get("owner") {
            self.text(owner, "an owner");
        }
        fields.finish(self);
        Some(ParamsHead { package: package? })
    }

    pub(super) fn sets(&mut self, node: &Node) -> Vec<SetDecl> {
        let Some(mut fields) = self.fields(node, "`sets`") else { return Vec::new() };
        let mut sets = Vec::new();
        for (name, value) in fields.rest() {
            let Some(name) = self.checked_name(name, "the name of a set", true) else { continue };
            let items = self.items(value, "a set");
            if items.len() > MAX_SET_ITEMS {
                let words = format!("set `{}` has {} members; limit {MAX_SET_ITEMS}", name.value, items.len());
                self.push(Diagnostic::new(Code::TooLarge, name.span, words));
                continue;
            }
            let items: Vec<_> = items.iter().filter_map(|item| self.literal(item, "a member of a set")).collect();
            sets.push(SetDecl { name, items });
        }
        sets
    }

    pub(super) fn params(&mut self, node: &Node) -> Vec<ParamDecl> {
        let Some(mut fields) = self.fields(node, "`params`") else { return Vec::new() };
        let declared = fields.rest();
        declared.into_iter().filter_map(|(name, value)| self.param(name, value)).collect()
    }

    fn param(&mut self, name: Spanned<String>, node: &Node) -> Option<ParamDecl> {
        let name = self.checked_name(name, "the name of a parameter", false)?;
        let mut fields = self.fields(node, "a parameter")?;
        let types = [
            ("bool", ParamType::Bool),
            ("int", ParamType::Int),
            ("double", ParamType::Double),
            ("string", ParamType::Text),
            ("duration", ParamType::Duration),
        ];
        let of = fields.need(self, "type").and_then(|n| self.word(n, "`type`", &types));
        let default = fields.need(self, "default");
        let range = fields.get("range");
        let tunable = fields.get("tunable").and_then(|n| self.switch(n, "`tunable`")).unwrap_or(false);
        if let Some(doc) = fields.get("doc") {
            self.text(doc, "`doc`");
        }
        fields.finish(self);
        let (of, default) = (of?, default?);
        let value = self.param_value(default, of.value)?;
        let range = range.and_then(|n| self.range(n, of.value));
        if let Some(range) = &range {
            self.within_range(&value, range);
        }
        Some(ParamDecl { name, value, range, tunable })
    }

    fn param_value(&mut self, node: &Node, of: ParamType) -> Option<Spanned<ParamValue>> {
        let what = "`default`";
        let value = match of {
            ParamType::Bool => ParamValue::Bool(self.switch(node, what)?),
            ParamType::Int => ParamValue::Int(self.whole(node, what, i64::MIN, i64::MAX)?.value),
            ParamType::Text => ParamValue::Text(self.text(node, what)?.value),
            ParamType::Duration => ParamValue::DurationMs(self.duration_ms(node, what, 0)?.value),
            ParamType::Double => {
                let text = self.text(node, what)?;
                match text.value.parse::<f64>().ok().filter(|n| n.is_finite()) {
                    Some(n) => ParamValue::Double(n),
                    None => {
                        let words = format!("{what} cannot be `{}`", text.value);
                        self.push(
                            Diagnostic::new(Code::BadValue, node.span, words).help("write a number such as `0.5`"),
                        );
                        return None;
                    }
                }
            }
        };
        Some(Spanned::new(value, node.span))
    }

    /// `1..=10`, `1..=`, `..=10`.
    fn range(&mut self, node: &Node, of: ParamType) -> Option<Spanned<(Bound, Bound)>> {
        let text = self.text(node, "`range`")?;
        let bound = |part: &str| -> Option<Bound> {
            let part = part.trim();
            match of {
                _ if part.is_empty() => Some(None),
                ParamType::Duration => Some(Some(parse_duration_ms(part)? as f64)),
                ParamType::Int | ParamType::Double => part.parse().ok().filter(|n: &f64| n.is_finite()).map(Some),
                ParamType::Bool | ParamType::Text => None,
            }
        };
        let ends = text.value.split_once("..=").and_then(|(low, high)| Some((bound(low)?, bound(high)?)));
        let ordered = ends.filter(|(low, high)| low.zip(*high).is_none_or(|(low, high)| low <= high));
        if ordered.is_none() {
            let words = format!("`range` cannot be `{}`", text.value);
            let help =
                "write `1..=10`, `1..=` or `..=10`, in the parameter's own unit; only numbers and durations have one";
            self.push(Diagnostic::new(Code::BadValue, node.span, words).help(help));
        }
        Some(Spanned::new(ordered?, node.span))
    }

    fn within_range(&mut self, value: &Spanned<ParamValue>, range: &Spanned<(Bound, Bound)>) {
        let number = match value.value {
            ParamValue::Int(n) => n as f64,
            ParamValue::Double(n) => n,
            ParamValue::DurationMs(ms) => ms as f64,
            ParamValue::Bool(_) | ParamValue::Text(_) => return,
        };
        let (low, high) = range.value;
        if low.is_some_and(|low| number < low) || high.is_some_and(|high| number > high) {
            let d =
                Diagnostic::new(Code::ParamOutOfRange, value.span, "the default lies outside the parameter's range");
            self.push(d.also(range.span, "the range").help("change one of the two"));
        }
    }

    /// Whether a section with this key may stand in a file with this header; complains where not.
    pub(super) fn belongs(&mut self, section: &str, key: Span, allowed: bool) -> bool {
        if !allowed {
            let words = format!("`{section}` cannot stand in a file of parameters");
            self.push(
                Diagnostic::new(Code::WrongFile, key, words).help("move it to a file that begins with `rules/v1:`"),
            );
        }
        allowed
    }
}

/// The key span of a section, for messages.
pub(super) fn key_span(root: &Node, key: &str) -> Span {
    match &root.kind {
        Kind::Map(entries) => entries.iter().find(|e| e.key == key).map_or(root.span, |e| e.key_span),
        _ => root.span,
    }
}
