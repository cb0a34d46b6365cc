//! What a seed decides before its story begins: who plays, on which network and disk, and which trouble comes when.
//!
//! In: the seed's generator. Out: a [`Plan`]. Every choice is drawn here or from generators forked here, so a plan can be
//! printed and read. Deliberately absent: what follows from it.

mod hardship;
mod load;
mod nodes;
mod papers;
mod paths;
mod swaps;

use std::collections::BTreeSet;
use std::time::Duration;

use edge_door::sim::{DiskConfig, LinkConfig, Rng};
use serde::{Deserialize, Serialize};

pub(crate) use self::paths::Way;
use crate::knobs::{Link, boxed_link, paths as path_list};
use crate::pass::Papers;
use crate::pop::{Death, Setup};
use crate::script::moments;
use crate::span;

pub(crate) use hardship::{Hardship, Store};

/// See the head of this file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// Nodes of the site, 1 or 2; all alike.
    pub(crate) nodes: usize,
    /// Players; each has one or two devices.
    pub(crate) devices: Vec<u8>,
    pub(crate) servers: u8,
    /// How long trouble lasts; afterwards everything must come to its end.
    #[serde(with = "span")]
    pub(crate) length: Duration,
    /// Mean time between two facts of one client.
    #[serde(with = "span")]
    pub(crate) pace: Duration,
    /// Clients that never come, by number; the others are who they are all the same.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) absent: BTreeSet<usize>,
    /// The only facts that are told, by nonce; where there is no list, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) facts: Option<BTreeSet<u64>>,
    /// By time.
    #[serde(with = "moments")]
    pub(crate) troubles: Vec<(Duration, Trouble)>,
    pub(crate) papers: Papers,
    /// The longest UDP payload on each client's path, where it is less than the network's own.
    #[serde(with = "path_list")]
    pub(crate) paths: Vec<Option<usize>>,
    /// How the network is at first.
    #[serde(with = "Link")]
    pub(crate) link: LinkConfig,
    /// The settings of the daemon, its disks and its threads.
    pub(crate) setup: Setup,
}

/// One thing that goes wrong, or merely happens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trouble {
    /// The daemon dies (from an ambush: when a batch lies between its write and its fsync) and is back after `down`; with a
    /// fuse, the power goes once more during that recovery.
    Death {
        death: Death,
        from_ambush: bool,
        #[serde(with = "span")]
        down: Duration,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fuse: Option<u32>,
    },
    /// A client and the site do not reach each other.
    Cut {
        client: usize,
        #[serde(with = "span")]
        lasts: Duration,
    },
    /// What is longer than so much is swallowed on a client's way to the site, from it, or both.
    BlackHole {
        client: usize,
        way: Way,
        mtu_bytes: usize,
        #[serde(with = "span")]
        lasts: Duration,
    },
    /// A client's subject, or the token of its newest connection, is on the deny list of every node.
    Deny {
        client: usize,
        is_whole_subject: bool,
        #[serde(with = "span")]
        lasts: Duration,
    },
    /// The network changes for everybody.
    Weather(#[serde(with = "boxed_link")] Box<LinkConfig>),
    /// A client goes on from another address.
    Rebind { client: usize },
    /// A client opens a second connection while the first is alive.
    Supersede { client: usize },
    /// What happens, happens to the other node.
    Elsewhere(Box<Trouble>),
    /// A client goes on at the other node; its older connection is closed properly, or stays as it is.
    Roam { client: usize, leaves: bool },
    /// A client closes its connection and comes back.
    Close { client: usize },
    /// A client's process dies and comes back.
    ClientDeath { client: usize },
    /// A burst of facts at once.
    Burst { client: usize, facts: u32 },
    /// A newer bundle arrives.
    Swap,
    /// A bundle arrives that must be refused.
    Spoiled,
    /// One shard's thread stands still.
    Stall {
        shard: usize,
        #[serde(with = "span")]
        lasts: Duration,
    },
    /// Something comes over the machine from outside: its disks, its clock.
    Hardship(Hardship),
    /// New sessions are refused for a while, as under load.
    Gate {
        #[serde(with = "span")]
        lasts: Duration,
    },
    /// A daemon sends its sessions away, ends, and comes back.
    Drain {
        #[serde(with = "span")]
        within: Duration,
        #[serde(with = "span")]
        down: Duration,
    },
    /// A cut of the ledger.
    LedgerCut,
}

/// Milliseconds of a range, as a duration.
fn ms(rng: &mut Rng, from: u64, to: u64) -> Duration {
    Duration::from_micros(from * 1000 + rng.below((to - from) * 1000 + 1))
}

fn pick(rng: &mut Rng, from: u64, to: u64) -> usize {
    (from + rng.below(to - from + 1)) as usize
}

impl Plan {
    /// Tokens that outlast every story: what clients get when the trouble is over.
    pub(crate) const QUIET_PAPERS: Papers = papers::LONG;

