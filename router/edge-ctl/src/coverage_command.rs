//! `edgectl rules coverage`: which rules never fire in a capture.
//!
//! In: rule files, captures. Out: how far each rule got; the exit code says whether one stayed silent that was not allowed to.
//! Absent: the counting.

use anyhow::{Context as _, anyhow};
use rules::Covered;
use rules_capture::Decoder;

use crate::args::Coverage;
use crate::captures;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;

pub(crate) fn coverage(args: &Coverage, out: &mut Output) -> Result<(), Failure> {
    let (compilation, set) = files::load_rules(&args.rules, out)?;
    for allowed in &args.allow {
        compilation.find_rule(&set, allowed).context("--allow")?;
        if !allowed.contains('/') {
            return Err(anyhow!("`--allow {allowed}`: write PACKAGE/ID").into());
        }
    }
    let mut decoder = Decoder::new(set.catalogue().clone());
    let mut coverage = rules::Coverage::new(&compilation, set);
    captures::each(&args.captures, &mut decoder, |_, captured| {
        coverage.take(captured);
        Ok(true)
    })?;
    let covered = coverage.covered();
    if covered.events == 0 {
        return Err(anyhow!("no event in the given captures").into());
    }
    let failing = failing(&covered, &args.allow);
    out.text(&covered.to_text())?;
    if !args.allow.is_empty() {
        let (allowed, silent) = (args.allow.len(), failing.len());
        out.text(&format!("\n{allowed} may stay silent; {silent} others never fired\n"))?;
    }
    let mut value = serde_json::to_value(&covered).context("INVARIANT: counts always serialise")?;
    value["failing"] = failing.clone().into();
    out.json(&value)?;
    if failing.is_empty() { Ok(()) } else { Err(Failure::Rules) }
}

/// Names of the rules that never fired and may not.
fn failing(covered: &Covered, allow: &[String]) -> Vec<String> {
    covered.silent().map(rules::RuleCovered::name).filter(|name| !allow.contains(name)).collect()
}
