//! Coming in: handshake, HELLO, its answers, its refusals.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use edge_event::{ProducerId, Provenance, Seq, ShardId};
use edge_wire::{ClientFrame, CloseCode, Hello, Reauth, RefuseCode, ServerFrame, Token};
use quinn_proto::{ConnectionError, Dir};
use serde_json::json;

use super::world::{SECOND, World, hello, makers, server_tls, verifier};
use crate::token::maker::{NOW_S, claims};
use crate::{Config, Ended, Sessions, SetupError, SharedKeys, Welcome};

fn world() -> World {
    World::new(Config::default())
}

#[test]
fn a_client_is_welcomed_and_the_shard_knows_who_it_is() {
    let mut world = world();
    world.welcome = Some(Welcome {
        resumed: true,
        marks: [Seq(5), Seq(0), Seq(2), Seq(0)],
        revision: 7,
        catalogue_digest: [4; 32],
        session_ttl_ms: 60_000,
    });
    let client = world.connect();
    world.exchange();
    let wish = Hello { idle_timeout_ms: 1_000_000, highest_receipts: [Seq(3); 4], ..hello() };
    world.clients[client].hello(wish);
    world.exchange();
    let told = &world.hellos[0];
    assert_eq!((&*told.conn.sub, told.conn.provenance), ("p1", Provenance::Client));
    assert_eq!((&*told.conn.region, told.conn.segments.len()), ("eu", 2));
    assert_eq!((&*told.conn.platform, &*told.conn.locale, &*told.conn.build), ("pc", "pt-BR", "1.2.3"));
    assert_eq!(told.conn.attributes, [("queue".into(), "ranked".into())]);
    assert_eq!(told.producer, edge_wire::keys::producer_key("p1", ProducerId([3; 16])));
    assert_eq!(told.highest_receipts, [Seq(3); 4]);
    let [ServerFrame::Welcome(welcome)] = &world.clients[client].frames[..] else { panic!("no WELCOME") };
    assert!(welcome.resumed);
    assert_eq!(welcome.receipts, [Seq(5), Seq(0), Seq(2), Seq(0)]);
    // Credit counts from the higher of both ends' receipts.
    assert_eq!(welcome.credit, [Seq(261), Seq(259), Seq(259), Seq(259)]);
    assert_eq!((welcome.revision, welcome.catalogue_digest), (7, [4; 32]));
    assert_eq!((welcome.idle_timeout_ms, welcome.session_ttl_ms), (60_000, 60_000));
    assert_eq!(welcome.server_time.0, world.unix_ms);
    let stats = world.shards[0].stats();
    assert_eq!((stats.connections, stats.half_open, stats.sessions, stats.hellos), (1, 0, 1, 1));
    assert_eq!(world.shards[1].stats().connections, 0);
}

/// After the clock was an hour ahead and is right again, the shard's time waits for it. Tokens must not wait.
#[test]
fn tokens_are_judged_by_the_wall_whatever_the_shard_shows() {
    for (wall_ahead_ms, refused) in [(0, None), (-3_600_000, Some(RefuseCode::TokenNotYetValid)), (-20_000, None)] {
        let mut world = world();
        (world.unix_ms, world.wall_ahead_ms) = (NOW_S * 1000 + 3_600_000, wall_ahead_ms);
        let claims = json!({ "sub": "p1", "aud": "edge", "iat": NOW_S + 3_600, "exp": NOW_S + 4_200 });
        let client = world.connect();
        world.exchange();
        world.clients[client].hello(Hello { token: Token(makers().0.token(&claims)), ..hello() });
        world.exchange();
        match (&world.clients[client].frames[..], refused) {
            ([ServerFrame::Welcome(welcome)], None) => {
                assert_eq!(welcome.server_time.0, world.unix_ms + wall_ahead_ms, "by which its end is judged");
            }
            ([ServerFrame::Refuse(refuse)], Some(code)) => assert_eq!(refuse.known(), Some(code)),
            (said, expected) => panic!("{said:?}, not {expected:?}"),
        }
    }
}

