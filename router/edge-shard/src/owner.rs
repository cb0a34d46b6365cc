//! The owner's half of a shard: deduplicate, evaluate, order, and say when it is finished.
//!
//! What comes in: events whose player this shard owns, from any shard, and word from the spool of what is durable.
//! What goes out, into the [`Outbox`]: one record for each event that ordered something durable, replies, and completions.
//! A completion leaves only when nothing it vouches for can be lost any more: see `answer_after`.
//! Deliberately absent: sessions, rings, and any decision about rules, which is `rules-engine`'s.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use edge_event::identity::CLASSES;
use edge_event::{Action, Class, Command, EventId, EventRecord, ProducerKey, Provenance, Seq, ShardId, UnixMillis};
use edge_mutant::mutant;
use rules_engine::{Evaluator, Outputs, RuleCounters, RuleSet, State, StateLimits, Verdict};

use crate::config::Config;
use crate::home::Home;
use crate::latency::Latency;
use crate::ledger::Counters;
use crate::marks::Marks;
use crate::mesh::{Attach, Back, Origin, RoutedEvent};
use crate::outbox::{Outbox, eighths};
use crate::quota::Quotas;
use crate::restored::Restored;

/// See the head of this file.
pub(crate) struct Owner {
    rules: Arc<RuleSet>,
    /// The set that the evaluator's counters are about: `rules`, once an event was evaluated under it.
    evaluated: Arc<RuleSet>,
    state: State,
    evaluator: Evaluator,
    outputs: Outputs,
    marks: Marks,
    home: Home,
    quotas: Quotas,
    player_sessions_max: usize,
    /// Answers in the order of the tickets they wait for.
    waiting: VecDeque<Waiting>,
    /// From an event's arrival to the commit of its record.
    latency: Latency,
    committed: u64,
    waiting_slots: usize,
    /// The most replies that one event can make under `rules`.
    replies_max: usize,
}

/// An answer that leaves when its ticket is committed.
struct Waiting {
    ticket: u64,
    /// `Some` where the event made a record: when it arrived.
    arrived: Option<Instant>,
    /// `None` for a datagram: nobody waits, only the latency is noted.
    answer: Option<(ShardId, Back)>,
}

impl Owner {
    pub(crate) fn new(
        rules: Arc<RuleSet>,
        restored: Restored,
        config: &Config,
        hash_seed: u64,
        now: Instant,
        wall: UnixMillis,
    ) -> Owner {
        let mut state = State::new(StateLimits::with_seed(hash_seed), wall);
        for (key, value, expires) in restored.cells {
            if let Err(why) = state.restore(key, &value, expires) {
                // Written by another release, or damaged beyond what the log's checksums see: the rest is still good.
                tracing::error!(definition = key.definition, %why, "a durable cell cannot be restored");
            }
        }
        let mut marks = Marks::new(now, config.mark_memory, config.marks_max, hash_seed);
        for mark in restored.marks {
            marks.take(mark.producer, mark.class, mark.partition, mark.seq);
        }
        Owner {
            evaluated: rules.clone(),
            replies_max: rules.worst_case_of_any().replies as usize,
            rules,
            state,
            evaluator: Evaluator::new(),
            outputs: Outputs::default(),
            marks,
            home: Home::new(hash_seed),
            quotas: Quotas::new(config, hash_seed, now),
            player_sessions_max: config.player_sessions_max,
            waiting: VecDeque::new(),
            latency: Latency::default(),
            committed: 0,
            waiting_slots: config.waiting_slots,
        }
    }

    /// Says how many shards the node has: limits of a region are divided among them.
    pub(crate) fn one_of(mut self, shards: u16) -> Owner {
        self.state.share_with(shards);
        self
    }

    pub(crate) fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// What became of each rule's evaluations, and the set that they are about.
    pub(crate) fn rule_counters(&self) -> (Arc<RuleSet>, Vec<RuleCounters>) {
        (self.evaluated.clone(), self.evaluator.rule_counters().collect())
    }

    pub(crate) fn marks_len(&self) -> usize {
        self.marks.len()
    }

    pub(crate) fn producers_len(&self) -> usize {
        self.home.len()
    }

    /// Times that a session was told to slow down for its player's other sessions, and players with a meter.
    pub(crate) fn quotas(&self) -> (u64, usize) {
        (self.quotas.slowed(), self.quotas.len())
    }

    pub(crate) fn latency(&self) -> &Latency {
        &self.latency
    }

    pub(crate) fn waiting_len(&self) -> usize {
        self.waiting.len()
    }

    /// Adopts a rule set between two events; state of unchanged definitions stays.
    pub(crate) fn adopt(&mut self, rules: Arc<RuleSet>) {
        self.replies_max = rules.worst_case_of_any().replies as usize;
        self.rules = rules;
    }

    /// Whether any event of anybody can be taken in now, whatever it turns out to order.
    pub(crate) fn has_room(&self, outbox: &Outbox) -> bool {
        self.waiting.len() < self.waiting_slots && outbox.has_room(self.replies_max)
    }

    /// Whether a session of this shard can be attached: a queue full of events does not shut sessions out yet.
    pub(crate) fn has_attach_room(&self) -> bool {
        self.waiting.len() < self.waiting_slots * 2
    }

    /// How full the queue of waiting answers is, in eighths.
    pub(crate) fn eighths(&self) -> usize {
        eighths(self.waiting.len(), self.waiting_slots)
    }

