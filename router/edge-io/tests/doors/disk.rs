//! The disk body on tokio-uring, on plain system calls and on the simulated twin, and the thread that turns owners round.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use edge_door::sim::{DiskConfig, SimClock, SimDisk};
use edge_door::{Disk, OpId};
use edge_io::wake::Sleeper;
use edge_io::{Choice, Chosen, Directory, PlainDisk, Turn, UringDisk, run_disk};

use crate::disk_body::{self as body, Rig};

fn open(path: &Path) -> Arc<Directory> {
    Arc::new(Directory::open(path).unwrap())
}

/// For bodies that are never pending.
fn at_once(body: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(body);
}

struct Plain(PlainDisk, Arc<Directory>);

impl Rig for Plain {
    fn disk(&mut self) -> &mut dyn Disk {
        &mut self.0
    }

    fn other(&mut self) -> Box<dyn Disk> {
        Box::new(PlainDisk::new(self.1.clone()))
    }

    async fn ended(&mut self) {}
}

#[test]
fn plain() {
    let dir = tempfile::tempdir().unwrap();
    let directory = open(dir.path());
    at_once(body::all(&mut Plain(PlainDisk::new(directory.clone()), directory)));
}

struct Uring(UringDisk, Arc<Directory>);

impl Rig for Uring {
    fn disk(&mut self) -> &mut dyn Disk {
        &mut self.0
    }

    fn other(&mut self) -> Box<dyn Disk> {
        Box::new(PlainDisk::new(self.1.clone()))
    }

    async fn ended(&mut self) {
        self.0.ended().await;
    }
}

fn uring_is_refused() -> bool {
    let refused = tokio_uring::Runtime::new(&tokio_uring::builder()).err();
    if let Some(error) = &refused {
        eprintln!("skipped: this machine has no io_uring for us: {error}");
    }
    refused.is_some()
}

#[test]
fn uring() {
    if uring_is_refused() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let directory = open(dir.path());
    tokio_uring::start(async {
        body::all(&mut Uring(UringDisk::new(directory.clone()), directory)).await;
    });
}

struct Simulated(SimDisk, SimClock);

impl Rig for Simulated {
    fn disk(&mut self) -> &mut dyn Disk {
        &mut self.0
    }

    fn other(&mut self) -> Box<dyn Disk> {
        Box::new(self.0.handle())
    }

    async fn ended(&mut self) {
        self.1.advance_to(self.0.next_due().expect("something is in flight"));
    }
}

#[test]
fn simulated() {
    for seed in 0..20 {
        let clock = SimClock::new(Instant::now(), 0);
        let slow = DiskConfig {
            latency: Duration::from_micros(50),
            jitter: Duration::from_millis(seed),
            ..DiskConfig::default()
        };
        at_once(body::all(&mut Simulated(SimDisk::new(clock.clone(), seed, slow), clock)));
    }
}

/// An owner that writes and syncs a line whenever another thread asked for one, as the spool does.
pub(crate) fn serve_lines(choice: Choice) -> Chosen {
    const LINES: u32 = 200;
    let dir = tempfile::tempdir().unwrap();
    let sleeper = Sleeper::new().unwrap();
    let (waker, asked, done) = (sleeper.waker(), Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (asked_too, done_too) = (asked.clone(), done.clone());
    let asker = std::thread::spawn(move || {
        for i in 1..=LINES {
            asked_too.store(i, Ordering::Release);
            waker.wake();
            while i % 10 == 0 && done_too.load(Ordering::Acquire) < i {
                std::thread::yield_now();
            }
        }
    });
    let mut chosen = None;
    let (mut created, mut written, mut in_flight) = (false, 0, 0);
    let turn = |disk: &mut dyn Disk| {
        if !created {
            disk.blocking(body::create("lines", 0)).unwrap();
            created = true;
        }
        while let Some((id, end)) = disk.poll() {
            end.unwrap();
            in_flight -= 1;
            if id.0 == 1 {
                disk.submit(OpId(2), body::sync("lines"));
                in_flight += 1;
            } else {
                done.store(written, Ordering::Release);
            }
        }
        let wanted = asked.load(Ordering::Acquire);
        if in_flight == 0 && written < wanted {
            let lines = b"line\n".repeat((wanted - written) as usize);
            disk.submit(OpId(1), body::write("lines", u64::from(written) * 5, &lines));
            (written, in_flight) = (wanted, 1);
        }
        if done.load(Ordering::Acquire) == LINES { Turn::Done } else { Turn::Wait(None) }
    };
    run_disk(open(dir.path()), choice, sleeper, |c| chosen = Some(c.clone()), turn).unwrap();
    asker.join().unwrap();
    let text = std::fs::read_to_string(dir.path().join("lines")).unwrap();
    assert_eq!(text, "line\n".repeat(LINES as usize));
    chosen.unwrap()
}

#[test]
fn the_plain_thread_serves_its_owner() {
    assert_eq!(serve_lines(Choice::Plain).door, "plain");
}

#[test]
fn the_uring_thread_serves_its_owner() {
    if !uring_is_refused() {
        assert_eq!(serve_lines(Choice::Uring).door, "io_uring");
    }
}

#[test]
fn turns_come_when_their_limit_is_over_and_the_last_leaves_nothing_in_flight() {
    for choice in [Choice::Plain, Choice::Auto] {
        let dir = tempfile::tempdir().unwrap();
        let (mut turns, began) = (0, Instant::now());
        let turn = |disk: &mut dyn Disk| {
            turns += 1;
            if turns < 5 {
                return Turn::Wait(Some(Duration::from_millis(if turns == 1 { 0 } else { 5 })));
            }
            disk.blocking(body::create("last", 0)).unwrap();
            disk.submit(OpId(1), body::write("last", 0, b"word"));
            Turn::Done
        };
        run_disk(open(dir.path()), choice, Sleeper::new().unwrap(), |_| {}, turn).unwrap();
        assert!(began.elapsed() >= Duration::from_millis(15), "{:?}", began.elapsed());
        assert_eq!(std::fs::read(dir.path().join("last")).unwrap(), b"word");
    }
}
