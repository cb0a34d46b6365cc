//! Checker of promise 6: no evaluation sees two revisions, and only what was activated is ever seen.
//!
//! In: lines, each with the revision in its envelope and the one that the rule's own text wrote into the body; and the
//! witness's records. That a bad bundle never activates is checked where bundles are offered.

use std::collections::BTreeMap;

use super::Delivered;
use crate::scribe::{Promise, Scribe};

pub(crate) fn check(node: &Delivered<'_>, scribe: &mut Scribe<'_>) {
    let newest = node.pop.desk.revision();
    let mut of_record: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    for line in node.lines {
        let written = line.body().get("rev").and_then(serde_json::Value::as_u64);
        if written != Some(line.revision) {
            scribe.broken(Promise::P6, format!("the body was written by revision {written:?}: {line:?}"));
        }
        if !(1..=newest).contains(&line.revision) {
            scribe.broken(Promise::P6, format!("revision {} never served: {line:?}", line.revision));
        }
        let record = (line.place.0, line.place.1);
        if *of_record.entry(record).or_insert(line.revision) != line.revision {
            scribe.broken(Promise::P6, format!("one event's commands name two revisions: {line:?}"));
        }
    }
    let serving = node.pop.revisions();
    if serving.iter().any(|revision| *revision != newest) {
        scribe.broken(Promise::P6, format!("revision {newest} was published long ago, shards serve {serving:?}"));
    }
    // A shard never goes back to an older revision, and nor does the node over its restarts.
    let mut last: BTreeMap<u16, u64> = BTreeMap::new();
    for (position, entry) in node.pop.witness.records() {
        let before = last.insert(entry.shard.0, entry.revision).unwrap_or(0);
        if before > entry.revision {
            let what = format!("{position} was evaluated under {}, records before it under {before}", entry.revision);
            scribe.broken(Promise::P6, what);
        }
    }
}
