//! The machine's clock is wrong by years, or steps while the daemon serves.
//!
//! What must hold. *Wrong by years*: the daemon starts, says that it is ready, judges tokens by the clock that it has and refuses those
//! of others with the code that says so, takes what it is told, and after the clock was set right a gate that was used is still
//! used and resends are still known (unless the clock jumped over the time for which they are remembered). *The time of day
//! steps*: no session ends, no thread is blamed, nothing is lost, doubled or out of order; rules follow a step forward at
//! once and never run backwards.
//! *All clocks step*: sessions may end, and what was told before may be late for a window; nothing else.

use edge_client::{ProducerId, Seq};
use edge_wire::{RefuseCode, Welcome};
use scenarios::faketime::{Clocks, FalseClock};
use scenarios::issuer::now_s;
use scenarios::model::Told;
use scenarios::peer::{Unwelcome, fresh_producer};
use scenarios::{Dice, Line, Node, Peer, Settings, World, granted, lines};
use serde_json::json;

use crate::crowd::{Crowd, Manner, compare};
use crate::play::{C0, nonces};

const YEAR_S: i64 = 365 * 86_400;
const HOUR_S: i64 = 3_600;
const BLAMED: &str = "a thread does not turn";

fn clock(clocks: Clocks) -> Option<FalseClock> {
    granted::or_skip("libfaketime", FalseClock::new(clocks))
}

fn start(world: &World, clock: &FalseClock) -> Node {
    let mut node = Node::prepare(world, Settings::default(), &world.bundle(1)).wrapped(clock.wrapper());
    node.spawn();
    node.await_ready();
    node
}

/// A player whose token was made by an issuer of that clock.
async fn hello(world: &World, node: &Node, offset_s: i64, producer: ProducerId) -> Result<(Peer, Welcome), Unwelcome> {
    let now = now_s() + offset_s;
    let token = world.players.token_but("p1", |claims| {
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + 600);
    });
    Peer::hello(world, node.address(), token, producer).await
}

async fn refusal(world: &World, node: &Node) -> Option<RefuseCode> {
    match hello(world, node, 0, fresh_producer()).await.map(drop) {
        Err(Unwelcome::Refused(refuse)) => refuse.known(),
        other => panic!("{other:?}"),
    }
}

async fn tell(world: &World, peer: &mut Peer, seqs: std::ops::RangeInclusive<u64>, name: &str) {
    for seq in seqs.clone() {
        peer.send(C0, seq, world.event(name, &json!({ "nonce": seq }))).await;
    }
    peer.receipt(C0, *seqs.end()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_wrong_by_years_is_lived_with() {
    for (offset_s, code) in [(-20 * YEAR_S, RefuseCode::TokenNotYetValid), (20 * YEAR_S, RefuseCode::TokenExpired)] {
        let Some(clock) = clock(Clocks::Wall) else { return };
        clock.step_to(offset_s);
        let world = World::new();
        let mut node = start(&world, &clock);
        assert_eq!(refusal(&world, &node).await, Some(code), "a token of the right time");
        let producer = fresh_producer();
        let (mut peer, _) = hello(&world, &node, offset_s, producer).await.expect("a token of that time");
        tell(&world, &mut peer, 1..=1, "Login").await;
        tell(&world, &mut peer, 2..=4, "Hit").await;
        node.await_settled();
        // Somebody sets the clock right and starts it anew.
        node.kill9();
        clock.step_to(0);
        node.restart();
        let (mut peer, welcome) = hello(&world, &node, 0, producer).await.expect("a token of the right time");
        if offset_s > 0 {
            assert_eq!(welcome.receipts[C0.index()], Seq(4), "what is receipted is remembered");
            tell(&world, &mut peer, 1..=1, "Login").await;
            tell(&world, &mut peer, 2..=4, "Hit").await;
        }
        let next = welcome.receipts[C0.index()].0 + 1;
        peer.send(C0, next, world.event("Login", &json!({ "nonce": 5 }))).await;
        peer.receipt(C0, next).await;
        node.await_settled();
        node.drain();
        lines::check_promises(&node.lines());
        assert_eq!(nonces(&node, "welcome"), [1], "once, for ever, whatever the clock says");
        assert_eq!(nonces(&node, "audit"), [2, 3, 4]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_of_the_time_of_day_end_no_session_and_lose_nothing() {
    let Some(clock) = clock(Clocks::Wall) else { return };
    let world = World::new();
    let mut node = start(&world, &clock);
    let manner = Manner::default();
    let players = manner.players;
    let crowd = Crowd::come(&world, &node, &mut Dice::fresh("steps of the time of day"), manner);
    crowd.await_receipts(100);
    for offset_s in [240, -300, -300 + 2, 0] {
        clock.step_to(offset_s);
        crowd.await_receipts(50);
        assert_eq!(node.page("/readyz").status, 200);
    }
    assert_eq!(node.metrics().total("edge_handshakes_total"), players as f64, "no session ended");
    assert!(node.logged(BLAMED).is_empty(), "{}", node.log());
    crowd.go_and_compare(&mut node).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_follow_a_step_forward_and_never_run_backwards() {
    let Some(clock) = clock(Clocks::Wall) else { return };
    let world = World::new();
    let mut node = start(&world, &clock);
    let (mut peer, _) = hello(&world, &node, 0, fresh_producer()).await.expect("WELCOME");
    // A streak is three kills within an hour.
    tell(&world, &mut peer, 1..=2, "Kill").await;
    clock.step_to(2 * HOUR_S);
    tell(&world, &mut peer, 3..=3, "Kill").await;
    // Back again: the window goes on from where it was, it does not find the first two anew.
    clock.step_to(0);
    tell(&world, &mut peer, 4..=4, "Kill").await;
    tell(&world, &mut peer, 5..=5, "Kill").await;
    node.await_settled();
    node.drain();
    assert_eq!(nonces(&node, "streak"), [5], "the third of the second hour");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_of_all_clocks_may_end_sessions_and_nothing_else() {
    let Some(clock) = clock(Clocks::All) else { return };
    let world = World::new();
    let mut node = start(&world, &clock);
    let crowd = Crowd::come(&world, &node, &mut Dice::fresh("steps of all clocks"), Manner::default());
    crowd.await_receipts(100);
    for offset_s in [20, 60] {
        clock.step_to(offset_s);
        crowd.await_receipts(100);
    }
    let mut stories = crowd.go().await;
    node.await_settled();
    node.drain();
    // Whether a kill was late for its window nobody can say.
    stories.iter_mut().flat_map(|story| &mut story.told).flatten().filter(|told| **told == Told::Kill).for_each(
        |told| {
            *told = Told::Noise;
        },
    );
    let lines: Vec<Line> = node.lines().into_iter().filter(|line| line.rule() != "streak").collect();
    compare(&stories, &lines);
}
