//! A capture: JSON lines of recorded events, plain or gzip.
//!
//! The first byte says whether the rest is read as it is, or after a gzip header was looked for; the rest is the file. What
//! must hold: events in the order of their lines, each of a sender that is known, the same twice; then the end, or one
//! error with its line and words.

use std::io::{self, BufRead};
use std::sync::Arc;

use rules_capture::{Decoder, unpacked};

use super::bundles::catalogue;
use crate::repository;

/// What a gzip bomb may unpack to here: events.
const EVENTS_MAX: usize = 10_000;

pub(super) fn run(bytes: &[u8]) {
    let Some((&how, file)) = bytes.split_first() else { return };
    let first = events(how, file);
    assert_eq!(first, events(how, file), "the same file gives the same events");
}

/// The events, and the error that ended them, as text to compare.
fn events(how: u8, file: &[u8]) -> Vec<String> {
    let mut decoder = Decoder::new(Arc::clone(catalogue()));
    let input: io::Result<Box<dyn BufRead + '_>> = if how & 1 == 0 { Ok(Box::new(file)) } else { unpacked(file) };
    let Ok(input) = input else { return Vec::new() };
    let (mut told, mut latest, mut senders) = (Vec::new(), 0, 0);
    for event in decoder.events(input).take(EVENTS_MAX) {
        told.push(match event {
            Ok(event) => {
                assert!(event.line > latest, "lines rise");
                assert!(event.sender <= senders, "senders are numbered as they come");
                latest = event.line;
                senders = senders.max(event.sender + 1);
                format!("{event:?}")
            }
            Err(error) => error.to_string(),
        });
    }
    assert_eq!(decoder.senders(), senders);
    told
}

/// An event a line of the example catalogue's types, and sessions of each kind.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let event = |name: &str, n: u32| {
        format!(r#"{{"match":"m","t":{n}.5,"player":"p{n}","type":"{name}","fields":{{"level":{n},"zone":"crypt"}}}}"#)
    };
    let lines: Vec<String> = (0..6).map(|n| event(["PlayerDied", "match_ended"][n as usize % 2], n)).collect();
    let documented = repository::text("rules/docs/replay.md");
    let documented: Vec<&str> = documented.lines().filter(|line| line.trim_start().starts_with('{')).collect();
    [lines.join("\n"), documented.join("\n")].iter().map(|text| [&[0], text.as_bytes()].concat()).collect()
}
