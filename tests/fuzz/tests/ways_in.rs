//! Every way in for bytes of anybody has a target, and every target has seeds and a corpus that stay small.
//!
//! What comes in: the sources of our crates, looked through for public functions that are named like readers. One that
//! stands neither among the ways in nor among those that read nothing foreign fails the test: decide where it belongs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use edge_fuzz::{TARGETS, Target};

/// File and function, and the target that reaches it.
const WAYS_IN: &[(&str, &str, &str)] = &[
    ("edge-config/src/lib.rs", "from_file", "config"),
    ("edge-config/src/lib.rs", "from_text", "config"),
    ("router/edge-admin/src/lib.rs", "from_line", "admin"),
    ("router/edge-client/src/builder.rs", "state_dir", "journal"),
    ("router/edge-session/src/endpoint.rs", "handle_datagram", "session"),
    ("router/edge-session/src/token/mod.rs", "new", "token"),
    ("router/edge-session/src/token/mod.rs", "verify", "token"),
    ("router/edge-sink-file/src/sink.rs", "open", "sink"),
    ("router/edge-spool/src/codec/decode.rs", "decode_record", "record"),
    ("router/edge-spool/src/spool.rs", "recover", "spool"),
    ("router/edge-wire/src/codes/reason.rs", "parse", "wire"),
    ("router/edge-wire/src/control.rs", "decode", "wire"),
    ("router/edge-wire/src/event.rs", "decode", "wire"),
    ("router/edge-wire/src/event.rs", "decode_reliable", "wire"),
    ("router/edge-wire/src/stream.rs", "decode", "wire"),
    ("router/edge-wire/src/varint.rs", "read", "wire"),
    ("rules/rules-bundle/src/bundle.rs", "load", "programs"),
    ("rules/rules-bundle/src/bundle.rs", "verify", "bundle"),
    ("rules/rules-bundle/src/key.rs", "parse", "keys"),
    ("rules/rules-bundle/src/ratchet.rs", "from_text", "keys"),
    ("rules/rules-capture/src/decoder.rs", "events", "capture"),
    ("rules/rules-capture/src/lib.rs", "unpacked", "capture"),
    ("rules/rules-catalogue/src/admit.rs", "admit", "extract"),
    ("rules/rules-catalogue/src/admit.rs", "validate", "extract"),
    ("rules/rules-catalogue/src/catalogue.rs", "from_bytes", "programs"),
    ("rules/rules-catalogue/src/compile.rs", "compile", "catalogue"),
    ("rules/rules-catalogue/src/extract.rs", "extract", "extract"),
    ("rules/rules-catalogue/src/json/decode.rs", "decode_json", "extract"),
    ("rules/rules-catalogue/src/json/encode.rs", "encode_json", "json"),
    ("rules/rules-catalogue/src/time.rs", "parse_rfc3339", "capture"),
    ("rules/rules-cel-reference/src/eval.rs", "evaluate", "reference"),
    ("rules/rules-cel/src/parser.rs", "parse", "cel"),
    ("rules/rules-cel/src/time.rs", "parse_duration", "cel"),
    ("rules/rules-cel/src/time.rs", "parse_timestamp", "cel"),
    ("rules/rules-engine/src/ir/codec.rs", "from_bytes", "programs"),
    ("rules/rules-engine/src/load/mod.rs", "load", "programs"),
    ("rules/rules-engine/src/load/mod.rs", "load_after", "programs"),
    ("rules/rules-engine/src/state/mod.rs", "restore", "cell"),
    ("rules/rules-store/src/audit.rs", "read", "keys"),
    ("rules/rules-store/src/memory.rs", "from_text", "keys"),
    ("rules/rules-cel/src/pattern.rs", "rewritten", "reference"),
    ("rules/rules-verify/src/lib.rs", "take", "verify"),
    ("rules/src/compilation.rs", "new", "rules"),
    ("rules/src/syntax/file.rs", "read", "rules"),
    ("rules/src/yaml/read.rs", "read", "rules"),
];

