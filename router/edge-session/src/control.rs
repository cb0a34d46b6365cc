//! The control stream: HELLO and REAUTH from the client, everything that we say to it.
//!
//! In: control frames, the shard's answers. Out: a [`Hello`] for the shard, frames in the outbox. Deliberately absent:
//! the checks of a token (`token`), the bookkeeping of classes (`classes.rs`), when bytes leave (`endpoint.rs`).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge_event::{Class, CommandId, ConnInfo, Seq, UnixMillis};
use edge_wire::codes::RejectCode;
use edge_wire::limits::{DETAIL_BYTES_MAX, DURATION_MS_MAX};
use edge_wire::{
    ClientFrame, CloseCode, CloseReason, Command, Credit, Move, Receipt, Refuse, RefuseCode, Reject, ServerFrame,
    SessionLimits, varint,
};

use crate::budget::Budget;
use crate::classes::ClassState;
use crate::config::Config;
use crate::context::Context;
use crate::events::{Ended, Hello, MoveTo, SessionEvent, Welcome};
use crate::outbox::Outbox;
use crate::session::{Established, Phase, Session, control_gone};
use crate::streams::{Polled, fault};
use crate::token::Claims;

impl Session {
    /// Reads what came on the control stream.
    pub(crate) fn read_control(&mut self, context: &mut Context) -> Result<(), CloseReason> {
        while !matches!(self.phase, Phase::Handshake { .. } | Phase::Over) {
            match self.streams.poll_control(&mut self.conn, context.now)? {
                Polled::Frame(frame) => {
                    let frame = ClientFrame::decode(frame).map_err(|error| fault(&error))?;
                    self.on_control_frame(frame, context)?;
                }
                Polled::Blocked | Polled::Begun => return Ok(()),
                Polled::Ended if matches!(self.phase, Phase::Leaving { .. }) => return Ok(()),
                Polled::Ended => return Err(control_gone()),
            }
        }
        Ok(())
    }

    fn on_control_frame(&mut self, frame: ClientFrame, context: &mut Context) -> Result<(), CloseReason> {
        match (self.phase, frame) {
            (Phase::Hello { .. }, ClientFrame::Hello(hello)) => {
                self.on_hello(&hello, context);
                Ok(())
            }
            (Phase::Answer | Phase::Live, ClientFrame::Reauth(reauth)) => {
                self.on_reauth(reauth.token.as_str(), context)
            }
            (Phase::Leaving { .. }, _) => Ok(()),
            (_, ClientFrame::Hello(_)) => Err(CloseReason::new(CloseCode::FrameUnexpected, "second HELLO")),
            (_, ClientFrame::Reauth(_)) => Err(CloseReason::new(CloseCode::FrameUnexpected, "REAUTH before HELLO")),
        }
    }

    fn on_hello(&mut self, hello: &edge_wire::Hello, context: &mut Context) {
        if context.draining.is_some() {
            return self.say_refuse(&Refuse::new(RefuseCode::Draining, "", None), context);
        }
        let token = hello.token.as_str().as_bytes();
        let claims = match context.verifier.verify(token, context.wall_ms, &context.deny) {
            Ok(claims) => claims,
            Err(error) => {
                context.stats.tokens_refused += 1;
                let refuse = Refuse::new(error.refuse_code(), error.to_string(), None);
                return self.say_refuse(&refuse, context);
            }
        };
        context.stats.hellos += 1;
        let established = establish(hello, claims, context);
        context.events.push_back(SessionEvent::Hello(Box::new(Hello {
            key: self.key,
            conn: established.info.clone(),
            producer: established.producer,
            highest_receipts: hello.highest_receipts,
            catalogue_digest: hello.catalogue_digest,
        })));
        self.established = Some(Box::new(established));
        self.phase = Phase::Answer;
    }

    //= protocol.md#reauth-1
    /// A fresh token for the same bearer moves the session's end; whom it is about never changes.
    fn on_reauth(&mut self, token: &str, context: &mut Context) -> Result<(), CloseReason> {
        let Some(who) = &mut self.established else { unreachable!("a session that answers HELLO is established") };
        let verified = context.verifier.verify(token.as_bytes(), context.wall_ms, &context.deny);
        let claims = verified.map_err(|error| CloseReason::new(CloseCode::TokenInvalid, error.to_string()))?;
        if claims.sub != who.claims.sub || claims.provenance != who.claims.provenance {
            let detail = "the token of REAUTH has another `sub` or provenance";
            return Err(CloseReason::new(CloseCode::TokenInvalid, detail));
        }
        who.ends = context.instant_of(claims.ends_unix_ms);
        who.claims = claims;
        Ok(())
    }

