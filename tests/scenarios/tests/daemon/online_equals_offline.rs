//! Online equals offline: what the daemon orders of a capture, over QUIC, on two shards, with connections that break in the
//! middle, is what `edgectl rules replay` orders of the same capture.
//!
//! Every rule is about a player, so every rule is compared: command by command with all that a line says of it but its place on
//! disk, each player's in their order; replies by their number, since they may be lost with a connection; and for each rule how
//! often it fired and was held back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use scenarios::orders::{self, Order};
use scenarios::{Dice, World, binaries, granted};
use serde_json::{Value, json};
use tempfile::TempDir;

const RULES: &str = include_str!("../../story/timed.rules.yaml");
/// 2026-01-01T00:00:00Z.
const START_MS: i64 = 1_767_225_600_000;
/// Rules that must find something in the recording.
const LEAST_FIRING: usize = 9;

/// What the daemon made of a capture.
struct Online {
    figures: Value,
    orders: Vec<Order>,
    folder: PathBuf,
}

/// What a replay made of it.
struct Offline {
    summary: Value,
    orders: Vec<Order>,
    replies: usize,
}

fn play(scratch: &Path, arguments: &[&str]) -> Online {
    let mut command = Command::new(binaries::edge_router());
    command.args(["demo", "--json", "--recorded-time"]).args(arguments).env("TMPDIR", scratch);
    let ended = command.output().expect("it starts");
    let errors = String::from_utf8_lossy(&ended.stderr);
    let text = String::from_utf8_lossy(&ended.stdout);
    let figures: Value = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}\n{errors}"));
    assert!(ended.status.success(), "{}\n{errors}\n{figures}", ended.status);
    assert_eq!(figures["shards"].as_array().map(Vec::len), Some(2));
    let folder = PathBuf::from(figures["directory"].as_str().expect("where it played"));
    Online { orders: Order::of_daemon(&folder.join("commands")), figures, folder }
}

fn replay(scratch: &Path, arguments: &[&str]) -> Offline {
    let out = scratch.join("replayed.jsonl");
    let mut command = Command::new(binaries::edgectl());
    command.args(["--json", "rules", "replay"]).args(arguments).arg("--out").arg(&out);
    let ended = command.output().expect("it starts");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let summary = serde_json::from_slice(&ended.stdout).expect("a summary");
    let (orders, replies) = Order::of_replay(&out);
    Offline { summary, orders, replies: replies.len() }
}

/// Holds one to the other.
fn hold(online: &Online, offline: &Offline) {
    if let Some(words) = orders::difference(&online.orders, &offline.orders) {
        panic!("online and offline differ (the daemon's folder is {}):\n{words}", online.folder.display());
    }
    let (figures, summary) = (&online.figures, &offline.summary);
    let ended = |name: &str| figures["ledger"][name].as_u64().expect("a count");
    let expected = |name: &str| summary[name].as_u64().expect("a count");
    assert_eq!(ended("commanded"), expected("commanded"));
    assert_eq!(ended("no_match"), expected("no_match"));
    let held: u64 = summary["suppressed"].as_object().expect("by reason").values().filter_map(Value::as_u64).sum();
    assert_eq!(ended("suppressed"), held);
    assert_eq!(rule_counts(&figures["rules"], false), rule_counts(&summary["rules"], true));
    let replies = figures["replies"].as_u64().expect("a count");
    assert!(replies <= offline.replies as u64, "{replies} replies came, {} were ordered", offline.replies);
}

/// By rule: how often it fired, and was held back.
fn rule_counts(rules: &Value, by_reason: bool) -> BTreeMap<String, (u64, u64)> {
    let of = |rule: &Value| {
        let name = format!("{}/{}", rule["package"].as_str().unwrap(), rule["rule"].as_str().unwrap());
        let held = match by_reason {
            true => rule["suppressed"].as_object().unwrap().values().filter_map(Value::as_u64).sum(),
            false => rule["suppressed"].as_u64().unwrap() + rule["errors"].as_u64().unwrap(),
        };
        (name, (rule["fired"].as_u64().unwrap(), held))
    };
    rules.as_array().expect("a list").iter().map(of).collect()
}

