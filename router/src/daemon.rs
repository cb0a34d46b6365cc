//! The daemon as a value: started, waited for, ended. `edge-router run` and the demo hold one alike.
//!
//! What comes in: [`Settings`]. What goes out: a [`Daemon`] that serves, and when asked ends in order: sessions move, shards
//! stop, the spool commits, the lanes empty, the cursor is written. Deliberately absent: configuration and signals.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc as std_mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use edge_config::Door;
use edge_door::{Clock, Entropy};
use edge_event::{ShardId, StartEpoch};
use edge_io::{Choice, Directory, SystemClock, SystemEntropy, UdpOpener, UdpOptions};
use edge_session::Sessions;
use edge_shard::{Parts, Restored};
use edge_spool::Recovered;
use tokio::sync::{mpsc, oneshot};

use crate::board::{self, Order, Published, ShardBoard, ShardDesk};
use crate::control::{Ask, Control};
use crate::fabric::{self, ShardLinks};
use crate::forward_thread::{ForwardDesk, ForwardThread};
use crate::metrics::Snapshot;
use crate::overview::Overview;
use crate::settings::Settings;
use crate::shard_thread::ShardThread;
use crate::spool_thread::{SpoolDesk, SpoolThread, lock};
use crate::{control_socket, pages};

/// How long the spool and the lanes may take to empty at the end.
const EMPTY_WITHIN: Duration = Duration::from_secs(10);
/// How often the end looks whether it has come.
const END_POLL: Duration = Duration::from_millis(2);
/// How often a serving daemon looks whether the end has come.
const FAILURE_POLL: Duration = Duration::from_millis(20);

/// A running daemon.
pub(crate) struct Daemon {
    address: SocketAddr,
    http: Option<SocketAddr>,
    asks: mpsc::Sender<Ask>,
    control: JoinHandle<()>,
    drained: oneshot::Receiver<()>,
    /// What a thread says that ends before it was told to.
    failed: std_mpsc::Receiver<anyhow::Error>,
    shards: Vec<JoinHandle<std::io::Result<()>>>,
    spool: JoinHandle<std::io::Result<()>>,
    spool_desk: Arc<SpoolDesk>,
    spool_bell: Arc<fabric::Doorbell>,
    forward: JoinHandle<()>,
    forward_desk: Arc<ForwardDesk>,
}