    /// The shard takes the session.
    pub(crate) fn welcome(&mut self, welcome: &Welcome, context: &mut Context) {
        let budget = self.budget(context);
        let (Phase::Answer, Some(who)) = (self.phase, &mut self.established) else { return };
        let config = &context.config;
        for class in Class::ALL {
            let state = &mut who.classes[class.index()];
            //= protocol.md#reliable-3
            let base = state.receipt().max(welcome.marks[class.index()]);
            *state = ClassState::new(base, config.window_events[class.index()]);
        }
        let idle_timeout_ms = who.idle_timeout.as_millis() as u64;
        let frame = ServerFrame::Welcome(Box::new(edge_wire::Welcome {
            resumed: welcome.resumed,
            session_ttl_ms: welcome.session_ttl_ms.min(DURATION_MS_MAX),
            receipts: welcome.marks.map(|seq| seq.min(Seq(varint::MAX))),
            limits: limits(&budget, config),
            credit: std::array::from_fn(|i| who.classes[i].credit()),
            server_time: UnixMillis(context.wall_ms),
            node: config.node,
            revision: welcome.revision,
            catalogue_digest: welcome.catalogue_digest,
            idle_timeout_ms,
        }));
        self.outbox.push(&frame).expect("every field of WELCOME is within its limit");
        self.phase = Phase::Live;
        context.stats.sessions += 1;
    }

    /// The shard does not take the session.
    pub(crate) fn refuse(
        &mut self,
        code: RefuseCode,
        detail: &str,
        retry_after: Option<Duration>,
        context: &mut Context,
    ) {
        if self.phase != Phase::Answer {
            return;
        }
        self.say_refuse(&Refuse::new(code, plain(detail), retry_after.map(wire_ms)), context);
        if let Some(who) = self.established.take() {
            let ended = Ended::ByUs(CloseCode::Refused);
            context.events.push_back(SessionEvent::Closed { key: self.key, producer: who.producer, ended });
        }
    }

    /// The last word; the connection stays a moment so that it arrives.
    fn say_refuse(&mut self, refuse: &Refuse, context: &mut Context) {
        context.stats.refused += 1;
        let encoded = self.outbox.push(&ServerFrame::Refuse(refuse.clone()));
        encoded.expect("detail and retry_after are within their limits");
        self.outbox.end();
        self.phase = Phase::Leaving { deadline: context.now + context.config.linger };
    }

    /// A reliable event was refused by the shard. Its number is consumed.
    pub(crate) fn reject(&mut self, class: Class, seq: Seq, code: RejectCode, detail: &str, context: &mut Context) {
        if self.phase != Phase::Live {
            return;
        }
        let frame = ServerFrame::Reject(Reject::new(class, seq, code, plain(detail)));
        self.outbox.push(&frame).expect("detail is within its limit");
        context.stats.rejects += 1;
        self.complete(class, seq, context);
    }

    /// A reply that a rule ordered. Says whether it was taken.
    pub(crate) fn reply(&mut self, id: CommandId, name: &str, body: &Bytes, context: &mut Context) -> bool {
        if self.phase != Phase::Live || self.outbox.waiting_bytes() > context.config.control_backlog_bytes_max {
            return false;
        }
        let bytes = u32::try_from(name.len() + body.len()).unwrap_or(u32::MAX);
        let (rate, now_ns) = (self.budget(context).reply_bytes, context.now_ns());
        if self.meters.reply_bytes.charge(rate, now_ns, bytes).is_err() {
            return false;
        }
        let frame = ServerFrame::Command(Command { id, name: name.to_owned(), body: body.clone() });
        self.outbox.push(&frame).is_ok()
    }

    /// Asks the client to go elsewhere and sets the connection's end.
    pub(crate) fn move_away(&mut self, to: &MoveTo, within: Duration, context: &mut Context) {
        let (Phase::Live, Some(who)) = (self.phase, &mut self.established) else { return };
        who.move_deadline = Some(context.now + within);
        self.outbox.push(&move_frame(to, within)).expect("MOVE was checked when draining began");
    }

    /// Marks an event finished; its receipt leaves with company or when it has waited long enough.
    pub(crate) fn complete(&mut self, class: Class, seq: Seq, context: &mut Context) {
        let (Phase::Live, Some(who)) = (self.phase, &mut self.established) else { return };
        let news = who.classes[class.index()].complete(seq);
        if news >= u64::from(context.config.receipt_batch) {
            who.receipts_due = Some(context.now);
        } else if news > 0 && who.receipts_due.is_none() {
            who.receipts_due = Some(context.now + context.config.receipt_delay);
        }
    }

