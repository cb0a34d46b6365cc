//! What a node remembers of its rules: what served, serves again after a restart; what proved good can be stepped back to; and rules
//! that crash the daemon in its first minute, three times, give way to the last that proved good.

use edge_admin::{Request, Response};
use scenarios::wait::until_true;
use scenarios::{Node, Settings, World};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

fn load(node: &Node, bundle: &[u8]) -> Response {
    node.ask(&Request::LoadBundle { bundle: STANDARD.encode(bundle), by: "scenarios".into() })
}

fn await_proven(node: &Node, revision: u64) {
    until_true("the rules to prove good", || node.status().rules.proved_good.last() == Some(&revision));
}

/// What `edgectl rules log` tells: what was done, and which revision it is about.
fn deeds(node: &Node) -> Vec<String> {
    let told = node.edgectl(["rules", "log", "--json", "--last", "100"]);
    assert!(told.status.success(), "{told:?}");
    let log: edge_admin::RulesLog = serde_json::from_slice(&told.stdout).expect("a log");
    assert_eq!(log.broken, "");
    log.entries.iter().map(|entry| format!("{} {}", entry.what, entry.revision)).collect()
}

#[test]
fn what_was_loaded_serves_after_a_restart_and_an_operator_steps_back() {
    let world = World::new();
    let mut node = Node::start(&world, Settings::default().with("rules.proved_after", "200ms"));
    await_proven(&node, 1);
    assert!(matches!(load(&node, &world.bundle(2)), Response::Loaded(_)));
    node.kill9();
    node.restart();
    assert_eq!(node.status().revision, 2, "what is deployed is revision 1");

    let back = node.edgectl(["rules", "rollback", "--why", "offers went to everybody"]);
    let words = String::from_utf8_lossy(&back.stdout);
    assert!(back.status.success() && words.contains("revision 1 is live"), "{back:?}");
    until_true("every shard to step back", || node.status().shards.iter().all(|shard| shard.revision == 1));
    std::fs::write(node.folder().join("rules.bundle"), world.bundle(2)).expect("a file");
    node.kill9();
    node.restart();
    let status = node.status();
    assert!(
        status.revision == 1 && status.rules.is_stepped_back_to,
        "what is deployed was stepped back from: {status:?}"
    );
    let Response::Refused(refusal) = load(&node, &world.bundle_with(1, "kills >= 3", "kills >= 9")) else {
        panic!("older")
    };
    assert_eq!(refusal.code, "BUNDLE_OLDER", "a step back opens no door to older ones");
    assert!(matches!(load(&node, &world.bundle(3)), Response::Loaded(_)), "a mended one");
    assert!(!node.status().rules.is_stepped_back_to);

    let told = node.edgectl(["rules", "log"]);
    let words = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(words.contains("because: offers went to everybody") && words.contains("by uid "), "{words}");
    let without_proofs: Vec<String> = deeds(&node).into_iter().filter(|deed| !deed.starts_with("proved")).collect();
    assert_eq!(without_proofs, ["start 1", "load 2", "start 2", "rollback 1", "start 1", "load 3"]);
    assert!(node.edgectl(["rules", "status"]).status.success());
}

#[test]
fn rules_that_crash_the_daemon_give_way_to_those_that_proved_good() {
    let world = World::new();
    let mut node = Node::start(&world, Settings::default().with("rules.proved_after", "200ms"));
    await_proven(&node, 1);
    node.set("rules.proved_after", "10min");
    node.kill9();
    node.restart();
    assert!(matches!(load(&node, &world.bundle(2)), Response::Loaded(_)));
    // As if an event made them crash, soon after each start.
    let mut served = Vec::new();
    for _ in 0..5 {
        node.kill9();
        node.restart();
        served.push(node.status().revision);
    }
    assert_eq!(served, [2, 2, 2, 1, 1]);
    assert!(node.status().rules.is_stepped_back_to);
    let deeds = deeds(&node);
    assert!(deeds.contains(&"fell_back 1".to_owned()), "{deeds:?}");
    assert_eq!(node.logged("the daemon starts with rules that are not those deployed").len(), 1);
}
