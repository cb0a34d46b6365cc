//! The daemon is killed with -9 at random moments under load, restarted, and clients resend: every receipted event's commands
//! are there exactly once.
//!
//! `EDGE_KILLS=1000 cargo test -p scenarios kill9 -- --nocapture` is the long version; `EDGE_SEED` repeats a run's choices.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use edge_client::{BuildError, Class, Client, JournalError};
use scenarios::model::{Ordered, Story, Told};
use scenarios::{Dice, Node, Settings, World, lines};
use serde_json::json;

use crate::play::{C0, C1, PATIENCE};

/// Kills of the short version.
const KILLS: u64 = 20;
const PLAYERS: u64 = 6;
/// Events a player may have without a receipt.
const QUEUE: usize = 48;
/// Rules look at events at most 10 s late; beyond, the machine is too slow for the oracle.
const LATE_MAX: Duration = Duration::from_secs(9);

/// What all players' tasks look at.
struct Stage {
    world: World,
    endpoint: String,
    over: AtomicBool,
    /// Rises when players' programs end and start again.
    curtain: AtomicU64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout, reason = "the figures of the run")]
async fn no_receipted_event_is_lost_or_told_twice() {
    let kills = std::env::var("EDGE_KILLS").map_or(KILLS, |n| n.parse().expect("EDGE_KILLS is a number"));
    let mut dice = Dice::fresh("kill9");
    let world = World::new();
    let mut node = Node::start(&world, Settings::default());
    let queues = tempfile::tempdir().expect("a directory");
    let stage =
        Arc::new(Stage { world, endpoint: node.endpoint(), over: AtomicBool::new(false), curtain: AtomicU64::new(0) });
    let players: Vec<_> = (0..PLAYERS)
        .map(|n| {
            let queue = queues.path().join(n.to_string());
            tokio::spawn(play(Arc::clone(&stage), format!("p{n}"), queue, dice.split()))
        })
        .collect();
    for _ in 0..kills {
        // Somewhere between the first instruction of a recovery and half a second of serving.
        let moment = if dice.one_in(4) { dice.below(40) } else { dice.below(500) };
        tokio::time::sleep(Duration::from_millis(moment)).await;
        node.kill9();
        if dice.one_in(3) {
            stage.curtain.fetch_add(1, Ordering::Relaxed);
        }
        *node.settings_mut() = another_shape(&mut dice);
        node.respawn();
        if dice.one_in(2) {
            node.await_ready();
        }
    }
    node.await_ready();
    stage.over.store(true, Ordering::Relaxed);
    let mut stories = Vec::new();
    for player in players {
        stories.push(player.await.expect("a player's task"));
    }
    node.await_settled();
    node.drain();
    compare(&stories, &node.lines());
    let told: usize = stories.iter().flat_map(|story| &story.told).map(Vec::len).sum();
    println!("kill9: {kills} kills, {told} events, {} commands", node.lines().len());
    assert!(told as u64 > kills * 10, "there was load: {told} events");
}

/// What is on disk must not depend on the doors and the shards of whoever reads it next.
fn another_shape(dice: &mut Dice) -> Settings {
    let door = if dice.one_in(3) { "plain" } else { "auto" };
    let shards = (1 + dice.below(3)).to_string();
    Settings::default().with("listen.door", door).with("spool.door", door).with_toml("listen.shards", &shards)
}

/// One player: tells events as they come to mind, sometimes as a program that was started anew, until it is over and everything
/// has its receipt.
async fn play(stage: Arc<Stage>, sub: String, queue: std::path::PathBuf, mut dice: Dice) -> Story {
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
        let sending = tokio::time::timeout(LATE_MAX, client.send(class, event_type, payload)).await;
        let seq =
            sending.unwrap_or_else(|_| panic!("{sub}: no receipt for {LATE_MAX:?}: lost, or too late for the oracle"));
        let seq = seq.expect("the queue takes it");
        let stories = &mut story.told[class.index()];
        stories.push(told);
        assert_eq!(seq.0, stories.len() as u64, "numbers rise by one, also across a client's restarts");
        tokio::time::sleep(Duration::from_millis(dice.below(4))).await;
    }
    let report = client.close(PATIENCE).await;
    assert_eq!(report.outstanding_events, 0, "{sub}: every event gets its receipt in the end");
    story
}

fn think(dice: &mut Dice) -> (Class, Told) {
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

fn payload(world: &World, told: &Told, nonce: u64) -> (edge_client::EventTypeId, Vec<u8>) {
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
        match builder.queue_limit(QUEUE, 1 << 20).start() {
            Err(BuildError::Journal(JournalError::InUse(_))) if begun.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            other => return other.expect("a client"),
        }
    }
}

/// Exactly what the receipted events order, each once and in order.
fn compare(stories: &[Story], lines: &[scenarios::Line]) {
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
