//! The simulated network: datagrams in, the same datagrams out, later, and not all of them.
//!
//! A machine without sockets: [`SimNet::send`] takes a datagram at a moment, [`SimNet::next_due`] says when the next
//! one arrives, [`SimNet::deliver`] gives it. Delay, jitter, loss, duplication, reordering, bit errors, path MTU and
//! partitions come from the configuration of each link; each fault that fires is counted.
//!
//! Deliberately absent: bandwidth and queues, and who is bound where ([`SimHub`](crate::sim::SimHub) knows).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::sim::{Ppm, Rng};

/// How one direction between two hosts behaves.
///
/// # Defaults
/// 10 ms of latency, no jitter, no faults, an MTU of 1,472 bytes of UDP payload, reordered datagrams up to 20 ms late.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkConfig {
    /// Least delay of a datagram.
    pub latency: Duration,
    /// Most that is added to it; by itself it keeps the order.
    pub jitter: Duration,
    /// Lost.
    pub loss_ppm: Ppm,
    /// Delivered twice.
    pub duplicate_ppm: Ppm,
    /// Delayed by up to [`reorder_delay`](LinkConfig::reorder_delay) while later ones pass.
    pub reorder_ppm: Ppm,
    /// Most that a reordered datagram is delayed.
    pub reorder_delay: Duration,
    /// Delivered with one bit flipped.
    pub corrupt_ppm: Ppm,
    /// Longest UDP payload that passes, in bytes; longer ones vanish, as in a black hole.
    pub mtu_bytes: usize,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(10),
            jitter: Duration::ZERO,
            loss_ppm: 0,
            duplicate_ppm: 0,
            reorder_ppm: 0,
            reorder_delay: Duration::from_millis(20),
            corrupt_ppm: 0,
            mtu_bytes: 1_472,
        }
    }
}

/// What happened to the datagrams so far. `sent + duplicated = delivered + lost + oversize + partitioned + in flight`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NetFaults {
    /// Given to the network.
    pub sent: u64,
    /// Given out by it, copies included.
    pub delivered: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Copies made.
    pub duplicated: u64,
    /// Held back so that later ones could pass.
    pub reordered: u64,
    /// Bits flipped.
    pub corrupted: u64,
    /// Longer than the path's MTU.
    pub oversize: u64,
    /// Of them, shorter than the link's own MTU: swallowed by a black hole.
    pub black_holed: u64,
    /// Sent across a cut.
    pub partitioned: u64,
}

/// One datagram on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// The two ECN bits.
    pub ecn: u8,
    /// The payload.
    pub bytes: Bytes,
}

/// The network between all hosts of a story.
#[derive(Debug)]
pub struct SimNet {
    rng: Rng,
    default_link: LinkConfig,
    links: BTreeMap<(IpAddr, IpAddr), LinkConfig>,
    cuts: BTreeSet<(IpAddr, IpAddr)>,
    /// Longest payloads that pass, where that is less than the link's own MTU.
    narrow: BTreeMap<(IpAddr, IpAddr), usize>,
    /// By arrival, then by the order of sending.
    in_flight: BTreeMap<(Instant, u64), Packet>,
    /// The latest arrival so far on each path that was not reordered: what keeps the order.
    last_due: BTreeMap<(SocketAddr, SocketAddr), Instant>,
    ordinal: u64,
    faults: NetFaults,
}

impl SimNet {
    /// A network whose links all behave as `default_link`.
    pub fn new(seed: u64, default_link: LinkConfig) -> Self {
        Self {
            rng: Rng::new(seed),
            default_link,
            links: BTreeMap::new(),
            cuts: BTreeSet::new(),
            narrow: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            last_due: BTreeMap::new(),
            ordinal: 0,
            faults: NetFaults::default(),
        }
    }

