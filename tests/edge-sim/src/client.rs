//! One client of the story: a player's device or a game server, with a producer id and a queue that outlive everything.
//!
//! A second implementation of the protocol's client side, over `quinn-proto` and `edge-wire` alone; `edge-client` is not used,
//! so that both ends of a mistake are not written by one hand. In: facts to tell, datagrams, time. Out: datagrams and
//! [`Heard`]. What a device keeps on disk (producer id, queue, receipts) stands in [`Client`], what dies with the process
//! (endpoint, connections) in [`Link`]s. Deliberately absent: when to connect; the story decides.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use edge_door::sim::{Packet, Rng};
use edge_event::identity::CLASSES;
use edge_event::{Class, CommandId, NodeId, ProducerId, Provenance, Seq};
use edge_wire::{CloseCode, DatagramPacker, EventFrame, Hello, Token};
use quinn_proto::{
    ClientConfig, ConnectionHandle, ConnectionId, ConnectionIdGenerator, DatagramEvent, EcnCodepoint, Endpoint,
    EndpointConfig, IdleTimeout, TransportConfig, VarInt,
};
use ring::hmac;

use crate::fact::Fact;
use crate::link::{Link, Road, Stage};
use crate::pass::{Ban, Bearer, Fault, Moment, Papers, Pass};
use crate::rulebook::rulebook;
use crate::tls::{SERVER_NAME, keys};

/// After so long without a word a connection is given up, by either end.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// A reliable event as its client keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) fact: Fact,
    pub(crate) nonce: u64,
    /// Milliseconds of the wall clock when it was told.
    pub(crate) at_unix_ms: i64,
    /// The client's own clock then; a resend keeps it.
    pub(crate) client_ms: u64,
    pub(crate) payload: Bytes,
    /// A REJECT came.
    pub(crate) rejected: bool,
    /// How often it was written to a connection.
    pub(crate) sendings: u32,
    /// Where and when it was written last.
    pub(crate) written: Option<Writing>,
    /// The node whose receipt covered it first, and when, in time since the story's beginning.
    pub(crate) receipted_by: Option<usize>,
    pub(crate) receipted_at: Option<Duration>,
}

/// An event went into a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Writing {
    /// Time since the story's beginning.
    pub(crate) at: Duration,
    pub(crate) node: usize,
    /// How the connection began; see [`Link`].
    pub(crate) began: Option<Road>,
}

/// One class: what was told, and how far it is receipted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    /// All events ever told; the event with seq `n` stands at `n - 1`.
    pub(crate) told: Vec<Told>,
    /// Highest receipt.
    pub(crate) receipt: u64,
}

/// A datagram that leaves a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mail {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) ecn: u8,
    pub(crate) bytes: Vec<u8>,
}

/// What a client hears that the story or a checker wants to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// The session is open.
    Welcomed { link: u64, node: NodeId, revision: u64, receipts: [Seq; CLASSES] },
    /// It is not.
    Refused { link: u64, code: u32, retry_after_ms: Option<u64> },
    /// A cumulative receipt, in a RECEIPT frame or in WELCOME, that is higher than the last.
    Receipt { node: usize, class: Class, up_to: u64, sent_at: Duration },
    /// A REJECT.
    Rejected { class: Class, seq: u64 },
    /// A reply.
    Reply { id: CommandId, name: String, body: Bytes },
    /// The server asks to go elsewhere.
    Move { link: u64 },
    /// A connection is gone.
    Lost { link: u64, node: usize, code: Option<CloseCode>, why: String },
    /// A node did with a token or a deny list what it should not.
    Papers { node: usize, fault: Fault },
    /// The server said something that the protocol does not allow.
    Nonsense { why: String },
}

/// See the head of this file.
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) sub: Arc<str>,
    pub(crate) provenance: Provenance,
    pub(crate) producer: ProducerId,
    pub(crate) queues: [Queue; CLASSES],
    /// The newest last.
    pub(crate) links: Vec<Link>,
    pub(crate) heard: VecDeque<Heard>,
    /// Datagrams to send.
    pub(crate) outbox: VecDeque<Mail>,
    /// Reliable events written more than once.
    pub(crate) resends: u64,
    pub(crate) papers: Papers,
    /// When it was on a deny list.
    pub(crate) bans: Vec<Ban>,
    /// Sessions that a REAUTH carried beyond their first token.
    pub(crate) renewals: u64,
    endpoint: Endpoint,
    config: ClientConfig,
    seed: Rng,
    /// What this device's monotonic clock showed when the story began.
    clock_offset_ms: u64,
    next_link: u64,
    scratch: Vec<u8>,
}

impl Client {
    pub(crate) fn new(name: String, sub: &str, provenance: Provenance, papers: Papers, mut seed: Rng) -> Client {
        let mut producer = ProducerId::default();
        seed.fill(&mut producer.0);
        let clock_offset_ms = seed.below(1 << 40);
        let (endpoint, config) = endpoint(&mut seed);
        Client {
            name,
            sub: Arc::from(sub),
            provenance,
            producer,
            queues: Default::default(),
            links: Vec::new(),
            heard: VecDeque::new(),
            outbox: VecDeque::new(),
            resends: 0,
            papers,
            bans: Vec::new(),
            renewals: 0,
            endpoint,
            config,
            seed,
            clock_offset_ms,
            next_link: 0,
            scratch: Vec::new(),
        }
    }

