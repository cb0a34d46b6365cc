//! One story: a seed told from its beginning to its end.
//!
//! In: a seed. Out: an [`Ending`]. The loop jumps from one moment at which something is due to the next: packets arrive, trouble
//! comes, clients tell facts, the daemon's threads take their turns. After the plan's length all trouble is over and
//! everything must come to rest; then the checkers look. Deliberately absent: real time (one base instant, of which
//! only differences are used), and any choice that is not drawn from the seed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use edge_door::Clock as _;
use edge_door::sim::{LinkConfig, Rng, SimClock, SimNet};
use edge_session::Arrival;
use edge_wire::CloseCode;
use xxhash_rust::xxh3::xxh3_64;

use crate::cast::{Actor, SERVER, Way, cast, steer};
use crate::check::{self, World, receipts};
use crate::client::Heard;
use crate::fact::Fact;
use crate::lines;
use crate::mix::Mix;
use crate::plan::{Plan, Trouble};
use crate::pop::{Death, Outgoing, Pop};
use crate::rulebook::{REVISIONS, rulebook};
use crate::scribe::{Promise, Scribe, Violation};
use crate::tls::START_UNIX_MS;

/// With the trouble over, everything must have come to rest after so long.
const REST_WITHIN: Duration = Duration::from_secs(120);
/// Facts of one story at most: more say little new and cost time.
const FACTS_MAX: u64 = 500;
/// One receipt in so many is proven on a copy of the disk.
const PROVE_ONE_IN: u64 = 25;
/// A death from an ambush waits for so many records between write and fsync: enough for several sectors.
const AMBUSH_RECORDS: usize = 2;
/// Turns without a step of time: beyond it somebody rings for ever.
const TURNS_AT_ONCE_MAX: u32 = 10_000;

/// How a story ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Of the whole trace: equal for two tellings of one seed.
    pub hash: u64,
    /// What happened how often.
    pub mix: Mix,
    /// Virtual time that passed.
    pub lasted: Duration,
    /// Broken promises, in the order in which they were found. Empty: the story is clean.
    pub violations: Vec<Violation>,
    /// The trace, where it was asked for.
    pub lines: Vec<String>,
}

/// Tells the story of a seed. `keep_trace`: whether its lines are wanted.
pub fn tell(seed: u64, keep_trace: bool) -> Ending {
    let mut story = Story::new(seed, keep_trace);
    story.run();
    story.end()
}

struct Story {
    clock: SimClock,
    rng: Rng,
    plan: Plan,
    net: SimNet,
    pop: Pop,
    actors: Vec<Actor>,
    players: Vec<String>,
    scribe: Scribe,
    /// What is still to come of the plan, the next last.
    troubles: Vec<(Instant, Trouble)>,
    /// The daemon comes back then, with this fuse.
    restart_at: Option<(Instant, Option<u32>)>,
    /// A death that waits for its moment.
    ambush: Option<(Death, Duration, Option<u32>)>,
    /// When new sessions are let in again.
    opens_at: Option<Instant>,
    /// When the cut between a client and the site heals.
    heals: BTreeMap<usize, Instant>,
    /// When trouble is over.
    quiet_at: Instant,
    is_quiet: bool,
    next_nonce: u64,
    deaths: u64,
    /// The number of the cut that ends the story.
    final_cut: Option<u64>,
    outgoing: Vec<Outgoing>,
    /// When each packet to a client left, by its bytes.
    departures: BTreeMap<u64, Duration>,
}

impl Story {
    fn new(seed: u64, keep_trace: bool) -> Story {
        let mut rng = Rng::new(seed);
        let clock = SimClock::new(Instant::now(), START_UNIX_MS + rng.below(86_400_000) as i64);
        let plan = Plan::draw(&mut rng.fork(1));
        let start = clock.now();
        let net = SimNet::new(rng.next_u64(), plan.link.clone());
        let pop = Pop::new(plan.setup.clone(), clock.clone(), rng.fork(2));
        let (actors, players) = cast(&plan, &mut rng.fork(3));
        let mut troubles: Vec<_> = plan.troubles.iter().map(|(at, trouble)| (start + *at, trouble.clone())).collect();
        troubles.reverse();
        let mut scribe = Scribe::new(clock.clone(), keep_trace);
        scribe.note(format_args!("seed {seed}: {plan:?}"));
        Story {
            quiet_at: start + plan.length,
            clock,
            rng,
            plan,
            net,
            pop,
            actors,
            players,
            scribe,
            troubles,
            restart_at: None,
            ambush: None,
            opens_at: None,
            heals: BTreeMap::new(),
            is_quiet: false,
            next_nonce: 1,
            deaths: 0,
            final_cut: None,
            outgoing: Vec::new(),
            departures: BTreeMap::new(),
        }
    }

