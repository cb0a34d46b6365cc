//! A whole daemon in one thread: shards, rings, spool, forwarder, and what lies on its disks when it is not running.
//!
//! Mirrors the loops of the daemon's threads: rings of few slots, committed tickets, reader, forwarder, sink, cursor. In:
//! packets, bundles, faults, time. Out: packets, and what the witness and the ledger's checker saw. Threads are turns; what
//! passes between two of them arrives a little later, by the seed. Deliberately absent: what anything means.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use edge_door::sim::{DiskConfig, Rng, SimClock, SimDisk};
use edge_door::{Clock as _, Disk as _};
use edge_event::{NodeId, Position, ShardId, SpoolUuid, UnixMillis};
use edge_session::{Arrival, Sessions, SharedKeys};
use edge_shard::{Back, Forward, Gate, Parts, Restored, Serving, Shard, ToSpool};
use edge_spool::{Health, RecoverError, Recovered, Spool};
use edge_wire::RefuseCode;

use crate::cuts::Cuts;
use crate::forward::ForwardSeat;
use crate::ring::Ring;
use crate::rulebook::Desk;
use crate::scribe::{Promise, Scribe};
use crate::tls::keys;
use crate::watch::{Watch, WatchedDisk};
use crate::witness::Witness;

/// Messages taken from one ring in one turn.
const RING_BATCH: usize = 64;
/// While a ring is full or a shard has no room: how long until a turn looks again.
const FULL_RING_POLL: Duration = Duration::from_micros(200);
const NODE: NodeId = NodeId(1);

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
}

/// How a daemon ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

/// The site: one machine, its disks, and the daemon while it runs.
pub(crate) struct Pop {
    pub(crate) setup: Setup,
    pub(crate) witness: Witness,
    pub(crate) desk: Desk,
    clock: SimClock,
    rng: Rng,
    spool_disk: SimDisk,
    sink_disk: SimDisk,
    quarantine_disk: SimDisk,
    watch: Rc<RefCell<Watch>>,
    starts: u64,
    daemon: Option<Daemon>,
    cuts: Cuts,
}

struct Daemon {
    shards: Vec<Seat>,
    /// `[from][to]`; nobody uses the diagonal.
    forward: Vec<Vec<Ring<Forward>>>,
    back: Vec<Vec<Ring<Back>>>,
    to_spool: Vec<Ring<ToSpool>>,
    /// Committed tickets on their way to each shard.
    tickets: Vec<VecDeque<(Instant, u64)>>,
    spool: SpoolSeat,
    delivery: ForwardSeat,
}

struct Seat {
    shard: Shard,
    inbox: VecDeque<(Arrival, BytesMut)>,
    orders: VecDeque<Order>,
    /// The thread stands still until then.
    stalled_until: Option<Instant>,
    /// A turn is due then, though nothing arrives.
    wake_at: Option<Instant>,
    revision: u64,
}

enum Order {
    Cut(u64),
    Gate(Gate),
    Rules(Arc<Serving>),
}

struct SpoolSeat {
    spool: Spool,
    disk: WatchedDisk,
    /// An item taken from a ring for which there was no room yet, by shard.
    held: Vec<Option<ToSpool>>,
    /// Commands taken in, by shard.
    commands: Vec<u64>,
    wake_at: Option<Instant>,
    /// As the forward thread knows it.
    committed: Position,
}

impl Pop {
    /// A machine with empty disks and no daemon.
    pub(crate) fn new(setup: Setup, clock: SimClock, mut rng: Rng) -> Pop {
        let disk = |rng: &mut Rng| SimDisk::new(clock.clone(), rng.next_u64(), setup.disk.clone());
        let watch = Rc::new(RefCell::new(Watch::new(clock.clone())));
        Pop {
            witness: Witness::new(watch.clone()),
            desk: Desk::new(),
            spool_disk: disk(&mut rng),
            sink_disk: disk(&mut rng),
            quarantine_disk: disk(&mut rng),
            clock: clock.clone(),
            rng,
            watch,
            starts: 0,
            daemon: None,
            cuts: Cuts::new(usize::from(setup.shards)),
            setup,
        }
    }

    // ---- its life

    /// Whether a daemon runs.
    pub(crate) fn is_up(&self) -> bool {
        self.daemon.is_some()
    }

    /// How many records of the spool lie between their write and their fsync.
    pub(crate) fn unsynced_records(&self) -> usize {
        self.daemon.as_ref().map_or(0, |d| d.spool.disk.unsynced_records())
    }