    /// The plan of a seed.
    pub(crate) fn draw(rng: &mut Rng) -> Plan {
        let devices: Vec<u8> = (0..pick(rng, 1, 3)).map(|_| devices(rng)).collect();
        let servers = rng.below(3) as u8;
        let clients = devices.iter().map(|d| usize::from(*d)).sum::<usize>() + usize::from(servers);
        let mut setup = setup(rng);
        let mut link = weather(rng);
        // Where the disk is much slower than the network, clients come back before what they told is durable.
        if rng.chance(250_000) {
            setup.disk.jitter = ms(rng, 100, 400);
            link = LinkConfig { latency: ms(rng, 0, 3), jitter: Duration::ZERO, loss_ppm: 0, ..link };
        }
        let length = ms(rng, 3_000, 12_000);
        let nodes = nodes::draw(rng);
        let mut troubles = troubles(rng, clients, usize::from(setup.shards), length);
        if nodes > 1 {
            nodes::spread(rng, clients, length, &mut troubles);
        }
        paths::holes(rng, clients, length, &mut troubles);
        papers::deny(rng, clients, length, &mut troubles);
        load::crowd(rng, clients, length, &mut setup, &mut troubles);
        swaps::crowd(rng, &mut troubles);
        load::lower_ceiling(rng, clients, length, (&mut setup, &mut troubles));
        let (paths, papers) = (paths::draw(rng, clients), papers::draw(rng));
        setup.token_leeway = papers.leeway;
        troubles.sort_by_key(|(at, _)| *at);
        let (pace, absent, facts) = (ms(rng, 40, 300), BTreeSet::new(), None);
        Plan { nodes, devices, servers, length, pace, absent, facts, troubles, papers, paths, link, setup }
    }

    /// How many clients there are, the absent ones among them.
    pub(crate) fn clients(&self) -> usize {
        self.devices.iter().map(|devices| usize::from(*devices)).sum::<usize>() + usize::from(self.servers)
    }
}

/// Most players have one device, some two, few three.
fn devices(rng: &mut Rng) -> u8 {
    match rng.below(100) {
        0..60 => 1,
        60..93 => 2,
        _ => 3,
    }
}

/// The settings: those that are drawn (see `knobs.rs`), and those that are the same in all stories.
pub(crate) fn setup(rng: &mut Rng) -> Setup {
    let sessions = edge_session::Config {
        window_events: [pick(rng, 2, 48) as u32; 4],
        receipt_batch: pick(rng, 1, 16) as u32,
        receipt_delay: ms(rng, 0, 25),
        retry_above: if rng.chance(300_000) { 0 } else { 64 },
        ..edge_session::Config::default()
    };
    let shard = edge_shard::Config {
        forward_slots: pick(rng, 1, 32),
        back_slots: pick(rng, 4, 64),
        record_slots: pick(rng, 1, 32),
        waiting_slots: pick(rng, 2, 64),
        ..edge_shard::Config::default()
    };
    // A log that a slow upstream fills: segments and records as small as these stories allow.
    let is_small = rng.chance(150_000);
    let kib = if is_small { 4 } else { 16 };
    let spool = edge_spool::Config {
        segment_bytes: (2 * kib) << 10,
        record_bytes_max: (kib as usize) << 10,
        batch_bytes_max: (kib as usize + 1) << 10,
        queue_bytes_max: pick(rng, kib + 1, 64) << 10,
        commit_window: if rng.chance(300_000) { ms(rng, 3, 25) } else { ms(rng, 0, 3) },
        log_bytes_max: if is_small { 48 << 10 } else { 8 << 20 },
        checkpoint_every_bytes: (2 * kib) << 10,
        checkpoint_piece_bytes: 1 << 10,
        ballast_bytes: 4 << 10,
        cursor_interval: ms(rng, 5, 100),
        retry_interval: Duration::from_millis(50),
        lanes: pick(rng, 1, 8) as u16,
        ..edge_spool::Config::default()
    };
    // Now and then a disk that is slower than the network.
    let jitter = if rng.chance(350_000) { ms(rng, 20, 120) } else { ms(rng, 0, 4) };
    Setup {
        shards: if rng.chance(250_000) { 3 } else { 2 },
        sessions,
        shard,
        spool,
        disk: DiskConfig { latency: Duration::from_micros(50), jitter, ..DiskConfig::default() },
        ring_slots: pick(rng, 1, 16),
        spool_slots: pick(rng, 1, 16),
        hop: Duration::from_micros(20),
        wake: ms(rng, 0, 3),
        token_leeway: papers::LONG.leeway,
    }
}

