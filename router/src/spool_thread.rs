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
use edge_io::{Choice, Directory, SystemClock, SystemEntropy, Turn};
use edge_shard::ToSpool;
use edge_spool::{AppendError, Config, Health, RecoverError, Recovered, Spool, Status};

use crate::fabric::{Doorbell, SpoolLinks};

/// The longest sleep: figures and the stop flag are looked at this often.
const SLEEP_MAX: Duration = Duration::from_millis(100);

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
    /// Nothing waits in a ring, in a batch, or for the cursor.
    pub(crate) is_idle: bool,
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
    pub(crate) recovery: RecoverySender,
}

struct Writer {
    spool: Spool,
    links: SpoolLinks,
    desk: Arc<SpoolDesk>,
    clock: SystemClock,
    figures: SpoolFigures,
    shown: Instant,
    /// An item taken from a ring for which there was no room yet, by shard.
    held: Vec<Option<ToSpool>>,
}

impl SpoolThread {
    /// Recovers, says what was found, then runs until told to stop.
    ///
    /// # Errors
    /// The thread's own sleep fails, or `io_uring` was demanded and is refused.
    pub(crate) fn run(self) -> io::Result<()> {
        let SpoolThread { directory, choice, config, links, desk, recovery } = self;
        let sleeper = edge_io::wake::Sleeper::new()?;
        links.bell.install(sleeper.waker());
        let clock = SystemClock;
        let mut fresh = [0; 16];
        SystemEntropy.fill(&mut fresh);
        let door = std::cell::Cell::new("");
        let mut start = Some((links, desk, recovery));
        let mut writer: Option<Writer> = None;
        let turn = |disk: &mut dyn Disk| {
            if let Some(writer) = &mut writer {
                return writer.turn(disk);
            }
            let (links, desk, recovery) = start.take().expect("INVARIANT: a failed start ends the thread");
            let now = UnixMillis(clock.unix_millis());
            match Spool::recover(disk, &config, SpoolUuid(fresh), now) {
                Ok((spool, recovered)) => {
                    let shards = links.from_shards.len();
                    *lock(&desk.committed) = recovered.committed;
                    *lock(&desk.settled) = recovered.settled;
                    writer = Some(Writer {
                        spool,
                        links,
                        desk,
                        clock,
                        figures: SpoolFigures {
                            door: door.get(),
                            commands: vec![0; shards],
                            at_cut: vec![(0, 0); shards],
                            ..SpoolFigures::default()
                        },
                        shown: clock.now(),
                        held: (0..shards).map(|_| None).collect(),
                    });
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
        )
    }
}

impl Writer {
    fn turn(&mut self, disk: &mut dyn Disk) -> Turn {
        self.links.bell.awake();
        let stopping = self.desk.stop.load(Ordering::Acquire);
        loop {
            let now = self.clock.now();
            let mut busy = false;
            while let Some((id, end)) = disk.poll() {
                self.spool.handle_end(id, end, now);
                busy = true;
            }
            busy |= self.take_records();
            self.spool.settle(*lock(&self.desk.settled));
            if stopping {
                self.spool.flush();
            }
            while let Some((id, op)) = self.spool.poll_op(now) {
                disk.submit(id, op);
                busy = true;
            }
            busy |= self.tell_committed();
            if now.saturating_duration_since(self.shown) >= SLEEP_MAX || stopping {
                self.show(now);
            }
            if busy {
                continue;
            }
            if stopping && self.is_drained() {
                return Turn::Done;
            }
            self.links.bell.going_to_sleep();
            if self.links.from_shards.iter().any(|r| !r.is_empty()) && self.held.iter().all(Option::is_none) {
                self.links.bell.awake();
                continue;
            }
            let timer = self.spool.poll_timeout().map(|at| at.saturating_duration_since(now));
            return Turn::Wait(Some(timer.unwrap_or(SLEEP_MAX).min(SLEEP_MAX)));
        }
    }

    /// Takes from each shard's ring as much as there is room for.
    fn take_records(&mut self) -> bool {
        let mut any = false;
        let now = UnixMillis(self.clock.unix_millis());
        for shard in 0..self.links.from_shards.len() {
            loop {
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
                Ok(())
            }
            ToSpool::Record { ticket, record } => {
                match self.spool.append(ShardId(shard as u16), ticket, &record, now) {
                    Ok(_) => {
                        self.figures.commands[shard] += record.commands.len() as u64;
                        Ok(())
                    }
                    Err(AppendError::NoRoom | AppendError::ReadOnly { .. }) => Err(ToSpool::Record { ticket, record }),
                    // A bundle whose worst case exceeds a record is refused at load, so this is our own fault; going on
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

    fn is_drained(&self) -> bool {
        self.links.from_shards.iter().all(|r| r.is_empty())
            && self.held.iter().all(Option::is_none)
            && (self.spool.is_idle() || *self.spool.health() != Health::Healthy)
    }

    fn show(&mut self, now: Instant) {
        self.shown = now;
        self.figures.status = self.spool.status();
        self.figures.is_idle = self.links.from_shards.iter().all(|r| r.is_empty())
            && self.held.iter().all(Option::is_none)
            && self.figures.status.uncommitted_records == 0;
        self.desk.figures.store(Arc::new(self.figures.clone()));
    }
}

/// A poisoned lock holds a position that was whole when its writer panicked: positions are written in one assignment.
pub(crate) fn lock(position: &Mutex<Position>) -> std::sync::MutexGuard<'_, Position> {
    position.lock().unwrap_or_else(PoisonError::into_inner)
}