    /// Sends a datagram at `now`.
    pub fn send(&mut self, from: SocketAddr, to: SocketAddr, ecn: u8, bytes: &[u8], now: Instant) {
        self.faults.sent += 1;
        let pair = (from.ip(), to.ip());
        if self.cuts.contains(&pair) {
            self.faults.partitioned += 1;
            return;
        }
        let link = self.links.get(&pair).unwrap_or(&self.default_link).clone();
        if bytes.len() > link.mtu_bytes {
            self.faults.oversize += 1;
            return;
        }
        if self.narrow.get(&pair).is_some_and(|mtu_bytes| bytes.len() > *mtu_bytes) {
            self.faults.oversize += 1;
            self.faults.black_holed += 1;
            return;
        }
        if self.rng.chance(link.loss_ppm) {
            self.faults.lost += 1;
            return;
        }
        let packet = Packet { from, to, ecn, bytes: Bytes::copy_from_slice(bytes) };
        if self.rng.chance(link.duplicate_ppm) {
            self.faults.duplicated += 1;
            self.launch(&link, packet.clone(), now);
        }
        self.launch(&link, packet, now);
    }

    /// When the next datagram arrives.
    pub fn next_due(&self) -> Option<Instant> {
        self.in_flight.first_key_value().map(|((due, _), _)| *due)
    }

    /// The next datagram that has arrived by `now`; call until there is none.
    pub fn deliver(&mut self, now: Instant) -> Option<Packet> {
        let entry = self.in_flight.first_entry().filter(|e| e.key().0 <= now)?;
        self.faults.delivered += 1;
        Some(entry.remove())
    }

    /// Changes how all links without a configuration of their own behave from now on.
    pub fn set_default_link(&mut self, link: LinkConfig) {
        self.default_link = link;
    }

    /// Changes one direction between two hosts; `None` makes it a default link again.
    pub fn set_link(&mut self, from: IpAddr, to: IpAddr, link: Option<LinkConfig>) {
        match link {
            Some(link) => self.links.insert((from, to), link),
            None => self.links.remove(&(from, to)),
        };
    }

    /// Lets nothing longer than `mtu_bytes` of UDP payload pass in one direction from now on, whatever the link's own MTU; what
    /// is in flight still arrives. `None`: as wide as the link is.
    pub fn narrow_one_way(&mut self, from: IpAddr, to: IpAddr, mtu_bytes: Option<usize>) {
        match mtu_bytes {
            Some(mtu_bytes) => self.narrow.insert((from, to), mtu_bytes),
            None => self.narrow.remove(&(from, to)),
        };
    }

    /// Cuts two hosts off from each other, both ways. What is in flight still arrives.
    pub fn cut(&mut self, a: IpAddr, b: IpAddr) {
        self.cut_one_way(a, b);
        self.cut_one_way(b, a);
    }

    /// Cuts one direction.
    pub fn cut_one_way(&mut self, from: IpAddr, to: IpAddr) {
        self.cuts.insert((from, to));
    }

    /// Joins two hosts again, both ways.
    pub fn heal(&mut self, a: IpAddr, b: IpAddr) {
        self.cuts.remove(&(a, b));
        self.cuts.remove(&(b, a));
    }

    /// What fired so far.
    pub fn faults(&self) -> NetFaults {
        self.faults
    }

