//! Admission: which bytes of a welcomed session become events.
//!
//! In: class streams and datagrams. Out: [`Arrived`] events, in the order of their class, within the session's budget.
//! Stops reading where the shard paused a class, the budget is spent, or the client does not read what we say.
//! Deliberately absent: catalogue, dedupe, rules.

use std::time::Duration;

use bytes::Bytes;
use edge_event::{Class, Seq, UnixMillis};
use edge_mutant::mutant;
use edge_wire::{CloseCode, CloseReason, DatagramEvents, EventFrame, RawFrame};

use crate::budget::Limit;
use crate::classes::{Admitted, SeqError};
use crate::context::Context;
use crate::events::{Arrived, Origin, SessionEvent};
use crate::session::{Phase, Session, over_budget};
use crate::streams::{Polled, fault};

impl Session {
    /// Reads class streams, the most urgent class first.
    pub(crate) fn read_events(&mut self, context: &mut Context) -> Result<(), CloseReason> {
        if self.phase != Phase::Live {
            return Ok(());
        }
        for class in [None].into_iter().chain(Class::ALL.map(Some)) {
            for at in 0..self.streams.events_len() {
                if self.streams.events_mut(at).class() == class {
                    self.read_stream(at, context)?;
                }
            }
        }
        Ok(())
    }

    fn read_stream(&mut self, at: usize, context: &mut Context) -> Result<(), CloseReason> {
        loop {
            let stream = self.streams.events_mut(at);
            if stream.has_ended() {
                return Ok(());
            }
            if !self.may_read(self.streams.class_at(at), context) {
                self.streams.events_mut(at).suspend();
                return Ok(());
            }
            match self.streams.poll_events(at, &mut self.conn, context.now)? {
                Polled::Frame(frame) => self.on_event_frame(at, frame, context)?,
                Polled::Begun => {}
                Polled::Blocked | Polled::Ended => return Ok(()),
            }
        }
    }

    fn may_read(&self, class: Option<Class>, context: &Context) -> bool {
        let is_paused = class.is_some_and(|class| context.paused[class.index()]) && !mutant!(PausedClassRead);
        let is_deaf = self.outbox.waiting_bytes() > context.config.control_backlog_bytes_max;
        !is_paused && !is_deaf && self.slow_until.is_none()
    }

    fn on_event_frame(&mut self, at: usize, frame: RawFrame, context: &mut Context) -> Result<(), CloseReason> {
        let payload_bytes_max = context.config.event_payload_bytes_max as usize;
        let event = EventFrame::decode_reliable(frame.body, payload_bytes_max).map_err(|error| fault(&error))?;
        let Some(class) = self.streams.class_at(at) else { unreachable!("a frame comes after the stream's header") };
        let Some(who) = &mut self.established else { unreachable!("a live session is established") };
        match who.classes[class.index()].admit(event.seq).map_err(|error| seq_fault(error, class, event.seq))? {
            Admitted::FinishedBefore if mutant!(ResendIsAFault) => return Err(CloseReason::new(CloseCode::SeqGap, "")),
            Admitted::FinishedBefore => context.stats.events_finished_before += 1,
            Admitted::New => {
                context.stats.events_reliable += 1;
                self.owe(event.payload.len(), context);
                let origin = Origin::Reliable { class, seq: event.seq };
                self.hand_over(origin, event, context);
            }
        }
        Ok(())
    }

    /// A reliable event is never dropped: past the budget its successors wait.
    fn owe(&mut self, payload_bytes: usize, context: &mut Context) {
        let (budget, now_ns) = (self.budget(context), context.now_ns());
        let for_event = self.meters.events.owe(budget.events, now_ns, 1);
        let for_bytes = self.meters.bytes.owe(budget.bytes, now_ns, payload_bytes as u32);
        if let Some(wait) = for_event.max(for_bytes) {
            context.stats.streams_slowed += 1;
            self.slow_until = Some(context.now + wait);
        }
    }

