//! `do:`: what a rule orders.
//!
//! In: an [`ActionDecl`]. Out: an [`ActionIr`] whose body is a walk with rising names. Checked here: an id that a client can
//! shape contains the player; granting commands depend on attested data alone.

use edge_event::Provenance;
use rules_cel::Type;
use rules_cel::checked::NodeId;
use rules_engine::ir::{ActionIr, ActionKind, ExprIr, Node, TemplateEntry, TemplateIr, limits};

use super::Building;
use super::rule::Triggered;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Expr, Scope, check, check_as, cost_of, in_words, lower, names_player, tainted_by, variables, whole};
use crate::set::limits::Sum;
use crate::source::Spanned;
use crate::syntax::{ActionDecl, Cel, Template, TemplateValue, Verb};

/// Expressions of a rule that are looked at again when the whole rule is known.
pub(crate) type Seen<'a> = Vec<(Expr<'a>, Scope<'a>)>;

impl Building<'_> {
    /// Compiles one action. What it reads is added to `seen`.
    pub(crate) fn action<'a>(
        &mut self,
        decl: &'a ActionDecl,
        rule: &Triggered<'a>,
        sum: &mut Sum,
        seen: &mut Seen<'a>,
    ) -> Option<ActionIr> {
        let name = decl.name.value.clone();
        let kind = match decl.verb {
            Verb::StartWorkflow => ActionKind::StartWorkflow { workflow: name },
            Verb::SignalWorkflow => ActionKind::SignalWorkflow { signal: name },
            Verb::CancelWorkflow => ActionKind::CancelWorkflow,
            Verb::Publish => ActionKind::Publish { topic: name },
            Verb::Reply => ActionKind::Reply { name },
        };
        let id = decl.id.as_ref().map(|cel| self.workflow_id(cel, rule, sum, seen));
        let mut entries = Vec::new();
        let body = self.template(&decl.body, rule, sum, seen, &mut entries, 0);
        if decl.deadline_ms.as_ref().is_some_and(|d| d.value as u64 > limits::MAX_SPAN_MS) {
            let span = decl.deadline_ms.as_ref().map_or(decl.span, |d| d.span);
            self.report.push(Diagnostic::new(Code::BadValue, span, "a deadline is at most `400d`"));
            return None;
        }
        body?;
        let id = match id {
            Some(id) => Some(id?),
            None => None,
        };
        Some(ActionIr {
            kind,
            id,
            input: TemplateIr { entries },
            priority: decl.priority.as_ref().map(|p| p.value).unwrap_or_default(),
            deadline_ms: decl.deadline_ms.as_ref().map(|d| d.value as u64),
            granting: decl.granting,
        })
    }

    fn workflow_id<'a>(
        &mut self,
        cel: &'a Cel,
        rule: &Triggered<'a>,
        sum: &mut Sum,
        seen: &mut Seen<'a>,
    ) -> Option<ExprIr> {
        let expr = check_as(cel, rule.scope, &Type::String, "a workflow's id", self.report)?;
        sum.add(&expr, &cost_of(&expr, rule.scope));
        let mut fine = true;
        if let Some((at, why)) = tainted_by(&expr, rule.scope).or_else(|| self.forgeable_count(&expr, rule))
            && !names_player(&expr, expr.checked.root())
        {
            let words = "a client can shape this id, and it does not contain the player";
            let d = Diagnostic::new(Code::IdWithoutPlayer, expr.span_of(at), words).label(why);
            self.report.push(d.help("put the player in front: `\"'name-' + player.id + '-' + …\"`"));
            fine = false;
        }
        let lowered = lower(&expr, rule.scope, &mut self.pools, self.report);
        seen.push((expr, rule.scope));
        lowered.filter(|_| fine)
    }

    /// What `let` gathers of events that clients may send, in an expression: they can shape it.
    fn forgeable_count(&self, expr: &Expr<'_>, rule: &Triggered<'_>) -> Option<(NodeId, String)> {
        let read = variables(expr);
        let counts = rule.decl.lets.iter().filter(|decl| read.contains(&decl.name.value));
        let mut counted = counts.filter_map(|decl| self.catalogue.event_type_by_name(&decl.of.value));
        let found = counted.find(|t| t.provenance.allows(Provenance::Client))?;
        Some((expr.checked.root(), format!("clients may send {}, which is gathered", found.name)))
    }

    /// Writes an object's members in the order of their names. Recursion is bounded by the depth of the file's tree.
    fn template<'a>(
        &mut self,
        template: &'a Template,
        rule: &Triggered<'a>,
        sum: &mut Sum,
        seen: &mut Seen<'a>,
        out: &mut Vec<TemplateEntry>,
        depth: usize,
    ) -> Option<()> {
        let mut fine = Some(());
        let mut fields: Vec<&(Spanned<String>, TemplateValue)> = template.fields.iter().collect();
        fields.sort_by(|a, b| a.0.value.cmp(&b.0.value));
        for (name, value) in fields {
            if name.value.is_empty() || name.value.len() > limits::MAX_NAME_BYTES {
                let words = format!("a name in a body has 1 to {} bytes", limits::MAX_NAME_BYTES);
                self.report.push(Diagnostic::new(Code::BadName, name.span, words));
                fine = None;
            }
            match value {
                TemplateValue::Object(object) => {
                    if depth + 1 >= limits::MAX_TEMPLATE_DEPTH {
                        let words = format!("a body is nested deeper than {} objects", limits::MAX_TEMPLATE_DEPTH);
                        self.report.push(Diagnostic::new(Code::TooLarge, name.span, words));
                        return None;
                    }
                    out.push(TemplateEntry::Open { name: name.value.clone() });
                    if self.template(object, rule, sum, seen, out, depth + 1).is_none() {
                        fine = None;
                    }
                    out.push(TemplateEntry::Close);
                }
                value => match self.body_value(value, rule, sum, seen) {
                    Some(value) => out.push(TemplateEntry::Value { name: name.value.clone(), value }),
                    None => fine = None,
                },
            }
        }
        if out.len() > limits::MAX_TEMPLATE_ENTRIES {
            let span = template.fields.first().map_or(rule.decl.id.span, |(name, _)| name.span);
            let words = format!("a body has more than {} members", limits::MAX_TEMPLATE_ENTRIES);
            self.report.push(Diagnostic::new(Code::TooLarge, span, words));
            return None;
        }
        fine
    }

    /// An expression, or a list or an object within a list, which become expressions that make them.
    fn body_value<'a>(
        &mut self,
        value: &'a TemplateValue,
        rule: &Triggered<'a>,
        sum: &mut Sum,
        seen: &mut Seen<'a>,
    ) -> Option<ExprIr> {
        match value {
            TemplateValue::Expr(cel) => {
                let expr = check(cel, rule.scope, self.report)?;
                sum.add(&expr, &cost_of(&expr, rule.scope));
                self.lint(&expr, rule.scope);
                let carried = self.can_be_carried(&expr);
                let lowered = lower(&expr, rule.scope, &mut self.pools, self.report);
                seen.push((expr, rule.scope));
                lowered.filter(|_| carried)
            }
            TemplateValue::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.body_value(item, rule, sum, seen)).collect();
                let mut joined = ExprIr::default();
                let roots =
                    items.into_iter().map(|item| Some(append(&mut joined, item?))).collect::<Option<Vec<_>>>()?;
                joined.nodes.push(Node::List(roots));
                Some(joined)
            }
            TemplateValue::Object(object) => {
                let mut joined = ExprIr::default();
                let mut pairs = Vec::with_capacity(object.fields.len());
                for (name, value) in &object.fields {
                    let value = self.body_value(value, rule, sum, seen)?;
                    let name = self.pools.constant(rules_engine::ir::ConstIr::String(name.value.clone()));
                    joined.nodes.push(Node::Const(name));
                    let key = joined.nodes.len() as u32 - 1;
                    pairs.push((key, append(&mut joined, value)));
                }
                joined.nodes.push(Node::Map(pairs));
                Some(joined)
            }
        }
    }

    fn can_be_carried(&mut self, expr: &Expr<'_>) -> bool {
        let Some(odd) = not_json(expr.ty()) else { return true };
        let words = format!("a body cannot carry {}", in_words(odd));
        let d = Diagnostic::new(Code::BadBodyValue, whole(expr.cel), words);
        self.report.push(d.help("name the fields that are needed, e.g. `{ zone: event.zone }`"));
        false
    }

    /// A granting command depends on attested data alone: the events, the connection, everything it reads.
    pub(crate) fn check_granting(&mut self, rule: &Triggered<'_>, seen: &Seen<'_>) {
        let Some(action) = rule.decl.actions.iter().find(|a| a.granting) else { return };
        let help = "let an event that only game servers send decide, and leave out what the client says about itself";
        let mut found: Vec<(crate::source::Span, String)> = Vec::new();
        let event = rule.scope.event;
        if event.provenance.allows(Provenance::Client) {
            found.push((rule.decl.on.span, format!("clients may send {}", event.name)));
        }
        for decl in &rule.decl.lets {
            let counted = self.catalogue.event_type_by_name(&decl.of.value);
            if counted.is_some_and(|t| t.provenance.allows(Provenance::Client)) {
                found.push((decl.of.span, format!("clients may send {}", decl.of.value)));
            }
        }
        let read = seen.iter().filter_map(|(expr, scope)| {
            let (at, why) = tainted_by(expr, *scope)?;
            Some((expr.span_of(at), why))
        });
        // That clients may send an event was said above; what they say about themselves is said at each place.
        let all = read.chain(std::mem::take(&mut self.forgeable));
        found.extend(all.filter(|(_, why)| why.starts_with('`')));
        let mut found = found.into_iter();
        let Some((span, why)) = found.next() else { return };
        let words = "a granting command depends on what a client can make up";
        let mut d =
            Diagnostic::new(Code::GrantingTaint, span, words).label(why).also(action.span, "this command grants");
        for (span, why) in found {
            d = d.also(span, why);
        }
        self.report.push(d.help(help));
    }
}

