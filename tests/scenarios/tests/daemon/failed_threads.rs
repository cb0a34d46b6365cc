//! A single thread fails: the kernel refuses what it cannot do without, or it panics.
//!
//! What must hold: the process ends by itself at once with exit code 1, and its last word names the thread and why; it does not look
//! alive with a part of it dead. What was receipted is on disk; a new start goes on.
//!
//! strace makes the next system call of one thread fail. A runtime of tokio panics when it cannot poll: so the control thread and
//! the watch show a real panic, the others an error.

use std::process::{Child, Command, Stdio};

use scenarios::frozen::tid_of;
use scenarios::{Dice, Node, Settings, World, granted};

use crate::crowd::{Crowd, Manner};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_fails_ends_the_process_and_is_named() {
    if granted::strace().is_none() {
        return;
    }
    let world = World::new();
    let settings = Settings::default().with("listen.door", "plain").with("spool.door", "plain");
    let mut node = Node::start(&world, settings);
    let crowd = Crowd::come(&world, &node, &mut Dice::fresh("failed threads"), Manner::default());
    for (thread, how) in [
        ("shard-1", "Bad file descriptor"),
        ("spool", "Bad file descriptor"),
        ("forward", "Bad file descriptor"),
        ("control", "panicked"),
        ("watch", "panicked"),
    ] {
        crowd.await_receipts(50);
        let strace = fail(&node, thread);
        let ended = node.await_end();
        drop(strace);
        assert_eq!(ended.code(), Some(1), "{thread}: {ended}\n{}", node.log());
        let why = node.logged("ended")[0]["why"].as_str().expect("a reason").to_owned();
        assert!(why.starts_with(&format!("the thread `{thread}` failed: ")) && why.contains(how), "{why}");
        node.restart();
    }
    crowd.go_and_compare(&mut node).await;
}

/// strace, which ends with its tracee; and never outlives us.
struct Strace(Child);

impl Drop for Strace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whatever the thread waits with from now on fails.
fn fail(node: &Node, thread: &str) -> Strace {
    let tid = tid_of(node.pid(), thread).expect("a thread of that name");
    let calls = "epoll_wait,epoll_pwait,epoll_pwait2,poll,ppoll";
    let mut strace = Command::new("strace");
    strace.args([
        "-e",
        &format!("trace={calls}"),
        "-e",
        &format!("inject={calls}:error=EBADF"),
        "-p",
        &tid.to_string(),
    ]);
    strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Strace(strace.spawn().expect("strace starts"))
}
