//! [`Sessions`]: one shard's QUIC endpoint with all its sessions.
//!
//! In: datagrams, the time, the shard's answers. Out: events, datagrams, the next deadline. Here are the verbs and the
//! queues between them; what a connection does is in `session.rs`, who gets in at all in `incoming.rs`, how it begins
//! in `setup.rs`, what operators change in `orders.rs`. Deliberately absent: sockets, clocks, randomness but the
//! seed's.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use edge_event::{Class, CommandId, Seq};
use edge_wire::{CloseCode, CloseReason, RefuseCode, RejectCode};
use quinn_proto::{ConnectionHandle, DatagramEvent, EcnCodepoint, Endpoint, EndpointEvent, Transmit};

use crate::amplify::is_lone_handshake_packet;
use crate::cid::{CidKey, Slot};
use crate::context::Context;
use crate::events::{Arrival, Departure, Handled, Hands, SessionEvent, SessionKey, Stats, Welcome};
use crate::session::{Fate, Session};
use crate::table::Table;
use crate::timers::{DueTick, Wheel};
use crate::transport::ToldTime;

/// Connections looked at in one call of `handle_timeout`; what is left is due at once again.
const TIMERS_A_TURN: usize = 512;

/// Stateless answers (Retry, Version Negotiation, resets, refusals) that may wait; past it they are lost, as UDP
/// allows.
const ANSWERS_MAX: usize = 1024;

/// One shard's endpoint and sessions. See the crate's documentation for the order of calls.
pub struct Sessions {
    pub(crate) endpoint: Endpoint,
    pub(crate) context: Context,
    pub(crate) table: Table,
    pub(crate) scratch: Vec<u8>,
    pub(crate) wheel: Wheel,
    pub(crate) cid_key: CidKey,
    pub(crate) here: Slot,
    pub(crate) told_time: Arc<ToldTime>,
    /// Connections with something to work off, then those to ask for packets.
    pub(crate) dirty: VecDeque<u32>,
    pub(crate) sending: VecDeque<u32>,
    pub(crate) answers: VecDeque<(Departure, Vec<u8>)>,
    pub(crate) due: Vec<(u32, DueTick)>,
}

impl Sessions {
    // ---- what comes from outside

