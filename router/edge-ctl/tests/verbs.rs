//! `edgectl rules cost` as a member of a regional team meets them: the real binary, golden output.

mod project;

use expect_test::expect;
use project::{RULES, project, ran, write};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Rules that end in every way: one fires, one is held back, one never holds, one cannot make its command.
const MANY: &str = r#"rules/v1: { package: eu.many, catalogue: game.v1, owner: team }
rules:
  - id: fires
    on: PlayerDied
    when: event.level >= 4
    do: [ { publish: t, message: { level: event.level } } ]
  - id: rests
    on: PlayerDied
    let: { deaths: { count: PlayerDied, where: event.level > 1, within: 5m, by: player } }
    when: event.level >= 4 && deaths >= 1
    cooldown: { 1h, by: player }
    do: [ { reply: rest, body: { deaths: deaths } } ]
  - id: never
    on: PlayerDied
    when: event.level >= 4 && event.level >= 100
    do: [ { reply: never } ]
  - id: fails
    on: PlayerDied
    when: event.level == 9
    do: [ { reply: fails, body: { share: 10 / (event.level - 9) } } ]
  - id: tries
    on: PlayerDied
    mode: shadow
    do: [ { reply: tries } ]
"#;

fn many() -> TempDir {
    let dir = project();
    std::fs::create_dir_all(dir.path().join("many")).unwrap();
    write(&dir, "many/m.rules.yaml", MANY);
    dir
}

/// Runs with `--json` and reads it.
fn json_of(dir: &TempDir, args: &[&str]) -> (i32, Value) {
    let (code, out, err) = ran(dir, &[&["--json"], args].concat());
    (code, serde_json::from_str(&out).unwrap_or_else(|why| panic!("{why}: {out}{err}")))
}

#[test]
fn cost_shows_the_most_costly_rule_first_and_where_it_comes_from() {
    let dir = many();
    let (code, out, err) = ran(&dir, &["rules", "cost", "many"]);
    assert_eq!((code, err.as_str()), (0, ""));
    expect![[r#"
        worst case for one event; limits: 2.00 us a rule, 100.00 us its commands, 20.00 us an event type

        eu.many/rests on PlayerDied: 0.08 us, 4 % of the limit
           82 %  deaths  (reads the count's cell)
                 --> many/m.rules.yaml:9:12
            8 %  event.level >= 4
                 --> many/m.rules.yaml:10:11
            7 %  deaths >= 1
                 --> many/m.rules.yaml:10:31
          count `deaths`, for each PlayerDied: 0.01 us
          its commands, when it fires: 0.01 us

        eu.many/never on PlayerDied: 0.02 us, 1 % of the limit
           43 %  event.level >= 4
                 --> many/m.rules.yaml:15:11
           43 %  event.level >= 100
                 --> many/m.rules.yaml:15:31
          its commands, when it fires: 0.00 us

        eu.many/fails on PlayerDied: 0.01 us, 1 % of the limit
          100 %  event.level == 9
                 --> many/m.rules.yaml:19:11
          its commands, when it fires: 0.02 us

        eu.many/fires on PlayerDied: 0.01 us, 1 % of the limit
          100 %  event.level >= 4
                 --> many/m.rules.yaml:5:11
          its commands, when it fires: 0.01 us

        eu.many/tries on PlayerDied: 0.00 us, 0 % of the limit, tried on every event
          its commands, when it fires: 0.00 us

        event type       us  of limit every event  skippable us, none skipped
        PlayerDied     0.01       1 %           2          4            0.11
    "#]]
    .assert_eq(&out);
    let (code, said) = json_of(&dir, &["rules", "cost", "many"]);
    assert_eq!((code, &said["rule_limit_ns"], &said["type_limit_ns"]), (0, &json!(2000.0), &json!(20000.0)));
    assert_eq!(said["rules"][0]["rule"], "rests");
    assert_eq!(said["rules"][0]["parts"][0]["text"], "deaths");
    assert_eq!(said["event_types"][0]["event"], "PlayerDied");
}

#[test]
fn cost_shows_a_rule_that_is_refused_for_it_and_ends_with_one() {
    let dir = project();
    let field = "  int32 level = 1;\n  string diary = 2 [(edge.catalogue.v1.field).max_len = 900];\n";
    let proto = std::fs::read_to_string(dir.path().join("catalogue/game/v1/a.proto")).unwrap();
    write(&dir, "catalogue/game/v1/a.proto", &proto.replace("  int32 level = 1;\n", field));
    write(&dir, "eu/x.rules.yaml", &RULES.replace("when: event", "when: event.diary.matches('b+') && event"));
    let (code, out, _) = ran(&dir, &["rules", "cost", "eu"]);
    assert_eq!(code, 1);
    expect![[r#"
        worst case for one event; limits: 2.00 us a rule, 100.00 us its commands, 20.00 us an event type

        eu.x/r on PlayerDied: 7.26 us, 363 % of the limit  ABOVE THE LIMIT
          100 %  event.diary.matches('b+')  (up to 900 bytes or items)
                 --> eu/x.rules.yaml:5:11
          its commands, when it fires: 0.01 us

        event type       us  of limit every event  skippable us, none skipped
        PlayerDied     0.00       0 %           0          1            7.26
    "#]]
    .assert_eq(&out);
    // Whatever else is wrong is told instead.
    write(&dir, "eu/x.rules.yaml", &RULES.replace("event.level >=", "event.lvl >="));
    let (code, out, _) = ran(&dir, &["rules", "cost", "eu"]);
    assert!(code == 1 && out.starts_with("error[R0204]"), "{out}");
}
