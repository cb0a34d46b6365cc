//! A shard's sessions and peers of an independent QUIC endpoint each, in one thread, with a network that is told what
//! to do.
//!
//! What comes in: a peer's words, and what happens to its next packets. What goes out: frames to the peers, events,
//! ends, and an account of the bytes to and from addresses at which nobody listens. What holds on every step is
//! asserted here: numbers of a class rise by one, what the server says is the protocol, and no address that has not
//! proved to be there gets more than three times what came from it.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use edge_event::{Class, Seq, ShardId, UnixMillis};
use edge_session::{
    Arrival, Config, Ended, Handled, Hands, Origin, SessionEvent, SessionKey, Sessions, SharedKeys, Welcome,
};

use super::certificate::server_tls;
use super::issuer;
use super::peer::{Fate, Peer};

/// How many shards the node has.
pub(super) const SHARDS: u16 = 2;
/// Most rounds of words until everybody is quiet.
const ROUNDS_MAX: usize = 10_000;

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) unix_ms: i64,
    pub(super) shards: Vec<Sessions>,
    pub(super) peers: Vec<Peer>,
    /// Sessions whose HELLO came, with the shard they are on.
    pub(super) hellos: Vec<(usize, SessionKey)>,
    pub(super) ended: Vec<(SessionKey, Ended)>,
    /// Reliable events that wait for their end, in the order they came.
    pub(super) waiting: VecDeque<(usize, SessionKey, Class, Seq)>,
    pub(super) arrived: u64,
    /// Whether HELLOs are welcomed at once.
    pub(super) welcomes: bool,
    latest: HashMap<(usize, SessionKey, Class), Seq>,
    late: VecDeque<(SocketAddr, usize, BytesMut)>,
    /// Bytes from and to addresses at which nobody listens.
    account: HashMap<SocketAddr, (u64, u64)>,
}

impl World {
    pub(super) fn new(mut config: Config) -> World {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        config.transport.mtu_discovery = false;
        let (config, now, keys) = (Arc::new(config), *BEGINNING, SharedKeys::derive(&[5; 32]));
        let shard = |shard: u16| {
            let (tls, verifier) = (server_tls(), issuer::verifier());
            Sessions::new(Arc::clone(&config), tls, &keys, ShardId(shard), SHARDS, verifier, &[shard as u8; 32], now)
                .expect("the configuration is good")
        };
        World {
            now,
            unix_ms: issuer::NOW_S * 1000,
            shards: (0..SHARDS).map(shard).collect(),
            peers: Vec::new(),
            hellos: Vec::new(),
            ended: Vec::new(),
            waiting: VecDeque::new(),
            arrived: 0,
            welcomes: true,
            latest: HashMap::new(),
            late: VecDeque::new(),
            account: HashMap::new(),
        }
    }

    /// A peer that begins to connect; nothing was sent yet.
    pub(super) fn connect(&mut self) -> usize {
        let number = self.peers.len();
        self.peers.push(Peer::begin(number, self.now));
        number
    }

    /// Until nobody has anything to say.
    pub(super) fn exchange(&mut self) {
        let late = std::mem::take(&mut self.late);
        late.into_iter().for_each(|(address, shard, datagram)| self.deliver(shard, address, datagram));
        for _ in 0..ROUNDS_MAX {
            let mut is_quiet = true;
            for at in 0..self.peers.len() {
                is_quiet &= !self.peer_speaks(at);
            }
            for at in 0..self.shards.len() {
                is_quiet &= !self.shard_speaks(at);
            }
            if is_quiet {
                return;
            }
        }
        panic!("they never stop talking");
    }

    fn peer_speaks(&mut self, at: usize) -> bool {
        self.peers[at].read(self.now);
        let (mut spoke, mut out) = (false, Vec::new());
        while let Some(transmit) = self.peers[at].conn.poll_transmit(self.now, 1, &mut out) {
            let datagram = BytesMut::from(&out[..transmit.size]);
            out.clear();
            spoke = true;
            self.meet_fate(at, datagram);
        }
        spoke
    }

    fn meet_fate(&mut self, at: usize, mut datagram: BytesMut) {
        let peer = &mut self.peers[at];
        if peer.is_muted {
            return;
        }
        let (mut address, mut shard) = (peer.address, 0);
        match peer.fates.pop_front() {
            None => {}
            Some(Fate::Lost) => return,
            Some(Fate::Late) => return self.late.push_back((address, shard, datagram)),
            Some(Fate::Twice) => self.deliver(shard, address, datagram.clone()),
            Some(Fate::Flipped(place, bit)) => {
                let at = usize::from(place) * datagram.len() / 256;
                datagram[at] ^= 1 << (bit % 8);
            }
            Some(Fate::Cut(len)) => datagram.truncate(usize::from(len) * datagram.len() / 256),
            Some(Fate::From(n)) => address = nobody(n),
            Some(Fate::Astray) => shard = 1,
        }
        self.deliver(shard, address, datagram);
    }

