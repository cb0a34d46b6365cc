//! A real disk fails under the spool: write-back is refused, so that fsync fails, for io_uring and for plain calls alike. With EIO,
//! and with ENOSPC, which a thin volume gives and which must not be taken for a file system that is full.
//!
//! What must hold: no receipt for what is not on the disk; the spool tries once more in another segment, then is read-only, and
//! `/readyz`, figures and the log say so; clients are refused with a time to come again; the daemon ends at SIGTERM with exit
//! code 1, for it could not do what it was there for. On the repaired disk a new start finds everything that had a
//! receipt. Nothing was delivered meanwhile (the forward thread stands still), so only the disk can know.

use std::path::PathBuf;
use std::time::Duration;

use edge_wire::RefuseCode;
use scenarios::mounts::{self, Failing, Fault};
use scenarios::peer::{Unwelcome, fresh_producer};
use scenarios::wait::until_true;
use scenarios::{Dice, Frozen, Node, Peer, Settings, World, granted};
use serde_json::json;

use crate::crowd::{Crowd, Manner, compare};
use crate::play::{C0, player, tell_and_wait};

#[test]
fn a_failed_fsync_is_never_receipted_through_io_uring() {
    granted::or_skip("a mount namespace", mounts::with_own_async(|folder| fail(folder, "auto", Fault::Eio)));
}

#[test]
fn a_failed_fsync_is_never_receipted_through_plain_calls() {
    granted::or_skip("a mount namespace", mounts::with_own_async(|folder| fail(folder, "plain", Fault::Eio)));
}

#[test]
fn an_fsync_that_fails_for_want_of_room_is_a_failed_one() {
    granted::or_skip("a mount namespace", mounts::with_own_async(|folder| fail(folder, "auto", Fault::Enospc)));
}

async fn fail(folder: PathBuf, door: &str, fault: Fault) {
    let world = World::new();
    let Some(disk) = granted::or_skip("a loop device", Failing::mount(&folder, fault)) else { return };
    let spool = disk.path().join("spool");
    let settings = Settings::default().with("spool.door", door).with("spool.directory", &spool.to_string_lossy());
    let mut node = Node::start(&world, settings);
    let crowd =
        Crowd::come(&world, &node, &mut Dice::fresh("failing fsync"), Manner { players: 4, ..Manner::default() });
    crowd.await_receipts(100);
    let Some(still) = granted::or_skip("to trace its own children", Frozen::thread(node.pid(), "forward")) else {
        return;
    };
    crowd.await_receipts(100);

    let full = disk.fail();
    assert!(disk.loses_writes(), "the disk does not fail: this proves nothing");
    until_true("the spool to give up", || node.status().spool.state == "read_only");
    let stopped = crowd.await_silence(Duration::from_millis(500));
    until_true("the node to be unready", || node.page("/readyz").status == 503);
    let why = node.page("/readyz").body;
    assert!(why.starts_with("spool: ") && gave_up(&why), "{why}");
    assert_eq!(node.metrics().total("edge_spool_healthy"), 0.0);
    match Peer::hello(&world, node.address(), world.players.token("late"), fresh_producer()).await.map(drop) {
        Err(Unwelcome::Refused(refuse)) => {
            assert_eq!(refuse.known(), Some(RefuseCode::NotReady), "{refuse:?}");
            assert!(refuse.retry_after_ms.is_some(), "{refuse:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(crowd.total(), stopped, "no receipt without the disk");
    let (delivered, receipted) = (node.lines().len(), stopped);

    // The machine is lost with all that it had in memory. The forward thread has not moved since.
    node.kill9();
    drop(still);
    assert_eq!(node.lines().len(), delivered, "nothing was delivered meanwhile");
    drop(full);
    let repaired = disk.after_repair(&folder).unwrap_or_else(|why| panic!("{why}")).join("spool");
    node.set("spool.directory", &repaired.to_string_lossy());
    node.restart();
    crowd.await_receipts(100);
    let stories = crowd.go().await;
    node.await_settled();
    node.drain();
    compare(&stories, &node.lines());
    assert!(node.lines().len() > delivered, "{receipted} receipts");
}

#[test]
fn a_daemon_whose_disk_has_failed_ends_with_1_and_says_why() {
    granted::or_skip("a mount namespace", mounts::with_own_async(end));
}

async fn end(folder: PathBuf) {
    let world = World::new();
    let Some(disk) = granted::or_skip("a loop device", Failing::mount(&folder, Fault::Eio)) else { return };
    let spool = disk.path().join("spool");
    let settings = Settings::default().with("spool.directory", &spool.to_string_lossy()).with("drain.within", "100ms");
    let mut node = Node::start(&world, settings);
    let client = player(&world, &node, "p1");
    tell_and_wait(&world, &client, C0, "Hit", 1).await;
    let _full = disk.fail();
    let mut nonce = 1;
    until_true("the spool to give up", || {
        nonce += 1;
        let (event_type, payload) = world.event("Hit", &json!({ "nonce": nonce }));
        client.try_send(C0, event_type, payload).is_ok() && node.status().spool.state == "read_only"
    });
    node.signal("TERM");
    let ended = node.await_end();
    assert_eq!(ended.code(), Some(1), "{}", node.log());
    let why = node.logged("ended")[0]["why"].to_string();
    assert!(why.contains("the spool was read-only") && gave_up(&why), "{why}");
    assert!(node.log().contains("none has a receipt"), "{}", node.log());
}

/// Where the file system has made itself read-only, no other segment can be had.
fn gave_up(why: &str) -> bool {
    why.contains("failed again in another segment") || why.contains("no other segment can be set aside")
}
