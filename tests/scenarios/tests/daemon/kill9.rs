//! The daemon is killed with -9 at random moments under load, restarted, and clients resend: every receipted event's commands
//! are there exactly once. Between the kills other things go wrong, too: pauses, frozen threads, full disks, and drains, which
//! end the daemon as well and are no kills.
//!
//! `cargo xtask kills --kills 1000 --seed S` is the long version.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use scenarios::frozen::Frozen;
use scenarios::mounts::{self, Filler};
use scenarios::{Dice, Node, Settings, World, granted};

use crate::crowd::{Crowd, Manner, compare, told};

/// Kills of the short version.
const KILLS: u64 = 20;
/// From so many kills on each kind of trouble must have happened: one end in ten is each of them.
const KILLS_FOR_ALL: u64 = 100;
/// How often a run says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(20);
/// The spool's own small disk, bytes: many times what a story writes between two retirements.
const DISK_BYTES: u64 = 192 << 20;

/// What went wrong, how often.
#[derive(Default)]
struct Troubles {
    kills: u64,
    pauses: u64,
    freezes: u64,
    killed_frozen: u64,
    full_disks: u64,
    started_full: u64,
    drains: u64,
}

impl fmt::Display for Troubles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Troubles { kills, pauses, freezes, killed_frozen, full_disks, started_full, drains } = self;
        write!(f, "{kills} kills and {drains} drains; before them {pauses} pauses of the process, {freezes} frozen ")?;
        write!(
            f,
            "threads ({killed_frozen} killed so), {full_disks} full disks ({started_full} of them still full at "
        )?;
        f.write_str("the start)")
    }
}

impl Troubles {
    fn assert_each_happened(&self) {
        let each = [self.pauses, self.freezes, self.full_disks, self.drains];
        assert!(each.iter().all(|times| *times > 0), "something did not happen: {self}");
    }
}

#[test]
fn no_receipted_event_is_lost_or_told_twice() {
    let kills = std::env::var("EDGE_KILLS").map_or(KILLS, |n| n.parse().expect("EDGE_KILLS is a number"));
    granted::or_skip("a mount namespace", mounts::with_own_async(|folder| run(folder, kills)));
}

#[allow(clippy::print_stdout, reason = "the figures of the run")]
async fn run(folder: PathBuf, kills: u64) {
    let mut dice = Dice::fresh("kill9");
    let world = World::new();
    let disk = folder.join("disk");
    let made = mounts::small_disk(&folder, &disk, DISK_BYTES);
    if granted::or_skip("a loop device", made).is_none() {
        return;
    }
    let spool = disk.join("spool").to_string_lossy().into_owned();
    let mut node = Node::prepare(&world, Settings::default().with("spool.directory", &spool), &world.bundle(1));
    node.spawn();
    node.await_ready();
    let crowd = Crowd::come(&world, &node, &mut dice, Manner::default());
    let mut troubles = Troubles::default();
    let (began, mut told_at) = (Instant::now(), Instant::now());
    while troubles.kills < kills {
        if told_at.elapsed() >= PROGRESS_EVERY {
            told_at = Instant::now();
            println!("kill9: {} of {kills} kills after {:.0} s", troubles.kills, began.elapsed().as_secs_f64());
        }
        // Somewhere between the first instruction of a recovery and half a second of serving.
        let moment = if dice.one_in(4) { dice.below(40) } else { dice.below(500) };
        nap(moment).await;
        let full = trouble(&mut node, &disk, &mut dice, &mut troubles).await;
        if dice.one_in(3) {
            crowd.curtain();
        }
        *node.settings_mut() = another_shape(&mut dice).with("spool.directory", &spool);
        node.respawn();
        if let Some(full) = full {
            nap(dice.below(400)).await;
            troubles.started_full += 1;
            drop(full);
        }
        if dice.one_in(2) {
            node.await_ready();
        }
    }
    node.await_ready();
    let stories = crowd.go().await;
    node.await_settled();
    assert_eq!(node.status().ledger.shed, 0, "nothing receipted is shed");
    node.drain();
    compare(&stories, &node.lines());
    let told = told(&stories) as u64;
    println!("kill9: in {:.0} s {troubles}", began.elapsed().as_secs_f64());
    println!("kill9: {told} events receipted, {} commands: none is missing, none is there twice", node.lines().len());
    assert!(told > kills * 10, "there was load: {told} events");
    if kills >= KILLS_FOR_ALL {
        troubles.assert_each_happened();
    }
}

/// Perhaps something goes wrong, then the daemon ends, mostly by -9. What still fills its disk then is given back.
async fn trouble(node: &mut Node, disk: &Path, dice: &mut Dice, troubles: &mut Troubles) -> Option<Filler> {
    match dice.below(10) {
        0 => {
            node.signal("STOP");
            nap(dice.below(300)).await;
            troubles.pauses += 1;
            if dice.one_in(2) {
                node.signal("CONT");
                nap(dice.below(50)).await;
            }
        }
        1 => {
            let threads = ["shard-0", "spool", "forward", "control", "watch"];
            // Early in a start it has not begun yet.
            let frozen = Frozen::thread(node.pid(), threads[dice.below(5) as usize]);
            nap(dice.below(300)).await;
            troubles.freezes += u64::from(frozen.is_ok());
            if dice.one_in(2) {
                kill(node, troubles);
                troubles.killed_frozen += u64::from(frozen.is_ok());
                return None;
            }
            drop(frozen);
            nap(dice.below(50)).await;
        }
        2 => {
            let full = Filler::all_but(disk, dice.below(3) << 20);
            nap(dice.below(400)).await;
            troubles.full_disks += 1;
            if dice.one_in(2) {
                kill(node, troubles);
                return Some(full);
            }
            drop(full);
            nap(dice.below(300)).await;
        }
        3 => {
            // A start that has not come to its handlers ends by the signal itself; either way it ends.
            node.signal("TERM");
            let ended = node.await_end();
            let is_early = std::os::unix::process::ExitStatusExt::signal(&ended).is_some();
            assert!(ended.success() || is_early, "a drain ended with {ended}:\n{}", node.log());
            troubles.drains += 1;
            return None;
        }
        _ => {}
    }
    kill(node, troubles);
    None
}

fn kill(node: &mut Node, troubles: &mut Troubles) {
    node.kill9();
    troubles.kills += 1;
}

async fn nap(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// What is on disk must not depend on the doors and the shards of whoever reads it next.
fn another_shape(dice: &mut Dice) -> Settings {
    let door = if dice.one_in(3) { "plain" } else { "auto" };
    let shards = (1 + dice.below(3)).to_string();
    Settings::default()
        .with("listen.door", door)
        .with("spool.door", door)
        .with("drain.within", "100ms")
        .with_toml("listen.shards", &shards)
}
