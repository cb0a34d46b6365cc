//! The whole daemon is stopped and goes on (SIGSTOP, SIGCONT) under load, as a paused machine or a debugger does it.
//!
//! What must hold. *A short pause*: nobody notices; no session ends, the node stays ready, the log says nothing. *A long one*, beyond
//! every deadline of a session and beyond the clients' patience: clients come again by themselves; of what they were told and
//! told nothing is lost or doubled; connections that died meanwhile are let go; the log says that the process stood still
//! and for how long, and blames no thread.

use std::time::Duration;

use scenarios::wait::{until, until_true};
use scenarios::{Dice, Node, Settings, World};

use crate::crowd::{Crowd, Manner};

const STOOD: &str = "the whole process stood still: it was stopped, or the machine was, or it got no processor";
const BLAMED: &str = "a thread does not turn";

/// Longer than the deadlines below, and than the silence that is told.
const LONG: Duration = Duration::from_millis(3_200);

fn pause(node: &Node, pause: Duration) {
    node.signal("STOP");
    std::thread::sleep(pause);
    node.signal("CONT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_pause_is_noticed_by_nobody() {
    let world = World::new();
    let mut node = Node::start(&world, Settings::default());
    let mut dice = Dice::fresh("short pauses");
    let manner = Manner::default();
    let players = manner.players;
    let crowd = Crowd::come(&world, &node, &mut dice, manner);
    crowd.await_receipts(100);
    for _ in 0..5 {
        pause(&node, Duration::from_millis(100 + dice.below(300)));
        assert_eq!(node.page("/readyz").status, 200, "{}", node.page("/readyz").body);
        crowd.await_receipts(20);
    }
    let handshakes = node.metrics().total("edge_handshakes_total");
    assert_eq!(handshakes, players as f64, "every player is still on its first connection");
    crowd.go_and_compare(&mut node).await;
    assert_eq!((node.logged(STOOD).len(), node.logged(BLAMED).len()), (0, 0), "{}", node.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_pause_ends_sessions_and_nothing_else() {
    let world = World::new();
    let settings = Settings::default()
        .with("session.idle_timeout", "1s")
        .with("session.handshake_deadline", "500ms")
        .with("session.hello_deadline", "500ms")
        .with("session.frame_deadline", "500ms");
    let mut node = Node::start(&world, settings);
    let mut dice = Dice::fresh("long pauses");
    let impatient = Manner {
        setup: |builder| builder.idle_timeout(Duration::from_secs(1)).connect_timeout(Duration::from_millis(400)),
        ..Manner::default()
    };
    let players = impatient.players;
    let crowd = Crowd::come(&world, &node, &mut dice, impatient);
    crowd.await_receipts(100);
    pause(&node, LONG);
    crowd.await_receipts(300);
    until("the node to be ready", Duration::from_secs(2), || (node.page("/readyz").status == 200).then_some(()));
    until_true("clients to have come again, as the figures tell it", || {
        node.metrics().total("edge_handshakes_total") > players as f64
    });
    until_true("connections that died meanwhile to be let go", || {
        node.metrics().total("edge_connections") == players as f64
    });
    until_true("word of the pause", || !node.logged(STOOD).is_empty());
    let stood = node.logged(STOOD)[0]["silent_s"].as_f64().expect("for how long");
    assert!((LONG.as_secs_f64() * 0.9..LONG.as_secs_f64() * 3.0).contains(&stood), "{stood}");
    assert!(node.logged(BLAMED).is_empty(), "no thread is blamed: {}", node.log());
    crowd.go_and_compare(&mut node).await;
}
