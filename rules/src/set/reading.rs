//! How the names of `let` are read: what only the whole rule can tell.
//!
//! In: the clauses of `let`, and every expression of the rule. Out: how a count is kept, and diagnostics for names that nothing
//! reads, for equalities with what is approximate, and for reads of a value that may not be there.

use std::collections::BTreeSet;

use rules_engine::ir::{Aggregate, DefinitionKind, FeedIr, Window, limits};

use super::Building;
use super::action::Seen;
use super::letting::Letting;
use super::rule::Triggered;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Expr, Scope, Use, implied, unguarded, uses_of, variables};
use crate::syntax::LetDecl;

impl Building<'_> {
    /// Looks at everything that reads the rule's names. `has_when`: the first of `seen` is the condition.
    pub(crate) fn look_at_reads(&mut self, rule: &Triggered<'_>, lets: &[Letting], seen: &Seen<'_>, has_when: bool) {
        for (letting, decl) in lets.iter().zip(&rule.decl.lets) {
            if !seen.iter().any(|(expr, _)| variables(expr).contains(&decl.name.value)) {
                let words = format!("nothing reads `{}`", decl.name.value);
                let d = Diagnostic::new(Code::UnusedLet, decl.name.span, words);
                self.report.push(d.help("use it in `when` or in a body, or remove it"));
            }
            self.choose_window(letting, decl, seen);
        }
        self.check_guards(rule, lets, seen, has_when);
    }

    /// Decides how a count is kept: exactly, where everything that reads it needs at most 64; else in parts of the window.
    ///
    /// A count that is also read as a number (in a body) beside such comparisons is kept exactly up to 64 and stops there.
    fn choose_window(&mut self, letting: &Letting, decl: &LetDecl, exprs: &[(Expr<'_>, Scope<'_>)]) {
        let uses: Vec<(Use, usize)> = exprs
            .iter()
            .enumerate()
            .flat_map(|(n, (expr, scope))| uses_of(expr, &decl.name.value, *scope).into_iter().map(move |u| (u, n)))
            .collect();
        let DefinitionKind::Feed(feed) = &mut self.definitions[letting.ir.definition as usize].kind else { return };
        if let (Aggregate::Count { ring }, Window::Sliding { .. }) = (&mut feed.aggregate, feed.window) {
            *ring = ring_for(&uses);
        }
        if let Some((what, help)) = approximate(feed) {
            self.warn_of_equalities(&uses, exprs, what, help);
        }
    }

    fn warn_of_equalities(
        &mut self,
        uses: &[(Use, usize)],
        exprs: &[(Expr<'_>, Scope<'_>)],
        what: &str,
        help: &'static str,
    ) {
        for (u, n) in uses {
            let (Use::Equality { at, .. } | Use::EqualityUnknown(at)) = u else { continue };
            let words = format!("this {what} is approximate, and may skip over the number it is compared with");
            let d = Diagnostic::new(Code::ApproximateEquality, exprs[*n].0.span_of(*at), words);
            self.report.push(d.help(help));
        }
    }

    /// Every read of a value that may not be there stands where something says that it is.
    fn check_guards(&mut self, rule: &Triggered<'_>, lets: &[Letting], seen: &Seen<'_>, has_when: bool) {
        let may_be_empty = lets.iter().filter(|letting| letting.may_be_empty);
        let names: BTreeSet<String> = may_be_empty.map(|letting| letting.ir.name.clone()).collect();
        let mut known = BTreeSet::new();
        let mut told = BTreeSet::new();
        for (at, (expr, _)) in seen.iter().enumerate() {
            for (node, name) in unguarded(expr, &names, &known) {
                let Some(decl) = rule.decl.lets.iter().find(|decl| decl.name.value == name) else { continue };
                if !told.insert(name.clone()) {
                    continue;
                }
                let words = format!("`{name}` may have no value here: its window may be empty");
                let d =
                    Diagnostic::new(Code::EmptyWindow, expr.span_of(node), words).also(decl.name.span, "gathered here");
                self.report.push(d.help(format!(
                    "ask first: `has({name}) && …`, or say in `let` what an empty window reads as: `default: …`"
                )));
            }
            if has_when && at == 0 {
                known = implied(expr);
            }
        }
    }
}

/// How many times a ring must keep so that every use is exact; `None` where no ring suffices.
fn ring_for(uses: &[(Use, usize)]) -> Option<u8> {
    let needs = uses.iter().map(|(u, _)| match u {
        Use::Counted { needs } | Use::Equality { needs, .. } => Some((*needs).max(1)),
        Use::EqualityUnknown(_) => None,
        Use::Value => Some(0),
    });
    let most = needs.collect::<Option<Vec<_>>>()?.into_iter().max().unwrap_or(1);
    let read_as_value = uses.iter().any(|(u, _)| *u == Use::Value);
    let fits = (1..=i64::from(limits::MAX_RING)).contains(&most);
    fits.then_some(if read_as_value { limits::MAX_RING } else { most as u8 })
}

/// What an author calls it, and what helps, where a feed's number is not exact.
fn approximate(feed: &FeedIr) -> Option<(&'static str, &'static str)> {
    match (&feed.aggregate, feed.window) {
        (Aggregate::Count { ring: None }, Window::Sliding { .. }) => {
            Some(("count", "compare with `>=`; a count is exact where it is compared with constants up to 64"))
        }
        (Aggregate::Sum(_), Window::Sliding { .. }) => Some(("sum", "compare with `>=` or `<=`")),
        (Aggregate::Avg(_), Window::Sliding { .. }) => Some(("mean", "compare with `>=` or `<=`")),
        (Aggregate::Distinct { max: None, .. }, _) => {
            Some(("count of values", "compare with `>=`, or say up to where it must be exact: `max: 256`"))
        }
        _ => None,
    }
}
