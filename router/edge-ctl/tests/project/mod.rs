//! A project on disk for `edgectl` to work in: a catalogue of one event, one rule file, one capture.

use std::process::{Command, Output};

use tempfile::TempDir;

const PROTO: &str = r#"syntax = "proto3";
package game.v1;
import "edge/catalogue/v1/options.proto";
// The player's character died.
message PlayerDied {
  option (edge.catalogue.v1.event) = { id: 1 owner: "team" };
  int32 level = 1;
}
"#;

/// One rule, a parameter, and a test.
pub(crate) const RULES: &str = "rules/v1: { package: eu.x, catalogue: game.v1, owner: team, params: x.params.yaml }
rules:
  - id: r
    on: PlayerDied
    when: event.level >= params.level
    do: [ { publish: t, message: { level: event.level } } ]
tests:
  - name: fires at the level
    events:
      - { at: 0s, PlayerDied: { level: 4 }, expect: { none: any } }
      - { at: 0s, PlayerDied: { level: 5 }, expect: { fires: [r] } }
";

/// Where the parameter is declared.
pub(crate) const PARAMS: &str = "params/v1: { package: eu.x }
params: { level: { type: int, default: 5 } }
";

/// A directory with a catalogue, one rule file and a capture.
pub(crate) fn project() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("catalogue/game/v1")).unwrap();
    std::fs::create_dir_all(dir.path().join("eu")).unwrap();
    write(&dir, "catalogue/game/v1/a.proto", PROTO);
    write(&dir, "eu/x.rules.yaml", RULES);
    write(&dir, "eu/x.params.yaml", PARAMS);
    write(&dir, "events.jsonl", CAPTURE);
    dir
}

/// Writes a file of the project.
pub(crate) fn write(dir: &TempDir, name: &str, text: &str) {
    std::fs::write(dir.path().join(name), text).unwrap();
}

fn edgectl(dir: &TempDir, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_edgectl"))
        .args(args)
        .current_dir(dir.path())
        .env_remove("EDGE_CATALOGUE")
        .env_remove("EDGE_TENANT")
        .env_remove("EDGE_SOCKET")
        .output()
        .unwrap()
}

/// Exit code, standard output, standard error.
pub(crate) fn ran(dir: &TempDir, args: &[&str]) -> (i32, String, String) {
    let output = edgectl(dir, args);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Three deaths of two players.
pub(crate) const CAPTURE: &str = r#"{"at":1000,"player":"a","type":"PlayerDied","fields":{"level":4}}
{"at":2000,"player":"a","type":"player_died","fields":{"level":5}}
{"at":3000,"player":"b","type":"PlayerDied","fields":{"level":9}}
"#;
