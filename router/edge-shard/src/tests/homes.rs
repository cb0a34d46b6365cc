//! HELLO, its answer, and who supersedes whom, on shards whose words overtake each other.

use std::time::Duration;

use edge_event::Provenance;
use edge_wire::{CloseCode, RefuseCode};

use super::client::{class, hello};
use super::rulebook::HIT;
use super::world::{SECOND, World, player_of};
use crate::Gate;

#[test]
fn a_newer_session_supersedes_the_older_wherever_they_are() {
    for (owner, older, newer) in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0)] {
        let mut world = World::new(2);
        let player = player_of(owner, 0);
        let first = world.player(older, &player);
        let second = world.player(newer, &player);
        assert_eq!(world.clients[first].closed(), Some(CloseCode::Superseded));
        world.pass(SECOND);
        assert_eq!(world.clients[second].closed(), None);
        let sessions: u64 = world.shards.iter().map(|shard| shard.stats().sessions.sessions).sum();
        assert_eq!(sessions, 1);
    }
}

#[test]
fn the_newer_session_stays_though_the_older_ones_word_comes_later() {
    let mut world = World::new(2);
    let player = player_of(1, 0);
    world.forward[0][1].is_stopped = true;
    let older = world.knock(0, &player, Provenance::Client, [0; 4]);
    world.pass(Duration::from_millis(50));
    assert!(world.clients[older].welcome().is_none());
    let newer = world.player(1, &player);
    world.forward[0][1].is_stopped = false;
    world.pass(SECOND);
    assert_eq!(world.clients[older].closed(), Some(CloseCode::Superseded));
    assert_eq!(world.clients[newer].closed(), None);
    // It still counts as the newest: the next one supersedes it.
    world.player(0, &player);
    assert_eq!(world.clients[newer].closed(), Some(CloseCode::Superseded));
}

#[test]
fn a_session_that_ends_before_its_answer_comes_leaves_nothing_behind() {
    let mut world = World::new(2);
    let player = player_of(1, 0);
    world.back[1][0].is_stopped = true;
    let client = world.knock(0, &player, Provenance::Client, [0; 4]);
    assert_eq!(world.back[1][0].len(), 1, "the answer is under way");
    let now = world.now;
    world.clients[client].close(now);
    world.pass(5 * SECOND);
    assert!(world.shards[0].is_empty());
    world.back[1][0].is_stopped = false;
    world.exchange();
    // Nobody is superseded by who comes now, and the answer of the dead is not his.
    world.back[1][0].is_stopped = true;
    let next = world.knock(0, &player, Provenance::Client, [0; 4]);
    assert_eq!(world.back[1][0].len(), 1, "an answer, and no word to supersede the dead");
    assert!(world.clients[next].welcome().is_none());
    world.back[1][0].is_stopped = false;
    world.exchange();
    assert!(world.clients[next].welcome().is_some());
}

#[test]
fn a_session_superseded_before_its_answer_comes_is_closed_and_not_welcomed() {
    let mut world = World::new(2);
    let player = player_of(1, 0);
    world.back[1][0].is_stopped = true;
    let first = world.knock(0, &player, Provenance::Client, [0; 4]);
    let second = world.player(1, &player);
    world.back[1][0].is_stopped = false;
    world.pass(SECOND);
    assert_eq!(world.clients[first].closed(), Some(CloseCode::Superseded));
    assert_eq!(world.clients[second].closed(), None);
}

#[test]
fn the_end_of_an_old_session_does_not_hide_the_newer_one() {
    let mut world = World::new(2);
    let player = player_of(1, 0);
    let first = world.player(0, &player);
    world.forward[0][1].is_stopped = true;
    let now = world.now;
    world.clients[first].close(now);
    world.exchange();
    let second = world.player(1, &player);
    world.forward[0][1].is_stopped = false;
    world.pass(SECOND);
    let third = world.player(1, &player);
    assert_eq!(world.clients[second].closed(), Some(CloseCode::Superseded));
    assert_eq!(world.clients[third].closed(), None);
}

#[test]
fn a_home_forgets_producers_that_have_left() {
    let mut world = World::new(2);
    let clients: Vec<usize> = (0..8).map(|n| world.player(n % 2, &format!("p{n}"))).collect();
    let at_home = |world: &World| world.shards.iter().map(|shard| shard.stats().producers).sum::<usize>();
    assert_eq!(at_home(&world), 8);
    world.player(0, "p1");
    assert_eq!(at_home(&world), 8, "it superseded one");
    let now = world.now;
    clients.into_iter().for_each(|client| world.clients[client].close(now));
    world.pass(SECOND);
    assert_eq!(at_home(&world), 1);
}

#[test]
fn behind_a_shut_gate_those_inside_go_on() {
    let mut world = World::new(2);
    let player = player_of(1, 0);
    let inside = world.player(0, &player);
    let shut = Gate::Shut {
        code: RefuseCode::SpoolFull,
        detail: "the disk is full".into(),
        retry_after: Some(Duration::from_secs(2)),
    };
    world.shards.iter_mut().for_each(|shard| shard.handle_gate(shut.clone()));
    let outside = world.knock(0, &player, Provenance::Client, [0; 4]);
    assert_eq!(world.clients[outside].refusal(), Some((RefuseCode::SpoolFull, 2_000)));
    world.clients[inside].tell_all(class(0), 1..=2, HIT);
    world.pass(2 * SECOND);
    assert_eq!(world.clients[inside].receipts()[0], 2);
    assert_eq!(world.clients[inside].closed(), None, "who is refused supersedes nobody");
    world.shards.iter_mut().for_each(|shard| shard.handle_gate(Gate::Open));
    world.player(0, &player_of(0, 1));
}

#[test]
fn a_client_of_an_unknown_catalogue_is_refused() {
    let mut world = World::new(2);
    let client = world.knock(0, "p1", Provenance::Client, [0; 4]);
    assert!(world.clients[client].welcome().is_some());
    for (digest, is_known) in [([1; 32], false), (*world.shards[0].rules().catalogue().digest(), true)] {
        let number = world.clients.len();
        let now = world.now;
        world.clients.push(super::client::Client::new(number, 1, now));
        world.exchange();
        let hello = edge_wire::Hello { catalogue_digest: digest, ..hello("p2", Provenance::Client, [0; 4]) };
        world.clients[number].greet(hello);
        world.exchange();
        let refusal = (!is_known).then_some((RefuseCode::CatalogueUnknown, 0));
        assert_eq!(world.clients[number].refusal(), refusal);
    }
}

#[test]
fn a_packet_that_reaches_the_wrong_shard_is_handed_over() {
    let mut world = World::new(2);
    let client = world.player(0, &player_of(0, 0));
    world.clients[client].steered_to = 1;
    world.clients[client].tell_all(class(0), 1..=5, HIT);
    world.pass(SECOND);
    assert_eq!(world.clients[client].receipts()[0], 5);
    assert!(world.shards[1].stats().sessions.datagrams_foreign > 0);
    assert_eq!(world.shards[1].stats().sessions.connections, 0);
}
