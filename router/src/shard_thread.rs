//! One shard's thread: the loop that joins a [`Shard`] to its socket, its rings and its sleep.
//!
//! What comes in: packets, rings, orders. What goes out: the same, the other way. One turn takes everything that is there, lets
//! the shard work, moves what it produced, and sleeps when nothing is left to do. Drain before transmit: receiving
//! several rounds before anything is sent saves acknowledgements.
//!
//! Deliberately absent: decisions. What an event means is `edge-shard`'s; this file only carries.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use edge_door::{Clock, SendMeta, Udp};
use edge_event::{ShardId, UnixMillis};
use edge_io::{Choice, ProcessClock, UdpCounts, UdpOpener};
use edge_session::Arrival;
use edge_shard::{Forward, Parts, Shard};

use crate::board::{Order, Report, ShardBoard, ShardFigures};
use crate::fabric::ShardLinks;
use crate::pulse::Pulse;
use crate::threads::Word;

/// Rounds of receiving before anything is sent.
const RECEIVE_ROUNDS: usize = 8;
/// Messages taken from one ring in one turn.
const RING_BATCH: usize = 512;
/// How often figures are shown.
const FIGURES_EVERY: Duration = Duration::from_millis(100);
/// How long a thread sleeps at most, so that orders are never far away.
const SLEEP_MAX: Duration = Duration::from_millis(100);
/// While a ring is full, whose reader does not ring when it made room: how soon we look again, and how late at the latest.
const FULL_RING_POLL_MIN: Duration = Duration::from_micros(200);
const FULL_RING_POLL_MAX: Duration = Duration::from_millis(5);

/// What a shard's thread is made of.
pub(crate) struct ShardThread {
    pub(crate) parts: Parts,
    pub(crate) opener: UdpOpener,
    pub(crate) choice: Choice,
    pub(crate) links: ShardLinks,
    pub(crate) board: ShardBoard,
    pub(crate) core: Option<usize>,
    pub(crate) clock: ProcessClock,
    /// Told once, when the socket is open.
    pub(crate) voice: Sender<Word>,
}

struct Loop {
    shard: Shard,
    door: Box<dyn Udp>,
    udp: Arc<UdpCounts>,
    links: ShardLinks,
    board: ShardBoard,
    clock: ProcessClock,
    pulse: Arc<Pulse>,
    /// The publication that the shard serves.
    published: u64,
    committed: u64,
    turns: u64,
    sleeps: u64,
    shown: Instant,
    /// How soon to look again at rings that are full.
    full_ring_poll: Duration,
    stopping: bool,
}

impl ShardThread {
    /// Runs until an [`Order::Stop`].
    ///
    /// # Errors
    /// The socket cannot be opened or is lost.
    pub(crate) fn run(self, pulse: Arc<Pulse>) -> io::Result<()> {
        let ShardThread { parts, opener, choice, links, board, core, clock, voice } = self;
        if let Some(core) = core
            && let Err(why) = edge_io::thread::pin_to_core(core)
        {
            tracing::warn!(shard = links.shard.0, core, %why, "not pinned: the kernel may move this shard");
        }
        let edge_io::UdpDoor { udp: door, chosen, counts } = opener.into_door(choice)?;
        tracing::info!(shard = links.shard.0, door = chosen.door, why = %chosen.why, "socket open");
        let _ = voice.send(Word::Open { shard: links.shard, door: chosen.door, why: chosen.why });
        links.doorbells[usize::from(links.shard.0)].install(door.waker());
        let now = clock.now();
        let shard = Shard::new(parts, now, UnixMillis(clock.unix_millis()));
        let mut this = Loop {
            shard,
            door,
            udp: counts,
            links,
            board,
            clock,
            pulse,
            published: 0,
            committed: 0,
            turns: 0,
            sleeps: 0,
            shown: now,
            full_ring_poll: FULL_RING_POLL_MIN,
            stopping: false,
        };
        while !this.stopping {
            this.turn()?;
        }
        this.transmit(this.clock.now())?;
        this.show(this.clock.now());
        Ok(())
    }
}

