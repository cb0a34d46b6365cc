//! The example rules: they compile without a word, their tests pass, and over the recording they fire as the golden file says.
//!
//! The recording is the file that the variable `EDGE_EVENTS` names; the test that needs it says that it is skipped where the
//! variable is not set. It is replayed as `edgectl rules replay` does.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use expect_test::expect_file;
use rules::source::{FileId, SourceFile};
use rules::syntax::{RuleFile, TestDecl};
use rules::{Compilation, Identity, InputFile, Replay, Report, Summary};
use rules_capture::{Decoder, unpacked};
use rules_catalogue::{Catalogue, compile};
use rules_engine::RuleSet;

/// Rules that must find something in the recording.
const LEAST_FIRING: usize = 9;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn catalogue() -> Arc<Catalogue> {
    let sources = compile::Sources::read_dir(&root().join("../catalogue")).expect("the example catalogue is there");
    Arc::new(compile::compile(&sources).expect("and compiles").catalogue)
}

/// Every file of rules or parameters, by name.
fn files() -> Vec<InputFile> {
    let entries = std::fs::read_dir(root()).expect("the examples are there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("and can be listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_name().expect("a file has a name").to_string_lossy();
        InputFile::new(name, std::fs::read_to_string(path).expect("a file can be read"))
    };
    paths.iter().map(read).collect()
}

fn compiled() -> Compilation {
    let compilation = Compilation::new(files(), catalogue(), Identity { tenant: "studio".to_owned(), revision: 1 });
    assert!(compilation.report().diagnostics().is_empty(), "{}", compilation.to_text(false));
    compilation
}

/// The files as their authors wrote them.
fn declared() -> Vec<RuleFile> {
    let read = |input: InputFile| {
        let mut report = Report::default();
        let source = SourceFile::new(input.path, String::from_utf8(input.bytes).expect("a file is text"));
        let tree = rules::yaml::read(FileId::default(), &source, &mut report).expect("a file is YAML");
        rules::syntax::read(&source, &tree, &mut report)
    };
    files().into_iter().map(read).collect()
}

#[test]
fn every_test_passes() {
    let compilation = compiled();
    let run = compilation.test();
    assert_eq!(run.failed(), 0, "{}", run.to_text(compilation.sources(), false));
}

#[test]
fn every_rule_is_described_and_tested_from_three_sides() {
    let (mut rules, mut poor) = (0, String::new());
    for file in declared() {
        for rule in &file.rules {
            rules += 1;
            let id = &rule.id.value;
            let doc = rule.doc.as_deref().unwrap_or_default();
            if doc.is_empty() || rule.tags.is_empty() {
                let _ = writeln!(poor, "{id} lacks `doc` or `tags`");
            }
            let mine = |test: &&TestDecl| test.rule.as_ref().is_some_and(|r| r.value == *id);
            let tests: Vec<&TestDecl> = file.tests.iter().filter(mine).collect();
            let fires = tests.iter().filter(|test| expects_action(test)).count();
            let rests = tests.iter().filter(|test| expects_rest(test)).count();
            if tests.len() < 3 || fires == 0 || rests == 0 {
                let _ = writeln!(poor, "{id} has {} tests; {fires} fire and {rests} do not", tests.len());
            }
        }
    }
    assert!(rules >= 12, "{rules} examples");
    assert!(poor.is_empty(), "{poor}");
}

fn expects_action(test: &TestDecl) -> bool {
    let acts = |e: &rules::syntax::Expectation| {
        e.fires.is_some() || e.commands.is_some() || e.none.as_ref().is_some_and(|n| n.value == "shadow")
    };
    test.events.iter().filter_map(|event| event.expect.as_ref()).any(acts)
}

fn expects_rest(test: &TestDecl) -> bool {
    let rests = |e: &rules::syntax::Expectation| e.none.as_ref().is_some_and(|n| n.value == "no_match");
    test.events.iter().filter_map(|event| event.expect.as_ref()).any(rests)
}

#[test]
fn the_guide_names_every_rule() {
    let guide = std::fs::read_to_string(root().join("README.md")).expect("the guide is there");
    for rule in declared().iter().flat_map(|file| &file.rules) {
        let row = format!("| `{}` |", rule.id.value);
        assert!(guide.contains(&row), "README.md has no row for `{}`", rule.id.value);
    }
}

#[test]
fn over_the_recording_they_fire_as_counted() {
    let Ok(path) = std::env::var("EDGE_EVENTS") else {
        println!("skipped: EDGE_EVENTS names no recording");
        return;
    };
    let file = File::open(&path).unwrap_or_else(|e| panic!("EDGE_EVENTS is set to {path}: {e}"));
    let compilation = compiled();
    let ir = compilation.rule_set().expect("there are no errors").clone();
    let set = Arc::new(RuleSet::load(ir, Arc::clone(compilation.catalogue())).expect("the engine takes them"));
    let mut replay = Replay::new(Arc::clone(&set));
    let mut decoder = Decoder::new(Arc::clone(set.catalogue()));
    let mut lines = Vec::new();
    for captured in decoder.events(unpacked(BufReader::new(file)).expect("the recording can be read")) {
        replay.take(captured.unwrap_or_else(|wrong| panic!("{path}: {wrong}")), &mut lines);
    }
    let summary = replay.summary();
    assert_eq!((&summary.rejected[..], summary.duplicate), (&[][..], 0));
    let ordered = lines.iter().filter(|b| **b == b'\n').count() as u64;
    assert_eq!(ordered, summary.commands + summary.replies, "each command is a line");
    let firing = summary.rules.iter().filter(|rule| rule.fired > 0).count();
    assert!(firing >= LEAST_FIRING, "only {firing} rules fire");
    expect_file![root().join("recorded-counts.txt")].assert_eq(&table(&summary));
}

fn table(summary: &Summary) -> String {
    let mut out = String::from(
        "# What the example rules find in the recorded matches, played one after another.\n\
         # Written by the test `over_the_recording_they_fire_as_counted` of rules/tests/examples.rs when UPDATE_EXPECT=1 is set.\n",
    );
    let _ = writeln!(out, "events {}\n", summary.events);
    let _ = writeln!(
        out,
        "{:<32} {:>6} {:>8} {:>8} {:>10} {:>8}",
        "rule", "fired", "players", "once", "cooldown", "shadow"
    );
    for rule in &summary.rules {
        let held = ["once", "cooldown", "shadow"].map(|word| rule.suppressed.get(word).copied().unwrap_or(0));
        let name = format!("{}/{}", rule.package, rule.rule);
        let other = rule.suppressed.values().sum::<u64>() - held.iter().sum::<u64>();
        assert_eq!(
            other, 0,
            "{name} was held back for reasons that recorded events cannot give: {:?}",
            rule.suppressed
        );
        let (fired, players) = (rule.fired, rule.players);
        let _ = writeln!(out, "{name:<32} {fired:>6} {players:>8} {:>8} {:>10} {:>8}", held[0], held[1], held[2]);
    }
    out
}
