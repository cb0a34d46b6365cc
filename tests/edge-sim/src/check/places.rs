//! Checker of promise 8 against what clients told: each event ended once, and in the place where the oracle says.
//!
//! In: the clients' own logs, what is upstream, which records passed, and the sums of each node's last cut, at rest. Whatever a daemon
//! accepted before its last start is gone with its counters, so only the life since then is judged. What it must have counted and
//! what it may have counted is told event by event; where no daemon died and there is one node, both are the same but for
//! datagrams that got lost. Deliberately absent: how shards count, and whether their two ends agree (see [`cuts`](crate::cuts)).

use std::collections::BTreeSet;
use std::ops::AddAssign;
use std::time::Duration;

use edge_event::{Class, Seq, StartEpoch};

use super::{Delivered, World};
use crate::client::{Client, Told};
use crate::cuts::Sum;
use crate::fact::Fact;
use crate::oracle;
use crate::scribe::{Promise, Scribe};

/// Where an event ends that is no duplicate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Commanded,
    Suppressed,
    NoMatch,
}

/// How many events ended at a place: at least, and at most.
#[derive(Clone, Copy, Default, Debug)]
struct Bounds {
    least: u64,
    most: u64,
}

/// A node's running daemon: which records are its own, and since when it hears clients.
struct Life<'a> {
    node: &'a Delivered<'a>,
    epoch: StartEpoch,
    since: Duration,
}

pub(crate) fn check(world: &World<'_>, node: &Delivered<'_>, scribe: &mut Scribe<'_>) {
    let Some(cut) = node.pop.last_cut() else { return };
    let (epoch, since) = node.pop.witness.life();
    let life = Life { node, epoch, since };
    let mut places = [Bounds::default(); 3];
    for actor in world.actors {
        life.reliable(&actor.client, &mut places);
        life.datagrams(&actor.unreliable, &mut places);
    }
    for (place, counted) in counted(&cut) {
        let Bounds { least, most } = places[place as usize];
        scribe.mix.places_exact += u64::from(least == most && least > 0);
        if counted < least || counted > most {
            let what = format!(
                "node {} counts {counted} events as {place:?}; by what was told it were {least} to {most} since {:.6} s: {cut:?}",
                node.at + 1,
                since.as_secs_f64(),
            );
            scribe.broken(Promise::P8, what);
        }
    }
}

fn counted(cut: &Sum) -> [(Place, u64); 3] {
    [(Place::Commanded, cut.commanded), (Place::Suppressed, cut.suppressed), (Place::NoMatch, cut.no_match)]
}

impl Life<'_> {
    fn reliable(&self, client: &Client, places: &mut [Bounds; 3]) {
        for class in Class::ALL {
            for (told, seq) in client.queues[class.index()].told.iter().zip(1..) {
                if told.rejected || !told.fact.is_sound() {
                    continue;
                }
                let record = self.node.pop.witness.record_of((client.producer, class, Seq(seq)));
                let (place, bounds) = match record {
                    // Once there is a record, whoever comes again is a duplicate.
                    Some((at, _)) if at.epoch != self.epoch => continue,
                    Some((_, entry)) => (with_record(&told.fact, !entry.commands.is_empty()), Bounds::ONE),
                    None => (without_record(&told.fact), self.heard(told)),
                };
                places[place as usize] += bounds;
            }
        }
    }

    /// How often this life evaluated an event that left no record.
    fn heard(&self, told: &Told) -> Bounds {
        let is_ours = told.receipted_by == Some(self.node.at);
        // A client forgets an event when a receipt covers it, so nobody hears it again.
        if told.receipted_at.is_some_and(|at| at < self.since) {
            return Bounds { least: 0, most: 0 };
        }
        // The log knows its moment by the millisecond.
        let told_at = self.node.pop.chronicle.elapsed_at(told.at_unix_ms);
        let is_newer = told_at > self.since + Duration::from_millis(1);
        if is_ours && is_newer { Bounds::ONE } else { Bounds::MAYBE }
    }

    /// A datagram comes once or never; of one that orders something durable it shows upstream whether it came.
    fn datagrams(&self, told: &[(Fact, u64)], places: &mut [Bounds; 3]) {
        let ours = self.node.lines.iter().filter(|line| line.reliable.is_none() && line.place.0 == self.epoch.0);
        let came: BTreeSet<Option<u64>> = ours.map(|line| line.nonce()).collect();
        for (fact, nonce) in told.iter().filter(|(fact, _)| fact.is_sound()) {
            let orders = !oracle::stateless(fact, *nonce, "", 1).is_empty();
            let (place, bounds) = match orders {
                true if came.contains(&Some(*nonce)) => (Place::Commanded, Bounds::ONE),
                true => continue,
                false => (without_record(fact), Bounds::MAYBE),
            };
            places[place as usize] += bounds;
        }
    }
}

/// Durable windows and gates make records of events that order nothing.
fn with_record(fact: &Fact, is_ordering: bool) -> Place {
    if is_ordering { Place::Commanded } else { without_record(fact) }
}

/// A chat line is answered whatever its gate says; a login that leaves no record met a gate that was used.
fn without_record(fact: &Fact) -> Place {
    match fact {
        Fact::Chat => Place::Commanded,
        Fact::Login => Place::Suppressed,
        _ => Place::NoMatch,
    }
}

impl Bounds {
    const ONE: Bounds = Bounds { least: 1, most: 1 };
    const MAYBE: Bounds = Bounds { least: 0, most: 1 };
}

impl AddAssign for Bounds {
    fn add_assign(&mut self, other: Bounds) {
        self.least += other.least;
        self.most += other.most;
    }
}
