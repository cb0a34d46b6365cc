//! A daemon with an audience of one: a foreign program that is told by a file what a client may know, and plays one story.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use scenarios::{Node, Settings, World, granted};
use serde_json::{Map, Value, json};

use crate::report::{Line, Report};
use crate::stack::Stack;

/// How long a foreign program may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A daemon, and what is told about it.
pub struct Stage {
    /// Keys, catalogue, issuers.
    pub world: World,
    /// The daemon.
    pub node: Node,
    briefing: Map<String, Value>,
}

/// A program that ends with its story, whatever happens.
struct Player(Child);

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Stage {
    /// Starts a daemon that serves the scenarios' rules. The briefing holds what every client knows: where the daemon is
    /// (`host`, `port`), whom it trusts (`ca`, a PEM file) and the catalogue's digest (`catalogue_digest`, hexadecimal).
    pub fn new(settings: Settings) -> Stage {
        Stage::of(World::new(), settings)
    }

    /// The same in a world that exists already.
    pub fn of(world: World, settings: Settings) -> Stage {
        let node = Node::start(&world, settings);
        Stage::on(world, node)
    }

    /// The same on a node that runs already.
    pub fn on(world: World, node: Node) -> Stage {
        let address = node.address();
        let digest: String = world.catalogue.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        let briefing = json!({
            "host": address.ip().to_string(),
            "port": address.port(),
            "ca": node.folder().join("certificate.pem"),
            "catalogue_digest": digest,
            "tokens": {},
        });
        let Value::Object(briefing) = briefing else { unreachable!("an object was written") };
        Stage { world, node, briefing }
    }

    /// Gives the client a token under a name.
    pub fn token(&mut self, name: &str, token: String) {
        self.briefing["tokens"][name] = Value::from(token);
    }

    /// Tells the client something else.
    pub fn tell(&mut self, key: &str, value: impl Into<Value>) {
        self.briefing.insert(key.to_owned(), value.into());
    }

    /// Lets a stack play a story; `None` where the stack is not installed.
    ///
    /// # Panics
    /// Where the program fails, is silent for too long, or is missing although `CI` is set.
    pub fn play(&self, stack: Stack, story: &str) -> Option<Report> {
        self.play_with(stack, story, |node, cue| panic!("nobody expected the cue `{cue}` of {story} on {}", node.pid()))
    }

    /// [`play`](Stage::play) where the client asks the test by cues to do something to the daemon.
    ///
    /// # Panics
    /// As [`play`](Stage::play).
    pub fn play_with(&self, stack: Stack, story: &str, mut on_cue: impl FnMut(&Node, &str)) -> Option<Report> {
        let mut command = stack.command().or_else(|| missing(stack))?;
        let briefing = self.node.folder().join(format!("{}-{story}.json", stack.name()));
        std::fs::write(&briefing, Value::Object(self.briefing.clone()).to_string()).expect("a file");
        command.arg(&briefing).arg(story).stdin(Stdio::piped()).stdout(Stdio::piped());
        let (mut player, lines) = start(&mut command);
        loop {
            let line = match lines.recv_timeout(SILENCE_MAX) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => panic!("{}: {story}: silent for {SILENCE_MAX:?}", stack.name()),
                Err(RecvTimeoutError::Disconnected) => {
                    let status = player.0.wait().expect("it can be waited for");
                    panic!("{}: {story}: ended with {status} and without a report", stack.name());
                }
            };
            match Line::parse(&line).unwrap_or_else(|why| panic!("{}: {story}: {why}", stack.name())) {
                Line::Cue(cue) => {
                    on_cue(&self.node, &cue);
                    // A program that does not wait for the answer may be gone.
                    let _ = player.0.stdin.as_mut().expect("standard input is ours").write_all(b"done\n");
                }
                Line::Report(report) => {
                    let status = player.0.wait().expect("it can be waited for");
                    assert!(status.success(), "{}: {story}: ended with {status}", stack.name());
                    return Some(report);
                }
            }
        }
    }
}

fn start(command: &mut Command) -> (Player, Receiver<String>) {
    let mut player = Player(command.spawn().expect("a program that is there starts"));
    let output = player.0.stdout.take().expect("standard output is ours");
    let (told, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if told.send(line).is_err() {
                return;
            }
        }
    });
    (player, lines)
}

/// Says that a stack is not installed.
///
/// # Panics
/// Where `CI` is set: a machine that checks for others has everything.
pub fn missing<T>(stack: Stack) -> Option<T> {
    granted::or_skip(stack.name(), Err("it is not installed; `cargo xtask strangers` does it".to_owned()))
}
