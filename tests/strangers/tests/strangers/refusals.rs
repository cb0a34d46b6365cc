//! What is refused, seen from outside: each fault with the code that a document demands for it.

use std::collections::BTreeMap;

use scenarios::issuer::now_s;
use scenarios::wait::until_true;
use scenarios::{Issuer, Node, Settings, World};
use serde_json::{Value, json};
use strangers::cases::{self, Case};
use strangers::{Report, Stack, Stage};

/// Compares every case with its row.
fn compare(report: &Report, expected: &[Case]) {
    let found: BTreeMap<&str, &str> = report.cases.iter().map(|(name, found)| (&**name, &**found)).collect();
    let wanted: BTreeMap<&str, &str> = expected.iter().map(|case| (&*case.name, &*case.expects)).collect();
    assert_eq!(found.len(), report.cases.len(), "no case is played twice");
    let wrong: Vec<_> = wanted.iter().filter(|(name, expects)| found.get(*name) != Some(expects)).collect();
    let told: Vec<_> =
        wrong.iter().map(|(name, wants)| format!("{name}: {wants}, found {:?}", found.get(*name))).collect();
    let unknown: Vec<_> = found.keys().filter(|name| !wanted.contains_key(*name)).collect();
    assert!(told.is_empty() && unknown.is_empty(), "\n{}\nnot in the table: {unknown:?}", told.join("\n"));
}

/// Packets that break RFC 9000.
pub(crate) fn of_quic(stack: Stack, story: &str) -> Option<Report> {
    let mut stage = Stage::new(Settings::default().with("session.hello_deadline", "30s"));
    let token = stage.world.players.token("p1");
    stage.token("player", token);
    let report = stage.play(stack, story)?;
    compare(&report, &cases::violations());
    // Whoever comes after all that is served as if nothing had been.
    stage.play(stack, "resume")?;
    stage.node.await_settled();
    assert_eq!(stage.node.lines().len(), 7);
    Some(proved(&["violations"]))
}

/// The tables' cases stand for these items.
fn proved(items: &[&str]) -> Report {
    Report { proved: items.iter().map(|&item| item.to_owned()).collect(), cases: Vec::new() }
}

/// Everything that our own protocol refuses.
pub(crate) fn of_ours(stack: Stack, story: &str) -> Option<Report> {
    let world = World::new();
    let titled = Issuer::new("titled");
    let settings = Settings::default()
        .with("tokens.deny", "deny.json")
        .with("session.hello_deadline", "1s")
        .with("session.frame_deadline", "1s")
        .with("session.idle_timeout", "3s")
        .with("drain.within", "10s")
        .with_toml("session.window_events", "4")
        .with_toml("session.client_budget.datagrams", "{ a_second = 10, burst = 20 }")
        .with_issuer("titled", "client", &["chess"]);
    let mut node = Node::prepare(&world, settings, &world.bundle(1));
    std::fs::write(node.folder().join("titled.jwks.json"), titled.jwks()).expect("a file");
    deny(&node, &["banned"]);
    node.spawn();
    node.await_ready();
    let mut stage = Stage::on(world, node);
    give_tokens(&mut stage, &titled);
    let report = stage.play_with(stack, story, |node, cue| match cue {
        "revoke" => {
            deny(node, &["banned", "p1"]);
            node.signal("HUP");
        }
        "drain" => {
            node.signal("TERM");
            until_true("the drain", || node.page("/readyz").body.trim() == "draining");
        }
        other => panic!("nobody expected the cue `{other}`"),
    })?;
    compare(&report, &cases::refusals());
    assert_eq!(stage.node.await_end().code(), Some(0), "{}", stage.node.log());
    let nonces: Vec<_> = stage.node.lines().iter().filter_map(|line| line.nonce()).collect();
    assert!(!nonces.contains(&666), "the early datagram was dropped");
    Some(proved(&["refuse", "alpn", "hello-timeout", "every-code"]))
}

fn deny(node: &Node, subjects: &[&str]) {
    let list = json!({ "subjects": subjects, "tokens": ["stolen"] });
    std::fs::write(node.folder().join("deny.json"), list.to_string()).expect("a file");
}

/// Good tokens, and one with each fault.
fn give_tokens(stage: &mut Stage, titled: &Issuer) {
    let players = stage.world.players.clone();
    let claims = |change: &dyn Fn(&mut Value)| players.token_but("p1", change);
    let header = |header: Value| players.sign_as(&header, &players.claims("p1"));
    let good = players.token("p1");
    let parts: Vec<&str> = good.split('.').collect();
    let another = players.token("p2");
    let others_claims = another.split('.').nth(1).expect("three parts");
    let without = |name: &'static str| claims(&|c| drop(c.as_object_mut().map(|c| c.remove(name))));
    let faulty = [
        ("garbage", "not a token".to_owned()),
        ("header-no-json", format!("bm8.{}.{}", parts[1], parts[2])),
        ("claims-no-json", players.sign(&json!("no object"))),
        ("crit", header(json!({ "alg": "EdDSA", "kid": "ed-players", "crit": ["x"] }))),
        ("alg-none", header(json!({ "alg": "none", "kid": "ed-players" }))),
        ("alg-hs256", header(json!({ "alg": "HS256", "kid": "ed-players" }))),
        ("alg-of-another-key", header(json!({ "alg": "EdDSA", "kid": "ec-players" }))),
        ("kid-unknown", Issuer::new("nobody").token("p1")),
        ("kid-missing", header(json!({ "alg": "EdDSA" }))),
        ("signature", Issuer::new("players").token("p1")),
        ("claims-changed", format!("{}.{others_claims}.{}", parts[0], parts[2])),
        ("expired", claims(&|c| c["exp"] = json!(now_s() - 100))),
        ("nbf", claims(&|c| c["nbf"] = json!(now_s() + 300))),
        ("iat", claims(&|c| c["iat"] = json!(now_s() + 300))),
        ("exp-missing", without("exp")),
        ("exp-far", claims(&|c| c["exp"] = json!(now_s() + 86_400))),
        ("aud-wrong", claims(&|c| c["aud"] = json!("another game"))),
        ("aud-missing", without("aud")),
        ("sub-missing", without("sub")),
        ("sub-empty", claims(&|c| c["sub"] = json!(""))),
        ("sub-long", claims(&|c| c["sub"] = json!("s".repeat(129)))),
        ("region-long", claims(&|c| c["region"] = json!("r".repeat(1000)))),
        ("region-type", claims(&|c| c["region"] = json!(7))),
        ("exp-type", claims(&|c| c["exp"] = json!("tomorrow"))),
        ("denied-subject", players.token("banned")),
        ("denied-id", claims(&|c| c["jti"] = json!("stolen"))),
        ("title", titled.token_but("p1", |c| c["title"] = json!("poker"))),
    ];
    stage.tell("faulty", faulty.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    for (name, token) in faulty {
        stage.token(name, token);
    }
    stage.token("player", good);
    stage.token("other", another);
    let server = stage.world.servers.token("s1");
    stage.token("server", server);
}
