//! The daemon as a value: started, waited for, ended. `edge-router run` and the demo hold one alike.
//!
//! What comes in: [`Settings`]. What goes out: a [`Daemon`] that serves, and when asked ends in order: sessions move, shards
//! stop, the spool commits, the lanes empty, the cursor is written. Deliberately absent: configuration and signals.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use edge_config::Door;
use edge_door::{Clock, Entropy};
use edge_event::{ShardId, StartEpoch};
use edge_io::{Choice, Directory, ProcessClock, SystemEntropy, UdpOpener, UdpOptions};
use edge_session::Sessions;
use edge_shard::{Parts, Restored};
use edge_spool::Recovered;
use tokio::sync::{mpsc, oneshot};

use crate::board::{self, Order, Published};
use crate::control::{Ask, Control};
use crate::control_socket;
use crate::fabric;
use crate::forward_thread::{ForwardDesk, ForwardThread};
use crate::limits;
use crate::metrics::Snapshot;
use crate::overview::Overview;
use crate::settings::Settings;
use crate::shard_thread::ShardThread;
use crate::spool_thread::{SpoolDesk, SpoolThread, lock};
use crate::threads::Threads;
use crate::watch_thread::{self, WatchThread};

/// How long the spool and the lanes may take to empty at the end.
const EMPTY_WITHIN: Duration = Duration::from_secs(10);
/// The same for an operator in a hurry: as long as fresh figures take.
const HURRIED_EMPTY_WITHIN: Duration = Duration::from_millis(250);
/// How long a port may be taken by a process that was killed, and how often we ask.
const PORT_FREE_WITHIN: Duration = Duration::from_secs(2);
const PORT_POLL: Duration = Duration::from_millis(10);
/// How often the end looks whether it has come.
const END_POLL: Duration = Duration::from_millis(2);
/// How long threads may take to end after they were told to. The spool's has a limit of its own.
const SHARDS_END_WITHIN: Duration = Duration::from_secs(2);
const FORWARD_ENDS_WITHIN: Duration = Duration::from_secs(5);
const SPOOL_ENDS_WITHIN: Duration = Duration::from_secs(10);
const CONTROL_ENDS_WITHIN: Duration = Duration::from_secs(2);
/// What names of shards' threads begin with.
const SHARD: &str = "shard-";

/// A running daemon.
pub(crate) struct Daemon {
    address: SocketAddr,
    http: Option<SocketAddr>,
    asks: mpsc::Sender<Ask>,
    threads: Threads,
    spool: Arc<SpoolDesk>,
    spool_bell: Arc<fabric::Doorbell>,
    forward: Arc<ForwardDesk>,
    /// Dropped when everything else has ended.
    watch_stop: oneshot::Sender<()>,
    /// Set by whoever has no time for an orderly end.
    hurry: Arc<AtomicBool>,
}