    fn run(&mut self) {
        self.pop.start(None, &mut self.scribe);
        let start = self.clock.now();
        for actor in &mut self.actors {
            actor.connects_at = Some(start + actor.pause(Duration::from_millis(50)));
            actor.tells_at = Some(start + actor.pause(self.plan.pace));
        }
        let (mut last, mut turns) = (start, 0);
        loop {
            let now = self.next_moment();
            turns = if now == last { turns + 1 } else { 0 };
            last = now;
            if turns > TURNS_AT_ONCE_MAX {
                self.scribe.broken(Promise::Liveness, "the threads ring each other for ever".to_owned());
                return;
            }
            self.clock.advance_to(now);
            self.deliver(now);
            self.trouble(now);
            self.clients(now);
            self.pop.turn(&mut self.outgoing, &mut self.scribe);
            self.send(now);
            if self.is_quiet && self.is_at_rest() {
                return;
            }
            if now > self.quiet_at + REST_WITHIN {
                self.complain();
                return;
            }
        }
    }

    /// The next moment at which something is due.
    fn next_moment(&mut self) -> Instant {
        let now = self.clock.now();
        let clients = self.actors.iter_mut().flat_map(|a| [a.client.poll_timeout(), a.tells_at, a.connects_at]);
        let next = clients.flatten().min();
        let own = [
            next,
            self.net.next_due(),
            self.troubles.last().map(|(at, _)| *at),
            self.restart_at.map(|(at, _)| at),
            self.heals.values().min().copied(),
            self.opens_at,
            (!self.is_quiet).then_some(self.quiet_at),
            self.pop.next_due(now),
        ];
        // At rest nothing is due but keep-alives; a tick keeps the end in sight.
        let next = own.into_iter().flatten().min().unwrap_or(now + Duration::from_millis(100));
        next.max(now)
    }

    // ---- packets

    fn deliver(&mut self, now: Instant) {
        while let Some(packet) = self.net.deliver(now) {
            if packet.to == SERVER {
                if !self.pop.is_up() {
                    self.scribe.mix.packets_unheard += 1;
                    continue;
                }
                let arrival = Arrival { remote: packet.from, local_ip: None, ecn: packet.ecn };
                self.pop.receive(arrival, &packet.bytes, steer(packet.from, self.plan.setup.shards));
            } else if let Some(at) = self.actors.iter().position(|a| a.ip == packet.to.ip()) {
                let actor = &mut self.actors[at];
                // A packet may complete what an earlier one brought too soon, so the latest departure counts.
                let sent_at = self.departures.get(&xxh3_64(&packet.bytes)).copied();
                actor.heard_up_to = actor.heard_up_to.max(sent_at.unwrap_or_default());
                actor.client.receive(now, packet.to, packet.from, packet.ecn, &packet.bytes);
                self.serve(at, now);
            }
        }
    }

    fn send(&mut self, now: Instant) {
        let elapsed = self.clock.elapsed();
        for packet in self.outgoing.drain(..) {
            self.departures.entry(xxh3_64(&packet.bytes)).or_insert(elapsed);
            self.net.send(SERVER, packet.to, packet.ecn, &packet.bytes, now);
        }
    }

    // ---- clients

    fn clients(&mut self, now: Instant) {
        for at in 0..self.actors.len() {
            let mut is_due = false;
            if self.actors[at].client.poll_timeout().is_some_and(|due| due <= now) {
                self.actors[at].client.handle_timeout(now);
                is_due = true;
            }
            if self.actors[at].connects_at.is_some_and(|due| due <= now) {
                self.connect(at, now);
                is_due = true;
            }
            if self.actors[at].tells_at.is_some_and(|due| due <= now) {
                self.tell(at, 1);
                let actor = &mut self.actors[at];
                actor.tells_at = Some(now + actor.pause(self.plan.pace));
                is_due = true;
            }
            if self.is_quiet || self.next_nonce > FACTS_MAX {
                self.actors[at].tells_at = None;
            }
            if is_due {
                self.serve(at, now);
            }
        }
    }

