//! Players and game servers on connections of their own, playing what they are given.
//!
//! What comes in: [`Role`]s, each with a feed of [`Line`]s. What goes out: their events through `edge_client`, and counts.
//! Deliberately absent: where the lines come from (`roles.rs`), and anything of the daemon but its address.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use edge_client::{Class, Client, EventTypeId, Notice, Notices, ProducerId, SendError};
use edge_door::Clock;
use edge_event::Provenance;
use edge_io::ProcessClock;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::cast::{Bearer, Cast, Issuer};
use super::conductor::Conductor;

/// What one player or game server does.
pub(crate) struct Role {
    pub(crate) bearer: Bearer,
    pub(crate) build: String,
    pub(crate) platform: String,
    pub(crate) locale: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) part: Part,
}

/// Where a role's events come from.
pub(crate) enum Part {
    /// A player: plays a feed to its end.
    Player(Box<dyn Iterator<Item = Line> + Send>),
    /// A game server: attests what players' matches came to.
    GameServer(mpsc::Receiver<Attested>),
    /// Somebody of a recording that is played by its own clock: sends what the conductor says, under the producer's name.
    Conducted(Provenance, ProducerId),
}

/// One event to send.
pub(crate) struct Line {
    /// Since the start; what is due goes at once.
    pub(crate) at: Duration,
    pub(crate) event_type: EventTypeId,
    pub(crate) payload: Bytes,
    pub(crate) reliable: bool,
    /// What a game server attests when this happens.
    pub(crate) attests: Option<(mpsc::Sender<Attested>, Attested)>,
}

/// An event of a game server.
pub(crate) struct Attested {
    pub(crate) event_type: EventTypeId,
    pub(crate) payload: Bytes,
}

/// What all of them did.
#[derive(Default, Debug)]
pub(crate) struct Tally {
    /// Lines played.
    pub(crate) played: AtomicU64,
    /// Datagram events that could not be sent at all.
    unsent: AtomicU64,
    /// Players who have reached the end of their feed.
    pub(crate) finished: AtomicU64,
}

/// Everybody's clients' counts, added up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ClientFigures {
    pub(crate) connected: u64,
    pub(crate) queued: u64,
    pub(crate) receipted: u64,
    pub(crate) outstanding: u64,
    pub(crate) resent: u64,
    pub(crate) rejected: u64,
    pub(crate) reconnects: u64,
    pub(crate) replies: u64,
    pub(crate) datagram_events: u64,
    pub(crate) datagrams: u64,
    pub(crate) datagram_events_dropped: u64,
}

/// Everybody.
pub(crate) struct Troupe {
    actors: Vec<Actor>,
    players: u64,
    parts: Vec<(Client, Part)>,
    playing: JoinSet<Result<()>>,
    stop: watch::Sender<bool>,
    tally: Arc<Tally>,
}

struct Actor {
    name: String,
    client: Client,
    notices: Notices,
}

/// Events that a client may have without a receipt before its player waits. Few: who waits for receipts floods nobody with
/// datagrams either.
const QUEUE_EVENTS: usize = 32;
/// Players who go as fast as they can at a time.
const AT_A_TIME: usize = 8;
const QUEUE_BYTES: usize = 4 << 20;
/// How long all connections may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Datagram events between two breaths, so that connections are driven meanwhile.
const BREATH: u64 = 32;
/// Reliable events of players and game servers are one ordered stream each.
const CLASS: Class = Class::ALL[1];

