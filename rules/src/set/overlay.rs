//! Regions' overlays: what they may change, and a rule as a region has it.
//!
//! In: the overlays of a package. Out: diagnostics for everything that is not a region's to change, with the place where the package's
//! author declared it; and for the region at hand changed copies of rules ([`RuleDecl`]) and of what they know ([`Names`]), which then
//! compile like all others.

use std::collections::BTreeSet;

use rules_engine::ir::ParamIr;

use super::Building;
use super::package::Package;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::Names;
use crate::source::{Span, Spanned};
use crate::suggest::nearest;
use crate::syntax::{OverlayDecl, OverlayHead, RateChange, RateLimitDecl, RuleDecl};

/// An overlay's word on one rule.
pub(crate) struct Overlay<'a> {
    pub(crate) head: &'a OverlayHead,
    pub(crate) decl: &'a OverlayDecl,
}

/// Whose rules are compiled.
#[derive(Clone, Copy, Default)]
pub(crate) struct Region<'a> {
    /// Whose overlays apply; `None`: nobody's.
    pub(crate) name: Option<&'a str>,
    /// Only rules that an overlay of the region changes: to find what is wrong with it.
    pub(crate) changed_only: bool,
    /// Parameters that a test gives, and that no overlay changes therefore.
    pub(crate) given: Option<&'a BTreeSet<String>>,
}

impl Package<'_> {
    /// What the region says of a rule.
    pub(crate) fn overlay(&self, region: Option<&str>, rule: &str) -> Option<&OverlayDecl> {
        let region = region?;
        let ours = |overlay: &&Overlay<'_>| overlay.head.region.value == region && overlay.decl.rule.value == rule;
        self.overlays.iter().find(ours).map(|overlay| overlay.decl)
    }
}

