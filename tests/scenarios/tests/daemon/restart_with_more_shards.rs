//! A node that comes back with another number of shards still knows what was done: dedupe marks, `once` gates and durable
//! windows go to their new owners.

use std::collections::BTreeSet;

use edge_client::{ProducerId, Seq};
use scenarios::peer::fresh_producer;
use scenarios::{Node, Peer, Settings, World, lines};
use serde_json::json;

use crate::play::{C0, C1, game_server, nonces, peer};

const PLAYERS: u64 = 12;

/// What each player tells: a login, two kills, a hit.
const STORY: [&str; 4] = ["Login", "Kill", "Kill", "Hit"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marks_gates_and_windows_move_with_their_players() {
    let world = World::new();
    let mut node = Node::start(&world, Settings::default());
    let players: Vec<ProducerId> = (0..PLAYERS).map(|_| fresh_producer()).collect();
    let server = fresh_producer();
    for (n, producer) in (0..).zip(&players) {
        let mut peer = peer(&world, &node, &format!("p{n}"), *producer).await;
        tell(&world, &mut peer, n, &STORY).await;
        peer.close().await;
    }
    attest(&world, &node, server).await;
    node.await_settled();
    let told_first = node.lines().len();
    for shards in ["3", "1", "2"] {
        // Without a drain, so that everything comes from the log.
        node.kill9();
        *node.settings_mut() = Settings::default().with_toml("listen.shards", shards);
        node.restart();
        assert_eq!(node.status().shards.len().to_string(), shards);
        for (n, producer) in (0..).zip(&players) {
            let token = world.players.token(&format!("p{n}"));
            let (peer, welcome) = Peer::hello(&world, node.address(), token, *producer).await.expect("WELCOME");
            assert_eq!(welcome.receipts[C0.index()], Seq(4), "{shards} shards: the player's owner knows the mark");
            peer.close().await;
        }
        // A game server's marks are spread over the slices of its players, so it has to resend everything.
        attest(&world, &node, server).await;
        node.await_settled();
        assert_eq!(node.lines().len(), told_first, "{shards} shards: resent events order nothing again");
        assert_eq!(node.status().ledger.duplicate, PLAYERS, "{shards} shards");
    }
    // What comes after goes on where it stood: the gate is shut, the third kill is the third.
    for (n, producer) in (0..).zip(&players) {
        let mut peer = peer(&world, &node, &format!("p{n}"), *producer).await;
        tell(&world, &mut peer, n, &["Login", "Kill", "Kill", "Hit", "Login", "Kill"]).await;
        peer.close().await;
    }
    node.await_settled();
    lines::check_promises(&node.lines());
    let of = |rule| nonces(&node, rule).into_iter().collect::<BTreeSet<u64>>();
    let wanted = |seq| (0..PLAYERS).map(|n| nonce(n, seq)).collect::<BTreeSet<u64>>();
    assert_eq!(of("welcome"), wanted(1), "only first logins");
    assert_eq!(of("streak"), wanted(6), "only third kills");
    assert_eq!(of("audit"), wanted(4), "every hit once");
}

fn nonce(player: u64, seq: u64) -> u64 {
    player * 100 + seq
}

/// A player tells its events from the first one on, as if no receipt had ever reached it.
async fn tell(world: &World, peer: &mut Peer, player: u64, story: &[&str]) {
    for (seq, name) in (1..).zip(story) {
        peer.send(C0, seq, world.event(name, &json!({ "nonce": nonce(player, seq) }))).await;
    }
    peer.receipt(C0, story.len() as u64).await;
}

/// A game server tells a trade of each player.
async fn attest(world: &World, node: &Node, producer: ProducerId) {
    let mut server = game_server(world, node, producer).await;
    for player in 0..PLAYERS {
        let trade = json!({ "nonce": nonce(player, 0), "player_id": format!("p{player}"), "gold": 1 });
        server.send(C1, player + 1, world.event("Trade", &trade)).await;
    }
    server.receipt(C1, PLAYERS).await;
    server.close().await;
}
