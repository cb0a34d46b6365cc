//! Replays: the same admission, the same dedupe, the same rules, the same names of commands as live.

use std::sync::Arc;

use edge_event::UnixMillis;
use expect_test::expect;
use rules::{Compilation, Identity, InputFile, Replay, Summary};
use rules_capture::Decoder;
use rules_catalogue::{Catalogue, compile};
use rules_engine::RuleSet;

const PROTO: &str = r#"syntax = "proto3";
package game.v1;
import "edge/catalogue/v1/options.proto";
option (edge.catalogue.v1.defaults) = { owner: "team" };
message Died {
  option (edge.catalogue.v1.event) = { id: 1 };
  int32 level = 1 [(edge.catalogue.v1.field).range = { min: 0 max: 200 }];
}
message Paid {
  option (edge.catalogue.v1.event) = { id: 2 provenance: SERVER subject: "player_id" };
  string player_id = 1 [(edge.catalogue.v1.field) = { max_len: 64 personal_data: PSEUDONYMOUS }];
}
"#;

const RULES: &str = "rules/v1: { package: eu.x, catalogue: game.v1, owner: team }
rules:
  - id: thrice
    on: Died
    let: { deaths: { count: Died, within: 1m, by: player } }
    when: deaths >= 3
    cooldown: 5m
    do:
      - { publish: deaths, deadline: 1m, priority: P1, message: { deaths: deaths, player: player.id } }
      - { publish: news, priority: P3, message: { player: player.id } }
      - { reply: comfort, body: { level: event.level } }
  - id: paid
    on: Paid
    do: [ { start_workflow: Thank, id: \"'t-' + player.id\", input: { build: conn.build } } ]
";

fn catalogue() -> Arc<Catalogue> {
    Arc::new(compile::compile(&compile::Sources::new().with("a.proto", PROTO)).unwrap().catalogue)
}

fn rule_set(text: &str, revision: u64) -> Arc<RuleSet> {
    let files = vec![InputFile::new("x.rules.yaml", text)];
    let compilation = Compilation::new(files, catalogue(), Identity { tenant: "studio".into(), revision });
    let ir = compilation.rule_set().unwrap_or_else(|| panic!("{}", compilation.to_text(false))).clone();
    Arc::new(RuleSet::load(ir, compilation.catalogue().clone()).unwrap())
}

fn played(mut replay: Replay, capture: &str) -> (Summary, String) {
    let mut lines = Vec::new();
    for captured in Decoder::new(catalogue()).events(capture.as_bytes()) {
        replay.take(captured.unwrap(), &mut lines);
    }
    (replay.summary(), String::from_utf8(lines).unwrap())
}

fn died(at: i64, player: &str, more: &str) -> String {
    format!(r#"{{"at":{at},"player":"{player}","type":"Died","fields":{{"level":4}}{more}}}"#)
}

#[test]
fn commands_are_lines_as_the_file_sink_writes_them() {
    let capture: Vec<String> = (0..3).map(|n| died(1_772_357_400_000 + n * 1000, "p-7", "")).collect();
    let (summary, lines) = played(Replay::new(rule_set(RULES, 12)), &capture.join("\n"));
    assert_eq!((summary.commands, summary.replies), (2, 1));
    expect![[r#"
        {"specversion":"1.0","id":"770d9ef060bd9f181cda261777f3d4e3","source":"/edge/replay","type":"edge.command.publish","subject":"p-7","time":"2026-03-01T09:30:02.000Z","datacontenttype":"application/json","priority":"p1","package":"eu.x","rule":"thrice","actionindex":0,"revision":"12","producer":"73c978184e12ad3db75ad80544247d47","class":1,"seq":"3","deadline":"2026-03-01T09:31:02.000Z","data":{"topic":"deaths","message":{"deaths":3,"player":"p-7"}}}
        {"specversion":"1.0","id":"9ee2c0216f7f721e8056e1f2599a4635","source":"/edge/replay","type":"edge.command.publish","subject":"p-7","time":"2026-03-01T09:30:02.000Z","datacontenttype":"application/json","priority":"p1","package":"eu.x","rule":"thrice","actionindex":1,"revision":"12","producer":"73c978184e12ad3db75ad80544247d47","class":1,"seq":"3","data":{"topic":"news","message":{"player":"p-7"}}}
        {"specversion":"1.0","id":"b2d057dcc1e737c922545d3d962f8d87","source":"/edge/replay","type":"edge.command.reply","subject":"p-7","time":"2026-03-01T09:30:02.000Z","datacontenttype":"application/json","priority":"p2","package":"eu.x","rule":"thrice","actionindex":2,"revision":"12","producer":"73c978184e12ad3db75ad80544247d47","class":1,"seq":"3","data":{"name":"comfort","body":{"level":4}}}
    "#]]
    .assert_eq(&lines);
}

#[test]
fn admission_and_dedupe_are_those_of_the_daemon() {
    let capture = [
        died(1, "a", ""),
        died(2, "a", r#","seq":1"#), // the same number again
        died(3, "a", "").replace("4}", "999}"),
        died(4, "a", "").replace(r#""type":"Died","fields":{"level":4}"#, r#""type_id":77,"payload":"""#),
        died(5, "a", "").replace("player", "server"),
        r#"{"at":6,"player":"a","type":"Paid","fields":{"player_id":"b"}}"#.to_owned(),
        r#"{"at":6,"server":"gs","type":"Paid","fields":{}}"#.to_owned(),
        r#"{"at":6,"server":"gs","type":"Paid","fields":{"player_id":"b"}}"#.to_owned(),
        died(7, "a", r#","class":0"#), // another class counts by itself
    ];
    let (summary, lines) = played(Replay::new(rule_set(RULES, 1)), &capture.join("\n"));
    let rejected: Vec<_> = summary.rejected.iter().map(|r| (r.code, r.count, r.first_line)).collect();
    assert_eq!(
        rejected,
        [
            ("payload_out_of_range", 1, 3),
            ("unknown_event_type", 1, 4),
            ("wrong_provenance", 2, 5),
            ("payload_no_subject", 1, 7)
        ]
    );
    assert_eq!((summary.events, summary.duplicate, summary.no_match, summary.commanded), (9, 1, 2, 1));
    assert!(lines.contains(r#""subject":"b""#), "{lines}");
}

#[test]
fn a_swap_takes_place_between_two_events_and_state_goes_on() {
    let eager = RULES.replace("deaths >= 3", "deaths >= 2");
    let mut replay = Replay::new(rule_set(RULES, 1));
    replay.swap_at(UnixMillis(10_000), rule_set(&eager, 2));
    let (summary, lines) = played(replay, &[died(9_999, "a", ""), died(10_000, "a", "")].join("\n"));
    assert_eq!((summary.revisions.as_slice(), summary.commanded), (&[1, 2][..], 1));
    assert!(lines.contains(r#""revision":"2""#), "{lines}");
    let (summary, _) =
        played(Replay::new(rule_set(RULES, 1)), &[died(9_999, "a", ""), died(10_000, "a", "")].join("\n"));
    assert_eq!(summary.commanded, 0, "without the swap two deaths are not enough");
}

#[test]
fn the_summary_says_where_every_event_ended() {
    let mut capture: Vec<String> = (0..5).map(|n| died(n * 1000, "a", "")).collect();
    capture.push(died(90_000, "b", "").replace("4}", "999}"));
    let (summary, _) = played(Replay::new(rule_set(RULES, 3)), &capture.join("\n"));
    expect![[r#"
        6 events of 2 senders over 1.5 min, rules of revision 3
          1 commanded, 2 held back (cooldown 2), 2 no match, 0 duplicate, 1 rejected
          rejected payload_out_of_range: 1, the first in line 6: `level` is 999; allowed is 0..=200
          2 commands, 1 replies

        rule           fired  players cooldown
        eu.x/paid          0        0        0
        eu.x/thrice        1        1        2
    "#]]
    .assert_eq(&summary.to_text());
}

#[test]
fn the_lines_of_the_documentation_are_a_capture_of_the_example_catalogue() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/replay.md")).unwrap();
    let block = text.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let sources = compile::Sources::read_dir(&root.join("catalogue")).unwrap();
    let catalogue = Arc::new(compile::compile(&sources).unwrap().catalogue);
    let mut decoder = Decoder::new(catalogue);
    let events: Vec<_> = decoder.events(block.as_bytes()).map(Result::unwrap).collect();
    assert_eq!((events.len(), decoder.senders()), (3, 2));
}