    /// Whether the daemon's spool takes nothing any more until a restart.
    pub(crate) fn is_read_only(&self) -> bool {
        self.daemon.as_ref().is_some_and(|d| matches!(d.spool.spool.health(), Health::ReadOnly { .. }))
    }

    /// Starts a daemon on what the disks hold. With a fuse, the power may go in the midst of recovery; then there is none.
    pub(crate) fn start(&mut self, fuse: Option<u32>, scribe: &mut Scribe) {
        assert!(self.daemon.is_none(), "one daemon a directory");
        self.starts += 1;
        let mut disk = WatchedDisk::new(self.spool_disk.handle(), self.watch.clone());
        disk.set_fuse(fuse);
        let mut fresh = [0; 16];
        self.rng.fill(&mut fresh);
        let wall = UnixMillis(edge_door::Clock::unix_millis(&self.clock));
        let opened = Spool::recover(&mut disk, &self.setup.spool, SpoolUuid(fresh), wall);
        let (spool, recovered) = match opened {
            Ok(opened) => opened,
            Err(why) if fuse.is_some() => {
                scribe.note(format_args!("power lost in recovery: {why}"));
                scribe.mix.recovery_crashes += 1;
                disk.crash(&mut self.rng);
                return;
            }
            // A sync that fails in recovery costs an attempt and nothing else.
            Err(why @ RecoverError::Disk { .. }) => {
                scribe.note(format_args!("the spool does not open now: {why}"));
                scribe.mix.failed_starts += 1;
                return;
            }
            Err(why) => {
                scribe.broken(Promise::P1, format!("the spool does not open: {why}"));
                return;
            }
        };
        disk.set_fuse(None);
        scribe.note(format_args!(
            "daemon start {}: epoch {}, {} marks, {} cells, settled {}, cut {} bytes",
            self.starts,
            recovered.epoch.0,
            recovered.marks.len(),
            recovered.state.len(),
            recovered.settled,
            recovered.report.cut_bytes,
        ));
        scribe.mix.restored += (recovered.marks.len() + recovered.state.len()) as u64;
        self.witness.recovered(&recovered, scribe);
        match ForwardSeat::open(&recovered, self.spool_disk.handle(), &self.sink_disk, &self.quarantine_disk) {
            Ok(delivery) => self.daemon = Some(self.assemble(spool, disk, &recovered, delivery)),
            Err(why) => scribe.broken(Promise::P1, format!("the sink does not open: {why}")),
        }
    }

    fn assemble(&mut self, spool: Spool, disk: WatchedDisk, recovered: &Recovered, delivery: ForwardSeat) -> Daemon {
        let shards = self.setup.shards;
        let n = usize::from(shards);
        let ring_slots = self.setup.ring_slots;
        let committed = recovered.committed;
        self.cuts = Cuts::new(n);
        Daemon {
            shards: (0..shards).map(|shard| self.seat(ShardId(shard), recovered)).collect(),
            forward: square(n, ring_slots),
            back: square(n, ring_slots),
            to_spool: (0..n).map(|_| Ring::new(self.setup.spool_slots)).collect(),
            tickets: vec![VecDeque::new(); n],
            spool: SpoolSeat {
                spool,
                disk,
                held: (0..n).map(|_| None).collect(),
                commands: vec![0; n],
                wake_at: None,
                committed,
            },
            delivery,
        }
    }

    fn seat(&mut self, shard: ShardId, recovered: &Recovered) -> Seat {
        let (now, wall) = (self.clock.now(), UnixMillis(self.clock.unix_millis()));
        let shards = self.setup.shards;
        let mut seed = [0; 32];
        self.rng.fill(&mut seed);
        let sessions = Sessions::new(
            Arc::new(self.setup.sessions.clone()),
            keys().server.clone(),
            &SharedKeys::derive(&[7; 32]),
            shard,
            shards,
            keys().verifier.clone(),
            &seed,
            now,
        );
        let marks = recovered.marks.iter().filter(|m| m.partition.owner(shards) == shard).copied().collect();
        let cells = recovered.state.iter().filter(|(key, ..)| key.partition.owner(shards) == shard).cloned().collect();
        let parts = Parts {
            shard,
            shards,
            config: self.setup.shard.clone(),
            sessions: sessions.expect("the story's session configuration is sound"),
            serving: self.desk.serving().clone(),
            restored: Restored { marks, cells },
            node: NODE,
            epoch: recovered.epoch,
            hash_seed: self.rng.next_u64(),
        };
        Seat {
            shard: Shard::new(parts, now, wall),
            inbox: VecDeque::new(),
            orders: VecDeque::new(),
            stalled_until: None,
            wake_at: None,
            revision: self.desk.revision(),
        }
    }

