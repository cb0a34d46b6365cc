//! One connection and the session on it: from the first Initial to the end.
//!
//! ```text
//! Handshake --Connected--> Hello --HELLO--> Answer --welcome--> Live --> Over
//!     |                      | token refused   | refuse           (closed by either side, idle, expired,
//!     v deadline: forgotten  +-----> Leaving <-+                   superseded, revoked, moved)
//! ```
//! In: what `endpoint.rs` hands over: QUIC events, deadlines, the shard's answers. Out: [`SessionEvent`]s in the
//! context, bytes in the connection. The frames are understood in `control.rs` and `admission.rs`. Deliberately absent:
//! the endpoint, queues, other sessions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_event::identity::CLASSES;
use edge_event::{ConnInfo, ProducerKey, Provenance};
use edge_wire::codes::Fault;
use edge_wire::{CloseCode, CloseReason};
use quinn_proto::{Connection, ConnectionError, ConnectionEvent, Event, StreamEvent, VarInt};

use crate::amplify::AmplificationGuard;
use crate::budget::{Budget, Limit, Meters};
use crate::classes::ClassState;
use crate::context::Context;
use crate::departures::Departures;
use crate::events::{Ended, SessionEvent, SessionKey};
use crate::frames::{Load, all_frames};
use crate::outbox::Outbox;
use crate::streams::Streams;
use crate::timers::{Scheduled, Wheel};
use crate::token::Claims;

/// How far a connection has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// TLS is not done.
    Handshake { deadline: Instant },
    /// HELLO is to come.
    Hello { deadline: Instant },
    /// The shard is to answer HELLO.
    Answer,
    /// Events may come.
    Live,
    /// REFUSE was said; the connection stays until it has arrived.
    Leaving { deadline: Instant },
    /// Nothing more is done but what QUIC owes.
    Over,
}

/// What HELLO and the answer to it established.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) info: Arc<ConnInfo>,
    pub(crate) producer: ProducerKey,
    pub(crate) claims: Claims,
    /// When the token ends.
    pub(crate) ends: Instant,
    /// Our monotonic clock minus the client's: no step of the wall makes events older or younger than they are.
    pub(crate) clock_offset_ms: i64,
    pub(crate) idle_timeout: Duration,
    pub(crate) classes: [ClassState; CLASSES],
    /// When waiting receipts leave at the latest.
    pub(crate) receipts_due: Option<Instant>,
    /// When a MOVE ends the connection.
    pub(crate) move_deadline: Option<Instant>,
}

/// What is to become of the connection after a deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Stays,
    /// To be dropped without a word: its address never proved to be real.
    Forgotten,
}

/// One connection with its session.
pub(crate) struct Session {
    pub(crate) key: SessionKey,
    pub(crate) conn: Connection,
    pub(crate) guard: AmplificationGuard,
    pub(crate) departures: Departures,
    pub(crate) scheduled: Scheduled,
    /// Whether it is queued for work, for sending.
    pub(crate) is_dirty: bool,
    pub(crate) is_sending: bool,
    pub(crate) phase: Phase,
    pub(crate) streams: Streams,
    pub(crate) outbox: Outbox,
    pub(crate) meters: Meters,
    pub(crate) established: Option<Box<Established>>,
    /// Streams are not read until then.
    pub(crate) slow_until: Option<Instant>,
    /// Datagram events are dropped until then: all connections of the player together sent too much.
    pub(crate) over_quota_until: Option<Instant>,
    /// What reading its packets cost us.
    pub(crate) load: Load,
    last_heard: Instant,
}

impl Session {
    pub(crate) fn new(key: SessionKey, conn: Connection, guard: AmplificationGuard, context: &mut Context) -> Session {
        context.stats.connections += 1;
        context.stats.half_open += 1;
        Session {
            key,
            conn,
            guard,
            departures: Departures::default(),
            scheduled: Scheduled::default(),
            is_dirty: false,
            is_sending: false,
            phase: Phase::Handshake { deadline: context.now + context.config.handshake_deadline },
            streams: Streams::default(),
            outbox: Outbox::default(),
            meters: Meters::default(),
            established: None,
            slow_until: None,
            over_quota_until: None,
            load: Load::default(),
            last_heard: context.now,
        }
    }

    /// A datagram came. `is_handshake`: it is one Handshake packet and nothing else.
    pub(crate) fn on_datagram(
        &mut self,
        event: ConnectionEvent,
        from: SocketAddr,
        bytes: usize,
        is_handshake: bool,
        context: &mut Context,
    ) {
        self.guard.on_received(from, bytes);
        if !self.may_take(context) {
            return;
        }
        self.last_heard = context.now;
        if self.guard.is_validated() {
            self.conn.handle_event(event);
        } else {
            self.on_unproven_datagram(event, is_handshake);
        }
        self.follow_address(context);
        self.count_datagram(bytes, context);
    }

