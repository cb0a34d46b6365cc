//! The caller's handle.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge_event::{Class, EventTypeId, ProducerId, Seq};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::builder::ClientBuilder;
use crate::error::SendError;
use crate::flow::{Notices, Replies};
use crate::quic::DATAGRAM_BUFFER_BYTES;
use crate::shared::{Gate, Shared};
use crate::stats::Stats;

/// A client. Clones are the same client; when the last one is dropped its tasks end, and what is queued stays in its directory.
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Handle>);

/// What [`Client::close`] left behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CloseReport {
    /// Reliable events without a receipt: in the directory for the next start, or lost where there is none.
    pub outstanding_events: usize,
    /// The last counts.
    pub stats: Stats,
}

pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) syncing: Option<JoinHandle<()>>,
}

/// How long the datagrams that are on their way may take to leave when a client closes.
const DATAGRAM_LINGER: Duration = Duration::from_millis(200);
/// How often the buffer for datagrams is looked at while something waits for it.
const DATAGRAM_POLL: Duration = Duration::from_millis(2);

impl Client {
    /// Settings to begin with.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Queues a reliable event and says under which number; waits while the queue is full.
    ///
    /// When this returns the event is in the queue (and in its directory). It is sent, and sent again, until there is a receipt.
    /// Dropping the future before it returns queues nothing.
    ///
    /// # Errors
    /// Any [`SendError`] but `Full`.
    pub async fn send(
        &self,
        class: Class,
        event_type: EventTypeId,
        payload: impl Into<Bytes>,
    ) -> Result<Seq, SendError> {
        self.send_when_room(class, event_type, payload.into(), None).await
    }

    /// Like [`send`](Client::send), for an event that happened before: `happened_ms` is when, by the clock that the client stamps
    /// events with (see [`ClientBuilder::clock`]). The server takes no event for later than its arrival.
    ///
    /// # Errors
    /// As [`send`](Client::send).
    pub async fn send_happened(
        &self,
        class: Class,
        event_type: EventTypeId,
        payload: impl Into<Bytes>,
        happened_ms: u64,
    ) -> Result<Seq, SendError> {
        self.send_when_room(class, event_type, payload.into(), Some(happened_ms)).await
    }

    async fn send_when_room(
        &self,
        class: Class,
        event_type: EventTypeId,
        payload: Bytes,
        happened_ms: Option<u64>,
    ) -> Result<Seq, SendError> {
        loop {
            // Before trying, so that room made in between is not missed.
            let room = self.0.shared.room.notified();
            match self.0.shared.try_send(class, event_type, payload.clone(), happened_ms) {
                Err(SendError::Full { .. }) => room.await,
                other => return other,
            }
        }
    }

    /// Like [`send`](Client::send), without waiting.
    ///
    /// # Errors
    /// Any [`SendError`].
    pub fn try_send(&self, class: Class, event_type: EventTypeId, payload: impl Into<Bytes>) -> Result<Seq, SendError> {
        self.0.shared.try_send(class, event_type, payload.into(), None)
    }

    /// Lets the connection go at once, with whatever is on the way, and makes another one from a fresh socket: for an application
    /// that knows that its network has changed. What has no receipt is sent again.
    pub fn reconnect(&self) {
        self.0.shared.renew.notify_one();
    }

    /// Packs an event into a datagram, which leaves when it is full or after a few milliseconds. It may be lost.
    ///
    /// # Errors
    /// [`SendError::NotConnected`], and [`SendError::TooLarge`] where it does not fit into a datagram of the path.
    pub fn send_unreliable(&self, event_type: EventTypeId, payload: impl Into<Bytes>) -> Result<(), SendError> {
        self.0.shared.send_unreliable(event_type, payload.into())
    }

    /// Waits while more than half of the buffer for datagrams is full. Who sends datagram events in bulk calls it before each of
    /// them: where the buffer overflows, the oldest are lost. Returns at once where there is no connection.
    pub async fn unreliable_room(&self) {
        while let Some(connection) = self.0.shared.connection() {
            if connection.datagram_send_buffer_space() >= DATAGRAM_BUFFER_BYTES / 2 {
                return;
            }
            tokio::time::sleep(DATAGRAM_POLL).await;
        }
    }

    /// Sends the datagram that is being packed now.
    pub fn flush_unreliable(&self) {
        self.0.shared.flush_datagram();
    }

    /// Waits until an event has its receipt: what it ordered is on the server's disk, or it was rejected.
    ///
    /// # Errors
    /// [`SendError::Stopped`] or [`SendError::Closed`] where the client ends before.
    pub async fn wait_receipt(&self, class: Class, seq: Seq) -> Result<(), SendError> {
        let mut receipts = self.0.shared.receipts.subscribe();
        let mut quit = self.0.shared.quit.subscribe();
        let done = tokio::select! {
            biased;
            done = receipts.wait_for(|receipts| receipts[class.index()] >= seq) => done.is_ok(),
            _ = quit.wait_for(|quit| *quit) => false,
        };
        match &*self.0.shared.gate.borrow() {
            _ if done => Ok(()),
            Gate::Stopped(reason) => Err(SendError::Stopped(reason.clone())),
            _ => Err(SendError::Closed),
        }
    }

    /// Replies from now on. Subscribe before sending what they answer.
    pub fn replies(&self) -> Replies {
        Replies(self.0.shared.reply_listener())
    }

    /// Notices from now on.
    pub fn notices(&self) -> Notices {
        Notices(self.0.shared.notice_listener())
    }

    /// Counts so far.
    pub fn stats(&self) -> Stats {
        self.0.shared.stats()
    }

    /// The producer's id.
    pub fn producer(&self) -> ProducerId {
        self.0.shared.config.hello.producer
    }

    /// The highest receipt of a class; 0: none.
    pub fn receipt(&self, class: Class) -> Seq {
        self.0.shared.receipts.borrow()[class.index()]
    }

    /// Takes no more events, waits until all have their receipts or `timeout` has passed, and ends the connection.
    /// Calling it again, or on a clone, waits for the same end.
    pub async fn close(&self, timeout: Duration) -> CloseReport {
        let shared = &self.0.shared;
        shared.gate.send_if_modified(|gate| {
            let is_open = *gate == Gate::Open;
            if is_open {
                *gate = Gate::Closed;
            }
            is_open
        });
        shared.room.notify_waiters();
        let deadline = Instant::now() + timeout;
        shared.flush_datagram();
        let _ = tokio::time::timeout_at(deadline, self.all_receipted()).await;
        self.datagrams_gone(deadline.min(Instant::now() + DATAGRAM_LINGER)).await;
        shared.quit.send_replace(true);
        let _ = shared.ended.subscribe().wait_for(|ended| *ended).await;
        let stats = shared.stats();
        CloseReport { outstanding_events: stats.outstanding_events, stats }
    }

    async fn all_receipted(&self) {
        let mut receipts = self.0.shared.receipts.subscribe();
        let mut quit = self.0.shared.quit.subscribe();
        while self.0.shared.stats().outstanding_events > 0 {
            tokio::select! {
                changed = receipts.changed() => if changed.is_err() { return },
                _ = quit.wait_for(|quit| *quit) => return,
            }
        }
    }

    async fn datagrams_gone(&self, deadline: Instant) {
        let Some(connection) = self.0.shared.connection() else { return };
        while connection.datagram_send_buffer_space() < DATAGRAM_BUFFER_BYTES && Instant::now() < deadline {
            tokio::time::sleep(DATAGRAM_POLL).await;
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.quit.send_replace(true);
        if let Some(syncing) = &self.syncing {
            syncing.abort();
        }
    }
}
