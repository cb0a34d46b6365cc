//! One core's loop body.
//!
//! What comes in (`handle_*`): packets, messages of other shards, commits of the spool, rule sets, time. What goes out
//! (`poll_*`): packets, messages to other shards, records for the spool, cuts of the ledger. In between, [`Shard::work`] moves
//! events from sessions to their owners as far as there is room. Deliberately absent: sockets, threads, clocks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use edge_event::{NodeId, Partition, ProducerKey, Seq, ShardId, StartEpoch, UnixMillis};
use edge_session::{
    Arrival, Arrived, DenyList, Departure, Handled, Hello, MoveTo, SessionEvent, SessionKey, Sessions, TokenVerifier,
    Welcome,
};
use edge_wire::EncodeError;
use edge_wire::codes::RefuseCode;
use edge_wire::keys::player_key;
use rules_engine::{RuleCounters, RuleSet};

use crate::admit::{Here, admit};
use crate::clock::ShardClock;
use crate::config::Config;
use crate::latency::Latency;
use crate::ledger::{Counters, Cut, CutTaker};
use crate::mesh::{Back, Forward, Origin, RoutedEvent, StrayPacket};
use crate::outbox::{Outbox, ToSpool};
use crate::owner::{Owner, Restored};

/// Everything a shard is made of.
pub struct Parts {
    /// Which shard this is.
    pub shard: ShardId,
    /// How many there are.
    pub shards: u16,
    /// Queues and memory.
    pub config: Config,
    /// The QUIC endpoint and its sessions.
    pub sessions: Sessions,
    /// The rule set to begin with.
    pub serving: Arc<Serving>,
    /// What the spool found for this shard's slices of players.
    pub restored: Restored,
    /// This machine.
    pub node: NodeId,
    /// This start of the spool's writer.
    pub epoch: StartEpoch,
    /// Keys of the hash tables: random in the daemon, the story's in the simulator.
    pub hash_seed: u64,
}

/// A rule set in force, and the catalogues whose clients it can read.
#[derive(Debug)]
pub struct Serving {
    /// The rules with their catalogue.
    pub rules: Arc<RuleSet>,
    /// Digests of catalogues; a client that names another is refused. The rule set's own is always welcome.
    pub lineage: Vec<[u8; 32]>,
}

/// Whether new sessions are let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Gate {
    /// They are.
    Open,
    /// They are refused with this code and detail, and told to come again after that long (where it is known).
    Shut {
        /// The code of the REFUSE.
        code: RefuseCode,
        /// For the client's log.
        detail: String,
        /// When to come again.
        retry_after: Option<Duration>,
    },
}

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
    /// A session's event that waits for room; no other is taken from sessions meanwhile.
    stalled: Option<RoutedEvent>,
    /// Where each session's producer is at home.
    homes: HashMap<SessionKey, ShardId, ahash::RandomState>,
}

