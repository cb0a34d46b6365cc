//! One item of `do:`, and the templates of bodies.
//!
//! In: its node. Out: an [`ActionDecl`]. Values in a body are expressions: `zone: event.zone` copies the field, and a
//! constant text needs quotes inside the quotes: `kind: "'retry'"`.

use super::reader::{Fields, Reader};
use super::{ActionDecl, Template, TemplateValue, Verb};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Spanned;
use crate::yaml::{Kind, Node};

/// Most members of one body, counted through all its levels.
pub(crate) const MAX_BODY_VALUES: usize = 256;

impl Reader<'_> {
    pub(super) fn action(&mut self, node: &Node) -> Option<ActionDecl> {
        let mut fields = self.fields(node, "an action")?;
        let (verb, name) = self.verb(&mut fields)?;
        let name = self.name(name, "the name of a workflow, signal, topic or reply", true);
        let id = if verb.needs_id() { fields.need(self, "id") } else { None };
        let id = id.map(|n| self.cel(n, "`id`"));
        let body = match verb.body_key() {
            Some(key) => fields.get(key).and_then(|n| self.body(n)),
            None => None,
        };
        let (mut priority, mut granting, mut deadline_ms) = (None, false, None);
        if verb == Verb::Reply {
            self.refuse_for_reply(&mut fields);
        } else {
            priority = fields.get("priority").and_then(|n| self.priority(n));
            granting = fields.get("granting").and_then(|n| self.switch(n, "`granting`")).unwrap_or(false);
            deadline_ms = fields.get("deadline").and_then(|n| self.duration_ms(n, "`deadline`", 1));
        }
        fields.finish(self);
        let id = match id {
            Some(id) => Some(id?),
            None if verb.needs_id() => return None,
            None => None,
        };
        let body = body.unwrap_or_default();
        Some(ActionDecl { span: node.span, verb, name: name?, id, body, priority, granting, deadline_ms })
    }

    /// Exactly one of the verbs must be there.
    fn verb<'n>(&mut self, fields: &mut Fields<'n>) -> Option<(Verb, &'n Node)> {
        let mut found: Option<(Verb, &Node)> = None;
        for verb in Verb::ALL {
            let Some(node) = fields.get(verb.key()) else { continue };
            if let Some((first, _)) = found {
                let words = format!("an action has both `{}` and `{}`", first.key(), verb.key());
                let d = Diagnostic::new(Code::TwoVerbs, node.span, words);
                self.push(d.help("make them two items of `do`"));
                continue;
            }
            found = Some((verb, node));
        }
        if found.is_none() {
            let known: Vec<_> = Verb::ALL.iter().map(|v| format!("`{}`", v.key())).collect();
            let guess = fields.keys().find_map(|k| crate::suggest::nearest(k, Verb::ALL.map(Verb::key)));
            let d =
                Diagnostic::new(Code::NoAction, fields.span(), "an action does not say what to do").did_you_mean(guess);
            self.push(d.help(format!("use one of {}", known.join(", "))));
        }
        found
    }

    /// A reply is volatile: sent at once or not at all.
    fn refuse_for_reply(&mut self, fields: &mut Fields<'_>) {
        for key in ["priority", "granting", "deadline"] {
            if let Some(node) = fields.get(key) {
                let words = format!("a reply has no `{key}`");
                let d = Diagnostic::new(Code::ReplyIsVolatile, node.span, words);
                self.push(d.help("a reply is sent at once and never stored; use `publish` for what must arrive"));
            }
        }
    }

    fn body(&mut self, node: &Node) -> Option<Template> {
        if node.is_absent() {
            return Some(Template::default());
        }
        let mut budget = MAX_BODY_VALUES;
        let body = self.template(node, &mut budget);
        if budget == 0 {
            let words = format!("a body has more than {MAX_BODY_VALUES} values");
            self.push(
                Diagnostic::new(Code::TooLarge, node.span.at_start(), words).help("send less, or in two commands"),
            );
        }
        body
    }

    /// Recursion is bounded by the depth of the YAML tree.
    fn template(&mut self, node: &Node, budget: &mut usize) -> Option<Template> {
        let mut fields = self.fields(node, "a body")?;
        let mut out = Template::default();
        for (name, value) in fields.rest() {
            if let Some(value) = self.template_value(&name, value, budget) {
                out.fields.push((name, value));
            }
        }
        Some(out)
    }

    fn template_value(&mut self, name: &Spanned<String>, node: &Node, budget: &mut usize) -> Option<TemplateValue> {
        *budget = budget.checked_sub(1)?;
        match &node.kind {
            Kind::Map(_) => Some(TemplateValue::Object(self.template(node, budget)?)),
            Kind::List(items) => {
                let items = items.iter().filter_map(|item| self.template_value(name, item, budget));
                Some(TemplateValue::List(items.collect()))
            }
            Kind::Scalar(_) if node.is_absent() => {
                let words = format!("`{}` has no value", name.value);
                let help = "write an expression, e.g. `event.zone`, or `null` where nothing is meant";
                self.push(Diagnostic::new(Code::MissingKey, name.span, words).help(help));
                None
            }
            Kind::Scalar(_) => Some(TemplateValue::Expr(self.cel(node, "a value")?)),
        }
    }
}
