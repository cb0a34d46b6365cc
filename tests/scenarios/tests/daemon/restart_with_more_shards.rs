//! A node that comes back with another number of shards still knows what was done: dedupe marks, `once` gates and durable
//! windows go to their new owners.

use std::collections::BTreeSet;

use edge_client::ProducerId;
use scenarios::peer::fresh_producer;
use scenarios::{Node, Settings, World, lines};
use serde_json::json;

use crate::play::{C0, nonces, peer};

const PLAYERS: u64 = 12;

/// What each player tells: a login, two kills, a hit.
const STORY: [&str; 4] = ["Login", "Kill", "Kill", "Hit"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marks_gates_and_windows_move_with_their_players() {
    let world = World::new();
    let mut node = Node::start(&world, Settings::default());
    let producers: Vec<ProducerId> = (0..PLAYERS).map(|_| fresh_producer()).collect();
    tell_all(&world, &node, &producers).await;
    node.await_settled();
    let told_first = node.lines().len();
    for shards in ["3", "1", "2"] {
        // Without a drain, so that everything comes from the log.
        node.kill9();
        *node.settings_mut() = Settings::default().with_toml("listen.shards", shards);
        node.restart();
        assert_eq!(node.status().shards.len().to_string(), shards);
        // The same producers resend everything, as if no receipt had ever reached them.
        tell_all(&world, &node, &producers).await;
        node.await_settled();
        assert_eq!(node.lines().len(), told_first, "{shards} shards: resent events order nothing again");
        let duplicates = node.status().ledger.duplicate;
        assert!(duplicates >= PLAYERS * 4, "{shards} shards: {duplicates} duplicates");
    }
    // What comes after goes on where it stood: the gate is shut, the third kill is the third.
    for (n, producer) in producers.iter().enumerate() {
        let mut peer = peer(&world, &node, &format!("p{n}"), *producer).await;
        for (seq, name) in (1..).zip(STORY.into_iter().chain(["Login", "Kill"])) {
            peer.send(C0, seq, world.event(name, &json!({ "nonce": nonce(n, seq) }))).await;
        }
        peer.receipt(C0, 6).await;
        peer.close().await;
    }
    node.await_settled();
    lines::check_promises(&node.lines());
    let of = |rule| nonces(&node, rule).into_iter().collect::<BTreeSet<u64>>();
    let wanted = |seq| (0..PLAYERS as usize).map(|n| nonce(n, seq)).collect::<BTreeSet<u64>>();
    assert_eq!(of("welcome"), wanted(1), "only first logins");
    assert_eq!(of("streak"), wanted(6), "only third kills");
}

fn nonce(player: usize, seq: u64) -> u64 {
    player as u64 * 100 + seq
}

/// Every player tells the story from its first event on.
async fn tell_all(world: &World, node: &Node, producers: &[ProducerId]) {
    for (n, producer) in producers.iter().enumerate() {
        let mut peer = peer(world, node, &format!("p{n}"), *producer).await;
        for (seq, name) in (1..).zip(STORY) {
            peer.send(C0, seq, world.event(name, &json!({ "nonce": nonce(n, seq) }))).await;
        }
        peer.receipt(C0, STORY.len() as u64).await;
        peer.close().await;
    }
}
