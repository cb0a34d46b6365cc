//! Disks without room: the spool's, the sink's, and one that stands still.
//!
//! What must hold. *The spool's disk is full*: receipts stop, new sessions are refused with `SPOOL_FULL` and a time to come again,
//! `/readyz`, figures and status say why; a daemon that is killed then starts again on the full disk and delivers what is
//! spooled; when there is room everything goes on. *The sink's disk is full*: receipts go on, delivery waits, figures, status and
//! one line of the log say why. *The spool's disk does not answer*: receipts stop, `/readyz` says since when. In each:
//! nothing receipted is shed, lost, doubled or out of order.

use std::path::PathBuf;
use std::time::Duration;

use edge_client::{Client, Seq};
use edge_wire::RefuseCode;
use scenarios::mounts::{self, Filler, Still};
use scenarios::peer::{Unwelcome, fresh_producer};
use scenarios::wait::{PATIENCE, until, until_true};
use scenarios::{Dice, Line, Node, Peer, Settings, World, granted};

use crate::crowd::{Crowd, Manner, compare};
use crate::play::{C1, FLOOD, flooding_bundle, long_event, nonces, receipt};

const MIB: u64 = 1 << 20;

/// Runs a story with mounts of its own.
fn with_mounts<F: Future<Output = ()>>(story: impl FnOnce(PathBuf) -> F + Send) {
    granted::or_skip("a mount namespace", mounts::with_own_async(story));
}

/// A node, a crowd, and a flood on demand.
struct Stand {
    world: World,
    node: Node,
    crowd: Crowd,
    flood: Client,
    /// Events of the flood.
    told: u64,
}

impl Stand {
    fn on(world: World, mut node: Node, story: &str) -> Stand {
        node.spawn();
        node.await_ready();
        let crowd = Crowd::come(&world, &node, &mut Dice::fresh(story), Manner { players: 4, ..Manner::default() });
        let flood = world.player("flood").endpoint(node.endpoint()).memory_only().queue_limit(200, 8 << 20);
        let flood = flood.start().expect("a client");
        crowd.await_receipts(50);
        Stand { world, node, crowd, flood, told: 0 }
    }

