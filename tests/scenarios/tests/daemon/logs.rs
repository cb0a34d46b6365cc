//! The log tells what happened and never to whom: no player's id stands in it, at any level.

use std::time::Duration;

use scenarios::peer::fresh_producer;
use scenarios::{Node, Settings, World};

use crate::play::{C0, PATIENCE, peer, player, tell_and_wait};

/// A name that occurs nowhere by chance.
const PLAYER: &str = "zq-unmistakable-player-7f3a";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_player_stands_in_the_log() {
    let world = World::new();
    let mut node = Node::start(&world, Settings::default().with("log.level", "trace"));
    let client = player(&world, &node, PLAYER);
    tell_and_wait(&world, &client, C0, "Hit", 0).await;
    // Superseded, refused by the catalogue, and cut off in the midst: what goes wrong is what gets logged.
    let producer = fresh_producer();
    let mut first = peer(&world, &node, PLAYER, producer).await;
    let (hit, _) = world.event("Hit", &serde_json::json!({ "nonce": 1 }));
    first.send(C0, 1, (hit, vec![0xff; 8])).await;
    let mut second = peer(&world, &node, PLAYER, producer).await;
    second.send(C0, 9, (hit, Vec::new())).await;
    let _ = tokio::time::timeout(Duration::from_secs(5), second.closed()).await;
    client.close(PATIENCE).await;
    node.drain();
    let log = node.log();
    assert!(log.contains("serving"), "{log}");
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is told at every level");
    assert!(!log.contains(PLAYER), "{log}");
}