/// Puts an expression behind another one; gives its root's new place.
fn append(to: &mut ExprIr, expr: ExprIr) -> u32 {
    let by = to.nodes.len() as u32;
    to.nodes.extend(expr.nodes.into_iter().map(|node| shifted(node, by)));
    to.nodes.len() as u32 - 1
}

fn shifted(node: Node, by: u32) -> Node {
    let all = |ids: Vec<u32>| ids.into_iter().map(|id| id + by).collect::<Vec<_>>();
    match node {
        Node::Const(_)
        | Node::Param(_)
        | Node::Var(_)
        | Node::Field(_)
        | Node::HasField(_)
        | Node::Let(_)
        | Node::HasLet(_)
        | Node::Local(_) => node,
        Node::Select { of, number } => Node::Select { of: of + by, number },
        Node::HasSelect { of, number } => Node::HasSelect { of: of + by, number },
        Node::Unary { op, of } => Node::Unary { op, of: of + by },
        Node::Binary { op, left, right } => Node::Binary { op, left: left + by, right: right + by },
        Node::And(parts) => Node::And(all(parts)),
        Node::Or(parts) => Node::Or(all(parts)),
        Node::If { condition, then, otherwise } => {
            Node::If { condition: condition + by, then: then + by, otherwise: otherwise + by }
        }
        Node::InSet { of, set } => Node::InSet { of: of + by, set },
        Node::Matches { of, regex } => Node::Matches { of: of + by, regex },
        Node::Call { function, args } => Node::Call { function, args: all(args) },
        Node::List(items) => Node::List(all(items)),
        Node::Map(pairs) => Node::Map(pairs.into_iter().map(|(k, v)| (k + by, v + by)).collect()),
        Node::Comprehension { kind, range, predicate, transform } => Node::Comprehension {
            kind,
            range: range + by,
            predicate: predicate.map(|p| p + by),
            transform: transform.map(|t| t + by),
        },
    }
}

/// The part of a type that JSON has no form for.
fn not_json(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Message(_) | Type::Type(_) | Type::Optional(_) | Type::Wrapper(_) => Some(ty),
        Type::List(of) => not_json(of),
        Type::Map(key, value) => {
            if matches!(**key, Type::String | Type::Dyn) {
                not_json(value)
            } else {
                Some(key)
            }
        }
        _ => None,
    }
}
