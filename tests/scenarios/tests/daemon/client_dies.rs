//! The process of an SDK's client is killed with -9 again and again, with its queue on disk, and so is the daemon.
//!
//! What must hold: an event for which `send` had returned reaches the upstream exactly once, however often its client died
//! before, between and behind; one for which it had not returned yet at most once; in order. Numbers are never used for two events.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use scenarios::wait::{PATIENCE, until};
use scenarios::{Dice, Node, Settings, World, lines};
use serde_json::json;

use crate::play::nonces;

const LIVES: u64 = 25;

/// A client in a process of its own. It is killed when dropped.
struct Player {
    process: Child,
    /// What `send` returned for, in the order in which it was asked.
    taken: Receiver<u64>,
}

impl Player {
    fn start(world: &World, endpoint: &str, node: &Node, queue: &Path) -> Player {
        let mut process = Command::new(env!("CARGO_BIN_EXE_scenario-player"));
        process.arg(endpoint).arg(node.folder().join("certificate.pem")).arg(queue);
        process.env("EDGE_TOKEN", world.players.token("p1")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = process.spawn().expect("the player's process");
        let answers = BufReader::new(process.stdout.take().expect("standard output is ours"));
        let (say, taken) = mpsc::channel();
        std::thread::spawn(move || {
            for line in answers.lines().map_while(Result::ok) {
                // The pipe of a killed process may end within a line.
                let Ok(seq) = line.parse() else { return };
                let _ = say.send(seq);
            }
        });
        Player { process, taken }
    }

    /// Asks it to tell an event. A process that was killed does not hear it.
    fn tell(&mut self, event: (edge_client::EventTypeId, Vec<u8>)) {
        let hex: String = event.1.iter().map(|byte| format!("{byte:02x}")).collect();
        let input = self.process.stdin.as_mut().expect("standard input is ours");
        let _ = writeln!(input, "{} {hex}", event.0.0);
    }

    /// Kills it, and gives what it said until then.
    fn kill9(mut self) -> Vec<u64> {
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.taken.iter().collect()
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn an_event_that_was_taken_arrives_once_however_often_its_client_dies() {
    let world = World::new();
    let mut dice = Dice::fresh("client dies");
    let mut node = Node::start(&world, Settings::default());
    let endpoint = node.endpoint();
    let queue = tempfile::tempdir().expect("a directory");
    let mut nonce = 0;
    // The nonce of each number that `send` gave.
    let mut taken: BTreeMap<u64, u64> = BTreeMap::new();
    for _ in 0..LIVES {
        let mut player = Player::start(&world, &endpoint, &node, queue.path());
        let first = nonce + 1;
        for _ in 0..dice.below(60) {
            nonce += 1;
            player.tell(world.event("Hit", &json!({ "nonce": nonce })));
        }
        if dice.one_in(3) {
            node.kill9();
            node.respawn();
        }
        std::thread::sleep(Duration::from_millis(dice.below(80)));
        for (seq, nonce) in player.kill9().into_iter().zip(first..) {
            assert!(taken.insert(seq, nonce).is_none(), "number {seq} was given to two events");
        }
    }
    // The last life has time.
    let mut player = Player::start(&world, &endpoint, &node, queue.path());
    nonce += 1;
    player.tell(world.event("Hit", &json!({ "nonce": nonce })));
    node.await_ready();
    until("the last event to arrive", PATIENCE, || (nonces(&node, "audit").last() == Some(&nonce)).then_some(()));
    drop(player);
    node.await_settled();
    node.drain();
    lines::check_promises(&node.lines());
    let arrived = nonces(&node, "audit");
    assert!(arrived.is_sorted_by(|a, b| a < b), "in order and none twice: {arrived:?}");
    let lost: Vec<_> = taken.values().filter(|nonce| arrived.binary_search(nonce).is_err()).collect();
    assert!(lost.is_empty(), "taken and lost: {lost:?}");
    assert!(taken.len() as u64 > LIVES, "there was load: {} of {nonce} were taken", taken.len());
}
