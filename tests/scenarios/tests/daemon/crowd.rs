//! A crowd of players under whom a daemon is mistreated, and the oracle of what must have come of it.
//!
//! What comes in: a daemon. What goes out: events as they come to the players' minds, on SDK clients with their queues on disk; at the
//! end, that every receipted event's commands are on disk exactly once and in order, and nothing else is. Deliberately
//! absent: what happens to the daemon meanwhile.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use edge_client::{BuildError, Class, Client, ClientBuilder, JournalError};
use scenarios::model::{Ordered, Story, Told};
use scenarios::wait::until;
use scenarios::{Dice, Line, Node, World, lines};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::play::{C0, C1, PATIENCE};

/// Events a player may have without a receipt.
const QUEUE: usize = 48;
/// Rules look at events at most 10 s late; beyond, the machine is too slow for the oracle.
const LATE_MAX: Duration = Duration::from_secs(9);

/// Players at play.
pub(crate) struct Crowd {
    stage: Arc<Stage>,
    players: Vec<JoinHandle<Story>>,
    _queues: TempDir,
}

/// What all players' tasks look at.
struct Stage {
    world: World,
    endpoint: String,
    setup: fn(ClientBuilder) -> ClientBuilder,
    over: AtomicBool,
    /// Rises when players' programs end and start again.
    curtain: AtomicU64,
    /// Receipts so far, by player.
    receipts: Vec<AtomicU64>,
    late_max: Duration,
}

/// How a crowd plays.
pub(crate) struct Manner {
    pub(crate) players: u64,
    /// What their clients are set to, beyond what [`World::player`] sets.
    pub(crate) setup: fn(ClientBuilder) -> ClientBuilder,
    /// How long an event may wait for its receipt.
    pub(crate) late_max: Duration,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner { players: 6, setup: |builder| builder, late_max: LATE_MAX }
    }
}

impl Crowd {
    /// Players begin to play at a node; it may die and come back at the same address.
    pub(crate) fn come(world: &World, node: &Node, dice: &mut Dice, manner: Manner) -> Crowd {
        let queues = tempfile::tempdir().expect("a directory");
        let stage = Arc::new(Stage {
            world: world.clone(),
            endpoint: node.endpoint(),
            setup: manner.setup,
            over: AtomicBool::new(false),
            curtain: AtomicU64::new(0),
            receipts: (0..manner.players).map(|_| AtomicU64::new(0)).collect(),
            late_max: manner.late_max,
        });
        let player = |n: u64| {
            let queue = queues.path().join(n.to_string());
            tokio::spawn(play(Arc::clone(&stage), n as usize, queue, dice.split()))
        };
        let players = (0..manner.players).map(player).collect();
        Crowd { stage, players, _queues: queues }
    }

    /// Some of the players' programs end and start again.
    pub(crate) fn curtain(&self) {
        self.stage.curtain.fetch_add(1, Ordering::Relaxed);
    }

    /// Receipts so far, by player. A program that starts again begins its count anew.
    pub(crate) fn receipts(&self) -> Vec<u64> {
        self.stage.receipts.iter().map(|n| n.load(Ordering::Relaxed)).collect()
    }

    /// Receipts so far.
    pub(crate) fn total(&self) -> u64 {
        self.receipts().iter().sum()
    }

    /// Waits until `more` receipts have come. Not for crowds whose programs start again.
    pub(crate) fn await_receipts(&self, more: u64) {
        let until_then = self.total() + more;
        until("receipts", PATIENCE, || (self.total() >= until_then).then_some(()));
    }

    /// Waits until no receipt comes for that long, and says how many came.
    pub(crate) fn await_silence(&self, quiet: Duration) -> u64 {
        let mut since = (self.total(), Instant::now());
        until("receipts to stop", PATIENCE, || {
            let now = self.total();
            if now != since.0 {
                since = (now, Instant::now());
            }
            (since.1.elapsed() >= quiet).then_some(now)
        })
    }

    /// Players end when all their events have receipts, and tell what they told.
    pub(crate) async fn go(self) -> Vec<Story> {
        self.stage.over.store(true, Ordering::Relaxed);
        let mut stories = Vec::new();
        for player in self.players {
            stories.push(player.await.expect("a player's task"));
        }
        stories
    }

    /// [`go`](Crowd::go), the node settles and drains, and its files are compared with the stories. Gives how many events were told.
    pub(crate) async fn go_and_compare(self, node: &mut Node) -> usize {
        let stories = self.go().await;
        node.await_settled();
        node.drain();
        compare(&stories, &node.lines());
        told(&stories)
    }
}

/// How many events a crowd told.
pub(crate) fn told(stories: &[Story]) -> usize {
    stories.iter().flat_map(|story| &story.told).map(Vec::len).sum()
}

