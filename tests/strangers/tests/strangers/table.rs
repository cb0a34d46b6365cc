//! Holds `router/docs/strangers.md` to what is really told: its tables are made of the stories and cases of these tests.
//!
//! `EDGE_BLESS=1 cargo test -p strangers table` rewrites them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use edge_wire::codes::{CloseCode, RefuseCode, RejectCode};
use strangers::Stack;
use strangers::cases::{self, Case, ITEMS};

use crate::STORIES;

/// Codes that no stranger meets, and why.
const UNMET: &[(&str, &str)] = &[
    ("CLOSE PROTOCOL_VIOLATION", "for rules without a code of their own; this release has none"),
    ("CLOSE OVERLOADED", "not sent by this release"),
    ("CLOSE INTERNAL", "not sent by this release"),
    ("REFUSE CLIENT_CERTIFICATE", "not sent by this release, which asks nobody for a certificate"),
    ("REFUSE HELLO_INVALID", "not sent by this release, which closes with `FRAME_MALFORMED` or `LIMIT_EXCEEDED`"),
    ("REFUSE REGION_WRONG", "not sent by this release"),
    ("REFUSE OVERLOADED", "the simulation has it"),
    ("REFUSE NOT_READY", "for a disk that failed the spool; the scenario of a failing fsync has it"),
    ("REFUSE SPOOL_FULL", "a full disk is none of a client's faults; the scenario of a full disk has it"),
    ("REFUSE TOO_MANY_SESSIONS", "for a player with as many sessions as it may have; the shard's unit tests have it"),
    ("REFUSE BUDGET_EXCEEDED", "not sent by this release"),
    ("REFUSE INTERNAL", "not sent by this release"),
    ("REJECT SUBJECT_FORBIDDEN", "not sent by this release"),
    ("REJECT EVENT_TYPE_RETIRED", "not sent by this release"),
    ("REJECT RATE_LIMITED", "not sent by this release"),
    ("REJECT INTERNAL", "not sent by this release"),
];

/// What the reason of a code says that nothing sends.
const UNSENT: &str = "this release";

/// Codes that stories meet, rather than a case of a table.
const IN_STORIES: &[(&str, &str)] = &[
    ("CLOSE NO_ERROR", "close"),
    ("CLOSE REFUSED", "refuse"),
    ("CLOSE SUPERSEDED", "superseded"),
    ("CLOSE TOKEN_EXPIRED", "reauth"),
    ("CLOSE TOKEN_INVALID", "reauth"),
    ("CLOSE DRAINING", "draining"),
    ("REJECT EVENT_TYPE_UNKNOWN", "reject"),
];

fn stacks() -> String {
    let mut out = String::from("| what | clauses |");
    for stack in Stack::ALL {
        let _ = write!(out, " {} |", stack.name());
    }
    out += "\n|---|---|---|---|---|---|\n";
    for item in ITEMS {
        let _ = write!(out, "| {} | {} |", item.what, item.clauses);
        for stack in Stack::ALL {
            let told: BTreeSet<&str> = STORIES
                .iter()
                .filter(|told| told.stack == stack && told.proves.contains(&item.key))
                .map(|told| told.story)
                .collect();
            let _ =
                write!(out, " {} |", told.into_iter().map(|story| format!("`{story}`")).collect::<Vec<_>>().join(", "));
        }
        out.push('\n');
    }
    out
}

fn rows(cases: &[Case], head: &str) -> String {
    let mut out = format!("{head}\n|---|---|---|\n");
    for case in cases {
        let _ = writeln!(out, "| {} | {} | `{}` |", case.does, case.clause, case.expects);
    }
    out
}

fn unmet() -> String {
    let mut out = String::from("| code | why |\n|---|---|\n");
    for (code, why) in UNMET {
        let _ = writeln!(out, "| `{code}` | {why} |");
    }
    out
}

