//! Every recorded line is an event of `game.v1`.
//!
//! Reads the file that the variable `EDGE_EVENTS` names; says that it is skipped where the variable is not set.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;
use rules_catalogue::Catalogue;
use rules_catalogue::compile::{Sources, compile};
use serde_json::Value;

fn game_v1() -> Catalogue {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalogue");
    match compile(&Sources::read_dir(&root).expect("the example catalogue is there")) {
        Ok(compiled) => compiled.catalogue,
        Err(diagnostics) => {
            let shown: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            panic!("{}", shown.join("\n"))
        }
    }
}

#[test]
fn every_recorded_line_encodes_and_decodes() {
    let Ok(path) = std::env::var("EDGE_EVENTS") else {
        println!("skipped: EDGE_EVENTS names no recording");
        return;
    };
    let catalogue = game_v1();
    let file = File::open(&path).unwrap_or_else(|e| panic!("EDGE_EVENTS is set to {path}: {e}"));
    let mut lines = 0;
    let mut by_type: BTreeMap<String, (u32, usize)> = BTreeMap::new();
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let line = line.expect("the recording is text");
        let event: Value = serde_json::from_str(&line).expect("a line is a JSON object");
        let recorded = event["type"].as_str().expect("a line has a type");
        let event_type = catalogue.event_type_of_record(recorded).unwrap_or_else(|| panic!("no type for {recorded}"));
        let fields = &event["fields"];
        let payload = catalogue.encode_json(event_type, fields).unwrap_or_else(|e| panic!("{line}\n{e}"));
        lines += 1;
        let entry = by_type.entry(recorded.to_owned()).or_default();
        entry.0 += 1;
        entry.1 = entry.1.max(payload.len());
        // Decoding costs more, so a sample of it is enough; the first of each type is always in it.
        if entry.0 == 1 || lines % 16 == 0 {
            let back = catalogue.decode_json(event_type, &payload).unwrap_or_else(|e| panic!("{line}\n{e}"));
            assert_same(&line, fields, &back);
        }
    }
    assert!(lines > 0, "{path} holds no event");
    println!("{lines} lines, by type (how many, longest payload): {by_type:?}");
}

/// What was recorded comes back; absent is `null`, and a time is the same time in its canonical spelling.
fn assert_same(line: &str, recorded: &Value, back: &Value) {
    for (name, value) in recorded.as_object().expect("fields are an object") {
        match (value, &back[name]) {
            (Value::Null, Value::Null) => {}
            (Value::Number(a), Value::Number(b)) => assert_eq!(a.as_f64(), b.as_f64(), "{name} of {line}"),
            (Value::String(a), Value::String(b)) if name == "season_start" => {
                assert_eq!(a.replace(' ', "T").replace("+00:00", "Z"), *b, "{line}");
            }
            (a, b) => assert_eq!(a, b, "{name} of {line}"),
        }
    }
}