impl Troupe {
    /// Starts everybody's client; tokens are dated by `clock`. Inside a tokio runtime.
    ///
    /// # Errors
    /// A client cannot be started, e.g. since there are no sockets left.
    pub(crate) fn gather(
        cast: &Arc<Cast>,
        clock: &ProcessClock,
        address: SocketAddr,
        catalogue_digest: [u8; 32],
        roles: Vec<Role>,
    ) -> Result<Troupe> {
        let mut troupe = Troupe {
            actors: Vec::with_capacity(roles.len()),
            players: 0,
            parts: Vec::with_capacity(roles.len()),
            playing: JoinSet::new(),
            stop: watch::Sender::new(false),
            tally: Arc::default(),
        };
        for role in roles {
            let issuer: fn(&Cast) -> &Issuer = match &role.part {
                Part::Player(_) | Part::Conducted(Provenance::Client, _) => |cast| &cast.players,
                Part::GameServer(_) | Part::Conducted(Provenance::Server, _) => |cast| &cast.game_servers,
            };
            troupe.players += u64::from(matches!(role.part, Part::Player(_)));
            let name = role.bearer.sub.clone();
            let (cast, bearer, token_clock) = (cast.clone(), role.bearer, clock.clone());
            let roots = cast.certificate.clone();
            let mut builder = Client::builder()
                .endpoint(address.to_string())
                .roots_pem(roots.as_bytes())?
                .token_provider(move || {
                    let token = issuer(&cast).token(&bearer, token_clock.unix_millis() / 1000);
                    async move { Ok(token) }
                })
                .catalogue_digest(catalogue_digest)
                .build(role.build)
                .platform(role.platform)
                .locale(role.locale)
                .memory_only()
                .connect_timeout(CONNECT_WITHIN)
                .bind(SocketAddr::new(address.ip(), 0));
            for (name, value) in role.attributes {
                builder = builder.attribute(name, value);
            }
            builder = match &role.part {
                Part::Conducted(_, producer) => {
                    let clock = clock.clone();
                    builder.producer(*producer).clock(move || clock.unix_millis().unsigned_abs())
                }
                _ => builder.queue_limit(QUEUE_EVENTS, QUEUE_BYTES),
            };
            let client = builder
                .start()
                .with_context(|| format!("the client of {name} (raise `ulimit -n`, or take fewer players)"))?;
            let notices = client.notices();
            troupe.parts.push((client.clone(), role.part));
            troupe.actors.push(Actor { name, client, notices });
        }
        Ok(troupe)
    }

