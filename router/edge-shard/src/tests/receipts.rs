//! A receipt leaves only when everything that it vouches for is on disk.

use edge_event::Provenance;

use super::client::class;
use super::rulebook::{ASK, HIT, NOISE, payload, serving};
use super::world::{SECOND, World, player_of};

#[test]
fn a_receipt_leaves_only_after_the_commit_whoever_owns_the_player() {
    for owner in [0, 1] {
        let mut world = World::new(2);
        let client = world.player(0, &player_of(owner, 0));
        world.spool.commits = false;
        world.clients[client].tell_all(class(0), 1..=3, HIT);
        world.pass(SECOND);
        assert_eq!(world.clients[client].receipts(), [0; 4]);
        world.spool.commits = true;
        world.pass(SECOND);
        assert_eq!(world.clients[client].receipts(), [3, 0, 0, 0]);
        assert_eq!(world.logged(class(0)), [1, 2, 3]);
        assert!(world.spool.log.iter().all(|record| record.revision == 7 && record.commands.len() == 1));
    }
}

#[test]
fn what_orders_nothing_needs_no_record_and_waits_for_what_was_before_it() {
    let mut world = World::new(2);
    let client = world.player(0, &player_of(1, 0));
    world.spool.commits = false;
    world.clients[client].tell(class(0), 1, NOISE, payload(1));
    world.clients[client].tell(class(0), 2, HIT, payload(2));
    world.clients[client].tell(class(0), 3, NOISE, payload(3));
    world.clients[client].tell(class(1), 1, NOISE, payload(4));
    world.pass(SECOND);
    assert_eq!(world.clients[client].receipts(), [1, 1, 0, 0]);
    world.spool.commits = true;
    world.pass(SECOND);
    assert_eq!(world.clients[client].receipts(), [3, 1, 0, 0]);
    assert_eq!(world.logged(class(0)), [2]);
}

#[test]
fn a_duplicate_vouches_for_the_record_of_its_first_copy() {
    let mut world = World::new(2);
    let player = player_of(1, 0);
    let first = world.player(0, &player);
    let second = world.player(1, &player);
    assert!(world.clients[first].closed().is_some(), "superseded");
    world.spool.commits = false;
    // The copy of a third connection is taken in, and not committed, after the fourth was welcomed.
    let third = world.player(0, &player);
    world.forward[0][1].is_stopped = true;
    world.clients[third].tell_all(class(0), 1..=1, HIT);
    world.exchange();
    assert_eq!(world.forward[0][1].len(), 1);
    let fourth = world.player(1, &player);
    world.forward[0][1].is_stopped = false;
    world.exchange();
    world.clients[fourth].tell_all(class(0), 1..=1, HIT);
    world.pass(SECOND);
    assert_eq!(world.ledger(), (2, 2, 1));
    assert_eq!(world.clients[fourth].receipts(), [0; 4]);
    world.spool.commits = true;
    world.pass(SECOND);
    assert_eq!(world.clients[fourth].receipts(), [1, 0, 0, 0]);
    assert_eq!(world.logged(class(0)), [1]);
    assert_eq!(world.clients[second].receipts(), [0; 4]);
}

#[test]
fn a_welcome_vouches_for_what_it_tells_only_when_that_is_committed() {
    for owner in [0, 1] {
        let mut world = World::new(2);
        let player = player_of(owner, 0);
        let client = world.player(0, &player);
        world.spool.commits = false;
        world.clients[client].tell_all(class(2), 1..=5, HIT);
        world.exchange();
        world.clients[client].is_mute = true;
        let again = world.knock(0, &player, Provenance::Client, [0; 4]);
        world.pass(SECOND);
        assert!(world.clients[again].welcome().is_none());
        world.spool.commits = true;
        world.exchange();
        let welcome = world.clients[again].welcome().unwrap();
        assert!(welcome.resumed);
        assert_eq!(welcome.receipts.map(|seq| seq.0), [0, 0, 5, 0]);
        assert_eq!(welcome.revision, 7);
    }
}

#[test]
fn replies_do_not_wait_for_the_disk() {
    for owner in [0, 1] {
        let mut world = World::new(2);
        let client = world.player(0, &player_of(owner, 0));
        world.spool.commits = false;
        world.clients[client].tell(class(0), 1, HIT, payload(1));
        world.clients[client].tell(class(0), 2, ASK, payload(2));
        world.clients[client].tell_unreliably(ASK, payload(3));
        world.pass(SECOND);
        assert_eq!(world.clients[client].replies(), ["first", "second", "first", "second"]);
        assert_eq!(world.clients[client].receipts(), [0; 4]);
    }
}

#[test]
fn a_rejected_event_consumes_its_number_and_waits_like_any_other() {
    let mut world = World::new(2);
    let client = world.player(0, &player_of(1, 0));
    world.spool.commits = false;
    world.clients[client].tell(class(0), 1, HIT, payload(1));
    world.clients[client].tell(class(0), 2, 999, payload(2));
    world.clients[client].tell(class(0), 3, HIT, vec![0xff]);
    world.clients[client].tell_unreliably(HIT, vec![0xff]);
    world.pass(SECOND);
    assert_eq!(world.clients[client].rejects(), [2, 3]);
    assert_eq!(world.clients[client].receipts(), [0; 4]);
    world.spool.commits = true;
    world.pass(SECOND);
    assert_eq!(world.clients[client].receipts(), [3, 0, 0, 0]);
    let counters = world.shards[0].stats().counters;
    assert_eq!((counters.accepted, counters.rejected, counters.dropped), (1, 2, 1));
}

#[test]
fn a_swap_falls_between_two_events() {
    let mut world = World::new(2);
    let client = world.player(0, &player_of(1, 0));
    world.clients[client].tell_all(class(0), 1..=2, HIT);
    world.exchange();
    for shard in &mut world.shards {
        let old = shard.handle_rules(serving(8));
        assert_eq!(old.rules.revision(), 7);
    }
    world.clients[client].tell_all(class(0), 3..=3, HIT);
    world.pass(SECOND);
    let revisions: Vec<u64> = world.spool.log.iter().map(|record| record.revision).collect();
    assert_eq!(revisions, [7, 7, 8]);
    assert_eq!(world.shards[1].stats().revision, 8);
}
