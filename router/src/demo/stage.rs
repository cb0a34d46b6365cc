//! The daemon of the demo: in this process, in a fresh folder, started exactly as `run` starts one.
//!
//! What comes in: a [`Cast`]. What goes out: a serving daemon, its snapshots, and at the end the last of them. The folder stays,
//! since the commands in it are the result. Deliberately absent: players.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use edge_admin::Request;
use edge_config::Config;
use edge_door::Clock;
use edge_io::ProcessClock;
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use super::cast::Cast;
use super::given::Given;
use super::{embedded, export};
use crate::control::{Ask, Caller};
use crate::daemon::Daemon;
use crate::metrics::Snapshot;
use crate::settings::Settings;

/// A running daemon and its folder.
pub(crate) struct Stage {
    pub(crate) directory: PathBuf,
    pub(crate) daemon: Daemon,
}

/// How the daemon is to serve.
pub(crate) struct Terms {
    /// What one player may do is lifted.
    pub(crate) wide: bool,
    /// A recording is played by its own clock: players wait for receipts, and their clocks are the process's wall.
    pub(crate) by_clock: bool,
    pub(crate) clock: ProcessClock,
}

/// Where the daemon's log goes: the terminal is for the view.
const LOG: &str = "edge-router.log";

/// What may wait to be read of a wide player's datagrams: as much as comes between two turns of a shard.
const WIDE_DATAGRAM_BYTES: u32 = 1 << 20;

impl Stage {
    /// Makes the folder, fills it, and starts a daemon on ports that are free. `wide` lifts what one player may do, for
    /// players that do in seconds what took them hours. `given`: rules to serve instead of the demo's own.
    ///
    /// # Errors
    /// No room on disk, or whatever else keeps a daemon from starting.
    pub(crate) fn open(cast: &Cast, given: Option<&Given>, terms: &Terms) -> Result<Stage> {
        let directory = fresh_directory()?;
        let now_unix_ms = terms.clock.unix_millis();
        export::write(&directory, cast, &embedded::catalogue(), now_unix_ms)?;
        if let Some(given) = given {
            export::replace_rules(&directory, &given.bundle, &given.keys)?;
        }
        let mut config = Config::from_file(&directory.join(export::CONFIG)).map_err(|all| anyhow!("{all}"))?;
        config.listen.address.set_port(0);
        if let Some(http) = &mut config.control.http {
            http.set_port(0);
        }
        if let Some(given) = given {
            config.node.tenant.clone_from(&given.tenant);
        }
        if terms.by_clock {
            config.session.receipt_delay = Duration::ZERO;
            config.session.ages_by_wall = true;
        }
        if terms.wide {
            config.session.client_budget = config.session.server_budget;
            config.session.transport.datagram_receive_bytes = WIDE_DATAGRAM_BYTES;
        }
        log_into(&directory.join(LOG), &config.log.level)?;
        let settings = Settings::load(config, now_unix_ms).map_err(|all| anyhow!("{all}"))?;
        let daemon = Daemon::start(settings, &terms.clock).context("the daemon does not start")?;
        Ok(Stage { directory, daemon })
    }

    /// Where to look while it plays, in words.
    pub(crate) fn places(&self) -> String {
        let pages = self.daemon.http().map_or(String::new(), |http| format!("; metrics at http://{http}/metrics"));
        format!("in {}{pages}", self.directory.display())
    }

    /// Where the commands go.
    pub(crate) fn commands(&self) -> PathBuf {
        self.directory.join(export::COMMANDS)
    }

    /// Everything there is to know, now.
    ///
    /// # Errors
    /// The control thread is gone.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot> {
        let (to, answer) = oneshot::channel();
        self.daemon.asks().send(Ask::Snapshot(to)).await.map_err(|_| gone())?;
        Ok(*answer.await.map_err(|_| gone())?)
    }

    /// Drains and ends the daemon; the last snapshot is taken when nothing moves any more. Blocks: not inside a runtime.
    ///
    /// # Errors
    /// A thread of the daemon failed.
    pub(crate) fn close(self) -> Result<Snapshot> {
        let (to, answer) = oneshot::channel();
        self.daemon.asks().blocking_send(Ask::Request(Request::Drain, Caller::default(), to)).map_err(|_| gone())?;
        let _ = answer.blocking_recv();
        self.daemon.wait()
    }
}

fn gone() -> anyhow::Error {
    anyhow!("the daemon's control thread is gone; see its log")
}

/// A folder below the system's temporary one that nobody had before, for our own user only.
fn fresh_directory() -> Result<PathBuf> {
    let root = std::env::temp_dir();
    let process = std::process::id();
    for attempt in 0..1_000 {
        let directory = root.join(format!("edge-demo-{process}-{attempt}"));
        match std::fs::DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => return Ok(directory),
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
            Err(why) => return Err(why).with_context(|| format!("cannot make {}", directory.display())),
        }
    }
    bail!("{} is full of folders edge-demo-{process}-*: remove them", root.display())
}

fn log_into(path: &Path, level: &str) -> Result<()> {
    let file = std::fs::File::create_new(path).with_context(|| format!("cannot write {}", path.display()))?;
    let lines = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(level)).with_ansi(false);
    // Only the first demo of a process logs; there is one, but in tests.
    let _ = lines.with_writer(Mutex::new(file)).try_init();
    Ok(())
}
