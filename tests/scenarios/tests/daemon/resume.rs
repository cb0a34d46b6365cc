//! Connections come and go, sessions live on: resends are recognised on whatever shard they land, a newer connection of a
//! producer takes over, and a client that changes its address goes on.

use edge_client::Seq;
use edge_wire::{CloseCode, ServerFrame};
use scenarios::peer::{Closed, fresh_producer};
use scenarios::wait::until_true;
use scenarios::{Node, Peer, Settings, World, lines};
use serde_json::json;

use crate::play::{C0, C1, PATIENCE, game_server, nonces, peer, player, receipt, tell, tell_and_wait};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resend_on_any_shard_orders_nothing_again() {
    const CONNECTIONS: u64 = 10;
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let (player, server) = (fresh_producer(), fresh_producer());
    let trade = |n: u64| world.event("Trade", &json!({ "nonce": n, "player_id": format!("p{n}"), "gold": 1 }));
    // Each connection comes from another port, so the kernel deals them over the shards; each tells everything from the start
    // and one event more. A player's WELCOME says what is receipted; a game server hears it from its players' owners.
    for connection in 1..=CONNECTIONS {
        let token = world.players.token("p1");
        let (mut peer, welcome) = Peer::hello(&world, node.address(), token, player).await.expect("WELCOME");
        assert_eq!(welcome.receipts[C0.index()], Seq(connection - 1));
        let mut server = game_server(&world, &node, server).await;
        for seq in 1..=connection {
            peer.send(C0, seq, world.event("Hit", &json!({ "nonce": seq }))).await;
            server.send(C1, seq, trade(seq)).await;
        }
        peer.receipt(C0, connection).await;
        server.receipt(C1, connection).await;
        peer.close().await;
        server.close().await;
    }
    node.await_settled();
    assert_eq!(nonces(&node, "audit"), (1..=CONNECTIONS).collect::<Vec<_>>());
    let mut trades = nonces(&node, "gold");
    trades.sort_unstable();
    assert_eq!(trades, (1..=CONNECTIONS).collect::<Vec<_>>());
    let handshakes = |shard: &str| node.metrics().sum("edge_handshakes_total", &format!("shard=\"{shard}\""));
    assert!(handshakes("0") > 0.0 && handshakes("1") > 0.0, "{} and {}", handshakes("0"), handshakes("1"));
    assert_eq!(node.status().ledger.duplicate, CONNECTIONS * (CONNECTIONS - 1) / 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sdk_resends_after_its_process_died() {
    let world = World::new();
    let mut node = Node::start(&world, Settings::default());
    let queue = tempfile::tempdir().expect("a directory");
    let open = |node: &Node| {
        world.player("p1").endpoint(node.endpoint()).state_dir(queue.path()).start().expect("the queue's directory")
    };
    let client = open(&node);
    tell_and_wait(&world, &client, C0, "Hit", 1).await;
    // The node dies; what is told now waits in the queue, and then the client's process ends, too.
    node.kill9();
    for nonce in 2..=5 {
        tell(&world, &client, C0, "Hit", nonce).await;
    }
    assert_eq!(client.close(std::time::Duration::ZERO).await.outstanding_events, 4);
    drop(client);
    node.restart();
    let client = open(&node);
    assert_eq!(client.stats().recovered, 4);
    receipt(&client, C0, 5).await;
    node.await_settled();
    assert_eq!(nonces(&node, "audit"), [1, 2, 3, 4, 5]);
    lines::check_promises(&node.lines());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_connection_of_a_producer_takes_over() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let producer = fresh_producer();
    // Several times, so that older and newer meet on one shard and on two.
    let mut older = peer(&world, &node, "p1", producer).await;
    for seq in 1..=6 {
        let mut newer = peer(&world, &node, "p1", producer).await;
        match older.closed().await {
            Closed::Application { code, .. } => assert_eq!(code, u64::from(CloseCode::Superseded.number())),
            other => panic!("{other:?}"),
        }
        for seq in 1..=seq {
            newer.send(C0, seq, world.event("Hit", &json!({ "nonce": seq }))).await;
        }
        newer.receipt(C0, seq).await;
        older = newer;
    }
    // Another producer of the same player is another session.
    let mut other = peer(&world, &node, "p1", fresh_producer()).await;
    other.send(C1, 1, world.event("Hit", &json!({ "nonce": 100 }))).await;
    other.receipt(C1, 1).await;
    older.send(C0, 7, world.event("Hit", &json!({ "nonce": 7 }))).await;
    older.receipt(C0, 7).await;
    assert!(!older.is_closed() && !other.is_closed());
    until_true("figures of them", || node.metrics().sum("edge_closes_total", "code=\"SUPERSEDED\"") == 6.0);
    assert_eq!(node.metrics().total("edge_violations_total"), 0.0, "a reconnect is nobody's fault");
    node.await_settled();
    let mut hits = nonces(&node, "audit");
    hits.sort_unstable();
    assert_eq!(hits, [1, 2, 3, 4, 5, 6, 7, 100]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_changes_its_address_keeps_its_session() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let mut peer = peer(&world, &node, "p1", fresh_producer()).await;
    let strayed = || node.metrics().total("edge_packets_strayed_total");
    let mut seq = 0;
    // A new port falls on the other shard every other time.
    for _ in 0..24 {
        peer.rebind();
        for _ in 0..4 {
            seq += 1;
            peer.send(C0, seq, world.event("Hit", &json!({ "nonce": seq }))).await;
            let others = peer.receipt(C0, seq).await;
            assert!(others.iter().all(|frame| !matches!(frame, ServerFrame::Reject(_))), "{others:?}");
        }
        if strayed() > 0.0 && seq >= 16 {
            break;
        }
    }
    assert!(strayed() > 0.0, "no packet met a shard that is not its own: forwarding was not tried");
    let figures = node.metrics();
    assert_eq!(figures.total("edge_handshakes_total"), 1.0, "it is the same connection still");
    node.await_settled();
    assert_eq!(nonces(&node, "audit"), (1..=seq).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_reach_the_player_and_welcome_tells_who_answers() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let client = player(&world, &node, "p1");
    let mut replies = client.replies();
    tell(&world, &client, C0, "Chat", 41).await;
    let reply = tokio::time::timeout(PATIENCE, replies.next()).await.expect("a reply in time").expect("a reply");
    assert_eq!((reply.name.as_str(), &reply.body[..]), ("tip", &br#"{"nonce":41,"rev":1}"#[..]));
    receipt(&client, C0, 1).await;
    assert_eq!(client.receipt(C0), Seq(1));
    let token = world.players.token("p2");
    let (_peer, welcome) = Peer::hello(&world, node.address(), token, fresh_producer()).await.expect("WELCOME");
    assert_eq!((welcome.revision, welcome.node.0, welcome.resumed), (1, 7, false));
    assert_eq!(&welcome.catalogue_digest, world.catalogue.digest());
}