    /// The daemon dies without a word.
    pub(crate) fn die(&mut self, death: Death, scribe: &mut Scribe) {
        let Some(mut daemon) = self.daemon.take() else { return };
        harvest(&daemon, scribe);
        scribe.note(format_args!("daemon dies: {death:?}"));
        match death {
            Death::Kill => {
                scribe.mix.kills += 1;
                daemon.spool.disk.abandon(&mut self.rng);
                self.sink_disk.abandon(&mut self.rng);
                self.quarantine_disk.abandon(&mut self.rng);
            }
            Death::PowerLoss => {
                scribe.mix.power_losses += 1;
                daemon.spool.disk.crash(&mut self.rng);
                self.sink_disk.crash(&mut self.rng);
                self.quarantine_disk.crash(&mut self.rng);
            }
        }
    }

    /// Ends the story: adds what the running daemon and the disks counted.
    pub(crate) fn finish(&mut self, scribe: &mut Scribe) {
        if let Some(daemon) = &self.daemon {
            harvest(daemon, scribe);
        }
        for disk in [&self.spool_disk, &self.sink_disk, &self.quarantine_disk] {
            let faults = disk.faults();
            scribe.mix.writes_torn += faults.writes_torn;
            scribe.mix.changes_lost += faults.changes_lost;
            scribe.mix.changes_kept += faults.changes_kept;
            scribe.mix.names_lost += faults.names_lost;
            scribe.mix.syncs_failed += faults.syncs_failed;
        }
    }

    // ---- what the story does to it

    /// A packet arrives at the port; `steered_to`: the socket that the kernel picks for its sender.
    pub(crate) fn receive(&mut self, arrival: Arrival, bytes: &[u8], steered_to: usize) {
        if let Some(daemon) = &mut self.daemon {
            daemon.shards[steered_to].inbox.push_back((arrival, BytesMut::from(bytes)));
        }
    }

    /// A bundle arrives; says whether it serves now.
    pub(crate) fn offer(&mut self, bytes: Bytes, scribe: &mut Scribe) -> bool {
        match self.desk.offer(bytes) {
            Ok(serving) => {
                scribe.note(format_args!("bundle of revision {} published", serving.rules.revision()));
                for seat in self.daemon.iter_mut().flat_map(|d| &mut d.shards) {
                    seat.orders.push_back(Order::Rules(serving.clone()));
                }
                true
            }
            Err(why) => {
                scribe.note(format_args!("bundle refused: {why}"));
                scribe.mix.bundles_refused += 1;
                false
            }
        }
    }

    /// One shard's thread stands still.
    pub(crate) fn stall(&mut self, shard: usize, until: Instant) {
        if let Some(daemon) = &mut self.daemon {
            daemon.shards[shard].stalled_until = Some(until);
        }
    }

    /// New sessions are refused, or let in again.
    pub(crate) fn gate(&mut self, is_open: bool) {
        let gate = if is_open {
            Gate::Open
        } else {
            Gate::Shut { code: RefuseCode::Overloaded, detail: "the story says so".to_owned(), retry_after: None }
        };
        for seat in self.daemon.iter_mut().flat_map(|d| &mut d.shards) {
            seat.orders.push_back(Order::Gate(gate.clone()));
        }
    }

    /// The next sync of the spool's disk fails.
    pub(crate) fn fail_next_sync(&mut self) {
        self.spool_disk.fail_next_syncs(1);
    }

    /// Begins a cut of the ledger, unless one is under way.
    pub(crate) fn cut(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        if let Some(number) = self.cuts.begin() {
            daemon.shards.iter_mut().for_each(|seat| seat.orders.push_back(Order::Cut(number)));
        }
    }

    /// Whether the last cut has closed.
    pub(crate) fn has_closed_cut(&self) -> bool {
        self.cuts.is_closed()
    }

