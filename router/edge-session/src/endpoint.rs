//! [`Sessions`]: one shard's QUIC endpoint with all its sessions.
//!
//! In: datagrams, the time, the shard's answers. Out: events, datagrams, the next deadline. Here are the verbs and the queues between them; what a
//! connection does is in `session.rs`, who gets in at all in `incoming.rs`. Deliberately absent: sockets, clocks, randomness but the seed's.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use edge_event::{Class, CommandId, Seq, ShardId};
use edge_wire::{CloseCode, CloseReason, EncodeError, RefuseCode, RejectCode};
use quinn_proto::{ConnectionHandle, DatagramEvent, EcnCodepoint, Endpoint, EndpointEvent, Transmit};

use crate::cid::{CidKey, SHARDS_MAX, Slot};
use crate::config::{Config, ConfigError};
use crate::context::Context;
use crate::control::move_frame;
use crate::events::{Arrival, Departure, Handled, MoveTo, SessionEvent, SessionKey, Stats, Welcome};
use crate::session::{Fate, Session};
use crate::table::Table;
use crate::timers::{DueTick, Wheel};
use crate::token::{DenyList, TokenVerifier};
use crate::transport::{EndpointParts, SharedKeys, ToldTime, endpoint_parts};

/// Connections looked at in one call of `handle_timeout`; what is left is due at once again.
const TIMERS_A_TURN: usize = 512;

/// Stateless answers (Retry, Version Negotiation, resets, refusals) that may wait; past it they are lost, as UDP allows.
const ANSWERS_MAX: usize = 1024;

/// One shard's endpoint and sessions. See the crate's documentation for the order of calls.
pub struct Sessions {
    pub(crate) endpoint: Endpoint,
    pub(crate) context: Context,
    pub(crate) table: Table,
    pub(crate) scratch: Vec<u8>,
    wheel: Wheel,
    cid_key: CidKey,
    here: Slot,
    told_time: Arc<ToldTime>,
    /// Connections with something to work off, then those to ask for packets.
    dirty: VecDeque<u32>,
    sending: VecDeque<u32>,
    answers: VecDeque<(Departure, Vec<u8>)>,
    due: Vec<(u32, DueTick)>,
}

/// Why no sessions can be made. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A limit is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The shard's number does not fit the node.
    #[error("shard {shard} of {shards}: a node has 1 to {SHARDS_MAX} shards, numbered from 0")]
    Shard {
        /// Its number.
        shard: u16,
        /// How many there are.
        shards: u16,
    },
    /// Clients and server must agree on the protocol during the handshake.
    #[error("the TLS configuration does not offer the protocol name `edge/1`: add it to `alpn_protocols`")]
    Alpn,
    /// QUIC's first packets need AES-128-GCM.
    #[error("the TLS configuration lacks the cipher suite TLS13_AES_128_GCM_SHA256, which QUIC needs")]
    CipherSuite,
    /// Replayable data is not accepted in this version.
    #[error("the TLS configuration accepts early data: set `max_early_data_size` to 0")]
    EarlyData,
}

impl Sessions {
    /// The sessions of `shard`, one of `shards`, none of them open yet. All random choices follow from `seed`.
    ///
    /// # Errors
    /// See [`SetupError`].
    #[allow(clippy::too_many_arguments)] // Each is given once, at start, and none belongs to another.
    pub fn new(
        config: Arc<Config>,
        tls: Arc<rustls::ServerConfig>,
        keys: &SharedKeys,
        shard: ShardId,
        shards: u16,
        verifier: Arc<TokenVerifier>,
        seed: &[u8; 32],
        now: Instant,
    ) -> Result<Sessions, SetupError> {
        config.check()?;
        if shard.0 >= shards || shards > SHARDS_MAX {
            return Err(SetupError::Shard { shard: shard.0, shards });
        }
        if !tls.alpn_protocols.iter().any(|name| name == edge_wire::ALPN) {
            return Err(SetupError::Alpn);
        }
        if tls.max_early_data_size != 0 {
            return Err(SetupError::EarlyData);
        }
        let here = Slot { generation: config.generation, shard };
        let EndpointParts { endpoint, server, cid_key, told_time } =
            endpoint_parts(&config.transport, config.idle_timeout_max, tls, keys, here, shards, seed)
                .map_err(|_| SetupError::CipherSuite)?;
        let mtu_discovery = config.transport.mtu_discovery;
        Ok(Sessions {
            endpoint: Endpoint::new(endpoint, Some(server), mtu_discovery, None),
            context: Context::new(config, verifier, now),
            table: Table::default(),
            scratch: Vec::new(),
            wheel: Wheel::new(now),
            cid_key,
            here,
            told_time,
            dirty: VecDeque::new(),
            sending: VecDeque::new(),
            answers: VecDeque::new(),
            due: Vec::new(),
        })
    }

    // ---- what comes from outside

