//! The commands that reached the file sink, read as a consumer would: one CloudEvent a line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::model::Ordered;

/// One delivered command.
#[derive(Clone, Debug)]
pub struct Line(Value);

/// Every whole line of the sink's files, in order. A line that a crash cut short is not one yet.
///
/// # Panics
/// Where a whole line is no JSON.
pub fn read(folder: &Path) -> Vec<Line> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("commands") && name.ends_with(".jsonl")
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_ours).collect();
    files.sort();
    let mut lines = Vec::new();
    for file in files {
        let bytes = fs::read(&file).unwrap_or_default();
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        for line in bytes[..whole].split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let parsed = serde_json::from_slice(line);
            lines.push(Line(
                parsed.unwrap_or_else(|why| panic!("{}: {why}: {}", file.display(), String::from_utf8_lossy(line))),
            ));
        }
    }
    lines
}

impl Line {
    fn text(&self, attribute: &str) -> &str {
        self.0[attribute].as_str().unwrap_or_else(|| panic!("no `{attribute}` in {}", self.0))
    }

    /// All of it.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The command's id.
    pub fn id(&self) -> &str {
        self.text("id")
    }

    /// Which rule ordered it.
    pub fn rule(&self) -> &str {
        self.text("rule")
    }

    /// The player.
    pub fn subject(&self) -> &str {
        self.text("subject")
    }

    /// The revision under which the event was evaluated.
    pub fn revision(&self) -> u64 {
        self.text("revision").parse().expect("a revision is a number")
    }

    /// What the rule put into it.
    pub fn data(&self) -> &Value {
        &self.0["data"]
    }

    /// The event's `nonce`, where the rule passes it on.
    pub fn nonce(&self) -> Option<u64> {
        let data = self.data();
        data["message"]["nonce"].as_u64().or_else(|| data["input"]["nonce"].as_u64())
    }

    /// The number of the event in its class, where it was reliable.
    pub fn seq(&self) -> Option<u64> {
        self.0["seq"].as_str()?.parse().ok()
    }

    /// Which command of which event this is; `None` for events of datagrams.
    pub fn ordered(&self) -> Option<Ordered> {
        Some(Ordered {
            rule: self.rule().to_owned(),
            action: self.0["actionindex"].as_u64()?,
            producer: self.0["producer"].as_str()?.to_owned(),
            class: self.0["class"].as_u64()? as u8,
            seq: self.seq()?,
        })
    }

    fn lane(&self) -> (String, u64, String) {
        (self.text("spool").to_owned(), self.0["lane"].as_u64().expect("a lane"), self.text("priority").to_owned())
    }

    /// The command's place in the log; places sort as text.
    fn place(&self) -> &str {
        self.text("position")
    }
}

/// Holds the lines to what the sink promises whatever happened: no id twice, along a lane and priority places rise, and for a
/// player, producer and class the events come in their order.
///
/// # Panics
/// Where a promise is broken.
pub fn check_promises(lines: &[Line]) {
    let mut ids = BTreeSet::new();
    let mut places = BTreeMap::new();
    let mut seqs: BTreeMap<_, u64> = BTreeMap::new();
    for line in lines {
        assert!(ids.insert(line.id()), "id {} is there twice: {line:?}", line.id());
        let place = line.place();
        if let Some(before) = places.insert(line.lane(), place) {
            assert!(before < place, "after {before:?} came {place:?} on lane {:?}", line.lane());
        }
        let Some(ordered) = line.ordered() else { continue };
        let order = (line.subject().to_owned(), line.text("priority").to_owned(), ordered.producer, ordered.class);
        if let Some(before) = seqs.insert(order, ordered.seq) {
            assert!(before <= ordered.seq, "after event {before} came {}: {line:?}", ordered.seq);
        }
    }
}
