//! The forward thread: reads what is committed, hands it to the sink in order, and moves the cursor.
//!
//! What comes in: the committed position, the spool's files (through a reader of its own). What goes out: commands upstream, the
//! settled position for the spool thread, figures. It may lag, stop and go on: the spool keeps what is not settled.
//! Deliberately absent: order, retries and quarantine, which are `edge-upstream`'s.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use edge_door::{Clock, Disk};
use edge_event::{Position, StartEpoch, UnixMillis};
use edge_io::wake::Sleeper;
use edge_io::{Directory, PlainDisk, ProcessClock};
use edge_sink_file::FileSink;
use edge_spool::{Item, ReadError, Reader, Recovered};
use edge_upstream::{Forwarder, Sink};

use crate::metrics::ForwardFigure;
use crate::pulse::Pulse;
use crate::spool_thread::{SpoolDesk, lock};

/// The longest sleep.
const SLEEP_MAX: Duration = Duration::from_millis(100);
/// How long to wait after the spool's files could not be read.
const READ_RETRY: Duration = Duration::from_millis(250);
/// How often figures are shown while there is work.
const FIGURES_EVERY: Duration = Duration::from_millis(50);
/// Records read before the sink is served.
const READ_BATCH: usize = 1024;
/// Best-effort commands are shed when the spool is filled beyond this share of its limit.
const PRESSURE: f64 = 0.8;

/// What the forward thread shows.
#[derive(Default)]
pub(crate) struct ForwardDesk {
    figures: ArcSwap<ForwardFigure>,
    /// The committed position up to which everything was read and has ended.
    idle_at: Mutex<Position>,
    pub(crate) stop: AtomicBool,
}

impl ForwardDesk {
    pub(crate) fn figures(&self) -> ForwardFigure {
        ForwardFigure::clone(&self.figures.load())
    }

    /// Whether everything up to `committed` has ended.
    pub(crate) fn is_idle_at(&self, committed: Position) -> bool {
        *lock(&self.idle_at) >= committed
    }
}

/// What the thread is made of.
pub(crate) struct ForwardThread {
    reader: Reader,
    spool_files: PlainDisk,
    forwarder: Forwarder,
    sink: FileUpstream,
    quarantine: FileUpstream,
    spool: Arc<SpoolDesk>,
    spool_bell: Arc<crate::fabric::Doorbell>,
    desk: Arc<ForwardDesk>,
    log_bytes_max: u64,
    epoch: StartEpoch,
    /// Commands of earlier starts that were still in the spool.
    recovered: u64,
    retry_at: Option<Instant>,
    /// The latest read failed, and that was said.
    is_failing: bool,
    shown: Option<Instant>,
}

/// A file sink and the directory it writes.
struct FileUpstream {
    sink: FileSink,
    disk: PlainDisk,
}

impl FileUpstream {
    fn open(path: &Path, config: edge_sink_file::Config, settled: Position) -> Result<FileUpstream> {
        let directory = Directory::open(path).map(Arc::new)?;
        let mut disk = PlainDisk::new(directory);
        let (sink, report) = FileSink::open(&mut disk, config, settled)?;
        tracing::info!(path = %path.display(), ?report, "file sink open");
        Ok(FileUpstream { sink, disk })
    }

    /// Carries out what the sink wants of its disk. Says whether there was anything.
    fn drive(&mut self, now: Instant) -> bool {
        let mut any = false;
        loop {
            while let Some((id, op)) = self.sink.poll_op(now) {
                self.disk.submit(id, op);
            }
            let Some((id, end)) = self.disk.poll() else { return any };
            self.sink.handle_end(id, end, now);
            any = true;
        }
    }
}

impl ForwardThread {
    /// Opens the sinks where they left off.
    ///
    /// # Errors
    /// A directory is taken or cannot be written.
    pub(crate) fn open(
        config: &edge_config::Config,
        recovered: &Recovered,
        spool: Arc<SpoolDesk>,
        spool_bell: Arc<crate::fabric::Doorbell>,
        desk: Arc<ForwardDesk>,
        spool_directory: Arc<Directory>,
    ) -> Result<ForwardThread> {
        let path = &config.sink_file.directory;
        let source = format!("/edge/{}/node-{}", config.node.pop, config.node.id.0);
        let sink_config = edge_sink_file::Config {
            rotate_bytes: config.sink_file.rotate_bytes,
            files_max: config.sink_file.files_max,
            ..edge_sink_file::Config::new(&source, recovered.uuid)
        };
        let sink = FileUpstream::open(path, sink_config, recovered.settled).context("`sink.file.directory`")?;
        let refused = edge_sink_file::Config::quarantine(&source, recovered.uuid);
        let quarantine = FileUpstream::open(&path.join("quarantine"), refused, recovered.settled)
            .context("the folder `quarantine` in `sink.file.directory`")?;
        Ok(ForwardThread {
            reader: Reader::new(recovered.uuid, recovered.settled),
            spool_files: PlainDisk::new(spool_directory),
            forwarder: Forwarder::new(edge_upstream::Config::default(), recovered.settled),
            sink,
            quarantine,
            spool,
            spool_bell,
            desk,
            log_bytes_max: config.spool.config.log_bytes_max,
            epoch: recovered.epoch,
            recovered: 0,
            retry_at: None,
            is_failing: false,
            shown: None,
        })
    }

