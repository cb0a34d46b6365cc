//! The example rules: they compile without a word, their tests pass, and over the recording they fire as the golden file says.
//!
//! The recording is the file that the variable `EDGE_EVENTS` names; the test that needs it says that it is skipped where the
//! variable is not set. Its clock: matches are played one after another in the order of the file, [`PAUSE_MS`] apart, and
//! every event arrives when it happens. Each player's session has the region and the build of the match.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use edge_event::{ConnInfo, ProducerId, UnixMillis};
use expect_test::expect_file;
use flate2::read::GzDecoder;
use rules::source::{FileId, SourceFile};
use rules::syntax::{RuleFile, TestDecl};
use rules::{Compilation, Identity, InputFile, Offline, Report};
use rules_catalogue::{Catalogue, compile};
use rules_engine::{Reason, RuleIndex, RuleSet};
use serde::Deserialize;
use serde_json::Value;

/// When the first match begins: 2026-01-01T00:00:00Z.
const START_MS: i64 = 1_767_225_600_000;

/// Between the last event of a match and the beginning of the next one.
const PAUSE_MS: i64 = 300_000;

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

/// A line of the recording.
#[derive(Deserialize)]
struct Recorded {
    #[serde(rename = "match")]
    game: String,
    /// Seconds since the match began.
    t: f64,
    player: String,
    #[serde(rename = "type")]
    kind: String,
    fields: Value,
}

/// What became of one rule.
#[derive(Default)]
struct Count {
    fired: u64,
    players: BTreeSet<String>,
    held_back: BTreeMap<Reason, u64>,
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
    let (events, counts) = run(&set, BufReader::new(GzDecoder::new(file)));
    let firing = counts.values().filter(|count| count.fired > 0).count();
    assert!(firing >= LEAST_FIRING, "only {firing} rules fire");
    expect_file![root().join("recorded-counts.txt")].assert_eq(&table(&set, events, &counts));
}

/// Feeds every line; gives how many there were, and what became of each rule.
fn run(set: &Arc<RuleSet>, lines: impl BufRead) -> (u64, BTreeMap<RuleIndex, Count>) {
    let catalogue = set.catalogue();
    let mut offline = Offline::new(Arc::clone(set));
    let mut conns: BTreeMap<String, Arc<ConnInfo>> = BTreeMap::new();
    let mut counts: BTreeMap<RuleIndex, Count> = BTreeMap::new();
    let (mut events, mut game, mut begun, mut now) = (0, String::new(), START_MS, START_MS - PAUSE_MS);
    for line in lines.lines() {
        let line = line.expect("the recording is text");
        let event: Recorded = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{line}\n{e}"));
        if event.game != game {
            begun = now + PAUSE_MS;
            game.clone_from(&event.game);
        }
        now = begun + (event.t * 1000.0).round() as i64;
        if event.kind == "match_joined" {
            conns.insert(event.player.clone(), session(&event));
        }
        let conn = conns.get(&event.player).unwrap_or_else(|| panic!("{} joined no match", event.player));
        let kind = catalogue.event_type_of_record(&event.kind).unwrap_or_else(|| panic!("no type for {line}"));
        let payload = catalogue.encode_json(kind, &event.fields).unwrap_or_else(|e| panic!("{line}\n{e}"));
        let at = UnixMillis(now);
        let observed = offline.feed_payload(&event.player, kind.id, Bytes::from(payload), &Arc::clone(conn), at, at);
        for rule in observed.fired {
            let count = counts.entry(*rule).or_default();
            count.fired += 1;
            count.players.insert(event.player.clone());
        }
        for (rule, reason) in observed.suppressed {
            *counts.entry(*rule).or_default().held_back.entry(*reason).or_default() += 1;
        }
        events += 1;
    }
    (events, counts)
}

/// The session that a player would have had.
fn session(joined: &Recorded) -> Arc<ConnInfo> {
    let text = |name: &str| Arc::from(joined.fields[name].as_str().unwrap_or_default());
    Arc::new(ConnInfo {
        sub: Arc::from(joined.player.as_str()),
        producer: ProducerId([1; 16]),
        region: text("region"),
        build: text("build"),
        platform: Arc::from("pc"),
        ..ConnInfo::default()
    })
}

fn table(set: &RuleSet, events: u64, counts: &BTreeMap<RuleIndex, Count>) -> String {
    let mut out = String::from(
        "# What the example rules find in the recorded matches, played one after another.\n\
         # Written by the test `over_the_recording_they_fire_as_counted` of rules/tests/examples.rs when UPDATE_EXPECT=1 is set.\n",
    );
    let _ = writeln!(out, "events {events}\n");
    let reasons = [Reason::Once, Reason::Cooldown, Reason::Shadow];
    let _ = writeln!(
        out,
        "{:<32} {:>6} {:>8} {:>8} {:>10} {:>8}",
        "rule", "fired", "players", "once", "cooldown", "shadow"
    );
    let mut rules: Vec<_> = set.rules().map(|(at, info)| (format!("{}/{}", info.package, info.id), at)).collect();
    rules.sort();
    let none = Count::default();
    for (name, at) in rules {
        let count = counts.get(&at).unwrap_or(&none);
        let held = reasons.map(|reason| count.held_back.get(&reason).copied().unwrap_or(0));
        let other = count.held_back.values().sum::<u64>() - held.iter().sum::<u64>();
        assert_eq!(
            other, 0,
            "{name} was held back for reasons that recorded events cannot give: {:?}",
            count.held_back
        );
        let (fired, players) = (count.fired, count.players.len());
        let _ = writeln!(out, "{name:<32} {fired:>6} {players:>8} {:>8} {:>10} {:>8}", held[0], held[1], held[2]);
    }
    out
}
