//! Stories of the whole protocol, the same for every stack that speaks it: what the daemon must have done when one is over.

use edge_admin::Ledger;
use scenarios::wait::until_true;
use scenarios::{Node, Settings, World, lines};
use strangers::{Report, Stack, Stage};

/// The nonces of a rule's commands, sorted.
fn nonces(node: &Node, rule: &str) -> Vec<u64> {
    let of_rule = node.lines().into_iter().filter(|line| line.rule() == rule);
    let mut found: Vec<u64> = of_rule.filter_map(|line| line.nonce()).collect();
    found.sort_unstable();
    found
}

/// Both ends of the ledger agree, the file keeps its promises, and nobody was found fault with.
fn settled(node: &Node) -> Ledger {
    node.await_settled();
    lines::check_promises(&node.lines());
    assert_eq!(node.metrics().total("edge_violations_total"), 0.0, "{}", node.log());
    node.status().ledger
}

fn stage(settings: Settings) -> Stage {
    let mut stage = Stage::new(settings);
    let token = stage.world.players.token("p1");
    stage.token("player", token);
    stage
}

/// Everything that a session has, once.
pub(crate) fn whole(stack: Stack, _: &str) -> Option<Report> {
    played_whole(stack, &stage(Settings::default()))
}

/// The same through Retry: above no half-open connection at all every address has to prove itself.
pub(crate) fn whole_after_retry(stack: Stack, _: &str) -> Option<Report> {
    let stage = stage(Settings::default().with_toml("session.retry_above", "0"));
    played_whole(stack, &stage)?;
    until_true("figures of it", || stage.node.metrics().total("edge_retries_sent_total") == 1.0);
    Some(Report { proved: vec!["retry".into()], cases: Vec::new() })
}

fn played_whole(stack: Stack, stage: &Stage) -> Option<Report> {
    let report = stage.play_with(stack, "session", |node, cue| {
        assert_eq!(cue, "steps");
        until_true("the datagrams' events", || nonces(node, "far_step") == [7, 8, 9]);
    })?;
    let node = &stage.node;
    let ledger = settled(node);
    assert_eq!(nonces(node, "audit"), [1, 2, 3, 101, 102, 103, 201, 202, 203, 301, 302, 303, 304]);
    assert_eq!((ledger.rejected, ledger.duplicate), (1, 0), "{ledger:?}");
    assert_eq!(node.metrics().total("edge_handshakes_total"), 1.0);
    Some(report)
}

/// Five events, all of them again and one more, and one after that.
pub(crate) fn resume(stack: Stack, story: &str) -> Option<Report> {
    let stage = stage(Settings::default());
    let report = stage.play(stack, story)?;
    stage.node.await_settled();
    lines::check_promises(&stage.node.lines());
    assert_eq!(nonces(&stage.node, "audit"), [1, 2, 3, 4, 5, 6, 7]);
    Some(report)
}

/// Eight events, each after another key update.
pub(crate) fn keys(stack: Stack, story: &str) -> Option<Report> {
    let stage = stage(Settings::default());
    let report = stage.play(stack, story)?;
    settled(&stage.node);
    assert_eq!(nonces(&stage.node, "audit"), (1..=8).collect::<Vec<_>>());
    Some(report)
}

/// Thirty-two events from seventeen ports.
pub(crate) fn rebind(stack: Stack, story: &str) -> Option<Report> {
    let stage = stage(Settings::default());
    let report = stage.play(stack, story)?;
    settled(&stage.node);
    assert_eq!(nonces(&stage.node, "audit"), (1..=32).collect::<Vec<_>>());
    let figures = stage.node.metrics();
    assert!(figures.total("edge_packets_strayed_total") > 0.0, "no packet met a shard that is not its own");
    assert_eq!(figures.total("edge_handshakes_total"), 1.0, "it is the same connection still");
    Some(report)
}

/// A token that ends in some seconds, and one that follows it.
pub(crate) fn reauth(stack: Stack, story: &str) -> Option<Report> {
    let mut stage = stage(Settings::default().with("tokens.leeway", "0s"));
    let players = stage.world.players.clone();
    let brief = players.token_but("p1", |claims| claims["exp"] = (scenarios::issuer::now_s() + 8).into());
    stage.token("brief", brief);
    stage.token("brief-renewed", players.token("p1"));
    stage.token("other", players.token("p2"));
    let report = stage.play(stack, story)?;
    stage.node.await_settled();
    assert_eq!(nonces(&stage.node, "audit"), [1, 2]);
    Some(report)
}

/// One node drains, the other takes the client in.
pub(crate) fn moved(stack: Stack, story: &str) -> Option<Report> {
    let world = World::new();
    let other = Node::start(&world, Settings::default().with_toml("node.id", "8"));
    let endpoints = format!("[\"{}\"]", other.endpoint());
    let mut stage = Stage::of(world, Settings::default().with_toml("drain.endpoints", &endpoints));
    let token = stage.world.players.token("p1");
    stage.token("player", token);
    let report = stage.play_with(stack, story, |node, cue| {
        assert_eq!(cue, "drain");
        node.signal("TERM");
    })?;
    assert_eq!(stage.node.await_end().code(), Some(0), "{}", stage.node.log());
    settled(&other);
    assert_eq!((nonces(&stage.node, "audit"), nonces(&other, "audit")), (vec![1, 2], vec![2]));
    let id = |node: &Node, at: usize| node.lines()[at].id().to_owned();
    assert_eq!(id(&stage.node, 1), id(&other, 0), "a consumer can tell that it is the same command");
    Some(report)
}

/// A token that has expired, and another ALPN.
pub(crate) fn refused(stack: Stack, story: &str) -> Option<Report> {
    let mut stage = Stage::new(Settings::default());
    let expired = stage.world.players.token_but("p1", |c| c["exp"] = (scenarios::issuer::now_s() - 100).into());
    stage.token("expired", expired);
    let report = stage.play(stack, story)?;
    until_true("figures of it", || stage.node.metrics().total("edge_tokens_refused_total") == 1.0);
    Some(report)
}
