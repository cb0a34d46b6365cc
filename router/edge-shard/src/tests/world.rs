//! The world of the stories: shards joined by rings that a story may stop, a spool that commits when it is let, clients, a
//! network without delay.
//!
//! `exchange` lets everything that can happen now happen; `pass` lets time pass, deadline by deadline. What the spool has
//! committed outlives the shards: [`World::restart`] makes new ones out of it and of nothing else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use edge_event::identity::CLASSES;
use edge_event::{
    Class, DedupeMark, EventId, EventRecord, NodeId, Partition, Provenance, Seq, ShardId, StartEpoch, StateKey,
    UnixMillis,
};
use edge_session::{Arrival, Sessions, SharedKeys};
use edge_wire::keys::player_key;

use super::client::{Client, NOW_S, hello, keys};
use super::rulebook::serving;
use crate::{Back, Config, Cut, Forward, Parts, Restored, Shard, ToSpool};

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) shards: Vec<Shard>,
    pub(super) clients: Vec<Client>,
    /// `[from][to]`.
    pub(super) forward: Vec<Vec<Ring<Forward>>>,
    pub(super) back: Vec<Vec<Ring<Back>>>,
    pub(super) spool: Spool,
    /// Each shard's parts of cuts.
    pub(super) cuts: Vec<Vec<Cut>>,
    pub(super) setup: Setup,
    unix_ms: i64,
    epoch: u64,
}

/// What a story decides.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) config: Config,
    pub(super) sessions: edge_session::Config,
    pub(super) ring_slots: usize,
}

pub(super) struct Ring<T> {
    queue: VecDeque<T>,
    slots: usize,
    /// Its receiver does not come.
    pub(super) is_stopped: bool,
}

/// A disk that never fails.
pub(super) struct Spool {
    /// By shard: taken, not committed.
    taken: Vec<VecDeque<ToSpool>>,
    /// Committed, in the order of commits.
    pub(super) log: Vec<EventRecord>,
    /// Commands taken up to the last cut, by shard.
    pub(super) at_cut: Vec<(u64, u64)>,
    commands: Vec<u64>,
    /// How many items a shard may have here without a commit.
    slots: usize,
    pub(super) commits: bool,
}

impl Default for Setup {
    fn default() -> Setup {
        let mut sessions = edge_session::Config::default();
        sessions.transport.mtu_discovery = false;
        sessions.receipt_delay = Duration::ZERO;
        Setup { config: Config::default(), sessions, ring_slots: 1024 }
    }
}

impl<T> Ring<T> {
    fn new(slots: usize) -> Ring<T> {
        Ring { queue: VecDeque::new(), slots, is_stopped: false }
    }

    fn is_full(&self) -> bool {
        self.queue.len() >= self.slots
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn front(&self) -> Option<&T> {
        self.queue.front()
    }
}

impl World {
    pub(super) fn new(shards: u16) -> World {
        World::with(shards, Setup::default())
    }

    pub(super) fn with(shards: u16, setup: Setup) -> World {
        let mut world = World {
            now: Instant::now(),
            unix_ms: NOW_S * 1000,
            shards: Vec::new(),
            clients: Vec::new(),
            forward: Vec::new(),
            back: Vec::new(),
            spool: Spool {
                taken: Vec::new(),
                log: Vec::new(),
                at_cut: Vec::new(),
                commands: Vec::new(),
                slots: setup.ring_slots,
                commits: true,
            },
            cuts: Vec::new(),
            setup,
            epoch: 0,
        };
        world.restart(shards);
        world
    }

    /// The process dies and comes back with `shards` shards. What was not committed is gone; old connections are, too.
    pub(super) fn restart(&mut self, shards: u16) {
        let n = usize::from(shards);
        self.epoch += 1;
        self.clients.iter_mut().for_each(|client| client.is_mute = true);
        self.forward = (0..n).map(|_| (0..n).map(|_| Ring::new(self.setup.ring_slots)).collect()).collect();
        self.back = (0..n).map(|_| (0..n).map(|_| Ring::new(self.setup.ring_slots)).collect()).collect();
        self.cuts = vec![Vec::new(); n];
        self.spool.taken = (0..n).map(|_| VecDeque::new()).collect();
        self.spool.at_cut = vec![(0, 0); n];
        self.spool.commands = vec![0; n];
        self.spool.commits = true;
        let found = fold(&self.spool.log);
        self.shards = (0..shards).map(|shard| self.shard(ShardId(shard), shards, &found)).collect();
    }

