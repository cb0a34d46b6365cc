//! Whether an event had the outcome that a test expects, and if not, why.
//!
//! In: an [`Offline`] run right after an event, and the expectation. Out: diagnostics. For a rule that did not fire they show the
//! first condition that failed, in the author's words and with the values that decided.

use rules_engine::{Reason, RuleIndex};
use serde_json::Value;

use super::prepare::Step;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::offline::{Observed, Offline};
use crate::set::Places;
use crate::source::{Sources, Spanned};
use crate::syntax::{Expectation, ExpectedCommand, Verb};
use crate::words::{Words, came_to};
use crate::yaml::{Kind, Node as Yaml};

/// What is known when an event is judged.
pub(super) struct Judge<'a> {
    pub(super) offline: &'a Offline,
    pub(super) package: &'a str,
    pub(super) places: &'a Places,
    pub(super) sources: &'a Sources,
    pub(super) step: &'a Step<'a>,
    /// The only rule that is looked at.
    pub(super) only: Option<&'a str>,
}

impl Judge<'_> {
    /// Compares everything that is expected with what was seen.
    pub(super) fn expectation(&self, expect: &Expectation, report: &mut Report) {
        let Some(seen) = self.offline.observed() else { return };
        if let Some(fires) = &expect.fires {
            self.fires(expect, fires, &seen, report);
        }
        if let Some(reason) = &expect.none {
            self.none(reason, &seen, report);
        }
        if let Some(commands) = &expect.commands {
            self.commands(expect, commands, &seen, report);
        }
    }

    fn fires(&self, expect: &Expectation, fires: &[Spanned<String>], seen: &Observed<'_>, report: &mut Report) {
        for rule in fires {
            if !seen.fired.iter().any(|at| self.is(*at, &rule.value)) {
                let words = format!("rule `{}` did not fire", rule.value);
                let d = Diagnostic::new(Code::TestFailed, rule.span, words).also(self.step.name_span, "for this event");
                report.push(self.why_not(&rule.value, seen, d));
            }
        }
        for extra in self.looked_at(seen.fired) {
            if !fires.iter().any(|rule| rule.value == extra) {
                let words = format!("rule `{extra}` fired, too");
                let d =
                    Diagnostic::new(Code::TestFailed, expect.span, words).also(self.step.name_span, "for this event");
                report.push(d.help(format!("add it to `fires`, or narrow the test to one rule with `rule: {extra}`")));
            }
        }
    }

    fn none(&self, reason: &Spanned<String>, seen: &Observed<'_>, report: &mut Report) {
        let fired = self.looked_at(seen.fired);
        if let Some(first) = fired.first() {
            let words = format!("rule `{first}` fired, and nothing should");
            let d = Diagnostic::new(Code::TestFailed, reason.span, words).also(self.step.name_span, "for this event");
            report.push(self.decided(first, d));
            return;
        }
        let held_back: Vec<(&str, Reason)> = self.held_back(seen);
        let found = match reason.value.as_str() {
            "" => true,
            "no_match" => held_back.is_empty(),
            word => held_back.iter().any(|(_, reason)| reason.word() == word),
        };
        if found {
            return;
        }
        let wanted = &reason.value;
        let words = match held_back.first() {
            Some((rule, reason)) => format!("rule `{rule}` was held back by `{}`, not by `{wanted}`", reason.word()),
            None => format!("no rule was held back by `{wanted}`: no condition held"),
        };
        let d = Diagnostic::new(Code::TestFailed, reason.span, words).also(self.step.name_span, "for this event");
        report.push(match self.only {
            Some(rule) => self.why_not(rule, seen, d),
            None => d.help("`none: any` takes any reason"),
        });
    }

    /// Rules of the package (or the only one that is looked at) among these.
    pub(super) fn looked_at(&self, rules: &[RuleIndex]) -> Vec<&str> {
        let set = self.offline.rule_set();
        let infos = rules.iter().map(|at| set.rule(*at)).filter(|info| &*info.package == self.package);
        infos.map(|info| &*info.id).filter(|id| self.only.is_none_or(|only| only == *id)).collect()
    }

    pub(super) fn held_back(&self, seen: &Observed<'_>) -> Vec<(&str, Reason)> {
        let set = self.offline.rule_set();
        let all = seen.suppressed.iter().map(|(at, reason)| (set.rule(*at), *reason));
        let ours = all.filter(|(info, _)| &*info.package == self.package);
        ours.map(|(info, reason)| (&*info.id, reason))
            .filter(|(id, _)| self.only.is_none_or(|only| only == *id))
            .collect()
    }

    /// Whether a command is of a rule that is looked at.
    pub(super) fn is_ours(&self, command: &edge_event::Command) -> bool {
        &*command.package == self.package && self.only.is_none_or(|only| only == &*command.rule)
    }

    fn is(&self, at: RuleIndex, id: &str) -> bool {
        let info = self.offline.rule_set().rule(at);
        &*info.package == self.package && &*info.id == id
    }

    /// Adds why the rule did not fire.
    fn why_not(&self, rule: &str, seen: &Observed<'_>, d: Diagnostic) -> Diagnostic {
        let set = self.offline.rule_set();
        let Some(index) = set.find_rule(self.package, rule) else {
            return d.note("why", "the rule is not enabled").help("set `enabled: true`");
        };
        let info = set.rule(index);
        if info.on != self.step.event_type {
            let on = set.catalogue().event_type(info.on).map_or("another event", |t| t.name.as_str());
            let words = format!("the rule looks at {on}, and this is {}", self.step.name);
            return d.note("why", words).help("expect it where its own event comes");
        }
        if let Some((_, reason)) = seen.suppressed.iter().find(|(at, _)| *at == index) {
            return self
                .decided(rule, d.note("why", held_back_because(*reason)))
                .help(format!("where that is right, write `expect: {{ none: {} }}`", reason.word()));
        }
        self.decided(rule, d).help("change the event, or the rule")
    }

    /// Adds the first condition that failed (or the whole condition, where it held) with the values that decided.
    fn decided(&self, rule: &str, d: Diagnostic) -> Diagnostic {
        let set = self.offline.rule_set();
        let Some(index) = set.find_rule(self.package, rule) else { return d };
        let Some(explanation) = self.offline.explain_last(index) else { return d };
        let places = self.places.get(&(self.package.to_owned(), rule.to_owned())).map_or(&[][..], |p| p);
        let words = Words { explanation: &explanation, places, sources: self.sources };
        let failed = words.failed().filter(|_| !places.is_empty());
        let mut d = d;
        if let Some((node, holds)) = failed {
            d = d.note("why", format!("`{}` {}", words.text(node), came_to(holds)));
        }
        let values = words.values(failed.map(|(node, _)| node));
        if values.is_empty() { d } else { d.note("values", values.join(", ")) }
    }

    fn commands(&self, expect: &Expectation, wanted: &[ExpectedCommand], seen: &Observed<'_>, report: &mut Report) {
        let ours = |c: &&edge_event::Command| self.is_ours(c);
        let (durable, replies): (Vec<_>, Vec<_>) =
            (seen.commands.iter().filter(ours).collect(), seen.replies.iter().filter(ours).collect());
        let (mut durable, mut replies) = (durable.into_iter(), replies.into_iter());
        for want in wanted {
            let found = if want.verb == Verb::Reply { replies.next() } else { durable.next() };
            let difference = match found {
                None => Some("was not ordered".to_owned()),
                Some(found) => difference(want, &found.action),
            };
            if let Some(difference) = difference {
                let words = format!("`{}: {}` {difference}", want.verb.key(), want.name.value);
                let d = Diagnostic::new(Code::TestFailed, want.span, words).also(self.step.name_span, "for this event");
                report.push(d.help("correct the expectation, or the action in `do`"));
            }
        }
        for extra in durable.chain(replies) {
            let words = format!("one more command was ordered: {}", describe(&extra.action));
            let d = Diagnostic::new(Code::TestFailed, expect.span, words).also(self.step.name_span, "for this event");
            report.push(d.help("`commands` lists all of them, in the order of rules and of their `do`"));
        }
    }
}

