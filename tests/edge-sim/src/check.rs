//! The checkers: what a story must look like at its end, written against the promises of `architecture.md`.
//!
//! In: what clients know ([`World`]), what the upstream got ([`Line`]s), what the witness saw. Out: violations. One room a
//! promise; promise 8 is checked while the story runs (see [`cuts`](crate::cuts)) and once more at its end. What one node
//! promises is checked node by node; what its consumers see of all nodes together, in [`union`].

pub(crate) mod ends;
pub(crate) mod once;
pub(crate) mod order;
pub(crate) mod places;
pub(crate) mod reading;
pub(crate) mod receipts;
pub(crate) mod removals;
pub(crate) mod revisions;
pub(crate) mod rot;
pub(crate) mod sessions;
pub(crate) mod steps;
pub(crate) mod tokens;
pub(crate) mod union;

use std::time::Duration;

use crate::cast::Actor;
use crate::lines::Line;
use crate::pop::Pop;
use crate::scribe::{Promise, Scribe};

/// Everything that is known at the end.
pub(crate) struct World<'a> {
    pub(crate) actors: &'a [Actor],
    pub(crate) players: &'a [String],
    pub(crate) nodes: Vec<Delivered<'a>>,
    /// When the trouble was over.
    pub(crate) quiet_since: Duration,
}

/// One node and what its upstream got.
pub(crate) struct Delivered<'a> {
    /// Its place among the nodes.
    pub(crate) at: usize,
    pub(crate) pop: &'a Pop,
    pub(crate) lines: &'a [Line],
    /// Daemons that died.
    pub(crate) deaths: u64,
}

/// Looks at everything.
pub(crate) fn at_the_end(world: &World<'_>, scribe: &mut Scribe<'_>) {
    once::check(world, scribe);
    union::check(world, scribe);
    sessions::check(world, scribe);
    for node in &world.nodes {
        order::check(node, scribe);
        reading::check(world, node, scribe);
        revisions::check(node, scribe);
        ledger(node, scribe);
        places::check(world, node, scribe);
        node.pop.look_at_memory(scribe);
    }
}

/// Promise 8, at rest: nothing is on its way, and what the spool holds is what the upstream got.
fn ledger(node: &Delivered<'_>, scribe: &mut Scribe<'_>) {
    let cut = node.pop.last_cut().unwrap_or_default();
    if cut.number == 0 || cut.in_flight != 0 {
        scribe.broken(Promise::P8, format!("events are on their way in a daemon at rest: {cut:?}"));
    }
    let Some(delivery) = node.pop.delivery_ledger() else { return };
    let elsewhere = delivery.expired + delivery.quarantined + delivery.shed + delivery.pending;
    if delivery.residual() != 0 || elsewhere != 0 {
        scribe.broken(Promise::P8, format!("every command of these stories is delivered: {delivery:?}"));
    }
    let mut spooled: Vec<&str> =
        node.pop.witness.records().flat_map(|(_, entry)| entry.commands.iter().map(String::as_str)).collect();
    let mut delivered: Vec<&str> = node.lines.iter().map(|line| line.id.as_str()).collect();
    spooled.sort_unstable();
    delivered.sort_unstable();
    if spooled != delivered {
        let missing = spooled.iter().filter(|id| delivered.binary_search(id).is_err()).count();
        let (spooled, delivered) = (spooled.len(), delivered.len());
        let what =
            format!("{spooled} commands are in the log, {delivered} upstream; {missing} of the log are missing there");
        scribe.broken(Promise::P8, what);
    }
}