    /// Large events, until it is so.
    async fn flood_until(&mut self, what: &str, is_so: impl Fn(&Node) -> bool) {
        let begun = std::time::Instant::now();
        while !is_so(&self.node) {
            assert!(begun.elapsed() < PATIENCE, "waited for {what}, in vain: {:?}", self.node.status());
            for _ in 0..20 {
                let (event_type, payload) = long_event(&self.world, self.told + 1);
                // A full queue only means that receipts are slow.
                if self.flood.try_send(C1, event_type, payload).is_ok() {
                    self.told += 1;
                }
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Everything has its receipt, and the files say what was told.
    async fn end(mut self) {
        receipt(&self.flood, C1, self.told).await;
        assert_eq!(self.flood.receipt(C1), Seq(self.told));
        drop(self.flood);
        let stories = self.crowd.go().await;
        self.node.await_settled();
        assert_eq!(self.node.status().ledger.shed, 0, "nothing receipted is shed");
        self.node.drain();
        assert_eq!(nonces(&self.node, FLOOD), (1..=self.told).collect::<Vec<_>>(), "the flood, once and in order");
        let lines = self.node.lines();
        scenarios::lines::check_promises(&lines);
        let of_crowd: Vec<Line> = lines.into_iter().filter(|line| line.rule() != FLOOD).collect();
        compare(&stories, &of_crowd);
    }
}

fn is_unready(node: &Node) -> bool {
    node.page("/readyz").status == 503
}

fn await_ready(node: &Node) {
    until("the node to be ready again", PATIENCE, || (!is_unready(node)).then_some(()));
}

#[test]
fn a_full_spool_stops_receipts_and_goes_on_when_there_is_room() {
    with_mounts(|folder| async move {
        let world = World::new();
        let disk = folder.join("spool");
        mounts::tmpfs(&disk, 64 * MIB);
        let settings = Settings::default().with("spool.directory", &disk.to_string_lossy());
        let node = Node::prepare(&world, settings, &flooding_bundle(&world));
        let mut stand = Stand::on(world, node, "full spool");
        let full = Filler::all_but(&disk, 0);
        stand.flood_until("the spool to be full", is_unready).await;
        says_why(&stand).await;

        // The supervisor takes it for dead. What is spooled is delivered though nothing new can be.
        stand.node.kill9();
        stand.node.respawn();
        until_true("it to serve", || stand.node.try_address().is_some());
        let Seq(receipted) = stand.flood.receipt(C1);
        until_true("what has a receipt to be delivered", || nonces(&stand.node, FLOOD).len() as u64 >= receipted);
        drop(full);
        await_ready(&stand.node);
        stand.crowd.await_receipts(100);
        stand.end().await;
    });
}

async fn says_why(stand: &Stand) {
    let Stand { world, node, crowd, .. } = stand;
    let why = node.page("/readyz").body;
    assert!(why.contains("spool: setting a segment aside: No space left on device"), "{why}");
    let stopped = crowd.await_silence(Duration::from_millis(600));
    match Peer::hello(world, node.address(), world.players.token("late"), fresh_producer()).await.map(drop) {
        Err(Unwelcome::Refused(refuse)) => {
            assert_eq!(refuse.known(), Some(RefuseCode::SpoolFull), "{refuse:?}");
            assert!(refuse.retry_after_ms.is_some_and(|ms| ms >= 1_000), "a time to come again: {refuse:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(crowd.total(), stopped, "no receipt without room");
    assert_eq!(node.metrics().total("edge_spool_healthy"), 0.0);
    assert_eq!(node.status().spool.state, "full");
    assert_eq!(node.page("/healthz").body, "alive\n", "no thread stands still for it");
}

#[test]
fn a_full_sink_delays_delivery_and_no_receipt() {
    with_mounts(|folder| async move {
        let world = World::new();
        let node = Node::prepare(&world, Settings::default(), &flooding_bundle(&world));
        // A link, so that the files are found where they always are.
        let disk = folder.join("commands");
        mounts::tmpfs(&disk, 16 * MIB);
        std::os::unix::fs::symlink(&disk, node.folder().join("commands")).expect("a link");
        let mut stand = Stand::on(world, node, "full sink");
        let full = Filler::all_but(&disk, 8 << 10);
        stand.flood_until("the sink to be in trouble", |node| !node.status().sink.trouble.is_empty()).await;
        stand.crowd.await_receipts(300);
        let status = stand.node.status();
        assert!(status.sink.trouble.contains("No space left on device"), "{status:?}");
        assert!(status.ledger.pending > 100 && status.spool.state == "healthy", "it waits in the spool: {status:?}");
        assert_eq!(stand.node.metrics().sum("edge_sink_healthy", "sink=\"file\""), 0.0);
        assert_eq!(stand.node.page("/readyz").status, 200, "players can be served");
        let said = stand.node.edgectl(["status"]);
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.contains("sink      file takes nothing: ") && said.contains("No space left"), "{said}");
        let told = stand.node.log().matches("it is tried again until it can be").count();
        assert_eq!(told, 1, "said once, not at every attempt:\n{}", stand.node.log());
        drop(full);
        until_true("delivery to go on", || stand.node.status().sink.trouble.is_empty());
        stand.end().await;
    });
}

#[test]
fn a_disk_that_stands_still_is_told_and_waited_for() {
    for (door, named) in
        [("auto", "spool: its disk has not answered for "), ("plain", "the thread `spool` has not turned for ")]
    {
        with_mounts(|folder| async move {
            let world = World::new();
            let disk = folder.join("disk");
            let made = mounts::small_disk(&folder, &disk, 64 * MIB);
            if granted::or_skip("a loop device", made).is_none() {
                return;
            }
            let spool = disk.join("spool").to_string_lossy().into_owned();
            let settings = Settings::default().with("spool.door", door).with("spool.directory", &spool);
            let node = Node::prepare(&world, settings, &flooding_bundle(&world));
            let stand = Stand::on(world, node, "a disk that stands still");
            let Some(still) = granted::or_skip("to freeze a file system", Still::stand(&disk)) else { return };
            let stopped = stand.crowd.await_silence(Duration::from_millis(600));
            until_true("the node to be unready", || is_unready(&stand.node));
            let why = stand.node.page("/readyz").body;
            let is_uring = stand.node.status().spool.door == "io_uring";
            if door == "plain" || is_uring {
                assert!(why.starts_with(named), "{why}");
            }
            assert_eq!(stand.crowd.total(), stopped, "no receipt without the disk");
            drop(still);
            await_ready(&stand.node);
            stand.crowd.await_receipts(100);
            stand.end().await;
        });
    }
}