/// How it is going on one shard.
#[derive(Clone, Debug)]
pub struct ShardStats {
    /// The ledger's counters.
    pub counters: Counters,
    /// The sessions' own.
    pub sessions: edge_session::Stats,
    /// From an event's arrival to the commit of its record.
    pub latency: Latency,
    /// Dedupe marks kept.
    pub marks: usize,
    /// Completions that wait for a commit.
    pub waiting: usize,
    /// The revision evaluated under.
    pub revision: u64,
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
            owner: Owner::new(serving.rules.clone(), restored, &config, hash_seed, now, wall),
            serving,
            outbox: Outbox::new(shard, shards, &config),
            counters: Counters::default(),
            cuts: CutTaker::new(shards),
            clock: ShardClock::new(now, wall),
            gate: Gate::Open,
            session_ttl_ms: config.mark_memory.as_millis() as u64,
            stalled: None,
            homes: HashMap::with_hasher(crate::hasher(hash_seed)),
        }
    }

    // ---- in

    /// A packet of this shard's socket.
    pub fn handle_packet(&mut self, now: Instant, wall: UnixMillis, arrival: Arrival, data: BytesMut) {
        let shown = self.clock.tell(now, wall);
        if let Handled::Foreign { shard, datagram } = self.sessions.handle_datagram(now, shown.0, &arrival, data)
            && shard != self.id
            && shard.0 < self.shards
            && self.outbox.has_forward_room(shard)
        {
            // Where there is no room the packet is lost, as packets are; its sender has a timer.
            self.outbox.forward(shard, Forward::Packet(StrayPacket { arrival, data: datagram }));
        }
    }

    /// Whether the heads of the forward rings may be taken: there is room for whatever they turn out to be.
    pub fn takes_forward(&self) -> bool {
        self.owner.has_room(&self.outbox)
    }

    /// A message that makes work. The caller has asked [`takes_forward`](Shard::takes_forward).
    pub fn handle_forward(&mut self, now: Instant, wall: UnixMillis, from: ShardId, message: Forward) {
        match message {
            Forward::Event(routed) => {
                self.cuts.on_event_from(from);
                let shown = self.clock.tell(now, wall);
                self.owner.take(routed, shown, &mut self.outbox, &mut self.counters);
            }
            Forward::Attach { origin, producer, partition, provenance } => {
                self.owner.attach(origin, producer, partition, provenance, &mut self.outbox);
            }
            Forward::Detach { origin, producer } => self.owner.detach(origin, producer),
            Forward::Packet(StrayPacket { arrival, data }) => {
                let shown = self.clock.tell(now, wall);
                // It named us; if the connection is gone meanwhile, it is nobody's.
                let _ = self.sessions.handle_datagram(now, shown.0, &arrival, data);
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
        self.sessions.handle_timeout(now, shown.0);
        self.owner.on_time(now, shown);
    }

    // ---- between

    /// Moves what sessions have to say to where it belongs, as far as there is room. Says whether something is left that
    /// only needs room.
    pub fn work(&mut self, now: Instant, wall: UnixMillis) -> bool {
        let shown = self.clock.tell(now, wall);
        loop {
            self.take_own_back();
            if let Some(routed) = self.stalled.take()
                && let Err(routed) = self.route(routed, shown)
            {
                self.stalled = Some(routed);
                return true;
            }
            let Some(event) = self.sessions.poll_event() else { break };
            match event {
                SessionEvent::Hello(hello) => self.on_hello(*hello),
                SessionEvent::Event(arrived) => self.on_arrived(arrived, now),
                SessionEvent::Closed { key, producer, .. } => self.on_closed(key, producer),
            }
        }
        self.take_own_back();
        false
    }

    fn take_own_back(&mut self) {
        while let Some(message) = self.outbox.poll_own_back() {
            self.handle_back(message);
        }
    }

    fn on_hello(&mut self, hello: Hello) {
        if let Gate::Shut { code, detail, retry_after } = &self.gate {
            self.sessions.refuse(hello.key, *code, detail, *retry_after);
            return;
        }
        if !self.reads(&hello.catalogue_digest) {
            let detail = "this node cannot read events of the client's catalogue";
            self.sessions.refuse(hello.key, RefuseCode::CatalogueUnknown, detail, None);
            return;
        }
        let partition = Partition::of(player_key(&hello.conn.sub));
        let origin = Origin { shard: self.id, session: hello.key };
        let home = partition.owner(self.shards);
        self.homes.insert(hello.key, home);
        let (producer, provenance) = (hello.producer, hello.conn.provenance);
        if home == self.id {
            self.owner.attach(origin, producer, partition, provenance, &mut self.outbox);
        } else {
            self.outbox.forward(home, Forward::Attach { origin, producer, partition, provenance });
        }
    }

    /// Whether events of clients with this catalogue can be read. Zeros: the client names none.
    fn reads(&self, digest: &[u8; 32]) -> bool {
        *digest == [0; 32] || digest == self.serving.rules.catalogue().digest() || self.serving.lineage.contains(digest)
    }

    fn on_closed(&mut self, session: SessionKey, producer: ProducerKey) {
        let Some(home) = self.homes.remove(&session) else { return }; // it was refused
        let origin = Origin { shard: self.id, session };
        if home == self.id {
            self.owner.detach(origin, producer);
        } else {
            self.outbox.forward(home, Forward::Detach { origin, producer });
        }
    }

    fn on_arrived(&mut self, arrived: Arrived, now: Instant) {
        let (key, producer) = (arrived.key, arrived.producer);
        let reliable = match arrived.origin {
            edge_session::Origin::Reliable { class, seq } => Some((class, seq)),
            edge_session::Origin::Datagram { .. } => None,
        };
        match admit(self.owner.rules().catalogue(), self.here, arrived) {
            Ok(event) => {
                let origin = Origin { shard: self.id, session: key };
                self.stalled = Some(RoutedEvent { origin, producer, reliable, arrived: now, event });
            }
            Err(refused) => match reliable {
                Some((class, seq)) => {
                    self.counters.rejected += 1;
                    self.sessions.reject(key, class, seq, refused.code, &refused.detail);
                }
                None => self.counters.dropped += 1,
            },
        }
    }

    /// Sends an event to its owner, or gives it back where there is no room.
    fn route(&mut self, routed: RoutedEvent, shown: UnixMillis) -> Result<(), RoutedEvent> {
        let owner = routed.event.partition.owner(self.shards);
        if owner != self.id {
            if !self.outbox.has_forward_room(owner) {
                return Err(routed);
            }
            self.counters.accepted += 1;
            self.outbox.forward(owner, Forward::Event(routed));
            return Ok(());
        }
        if !self.owner.has_room(&self.outbox) {
            return Err(routed);
        }
        self.counters.accepted += 1;
        self.owner.take(routed, shown, &mut self.outbox, &mut self.counters);
        Ok(())
    }

    fn welcome(&mut self, session: SessionKey, marks: [Seq; edge_event::identity::CLASSES]) {
        let rules = self.owner.rules();
        let welcome = Welcome {
            resumed: marks.iter().any(|m| *m > Seq(0)),
            marks,
            revision: rules.revision(),
            catalogue_digest: *rules.catalogue().digest(),
            session_ttl_ms: self.session_ttl_ms,
        };
        self.sessions.welcome(session, &welcome);
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

    /// When [`handle_timeout`](Shard::handle_timeout) is due.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        self.sessions.poll_timeout()
    }

    /// Whether messages wait for rings that had no room.
    pub fn is_waiting_for_room(&self) -> bool {
        self.stalled.is_some() || self.outbox.is_waiting()
    }

    /// How it is going.
    pub fn stats(&self) -> ShardStats {
        ShardStats {
            counters: self.counters,
            sessions: self.sessions.stats(),
            latency: self.owner.latency().clone(),
            marks: self.owner.marks_len(),
            waiting: self.owner.waiting_len(),
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
