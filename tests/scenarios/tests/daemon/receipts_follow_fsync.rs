//! No receipt leaves before its fsync has completed, witnessed by the system calls of the daemon on its fallback doors.
//!
//! The kernel is told (through strace) to let every fdatasync return late. A client that sends one event at a time then sees how
//! long receipts wait, and the trace shows for what. Events that order nothing need no sync: their receipts come at once,
//! so the waiting of the others is not the machine's.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use edge_client::{Class, Client};
use scenarios::syscalls::{Call, Seen, parse, receipts_follow_syncs};
use scenarios::{Node, Settings, World, granted};

use crate::play::{C0, C1, player, tell_and_wait};

/// How late every fdatasync returns.
const LATE: Duration = Duration::from_millis(150);
const EVENTS: u64 = 12;
const CALLS: &str = "trace=recvmsg,recvmmsg,sendmsg,sendmmsg,pwrite64,fdatasync,fsync";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_follow_their_fsync() {
    if granted::strace().is_none() {
        return;
    }
    let world = World::new();
    let settings = Settings::default()
        .with("listen.door", "plain")
        .with("spool.door", "plain")
        .with("session.receipt_delay", "0ms")
        .with_toml("session.receipt_batch", "1");
    let mut node = Node::prepare(&world, settings, &world.bundle(1));
    let trace = node.folder().join("trace");
    node = node.wrapped(strace(&trace));
    node.spawn();
    node.await_ready();
    let client = player(&world, &node, "p1");
    tell_and_wait(&world, &client, C1, "Noise", 0).await;

    let ordering = one_at_a_time(&world, &client, C0, "Hit").await;
    let quiet = one_at_a_time(&world, &client, C1, "Noise").await;
    node.await_settled();
    assert_eq!(node.lines().len() as u64, EVENTS, "every hit ordered a command");
    drop(client);
    node.drain();

    let calls = parse(&std::fs::read_to_string(&trace).expect("a trace"));
    receipts_follow_syncs(&calls, &ordering, LATE.as_secs_f64() * 0.9).unwrap_or_else(|why| panic!("{why}"));
    let at_once = quiet.iter().filter(|event| event.receipted - event.sent < LATE.as_secs_f64() * 0.9).count();
    assert!(at_once > 0, "events that order nothing wait for no sync: {quiet:?}");
    the_witness_can_be_contradicted(&calls, &ordering);
}

/// `-D` lets the daemon be our own child, so that it is the daemon that signals reach.
fn strace(trace: &Path) -> Vec<std::ffi::OsString> {
    let late = format!("inject=fdatasync:delay_exit={}", LATE.as_micros());
    let words = ["strace", "-D", "-f", "-ttt", "-T", "-y", "-s", "0", "-e", CALLS, "-e", &late, "-o"];
    let mut words: Vec<std::ffi::OsString> = words.map(Into::into).into();
    words.push(trace.into());
    words.push("--".into());
    words
}

async fn one_at_a_time(world: &World, client: &Client, class: Class, name: &str) -> Vec<Seen> {
    let mut seen = Vec::new();
    for nonce in 0..EVENTS {
        let sent = now();
        tell_and_wait(world, client, class, name, nonce).await;
        seen.push(Seen { sent, receipted: now() });
    }
    seen
}

/// The same trace without its syncs, with syncs that failed, and with syncs that came too late must all be noticed.
fn the_witness_can_be_contradicted(calls: &[Call], events: &[Seen]) {
    let slack = LATE.as_secs_f64() * 0.9;
    let changed =
        |change: &dyn Fn(Call) -> Option<Call>| -> Vec<Call> { calls.iter().cloned().filter_map(change).collect() };
    let is_sync = |call: &Call| call.name == "fdatasync";
    let without = changed(&|call| (!is_sync(&call)).then_some(call));
    let failed = changed(&|call| Some(if is_sync(&call) { Call { result: -1, ..call } } else { call }));
    let later = changed(&|call| {
        let end = if is_sync(&call) { call.end + 2.0 * LATE.as_secs_f64() } else { call.end };
        Some(Call { end, ..call })
    });
    for wrong in [without, failed, later] {
        assert!(receipts_follow_syncs(&wrong, events, slack).is_err(), "a trace that proves nothing passed");
    }
}

/// Seconds since 1970, by the clock that strace prints.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