impl Daemon {
    /// Recovers the spool, binds every socket, and only then lets the first packet in.
    ///
    /// # Errors
    /// What the operator must mend: a port or directory that is taken, a spool that cannot be read.
    pub(crate) fn start(settings: Settings) -> Result<Daemon> {
        let started = Instant::now();
        let config = Arc::new(settings.config);
        let shards = shard_count(&config)?;
        let openers = bind(&config, shards)?;
        let address = openers[0].local_addr();
        let (links, spool_links) = fabric::lay(shards);
        let spool_bell = spool_links.bell.clone();
        let spool_desk = Arc::new(SpoolDesk::default());
        let directory = Directory::open(&config.spool.directory).map(Arc::new).context("`spool.directory`")?;
        let (recovery, recovered) = std_mpsc::sync_channel(1);
        let spool_thread = SpoolThread {
            directory: directory.clone(),
            choice: choice(config.spool.door),
            config: config.spool.config.clone(),
            links: spool_links,
            desk: spool_desk.clone(),
            recovery,
        };
        let (failures, failed) = std_mpsc::channel();
        let spool = spawn_watched("spool", failures.clone(), move || spool_thread.run())?;
        let recovered = recovered.recv().map_err(|_| anyhow!("the spool thread ended before it had recovered"))??;
        report(&recovered);

        let forward_desk = Arc::new(ForwardDesk::default());
        let forward_thread = ForwardThread::open(
            &config,
            &recovered,
            spool_desk.clone(),
            spool_bell.clone(),
            forward_desk.clone(),
            directory,
        )?;
        let forward = spawn("forward", move || forward_thread.run())?;

        let published = Arc::new(Published::new(settings.serving.clone()));
        let mut wakers = Vec::new();
        let mut desks: Vec<ShardDesk> = Vec::new();
        let mut handles = Vec::new();
        let mut restored = deal(&recovered, shards);
        let mut entropy = SystemEntropy;
        let cores = cores_of(&config, shards)?;
        let session_config = Arc::new(config.session.clone());
        let hash_seed = entropy.next_u64();
        for (i, (opener, links)) in openers.into_iter().zip(links).enumerate() {
            let (shard_board, mut desk) = board::make(&published);
            if let Some(deny) = &settings.deny {
                let _ = desk.orders.push(Order::Deny(deny.clone()));
            }
            desks.push(desk);
            wakers.push(opener.waker());
            let mut seed = [0; 32];
            entropy.fill(&mut seed);
            let sessions = Sessions::new(
                session_config.clone(),
                settings.tls.clone(),
                &settings.keys,
                ShardId(i as u16),
                shards,
                settings.verifier.clone(),
                &seed,
                SystemClock.now(),
            )?;
            let parts = Parts {
                shard: ShardId(i as u16),
                shards,
                config: config.shard.clone(),
                sessions,
                serving: settings.serving.clone(),
                restored: std::mem::take(&mut restored[i]),
                node: config.node.id,
                epoch: recovered.epoch,
                hash_seed,
            };
            handles.push(spawn_shard(parts, opener, choice(config.listen.door), links, shard_board, cores[i], failures.clone())?);
        }

        let overview = Overview {
            started,
            doors: vec![("", String::new()); usize::from(shards)],
            wakers,
            forward: forward_desk.clone(),
            epoch: recovered.epoch.0,
        };
        let (asks, asks_in) = mpsc::channel(64);
        let (drained_to, drained) = oneshot::channel();
        let control = Control {
            config: config.clone(),
            bundles: settings.bundles,
            published,
            shards: desks,
            spool: spool_desk.clone(),
            overview,
            asks: asks_in,
            drained: Some(drained_to),
        };
        let (http, control) = start_control(&config, control, asks.clone())?;
        tracing::info!(%address, http = http.map(tracing::field::display), shards, revision = settings.serving.rules.revision(), "serving");
        Ok(Daemon {
            address,
            http,
            asks,
            control,
            drained,
            failed,
            shards: handles,
            spool,
            spool_desk,
            spool_bell,
            forward,
            forward_desk,
        })
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

    /// Waits until a drain has ended (however it was asked for), then ends every thread in order. Blocks.
    ///
    /// # Errors
    /// A shard or the spool failed meanwhile, or commands are left undelivered: they are in the spool for the next start.
    pub(crate) fn wait(mut self) -> Result<Snapshot> {
        self.await_drain()?;
        let mut failed = None;
        for (i, shard) in self.shards.into_iter().enumerate() {
            match shard.join() {
                Ok(Ok(())) => {}
                Ok(Err(why)) => failed = Some(anyhow::Error::from(why).context(format!("shard {i}"))),
                Err(_) => failed = Some(anyhow!("shard {i} panicked")),
            }
        }
        self.spool_bell.ring();
        let left = empty(&self.spool_desk, &self.forward_desk);
        self.forward_desk.stop.store(true, Ordering::Release);
        self.spool_desk.forward_bell.ring();
        let _ = self.forward.join();
        self.spool_desk.stop.store(true, Ordering::Release);
        self.spool_bell.ring();
        match self.spool.join() {
            Ok(Ok(())) => {}
            Ok(Err(why)) => failed = Some(anyhow::Error::from(why).context("the spool's thread")),
            Err(_) => failed = Some(anyhow!("the spool's thread panicked")),
        }
        // The last snapshot, taken when nothing moves any more.
        let snapshot = final_snapshot(&self.asks);
        let _ = self.asks.blocking_send(Ask::End);
        let _ = self.control.join();
        if let Some(why) = failed {
            return Err(why);
        }
        if left {
            tracing::warn!("commands are left in the spool: the next start delivers them");
        }
        tracing::info!("ended");
        snapshot
    }
}

impl Daemon {
    /// Waits for the end of a drain. Where a thread failed before, there is no order to end in: what was receipted is in the
    /// spool, so the process may end as if it had been killed.
    fn await_drain(&mut self) -> Result<()> {
        loop {
            match self.failed.recv_timeout(FAILURE_POLL) {
                Ok(why) => return Err(why),
                Err(std_mpsc::RecvTimeoutError::Timeout) => {}
                // Every thread that could fail has ended, and none did.
                Err(std_mpsc::RecvTimeoutError::Disconnected) => std::thread::sleep(END_POLL),
            }
            match self.drained.try_recv() {
                Ok(()) => return Ok(()),
                Err(oneshot::error::TryRecvError::Empty) => {}
                Err(oneshot::error::TryRecvError::Closed) => return Err(anyhow!("the control thread is gone")),
            }
        }
    }
}

fn final_snapshot(asks: &mpsc::Sender<Ask>) -> Result<Snapshot> {
    let (to, answer) = oneshot::channel();
    asks.blocking_send(Ask::Snapshot(to)).map_err(|_| anyhow!("the control thread is gone"))?;
    Ok(*answer.blocking_recv().map_err(|_| anyhow!("the control thread is gone"))?)
}

/// Waits until everything is committed and settled. Says whether something is left.
fn empty(spool: &SpoolDesk, forward: &ForwardDesk) -> bool {
    let since = Instant::now();
    while since.elapsed() < EMPTY_WITHIN {
        let status = spool.figures.load();
        if status.is_idle && forward.is_idle_at(*lock(&spool.committed)) {
            return false;
        }
        std::thread::sleep(END_POLL);
    }
    true
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

/// Binds one socket a shard, all to one port. With port 0 the kernel chooses it once.
fn bind(config: &edge_config::Config, shards: u16) -> Result<Vec<UdpOpener>> {
    let options = UdpOptions { share_port: shards > 1, ..UdpOptions::default() };
    let mut address = config.listen.address;
    let mut openers = Vec::new();
    for _ in 0..shards {
        let opener = edge_io::open_udp(address, &options).with_context(|| format!("`listen.address` {address}"))?;
        address = opener.local_addr();
        openers.push(opener);
    }
    Ok(openers)
}

/// Gives each shard what belongs to its slices of players, however many shards there were before.
fn deal(recovered: &Recovered, shards: u16) -> Vec<Restored> {
    let mut dealt = vec![Restored::default(); usize::from(shards)];
    for mark in &recovered.marks {
        dealt[usize::from(mark.partition.owner(shards).0)].marks.push(*mark);
    }
    for (key, value, expires) in &recovered.state {
        dealt[usize::from(key.partition.owner(shards).0)].cells.push((*key, value.clone(), *expires));
    }
    dealt
}

fn report(recovered: &Recovered) {
    let StartEpoch(epoch) = recovered.epoch;
    tracing::info!(epoch, marks = recovered.marks.len(), cells = recovered.state.len(), "spool recovered");
    if !recovered.report.damage.is_empty() {
        tracing::error!(damage = ?recovered.report.damage, "the spool was damaged; what could not be read is kept in quarantine files");
    }
}

fn spawn_shard(
    parts: Parts,
    opener: UdpOpener,
    choice: Choice,
    links: ShardLinks,
    board: ShardBoard,
    core: Option<usize>,
    failures: std_mpsc::Sender<anyhow::Error>,
) -> Result<JoinHandle<std::io::Result<()>>> {
    let name = format!("shard-{}", links.shard.0);
    spawn_watched(&name, failures, move || ShardThread { parts, opener, choice, links, board, core }.run())
}

/// [`spawn`] for a thread without which nothing can go on.
fn spawn_watched(
    name: &str,
    failures: std_mpsc::Sender<anyhow::Error>,
    body: impl FnOnce() -> std::io::Result<()> + Send + 'static,
) -> Result<JoinHandle<std::io::Result<()>>> {
    let of = format!("the thread {name}");
    spawn(name, move || {
        let ended = body();
        if let Err(why) = &ended {
            let _ = failures.send(anyhow!("{why}").context(of));
        }
        ended
    })
}

fn spawn<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>> {
    std::thread::Builder::new().name(name.into()).spawn(body).with_context(|| format!("cannot start the thread {name}"))
}

/// Starts the control thread with its socket and its pages.
fn start_control(
    config: &edge_config::Config,
    control: Control,
    asks: mpsc::Sender<Ask>,
) -> Result<(Option<SocketAddr>, JoinHandle<()>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let http = match config.control.http {
        None => None,
        Some(address) => {
            let listener = std::net::TcpListener::bind(address).with_context(|| format!("`control.http` {address}"))?;
            listener.set_nonblocking(true)?;
            Some(tokio::net::TcpListener::from_std(listener)?)
        }
    };
    let socket = match &config.control.socket {
        None => None,
        Some(path) => Some(control_socket::bind(path).with_context(|| format!("`control.socket` {}", path.display()))?),
    };
    drop(entered);
    let http_address = http.as_ref().map(|l| l.local_addr()).transpose()?;
    let path = config.control.socket.clone();
    let handle = spawn("control", move || {
        runtime.block_on(async move {
            if let Some(listener) = http {
                tokio::spawn(pages::serve(listener, asks.clone()));
            }
            if let Some(listener) = socket {
                tokio::spawn(control_socket::serve(listener, asks));
            }
            control.run().await;
        });
        if let Some(path) = path {
            let _ = std::fs::remove_file(path);
        }
    })?;
    Ok((http_address, handle))
}

fn choice(door: Door) -> Choice {
    match door {
        Door::Auto => Choice::Auto,
        Door::Uring => Choice::Uring,
        Door::Plain => Choice::Plain,
    }
}