    fn connect(&mut self, at: usize, now: Instant) {
        let actor = &mut self.actors[at];
        actor.connects_at = None;
        let local = actor.next_address();
        let shard = steer(local, self.plan.setup.shards);
        let link = actor.client.connect(now, local);
        self.scribe.mix.reconnects += u64::from(actor.connections > 0);
        self.scribe.mix.reconnects_elsewhere += u64::from(actor.shard.is_some_and(|before| before != shard));
        actor.connections += 1;
        actor.shard = Some(shard);
        self.scribe.note(format_args!("{} connects ({link}) from {local} to shard {shard}", actor.client.name));
    }

    /// Tells `count` facts, datagram ones together.
    fn tell(&mut self, at: usize, count: u32) {
        let (elapsed, unix_ms) = (self.clock.elapsed(), self.clock.unix_millis());
        let mut unreliable: Vec<(Fact, u64)> = Vec::new();
        for _ in 0..count {
            if self.next_nonce > FACTS_MAX {
                break;
            }
            let nonce = self.next_nonce;
            self.next_nonce += 1;
            let actor = &mut self.actors[at];
            let (fact, way) = actor.invent(&self.players);
            self.scribe.mix.events += 1;
            let name = &actor.client.name;
            match way {
                Way::Datagram => {
                    self.scribe.note(format_args!("{name} tells {} {nonce} in a datagram", fact.word()));
                    unreliable.push((fact, nonce));
                }
                Way::Reliable(class) => {
                    let word = fact.word();
                    let seq = actor.client.tell(class, fact, nonce, elapsed, unix_ms);
                    let name = &actor.client.name;
                    self.scribe.note(format_args!("{name} tells {word} {nonce} as {}/{seq}", class.get()));
                }
            }
        }
        let actor = &mut self.actors[at];
        if !unreliable.is_empty() && actor.client.tell_unreliably(&unreliable, elapsed) {
            actor.unreliable.extend(unreliable);
        }
    }

    /// Lets a client work, hears what it heard, and sends what it has to send.
    fn serve(&mut self, at: usize, now: Instant) {
        let before: [u64; 4] = std::array::from_fn(|class| self.actors[at].client.queues[class].receipt);
        self.actors[at].client.work(now, self.clock.elapsed(), self.clock.unix_millis());
        let mut receipts = before;
        while let Some(heard) = self.actors[at].client.heard.pop_front() {
            self.hear(at, heard, &mut receipts, now);
        }
        while let Some((from, ecn, bytes)) = self.actors[at].client.outbox.pop_front() {
            self.net.send(from, SERVER, ecn, &bytes, now);
        }
    }

    fn hear(&mut self, at: usize, heard: Heard, receipts: &mut [u64; 4], now: Instant) {
        let client = &self.actors[at].client;
        self.scribe.note(format_args!("{} hears {heard:?}", client.name));
        match heard {
            Heard::Receipt { class, up_to } => {
                let from = receipts[class.index()] + 1;
                receipts[class.index()] = up_to;
                let sent_at = self.actors[at].heard_up_to;
                receipts::on_receipt(client, class, from, up_to, sent_at, &self.pop, &mut self.scribe);
                if self.rng.below(PROVE_ONE_IN) == 0 {
                    receipts::prove(client, class, from, up_to, &self.pop, &mut self.scribe);
                }
            }
            Heard::Rejected { class, seq } => {
                let told = &client.queues[class.index()].told[seq as usize - 1];
                if told.fact.is_sound() {
                    let what = format!("a sound {} of {} was rejected", told.fact.word(), client.name);
                    self.scribe.broken(Promise::Protocol, what);
                }
            }
            Heard::Reply { name, body, .. } => {
                self.scribe.mix.replies += 1;
                if !is_answer(&self.actors[at], &name, &body) {
                    let what = format!("{} never told what reply `{name}` answers", self.actors[at].client.name);
                    self.scribe.broken(Promise::Protocol, what);
                }
            }
            Heard::Welcomed { .. } => {}
            Heard::Refused { .. } => {
                self.scribe.mix.refused += 1;
                self.reconnect_later(at, now);
            }
            Heard::Lost { code, .. } => {
                self.scribe.mix.connections_lost += 1;
                self.scribe.mix.superseded += u64::from(code == Some(CloseCode::Superseded));
                if !self.actors[at].client.is_connected() {
                    self.reconnect_later(at, now);
                }
            }
            Heard::Nonsense { why } => {
                let what = format!("{} heard: {why}", self.actors[at].client.name);
                self.scribe.broken(Promise::Protocol, what);
            }
        }
    }

