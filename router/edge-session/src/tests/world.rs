//! The world of the stories: shards of one node, clients of an independent QUIC endpoint each, a network without delay.
//!
//! `exchange` lets everything that can be said now be said; `pass` lets time pass, deadline by deadline. By default a
//! HELLO is welcomed and every reliable event completed at once; a story that wants otherwise says so.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use edge_event::identity::CLASSES;
use edge_event::{Class, CommandId, EventTypeId, ProducerId, Provenance, Seq, ShardId, UnixMillis};
use edge_wire::{ClientFrame, CloseReason, EventFrame, FrameDecoder, Hello, ServerFrame, StreamHeader, Token};
use quinn_proto::crypto::rustls::QuicClientConfig;
use quinn_proto::{
    ClientConfig, Connection, ConnectionError, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig, Event,
    StreamId, TransportConfig, VarInt,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::counting;
use super::pen::{Pen, Space};
use super::rude::Rude;
use crate::token::maker::{Maker, NOW_S, claims};
use crate::{
    Arrival, Arrived, Config, Ended, Handled, Hands, Origin, SessionEvent, SessionKey, Sessions, SharedKeys,
    TokenTimes, TokenVerifier, Welcome,
};

pub(super) const SHARDS: u16 = 2;

/// A certificate and its key.
type Identity = (CertificateDer<'static>, Vec<u8>);

/// Certificates are made once; making them is what takes time. The large one fills three first flights.
fn identity(is_large: bool) -> &'static Identity {
    static SMALL: OnceLock<Identity> = OnceLock::new();
    static LARGE: OnceLock<Identity> = OnceLock::new();
    let make = |names: Vec<String>| {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let params = rcgen::CertificateParams::new(names).unwrap();
        (params.self_signed(&key).unwrap().der().clone(), key.serialize_der())
    };
    let name = "edge.test".to_owned();
    if is_large {
        LARGE.get_or_init(|| make((0..250).map(|n| format!("edge-{n:032}.test")).chain([name]).collect()))
    } else {
        SMALL.get_or_init(|| make(vec![name]))
    }
}

pub(super) fn server_tls() -> rustls::ServerConfig {
    tls_of(identity(false))
}

fn tls_of((certificate, key): &Identity) -> rustls::ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], PrivateKeyDer::try_from(key.clone()).unwrap())
        .unwrap();
    tls.alpn_protocols = vec![edge_wire::ALPN.to_vec()];
    tls
}

fn client_config(alpn: &[u8], pen: &Pen) -> ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity(false).0.clone()).unwrap();
    roots.add(identity(true).0.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![alpn.to_vec()];
    let mut config = ClientConfig::new(pen.around(QuicClientConfig::try_from(tls).unwrap()));
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(None);
    transport.congestion_controller_factory(Arc::new(Rude));
    config.transport_config(Arc::new(transport));
    config
}

pub(super) fn makers() -> &'static (Maker, Maker) {
    static MAKERS: OnceLock<(Maker, Maker)> = OnceLock::new();
    MAKERS.get_or_init(|| (Maker::new("players", 1), Maker::new("servers", 2)))
}

pub(super) fn verifier() -> Arc<TokenVerifier> {
    let (players, servers) = makers();
    let issuers = vec![players.issuer(Provenance::Client), servers.issuer(Provenance::Server)];
    Arc::new(TokenVerifier::new(issuers, TokenTimes::default()).unwrap())
}

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) unix_ms: i64,
    /// How far the wall is ahead of what the shard shows.
    pub(super) wall_ahead_ms: i64,
    pub(super) shards: Vec<Sessions>,
    pub(super) clients: Vec<Client>,
    /// What stories look at: events, and ends.
    pub(super) arrived: Vec<Arrived>,
    pub(super) ended: Vec<(SessionKey, Ended)>,
    pub(super) hellos: Vec<crate::Hello>,
    /// What is answered to HELLO; `None`: nothing.
    pub(super) welcome: Option<Welcome>,
    pub(super) completes: bool,
    /// Whether shards are asked what happened; one that has no room for events does not ask.
    pub(super) asks: bool,
    /// Datagrams that came to another shard than their connection's.
    pub(super) foreign: u64,
    /// What was sent to addresses where no client is.
    pub(super) strays: Vec<(SocketAddr, usize)>,
    /// What the shards keep, and how often they allocated.
    pub(super) kept_bytes: isize,
    pub(super) allocations: usize,
}

