//! `edgectl rules cost`, `coverage` and `why` as a member of a regional team meets them: the real binary, golden output.

mod project;

use std::io::{BufRead as _, BufReader};

use expect_test::expect;
use project::{PARAMS, RULES, project, ran, write};
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
           82 %  deaths  (reads its cell)
                 --> many/m.rules.yaml:9:12
            8 %  event.level >= 4
                 --> many/m.rules.yaml:10:11
            7 %  deaths >= 1
                 --> many/m.rules.yaml:10:31
          let `deaths`, for each PlayerDied: 0.01 us
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

#[test]
fn coverage_says_how_far_each_rule_got() {
    let dir = many();
    let (code, out, err) = ran(&dir, &["rules", "coverage", "many", "events.jsonl"]);
    assert_eq!((code, err.as_str()), (1, ""));
    expect![[r#"
        3 events of 2 senders

        rule             events      held held back  errors    fired  players
        eu.many/fails         3         1         0       1        0        0
        eu.many/fires         3         3         0       0        3        2
        eu.many/never         3         0         0       0        0        0
        eu.many/rests         3         3         1       0        2        2
        eu.many/tries         3         3         3       0        0        0

        3 of 5 rules fired

        never fired:
          eu.many/fails on PlayerDied (team): its condition held once, and it ordered nothing
              without a value: a key or a command once; first in line 3
          eu.many/never on PlayerDied (team): 3 events came, its condition never held
              false first, 3 of 3: `event.level >= 100`
                --> many/m.rules.yaml:15:31
    "#]]
    .assert_eq(&out);
    let (code, said) = json_of(&dir, &["rules", "coverage", "many", "events.jsonl"]);
    assert_eq!((code, &said["failing"]), (1, &json!(["eu.many/fails", "eu.many/never"])));
    let reach: Vec<&Value> = said["rules"].as_array().unwrap().iter().map(|rule| &rule["reach"]).collect();
    assert_eq!(reach, ["held_back", "fired", "never_held", "fired", "shadow"]);
}

#[test]
fn coverage_lets_named_rules_stay_silent() {
    let dir = many();
    let run = |more: &[&str]| ran(&dir, &[&["rules", "coverage", "many", "events.jsonl"], more].concat());
    assert_eq!(run(&["--allow", "eu.many/never"]).0, 1);
    let (code, out, _) = run(&["--allow", "eu.many/never", "--allow", "eu.many/fails"]);
    assert!(code == 0 && out.ends_with("2 may stay silent; 0 others never fired\n"), "{out}");
    let (code, _, err) = run(&["--allow", "eu.many/nevr"]);
    assert!(code == 3 && err.contains("did you mean `eu.many/never`?"), "{err}");
    let (code, _, err) = run(&["--allow", "never"]);
    assert!(code == 3 && err.contains("write PACKAGE/ID"), "{err}");
}

#[test]
fn coverage_of_nothing_is_a_mistake() {
    let dir = many();
    write(&dir, "empty.jsonl", "\n");
    write(&dir, "x.bundle", "EDGEBNDL");
    let (code, _, err) = ran(&dir, &["rules", "coverage", "many", "empty.jsonl"]);
    assert!(code == 3 && err.contains("no event in the given captures"), "{err}");
    let (code, _, err) = ran(&dir, &["rules", "coverage", "x.bundle", "events.jsonl"]);
    assert!(code == 3 && err.contains("x.bundle is a bundle"), "{err}");
    assert_eq!(ran(&dir, &["rules", "coverage", "many"]).0, 2);
}

#[test]
fn why_shows_the_condition_that_failed_with_its_values() {
    let dir = many();
    let (code, out, err) = ran(&dir, &["rules", "why", "never", "many", "events.jsonl", "--line", "2"]);
    assert_eq!((code, err.as_str()), (0, ""));
    expect![[r#"
        eu.many/never did not fire: `event.level >= 100` is false
          event     PlayerDied of a, 1970-01-01T00:00:02.000Z, line 2, id 1f4e961eb632c6e63468f15a70af6fa9/1/2
          when      true   event.level >= 4
                           event.level = 5
                    FALSE  event.level >= 100
                           event.level = 5
                           --> many/m.rules.yaml:15:31
    "#]]
    .assert_eq(&out);
    let (_, said) = json_of(&dir, &["rules", "why", "never", "many", "events.jsonl", "--line", "2"]);
    assert_eq!((&said["end"], &said["conditions"][1]["holds"]), (&json!("no_match"), &json!(false)));
    assert_eq!(said["fields"]["level"], "5");
}

#[test]
fn why_knows_the_state_that_earlier_events_left() {
    let dir = many();
    let why = |line: &str| ran(&dir, &["rules", "why", "eu.many/rests", "many", "events.jsonl", "--line", line]).1;
    expect![[r#"
        eu.many/rests fired: its condition held, and nothing held it back
          event     PlayerDied of a, 1970-01-01T00:00:01.000Z, line 1, id 1f4e961eb632c6e63468f15a70af6fa9/1/1
          when      true   event.level >= 4
                           event.level = 4
                    true   deaths >= 1
                           deaths = 1
          let       deaths = 1
          cooldown  open, and used by this event
          ordered   reply rest {"deaths":1}
    "#]]
    .assert_eq(&why("1"));
    expect![[r#"
        eu.many/rests was held back: its `cooldown` is not over
          event     PlayerDied of a, 1970-01-01T00:00:02.000Z, line 2, id 1f4e961eb632c6e63468f15a70af6fa9/1/2
          when      true   event.level >= 4
                           event.level = 5
                    true   deaths >= 1
                           deaths = 2
          let       deaths = 2
          cooldown  its `cooldown` is not over
    "#]]
    .assert_eq(&why("2"));
}

#[test]
fn why_tells_errors_and_shadow() {
    let dir = many();
    let why = |rule: &str| ran(&dir, &["rules", "why", rule, "many", "events.jsonl", "--line", "3"]).1;
    expect![[r#"
        eu.many/fails did not fire: its condition held, and a key or a command has no value for this event
          event     PlayerDied of b, 1970-01-01T00:00:03.000Z, line 3, id 3f84d8441c0b5a57d47fc91ae312224b/1/1
          when      true   event.level == 9
                           event.level = 9
    "#]]
    .assert_eq(&why("fails"));
    expect![[r#"
        eu.many/tries would have fired: it runs in shadow, and orders nothing
          event     PlayerDied of b, 1970-01-01T00:00:03.000Z, line 3, id 3f84d8441c0b5a57d47fc91ae312224b/1/1
    "#]]
    .assert_eq(&why("tries"));
}

/// A rule behind every gate, and one of its group that goes before it for high levels.
const GATED: &str = r#"rules/v1: { package: eu.gated, catalogue: game.v1, owner: team }
rules:
  - id: gated
    on: PlayerDied
    active: { tz: Europe/Berlin, from: 1970-01-01, until: 2030-01-01, weekly: Thu 00:00 - 02:00 }
    variations: [ { split: { a: 50%, b: 50% }, salt: xp } ]
    rollout: { 60%, salt: s }
    once: { by: player, per: 1s }
    cooldown: 1s
    group: g
    rate_limit: { 1 per 10s, by: region, scope: shard, per_player: 1 }
    do: [ { reply: hi, body: { arm: variation } } ]
  - id: before
    on: PlayerDied
    when: event.level >= 9
    precedence: 1
    group: g
    do: [ { reply: hello } ]
"#;

#[test]
fn why_tells_what_each_gate_said() {
    let dir = many();
    write(&dir, "many/gated.rules.yaml", GATED);
    let event = |player: &str, second: u32, level: u8| {
        let at = second * 1_000;
        format!(r#"{{"player":"{player}","type":"PlayerDied","at":{at},"fields":{{"level":{level}}}}}"#)
    };
    let why = |event: &str| {
        let (code, out, err) = ran(&dir, &["rules", "why", "gated", "many", "first.jsonl", "--event", event]);
        assert_eq!((code, err.as_str()), (0, ""));
        out
    };
    // The limit that players share is used up by another one.
    write(&dir, "first.jsonl", &format!("{}\n", event("b", 3, 3)));
    expect![[r#"
        eu.gated/gated was held back: its `rate_limit` is used up
          event     PlayerDied of a, 1970-01-01T00:00:05.000Z, line 1, id 1f4e961eb632c6e63468f15a70af6fa9/1/1
          active    open (Thu 1970-01-01 01:00:05 in Europe/Berlin)
          variation open (`b`)
          rollout   open (bucket 5913, below 60000)
          once      open
          cooldown  open
          group     open (eu.gated/g)
          rate_limit its `rate_limit` is used up
          per_player open, and not asked
    "#]]
    .assert_eq(&why(&event("a", 5, 3)));
    expect![[r#"
        eu.gated/gated fired: its condition held, and nothing held it back
          event     PlayerDied of a, 1970-01-01T00:00:20.000Z, line 1, id 1f4e961eb632c6e63468f15a70af6fa9/1/1
          active    open (Thu 1970-01-01 01:00:20 in Europe/Berlin)
          variation open (`b`)
          rollout   open (bucket 5913, below 60000)
          once      open, and used by this event
          cooldown  open, and used by this event
          group     open, and used by this event (eu.gated/g)
          rate_limit open, and used by this event
          per_player open, and used by this event
          ordered   reply hi {"arm":"b"}
    "#]]
    .assert_eq(&why(&event("a", 20, 3)));
    expect![[r#"
        eu.gated/gated was held back: another rule of its `group` fired for this event
          event     PlayerDied of a, 1970-01-01T00:00:20.000Z, line 1, id 1f4e961eb632c6e63468f15a70af6fa9/1/1
          active    open (Thu 1970-01-01 01:00:20 in Europe/Berlin)
          variation open (`b`)
          rollout   open (bucket 5913, below 60000)
          once      open
          cooldown  open
          group     another rule of its `group` fired for this event (`before`, of eu.gated/g)
          rate_limit open, and not asked
          per_player open, and not asked
    "#]]
    .assert_eq(&why(&event("a", 20, 9)));
    expect![[r#"
        eu.gated/gated was held back: its `active` says that it is not its time
          event     PlayerDied of a, 1970-01-01T01:00:00.000Z, line 1, id 1f4e961eb632c6e63468f15a70af6fa9/1/1
          active    its `active` says that it is not its time (Thu 1970-01-01 02:00:00 in Europe/Berlin, outside of `weekly`)
          variation open, and not asked (`b`)
          rollout   open, and not asked (bucket 5913, below 60000)
          once      open, and not asked
          cooldown  open, and not asked
          group     open, and not asked (eu.gated/g)
          rate_limit open, and not asked
          per_player open, and not asked
    "#]].assert_eq(&why(&event("a", 3_600, 3)));
}

#[test]
fn why_finds_an_event_by_its_identity_or_takes_one() {
    let dir = many();
    let why = |more: &[&str]| json_of(&dir, &[&["rules", "why", "fires", "many"], more].concat()).1;
    assert_eq!(why(&["events.jsonl", "--id", "a/1/2"])["line"], 2);
    let id = why(&["events.jsonl", "--line", "3"])["id"].as_str().unwrap().to_owned();
    assert_eq!(why(&["events.jsonl", "--id", &id])["sender"], "b");
    let low = r#"{"player":"z","type":"PlayerDied","fields":{"level":3}}"#;
    assert_eq!(why(&["--event", low])["end"], "no_match");
    assert_eq!(why(&["events.jsonl", "--event", low])["time"], "1970-01-01T00:00:03.000Z");
    let again = r#"{"player":"a","type":"PlayerDied","fields":{"level":5},"seq":2}"#;
    assert_eq!(why(&["events.jsonl", "--event", again])["end"], "duplicate");
}

#[test]
fn why_tells_what_cannot_be_asked() {
    let dir = many();
    let wrong = |args: &[&str], wanted: &str| {
        let (code, _, err) = ran(&dir, &[&["rules", "why"], args].concat());
        assert!(code == 3 && err.contains(wanted), "{code}: {err}");
    };
    wrong(&["nevr", "many", "events.jsonl", "--line", "1"], "no rule `nevr` (did you mean `never`?)");
    wrong(
        &["never", "many", "events.jsonl", "--line", "9"],
        "line 9 of the capture holds no event; its last event is in line 3",
    );
    wrong(&["never", "many", "events.jsonl", "--id", "a/1/9"], "the capture has no event a/1/9");
    wrong(&["never", "many", "events.jsonl", "--id", "a"], "write e.g. p-7/1/42");
    wrong(&["never", "many", "--line", "1"], "name the capture that holds the event");
    wrong(&["never", "many", "--event", "{"], "`--event` is not JSON");
    wrong(&["never", "many", "--event", "{}"], "`--event`: line 1: a line names either a `player` or a `server`");
    assert_eq!(ran(&dir, &["rules", "why", "never", "many", "events.jsonl"]).0, 2);
    write(&dir, "many/m.rules.yaml", &MANY.replace("mode: shadow", "enabled: false"));
    wrong(&["tries", "many", "events.jsonl", "--line", "1"], "rule `tries` is not enabled");
    write(&dir, "many/n.rules.yaml", &RULES.replace("id: r\n", "id: never\n").replace("[r]", "[never]"));
    write(&dir, "many/x.params.yaml", PARAMS);
    wrong(&["never", "many", "events.jsonl", "--line", "1"], "write one of eu.many/never, eu.x/never");
}

/// What a `--watch` prints, line by line, ended with the test.
struct Watch {
    child: std::process::Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Watch {
    fn of(dir: &TempDir) -> Watch {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_edgectl"));
        command.args(["rules", "test", "eu", "--watch"]).current_dir(dir.path()).stdout(std::process::Stdio::piped());
        command.env_remove("EDGE_CATALOGUE").env_remove("EDGE_TENANT");
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Watch { child, lines }
    }

    /// Reads until a line is `wanted`.
    fn until(&self, wanted: &str) {
        let patience = std::time::Duration::from_secs(30);
        while self.lines.recv_timeout(patience).unwrap_or_else(|_| panic!("`{wanted}` never came")) != wanted {}
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_watch_runs_again_whenever_a_file_changes() {
    let dir = project();
    let watch = Watch::of(&dir);
    watch.until("1 passed, 0 failed");
    write(&dir, "eu/x.params.yaml", &PARAMS.replace("default: 5", "default: 60"));
    watch.until("eu/x.params.yaml changed");
    watch.until("0 passed, 1 failed");
    write(&dir, "eu/x.rules.yaml", &RULES.replace("event.level >=", "event.lvl >="));
    watch.until("1 error");
    write(&dir, "eu/x.rules.yaml", RULES);
    write(&dir, "eu/x.params.yaml", PARAMS);
    watch.until("1 passed, 0 failed");
}

#[test]
fn a_failed_test_shows_what_was_expected_and_what_happened() {
    let dir = project();
    let expect = "expect: { fires: [r], commands: [ { publish: t, message: { level: 6 } }, { reply: hi } ] }";
    write(
        &dir,
        "eu/x.rules.yaml",
        &RULES.replace("expect: { fires: [r] }", expect).replace("none: any", "none: cooldown"),
    );
    let (code, out, _) = ran(&dir, &["rules", "test", "eu"]);
    assert_eq!(code, 1);
    let from = out.find("FAIL").unwrap();
    expect![[r#"
        FAIL  eu.x  fires at the level
              PlayerDied at eu/x.rules.yaml:10:19
              - none: cooldown
              + none: no_match
              PlayerDied at eu/x.rules.yaml:11:19
                fires: r
              - publish: t, message: { level: 6 }
              + publish: t, message: {"level":5}
              - reply: hi
        0 passed, 1 failed
    "#]]
    .assert_eq(&out[from..]);
    let (_, said) = json_of(&dir, &["rules", "test", "eu"]);
    let lines = &said["tests"][0]["differences"][1]["lines"];
    assert_eq!(lines[1]["side"], "expected");
}