    fn reconnect_later(&mut self, at: usize, now: Instant) {
        let actor = &mut self.actors[at];
        if actor.connects_at.is_none() {
            actor.connects_at = Some(now + actor.pause(Duration::from_millis(250)));
        }
    }

    // ---- trouble

    fn trouble(&mut self, now: Instant) {
        if let Some((_, fuse)) = self.restart_at.take_if(|(at, _)| *at <= now) {
            self.pop.start(fuse, &mut self.scribe);
            if !self.pop.is_up() {
                self.restart_at = Some((now + Duration::from_millis(20), None));
            }
        }
        if self.pop.is_read_only() {
            self.scribe.note(format_args!("the spool is read-only; its operator restarts the daemon"));
            self.kill(Death::Kill, Duration::from_millis(100), None, now);
        }
        if self.pop.unsynced_records() >= AMBUSH_RECORDS
            && let Some((death, down, fuse)) = self.ambush.take()
        {
            self.kill(death, down, fuse, now);
        }
        if self.opens_at.take_if(|at| *at <= now).is_some() {
            self.pop.gate(true);
        }
        while let Some(client) = self.heals.iter().find(|(_, at)| **at <= now).map(|(client, _)| *client) {
            self.heals.remove(&client);
            self.net.heal(self.actors[client].ip, SERVER.ip());
            self.scribe.note(format_args!("{} reaches the site again", self.actors[client].client.name));
        }
        while let Some((_, trouble)) = self.troubles.pop_if(|(at, _)| *at <= now) {
            self.scribe.note(format_args!("trouble: {trouble:?}"));
            self.happen(trouble, now);
        }
        if !self.is_quiet && now >= self.quiet_at {
            self.quieten(now);
        }
    }

    fn happen(&mut self, trouble: Trouble, now: Instant) {
        match trouble {
            Trouble::Death { death, from_ambush: true, down, fuse } => self.ambush = Some((death, down, fuse)),
            Trouble::Death { death, from_ambush: false, down, fuse } => self.kill(death, down, fuse, now),
            Trouble::Cut { client, lasts } => {
                self.net.cut(self.actors[client].ip, SERVER.ip());
                self.heals.insert(client, now + lasts);
            }
            Trouble::Weather(link) => self.net.set_default_link(*link),
            Trouble::Rebind { client } => {
                let actor = &mut self.actors[client];
                let local = actor.next_address();
                if actor.client.rebind(local) {
                    self.scribe.mix.rebinds += 1;
                }
                self.serve(client, now);
            }
            Trouble::Supersede { client } => {
                if self.actors[client].client.is_welcomed() {
                    self.connect(client, now);
                    self.serve(client, now);
                }
            }
            Trouble::Close { client } => {
                self.actors[client].client.close(now);
                self.serve(client, now);
                self.reconnect_later(client, now);
            }
            Trouble::ClientDeath { client } => {
                self.scribe.mix.client_deaths += 1;
                self.actors[client].client.die();
                self.reconnect_later(client, now);
            }
            Trouble::Burst { client, facts } => {
                self.tell(client, facts);
                self.serve(client, now);
            }
            Trouble::Swap => {
                let next = self.pop.desk.revision() + 1;
                if next <= REVISIONS && self.pop.offer(rulebook().bundle(next), &mut self.scribe) {
                    self.scribe.mix.swaps += 1;
                }
            }
            Trouble::Spoiled => {
                let (bytes, how) = rulebook().spoiled(self.pop.desk.revision(), &mut self.rng);
                if self.pop.offer(bytes, &mut self.scribe) {
                    self.scribe.broken(Promise::P6, format!("a bundle that is {how} serves"));
                }
            }
            Trouble::Stall { shard, lasts } => {
                self.scribe.mix.stalls += 1;
                self.pop.stall(shard, now + lasts);
            }
            Trouble::SpoolSyncFailure => self.pop.fail_next_spool_sync(),
            Trouble::SinkSyncFailure => self.pop.fail_next_sink_sync(),
            Trouble::Gate { lasts } => {
                self.pop.gate(false);
                self.opens_at = Some(now + lasts);
            }
            Trouble::LedgerCut => self.pop.cut(),
        }
    }

    fn kill(&mut self, death: Death, down: Duration, fuse: Option<u32>, now: Instant) {
        if self.pop.is_up() {
            self.deaths += 1;
            self.pop.die(death, &mut self.scribe);
            self.restart_at = Some((now + down, fuse));
        }
    }