pub(super) struct Client {
    pub(super) endpoint: Endpoint,
    pub(super) conn: Connection,
    /// Writes other frames into its packets.
    pub(super) pen: Pen,
    handle: ConnectionHandle,
    pub(super) address: SocketAddr,
    /// The shard to which the kernel would steer its address.
    pub(super) steered_to: usize,
    pub(super) muted: bool,
    /// What the server sends does not arrive.
    pub(super) deaf: bool,
    pub(super) sent_bytes: usize,
    pub(super) received_bytes: usize,
    control: Option<StreamId>,
    decoder: FrameDecoder,
    inbox: VecDeque<BytesMut>,
    /// How many bytes of the control stream it still reads.
    appetite_bytes: usize,
    pub(super) frames: Vec<ServerFrame>,
    pub(super) lost: Option<ConnectionError>,
}

impl World {
    pub(super) fn new(config: Config) -> World {
        World::with_tls(config, server_tls())
    }

    /// The server's certificate has about ten kilobytes.
    pub(super) fn with_large_certificate(config: Config) -> World {
        World::with_tls(config, tls_of(identity(true)))
    }

    fn with_tls(config: Config, tls: rustls::ServerConfig) -> World {
        let tls = Arc::new(tls);
        let now = Instant::now();
        let mut config = config;
        config.transport.mtu_discovery = false;
        let config = Arc::new(config);
        let keys = SharedKeys::derive(&[5; 32]);
        let shards = (0..SHARDS)
            .map(|shard| {
                let seed = [shard as u8; 32];
                Sessions::new(config.clone(), tls.clone(), &keys, ShardId(shard), SHARDS, verifier(), &seed, now)
                    .unwrap()
            })
            .collect();
        World {
            now,
            unix_ms: NOW_S * 1000,
            wall_ahead_ms: 0,
            shards,
            clients: Vec::new(),
            arrived: Vec::new(),
            ended: Vec::new(),
            hellos: Vec::new(),
            welcome: Some(Welcome { revision: 7, ..Welcome::default() }),
            completes: true,
            asks: true,
            foreign: 0,
            strays: Vec::new(),
            kept_bytes: 0,
            allocations: 0,
        }
    }

    /// A client that has begun to connect to shard 0.
    pub(super) fn connect(&mut self) -> usize {
        self.connect_with(edge_wire::ALPN)
    }

    pub(super) fn connect_with(&mut self, alpn: &[u8]) -> usize {
        let number = self.clients.len();
        let mut config = EndpointConfig::default();
        let mut seed = [100; 32];
        seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
        config.rng_seed(Some(seed));
        let mut endpoint = Endpoint::new(Arc::new(config), None, false, None);
        let server = "198.51.100.1:443".parse().unwrap();
        let pen = Pen::default();
        let (handle, conn) = endpoint.connect(self.now, client_config(alpn, &pen), server, "edge.test").unwrap();
        self.clients.push(Client {
            endpoint,
            conn,
            pen,
            handle,
            address: SocketAddr::from(([192, 0, 2, 1], 10_000 + number as u16)),
            steered_to: 0,
            muted: false,
            deaf: false,
            sent_bytes: 0,
            received_bytes: 0,
            control: None,
            decoder: FrameDecoder::server_control(),
            inbox: VecDeque::new(),
            appetite_bytes: usize::MAX,
            frames: Vec::new(),
            lost: None,
        });
        number
    }

    /// A client whose session is open.
    pub(super) fn player(&mut self) -> usize {
        let client = self.connect();
        self.exchange();
        self.clients[client].hello(hello());
        self.exchange();
        assert!(
            matches!(self.clients[client].frames[..], [ServerFrame::Welcome(_)]),
            "{:?}",
            self.clients[client].lost
        );
        self.clients[client].frames.clear();
        client
    }

    pub(super) fn key(&self) -> SessionKey {
        self.hellos.last().expect("a HELLO came").key
    }

