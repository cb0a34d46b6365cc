//! What a shard does between taking in and giving out: sessions' words go where they belong, as far as there is room.
//!
//! What comes in: what sessions have to say. What goes out, into the outbox or the own owner: events with a subject, sessions
//! that began and ended; to the sessions: refusals, rejects, welcomes. While there is no room it reads less; how much
//! less is [`crate::overload`]'s. Deliberately absent: evaluation, and everything that waits for the disk.

use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_event::{Class, Partition, ProducerKey, Seq, ShardId, UnixMillis};
use edge_session::{Arrived, Hello, SessionEvent, SessionKey, Welcome};
use edge_wire::codes::RefuseCode;
use edge_wire::keys::player_key;

use super::Shard;
use crate::admit::admit;
use crate::mesh::{Attach, Forward, Origin, RoutedEvent};
use crate::overload::{Load, Strain};
use crate::parts::Gate;

/// Sessions' events that may wait in a shard that stands still: what its sessions had read before they were paused.
const HELD_MAX: usize = 8192;
/// How long a client that is refused for overload shall wait.
const OVERLOAD_RETRY: Duration = Duration::from_secs(2);

impl Shard {
    /// Moves what sessions have to say to where it belongs, as far as there is room. Says whether something is left that
    /// only needs room.
    pub fn work(&mut self, now: Instant, wall: UnixMillis) -> bool {
        let shown = self.clock.tell(now, wall);
        self.judge(now);
        // Standing still, sessions are not read but connections must be looked after: refused, closed, acknowledged.
        let held_max = if self.overload.strain() == Strain::Standstill { HELD_MAX } else { 1 };
        loop {
            self.route_held(now, shown);
            if self.held.len() >= held_max {
                break;
            }
            let Some(event) = self.sessions.poll_event() else { break };
            match event {
                SessionEvent::Hello(hello) => self.on_hello(*hello, now),
                SessionEvent::Event(arrived) => self.on_arrived(arrived, now),
                SessionEvent::Closed { key, producer, .. } => self.on_closed(key, producer),
            }
        }
        self.take_own_back();
        self.outbox.end_turn();
        !self.held.is_empty()
    }

    /// Reads less, or more again, by how it stands with the queues.
    fn judge(&mut self, now: Instant) {
        let stalled_for = self.stalled_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let full = if self.held.is_empty() { 0 } else { 8 };
        let eighths = self.outbox.eighths().max(self.owner.eighths()).max(full);
        let Some(strain) = self.overload.judge(now, Load { eighths, stalled_for }) else { return };
        tracing::debug!(shard = self.id.0, ?strain, "overload");
        self.sessions.shed_datagrams(strain >= Strain::Datagrams);
        for class in Class::ALL {
            if strain.pauses(class) {
                self.sessions.pause(class);
            } else {
                self.sessions.resume(class);
            }
        }
    }

    /// Sends held events to their owners, as far as there is room.
    fn route_held(&mut self, now: Instant, shown: UnixMillis) {
        self.take_own_back();
        while let Some(first) = self.held.front() {
            let owner = first.event.partition.owner(self.shards);
            if !self.has_room_at(owner) {
                self.stalled_since.get_or_insert(now);
                return;
            }
            self.stalled_since = None;
            if let Some(routed) = self.held.pop_front() {
                self.route(routed, owner, shown);
            }
            self.take_own_back();
        }
    }

    fn take_own_back(&mut self) {
        while let Some(message) = self.outbox.poll_own_back() {
            self.handle_back(message);
        }
    }

    fn on_hello(&mut self, hello: Hello, now: Instant) {
        if let Gate::Shut { code, detail, retry_after } = &self.gate {
            self.sessions.refuse(hello.key, *code, detail, *retry_after);
            return;
        }
        if !self.reads(&hello.catalogue_digest) {
            let detail = "this node cannot read events of the client's catalogue";
            self.sessions.refuse(hello.key, RefuseCode::CatalogueUnknown, detail, None);
            return;
        }
        let player = player_key(&hello.conn.sub);
        let partition = Partition::of(player);
        let origin = Origin { shard: self.id, session: hello.key };
        let home = partition.owner(self.shards);
        let is_local = home == self.id;
        let has_room = if is_local { self.owner.has_attach_room() } else { self.outbox.has_attach_room(home) };
        if !has_room || self.overload.strain() >= Strain::Class1 {
            self.sessions.refuse(hello.key, RefuseCode::Overloaded, "the shard is overloaded", Some(OVERLOAD_RETRY));
            return;
        }
        self.homes.insert(hello.key, home);
        let (producer, provenance) = (hello.producer, hello.conn.provenance);
        let attach = Attach { origin, player, producer, partition, provenance, hello_at: now };
        if is_local {
            self.owner.attach(attach, &mut self.outbox);
        } else {
            self.outbox.forward(home, Forward::Attach(attach));
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
                let mut routed = RoutedEvent { origin, producer, reliable, arrived: now, event };
                if !self.held.is_empty() {
                    detach_payload(&mut routed); // it will wait
                }
                self.held.push_back(routed);
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

    fn has_room_at(&self, owner: ShardId) -> bool {
        if owner == self.id { self.owner.has_room(&self.outbox) } else { self.outbox.has_forward_room(owner) }
    }

    /// Sends an event to its owner, where there is room.
    fn route(&mut self, mut routed: RoutedEvent, owner: ShardId, shown: UnixMillis) {
        self.counters.accepted += 1;
        if owner == self.id {
            self.owner.take(routed, shown, &mut self.outbox, &mut self.counters);
        } else {
            detach_payload(&mut routed);
            self.outbox.forward(owner, Forward::Event(routed));
        }
    }

    pub(super) fn welcome(&mut self, session: SessionKey, marks: [Seq; edge_event::identity::CLASSES]) {
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
}

/// Before an event waits: a slice would keep all packets in memory that were received together with its own.
fn detach_payload(routed: &mut RoutedEvent) {
    routed.event.payload = Bytes::copy_from_slice(&routed.event.payload);
}