    /// Datagrams on their way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    fn launch(&mut self, link: &LinkConfig, mut packet: Packet, now: Instant) {
        if self.rng.chance(link.corrupt_ppm) && !packet.bytes.is_empty() {
            self.faults.corrupted += 1;
            let mut bytes = BytesMut::from(&packet.bytes[..]);
            let at = self.rng.index(bytes.len());
            bytes[at] ^= 1 << self.rng.below(8);
            packet.bytes = bytes.freeze();
        }
        let mut due = now + link.latency + self.rng.duration(link.jitter);
        if self.rng.chance(link.reorder_ppm) {
            self.faults.reordered += 1;
            due += self.rng.duration(link.reorder_delay);
        } else {
            let last = self.last_due.entry((packet.from, packet.to)).or_insert(due);
            due = due.max(*last);
            *last = due;
        }
        self.in_flight.insert((due, self.ordinal), packet);
        self.ordinal += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], port))
    }

    /// Sends `n` numbered datagrams, one a millisecond, and gives what arrives, in order, with its arrival in µs.
    fn story(seed: u64, link: LinkConfig, n: u32) -> (Vec<(u128, u32)>, NetFaults) {
        let base = Instant::now();
        let mut net = SimNet::new(seed, link);
        for i in 0..n {
            net.send(host(1, 1), host(2, 2), 0, &i.to_le_bytes(), base + Duration::from_millis(u64::from(i)));
        }
        let mut out = Vec::new();
        while let Some(due) = net.next_due() {
            let packet = net.deliver(due).expect("it is due");
            let number = u32::from_le_bytes(packet.bytes[..].try_into().expect("four bytes"));
            out.push(((due - base).as_micros(), number));
        }
        (out, net.faults())
    }

    #[test]
    fn a_clean_link_keeps_everything_in_order_in_spite_of_jitter() {
        let link = LinkConfig { jitter: Duration::from_millis(30), ..LinkConfig::default() };
        let (out, faults) = story(1, link, 500);
        assert!(out.iter().map(|(_, n)| *n).eq(0..500));
        assert!(out.iter().all(|(due, n)| *due >= u128::from(*n) * 1_000 + 10_000));
        assert_eq!(faults, NetFaults { sent: 500, delivered: 500, ..NetFaults::default() });
    }

    #[test]
    fn the_same_seed_tells_the_same_story_and_every_fault_is_counted() {
        let link = LinkConfig {
            jitter: Duration::from_millis(3),
            loss_ppm: 50_000,
            duplicate_ppm: 50_000,
            reorder_ppm: 50_000,
            corrupt_ppm: 50_000,
            ..LinkConfig::default()
        };
        let (one, faults) = story(7, link.clone(), 2_000);
        assert_eq!((one.clone(), faults), story(7, link.clone(), 2_000));
        assert_ne!(one, story(8, link, 2_000).0);
        assert!(faults.lost > 50 && faults.duplicated > 50 && faults.reordered > 50 && faults.corrupted > 50);
        assert_eq!(faults.sent + faults.duplicated, faults.delivered + faults.lost);
        assert!(one.windows(2).any(|w| w[0].1 > w[1].1), "nothing overtook");
    }

    #[test]
    fn a_black_hole_swallows_what_is_long_one_way_until_it_closes() {
        let now = Instant::now();
        let mut net = SimNet::new(1, LinkConfig::default());
        let (a, b) = (host(1, 1), host(2, 2));
        net.narrow_one_way(a.ip(), b.ip(), Some(3));
        net.set_default_link(LinkConfig { mtu_bytes: 5, ..LinkConfig::default() });
        for (from, to) in [(a, b), (b, a)] {
            for bytes in [&b"six by"[..], b"four", b"two"] {
                net.send(from, to, 0, bytes, now);
            }
        }
        assert_eq!((net.faults().oversize, net.faults().black_holed, net.in_flight()), (3, 1, 3));
        net.narrow_one_way(a.ip(), b.ip(), None);
        net.send(a, b, 0, b"four", now);
        assert_eq!((net.faults().black_holed, net.in_flight()), (1, 4));
    }

    #[test]
    fn cuts_and_the_path_mtu_swallow() {
        let now = Instant::now();
        let mut net = SimNet::new(1, LinkConfig::default());
        let (a, b) = (host(1, 1), host(2, 2));
        net.cut(a.ip(), b.ip());
        net.send(a, b, 0, b"x", now);
        net.send(b, a, 0, b"x", now);
        net.heal(a.ip(), b.ip());
        net.set_link(a.ip(), b.ip(), Some(LinkConfig { mtu_bytes: 3, ..LinkConfig::default() }));
        net.send(a, b, 0, b"four", now);
        net.send(b, a, 1, b"four", now);
        assert_eq!((net.faults().partitioned, net.faults().oversize, net.in_flight()), (2, 1, 1));
        assert_eq!(net.deliver(now), None);
        assert_eq!(net.deliver(now + Duration::from_millis(10)).map(|p| p.ecn), Some(1));
    }
}