/// The page with each part between `<!-- begin NAME -->` and `<!-- end NAME -->` made anew.
fn page(mut text: String) -> String {
    let violations = rows(&cases::violations(), "| what the client sends | RFC 9000 | code |");
    let refusals = rows(&cases::refusals(), "| what the client does | clauses | what comes back |");
    for (name, table) in [("stacks", stacks()), ("violations", violations), ("refusals", refusals), ("unmet", unmet())]
    {
        let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
        let from = text.find(&begin).unwrap_or_else(|| panic!("no `{}` in the page", begin.trim())) + begin.len();
        let to = text.find(&end).unwrap_or_else(|| panic!("no `{end}` in the page"));
        text.replace_range(from..to, &table);
    }
    text
}

#[test]
fn the_page_says_what_is_told() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../router/docs/strangers.md");
    let text = std::fs::read_to_string(&path).expect("the page is there");
    let made = page(text.clone());
    if std::env::var_os("EDGE_BLESS").is_some() {
        return std::fs::write(&path, &made).expect("it can be written");
    }
    assert!(made == text, "{} is stale: EDGE_BLESS=1 cargo test -p strangers table", path.display());
}

#[test]
fn every_item_is_proved_and_every_proof_is_an_item() {
    let items: BTreeSet<&str> = ITEMS.iter().map(|item| item.key).collect();
    let proved: BTreeSet<&str> = STORIES.iter().flat_map(|told| told.proves).copied().collect();
    assert_eq!(items, proved);
}

/// Every published code is met by a stranger, or the page says why it is not.
#[test]
fn every_code_is_met_or_said_to_be_unmet() {
    let close = CloseCode::ALL.iter().map(|code| format!("CLOSE {}", code.info().name));
    let refuse = RefuseCode::ALL.iter().map(|code| format!("REFUSE {}", code.info().name));
    let reject = RejectCode::ALL.iter().map(|code| format!("REJECT {}", code.info().name));
    let published: BTreeSet<String> = close.chain(refuse).chain(reject).collect();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let met: BTreeSet<String> = cases::refusals().into_iter().map(|case| case.expects).collect();
    let met = met.into_iter().filter(|code| ["CLOSE ", "REFUSE ", "REJECT "].iter().any(|kind| code.starts_with(kind)));
    let named = IN_STORIES.iter().chain(UNMET).map(|(code, _)| (*code).to_owned());
    met.chain(named).for_each(|code| *places.entry(code).or_default() += 1);
    let found: BTreeSet<String> = places.keys().cloned().collect();
    assert_eq!(found, published);
    let twice: Vec<_> = places.iter().filter(|(_, places)| **places > 1).collect();
    assert!(twice.is_empty(), "met and said to be unmet: {twice:?}");
    let keys: BTreeSet<&str> = ITEMS.iter().map(|item| item.key).collect();
    assert!(IN_STORIES.iter().all(|(_, key)| keys.contains(key)));
}

/// Everything that the daemon says to clients, tests left out.
fn daemon_sources() -> String {
    fn read(folder: &Path, out: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if entry.is_dir() && name != "tests" {
                read(&entry, out);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                *out += &std::fs::read_to_string(&entry).expect("a source");
            }
        }
    }
    let router = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../router");
    let mut out = String::new();
    ["src", "edge-session/src", "edge-shard/src"].iter().for_each(|folder| read(&router.join(folder), &mut out));
    out
}

/// Nothing is said not to be sent that is sent, and the other way round.
#[test]
fn what_is_said_not_to_be_sent_is_named_nowhere() {
    let close = CloseCode::ALL.iter().map(|code| (format!("CLOSE {}", code.name()), format!("CloseCode::{code:?}")));
    let refuse =
        RefuseCode::ALL.iter().map(|code| (format!("REFUSE {}", code.name()), format!("RefuseCode::{code:?}")));
    let reject =
        RejectCode::ALL.iter().map(|code| (format!("REJECT {}", code.name()), format!("RejectCode::{code:?}")));
    let named: BTreeMap<String, String> = close.chain(refuse).chain(reject).collect();
    let sources = daemon_sources();
    let is_word = |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric());
    for (code, why) in UNMET {
        let name = &named[*code];
        let is_sent = sources.match_indices(name).any(|(at, _)| !is_word(&sources[at + name.len()..]));
        assert_eq!(is_sent, !why.contains(UNSENT), "{code}: {why}");
    }
}
