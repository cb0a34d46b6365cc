//! Whatever is resent, wherever, and whatever was lost meanwhile: each event takes effect once.

use edge_event::Partition;
use edge_wire::keys::player_key;

use super::client::class;
use super::rulebook::{HIT, LOGIN, NOISE, TRADE, payload, trade};
use super::world::{SECOND, World, player_of};

fn up_to(n: u64) -> Vec<u64> {
    (1..=n).collect()
}

#[test]
fn a_resend_on_another_shard_is_told_from_what_is_new() {
    for (owner, before, after) in [(0, 0, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0), (1, 0, 0)] {
        let mut world = World::new(2);
        let player = player_of(owner, 0);
        let client = world.player(before, &player);
        world.clients[client].tell_all(class(1), 1..=10, HIT);
        world.exchange();
        world.clients[client].is_mute = true;
        // It has heard of nothing, and says so; the server knows better.
        let again = world.player(after, &player);
        assert_eq!(world.clients[again].welcome().unwrap().receipts[1].0, 10);
        world.clients[again].tell_all(class(1), 4..=12, HIT);
        world.pass(SECOND);
        assert_eq!(world.logged(class(1)), up_to(12));
        assert_eq!(world.clients[again].receipts()[1], 12);
    }
}

#[test]
fn copies_in_flight_pass_once_whichever_comes_first() {
    for old_first in [true, false] {
        let mut world = World::new(2);
        let player = player_of(1, 0);
        let old = world.player(0, &player);
        world.forward[0][1].is_stopped = true;
        world.clients[old].tell_all(class(0), 1..=8, HIT);
        world.exchange();
        assert_eq!(world.forward[0][1].len(), 8);
        let new = world.player(1, &player);
        assert_eq!(world.clients[new].welcome().unwrap().receipts[0].0, 0);
        if old_first {
            world.forward[0][1].is_stopped = false;
            world.exchange();
        }
        world.clients[new].tell_all(class(0), 1..=10, HIT);
        world.exchange();
        world.forward[0][1].is_stopped = false;
        world.pass(SECOND);
        assert_eq!(world.logged(class(0)), up_to(10));
        assert_eq!(world.ledger(), (18, 18, 8));
        assert_eq!(world.clients[new].receipts()[0], 10);
    }
}

/// Trades of twenty players; both shards own some of them.
fn trades() -> Vec<(u64, String)> {
    (1..=20).map(|seq| (seq, player_of(seq as u16 % 3 / 2, seq as usize))).collect()
}

fn tell_trades(world: &mut World, client: usize, from: u64) {
    for (seq, player) in trades().into_iter().filter(|(seq, _)| *seq >= from) {
        world.clients[client].tell(class(0), seq, TRADE, trade(seq, &player));
    }
}

#[test]
fn a_game_servers_receipt_waits_for_every_owner() {
    let mut world = World::new(2);
    let client = world.game_server(0, [0; 4]);
    world.spool.commits = false;
    tell_trades(&mut world, client, 1);
    world.exchange();
    world.commit_of(0);
    world.pass(SECOND);
    assert_eq!(world.clients[client].receipts()[0], 1, "the second trade is the other shard's");
    world.commit_of(1);
    world.pass(SECOND);
    assert_eq!(world.clients[client].receipts()[0], 20);
}

#[test]
fn a_game_server_hears_of_no_marks_because_one_slice_knows_nothing_of_the_others() {
    let mut world = World::new(2);
    let client = world.game_server(0, [0; 4]);
    // The last event is about a player in the slice of the server's own name: its mark there is 2, and 1 is lost.
    let home = Partition::of(player_key("gs-1")).owner(2);
    world.spool.commits = false;
    world.clients[client].tell(class(0), 1, TRADE, trade(1, &player_of(1 - home.0, 0)));
    world.clients[client].tell(class(0), 2, TRADE, trade(2, "gs-1"));
    world.exchange();
    world.commit_of(usize::from(home.0));
    world.restart(2);
    let again = world.game_server(1, [0; 4]);
    assert_eq!(world.clients[again].welcome().unwrap().receipts[0].0, 0);
    world.clients[again].tell(class(0), 1, TRADE, trade(1, &player_of(1 - home.0, 0)));
    world.clients[again].tell(class(0), 2, TRADE, trade(2, "gs-1"));
    world.pass(SECOND);
    assert_eq!(world.logged_sorted(class(0)), [1, 2]);
    assert_eq!(world.clients[again].receipts()[0], 2);
}