    /// Where the address is not known to be real, a datagram may prove that it is.
    fn on_unproven_datagram(&mut self, event: ConnectionEvent, is_handshake: bool) {
        let before = self.conn.stats().frame_rx;
        let frames_before = all_frames(&before);
        self.conn.handle_event(event);
        let after = self.conn.stats().frame_rx;
        if is_handshake && all_frames(&after) > frames_before {
            self.guard.on_validated();
        }
        // Whether it was the right answer shows in the next packet: see `departures.rs`.
        self.departures.ask_once |= after.path_response > before.path_response;
    }

    /// Works off what the connection has to say.
    pub(crate) fn work(&mut self, context: &mut Context) {
        while let Some(event) = self.conn.poll() {
            self.on_quic_event(event, context);
        }
        self.load.end_turn();
        let outcome = self
            .check_load(context)
            .and_then(|()| self.read_control(context))
            .and_then(|()| self.read_events(context))
            .and_then(|()| self.read_datagrams(context));
        if let Err(reason) = outcome {
            self.close(&reason, context);
        }
    }

    fn check_load(&self, context: &mut Context) -> Result<(), CloseReason> {
        match self.load.spent() {
            Some(limit) if self.phase != Phase::Over => Err(over_budget(limit, context)),
            _ => Ok(()),
        }
    }

    fn on_quic_event(&mut self, event: Event, context: &mut Context) {
        let outcome = match event {
            Event::Connected => {
                self.on_connected(context);
                Ok(())
            }
            Event::ConnectionLost { reason } => {
                if matches!(reason, ConnectionError::TransportError(_)) {
                    context.stats.transport_violations += 1;
                }
                self.end(ended_by(&reason), context);
                Ok(())
            }
            Event::Stream(event) => self.on_stream_event(&event, context),
            Event::HandshakeDataReady | Event::DatagramReceived | Event::DatagramsUnblocked => Ok(()),
        };
        if let Err(reason) = outcome {
            self.close(&reason, context);
        }
    }

    fn on_connected(&mut self, context: &mut Context) {
        if matches!(self.phase, Phase::Handshake { .. }) {
            context.stats.half_open -= 1;
            context.stats.handshakes += 1;
            self.guard.on_validated();
            self.phase = Phase::Hello { deadline: context.now + context.config.hello_deadline };
        }
    }

    fn on_stream_event(&mut self, event: &StreamEvent, context: &mut Context) -> Result<(), CloseReason> {
        match *event {
            StreamEvent::Opened { dir } => {
                let payload_bytes_max = context.config.event_payload_bytes_max as usize;
                let accepted = self.streams.accept(&mut self.conn, dir, payload_bytes_max)?;
                let (rate, now_ns) = (self.budget(context).streams, context.now_ns());
                let charged = self.meters.streams.charge(rate, now_ns, accepted);
                charged.map_err(|_| over_budget(Limit::Streams, context))
            }
            StreamEvent::Readable { id } => {
                self.streams.on_readable(id);
                Ok(())
            }
            StreamEvent::Finished { id } if matches!(self.phase, Phase::Leaving { .. }) => {
                let has_arrived = self.streams.control_id() == Some(id);
                if has_arrived { Err(CloseReason::new(CloseCode::Refused, "")) } else { Ok(()) }
            }
            StreamEvent::Stopped { .. } if self.phase != Phase::Over => Err(control_gone()),
            StreamEvent::Writable { .. } => {
                // Before reading: who was not read because it did not read may be read again.
                self.speak(context);
                Ok(())
            }
            StreamEvent::Finished { .. } | StreamEvent::Stopped { .. } | StreamEvent::Available { .. } => Ok(()),
        }
    }

    pub(crate) fn budget(&self, context: &Context) -> Budget {
        match &self.established {
            Some(who) if who.info.provenance == Provenance::Server => context.config.server_budget,
            _ => context.config.client_budget,
        }
    }

    /// What happens by the passing of time.
    pub(crate) fn on_time(&mut self, context: &mut Context) -> Fate {
        if self.conn.poll_timeout().is_some_and(|at| at <= context.now) {
            self.conn.handle_timeout(context.now);
            self.follow_address(context);
        }
        if self.slow_until.is_some_and(|at| at <= context.now) {
            self.slow_until = None;
        }
        let now = context.now;
        let reason = match self.phase {
            Phase::Handshake { deadline } if deadline <= now => {
                context.stats.handshakes_expired += 1;
                return Fate::Forgotten;
            }
            Phase::Hello { deadline } if deadline <= now => CloseReason::new(CloseCode::HelloTimeout, ""),
            Phase::Leaving { deadline } if deadline <= now => CloseReason::new(CloseCode::Refused, ""),
            Phase::Over | Phase::Handshake { .. } => return Fate::Stays,
            _ => match self.overdue(context) {
                Some(reason) => reason,
                None => return Fate::Stays,
            },
        };
        self.close(&reason, context);
        Fate::Stays
    }

