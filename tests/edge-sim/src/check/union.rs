//! Checker of promise 1 over all nodes: what a consumer sees that reads every node's output and drops what it has by command id.
//!
//! In: all lines of all nodes. An event that a client told two nodes may be ordered by both; each of its commands must come out
//! under one id, and take effect once. Two lines of one id may differ in what they say: then the difference must be one that
//! `architecture.md` names: the nodes evaluated the event under two revisions, or two events opened one `once` gate, each on
//! its own node. Priorities may differ, too: an event's commands take the highest of them, and a window of the other node may have
//! ordered one more. Deliberately absent: which of the two a consumer keeps.

use std::collections::BTreeMap;

use super::World;
use crate::lines::Line;
use crate::scribe::{Promise, Scribe};

/// The rules whose commands are named by their gate and not by the event that opened it.
const ONCE: [&str; 2] = ["welcome", "first_blood"];

pub(crate) fn check(world: &World<'_>, scribe: &mut Scribe<'_>) {
    let lines = || world.nodes.iter().flat_map(|node| node.lines);
    let mut kept: BTreeMap<&str, &Line> = BTreeMap::new();
    for line in lines() {
        let Some(first) = kept.insert(&line.id, line) else { continue };
        kept.insert(&line.id, first);
        scribe.mix.commands_of_both += 1;
        compare(first, line, scribe);
    }
    let mut effects: BTreeMap<_, &str> = BTreeMap::new();
    for line in kept.values() {
        let cause = if ONCE.contains(&&*line.rule) { (None, None) } else { (line.reliable.as_ref(), line.nonce()) };
        let effect = (&line.player, &line.rule, line.action, cause);
        if let Some(other) = effects.insert(effect, &line.id) {
            scribe.broken(Promise::P1, format!("one effect has two ids, {other} and this: {line:?}"));
        }
    }
}

/// Two nodes ordered one command.
fn compare(first: &Line, second: &Line, scribe: &mut Scribe<'_>) {
    let name = |line: &Line| (line.rule.clone(), line.action, line.player.clone());
    if name(first) != name(second) {
        scribe.broken(Promise::P1, format!("two commands have one id: {first:?} and {second:?}"));
    }
    let same_event = first.reliable == second.reliable;
    if !same_event && !ONCE.contains(&&*first.rule) {
        scribe.broken(Promise::P1, format!("two events ordered one command: {first:?} and {second:?}"));
    }
    if first.data == second.data {
        return;
    }
    scribe.mix.conflicts += 1;
    if same_event && first.revision == second.revision {
        let what = format!("one event, one revision, one id and two payloads: {first:?} and {second:?}");
        scribe.broken(Promise::P1, what);
    }
}