impl Daemon {
    /// Takes every port and directory, recovers the spool, and only then lets the first packet in. Every thread lives by `clock`.
    ///
    /// # Errors
    /// What the operator must mend: a port or directory that is taken, a spool that cannot be read, an interface that the
    /// kernel refuses. Threads that run already go on: it is for the process to end.
    pub(crate) fn start(settings: Settings, clock: &ProcessClock) -> Result<Daemon> {
        let Settings { config, tls, keys, verifier, deny, mut bundles, first } = settings;
        let started = Instant::now();
        let config = Arc::new(config);
        let shards = shard_count(&config)?;
        limits::check(&config, shards)?;
        let cores = cores_of(&config, shards)?;
        let doors = ControlDoors::bind(&config)?;
        let http = doors.http_address()?;
        let openers = bind(&config, shards)?;
        let address = openers[0].local_addr();
        let (links, spool_links) = fabric::lay(shards);
        let spool_bell = spool_links.bell.clone();
        let directory = Directory::open(&config.spool.directory).map(Arc::new).context("`spool.directory`")?;
        let mut threads = Threads::new();

        let spool = Arc::new(SpoolDesk::default());
        let (recovery, recovered) = std_mpsc::sync_channel(1);
        let spool_thread = SpoolThread {
            directory: directory.clone(),
            choice: choice(config.spool.door),
            config: config.spool.config.clone(),
            links: spool_links,
            desk: spool.clone(),
            clock: clock.clone(),
            recovery,
        };
        threads.spawn("spool", move |pulse| spool_thread.run(pulse).map_err(Into::into))?;
        let recovered = match recovered.recv() {
            Ok(recovered) => recovered.context("`spool.directory`")?,
            // It ended before it came to that, and says why.
            Err(_) => {
                return Err(threads.await_drained().err().unwrap_or_else(|| anyhow!("the spool's thread is gone")));
            }
        };
        report(&recovered);

        let forward = Arc::new(ForwardDesk::default());
        let forward_thread =
            ForwardThread::open(&config, &recovered, spool.clone(), spool_bell.clone(), forward.clone(), directory)?;
        // Recorded time leaps while commands are on their way, and by it they would expire; to the upstream none passes.
        let forward_clock = clock.unmoved();
        threads.spawn("forward", move |pulse| forward_thread.run(&forward_clock, &pulse).map_err(Into::into))?;

        let serving = first.checked.serving().clone();
        // Before the first event: should it crash the daemon, the next start must know with which rules.
        bundles.begin(first, clock.unix_millis());
        let published = Arc::new(Published::new(serving.clone()));
        let (mut desks, mut wakers) = (Vec::new(), Vec::new());
        let mut restored = Restored::deal(&recovered.marks, &recovered.state, shards);
        let mut entropy = SystemEntropy;
        let session_config = Arc::new(config.session.clone());
        let hash_seed = entropy.next_u64();
        for (i, (opener, links)) in openers.into_iter().zip(links).enumerate() {
            let shard = ShardId(i as u16);
            let (board, mut desk) = board::make(&published);
            if let Some(deny) = &deny {
                desk.orders.give(Order::Deny(deny.clone()));
            }
            desks.push(desk);
            wakers.push(opener.waker());
            let mut seed = [0; 32];
            entropy.fill(&mut seed);
            let now = clock.now();
            let sessions =
                Sessions::new(session_config.clone(), tls.clone(), &keys, shard, shards, verifier.clone(), &seed, now)?;
            let parts = Parts {
                shard,
                shards,
                config: config.shard.clone(),
                sessions,
                serving: serving.clone(),
                restored: std::mem::take(&mut restored[i]),
                node: config.node.id,
                epoch: recovered.epoch,
                hash_seed,
            };
            let (choice, core, voice) = (choice(config.listen.door), cores[i], threads.voice());
            let thread = ShardThread { parts, opener, choice, links, board, core, clock: clock.clone(), voice };
            threads.spawn(&format!("{SHARD}{i}"), move |pulse| thread.run(pulse).map_err(Into::into))?;
        }
        let udp_doors = threads.await_open(shards)?;

        let revision = serving.rules.revision();
        let (asks, asks_in) = mpsc::channel(64);
        let control = Control {
            config,
            bundles,
            published,
            shards: desks,
            spool: spool.clone(),
            overview: Overview {
                started,
                doors: udp_doors,
                wakers,
                forward: forward.clone(),
                epoch: recovered.epoch.0,
            },
            pulses: threads.pulses(),
            asks: asks_in,
            clock: clock.clone(),
            voice: threads.voice(),
        };
        let ControlDoors { http: listener, socket } = doors;
        start_control(&mut threads, socket, control, asks.clone())?;
        let (watch_stop, stop) = oneshot::channel();
        let watch = WatchThread { listener, pulses: threads.pulses(), asks: asks.clone(), stop };
        threads.spawn(watch_thread::NAME, move |pulse| watch.run(pulse))?;
        tracing::info!(%address, http = http.map(tracing::field::display), shards, revision, "serving");
        Ok(Daemon { address, http, asks, threads, spool, spool_bell, forward, watch_stop, hurry: Arc::default() })
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the pages are.
    pub(crate) fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// The way to ask the control thread.
    pub(crate) fn asks(&self) -> mpsc::Sender<Ask> {
        self.asks.clone()
    }

    /// Set it where the end must not wait for commands to be delivered; they stay in the spool.
    pub(crate) fn hurry(&self) -> Arc<AtomicBool> {
        self.hurry.clone()
    }

    /// Waits until a drain has ended (however it was asked for), then ends every thread in order. Blocks.
    ///
    /// # Errors
    /// A thread has failed. Where that was before the drain, there is no order to end in: what was receipted is in the spool,
    /// so the process may end as if it had been killed.
    pub(crate) fn wait(mut self) -> Result<Snapshot> {
        self.threads.await_drained()?;
        let mut ends = vec![self.threads.await_end(SHARD, SHARDS_END_WITHIN)];
        self.spool_bell.ring();
        if self.is_left() {
            tracing::warn!("commands are left in the spool: the next start delivers them");
        }
        self.forward.stop.store(true, Ordering::Release);
        self.spool.forward_bell.ring();
        ends.push(self.threads.await_end("forward", FORWARD_ENDS_WITHIN));
        self.spool.stop.store(true, Ordering::Release);
        self.spool_bell.ring();
        ends.push(self.threads.await_end("spool", SPOOL_ENDS_WITHIN));
        // The last snapshot, taken when nothing moves any more.
        let snapshot = last_snapshot(&self.asks);
        let _ = self.asks.blocking_send(Ask::End);
        ends.push(self.threads.await_end("control", CONTROL_ENDS_WITHIN));
        drop(self.watch_stop);
        ends.push(self.threads.await_end(watch_thread::NAME, CONTROL_ENDS_WITHIN));
        ends.into_iter().collect::<Result<()>>()?;
        tracing::info!("ended");
        snapshot
    }

    /// Waits until everything is committed and settled, for a while. Says whether something is left.
    fn is_left(&self) -> bool {
        let since = Instant::now();
        loop {
            let figures = self.spool.figures.load();
            // Older figures do not know what the shards gave last.
            let is_committed = figures.is_idle && figures.shown_at.is_some_and(|at| at > since);
            if is_committed && self.forward.is_idle_at(*lock(&self.spool.committed)) {
                return false;
            }
            let limit = if self.hurry.load(Ordering::Acquire) { HURRIED_EMPTY_WITHIN } else { EMPTY_WITHIN };
            if since.elapsed() >= limit {
                return true;
            }
            std::thread::sleep(END_POLL);
        }
    }
}

fn last_snapshot(asks: &mpsc::Sender<Ask>) -> Result<Snapshot> {
    let (to, answer) = oneshot::channel();
    asks.blocking_send(Ask::Snapshot(to)).map_err(|_| anyhow!("the control thread is gone"))?;
    Ok(*answer.blocking_recv().map_err(|_| anyhow!("the control thread is gone"))?)
}

fn shard_count(config: &edge_config::Config) -> Result<u16> {
    match config.listen.shards {
        Some(n) => Ok(n),
        None => {
            let cores = edge_io::thread::allowed_cores().context("cannot learn which cores this process may use")?;
            Ok(cores.len().clamp(1, 256) as u16)
        }
    }
}

/// The core of each shard; `None` where shards are not pinned or there are more shards than cores.
fn cores_of(config: &edge_config::Config, shards: u16) -> Result<Vec<Option<usize>>> {
    let n = usize::from(shards);
    if !config.listen.pin {
        return Ok(vec![None; n]);
    }
    let cores = match &config.listen.cores {
        Some(cores) => cores.clone(),
        None => edge_io::thread::allowed_cores().context("cannot learn which cores this process may use")?,
    };
    if cores.len() < n {
        tracing::warn!(shards, cores = cores.len(), "more shards than cores: not pinned");
        return Ok(vec![None; n]);
    }
    Ok(cores.into_iter().take(n).map(Some).collect())
}

/// Binds one socket a shard, all to one port. With port 0 the kernel chooses it once. A port that is taken is asked for again
/// for a while: what a killed process had in io_uring, its sockets among it, is let go only after it is gone.
fn bind(config: &edge_config::Config, shards: u16) -> Result<Vec<UdpOpener>> {
    let options = UdpOptions { share_port: shards > 1, ..UdpOptions::default() };
    let mut address = config.listen.address;
    let mut openers = Vec::new();
    let since = Instant::now();
    while openers.len() < usize::from(shards) {
        match edge_io::open_udp(address, &options) {
            Ok(opener) => {
                address = opener.local_addr();
                openers.push(opener);
            }
            Err(why) if why.kind() == ErrorKind::AddrInUse && since.elapsed() < PORT_FREE_WITHIN => {
                std::thread::sleep(PORT_POLL);
            }
            Err(why) => return Err(anyhow::Error::from(why).context("`listen.address`")),
        }
    }
    Ok(openers)
}

fn report(recovered: &Recovered) {
    let StartEpoch(epoch) = recovered.epoch;
    tracing::info!(epoch, marks = recovered.marks.len(), cells = recovered.state.len(), "spool recovered");
    if !recovered.report.damage.is_empty() {
        tracing::error!(damage = ?recovered.report.damage, "the spool was damaged; what could not be read is kept in quarantine files");
    }
}

/// The operator's ways in, bound.
struct ControlDoors {
    http: Option<std::net::TcpListener>,
    socket: Option<control_socket::Bound>,
}

impl ControlDoors {
    fn bind(config: &edge_config::Config) -> Result<ControlDoors> {
        let http = match config.control.http {
            None => None,
            Some(address) => {
                let listener =
                    std::net::TcpListener::bind(address).with_context(|| format!("`control.http` {address}"))?;
                listener.set_nonblocking(true)?;
                Some(listener)
            }
        };
        let socket = match &config.control.socket {
            None => None,
            Some(path) => {
                Some(control_socket::bind(path).with_context(|| format!("`control.socket` {}", path.display()))?)
            }
        };
        Ok(ControlDoors { http, socket })
    }

    fn http_address(&self) -> Result<Option<SocketAddr>> {
        Ok(self.http.as_ref().map(std::net::TcpListener::local_addr).transpose()?)
    }
}

/// Starts the control thread with its socket.
fn start_control(
    threads: &mut Threads,
    socket: Option<control_socket::Bound>,
    control: Control,
    asks: mpsc::Sender<Ask>,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    threads.spawn("control", move |pulse| {
        runtime.block_on(async move {
            let mut _file = None;
            if let Some(socket) = socket {
                let (listener, file) = socket.into_async()?;
                tokio::spawn(control_socket::serve(listener, asks));
                _file = Some(file); // removed while the socket still answers, so that it cannot be another daemon's
            }
            control.run(pulse).await;
            Ok(())
        })
    })
}

fn choice(door: Door) -> Choice {
    match door {
        Door::Auto => Choice::Auto,
        Door::Uring => Choice::Uring,
        Door::Plain => Choice::Plain,
    }
}
