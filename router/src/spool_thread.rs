//! The spool's thread: carries records from the shards' rings to disk, and the word that they are durable back.
//!
//! What comes in: records and ledger marks from each shard's ring, the cursor of the forward thread. What goes out: the highest
//! committed ticket of each shard, the committed position for the forward thread, figures. On `tokio-uring` where the
//! kernel allows it, on plain calls where it does not; one behaviour. Deliberately absent: everything else. A busy
//! neighbour on this thread would delay an fsync, and with it every receipt.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use edge_door::{Clock, Disk, Entropy};
use edge_event::{Position, ShardId, SpoolUuid, UnixMillis};
use edge_io::{Choice, Directory, ProcessClock, SystemEntropy, Turn};
use edge_shard::ToSpool;
use edge_spool::{AppendError, Config, Health, RecoverError, Recovered, Spool, Status};

use crate::fabric::{Doorbell, SpoolLinks};
use crate::pulse::Pulse;

/// The longest sleep: figures and the stop flag are looked at this often.
const SLEEP_MAX: Duration = Duration::from_millis(100);
/// Items taken from one ring in one go, so that ends of operations are never far away.
const RING_BATCH: usize = 1024;
/// How long the end may take: a disk that takes nothing must not keep the process.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What the spool thread and the forward thread tell each other.
#[derive(Default)]
pub(crate) struct SpoolDesk {
    /// Everything up to here is durable.
    pub(crate) committed: Mutex<Position>,
    /// Everything up to here is settled upstream.
    pub(crate) settled: Mutex<Position>,
    /// Rung when `committed` moved.
    pub(crate) forward_bell: Doorbell,
    pub(crate) figures: ArcSwap<SpoolFigures>,
    /// Set when every shard has stopped: drain, commit, end.
    pub(crate) stop: AtomicBool,
}

/// The latest figures.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpoolFigures {
    pub(crate) status: Status,
    pub(crate) door: &'static str,
    /// Durable commands taken in, by shard.
    pub(crate) commands: Vec<u64>,
    /// The same at the latest mark of the ledger's cut: `(number, commands)`, by shard.
    pub(crate) at_cut: Vec<(u64, u64)>,
    /// Nothing waits in a ring or in a batch that could still become durable.
    pub(crate) is_idle: bool,
    /// Since when the disk has operations and has ended none of them.
    pub(crate) awaited_since: Option<Instant>,
    /// When these were shown; `None` before recovery.
    pub(crate) shown_at: Option<Instant>,
}

/// Told once, before the first record: what was found, or why nothing can be.
pub(crate) type RecoverySender = SyncSender<Result<Recovered, RecoverError>>;

/// What the thread is made of.
pub(crate) struct SpoolThread {
    pub(crate) directory: Arc<Directory>,
    pub(crate) choice: Choice,
    pub(crate) config: Config,
    pub(crate) links: SpoolLinks,
    pub(crate) desk: Arc<SpoolDesk>,
    pub(crate) clock: ProcessClock,
    pub(crate) recovery: RecoverySender,
}

struct Writer {
    spool: Spool,
    links: SpoolLinks,
    desk: Arc<SpoolDesk>,
    clock: ProcessClock,
    pulse: Arc<Pulse>,
    figures: SpoolFigures,
    shown: Instant,
    /// A cut of the ledger has passed since.
    is_cut: bool,
    /// Operations of the disk that have not ended.
    in_flight: usize,
    /// Since when none has ended.
    awaited_since: Option<Instant>,
    /// Since we were told to stop.
    stopping: Option<Instant>,
    /// An item taken from a ring for which there was no room yet, by shard.
    held: Vec<Option<ToSpool>>,
}

