//! Rules verified: the examples on drawn events, everything that a condition can read, and a difference that is found.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use expect_test::expect;
use rules::{Compilation, Identity, InputFile};
use rules_capture::Decoder;
use rules_catalogue::{Catalogue, compile};
use rules_verify::{Verified, Verify, drawn};

fn rules_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn catalogue(folder: &str) -> Arc<Catalogue> {
    let sources = compile::Sources::read_dir(&rules_folder().join(folder)).expect("the catalogue is there");
    Arc::new(compile::compile(&sources).expect("it compiles").catalogue)
}

fn compiled(text: &str, catalogue: &Arc<Catalogue>) -> Compilation {
    let identity = Identity { tenant: "studio".to_owned(), revision: 1 };
    let compilation = Compilation::new(vec![InputFile::new("x.rules.yaml", text)], Arc::clone(catalogue), identity);
    assert!(compilation.rule_set().is_some(), "{}", compilation.to_text(false));
    compilation
}

/// Verifies `shown` by what the engine makes of `run`, on drawn events.
fn verified(shown: &Compilation, run: &Compilation, events: usize) -> Verified {
    let set = run.loaded().expect("it compiled");
    let mut verify = Verify::new(shown, set.clone());
    let lines = drawn::capture(shown, events, 1);
    for captured in Decoder::new(set.catalogue().clone()).events(lines.as_bytes()) {
        verify.take(captured.expect("what is drawn is a capture"));
    }
    verify.verified().clone()
}

#[test]
fn the_examples_are_as_the_reference_has_them() {
    let catalogue = catalogue("catalogue");
    let read = |path: PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are text").to_owned();
        InputFile::new(name, std::fs::read_to_string(path).expect("an example reads"))
    };
    let files = std::fs::read_dir(rules_folder().join("examples")).expect("the examples are there");
    let files = files.map(|file| file.expect("a file is there").path());
    let inputs = files.filter(|path| path.extension().is_some_and(|of| of == "yaml")).map(read).collect();
    let compilation = Compilation::new(inputs, catalogue, Identity { tenant: "studio".to_owned(), revision: 1 });
    let verified = verified(&compilation, &compilation, 4_000);
    assert!(verified.is_same(), "{}", verified.to_text());
    assert!(verified.rules.len() > 10 && verified.rejected * 4 < verified.events, "{}", verified.to_text());
    let (asked, held) = verified.rules.iter().fold((0, 0), |(a, h), rule| (a + rule.asked, h + rule.held));
    assert!(asked > 4_000 && held > 100, "{}", verified.to_text());
}

/// Everything that an expression may read, and every kind of field.
const EVERYTHING: &str = r#"rules/v1: { package: eu.all, catalogue: game.v1, owner: team }
params: { limit: { type: int, default: 12, doc: A limit. }, pause: { type: duration, default: 90s } }
sets: { zones.hard: [sky_fortress, crypt], few: [1, 2, 3] }
rules:
  - id: connection
    on: PlayerDied
    when: conn.platform < conn.locale || 'campaign' in conn.attributes && conn.attributes['campaign'] == conn.build + ''
    do: [ { reply: it } ]
  - id: token
    on: PlayerDied
    when: token.sub == player.id && token.segments.exists(s, s.startsWith('x')) || conn.region.size() > 1
    do: [ { reply: it } ]
  - id: fields
    on: PlayerDied
    when: (event.level + 1) % 2 == 0 && event.zone in zones.hard || event.force > 2.5 || event.items.all(i, i != '') && has(event.place)
    do: [ { reply: it } ]
  - id: failing
    on: PlayerDied
    when: 10 / (event.level - 12) > 1 || event.items[1] == 'x'
    do: [ { reply: it } ]
  - id: constants
    on: PlayerDied
    when: event.level >= params.limit && params.pause > duration('1m') && event.level in few || event.zone.matches('^[a-z]+$')
    do: [ { reply: it } ]
  - id: counted
    on: PlayerDied
    let: { deaths: { count: PlayerDied, where: 'event.level > 3', within: 5m, by: player } }
    when: deaths >= 3 && event.zone != ''
    do: [ { reply: it, body: { deaths: deaths } } ]
"#;

#[test]
fn everything_that_a_condition_reads_is_the_same_to_both() {
    let catalogue = catalogue("diagnostics/catalogue");
    let compilation = compiled(EVERYTHING, &catalogue);
    let verified = verified(&compilation, &compilation, 3_000);
    assert!(verified.is_same(), "{}", verified.to_text());
    for rule in &verified.rules {
        assert!(rule.asked > 500 && rule.held > 0 && rule.held < rule.asked, "{}", verified.to_text());
    }
    assert!(verified.rules.iter().any(|rule| rule.without_value > 10), "{}", verified.to_text());
}

#[test]
fn a_difference_is_shown_with_its_event() {
    let catalogue = catalogue("diagnostics/catalogue");
    let rule = |limit: u32| {
        format!(
            "rules/v1: {{ package: eu.one, catalogue: game.v1, owner: team }}\nrules:\n  - id: it\n    on: PlayerDied\n    \
             let: {{ deaths: {{ count: PlayerDied, within: 5m, by: player }} }}\n    \
             when: event.level >= {limit} && deaths >= 1\n    do: [ {{ reply: it, body: {{ deaths: deaths }} }} ]\n"
        )
    };
    let (shown, run) = (compiled(&rule(5), &catalogue), compiled(&rule(6), &catalogue));
    let verified = verified(&shown, &run, 40);
    assert!(!verified.is_same());
    expect![[r#"
        40 events

        rule          asked      held  no value  given up different
        eu.one/it        40        10         0         0         3

        engine and reference differ, 3 of 40 times

        eu.one/it: event.level >= 5 && deaths >= 1
          --> x.rules.yaml:6:11
          line 9: PlayerDied of ada {"area":"x","born":"1970-01-01T00:00:00.000000001Z","cause":9999,"force":0.0,"items":[],"level":5,"place":{"x":1.5,"y":1.0},"tags":[],"zone":""}
              deaths = 1
              engine:    false
              reference: true
          line 32: PlayerDied of bo {"area":"","cause":"unspecified","force":0.0,"items":["","","x"],"level":5,"place":{"x":0.5,"y":0.0},"tags":["","x"],"zone":""}
              deaths = 1
              engine:    false
              reference: true
          line 42: PlayerDied of bo {"area":"x","born":"1970-01-01T00:00:00.000000001Z","cause":"fall","force":6.0,"items":[""],"level":5,"place":{"x":5.5,"y":2.0},"tags":[],"zone":""}
              deaths = 6
              engine:    false
              reference: true
    "#]].assert_eq(&verified.to_text());
}
