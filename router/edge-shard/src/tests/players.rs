//! What all connections of one player may do together.

use std::time::Duration;

use edge_event::{ProducerId, Provenance};
use edge_session::Rate;
use edge_wire::RefuseCode;

use super::client::{Client, class, hello};
use super::rulebook::HIT;
use super::world::{SECOND, Setup, World, player_of};
use crate::Config;

/// Another device of a player, on `shard`.
fn device(world: &mut World, shard: usize, sub: &str, number: u8) -> usize {
    let client = world.clients.len();
    let now = world.now;
    world.clients.push(Client::new(client, shard, now));
    world.exchange();
    let hello = edge_wire::Hello { producer: ProducerId([number; 16]), ..hello(sub, Provenance::Client, [0; 4]) };
    world.clients[client].greet(hello);
    world.exchange();
    client
}

#[test]
fn a_player_with_many_connections_is_slowed_as_one_and_loses_nothing() {
    let rate = Rate { a_second: 100, burst: 200 };
    let config = Config { player_events: rate, ..Config::default() };
    let mut world = World::with(2, Setup { config, ..Setup::default() });
    let greedy = player_of(1, 0);
    let devices: Vec<usize> = (0..4).map(|n| device(&mut world, usize::from(n) % 2, &greedy, 10 + n)).collect();
    let other = world.player(0, &player_of(1, 1));
    for device in &devices {
        world.clients[*device].tell_all(class(0), 1..=200, HIT);
    }
    world.clients[other].tell_all(class(0), 1..=20, HIT);
    world.pass(SECOND / 2);
    assert_eq!(world.clients[other].receipts()[0], 20, "nobody else waits");
    // What was under way when the word to slow down came is taken in; from then on the rate holds, within a window each.
    world.pass(2 * SECOND);
    let taken = |world: &World| devices.iter().map(|device| world.clients[*device].receipts()[0]).sum::<u64>();
    assert!(world.shards[1].stats().players_slowed > 0);
    world.pass(12 * SECOND);
    assert_eq!(taken(&world), 800, "and nothing is lost");
    assert!(devices.iter().all(|device| world.clients[*device].closed().is_none()));
    world.pass(20 * SECOND);
    assert_eq!(world.shards[1].stats().players_metered, 0, "a quiet player costs nothing");
}

#[test]
fn a_player_has_so_many_sessions_and_no_more() {
    let config = Config { player_sessions_max: 3, ..Config::default() };
    let mut world = World::with(2, Setup { config, ..Setup::default() });
    let player = player_of(1, 0);
    let first: Vec<usize> = (0..3).map(|n| device(&mut world, usize::from(n) % 2, &player, 10 + n)).collect();
    assert!(first.iter().all(|device| world.clients[*device].welcome().is_some()));
    let fourth = device(&mut world, 0, &player, 20);
    assert_eq!(world.clients[fourth].refusal(), Some((RefuseCode::TooManySessions, 15_000)));
    // One of them may come again, and another player comes at all.
    let again = device(&mut world, 1, &player, 11);
    assert!(world.clients[again].welcome().is_some());
    let other = device(&mut world, 0, &player_of(1, 1), 30);
    assert!(world.clients[other].welcome().is_some());
    // Where one has left there is room.
    let now = world.now;
    world.clients[first[0]].close(now);
    world.pass(5 * SECOND);
    let fifth = device(&mut world, 0, &player, 21);
    assert!(world.clients[fifth].welcome().is_some());
    world.pass(Duration::from_millis(10));
}
