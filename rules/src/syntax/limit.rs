//! `rate_limit:` and `group:`.
//!
//! In: their nodes. Out: [`RateLimitDecl`], [`GroupDecl`]. `rate_limit: 5 per 1h` is the short spelling of
//! `{ limit: 5 per 1h, by: player }`, `group: rewards` of `{ name: rewards, pick: first }`.

use rules_engine::ir::limits::MAX_RATE;

use super::KeyDecl;
use super::reader::Reader;
use super::scalar::parse_duration_ms;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{Span, Spanned};
use crate::yaml::{Kind, Node};

/// `rate_limit:`
#[derive(Clone, PartialEq, Debug)]
pub struct RateLimitDecl {
    /// The whole clause.
    pub span: Span,
    /// How many in how long.
    pub rate: Spanned<RateDecl>,
    /// Of what.
    pub by: KeyDecl,
    /// Who shares it, where players do.
    pub scope: Option<Spanned<ScopeDecl>>,
    /// How many at once.
    pub burst: Option<Spanned<u32>>,
    /// How many of them one player.
    pub per_player: Option<Spanned<u32>>,
    /// Survives a crash.
    pub durable: Option<Spanned<bool>>,
    /// Cells at most.
    pub max_keys: Option<Spanned<i64>>,
    /// As in [`LetDecl::deny`](super::LetDecl::deny).
    pub deny: Option<Spanned<bool>>,
}

/// `100 per 1m`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateDecl {
    /// How many.
    pub count: u32,
    /// In how long, milliseconds.
    pub period_ms: u64,
}

/// `scope:`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScopeDecl {
    /// Each shard for itself.
    Shard,
    /// Each shard its part.
    Region,
}

/// `group:`
#[derive(Clone, PartialEq, Debug)]
pub struct GroupDecl {
    /// Its name, the package's own.
    pub name: Spanned<String>,
}

impl Reader<'_> {
    pub(super) fn rate_limit(&mut self, node: &Node) -> Option<RateLimitDecl> {
        if !matches!(node.kind, Kind::Map(_)) {
            let text = self.text(node, "`rate_limit`")?;
            let (rate, by) = (self.rate(&text)?, self.player_key(node));
            let (scope, burst, per_player, durable, max_keys, deny) = (None, None, None, None, None, None);
            return Some(RateLimitDecl {
                span: node.span,
                rate,
                by,
                scope,
                burst,
                per_player,
                durable,
                max_keys,
                deny,
            });
        }
        let mut fields = self.fields(node, "`rate_limit`")?;
        let rate = match fields.take_bare(|key| key.starts_with(|c: char| c.is_ascii_digit())) {
            Some(key) => self.rate(&key),
            None => fields.need(self, "limit").and_then(|n| self.text(n, "`limit`")).and_then(|text| self.rate(&text)),
        };
        let by = fields.need(self, "by").and_then(|n| self.key(n));
        let scopes = [("shard", ScopeDecl::Shard), ("region", ScopeDecl::Region)];
        let scope = self.optional(&mut fields, "scope", |reader, n| reader.word(n, "`scope`", &scopes));
        let burst = self.optional(&mut fields, "burst", |reader, n| reader.count(n, "`burst`"));
        let per_player = self.optional(&mut fields, "per_player", |reader, n| reader.count(n, "`per_player`"));
        let durable = self
            .optional(&mut fields, "durable", |reader, n| Some(Spanned::new(reader.switch(n, "`durable`")?, n.span)));
        let max_keys = fields.get("max_keys").and_then(|n| self.max_keys(n));
        let deny = fields.get("evict").and_then(|n| self.evict(n));
        fields.not_yet(self, &["ttl"]);
        fields.finish(self);
        Some(RateLimitDecl {
            span: node.span,
            rate: rate?,
            by: by?,
            scope: scope?,
            burst: burst?,
            per_player: per_player?,
            durable: durable?,
            max_keys,
            deny,
        })
    }

    /// `100 per 1m`
    pub(super) fn rate(&mut self, text: &Spanned<String>) -> Option<Spanned<RateDecl>> {
        let rate = parse_rate(&text.value);
        if rate.is_none() {
            let words = format!("a rate cannot be `{}`", text.value);
            let help = format!("write how many in how long: `100 per 1m`; 1 to {MAX_RATE}, and at most `400d`");
            self.push(Diagnostic::new(Code::BadValue, text.span, words).help(help));
        }
        Some(Spanned::new(rate?, text.span))
    }

    pub(super) fn count(&mut self, node: &Node, what: &str) -> Option<Spanned<u32>> {
        let found = self.whole(node, what, 1, i64::from(MAX_RATE))?;
        Some(Spanned::new(found.value as u32, found.span))
    }

    pub(super) fn group(&mut self, node: &Node) -> Option<GroupDecl> {
        if !matches!(node.kind, Kind::Map(_)) {
            return Some(GroupDecl { name: self.name(node, "the name of a group", false)? });
        }
        let mut fields = self.fields(node, "`group`")?;
        let name = fields.need(self, "name").and_then(|n| self.name(n, "the name of a group", false));
        let pick = self.optional(&mut fields, "pick", |reader, n| reader.word(n, "`pick`", &[("first", ())]));
        fields.finish(self);
        pick?;
        Some(GroupDecl { name: name? })
    }
}

fn parse_rate(text: &str) -> Option<RateDecl> {
    let (count, period) = text.split_once(" per ")?;
    let count = count.trim().replace('_', "").parse().ok().filter(|count| (1..=MAX_RATE).contains(count))?;
    let period_ms = parse_duration_ms(period.trim())? as u64;
    (1..=rules_engine::ir::limits::MAX_SPAN_MS).contains(&period_ms).then_some(RateDecl { count, period_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        assert_eq!(parse_rate("100 per 1m"), Some(RateDecl { count: 100, period_ms: 60_000 }));
        assert_eq!(parse_rate("10_000 per 1h30m"), Some(RateDecl { count: 10_000, period_ms: 5_400_000 }));
        for text in ["", "5", "5/m", "0 per 1m", "5 per 0s", "5 per m", "-1 per 1m", "1000001 per 1s", "1 per 401d"] {
            assert_eq!(parse_rate(text), None, "{text}");
        }
    }
}