    /// Who still has something to do; nobody where everything has come to rest.
    pub(crate) fn busy(&self) -> Vec<&'static str> {
        let Some(daemon) = &self.daemon else { return vec!["nobody: the daemon is down"] };
        let rings_are_empty = daemon.forward.iter().flatten().all(Ring::is_empty)
            && daemon.back.iter().flatten().all(Ring::is_empty)
            && daemon.to_spool.iter().all(Ring::is_empty)
            && daemon.tickets.iter().all(VecDeque::is_empty);
        let is_served = |s: &Seat| s.inbox.is_empty() && s.orders.is_empty() && !s.shard.is_waiting_for_room();
        let spool = &daemon.spool;
        [
            ("the rings", rings_are_empty),
            ("a shard", daemon.shards.iter().all(is_served)),
            ("the spool's desk", spool.held.iter().all(Option::is_none)),
            ("the spool", spool.spool.status().uncommitted_records == 0),
            ("the forwarder", daemon.delivery.is_idle(spool.committed)),
        ]
        .into_iter()
        .filter_map(|(who, is_idle)| (!is_idle).then_some(who))
        .collect()
    }

    /// The last word of delivery's ledger.
    pub(crate) fn delivery_ledger(&self) -> Option<edge_upstream::Ledger> {
        self.daemon.as_ref().map(|d| d.delivery.ledger())
    }

    /// The cut that closed last, as the checker added it up.
    pub(crate) fn last_cut(&self) -> crate::cuts::Sum {
        self.cuts.last()
    }

    /// A copy of what certainly lies on the spool's disk.
    pub(crate) fn spool_image(&self) -> edge_door::sim::DiskImage {
        self.spool_disk.image()
    }

    /// The names and contents of the sink's files: of commands, and of the quarantine.
    pub(crate) fn delivered(&mut self) -> (Vec<(String, Vec<u8>)>, Vec<(String, Vec<u8>)>) {
        (read_all(&mut self.sink_disk), read_all(&mut self.quarantine_disk))
    }

    // ---- its turns

    /// When something is due.
    pub(crate) fn next_due(&mut self, now: Instant) -> Option<Instant> {
        let daemon = self.daemon.as_mut()?;
        let n = daemon.shards.len();
        let mut due: Option<Instant> = None;
        let mut at = |moment: Option<Instant>| {
            if let Some(moment) = moment {
                due = Some(due.map_or(moment, |d: Instant| d.min(moment)));
            }
        };
        for shard in 0..n {
            at(daemon.shard_due(shard, now));
        }
        at(daemon.spool_due(now));
        at(if daemon.delivery.has_work(daemon.spool.committed) { Some(now) } else { daemon.delivery.poll_timeout() });
        due
    }

    /// Lets every thread that has something to do take one turn.
    pub(crate) fn turn(&mut self, out: &mut Vec<Outgoing>, scribe: &mut Scribe) {
        let now = self.clock.now();
        let wall = UnixMillis(self.clock.unix_millis());
        let Some(mut daemon) = self.daemon.take() else { return };
        for shard in 0..daemon.shards.len() {
            if daemon.shard_due(shard, now).is_some_and(|at| at <= now) {
                self.shard_turn(&mut daemon, shard, now, wall, out, scribe);
            }
        }
        if daemon.spool_due(now).is_some_and(|at| at <= now) {
            self.spool_turn(&mut daemon, now, wall, scribe);
        }
        let delivery_due = daemon.delivery.poll_timeout().is_some_and(|at| at <= now);
        if delivery_due || daemon.delivery.has_work(daemon.spool.committed) {
            daemon.delivery.turn(now, wall, daemon.spool.committed, scribe);
            daemon.spool.wake_at = Some(now);
        }
        self.daemon = Some(daemon);
    }

    fn shard_turn(
        &mut self,
        daemon: &mut Daemon,
        me: usize,
        now: Instant,
        wall: UnixMillis,
        out: &mut Vec<Outgoing>,
        scribe: &mut Scribe,
    ) {
        let seat = &mut daemon.shards[me];
        seat.stalled_until = None;
        seat.wake_at = None;
        while let Some((arrival, data)) = seat.inbox.pop_front() {
            seat.shard.handle_packet(now, wall, arrival, data);
        }
        while let Some(order) = seat.orders.pop_front() {
            match order {
                Order::Cut(number) => seat.shard.handle_cut(number),
                Order::Gate(gate) => seat.shard.handle_gate(gate),
                Order::Rules(serving) => {
                    seat.revision = serving.rules.revision();
                    scribe.note(format_args!("shard {me} adopts revision {}", seat.revision));
                    drop(seat.shard.handle_rules(serving));
                }
            }
        }
        while let Some((_, ticket)) = daemon.tickets[me].pop_front_if(|(due, _)| *due <= now) {
            seat.shard.handle_committed(ticket, now);
        }
        for peer in 0..daemon.back.len() {
            for _ in 0..RING_BATCH {
                let Some(message) = daemon.back[peer][me].pop(now) else { break };
                seat.shard.handle_back(message);
            }
        }
        for peer in 0..daemon.forward.len() {
            for _ in 0..RING_BATCH {
                if !seat.shard.takes_forward() {
                    break;
                }
                let Some(message) = daemon.forward[peer][me].pop(now) else { break };
                seat.shard.handle_forward(now, wall, ShardId(peer as u16), message);
            }
        }
        if seat.shard.poll_timeout().is_some_and(|at| at <= now) {
            seat.shard.handle_timeout(now, wall);
        }
        seat.shard.work(now, wall);
        self.give(daemon, me, now);
        let seat = &mut daemon.shards[me];
        while let Some(cut) = seat.shard.poll_cut() {
            self.cuts.note(me, cut, scribe);
        }
        transmit(&mut seat.shard, now, out);
        let left_over = (0..daemon.forward.len()).any(|p| daemon.forward[p][me].next_due().is_some_and(|at| at <= now))
            || (0..daemon.back.len()).any(|p| daemon.back[p][me].next_due().is_some_and(|at| at <= now));
        if seat.shard.is_waiting_for_room() || left_over {
            scribe.mix.waits_for_room += 1;
            seat.wake_at = Some(now + FULL_RING_POLL);
        }
    }

    /// Moves what a shard produced into the rings that have room.
    fn give(&mut self, daemon: &mut Daemon, me: usize, now: Instant) {
        let shard = &mut daemon.shards[me].shard;
        let rings = &mut daemon.forward[me];
        while let Some((peer, message)) = shard.poll_forward(&mut |p| !rings[usize::from(p.0)].is_full()) {
            let delay = hop(&mut self.rng, &self.setup);
            rings[usize::from(peer.0)].push(message, now, delay);
        }
        let rings = &mut daemon.back[me];
        while let Some((peer, message)) = shard.poll_back(&mut |p| !rings[usize::from(p.0)].is_full()) {
            let delay = hop(&mut self.rng, &self.setup);
            rings[usize::from(peer.0)].push(message, now, delay);
        }
        while !daemon.to_spool[me].is_full() {
            let Some(item) = shard.poll_record() else { break };
            let delay = hop(&mut self.rng, &self.setup);
            daemon.to_spool[me].push(item, now, delay);
        }
    }

    fn spool_turn(&mut self, daemon: &mut Daemon, now: Instant, wall: UnixMillis, scribe: &mut Scribe) {
        daemon.spool.wake_at = None;
        loop {
            let mut busy = false;
            while let Some((id, end)) = daemon.spool.disk.poll() {
                if let Err(why) = &end {
                    scribe.note(format_args!("spool's disk: {why}"));
                }
                daemon.spool.spool.handle_end(id, end, now);
                busy = true;
            }
            busy |= self.take_records(daemon, now, wall, scribe);
            daemon.spool.spool.settle(daemon.delivery.settled);
            while let Some((id, op)) = daemon.spool.spool.poll_op(now) {
                daemon.spool.disk.submit(id, op);
                busy = true;
            }
            while let Some(committed) = daemon.spool.spool.poll_committed() {
                self.witness.committed(committed.shard, committed.up_to_ticket, scribe);
                let due = now + hop(&mut self.rng, &self.setup);
                let tickets = &mut daemon.tickets[usize::from(committed.shard.0)];
                let due = tickets.back().map_or(due, |(last, _)| due.max(*last));
                tickets.push_back((due, committed.up_to_ticket));
                busy = true;
            }
            daemon.spool.committed = daemon.spool.spool.committed();
            if !busy {
                break;
            }
        }
        if daemon.spool.held.iter().any(Option::is_some) {
            daemon.spool.wake_at = Some(now + FULL_RING_POLL);
        }
    }

    fn take_records(&mut self, daemon: &mut Daemon, now: Instant, wall: UnixMillis, scribe: &mut Scribe) -> bool {
        let mut any = false;
        for shard in 0..daemon.shards.len() {
            let seat = &mut daemon.spool;
            while let Some(item) = seat.held[shard].take().or_else(|| daemon.to_spool[shard].pop(now)) {
                match item {
                    ToSpool::Cut(number) => self.cuts.note_spool(shard, number, seat.commands[shard], scribe),
                    ToSpool::Record { ticket, record } => {
                        if !seat.spool.has_room(1, self.setup.spool.record_bytes_max) {
                            seat.held[shard] = Some(ToSpool::Record { ticket, record });
                            break;
                        }
                        seat.commands[shard] += record.commands.len() as u64;
                        let id = ShardId(shard as u16);
                        match seat.spool.append(id, ticket, &record, wall) {
                            Ok(position) => {
                                let revision = daemon.shards[shard].revision;
                                self.witness.appended(id, ticket, position, &record, revision, scribe);
                            }
                            Err(why) => panic!("the spool refused a record for which it had room: {why}"),
                        }
                    }
                }
                any = true;
            }
        }
        any
    }
}

