//! What ends by the passing of time: half-open connections, missing HELLOs, slow frames, silence, tokens.

use std::time::Duration;

use edge_wire::{ClientFrame, CloseCode, Reauth, Token};
use quinn_proto::Dir;
use serde_json::json;

use super::world::{SECOND, World, class, event_bytes, makers};
use crate::token::maker::{NOW_S, claims};
use crate::{Config, Ended};

fn world() -> World {
    World::new(Config::default())
}

fn reauth(world: &mut World, client: usize, token: String) {
    let mut bytes = Vec::new();
    ClientFrame::Reauth(Reauth { token: Token(token) }).encode(&mut bytes).unwrap();
    let control = world.clients[client].control();
    world.clients[client].write(control, &bytes);
    world.exchange();
}

#[test]
fn a_half_open_connection_is_forgotten_without_a_word() {
    let mut world = world();
    let client = world.connect();
    // The first flight arrives, the answer does not.
    let mut out = Vec::new();
    let now = world.now;
    let transmit = world.clients[client].conn.poll_transmit(now, 1, &mut out).unwrap();
    let address = world.clients[client].address;
    world.clients[client].muted = true;
    world.deliver(0, address, out[..transmit.size].into());
    world.pass(2 * SECOND);
    assert_eq!(world.shards[0].stats().half_open, 1);
    world.pass(SECOND + Duration::from_millis(5));
    let stats = world.shards[0].stats();
    assert_eq!((stats.connections, stats.half_open, stats.handshakes_expired), (0, 0, 1));
    assert!(world.shards[0].is_empty());
    assert_eq!(world.shards[0].poll_timeout(), None);
}

#[test]
fn hello_has_a_deadline() {
    let mut world = world();
    let client = world.connect();
    world.pass(2900 * SECOND / 1000);
    assert!(world.clients[client].lost.is_none());
    world.pass(SECOND);
    assert_eq!(world.clients[client].closed().code, CloseCode::HelloTimeout);
}

#[test]
fn a_trickling_hello_does_not_help() {
    let mut world = world();
    let client = world.connect();
    world.exchange();
    world.clients[client].open_control(&[0x01]);
    world.pass(4 * SECOND);
    assert_eq!(world.clients[client].closed().code, CloseCode::HelloTimeout);
}

#[test]
fn a_frame_that_began_must_end() {
    let mut world = world();
    let client = world.player();
    let id = world.clients[client].open_class(class(0), 1..=1);
    let bytes = event_bytes(2, 1);
    world.clients[client].write(id, &bytes[..4]);
    world.pass(4 * SECOND);
    // Whole in time: no blame, and a pause between frames costs nothing.
    world.clients[client].write(id, &bytes[4..]);
    world.pass(8 * SECOND);
    assert_eq!(world.seqs(class(0)), [1, 2]);
    world.clients[client].write(id, &event_bytes(3, 1)[..4]);
    world.pass(5 * SECOND + Duration::from_millis(5));
    assert_eq!(world.clients[client].closed().code, CloseCode::StreamTimeout);
}

#[test]
fn a_stream_without_a_header_is_a_slow_frame_too() {
    let mut world = world();
    let client = world.player();
    world.clients[client].open(Dir::Uni, &[2]);
    world.pass(6 * SECOND);
    assert_eq!(world.clients[client].closed().code, CloseCode::StreamTimeout);
}

#[test]
fn silence_ends_a_session_and_a_ping_is_not_silence() {
    let mut world = world();
    let client = world.player();
    for _ in 0..4 {
        world.pass(10 * SECOND);
        world.clients[client].conn.ping();
        world.exchange();
    }
    assert!(world.clients[client].lost.is_none());
    world.pass(15 * SECOND + Duration::from_millis(5));
    assert_eq!(world.clients[client].closed().code, CloseCode::IdleTimeout);
    let key = world.key();
    assert_eq!(world.ended, [(key, Ended::ByUs(CloseCode::IdleTimeout))]);
}

/// Two milliseconds about the deadline: before it everything is well, after it the end has come.
fn ends_at(mut world: World, client: usize, deadline: Duration, code: CloseCode) {
    const NEAR: Duration = Duration::from_millis(1);
    world.pass(deadline - NEAR);
    assert!(world.clients[client].lost.is_none(), "{code} before its time: {:?}", world.clients[client].lost);
    world.pass(2 * NEAR);
    assert_eq!(world.clients[client].closed().code, code);
}

#[test]
fn each_deadline_holds_to_the_millisecond() {
    let mut world = world();
    let client = world.connect();
    world.exchange();
    ends_at(world, client, 3 * SECOND, CloseCode::HelloTimeout);

    let mut world = self::world();
    let client = world.player();
    let id = world.clients[client].open_class(class(0), 1..=1);
    world.exchange();
    world.clients[client].write(id, &event_bytes(2, 1)[..4]);
    world.exchange();
    ends_at(world, client, 5 * SECOND, CloseCode::StreamTimeout);

    let mut world = self::world();
    let client = world.player();
    world.pass(SECOND); // the last word of the beginning has come
    world.clients[client].conn.ping();
    world.exchange();
    ends_at(world, client, 15 * SECOND, CloseCode::IdleTimeout);

    // A handshake has nobody to tell.
    let mut world = self::world();
    let client = world.connect();
    world.clients[client].deaf = true;
    world.exchange();
    world.clients[client].muted = true;
    world.pass(3 * SECOND - Duration::from_millis(1));
    assert_eq!(world.shards[0].stats().half_open, 1);
    world.pass(Duration::from_millis(2));
    assert_eq!((world.shards[0].stats().half_open, world.shards[0].stats().handshakes_expired), (0, 1));
}

/// Keeps a client from falling silent for `seconds`.
fn stay(world: &mut World, client: usize, seconds: u32) {
    for _ in 0..seconds / 10 {
        world.pass(10 * SECOND);
        world.clients[client].conn.ping();
        world.exchange();
    }
}

#[test]
fn a_session_ends_with_its_token_unless_it_is_renewed() {
    let mut world = world();
    let client = world.player();
    stay(&mut world, client, 600);
    let mut renewed = claims("p1");
    renewed["exp"] = json!(NOW_S + 1200);
    reauth(&mut world, client, makers().0.token(&renewed));
    stay(&mut world, client, 620);
    assert!(world.clients[client].lost.is_none(), "{:?}", world.clients[client].lost);
    stay(&mut world, client, 20);
    assert_eq!(world.clients[client].closed().code, CloseCode::TokenExpired);
}

#[test]
fn a_session_ends_with_its_token_also_where_the_shard_has_no_room_for_events() {
    let mut world = world();
    let client = world.player();
    stay(&mut world, client, 600);
    world.asks = false;
    stay(&mut world, client, 100);
    assert_eq!(world.clients[client].closed().code, CloseCode::TokenExpired);
}

#[test]
fn renewal_is_checked_like_hello_and_for_the_same_bearer() {
    let mut expired = claims("p1");
    expired["exp"] = json!(NOW_S - 100);
    for token in [
        makers().0.token(&expired),
        makers().0.token(&claims("p2")),
        makers().1.token(&claims("p1")),
        "nonsense".to_owned(),
    ] {
        let mut world = world();
        let client = world.player();
        reauth(&mut world, client, token);
        let closed = world.clients[client].closed();
        assert_eq!(closed.code, CloseCode::TokenInvalid);
        assert!(!closed.detail.is_empty());
    }
}
