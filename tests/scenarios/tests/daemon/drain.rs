//! SIGTERM: clients are told to move, everything receipted is delivered, the process ends with 0; and nobody else can have
//! its spool meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use edge_client::Notice;
use edge_wire::{CloseCode, MoveReason, ServerFrame};
use scenarios::peer::{Closed, Unwelcome, fresh_producer};
use scenarios::{Node, Peer, Settings, World, lines};

use crate::play::{C0, C1, PATIENCE, notice, peer, player, tell, tell_and_wait};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_move_to_another_node_and_nothing_is_lost() {
    let world = World::new();
    let other = Node::start(&world, Settings::default().with_toml("node.id", "8"));
    let endpoints = format!("[\"{}\"]", other.endpoint());
    let mut node = Node::start(&world, Settings::default().with_toml("drain.endpoints", &endpoints));
    let client = player(&world, &node, "p1");
    let mut notices = client.notices();
    tell_and_wait(&world, &client, C0, "Hit", 0).await;
    let before = client.receipt(C0);
    node.signal("TERM");
    let mut nonce = 1;
    let reason = loop {
        tell(&world, &client, C0, "Hit", nonce).await;
        nonce += 1;
        let moving = |notice| if let Notice::Moving { reason } = notice { Some(reason) } else { None };
        if let Ok(reason) = tokio::time::timeout(Duration::from_millis(5), notice(&mut notices, "MOVE", moving)).await {
            break reason;
        }
        assert!(nonce < 4000, "MOVE does not come");
    };
    assert_eq!(reason, MoveReason::Drain);
    let last = tell(&world, &client, C0, "Hit", nonce).await;
    crate::play::receipt(&client, C0, last).await;
    let status = node.await_end();
    assert_eq!(status.code(), Some(0), "{}", node.log());
    other.await_settled();
    for lines in [node.lines(), other.lines()] {
        lines::check_promises(&lines);
    }
    let found: BTreeSet<u64> = node.lines().iter().chain(&other.lines()).filter_map(scenarios::Line::nonce).collect();
    assert_eq!(found, (0..=nonce).collect(), "every event is at one node or the other");
    // What was resent carries the same id, so that a consumer can tell.
    let ids = |node: &Node| node.lines().iter().map(|line| (line.seq(), line.id().to_owned())).collect::<BTreeSet<_>>();
    let (here, there) = (ids(&node), ids(&other));
    let seqs = |ids: &BTreeSet<(Option<u64>, String)>| ids.iter().map(|(seq, _)| *seq).collect::<BTreeSet<_>>();
    assert_eq!(seqs(&here).intersection(&seqs(&there)).count(), here.intersection(&there).count());
    assert!(seqs(&here).contains(&Some(before.0)));
    client.close(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_move_is_closed_and_who_comes_is_refused() {
    let world = World::new();
    let mut node = Node::start(&world, Settings::default());
    let mut stubborn = peer(&world, &node, "p1", fresh_producer()).await;
    stubborn.send(C0, 1, world.event("Hit", &serde_json::json!({ "nonce": 1 }))).await;
    stubborn.receipt(C0, 1).await;
    node.signal("TERM");
    let moved = loop {
        match stubborn.frame().await.expect("MOVE comes first") {
            ServerFrame::Move(moved) => break moved,
            ServerFrame::Receipt(_) | ServerFrame::Credit(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((moved.reason, moved.within_ms), (MoveReason::Drain, 2000));
    let ready = node.page("/readyz");
    assert_eq!((ready.status, ready.body.trim()), (503, "draining"));
    assert_eq!(node.page("/healthz").status, 200);
    let token = world.players.token("p2");
    match Peer::hello(&world, node.address(), token, fresh_producer()).await.map(drop) {
        Err(Unwelcome::Closed(Closed::Otherwise(why))) => assert!(why.contains("refused"), "{why}"),
        other => panic!("{other:?}"),
    }
    // Events of those who stay are still taken, until their time is over.
    stubborn.send(C0, 2, world.event("Hit", &serde_json::json!({ "nonce": 2 }))).await;
    stubborn.receipt(C0, 2).await;
    let Closed::Application { code, .. } = stubborn.closed().await else { panic!("closed by the daemon") };
    assert_eq!(code, u64::from(CloseCode::Draining.number()));
    assert_eq!(node.await_end().code(), Some(0));
    assert_eq!(crate::play::nonces(&node, "audit"), [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_under_load_delivers_what_was_receipted() {
    let world = World::new();
    let mut node = Node::start(&world, Settings::default());
    let mut clients = Vec::new();
    for n in 0..4 {
        let client = player(&world, &node, &format!("p{n}"));
        for nonce in 0..200 {
            tell(&world, &client, if nonce % 2 == 0 { C0 } else { C1 }, "Hit", nonce).await;
        }
        clients.push(client);
    }
    node.drain();
    let lines = node.lines();
    lines::check_promises(&lines);
    for client in clients {
        let receipted = client.receipt(C0).0 + client.receipt(C1).0;
        let producer = client.producer().to_string();
        let of_client =
            lines.iter().filter_map(scenarios::Line::ordered).filter(|o| o.producer == producer).count() as u64;
        assert!(of_client >= receipted, "{receipted} receipts, {of_client} commands");
    }
}

#[test]
fn a_second_daemon_on_the_same_spool_is_told_who_has_it() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let spool = node.folder().join("spool").display().to_string();
    let other = Node::prepare(&world, Settings::default().with("spool.directory", &spool), &world.bundle(1));
    let ended = other.run_to_end();
    assert_eq!(ended.status.code(), Some(1));
    let log = String::from_utf8_lossy(&ended.stderr);
    assert!(log.contains(&format!("is in use by process {}", node.pid())), "{log}");
    assert!(log.contains("spool.directory"), "{log}");
    assert_eq!(node.page("/readyz").status, 200, "the first one serves on");
}