#[test]
fn a_refused_token_is_told_which_check_failed() {
    for (token, code) in [
        ("nonsense".to_owned(), RefuseCode::TokenMalformed),
        (makers().0.token(&json!({ "sub": "p1", "aud": "edge", "exp": NOW_S - 100 })), RefuseCode::TokenExpired),
        (makers().0.token(&json!({ "sub": "p1", "aud": "else", "exp": NOW_S + 100 })), RefuseCode::TokenAudience),
        (makers().0.sign(&json!({ "alg": "EdDSA", "kid": "no" }), &claims("p1")), RefuseCode::TokenKeyUnknown),
    ] {
        let mut world = world();
        let client = world.connect();
        world.exchange();
        world.clients[client].hello(Hello { token: Token(token), ..hello() });
        world.exchange();
        let [ServerFrame::Refuse(refuse)] = &world.clients[client].frames[..] else { panic!("no REFUSE") };
        assert_eq!(refuse.known(), Some(code));
        assert!(!refuse.detail.is_empty());
        world.pass(2 * SECOND);
        assert_eq!(world.clients[client].closed().code, CloseCode::Refused);
        assert!(world.hellos.is_empty() && world.ended.is_empty(), "the shard never hears of it");
        world.pass(10 * SECOND);
        assert!(world.shards[0].is_empty());
    }
}

#[test]
fn the_shard_can_refuse_and_tell_when_to_come_back() {
    let mut world = world();
    world.welcome = None;
    let client = world.connect();
    world.exchange();
    world.clients[client].hello(hello());
    world.exchange();
    let key = world.key();
    world.shards[0].refuse(key, RefuseCode::Overloaded, "full\u{7}", Some(Duration::from_secs(5)));
    world.exchange();
    let [ServerFrame::Refuse(refuse)] = &world.clients[client].frames[..] else { panic!("no REFUSE") };
    assert_eq!((refuse.known(), refuse.retry_after_ms), (Some(RefuseCode::Overloaded), Some(5_000)));
    assert_eq!(refuse.detail, "full ");
    assert_eq!(world.ended, [(key, Ended::ByUs(CloseCode::Refused))]);
    // A late welcome of what was refused does nothing.
    world.shards[0].welcome(key, &Welcome::default());
    world.pass(2 * SECOND);
    assert_eq!(world.clients[client].closed().code, CloseCode::Refused);
    assert_eq!(world.ended.len(), 1);
}

#[test]
fn another_protocol_name_fails_the_handshake() {
    let mut world = world();
    let client = world.connect_with(b"h3");
    world.exchange();
    let Some(ConnectionError::ConnectionClosed(close)) = &world.clients[client].lost else { panic!("not closed") };
    // RFC 9001 §4.8: 0x100 plus the TLS alert no_application_protocol (120).
    assert_eq!(u64::from(close.error_code), 0x100 + 120);
    world.pass(10 * SECOND);
    assert!(world.shards[0].is_empty());
}

#[test]
fn the_order_of_control_frames_is_kept() {
    let mut reauth = Vec::new();
    ClientFrame::Reauth(Reauth { token: hello().token }).encode(&mut reauth).unwrap();
    let mut twice = Vec::new();
    ClientFrame::Hello(Box::new(hello())).encode(&mut twice).unwrap();
    twice.extend_from_within(..);
    for bytes in [reauth, twice] {
        let mut world = world();
        let client = world.connect();
        world.exchange();
        world.clients[client].open_control(&bytes);
        world.exchange();
        assert_eq!(world.clients[client].closed().code, CloseCode::FrameUnexpected);
        assert_eq!(world.shards[0].stats().violations, 1);
    }
}

#[test]
fn a_control_stream_that_ends_ends_the_connection() {
    let mut world = world();
    let client = world.player();
    let control = world.clients[client].control();
    world.clients[client].conn.send_stream(control).finish().unwrap();
    world.exchange();
    assert_eq!(world.clients[client].closed().code, CloseCode::StreamClosed);
    let key = world.key();
    assert_eq!(world.ended, [(key, Ended::ByUs(CloseCode::StreamClosed))]);
}

