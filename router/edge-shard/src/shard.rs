//! One core's loop body.
//!
//! What comes in (`handle_*`): packets, messages of other shards, commits of the spool, rule sets, time. What goes out
//! (`poll_*`): packets, messages to other shards, records for the spool, cuts of the ledger. In between, [`Shard::work`] moves
//! events from sessions //! to their owners as far as there is room. Deliberately absent: sockets, threads, clocks.

mod turn;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use edge_event::{ShardId, UnixMillis};
use edge_session::{Arrival, DenyList, Departure, Handled, Hands, MoveTo, SessionKey, Sessions, TokenVerifier};
use edge_wire::{EncodeError, RefuseCode};
use rules_engine::{RuleCounters, RuleSet};

use crate::admit::Here;
use crate::clock::ShardClock;
use crate::ledger::{Counters, Cut, CutTaker};
use crate::mesh::{Back, Forward, RoutedEvent, StrayPacket};
use crate::outbox::{Outbox, ToSpool};
use crate::overload::{Ladder, Strain};
use crate::owner::Owner;
use crate::parts::{Gate, Parts, Serving, ShardStats};

/// How often time is noticed where no session asks for it.
const TICK: Duration = Duration::from_secs(1);
/// Slots for events that wait for room, which are kept though none waits.
const HELD_KEPT: usize = 1_024;
/// How long a player with too many sessions shall wait: a session of a client that crashed ends by its silence.
const TOO_MANY_RETRY: Duration = Duration::from_secs(15);

/// One core's share of sessions and state. Mutate with `handle_*`, let it [`work`](Shard::work), then drain every `poll_*`.
pub struct Shard {
    id: ShardId,
    shards: u16,
    here: Here,
    sessions: Sessions,
    serving: Arc<Serving>,
    owner: Owner,
    outbox: Outbox,
    counters: Counters,
    cuts: CutTaker,
    clock: ShardClock,
    gate: Gate,
    /// How long marks are kept after a disconnect.
    session_ttl_ms: u64,
    /// Sessions' events that wait for room, in order; while there is one, no other is asked for, but at a standstill.
    held: VecDeque<RoutedEvent>,
    /// Since when the first of them waits.
    stalled_since: Option<Instant>,
    overload: Ladder,
    /// When time is to be noticed at the latest.
    tick_at: Instant,
    /// Where each session's producer is at home.
    homes: HashMap<SessionKey, ShardId, ahash::RandomState>,
}

impl Shard {
    /// A shard that has seen nothing yet.
    pub fn new(parts: Parts, now: Instant, wall: UnixMillis) -> Shard {
        let Parts { shard, shards, config, sessions, serving, restored, node, epoch, hash_seed } = parts;
        assert!(shard.0 < shards, "shard {} of {shards}", shard.0);
        Shard {
            id: shard,
            shards,
            here: Here { node, epoch, shard },
            sessions,
            owner: Owner::new(serving.rules.clone(), restored, &config, hash_seed, now, wall).one_of(shards),
            serving,
            outbox: Outbox::new(shard, shards, &config),
            counters: Counters::default(),
            cuts: CutTaker::new(shards),
            clock: ShardClock::new(now, wall),
            gate: Gate::Open,
            session_ttl_ms: config.mark_memory.as_millis() as u64,
            held: VecDeque::new(),
            stalled_since: None,
            overload: Ladder::new(now),
            tick_at: now + TICK,
            homes: HashMap::with_hasher(crate::hasher(hash_seed)),
        }
    }

    // ---- in

    /// A packet of this shard's socket.
    pub fn handle_packet(&mut self, now: Instant, wall: UnixMillis, arrival: Arrival, data: BytesMut) {
        let shown = self.clock.tell(now, wall);
        let hands = Hands { shown, wall };
        if let Handled::Foreign { shard, datagram } = self.sessions.handle_datagram(now, hands, &arrival, data)
            && shard != self.id
            && shard.0 < self.shards
            && self.outbox.has_packet_room(shard)
        {
            // Where there is no room the packet is lost, as packets are; its sender has a timer. A copy: see `detach_payload`.
            let data = BytesMut::from(&datagram[..]);
            self.outbox.forward(shard, Forward::Packet(StrayPacket { arrival, data }));
        }
    }

    /// Whether the heads of the forward rings may be taken: there is room for whatever they turn out to be.
    pub fn takes_forward(&self) -> bool {
        self.owner.has_room(&self.outbox) && self.outbox.leaves_own_share()
    }

    /// A message that makes work. The caller has asked [`takes_forward`](Shard::takes_forward).
    pub fn handle_forward(&mut self, now: Instant, wall: UnixMillis, from: ShardId, message: Forward) {
        match message {
            Forward::Event(mut routed) => {
                self.cuts.on_event_from(from);
                let shown = self.clock.tell(now, wall);
                if !self.sessions.config().ages_by_wall {
                    self.clock.redate(&mut routed.event, now.saturating_duration_since(routed.arrived));
                }
                self.owner.take(routed, shown, &mut self.outbox, &mut self.counters);
            }
            Forward::Attach(attach) => self.owner.attach(attach, &mut self.outbox),
            Forward::Detach { origin, producer } => self.owner.detach(origin, producer),
            Forward::Packet(StrayPacket { arrival, data }) => {
                let shown = self.clock.tell(now, wall);
                // It named us; if the connection is gone meanwhile, it is nobody's.
                let _ = self.sessions.handle_datagram(now, Hands { shown, wall }, &arrival, data);
            }
            Forward::Cut(number) => {
                self.handle_cut(number);
                self.cuts.on_marker_from(from, number);
            }
        }
    }

