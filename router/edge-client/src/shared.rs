//! What the caller's side and the background tasks share: the queue, the counters, and the signals between them.
//!
//! One lock, held for short work only (a queue operation and an append to the page cache), never across an await.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use edge_event::identity::CLASSES;
use edge_event::{Class, EventTypeId, Seq};
use edge_wire::datagram::Packed;
use edge_wire::{DatagramPacker, EventFrame, Reject, Welcome, varint};
use tokio::sync::{Notify, broadcast, watch};

use crate::builder::Config;
use crate::clock::ClientClock;
use crate::error::{LinkError, SendError, StopReason};
use crate::flow::{Listener, Notice, RecentIds, Reply};
use crate::journal::{Durability, Journal};
use crate::outbox::Outbox;
use crate::stats::Stats;

/// Bytes that a class's writer takes from the queue at once.
const BATCH_BYTES: usize = 64 * 1024;

/// Items that a listener may lag behind.
const LISTENER_ITEMS: usize = 1024;

pub(crate) struct Shared {
    pub(crate) config: Config,
    state: Mutex<State>,
    /// Something to send, by class.
    pub(crate) wake: [Notify; CLASSES],
    /// The queue has become shorter, or the client will take nothing more.
    pub(crate) room: Notify,
    /// Something to sync.
    pub(crate) dirty: Notify,
    /// A datagram has begun.
    pub(crate) datagram: Notify,
    /// The connection is to be made anew.
    pub(crate) renew: Notify,
    /// Highest receipts.
    pub(crate) receipts: watch::Sender<[Seq; CLASSES]>,
    pub(crate) gate: watch::Sender<Gate>,
    /// The background tasks have ended.
    pub(crate) ended: watch::Sender<bool>,
    /// Ends the background tasks.
    pub(crate) quit: watch::Sender<bool>,
}

/// Whether events are taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Gate {
    Open,
    Closed,
    Stopped(StopReason),
}

struct State {
    outbox: Outbox,
    journal: Option<Journal>,
    clock: ClientClock,
    stats: Stats,
    connection: Option<quinn::Connection>,
    packer: DatagramPacker,
    recent: RecentIds,
    /// What each class's writer sends next, while there is a session.
    writing: Option<[Seq; CLASSES]>,
    /// Highest numbers given to any connection of this life.
    sent: [Seq; CLASSES],
    /// Highest numbers whose records are synced; without meaning unless the journal waits for power.
    synced: [Seq; CLASSES],
    /// Highest numbers of earlier lives, until the first WELCOME of this one.
    earlier_lives: Option<[Seq; CLASSES]>,
    replies: Option<broadcast::Sender<Reply>>,
    notices: Option<broadcast::Sender<Notice>>,
}

/// What a class's writer sends next.
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) next: Seq,
}

impl Shared {
    pub(crate) fn new(
        config: Config,
        journal: Option<Journal>,
        outbox: Outbox,
        clock: ClientClock,
        stats: Stats,
    ) -> Shared {
        let (receipts, issued) = (outbox.receipts(), outbox.issued());
        let state = State {
            outbox,
            journal,
            clock,
            stats,
            connection: None,
            packer: DatagramPacker::new(),
            recent: RecentIds::default(),
            writing: None,
            sent: [Seq(0); CLASSES],
            synced: issued,
            earlier_lives: Some(issued),
            replies: Some(broadcast::channel(LISTENER_ITEMS).0),
            notices: Some(broadcast::channel(LISTENER_ITEMS).0),
        };
        Shared {
            config,
            state: Mutex::new(state),
            wake: Default::default(),
            room: Notify::new(),
            dirty: Notify::new(),
            datagram: Notify::new(),
            renew: Notify::new(),
            receipts: watch::Sender::new(receipts),
            gate: watch::Sender::new(Gate::Open),
            ended: watch::Sender::new(false),
            quit: watch::Sender::new(false),
        }
    }

    /// A panic under the lock leaves a queue that is whole, since each step on it is.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    // --- the caller's side

    /// `happened_ms`: by the client's clock; `None`: now.
    pub(crate) fn try_send(
        &self,
        class: Class,
        event_type: EventTypeId,
        payload: Bytes,
        happened_ms: Option<u64>,
    ) -> Result<Seq, SendError> {
        self.check_gate()?;
        let (len, max) = (payload.len(), self.config.event_payload_bytes_max);
        if len > max {
            return Err(SendError::TooLarge { len, max });
        }
        let mut guard = self.state();
        let state = &mut *guard;
        let (events, bytes) = (state.outbox.events(), state.outbox.bytes());
        if events >= self.config.queue_events_max || (events > 0 && bytes + len > self.config.queue_bytes_max) {
            return Err(SendError::Full { events, bytes });
        }
        let seq = state.outbox.next(class);
        if seq.0 > varint::MAX {
            return Err(SendError::Stopped(StopReason::SeqsExhausted(class)));
        }
        let client_ms = happened_ms.unwrap_or_else(|| state.clock.now_ms()).min(varint::MAX);
        let event = EventFrame { seq, event_type, client_ms, payload };
        if let Some(journal) = &mut state.journal {
            journal.append_event(&state.outbox, class, &event)?;
        }
        state.outbox.push(class, event_type, event.client_ms, event.payload);
        state.stats.queued += 1;
        drop(guard);
        let next = if self.waits_for_sync() { &self.dirty } else { &self.wake[class.index()] };
        next.notify_one();
        Ok(seq)
    }

