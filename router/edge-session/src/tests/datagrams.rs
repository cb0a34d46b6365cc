//! Events in datagrams.

use edge_wire::CloseCode;

use super::world::{SECOND, World, event_bytes, hello};
use crate::{Budget, Config, Origin, Rate};

fn packed(count: usize) -> Vec<u8> {
    event_bytes(0, 1).repeat(count)
}

#[test]
fn several_events_of_one_datagram_arrive_in_order_with_ordinals() {
    let mut world = World::new(Config::default());
    let client = world.player();
    world.clients[client].send_datagram(packed(3));
    world.clients[client].send_datagram(packed(1));
    world.exchange();
    let ordinals: Vec<Origin> = world.arrived.iter().map(|arrived| arrived.origin).collect();
    assert_eq!(ordinals, [1, 2, 3, 4].map(|ordinal| Origin::Datagram { ordinal }));
    assert!(world.clients[client].frames.is_empty(), "datagram events get no receipt");
}

#[test]
fn before_welcome_they_are_dropped_and_counted() {
    let mut world = World::new(Config::default());
    world.welcome = None;
    let client = world.connect();
    world.exchange();
    world.clients[client].send_datagram(packed(1));
    world.clients[client].hello(hello());
    world.exchange();
    world.clients[client].send_datagram(packed(2));
    world.exchange();
    assert!(world.arrived.is_empty());
    assert_eq!(world.shards[0].stats().datagrams_before_welcome, 2);
}

#[test]
fn malformed_ones_end_the_connection() {
    for (bytes, code) in [
        (event_bytes(1, 1), CloseCode::FrameMalformed),
        (packed(1)[..3].to_vec(), CloseCode::FrameMalformed),
        (packed(65), CloseCode::LimitExceeded),
        (vec![0x01, 0], CloseCode::FrameUnexpected),
    ] {
        let mut world = World::new(Config::default());
        let client = world.player();
        world.clients[client].send_datagram(bytes);
        world.exchange();
        assert_eq!(world.clients[client].closed().code, code);
    }
}

#[test]
fn past_the_budget_they_are_dropped_and_at_last_the_connection_closes() {
    let mut budget = Budget::for_players();
    budget.datagrams = Rate { a_second: 10, burst: 10 };
    budget.strikes = Rate { a_second: 1, burst: 5 };
    let mut world = World::new(Config { client_budget: budget, ..Config::default() });
    let client = world.player();
    for _ in 0..15 {
        world.clients[client].send_datagram(packed(1));
        world.exchange();
    }
    assert_eq!((world.arrived.len(), world.shards[0].stats().datagrams_over_budget), (10, 5));
    assert!(world.clients[client].lost.is_none());
    world.clients[client].send_datagram(packed(1));
    world.exchange();
    let closed = world.clients[client].closed();
    assert_eq!((closed.code, closed.retry_after_ms), (CloseCode::BudgetExceeded, Some(10_000)));
}

#[test]
fn a_shard_can_shed_them() {
    let mut world = World::new(Config::default());
    let client = world.player();
    world.shards[0].shed_datagrams(true);
    world.clients[client].send_datagram(packed(1));
    world.pass(SECOND);
    world.shards[0].shed_datagrams(false);
    world.clients[client].send_datagram(packed(1));
    world.exchange();
    assert_eq!((world.arrived.len(), world.shards[0].stats().datagrams_shed), (1, 1));
}