    /// The trouble is over: the network is good, everybody is there, nobody tells anything new.
    fn quieten(&mut self, now: Instant) {
        self.is_quiet = true;
        self.scribe.note(format_args!("quiet"));
        self.net.set_default_link(LinkConfig { latency: Duration::from_millis(5), ..LinkConfig::default() });
        for actor in &self.actors {
            self.net.heal(actor.ip, SERVER.ip());
        }
        self.heals.clear();
        self.ambush = None;
        self.opens_at = None;
        self.pop.gate(true);
        self.troubles.clear();
        self.restart_at = self.restart_at.map(|(at, _)| (at.min(now + Duration::from_millis(100)), None));
    }

    // ---- the end

    /// Whether every event is receipted, every thread idle and a last cut of the ledger closed.
    fn is_at_rest(&mut self) -> bool {
        if self.actors.iter().any(|a| a.client.outstanding() > 0) || !self.pop.busy().is_empty() {
            return false;
        }
        let Some(cut) = self.pop.last_cut() else { return false };
        let is_final = cut.number > 0 && self.final_cut == Some(cut.number);
        if !is_final {
            self.pop.cut();
            self.final_cut = Some(cut.number + 1);
        }
        is_final
    }

    fn complain(&mut self) {
        let waiting: Vec<String> = self
            .actors
            .iter()
            .filter(|a| a.client.outstanding() > 0)
            .map(|a| format!("{} waits for {} receipts", a.client.name, a.client.outstanding()))
            .collect();
        let what = format!(
            "no rest after {REST_WITHIN:?}: {waiting:?}, busy: {:?}, delivery: {:?}",
            self.pop.busy(),
            self.pop.delivery_ledger()
        );
        self.scribe.broken(Promise::Liveness, what);
    }

    fn end(mut self) -> Ending {
        let (files, quarantine) = self.pop.delivered();
        let lines = lines::read(&files, "commands-");
        match (lines, lines::read(&quarantine, "quarantine-")) {
            (Ok(lines), Ok(refused)) => {
                self.scribe.mix.commands = lines.len() as u64;
                if !refused.is_empty() {
                    let what = format!("{} commands are in the quarantine: {:?}", refused.len(), refused[0]);
                    self.scribe.broken(Promise::P1, what);
                }
                let came_to_rest = self.scribe.violations.iter().all(|v| v.promise != Promise::Liveness);
                if came_to_rest {
                    let (actors, players, pop) = (&self.actors, &self.players, &self.pop);
                    let world = World { actors, players, pop, lines: &lines, deaths: self.deaths };
                    check::at_the_end(&world, &mut self.scribe);
                }
            }
            (Err(why), _) | (_, Err(why)) => self.scribe.broken(Promise::P1, why),
        }
        self.pop.finish(&mut self.scribe);
        self.count();
        let lasted = self.clock.elapsed();
        let mix = self.scribe.mix;
        self.scribe.note(format_args!("end: {mix:?}"));
        let Scribe { trace, violations, .. } = self.scribe;
        Ending { hash: trace.hash(), mix, lasted, violations, lines: trace.into_lines() }
    }

    /// Counts what the network and the clients counted.
    fn count(&mut self) {
        let faults = self.net.faults();
        let mix = &mut self.scribe.mix;
        mix.redelivered = mix.redelivered.saturating_sub(mix.commands);
        mix.packets = faults.sent;
        mix.packets_lost = faults.lost;
        mix.packets_duplicated = faults.duplicated;
        mix.packets_reordered = faults.reordered;
        mix.packets_corrupted = faults.corrupted;
        mix.packets_cut = faults.partitioned;
        mix.packets_oversize = faults.oversize;
        mix.resends = self.actors.iter().map(|a| a.client.resends).sum();
    }
}

/// Whether a reply answers something that this client told: a chat line, or a step far enough.
fn is_answer(actor: &Actor, name: &str, body: &[u8]) -> bool {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return false };
    let Some(nonce) = body.get("nonce").and_then(serde_json::Value::as_u64) else { return false };
    let reliable = actor.client.queues.iter().flat_map(|q| q.told.iter().map(|t| (&t.fact, t.nonce)));
    let mut told = reliable.chain(actor.unreliable.iter().map(|(fact, nonce)| (fact, *nonce)));
    told.any(|(fact, n)| {
        n == nonce
            && match fact {
                Fact::Chat => name == "tip",
                Fact::Step { far } => name == "far" && *far >= 80,
                _ => false,
            }
    })
}
