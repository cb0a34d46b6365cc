//! Moving on: drain, revocation, clients that leave, addresses that change.

use std::sync::Arc;
use std::time::Duration;

use edge_wire::{CloseCode, MoveReason, RefuseCode, ServerFrame};
use quinn_proto::ConnectionError;

use super::world::{SECOND, World, class, hello};
use crate::{Config, DenyList, Ended, MoveTo};

fn world() -> World {
    World::new(Config::default())
}

#[test]
fn a_draining_shard_asks_to_move_serves_on_and_closes_at_last() {
    let mut world = world();
    let client = world.player();
    let waiting = world.connect();
    world.exchange();
    let to = MoveTo { reason: MoveReason::Drain, endpoints: vec!["fra2.example:443".into()] };
    world.shards[0].begin_drain(to, 10 * SECOND).unwrap();
    world.exchange();
    let [ServerFrame::Move(moved)] = &world.clients[client].frames[..] else { panic!("no MOVE") };
    assert_eq!((moved.reason, moved.within_ms), (MoveReason::Drain, 10_000));
    assert_eq!(moved.endpoints, ["fra2.example:443"]);
    // Who had connected is refused, who comes now is not even let in.
    world.clients[waiting].hello(hello());
    world.exchange();
    let [ServerFrame::Refuse(refuse)] = &world.clients[waiting].frames[..] else { panic!("no REFUSE") };
    assert_eq!(refuse.known(), Some(RefuseCode::Draining));
    let late = world.connect();
    world.exchange();
    assert!(matches!(world.clients[late].lost, Some(ConnectionError::ConnectionClosed(_))));
    // Make before break: the session serves on meanwhile.
    world.clients[client].open_class(class(0), 1..=1);
    world.pass(9 * SECOND);
    assert_eq!(world.clients[client].receipts(), [1, 0, 0, 0]);
    world.pass(2 * SECOND);
    assert_eq!(world.clients[client].closed().code, CloseCode::Draining);
    world.pass(5 * SECOND);
    assert!(world.shards[0].is_empty());
}

#[test]
fn endpoints_beyond_the_wire_are_refused_before_anybody_is_asked() {
    let mut world = world();
    let client = world.player();
    let to = MoveTo { reason: MoveReason::Drain, endpoints: vec!["x:1".into(); 9] };
    assert!(world.shards[0].begin_drain(to, SECOND).is_err());
    world.pass(2 * SECOND);
    assert!(world.clients[client].lost.is_none() && world.clients[client].frames.is_empty());
}

#[test]
fn a_deny_list_acts_on_the_living() {
    let mut world = world();
    let client = world.player();
    let deny = |subject: &str| Arc::new(DenyList { subjects: [subject.to_owned()].into(), ..DenyList::default() });
    world.shards[0].revoke(deny("p2"));
    world.exchange();
    assert!(world.clients[client].lost.is_none());
    world.shards[0].revoke(deny("p1"));
    world.exchange();
    assert_eq!(world.clients[client].closed().code, CloseCode::Revoked);
    let again = world.connect();
    world.exchange();
    world.clients[again].hello(hello());
    world.exchange();
    let [ServerFrame::Refuse(refuse)] = &world.clients[again].frames[..] else { panic!("no REFUSE") };
    assert_eq!(refuse.known(), Some(RefuseCode::TokenRevoked));
}

#[test]
fn a_client_that_leaves_is_told_to_the_shard_at_once() {
    let mut world = world();
    let client = world.player();
    let key = world.key();
    world.clients[client].close(world.now);
    world.exchange();
    assert_eq!(world.ended, [(key, Ended::ByClient(0))]);
    world.pass(5 * SECOND);
    let stats = world.shards[0].stats();
    assert_eq!((stats.connections, stats.sessions, stats.violations), (0, 0, 0));
}

#[test]
fn a_client_keeps_its_session_when_its_address_leads_to_another_shard() {
    let mut world = world();
    let client = world.player();
    let id = world.clients[client].open_class(class(0), 1..=2);
    world.pass(SECOND);
    world.clients[client].address = "192.0.2.77:7777".parse().unwrap();
    world.clients[client].steered_to = 1;
    world.clients[client].send(id, 3..=4);
    world.pass(2 * SECOND);
    assert!(world.foreign > 0);
    assert_eq!(world.seqs(class(0)), [1, 2, 3, 4]);
    assert_eq!(world.clients[client].receipts(), [4, 0, 0, 0]);
    assert_eq!(world.shards[1].stats().connections, 0);
    assert_eq!(world.shards[1].stats().datagrams_foreign, world.foreign);
}

#[test]
fn after_a_restart_old_connections_learn_it_by_a_stateless_reset() {
    let mut old = world();
    let client = old.player();
    // The same keys, no connections.
    let fresh = world();
    old.shards = fresh.shards;
    old.clients[client].conn.ping();
    old.pass(Duration::from_secs(1));
    assert_eq!(old.clients[client].lost, Some(ConnectionError::Reset));
}
