//! `let:`, the counts a rule reads.
//!
//! In: the node under `let:`. Out: one [`LetDecl`] for each name. Other windows of the full language are refused by name.

use super::reader::Reader;
use super::{KeyDecl, LetDecl};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Spanned;
use crate::yaml::{Kind, Node, Style};

/// Aggregates and windows of the full language that come later.
const LATER: [&str; 14] = [
    "sum",
    "min",
    "avg",
    "distinct",
    "first_seen",
    "last",
    "of",
    "tumbling",
    "session",
    "gap",
    "scope",
    "time",
    "max",
    "ttl",
];

/// Most names in one rule's `let`.
pub(crate) const MAX_LETS: usize = 32;

/// Shortest and longest window.
pub(crate) const WITHIN_MS: (i64, i64) = (1000, 31 * 86_400_000);

/// Names that expressions already know.
const RESERVED: [&str; 9] = ["event", "player", "conn", "token", "params", "sets", "trigger", "region", "variation"];

impl Reader<'_> {
    /// The clauses that could be read, and the names of those that could not.
    pub(super) fn lets(&mut self, node: &Node) -> (Vec<LetDecl>, Vec<String>) {
        let Some(mut fields) = self.fields(node, "`let`") else { return (Vec::new(), Vec::new()) };
        let clauses = fields.rest();
        if clauses.len() > MAX_LETS {
            let words = format!("`let` has {} names; limit {MAX_LETS}", clauses.len());
            self.push(Diagnostic::new(Code::TooLarge, node.span.at_start(), words).help("split the rule in two"));
        }
        let (mut lets, mut broken) = (Vec::new(), Vec::new());
        for (name, value) in clauses.into_iter().take(MAX_LETS) {
            let written = name.value.clone();
            match self.letting(name, value) {
                Some(clause) => lets.push(clause),
                None => broken.push(written),
            }
        }
        (lets, broken)
    }

    fn letting(&mut self, name: Spanned<String>, node: &Node) -> Option<LetDecl> {
        if RESERVED.contains(&name.value.as_str()) {
            let words = format!("`{}` already means something in expressions", name.value);
            self.push(Diagnostic::new(Code::ReservedName, name.span, words).help("choose another name"));
            return None;
        }
        if !is_identifier(&name.value) {
            let words = format!("`{}` cannot be a name in `let`", name.value);
            let help = "a name in expressions begins with a letter and goes on with letters, digits and `_`";
            self.push(Diagnostic::new(Code::BadName, name.span, words).help(help));
            return None;
        }
        let mut fields = self.fields(node, "a clause of `let`")?;
        let later = LATER.iter().any(|key| fields.has(key)) && !fields.has("count");
        let count = if later { None } else { fields.need(self, "count") };
        let count = count.and_then(|n| self.name(n, "an event type", true));
        let filter = fields.get("where").map(|n| self.cel(n, "`where`"));
        let within = if later { fields.get("within") } else { fields.need(self, "within") };
        let within_ms = within.and_then(|n| self.window(n));
        let by = if later { fields.get("by") } else { fields.need(self, "by") }.and_then(|n| self.key(n));
        let durable = fields.get("durable").and_then(|n| self.switch(n, "`durable`"));
        let max_keys = fields.get("max_keys").and_then(|n| self.max_keys(n));
        let deny = fields.get("evict").and_then(|n| self.evict(n));
        fields.not_yet(self, &LATER);
        fields.finish(self);
        let filter = match filter {
            Some(filter) => Some(filter?),
            None => None,
        };
        Some(LetDecl {
            name,
            span: node.span,
            count: count?,
            filter,
            within_ms: within_ms?,
            by: by?,
            durable: durable.unwrap_or(false),
            max_keys,
            deny,
        })
    }

    fn window(&mut self, node: &Node) -> Option<Spanned<i64>> {
        let (least, most) = WITHIN_MS;
        let within = self.duration_ms(node, "`within`", 0)?;
        if (least..=most).contains(&within.value) {
            return Some(within);
        }
        let d = Diagnostic::new(Code::WindowLength, node.span, "a window is at least `1s` and at most `31d` long");
        self.push(d.help("for a limit over a longer time use `cooldown` or `once`"));
        None
    }

    /// `player`, or a list with `player` in it.
    pub(super) fn key(&mut self, node: &Node) -> Option<KeyDecl> {
        let parts: Vec<_> = match &node.kind {
            Kind::List(items) => items.iter().filter_map(|item| self.cel(item, "a part of `by`")).collect(),
            _ => vec![self.cel(node, "`by`")?],
        };
        Some(KeyDecl { span: node.span, parts })
    }

    /// The key where none was written: the player.
    pub(super) fn player_key(&mut self, node: &Node) -> KeyDecl {
        let mut part = self.cel_of("player", Style::Block, node.span.at_start());
        part.span = node.span;
        KeyDecl { span: node.span, parts: vec![part] }
    }

    pub(super) fn max_keys(&mut self, node: &Node) -> Option<Spanned<i64>> {
        self.whole(node, "`max_keys`", 1, 100_000_000)
    }

    /// `evict: oldest` or `evict: deny`.
    pub(super) fn evict(&mut self, node: &Node) -> Option<Spanned<bool>> {
        self.word(node, "`evict`", &[("oldest", false), ("deny", true)])
    }
}

fn is_identifier(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
