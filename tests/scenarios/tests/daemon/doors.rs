//! The daemon serves alike on io_uring and on plain system calls, and says which and why.

use std::collections::BTreeMap;

use edge_client::Client;
use scenarios::{Node, Settings, World, lines};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use crate::play::{C0, C1, nonces, player, receipt, tell};

/// What every door must do: take reliable events and datagrams of several players, order commands, end in order.
async fn serves(world: &World, node: &mut Node) {
    let players: Vec<Client> = (0..4).map(|n| player(world, node, &format!("p{n}"))).collect();
    for (n, client) in players.iter().enumerate() {
        for i in 0..25 {
            tell(world, client, C0, "Hit", n as u64 * 1000 + i).await;
            tell(world, client, C1, "Noise", i).await;
        }
    }
    for client in &players {
        receipt(client, C0, 25).await;
        receipt(client, C1, 25).await;
        let (step, payload) = world.event("Step", &serde_json::json!({ "nonce": 9 }));
        client.send_unreliable(step, payload).expect("a datagram");
        client.flush_unreliable();
    }
    node.await_settled();
    let mut hits = nonces(node, "audit");
    hits.sort_unstable();
    let wanted: Vec<u64> = (0..4).flat_map(|n| (0..25).map(move |i| n * 1000 + i)).collect();
    assert_eq!(hits, wanted);
    scenarios::wait::until_true("datagrams to order commands", || !nonces(node, "far_step").is_empty());
    lines::check_promises(&node.lines());
    drop(players);
    node.drain();
}

/// The doors of all shards and of the spool, as the log and the figures name them.
fn doors_of(node: &Node) -> (Vec<(String, String)>, String) {
    let text = |fields: &serde_json::Value, name: &str| fields[name].as_str().unwrap_or_default().to_owned();
    let shards: Vec<_> = node.logged("socket open").iter().map(|f| (text(f, "door"), text(f, "why"))).collect();
    let disk = text(&node.logged("spool's disk open")[0], "door");
    let figures = node.metrics();
    for (door, why) in &shards {
        assert!(!why.is_empty(), "the log says why");
        assert_eq!(figures.sum("edge_udp_door_info", &format!("door=\"{door}\"")), shards.len() as f64);
    }
    assert_eq!(figures.sum("edge_spool_door_info", &format!("door=\"{disk}\"")), 1.0);
    (shards, disk)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_kernel_offers_serves() {
    let world = World::new();
    let mut node = Node::start(&world, Settings::default());
    let (shards, disk) = doors_of(&node);
    assert_eq!(shards.len(), 2);
    let is_uring = shards.iter().all(|(door, _)| door == "io_uring");
    assert_eq!(is_uring, disk == "io_uring", "{shards:?} {disk}");
    serves(&world, &mut node).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_calls_serve() {
    let world = World::new();
    let mut node = Node::start(&world, Settings::default().with("listen.door", "plain").with("spool.door", "plain"));
    let (shards, disk) = doors_of(&node);
    assert!(shards.iter().all(|(door, _)| door == "epoll"), "{shards:?}");
    assert_eq!(disk, "plain");
    serves(&world, &mut node).await;
}

/// Starts a process from a thread for which io_uring and bpf are refused; the filter goes on to its children.
fn without_uring<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    let refused = [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register, libc::SYS_bpf];
    let rules: BTreeMap<i64, Vec<_>> = refused.into_iter().map(|call| (call, Vec::new())).collect();
    let arch = std::env::consts::ARCH.try_into().expect("a known machine");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32), arch);
    let program: BpfProgram = filter.expect("a filter").try_into().expect("a program");
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            seccompiler::apply_filter(&program).expect("the kernel takes the filter");
            body()
        });
        thread.join().expect("the thread ends well")
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_io_uring_is_refused_plain_calls_serve_and_the_log_says_why() {
    let world = World::new();
    let mut node = without_uring(|| Node::start(&world, Settings::default()));
    let (shards, disk) = doors_of(&node);
    for (door, why) in &shards {
        assert_eq!(door, "epoll");
        assert!(why.contains("io_uring was refused") && why.contains("seccomp"), "{why}");
    }
    assert_eq!(disk, "plain");
    serves(&world, &mut node).await;
}

#[test]
fn who_demands_io_uring_and_is_refused_it_is_told() {
    let world = World::new();
    let node = Node::prepare(&world, Settings::default().with("listen.door", "io_uring"), &world.bundle(1));
    let ended = without_uring(|| node.run_to_end());
    assert_eq!(ended.status.code(), Some(1));
    let log = String::from_utf8_lossy(&ended.stderr);
    assert!(log.contains("io_uring was refused"), "{log}");
}
