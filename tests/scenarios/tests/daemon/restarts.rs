//! A daemon that dies while it starts, again and again, as under a supervisor that takes it for dead; and two on one directory.
//!
//! What must hold. *Killed in its starts*: each start finds what the one before found; the spool's directory does not grow with them;
//! the start that is left alone delivers what was receipted before the first kill, once and in order. *Two daemons*: the second
//! ends with exit code 1 and names the first; the first notices nothing.

use std::path::Path;
use std::time::Duration;

use scenarios::{Dice, Frozen, Node, Settings, World, granted};

use crate::crowd::{Crowd, Manner, compare};

/// Starts that do not come to their end.
const STARTS: u64 = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_that_die_lose_nothing_and_leave_nothing() {
    let world = World::new();
    let mut dice = Dice::fresh("restarts");
    let mut node = Node::start(&world, Settings::default());
    let crowd = Crowd::come(&world, &node, &mut dice, Manner { players: 4, ..Manner::default() });
    crowd.await_receipts(100);
    // Nothing is delivered from here on: it all has to come from the log.
    let traced = Frozen::thread(node.pid(), "forward");
    let Some(still) = granted::or_skip("to trace its own children", traced) else { return };
    crowd.await_receipts(400);
    let stories = crowd.go().await;
    node.kill9();
    drop(still);
    let (before, delivered) = (bytes_of(&node.folder().join("spool")), node.lines().len());
    let (mut recovered, mut served) = (0, 0);
    for _ in 0..STARTS {
        node.respawn();
        tokio::time::sleep(Duration::from_millis(dice.below(120))).await;
        node.kill9();
        recovered += node.logged("spool recovered").len();
        served += node.logged("serving").len();
    }
    assert!(recovered < STARTS as usize, "some died before they had recovered: {recovered} had, {served} served");
    let after = bytes_of(&node.folder().join("spool"));
    // Its own segment, the next one, the ballast; of every start that died a few pages.
    assert!(after < before + (12 << 20), "{before} bytes became {after} in {STARTS} starts");
    node.restart();
    node.await_settled();
    let epoch = node.status().epoch;
    assert!((2..=STARTS + 2).contains(&epoch), "one epoch a start at most: {epoch}");
    node.drain();
    compare(&stories, &node.lines());
    assert!(node.lines().len() > delivered + 100, "they came from the log");
}

/// What a folder's files take on disk, in bytes.
fn bytes_of(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let files = std::fs::read_dir(folder).expect("a folder").flatten();
    files.map(|file| file.metadata().map_or(0, |about| about.blocks() * 512)).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_on_a_directory_is_refused_and_told_who_has_it() {
    let world = World::new();
    let mut node = Node::start(&world, Settings::default());
    let crowd = Crowd::come(&world, &node, &mut Dice::fresh("two daemons"), Manner { players: 2, ..Manner::default() });
    crowd.await_receipts(20);
    for directory in ["spool", "commands"] {
        let key = if directory == "spool" { "spool.directory" } else { "sink.file.directory" };
        let taken = node.folder().join(directory);
        let second = Settings::default().with(key, &taken.to_string_lossy());
        let second = Node::prepare(&world, second, &world.bundle(1));
        let ended = second.run_to_end();
        let log = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{log}");
        assert!(log.contains(key) && log.contains(&format!("is in use by process {}", node.pid())), "{log}");
    }
    crowd.await_receipts(20);
    crowd.go_and_compare(&mut node).await;
}
