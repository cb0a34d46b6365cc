//! The cast: which clients a story has, where they are, and what they tell.
//!
//! In: the plan, a generator. Out: clients with their addresses, and facts. One player's kills are told by one device in one
//! class, so that their order is known; everything else goes anywhere. One player shares its slice of players with a game
//! server's own name, because that is where a producer that speaks for many could be taken for one that speaks for itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use edge_door::sim::Rng;
use edge_event::{Class, Partition, Provenance};
use edge_wire::keys::player_key;

use crate::client::Client;
use crate::fact::{Fact, Zone};
use crate::plan::Plan;

/// Where a node answers.
pub(crate) const fn address(node: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1 + node as u8)), 443)
}

/// A client and where it stands.
pub(crate) struct Actor {
    /// Its place in the cast.
    number: u64,
    pub(crate) client: Client,
    pub(crate) ip: IpAddr,
    port: u16,
    /// The first device of a player tells its kills.
    is_first: bool,
    /// When it tells its next fact.
    pub(crate) tells_at: Option<Instant>,
    /// When it connects again.
    pub(crate) connects_at: Option<Instant>,
    pub(crate) connections: u64,
    /// The node that it connects to, and the shard there that its last connection was steered to.
    pub(crate) node: usize,
    pub(crate) last: Option<(usize, usize)>,
    /// When each of its connections began, by number.
    pub(crate) connected_at: BTreeMap<u64, Duration>,
    /// Until when something of what it sends may not have come through, whatever was sent again.
    pub(crate) cut_until: Option<Instant>,
    /// Facts told in datagrams.
    pub(crate) unreliable: Vec<(Fact, u64)>,
    /// Decides what it tells; nothing else does, so that a story with less trouble has the same facts.
    facts: Rng,
    /// How many facts it has thought of by itself.
    invented: u64,
    /// Decides what it tells in bursts, each by its moment.
    bursts: u64,
    /// Decides when it tells.
    pace: Rng,
    /// Decides when and where it comes back.
    returns: Rng,
}

/// A fact that a client has to tell.
pub(crate) struct Thought {
    /// Names it in the story: the same, whatever else happens in it.
    pub(crate) nonce: u64,
    pub(crate) fact: Fact,
    pub(crate) way: Way,
}

/// What a client is to do with a fact.
pub(crate) enum Way {
    Reliable(Class),
    Datagram,
}

impl Actor {
    /// Another address of this client.
    pub(crate) fn next_address(&mut self) -> SocketAddr {
        self.port += 1;
        SocketAddr::new(self.ip, self.port)
    }

    /// The network keeps something of it back.
    pub(crate) fn is_cut_until(&mut self, until: Instant) {
        self.cut_until = self.cut_until.max(Some(until));
    }

    /// Which of `nodes` it turns to after a failure: the same, or any other.
    pub(crate) fn turn_elsewhere(&mut self, nodes: usize) {
        if nodes > 1 && self.returns.chance(500_000) {
            self.node = (self.node + 1) % nodes;
        }
    }

    /// How long until it tells something again, on average `mean`.
    pub(crate) fn until_next(&mut self, mean: Duration) -> Duration {
        pause(&mut self.pace, mean)
    }

    /// How long until it comes back, on average `mean`.
    pub(crate) fn until_back(&mut self, mean: Duration) -> Duration {
        pause(&mut self.returns, mean)
    }

    /// The next thing it has to tell by itself, and how.
    pub(crate) fn think(&mut self, players: &[String]) -> Thought {
        let mut facts = self.facts.clone();
        let (fact, way) = self.invent(&mut facts, players);
        self.facts = facts;
        self.invented += 1;
        Thought { nonce: 1_000 * self.number + self.invented, fact, way }
    }

    /// What it tells in a burst at a moment of the story.
    pub(crate) fn burst(&self, at: Duration, count: u32, players: &[String]) -> Vec<Thought> {
        let moment = at.as_micros() as u64;
        let mut facts = Rng::new(self.bursts ^ moment);
        // Behind everything that anybody tells by itself, and apart from every other moment's.
        let first = 100_000 * (moment + 1) + 1_000 * self.number;
        let one = |n| {
            let (fact, way) = self.invent(&mut facts, players);
            Thought { nonce: first + u64::from(n), fact, way }
        };
        (0..count).map(one).collect()
    }

