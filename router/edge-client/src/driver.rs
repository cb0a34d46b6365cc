//! The background task: keeps a session open for as long as the client lives.
//!
//! It opens a link, gives it its tasks, and waits for the link's end or for MOVE. After an end it asks the [`verdict`] whether
//! and when to try again; for MOVE it opens the new link while the old one goes on, and lets the old one go when the new one
//! has its WELCOME. Where the application asks for another connection, the old one goes first.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge_event::Class;
use edge_wire::{CloseCode, Move, MoveReason};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::backoff::Backoff;
use crate::error::{LinkError, StopReason};
use crate::flow::Notice;
use crate::link::Link;
use crate::quic;
use crate::reader::{Credit, read};
use crate::shared::Shared;
use crate::verdict::{Verdict, verdict};
use crate::writer::{flush_datagrams, renew_token, write_class};

/// A session that held this long was a good one: the back-off starts anew.
const GOOD_SESSION: Duration = Duration::from_secs(5);

/// How long the last packets may take to leave.
const LINGER: Duration = Duration::from_millis(500);

struct Driver {
    shared: Arc<Shared>,
    socket: quinn::Endpoint,
    backoff: Backoff,
    /// Index of the endpoint to try next.
    turn: usize,
    active: Option<Active>,
}

/// A link with its tasks.
struct Active {
    connection: quinn::Connection,
    endpoint: String,
    since: Instant,
    tasks: JoinSet<LinkError>,
    moves: mpsc::UnboundedReceiver<Move>,
}

enum Followed {
    Ended(LinkError),
    Moved(Move),
    /// The application wants another connection.
    Renewed,
}

/// Runs until the client quits or has to give up.
pub(crate) async fn drive(shared: Arc<Shared>, socket: quinn::Endpoint) {
    let _end = EndOnDrop(Arc::clone(&shared));
    let mut quit = shared.quit.subscribe();
    let backoff = Backoff::new(shared.config.backoff_min, shared.config.backoff_max);
    let mut driver = Driver { shared: Arc::clone(&shared), socket: socket.clone(), backoff, turn: 0, active: None };
    tokio::select! {
        biased;
        _ = quit.wait_for(|quit| *quit) => {}
        reason = driver.live() => shared.stop(reason),
    }
    driver.let_go().await;
    let _ = tokio::time::timeout(LINGER, socket.wait_idle()).await;
}

