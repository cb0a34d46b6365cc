//! One daemon: a process of its own in a directory of its own, which ends with it.
//!
//! What comes in: a [`World`], [`Settings`]. What goes out: a serving daemon, whose ports are learnt from its log; ways to stop,
//! kill, restart and ask it. Deliberately absent: what it should have done.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use edge_admin::{Request, Response, Status};
use serde_json::Value;
use tempfile::TempDir;

use crate::lines::{self, Line};
use crate::pages::{self, Page, Scrape};
use crate::wait::{PATIENCE, until};
use crate::{Settings, World, binaries};

/// How long a daemon may take to end after it was asked to.
const END_WITHIN: Duration = Duration::from_secs(30);

/// Threads show their figures several times within this time, and the ledger is cut anew: what stood still for so long is at
/// rest.
const STILL: Duration = Duration::from_millis(700);

/// A daemon and its directory.
pub struct Node {
    folder: TempDir,
    settings: Settings,
    /// A config file that is not made of the settings.
    config: Option<PathBuf>,
    /// What runs the daemon, e.g. strace and its arguments.
    wrapper: Vec<OsString>,
    process: Option<Process>,
    /// Where it served at the last start, for the next.
    served_at: Option<SocketAddr>,
}

struct Process {
    child: Child,
    log: Arc<Log>,
    reader: Option<std::thread::JoinHandle<()>>,
}

/// What the daemon wrote to standard error so far.
#[derive(Default)]
struct Log(Mutex<VecDeque<String>>);

impl Log {
    fn lines(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    /// A node that serves revision 1 of the scenarios' rules.
    pub fn start(world: &World, settings: Settings) -> Node {
        let mut node = Node::prepare(world, settings, &world.bundle(1));
        node.spawn();
        node.await_ready();
        node
    }

    /// A node that has everything and does not run yet.
    ///
    /// # Panics
    /// Where the disk refuses.
    pub fn prepare(world: &World, settings: Settings, bundle: &[u8]) -> Node {
        let folder = tempfile::Builder::new().prefix("scenario").tempdir().expect("a directory");
        world.furnish(folder.path(), bundle).expect("files in it");
        Node { folder, settings, config: None, wrapper: Vec::new(), process: None, served_at: None }
    }

    /// A node whose config file somebody else wrote, somewhere below `folder`.
    pub fn adopt(folder: TempDir, config: &Path) -> Node {
        Node {
            folder,
            settings: Settings::default(),
            config: Some(config.to_owned()),
            wrapper: Vec::new(),
            process: None,
            served_at: None,
        }
    }

    /// Lets a program run the daemon, with the daemon's own command line at the end of its arguments.
    #[must_use]
    pub fn wrapped<S: AsRef<OsStr>>(mut self, wrapper: impl IntoIterator<Item = S>) -> Node {
        self.wrapper = wrapper.into_iter().map(|word| word.as_ref().to_owned()).collect();
        self
    }

    /// Where everything of this node lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its settings; a change holds from the next [`spawn`](Node::spawn) on.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Changes one setting for the next start.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings = std::mem::take(&mut self.settings).with(key, value);
    }

    /// Writes the config and gives its path.
    ///
    /// # Panics
    /// Where the disk refuses.
    pub fn write_config(&self) -> PathBuf {
        if let Some(config) = &self.config {
            return config.clone();
        }
        let path = self.folder().join("edge-router.toml");
        std::fs::write(&path, self.settings.to_toml()).expect("a file");
        path
    }