    fn shard(&self, shard: ShardId, shards: u16, found: &Restored) -> Shard {
        let sessions = Sessions::new(
            Arc::new(self.setup.sessions.clone()),
            keys().server.clone(),
            &SharedKeys::derive(&[5; 32]),
            shard,
            shards,
            keys().verifier.clone(),
            &[shard.0 as u8 + self.epoch as u8 * 16; 32],
            self.now,
        );
        let is_mine = |partition: Partition| partition.owner(shards) == shard;
        let parts = Parts {
            shard,
            shards,
            config: self.setup.config.clone(),
            sessions: sessions.unwrap(),
            serving: serving(7),
            restored: Restored {
                marks: found.marks.iter().filter(|m| is_mine(m.partition)).copied().collect(),
                cells: found.cells.iter().filter(|(key, ..)| is_mine(key.partition)).cloned().collect(),
            },
            node: NodeId(1),
            epoch: StartEpoch(self.epoch),
            hash_seed: 9,
        };
        Shard::new(parts, self.now, self.wall())
    }

    fn wall(&self) -> UnixMillis {
        UnixMillis(self.unix_ms)
    }

    // ---- clients

    /// A client that connects to `shard` and says HELLO; whether it is answered is the story's.
    pub(super) fn knock(&mut self, shard: usize, sub: &str, provenance: Provenance, receipts: [u64; CLASSES]) -> usize {
        let number = self.clients.len();
        self.clients.push(Client::new(number, shard, self.now));
        self.exchange();
        self.clients[number].greet(hello(sub, provenance, receipts));
        self.exchange();
        number
    }

    /// A player's client whose session is open on `shard`.
    pub(super) fn player(&mut self, shard: usize, sub: &str) -> usize {
        self.back_with(shard, sub, [0; CLASSES])
    }

    /// A player's client that comes back with what receipts it has.
    pub(super) fn back_with(&mut self, shard: usize, sub: &str, receipts: [u64; CLASSES]) -> usize {
        let client = self.knock(shard, sub, Provenance::Client, receipts);
        assert!(self.clients[client].welcome().is_some(), "{:?}", self.clients[client].frames);
        client
    }

    /// A game server whose session is open on `shard`.
    pub(super) fn game_server(&mut self, shard: usize, receipts: [u64; CLASSES]) -> usize {
        let client = self.knock(shard, "gs-1", Provenance::Server, receipts);
        assert!(self.clients[client].welcome().is_some(), "{:?}", self.clients[client].frames);
        client
    }

    // ---- what happens

    /// Until nobody can do anything.
    pub(super) fn exchange(&mut self) {
        let mut turns = 0;
        while self.turn() {
            turns += 1;
            assert!(turns < 100_000, "they ring each other for ever");
        }
    }

    /// Everybody acts once. Says whether anything moved.
    fn turn(&mut self) -> bool {
        let mut moved = false;
        for at in 0..self.clients.len() {
            moved |= self.client_turn(at);
        }
        for at in 0..self.shards.len() {
            moved |= self.shard_turn(at);
        }
        moved | self.commit()
    }

    fn client_turn(&mut self, at: usize) -> bool {
        let (now, wall) = (self.now, self.wall());
        let client = &mut self.clients[at];
        client.read(now);
        let (mut out, mut moved) = (Vec::new(), false);
        while let Some(transmit) = client.conn.poll_transmit(now, 1, &mut out) {
            let datagram = BytesMut::from(&out[..transmit.size]);
            out.clear();
            if !client.is_mute {
                let arrival = Arrival { remote: client.address, local_ip: None, ecn: 0 };
                self.shards[client.steered_to].handle_packet(now, wall, arrival, datagram);
                moved = true;
            }
        }
        moved
    }

    fn shard_turn(&mut self, me: usize) -> bool {
        let (now, wall) = (self.now, self.wall());
        let shard = &mut self.shards[me];
        let mut moved = false;
        for peer in &mut self.back {
            let ring = &mut peer[me];
            while !ring.is_stopped
                && let Some(message) = ring.queue.pop_front()
            {
                shard.handle_back(message);
                moved = true;
            }
        }
        for (peer, rings) in self.forward.iter_mut().enumerate() {
            let ring = &mut rings[me];
            while !ring.is_stopped
                && shard.takes_forward()
                && let Some(message) = ring.queue.pop_front()
            {
                shard.handle_forward(now, wall, ShardId(peer as u16), message);
                moved = true;
            }
        }
        if shard.poll_timeout().is_some_and(|at| at <= now) {
            shard.handle_timeout(now, wall);
        }
        shard.work(now, wall);
        moved |= self.give(me);
        let shard = &mut self.shards[me];
        self.cuts[me].extend(std::iter::from_fn(|| shard.poll_cut()));
        let mut out = Vec::new();
        while let Some(departure) = shard.poll_transmit(now, &mut out) {
            moved = true;
            let stride = departure.segment_size.unwrap_or(out.len());
            if let Some(client) = self.clients.iter_mut().find(|c| c.address == departure.destination && !c.is_mute) {
                client.inbox.extend(out.chunks(stride).map(BytesMut::from));
            }
            out.clear();
        }
        moved
    }

