//! One item of `rules:`.
//!
//! In: its node. Out: a [`RuleDecl`], or nothing where its essential parts are missing (each missing part is named). Keys of
//! the full language that this release does not have are refused by name.

use edge_event::Priority;

use super::reader::{Fields, Reader};
use super::{ActionDecl, RuleDecl};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Spanned;
use crate::yaml::Node;

/// Keys of the full language that come later.
const LATER: [&str; 5] = ["sequence", "within", "by", "time", "scope"];

/// Most rules and workflows that one rule depends on.
const MAX_DEPENDENCIES: usize = rules_engine::ir::limits::MAX_DEPENDENCIES;

/// Most actions of one rule.
pub(crate) const MAX_ACTIONS: usize = 16;

impl Reader<'_> {
    pub(super) fn rule(&mut self, node: &Node) -> Option<RuleDecl> {
        let mut fields = self.fields(node, "a rule")?;
        let id = fields.need(self, "id").and_then(|n| self.name(n, "a rule's id", false));
        let doc = fields.get("doc").and_then(|n| self.text(n, "`doc`")).map(|text| text.value);
        let owner = fields.get("owner").and_then(|n| self.text(n, "an owner"));
        let contact = fields.get("contact").and_then(|n| self.text(n, "a contact"));
        let depends_on = self.depends_on(&mut fields);
        let tags = self.tags(&mut fields);
        let on = self.on(&mut fields);
        let (lets, broken_lets) = fields.get("let").map(|n| self.lets(n)).unwrap_or_default();
        let when = fields.get("when").map(|n| self.cel(n, "`when`"));
        let active = self.optional(&mut fields, "active", Reader::active);
        let variations = self.optional(&mut fields, "variations", Reader::variations);
        let rollout = self.optional(&mut fields, "rollout", Reader::rollout);
        let once = fields.get("once").map(|n| self.once(n));
        let cooldown = fields.get("cooldown").map(|n| self.cooldown(n));
        let group = self.optional(&mut fields, "group", Reader::group);
        let rate_limit = self.optional(&mut fields, "rate_limit", Reader::rate_limit);
        let precedence = fields.get("precedence").and_then(|n| self.whole(n, "`precedence`", -1_000_000, 1_000_000));
        let shadow = fields.get("mode").and_then(|n| self.word(n, "`mode`", &[("live", false), ("shadow", true)]));
        let enabled = fields.get("enabled").and_then(|n| self.switch(n, "`enabled`"));
        let actions = fields.need(self, "do").map(|n| self.actions(n));
        fields.not_yet(self, &LATER);
        fields.finish(self);
        if node.cut_off {
            return None;
        }
        let gates = [active.is_none(), variations.is_none(), rollout.is_none(), group.is_none(), rate_limit.is_none()];
        let unread = [when == Some(None), once == Some(None), cooldown == Some(None), actions.is_none()];
        let here = node.span.at_start();
        Some(RuleDecl {
            span: node.span,
            id: id?,
            doc,
            owner,
            contact,
            depends_on,
            tags,
            on: on?,
            lets,
            when: when.flatten(),
            broken_variations: variations.is_none(),
            active: active.flatten(),
            variations: variations.flatten().unwrap_or_default(),
            rollout: rollout.flatten(),
            once: once.flatten(),
            cooldown: cooldown.flatten(),
            group: group.flatten(),
            rate_limit: rate_limit.flatten(),
            precedence: precedence.map_or(Spanned::new(0, here), |p| Spanned::new(p.value as i32, p.span)),
            shadow: shadow.is_some_and(|s| s.value),
            enabled: enabled.unwrap_or(true),
            actions: actions.unwrap_or_default(),
            broken: unread.contains(&true) || gates.contains(&true) || !broken_lets.is_empty(),
            broken_lets,
        })
    }

    /// The triggering event. A rule that waits for a `sequence` has none, and is told about that instead.
    fn on(&mut self, fields: &mut Fields<'_>) -> Option<Spanned<String>> {
        match fields.get("on") {
            Some(node) => self.name(node, "an event type", true),
            None if fields.has("sequence") || fields.is_cut_off() => None,
            None => {
                let d = Diagnostic::new(Code::MissingKey, fields.span().at_start(), "a rule has no `on`");
                self.push(d.help("add `on: EventType`, the event that the rule looks at"));
                None
            }
        }
    }

    fn tags(&mut self, fields: &mut Fields<'_>) -> Vec<Spanned<String>> {
        let Some(node) = fields.get("tags") else { return Vec::new() };
        let items = self.items(node, "`tags`");
        items.iter().filter_map(|item| self.name(item, "a tag", true)).collect()
    }

    /// `rule`, `package/rule` or `workflow.Type`; what they name is looked up when all files are read.
    fn depends_on(&mut self, fields: &mut Fields<'_>) -> Vec<Spanned<String>> {
        let Some(node) = fields.get("depends_on") else { return Vec::new() };
        let items = self.items(node, "`depends_on`");
        if items.len() > MAX_DEPENDENCIES {
            let words = format!("`depends_on` has {} names; limit {MAX_DEPENDENCIES}", items.len());
            self.push(Diagnostic::new(Code::TooLarge, node.span, words).help("name what it depends on directly"));
            return Vec::new();
        }
        items.iter().filter_map(|item| self.text(item, "a dependency")).collect()
    }

    fn actions(&mut self, node: &Node) -> Vec<ActionDecl> {
        let items = self.items(node, "`do`");
        if items.is_empty() && matches!(node.kind, crate::yaml::Kind::List(_)) && !node.cut_off {
            let d = Diagnostic::new(Code::NoAction, node.span, "`do` is empty: the rule would order nothing");
            self.push(d.help("add an action such as `{ publish: topic, message: { … } }`"));
        }
        if items.len() > MAX_ACTIONS {
            let words = format!("`do` has {} actions; limit {MAX_ACTIONS}", items.len());
            self.push(Diagnostic::new(Code::TooLarge, node.span.at_start(), words).help("split the rule in two"));
        }
        items.iter().take(MAX_ACTIONS).filter_map(|item| self.action(item)).collect()
    }

    /// `P0` to `P3`, `best_effort`.
    pub(super) fn priority(&mut self, node: &Node) -> Option<Spanned<Priority>> {
        let words = [
            ("P0", Priority::P0),
            ("P1", Priority::P1),
            ("P2", Priority::P2),
            ("P3", Priority::P3),
            ("best_effort", Priority::BestEffort),
        ];
        self.word(node, "`priority`", &words)
    }
}