    fn invent(&self, rng: &mut Rng, players: &[String]) -> (Fact, Way) {
        let any_class = |rng: &mut Rng| Way::Reliable(Class::ALL[rng.index(4)]);
        if self.client.provenance == Provenance::Server {
            let player = players[rng.index(players.len())].clone();
            return (Fact::Trade { player, gold: rng.below(100_001) as u32 }, any_class(rng));
        }
        match rng.below(100) {
            0..25 => (hit(rng), any_class(rng)),
            25..30 => (Fact::Login, Way::Reliable(Class::ALL[0])),
            30..55 if self.is_first => (Fact::Kill, Way::Reliable(Class::ALL[1])),
            55..72 => (Fact::Chat, Way::Reliable(Class::ALL[3])),
            72..84 => (Fact::Step { far: rng.below(101) as u8 }, Way::Datagram),
            84..86 => (Fact::Unknown, any_class(rng)),
            86..88 => (Fact::Garbled, any_class(rng)),
            _ => (Fact::Noise, any_class(rng)),
        }
    }
}

fn pause(rng: &mut Rng, mean: Duration) -> Duration {
    Duration::from_millis(1) + rng.duration(2 * mean)
}

fn hit(rng: &mut Rng) -> Fact {
    let zone = [Zone::Meadow, Zone::Catacombs, Zone::SkyFortress][rng.index(3)];
    let note_bytes = if rng.chance(500_000) { 0 } else { rng.below(401) as u16 };
    Fact::Hit { power: 1 + rng.below(100) as u8, zone, note_bytes }
}

/// All clients of a plan, and the names of the players.
pub(crate) fn cast(plan: &Plan, rng: &mut Rng) -> (Vec<Actor>, Vec<String>) {
    let players: Vec<String> = (0..plan.devices.len()).map(|n| format!("player-{n}")).collect();
    let mut actors = Vec::new();
    let mut add = |name: String, sub: &str, provenance, is_first| {
        let n = actors.len() as u8;
        let mut own = rng.fork(u64::from(n));
        let (seed, facts, bursts) = (own.fork(1), own.fork(2), own.next_u64());
        let (pace, mut returns) = (own.fork(3), own.fork(4));
        actors.push(Actor {
            number: u64::from(n),
            client: Client::new(name, sub, provenance, plan.papers, seed),
            ip: IpAddr::V4(Ipv4Addr::new(10, 0, 0, n + 1)),
            port: 20_000,
            is_first,
            tells_at: None,
            connects_at: None,
            connections: 0,
            node: returns.index(2) % plan.nodes,
            last: None,
            connected_at: BTreeMap::new(),
            cut_until: None,
            unreliable: Vec::new(),
            facts,
            invented: 0,
            bursts,
            pace,
            returns,
        });
    };
    for (player, devices) in players.iter().zip(&plan.devices) {
        for device in 0..*devices {
            add(format!("{player}/{device}"), player, Provenance::Client, device == 0);
        }
    }
    for server in 0..plan.servers {
        let sub = if server == 0 { neighbour_of(&players[0]) } else { format!("server-{server}") };
        add(format!("server/{server}"), &sub, Provenance::Server, false);
    }
    (actors, players)
}

/// A server's name in the same slice of players as `player`.
fn neighbour_of(player: &str) -> String {
    let slice = Partition::of(player_key(player));
    let names = (0..).map(|n| format!("server-x{n}"));
    names.into_iter().find(|name| Partition::of(player_key(name)) == slice).expect("one name in 4,096 is")
}

/// The shard whose socket the kernel picks for a sender: by a hash of its address, as SO_REUSEPORT does.
pub(crate) fn steer(from: SocketAddr, shards: u16) -> usize {
    let IpAddr::V4(ip) = from.ip() else { return 0 };
    Rng::new(u64::from(u32::from(ip)) << 16 | u64::from(from.port())).index(usize::from(shards))
}