/// One player: tells events as they come to mind, sometimes as a program that was started anew, until it is over and everything
/// has its receipt.
async fn play(stage: Arc<Stage>, n: usize, queue: PathBuf, mut dice: Dice) -> Story {
    let sub = format!("p{n}");
    let mut story = Story::default();
    let mut curtain = stage.curtain.load(Ordering::Relaxed);
    let mut client = open(&stage, &sub, &queue).await;
    story.producer = client.producer().to_string();
    while !stage.over.load(Ordering::Relaxed) {
        let seen = stage.curtain.load(Ordering::Relaxed);
        if std::mem::replace(&mut curtain, seen) != seen && dice.one_in(2) {
            drop(client);
            client = open(&stage, &sub, &queue).await;
            assert_eq!(client.producer().to_string(), story.producer, "the producer's id lies with its queue");
        }
        let (class, told) = think(&mut dice);
        let (event_type, payload) = payload(&stage.world, &told, dice.below(1 << 40));
        let seq = {
            let mut sending = std::pin::pin!(client.send(class, event_type, payload));
            let begun = Instant::now();
            loop {
                // Looks up from time to time, so that receipts are seen while the queue is full.
                if let Ok(seq) = tokio::time::timeout(Duration::from_millis(20), &mut sending).await {
                    break seq;
                }
                stage.receipts[n].store(client.stats().receipted, Ordering::Relaxed);
                let late = begun.elapsed();
                assert!(late < stage.late_max, "{sub}: no receipt for {late:?}: lost, or too late for the oracle");
            }
        };
        let seq = seq.expect("the queue takes it");
        stage.receipts[n].store(client.stats().receipted, Ordering::Relaxed);
        let stories = &mut story.told[class.index()];
        stories.push(told);
        assert_eq!(seq.0, stories.len() as u64, "numbers rise by one, also across a client's restarts");
        tokio::time::sleep(Duration::from_millis(dice.below(4))).await;
    }
    let report = client.close(PATIENCE).await;
    assert_eq!(report.outstanding_events, 0, "{sub}: every event gets its receipt in the end");
    story
}

/// What comes to a player's mind.
pub(crate) fn think(dice: &mut Dice) -> (Class, Told) {
    let zone = ["catacombs", "meadow", "sky_fortress"][dice.below(3) as usize];
    match dice.below(10) {
        0 => (C0, Told::Login),
        1..=3 => (C0, Told::Kill),
        4 => (C1, Told::Noise),
        5 => (C0, Told::Noise),
        6 => (C1, Told::Hit { power: dice.below(101) as i32, zone: zone.into() }),
        _ => (C0, Told::Hit { power: dice.below(101) as i32, zone: zone.into() }),
    }
}

/// It as an event.
pub(crate) fn payload(world: &World, told: &Told, nonce: u64) -> (edge_client::EventTypeId, Vec<u8>) {
    match told {
        Told::Hit { power, zone } => world.event("Hit", &json!({ "nonce": nonce, "power": power, "zone": zone })),
        Told::Login => world.event("Login", &json!({ "nonce": nonce })),
        Told::Kill => world.event("Kill", &json!({ "nonce": nonce })),
        Told::Noise => world.event("Noise", &json!({ "nonce": nonce })),
    }
}

/// Opens a player's queue; the program before may still hold its lock for a moment.
async fn open(stage: &Stage, sub: &str, queue: &Path) -> Client {
    let begun = Instant::now();
    loop {
        let builder = stage.world.player(sub).endpoint(&stage.endpoint).state_dir(queue);
        match (stage.setup)(builder).queue_limit(QUEUE, 1 << 20).start() {
            Err(BuildError::Journal(JournalError::InUse(_))) if begun.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            other => return other.expect("a client"),
        }
    }
}

/// Exactly what the receipted events order, each once and in order.
pub(crate) fn compare(stories: &[Story], lines: &[Line]) {
    lines::check_promises(lines);
    let wanted: BTreeSet<Ordered> = stories.iter().flat_map(Story::ordered).collect();
    let mut found = BTreeSet::new();
    for line in lines {
        let ordered = line.ordered().expect("every event was reliable");
        assert!(found.insert(ordered), "ordered twice under two ids: {line:?}");
    }
    let missing: Vec<_> = wanted.difference(&found).take(5).collect();
    let surplus: Vec<_> = found.difference(&wanted).take(5).collect();
    let (lost, extra) = (wanted.difference(&found).count(), found.difference(&wanted).count());
    assert!(
        lost == 0 && extra == 0,
        "of {} commands {lost} are missing, e.g. {missing:?}; {extra} are too many, e.g. {surplus:?}",
        wanted.len()
    );
}