    /// Takes one event in. The caller has asked [`has_room`](Owner::has_room).
    pub(crate) fn take(&mut self, routed: RoutedEvent, now: UnixMillis, outbox: &mut Outbox, counters: &mut Counters) {
        self.charge(&routed, outbox);
        if let Some((class, seq)) = routed.reliable
            && !self.marks.take(routed.producer, class, routed.event.partition, seq)
        {
            counters.duplicate += u64::from(!mutant!(LedgerOneSided));
            // The first copy may still be on its way to disk; everything issued so far covers it.
            self.answer_after(outbox.issued(), None, done(&routed), outbox);
            return;
        }
        if !Arc::ptr_eq(&self.evaluated, &self.rules) && !mutant!(TwoRevisions) {
            self.evaluated = self.rules.clone();
        }
        let verdict = self.evaluator.evaluate(&self.evaluated, &mut self.state, &routed.event, now, &mut self.outputs);
        match verdict {
            Verdict::Commanded => counters.commanded += 1,
            Verdict::Suppressed(_) if !mutant!(WrongPlaceCounted) => counters.suppressed += 1,
            Verdict::Suppressed(_) | Verdict::NoMatch => counters.no_match += 1,
        }
        self.send_replies(&routed.origin, outbox, counters);
        if routed.reliable.is_none() && mutant!(DatagramForgotten) {
            self.outputs.clear();
        }
        if self.outputs.is_durable() {
            counters.records += 1;
            counters.commands += self.outputs.commands.len() as u64;
            let ticket = outbox.record(self.record_of(&routed));
            self.answer_after(ticket, Some(routed.arrived), done(&routed), outbox);
            return;
        }
        // Where a gate held a rule back, its use may still be on its way to disk, by the hand of another producer. Were it
        // lost, an event with a receipt would have been held back by nothing.
        let vouches = !self.outputs.suppressed.is_empty() && !mutant!(ReceiptOnOpenGate);
        let ticket = if vouches { outbox.issued() } else { 0 };
        self.answer_after(ticket, None, done(&routed), outbox);
    }

    /// Attaches a session to its producer's home, on the shard that owns the token's `sub`.
    pub(crate) fn attach(&mut self, attach: Attach, outbox: &mut Outbox) {
        let Attach { origin, player, producer, partition, provenance, hello_at } = attach;
        let is_player = provenance == Provenance::Client;
        if is_player && !self.home.has_room(player, producer, self.player_sessions_max) {
            return outbox.back(origin.shard, Back::TooMany { session: origin.session });
        }
        if let Some(older) = self.home.attach(player, producer, origin, hello_at) {
            outbox.back(older.shard, Back::Superseded { session: older.session });
            if older == origin {
                return; // its HELLO was overtaken by a newer one
            }
        }
        let marks = match provenance {
            Provenance::Client => Class::ALL.map(|class| self.marks.get(producer, class, partition)),
            // Its events go to the owners of many slices; what this slice has seen says nothing about the others.
            Provenance::Server => [Seq(0); CLASSES],
        };
        let answer = Back::Attached { session: origin.session, marks };
        self.answer_after(outbox.issued(), None, Some((origin.shard, answer)), outbox);
    }

    /// Accepted is accepted; but a player who sends too much by all connections together is heard less from now on.
    fn charge(&mut self, routed: &RoutedEvent, outbox: &mut Outbox) {
        let Origin { shard, session } = routed.origin;
        if routed.event.conn.provenance == Provenance::Client
            && let Some(wait) = self.quotas.charge(routed.event.player, routed.event.payload.len(), routed.arrived)
        {
            outbox.back(shard, Back::Slow { session, wait });
        }
    }

    pub(crate) fn detach(&mut self, origin: Origin, producer: ProducerKey) {
        self.home.detach(producer, origin);
    }

    /// The spool has made every ticket up to this one durable.
    pub(crate) fn handle_committed(&mut self, up_to: u64, now: Instant, outbox: &mut Outbox) {
        assert!(up_to <= outbox.issued(), "the spool committed ticket {up_to} of {}", outbox.issued());
        self.committed = self.committed.max(up_to);
        while let Some(done) = self.waiting.pop_front_if(|w| w.ticket <= self.committed) {
            if let Some(arrived) = done.arrived {
                self.latency.add(now.saturating_duration_since(arrived));
            }
            if let Some((shard, answer)) = done.answer {
                outbox.back(shard, answer);
            }
        }
    }

    pub(crate) fn on_time(&mut self, now: Instant, shown: UnixMillis) {
        self.marks.on_time(now);
        self.quotas.on_time(now);
        self.state.tick(shown);
    }

    /// INVARIANT: an answer that vouches for something leaves when its ticket is committed, never before. This is the
    /// only place that lets one go at once.
    fn answer_after(
        &mut self,
        ticket: u64,
        arrived: Option<Instant>,
        answer: Option<(ShardId, Back)>,
        outbox: &mut Outbox,
    ) {
        if ticket > self.committed && !mutant!(ReceiptBeforeFsync) {
            self.waiting.push_back(Waiting { ticket, arrived, answer });
        } else if let Some((shard, answer)) = answer {
            outbox.back(shard, answer);
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

/// The completion that a reliable event's session waits for.
fn done(routed: &RoutedEvent) -> Option<(ShardId, Back)> {
    let (class, seq) = routed.reliable?;
    Some((routed.origin.shard, Back::Done { session: routed.origin.session, class, seq }))
}