    /// Takes in one datagram. `now` and `unix_ms` (milliseconds since 1970) are read together.
    pub fn handle_datagram(&mut self, now: Instant, unix_ms: i64, arrival: &Arrival, datagram: BytesMut) -> Handled {
        self.tell(now, unix_ms);
        if let Some(shard) = self.cid_key.foreign_shard(&datagram, self.here) {
            self.context.stats.datagrams_foreign += 1;
            return Handled::Foreign { shard, datagram };
        }
        self.context.stats.datagrams_in += 1;
        let bytes = datagram.len();
        let ecn = EcnCodepoint::from_bits(arrival.ecn & 0b11);
        self.scratch.clear();
        match self.endpoint.handle(now, arrival.remote, arrival.local_ip, ecn, datagram, &mut self.scratch) {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                let index = index_of(handle);
                if let Some(session) = self.table.at(index) {
                    session.guard.on_received(arrival.remote, bytes);
                    session.conn.handle_event(event);
                    session.on_datagram(&mut self.context);
                    self.mark_dirty(index);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.on_incoming(incoming, bytes),
            Some(DatagramEvent::Response(transmit)) => self.answer(&transmit, bytes),
            None => {}
        }
        Handled::Here
    }

    /// Lets time pass. Calling it early or late is harmless; best is at [`poll_timeout`](Self::poll_timeout)'s instant.
    pub fn handle_timeout(&mut self, now: Instant, unix_ms: i64) {
        self.tell(now, unix_ms);
        let mut due = std::mem::take(&mut self.due);
        self.wheel.advance(now, TIMERS_A_TURN, &mut due);
        for (index, tick) in due.drain(..) {
            let Some(session) = self.table.at(index).filter(|session| session.scheduled.is_at(tick)) else { continue };
            session.scheduled.clear();
            match session.on_time(&mut self.context) {
                Fate::Stays => self.mark_dirty(index),
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

    /// Sends a reply that a rule ordered. Says whether it was taken: a reply is volatile, and is dropped (counted) where the session is gone, does
    /// not read, has spent its budget of replies, or where name or body exceed what a frame carries.
    pub fn reply(&mut self, key: SessionKey, id: CommandId, name: &str, body: &Bytes) -> bool {
        let mut taken = false;
        self.with_quietly(key, |session, context| taken = session.reply(id, name, body, context));
        let count = if taken { &mut self.context.stats.replies } else { &mut self.context.stats.replies_dropped };
        *count += 1;
        taken
    }

    /// Ends the session because a newer connection of its producer was welcomed, here or on another shard.
    pub fn supersede(&mut self, key: SessionKey) {
        self.close(key, CloseReason::new(CloseCode::Superseded, ""));
    }

    /// Ends a session with any code.
    pub fn close(&mut self, key: SessionKey, reason: CloseReason) {
        self.with(key, |session, context| session.close(reason, context));
    }

    // ---- what comes from operators, through the shard

    /// Puts a deny list in force: for HELLO and REAUTH from now on, and for every live session at once.
    pub fn revoke(&mut self, deny: Arc<DenyList>) {
        self.context.deny = deny;
        let deny = self.context.deny.clone();
        self.for_each(|session, context| {
            let is_named = session.established.as_ref().is_some_and(|who| deny.names(&who.claims));
            if is_named {
                session.close(CloseReason::new(CloseCode::Revoked, ""), context);
            }
            is_named
        });
    }

    /// Puts new keys of issuers in force for HELLO and REAUTH. Live sessions keep what they have until their tokens end.
    pub fn set_verifier(&mut self, verifier: Arc<TokenVerifier>) {
        self.context.verifier = verifier;
    }

    /// Takes nobody new, asks every session to move, and closes what is left after `within`.
    ///
    /// # Errors
    /// `to` exceeds what MOVE can carry; nothing has changed then.
    pub fn begin_drain(&mut self, to: MoveTo, within: Duration) -> Result<(), EncodeError> {
        move_frame(&to, within).encode(&mut Vec::new())?;
        self.for_each(|session, context| {
            session.move_away(&to, within, context);
            true
        });
        self.context.draining = Some(to);
        Ok(())
    }

    /// Stops reading a class on all sessions and withholds its credit. For overload: the least urgent class first.
    pub fn pause(&mut self, class: Class) {
        self.context.paused[class.index()] = true;
    }

    /// Reads a class again and gives the credit that was withheld.
    pub fn resume(&mut self, class: Class) {
        if std::mem::replace(&mut self.context.paused[class.index()], false) {
            self.for_each(|session, context| {
                session.on_resumed(context);
                true
            });
        }
    }

    /// Whether datagrams with events are dropped unread (counted). For overload.
    pub fn shed_datagrams(&mut self, shed: bool) {
        self.context.shed_datagrams = shed;
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

    /// Fills `out`, which is empty, with one datagram or a run of equally long ones for one destination; `None` when nothing is left to send.
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

    /// When [`handle_timeout`](Self::handle_timeout) is wanted at the latest, once events and transmits have been drained.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wheel.next_due()
    }

    /// Counts and how many there are now.
    pub fn stats(&self) -> Stats {
        self.context.stats
    }

    /// Whether no connection is left; after [`begin_drain`](Self::begin_drain) the shard may stop then.
    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    // ---- inside

    fn tell(&mut self, now: Instant, unix_ms: i64) {
        // Another core's reading may be a little behind ours.
        self.context.now = self.context.now.max(now);
        self.context.unix_ms = unix_ms;
        self.told_time.tell(unix_ms);
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

    fn for_each(&mut self, mut change: impl FnMut(&mut Session, &mut Context) -> bool) {
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
        let now = self.context.now;
        let segments = if session.guard.is_validated() { self.context.config.transport.segments_max } else { 1 };
        if !session.guard.allows(usize::from(session.conn.current_mtu())) {
            self.context.stats.amplification_held += 1;
            return None;
        }
        let transmit = session.conn.poll_transmit(now, segments, out)?;
        session.guard.on_sent(transmit.size);
        Some(departure(&transmit))
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
        if transmit.size <= 3 * cause_bytes && self.answers.len() < ANSWERS_MAX {
            let bytes = self.scratch[..transmit.size].to_vec();
            self.answers.push_back((departure(transmit), bytes));
        }
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
