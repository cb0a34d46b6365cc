//! `rollout:` and `variations:`.
//!
//! In: their declarations. Out: [`RolloutIr`], [`VariationIr`]s with the values of parameters typed. A variation is chosen after
//! `when`, so it can change what actions read and nothing else.

use rules_cel::Type;
use rules_engine::ir::{ArmIr, ConstIr, ExprIr, Node, RolloutIr, Var, VariationIr};

use super::Building;
use super::action::Seen;
use super::rule::Triggered;
use super::tune::Tuned;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Scope, check, check_as, constant_condition, cost_of, in_words, lower, variables, whole};
use crate::set::limits::Sum;
use crate::syntax::{ArmDecl, Cel, KeyDecl, RolloutDecl, VariationDecl};

impl Building<'_> {
    pub(crate) fn rollout(&mut self, decl: &RolloutDecl, rule: &Triggered<'_>, sum: &mut Sum) -> Option<RolloutIr> {
        let key = self.share_key(&decl.by, rule.scope_without_lets(), sum)?;
        Some(RolloutIr { share: decl.share.value, salt: decl.salt.value.clone(), key })
    }

    pub(crate) fn variations<'a>(
        &mut self,
        decl: &'a [VariationDecl],
        rule: &Triggered<'a>,
        sum: &mut Sum,
        seen: &mut Seen<'a>,
    ) -> Option<Vec<VariationIr>> {
        let all: Vec<_> = decl.iter().map(|decl| self.variation(decl, rule, sum, seen)).collect();
        all.into_iter().collect()
    }

    fn variation<'a>(
        &mut self,
        decl: &'a VariationDecl,
        rule: &Triggered<'a>,
        sum: &mut Sum,
        seen: &mut Seen<'a>,
    ) -> Option<VariationIr> {
        let scope = rule.scope_without_lets();
        let when = match &decl.when {
            None => Some(None),
            Some(cel) => self.variation_when(cel, scope, sum, seen).map(Some),
        };
        let key = if decl.arms.len() > 1 { self.share_key(&decl.by, scope, sum) } else { Some(Vec::new()) };
        let arms: Vec<_> = decl.arms.iter().map(|arm| self.arm(arm, rule)).collect();
        Some(VariationIr {
            when: when?,
            salt: decl.salt.as_ref().map(|salt| salt.value.clone()).unwrap_or_default(),
            key: key?,
            arms: arms.into_iter().collect::<Option<_>>()?,
        })
    }

    fn variation_when<'a>(
        &mut self,
        cel: &'a Cel,
        scope: Scope<'a>,
        sum: &mut Sum,
        seen: &mut Seen<'a>,
    ) -> Option<ExprIr> {
        let expr = check_as(cel, scope, &Type::Bool, "`when` of a variation", self.report)?;
        self.lint(&expr, scope);
        constant_condition(&expr, self.report);
        sum.add(&expr, &cost_of(&expr, scope));
        let lowered = lower(&expr, scope, &mut self.pools, self.report);
        seen.push((expr, scope));
        lowered
    }

    fn arm(&mut self, decl: &ArmDecl, rule: &Triggered<'_>) -> Option<ArmIr> {
        let values: Vec<_> = decl
            .params
            .iter()
            .map(|(name, value)| self.tuned(name, value, rule.scope.names, rule.package_name))
            .collect();
        let values = values.into_iter().collect::<Option<Vec<Tuned>>>()?;
        let mut params: Vec<(u16, ConstIr)> = values.iter().map(|tuned| (tuned.index, tuned.ir())).collect();
        params.sort_by_key(|(index, _)| *index);
        Some(ArmIr { name: decl.name.value.clone(), share: decl.share, params, holds_back: decl.hold_back })
    }

    /// Parameters that variations change, and that something reads before one is chosen, or nothing reads after.
    pub(crate) fn check_varied(&mut self, rule: &Triggered<'_>, before: &Seen<'_>, actions: &Seen<'_>) {
        for (name, _) in rule.decl.variations.iter().flat_map(|v| &v.arms).flat_map(|arm| &arm.params) {
            let full = format!("params.{}", name.value);
            let reads = |seen: &Seen<'_>| {
                let found = seen.iter().find(|(expr, _)| variables(expr).contains(&full));
                found.map(|(expr, _)| expr.cel.span)
            };
            if let Some(span) = reads(before) {
                let words = format!("`{full}` is read before a variation is chosen");
                let d = Diagnostic::new(Code::VariationTooLate, span, words).also(name.span, "changed here");
                self.report.push(
                    d.help("let variations change what actions read; for other conditions make a rule of its own"),
                );
            } else if reads(actions).is_none() && rule.scope.names.params.contains_key(&name.value) {
                let words = format!("no action of the rule reads `{full}`");
                let d = Diagnostic::new(Code::VariationUnread, name.span, words);
                self.report.push(d.help("read it in a body, or leave it out of the variation"));
            }
        }
    }

    /// The key of a share: what stands in it is turned into text.
    fn share_key(&mut self, decl: &KeyDecl, scope: Scope<'_>, sum: &mut Sum) -> Option<Vec<ExprIr>> {
        let var = |var| Some(ExprIr { nodes: vec![Node::Var(var)] });
        let part = |part: &Cel| match part.text.trim() {
            "player" => var(Var::PlayerId),
            "region" => var(Var::TokenRegion),
            _ => {
                let expr = check(part, scope, self.report)?;
                if !matches!(expr.ty(), Type::String | Type::Int | Type::Uint | Type::Bool) {
                    let words = format!("{} cannot be part of the key of a share", in_words(expr.ty()));
                    let d = Diagnostic::new(Code::BadKeyPart, whole(part), words);
                    self.report.push(d.help("use text, a whole number or a boolean"));
                    return None;
                }
                sum.add(&expr, &cost_of(&expr, scope));
                self.note_taint(&expr, scope);
                lower(&expr, scope, &mut self.pools, self.report)
            }
        };
        let parts = decl.parts.iter().map(part).collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>()?;
        self.few_parts(decl).then_some(parts)
    }
}
