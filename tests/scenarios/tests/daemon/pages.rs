//! What the daemon says about itself: figures in the OpenMetrics format, health, readiness, a status; and a ledger that is closed
//! at every moment.

use std::time::Duration;

use scenarios::{Node, Settings, World, until};

use crate::play::{C0, C1, player, receipt, tell};

/// Units that a name may end in; what counts things ends in the thing.
const UNITS: [&str; 2] = ["_seconds", "_bytes"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_well_formed_and_say_what_happened() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let client = player(&world, &node, "secret-player-name");
    for nonce in 0..50 {
        tell(&world, &client, C0, "Hit", nonce).await;
        tell(&world, &client, C1, "Noise", nonce).await;
    }
    tell(&world, &client, C1, "Login", 1).await;
    tell(&world, &client, C1, "Login", 2).await;
    receipt(&client, C0, 50).await;
    receipt(&client, C1, 52).await;
    node.await_settled();
    let page = node.page("/metrics");
    assert!(page.head.contains("application/openmetrics-text; version=1.0.0"), "{}", page.head);
    assert!(!page.body.contains("secret-player-name"), "players are not named");
    let figures = node.metrics();
    assert_eq!(figures.total("edge_events_accepted_total"), 102.0);
    assert_eq!(figures.total("edge_events_commanded_total"), 51.0);
    assert_eq!(figures.total("edge_events_unmatched_total"), 50.0);
    assert_eq!(figures.total("edge_events_suppressed_total"), 1.0);
    assert_eq!(figures.sum("edge_rule_fired_total", "rule=\"audit\""), 50.0);
    assert_eq!(figures.sum("edge_rule_suppressed_total", "rule=\"welcome\""), 1.0);
    assert_eq!(figures.sum("edge_commands_settled_total", "outcome=\"delivered\""), 51.0);
    assert_eq!(figures.total("edge_event_to_durable_seconds_count"), 51.0);
    assert_eq!(figures.total("edge_rules_revision"), 1.0);
    assert_eq!(figures.total("edge_spool_healthy"), 1.0);
    assert_eq!(figures.sum("edge_phase_info", "phase=\"serving\""), 1.0);
    assert!(figures.total("edge_receipts_sent_total") >= 2.0);
    for (name, kind) in &figures.families {
        let has_unit = UNITS.iter().any(|unit| name.ends_with(unit));
        assert!(kind != "histogram" || has_unit, "{name} is a histogram without a unit");
        assert!(!name.ends_with("_ms") && !name.ends_with("_us"), "{name}: base units only");
    }
    assert!(!node.log().contains("secret-player-name"), "the log does not name players");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_is_closed_at_every_moment() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let clients: Vec<_> = (0..4).map(|n| player(&world, &node, &format!("p{n}"))).collect();
    let load: Vec<_> = clients
        .iter()
        .map(|client| {
            let (world, client) = (world.clone(), client.clone());
            tokio::spawn(async move {
                for nonce in 0..1500 {
                    let seq = tell(&world, &client, C0, "Hit", nonce).await;
                    if nonce % 64 == 0 {
                        receipt(&client, C0, seq).await;
                    }
                }
                receipt(&client, C0, 1500).await;
            })
        })
        .collect();
    let mut looks = 0;
    until("the load to end", Duration::from_secs(60), || {
        let figures = node.metrics();
        assert_eq!(figures.sum("edge_ledger_residual", "of=\"events\""), 0.0);
        assert_eq!(figures.sum("edge_ledger_residual", "of=\"commands\""), 0.0);
        looks += 1;
        load.iter().all(tokio::task::JoinHandle::is_finished).then_some(())
    });
    for player in load {
        player.await.expect("a player");
    }
    assert!(looks > 10, "looked {looks} times");
    node.await_settled();
    assert_eq!(node.status().ledger.commanded, 6000);
    assert!(node.logged("the ledger does not close: events or commands ended nowhere, or twice").is_empty());
}

#[test]
fn other_pages_and_other_methods() {
    let world = World::new();
    let mut node = Node::start(&world, Settings::default());
    let said = |path| {
        let page = node.page(path);
        (page.status, page.body.trim().to_owned())
    };
    assert_eq!(said("/healthz"), (200, "alive".into()));
    assert_eq!(said("/readyz"), (200, "ready".into()));
    assert_eq!(said("/secrets").0, 404);
    let status = node.edgectl(["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert_eq!((status["phase"].as_str(), status["revision"].as_u64()), (Some("serving"), Some(1)));
    let shown = node.edgectl(["status"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("is serving") && shown.contains("residual 0"), "{shown}");
    let drained = node.edgectl(["drain"]);
    assert!(drained.status.success(), "{drained:?}");
    assert_eq!(node.await_end().code(), Some(0));
    assert!(!node.socket().exists(), "the control socket is gone with its daemon");
}