impl Building<'_> {
    /// The rule as a region has it.
    pub(crate) fn overlaid(
        &mut self,
        index: u16,
        package: &Package<'_>,
        rule: &RuleDecl,
        decl: &OverlayDecl,
    ) -> (RuleDecl, Names) {
        let mut rule = rule.clone();
        rule.enabled = decl.enabled.as_ref().map_or(rule.enabled, |enabled| enabled.value);
        rule.active = decl.active.clone().or(rule.active);
        rule.rollout = decl.rollout.clone().or(rule.rollout);
        if let (Some(cooldown), Some(ms)) = (&mut rule.cooldown, &decl.cooldown_ms) {
            cooldown.duration_ms = ms.clone();
        }
        if let (Some(limit), Some(change)) = (&mut rule.rate_limit, &decl.rate_limit) {
            change_rate(limit, change);
        }
        let mut names = package.names.clone();
        for (name, value) in &decl.params {
            if self.region.given.is_some_and(|given| given.contains(&name.value)) {
                continue;
            }
            let Some(tuned) = self.tuned(name, value, &names, &package.name) else { continue };
            let Ok(at) = u16::try_from(self.declared_params + self.own_params.len()) else {
                self.report.push(Diagnostic::new(Code::TooLarge, name.span, "more than 65,536 parameters"));
                break;
            };
            let own = format!("{}/{}", rule.id.value, name.value);
            self.own_params.push(ParamIr { package: index, name: own, value: tuned.ir() });
            if let Some(param) = names.params.get_mut(&name.value) {
                (param.index, param.value) = (at, tuned.value);
            }
        }
        (rule, names)
    }

    /// Tells everything that overlays of the package may not do.
    pub(crate) fn check_overlays(&mut self, package: &Package<'_>) {
        let mut seen: Vec<(&str, &Spanned<String>)> = Vec::new();
        for Overlay { head, decl } in &package.overlays {
            let (region, name) = (head.region.value.as_str(), &decl.rule);
            let Some((rule, _)) = package.rules.iter().find(|(rule, _)| rule.id.value == name.value) else {
                let words = format!("no rule `{}` in package {}", name.value, package.name);
                let ids = package.rules.iter().map(|(rule, _)| rule.id.value.as_str());
                let d = Diagnostic::new(Code::OverlayTarget, name.span, words).did_you_mean(nearest(&name.value, ids));
                self.report.push(d.help("an overlay names rules of the package that it is of"));
                continue;
            };
            if let Some((_, first)) = seen.iter().find(|(of, rule)| *of == region && rule.value == name.value) {
                let words = format!("region `{region}` changes rule `{}` twice", name.value);
                let d = Diagnostic::new(Code::DuplicateName, name.span, words).also(first.span, "first here");
                self.report.push(d.help("put both into one place"));
            }
            seen.push((region, name));
            self.check_overlay(package, rule, decl);
        }
    }

    fn check_overlay(&mut self, package: &Package<'_>, rule: &RuleDecl, decl: &OverlayDecl) {
        let help = "a region may change tunable `params`, `active`, `rollout`, the numbers of `cooldown` and `rate_limit`, and `enabled`";
        for key in &decl.forbidden {
            let words = format!("a region cannot change `{}` of a rule", key.value);
            let d = Diagnostic::new(Code::OverlayForbidden, key.span, words);
            self.report.push(d.also(declared(rule, &key.value), "declared here").help(help));
        }
        let limit = decl.rate_limit.as_ref();
        let absent = [
            ("cooldown", decl.cooldown_ms.as_ref().map(|ms| ms.span), rule.cooldown.is_some()),
            ("rate_limit", limit.map(|limit| limit.span), rule.rate_limit.is_some()),
            (
                "per_player",
                limit.and_then(|limit| limit.per_player.as_ref()).map(|own| own.span),
                rule.rate_limit.as_ref().is_none_or(|limit| limit.per_player.is_some()),
            ),
        ];
        for (what, span, is_there) in absent {
            if let Some(span) = span.filter(|_| !is_there) {
                let words = format!("rule `{}` has no `{what}` that a region could change", rule.id.value);
                let d = Diagnostic::new(Code::OverlayTarget, span, words);
                self.report.push(d.also(rule.id.span, "the rule").help("ask its owner for one"));
            }
        }
        for (name, _) in &decl.params {
            let param = package.names.params.get(&name.value).filter(|param| !param.tunable);
            if let Some(param) = param {
                let words = format!("parameter `{}` is not tunable", name.value);
                let d = Diagnostic::new(Code::NotTunable, name.span, words).also(param.span, "declared here");
                self.report.push(d.help("its owner may allow it with `tunable: true`, and a `range`"));
            }
        }
    }
}

fn change_rate(limit: &mut RateLimitDecl, change: &RateChange) {
    if let Some(rate) = &change.rate {
        limit.rate = rate.clone();
    }
    limit.burst = change.burst.clone().or(limit.burst.take());
    limit.per_player = change.per_player.clone().or(limit.per_player.take());
}

/// Where the package's author says this of the rule.
fn declared(rule: &RuleDecl, key: &str) -> Span {
    let found = match key {
        "owner" => rule.owner.as_ref().map(|owner| owner.span),
        "contact" => rule.contact.as_ref().map(|contact| contact.span),
        "depends_on" => rule.depends_on.first().map(|name| name.span),
        "tags" => rule.tags.first().map(|tag| tag.span),
        "on" => Some(rule.on.span),
        "let" => rule.lets.first().map(|clause| clause.span),
        "when" => rule.when.as_ref().map(|when| when.span),
        "variations" => rule.variations.first().map(|variation| variation.span),
        "once" => rule.once.as_ref().map(|once| once.span),
        "group" => rule.group.as_ref().map(|group| group.name.span),
        "precedence" => Some(rule.precedence.span),
        "do" => rule.actions.first().map(|action| action.span),
        _ => None,
    };
    found.unwrap_or(rule.id.span)
}
