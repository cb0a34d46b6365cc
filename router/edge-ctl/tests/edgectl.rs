//! `edgectl` as its users meet it: the real binary, its exit codes, its files, and a daemon that is played by a thread.

mod project;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;

use edge_admin::{Loaded, Refusal, Request, Response, from_line, to_line};
use expect_test::expect;
use project::{CAPTURE, PARAMS, RULES, project, ran, write};
use rules_bundle::{PublicKey, TrustedKeys, VerifiedBundle};
use tempfile::TempDir;

#[test]
fn check_and_test_pass_and_find_catalogue_and_parameters() {
    let dir = project();
    assert_eq!(ran(&dir, &["rules", "check", "eu"]), (0, "1 rule in 1 package: no errors\n".into(), String::new()));
    let (code, out, _) = ran(&dir, &["rules", "test", "eu/x.rules.yaml"]);
    assert_eq!((code, out.as_str()), (0, "pass  eu.x  fires at the level\n1 passed, 0 failed\n"));
}

#[test]
fn mistakes_are_shown_and_end_with_one() {
    let dir = project();
    write(&dir, "eu/x.rules.yaml", &RULES.replace("event.level >=", "event.lvl >="));
    let (code, out, err) = ran(&dir, &["rules", "check", "eu"]);
    assert_eq!((code, err.as_str()), (1, ""));
    expect![[r#"
        error[R0204]: no field `lvl` on event PlayerDied
         --> eu/x.rules.yaml:5:17
          |
        5 |     when: event.lvl >= params.level
          |                 ^^^ did you mean `level` (int32)?
          = catalogue: game/v1/a.proto:7  PlayerDied.level

        1 error
    "#]]
    .assert_eq(&out);
    let (code, out, _) = ran(&dir, &["--json", "rules", "check", "eu"]);
    assert_eq!(code, 1);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["diagnostics"][0]["code"], "R0204");
    assert_eq!(json["diagnostics"][0]["line"], 5);
}

#[test]
fn a_failed_test_ends_with_one_and_stops_a_build() {
    let dir = project();
    write(&dir, "eu/x.params.yaml", &PARAMS.replace('5', "6"));
    let (code, out, _) = ran(&dir, &["rules", "test", "eu"]);
    assert_eq!(code, 1);
    expect![[r#"
        error[R0810]: rule `r` did not fire
          --> eu/x.rules.yaml:11:63
           |
        11 |       - { at: 0s, PlayerDied: { level: 5 }, expect: { fires: [r] } }
           |                                                               ^
          --> eu/x.rules.yaml:11:19
           |
        11 |       - { at: 0s, PlayerDied: { level: 5 }, expect: { fires: [r] } }
           |                   ^^^^^^^^^^ for this event
           = why: `event.level >= params.level` is false
           = values: event.level = 5, params.level = 6
           = help: change the event, or the rule

        1 error

        FAIL  eu.x  fires at the level
              PlayerDied at eu/x.rules.yaml:11:19
              - fires: r
              + none: no_match  # r
        0 passed, 1 failed
    "#]]
    .assert_eq(&out);
    keygen(&dir);
    let (code, ..) = ran(&dir, &["rules", "build", "eu", "--key", "k.secret", "-o", "x.bundle"]);
    assert_eq!(code, 1);
    assert!(!dir.path().join("x.bundle").exists());
    let (code, ..) = ran(&dir, &["rules", "build", "eu", "--key", "k.secret", "-o", "x.bundle", "--skip-tests"]);
    assert_eq!(code, 0);
}

fn keygen(dir: &TempDir) {
    let (code, _, err) = ran(dir, &["rules", "keygen", "-o", "k", "--comment", "for tests"]);
    assert_eq!(code, 0, "{err}");
}

#[test]
fn a_key_is_secret_and_never_overwritten() {
    let dir = project();
    keygen(&dir);
    let mode = std::fs::metadata(dir.path().join("k.secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(dir.path().join("k.secret")).unwrap();
    let (code, _, err) = ran(&dir, &["rules", "keygen", "-o", "k"]);
    assert_eq!(code, 3);
    assert!(err.contains("never overwritten"), "{err}");
    assert_eq!(std::fs::read(dir.path().join("k.secret")).unwrap(), before);
}

#[test]
fn what_is_built_verifies_and_loads() {
    let dir = project();
    keygen(&dir);
    let args = [
        "--json",
        "rules",
        "build",
        "eu",
        "--key",
        "k.secret",
        "-o",
        "x.bundle",
        "--revision",
        "7",
        "--tenant",
        "studio",
    ];
    let (code, out, err) = ran(&dir, &args);
    assert_eq!(code, 0, "{err}");
    let said: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&said["revision"], &said["rules"], &said["live"]), (&7.into(), &1.into(), &1.into()));
    let public = std::fs::read_to_string(dir.path().join("k.public")).unwrap();
    let trusted = TrustedKeys::new([PublicKey::parse(&public).unwrap()]);
    let bytes = std::fs::read(dir.path().join("x.bundle")).unwrap();
    let loaded = VerifiedBundle::verify(bytes::Bytes::from(bytes), &trusted).unwrap().load().unwrap();
    assert_eq!((loaded.manifest.tenant.as_str(), loaded.manifest.revision), ("studio", 7));
    assert_eq!(loaded.rule_set.rules().len(), 1);
}

/// Answers one request with `answer`; gives the request.
fn daemon(socket: &Path, answer: Response) -> std::thread::JoinHandle<Request> {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
        stream.write_all(to_line(&answer).as_bytes()).unwrap();
        from_line(line.trim_end()).unwrap()
    })
}

#[test]
fn load_sends_the_exact_bytes() {
    let dir = project();
    write(&dir, "x.bundle", "bytes");
    let loaded = Loaded { revision: 8, replaced: 7, rules: 3, live_after_ms: 1.25, warnings: vec!["old key".into()] };
    let daemon = daemon(&dir.path().join("s"), Response::Loaded(loaded));
    let (code, out, _) = ran(&dir, &["rules", "load", "x.bundle", "--socket", "s"]);
    let words = "revision 8 is live with 3 rules (was 7), 1.2 ms after it was accepted\nwarning: old key\n";
    assert_eq!((code, out.as_str()), (0, words));
    let Request::LoadBundle { bundle, .. } = daemon.join().unwrap() else { panic!("another request") };
    assert_eq!(bundle, "Ynl0ZXM=");
}

#[test]
fn a_refusal_ends_with_four_and_no_daemon_with_three() {
    let dir = project();
    write(&dir, "x.bundle", "bytes");
    let refusal =
        Refusal { code: "bundle_older".into(), what: "revision 6 is older".into(), help: "build anew".into() };
    let daemon = daemon(&dir.path().join("s"), Response::Refused(refusal));
    let (code, _, err) = ran(&dir, &["rules", "load", "x.bundle", "--socket", "s"]);
    assert_eq!((code, err.as_str()), (4, "edgectl: refused [bundle_older]: revision 6 is older\n  help: build anew\n"));
    daemon.join().unwrap();
    let (code, _, err) = ran(&dir, &["status", "--socket", "nowhere"]);
    assert_eq!(code, 3);
    assert!(err.contains("cannot reach the daemon at nowhere"), "{err}");
}

#[test]
fn explain_knows_every_code_and_guesses() {
    let dir = project();
    let (code, out, _) = ran(&dir, &["rules", "explain", "r0204"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("R0204 (error): no such field on this event\n"), "{out}");
    let (code, out, _) = ran(&dir, &["rules", "explain"]);
    assert_eq!((code, out.lines().count()), (0, rules::Code::ALL.len()));
    let (code, _, err) = ran(&dir, &["rules", "explain", "R020"]);
    assert_eq!(code, 3);
    assert!(err.contains("there is no code `R020`"), "{err}");
}

#[test]
fn what_cannot_be_read_ends_with_three() {
    let dir = project();
    let (code, _, err) = ran(&dir, &["rules", "check", "nothing.rules.yaml"]);
    assert_eq!(code, 3);
    assert!(err.contains("cannot read nothing.rules.yaml"), "{err}");
    write(&dir, "catalogue/game/v1/a.proto", "syntax = \"proto3\"; package game.v1; message {");
    let (code, _, err) = ran(&dir, &["rules", "check", "eu"]);
    assert_eq!(code, 3);
    assert!(err.contains("game/v1/a.proto"), "{err}");
    std::fs::remove_dir_all(dir.path().join("catalogue")).unwrap();
    let (code, _, err) = ran(&dir, &["rules", "check", "eu"]);
    assert_eq!(code, 3);
    assert!(err.contains("--catalogue"), "{err}");
    assert_eq!(ran(&dir, &["rules", "chekc"]).0, 2);
}

#[test]
fn a_capture_is_replayed_through_rules_and_through_their_bundle_alike() {
    let dir = project();
    assert_eq!(ran(&dir, &["rules", "keygen", "-o", "key"]).0, 0);
    let build = ["rules", "build", "eu", "-o", "x.bundle", "--key", "key.secret", "--revision", "7"];
    assert_eq!(ran(&dir, &build).0, 0);
    let (code, said, err) = ran(&dir, &["rules", "replay", "eu", "events.jsonl", "--out", "by-rules.jsonl"]);
    assert_eq!((code, err.as_str()), (0, ""));
    expect![[r#"
        3 events of 2 senders over 2.0 s, rules of revision 0
          2 commanded, 0 held back, 1 no match, 0 duplicate, 0 rejected
          2 commands, 0 replies

        rule      fired  players
        eu.x/r        2        2
    "#]]
    .assert_eq(&said);
    let by_bundle = ["--json", "rules", "replay", "x.bundle", "events.jsonl", "--out", "by-bundle.jsonl"];
    let (code, said, _) = ran(&dir, &[&by_bundle[..], &["--keys", "key.public"]].concat());
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &said["commanded"], &said["rules"][0]["players"]), (0, &2.into(), &2.into()));
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(read("by-rules.jsonl").lines().count(), 2);
    assert_eq!(read("by-rules.jsonl").replace(r#""revision":"0""#, r#""revision":"7""#), read("by-bundle.jsonl"));
}

#[test]
fn rules_are_swapped_in_the_middle_of_a_capture() {
    let dir = project();
    std::fs::create_dir_all(dir.path().join("new")).unwrap();
    write(&dir, "new/x.rules.yaml", &RULES.replace(">= params.level", ">= params.level + 5"));
    write(&dir, "new/x.params.yaml", PARAMS);
    let replay = ["--json", "rules", "replay", "eu", "events.jsonl", "--swap"];
    let swapped = |swap: &str| ran(&dir, &[&replay[..], &[swap]].concat());
    let (code, said, err) = swapped("1970-01-01T00:00:03Z=new");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|why| panic!("{why}: {err}"));
    assert_eq!((code, &said["commanded"], &said["no_match"]), (0, &1.into(), &2.into()));
    let (code, _, err) = swapped("soon=new");
    assert!(code == 2 && err.contains("write e.g. 2026-01-01T02:00:00Z=new.bundle"), "{err}");
}

#[test]
fn what_cannot_be_replayed_is_told_with_file_and_line() {
    let dir = project();
    write(&dir, "events.jsonl", &CAPTURE.replace("player_died", "player_dyed"));
    write(&dir, "empty.jsonl", "\n");
    write(&dir, "torn.bundle", "EDGEBNDL");
    let wrong = |args: &[&str]| {
        let (code, _, err) = ran(&dir, &[&["rules", "replay"][..], args, &["--out", "out.jsonl"]].concat());
        assert_eq!(code, 3, "{err}");
        assert!(!dir.path().join("out.jsonl").exists(), "no half of a file is left under its name");
        err
    };
    let err = wrong(&["eu", "events.jsonl"]);
    assert!(err.contains("events.jsonl: line 2: `type` is `player_dyed`"), "{err}");
    assert!(wrong(&["eu", "empty.jsonl"]).contains("no event in the given captures"));
    assert!(wrong(&["eu", "none.jsonl"]).contains("cannot read none.jsonl"));
    assert!(wrong(&["torn.bundle", "events.jsonl"]).contains("torn.bundle: "));
    assert!(wrong(&["none", "events.jsonl"]).contains("cannot read none"));
}
