//! `edgectl rules cost`: what rules may cost at worst, beside the limits.
//!
//! In: rule files. Out: their bounds, the most costly first; the exit code says whether one is above its limit. Rules that are
//! refused for nothing but their cost are shown like all others. Absent: the pricing.

use anyhow::Context as _;
use rules::{Code, Severity};

use crate::args::Sources;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use crate::rules_commands::say_report;

/// What the table shows by itself.
const OF_COST: [Code; 2] = [Code::TooCostly, Code::TypeTooCostly];

pub(crate) fn cost(sources: &Sources, out: &mut Output) -> Result<(), Failure> {
    let compilation = files::compile_rules(sources, 0)?;
    let errors = compilation.report().diagnostics().iter().filter(|d| d.severity() == Severity::Error);
    if errors.map(|d| d.code).any(|code| !OF_COST.contains(&code)) {
        say_report(&compilation, out)?;
    }
    let costs = compilation.costs();
    out.text(&costs.to_text())?;
    out.json(&serde_json::to_value(&costs).context("INVARIANT: costs always serialise")?)?;
    if costs.is_above() { Err(Failure::Rules) } else { Ok(()) }
}