/// Whoever waits for the end learns of it, however it comes.
struct EndOnDrop(Arc<Shared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Driver {
    async fn live(&mut self) -> StopReason {
        let mut wanted = VecDeque::new();
        loop {
            let link = match self.open(&mut wanted).await {
                Ok(link) => link,
                Err(reason) => return reason,
            };
            if let Some(endpoint) = self.activate(link).await {
                wanted.push_front(endpoint);
                continue;
            }
            match self.follow().await {
                Followed::Moved(moved) => {
                    // After an upgrade the same endpoint answers.
                    if moved.reason != MoveReason::Upgrade {
                        self.turn = self.turn.wrapping_add(1);
                    }
                    wanted = moved.endpoints.into();
                }
                Followed::Renewed => {
                    self.let_go().await;
                    if let Err(error) = quic::move_socket(&self.socket, self.shared.config.bind) {
                        // The old one is as good, or the next attempt says why not.
                        tracing::warn!(%error, "no fresh socket");
                    }
                }
                Followed::Ended(error) => {
                    if let Err(reason) = self.after_end(&error).await {
                        return reason;
                    }
                }
            }
        }
    }

    /// Tries `wanted` first, then the client's own endpoints round and round.
    async fn open(&mut self, wanted: &mut VecDeque<String>) -> Result<Link, StopReason> {
        loop {
            let endpoints = &self.shared.config.endpoints;
            let endpoint = wanted.pop_front().unwrap_or_else(|| endpoints[self.turn % endpoints.len()].clone());
            match Link::open(&self.shared, &self.socket, &endpoint).await {
                Ok(link) => return Ok(link),
                Err(error) => {
                    self.shared.on_failed_attempt();
                    self.turn = self.turn.wrapping_add(1);
                    self.wait(&endpoint, &error, verdict(&error)).await?;
                }
            }
        }
    }

    /// A new link takes over; the old one, if there is one, has nothing to say any more.
    ///
    /// Returns the endpoint to connect to again where the old link brought receipts after the new one's HELLO: their events
    /// have left the queue, and the new link would begin behind a gap. With the old link gone the next HELLO tells all.
    async fn activate(&mut self, link: Link) -> Option<String> {
        self.let_go().await;
        let Link { connection, endpoint, welcome, control, frames, token_expires_unix_ms, base } = link;
        let shared = &self.shared;
        if shared.highest_receipts().iter().zip(base).any(|(receipt, base)| *receipt > base) {
            connection.close(CloseCode::NoError.number().into(), b"receipts came meanwhile");
            return Some(endpoint);
        }
        shared.on_welcome(connection.clone(), &endpoint, &welcome);
        let credit = Arc::new(Credit::new(&welcome.credit));
        let (moves_sender, moves) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(read(Arc::clone(shared), frames, Arc::clone(&credit), moves_sender));
        //= protocol.md#reliable-3
        let receipts = shared.highest_receipts();
        for class in Class::ALL {
            let next = receipts[class.index()].next();
            let write = write_class(Arc::clone(shared), connection.clone(), Arc::clone(&credit), class, next);
            tasks.spawn(async { end_of(write.await) });
        }
        let flush = flush_datagrams(Arc::clone(shared));
        tasks.spawn(async { end_of(flush.await) });
        let server_time_ms = welcome.server_time.0.max(0) as u64;
        let renew = renew_token(Arc::clone(shared), control, token_expires_unix_ms, server_time_ms);
        tasks.spawn(async { end_of(renew.await) });
        self.active = Some(Active { connection, endpoint, since: Instant::now(), tasks, moves });
        None
    }

    async fn follow(&mut self) -> Followed {
        let active = self.active.as_mut().expect("follows an active link");
        tokio::select! {
            biased;
            Some(moved) = active.moves.recv() => Followed::Moved(moved),
            () = self.shared.renew.notified() => Followed::Renewed,
            ended = active.tasks.join_next() => {
                let error = ended.expect("a link has tasks").unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
                // Several tasks see a connection's end; what the connection itself says is the reason.
                Followed::Ended(active.connection.close_reason().map_or(error, LinkError::from))
            }
        }
    }

    async fn after_end(&mut self, error: &LinkError) -> Result<(), StopReason> {
        let active = self.active.as_ref().expect("an active link has ended");
        let endpoint = active.endpoint.clone();
        if active.since.elapsed() >= GOOD_SESSION {
            self.backoff.reset();
        }
        let code = if let LinkError::Protocol(error) = error { error.close_code() } else { CloseCode::NoError };
        active.connection.close(code.number().into(), error.to_string().as_bytes());
        self.let_go().await;
        let verdict = verdict(error);
        if matches!(verdict, Verdict::Retry { elsewhere: true, .. }) {
            self.turn = self.turn.wrapping_add(1);
        }
        self.wait(&endpoint, error, verdict).await
    }

    async fn wait(&mut self, endpoint: &str, error: &LinkError, verdict: Verdict) -> Result<(), StopReason> {
        let after = match verdict {
            Verdict::Retry { after, .. } => after,
            Verdict::Stop(reason) => return Err(reason),
        };
        let wait = self.backoff.next(random(), after);
        let retry_ms = wait.as_millis() as u64;
        tracing::info!(endpoint, %error, retry_ms, "not connected");
        let notice = Notice::Disconnected { endpoint: endpoint.to_owned(), reason: error.to_string(), retry_ms };
        self.shared.notify(notice);
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Ends the active link; returns when its tasks are over, so that nothing of it comes in between.
    async fn let_go(&mut self) {
        let Some(mut active) = self.active.take() else { return };
        active.tasks.shutdown().await;
        active.connection.close(CloseCode::NoError.number().into(), b"");
        self.shared.on_disconnect();
    }
}

fn end_of(result: Result<std::convert::Infallible, LinkError>) -> LinkError {
    match result {
        Err(error) => error,
    }
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).expect("the system gives random bytes");
    u64::from_le_bytes(bytes)
}
