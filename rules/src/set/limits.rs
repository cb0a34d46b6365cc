//! What a rule may cost, and what the rules of one event type may cost together.
//!
//! In: bounds from [`crate::expr::cost_of`]. Out: diagnostics that show the most costly part, and every bound with its parts for
//! whoever asks ([`Priced`]). The reference names the limits. Absent: showing them (`crate::cost`).

use edge_event::EventTypeId;
use rules_engine::ir::limits::MAX_RULES;

use super::Building;
use super::rule::Triggered;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Cost, Expr};
use crate::source::Span;

/// What a rule may cost for each event of its type, nanoseconds.
pub(crate) const RULE_NS: f64 = 2_000.0;

/// What a rule's commands may cost when it fires, nanoseconds.
pub(crate) const COMMANDS_NS: f64 = 100_000.0;

/// What rules that no index can skip may cost for one event, nanoseconds, all of one event type together.
pub(crate) const TYPE_NS: f64 = 20_000.0;

/// Reading or writing one cell of state, nanoseconds.
pub(crate) const CELL_NS: f64 = 60.0;

/// What the rules of one event type cost that no index can skip.
pub(crate) struct Load {
    ns: f64,
    count: usize,
    most: (f64, Span),
}

/// A sum of costs, its parts, and the most costly part of all.
#[derive(Default)]
pub(crate) struct Sum {
    ns: f64,
    worst: Option<(Span, f64, String)>,
    parts: Vec<SumPart>,
}

/// A part of a sum.
#[derive(Clone, Debug)]
pub(crate) struct SumPart {
    pub(crate) span: Span,
    pub(crate) ns: f64,
    /// What makes it costly; empty where there is nothing to say.
    pub(crate) why: String,
}

/// A bound, and whose it is.
pub(crate) struct Priced {
    pub(crate) package: String,
    pub(crate) rule: String,
    pub(crate) what: What,
    /// For each event of this type.
    pub(crate) event: EventTypeId,
    pub(crate) span: Span,
    pub(crate) ns: f64,
    /// Whether it counts towards the limit of its event type: no index skips it.
    pub(crate) is_unskippable: bool,
    pub(crate) parts: Vec<SumPart>,
}

/// What costs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// Deciding whether the rule fires.
    Condition,
    /// Making its commands, when it does.
    Commands,
    /// Feeding the `let` of this name.
    Feed(String),
}

impl Sum {
    pub(crate) fn add(&mut self, expr: &Expr<'_>, cost: &Cost) {
        self.ns += cost.ns;
        if let Some(worst) = &cost.worst
            && self.worst.as_ref().is_none_or(|(_, most, _)| worst.ns > *most)
        {
            self.worst = Some((expr.span_of(worst.at), worst.ns, worst.words()));
        }
        self.parts.extend(cost.parts.iter().map(|part| SumPart {
            span: expr.span_of(part.at),
            ns: part.ns,
            why: part.why.clone().unwrap_or_default(),
        }));
    }

    /// The cell of a `let` is read.
    pub(crate) fn add_cell(&mut self, span: Span) {
        self.add_cell_of(span, "reads its cell");
    }

    /// A cell is read, for a reason in words.
    pub(crate) fn add_cell_of(&mut self, span: Span, why: &str) {
        self.ns += CELL_NS;
        self.parts.push(SumPart { span, ns: CELL_NS, why: why.to_owned() });
    }

    /// The bound as it is kept for whoever asks.
    pub(crate) fn priced(&self, rule: &Triggered<'_>, what: What, event: EventTypeId, span: Span) -> Priced {
        Priced {
            package: rule.package_name.to_owned(),
            rule: rule.decl.id.value.clone(),
            what,
            event,
            span,
            ns: self.ns,
            is_unskippable: false,
            parts: self.parts.clone(),
        }
    }

    /// The diagnostic where the sum is above `limit`.
    pub(crate) fn above(&self, limit: f64, what: &str, rule: Span) -> Option<Diagnostic> {
        if self.ns <= limit {
            return None;
        }
        let words = format!("{what} up to {} us per event; limit {} us", micros(self.ns), micros(limit));
        let (span, label) = match &self.worst {
            Some((span, ns, words)) => {
                (*span, format!("{words}, {:.0} % of the cost", (100.0 * ns / self.ns).min(100.0)))
            }
            None => (rule, String::new()),
        };
        let help =
            "set lower limits in the catalogue (`max_items`, `max_len`), or put a cheaper condition into the event";
        Some(Diagnostic::new(Code::TooCostly, span, words).label(label).help(help))
    }
}

impl Building<'_> {
    /// A rule that must be tried for every event of its type.
    pub(crate) fn add_unindexed(&mut self, event: EventTypeId, sum: &Sum, rule: Span) {
        let load = self.unindexed.entry(event).or_insert(Load { ns: 0.0, count: 0, most: (0.0, rule) });
        // A rule above its own limit was refused for that.
        load.ns += sum.ns.min(RULE_NS);
        load.count += 1;
        if sum.ns > load.most.0 {
            load.most = (sum.ns, rule);
        }
    }

    /// Limits over all packages.
    pub(crate) fn check_types(&mut self) {
        for (event, load) in &self.unindexed {
            if load.ns <= TYPE_NS {
                continue;
            }
            let name = self.catalogue.event_type(*event).map_or("", |t| t.name.as_str());
            let words = format!(
                "{} rules on {name} cannot be skipped by any index and together cost up to {} us per event; limit {} us",
                load.count,
                micros(load.ns),
                micros(TYPE_NS)
            );
            let help = "begin `when` with a comparison of a field with a constant, a parameter or a set";
            let d = Diagnostic::new(Code::TypeTooCostly, load.most.1, words)
                .label(format!("the most costly of them: {} us", micros(load.most.0)));
            self.report.push(d.help(help));
        }
        if self.rules.len() > MAX_RULES {
            let words = format!("{} rules; limit {MAX_RULES}", self.rules.len());
            let span = Span::default();
            self.report.push(Diagnostic::new(Code::TooLarge, span, words).help("split them over several bundles"));
        }
    }
}

/// Rounded up, so that what is above a limit looks so.
fn micros(ns: f64) -> String {
    format!("{:.1}", (ns / 100.0).ceil() / 10.0)
}