    /// Until nobody has anything to say.
    pub(super) fn exchange(&mut self) {
        loop {
            let mut is_quiet = true;
            for at in 0..self.clients.len() {
                is_quiet &= !self.client_speaks(at);
            }
            for at in 0..self.shards.len() {
                is_quiet &= !self.shard_speaks(at);
            }
            if is_quiet {
                return;
            }
        }
    }

    /// A sealed packet of a client, not yet delivered, that says `frames` and then padding up to about `bytes`.
    pub(super) fn inked(&mut self, client: usize, frames: &[u8], bytes: usize) -> BytesMut {
        self.exchange();
        let client = &mut self.clients[client];
        client.pen.write(Space::Data, frames);
        client.send_datagram(vec![0; frames.len().max(bytes)]);
        let mut out = Vec::new();
        let transmit = client.conn.poll_transmit(self.now, 1, &mut out).expect("a datagram waits");
        BytesMut::from(&out[..transmit.size])
    }

    /// A client says `frames` in a packet of at least `bytes`, and whatever follows from it happens.
    pub(super) fn say(&mut self, client: usize, frames: &[u8], bytes: usize) {
        let packet = self.inked(client, frames, bytes);
        let (shard, address) = (self.clients[client].steered_to, self.clients[client].address);
        self.deliver(shard, address, packet);
        self.exchange();
    }

    pub(super) fn client_speaks(&mut self, at: usize) -> bool {
        let mut spoke = false;
        self.clients[at].read(self.now);
        let mut out = Vec::new();
        while let Some(transmit) = self.clients[at].conn.poll_transmit(self.now, 1, &mut out) {
            let client = &mut self.clients[at];
            let datagram = BytesMut::from(&out[..transmit.size]);
            out.clear();
            spoke = true;
            if client.muted {
                continue;
            }
            client.sent_bytes += datagram.len();
            let (address, shard) = (client.address, client.steered_to);
            self.deliver(shard, address, datagram);
        }
        spoke
    }

    pub(super) fn deliver(&mut self, shard: usize, remote: SocketAddr, datagram: BytesMut) {
        let arrival = Arrival { remote, local_ip: None, ecn: 0 };
        let (now, hands) = (self.now, self.hands());
        // A copy of the shard's own, so that what it keeps of it is counted as kept.
        let handled =
            self.count(|shards| shards[shard].handle_datagram(now, hands, &arrival, BytesMut::from(&datagram[..])));
        match handled {
            Handled::Here => {}
            Handled::Foreign { shard: home, datagram } => {
                self.foreign += 1;
                let home = usize::from(home.0);
                let handled = self.count(|shards| shards[home].handle_datagram(now, hands, &arrival, datagram));
                assert!(matches!(handled, Handled::Here), "a datagram is forwarded once");
            }
        }
    }

    /// Lets the shards do something and counts what they allocate.
    fn count<T>(&mut self, work: impl FnOnce(&mut Vec<Sessions>) -> T) -> T {
        let before = (counting::live_bytes(), counting::allocations());
        let done = work(&mut self.shards);
        self.kept_bytes += counting::live_bytes() - before.0;
        self.allocations += counting::allocations() - before.1;
        done
    }

    /// A reply of `bytes` that a rule ordered for `key`, on shard 0.
    pub(super) fn reply(&mut self, key: SessionKey, bytes: usize) -> bool {
        let body = Bytes::from(vec![b'x'; bytes]);
        self.count(|shards| shards[0].reply(key, CommandId([7; 16]), "r", &body))
    }

    fn shard_speaks(&mut self, at: usize) -> bool {
        let mut spoke = false;
        while self.asks
            && let Some(event) = self.count(|shards| shards[at].poll_event())
        {
            spoke = true;
            self.on_event(at, event);
        }
        let mut out = Vec::with_capacity(64 * 1024);
        let now = self.now;
        while let Some(departure) = self.count(|shards| shards[at].poll_transmit(now, &mut out)) {
            spoke = true;
            let stride = departure.segment_size.unwrap_or(out.len());
            if let Some(client) = self.clients.iter_mut().find(|client| client.address == departure.destination) {
                client.received_bytes += out.len();
                if !client.deaf {
                    client.inbox.extend(out.chunks(stride).map(BytesMut::from));
                }
            } else {
                self.strays.push((departure.destination, out.len()));
            }
            out.clear();
        }
        spoke
    }

