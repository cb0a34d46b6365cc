//! Single threads of the daemon stand still while the others go on, as behind a wedged core, a kernel's lock or a debugger.
//!
//! What must hold. Of each thread: `/readyz` says no and names it, with the time and the kernel's word on it; `/healthz`, the
//! figures, `edgectl status` and the log name it, too; when it goes on everything goes on, with nothing lost, doubled or out
//! of order. *A shard*: the other shard's players notice nothing. *The spool*: receipts stop, all of them. *Forward*: receipts go
//! on, delivery waits. *Control*: events and receipts go on, and the pages still answer. *The watch itself*: everything goes on,
//! and the control thread tells of it.

use std::time::{Duration, Instant};

use scenarios::wait::{PATIENCE, until, until_true};
use scenarios::{Dice, Frozen, Node, Settings, World, granted};

use crate::crowd::{Crowd, Manner};

const STILL: &str = "a thread does not turn";
const GOES_ON: &str = "a thread that stood still turns again";

struct Stand {
    node: Node,
    crowd: Crowd,
}

async fn stand(story: &str, players: u64) -> Stand {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let crowd = Crowd::come(&world, &node, &mut Dice::fresh(story), Manner { players, ..Manner::default() });
    crowd.await_receipts(20 * players);
    Stand { node, crowd }
}

impl Stand {
    fn freeze(&self, thread: &str) -> Option<Frozen> {
        granted::or_skip("to trace its own children", Frozen::thread(self.node.pid(), thread))
    }

    /// Everything that an operator may look at names the thread.
    fn await_named(&self, thread: &str) {
        let named = format!("the thread `{thread}` has not turned for ");
        let page = until("the thread to be named", PATIENCE, || {
            let page = self.node.page("/readyz");
            (page.status == 503 && page.body.starts_with(&named)).then_some(page)
        });
        assert!(page.body.contains("(t: stopped by a tracer"), "{}", page.body);
        assert!(page.body.lines().count() == 1, "nobody else is blamed: {}", page.body);
        let health = self.node.page("/healthz");
        assert_eq!(health.status, 200, "it may go on by itself");
        assert!(health.body.starts_with("alive, but ") && health.body.contains(&named), "{}", health.body);
        until_true("word in the log", || self.has_logged(STILL, thread));
    }

    fn has_logged(&self, what: &str, thread: &str) -> bool {
        self.node.logged(what).iter().any(|entry| entry["thread"] == thread)
    }

    /// The thread is let go, and all is well.
    async fn go_on(mut self, thread: &str, frozen: Frozen) {
        drop(frozen);
        until("the node to be ready", PATIENCE, || (self.node.page("/readyz").status == 200).then_some(()));
        assert_eq!(self.node.page("/healthz").body, "alive\n");
        until_true("word in the log", || self.has_logged(GOES_ON, thread));
        self.crowd.await_receipts(100);
        let others = self.node.logged(STILL).iter().filter(|entry| entry["thread"] != thread).count();
        assert_eq!(others, 0, "nobody else was blamed: {}", self.node.log());
        self.crowd.go_and_compare(&mut self.node).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_shard_keeps_its_own_players_waiting_and_no_others() {
    let stand = stand("frozen shard", 24).await;
    let Some(frozen) = stand.freeze("shard-1") else { return };
    // What was on its way when it froze has come.
    std::thread::sleep(Duration::from_millis(300));
    let before = stand.crowd.receipts();
    stand.await_named("shard-1");
    let after = stand.crowd.receipts();
    let gained: Vec<u64> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
    let (going, waiting) = (gained.iter().filter(|n| **n >= 5).count(), gained.iter().filter(|n| **n == 0).count());
    assert_eq!(going + waiting, gained.len(), "a player is served or waits: {gained:?}");
    assert!(going > 0 && waiting > 0, "a quarter has session and state on the other shard: {gained:?}");
    let silent = stand.node.metrics().sum("edge_thread_silent_seconds", "thread=\"shard-1\"");
    assert!((2.0..60.0).contains(&silent), "{silent}");
    let status = stand.node.edgectl(["status"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("STUCK     the thread `shard-1` has not turned for"), "{status}");
    stand.go_on("shard-1", frozen).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_spool_stops_every_receipt() {
    let stand = stand("frozen spool", 6).await;
    let Some(frozen) = stand.freeze("spool") else { return };
    let stopped = stand.crowd.await_silence(Duration::from_millis(700));
    stand.await_named("spool");
    assert_eq!(stand.crowd.total(), stopped, "no receipt without the spool");
    stand.go_on("spool", frozen).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_forward_thread_delays_delivery_and_no_receipt() {
    let stand = stand("frozen forward", 6).await;
    let Some(frozen) = stand.freeze("forward") else { return };
    std::thread::sleep(Duration::from_millis(100));
    let delivered = stand.node.lines().len();
    stand.crowd.await_receipts(500);
    stand.await_named("forward");
    stand.crowd.await_receipts(100);
    assert_eq!(stand.node.lines().len(), delivered, "nothing is delivered");
    assert!(stand.node.status().ledger.pending > 100, "it waits in the spool");
    stand.go_on("forward", frozen).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_control_thread_stops_no_event_and_the_pages_say_so() {
    let stand = stand("frozen control", 6).await;
    let Some(frozen) = stand.freeze("control") else { return };
    let begun = Instant::now();
    stand.crowd.await_receipts(300);
    stand.await_named("control");
    let figures = stand.node.page("/metrics");
    assert_eq!(figures.status, 503);
    assert!(figures.body.contains("the thread `control` has not turned for"), "{}", figures.body);
    assert!(begun.elapsed() < PATIENCE, "no page keeps a scraper waiting");
    stand.crowd.await_receipts(100);
    stand.go_on("control", frozen).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_watch_is_told_by_the_control_thread() {
    let stand = stand("frozen watch", 6).await;
    let Some(frozen) = stand.freeze("watch") else { return };
    stand.crowd.await_receipts(300);
    until_true("word in the log", || stand.has_logged(STILL, "watch"));
    let status = stand.node.edgectl(["status"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("STUCK     the thread `watch` has not turned for"), "{status}");
    stand.crowd.await_receipts(100);
    stand.go_on("watch", frozen).await;
}
