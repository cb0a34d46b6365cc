//! The front end: whole rule files and their parameters, from bytes to diagnostics, tests and a bundle.
//!
//! The bytes are one rule file; behind a line `=== file NAME` another one begins. What must hold: never a panic, every
//! diagnostic can be shown as text, in colour and as JSON, points into its file, and comes again in the same order;
//! what compiles without errors runs its tests, and its bundle verifies and loads.

use std::sync::Arc;

use rules::{BuildInfo, Compilation, InputFile, named_params};
use rules_bundle::VerifiedBundle;

use super::bundles::{catalogue, identity, key, trusted};
use crate::repository;

/// Where another file begins.
const MARK: &[u8] = b"=== file ";

pub(super) fn run(bytes: &[u8]) {
    let files = files(bytes);
    let compilation = compiled(files.clone());
    let text = shown(&compilation);
    assert_eq!(text, shown(&compiled(files.clone())), "the same files give the same report");
    for file in &files {
        if let Ok(text) = std::str::from_utf8(&file.bytes) {
            named_params(&file.path, text);
        }
    }
    let Some(set) = compilation.rule_set() else { return };
    let run = compilation.test();
    run.to_text(compilation.sources(), false);
    run.to_json(compilation.sources());
    let info = BuildInfo { created_ms: 1, expires_ms: None, lineage: Vec::new(), builder: "fuzz".to_owned() };
    let bundle = compilation.bundle(&info, &[key()]).expect("what has no errors can be built");
    let loaded = VerifiedBundle::verify(bundle, trusted()).map(|bundle| bundle.load());
    let loaded = loaded.expect("what we signed verifies").expect("what the compiler made loads");
    assert_eq!(loaded.manifest.packages, set.packages);
}

fn compiled(files: Vec<InputFile>) -> Compilation {
    Compilation::new(files, Arc::clone(catalogue()), identity())
}

fn shown(compilation: &Compilation) -> String {
    let sources = compilation.sources();
    for diagnostic in compilation.report().diagnostics() {
        let text = &sources.file(diagnostic.span.file).text;
        assert!(text.get(diagnostic.span.range()).is_some(), "{diagnostic:?} points beside the text");
    }
    assert!(!compilation.to_text(true).is_empty() || compilation.report().diagnostics().is_empty());
    compilation.report().to_json(sources);
    compilation.to_text(false)
}

fn files(bytes: &[u8]) -> Vec<InputFile> {
    let mut files = vec![InputFile { path: "eu/a.rules.yaml".to_owned(), bytes: Vec::new() }];
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        if let Some(name) = line.strip_prefix(MARK) {
            let path = format!("eu/{}", String::from_utf8_lossy(name).trim());
            files.push(InputFile { path, bytes: Vec::new() });
        } else if let Some(file) = files.last_mut() {
            file.bytes.extend_from_slice(line);
        }
    }
    files
}

/// The examples, the diagnostics' cases (both what is wrong and what is near it), and the documentation's examples.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> =
        repository::texts("rules/examples", ".yaml").into_iter().map(|(_, text)| text.into_bytes()).collect();
    for (_, case) in repository::texts("rules/diagnostics", ".case") {
        let sections: Vec<(&str, &str)> = case.split("=== ").skip(1).filter_map(|part| part.split_once('\n')).collect();
        let extra: String = sections
            .iter()
            .filter(|(name, _)| name.starts_with("file "))
            .map(|(name, body)| format!("=== {name}\n{body}"))
            .collect();
        let ours = sections.iter().filter(|(name, _)| ["wrong", "near"].contains(&name.trim()));
        seeds.extend(ours.map(|(_, body)| format!("{body}{extra}").into_bytes()));
    }
    let language = repository::text("rules/docs/language.md");
    let fenced = language.split("```yaml\n").skip(1).filter_map(|part| part.split("```").next());
    seeds.extend(fenced.map(|text| text.as_bytes().to_vec()));
    seeds
}