    /// A message that ends work. Always taken.
    pub fn handle_back(&mut self, message: Back) {
        match message {
            Back::Done { session, class, seq } => self.sessions.complete(session, class, seq),
            Back::Reply { session, command, name, body } => {
                self.sessions.reply(session, command, &name, &body); // what cannot be handed over is counted there
            }
            Back::Attached { session, marks } => self.welcome(session, marks),
            Back::TooMany { session } => {
                let detail = "the player has as many sessions as it may";
                self.sessions.refuse(session, RefuseCode::TooManySessions, detail, Some(TOO_MANY_RETRY));
            }
            Back::Slow { session, wait } => self.sessions.slow(session, wait),
            Back::Superseded { session } => self.sessions.supersede(session),
        }
    }

    /// The spool has made this shard's tickets durable up to this one.
    pub fn handle_committed(&mut self, up_to: u64, now: Instant) {
        self.owner.handle_committed(up_to, now, &mut self.outbox);
    }

    /// Adopts a rule set between two events and returns the one that served before, for the caller to free elsewhere.
    pub fn handle_rules(&mut self, serving: Arc<Serving>) -> Arc<Serving> {
        self.owner.adopt(serving.rules.clone());
        std::mem::replace(&mut self.serving, serving)
    }

    /// Takes part in the n-th cut of the ledger.
    pub fn handle_cut(&mut self, number: u64) {
        if self.cuts.begins(number) {
            self.cuts.begin(number, self.id, self.counters);
            self.outbox.cut(number);
        }
    }

    /// Lets new sessions in, or refuses them. Sessions that are here stay.
    pub fn handle_gate(&mut self, gate: Gate) {
        self.gate = gate;
    }

    /// Closes the sessions that `list` names and lets none of them in from now on.
    pub fn handle_deny_list(&mut self, list: Arc<DenyList>) {
        self.sessions.revoke(list);
    }

    /// Checks tokens of HELLO and REAUTH with these keys from now on.
    pub fn handle_verifier(&mut self, verifier: Arc<TokenVerifier>) {
        self.sessions.set_verifier(verifier);
    }

    /// Takes no new session, tells those here where to go, and closes what is left after `within`.
    ///
    /// # Errors
    /// `to` exceeds what MOVE can carry; nothing has changed then.
    pub fn begin_drain(&mut self, to: MoveTo, within: Duration) -> Result<(), EncodeError> {
        self.sessions.begin_drain(to, within)
    }

    /// Whether no connection is left.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant, wall: UnixMillis) {
        let shown = self.clock.tell(now, wall);
        self.sessions.handle_timeout(now, Hands { shown, wall });
        self.owner.on_time(now, shown);
        // What a standstill made it hold is given back.
        if self.held.is_empty() {
            self.held.shrink_to(HELD_KEPT);
        }
        self.tick_at = now + TICK;
    }

    // ---- out

    /// The next packet to send, written to `buffer` (empty when passed in).
    pub fn poll_transmit(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Departure> {
        self.sessions.poll_transmit(now, buffer)
    }

    /// The next message for another shard's forward ring, among those whose ring `has_room`.
    pub fn poll_forward(&mut self, has_room: &mut dyn FnMut(ShardId) -> bool) -> Option<(ShardId, Forward)> {
        self.outbox.poll_forward(has_room)
    }

    /// The next message for another shard's back ring, among those whose ring `has_room`.
    pub fn poll_back(&mut self, has_room: &mut dyn FnMut(ShardId) -> bool) -> Option<(ShardId, Back)> {
        self.outbox.poll_back(has_room)
    }

    /// The next item for the spool. Ask only when its ring has room.
    pub fn poll_record(&mut self) -> Option<ToSpool> {
        self.outbox.poll_record()
    }

    /// A finished cut of the ledger.
    pub fn poll_cut(&mut self) -> Option<Cut> {
        self.cuts.poll()
    }

    /// When [`handle_timeout`](Shard::handle_timeout), and [`work`](Shard::work) after it, is due.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let own = self.overload.due().map_or(self.tick_at, |due| due.min(self.tick_at));
        Some(self.sessions.poll_timeout().map_or(own, |at| at.min(own)))
    }

    /// Whether messages wait for rings that had no room.
    pub fn is_waiting_for_room(&self) -> bool {
        !self.held.is_empty() || self.outbox.is_waiting()
    }

    /// What it does not do at the moment for overload; part of [`stats`](Shard::stats), for who asks every turn.
    pub fn strain(&self) -> Strain {
        self.overload.strain()
    }

    /// How it is going.
    pub fn stats(&self) -> ShardStats {
        ShardStats {
            counters: self.counters,
            sessions: self.sessions.stats(),
            latency: self.owner.latency().clone(),
            marks: self.owner.marks_len(),
            producers: self.owner.producers_len(),
            waiting: self.owner.waiting_len(),
            players_slowed: self.owner.quotas().0,
            players_metered: self.owner.quotas().1,
            strain: self.overload.strain(),
            revision: self.owner.rules().revision(),
        }
    }

    /// What became of each rule's evaluations, in the order of the rules of the set they are about.
    pub fn rule_counters(&self) -> (Arc<RuleSet>, Vec<RuleCounters>) {
        self.owner.rule_counters()
    }

    /// The rule set that serves.
    pub fn rules(&self) -> &Arc<RuleSet> {
        self.owner.rules()
    }
}