/// Functions that are named like readers and read nothing of anybody, with the reason.
const NOTHING_FOREIGN: &[(&str, &str, &str)] = &[
    (
        "router/edge-upstream/src/command.rs",
        "parse",
        "a place inside a line whose checksum was right; target sink comes through it",
    ),
    (
        "rules/rules-catalogue/src/compile/sources.rs",
        "read_dir",
        "reads files whole; what is in them is target catalogue's",
    ),
    ("rules/src/diagnostic/code.rs", "parse", "compares with a table"),
];

/// How functions are named that read.
const READERS: [&str; 12] = [
    "parse",
    "decode",
    "read",
    "from_bytes",
    "from_text",
    "from_line",
    "from_file",
    "verify",
    "recover",
    "load",
    "restore",
    "extract",
];

/// Bytes and files of one corpus.
const CORPUS_BYTES_MAX: u64 = 200_000;
const CORPUS_FILES_MAX: usize = 300;

#[test]
fn every_reader_is_a_way_in_or_has_a_reason_not_to_be() {
    let known: BTreeSet<(&str, &str)> =
        WAYS_IN.iter().chain(NOTHING_FOREIGN).map(|(file, function, _)| (*file, *function)).collect();
    let mut unknown = Vec::new();
    for file in sources() {
        let text = fs::read_to_string(root().join(&file)).expect("a source can be read");
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let functions = text.split("pub fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
        let readers = functions.filter(|name| READERS.iter().any(|r| name == r || name.starts_with(&format!("{r}_"))));
        unknown
            .extend(readers.filter(|name| !known.contains(&(&file[..], name))).map(|name| format!("{file}: {name}")));
    }
    assert!(
        unknown.is_empty(),
        "name these in WAYS_IN with a target, or in NOTHING_FOREIGN with a reason: {unknown:#?}"
    );
}

#[test]
fn every_way_in_exists_and_has_a_target() {
    for (file, function, target) in WAYS_IN {
        assert!(Target::named(target).is_some(), "{file}: no target `{target}`");
        let text = fs::read_to_string(root().join(file)).unwrap_or_else(|why| panic!("{file}: {why}"));
        assert!(text.contains(&format!("pub fn {function}")), "{file} has no `{function}` any more");
    }
    let reached: BTreeSet<&str> = WAYS_IN.iter().map(|(_, _, target)| *target).collect();
    assert!(TARGETS.iter().all(|target| reached.contains(target.name)), "a target without a way in");
}

#[test]
fn every_target_has_seeds_and_a_small_corpus() {
    for target in TARGETS {
        assert!(!target.seeds().is_empty(), "{} has no seeds", target.name);
        let corpus = target.corpus();
        let bytes: u64 = corpus.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        assert!(!corpus.is_empty(), "{} has no corpus", target.name);
        assert!(corpus.len() <= CORPUS_FILES_MAX && bytes <= CORPUS_BYTES_MAX, "{}: {bytes} bytes", target.name);
    }
    let folders = fs::read_dir(root().join("tests/fuzz/corpus")).expect("the corpora are there");
    for folder in folders {
        let name = folder.expect("and can be listed").file_name().into_string().expect("names are text");
        assert!(Target::named(&name).is_some(), "corpus/{name} is of no target");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The sources of the crates that ship, by path from the root.
fn sources() -> Vec<String> {
    let mut found = Vec::new();
    for family in ["router", "rules", "edge-config"] {
        below(&root().join(family), &mut found);
    }
    found.sort();
    found
}

fn below(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder can be listed").filter_map(Result::ok) {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap_or_default();
        if path.is_dir() && !["target", "tests", "examples", "docs"].contains(&name.as_str()) {
            below(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" && name != "testing.rs" {
            let path = path.strip_prefix(root()).expect("below the root");
            found.push(path.to_string_lossy().into_owned());
        }
    }
}