    /// Whether there is something to say before the connection is asked for packets.
    pub(crate) fn has_word(&self, context: &Context) -> bool {
        let due = |who: &Established| who.receipts_due.is_some_and(|at| at <= context.now);
        self.outbox.waiting_bytes() > 0 || self.established.as_ref().is_some_and(|who| due(who))
    }

    /// Writes what is to be said, receipts and credit included.
    pub(crate) fn speak(&mut self, context: &mut Context) {
        if self.phase == Phase::Live && self.has_word(context) {
            self.push_receipts(context);
        }
        let Some(control) = self.streams.control_id() else { return };
        if self.outbox.flush(&mut self.conn, control, context.now).is_err() {
            self.close(&control_gone(), context);
        }
    }

    //= protocol.md#receipt-3
    fn push_receipts(&mut self, context: &mut Context) {
        let Some(who) = &mut self.established else { unreachable!("a live session is established") };
        who.receipts_due = None;
        for class in Class::ALL {
            let state = &mut who.classes[class.index()];
            if let Some(up_to) = state.take_receipt() {
                context.stats.receipts += 1;
                push_small(&mut self.outbox, &ServerFrame::Receipt(Receipt { class, up_to }));
            }
            if context.paused[class.index()] {
                continue;
            }
            if let Some(up_to) = state.take_credit() {
                push_small(&mut self.outbox, &ServerFrame::Credit(Credit { class, up_to }));
            }
        }
    }

    /// A class is read again: credit that was withheld leaves at once.
    pub(crate) fn on_resumed(&mut self, context: &Context) {
        if let (Phase::Live, Some(who)) = (self.phase, &mut self.established) {
            who.receipts_due = Some(context.now);
        }
    }
}

fn push_small(outbox: &mut Outbox, frame: &ServerFrame) {
    outbox.push(frame).expect("a class and a number fit");
}

fn establish(hello: &edge_wire::Hello, claims: Claims, context: &Context) -> Established {
    let text = |text: &String| Arc::<str>::from(text.as_str());
    let info = Arc::new(ConnInfo {
        sub: claims.sub.clone(),
        producer: hello.producer,
        provenance: claims.provenance,
        region: claims.region.clone(),
        segments: claims.segments.clone(),
        platform: text(&hello.platform),
        locale: text(&hello.locale),
        build: text(&hello.build),
        attributes: hello.attributes.iter().map(|(name, value)| (text(name), text(value))).collect(),
    });
    let config = &context.config;
    let idle_timeout = match hello.idle_timeout_ms {
        0 => config.idle_timeout,
        wish_ms => Duration::from_millis(wish_ms).clamp(config.idle_timeout_min, config.idle_timeout_max),
    };
    let client_ms = i64::try_from(hello.client_ms).unwrap_or(i64::MAX);
    Established {
        producer: edge_wire::keys::producer_key(&info.sub, hello.producer),
        ends: context.instant_of(claims.ends_unix_ms),
        clock_offset_ms: context.told_ms().saturating_sub(client_ms),
        idle_timeout,
        classes: std::array::from_fn(|i| ClassState::new(hello.highest_receipts[i], config.window_events[i])),
        receipts_due: None,
        move_deadline: None,
        info,
        claims,
    }
}

fn limits(budget: &Budget, config: &Config) -> SessionLimits {
    SessionLimits {
        event_payload_bytes_max: config.event_payload_bytes_max,
        events_per_second: budget.events.a_second,
        bytes_per_second: budget.bytes.a_second,
        datagrams_per_second: budget.datagrams.a_second,
        outstanding_events_max: config.window_events.into_iter().max().unwrap_or(0),
    }
}

/// MOVE as it is said to every session.
pub(crate) fn move_frame(to: &MoveTo, within: Duration) -> ServerFrame {
    ServerFrame::Move(Move { reason: to.reason, within_ms: wire_ms(within), endpoints: to.endpoints.clone() })
}

fn wire_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(DURATION_MS_MAX).min(DURATION_MS_MAX)
}

/// Cut to what a frame may carry, control characters replaced.
fn plain(detail: &str) -> String {
    let cut = &detail[..detail.floor_char_boundary(DETAIL_BYTES_MAX)];
    cut.replace(char::is_control, " ")
}