    pub(crate) fn send_unreliable(&self, event_type: EventTypeId, payload: Bytes) -> Result<(), SendError> {
        self.check_gate()?;
        let mut guard = self.state();
        let state = &mut *guard;
        let Some(connection) = state.connection.clone() else { return Err(SendError::NotConnected) };
        let Some(max) = connection.max_datagram_size() else { return Err(SendError::NoDatagrams) };
        let event = EventFrame { seq: Seq(0), event_type, client_ms: state.clock.now_ms(), payload };
        let too_large = SendError::TooLarge { len: event.encoded_len(), max };
        let before = state.packer.events();
        match state.packer.push(&event, max) {
            Ok(Packed::Added) if before == 0 => {
                drop(guard);
                self.datagram.notify_one();
            }
            Ok(Packed::Added) => {}
            Ok(Packed::Full(datagram)) => state.send_datagram(&connection, datagram, before),
            Ok(Packed::TooLarge) | Err(_) => return Err(too_large),
        }
        Ok(())
    }

    /// Sends the datagram that is being filled.
    pub(crate) fn flush_datagram(&self) {
        let mut state = self.state();
        let events = state.packer.events();
        let Some(datagram) = state.packer.take() else { return };
        match state.connection.clone() {
            Some(connection) => state.send_datagram(&connection, datagram, events),
            None => state.stats.unreliable_dropped += events as u64,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let state = self.state();
        let (outstanding_events, kept_bytes) = (state.outbox.outstanding(), state.outbox.bytes());
        Stats { connected: state.connection.is_some(), outstanding_events, kept_bytes, ..state.stats }
    }

    pub(crate) fn connection(&self) -> Option<quinn::Connection> {
        self.state().connection.clone()
    }

    pub(crate) fn reply_listener(&self) -> Listener<Reply> {
        listener(self.state().replies.as_ref())
    }

    pub(crate) fn notice_listener(&self) -> Listener<Notice> {
        listener(self.state().notices.as_ref())
    }

    fn check_gate(&self) -> Result<(), SendError> {
        match &*self.gate.borrow() {
            Gate::Open => Ok(()),
            Gate::Closed => Err(SendError::Closed),
            Gate::Stopped(reason) => Err(SendError::Stopped(reason.clone())),
        }
    }

    // --- the background tasks' side

    /// Whether events wait for their records to be synced.
    pub(crate) fn waits_for_sync(&self) -> bool {
        self.config.durability == Some(Durability::Power)
    }

    /// Events of a class from `next` on, up to `credit` and as far as they are safe to send.
    pub(crate) fn batch(&self, class: Class, next: Seq, credit: Seq) -> Option<Batch> {
        let mut guard = self.state();
        let state = &mut *guard;
        let limit = if self.waits_for_sync() { credit.min(state.synced[class.index()]) } else { credit };
        let mut batch = Batch { bytes: Vec::new(), next };
        while batch.next <= limit && batch.bytes.len() < BATCH_BYTES {
            let Some(event) = state.outbox.get(class, batch.next) else { break };
            event.encode(&mut batch.bytes).expect("the queue takes no payload that cannot be encoded");
            let sent = &mut state.sent[class.index()];
            let is_resend = batch.next <= *sent;
            *sent = batch.next.max(*sent);
            state.stats.sent += 1;
            state.stats.resent += u64::from(is_resend);
            batch.next = batch.next.next();
        }
        if batch.bytes.is_empty() {
            return None;
        }
        if let Some(writing) = &mut state.writing {
            writing[class.index()] = batch.next;
        }
        state.outbox.forget(class, batch.next);
        drop(guard);
        self.room.notify_waiters();
        Some(batch)
    }

    pub(crate) fn highest_receipts(&self) -> [Seq; CLASSES] {
        self.state().outbox.receipts()
    }

    pub(crate) fn client_ms(&self) -> u64 {
        self.state().clock.now_ms()
    }

    /// A session has opened: its receipts count, and datagrams may leave.
    pub(crate) fn on_welcome(&self, connection: quinn::Connection, endpoint: &str, welcome: &Welcome) {
        let earlier_lives = self.state().earlier_lives.take();
        for class in Class::ALL {
            let up_to = welcome.receipts[class.index()];
            if let Some(earlier) = earlier_lives.map(|lives| lives[class.index()]).filter(|earlier| up_to > *earlier) {
                let events =
                    up_to.min(self.state().outbox.issued()[class.index()]).0.saturating_sub(earlier.0) as usize;
                tracing::warn!(class = class.get(), up_to = up_to.0, events, "numbers were taken by an earlier life");
                self.notify(Notice::NumbersTaken { class, up_to, events });
            }
            self.take_receipt(class, up_to);
        }
        let mut state = self.state();
        state.connection = Some(connection);
        state.writing = Some(state.outbox.receipts().map(Seq::next));
        state.stats.sessions += 1;
        state.stats.reconnects = state.stats.sessions - 1;
        drop(state);
        let Welcome { node, resumed, revision, .. } = *welcome;
        self.notify(Notice::Connected { endpoint: endpoint.to_owned(), node, resumed, revision });
    }

    pub(crate) fn on_disconnect(&self) {
        let mut guard = self.state();
        let state = &mut *guard;
        (state.connection, state.writing) = (None, None);
        Class::ALL.into_iter().for_each(|class| state.outbox.forget(class, Seq(u64::MAX)));
        state.stats.unreliable_dropped += state.packer.events() as u64;
        state.packer.take();
        drop(guard);
        self.room.notify_waiters();
    }

    pub(crate) fn on_failed_attempt(&self) {
        self.state().stats.failed_attempts += 1;
    }

    /// A receipt on an open session.
    ///
    /// # Errors
    /// It is for numbers that were never issued.
    pub(crate) fn on_receipt(&self, class: Class, up_to: Seq) -> Result<(), LinkError> {
        let issued = self.state().outbox.issued()[class.index()];
        if up_to > issued {
            return Err(LinkError::ReceiptAhead { class, up_to, issued });
        }
        self.take_receipt(class, up_to);
        Ok(())
    }

    fn take_receipt(&self, class: Class, up_to: Seq) {
        let mut guard = self.state();
        let state = &mut *guard;
        if up_to <= state.outbox.receipts()[class.index()] {
            return;
        }
        state.stats.receipted += state.outbox.receipt(class, up_to);
        state.outbox.forget(class, state.writing.map_or(Seq(u64::MAX), |writing| writing[class.index()]));
        if let Some(journal) = &mut state.journal {
            // Forgetting a receipt costs a resend, no more.
            if let Err(error) = journal.append_receipt(&state.outbox, class, up_to) {
                tracing::warn!(%error, "a receipt could not be written to the queue");
            }
        }
        let receipts = state.outbox.receipts();
        drop(guard);
        self.receipts.send_replace(receipts);
        self.room.notify_waiters();
        self.notify(Notice::Receipted { class, up_to });
    }

    pub(crate) fn on_reject(&self, reject: Reject) {
        self.state().stats.rejected += 1;
        self.notify(Notice::Rejected(reject));
    }

    pub(crate) fn on_reply(&self, reply: Reply) {
        let mut state = self.state();
        if state.recent.insert(reply.id) {
            state.stats.replies += 1;
            // Nobody listens: nobody misses it.
            let _ = state.replies.as_ref().map(|replies| replies.send(reply));
        }
    }

    pub(crate) fn notify(&self, notice: Notice) {
        let _ = self.state().notices.as_ref().map(|notices| notices.send(notice));
    }

    /// What to sync so that events up to the returned numbers are safe.
    pub(crate) fn to_sync(&self) -> Option<(Arc<File>, [Seq; CLASSES])> {
        let state = self.state();
        let issued = state.outbox.issued();
        let file = state.journal.as_ref().filter(|_| issued != state.synced)?.file();
        Some((file, issued))
    }

    pub(crate) fn on_synced(&self, up_to: [Seq; CLASSES]) {
        self.state().synced = up_to;
        self.wake.iter().for_each(Notify::notify_one);
    }

    /// Gives up for good.
    pub(crate) fn stop(&self, reason: StopReason) {
        tracing::error!(%reason, "the client has stopped");
        self.gate.send_replace(Gate::Stopped(reason.clone()));
        self.room.notify_waiters();
        self.notify(Notice::Stopped(reason));
        self.quit.send_replace(true);
    }

    /// The last thing that happens: listeners come to their end.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        (state.replies, state.notices, state.connection) = (None, None, None);
        drop(state);
        self.ended.send_replace(true);
    }
}

impl State {
    fn send_datagram(&mut self, connection: &quinn::Connection, datagram: Vec<u8>, events: usize) {
        match connection.send_datagram(datagram.into()) {
            Ok(()) => {
                self.stats.datagrams_sent += 1;
                self.stats.unreliable_sent += events as u64;
            }
            // The path has become narrower, or the connection is gone.
            Err(_) => self.stats.unreliable_dropped += events as u64,
        }
    }
}

fn listener<T: Clone>(sender: Option<&broadcast::Sender<T>>) -> Listener<T> {
    Listener::new(sender.map_or_else(|| broadcast::channel(1).1, broadcast::Sender::subscribe))
}
