//! What is refused says what, where and what to do, and nothing else suffers: tokens, events, frames, config, rules.

use std::path::Path;
use std::process::{Command, Output};

use edge_wire::{ClientFrame, CloseCode, FrameType, Hello, RefuseCode, RejectCode, ServerFrame, Token, varint};
use scenarios::issuer::now_s;
use scenarios::peer::{Closed, Unwelcome, fresh_producer};
use scenarios::wait::until_true;
use scenarios::{Issuer, Node, Peer, Settings, World, binaries};
use serde_json::json;

use crate::play::{C0, C1, nonces, peer};

async fn refusal(world: &World, node: &Node, token: String) -> (RefuseCode, String) {
    match Peer::hello(world, node.address(), token, fresh_producer()).await.map(drop) {
        Err(Unwelcome::Refused(refuse)) => (refuse.known().expect("a known code"), refuse.detail),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_token_has_its_code() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let players = &world.players;
    let stranger = Issuer::new("players");
    let nobody = Issuer::new("nobody");
    let good = players.token("p1");
    let cut = good[..good.len() - 6].to_owned() + "AAAAAA";
    let (ed, ec) = (json!({ "alg": "EdDSA", "kid": "ed-players" }), json!({ "alg": "EdDSA", "kid": "ec-players" }));
    let header = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut header = ed.clone();
        change(&mut header);
        players.sign_as(&header, &players.claims("p1"))
    };
    let claims = |change: &dyn Fn(&mut serde_json::Value)| players.token_but("p1", change);
    let cases = [
        (RefuseCode::TokenMalformed, "not a token".to_owned()),
        (RefuseCode::TokenMalformed, header(&|h| h["crit"] = json!(["x"]))),
        (RefuseCode::TokenAlgorithm, header(&|h| h["alg"] = json!("none"))),
        (RefuseCode::TokenAlgorithm, header(&|h| h["alg"] = json!("HS256"))),
        (RefuseCode::TokenAlgorithm, players.sign_as(&ec, &players.claims("p1"))),
        (RefuseCode::TokenKeyUnknown, nobody.token("p1")),
        (RefuseCode::TokenSignature, stranger.token("p1")),
        (RefuseCode::TokenSignature, cut),
        (RefuseCode::TokenExpired, claims(&|c| c["exp"] = json!(now_s() - 100))),
        (RefuseCode::TokenNotYetValid, claims(&|c| c["nbf"] = json!(now_s() + 300))),
        (RefuseCode::TokenNotYetValid, claims(&|c| c["iat"] = json!(now_s() + 300))),
        (RefuseCode::TokenLifetime, claims(&|c| drop(c.as_object_mut().map(|c| c.remove("exp"))))),
        (RefuseCode::TokenLifetime, claims(&|c| c["exp"] = json!(now_s() + 86_400))),
        (RefuseCode::TokenAudience, claims(&|c| c["aud"] = json!("another game"))),
        (RefuseCode::TokenSubject, claims(&|c| c["sub"] = json!(""))),
        (RefuseCode::TokenClaim, claims(&|c| c["region"] = json!("r".repeat(1000)))),
    ];
    for (code, token) in cases {
        let (found, detail) = refusal(&world, &node, token).await;
        assert_eq!(found, code, "{detail}");
        assert!(!detail.is_empty(), "{code}: says which check failed");
    }
    until_true("figures of them", || node.metrics().total("edge_tokens_refused_total") == 16.0);
    for token in [players.token("p1"), players.token_es256("p1"), world.servers.token("s1")] {
        let (peer, _) = Peer::hello(&world, node.address(), token, fresh_producer()).await.expect("a good token");
        peer.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hello_that_is_wrong_is_refused_or_closed() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let mut peer = Peer::connect(&world, node.address(), edge_wire::ALPN).await.expect("a handshake");
    let hello = Hello { token: Token(world.players.token("p1")), producer: fresh_producer(), ..Hello::default() };
    let stale = Hello { catalogue_digest: [7; 32], ..hello.clone() };
    match peer.say_hello(stale).await {
        Err(Unwelcome::Refused(refuse)) => assert_eq!(refuse.known(), Some(RefuseCode::CatalogueUnknown), "{refuse:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(closed_with(&peer).await, CloseCode::Refused);

    let alien = Peer::connect(&world, node.address(), b"h3").await.map(drop);
    match alien {
        Err(Closed::Otherwise(why)) => assert!(why.contains("120") || why.contains("peer doesn't support"), "{why}"),
        other => panic!("{other:?}"),
    }

    let mut silent = Peer::connect(&world, node.address(), edge_wire::ALPN).await.expect("a handshake");
    silent.send_control(&[1]).await;
    assert_eq!(closed_with(&silent).await, CloseCode::HelloTimeout);
}

async fn closed_with(peer: &Peer) -> CloseCode {
    match peer.closed().await {
        Closed::Application { code, reason } => {
            let code = u32::try_from(code).ok().and_then(CloseCode::from_number);
            code.unwrap_or_else(|| panic!("an unknown code: {reason}"))
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_refused_consumes_its_number_and_the_session_goes_on() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let mut peer = peer(&world, &node, "p1", fresh_producer()).await;
    let (hit, good) = world.event("Hit", &json!({ "nonce": 5, "power": 3 }));
    let (trade, trading) = world.event("Trade", &json!({ "nonce": 1, "player_id": "p9", "gold": 3 }));
    let cases = [
        (RejectCode::EventTypeUnknown, (edge_client::EventTypeId(999), Vec::new())),
        (RejectCode::PayloadMalformed, (hit, vec![0xff; 9])),
        // Field 2 of a hit is a number up to 100.
        (RejectCode::PayloadLimit, (hit, vec![0x10, 0xe8, 0x07])),
        (RejectCode::ProvenanceForbidden, (trade, trading.clone())),
    ];
    let mut seq = 0;
    for (code, event) in cases {
        seq += 1;
        peer.send(C0, seq, event).await;
        let others = peer.receipt(C0, seq).await;
        let rejects: Vec<_> = others
            .into_iter()
            .filter_map(|frame| if let ServerFrame::Reject(reject) = frame { Some(reject) } else { None })
            .collect();
        let [reject] = &rejects[..] else { panic!("{rejects:?}") };
        assert_eq!((reject.code, reject.seq.0), (code.number(), seq), "{}", reject.detail);
    }
    peer.send(C0, seq + 1, (hit, good)).await;
    peer.receipt(C0, seq + 1).await;
    // The same trade by a game server is about the player whom it names.
    let token = world.servers.token("server-1");
    let (mut server, _) = Peer::hello(&world, node.address(), token, fresh_producer()).await.expect("WELCOME");
    server.send(C1, 1, (trade, trading)).await;
    server.receipt(C1, 1).await;
    node.await_settled();
    assert_eq!(nonces(&node, "audit"), [5]);
    let gold: Vec<_> = node.lines().into_iter().filter(|line| line.rule() == "gold").collect();
    assert_eq!(gold.len(), 1);
    assert_eq!(gold[0].subject(), "p9");
    assert_eq!(node.status().ledger.rejected, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_rule_of_the_protocol_closes_with_its_code() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let hit = |nonce| world.event("Hit", &json!({ "nonce": nonce }));
    let fresh = || async { peer(&world, &node, "p1", fresh_producer()).await };

    let mut large = fresh().await;
    large.send_head_of(C0, 16 * 1024 + 1000).await;
    assert_eq!(closed_with(&large).await, CloseCode::FrameTooLarge);

    let mut gap = fresh().await;
    gap.send(C0, 1, hit(1)).await;
    gap.send(C0, 3, hit(3)).await;
    assert_eq!(closed_with(&gap).await, CloseCode::SeqGap);

    let mut unknown = fresh().await;
    unknown.send_events(C0, &[0x3f, 0x00]).await;
    assert_eq!(closed_with(&unknown).await, CloseCode::FrameUnknown);

    let mut twice = fresh().await;
    let mut hello = Vec::new();
    let again = Hello { token: Token("t".into()), producer: fresh_producer(), ..Hello::default() };
    ClientFrame::Hello(Box::new(again)).encode(&mut hello).expect("a HELLO");
    twice.send_control(&hello).await;
    assert_eq!(closed_with(&twice).await, CloseCode::FrameUnexpected);

    let mut malformed = fresh().await;
    let mut reauth = Vec::new();
    varint::write(FrameType::Reauth.to_wire(), &mut reauth);
    reauth.extend_from_slice(&[2, 0xff, 0xff]);
    malformed.send_control(&reauth).await;
    assert_eq!(closed_with(&malformed).await, CloseCode::FrameMalformed);

    // An extension is skipped, and the session goes on.
    let mut polite = fresh().await;
    polite.send_events(C0, &[0x40, 0x41, 0x03, 1, 2, 3]).await;
    polite.send(C0, 1, hit(7)).await;
    polite.receipt(C0, 1).await;
    until_true("figures of them", || node.metrics().total("edge_violations_total") == 5.0);
}

fn run(node: &Node, arguments: &[&str]) -> Output {
    let config = node.folder().join("edge-router.toml");
    let mut command = Command::new(binaries::edge_router());
    command.arg("run").arg("--config").arg(config).args(arguments).output().expect("it starts")
}

fn wrong(node: &Node, arguments: &[&str]) -> String {
    let ended = run(node, arguments);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

#[test]
fn a_wrong_config_ends_with_2_and_says_everything_that_is_wrong() {
    let world = World::new();
    let settings = Settings::default()
        .with("listen.adress", "127.0.0.1:0")
        .with("session.idle_timeout", "soon")
        .with_toml("listen.shards", "1000")
        .without("node.id");
    let node = Node::prepare(&world, settings, &world.bundle(1));
    node.write_config();
    for arguments in [&[][..], &["--check-config"][..]] {
        let said = wrong(&node, arguments);
        assert!(said.contains("edge-router.toml:"), "the place: {said}");
        assert!(said.contains("did you mean `listen.address`?"), "{said}");
        for key in ["`session.idle_timeout`", "`listen.shards`", "`node.id` is missing"] {
            assert!(said.contains(key), "{key} in {said}");
        }
    }
    assert!(!node.folder().join("spool").exists(), "nothing was started");
    std::fs::write(node.folder().join("edge-router.toml"), "[node\nid = 1").expect("a file");
    assert!(wrong(&node, &[]).contains("not TOML"));
    std::fs::remove_file(node.folder().join("edge-router.toml")).expect("a file");
    assert!(wrong(&node, &[]).contains("cannot be read"));
}

#[test]
fn files_that_a_config_names_are_checked_with_it() {
    let world = World::new();
    let node = Node::prepare(&world, Settings::default(), &world.bundle(1));
    node.write_config();
    let good = run(&node, &["--check-config"]);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    assert!(!node.folder().join("spool").exists(), "a check starts nothing");
    let write = |name: &str, bytes: &[u8]| std::fs::write(node.folder().join(name), bytes).expect("a file");
    write("certificate.pem", b"");
    write("players.jwks.json", b"{}");
    write("rules.keys", b"");
    write("quic.secret", b"short");
    let said = wrong(&node, &["--check-config"]);
    for key in ["`tls.certificate`", "`tokens.issuers", "players.jwks.json", "`rules.keys`", "`tls.secret`"] {
        assert!(said.contains(key), "{key} in {said}");
    }
    world.furnish(node.folder(), &world.bundle_for(1, "somebody-else", &[&world.signer])).expect("files");
    let said = wrong(&node, &["--check-config"]);
    assert!(said.contains("`rules.bundle`") && said.contains("BUNDLE_TENANT"), "{said}");
}

fn taken(node: &Node, key: &str) {
    let ended = node.run_to_end();
    let log = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{log}");
    assert!(log.contains(key), "{key} in {log}");
}

#[test]
fn what_is_taken_is_named() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let sink = node.folder().join("commands").display().to_string();
    taken(
        &Node::prepare(&world, Settings::default().with("sink.file.directory", &sink), &world.bundle(1)),
        "sink.file.directory",
    );
    let socket = node.socket().display().to_string();
    taken(
        &Node::prepare(&world, Settings::default().with("control.socket", &socket), &world.bundle(1)),
        "control.socket",
    );
    let one = Settings::default().with_toml("listen.shards", "1").with("listen.address", &node.endpoint());
    taken(&Node::prepare(&world, one, &world.bundle(1)), "listen.address");
    assert_eq!(node.page("/readyz").status, 200, "the first one serves on");
}

#[test]
fn edgectl_says_what_it_cannot_do() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let said = |arguments: &[&str], code: i32| {
        let ended = node.edgectl(arguments);
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        String::from_utf8_lossy(&ended.stderr).into_owned()
    };
    std::fs::write(node.folder().join("old.bundle"), world.bundle_for(1, "other", &[&world.signer])).expect("a file");
    let refused = said(&["rules", "load", "old.bundle"], 4);
    assert!(refused.contains("BUNDLE_TENANT") && refused.contains("help:"), "{refused}");
    assert!(said(&["rules", "load", "missing.bundle"], 3).contains("missing.bundle"));
    let nowhere = Path::new("/nonexistent/control.sock").display().to_string();
    assert!(said(&["status", "--socket", &nowhere], 3).contains("is it running?"));
    assert!(said(&["rules", "lode"], 2).contains("load"));
    // Whoever writes nonsense to the socket is answered, and the daemon goes on.
    use std::io::{BufRead as _, BufReader, Write as _};
    let mut stream = std::os::unix::net::UnixStream::connect(node.socket()).expect("the socket");
    stream.write_all(b"{\"request\":\"fly\"}\n").expect("room");
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).expect("an answer");
    assert!(answer.contains("not_understood"), "{answer}");
    assert_eq!(node.status().phase, "serving");
}