    //= protocol.md#stream-4
    //= protocol.md#stream-5
    //= protocol.md#move-2
    fn overdue(&self, context: &Context) -> Option<CloseReason> {
        let now = context.now;
        let partial = self.streams.partial_since().map(|since| since + context.config.frame_deadline);
        if partial.is_some_and(|at| at <= now) {
            return Some(CloseReason::new(CloseCode::StreamTimeout, "a frame began and did not end"));
        }
        let unread = self.outbox.stuck_since().map(|since| since + context.config.write_deadline);
        if unread.is_some_and(|at| at <= now) {
            return Some(CloseReason::new(CloseCode::StreamTimeout, "the control stream is not read"));
        }
        let who = self.established.as_ref()?;
        if who.move_deadline.is_some_and(|at| at <= now) {
            return Some(CloseReason::new(CloseCode::Draining, ""));
        }
        if who.ends <= now {
            return Some(CloseReason::new(CloseCode::TokenExpired, ""));
        }
        let is_idle = self.last_heard + who.idle_timeout <= now;
        is_idle.then(|| CloseReason::new(CloseCode::IdleTimeout, ""))
    }

    /// When to look at it again.
    pub(crate) fn deadline(&mut self, context: &Context) -> Option<Instant> {
        let own = match self.phase {
            Phase::Handshake { deadline } | Phase::Hello { deadline } | Phase::Leaving { deadline } => Some(deadline),
            Phase::Answer | Phase::Live | Phase::Over => None,
        };
        let partial = self.streams.partial_since().map(|since| since + context.config.frame_deadline);
        let unread = self.outbox.stuck_since().map(|since| since + context.config.write_deadline);
        let who = self.established.as_ref().map(|who| {
            let idle = self.last_heard + who.idle_timeout;
            [Some(who.ends), Some(idle), who.receipts_due, who.move_deadline].into_iter().flatten()
        });
        let quic = self.conn.poll_timeout();
        let all = [quic, own, partial, unread, self.slow_until].into_iter().flatten();
        all.chain(who.into_iter().flatten()).min()
    }

    /// Puts the waiting receipts on the wheel; the connection's other deadlines are there already.
    pub(crate) fn schedule_receipts(&mut self, wheel: &mut Wheel) {
        if let Some(at) = self.established.as_ref().and_then(|who| who.receipts_due) {
            wheel.schedule(self.key.index, &mut self.scheduled, at);
        }
    }

    /// Ends the connection with a code.
    pub(crate) fn close(&mut self, reason: &CloseReason, context: &mut Context) {
        if self.phase == Phase::Over {
            return;
        }
        if reason.code.info().fault == Fault::Client && !matches!(self.phase, Phase::Leaving { .. }) {
            context.stats.violations += 1;
        }
        context.stats.on_close(reason.code);
        let code = VarInt::from_u32(reason.code.number());
        self.conn.close(context.now, code, Bytes::from(reason.phrase()));
        self.end(Ended::ByUs(reason.code), context);
    }

    /// Lets go of all that only a living session needs, and tells the shard where it knew of one.
    pub(crate) fn end(&mut self, ended: Ended, context: &mut Context) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Over => return,
            Phase::Handshake { .. } => context.stats.half_open -= 1,
            Phase::Live => context.stats.sessions -= 1,
            Phase::Hello { .. } | Phase::Answer | Phase::Leaving { .. } => {}
        }
        if let Some(who) = self.established.take() {
            context.events.push_back(SessionEvent::Closed { key: self.key, producer: who.producer, ended });
        }
        self.streams = Streams::default();
        self.outbox = Outbox::default();
        self.slow_until = None;
    }
}

pub(crate) fn over_budget(limit: Limit, context: &mut Context) -> CloseReason {
    context.stats.over_budget[limit as usize] += 1;
    let retry_after_ms = Some(context.config.budget_retry_after.as_millis() as u64);
    let detail = format!("budget of {}", limit.word().replace('_', " "));
    CloseReason { code: CloseCode::BudgetExceeded, retry_after_ms, detail }
}

pub(crate) fn control_gone() -> CloseReason {
    CloseReason::new(CloseCode::StreamClosed, "")
}

fn ended_by(reason: &ConnectionError) -> Ended {
    match reason {
        ConnectionError::ApplicationClosed(close) => Ended::ByClient(close.error_code.into_inner()),
        ConnectionError::TimedOut => Ended::Idle,
        _ => Ended::Transport,
    }
}