impl Daemon {
    fn shard_due(&mut self, me: usize, now: Instant) -> Option<Instant> {
        let seat = &mut self.shards[me];
        let at_once = !seat.inbox.is_empty() || !seat.orders.is_empty();
        let rings = self.forward.iter().map(|row| row[me].next_due());
        let rings = rings.chain(self.back.iter().map(|row| row[me].next_due()));
        // What is due and was left in its ring waits for `wake_at`.
        let rings = rings.flatten().filter(|at| *at > now || seat.wake_at.is_none()).min();
        let ticket = self.tickets[me].front().map(|(due, _)| *due);
        let own = if at_once { Some(now) } else { None };
        let due = [own, rings, ticket, seat.shard.poll_timeout(), seat.wake_at].into_iter().flatten().min()?;
        Some(seat.stalled_until.map_or(due, |until| due.max(until)))
    }

    fn spool_due(&self, now: Instant) -> Option<Instant> {
        let rings =
            self.to_spool.iter().filter_map(Ring::next_due).filter(|at| *at > now || self.spool.wake_at.is_none());
        let disk = self.spool.disk.next_due();
        [rings.min(), disk, self.spool.spool.poll_timeout(), self.spool.wake_at].into_iter().flatten().min()
    }
}

/// How long a message between two threads takes: mostly a hop, now and then a thread must wake up first.
fn hop(rng: &mut Rng, setup: &Setup) -> Duration {
    let most = if rng.chance(100_000) { setup.wake } else { setup.hop };
    Duration::from_micros(1) + rng.duration(most)
}