    /// Waits until everybody has a session.
    ///
    /// # Errors
    /// Somebody has none in time; the message carries the reason.
    pub(crate) async fn connected(&mut self) -> Result<()> {
        let deadline = Instant::now() + CONNECT_WITHIN;
        loop {
            let Some(missing) = self.actors.iter_mut().find(|actor| actor.client.stats().sessions == 0) else {
                return Ok(());
            };
            let mut reason = None;
            while let Some(notice) = missing.notices.try_next() {
                match notice {
                    Notice::Disconnected { reason: why, .. } => reason = Some(why),
                    Notice::Stopped(why) => bail!("{} cannot connect: {why}", missing.name),
                    _ => {}
                }
            }
            if Instant::now() >= deadline {
                let why = reason.unwrap_or_else(|| format!("no session after {CONNECT_WITHIN:?}"));
                return Err(anyhow!("{} cannot connect: {why}", missing.name));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Lets everybody begin. Inside a tokio runtime. `in_turns`: players go as fast as they can, some of them at a time, so
    /// that what is on the way stays little and datagrams find room.
    pub(crate) fn begin(&mut self, in_turns: bool) {
        let began = Instant::now();
        let turns = Arc::new(Semaphore::new(if in_turns { AT_A_TIME } else { Semaphore::MAX_PERMITS }));
        for (client, part) in std::mem::take(&mut self.parts) {
            let (tally, stop) = (self.tally.clone(), self.stop.subscribe());
            match part {
                Part::Player(feed) => self.playing.spawn(play_in_turn(turns.clone(), client, feed, tally, stop, began)),
                Part::GameServer(attested) => self.playing.spawn(attest(client, attested)),
                Part::Conducted(..) => continue,
            };
        }
    }

    /// Lets a conductor begin, whose score's senders everybody is, in this order. Inside a tokio runtime.
    pub(crate) fn begin_conducted(&mut self, conductor: Conductor) {
        let clients = std::mem::take(&mut self.parts).into_iter().map(|(client, _)| client).collect();
        self.players = 1;
        self.playing.spawn(conductor.play(clients, self.tally.clone(), self.stop.subscribe()));
    }

    /// Whether every player has played its feed to the end.
    pub(crate) fn has_finished(&self) -> bool {
        self.tally.finished.load(Ordering::Relaxed) == self.players
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn figures(&self) -> ClientFigures {
        let mut sum = ClientFigures::default();
        self.actors.iter().for_each(|actor| sum.add(&actor.client.stats()));
        sum
    }

    /// Ends the play: nobody sends anything new, everything gets its receipt (or `within` is over), connections close.
    ///
    /// # Errors
    /// Somebody's client gave up in the middle of its play.
    pub(crate) async fn end(mut self, within: Duration) -> Result<ClientFigures> {
        self.stop.send_replace(true);
        let mut failed = None;
        while let Some(ended) = self.playing.join_next().await {
            if let Err(why) = ended.map_err(anyhow::Error::from).and_then(|played| played) {
                failed = Some(why);
            }
        }
        let mut closing = JoinSet::new();
        for actor in &self.actors {
            let client = actor.client.clone();
            closing.spawn(async move { client.close(within).await });
        }
        let mut sum = ClientFigures::default();
        closing.join_all().await.iter().for_each(|report| sum.add(&report.stats));
        match failed {
            Some(why) => Err(why.context("a client gave up")),
            None => Ok(sum),
        }
    }
}

impl Tally {
    /// Lines played, and datagram events that could not be sent.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.played.load(Ordering::Relaxed), self.unsent.load(Ordering::Relaxed))
    }
}

impl ClientFigures {
    fn add(&mut self, stats: &edge_client::Stats) {
        self.connected += u64::from(stats.connected);
        self.queued += stats.queued;
        self.receipted += stats.receipted;
        self.outstanding += stats.outstanding_events as u64;
        self.resent += stats.resent;
        self.rejected += stats.rejected;
        self.reconnects += stats.reconnects;
        self.replies += stats.replies;
        self.datagram_events += stats.unreliable_sent;
        self.datagrams += stats.datagrams_sent;
        self.datagram_events_dropped += stats.unreliable_dropped;
    }
}

async fn play_in_turn(
    turns: Arc<Semaphore>,
    client: Client,
    feed: Box<dyn Iterator<Item = Line> + Send>,
    tally: Arc<Tally>,
    mut stop: watch::Receiver<bool>,
    began: Instant,
) -> Result<()> {
    let turn = tokio::select! {
        turn = turns.acquire() => turn,
        _ = stop.changed() => return Ok(()),
    };
    let _turn = turn.expect("INVARIANT: turns are never closed");
    play(client, feed, tally, stop, began).await
}

async fn play(
    client: Client,
    feed: Box<dyn Iterator<Item = Line> + Send>,
    tally: Arc<Tally>,
    mut stop: watch::Receiver<bool>,
    began: Instant,
) -> Result<()> {
    let mut since_breath = 0;
    for line in feed {
        if *stop.borrow_and_update() {
            return Ok(());
        }
        let due = began + line.at;
        if due > Instant::now() {
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                _ = stop.changed() => return Ok(()),
            }
        }
        if line.reliable {
            client.send(CLASS, line.event_type, line.payload).await?;
        } else {
            client.unreliable_room().await;
            match client.send_unreliable(line.event_type, line.payload) {
                Ok(()) => {}
                // Between two connections: what is not queued is lost, and counted.
                Err(SendError::NotConnected | SendError::TooLarge { .. }) => {
                    tally.unsent.fetch_add(1, Ordering::Relaxed);
                }
                Err(why) => return Err(why.into()),
            }
            since_breath += 1;
            if since_breath == BREATH {
                since_breath = 0;
                tokio::task::yield_now().await;
            }
        }
        if let Some((server, attested)) = line.attests {
            // A game server that is gone has nothing to say any more.
            let _ = server.send(attested).await;
        }
        tally.played.fetch_add(1, Ordering::Relaxed);
    }
    tally.finished.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Ends when every player who could have something attested has ended.
async fn attest(client: Client, mut attested: mpsc::Receiver<Attested>) -> Result<()> {
    while let Some(Attested { event_type, payload }) = attested.recv().await {
        client.send(CLASS, event_type, payload).await?;
    }
    Ok(())
}