    fn on_event(&mut self, at: usize, event: SessionEvent) {
        match event {
            SessionEvent::Hello(hello) => {
                if let Some(welcome) = self.welcome.clone() {
                    self.count(|shards| shards[at].welcome(hello.key, &welcome));
                }
                self.hellos.push(*hello);
            }
            SessionEvent::Event(arrived) => {
                if let (Origin::Reliable { class, seq }, true) = (arrived.origin, self.completes) {
                    self.count(|shards| shards[at].complete(arrived.key, class, seq));
                }
                self.arrived.push(arrived);
            }
            SessionEvent::Closed { key, ended, .. } => self.ended.push((key, ended)),
        }
    }

    /// What the clock shows: here the shard shows the wall.
    pub(super) fn hands(&self) -> Hands {
        Hands { shown: UnixMillis(self.unix_ms), wall: UnixMillis(self.unix_ms + self.wall_ahead_ms) }
    }

    /// Lets `duration` pass.
    pub(super) fn pass(&mut self, duration: Duration) {
        self.exchange();
        let end = self.now + duration;
        loop {
            let clients = self.clients.iter_mut().filter_map(|client| client.conn.poll_timeout());
            let shards = self.shards.iter().filter_map(Sessions::poll_timeout);
            let next = clients.chain(shards).min().filter(|at| *at <= end);
            let at = next.unwrap_or(end).max(self.now);
            self.unix_ms += (at - self.now).as_millis() as i64;
            self.now = at;
            for client in &mut self.clients {
                client.conn.handle_timeout(at);
            }
            let hands = self.hands();
            self.count(|shards| shards.iter_mut().for_each(|shard| shard.handle_timeout(at, hands)));
            self.exchange();
            if next.is_none() {
                return;
            }
        }
    }

    /// Seqs of reliable events that arrived, of one class.
    pub(super) fn seqs(&self, wanted: Class) -> Vec<u64> {
        let seqs = self.arrived.iter().filter_map(|arrived| match arrived.origin {
            Origin::Reliable { class, seq } if class == wanted => Some(seq.0),
            _ => None,
        });
        seqs.collect()
    }
}

