//! `once:` and `cooldown:`.
//!
//! In: their nodes. Out: [`OnceDecl`], [`CooldownDecl`]. `cooldown: { 24h, by: player }` is the short spelling of
//! `cooldown: { for: 24h, by: player }`, `cooldown: 24h` of both with the player as key.

use super::reader::{Fields, Reader};
use super::scalar::parse_duration_ms;
use super::{CooldownDecl, KeyDecl, OnceDecl};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Spanned;
use crate::yaml::{Kind, Node};

const LATER: [&str; 1] = ["ttl"];

impl Reader<'_> {
    pub(super) fn once(&mut self, node: &Node) -> Option<OnceDecl> {
        if let Some(scalar) = node.as_scalar().filter(|_| !node.is_absent()) {
            // `once: player`
            let part = self.cel_of(&scalar.text, scalar.style, node.span);
            let by = KeyDecl { span: node.span, parts: vec![part] };
            let generation = Spanned::new(0, node.span);
            return Some(OnceDecl { span: node.span, by, per_ms: None, generation, max_keys: None });
        }
        let mut fields = self.fields(node, "`once`")?;
        let by = fields.need(self, "by").and_then(|n| self.key(n));
        let per_ms = fields.get("per").and_then(|n| self.duration_ms(n, "`per`", 1000));
        let generation = fields.get("generation").and_then(|n| self.whole(n, "`generation`", 0, i64::from(u32::MAX)));
        let max_keys = fields.get("max_keys").and_then(|n| self.max_keys(n));
        if let Some(evict) = fields.get("evict").and_then(|n| self.evict(n))
            && !evict.value
        {
            let d = Diagnostic::new(Code::OnceMustDeny, evict.span, "`once` cannot drop its oldest keys");
            self.push(
                d.help("a dropped key would fire again; leave `evict` out: `once` refuses new keys at `max_keys`"),
            );
        }
        self.no_scope(&mut fields, "`once`");
        fields.not_yet(self, &LATER);
        fields.finish(self);
        let generation = generation.map_or(Spanned::new(0, node.span), |g| Spanned::new(g.value as u32, g.span));
        Some(OnceDecl { span: node.span, by: by?, per_ms, generation, max_keys })
    }

    pub(super) fn cooldown(&mut self, node: &Node) -> Option<CooldownDecl> {
        if !matches!(node.kind, Kind::Map(_)) {
            let duration_ms = self.duration_ms(node, "`cooldown`", 1)?;
            let by = self.player_key(node);
            let (span, durable) = (node.span, false);
            return Some(CooldownDecl { span, by, duration_ms, durable, max_keys: None, deny: None });
        }
        let mut fields = self.fields(node, "`cooldown`")?;
        let duration_ms = self.cooldown_duration(&mut fields);
        let by = fields.need(self, "by").and_then(|n| self.key(n));
        let durable = fields.get("durable").and_then(|n| self.switch(n, "`durable`"));
        let max_keys = fields.get("max_keys").and_then(|n| self.max_keys(n));
        let deny = fields.get("evict").and_then(|n| self.evict(n));
        self.no_scope(&mut fields, "`cooldown`");
        fields.not_yet(self, &LATER);
        fields.finish(self);
        let durable = durable.unwrap_or(false);
        Some(CooldownDecl { span: node.span, by: by?, duration_ms: duration_ms?, durable, max_keys, deny })
    }

    /// What must hold to the letter cannot be shared by shards that each know a part.
    fn no_scope(&mut self, fields: &mut Fields<'_>, what: &str) {
        if let Some(node) = fields.take("scope") {
            let words = format!("{what} is exact, and what players share is counted by each shard for itself");
            let d = Diagnostic::new(Code::ExactShared, node.span, words);
            self.push(d.help(
                "leave `scope` out and put `player` into `by`, or use `rate_limit` with `scope` and `per_player`",
            ));
        }
    }

    /// `for: 24h`, or a bare `24h` among the keys.
    fn cooldown_duration(&mut self, fields: &mut Fields<'_>) -> Option<Spanned<i64>> {
        if let Some(node) = fields.get("for") {
            return self.duration_ms(node, "`for`", 1);
        }
        if let Some(key) = fields.take_bare(|key| key.starts_with(|c: char| c.is_ascii_digit())) {
            match parse_duration_ms(&key.value).filter(|ms| *ms > 0) {
                Some(ms) => return Some(Spanned::new(ms, key.span)),
                None => {
                    let words = format!("a cooldown cannot be `{}` long", key.value);
                    let d = Diagnostic::new(Code::BadValue, key.span, words);
                    self.push(d.help("write a duration such as `90s`, `5m` or `24h`"));
                    return None;
                }
            }
        }
        fields.need(self, "for").and(None)
    }
}
