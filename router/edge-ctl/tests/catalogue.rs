//! `edgectl rules catalogue lint` and `diff`: the real binary, golden output.

mod project;

use expect_test::expect;
use project::{project, ran, write};
use serde_json::Value;
use tempfile::TempDir;

const PROTO: &str = r#"syntax = "proto3";
package game.v1;
import "edge/catalogue/v1/options.proto";
// The player's character died.
message PlayerDied {
  option (edge.catalogue.v1.event) = { id: 1 owner: "team" tags: "combat" };
  // The character's level.
  int32 level = 1 [(edge.catalogue.v1.field).range = { max: 200 }];
  // Where, e.g. `catacombs`.
  string zone = 2 [(edge.catalogue.v1.field).max_len = 64];
}
"#;

/// A tidy catalogue in `old` and one in `new` that `change` makes of it.
fn changed(change: impl Fn(&str) -> String) -> TempDir {
    let dir = project();
    for (name, text) in [("old", PROTO.to_owned()), ("new", change(PROTO))] {
        std::fs::create_dir_all(dir.path().join(name)).unwrap();
        write(&dir, &format!("{name}/player.proto"), &text);
    }
    dir
}

#[test]
fn lint_of_a_tidy_catalogue_is_silent() {
    let dir = changed(str::to_owned);
    let lint = ran(&dir, &["rules", "catalogue", "lint", "old"]);
    assert_eq!(lint, (0, "0 errors, 0 warnings, 0 of them allowed\n".into(), String::new()));
}

#[test]
fn lint_tells_what_is_untidy() {
    let untidy = r#"  uint64 killer_id = 3;
  // Who watched.
  string watching_player = 4 [(edge.catalogue.v1.field).max_len = 64];
  // A name of a thing, and nobody's.
  string item_name = 5 [(edge.catalogue.v1.field).max_len = 64];
  // Said to be nobody's.
  string ai_player = 6 [(edge.catalogue.v1.field) = { max_len: 64 personal_data: NONE }];
  // How.
  Way way = 7;
}
enum Way { NONE = 0; WAY_FALL = 1; }
"#;
    let dir =
        changed(|text| format!("{}{untidy}", text.trim_end().trim_end_matches('}').replace(" tags: \"combat\"", "")));
    let (code, out, err) = ran(&dir, &["rules", "catalogue", "lint", "new"]);
    assert_eq!((code, err.as_str()), (1, ""));
    expect![[r#"
        warning[C0414]: event type `PlayerDied` has no tag
          --> player.proto:5:9
           = help: give it at least one word of the taxonomy, e.g. `tags: "match"`, so that it is found

        warning[C0411]: field `killer_id` has no comment
          --> player.proto:11:10
           = help: say in a comment above it, or above its group, what it is and in which unit: authors of rules are shown it

        warning[C0412]: `PlayerDied.watching_player` looks like personal data, and nobody says of which class
          --> player.proto:13:10
           = help: say what may be done with it, e.g. `[(edge.catalogue.v1.field).personal_data = PSEUDONYMOUS]`, or `NONE` where it is nobody's

        warning[C0413]: `NONE` is no name for a value of `Way`
          --> player.proto:21:6
           = help: use `UPPER_SNAKE_CASE` that begins with the enum's name, e.g. `END_REASON_QUIT`: rules then say `EndReason.QUIT`

        0 errors, 4 warnings, 0 of them allowed
    "#]].assert_eq(&out);
    let allow = ["--allow", "C0411", "--allow", "c0412", "--allow", "C0413", "--allow", "C0414"];
    let (code, out, _) = ran(&dir, &[&["--json", "rules", "catalogue", "lint", "new"], &allow[..]].concat());
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &said["failing"], &said["diagnostics"][0]["code"]), (0, &0.into(), &"C0414".into()));
}

