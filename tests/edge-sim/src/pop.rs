//! One node of a site: a machine, its disks, and a daemon while it runs: shards, rings, spool, forwarder, in one thread.
//!
//! Mirrors the daemon's threads; each is a seat that takes turns ([`shard_seat`](crate::shard_seat),
//! [`spool_seat`](crate::spool_seat), [`forward`](crate::forward)). In: packets, bundles, faults, time. Out: packets, and what the
//! witness and the ledger's checker saw. How a daemon starts, recovers and dies is in `pop/life.rs`, what comes from outside in
//! `pop/hardship.rs`. Deliberately absent: what anything means.

mod hardship;
mod life;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_door::sim::{DiskConfig, DiskImage, Rng, SimClock, SimDisk};
use edge_door::{Clock as _, Disk as _};
use edge_event::NodeId;
use edge_session::{Arrival, DenyList};
use edge_shard::Gate;
use edge_wire::RefuseCode;
use serde::{Deserialize, Serialize};

use crate::chronicle::Chronicle;
use crate::cuts::{Cuts, Sum};
use crate::fabric::Fabric;
use crate::forward::ForwardSeat;
use crate::heap;
use crate::ladder::Span;
use crate::memory::MemoryWatch;
use crate::rulebook::Desk;
use crate::scribe::Scribe;
use crate::shard_seat::{Order, ShardSeat};
use crate::spool_seat::{Around, SpoolSeat};
use crate::watch::Watch;
use crate::witness::Witness;
use hardship::Hardships;

/// How long clients shall wait whom a shut gate refuses.
const GATE_RETRY: Duration = Duration::from_millis(40);

/// What a story decides about its daemon, once.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) shards: u16,
    pub(crate) sessions: edge_session::Config,
    pub(crate) shard: edge_shard::Config,
    pub(crate) spool: edge_spool::Config,
    pub(crate) disk: DiskConfig,
    /// Slots of each ring between two shards.
    pub(crate) ring_slots: usize,
    /// Slots of each ring to the spool.
    pub(crate) spool_slots: usize,
    /// The most that a message between threads takes, mostly.
    pub(crate) hop: Duration,
    /// The most that a thread needs to wake up, now and then.
    pub(crate) wake: Duration,
    /// How far clocks may differ where tokens are judged.
    pub(crate) token_leeway: Duration,
}

/// How a daemon ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Death {
    /// kill -9: the kernel lives on.
    Kill,
    /// The power goes.
    PowerLoss,
}

/// A packet that leaves the daemon.
pub(crate) struct Outgoing {
    pub(crate) to: SocketAddr,
    pub(crate) ecn: u8,
    pub(crate) bytes: Vec<u8>,
}

/// A file's name and content.
pub(crate) type NamedFile = (String, Vec<u8>);

/// See the head of this file.
pub(crate) struct Pop {
    pub(crate) node: NodeId,
    pub(crate) setup: Setup,
    pub(crate) witness: Witness,
    pub(crate) desk: Desk,
    /// As the operator's file says it.
    deny: Arc<DenyList>,
    /// Its wall clock.
    pub(crate) chronicle: Chronicle,
    clock: SimClock,
    rng: Rng,
    spool_disk: SimDisk,
    sink_disk: SimDisk,
    quarantine_disk: SimDisk,
    watch: Rc<RefCell<Watch>>,
    starts: u64,
    was_drained: bool,
    daemon: Option<Daemon>,
    cuts: Cuts,
    pub(crate) memory: MemoryWatch,
    hardships: Hardships,
}

/// One run.
struct Daemon {
    shards: Vec<ShardSeat>,
    fabric: Fabric,
    spool: SpoolSeat,
    delivery: ForwardSeat,
}

impl Pop {
    /// A machine with empty disks and no daemon.
    pub(crate) fn new(node: NodeId, mut setup: Setup, clock: SimClock, mut rng: Rng) -> Pop {
        setup.sessions.node = node;
        let disk = |rng: &mut Rng| SimDisk::new(clock.clone(), rng.next_u64(), setup.disk.clone());
        let watch = Rc::new(RefCell::new(Watch::new(clock.clone())));
        Pop {
            node,
            witness: Witness::new(watch.clone()),
            desk: Desk::new(),
            deny: Arc::default(),
            chronicle: Chronicle::new(clock.clone()),
            spool_disk: disk(&mut rng),
            sink_disk: disk(&mut rng),
            quarantine_disk: disk(&mut rng),
            clock: clock.clone(),
            rng,
            watch,
            starts: 0,
            was_drained: false,
            daemon: None,
            cuts: Cuts::new(usize::from(setup.shards)),
            memory: MemoryWatch::new(node.0 as usize - 1),
            hardships: Hardships::default(),
            setup,
        }
    }

    /// Its place among the nodes.
    fn at(&self) -> usize {
        self.node.0 as usize - 1
    }

    /// How often a daemon was started.
    pub(crate) fn starts(&self) -> u64 {
        self.starts
    }