impl Loop {
    fn turn(&mut self) -> io::Result<()> {
        self.turns += 1;
        let mut busy = self.receive()?;
        let now = self.clock.now();
        let wall = UnixMillis(self.clock.unix_millis());
        self.pulse.beat(now);
        busy |= self.take_orders();
        busy |= self.take_rules();
        busy |= self.take_committed(now);
        busy |= self.take_back();
        if self.turns % 2 == 1 {
            // Where there is little room the first gets it: our own sessions and the other shards take turns.
            self.shard.work(now, wall);
        }
        busy |= self.take_forward(now, wall);
        if self.shard.poll_timeout().is_some_and(|at| at <= now) {
            self.shard.handle_timeout(now, wall);
            busy = true;
        }
        self.shard.work(now, wall);
        busy |= self.give();
        while self.can_report()
            && let Some(cut) = self.shard.poll_cut()
        {
            let _ = self.board.reports.push(Report::Cut(cut));
        }
        busy |= self.transmit(now)?;
        if now.saturating_duration_since(self.shown) >= FIGURES_EVERY {
            self.show(now);
        }
        if busy {
            self.full_ring_poll = FULL_RING_POLL_MIN;
            return Ok(());
        }
        self.sleep()
    }

    fn receive(&mut self) -> io::Result<bool> {
        let mut any = false;
        for _ in 0..RECEIVE_ROUNDS {
            let now = self.clock.now();
            let (shard, clock) = (&mut self.shard, &self.clock);
            let runs = self.door.recv(&mut |meta, run| {
                // Read after the packets came: nothing in them can have happened later than they arrived.
                let wall = UnixMillis(clock.unix_millis());
                let arrival = Arrival { remote: meta.remote, local_ip: meta.local_ip, ecn: meta.ecn };
                for datagram in run.chunks(meta.stride.max(1)) {
                    // Each in memory of its own: a peer who makes us keep one packet must not make us keep the packets that
                    // came with it. That costs as much as splitting it off a larger piece.
                    shard.handle_packet(now, wall, arrival, BytesMut::from(datagram));
                }
            })?;
            if runs == 0 {
                break;
            }
            any = true;
        }
        Ok(any)
    }

    fn take_orders(&mut self) -> bool {
        let mut any = false;
        while let Ok(order) = self.board.orders.pop() {
            any = true;
            match order {
                Order::Gate(gate) => self.shard.handle_gate(gate),
                Order::Cut(number) => self.shard.handle_cut(number),
                Order::Deny(list) => self.shard.handle_deny_list(list),
                Order::Verifier(verifier) => self.shard.handle_verifier(verifier),
                Order::Drain { to, within } => {
                    if let Err(why) = self.shard.begin_drain(to, within) {
                        tracing::error!(shard = self.links.shard.0, %why, "cannot tell sessions where to move");
                    }
                }
                Order::Stop => self.stopping = true,
            }
        }
        any
    }

    fn take_rules(&mut self) -> bool {
        if !self.has_new_rules() {
            return false;
        }
        let number = self.board.published.number();
        // The control thread holds the replaced set until nobody else does: it is not freed here.
        drop(self.shard.handle_rules(self.board.published.serving()));
        self.published = number;
        let _ = self.board.reports.push(Report::Adopted(number));
        true
    }

    /// Whether there is a set to adopt, and room to say so.
    fn has_new_rules(&self) -> bool {
        self.board.published.number() != self.published && self.can_report()
    }

    fn can_report(&self) -> bool {
        !self.board.reports.is_full()
    }

    fn take_committed(&mut self, now: Instant) -> bool {
        let committed = self.links.committed.load(Ordering::Acquire);
        if committed == self.committed {
            return false;
        }
        self.committed = committed;
        self.shard.handle_committed(committed, now);
        true
    }

    fn take_back(&mut self) -> bool {
        let mut any = false;
        for ring in self.links.back_in.iter_mut().flatten() {
            for _ in 0..RING_BATCH {
                let Ok(message) = ring.pop() else { break };
                self.shard.handle_back(message);
                any = true;
            }
        }
        any
    }

