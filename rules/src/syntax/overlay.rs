//! A region's overlay: what one region has otherwise.
//!
//! In: the header `overlay/v1` and its `rules`, a map by rule. Out: [`OverlayHead`], [`OverlayDecl`]. What a region may never change is
//! kept by its key ([`OverlayDecl::forbidden`]), so that the diagnostic can show what the package's author declared.

use super::reader::{Fields, Reader};
use super::share::ParamValues;
use super::{ActiveDecl, RateDecl, RolloutDecl};
use crate::source::{Span, Spanned};
use crate::yaml::{Kind, Node};

/// Keys of a rule that are its author's alone.
const FORBIDDEN: [&str; 15] = [
    "id",
    "doc",
    "owner",
    "contact",
    "depends_on",
    "tags",
    "on",
    "let",
    "when",
    "variations",
    "once",
    "group",
    "precedence",
    "mode",
    "do",
];

/// Who an overlay is.
#[derive(Clone, PartialEq, Debug)]
pub struct OverlayHead {
    /// The package whose rules it changes.
    pub of: Spanned<String>,
    /// For whom.
    pub region: Spanned<String>,
    /// The team that answers for it.
    pub owner: Spanned<String>,
}

/// What an overlay says of one rule.
#[derive(Clone, PartialEq, Debug)]
pub struct OverlayDecl {
    /// The rule.
    pub rule: Spanned<String>,
    /// Values of tunable parameters, for this rule.
    pub params: ParamValues,
    /// In place of the rule's own.
    pub active: Option<ActiveDecl>,
    /// In place of the rule's own.
    pub rollout: Option<RolloutDecl>,
    /// The cooldown's length, in milliseconds.
    pub cooldown_ms: Option<Spanned<i64>>,
    /// Numbers of the rate limit.
    pub rate_limit: Option<RateChange>,
    /// Whether it is evaluated.
    pub enabled: Option<Spanned<bool>>,
    /// Keys of what it may not change.
    pub forbidden: Vec<Spanned<String>>,
}

/// Other numbers for a rate limit.
#[derive(Clone, PartialEq, Debug)]
pub struct RateChange {
    /// The whole clause.
    pub span: Span,
    /// How many in how long.
    pub rate: Option<Spanned<RateDecl>>,
    /// How many at once.
    pub burst: Option<Spanned<u32>>,
    /// How many of them one player.
    pub per_player: Option<Spanned<u32>>,
}

impl Reader<'_> {
    pub(super) fn overlay_head(&mut self, node: &Node) -> Option<OverlayHead> {
        let mut fields = self.fields(node, "the header `overlay/v1`")?;
        let of = fields.need(self, "of").and_then(|n| self.name(n, "a package", true));
        let region = fields.need(self, "region").and_then(|n| self.name(n, "a region", true));
        let owner = fields.need(self, "owner").and_then(|n| self.text(n, "an owner"));
        fields.finish(self);
        Some(OverlayHead { of: of?, region: region?, owner: owner? })
    }

    pub(super) fn overlay_rules(&mut self, node: &Node) -> Vec<OverlayDecl> {
        let Some(mut fields) = self.fields(node, "`rules` of an overlay") else { return Vec::new() };
        let rules = fields.rest();
        rules.into_iter().filter_map(|(rule, value)| self.overlay_rule(rule, value)).collect()
    }

    fn overlay_rule(&mut self, rule: Spanned<String>, node: &Node) -> Option<OverlayDecl> {
        let mut fields = self.fields(node, "a rule of an overlay")?;
        let params = self.optional(&mut fields, "params", |reader, n| reader.param_values(n));
        let active = self.optional(&mut fields, "active", Reader::active);
        let rollout = self.optional(&mut fields, "rollout", Reader::rollout);
        let cooldown_ms = self.optional(&mut fields, "cooldown", |reader, n| reader.duration_ms(n, "`cooldown`", 1));
        let rate_limit = self.optional(&mut fields, "rate_limit", Reader::rate_change);
        let enabled = self
            .optional(&mut fields, "enabled", |reader, n| Some(Spanned::new(reader.switch(n, "`enabled`")?, n.span)));
        let forbidden = forbidden(node, &mut fields);
        fields.finish(self);
        Some(OverlayDecl {
            rule,
            params: params?.unwrap_or_default(),
            active: active?,
            rollout: rollout?,
            cooldown_ms: cooldown_ms?,
            rate_limit: rate_limit?,
            enabled: enabled?,
            forbidden,
        })
    }

    /// `50 per 1m`, or `{ 50 per 1m, burst: 10, per_player: 1 }`
    fn rate_change(&mut self, node: &Node) -> Option<RateChange> {
        if !matches!(node.kind, Kind::Map(_)) {
            let text = self.text(node, "`rate_limit`")?;
            let rate = Some(self.rate(&text)?);
            return Some(RateChange { span: node.span, rate, burst: None, per_player: None });
        }
        let mut fields = self.fields(node, "`rate_limit` of an overlay")?;
        let rate = match fields.take_bare(|key| key.starts_with(|c: char| c.is_ascii_digit())) {
            Some(key) => self.rate(&key).map(Some),
            None => self.optional(&mut fields, "limit", |reader, n| {
                let text = reader.text(n, "`limit`")?;
                reader.rate(&text)
            }),
        };
        let burst = self.optional(&mut fields, "burst", |reader, n| reader.count(n, "`burst`"));
        let per_player = self.optional(&mut fields, "per_player", |reader, n| reader.count(n, "`per_player`"));
        fields.finish(self);
        Some(RateChange { span: node.span, rate: rate?, burst: burst?, per_player: per_player? })
    }
}

/// What the overlay names and may not change.
fn forbidden(node: &Node, fields: &mut Fields<'_>) -> Vec<Spanned<String>> {
    fields.skip(|key| FORBIDDEN.contains(&key));
    let Kind::Map(entries) = &node.kind else { return Vec::new() };
    let named = entries.iter().filter(|entry| FORBIDDEN.contains(&entry.key.as_str()));
    named.map(|entry| Spanned::new(entry.key.clone(), entry.key_span)).collect()
}