fn square<T>(n: usize, slots: usize) -> Vec<Vec<Ring<T>>> {
    (0..n).map(|_| (0..n).map(|_| Ring::new(slots)).collect()).collect()
}

fn transmit(shard: &mut Shard, now: Instant, out: &mut Vec<Outgoing>) {
    let mut buffer = Vec::new();
    while let Some(departure) = shard.poll_transmit(now, &mut buffer) {
        let stride = departure.segment_size.unwrap_or(buffer.len()).max(1);
        out.extend(buffer.chunks(stride).map(|bytes| Outgoing {
            to: departure.destination,
            ecn: departure.ecn,
            bytes: bytes.to_vec(),
        }));
        buffer.clear();
    }
}

/// Adds a daemon's own counts to the mix, at its end.
fn harvest(daemon: &Daemon, scribe: &mut Scribe) {
    for seat in &daemon.shards {
        let stats = seat.shard.stats();
        let mix = &mut scribe.mix;
        mix.duplicates += stats.counters.duplicate;
        mix.suppressed += stats.counters.suppressed;
        mix.rejected += stats.counters.rejected;
        mix.retries += stats.sessions.retries;
        mix.handshakes += stats.sessions.handshakes;
        mix.packets_strayed += stats.sessions.datagrams_foreign;
        mix.finished_before += stats.sessions.events_finished_before;
        mix.datagram_events += stats.sessions.events_datagram;
    }
    let status = daemon.spool.spool.status();
    scribe.mix.commits += status.commits;
    scribe.mix.checkpoints += status.checkpoints;
    scribe.mix.segments_retired += status.retired_segments;
    let ledger = daemon.delivery.ledger();
    // What the sink had already is taken off at the end.
    scribe.mix.redelivered += ledger.delivered;
    if ledger.residual() != 0 {
        scribe.broken(Promise::P8, format!("delivery's ledger does not close: {ledger:?}"));
    }
}

fn read_all(disk: &mut SimDisk) -> Vec<(String, Vec<u8>)> {
    let files = disk.list().expect("a simulated directory can be listed");
    let read = |(name, len): (edge_door::FileName, u64)| {
        let mut bytes = vec![0; len as usize];
        let got = disk.read(&name, 0, &mut bytes).expect("a listed file can be read");
        assert_eq!(got as u64, len, "a file has its length");
        (name.to_string(), bytes)
    };
    files.into_iter().map(read).collect()
}