fn reconnects(online: &Online) -> (u64, u64) {
    let count = |name: &str| online.figures["reliable"][name].as_u64().expect("a count");
    (count("reconnects"), count("resent"))
}

/// A capture of players and game servers: bursts and long silences, several streams of a player, events that are refused.
fn script(seed: u64) -> String {
    let mut dice = Dice::new(seed);
    let mut lines = vec![
        json!({ "session": { "player": "p0", "region": "eu", "segments": ["vip"], "platform": "ps5", "build": "7" } }),
        json!({ "session": { "server": "gs0", "build": "gs" } }),
    ];
    let (mut at, mut player, zones) = (START_MS, String::new(), ["a", "b"]);
    for nonce in 0..3_000 {
        // Mostly within seconds, now and then half an hour; mostly one player, now and then another.
        at += if dice.roll().is_multiple_of(200) { 1_800_000 } else { (dice.roll() % 1_500) as i64 };
        if nonce == 0 || dice.roll().is_multiple_of(12) {
            player = format!("p{}", dice.roll() % 12);
        }
        let (kind, fields) = match dice.roll() % 16 {
            0..=8 => {
                ("Hit", json!({ "nonce": nonce, "power": dice.roll() % 104, "zone": zones[dice.roll() as usize % 2] }))
            }
            9..=10 => ("Chat", json!({ "nonce": nonce })),
            11..=12 => ("Kill", json!({ "nonce": nonce })),
            13 => ("Login", json!({ "nonce": nonce })),
            _ => ("Trade", json!({ "nonce": nonce, "player_id": player, "gold": dice.roll() % 300 })),
        };
        let who =
            if kind == "Trade" { ("server", format!("gs{}", dice.roll() % 2)) } else { ("player", player.clone()) };
        let mut line = json!({ "at": at, "type": kind, "fields": fields });
        line[who.0] = Value::from(who.1);
        if kind == "Chat" {
            line["class"] = Value::from(dice.roll() % 2 * 3);
        }
        lines.push(line);
    }
    // A player's word on what only servers may attest, and a type that the catalogue does not have.
    lines.push(json!({ "at": at, "player": "p1", "type": "Trade", "fields": { "player_id": "p1", "gold": 1 } }));
    lines.push(json!({ "at": at, "player": "p1", "type_id": 4_000, "payload": "CAE=" }));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The capture and the files that both programs are given.
struct Papers {
    folder: TempDir,
    world: World,
}

impl Papers {
    fn new(capture: &str) -> Papers {
        let (folder, world) = (tempfile::tempdir().expect("a directory"), World::new());
        let papers = Papers { folder, world };
        std::fs::write(papers.at("events.jsonl"), capture).expect("a file");
        std::fs::write(papers.at("trusted.keys"), papers.world.signer.public().to_text()).expect("a file");
        papers
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Rules as a bundle on disk.
    fn bundle(&self, name: &str, rules: &str, revision: u64) -> String {
        std::fs::write(self.at(name), self.world.bundle_of_rules(rules, revision)).expect("a file");
        self.at(name)
    }
}

/// Any rules, a swap in the middle, no recording needed. The swap is exact since nothing is on the way when the clock stands.
#[test]
fn a_scripted_capture_with_a_swap_in_the_middle() {
    let dice = Dice::fresh("online equals offline").roll();
    let papers = Papers::new(&script(dice));
    let (events, keys) = (papers.at("events.jsonl"), papers.at("trusted.keys"));
    let old = papers.bundle("old.bundle", RULES, 1);
    let changed = RULES.replace("hits >= 4", "hits >= 3").replace("here >= 4", "here >= 3");
    let new = papers.bundle("new.bundle", &changed, 2);
    let swap = format!("2026-01-01T01:30:00Z={new}");

    let online = play(
        papers.folder.path(),
        &["--events", &events, "--bundle", &old, "--keys", &keys, "--swap", &swap, "--reconnects", "6"],
    );
    let offline = replay(papers.folder.path(), &[&old, &events, "--keys", &keys, "--swap", &swap]);
    hold(&online, &offline);
    let (reconnects, resent) = reconnects(&online);
    assert!(reconnects >= 6 * 12 && resent > 0, "{reconnects} reconnects, {resent} events sent again");
    assert_eq!(offline.summary["rejected"].as_array().map(Vec::len), Some(3), "{}", offline.summary);
    let fired = orders::by_rule(&offline.orders);
    assert_eq!(fired.len(), 6, "every rule of the script fires: {fired:?}");
    for revision in [r#""revision":"1""#, r#""revision":"2""#] {
        assert!(offline.orders.iter().any(|order| order.text.contains(revision)), "no {revision}");
    }

    // The comparison sees a threshold that is another by one, and a swap that comes an hour later.
    let other = papers.bundle("other.bundle", &changed.replace("hits >= 3", "hits >= 4"), 2);
    for swap in [format!("2026-01-01T01:30:00Z={other}"), swap.replace("01:30", "02:30")] {
        let wrong = replay(papers.folder.path(), &[&old, &events, "--keys", &keys, "--swap", &swap]);
        let words = orders::difference(&online.orders, &wrong.orders).expect("other rules order something else");
        assert!(words.contains("only online") && words.contains("scenario.timed/"), "{words}");
    }
}

/// The recording's first matches, with the programs as they are built for tests.
#[test]
fn the_first_recorded_matches() {
    let Some(recording) = granted::recording() else { return };
    let scratch = tempfile::tempdir().expect("a directory");
    let extract = scratch.path().join("extract.jsonl.gz");
    crate::demo::extract_of(&recording, &extract, 20_000);
    let extract = extract.display().to_string();
    let online = play(scratch.path(), &["--events", &extract, "--reconnects", "5"]);
    let bundle = online.folder.join("bundle/rules.bundle").display().to_string();
    hold(&online, &replay(scratch.path(), &[&bundle, &extract]));
    assert!(!online.orders.is_empty());
}

/// The whole recording. The test command runs it with the release build; `EDGE_BINARIES` says where that is.
#[test]
#[ignore = "takes minutes with programs that are not optimised: the test command runs it with the release build"]
#[allow(clippy::print_stdout, reason = "the counts are its result")]
fn the_whole_recording() {
    let recording = std::env::var("EDGE_EVENTS").expect("EDGE_EVENTS names the recording");
    let scratch = tempfile::tempdir().expect("a directory");
    let online = play(scratch.path(), &["--events", &recording, "--reconnects", "5"]);
    let bundle = online.folder.join("bundle/rules.bundle").display().to_string();
    let offline = replay(scratch.path(), &[&bundle, &recording]);
    hold(&online, &offline);
    let (reconnects, resent) = reconnects(&online);
    let players = online.figures["players"].as_u64().expect("a count");
    assert!(reconnects > 4 * players && resent > reconnects, "{reconnects} reconnects, {resent} events sent again");

    let counts = rule_counts(&online.figures["rules"], false);
    assert_eq!(counts, golden(), "recorded-counts.txt says otherwise");
    let firing = counts.values().filter(|(fired, _)| *fired > 0).count();
    assert!(firing >= LEAST_FIRING, "only {firing} rules fire");
    println!(
        "{} events of {players} players, {reconnects} reconnects, {resent} events sent again; {firing} rules fired, {} commands \
         are equal online and offline, {} of {} replies arrived",
        offline.summary["events"],
        online.orders.len(),
        online.figures["replies"],
        offline.replies
    );
}

/// What the example rules' golden file states: by rule, fired and held back.
fn golden() -> BTreeMap<String, (u64, u64)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules/examples/recorded-counts.txt");
    let text = std::fs::read_to_string(path).expect("the golden file");
    let rows = text.lines().filter(|line| line.contains('/') && !line.starts_with('#'));
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let numbers: Vec<u64> = words[1..].iter().map(|word| word.parse().expect("a count")).collect();
        (words[0].to_owned(), (numbers[0], numbers[2..].iter().sum()))
    };
    rows.map(row).collect()
}
