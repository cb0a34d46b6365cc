//! Checker of promise 2: per player, spool and priority, commands reach the upstream in order.
//!
//! In: one node's lines in the order of the files. Order is told twice: by the clients' own numbers (the events of one producer and
//! class about one player), and by the places in the log. Deliberately absent: order across players, priorities or nodes.

use std::collections::BTreeMap;

use super::Delivered;
use crate::scribe::{Promise, Scribe};

pub(crate) fn check(node: &Delivered<'_>, scribe: &mut Scribe<'_>) {
    let mut last_seq: BTreeMap<_, (u64, usize)> = BTreeMap::new();
    let mut last_place: BTreeMap<_, (u64, u64, u64)> = BTreeMap::new();
    for (at, line) in node.lines.iter().enumerate() {
        if let Some((producer, class, seq)) = &line.reliable {
            let stream = (&line.player, &line.priority, producer, *class);
            if let Some((before, there)) = last_seq.insert(stream, (*seq, at))
                && before > *seq
            {
                let what = format!("{stream:?}: seq {seq} stands at line {at}, seq {before} at line {there} before it");
                scribe.broken(Promise::P2, what);
            }
        }
        let stream = (&line.player, &line.priority);
        if let Some(before) = last_place.insert(stream, line.place)
            && before >= line.place
        {
            scribe.broken(Promise::P2, format!("{stream:?}: place {:?} stands behind {before:?}", line.place));
        }
    }
    lanes(node, scribe);
}

/// A player is on one lane.
fn lanes(node: &Delivered<'_>, scribe: &mut Scribe<'_>) {
    let mut lanes: BTreeMap<&str, u64> = BTreeMap::new();
    for line in node.lines {
        if *lanes.entry(&line.player).or_insert(line.lane) != line.lane {
            scribe.broken(Promise::P2, format!("{} is on two lanes: {line:?}", line.player));
        }
    }
}