    // ---- what the device does

    /// Queues a reliable event; it is sent as soon as a session has credit for it. Returns its seq.
    pub(crate) fn tell(&mut self, class: Class, fact: Fact, nonce: u64, elapsed: Duration, unix_ms: i64) -> u64 {
        let payload = fact.encode(nonce);
        let client_ms = self.client_ms(elapsed);
        let told = Told {
            fact,
            nonce,
            at_unix_ms: unix_ms,
            client_ms,
            payload,
            rejected: false,
            sendings: 0,
            written: None,
            receipted_by: None,
            receipted_at: None,
        };
        let queue = &mut self.queues[class.index()];
        queue.told.push(told);
        queue.told.len() as u64
    }

    /// Sends events in datagrams, where a session is open; says whether there was one.
    pub(crate) fn tell_unreliably(&mut self, facts: &[(Fact, u64)], elapsed: Duration) -> bool {
        let client_ms = self.client_ms(elapsed);
        let Some(link) = self.links.iter_mut().rfind(|l| l.stage == Stage::Welcomed) else { return false };
        let Some(room) = link.conn.datagrams().max_size() else { return false };
        let mut packer = DatagramPacker::new();
        let mut send = |datagram: Vec<u8>| {
            let _ = link.conn.datagrams().send(Bytes::from(datagram), true); // what finds no room is lost, as datagrams are
        };
        for (fact, nonce) in facts {
            let (event_type, payload) = (fact.event_type(), fact.encode(*nonce));
            let event = EventFrame { seq: Seq(0), event_type, client_ms, payload };
            if let Ok(edge_wire::datagram::Packed::Full(datagram)) = packer.push(&event, room) {
                send(datagram);
            }
        }
        if let Some(datagram) = packer.take() {
            send(datagram);
        }
        true
    }

    /// Begins a connection to a node's `server`; the older ones stay until a server ends them. Returns its number.
    pub(crate) fn connect(&mut self, now: Instant, server: SocketAddr, road: Road) -> u64 {
        let (handle, conn) =
            self.endpoint.connect(now, self.config.clone(), server, SERVER_NAME).expect("the address is sound");
        self.next_link += 1;
        self.links.push(Link::new(self.next_link, handle, conn, road));
        self.next_link
    }

    /// Closes the newest connection properly.
    pub(crate) fn close(&mut self, now: Instant) {
        if let Some(link) = self.links.last_mut() {
            link.conn.close(now, VarInt::from_u32(0), Bytes::new());
            link.stage = Stage::Over;
        }
    }

    /// Closes the connections that were asked to move, now that `newest` has its welcome.
    pub(crate) fn close_moved(&mut self, newest: u64, now: Instant) {
        for link in self.links.iter_mut().filter(|l| l.is_to_move && l.number != newest && l.stage != Stage::Over) {
            link.conn.close(now, VarInt::from_u32(0), Bytes::new());
            link.stage = Stage::Over;
        }
    }

    /// The process dies without a word and comes back: queue and producer id are on disk, everything else is gone.
    pub(crate) fn die(&mut self) {
        self.links.clear();
        self.outbox.clear();
        (self.endpoint, self.config) = endpoint(&mut self.seed);
    }

    /// The newest connection goes on from another address, as when a phone changes its network.
    pub(crate) fn rebind(&mut self, local: SocketAddr) -> bool {
        let Some(link) = self.links.last_mut() else { return false };
        link.local = local;
        if link.stage == Stage::Handshaking {
            link.began = None; // whichever heard of it first
        }
        link.conn.local_address_changed();
        true
    }

    /// Whether a session is open or about to be.
    pub(crate) fn is_connected(&self) -> bool {
        self.links.last().is_some_and(|l| l.stage != Stage::Over)
    }

    /// Whether the newest connection carries a welcomed session.
    pub(crate) fn is_welcomed(&self) -> bool {
        self.links.last().is_some_and(|l| l.stage == Stage::Welcomed)
    }

    /// Events without a receipt.
    pub(crate) fn outstanding(&self) -> u64 {
        self.queues.iter().map(|q| q.told.len() as u64 - q.receipt).sum()
    }

    // ---- what the world does to it

    /// A datagram arrived at one of its addresses. `sent_at`: when it left its node, in time since the story's beginning.
    pub(crate) fn receive(&mut self, now: Instant, packet: &Packet, sent_at: Option<Duration>) {
        self.scratch.clear();
        let (ecn, data) = (EcnCodepoint::from_bits(packet.ecn), BytesMut::from(&packet.bytes[..]));
        let event = self.endpoint.handle(now, packet.from, None, ecn, data, &mut self.scratch);
        match event {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                if let Some(link) = self.links.iter_mut().find(|l| l.handle == handle) {
                    // A packet may complete what an earlier one brought too soon, so the latest departure counts.
                    link.sent_at = link.sent_at.max(sent_at.unwrap_or_default());
                    link.conn.handle_event(event);
                }
            }
            Some(DatagramEvent::Response(transmit)) => {
                let bytes = self.scratch[..transmit.size].to_vec();
                self.outbox.push_back(Mail { from: packet.to, to: transmit.destination, ecn: 0, bytes });
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.endpoint.ignore(incoming),
            None => {}
        }
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for link in &mut self.links {
            if link.conn.poll_timeout().is_some_and(|at| at <= now) {
                link.conn.handle_timeout(now);
            }
        }
    }