impl Client {
    fn read(&mut self, now: Instant) {
        while let Some(datagram) = self.inbox.pop_front() {
            let server = "198.51.100.1:443".parse().unwrap();
            let mut response = Vec::new();
            if let Some(DatagramEvent::ConnectionEvent(handle, event)) =
                self.endpoint.handle(now, server, None, None, datagram, &mut response)
            {
                assert_eq!(handle, self.handle);
                self.conn.handle_event(event);
            }
        }
        while let Some(event) = self.conn.poll() {
            if let Event::ConnectionLost { reason } = event {
                self.lost = Some(reason);
            }
        }
        while let Some(event) = self.conn.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(self.handle, event) {
                self.conn.handle_event(event);
            }
        }
        self.read_frames();
    }

    fn read_frames(&mut self) {
        let Some(control) = self.control else { return };
        let mut stream = self.conn.recv_stream(control);
        if let Ok(mut chunks) = stream.read(true) {
            while self.appetite_bytes > 0
                && let Ok(Some(chunk)) = chunks.next(self.appetite_bytes)
            {
                if self.appetite_bytes != usize::MAX {
                    self.appetite_bytes -= chunk.bytes.len();
                }
                self.decoder.push(chunk.bytes);
                while let Some(frame) = self.decoder.poll().unwrap() {
                    self.frames.push(ServerFrame::decode(frame).unwrap());
                }
            }
            let _ = chunks.finalize();
        }
    }

    /// The close that the server sent.
    pub(super) fn closed(&self) -> CloseReason {
        match &self.lost {
            Some(ConnectionError::ApplicationClosed(close)) => {
                CloseReason::parse(close.error_code.into_inner(), &close.reason).expect("a published code")
            }
            other => panic!("not closed by the server: {other:?}"),
        }
    }

    /// The transport's error code with which the server closed (RFC 9000 §20.1).
    pub(super) fn violated(&self) -> u64 {
        match &self.lost {
            Some(ConnectionError::ConnectionClosed(close)) => u64::from(close.error_code),
            other => panic!("not closed for a violation: {other:?}"),
        }
    }

    pub(super) fn open(&mut self, dir: Dir, bytes: &[u8]) -> StreamId {
        let id = self.conn.streams().open(dir).expect("the limit of streams is not reached");
        self.write(id, bytes);
        id
    }

    pub(super) fn write(&mut self, id: StreamId, bytes: &[u8]) {
        assert_eq!(self.conn.send_stream(id).write(bytes), Ok(bytes.len()));
    }

    /// Whether its control stream is open.
    pub(super) fn is_introduced(&self) -> bool {
        self.control.is_some()
    }

    pub(super) fn control(&self) -> StreamId {
        self.control.expect("the control stream is open")
    }

    pub(super) fn open_control(&mut self, rest: &[u8]) {
        let mut bytes = Vec::new();
        StreamHeader::Control.encode(&mut bytes);
        bytes.extend_from_slice(rest);
        self.control = Some(self.open(Dir::Bi, &bytes));
    }

    pub(super) fn hello(&mut self, hello: Hello) {
        let mut bytes = Vec::new();
        ClientFrame::Hello(Box::new(hello)).encode(&mut bytes).unwrap();
        self.open_control(&bytes);
    }

    /// Opens the stream of a class and sends events on it.
    pub(super) fn open_class(&mut self, class: Class, seqs: std::ops::RangeInclusive<u64>) -> StreamId {
        let mut bytes = Vec::new();
        StreamHeader::Events(class).encode(&mut bytes);
        let id = self.open(Dir::Uni, &bytes);
        self.send(id, seqs);
        id
    }

    pub(super) fn send(&mut self, id: StreamId, seqs: std::ops::RangeInclusive<u64>) {
        for seq in seqs {
            self.write(id, &event_bytes(seq, 1));
        }
    }

    pub(super) fn send_datagram(&mut self, bytes: Vec<u8>) {
        self.conn.datagrams().send(Bytes::from(bytes), true).unwrap();
    }

    /// Leaves the control stream unread from now on.
    pub(super) fn stop_reading(&mut self) {
        self.appetite_bytes = 0;
    }

    /// Reads so many bytes more of the control stream.
    pub(super) fn read_bytes(&mut self, bytes: usize) {
        self.appetite_bytes = bytes;
    }

    pub(super) fn close(&mut self, now: Instant) {
        self.conn.close(now, VarInt::from_u32(0), Bytes::new());
    }

    /// The highest receipt, by class.
    pub(super) fn receipts(&self) -> [u64; CLASSES] {
        let mut receipts = [0; CLASSES];
        for frame in &self.frames {
            if let ServerFrame::Receipt(receipt) = frame {
                assert!(receipt.up_to.0 > receipts[receipt.class.index()], "receipts rise");
                receipts[receipt.class.index()] = receipt.up_to.0;
            }
        }
        receipts
    }
}

pub(super) fn event(seq: u64, client_ms: u64) -> EventFrame {
    EventFrame { seq: Seq(seq), event_type: EventTypeId(9), client_ms, payload: Bytes::from(format!("e{seq}")) }
}

pub(super) fn event_bytes(seq: u64, client_ms: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    event(seq, client_ms).encode(&mut bytes).unwrap();
    bytes
}

/// HELLO of player `p1`, whose clock is at 1,000 ms.
pub(super) fn hello() -> Hello {
    Hello {
        token: Token(makers().0.token(&claims("p1"))),
        producer: ProducerId([3; 16]),
        build: "1.2.3".into(),
        platform: "pc".into(),
        locale: "pt-BR".into(),
        attributes: vec![("queue".into(), "ranked".into())],
        client_ms: 1_000,
        ..Hello::default()
    }
}

pub(super) fn class(n: u8) -> Class {
    Class::new(n).unwrap()
}

pub(super) const SECOND: Duration = Duration::from_secs(1);
