//! Checker of "no receipt before its fsync", while the story runs.
//!
//! In: every receipt that reaches a client, and when the packet that brought it had left the daemon. For each event that it
//! covers: had its record's fsync ended by then, as the watched disk saw it? And for some of them the plainest proof there
//! is: a copy of what certainly lies on the disk is recovered, and must know the event.

use std::time::Duration;

use edge_door::sim::{DiskConfig, SimClock, SimDisk};
use edge_event::{Class, EventId, SpoolUuid};
use edge_spool::Spool;

use crate::client::{Client, Told};
use crate::oracle;
use crate::pop::Pop;
use crate::scribe::{Promise, Scribe};

/// A receipt came: everything of `class` in `from..=up_to` is newly covered. `sent_at`: when its packet left the daemon.
pub(crate) fn on_receipt(
    client: &Client,
    class: Class,
    from: u64,
    up_to: u64,
    sent_at: Duration,
    pop: &Pop,
    scribe: &mut Scribe<'_>,
) {
    for seq in from..=up_to {
        scribe.mix.receipts += 1;
        let told = &client.queues[class.index()].told[seq as usize - 1];
        let name = (client.producer, class, edge_event::Seq(seq));
        let Some((position, entry)) = pop.witness.record_of(name) else {
            without_record(client, told, (class, seq), sent_at, pop, scribe);
            continue;
        };
        scribe.mix.receipts_recorded += 1;
        let durable_at = pop.witness.watch().durable_at(position);
        if durable_at.is_none_or(|at| at > sent_at) {
            let what = format!(
                "the receipt of {} left at {:.6} s, its record {position} was durable at {durable_at:?}",
                entry.event,
                sent_at.as_secs_f64(),
            );
            scribe.broken(Promise::Receipt, what);
        }
        // The mapped moment of an event lies between when it was told and when it went by, by whatever the node's wall
        // showed meanwhile; after a step back, time as rules see it is still ahead of the wall.
        let told_at = pop.chronicle.elapsed_at(told.at_unix_ms);
        let (behind, _) = pop.chronicle.skews(told_at, entry.seen_at);
        let (_, ahead) = pop.chronicle.skews(Duration::ZERO, entry.seen_at);
        let now = edge_door::Clock::unix_millis(&scribe.clock);
        if entry.time.0 + 1 < told.at_unix_ms + behind || entry.time.0 > now + ahead + 1 {
            let what = format!("{} was told at {} ms and is timed {} ms", entry.event, told.at_unix_ms, entry.time.0);
            scribe.broken(Promise::P1, what);
        }
    }
}

/// A receipt covers an event that left nothing on disk: rejected, or behind a gate that a record had used which was durable
/// when the receipt left, or without anything durable to order.
fn without_record(
    client: &Client,
    told: &Told,
    (class, seq): (Class, u64),
    sent_at: Duration,
    pop: &Pop,
    scribe: &mut Scribe<'_>,
) {
    if told.rejected {
        scribe.mix.receipts_rejected += 1;
        return;
    }
    let is_missing = match oracle::gate(&told.fact) {
        Some(rule) => {
            scribe.mix.receipts_gated += 1;
            !pop.witness.had_ordered(rule, edge_wire::keys::player_key(&client.sub), sent_at)
        }
        None => {
            scribe.mix.receipts_plain += 1;
            oracle::needs_record(&told.fact)
        }
    };
    if is_missing {
        let what = format!("{} class {} seq {seq} is receipted and has no durable record", client.name, class.get());
        scribe.broken(Promise::P1, what);
    }
}

/// Recovers a copy of the disk and looks for the newest record that a receipt vouches for.
pub(crate) fn prove(client: &Client, class: Class, from: u64, up_to: u64, pop: &Pop, scribe: &mut Scribe<'_>) {
    let newest =
        (from..=up_to).rev().find_map(|seq| pop.witness.record_of((client.producer, class, edge_event::Seq(seq))));
    let Some((position, entry)) = newest else { return };
    let EventId::Reliable { seq, .. } = &entry.event else { return };
    let clock: SimClock = scribe.clock.clone();
    let mut copy = SimDisk::from_image(&pop.spool_image(), clock, 1, DiskConfig::default());
    let opened = Spool::recover(&mut copy, &pop.setup.spool, SpoolUuid::default(), pop.chronicle.wall());
    let key = edge_wire::keys::producer_key(&client.sub, client.producer);
    let knows = opened.is_ok_and(|(_, recovered)| {
        let slice = edge_event::Partition::of(entry.player);
        recovered.marks.iter().any(|m| m.producer == key && m.class == class && m.partition == slice && m.seq >= *seq)
    });
    scribe.mix.proofs += 1;
    if !knows {
        let what =
            format!("{} is receipted; were the power lost now, its record {position} would be gone", entry.event);
        scribe.broken(Promise::Receipt, what);
    }
}
