//! The owner's half of a shard: deduplicate, evaluate, order, and say when it is finished.
//!
//! What comes in: events whose player this shard owns, from any shard, and word from the spool of what is durable.
//! What goes out, into the [`Outbox`]: one record for each event that ordered something durable, replies, and completions.
//! A completion leaves only when nothing it vouches for can be lost any more: see [`Owner::finish_after`].
//! Deliberately absent: sessions, rings, and any decision about rules, which is `rules-engine`'s.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use edge_event::{
    Action, Class, Command, DedupeMark, EventId, EventRecord, Partition, ProducerKey, ShardId, StateKey, UnixMillis,
};
use rules_engine::{Evaluator, Outputs, RuleSet, State, Verdict};

use crate::config::Config;
use crate::home::Home;
use crate::ledger::Counters;
use crate::marks::Marks;
use crate::mesh::{Back, Origin, RoutedEvent};
use crate::outbox::Outbox;

/// See the head of this file.
pub(crate) struct Owner {
    rules: Arc<RuleSet>,
    state: State,
    evaluator: Evaluator,
    outputs: Outputs,
    marks: Marks,
    home: Home,
    /// Completions in the order of the tickets they wait for.
    waiting: VecDeque<(u64, ShardId, Back)>,
    committed: u64,
    waiting_slots: usize,
}

/// What recovery found on disk for one shard's slices of players.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// How far producers' classes are durable.
    pub marks: Vec<DedupeMark>,
    /// Durable state cells, and when they are no longer needed.
    pub cells: Vec<(StateKey, bytes::Bytes, Option<UnixMillis>)>,
}

impl Owner {
    pub(crate) fn new(rules: Arc<RuleSet>, restored: Restored, config: &Config, now: Instant) -> Owner {
        let mut state = State::new(rules_engine::StateLimits::default());
        state.adopt(&rules);
        for (key, value, expires) in restored.cells {
            state.restore(key, &value, expires);
        }
        let mut marks = Marks::new(now, config.mark_memory);
        for mark in restored.marks {
            marks.take(mark.producer, mark.class, mark.partition, mark.seq);
        }
        Owner {
            rules,
            state,
            evaluator: Evaluator::new(),
            outputs: Outputs::default(),
            marks,
            home: Home::new(),
            waiting: VecDeque::new(),
            committed: 0,
            waiting_slots: config.waiting_slots,
        }
    }

    pub(crate) fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    pub(crate) fn marks_len(&self) -> usize {
        self.marks.len()
    }

    pub(crate) fn waiting_len(&self) -> usize {
        self.waiting.len()
    }

    /// Adopts a rule set between two events; state of unchanged definitions stays. Returns the set that served before.
    pub(crate) fn adopt(&mut self, rules: Arc<RuleSet>) -> Arc<RuleSet> {
        self.state.adopt(&rules);
        std::mem::replace(&mut self.rules, rules)
    }

    /// Whether `routed` can be taken in now, whatever it turns out to order.
    pub(crate) fn has_room_for(&self, routed: &RoutedEvent, outbox: &Outbox) -> bool {
        let worst = self.rules.worst_case(routed.event.event_type);
        self.waiting.len() < self.waiting_slots && outbox.has_room_for(routed.origin.shard, worst.replies as usize)
    }

    /// Takes one event in. The caller has asked [`has_room_for`](Owner::has_room_for).
    pub(crate) fn take(&mut self, routed: RoutedEvent, now: UnixMillis, outbox: &mut Outbox, counters: &mut Counters) {
        if let Some((class, seq)) = routed.reliable
            && !self.marks.take(routed.producer, class, routed.event.partition, seq)
        {
            counters.duplicate += 1;
            // The first copy may still be on its way to disk; everything issued so far covers it.
            self.finish_after(outbox.issued(), &routed, outbox);
            return;
        }
        self.outputs.clear();
        let verdict = self.evaluator.evaluate(&self.rules, &mut self.state, &routed.event, now, &mut self.outputs);
        match verdict {
            Verdict::Commanded => counters.commanded += 1,
            Verdict::Suppressed(_) => counters.suppressed += 1,
            Verdict::NoMatch => counters.no_match += 1,
        }
        self.send_replies(&routed.origin, outbox, counters);
        let ticket = if self.outputs.is_durable() {
            counters.records += 1;
            counters.commands += self.outputs.commands.len() as u64;
            outbox.record(self.record_of(&routed))
        } else {
            0 // already behind `committed`
        };
        self.finish_after(ticket, &routed, outbox);
    }