    /// The command that runs the daemon.
    pub fn command(&self) -> Command {
        let config = self.write_config();
        let daemon = binaries::edge_router();
        let mut command = match self.wrapper.split_first() {
            None => Command::new(daemon),
            Some((wrapper, arguments)) => {
                let mut command = Command::new(wrapper);
                command.args(arguments).arg(daemon);
                command
            }
        };
        command.arg("run").arg("--config").arg(config).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Runs the daemon where it is expected to end by itself.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn run_to_end(&self) -> Output {
        self.command().stderr(Stdio::piped()).output().expect("the daemon starts")
    }

    /// Starts the daemon, and does not wait for it.
    ///
    /// # Panics
    /// Where it is running, or does not start.
    pub fn spawn(&mut self) {
        assert!(self.process.is_none(), "it is running");
        let mut child = self.command().stderr(Stdio::piped()).spawn().expect("the daemon starts");
        let errors = child.stderr.take().expect("standard error is ours");
        let log = Arc::new(Log::default());
        let written = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                written.lines().push_back(line);
            }
        });
        self.process = Some(Process { child, log, reader: Some(reader) });
    }

    /// Waits until `/readyz` says yes.
    ///
    /// # Panics
    /// Where the daemon ends, or is not ready in time.
    pub fn await_ready(&mut self) {
        until("the daemon to be ready", PATIENCE, || {
            if let Some(status) = self.process_mut().child.try_wait().expect("it can be waited for") {
                panic!("the daemon ended with {status}:\n{}", self.log());
            }
            self.try_address()?;
            let page = pages::get(self.try_http()?, "/readyz").ok()?;
            (page.status == 200).then_some(())
        });
    }

    /// After a kill: starts again, on the same port and directory.
    pub fn respawn(&mut self) {
        // A daemon that was killed early had not said where it serves.
        self.served_at = self.try_address().or(self.served_at);
        if let Some(address) = self.served_at {
            self.set("listen.address", &address.to_string());
        }
        self.process = None;
        self.spawn();
    }

    /// [`respawn`](Node::respawn), and waits until it is ready.
    pub fn restart(&mut self) {
        self.respawn();
        self.await_ready();
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("the daemon was started")
    }

    fn process_mut(&mut self) -> &mut Process {
        self.process.as_mut().expect("the daemon was started")
    }

    // ---- where it is

    /// Where clients connect, once it serves.
    pub fn try_address(&self) -> Option<SocketAddr> {
        self.try_logged("serving", "address")?.parse().ok()
    }

    fn try_http(&self) -> Option<SocketAddr> {
        self.try_logged("serving", "http")?.parse().ok()
    }

    /// Where clients connect.
    ///
    /// # Panics
    /// Where it does not serve.
    pub fn address(&self) -> SocketAddr {
        self.try_address().unwrap_or_else(|| panic!("the daemon does not serve:\n{}", self.log()))
    }

    /// The same as an endpoint's name.
    pub fn endpoint(&self) -> String {
        self.address().to_string()
    }

    /// The daemon's process id.
    pub fn pid(&self) -> u32 {
        self.process().child.id()
    }

    // ---- what it says

    /// What it wrote to standard error.
    pub fn log(&self) -> String {
        self.process().log.lines().iter().map(|line| format!("{line}\n")).collect()
    }

    /// The log's entries whose message is `message`.
    pub fn logged(&self, message: &str) -> Vec<Value> {
        let lines = self.process().log.lines();
        let entries = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        entries.map(|entry| entry["fields"].clone()).filter(|fields| fields["message"] == message).collect()
    }

    fn try_logged(&self, message: &str, field: &str) -> Option<String> {
        self.logged(message).first()?[field].as_str().map(str::to_owned)
    }

    /// A page for machines.
    ///
    /// # Panics
    /// Where it is not served.
    pub fn page(&self, path: &str) -> Page {
        let http = self.try_http().expect("pages are served");
        pages::get(http, path).unwrap_or_else(|why| panic!("{path}: {why}"))
    }

    /// The figures of now.
    pub fn metrics(&self) -> Scrape {
        Scrape::parse(&self.page("/metrics").body)
    }

    /// Asks at the control socket.
    ///
    /// # Panics
    /// Where it is not answered.
    pub fn ask(&self, request: &Request) -> Response {
        let mut stream = UnixStream::connect(self.socket()).expect("the control socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(edge_admin::to_line(request).as_bytes()).expect("a request");
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).expect("an answer");
        edge_admin::from_line(line.trim_end()).unwrap_or_else(|why| panic!("{why}: {line}"))
    }

    /// How it is going.
    ///
    /// # Panics
    /// Where the answer is something else.
    pub fn status(&self) -> Status {
        match self.ask(&Request::Status) {
            Response::Status(status) => *status,
            other => panic!("{other:?}"),
        }
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.folder().join("control.sock")
    }

    /// Runs the operator's tool against this node.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn edgectl<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Output {
        let mut command = Command::new(binaries::edgectl());
        command.args(arguments).env("EDGE_SOCKET", self.socket()).current_dir(self.folder());
        command.output().expect("edgectl starts")
    }

    /// The commands that were delivered so far, in the order of the files.
    pub fn lines(&self) -> Vec<Line> {
        lines::read(&self.folder().join("commands"))
    }

    /// Waits until nothing moves any more: every event has ended, every command is delivered, and the ledger is closed.
    ///
    /// # Panics
    /// Where that does not come.
    pub fn await_settled(&self) {
        let mut since = (self.status().ledger, Instant::now());
        until("the ledger to come to rest", PATIENCE, || {
            let now = self.status().ledger;
            if now != since.0 {
                since = (now, Instant::now());
            }
            (now.pending == 0 && now.in_flight == 0 && since.1.elapsed() > STILL).then_some(())
        });
        let ledger = since.0;
        assert_eq!((ledger.residual_events(), ledger.residual_commands()), (0, 0), "{ledger:?}");
        let figures = self.metrics();
        assert_eq!(figures.sum("edge_ledger_residual", ""), 0.0, "{ledger:?}");
    }

    // ---- how it ends

    /// Sends a signal, by its name.
    ///
    /// # Panics
    /// Where there is no such process.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.pid());
        let status = Command::new("sh").arg("-c").arg(&kill).status().expect("a shell");
        assert!(status.success(), "`{kill}` ended with {status}");
    }

    /// Kills it, as `kill -9` does. Its log stays readable until the next start.
    ///
    /// # Panics
    /// Where it cannot be waited for.
    pub fn kill9(&mut self) {
        let process = self.process_mut();
        process.child.kill().expect("it can be killed");
        process.child.wait().expect("it can be waited for");
        process.join_reader();
    }

    /// How it has ended, where it has.
    ///
    /// # Panics
    /// Where it cannot be waited for.
    pub fn try_end(&mut self) -> Option<ExitStatus> {
        let process = self.process_mut();
        let status = process.child.try_wait().expect("it can be waited for")?;
        process.join_reader();
        Some(status)
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// Where it does not.
    pub fn await_end(&mut self) -> ExitStatus {
        let process = self.process_mut();
        let status = until("the daemon to end", END_WITHIN, || process.child.try_wait().expect("it can be waited for"));
        process.join_reader();
        status
    }

    /// Drains it by SIGTERM and wants a clean end.
    ///
    /// # Panics
    /// Where the exit code is not 0.
    pub fn drain(&mut self) {
        self.signal("TERM");
        let status = self.await_end();
        assert!(status.success(), "the drain ended with {status}:\n{}", self.log());
    }
}

impl Process {
    /// The whole log is there when the reader has ended.
    fn join_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join_reader();
    }
}

impl Drop for Node {
    /// A scenario that failed shows what the daemon said.
    #[allow(clippy::print_stderr, reason = "the runner shows it beside the failure")]
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(process) = &self.process
        {
            let lines = process.log.lines();
            eprintln!("-- the daemon's log, its last lines");
            lines.iter().skip(lines.len().saturating_sub(60)).for_each(|line| eprintln!("{line}"));
        }
    }
}