/// In words, after the rule's name.
pub(crate) fn held_back_because(reason: Reason) -> &'static str {
    match reason {
        Reason::Once => "its `once` was used before",
        Reason::Cooldown => "its `cooldown` is not over",
        Reason::Late => "the event came too late for the windows that the rule reads",
        Reason::Shadow => "it runs in shadow: it would have fired, and orders nothing",
        Reason::Error => "its condition or its commands have no value for this event",
        Reason::Capacity => "the table of its gate is full",
        Reason::Active => "its `active` says that it is not its time",
        Reason::Variation => "the variation that was chosen holds it back",
        Reason::Rollout => "its `rollout` leaves this one out",
        Reason::Group => "another rule of its `group` fired for this event",
        Reason::RateLimit => "its `rate_limit` is used up",
    }
}

/// The verb, name, id and body of an action.
pub(super) fn parts(action: &edge_event::Action) -> (&'static str, &str, Option<&str>, Value) {
    use edge_event::Action::{CancelWorkflow, Publish, Reply, SignalWorkflow, StartWorkflow};
    let body = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let kind = action.kind();
    match action {
        StartWorkflow { workflow, workflow_id, input } => (kind, workflow, Some(workflow_id), body(input)),
        SignalWorkflow { workflow_id, signal, input } => (kind, signal, Some(workflow_id), body(input)),
        CancelWorkflow { workflow_id } => (kind, "", Some(workflow_id), Value::Null),
        Publish { topic, message } => (kind, topic, None, body(message)),
        Reply { name, body: bytes } => (kind, name, None, body(bytes)),
    }
}

