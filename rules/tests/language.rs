//! Every example of the reference compiles, and its tests pass.

use std::path::Path;
use std::sync::Arc;

use rules::{Compilation, Identity, InputFile};
use rules_catalogue::{Catalogue, compile};

const HEADER: &str = "rules/v1: { package: eu.examples, catalogue: game.v1, owner: team-eu }\n";

fn catalogue() -> Arc<Catalogue> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let sources = compile::Sources::read_dir(&root).unwrap();
    Arc::new(compile::compile(&sources).unwrap().catalogue)
}

fn reference() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/language.md")).unwrap()
}

/// Fenced blocks of one kind, each with the line it begins on.
fn blocks(text: &str, kind: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match &mut open {
            Some(block) if line == "```" => out.push((block.0, std::mem::take(&mut block.1))),
            Some(block) => {
                block.1.push_str(line);
                block.1.push('\n');
                continue;
            }
            None if line == format!("```{kind}") => {
                open = Some((number + 1, String::new()));
                continue;
            }
            None => continue,
        }
        open = None;
    }
    out
}

fn compile_alone(line: usize, text: &str, catalogue: &Arc<Catalogue>) -> Compilation {
    let headed = ["rules/v1", "params/v1", "overlay/v1"].iter().any(|header| text.starts_with(header));
    let whole = if headed { text.to_owned() } else { format!("{HEADER}{text}") };
    let mut inputs = vec![InputFile::new(format!("language.md:{line}"), whole)];
    if text.starts_with("overlay/v1") {
        // It lies over the whole file at the reference's beginning.
        let (line, under) = blocks(&reference(), "yaml").into_iter().next().expect("the reference has examples");
        inputs.push(InputFile::new(format!("language.md:{line}"), under));
    }
    Compilation::new(inputs, Arc::clone(catalogue), Identity { tenant: "studio".to_owned(), revision: 1 })
}

#[test]
fn every_yaml_example_compiles_and_its_tests_pass() {
    let catalogue = catalogue();
    let blocks = blocks(&reference(), "yaml");
    assert!(blocks.len() >= 7, "the reference has examples");
    let mut tests = 0;
    for (line, block) in blocks {
        let compilation = compile_alone(line, &block, &catalogue);
        assert!(compilation.report().diagnostics().is_empty(), "{}", compilation.to_text(false));
        let run = compilation.test();
        assert_eq!(run.failed(), 0, "{}", run.to_text(compilation.sources(), false));
        tests += run.passed();
    }
    assert!(tests >= 6, "the examples have tests: {tests}");
}

#[test]
fn every_condition_compiles() {
    let catalogue = catalogue();
    for (line, block) in blocks(&reference(), "cel") {
        for (offset, condition) in block.lines().enumerate() {
            let quoted = condition.replace('\'', "''");
            let rule =
                format!("rules:\n  - id: r\n    on: PlayerDied\n    when: '{quoted}'\n    do: [ {{ reply: hi }} ]\n");
            let compilation = compile_alone(line + offset, &rule, &catalogue);
            assert!(compilation.report().diagnostics().is_empty(), "{}", compilation.to_text(false));
        }
    }
}

#[test]
fn codes_that_the_reference_names_exist() {
    let text = reference();
    for (at, _) in text.match_indices("`R0") {
        let code = &text[at + 1..at + 6];
        assert!(rules::Code::parse(code).is_some(), "{code}");
    }
}
