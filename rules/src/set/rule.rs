//! One rule, whole: its parts are compiled, then looked at together.
//!
//! In: a [`RuleDecl`]. Out: a [`RuleIr`] in the set, or diagnostics. Every part is checked even where another one is wrong, so
//! that an author sees all of it at once.

use std::cell::RefCell;
use std::collections::BTreeSet;

use rules_catalogue::EventType;
use rules_cel::{Env, Type};
use rules_engine::ir::{ExprIr, Mode, RuleIr};

use super::Building;
use super::action::Seen;
use super::letting::Letting;
use super::limits::{COMMANDS_NS, Priced, RULE_NS, Sum, What};
use super::package::Package;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{
    Expr, Names, Scope, check_as, constant_condition, cost_of, deprecated, event_message, first_line, is_indexable,
    lower_with_places, never_true, variables,
};
use crate::source::Spanned;
use crate::suggest::nearest;
use crate::syntax::{Cel, RuleDecl};

/// A rule whose triggering event is known.
#[derive(Clone, Copy)]
pub(crate) struct Triggered<'a> {
    pub(crate) decl: &'a RuleDecl,
    /// Index of the package.
    pub(crate) package: u16,
    pub(crate) package_name: &'a str,
    /// What all rules of the package know.
    pub(crate) package_env: &'a Env<'a>,
    /// The event and nothing of `let`.
    pub(crate) event_env: &'a Env<'a>,
    /// The rule's own scope, `let` included; while actions are compiled, that of the actions.
    pub(crate) scope: Scope<'a>,
    /// Names of sets, parameters and the like that its expressions read.
    pub(crate) used: &'a RefCell<BTreeSet<String>>,
}

impl<'a> Triggered<'a> {
    /// For keys: they are needed before any count is read.
    pub(crate) fn scope_without_lets(&self) -> Scope<'a> {
        Scope { env: self.event_env, lets: &[], ..self.scope }
    }
}

impl Building<'_> {
    /// Compiles one rule into the set, with the names that it knows; adds what it reads to `used`.
    pub(crate) fn rule(
        &mut self,
        index: u16,
        package: &Package<'_>,
        env: &Env<'_>,
        (decl, names): (&RuleDecl, &Names),
        owner: &str,
        used: &mut BTreeSet<String>,
    ) {
        let catalogue = self.catalogue;
        let Some(event) = self.event_type(&decl.on) else { return };
        let mut event_env = env.child();
        event_env.variable("event", Type::message(event_message(catalogue, event)));
        let scope = Scope { catalogue, names, env: &event_env, event, root: "event", lets: &[] };
        let reads = RefCell::new(BTreeSet::new());
        let rule = Triggered {
            decl,
            package: index,
            package_name: &package.name,
            package_env: env,
            event_env: &event_env,
            scope,
            used: &reads,
        };
        self.forgeable.clear();
        let mut sum = Sum::default();
        let lets: Vec<_> = decl.lets.iter().map(|l| self.letting(l, &rule, package, &mut sum)).collect();
        let rule_env = with_lets(&event_env, decl, &lets);
        let mut action_env = rule_env.child();
        if decl.broken_variations {
            action_env.variable("variation", Type::Error);
        } else if !decl.variations.is_empty() {
            action_env.variable("variation", Type::String);
        }
        let names: Vec<String> = decl.lets.iter().map(|l| l.name.value.clone()).collect();
        let rule = Triggered { scope: Scope { env: &rule_env, lets: &names, ..scope }, ..rule };
        let acting = Triggered { scope: Scope { env: &action_env, ..rule.scope }, ..rule };
        if let Some(ir) = self.parts(&rule, &acting, package, owner, (lets.into_iter().collect(), sum)) {
            self.pools.event(event.id);
            self.rules.push(ir);
        }
        used.append(&mut reads.borrow_mut());
    }

    /// Compiles what stands around `let`, whose clauses (`None` where one is wrong) and their cost are given; `acting` is the rule as
    /// its actions see it.
    fn parts<'a>(
        &mut self,
        rule: &Triggered<'a>,
        acting: &Triggered<'a>,
        package: &Package<'_>,
        owner: &str,
        (lets, mut sum): (Option<Vec<Letting>>, Sum),
    ) -> Option<RuleIr> {
        let decl = rule.decl;
        let mut commands_sum = Sum::default();
        let mut seen: Seen<'a> = Vec::new();
        let when = match &decl.when {
            None => Some(None),
            Some(cel) => self.condition(cel, rule, &mut sum, &mut seen).map(Some),
        };
        let indexable = seen.iter().any(|(expr, _)| is_indexable(expr));
        let active = decl.active.as_ref().map(|active| self.active(active, package));
        let variations = self.variations(&decl.variations, rule, &mut sum, &mut seen);
        let rollout = decl.rollout.as_ref().map(|rollout| self.rollout(rollout, rule, &mut sum));
        let once = decl.once.as_ref().map(|once| self.once(once, rule, &mut sum));
        let cooldown = decl.cooldown.as_ref().map(|cooldown| self.cooldown(cooldown, rule, &mut sum));
        let group = decl.group.as_ref().map(|group| self.group(group, rule));
        let rate_limit = decl.rate_limit.as_ref().map(|limit| self.rate_limit(limit, rule, &mut sum));
        let mut said: Seen<'a> = Vec::new();
        let actions: Vec<_> =
            decl.actions.iter().map(|a| self.action(a, acting, &mut commands_sum, &mut said)).collect();
        self.check_varied(rule, &seen, &said);
        seen.append(&mut said);
        for (expr, _) in &seen {
            rule.used.borrow_mut().extend(variables(expr));
        }
        if let (Some(lets), Some(when)) = (&lets, &when) {
            self.look_at_reads(rule, lets, &seen, when.is_some());
        }
        self.check_granting(rule, &seen);
        self.check_cost(rule, &sum, &commands_sum, indexable);
        let (once, cooldown) = (all_or_none(once)?, all_or_none(cooldown)?);
        let (active, rollout) = (all_or_none(active)?, all_or_none(rollout)?);
        let (group, rate_limit) = (all_or_none(group)?, all_or_none(rate_limit)?);
        let actions = actions.into_iter().collect::<Option<Vec<_>>>()?;
        let ir = RuleIr {
            id: decl.id.value.clone(),
            package: rule.package,
            doc: decl.doc.clone().unwrap_or_default(),
            owner: decl.owner.as_ref().map_or(owner, |o| o.value.as_str()).to_owned(),
            contact: decl.contact.as_ref().map(|c| c.value.clone()).unwrap_or_default(),
            depends_on: decl.depends_on.iter().map(|name| name.value.clone()).collect(),
            tags: decl.tags.iter().map(|t| t.value.clone()).collect(),
            on: rule.scope.event.id,
            when: when?,
            lets: lets?.into_iter().map(|letting| letting.ir).collect(),
            active,
            variations: variations?,
            rollout,
            once,
            cooldown,
            group,
            rate_limit,
            precedence: decl.precedence.value,
            mode: if decl.shadow { Mode::Shadow } else { Mode::Live },
            enabled: decl.enabled,
            actions,
        };
        (!decl.broken && !ir.actions.is_empty()).then_some(ir)
    }

    fn condition<'a>(
        &mut self,
        cel: &'a Cel,
        rule: &Triggered<'a>,
        sum: &mut Sum,
        seen: &mut Seen<'a>,
    ) -> Option<ExprIr> {
        let expr = check_as(cel, rule.scope, &Type::Bool, "`when`", self.report)?;
        self.lint(&expr, rule.scope);
        constant_condition(&expr, self.report);
        sum.add(&expr, &cost_of(&expr, rule.scope));
        let lowered = lower_with_places(&expr, rule.scope, &mut self.pools, self.report);
        seen.push((expr, rule.scope));
        let (ir, places) = lowered?;
        self.places.insert((rule.package_name.to_owned(), rule.decl.id.value.clone()), places);
        Some(ir)
    }

    /// Warnings about one expression.
    pub(crate) fn lint(&mut self, expr: &Expr<'_>, scope: Scope<'_>) {
        never_true(expr, scope, self.report);
        deprecated(expr, scope, self.report);
    }

    fn check_cost(&mut self, rule: &Triggered<'_>, sum: &Sum, commands: &Sum, indexable: bool) {
        let span = rule.decl.when.as_ref().map_or(rule.decl.id.span, |cel| cel.span);
        if let Some(d) = sum.above(RULE_NS, "rule costs", span) {
            self.report.push(d);
        }
        if let Some(d) = commands.above(COMMANDS_NS, "the rule's commands cost", rule.decl.id.span) {
            self.report.push(d);
        }
        let is_unskippable = !indexable && rule.decl.enabled;
        if is_unskippable {
            self.add_unindexed(rule.scope.event.id, sum, rule.decl.id.span);
        }
        let (event, id) = (rule.scope.event.id, rule.decl.id.span);
        self.priced.push(Priced { is_unskippable, ..sum.priced(rule, What::Condition, event, id) });
        self.priced.push(commands.priced(rule, What::Commands, event, id));
    }
}

