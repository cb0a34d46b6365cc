//! Plays a recording by its own clock: the daemon, its disk and all clients live in recorded time, and what is ordered is what a
//! replay of the same recording orders.
//!
//! What comes in: a [`Score`], a client for each sender, the hand of the process's clock. What goes out: every event, reliably, on
//! its sender's own connection, which breaks now and then in the middle. Step by step: the clock is moved to the step's last
//! event; all of the step is sent; when everything has its receipt and every broken connection is back, the next step begins. So the clock stands while anything is on the way, and a HELLO names the same time as the
//! daemon has, which maps recorded times onto themselves. Deliberately absent: real time, but for waiting.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use edge_admin::{Request, Response};
use edge_client::{Class, Client};
use edge_io::WallHand;
use tokio::sync::{mpsc, oneshot, watch};

use super::players::Tally;
use super::score::{Score, last_numbers};
use crate::control::{Ask, Caller};

/// What a recording is played with.
pub(crate) struct Conductor {
    pub(crate) score: Score,
    pub(crate) hand: WallHand,
    /// Bundles to load, and the time (milliseconds since 1970) of the first event that meets them.
    pub(crate) swaps: Vec<(i64, Vec<u8>)>,
    pub(crate) asks: mpsc::Sender<Ask>,
}

/// How often something is looked at that nobody tells of.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How long a step may take, however slow the machine is.
const STEP_WITHIN: Duration = Duration::from_secs(120);

impl Conductor {
    /// Plays everything, or until it is told to stop. `clients` are those of the senders, in their order.
    ///
    /// # Errors
    /// A client or the daemon gave up.
    pub(crate) async fn play(
        mut self,
        clients: Vec<Client>,
        tally: Arc<Tally>,
        stop: watch::Receiver<bool>,
    ) -> Result<()> {
        let played = self.play_all(&clients, &tally, &stop).await;
        // Nothing more comes, whatever the reason.
        tally.finished.fetch_add(1, Ordering::Relaxed);
        played
    }

    async fn play_all(&mut self, clients: &[Client], tally: &Tally, stop: &watch::Receiver<bool>) -> Result<()> {
        let mut sessions = vec![1; clients.len()];
        let mut swaps = std::mem::take(&mut self.swaps).into_iter().peekable();
        for step in self.score.steps() {
            if *stop.borrow() {
                return Ok(());
            }
            let first = self.score.events[step.start].at.0;
            while let Some((_, bundle)) = swaps.next_if(|(from, _)| *from <= first) {
                self.load(&bundle).await?;
            }
            let (begin, end) = (step.start, step.end);
            let play = self.step(step, clients, &mut sessions);
            tokio::time::timeout(STEP_WITHIN, play)
                .await
                .map_err(|_| anyhow!("events {begin} to {end} were not done with after {STEP_WITHIN:?}"))??;
            tally.played.fetch_add((end - begin) as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn step(&self, step: std::ops::Range<usize>, clients: &[Client], sessions: &mut [u64]) -> Result<()> {
        let events = &self.score.events[step.clone()];
        let Some(last) = events.last() else { return Ok(()) };
        self.hand.move_to(last.at.0);
        for (at, event) in step.zip(events) {
            let client = &clients[event.sender];
            let happened_ms = event.at.0.unsigned_abs();
            let seq = client.send_happened(event.class, event.event_type, event.payload.clone(), happened_ms).await?;
            if seq != event.seq {
                bail!("line {}: the client gave number {} instead of {}", event.line, seq.0, event.seq.0);
            }
            if self.score.breaks_after(at) {
                sessions[event.sender] += 1;
                client.reconnect();
            }
        }
        for (sender, seqs) in last_numbers(events) {
            for (class, seq) in Class::ALL.into_iter().zip(seqs).filter(|(_, seq)| seq.0 > 0) {
                clients[sender].wait_receipt(class, seq).await?;
            }
        }
        let is_back = |(client, sessions): (&Client, &u64)| {
            let stats = client.stats();
            stats.connected && stats.sessions >= *sessions
        };
        while !clients.iter().zip(&*sessions).all(is_back) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Makes a bundle live on every shard; nothing is on the way meanwhile.
    async fn load(&self, bundle: &[u8]) -> Result<()> {
        let (to, answer) = oneshot::channel();
        let request = Request::LoadBundle { bundle: STANDARD.encode(bundle), by: "demo".to_owned() };
        self.asks.send(Ask::Request(request, Caller::default(), to)).await.context("the control thread is gone")?;
        match answer.await.context("the control thread is gone")? {
            Response::Loaded(_) => Ok(()),
            Response::Refused(refusal) => bail!("the daemon refused a bundle: {} ({})", refusal.what, refusal.help),
            other => bail!("the daemon answered something else: {other:?}"),
        }
    }
}
