//! `edgectl rules catalogue …`: what is untidy about a catalogue, and what a change of it breaks.
//!
//! In: directories of `.proto` files; for a comparison also bundles, which carry the catalogue that they were built for. Out: every
//! complaint or change; the exit code says whether one stands against it. Absent: the judgement.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use rules::suggest::nearest;
use rules_catalogue::compile::{self, Diagnostic, Severity};
use rules_catalogue::{Catalogue, Change, ChangeCode, changes};
use serde_json::{Value, json};

use crate::args::{CatalogueDiff, CatalogueLint};
use crate::captures::is_bundle;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use crate::replay_command::bundle;

/// `edgectl rules catalogue lint`
pub(crate) fn lint(args: &CatalogueLint, out: &mut Output) -> Result<(), Failure> {
    known(&args.allow, compile::Code::ALL.iter().map(|code| code.as_str()))?;
    let found = compile::lint(&files::proto_files(&args.catalogue)?);
    let is_error = |d: &&Diagnostic| d.severity == Severity::Error;
    // An error cannot be allowed: nothing comes out of the catalogue.
    let fails = |d: &&Diagnostic| is_error(d) || !is_allowed(&args.allow, d.code.as_str());
    let (errors, failing) = (found.iter().filter(is_error).count(), found.iter().filter(fails).count());
    let texts: Vec<String> = found.iter().map(|d| format!("{d}\n\n")).collect();
    let (warnings, allowed) = (found.len() - errors, found.len() - failing);
    out.text(&format!("{}{errors} errors, {warnings} warnings, {allowed} of them allowed\n", texts.concat()))?;
    let all: Vec<Value> = found.iter().map(complaint).collect();
    out.json(&json!({ "errors": errors, "warnings": warnings, "failing": failing, "diagnostics": all }))?;
    if failing > 0 { Err(Failure::Rules) } else { Ok(()) }
}

fn complaint(d: &Diagnostic) -> Value {
    json!({
        "code": d.code.as_str(),
        "severity": if d.severity == Severity::Error { "error" } else { "warning" },
        "message": d.message,
        "path": d.file,
        "line": d.line,
        "column": d.column,
        "help": d.help,
    })
}

/// `edgectl rules catalogue diff`
pub(crate) fn diff(args: &CatalogueDiff, out: &mut Output) -> Result<(), Failure> {
    known(&args.allow, ChangeCode::ALL.iter().map(|code| code.as_str()))?;
    let (old, new) = (catalogue(&args.old)?, catalogue(&args.new)?);
    let all = changes(&old, &new);
    let breaking: Vec<&Change> = all.iter().filter(|change| change.is_breaking()).collect();
    let failing = breaking.iter().filter(|change| !is_allowed(&args.allow, change.code.as_str())).count();
    let texts: Vec<String> = all.iter().map(|change| format!("{change}\n\n")).collect();
    let (count, allowed) = (all.len(), breaking.len() - failing);
    let word = if count == 1 { "change" } else { "changes" };
    out.text(&format!("{}{count} {word}, {} breaking, {allowed} of them allowed\n", texts.concat(), breaking.len()))?;
    let listed: Vec<Value> = all.iter().map(changed).collect();
    out.json(&json!({ "breaking": breaking.len(), "failing": failing, "changes": listed }))?;
    if failing > 0 { Err(Failure::Rules) } else { Ok(()) }
}

fn changed(change: &Change) -> Value {
    json!({
        "code": change.code.as_str(),
        "breaking": change.is_breaking(),
        "message": change.message,
        "path": change.file,
        "line": change.line,
        "of": if change.is_in_old { "old" } else { "new" },
        "help": change.code.help(),
    })
}

fn catalogue(path: &Path) -> anyhow::Result<Arc<Catalogue>> {
    if path.is_dir() {
        return files::catalogue_in(path);
    }
    if is_bundle(path)? {
        return Ok(bundle(path, None)?.catalogue().clone());
    }
    Err(anyhow!("{} is neither a directory of .proto files nor a bundle", path.display()))
}

fn is_allowed(allow: &[String], code: &str) -> bool {
    allow.iter().any(|allowed| allowed.eq_ignore_ascii_case(code))
}

fn known<'c>(allow: &[String], codes: impl Iterator<Item = &'c str> + Clone) -> anyhow::Result<()> {
    for wanted in allow {
        if !codes.clone().any(|code| code.eq_ignore_ascii_case(wanted)) {
            let guess = nearest(wanted, codes);
            let hint = guess.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
            return Err(anyhow!("`--allow {wanted}`: there is no such code{hint}"));
        }
    }
    Ok(())
}