    /// Takes in one datagram. `now` and both of `hands` are read together.
    pub fn handle_datagram(&mut self, now: Instant, hands: Hands, arrival: &Arrival, datagram: BytesMut) -> Handled {
        self.tell(now, hands);
        if let Some(shard) = self.cid_key.foreign_shard(&datagram, self.here) {
            self.context.stats.datagrams_foreign += 1;
            return Handled::Foreign { shard, datagram };
        }
        self.context.stats.datagrams_in += 1;
        let bytes = datagram.len();
        let is_handshake = is_lone_handshake_packet(&datagram);
        let ecn = EcnCodepoint::from_bits(arrival.ecn & 0b11);
        self.scratch.clear();
        match self.endpoint.handle(now, arrival.remote, arrival.local_ip, ecn, datagram, &mut self.scratch) {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                let index = index_of(handle);
                if let Some(session) = self.table.at(index) {
                    session.on_datagram(event, arrival.remote, bytes, is_handshake, &mut self.context);
                    self.mark_dirty(index);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.on_incoming(incoming, bytes),
            Some(DatagramEvent::Response(transmit)) => self.answer(&transmit, bytes),
            // Noise, or part of nothing that we know.
            None => self.context.stats.datagrams_ignored += 1,
        }
        Handled::Here
    }

    /// Lets time pass. Calling it early or late is harmless; best is at [`poll_timeout`](Self::poll_timeout)'s instant.
    pub fn handle_timeout(&mut self, now: Instant, hands: Hands) {
        self.tell(now, hands);
        let mut due = std::mem::take(&mut self.due);
        self.wheel.advance(now, TIMERS_A_TURN, &mut due);
        for (index, tick) in due.drain(..) {
            let Some(session) = self.table.at(index).filter(|session| session.scheduled.is_at(tick)) else { continue };
            session.scheduled.clear();
            match session.on_time(&mut self.context) {
                Fate::Stays => {
                    self.mark_dirty(index);
                    // A shard without room for events asks for none, but still for packets: what is due leaves, and the next
                    // deadline is set.
                    self.mark_sending(index);
                }
                Fate::Forgotten => self.forget(index),
            }
        }
        self.due = due;
    }

    // ---- what comes from the shard

    /// Takes the session in: WELCOME leaves, events may come.
    pub fn welcome(&mut self, key: SessionKey, welcome: &Welcome) {
        self.with(key, |session, context| session.welcome(welcome, context));
    }

    /// Refuses the session: REFUSE leaves, then the connection ends. `detail` beyond 512 bytes is cut.
    pub fn refuse(&mut self, key: SessionKey, code: RefuseCode, detail: &str, retry_after: Option<Duration>) {
        self.with(key, |session, context| session.refuse(code, detail, retry_after, context));
    }

    /// The event is finished: what it ordered is durable, or it ordered nothing. Doing so twice is harmless.
    ///
    /// Receipts are cumulative: one leaves when all earlier events are finished, too, and it has waited for company.
    pub fn complete(&mut self, key: SessionKey, class: Class, seq: Seq) {
        self.with_quietly(key, |session, context| session.complete(class, seq, context));
    }

    /// The event is refused and finished: REJECT leaves at once, the receipt as with [`complete`](Self::complete).
    pub fn reject(&mut self, key: SessionKey, class: Class, seq: Seq, code: RejectCode, detail: &str) {
        self.with_quietly(key, |session, context| session.reject(class, seq, code, detail, context));
    }

    /// Sends a reply that a rule ordered. Says whether it was taken: a reply is volatile, and is dropped (counted)
    /// where the session is gone, does not read, has spent its budget of replies, or where name or body exceed what a
    /// frame carries.
    pub fn reply(&mut self, key: SessionKey, id: CommandId, name: &str, body: &Bytes) -> bool {
        let mut taken = false;
        self.with_quietly(key, |session, context| taken = session.reply(id, name, body, context));
        let count = if taken { &mut self.context.stats.replies } else { &mut self.context.stats.replies_dropped };
        *count += 1;
        taken
    }

    /// Ends the session because a newer connection of its producer was welcomed, here or on another shard.
    pub fn supersede(&mut self, key: SessionKey) {
        self.close(key, &CloseReason::new(CloseCode::Superseded, ""));
    }

    /// All connections of the player together sent too much: reads nothing of it for `wait`, and drops its datagrams.
    pub fn slow(&mut self, key: SessionKey, wait: Duration) {
        self.with(key, |session, context| session.slow(wait, context));
    }

    /// Ends a session with any code.
    pub fn close(&mut self, key: SessionKey, reason: &CloseReason) {
        self.with(key, |session, context| session.close(reason, context));
    }

    // ---- what goes out

    /// What happened, in order; `None` when all was told.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        loop {
            if let Some(event) = self.context.events.pop_front() {
                return Some(event);
            }
            let index = self.dirty.pop_front()?;
            self.work(index);
        }
    }

    /// Fills `out`, which is empty, with one datagram or a run of equally long ones for one destination; `None` when
    /// nothing is left to send.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Departure> {
        debug_assert!(out.is_empty(), "a transmit begins with an empty buffer");
        self.context.now = self.context.now.max(now);
        if let Some((departure, bytes)) = self.answers.pop_front() {
            out.extend_from_slice(&bytes);
            self.context.stats.bytes_out += out.len() as u64;
            return Some(departure);
        }
        while let Some(&index) = self.sending.front() {
            if let Some(departure) = self.transmit(index, out) {
                self.context.stats.bytes_out += out.len() as u64;
                return Some(departure);
            }
            self.sending.pop_front();
            self.settle(index);
        }
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted at the latest, once events and transmits have been
    /// drained.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wheel.next_due()
    }

    /// Counts and how many there are now.
    pub fn stats(&self) -> Stats {
        self.context.stats
    }

    /// What it was made with.
    pub fn config(&self) -> &crate::Config {
        &self.context.config
    }

    /// Whether no connection is left; after [`begin_drain`](Self::begin_drain) the shard may stop then.
    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    // ---- inside

    fn tell(&mut self, now: Instant, hands: Hands) {
        // Another core's reading may be a little behind ours.
        self.context.now = self.context.now.max(now);
        self.context.told_at = self.context.now;
        (self.context.shown_ms, self.context.wall_ms) = (hands.shown.0, hands.wall.0);
        self.told_time.tell(hands.shown.0);
    }

    pub(crate) fn mark_dirty(&mut self, index: u32) {
        if let Some(session) = self.table.at(index)
            && !std::mem::replace(&mut session.is_dirty, true)
        {
            self.dirty.push_back(index);
        }
    }

    fn mark_sending(&mut self, index: u32) {
        if let Some(session) = self.table.at(index)
            && !std::mem::replace(&mut session.is_sending, true)
        {
            self.sending.push_back(index);
        }
    }

    /// Changes a session and looks at it whole afterwards.
    fn with(&mut self, key: SessionKey, change: impl FnOnce(&mut Session, &mut Context)) {
        if let Some(session) = self.table.get(key) {
            change(session, &mut self.context);
            self.mark_dirty(key.index);
        }
    }

    /// Changes a session in a way that only time or sending can follow from.
    fn with_quietly(&mut self, key: SessionKey, change: impl FnOnce(&mut Session, &mut Context)) {
        let Some(session) = self.table.get(key) else { return };
        change(session, &mut self.context);
        if session.has_word(&self.context) {
            self.mark_sending(key.index);
        } else {
            session.schedule_receipts(&mut self.wheel);
        }
    }

    pub(crate) fn for_each(&mut self, mut change: impl FnMut(&mut Session, &mut Context) -> bool) {
        for session in self.table.iter_mut() {
            if change(session, &mut self.context) && !std::mem::replace(&mut session.is_dirty, true) {
                self.dirty.push_back(session.key.index);
            }
        }
    }

    fn work(&mut self, index: u32) {
        let Some(session) = self.table.at(index) else { return };
        session.is_dirty = false;
        session.work(&mut self.context);
        relay(&mut self.endpoint, index, session);
        if session.conn.is_drained() {
            // The endpoint has just forgotten it and may give its handle away.
            self.remove(index);
        } else {
            self.mark_sending(index);
        }
    }

    fn transmit(&mut self, index: u32, out: &mut Vec<u8>) -> Option<Departure> {
        let session = self.table.at(index)?;
        session.speak(&mut self.context);
        session.poll_transmit(&mut self.context, out).map(|transmit| departure(&transmit))
    }

    /// Everything that could be sent was: looks after what sending changed.
    fn settle(&mut self, index: u32) {
        let Some(session) = self.table.at(index) else { return };
        session.is_sending = false;
        if let Some(at) = session.deadline(&self.context) {
            self.wheel.schedule(index, &mut session.scheduled, at);
        }
    }

    fn remove(&mut self, index: u32) {
        if let Some(mut session) = self.table.remove(index) {
            session.end(crate::events::Ended::Transport, &mut self.context);
            self.context.stats.connections -= 1;
        }
    }

    /// Drops a connection without a word.
    fn forget(&mut self, index: u32) {
        // The endpoint answers only events that ask for ids.
        let _ = self.endpoint.handle_event(ConnectionHandle(index as usize), EndpointEvent::drained());
        self.remove(index);
    }

    /// Queues a stateless answer to a datagram of `cause_bytes`, never more than three times its size.
    pub(crate) fn answer(&mut self, transmit: &Transmit, cause_bytes: usize) {
        if transmit.size > 3 * cause_bytes || self.answers.len() >= ANSWERS_MAX {
            self.context.stats.answers_lost += 1;
            return;
        }
        let bytes = self.scratch[..transmit.size].to_vec();
        match bytes[..] {
            // A long header; version 0 is Version Negotiation's (RFC 8999 §6).
            [first, 0, 0, 0, 0, ..] if first & 0x80 != 0 => self.context.stats.versions_negotiated += 1,
            [first, ..] if first & 0x80 == 0 => self.context.stats.resets_sent += 1,
            _ => {}
        }
        self.answers.push_back((departure(transmit), bytes));
    }
}

/// Passes on what endpoint and connection have to tell each other.
fn relay(endpoint: &mut Endpoint, index: u32, session: &mut Session) {
    while let Some(event) = session.conn.poll_endpoint_events() {
        if let Some(event) = endpoint.handle_event(ConnectionHandle(index as usize), event) {
            session.conn.handle_event(event);
        }
    }
}

pub(crate) fn index_of(handle: ConnectionHandle) -> u32 {
    u32::try_from(handle.0).expect("a shard has fewer than 2^32 connections")
}

fn departure(transmit: &Transmit) -> Departure {
    Departure {
        destination: transmit.destination,
        source_ip: transmit.src_ip,
        ecn: transmit.ecn.map_or(0, |ecn| ecn as u8),
        segment_size: transmit.segment_size,
    }
}