#[test]
fn streams_of_the_wrong_kind_end_the_connection() {
    for (dir, bytes, code) in [
        (Dir::Uni, &[3][..], CloseCode::StreamTypeUnknown),
        (Dir::Uni, &[2, 4], CloseCode::StreamTypeUnknown),
        (Dir::Uni, &[1], CloseCode::StreamTypeUnknown),
        (Dir::Uni, &[2, 0, 0x01, 0], CloseCode::FrameUnexpected),
        (Dir::Uni, &[2, 0, 0x3f, 0], CloseCode::FrameUnknown),
        (Dir::Uni, &[2, 0, 0x20, 0xbf, 0xff, 0xff, 0xff], CloseCode::FrameTooLarge),
    ] {
        let mut world = world();
        let client = world.player();
        world.clients[client].open(dir, bytes);
        world.exchange();
        assert_eq!(world.clients[client].closed().code, code, "{bytes:?}");
    }
    let mut world = world();
    let client = world.connect();
    world.exchange();
    world.clients[client].open(Dir::Bi, &[2, 0]);
    world.exchange();
    assert_eq!(world.clients[client].closed().code, CloseCode::StreamTypeUnknown);
}

#[test]
fn frames_of_the_extension_range_are_skipped() {
    let mut world = world();
    let client = world.connect();
    world.exchange();
    let mut bytes = vec![0x40, 0x77, 3, 1, 2, 3];
    ClientFrame::Hello(Box::new(hello())).encode(&mut bytes).unwrap();
    world.clients[client].open_control(&bytes);
    world.exchange();
    assert!(matches!(world.clients[client].frames[..], [ServerFrame::Welcome(_)]));
}

#[test]
fn a_newer_connection_supersedes_the_older() {
    let mut world = world();
    let older = world.player();
    let key = world.key();
    let newer = world.player();
    assert_eq!(world.hellos[0].producer, world.hellos[1].producer);
    world.shards[0].supersede(key);
    world.exchange();
    assert_eq!(world.clients[older].closed().code, CloseCode::Superseded);
    assert_eq!(world.ended, [(key, Ended::ByUs(CloseCode::Superseded))]);
    assert!(world.clients[newer].lost.is_none());
    // Whoever reconnects has broken no rule; it shows among the closes, under its code.
    let stats = world.shards[0].stats();
    let superseded = CloseCode::ALL.iter().position(|code| *code == CloseCode::Superseded).unwrap();
    assert_eq!((stats.violations, stats.closed[superseded], stats.closed.iter().sum()), (0, 1, 1u64));
    // A key of the past names nothing, even when its slot has a new tenant.
    world.pass(5 * SECOND);
    world.player();
    assert_eq!(world.key().index, key.index);
    world.shards[0].supersede(key);
    world.exchange();
    assert_eq!(world.ended.len(), 1);
}

#[test]
fn sessions_can_move_to_their_shards_thread() {
    fn is_send<T: Send>() {}
    is_send::<Sessions>();
}

#[test]
fn setup_refuses_what_cannot_work() {
    let build = |tls: rustls::ServerConfig, shard: u16, config: Config| {
        let keys = SharedKeys::derive(&[5; 32]);
        Sessions::new(Arc::new(config), Arc::new(tls), &keys, ShardId(shard), 2, verifier(), &[1; 32], Instant::now())
    };
    let mut tls = server_tls();
    tls.alpn_protocols.clear();
    assert!(matches!(build(tls, 0, Config::default()), Err(SetupError::Alpn)));
    let mut tls = server_tls();
    tls.max_early_data_size = u32::MAX;
    assert!(matches!(build(tls, 0, Config::default()), Err(SetupError::EarlyData)));
    assert!(matches!(build(server_tls(), 2, Config::default()), Err(SetupError::Shard { shard: 2, shards: 2 })));
    let config = Config { generation: 16, ..Config::default() };
    let Err(SetupError::Config(error)) = build(server_tls(), 0, config) else { panic!("taken") };
    assert_eq!(error.to_string(), "session config: `generation` is 16: 0..=15");
}

#[test]
fn noise_is_survived_in_silence() {
    let mut world = world();
    let client = world.player();
    let sent_before = world.shards[0].stats().bytes_out;
    for len in 0..200usize {
        let noise: Vec<u8> = (0..len).map(|i| (i * 31 + len * 17) as u8).collect();
        world.deliver(len % 2, "203.0.113.9:9".parse().unwrap(), BytesMut::from(&noise[..]));
        world.exchange();
    }
    assert_eq!(world.shards[0].stats().bytes_out, sent_before);
    assert_eq!(world.shards[0].stats().connections, 1);
    assert!(world.clients[client].lost.is_none());
}
