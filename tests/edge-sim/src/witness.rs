//! Who saw which event become a record, and which records survived.
//!
//! Stands at the one place through which every record passes on its way to the spool, and asks the [`Watch`](crate::watch)
//! what the disk holds. In: records with their positions, commits as the spool tells them, recoveries. Out: for each reliable
//! event the record that counts. On the way it checks that no event is evaluated twice, that nothing told to be committed is
//! lost, and that each record was evaluated under a revision that its shard had adopted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use edge_event::{Class, EventId, EventRecord, PlayerKey, Position, ProducerId, Seq, ShardId, StartEpoch, UnixMillis};
use edge_spool::Recovered;

use crate::heap;
use crate::scribe::{Promise, Scribe};
use crate::watch::Watch;

/// A reliable event's name.
pub(crate) type Name = (ProducerId, Class, Seq);

/// One record, as the witness remembers it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) event: EventId,
    pub(crate) player: PlayerKey,
    pub(crate) revision: u64,
    /// The event's bounded time.
    pub(crate) time: UnixMillis,
    pub(crate) commands: Vec<String>,
    pub(crate) shard: ShardId,
    /// When it passed, in time since the story's beginning.
    pub(crate) seen_at: Duration,
    ticket: u64,
    /// The spool said so.
    is_committed: bool,
}

/// See the head of this file.
pub(crate) struct Witness {
    watch: Rc<RefCell<Watch>>,
    /// Records that count, in log order.
    entries: BTreeMap<Position, Entry>,
    by_name: BTreeMap<Name, Position>,
    /// The records in which a rule ordered something for a player, crashes or not.
    ordered: BTreeMap<(Arc<str>, PlayerKey), Vec<Position>>,
    /// Position of each ticket of the running daemon.
    tickets: BTreeMap<(ShardId, u64), Position>,
    /// The last whose recovery ended well, and when it did, in time since the story's beginning.
    epoch: StartEpoch,
    since: Duration,
}

impl Witness {
    pub(crate) fn new(watch: Rc<RefCell<Watch>>) -> Witness {
        Witness {
            watch,
            entries: BTreeMap::new(),
            by_name: BTreeMap::new(),
            ordered: BTreeMap::new(),
            tickets: BTreeMap::new(),
            epoch: StartEpoch(0),
            since: Duration::ZERO,
        }
    }

    /// A record passes. `revision`: what its shard has adopted.
    pub(crate) fn appended(
        &mut self,
        shard: ShardId,
        ticket: u64,
        position: Position,
        record: &EventRecord,
        revision: u64,
        scribe: &mut Scribe<'_>,
    ) {
        let _mine = heap::of_simulator();
        scribe.note(format_args!(
            "shard {} ticket {ticket} -> {position}: {} rev {} with {} commands",
            shard.0,
            record.id,
            record.revision,
            record.commands.len(),
        ));
        if record.revision > revision {
            let what =
                format!("{} was evaluated under revision {}, its shard has {revision}", record.id, record.revision);
            scribe.broken(Promise::P6, what);
        }
        if let Some(name) = name_of(&record.id)
            && let Some(first) = self.by_name.insert(name, position)
        {
            scribe.broken(Promise::P1, format!("{} has two records, {first} and {position}", record.id));
        }
        let entry = Entry {
            event: record.id.clone(),
            player: record.player,
            revision: record.revision,
            time: record.time,
            commands: record.commands.iter().map(|c| format!("{}", c.id)).collect(),
            shard,
            seen_at: scribe.clock.elapsed(),
            ticket,
            is_committed: false,
        };
        for command in &record.commands {
            self.ordered.entry((command.rule.clone(), record.player)).or_default().push(position);
        }
        self.tickets.insert((shard, ticket), position);
        self.entries.insert(position, entry);
    }

    /// The spool says that a shard's tickets are durable up to this one.
    pub(crate) fn committed(&mut self, shard: ShardId, up_to: u64, scribe: &mut Scribe<'_>) {
        let _mine = heap::of_simulator();
        let covered: Vec<(u64, Position)> =
            self.tickets.range((shard, 0)..=(shard, up_to)).map(|((_, ticket), at)| (*ticket, *at)).collect();
        for (ticket, position) in covered {
            self.tickets.remove(&(shard, ticket));
            if self.watch.borrow().durable_at(position).is_none() {
                scribe.broken(Promise::Receipt, format!("the spool commits {position}, which no fsync covers"));
            }
            if let Some(entry) = self.entries.get_mut(&position) {
                debug_assert_eq!((entry.shard, entry.ticket), (shard, ticket), "tickets name records");
                entry.is_committed = true;
            }
        }
    }

    /// A daemon starts on what was left.
    pub(crate) fn recovered(&mut self, recovered: &Recovered, scribe: &mut Scribe<'_>) {
        for damage in &recovered.report.damage {
            scribe.broken(Promise::P1, format!("{} to {} cannot be read: {}", damage.from, damage.to, damage.why));
        }
        let mut lost = Vec::new();
        let mut epoch = recovered.epoch;
        // Follow the chain of what each epoch's first record says about the log before it, back to the last good recovery.
        while epoch > self.epoch {
            let Some(kept) = self.watch.borrow().kept(epoch) else {
                scribe.broken(Promise::P1, format!("epoch {} has no first record", epoch.0));
                break;
            };
            let from = Position { epoch: kept.epoch, n: kept.n + 1 };
            let to = Position { epoch, n: 0 };
            lost.extend(self.entries.range(from..to).map(|(position, _)| *position));
            epoch = kept.epoch;
        }
        for position in lost {
            let entry = self.entries.remove(&position).expect("it was just found");
            if let Some(name) = name_of(&entry.event) {
                self.by_name.remove(&name);
            }
            if entry.is_committed {
                scribe.broken(Promise::P1, format!("{} of {} was committed and is lost", position, entry.event));
            }
            scribe.mix.records_lost += 1;
        }
        self.tickets.clear();
        self.epoch = recovered.epoch;
        self.since = scribe.clock.elapsed();
    }

    /// The last start whose recovery ended well, and when it did.
    pub(crate) fn life(&self) -> (StartEpoch, Duration) {
        (self.epoch, self.since)
    }

    /// Whether a record in which this rule ordered something for this player was durable at a moment.
    pub(crate) fn had_ordered(&self, rule: &str, player: PlayerKey, at: Duration) -> bool {
        let watch = self.watch.borrow();
        let ordered = self.ordered.get(&(Arc::from(rule), player));
        ordered.into_iter().flatten().any(|position| watch.durable_at(*position).is_some_and(|since| since <= at))
    }

    /// The record of a reliable event, where it made one that counts.
    pub(crate) fn record_of(&self, name: Name) -> Option<(Position, &Entry)> {
        let position = *self.by_name.get(&name)?;
        Some((position, &self.entries[&position]))
    }

    /// All records that count, in log order.
    pub(crate) fn records(&self) -> impl Iterator<Item = (Position, &Entry)> {
        self.entries.iter().map(|(position, entry)| (*position, entry))
    }

    /// The disk's view.
    pub(crate) fn watch(&self) -> std::cell::Ref<'_, Watch> {
        self.watch.borrow()
    }
}

fn name_of(event: &EventId) -> Option<Name> {
    match event {
        EventId::Reliable { producer, class, seq, .. } => Some((*producer, *class, *seq)),
        EventId::Datagram { .. } | EventId::Timer { .. } => None,
    }
}