    /// The player's own budget is spent, by this connection or by another of it.
    pub(crate) fn slow(&mut self, wait: Duration, context: &mut Context) {
        context.stats.streams_slowed += 1;
        let until = Some(context.now + wait);
        self.slow_until = self.slow_until.max(until);
        self.over_quota_until = self.over_quota_until.max(until);
    }

    /// Reads what came in datagrams.
    pub(crate) fn read_datagrams(&mut self, context: &mut Context) -> Result<(), CloseReason> {
        while self.phase != Phase::Over {
            let Some(datagram) = self.conn.datagrams().recv() else { return Ok(()) };
            //= protocol.md#datagram-3
            if self.phase != Phase::Live {
                context.stats.datagrams_before_welcome += 1;
            } else if context.shed_datagrams {
                context.stats.datagrams_shed += 1;
            } else {
                self.on_event_datagram(datagram, context)?;
            }
        }
        Ok(())
    }

    fn on_event_datagram(&mut self, datagram: Bytes, context: &mut Context) -> Result<(), CloseReason> {
        let (budget, now_ns) = (self.budget(context), context.now_ns());
        let bytes = datagram.len() as u32;
        let meters = &mut self.meters;
        let is_over_quota = self.over_quota_until.is_some_and(|until| until > context.now);
        let is_within = !is_over_quota
            && meters.datagrams.charge(budget.datagrams, now_ns, 1).is_ok()
            && meters.bytes.charge(budget.bytes, now_ns, bytes).is_ok();
        if !is_within {
            return self.strike(context);
        }
        for event in DatagramEvents::new(datagram, context.config.event_payload_bytes_max as usize) {
            let event = event.map_err(|error| fault(&error))?;
            if self.meters.events.charge(budget.events, now_ns, 1).is_err() {
                return self.strike(context);
            }
            context.ordinal += 1;
            context.stats.events_datagram += 1;
            let origin = Origin::Datagram { ordinal: context.ordinal };
            self.hand_over(origin, event, context);
        }
        Ok(())
    }

    /// A datagram, or the rest of it, is dropped for the budget; who goes on and on is closed.
    fn strike(&mut self, context: &mut Context) -> Result<(), CloseReason> {
        context.stats.datagrams_over_budget += 1;
        let (rate, now_ns) = (self.budget(context).strikes, context.now_ns());
        self.meters.strikes.charge(rate, now_ns, 1).map_err(|_| over_budget(Limit::Datagrams, context))
    }

    fn hand_over(&mut self, origin: Origin, event: EventFrame, context: &mut Context) {
        let Some(who) = &self.established else { unreachable!("a live session is established") };
        // The client's clock runs on its own; what it dates after its arrival happened at its arrival.
        let client_ms = i64::try_from(event.client_ms).unwrap_or(i64::MAX);
        let age_ms = context.told_ms().saturating_sub(who.clock_offset_ms.saturating_add(client_ms)).max(0);
        let happened_ms = context.shown_ms.saturating_sub(age_ms);
        context.events.push_back(SessionEvent::Event(Arrived {
            key: self.key,
            producer: who.producer,
            conn: who.info.clone(),
            origin,
            event_type: event.event_type,
            arrival: UnixMillis(context.shown_ms),
            happened: UnixMillis(happened_ms),
            payload: event.payload,
        }));
    }
}

fn seq_fault(error: SeqError, class: Class, seq: Seq) -> CloseReason {
    let (class, Seq(seq)) = (class.get(), seq);
    match error {
        SeqError::Gap { expected } => {
            CloseReason::new(CloseCode::SeqGap, format!("class {class}: seq {seq} came, {expected} was expected"))
        }
        SeqError::NoCredit { up_to } => CloseReason::new(
            CloseCode::CreditExceeded,
            format!("class {class}: seq {seq} came, credit ends at {up_to}"),
        ),
    }
}