impl SpoolThread {
    /// Recovers, says what was found, then runs until told to stop.
    ///
    /// # Errors
    /// The thread's own sleep fails, or `io_uring` was demanded and is refused. Or it was told to stop and the disk had failed before.
    pub(crate) fn run(self, pulse: Arc<Pulse>) -> io::Result<()> {
        let SpoolThread { directory, choice, config, links, desk, clock, recovery } = self;
        let sleeper = edge_io::wake::Sleeper::new()?;
        links.bell.install(sleeper.waker());
        let mut fresh = [0; 16];
        SystemEntropy.fill(&mut fresh);
        let door = std::cell::Cell::new("");
        let shown = desk.clone();
        let mut start = Some((links, desk, clock, recovery, pulse));
        let mut writer: Option<Writer> = None;
        let turn = |disk: &mut dyn Disk| {
            if let Some(writer) = &mut writer {
                return writer.turn(disk);
            }
            let (links, desk, clock, recovery, pulse) =
                start.take().expect("INVARIANT: a failed start ends the thread");
            let now = UnixMillis(clock.unix_millis());
            match Spool::recover(disk, &config, SpoolUuid(fresh), now) {
                Ok((spool, recovered)) => {
                    *lock(&desk.committed) = recovered.committed;
                    *lock(&desk.settled) = recovered.settled;
                    writer = Some(Writer::new(spool, links, desk, clock, pulse, door.get()));
                    let _ = recovery.send(Ok(recovered));
                    Turn::Wait(Some(Duration::ZERO))
                }
                Err(why) => {
                    let _ = recovery.send(Err(why));
                    Turn::Done
                }
            }
        };
        edge_io::run_disk(
            directory,
            choice,
            sleeper,
            |chosen| {
                door.set(chosen.door);
                tracing::info!(door = chosen.door, why = %chosen.why, "spool's disk open");
            },
            turn,
        )?;
        match &shown.figures.load().status.health {
            Health::Healthy | Health::Full { .. } => Ok(()),
            Health::ReadOnly { why } => Err(io::Error::other(format!("the spool was read-only: {why}"))),
        }
    }
}

impl Writer {
    fn new(
        spool: Spool,
        links: SpoolLinks,
        desk: Arc<SpoolDesk>,
        clock: ProcessClock,
        pulse: Arc<Pulse>,
        door: &'static str,
    ) -> Writer {
        let shards = links.from_shards.len();
        Writer {
            spool,
            links,
            desk,
            shown: clock.now(),
            clock,
            pulse,
            figures: SpoolFigures {
                door,
                commands: vec![0; shards],
                at_cut: vec![(0, 0); shards],
                ..SpoolFigures::default()
            },
            is_cut: false,
            in_flight: 0,
            awaited_since: None,
            stopping: None,
            held: (0..shards).map(|_| None).collect(),
        }
    }

    /// One turn, and a few more at once where it found something to do. Not while an operation is on its way: requests go to
    /// the kernel, and ends come back, when the thread rests, and no record can become durable before that.
    fn turn(&mut self, disk: &mut dyn Disk) -> Turn {
        self.links.bell.awake();
        loop {
            let now = self.clock.now();
            self.pulse.beat(now);
            if self.stopping.is_none() && self.desk.stop.load(Ordering::Acquire) {
                self.stopping = Some(now);
            }
            let busy = self.work(disk, now);
            if let Some(since) = self.stopping
                && self.has_stopped(now.saturating_duration_since(since))
            {
                self.show(now);
                return Turn::Done;
            }
            if busy && self.in_flight == 0 {
                continue;
            }
            self.links.bell.going_to_sleep();
            // What came meanwhile rings no bell. Where something is held there is no room for it, and an end will bring some.
            let has_news =
                self.links.from_shards.iter().any(|r| !r.is_empty()) && self.held.iter().all(Option::is_none);
            if has_news && self.in_flight == 0 {
                self.links.bell.awake();
                continue;
            }
            if has_news {
                return Turn::Wait(Some(Duration::ZERO));
            }
            let timer = self.spool.poll_timeout().map(|at| at.saturating_duration_since(now));
            return Turn::Wait(Some(timer.unwrap_or(SLEEP_MAX).min(SLEEP_MAX)));
        }
    }

    /// Carries everything one step on. Says whether there was anything.
    fn work(&mut self, disk: &mut dyn Disk, now: Instant) -> bool {
        let mut busy = false;
        while let Some((id, end)) = disk.poll() {
            self.in_flight -= 1;
            self.awaited_since = (self.in_flight > 0).then_some(now);
            self.spool.handle_end(id, end, now);
            busy = true;
        }
        busy |= self.take_records();
        self.spool.settle(*lock(&self.desk.settled));
        if self.stopping.is_some() {
            self.spool.flush();
        }
        while let Some((id, op)) = self.spool.poll_op(now) {
            self.in_flight += 1;
            self.awaited_since.get_or_insert(now);
            disk.submit(id, op);
            busy = true;
        }
        busy |= self.tell_committed();
        if self.is_cut || now.saturating_duration_since(self.shown) >= SLEEP_MAX {
            self.show(now);
        }
        busy
    }