/// `publish topic {…}`
pub(crate) fn describe(action: &edge_event::Action) -> String {
    let (kind, name, id, body) = parts(action);
    let id = id.map(|id| format!(", id {id}")).unwrap_or_default();
    format!("{kind} {name}{id} {body}")
}

/// How a command differs from what is expected; `None` where it does not.
pub(super) fn difference(want: &ExpectedCommand, action: &edge_event::Action) -> Option<String> {
    let (kind, name, id, body) = parts(action);
    // A cancel command carries the id alone.
    let same_name = name.is_empty() || name == want.name.value;
    if kind != want.verb.key() || !same_name {
        return Some(format!("was expected here, and the command is {}", describe(action)));
    }
    if let Some(wanted) = &want.id
        && id != Some(wanted.value.as_str())
    {
        return Some(format!("has the id `{}`, not `{}`", id.unwrap_or(""), wanted.value));
    }
    unlike(want.body.as_ref()?, &body, "")
}

/// How a value differs from what is written; members that are not written are not looked at.
fn unlike(want: &Yaml, found: &Value, path: &str) -> Option<String> {
    let at = if path.is_empty() { "the body".to_owned() } else { format!("`{path}`") };
    match (&want.kind, found) {
        (Kind::Map(entries), Value::Object(object)) => entries.iter().find_map(|entry| {
            let inner = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
            match object.get(&entry.key) {
                Some(found) => unlike(&entry.value, found, &inner),
                None => Some(format!("has no `{inner}` in its body")),
            }
        }),
        (Kind::List(items), Value::Array(found)) => {
            if items.len() != found.len() {
                return Some(format!("has {} items in {at}, not {}", found.len(), items.len()));
            }
            let mut pairs = items.iter().zip(found).enumerate();
            pairs.find_map(|(i, (want, found))| unlike(want, found, &format!("{path}[{i}]")))
        }
        (Kind::Scalar(scalar), found) => {
            let text = scalar.text.as_str();
            let same = match found {
                Value::String(s) => s == text,
                Value::Bool(b) => text == b.to_string(),
                Value::Null => matches!(text, "null" | ""),
                Value::Number(n) => text == n.to_string() || text.parse::<f64>().is_ok_and(|t| n.as_f64() == Some(t)),
                Value::Array(_) | Value::Object(_) => false,
            };
            (!same).then(|| format!("has {found} in {at}, not `{text}`"))
        }
        (_, found) => Some(format!("has {found} in {at}")),
    }
}
