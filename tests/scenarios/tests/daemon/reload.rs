//! A bundle becomes live while events flow: state of unchanged definitions lives on, no event sees two revisions, and a bundle
//! that is refused leaves the old one serving and says why.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use edge_admin::{Refusal, Request, Response};
use rules_bundle::SigningKey;
use scenarios::wait::until_true;
use scenarios::{Line, Node, Settings, World, lines};

use crate::play::{C0, C1, PATIENCE, nonces, player, receipt, tell, tell_and_wait};

fn load(node: &Node, bundle: &[u8]) -> Response {
    node.ask(&Request::LoadBundle { bundle: STANDARD.encode(bundle), by: "scenarios".into() })
}

fn refused(node: &Node, bundle: &[u8]) -> Refusal {
    match load(node, bundle) {
        Response::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn loaded(node: &Node, bundle: &[u8]) -> edge_admin::Loaded {
    match load(node, bundle) {
        Response::Loaded(loaded) => loaded,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_and_gates_live_on_across_revisions() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let client = player(&world, &node, "p1");
    for nonce in 1..=2 {
        tell_and_wait(&world, &client, C0, "Kill", nonce).await;
        tell_and_wait(&world, &client, C0, "Chat", nonce).await;
    }
    tell_and_wait(&world, &client, C0, "Login", 1).await;
    // Another threshold for the durable window, another text everywhere: definitions of state stay what they are.
    let answer = loaded(&node, &world.bundle_with(2, "kills >= 3", "kills >= 4"));
    assert_eq!((answer.revision, answer.replaced), (2, 1));
    until_true("every shard to show revision 2", || node.status().shards.iter().all(|shard| shard.revision == 2));
    for nonce in 3..=4 {
        tell_and_wait(&world, &client, C0, "Kill", nonce).await;
        tell_and_wait(&world, &client, C0, "Chat", nonce).await;
    }
    tell_and_wait(&world, &client, C0, "Login", 2).await;
    node.await_settled();
    assert_eq!(nonces(&node, "streak"), [4], "the fourth kill, by the threshold of the second revision");
    assert_eq!(nonces(&node, "chatter"), [3, 4], "a window in memory went on counting");
    assert_eq!(nonces(&node, "welcome"), [1], "the gate stayed shut");
    assert!(node.lines().iter().all(|line| line.rule() == "welcome" || line.revision() == 2));
}

fn accepted(node: &Node) -> f64 {
    node.metrics().total("edge_events_accepted_total")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_dropped_or_sees_two_revisions_while_bundles_come() {
    const LAST: u64 = 12;
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let over = Arc::new(AtomicBool::new(false));
    let players: Vec<_> = (0..3)
        .map(|n| {
            let (world, over, client) = (world.clone(), Arc::clone(&over), player(&world, &node, &format!("p{n}")));
            tokio::spawn(async move {
                let mut told = 0;
                while !over.load(Ordering::Relaxed) {
                    told = tell(&world, &client, C0, "Hit", told + 1).await;
                    // A closed loop: there shall be load, not a queue.
                    receipt(&client, C0, told.saturating_sub(8)).await;
                }
                receipt(&client, C0, told).await;
                client.close(PATIENCE).await;
                told
            })
        })
        .collect();
    for revision in 2..=LAST {
        let before = accepted(&node);
        until_true("some more events", || accepted(&node) > before + 50.0);
        assert_eq!(loaded(&node, &world.bundle(revision)).replaced, revision - 1);
    }
    over.store(true, Ordering::Relaxed);
    let mut told = 0;
    for player in players {
        told += player.await.expect("a player");
    }
    node.await_settled();
    let lines = node.lines();
    lines::check_promises(&lines);
    assert_eq!(lines.iter().filter(|line| line.rule() == "audit").count() as u64, told);
    let speaks_truth = |line: &&Line| line.data()["message"]["rev"].as_u64() == Some(line.revision());
    assert!(lines.iter().filter(|line| line.rule() == "audit").all(|line| speaks_truth(&line)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_and_edgectl_reload_read_the_file_again() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    std::fs::write(node.folder().join("rules.bundle"), world.bundle(2)).expect("a file");
    node.signal("HUP");
    until_true("revision 2", || node.status().revision == 2);
    std::fs::write(node.folder().join("rules.bundle"), world.bundle(3)).expect("a file");
    let reloaded = node.edgectl(["reload"]);
    assert!(reloaded.status.success(), "{reloaded:?}");
    assert_eq!(node.status().revision, 3);
    // A file that is none: said in the log, and the old one serves on.
    std::fs::write(node.folder().join("rules.bundle"), b"no bundle").expect("a file");
    node.signal("HUP");
    let message = "bundle refused; the old one goes on serving";
    until_true("a word in the log", || !node.logged(message).is_empty());
    assert_eq!(node.status().revision, 3);
    std::fs::write(node.folder().join("new.bundle"), world.bundle(4)).expect("a file");
    let loaded = node.edgectl(["rules", "load", "new.bundle"]);
    let words = String::from_utf8_lossy(&loaded.stdout);
    assert!(loaded.status.success() && words.contains("revision 4 is live"), "{loaded:?}");
    let client = player(&world, &node, "p1");
    tell_and_wait(&world, &client, C1, "Hit", 1).await;
    node.await_settled();
    assert_eq!(node.lines()[0].revision(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_bundle_leaves_the_old_one_serving_and_says_why() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    loaded(&node, &world.bundle(5));
    let stranger = SigningKey::from_seed([9; 32], "stranger");
    let good = world.bundle(6);
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 4;
    let cases = [
        ("BUNDLE_UNSIGNED", world.bundle_for(6, scenarios::world::TENANT, &[])),
        ("BUNDLE_UNTRUSTED", world.bundle_for(6, scenarios::world::TENANT, &[&stranger])),
        ("BUNDLE_TENANT", world.bundle_for(6, "somebody-else", &[&world.signer])),
        ("BUNDLE_OLDER", world.bundle(4)),
        ("BUNDLE_SAME_REVISION", world.bundle_with(5, "kills >= 3", "kills >= 9")),
        ("BUNDLE_", flipped),
        ("BUNDLE_", good[..good.len() - 10].to_vec()),
        ("BUNDLE_", b"no bundle at all".to_vec()),
        ("BUNDLE_", Vec::new()),
    ];
    let client = player(&world, &node, "p1");
    for (n, (code, bundle)) in cases.iter().enumerate() {
        let refusal = refused(&node, bundle);
        assert!(refusal.code.starts_with(code), "{code}: {refusal}");
        assert!(!refusal.what.is_empty() && !refusal.help.is_empty(), "{refusal}");
        assert_eq!(node.metrics().total("edge_rules_refused_total"), n as f64 + 1.0);
        assert_eq!(node.status().revision, 5);
        tell_and_wait(&world, &client, C0, "Hit", n as u64).await;
    }
    let Response::Refused(refusal) = node.ask(&Request::LoadBundle { bundle: "!".into(), by: String::new() }) else {
        panic!("that is no base64");
    };
    assert_eq!(refusal.code, "bundle_not_base64");
    node.await_settled();
    assert_eq!(nonces(&node, "audit"), (0..cases.len() as u64).collect::<Vec<_>>());
    assert!(node.lines().iter().all(|line| line.revision() == 5));
    loaded(&node, &good);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_bundle_is_refused_after_a_restart_too() {
    let world = World::new();
    let mut node = Node::start(&world, Settings::default());
    loaded(&node, &world.bundle(8));
    node.drain();
    // The file that the config names is still revision 1.
    node.restart();
    assert_eq!(node.status().revision, 8);
    let why = &node.logged("the daemon starts with rules that are not those deployed")[0]["why"];
    assert!(why.as_str().is_some_and(|why| why.contains("revision 1 is older than revision 8")), "{why}");
    assert_eq!(refused(&node, &world.bundle(7)).code, "BUNDLE_OLDER");
}