    /// Whether any of its daemons was told to send its sessions away.
    pub(crate) fn was_drained(&self) -> bool {
        self.was_drained
    }

    /// Whether the story's clients can fill one of its shards.
    pub(crate) fn has_low_ceiling(&self) -> bool {
        self.setup.sessions.connections_max < edge_session::Config::default().connections_max
    }

    /// Which start it is whose daemon hears what is sent now.
    pub(crate) fn next_to_hear(&self) -> u64 {
        self.starts + u64::from(!self.is_up())
    }

    /// Whether a daemon runs.
    pub(crate) fn is_up(&self) -> bool {
        self.daemon.is_some()
    }

    // ---- what the story does to it

    /// A packet arrives at the port; `steered_to`: the socket that the kernel picks for its sender.
    pub(crate) fn receive(&mut self, arrival: Arrival, bytes: &[u8], steered_to: usize) {
        let _own = heap::of_node(self.at());
        if let Some(daemon) = &mut self.daemon {
            daemon.shards[steered_to].receive(arrival, bytes);
        }
    }

    /// A bundle arrives; says whether it serves now.
    pub(crate) fn offer(&mut self, bytes: Bytes, scribe: &mut Scribe<'_>) -> bool {
        match self.desk.offer(bytes) {
            Ok(serving) => {
                scribe.note(format_args!("bundle of revision {} published", serving.rules.revision()));
                self.order(&Order::Rules(serving));
                true
            }
            Err(why) => {
                scribe.note(format_args!("bundle refused: {why}"));
                scribe.mix.bundles_refused += 1;
                false
            }
        }
    }

    /// A deny list takes the place of the last.
    pub(crate) fn deny(&mut self, list: Arc<DenyList>) {
        self.deny = list.clone();
        self.order(&Order::Deny(list));
    }

    /// Sessions are asked to go elsewhere, and closed `within` so long.
    pub(crate) fn drain(&mut self, within: Duration) {
        self.was_drained = true;
        self.order(&Order::Drain(within));
    }

    /// New sessions are refused, or let in again.
    pub(crate) fn gate(&mut self, is_open: bool) {
        let detail = "the story says so".to_owned();
        let retry_after = Some(GATE_RETRY);
        let shut = Gate::Shut { code: RefuseCode::Overloaded, detail, retry_after };
        self.order(&Order::Gate(if is_open { Gate::Open } else { shut }));
    }

    /// Begins a cut of the ledger, unless one is under way.
    pub(crate) fn cut(&mut self) {
        if self.is_up()
            && let Some(number) = self.cuts.begin()
        {
            self.order(&Order::Cut(number));
        }
    }

    fn order(&mut self, order: &Order) {
        let now = self.clock.now();
        for seat in self.daemon.iter_mut().flat_map(|d| &mut d.shards) {
            // The control thread writes to one shard after the other, and each looks when it has its turn.
            let most = if self.rng.chance(300_000) { self.setup.wake } else { self.setup.hop };
            seat.order(order.clone(), now + self.rng.duration(most));
        }
    }

    /// One shard's thread stands still; there may be fewer than the plan thought.
    pub(crate) fn stall(&mut self, shard: usize, until: Instant) {
        if let Some(daemon) = &mut self.daemon {
            let count = daemon.shards.len();
            daemon.shards[shard % count].stall(until);
        }
    }

    /// Its disks are no slower than others from now on.
    pub(crate) fn quicken_disks(&mut self) {
        let own = &self.setup.disk;
        let (latency, jitter) = (own.latency.min(Duration::from_millis(2)), own.jitter.min(Duration::from_millis(120)));
        for disk in [&mut self.spool_disk, &mut self.sink_disk, &mut self.quarantine_disk] {
            disk.set_config(DiskConfig { latency, jitter, ..own.clone() });
        }
    }

    // ---- what can be seen of it

    /// Whether the spool takes nothing any more until a restart.
    pub(crate) fn is_read_only(&self) -> bool {
        self.daemon.as_ref().is_some_and(|d| d.spool.is_read_only())
    }

    /// How many records of the spool lie between their write and their fsync.
    pub(crate) fn unsynced_records(&self) -> usize {
        self.daemon.as_ref().map_or(0, |d| d.spool.disk.unsynced_records())
    }