    fn take_forward(&mut self, now: Instant, wall: UnixMillis) -> bool {
        let mut any = false;
        let shards = self.links.forward_in.len();
        for k in 0..shards {
            let peer = (k + self.turns as usize) % shards;
            let Some(ring) = &mut self.links.forward_in[peer] else { continue };
            for _ in 0..RING_BATCH {
                if !self.shard.takes_forward() {
                    return any;
                }
                let Ok(message) = ring.pop() else { break };
                // What is in a packet may have happened since this turn began.
                let wall = match message {
                    Forward::Packet(_) => UnixMillis(self.clock.unix_millis()),
                    _ => wall,
                };
                self.shard.handle_forward(now, wall, ShardId(peer as u16), message);
                any = true;
            }
        }
        any
    }

    /// Moves what the shard produced into the rings that have room, and rings for who sleeps.
    fn give(&mut self) -> bool {
        let mut any = false;
        let links = &mut self.links;
        let mut rung = 0_u64;
        while let Some((peer, message)) =
            self.shard.poll_forward(&mut |p| links.forward_out[usize::from(p.0)].as_ref().is_some_and(|r| !r.is_full()))
        {
            let ring = links.forward_out[usize::from(peer.0)].as_mut().expect("INVARIANT: polled because it has room");
            assert!(ring.push(message).is_ok(), "one producer, and it had room");
            rung |= 1 << (peer.0 % 64);
        }
        while let Some((peer, message)) =
            self.shard.poll_back(&mut |p| links.back_out[usize::from(p.0)].as_ref().is_some_and(|r| !r.is_full()))
        {
            let ring = links.back_out[usize::from(peer.0)].as_mut().expect("INVARIANT: polled because it has room");
            assert!(ring.push(message).is_ok(), "one producer, and it had room");
            rung |= 1 << (peer.0 % 64);
        }
        for (peer, bell) in links.doorbells.iter().enumerate() {
            if rung & (1 << (peer % 64)) != 0 && peer != usize::from(links.shard.0) {
                bell.ring();
                any = true;
            }
        }
        let mut spooled = false;
        while !links.spool.is_full() {
            let Some(item) = self.shard.poll_record() else { break };
            assert!(links.spool.push(item).is_ok(), "one producer, and it had room");
            spooled = true;
        }
        if spooled {
            links.spool_bell.ring();
        }
        any | spooled
    }

    fn transmit(&mut self, now: Instant) -> io::Result<bool> {
        let mut any = false;
        loop {
            let mut buffer = self.door.buffer();
            let Some(departure) = self.shard.poll_transmit(now, &mut buffer) else {
                self.door.give_back(buffer);
                break;
            };
            let meta = SendMeta {
                destination: departure.destination,
                source_ip: departure.source_ip,
                ecn: departure.ecn,
                segment_size: departure.segment_size,
            };
            self.door.send(&meta, buffer);
            any = true;
        }
        self.door.flush()?;
        Ok(any)
    }

    fn sleep(&mut self) -> io::Result<()> {
        let bell = &self.links.doorbells[usize::from(self.links.shard.0)];
        bell.going_to_sleep();
        if self.has_work_in_rings() {
            bell.awake();
            return Ok(());
        }
        let until_timer =
            self.shard.poll_timeout().map_or(SLEEP_MAX, |at| at.saturating_duration_since(self.clock.now()));
        let mut limit = SLEEP_MAX;
        if self.shard.is_waiting_for_room() {
            limit = self.full_ring_poll;
            self.full_ring_poll = (2 * limit).min(FULL_RING_POLL_MAX);
        }
        self.sleeps += 1;
        let slept = self.door.wait(Some(until_timer.min(limit)));
        self.links.doorbells[usize::from(self.links.shard.0)].awake();
        slept
    }

    fn has_work_in_rings(&self) -> bool {
        let takes_forward = self.shard.takes_forward();
        self.links.back_in.iter().flatten().any(|r| !r.is_empty())
            || takes_forward && self.links.forward_in.iter().flatten().any(|r| !r.is_empty())
            || self.links.committed.load(Ordering::Acquire) != self.committed
            || !self.board.orders.is_empty()
            || self.has_new_rules()
    }

    fn show(&mut self, now: Instant) {
        self.shown = now;
        let (rules, hits) = self.shard.rule_counters();
        self.board.figures.store(Some(Arc::new(ShardFigures {
            stats: self.shard.stats(),
            udp: self.udp.clone(),
            turns: self.turns,
            sleeps: self.sleeps,
            shown_at: now,
            rules,
            hits,
        })));
    }
}
