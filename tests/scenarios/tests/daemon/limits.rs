//! The kernel's limits: open files, the size of files, address space, memory, locked memory.
//!
//! What must hold. *Too low at the start*: the daemon ends with exit code 1 before it has touched anything, and names the limit, what it
//! is and what is needed. *Lowered while it runs*: what needs more is refused as on a full disk, nothing receipted is lost, and
//! it goes on when the limit is raised. *Memory*: the kernel's kill is a kill like any other. *Locked memory*: io_uring is
//! given up for plain calls where the kernel refuses it, and the log says why.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use edge_client::Client;
use scenarios::ceiling::MemoryCeiling;
use scenarios::wait::{PATIENCE, until, until_true};
use scenarios::{Dice, Frozen, Line, Node, Settings, World, granted};

use crate::crowd::{Crowd, Manner, compare};
use crate::play::{C0, FLOOD, flooding_bundle, long_event, nonces, player, tell_and_wait};

const MIB: u64 = 1 << 20;

#[test]
fn a_limit_that_is_too_low_at_the_start_is_named() {
    let world = World::new();
    for (limit, words) in [
        ("--nofile=64", "the limit of open files is 64, but 200 are needed: raise it (`ulimit -n`, `LimitNOFILE=`)"),
        ("--fsize=3000000", "is 3000000, but 71303168 are needed: raise it (`ulimit -f`, `LimitFSIZE=`)"),
        ("--as=200000000", "the limit of the address space in bytes is 200000000, but 402653184 are needed: raise it"),
    ] {
        let node = Node::prepare(&world, Settings::default(), &world.bundle(1)).wrapped(["prlimit", limit, "--"]);
        let ended = node.run_to_end();
        let log = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{limit}: {log}");
        assert!(log.contains(words), "{limit}: {log}");
        assert!(!node.folder().join("spool").exists(), "{limit}: nothing was started");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn just_enough_is_enough() {
    let world = World::new();
    let limits = ["prlimit", "--nofile=200", "--fsize=71303168", "--as=402653184", "--"];
    let mut node = Node::prepare(&world, Settings::default(), &world.bundle(1)).wrapped(limits);
    node.spawn();
    node.await_ready();
    let crowd = Crowd::come(&world, &node, &mut Dice::fresh("low limits"), Manner::default());
    crowd.await_receipts(300);
    crowd.go_and_compare(&mut node).await;
}

/// Lowers or raises what is enforced for a process that runs.
fn set(node: &Node, limit: &str) {
    let prlimit = Command::new("prlimit").args(["--pid", &node.pid().to_string(), limit]).output().expect("prlimit");
    assert!(prlimit.status.success(), "{prlimit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_is_lowered_refuses_work_and_ends_nothing() {
    const FULL: &str = "the spool is full: nothing new is committed until there is room";
    let world = World::new();
    for (low, raised, why) in [
        ("--fsize=1000000:", "--fsize=unlimited:", "File too large"),
        ("--nofile=8:", "--nofile=4096:", "Too many open files"),
    ] {
        let mut node = Node::prepare(&world, Settings::default(), &flooding_bundle(&world));
        node.spawn();
        node.await_ready();
        let client = player(&world, &node, "p1");
        tell_and_wait(&world, &client, C0, "Hit", 1).await;
        set(&node, low);
        let mut told = 0;
        let said = until("the spool to be full", PATIENCE, || {
            told += tell_long(&world, &client, 20);
            node.logged(FULL).pop()
        });
        assert!(said["why"].as_str().is_some_and(|said| said.contains(why)), "{said}");
        set(&node, raised);
        until_true("the node to be ready", || node.page("/readyz").status == 200);
        tell_and_wait(&world, &client, C0, "Hit", 2).await;
        let report = client.close(PATIENCE).await;
        assert_eq!(report.outstanding_events, 0, "every event gets its receipt in the end");
        node.await_settled();
        node.drain();
        assert_eq!(nonces(&node, FLOOD).len() as u64, told, "each once");
        assert_eq!(nonces(&node, "audit"), [1, 2]);
    }
}

/// Large events, as far as there is room for them. Gives how many were taken.
fn tell_long(world: &World, client: &Client, events: usize) -> u64 {
    let (event_type, payload) = long_event(world, 1);
    let classes = edge_client::Class::ALL.into_iter().cycle().take(events);
    classes.filter(|class| client.try_send(*class, event_type, payload.clone()).is_ok()).count() as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kernels_kill_for_want_of_memory_loses_nothing() {
    // Less than what its own limits let it take while its disk stands still. It outlives the node, to be removed.
    let Some(ceiling) = granted::or_skip("a memory cgroup", MemoryCeiling::new(MIB)) else { return };
    let world = World::new();
    let mut node = Node::prepare(&world, Settings::default(), &flooding_bundle(&world));
    node.spawn();
    node.await_ready();
    let crowd = Crowd::come(&world, &node, &mut Dice::fresh("memory"), Manner { players: 4, ..Manner::default() });
    crowd.await_receipts(100);
    ceiling.hold(node.pid()).expect("a place below the ceiling");
    // Nothing comes to the disk any more, so that what is told stays in memory.
    let Some(frozen) = granted::or_skip("to trace its own children", Frozen::thread(node.pid(), "spool")) else {
        return;
    };
    let mut floods: Vec<Client> = Vec::new();
    let ended = until("the kernel to end it", PATIENCE, || {
        let flood = world.player(&format!("flood{}", floods.len())).endpoint(node.endpoint()).memory_only();
        floods.push(flood.queue_limit(1024, 64 << 20).start().expect("a client"));
        for flood in &floods {
            tell_long(&world, flood, 8);
        }
        node.try_end()
    });
    assert_eq!(ended.signal(), Some(9), "{ended}: {}", node.log());
    drop((floods, frozen));
    node.restart();
    crowd.await_receipts(100);
    let stories = crowd.go().await;
    node.await_settled();
    node.drain();
    let of_crowd: Vec<Line> = node.lines().into_iter().filter(|line| line.rule() != FLOOD).collect();
    compare(&stories, &of_crowd);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_memory_may_be_locked_it_says_what_serves() {
    let world = World::new();
    // Root may lock memory whatever the limit says, so that is given up, too.
    let wrapper = ["setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock", "prlimit", "--memlock=0", "--"];
    let mut node = Node::prepare(&world, Settings::default(), &world.bundle(1)).wrapped(wrapper);
    node.spawn();
    node.await_ready();
    let client = player(&world, &node, "p1");
    tell_and_wait(&world, &client, C0, "Hit", 1).await;
    drop(client);
    node.await_settled();
    let [sockets, disks] = ["socket open", "spool's disk open"].map(|line| node.logged(line));
    node.drain();
    assert!(!sockets.is_empty() && !disks.is_empty(), "doors are told:\n{}", node.log());
    let is_counted = || sockets.iter().chain(&disks).any(|opened| opened["door"] != "io_uring");
    let counted = is_counted().then_some(()).ok_or_else(|| "every door is io_uring without any".to_owned());
    if granted::or_skip("a kernel that counts io_uring's memory as locked", counted).is_none() {
        return;
    }
    for (opened, plain) in sockets.iter().map(|it| (it, "epoll")).chain(disks.iter().map(|it| (it, "plain"))) {
        let why = opened["why"].as_str().expect("a reason");
        assert!(why.contains("io_uring was refused") && why.contains("LimitMEMLOCK"), "{opened}");
        assert_eq!(opened["door"], plain, "{opened}");
    }
}
