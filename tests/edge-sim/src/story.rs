//! One story: a seed told from its beginning to its end.
//!
//! In: a seed. Out: an [`Ending`]. The loop jumps from one moment at which something is due to the next: packets arrive, trouble
//! comes, clients tell facts, the daemon's threads take their turns. After the plan's length all trouble is over and
//! everything must come to rest; then the checkers look. Deliberately absent: real time (one base instant, of which
//! only differences are used), and any choice that is not drawn from the seed.

mod clients;
mod node;
mod paths;
mod trouble;
mod wards;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use edge_door::Clock as _;
use edge_door::sim::{SimClock, SimNet};
use edge_session::Arrival;
use xxhash_rust::xxh3::xxh3_64;

use self::node::Node;
use self::paths::Hole;
use crate::cast::{Actor, cast, steer};
use crate::check::{self, Delivered, World};
use crate::lines::{self, Line};
use crate::mix::Mix;
use crate::plan::{Plan, Trouble};
use crate::pop::Outgoing;
use crate::scribe::{Promise, Scribe, Violation};
use crate::script::Script;
use crate::tls::START_UNIX_MS;
use crate::trace::Listener;

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
    /// The most memory that a node held of what it was allowed, in a thousandth.
    pub memory_permille: u32,
    /// The facts that were told.
    pub(crate) nonces: Vec<u64>,
}

/// Tells the story of a seed; `listener` hears every line of it.
pub fn tell(seed: u64, listener: Option<Listener<'_>>) -> Ending {
    retell(&Script::draw(seed), listener)
}

/// Tells the story of a script; `listener` hears every line of it.
pub fn retell(script: &Script, listener: Option<Listener<'_>>) -> Ending {
    let mut story = Story::new(script, listener);
    story.run();
    story.end()
}

struct Story<'a> {
    clock: SimClock,
    /// Decides how bundles are spoiled, each by its moment.
    spoils: u64,
    plan: Plan,
    net: SimNet,
    nodes: Vec<Node>,
    actors: Vec<Actor>,
    players: Vec<String>,
    scribe: Scribe<'a>,
    /// What is still to come of the plan, the next last.
    troubles: Vec<(Instant, Trouble)>,
    /// When the cut between a client and the site heals.
    heals: BTreeMap<usize, Instant>,
    holes: Vec<Hole>,
    /// When a client is taken off the deny list.
    pardons: Vec<(Instant, usize)>,
    /// When trouble is over.
    quiet_at: Instant,
    is_quiet: bool,
    /// Facts that somebody had to tell.
    invented: u64,
    /// Of them, those that were told, by nonce.
    told: Vec<u64>,
    outgoing: Vec<Outgoing>,
    /// When each packet to a client left, by its bytes.
    departures: BTreeMap<u64, Duration>,
}

