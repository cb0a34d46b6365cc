//! Full queues: nothing is dropped, nothing waits for itself, and the least urgent goes first.

use std::time::Duration;

use edge_event::Provenance;
use edge_wire::RefuseCode;

use super::client::class;
use super::rulebook::{ASK, HIT, payload};
use super::world::{SECOND, Setup, World, player_of};
use crate::{Config, Strain};

fn small() -> Setup {
    let config = Config { forward_slots: 8, back_slots: 8, record_slots: 8, waiting_slots: 16, ..Config::default() };
    Setup { config, ring_slots: 4, ..Setup::default() }
}

#[test]
fn two_full_shards_never_wait_for_each_other() {
    let config = Config { forward_slots: 1, back_slots: 1, record_slots: 1, waiting_slots: 1, ..Config::default() };
    let mut world = World::with(2, Setup { config, ring_slots: 1, ..Setup::default() });
    let there = world.player(0, &player_of(1, 0));
    let back = world.player(1, &player_of(0, 0));
    for seq in 1..=200 {
        // Two replies each: more than a lane holds.
        let what = if seq % 3 == 0 { ASK } else { HIT };
        world.clients[there].tell(class(0), seq, what, payload(seq));
        world.clients[back].tell(class(0), seq, what, payload(seq));
    }
    world.pass(2 * SECOND);
    for client in [there, back] {
        assert_eq!(world.clients[client].receipts()[0], 200);
        assert_eq!(world.clients[client].replies().len(), 2 * 66);
    }
    assert_eq!(world.ledger(), (400, 400, 0));
}

#[test]
fn a_spool_that_stops_costs_neither_events_nor_memory_nor_those_who_leave() {
    let setup = small();
    let mut world = World::with(2, setup.clone());
    let local = world.player(0, &player_of(0, 0));
    let remote = world.player(0, &player_of(1, 0));
    let leaver = world.player(0, &player_of(0, 1));
    world.spool.commits = false;
    for n in 0..4 {
        world.clients[local].tell_all(class(n), 1..=200, HIT);
        world.clients[remote].tell_all(class(n), 1..=200, HIT);
    }
    world.pass(5 * SECOND);
    assert_eq!(world.shards[0].stats().strain, Strain::Standstill);
    let accepted = world.ledger().0;
    // What was read when the ring became full, and what every queue on the way holds.
    let queues = setup.config.waiting_slots * 2 + setup.config.forward_slots * 2 + setup.ring_slots * 4;
    assert!(accepted <= queues as u64 + 2, "{accepted}");
    // Who leaves is let go, who comes is refused, who stays is kept.
    let now = world.now;
    world.clients[leaver].close(now);
    world.pass(5 * SECOND);
    assert_eq!(world.shards[0].stats().sessions.sessions, 2);
    let late = world.knock(0, &player_of(0, 2), Provenance::Client, [0; 4]);
    assert_eq!(world.clients[late].refusal(), Some((RefuseCode::Overloaded, 2_000)));
    world.clients[local].conn.ping();
    world.pass(SECOND);
    assert_eq!(world.clients[local].closed(), None);
    assert_eq!(world.ledger().0, accepted, "and nothing more was taken");
    world.spool.commits = true;
    world.pass(5 * SECOND);
    for client in [local, remote] {
        assert_eq!(world.clients[client].receipts(), [200; 4]);
    }
    for n in 0..4 {
        assert_eq!(world.logged(class(n)).len(), 400);
    }
    let relaxed = world.shards.iter().all(|shard| shard.stats().strain == Strain::None);
    assert!(relaxed && !world.shards.iter().any(|shard| shard.is_waiting_for_room()));
    world.player(0, &player_of(0, 2));
}

#[test]
fn near_the_limit_datagrams_go_first_and_then_what_is_least_urgent() {
    let config = Config { waiting_slots: 80, ..Config::default() };
    let mut world = World::with(2, Setup { config, ..Setup::default() });
    let client = world.player(0, &player_of(0, 0));
    world.spool.commits = false;
    let mut seqs = [0; 4];
    let mut told = |world: &mut World, n: u8, count: u64| {
        let seq = &mut seqs[usize::from(n)];
        world.clients[client].tell_all(class(n), *seq + 1..=*seq + count, HIT);
        *seq += count;
        world.pass(Duration::from_millis(400));
        world.shards[0].stats()
    };
    assert_eq!(told(&mut world, 3, 39).strain, Strain::None);
    assert_eq!(told(&mut world, 3, 1).strain, Strain::Datagrams);
    world.clients[client].tell_unreliably(HIT, payload(1));
    world.exchange();
    assert_eq!(world.shards[0].stats().sessions.datagrams_shed, 1);
    let stats = told(&mut world, 3, 10);
    assert_eq!((stats.strain, stats.waiting), (Strain::Class3, 50));
    assert_eq!(told(&mut world, 3, 10).waiting, 50, "class 3 waits in its stream");
    let stats = told(&mut world, 2, 10);
    assert_eq!((stats.strain, stats.waiting), (Strain::Class2, 60));
    assert_eq!(told(&mut world, 2, 10).waiting, 60);
    let stats = told(&mut world, 1, 10);
    assert_eq!((stats.strain, stats.waiting), (Strain::Class1, 70));
    let late = world.knock(0, &player_of(0, 1), Provenance::Client, [0; 4]);
    assert_eq!(world.clients[late].refusal(), Some((RefuseCode::Overloaded, 2_000)));
    let stats = told(&mut world, 0, 10);
    assert_eq!((stats.strain, stats.waiting), (Strain::Class1, 80), "class 0 goes on to the last slot");
    world.spool.commits = true;
    world.pass(SECOND);
    assert_eq!(world.shards[0].stats().strain, Strain::None);
    assert_eq!(world.clients[client].receipts(), [10, 10, 20, 60]);
}

#[test]
fn clients_that_come_and_go_while_nothing_is_committed_leave_little_behind() {
    let mut world = World::with(2, small());
    let player = world.player(0, &player_of(0, 0));
    world.spool.commits = false;
    world.clients[player].tell_all(class(0), 1..=1, HIT);
    world.exchange();
    let mut refused = 0;
    for _ in 0..60 {
        let client = world.knock(0, &player_of(0, 1), Provenance::Client, [0; 4]);
        refused += u64::from(world.clients[client].refusal().is_some());
        let now = world.now;
        world.clients[client].close(now);
        world.exchange();
    }
    assert!(world.shards[0].stats().waiting <= 2 * 16, "{}", world.shards[0].stats().waiting);
    assert!(refused >= 25, "{refused}");
}

#[test]
fn a_shard_without_sessions_notices_time() {
    let mut world = World::new(2);
    let due = world.shards[1].poll_timeout().unwrap();
    assert!(due <= world.now + SECOND);
    world.pass(3 * SECOND);
    assert!(world.shards[1].poll_timeout().unwrap() > world.now);
}