impl<'c> Building<'c> {
    /// The event type of a name; complains where there is none, warns where it is deprecated.
    pub(crate) fn event_type(&mut self, name: &Spanned<String>) -> Option<&'c EventType> {
        let catalogue = self.catalogue;
        let Some(found) = catalogue.event_type_by_name(&name.value) else {
            let words = format!("no event type `{}` in catalogue {}", name.value, catalogue.name());
            let guess = nearest(&name.value, catalogue.event_types().iter().map(|t| t.name.as_str()));
            let mut d = Diagnostic::new(Code::UnknownEventType, name.span, words).did_you_mean(guess);
            if let Some(near) = guess.and_then(|guess| catalogue.event_type_by_name(guess)) {
                d = d.note("catalogue", format!("{}  {}", catalogue.place(near.position), near.name));
            }
            self.report.push(d);
            return None;
        };
        if found.deprecated {
            let words = format!("event type {} is deprecated", found.name);
            let note = format!("{}  {}", catalogue.place(found.position), first_line(&found.doc));
            let d = Diagnostic::new(Code::Deprecated, name.span, words).note("catalogue", note);
            self.report.push(d.help("the catalogue's owner wants to retire it; look at another event"));
        }
        Some(found)
    }
}

/// What a rule's own expressions know: the event, and the names of `let` with the types that they read.
fn with_lets<'a>(event_env: &'a Env<'a>, decl: &RuleDecl, lets: &[Option<Letting>]) -> Env<'a> {
    let mut env = event_env.child();
    for (decl, letting) in decl.lets.iter().zip(lets) {
        let name = decl.name.value.as_str();
        match letting {
            Some(Letting { ty, may_be_empty: true, .. }) => env.maybe(name, ty.clone()),
            Some(Letting { ty, .. }) => env.variable(name, ty.clone()),
            // Fits everything, so that one mistake is told once.
            None => env.maybe(name, Type::Error),
        };
    }
    for name in &decl.broken_lets {
        env.maybe(name.as_str(), Type::Error);
    }
    env
}

/// A clause that was written must have been compiled; one that was not written is fine.
fn all_or_none<T>(clause: Option<Option<T>>) -> Option<Option<T>> {
    match clause {
        Some(None) => None,
        Some(Some(clause)) => Some(Some(clause)),
        None => Some(None),
    }
}