    /// Takes from each shard's ring as much as there is room for.
    fn take_records(&mut self) -> bool {
        let mut any = false;
        let now = UnixMillis(self.clock.unix_millis());
        for shard in 0..self.links.from_shards.len() {
            for _ in 0..RING_BATCH {
                let item = match self.held[shard].take() {
                    Some(item) => item,
                    None => match self.links.from_shards[shard].pop() {
                        Ok(item) => item,
                        Err(_) => break,
                    },
                };
                if let Err(item) = self.take(shard, item, now) {
                    self.held[shard] = Some(item);
                    break;
                }
                any = true;
            }
        }
        any
    }

    fn take(&mut self, shard: usize, item: ToSpool, now: UnixMillis) -> Result<(), ToSpool> {
        match item {
            ToSpool::Cut(number) => {
                self.figures.at_cut[shard] = (number, self.figures.commands[shard]);
                self.is_cut = true;
                Ok(())
            }
            ToSpool::Record { ticket, record } => {
                match self.spool.append(ShardId(shard as u16), ticket, &record, now) {
                    Ok(_) => {
                        self.figures.commands[shard] += record.commands.len() as u64;
                        Ok(())
                    }
                    Err(AppendError::NoRoom | AppendError::ReadOnly { .. }) => Err(ToSpool::Record { ticket, record }),
                    // The engine holds back what would not fit into an event's record, so this is our own fault; going on
                    // without the record would be a receipt for nothing.
                    Err(why @ AppendError::TooLarge { .. }) => panic!("the spool refused a record: {why}"),
                }
            }
        }
    }

    fn tell_committed(&mut self) -> bool {
        let mut any = false;
        while let Some(committed) = self.spool.poll_committed() {
            let shard = usize::from(committed.shard.0);
            self.links.committed[shard].store(committed.up_to_ticket, Ordering::Release);
            self.links.doorbells[shard].ring();
            any = true;
        }
        if any {
            *lock(&self.desk.committed) = self.spool.committed();
            self.desk.forward_bell.ring();
        }
        any
    }

    /// Whether the end has come, `passed` after it was asked for: everything is durable, or never will be.
    fn has_stopped(&self, passed: Duration) -> bool {
        let has_taken = self.has_taken();
        let status = self.spool.status();
        let has_cursor = status.settled_durable == status.settled;
        let is_over = match status.health {
            Health::Healthy => has_taken && self.spool.is_idle(),
            Health::Full { .. } | Health::ReadOnly { .. } => has_cursor,
        };
        if !is_over && passed < STOP_WITHIN {
            return false;
        }
        if !has_taken || status.uncommitted_records > 0 {
            let records = status.uncommitted_records;
            tracing::error!(
                records,
                health = status.health.word(),
                "ended with records that are not durable: none has a receipt, and clients send their events again"
            );
        }
        if !has_cursor {
            tracing::warn!("ended before the cursor was durable: the next start delivers some commands again");
        }
        true
    }

    /// Whether everything that the shards gave is in the spool.
    fn has_taken(&self) -> bool {
        self.links.from_shards.iter().all(|r| r.is_empty()) && self.held.iter().all(Option::is_none)
    }

    fn show(&mut self, now: Instant) {
        self.shown = now;
        self.is_cut = false;
        self.figures.status = self.spool.status();
        let is_read_only = matches!(self.figures.status.health, Health::ReadOnly { .. });
        self.figures.is_idle = is_read_only || self.has_taken() && self.figures.status.uncommitted_records == 0;
        self.figures.awaited_since = self.awaited_since;
        self.figures.shown_at = Some(now);
        self.desk.figures.store(Arc::new(self.figures.clone()));
    }
}

/// A poisoned lock holds a position that was whole when its writer panicked: positions are written in one assignment.
pub(crate) fn lock(position: &Mutex<Position>) -> std::sync::MutexGuard<'_, Position> {
    position.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