    /// Who still has something to do; nobody where everything has come to rest.
    pub(crate) fn busy(&self) -> Vec<&'static str> {
        let Some(daemon) = &self.daemon else { return vec!["nobody: the daemon is down"] };
        let seats = [
            ("the rings", daemon.fabric.is_empty()),
            ("a shard", daemon.shards.iter().all(ShardSeat::is_idle)),
            ("a shard that sheds", daemon.shards.iter().all(|seat| seat.ladder.is_back_to_normal())),
            ("the spool", daemon.spool.is_idle()),
            ("the forwarder", daemon.delivery.is_idle(daemon.spool.committed)),
        ];
        seats.into_iter().filter_map(|(who, is_idle)| (!is_idle).then_some(who)).collect()
    }

    /// The cut that closed last, as the checker added it up; `None` while one is under way.
    pub(crate) fn last_cut(&self) -> Option<Sum> {
        self.cuts.is_closed().then(|| self.cuts.last())
    }

    /// Events that the running daemon's sessions accepted, by its shards' word.
    pub(crate) fn accepted(&self) -> u64 {
        self.daemon.iter().flat_map(|d| &d.shards).map(|seat| seat.shard.stats().counters.accepted).sum()
    }

    /// The spans in which the running daemon's shards did not read a class.
    pub(crate) fn unread(&self, now: Duration) -> Vec<Span> {
        let seats = self.daemon.iter().flat_map(|d| &d.shards).enumerate();
        seats.flat_map(|(shard, seat)| seat.ladder.spans(shard, now)).collect()
    }

    /// Whether no connection is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.daemon.iter().flat_map(|d| &d.shards).all(|seat| seat.shard.is_empty())
    }

    /// Whether a cut of the ledger is under way.
    pub(crate) fn is_cutting(&self) -> bool {
        self.is_up() && !self.cuts.is_closed()
    }

    /// The revisions that shards serve.
    pub(crate) fn revisions(&self) -> Vec<u64> {
        self.daemon.iter().flat_map(|d| &d.shards).map(|seat| seat.shard.rules().revision()).collect()
    }

    /// The last word of delivery's ledger.
    pub(crate) fn delivery_ledger(&self) -> Option<edge_upstream::Ledger> {
        self.daemon.as_ref().map(|d| d.delivery.ledger())
    }

    /// Everything is at rest: looks at the memory once more.
    pub(crate) fn look_at_memory(&self, scribe: &mut Scribe<'_>) {
        let seats = self.daemon.iter().flat_map(|d| &d.shards);
        self.memory.rested(seats.map(|seat| seat.shard.stats().sessions.connections).sum(), scribe);
    }

    /// A copy of what certainly lies on the spool's disk.
    pub(crate) fn spool_image(&self) -> DiskImage {
        self.spool_disk.image()
    }

    /// The sink's files: of commands, and of the quarantine.
    pub(crate) fn delivered(&mut self) -> (Vec<NamedFile>, Vec<NamedFile>) {
        (read_all(&mut self.sink_disk), read_all(&mut self.quarantine_disk))
    }

    // ---- its turns

    /// When something is due.
    pub(crate) fn next_due(&mut self, now: Instant) -> Option<Instant> {
        let outside = self.hardships.next_due();
        let Some(Daemon { shards, fabric, spool, delivery }) = &mut self.daemon else { return outside };
        let shards = shards.iter_mut().filter_map(|seat| seat.due(fabric, now));
        shards.chain(spool.due(fabric, now)).chain(delivery.due(spool.committed, now)).chain(outside).min()
    }

    /// Lets every thread that has something to do take one turn.
    pub(crate) fn turn(&mut self, out: &mut Vec<Outgoing>, scribe: &mut Scribe<'_>) {
        let now = self.clock.now();
        self.tend(now, scribe);
        let wall = self.chronicle.wall();
        let own = heap::of_node(self.at());
        let Some(Daemon { shards, fabric, spool, delivery }) = &mut self.daemon else { return };
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        scribe.mix.turns_between += u64::from(shards.iter().any(|seat| seat.revision != shards[0].revision));
        for seat in shards.iter_mut() {
            if is_due(seat.due(fabric, now)) {
                seat.turn(fabric, &mut self.cuts, (now, wall), out, scribe);
            }
        }
        if is_due(spool.due(fabric, now)) {
            let revisions: Vec<u64> = shards.iter().map(|seat| seat.revision).collect();
            let (witness, cuts, settled) = (&mut self.witness, &mut self.cuts, delivery.settled);
            spool.turn(Around { fabric, witness, cuts, revisions: &revisions, settled, now, wall }, scribe);
            spool.disk.complain(spool.is_read_only(), scribe);
        }
        if is_due(delivery.due(spool.committed, now)) {
            delivery.turn(now, wall, spool.committed, scribe);
            spool.wake(now);
        }
        drop(own);
        let stats = || shards.iter().map(|seat| seat.shard.stats().sessions).collect();
        self.memory.see(&self.setup, stats, scribe);
    }
}

impl Daemon {
    /// Adds its own counts to the mix, at its end.
    fn harvest(&self, scribe: &mut Scribe<'_>) {
        self.shards.iter().for_each(|seat| seat.harvest(scribe));
        self.spool.harvest(scribe);
        self.delivery.harvest(scribe);
    }
}

fn read_all(disk: &mut SimDisk) -> Vec<NamedFile> {
    let files = disk.list().expect("a simulated directory can be listed");
    let read = |(name, len): (edge_door::FileName, u64)| {
        let mut bytes = vec![0; len as usize];
        let got = disk.read(&name, 0, &mut bytes).expect("a listed file can be read");
        assert_eq!(got as u64, len, "a file has its length");
        (name.to_string(), bytes)
    };
    files.into_iter().map(read).collect()
}