    /// Hands a datagram in, at the shard to which the kernel steers it and, where that says so, at another.
    pub(super) fn deliver(&mut self, shard: usize, remote: SocketAddr, datagram: BytesMut) {
        if is_nobody(remote) {
            self.account.entry(remote).or_default().0 += datagram.len() as u64;
        }
        let arrival = Arrival { remote, local_ip: None, ecn: 0 };
        let hands = hands(self.unix_ms);
        match self.shards[shard].handle_datagram(self.now, hands, &arrival, datagram) {
            Handled::Here => {}
            Handled::Foreign { shard: home, datagram } => {
                let home = &mut self.shards[usize::from(home.0)];
                let handled = home.handle_datagram(self.now, hands, &arrival, datagram);
                assert!(matches!(handled, Handled::Here), "a datagram is forwarded once");
            }
        }
    }

    fn shard_speaks(&mut self, at: usize) -> bool {
        let mut spoke = false;
        while let Some(event) = self.shards[at].poll_event() {
            spoke = true;
            self.on_event(at, event);
        }
        let mut out = Vec::new();
        while let Some(departure) = self.shards[at].poll_transmit(self.now, &mut out) {
            spoke = true;
            let (to, stride) = (departure.destination, departure.segment_size.unwrap_or(out.len()).max(1));
            if is_nobody(to) {
                let account = self.account.entry(to).or_default();
                account.1 += out.len() as u64;
                let (from, to) = *account;
                assert!(to <= 3 * from, "{to} bytes to an address from which {from} came");
            }
            if let Some(peer) = self.peers.iter_mut().find(|peer| peer.address == to) {
                peer.inbox.extend(out.chunks(stride).map(BytesMut::from));
            }
            out.clear();
        }
        spoke
    }

    fn on_event(&mut self, at: usize, event: SessionEvent) {
        match event {
            SessionEvent::Hello(hello) => {
                self.hellos.push((at, hello.key));
                if self.welcomes {
                    self.shards[at].welcome(hello.key, &Welcome::default());
                }
            }
            SessionEvent::Event(event) => {
                self.arrived += 1;
                if let Origin::Reliable { class, seq } = event.origin {
                    let latest = self.latest.entry((at, event.key, class)).or_insert(Seq(0));
                    assert_eq!(seq, latest.next(), "numbers of a class rise by one");
                    *latest = seq;
                    self.waiting.push_back((at, event.key, class, seq));
                }
            }
            SessionEvent::Closed { key, ended, .. } => {
                self.waiting.retain(|(_, of, _, _)| *of != key);
                self.ended.push((key, ended));
            }
        }
    }

    /// Ends the oldest reliable events: receipts may follow.
    pub(super) fn complete(&mut self, count: usize) {
        for _ in 0..count {
            let Some((shard, key, class, seq)) = self.waiting.pop_front() else { return };
            self.shards[shard].complete(key, class, seq);
        }
    }

    /// Lets time pass, deadline by deadline.
    pub(super) fn pass(&mut self, duration: Duration) {
        self.exchange();
        let end = self.now + duration;
        for _ in 0..ROUNDS_MAX {
            let peers = self.peers.iter_mut().filter(|peer| !peer.is_muted).filter_map(|peer| peer.conn.poll_timeout());
            let next = peers.chain(self.shards.iter().filter_map(Sessions::poll_timeout)).min().filter(|at| *at <= end);
            let at = next.unwrap_or(end).max(self.now);
            self.unix_ms += (at - self.now).as_millis() as i64;
            self.now = at;
            self.peers.iter_mut().filter(|peer| !peer.is_muted).for_each(|peer| peer.conn.handle_timeout(at));
            let hands = hands(self.unix_ms);
            self.shards.iter_mut().for_each(|shard| shard.handle_timeout(at, hands));
            self.exchange();
            if next.is_none() {
                return;
            }
        }
        panic!("time does not pass");
    }
}

/// An address at which nobody listens.
pub(super) fn nobody(n: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, n % 4], 20_000))
}

fn is_nobody(address: SocketAddr) -> bool {
    address.port() == 20_000
}

/// A shard whose clock never was wrong shows the wall.
fn hands(unix_ms: i64) -> Hands {
    Hands { shown: UnixMillis(unix_ms), wall: UnixMillis(unix_ms) }
}