fn weather(rng: &mut Rng) -> LinkConfig {
    let bad = rng.chance(600_000);
    let up_to = |rng: &mut Rng, most: u64| if bad { rng.below(most) as u32 } else { 0 };
    LinkConfig {
        latency: ms(rng, 1, 40),
        jitter: ms(rng, 0, 20),
        loss_ppm: up_to(rng, 100_000),
        duplicate_ppm: up_to(rng, 50_000),
        reorder_ppm: up_to(rng, 100_000),
        reorder_delay: ms(rng, 1, 60),
        corrupt_ppm: up_to(rng, 20_000),
        mtu_bytes: if rng.chance(150_000) { 1_260 } else { 1_472 },
    }
}

fn troubles(rng: &mut Rng, clients: usize, shards: usize, length: Duration) -> Vec<(Duration, Trouble)> {
    let mut troubles = Vec::new();
    for _ in 0..pick(rng, 4, 16) {
        let at = rng.duration(length);
        let trouble = trouble(rng, clients, shards);
        follow(rng, clients, at, &trouble, &mut troubles);
        troubles.push((at, trouble));
    }
    if rng.chance(500_000) {
        for _ in 0..pick(rng, 1, 4) {
            let at = rng.duration(length);
            let trouble = Trouble::Hardship(Hardship::draw(rng));
            follow(rng, clients, at, &trouble, &mut troubles);
            troubles.push((at, trouble));
        }
    }
    for _ in 0..pick(rng, 1, 12) {
        troubles.push((rng.duration(length), Trouble::LedgerCut));
    }
    troubles
}

/// Some trouble draws more: a burst is best met by a death or a cut of the ledger while it is under way, and a disk that
/// fails once is worst while a daemon recovers.
fn follow(rng: &mut Rng, clients: usize, at: Duration, trouble: &Trouble, troubles: &mut Vec<(Duration, Trouble)>) {
    match trouble {
        Trouble::Burst { .. } => {
            for _ in 0..3 {
                troubles.push((at + ms(rng, 1, 80), Trouble::LedgerCut));
            }
            if rng.chance(400_000) {
                troubles.push((at + ms(rng, 1, 80), death(rng)));
            }
        }
        // What waits in the rings of a shard that stands still is what a cut must count.
        Trouble::Stall { lasts, .. } => {
            let begun = at + ms(rng, 0, 20);
            troubles.push((begun, Trouble::Burst { client: rng.index(clients), facts: pick(rng, 10, 40) as u32 }));
            troubles.push((begun + rng.duration(*lasts), Trouble::LedgerCut));
        }
        Trouble::Supersede { client } => {
            troubles.push((
                at.saturating_sub(ms(rng, 1, 10)),
                Trouble::Burst { client: *client, facts: pick(rng, 3, 30) as u32 },
            ));
        }
        Trouble::Death { .. } if rng.chance(200_000) => {
            troubles.push((at, Trouble::Hardship(Hardship::failure(rng))));
        }
        // What waits for the next start wants one; a full disk and a wrong clock are worst where a daemon starts.
        Trouble::Hardship(Hardship::Shards(_)) => troubles.push((at + ms(rng, 0, 500), death(rng))),
        Trouble::Hardship(Hardship::Full { lasts, .. }) if rng.chance(300_000) => {
            troubles.push((at + rng.duration(*lasts), death(rng)));
        }
        Trouble::Hardship(Hardship::ClockStep { .. }) if rng.chance(500_000) => {
            troubles.push((at + ms(rng, 0, 3_000), Trouble::Hardship(Hardship::step(rng))));
            if rng.chance(500_000) {
                troubles.push((at + ms(rng, 0, 1_000), death(rng)));
            }
        }
        _ => {}
    }
}

fn death(rng: &mut Rng) -> Trouble {
    let death = if rng.chance(400_000) { Death::Kill } else { Death::PowerLoss };
    let fuse = if rng.chance(250_000) { Some(rng.below(20) as u32) } else { None };
    Trouble::Death { death, from_ambush: rng.chance(700_000), down: ms(rng, 1, 1_500), fuse }
}

fn trouble(rng: &mut Rng, clients: usize, shards: usize) -> Trouble {
    let client = rng.index(clients);
    match rng.below(100) {
        0..13 => death(rng),
        13..21 => Trouble::Cut { client, lasts: ms(rng, 50, 7_000) },
        21..26 => Trouble::Weather(Box::new(weather(rng))),
        26..34 => Trouble::Rebind { client },
        34..42 => Trouble::Supersede { client },
        42..48 => Trouble::Close { client },
        48..56 => Trouble::ClientDeath { client },
        56..68 => Trouble::Burst { client, facts: pick(rng, 5, 60) as u32 },
        68..77 => Trouble::Swap,
        77..83 => Trouble::Spoiled,
        83..91 => Trouble::Stall { shard: rng.index(shards), lasts: ms(rng, 1, 400) },
        91..97 => Trouble::Hardship(Hardship::failure(rng)),
        97..99 => Trouble::Gate { lasts: ms(rng, 100, 2_000) },
        _ => Trouble::Drain { within: ms(rng, 50, 2_000), down: ms(rng, 1, 500) },
    }
}
