//! Holds `router/docs/protocol.md` to the code: its tables are generated, and every clause that code cites exists.
//!
//! `EDGE_BLESS=1` rewrites the tables.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use edge_wire::codes::CodeInfo;
use edge_wire::frame::Role;
use edge_wire::schema::{self, Kind};
use edge_wire::{CloseCode, FrameType, RefuseCode, RejectCode, limits};

const ROLES: [Role; 4] = [Role::ClientControl, Role::ServerControl, Role::Events, Role::Datagram];

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md")
}

fn frames() -> String {
    let mut out = String::from("| type | name | where | bytes of body at most |\n|---|---|---|---|\n");
    for ty in FrameType::ALL {
        let roles: Vec<_> = ROLES.into_iter().filter(|role| role.allows(ty)).map(|role| role.to_string()).collect();
        let max = match ty {
            FrameType::Event => format!("{} + `event_payload_bytes_max`", limits::EVENT_HEAD_BYTES_MAX),
            other => other.body_bytes_max(0).to_string(),
        };
        let _ = writeln!(out, "| `{:#04x}` | {} | {} | {max} |", ty.to_wire(), ty.name(), roles.join(", "));
    }
    out
}

fn limits_table() -> String {
    let mut out = String::from("| what | at most |\n|---|---|\n");
    let rows = [
        ("bytes of an event's payload that every server takes", limits::EVENT_PAYLOAD_BYTES_DEFAULT as u64),
        ("bytes of an event's payload that a server may grant", limits::EVENT_PAYLOAD_BYTES_MAX as u64),
        ("frames in one datagram", limits::DATAGRAM_EVENTS_MAX as u64),
        ("bytes of an extension frame's body", limits::EXTENSION_BODY_BYTES_MAX as u64),
        ("extension frames on one stream", limits::EXTENSION_FRAMES_MAX),
        ("bytes of a close reason", limits::CLOSE_REASON_BYTES_MAX as u64),
    ];
    for (what, max) in rows {
        let _ = writeln!(out, "| {what} | {max} |");
    }
    for schema in schema::ALL {
        for field in schema.fields {
            let bound = match field.kind {
                Kind::Bool | Kind::Message(_) => String::new(),
                Kind::U32 { max } => format!("value {max}"),
                Kind::U64 { max } => format!("value {max}"),
                Kind::Text { max } | Kind::Bytes { max } => format!("{max} bytes"),
            };
            let count = if field.count_max > 1 { format!("{} entries", field.count_max) } else { String::new() };
            let both: Vec<_> = [count, bound].into_iter().filter(|part| !part.is_empty()).collect();
            if !both.is_empty() {
                let _ = writeln!(out, "| `{}.{}` | {} |", schema.name, field.name, both.join(", "));
            }
        }
    }
    out
}

fn codes(infos: impl Iterator<Item = CodeInfo>, hex: bool) -> String {
    let mut out =
        String::from("| number | name | fault | again | what happened | what to do |\n|---|---|---|---|---|---|\n");
    for CodeInfo { number, name, fault, retry, meaning, action } in infos {
        let number = if hex { format!("`{number:#05x}`") } else { number.to_string() };
        let _ = writeln!(out, "| {number} | `{name}` | {} | {} | {meaning} | {action} |", fault.word(), retry.word());
    }
    out
}

fn with_table(text: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("protocol.md lost its marker `{begin}`"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("protocol.md lost its marker `{end}`"));
    format!("{before}{begin}{table}{end}{after}")
}

#[test]
fn tables_are_the_code_s() {
    let path = document();
    let found = fs::read_to_string(&path).expect("protocol.md is there");
    let mut wanted = with_table(&found, "frames", &frames());
    wanted = with_table(&wanted, "limits", &limits_table());
    wanted = with_table(&wanted, "close-codes", &codes(CloseCode::ALL.iter().map(|code| code.info()), true));
    wanted = with_table(&wanted, "refuse-codes", &codes(RefuseCode::ALL.iter().map(|code| code.info()), false));
    wanted = with_table(&wanted, "reject-codes", &codes(RejectCode::ALL.iter().map(|code| code.info()), false));
    if std::env::var_os("EDGE_BLESS").is_some() {
        fs::write(&path, wanted).expect("protocol.md can be written");
    } else {
        assert!(
            found == wanted,
            "a table of protocol.md is stale: run this test with EDGE_BLESS=1 and read the difference"
        );
    }
}

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn every_cited_clause_exists() {
    let text = fs::read_to_string(document()).expect("protocol.md is there");
    let anchors: Vec<&str> = text.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let unique: BTreeSet<&str> = anchors.iter().copied().collect();
    assert_eq!(unique.len(), anchors.len(), "a clause's number is used twice");
    for anchor in anchors.iter().filter(|anchor| anchor.contains('-')) {
        assert!(text.contains(&format!("<a id=\"{anchor}\"></a>**{anchor}** ")), "{anchor} is not its clause's name");
    }
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut files);
    let mut cited = 0;
    for file in files {
        let source = fs::read_to_string(&file).expect("a readable source");
        for (index, line) in source.lines().enumerate() {
            let Some(clause) = line.trim_start().strip_prefix("//= protocol.md#") else { continue };
            assert!(unique.contains(clause.trim()), "{}:{}: no clause {clause}", file.display(), index + 1);
            cited += 1;
        }
    }
    assert!(cited > 20, "only {cited} citations were found");
}