#[test]
fn a_crash_that_keeps_one_owners_records_loses_and_doubles_nothing() {
    for (kept, shards) in [(0, 2), (1, 2), (0, 3), (1, 1)] {
        let mut world = World::new(2);
        let client = world.game_server(1, [0; 4]);
        world.spool.commits = false;
        tell_trades(&mut world, client, 1);
        world.exchange();
        world.commit_of(kept);
        let survived = world.spool.log.len();
        assert!((1..20).contains(&survived));
        world.restart(shards);
        let again = world.game_server(0, [0; 4]);
        tell_trades(&mut world, again, 1);
        world.pass(SECOND);
        assert_eq!(world.logged_sorted(class(0)), up_to(20));
        assert_eq!(world.clients[again].receipts()[0], 20);
        assert_eq!(world.ledger().2, survived as u64);
    }
}

#[test]
fn a_restart_with_another_number_of_shards_knows_marks_and_gates() {
    let mut world = World::new(2);
    let players: Vec<String> = (0..6).map(|n| player_of(n % 2, usize::from(n))).collect();
    let mut told = 0;
    for (round, shards) in [2, 3, 1, 2].into_iter().enumerate() {
        if round > 0 {
            world.restart(shards);
        }
        for (n, player) in players.iter().enumerate() {
            // Of its hits it says nothing; the login after the first left no record, so only the client knows.
            let client = world.back_with(n % usize::from(shards), player, [0, round as u64, 0, 0]);
            let known = world.clients[client].welcome().unwrap().receipts[0].0;
            assert_eq!(known, told, "round {round}, {player}");
            world.clients[client].tell_all(class(0), known.max(2) - 1..=told + 5, HIT);
            world.clients[client].tell(class(1), round as u64 + 1, LOGIN, payload(1));
            world.exchange();
            assert_eq!(world.clients[client].receipts()[0], told + 5);
            world.clients[client].is_mute = true;
        }
        told += 5;
    }
    assert_eq!(world.logged(class(0)).len(), players.len() * 20);
    let welcomes = world.spool.log.iter().filter(|r| r.commands.iter().any(|c| &*c.rule == "login")).count();
    assert_eq!(welcomes, players.len(), "once a player, for ever");
}

#[test]
fn what_had_a_receipt_and_no_record_is_not_asked_for_after_a_crash() {
    let mut world = World::new(2);
    let player = player_of(0, 0);
    let client = world.player(0, &player);
    world.clients[client].tell_all(class(0), 1..=3, HIT);
    world.clients[client].tell_all(class(0), 4..=9, NOISE);
    world.pass(SECOND);
    assert_eq!(world.clients[client].receipts()[0], 9);
    world.restart(2);
    let again = world.back_with(1, &player, [9, 0, 0, 0]);
    assert_eq!(world.clients[again].welcome().unwrap().receipts[0].0, 3);
    world.clients[again].tell_all(class(0), 10..=11, HIT);
    world.pass(SECOND);
    assert_eq!(world.clients[again].receipts()[0], 11);
    assert_eq!(world.logged(class(0)), [1, 2, 3, 10, 11]);
}

#[test]
fn datagrams_have_names_of_their_own_and_are_never_duplicates() {
    let mut world = World::new(2);
    let client = world.player(0, &player_of(1, 0));
    world.clients[client].tell_unreliably(HIT, payload(1));
    world.clients[client].tell_unreliably(HIT, payload(1));
    world.exchange();
    world.restart(2);
    let client = world.player(0, &player_of(1, 0));
    world.clients[client].tell_unreliably(HIT, payload(1));
    world.exchange();
    let mut ids: Vec<String> = world.spool.log.iter().map(|record| record.id.to_string()).collect();
    ids.dedup();
    assert_eq!(ids, ["1.1.0.1", "1.1.0.2", "1.2.0.1"]);
}