#[test]
fn lint_tells_errors_which_nobody_can_allow() {
    let dir =
        changed(|text| text.replace(" owner: \"team\"", "").replace("[(edge.catalogue.v1.field).max_len = 64]", ""));
    let (code, out, _) = ran(&dir, &["rules", "catalogue", "lint", "new", "--allow", "C0301"]);
    assert_eq!(code, 1);
    expect![[r#"
        error[C0103]: event type `PlayerDied` has no owner
          --> player.proto:5:9
           = help: add `owner: "team-…"` to the event, or a default for the file with `option (edge.catalogue.v1.defaults) = { owner: "team-…" }`

        error[C0301]: `zone` has no `max_len`
          --> player.proto:10:10
           = help: add `[(edge.catalogue.v1.field).max_len = N]`, in bytes

        2 errors, 0 warnings, 0 of them allowed
    "#]].assert_eq(&out);
}

#[test]
fn diff_says_what_breaks_and_what_does_not() {
    let dir = changed(|text| {
        let text = text.replace("max: 200", "max: 100").replace("string zone = 2", "string area = 2");
        format!(
            "{text}// New.\nmessage Revived {{ option (edge.catalogue.v1.event) = {{ id: 2 owner: \"team\" }}; }}\n"
        )
    });
    let (code, out, err) = ran(&dir, &["rules", "catalogue", "diff", "old", "new"]);
    assert_eq!((code, err.as_str()), (1, ""));
    expect![[r#"
        breaking[C0533]: the range of `PlayerDied.level` is `-2147483648..=100` and was `-2147483648..=200`
          --> player.proto:8
           = help: keep the range: values of today would be refused

        breaking[C0520]: field `PlayerDied.zone` (number 2) is gone
          --> player.proto:10 (old)
           = help: keep it and mark it `[deprecated = true]`: rules that read it would not compile

        breaking[C0522]: number 2 is field `PlayerDied.area` and was `zone`
          --> player.proto:10
           = help: choose a number that was never used: values of the old field would be read as the new one

        fine[C0513]: event type `Revived` is new
          --> player.proto:13

        4 changes, 3 breaking, 0 of them allowed
    "#]]
    .assert_eq(&out);
    let allow = ["--allow", "C0520", "--allow", "C0522", "--allow", "C0533"];
    let (code, out, _) = ran(&dir, &[&["--json", "rules", "catalogue", "diff", "old", "new"], &allow[..]].concat());
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &said["breaking"], &said["failing"]), (0, &3.into(), &0.into()));
}

#[test]
fn diff_of_the_same_is_nothing_and_takes_a_bundle() {
    let dir = project();
    assert_eq!(ran(&dir, &["rules", "keygen", "-o", "k"]).0, 0);
    assert_eq!(ran(&dir, &["rules", "build", "eu", "--key", "k.secret", "-o", "live.bundle"]).0, 0);
    let diff = ["rules", "catalogue", "diff", "live.bundle", "catalogue"];
    assert_eq!(ran(&dir, &diff), (0, "0 changes, 0 breaking, 0 of them allowed\n".into(), String::new()));
    let proto = std::fs::read_to_string(dir.path().join("catalogue/game/v1/a.proto")).unwrap();
    write(&dir, "catalogue/game/v1/a.proto", &proto.replace("id: 1", "id: 2"));
    let (code, out, _) = ran(&dir, &diff);
    assert!(code == 1 && out.starts_with("breaking[C0511]: event type `PlayerDied` has id 2 and had 1\n"), "{out}");
}

#[test]
fn what_cannot_be_compared_is_told() {
    let dir = changed(str::to_owned);
    let wrong = |args: &[&str], wanted: &str| {
        let (code, _, err) = ran(&dir, &[&["rules", "catalogue"], args].concat());
        assert!(code == 3 && err.contains(wanted), "{code}: {err}");
    };
    wrong(&["diff", "old", "none"], "cannot read none");
    wrong(&["diff", "old", "eu/x.rules.yaml"], "neither a directory of .proto files nor a bundle");
    wrong(&["diff", "old", "eu"], "holds no .proto file");
    wrong(&["diff", "old", "new", "--allow", "C0999"], "there is no such code");
    wrong(&["lint", "none"], "cannot read the catalogue none");
    write(&dir, "new/player.proto", "message");
    wrong(&["diff", "old", "new"], "the catalogue new has errors");
}
