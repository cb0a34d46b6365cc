//! Every code has a case: what triggers it, exactly what its author sees, and a near case that does not trigger it.
//!
//! A case is a file `diagnostics/CODE.case`: sections `=== wrong`, `=== shows`, `=== near`; further files of the case stand in
//! sections `=== file NAME`. Run with `UPDATE_EXPECT=1` to write `shows` anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rules::{Code, Compilation, Identity, InputFile, Report};
use rules_catalogue::{Catalogue, compile};

struct Case {
    path: PathBuf,
    wrong: String,
    shows: String,
    near: String,
    files: Vec<(String, String)>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("diagnostics")
}

fn catalogue() -> Arc<Catalogue> {
    let sources = compile::Sources::read_dir(&root().join("catalogue")).unwrap();
    Arc::new(compile::compile(&sources).unwrap().catalogue)
}

fn read(code: Code) -> Case {
    let path = root().join(format!("{}.case", code.as_str()));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut case = Case { path, wrong: String::new(), shows: String::new(), near: String::new(), files: Vec::new() };
    for section in text.split("=== ").skip(1) {
        let (name, body) = section.split_once('\n').unwrap_or((section, ""));
        let body = body.to_owned();
        match name.trim() {
            "wrong" => case.wrong = body,
            "shows" => case.shows = body,
            "near" => case.near = body,
            other => {
                let file = other.strip_prefix("file ").unwrap_or_else(|| panic!("section `{other}`"));
                case.files.push((file.to_owned(), body));
            }
        }
    }
    case
}

/// The case's text with what stands for things that are tedious to write out.
fn expand(text: &str) -> Vec<u8> {
    let mut out = text.to_owned();
    for (mark, with) in [("<long>", "x".repeat(9000)), ("<deep>", "[".repeat(40)), ("<many-actions>", many_actions())] {
        out = out.replace(mark, &with);
    }
    match out.split_once("<not-text>") {
        Some((before, after)) => [before.as_bytes(), &[0xff], after.as_bytes()].concat(),
        None => out.into_bytes(),
    }
}

fn many_actions() -> String {
    "{ reply: hi }, ".repeat(17)
}

fn compiled(case: &Case, text: &str, catalogue: &Arc<Catalogue>) -> Compilation {
    let mut inputs = vec![InputFile { path: "eu/retention.rules.yaml".to_owned(), bytes: expand(text) }];
    inputs.extend(case.files.iter().map(|(name, body)| InputFile::new(format!("eu/{name}"), body.clone())));
    Compilation::new(inputs, Arc::clone(catalogue), Identity { tenant: "studio".to_owned(), revision: 1 })
}

/// Codes that no rule file can trigger as long as the compiler is right.
const NEVER: [Code; 1] = [Code::EngineRefuses];

/// What the author sees: of the compiler, and where that is content, of the tests.
fn shown(compilation: &Compilation) -> (Report, String) {
    let run = compilation.test();
    let report = if run.outcomes.is_empty() { compilation.report().clone() } else { run.report };
    let text = report.to_text(compilation.sources(), false);
    (report, text)
}

#[test]
fn every_code_has_a_case() {
    let catalogue = catalogue();
    let mut failures = String::new();
    for code in Code::ALL.iter().filter(|code| !NEVER.contains(code)) {
        let case = read(*code);
        let (report, text) = shown(&compiled(&case, &case.wrong, &catalogue));
        if !report.diagnostics().iter().any(|d| d.code == *code) {
            let _ = writeln!(failures, "{}: the case does not trigger it, but:\n{text}", code.as_str());
        }
        for d in report.diagnostics() {
            if d.help.is_none() && d.label.is_empty() {
                let _ = writeln!(failures, "{}: says not what to do: {}", code.as_str(), d.message);
            }
        }
        let (near, near_text) = shown(&compiled(&case, &case.near, &catalogue));
        if !near.diagnostics().is_empty() {
            let _ = writeln!(failures, "{}: the near case triggers:\n{near_text}", code.as_str());
        }
        if text != case.shows {
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                write(&case, &text);
            } else {
                let _ = writeln!(failures, "{}: expected\n{}\nbut shown was\n{text}", code.as_str(), case.shows);
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

fn write(case: &Case, shown: &str) {
    let mut out = format!("=== wrong\n{}", case.wrong);
    for (name, body) in &case.files {
        let _ = write!(out, "=== file {name}\n{body}");
    }
    let _ = write!(out, "=== shows\n{shown}=== near\n{}", case.near);
    std::fs::write(&case.path, out).unwrap();
}

#[test]
fn there_is_no_case_without_a_code() {
    for entry in std::fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "case") {
            let code = path.file_stem().and_then(|s| s.to_str()).unwrap();
            assert!(Code::parse(code).is_some(), "{} is of no code", path.display());
        }
    }
}