impl<'a> Story<'a> {
    fn new(script: &Script, listener: Option<Listener<'a>>) -> Story<'a> {
        let plan = script.plan.clone();
        let clock = SimClock::new(Instant::now(), START_UNIX_MS + script.part(2).below(86_400_000) as i64);
        let start = clock.now();
        let net = SimNet::new(script.part(3).next_u64(), plan.link.clone());
        let (actors, players) = cast(&plan, &mut script.part(4));
        let node = |at: usize| Node::new(at, plan.setup.clone(), clock.clone(), script.part(10 + at as u64));
        let nodes = (0..plan.nodes).map(node).collect();
        let mut troubles: Vec<_> = plan.troubles.iter().map(|(at, trouble)| (start + *at, trouble.clone())).collect();
        troubles.reverse();
        let mut scribe = Scribe::new(clock.clone(), listener);
        script.to_text().lines().for_each(|line| scribe.note(format_args!("{line}")));
        Story {
            quiet_at: start + plan.length,
            clock,
            spoils: script.part(5).next_u64(),
            plan,
            net,
            nodes,
            actors,
            players,
            scribe,
            troubles,
            heals: BTreeMap::new(),
            holes: Vec::new(),
            pardons: Vec::new(),
            is_quiet: false,
            invented: 0,
            told: Vec::new(),
            outgoing: Vec::new(),
            departures: BTreeMap::new(),
        }
    }

    fn run(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.pop.start(None, &mut self.scribe));
        self.narrow_paths();
        let start = self.clock.now();
        for actor in &mut self.actors {
            actor.connects_at = Some(start + actor.until_back(Duration::from_millis(50)));
            actor.tells_at = Some(start + actor.until_next(self.plan.pace));
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
            self.turn(now);
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
        let start = now - self.clock.elapsed();
        let clients = self.actors.iter_mut().flat_map(|a| {
            let reauth = a.client.reauth_due().map(|due| start + due);
            [a.client.poll_timeout(), reauth, a.tells_at, a.connects_at]
        });
        let next = clients.flatten().min();
        let own = [
            next,
            self.net.next_due(),
            self.troubles.last().map(|(at, _)| *at),
            self.heals.values().min().copied(),
            self.holes.iter().map(|hole| hole.ends_at).min(),
            self.pardons.iter().map(|(at, _)| *at).min(),
            (!self.is_quiet).then_some(self.quiet_at),
            self.nodes.iter_mut().filter_map(|node| node.next_due(now)).min(),
        ];
        // At rest nothing is due but keep-alives; a tick keeps the end in sight.
        let next = own.into_iter().flatten().min().unwrap_or(now + Duration::from_millis(100));
        next.max(now)
    }

    // ---- packets

    fn deliver(&mut self, now: Instant) {
        while let Some(packet) = self.net.deliver(now) {
            if let Some(node) = self.nodes.iter_mut().find(|node| node.address == packet.to) {
                if !node.pop.is_up() {
                    self.scribe.mix.packets_unheard += 1;
                    continue;
                }
                let arrival = Arrival { remote: packet.from, local_ip: None, ecn: packet.ecn };
                node.pop.receive(arrival, &packet.bytes, steer(packet.from, node.pop.setup.shards));
            } else if let Some(at) = self.actors.iter().position(|a| a.ip == packet.to.ip()) {
                let actor = &mut self.actors[at];
                let sent_at = self.departures.get(&xxh3_64(&packet.bytes)).copied();
                actor.client.receive(now, &packet, sent_at);
                self.serve(at, now);
            }
        }
    }

    /// Lets every node take its turns, and sends what it has to send.
    fn turn(&mut self, now: Instant) {
        let elapsed = self.clock.elapsed();
        for node in &mut self.nodes {
            node.pop.turn(&mut self.outgoing, &mut self.scribe);
            for packet in self.outgoing.drain(..) {
                self.departures.entry(xxh3_64(&packet.bytes)).or_insert(elapsed);
                self.net.send(node.address, packet.to, packet.ecn, &packet.bytes, now);
            }
        }
    }

    // ---- the end

    /// Whether every event is receipted, every thread idle and a last cut of each ledger closed.
    fn is_at_rest(&mut self) -> bool {
        if self.actors.iter().any(|a| a.client.outstanding() > 0) {
            return false;
        }
        // All are asked, so that all begin their last cut at once.
        self.nodes.iter_mut().filter_map(|node| (!node.is_at_rest()).then_some(())).count() == 0
    }

    fn complain(&mut self) {
        let waiting: Vec<String> = self
            .actors
            .iter()
            .filter(|a| a.client.outstanding() > 0)
            .map(|a| format!("{} waits for {} receipts", a.client.name, a.client.outstanding()))
            .collect();
        let how = |node: &Node| format!("busy: {:?}, delivery: {:?}", node.pop.busy(), node.pop.delivery_ledger());
        let nodes: Vec<String> = self.nodes.iter().map(how).collect();
        let what = format!("no rest after {REST_WITHIN:?}: {waiting:?}, {nodes:?}");
        self.scribe.broken(Promise::Liveness, what);
    }

    fn end(mut self) -> Ending {
        let lines: Option<Vec<_>> = (0..self.nodes.len()).map(|node| self.read(node)).collect();
        let came_to_rest = self.scribe.violations.iter().all(|v| v.promise != Promise::Liveness);
        if came_to_rest && let Some(lines) = lines {
            let mut nodes = Vec::new();
            for (at, (node, lines)) in self.nodes.iter().zip(&lines).enumerate() {
                nodes.push(Delivered { at, pop: &node.pop, lines, deaths: node.deaths });
            }
            let (actors, players, quiet_since) = (&self.actors, &self.players, self.plan.length);
            let world = World { actors, players, nodes, quiet_since };
            check::at_the_end(&world, &mut self.scribe);
        }
        self.nodes.iter_mut().for_each(|node| node.pop.finish(&mut self.scribe));
        self.count();
        let lasted = self.clock.elapsed();
        let mix = self.scribe.mix;
        self.scribe.note(format_args!("end: {mix:?}"));
        let Scribe { trace, violations, .. } = self.scribe;
        let memory_permille = self.nodes.iter().map(|node| node.pop.memory.fullest()).max().unwrap_or_default();
        Ending { hash: trace.hash(), mix, lasted, violations, memory_permille, nonces: self.told }
    }

    /// What a node's upstream got; `None` where it cannot be read.
    fn read(&mut self, node: usize) -> Option<Vec<Line>> {
        let (files, quarantine) = self.nodes[node].pop.delivered();
        match (lines::read(&files, "commands-"), lines::read(&quarantine, "quarantine-")) {
            (Ok(lines), Ok(refused)) => {
                self.scribe.mix.commands += lines.len() as u64;
                if !refused.is_empty() {
                    let what = format!("{} commands are in the quarantine: {:?}", refused.len(), refused[0]);
                    self.scribe.broken(Promise::P1, what);
                }
                Some(lines)
            }
            (Err(why), _) | (_, Err(why)) => {
                self.scribe.broken(Promise::P1, why);
                None
            }
        }
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
        mix.packets_black_holed = faults.black_holed;
        mix.renewals = self.actors.iter().map(|a| a.client.renewals).sum();
        mix.resends = self.actors.iter().map(|a| a.client.resends).sum();
    }
}