    /// Attaches a session to its producer's home, on the shard that owns the token's `sub`.
    pub(crate) fn attach(&mut self, origin: Origin, producer: ProducerKey, partition: Partition, outbox: &mut Outbox) {
        if let Some(older) = self.home.attach(producer, origin) {
            outbox.back(older.shard, Back::Superseded { session: older.session });
        }
        let marks = Class::ALL.map(|class| self.marks.get(producer, class, partition));
        let answer = Back::Attached { session: origin.session, marks };
        self.wait_for(outbox.issued(), origin.shard, answer, outbox);
    }

    pub(crate) fn detach(&mut self, origin: Origin, producer: ProducerKey) {
        self.home.detach(producer, origin);
    }

    /// The spool has made every ticket up to this one durable.
    pub(crate) fn handle_committed(&mut self, up_to: u64, outbox: &mut Outbox) {
        debug_assert!(up_to <= outbox.issued(), "the spool committed a ticket that was never issued");
        self.committed = self.committed.max(up_to);
        while let Some((ticket, _, _)) = self.waiting.front() {
            if *ticket > self.committed {
                break;
            }
            if let Some((_, shard, message)) = self.waiting.pop_front() {
                outbox.back(shard, message);
            }
        }
    }

    pub(crate) fn on_time(&mut self, now: Instant) {
        self.marks.on_time(now);
    }

    /// INVARIANT: a completion leaves when its ticket is committed, never before. This is the only place that sends `Done`.
    fn finish_after(&mut self, ticket: u64, routed: &RoutedEvent, outbox: &mut Outbox) {
        if let Some((class, seq)) = routed.reliable {
            let done = Back::Done { session: routed.origin.session, class, seq };
            self.wait_for(ticket, routed.origin.shard, done, outbox);
        }
    }

    fn wait_for(&mut self, ticket: u64, shard: ShardId, message: Back, outbox: &mut Outbox) {
        if ticket <= self.committed {
            outbox.back(shard, message);
        } else {
            debug_assert!(self.waiting.back().is_none_or(|(last, _, _)| *last <= ticket), "tickets rise");
            self.waiting.push_back((ticket, shard, message));
        }
    }

    fn send_replies(&mut self, origin: &Origin, outbox: &mut Outbox, counters: &mut Counters) {
        for command in self.outputs.replies.drain(..) {
            let Command { id, action: Action::Reply { name, body }, .. } = command else {
                unreachable!("INVARIANT: rules-engine puts only replies among the replies");
            };
            counters.replies += 1;
            outbox.back(origin.shard, Back::Reply { session: origin.session, command: id, name, body });
        }
    }

    fn record_of(&mut self, routed: &RoutedEvent) -> EventRecord {
        let producer = match routed.event.id {
            EventId::Reliable { .. } => routed.producer,
            EventId::Datagram { .. } | EventId::Timer { .. } => ProducerKey::default(),
        };
        EventRecord {
            id: routed.event.id.clone(),
            producer,
            player: routed.event.player,
            partition: routed.event.partition,
            revision: self.rules.revision(),
            time: self.outputs.time,
            deltas: std::mem::take(&mut self.outputs.deltas),
            timers: std::mem::take(&mut self.outputs.timers),
            commands: std::mem::take(&mut self.outputs.commands),
        }
    }
}