    /// When [`handle_timeout`](Client::handle_timeout) is due.
    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        self.links.iter_mut().filter_map(|l| l.conn.poll_timeout()).min()
    }

    /// When a REAUTH is due, in time since the story's beginning.
    pub(crate) fn reauth_due(&self) -> Option<Duration> {
        let welcomed = self.links.iter().filter(|l| l.stage == Stage::Welcomed);
        welcomed.filter_map(|l| l.pass.as_ref()?.due()).min()
    }

    /// Reads, answers, sends what there is credit for; afterwards `heard` and `outbox` hold the results.
    pub(crate) fn work(&mut self, now: Instant, elapsed: Duration, unix_ms: i64) {
        for at in 0..self.links.len() {
            self.converse(at, Moment { elapsed, unix_ms });
        }
        if let Some(link) = self.links.last_mut() {
            self.resends += link.pump(&mut self.queues, elapsed);
        }
        for link in &mut self.links {
            link.transmit(now, &mut self.scratch, &mut self.outbox);
        }
        self.links.retain(|l| !l.conn.is_drained());
    }

    fn converse(&mut self, at: usize, now: Moment) {
        let link = &mut self.links[at];
        let who = Bearer { sub: &self.sub, provenance: self.provenance };
        if link.poll_connected() {
            let client_ms = self.clock_offset_ms + now.elapsed.as_millis() as u64;
            let (pass, token) = Pass::new(who, link.number, self.papers, now, &mut self.seed);
            link.pass = Some(pass);
            let highest_receipts = std::array::from_fn(|class| Seq(self.queues[class].receipt));
            let hello = Hello {
                token: Token(token),
                producer: self.producer,
                highest_receipts,
                build: "sim".to_owned(),
                platform: "pc".to_owned(),
                locale: "en".to_owned(),
                catalogue_digest: *rulebook().catalogue.digest(),
                idle_timeout_ms: IDLE_TIMEOUT.as_millis() as u64,
                client_ms,
                ..Hello::default()
            };
            link.greet(hello, self.seed.chance(300_000));
        }
        let was_renewed = link.is_renewed;
        link.read(&mut self.queues, &self.bans, &mut self.heard);
        link.welcomed_at = (link.stage == Stage::Welcomed).then(|| link.welcomed_at.unwrap_or(now.elapsed));
        self.renewals += u64::from(link.is_renewed && !was_renewed);
        if link.stage == Stage::Welcomed
            && let Some(pass) = &mut link.pass
            && let Some(token) = pass.reauth(who, self.papers, now, &mut self.seed)
        {
            link.reauth(Token(token));
        }
        relay(&mut self.endpoint, link.handle, link);
    }

    /// This device's monotonic clock.
    fn client_ms(&self, elapsed: Duration) -> u64 {
        self.clock_offset_ms + elapsed.as_millis() as u64
    }
}

/// Passes on what endpoint and connection have to tell each other.
fn relay(endpoint: &mut Endpoint, handle: ConnectionHandle, link: &mut Link) {
    while let Some(event) = link.conn.poll_endpoint_events() {
        if let Some(event) = endpoint.handle_event(handle, event) {
            link.conn.handle_event(event);
        }
    }
}

/// An endpoint all of whose random choices follow from `seed`.
fn endpoint(seed: &mut Rng) -> (Endpoint, ClientConfig) {
    let (mut rng_seed, mut reset_key) = ([0; 32], [0; 32]);
    seed.fill(&mut rng_seed);
    seed.fill(&mut reset_key);
    let mut config = EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &reset_key)));
    config.rng_seed(Some(rng_seed));
    let cids = SeededCids(seed.fork(1));
    config.cid_generator(move || Box::new(cids.clone()));

    let mut client = ClientConfig::new(keys().client.clone());
    let initial = Mutex::new(SeededCids(seed.fork(2)));
    client.initial_dst_cid_provider(Arc::new(move || {
        initial.lock().unwrap_or_else(PoisonError::into_inner).generate_cid()
    }));
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(Some(IdleTimeout::try_from(IDLE_TIMEOUT).expect("some seconds")));
    transport.keep_alive_interval(Some(Duration::from_millis(1_500)));
    transport.initial_rtt(Duration::from_millis(60));
    client.transport_config(Arc::new(transport));
    (Endpoint::new(Arc::new(config), None, true, None), client)
}

/// Connection ids from the story's seed.
#[derive(Clone)]
struct SeededCids(Rng);

impl ConnectionIdGenerator for SeededCids {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        ConnectionId::new(&bytes)
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}
