//! One item of `tests:`.
//!
//! In: its node. Out: a [`TestDecl`] whose events are in the order of time. What the events' fields mean is decided against
//! the catalogue when the test runs.

use super::reader::{Fields, Reader};
use super::{Expectation, ExpectedCommand, TestDecl, TestEvent, Verb};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Spanned;
use crate::yaml::Node;

/// Most events of one test.
const MAX_EVENTS: usize = 10_000;

/// Why nothing fired, as `expect: { none: … }` says it.
const REASONS: [&str; 12] = [
    "no_match",
    "active",
    "variation",
    "rollout",
    "once",
    "cooldown",
    "group",
    "rate_limit",
    "shadow",
    "late",
    "error",
    "capacity",
];

impl Reader<'_> {
    pub(super) fn test(&mut self, node: &Node) -> Option<TestDecl> {
        let mut fields = self.fields(node, "a test")?;
        let name = fields.need(self, "name").and_then(|n| self.text(n, "a test's name"));
        let rule = fields.get("rule").map(|n| self.name(n, "a rule's id", false));
        let mut test = TestDecl {
            span: node.span,
            name: Spanned::new(String::new(), node.span.at_start()),
            rule: None,
            start_ms: None,
            conn: Vec::new(),
            params: Vec::new(),
            events: Vec::new(),
        };
        if let Some(given) = fields.get("given") {
            self.given(given, &mut test);
        }
        if let Some(events) = fields.need(self, "events") {
            self.test_events(events, &mut test);
        }
        fields.finish(self);
        if node.cut_off {
            return None;
        }
        test.name = name?;
        test.rule = match rule {
            Some(rule) => Some(rule?),
            None => None,
        };
        Some(test)
    }

    fn given(&mut self, node: &Node, test: &mut TestDecl) {
        let Some(mut fields) = self.fields(node, "`given`") else { return };
        if let Some(start) = fields.get("start") {
            test.start_ms = self.start(start);
        }
        if let Some(conn) = fields.get("conn")
            && let Some(mut conn) = self.fields(conn, "`conn`")
        {
            test.conn = conn.rest().into_iter().map(|(name, value)| (name, value.clone())).collect();
        }
        if let Some(params) = fields.get("params")
            && let Some(mut params) = self.fields(params, "`params`")
        {
            let given = params.rest();
            test.params = given
                .into_iter()
                .filter_map(|(name, value)| Some((name, self.literal(value, "a parameter")?)))
                .collect();
        }
        fields.finish(self);
    }

    /// When the test begins.
    fn start(&mut self, node: &Node) -> Option<i64> {
        let text = self.text(node, "`start`")?;
        let start = rules_catalogue::parse_rfc3339(&text.value);
        if start.is_none() {
            let words = format!("`start` cannot be `{}`", text.value);
            let help =
                "write a moment with its distance to UTC: `2026-12-04T18:00:00+01:00`, or `2026-12-04T17:00:00Z`";
            self.push(Diagnostic::new(Code::BadValue, node.span, words).help(help));
        }
        Some(start?.0)
    }

    fn test_events(&mut self, node: &Node, test: &mut TestDecl) {
        let items = self.items(node, "`events`");
        if items.len() > MAX_EVENTS {
            let words = format!("a test has {} events; limit {MAX_EVENTS}", items.len());
            self.push(Diagnostic::new(Code::TooLarge, node.span.at_start(), words).help("split the test in two"));
            return;
        }
        let mut last = i64::MIN;
        for item in items {
            let Some(event) = self.test_event(item) else { continue };
            let arrives = event.arrives.as_ref().unwrap_or(&event.at).clone();
            if arrives.value < last {
                let words = "an event arrives before the one above it";
                let d = Diagnostic::new(Code::TestOrder, arrives.span, words);
                self.push(d.help("sort the events; `arrives:` says when an event came in if that differs from `at:`"));
            }
            last = last.max(arrives.value);
            test.events.push(event);
        }
    }

    fn test_event(&mut self, node: &Node) -> Option<TestEvent> {
        let mut fields = self.fields(node, "an event of a test")?;
        let at = fields.need(self, "at").and_then(|n| self.duration_ms(n, "`at`", 0));
        let arrives = fields.get("arrives").and_then(|n| self.duration_ms(n, "`arrives`", 0));
        let player = fields.get("player").and_then(|n| self.text(n, "a player"));
        let expect = fields.get("expect").and_then(|n| self.expectation(n));
        let mut events = fields.rest().into_iter();
        let event = events.next().map(|(name, value)| (name, value.clone()));
        for (name, _) in events {
            let words = format!("one step cannot have two events; `{}` is the second", name.value);
            self.push(Diagnostic::new(Code::UnknownKey, name.span, words).help("make it a step of its own"));
        }
        if event.is_none() && !node.cut_off {
            let d = Diagnostic::new(Code::MissingKey, node.span.at_start(), "a step of a test has no event");
            self.push(d.help("add `EventType: { field: value }`"));
        }
        Some(TestEvent { span: node.span, at: at?, arrives, player, event, expect })
    }

    fn expectation(&mut self, node: &Node) -> Option<Expectation> {
        let mut fields = self.fields(node, "`expect`")?;
        let fires = fields.get("fires").map(|n| {
            let items = self.items(n, "`fires`");
            items.iter().filter_map(|item| self.name(item, "a rule's id", false)).collect::<Vec<_>>()
        });
        let none = fields.get("none").and_then(|n| self.none_reason(n));
        let commands = fields.get("commands").map(|n| {
            let items = self.items(n, "`commands`");
            items.iter().filter_map(|item| self.expected_command(item)).collect::<Vec<_>>()
        });
        fields.finish(self);
        if fires.is_none() && none.is_none() && commands.is_none() {
            let d = Diagnostic::new(Code::EmptyExpectation, node.span, "`expect` expects nothing");
            self.push(d.help("write `fires: [rule_id]`, `none: cooldown`, or `commands: […]`"));
            return None;
        }
        if let (Some(_), Some(none)) = (&fires, &none) {
            let d = Diagnostic::new(Code::EmptyExpectation, none.span, "`expect` has both `fires` and `none`");
            self.push(d.help("keep one of them"));
        }
        Some(Expectation { span: node.span, fires, none, commands })
    }

    fn none_reason(&mut self, node: &Node) -> Option<Spanned<String>> {
        if node.is_absent() {
            return Some(Spanned::new(String::new(), node.span));
        }
        let words = REASONS.map(|reason| (reason, reason)).to_vec();
        let words = [words, vec![("any", "")]].concat();
        let found = self.word(node, "`none`", &words)?;
        Some(Spanned::new(found.value.to_owned(), found.span))
    }

    fn expected_command(&mut self, node: &Node) -> Option<ExpectedCommand> {
        let mut fields: Fields<'_> = self.fields(node, "an expected command")?;
        let verb = Verb::ALL.into_iter().find(|verb| fields.has(verb.key()));
        let Some(verb) = verb else {
            let d = Diagnostic::new(Code::NoAction, node.span, "an expected command does not say what it does");
            self.push(d.help("begin as in `do:`, e.g. `{ publish: topic, message: { field: value } }`"));
            return None;
        };
        let name = fields.need(self, verb.key()).and_then(|n| self.name(n, "a name", true));
        let id = fields.get("id").and_then(|n| self.text(n, "`id`"));
        let body = verb.body_key().and_then(|key| fields.get(key)).cloned();
        fields.finish(self);
        Some(ExpectedCommand { span: node.span, verb, name: name?, id, body })
    }
}
