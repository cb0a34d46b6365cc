//! Checker of what overload promises: a class that is not read is not read.
//!
//! In: the spans in which each shard of the last daemon said that it does not read a class, and for each event when its client
//! wrote it, once, on a connection to which shard, and when its record passed. An event that was written within such a span and
//! has its record within it was read in spite of it. That nothing reliable is dropped is [`once`](super::once)'s. Deliberately
//! absent: events written twice, and daemons that died before the end.

use edge_event::Seq;

use super::{Delivered, World};
use crate::cast::steer;
use crate::scribe::{Promise, Scribe};

pub(crate) fn check(world: &World<'_>, node: &Delivered<'_>, scribe: &mut Scribe<'_>) {
    let spans = node.pop.unread(scribe.clock.elapsed());
    for span in &spans {
        for client in world.actors.iter().map(|actor| &actor.client) {
            for (at, told) in client.queues[span.class.index()].told.iter().enumerate() {
                let Some(writing) = told.written.filter(|_| told.sendings == 1) else { continue };
                // The span is the last daemon's. Who knocked at an earlier one may have an id from there, which leads elsewhere.
                let road = writing.began.filter(|road| road.node == node.at && road.start == node.pop.starts());
                let is_there = road.is_some_and(|road| steer(road.local, node.pop.setup.shards) == span.shard);
                let name = (client.producer, span.class, Seq(at as u64 + 1));
                let Some((_, entry)) = node.pop.witness.record_of(name).filter(|_| is_there) else { continue };
                if writing.at > span.from && entry.seen_at < span.to {
                    let what = format!(
                        "{} was written at {:?}, evaluated at {:?}, in {span:?}",
                        entry.event, writing.at, entry.seen_at
                    );
                    scribe.broken(Promise::Overload, what);
                }
            }
        }
    }
    scribe.mix.unread_spans += spans.len() as u64;
}