    fn give(&mut self, me: usize) -> bool {
        let shard = &mut self.shards[me];
        let (forward, back, taken) = (&mut self.forward[me], &mut self.back[me], &mut self.spool.taken[me]);
        let mut moved = false;
        while let Some((peer, message)) = shard.poll_forward(&mut |p| !forward[usize::from(p.0)].is_full()) {
            forward[usize::from(peer.0)].queue.push_back(message);
            moved = true;
        }
        while let Some((peer, message)) = shard.poll_back(&mut |p| !back[usize::from(p.0)].is_full()) {
            back[usize::from(peer.0)].queue.push_back(message);
            moved = true;
        }
        while taken.len() < self.spool.slots {
            let Some(item) = shard.poll_record() else { break };
            taken.push_back(item);
            moved = true;
        }
        moved
    }

    fn commit(&mut self) -> bool {
        let mut moved = false;
        for shard in 0..self.shards.len() {
            moved |= self.spool.commits && self.commit_of(shard);
        }
        moved
    }

    /// Commits what one shard has handed over, and no other's.
    pub(super) fn commit_of(&mut self, shard: usize) -> bool {
        let mut up_to = None;
        for item in std::mem::take(&mut self.spool.taken[shard]) {
            match item {
                ToSpool::Cut(number) => self.spool.at_cut[shard] = (number, self.spool.commands[shard]),
                ToSpool::Record { ticket, record } => {
                    self.spool.commands[shard] += record.commands.len() as u64;
                    self.spool.log.push(*record);
                    up_to = Some(ticket);
                }
            }
        }
        let Some(ticket) = up_to else { return false };
        self.shards[shard].handle_committed(ticket, self.now);
        true
    }

    /// Lets `duration` pass.
    pub(super) fn pass(&mut self, duration: Duration) {
        self.exchange();
        let end = self.now + duration;
        while self.now < end {
            let clients = self.clients.iter_mut().filter_map(|client| client.conn.poll_timeout());
            let next = clients.chain(self.shards.iter_mut().filter_map(Shard::poll_timeout)).min();
            // Who waits for room looks again now and then.
            let is_waiting = self.shards.iter().any(Shard::is_waiting_for_room);
            let step = if is_waiting { Duration::from_millis(5) } else { duration };
            let at = next.unwrap_or(end).clamp(self.now, end).min(self.now + step);
            self.unix_ms += (at - self.now).as_millis() as i64;
            self.now = at;
            self.clients.iter_mut().for_each(|client| client.conn.handle_timeout(at));
            self.exchange();
        }
    }

    // ---- what stories look at

    /// Seqs of one class of which there are records, in the order of commits.
    pub(super) fn logged(&self, wanted: Class) -> Vec<u64> {
        let seqs = self.spool.log.iter().filter_map(|record| match record.id {
            EventId::Reliable { class, seq, .. } if class == wanted => Some(seq.0),
            _ => None,
        });
        seqs.collect()
    }

    /// The same in the order of their numbers: where a number stands twice, something was done twice.
    pub(super) fn logged_sorted(&self, wanted: Class) -> Vec<u64> {
        let mut seqs = self.logged(wanted);
        seqs.sort_unstable();
        seqs
    }

    /// Of all shards: accepted, ended, duplicates among these.
    pub(super) fn ledger(&self) -> (u64, u64, u64) {
        self.shards.iter().map(|shard| shard.stats().counters).fold((0, 0, 0), |sum, counters| {
            (sum.0 + counters.accepted, sum.1 + counters.ended(), sum.2 + counters.duplicate)
        })
    }
}

/// As the spool's recovery does it.
fn fold(log: &[EventRecord]) -> Restored {
    let mut marks = BTreeMap::new();
    let mut cells: BTreeMap<_, (StateKey, Option<Bytes>, Option<UnixMillis>)> = BTreeMap::new();
    for record in log {
        if let EventId::Reliable { class, seq, .. } = record.id {
            let mark: &mut Seq = marks.entry((record.producer, class, record.partition)).or_default();
            *mark = (*mark).max(seq);
        }
        for delta in &record.deltas {
            let place = (delta.key.definition, delta.key.key, delta.key.partition);
            cells.insert(place, (delta.key, delta.value.clone(), delta.expires));
        }
    }
    let marks = marks.into_iter().map(|((producer, class, partition), seq)| DedupeMark {
        producer,
        class,
        partition,
        seq,
        at: UnixMillis(NOW_S * 1000),
    });
    let cells = cells.into_values().filter_map(|(key, value, expires)| Some((key, value?, expires)));
    Restored { marks: marks.collect(), cells: cells.collect() }
}

/// The `nth` player whose owner, where there are two shards, is `owner`.
pub(super) fn player_of(owner: u16, nth: usize) -> String {
    let is_owned = |name: &String| Partition::of(player_key(name)).owner(2) == ShardId(owner);
    (0..).map(|n| format!("p{n}")).filter(is_owned).nth(nth).expect("there are players enough")
}