    /// Runs until told to stop.
    ///
    /// # Errors
    /// The thread has nothing to sleep on. Commands stay in the spool.
    pub(crate) fn run(mut self, clock: &ProcessClock, pulse: &Pulse) -> io::Result<()> {
        let mut sleeper = Sleeper::new()?;
        self.spool.forward_bell.install(sleeper.waker());
        while !self.desk.stop.load(Ordering::Acquire) {
            let now = clock.now();
            pulse.beat(now);
            let committed = *lock(&self.spool.committed);
            let busy = self.turn(now, UnixMillis(clock.unix_millis()), committed);
            if !busy || self.shown.is_none_or(|at| now.saturating_duration_since(at) >= FIGURES_EVERY) {
                self.show(now);
            }
            if busy {
                continue;
            }
            self.spool.forward_bell.going_to_sleep();
            if *lock(&self.spool.committed) == committed {
                let due = [
                    self.forwarder.poll_timeout(),
                    self.sink.sink.poll_timeout(),
                    self.quarantine.sink.poll_timeout(),
                    self.retry_at,
                ];
                let due = due.into_iter().flatten().min();
                let timeout = due.map_or(SLEEP_MAX, |at| at.saturating_duration_since(now).min(SLEEP_MAX));
                sleeper.sleep(Some(timeout))?;
            }
            self.spool.forward_bell.awake();
        }
        self.show(clock.now());
        Ok(())
    }

    fn turn(&mut self, now: Instant, unix: UnixMillis, committed: Position) -> bool {
        let status = &self.spool.figures.load().status;
        self.forwarder.set_pressure(status.log_bytes as f64 > self.log_bytes_max as f64 * PRESSURE);
        let (mut busy, is_exhausted) = self.read(now, committed);
        self.forwarder.pump(&mut self.sink.sink, &mut self.quarantine.sink, now, unix);
        busy |= self.sink.drive(now);
        busy |= self.quarantine.drive(now);
        self.forwarder.pump(&mut self.sink.sink, &mut self.quarantine.sink, now, unix);
        if let Some(settled) = self.forwarder.poll_settled() {
            *lock(&self.spool.settled) = settled;
            self.spool_bell.ring();
            busy = true;
        }
        if is_exhausted && self.forwarder.is_idle() {
            *lock(&self.desk.idle_at) = committed;
        }
        busy
    }

    /// Reads what is committed. Says whether something was read, and whether there is no more.
    fn read(&mut self, now: Instant, committed: Position) -> (bool, bool) {
        if self.retry_at.is_some_and(|at| at > now) {
            return (false, false);
        }
        self.retry_at = None;
        let mut any = false;
        for _ in 0..READ_BATCH {
            if !self.forwarder.wants() {
                return (any, false);
            }
            let next = self.reader.next(&mut self.spool_files, committed);
            if self.is_failing && !matches!(next, Err(ReadError::Disk { .. })) {
                self.is_failing = false;
                tracing::info!("the spool's files can be read again");
            }
            match next {
                Ok(None) => return (any, true),
                Ok(Some(Item::Record(stored))) => {
                    if stored.position.epoch < self.epoch {
                        self.recovered += stored.record.commands.len() as u64;
                    }
                    self.forwarder.accept(stored.position, stored.lane, stored.priority, stored.record);
                    any = true;
                }
                Ok(Some(Item::Damage(damage))) => {
                    tracing::error!(from = %damage.from, to = %damage.to, why = damage.why, "committed records cannot be read; their bytes are kept in quarantine files");
                    any = true;
                }
                Err(why @ ReadError::Decode { .. }) => {
                    tracing::error!(%why, "a committed record is passed over: its commands are not delivered");
                    any = true;
                }
                Err(why @ ReadError::Disk { .. }) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        tracing::error!(%why, "the spool's files cannot be read; trying again until they can");
                    }
                    self.retry_at = Some(now + READ_RETRY);
                    return (any, false);
                }
            }
        }
        (any, false)
    }

    /// Why commands wait, where they do.
    fn trouble(&self) -> Option<String> {
        let of = |what: &str, sink: &FileSink| Some(format!("{what}: {}", sink.trouble()?));
        of("commands", &self.sink.sink).or_else(|| of("quarantine", &self.quarantine.sink))
    }

    fn show(&mut self, now: Instant) {
        self.shown = Some(now);
        let ledger = self.forwarder.ledger();
        let figures = ForwardFigure {
            sink: self.sink.sink.name(),
            taken: ledger.taken,
            recovered: self.recovered,
            delivered: ledger.delivered,
            expired: ledger.expired,
            quarantined: ledger.quarantined,
            shed: ledger.shed,
            retries: ledger.resent,
            trouble: self.trouble(),
        };
        if **self.desk.figures.load() != figures {
            self.desk.figures.store(Arc::new(figures));
        }
    }
}
