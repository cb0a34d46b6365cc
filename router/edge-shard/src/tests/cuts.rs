//! At every cut of the ledger what was accepted has ended or is between two shards, and what was ordered is in the spool's
//! hands.

use super::client::class;
use super::rulebook::{ASK, HIT, LOGIN, NOISE, payload};
use super::world::{SECOND, Setup, World, player_of};
use crate::Config;

/// Adds up a cut that every shard has closed: events in flight.
fn check(world: &World, number: u64) -> u64 {
    let (mut accepted, mut ended, mut in_flight, mut ordered, mut spooled) = (0, 0, 0, 0, 0);
    for (cuts, at_cut) in world.cuts.iter().zip(&world.spool.at_cut) {
        let mut of_number = cuts.iter().filter(|cut| cut.number == number);
        let cut = of_number.next().expect("every shard has closed it");
        assert!(of_number.next().is_none(), "once");
        accepted += cut.counters.accepted;
        ended += cut.counters.ended();
        in_flight += cut.in_flight;
        ordered += cut.counters.commands;
        assert_eq!(at_cut.0, number);
        spooled += at_cut.1;
    }
    assert_eq!(accepted, ended + in_flight, "cut {number}");
    assert_eq!(ordered, spooled, "cut {number}");
    in_flight
}

#[test]
fn a_cut_counts_what_is_between_two_shards() {
    let mut world = World::new(2);
    let client = world.player(0, &player_of(1, 0));
    world.forward[0][1].is_stopped = true;
    world.clients[client].tell_all(class(0), 1..=7, HIT);
    world.exchange();
    // Shard 1 is told first, and counts what comes from shard 0 until its marker does.
    world.shards[1].handle_cut(1);
    world.exchange();
    world.clients[client].tell_all(class(0), 8..=9, HIT);
    world.exchange();
    world.shards[0].handle_cut(1);
    world.clients[client].tell_all(class(0), 10..=12, HIT);
    world.exchange();
    assert!(world.cuts.iter().all(|cuts| cuts.len() <= 1) && world.cuts[1].is_empty());
    world.forward[0][1].is_stopped = false;
    world.exchange();
    assert_eq!(check(&world, 1), 7, "shard 0 has heard of it by shard 1's marker, before the eighth");
    world.pass(SECOND);
    assert_eq!(world.clients[client].receipts()[0], 12);
}

#[test]
fn a_cut_passes_shards_that_have_no_room_and_closes_when_they_have() {
    let config = Config { forward_slots: 2, record_slots: 1, back_slots: 2, waiting_slots: 2, ..Config::default() };
    let mut world = World::with(2, Setup { config, ring_slots: 2, ..Setup::default() });
    let local = world.player(0, &player_of(0, 0));
    let remote = world.player(0, &player_of(1, 0));
    world.spool.commits = false;
    world.clients[remote].tell_all(class(0), 1..=20, HIT);
    world.exchange();
    world.clients[local].tell_all(class(0), 1..=20, HIT);
    world.exchange();
    assert!(world.shards[0].is_waiting_for_room(), "an event is held");
    world.shards[0].handle_cut(1);
    world.exchange();
    assert!(world.cuts[1].is_empty(), "the marker waits behind events");
    world.spool.commits = true;
    world.pass(SECOND);
    check(&world, 1);
    for client in [local, remote] {
        assert_eq!(world.clients[client].receipts()[0], 20);
    }
}

#[test]
fn a_cut_that_was_overtaken_is_forgotten() {
    let mut world = World::new(2);
    world.forward[0][1].is_stopped = true;
    world.shards[0].handle_cut(1);
    world.exchange();
    world.shards[0].handle_cut(2);
    world.forward[0][1].is_stopped = false;
    world.exchange();
    check(&world, 2);
    world.shards[1].handle_cut(1);
    world.exchange();
    assert!(world.cuts.iter().flatten().filter(|cut| cut.number == 2).count() == 2);
}

#[test]
fn one_shard_alone_cuts_itself() {
    let mut world = World::new(1);
    let client = world.player(0, "p1");
    world.clients[client].tell_all(class(0), 1..=3, HIT);
    world.exchange();
    world.shards[0].handle_cut(1);
    world.exchange();
    assert_eq!(check(&world, 1), 0);
}

/// Rings stop and go, the spool stops and goes, clients tell this and that: every cut adds up.
#[test]
fn every_cut_adds_up_whatever_the_order_of_turns() {
    let mut in_flight = 0;
    for seed in 0..8_u64 {
        let mut dice = Dice(seed * 7 + 1);
        let config = Config {
            forward_slots: dice.of(8) + 1,
            back_slots: dice.of(8) + 3,
            record_slots: dice.of(8) + 1,
            waiting_slots: dice.of(16) + 1,
            ..Config::default()
        };
        let mut world = World::with(3, Setup { config, ring_slots: dice.of(4) + 1, ..Setup::default() });
        let clients: Vec<usize> = (0..6).map(|n| world.player(n % 3, &format!("p{n}"))).collect();
        let mut seqs = [0; 6];
        let mut number = 0;
        for _ in 0..60 {
            for _ in 0..dice.of(8) {
                let (who, what) = (dice.of(6), [HIT, HIT, NOISE, ASK, LOGIN][dice.of(5)]);
                seqs[who] += 1;
                world.clients[clients[who]].tell(class(0), seqs[who], what, payload(seqs[who]));
            }
            for _ in 0..4 {
                let (from, to) = (dice.of(3), dice.of(3));
                world.forward[from][to].is_stopped = dice.of(4) == 0;
                world.back[from][to].is_stopped = dice.of(4) == 0;
            }
            world.spool.commits = dice.of(3) > 0;
            if world.cuts.iter().all(|cuts| cuts.last().map_or(0, |cut| cut.number) == number) {
                if number > 0 && world.spool.at_cut.iter().all(|(at, _)| *at == number) {
                    in_flight += check(&world, number);
                }
                number += 1;
                world.shards[dice.of(3)].handle_cut(number);
            }
            world.exchange();
            for shard in 0..3 {
                world.shards[shard].handle_cut(number);
            }
        }
        world.forward.iter_mut().flatten().for_each(|ring| ring.is_stopped = false);
        world.back.iter_mut().flatten().for_each(|ring| ring.is_stopped = false);
        world.spool.commits = true;
        world.pass(3 * SECOND);
        assert!(number > 5, "seed {seed}: {number} cuts");
        check(&world, number);
        for (client, seq) in clients.into_iter().zip(seqs) {
            assert_eq!(world.clients[client].receipts()[0], seq, "seed {seed}");
        }
        let (accepted, ended, duplicates) = world.ledger();
        assert_eq!((accepted, duplicates), (seqs.iter().sum(), 0), "seed {seed}");
        assert_eq!(ended, accepted, "seed {seed}");
    }
    assert!(in_flight > 0, "some cut met events between two shards");
}

struct Dice(u64);

impl Dice {
    fn of(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}
