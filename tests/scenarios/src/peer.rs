//! A client by hand: says what a scenario tells it to, also what the SDK would never say.
//!
//! What comes in: frames to send. What goes out: frames and closes that came back. It keeps no rule of the protocol by itself:
//! seqs, credit and resends are the scenario's.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge_client::{Class, EventTypeId, ProducerId, Seq};
use edge_wire::{
    ClientFrame, EventFrame, FrameDecoder, Hello, Refuse, ServerFrame, StreamHeader, Token, Welcome, varint,
};
use quinn::crypto::rustls::QuicClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::World;
use crate::wait::PATIENCE;
use crate::world::random;

/// A connection, and the streams that were opened on it.
pub struct Peer {
    endpoint: quinn::Endpoint,
    connection: quinn::Connection,
    control: quinn::SendStream,
    answers: quinn::RecvStream,
    decoder: FrameDecoder,
    events: BTreeMap<Class, quinn::SendStream>,
    /// The highest receipt of each class, WELCOME's among them.
    receipts: [Seq; 4],
}

/// How a connection ended: the application's code, or the transport's, and the phrase.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Closed {
    /// By the application.
    Application {
        /// The code.
        code: u64,
        /// For people.
        reason: String,
    },
    /// By the transport, or by nobody.
    Otherwise(String),
}

/// What HELLO was answered with, where it was not WELCOME.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unwelcome {
    /// REFUSE.
    Refused(Refuse),
    /// The connection ended.
    Closed(Closed),
}

/// A producer's id of its own.
pub fn fresh_producer() -> ProducerId {
    ProducerId(random())
}

fn config(world: &World, alpn: &[u8]) -> quinn::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(world.certificate.as_bytes()).expect("a certificate");
    roots.add(certificate).expect("a root");
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![alpn.to_vec()];
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).expect("QUIC")));
    let mut transport = quinn::TransportConfig::default();
    transport
        .keep_alive_interval(Some(Duration::from_secs(1)))
        .max_idle_timeout(Some(Duration::from_secs(10).try_into().expect("a short time")));
    config.transport_config(Arc::new(transport));
    config
}

impl Peer {
    /// Shakes hands.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn connect(world: &World, server: SocketAddr, alpn: &[u8]) -> Result<Peer, Closed> {
        let endpoint = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).expect("a socket");
        let connecting = endpoint.connect_with(config(world, alpn), server, "127.0.0.1").expect("a good config");
        let connection = patient("a handshake", connecting).await.map_err(Closed::from)?;
        let (control, answers) = patient("a stream", connection.open_bi()).await.map_err(Closed::from)?;
        let decoder = FrameDecoder::server_control();
        let (events, receipts) = (BTreeMap::new(), [Seq(0); 4]);
        Ok(Peer { endpoint, connection, control, answers, decoder, events, receipts })
    }

    /// Shakes hands and says HELLO as `sub` with this token.
    ///
    /// # Errors
    /// What came instead of WELCOME.
    pub async fn hello(
        world: &World,
        server: SocketAddr,
        token: String,
        producer: ProducerId,
    ) -> Result<(Peer, Welcome), Unwelcome> {
        let hello = Hello {
            token: Token(token),
            producer,
            catalogue_digest: *world.catalogue.digest(),
            client_ms: 1_000_000,
            ..Hello::default()
        };
        let mut peer = Peer::connect(world, server, edge_wire::ALPN).await.map_err(Unwelcome::Closed)?;
        peer.say_hello(hello).await.map(|welcome| (peer, welcome))
    }

    /// Says HELLO.
    ///
    /// # Errors
    /// What came instead of WELCOME.
    pub async fn say_hello(&mut self, hello: Hello) -> Result<Welcome, Unwelcome> {
        let mut bytes = Vec::new();
        StreamHeader::Control.encode(&mut bytes);
        ClientFrame::Hello(Box::new(hello)).encode(&mut bytes).expect("a HELLO within limits");
        self.send_control(&bytes).await;
        match self.frame().await {
            Ok(ServerFrame::Welcome(welcome)) => {
                self.receipts = welcome.receipts;
                Ok(*welcome)
            }
            Ok(ServerFrame::Refuse(refuse)) => Err(Unwelcome::Refused(refuse)),
            Ok(other) => panic!("instead of WELCOME came {other:?}"),
            Err(closed) => Err(Unwelcome::Closed(closed)),
        }
    }

    /// Sends any bytes on the control stream. What the server closed meanwhile shows at the next frame.
    pub async fn send_control(&mut self, bytes: &[u8]) {
        let _ = patient("room to send", self.control.write_all(bytes)).await;
    }

    /// Sends one reliable event.
    pub async fn send(&mut self, class: Class, seq: u64, event: (EventTypeId, Vec<u8>)) {
        let (event_type, payload) = event;
        let frame = EventFrame { seq: Seq(seq), event_type, client_ms: 1_000_000, payload: payload.into() };
        let mut bytes = Vec::new();
        frame.encode(&mut bytes).expect("an event within the protocol's limits");
        self.send_events(class, &bytes).await;
    }

    /// Sends the head of an event whose payload would have this many bytes.
    pub async fn send_head_of(&mut self, class: Class, payload_bytes: u64) {
        let mut bytes = Vec::new();
        varint::write(0x20, &mut bytes);
        varint::write(payload_bytes + 3, &mut bytes);
        bytes.extend_from_slice(&[1, 1, 1]);
        self.send_events(class, &bytes).await;
    }

    /// Sends any bytes on a class's stream, after its header.
    ///
    /// # Panics
    /// Where no stream can be opened.
    pub async fn send_events(&mut self, class: Class, bytes: &[u8]) {
        if !self.events.contains_key(&class) {
            let mut stream = patient("a stream", self.connection.open_uni()).await.expect("a stream");
            let mut header = Vec::new();
            StreamHeader::Events(class).encode(&mut header);
            let _ = stream.write_all(&header).await;
            self.events.insert(class, stream);
        }
        let stream = self.events.get_mut(&class).expect("just opened");
        let _ = patient("room to send", stream.write_all(bytes)).await;
    }

    /// Sends a datagram of one event.
    ///
    /// # Panics
    /// Where the server takes none.
    pub fn send_datagram(&self, event: (EventTypeId, Vec<u8>)) {
        let frame = EventFrame { seq: Seq(0), event_type: event.0, client_ms: 1_000_000, payload: event.1.into() };
        let mut bytes = Vec::new();
        frame.encode(&mut bytes).expect("an event within the protocol's limits");
        self.connection.send_datagram(Bytes::from(bytes)).expect("datagrams are taken");
    }

    /// The next frame of the server.
    ///
    /// # Errors
    /// How the connection ended.
    pub async fn frame(&mut self) -> Result<ServerFrame, Closed> {
        loop {
            if let Some(frame) = self.decoder.poll().expect("the server speaks the protocol") {
                return Ok(ServerFrame::decode(frame).expect("the server speaks the protocol"));
            }
            match patient("a frame", self.answers.read_chunk(16 * 1024, true)).await {
                Ok(Some(chunk)) => self.decoder.push(chunk.bytes),
                Ok(None) | Err(_) => return Err(self.closed().await),
            }
        }
    }

    /// Waits for the receipt of an event, which WELCOME may have brought, and gives what else came before it.
    ///
    /// # Panics
    /// Where the connection ends before.
    pub async fn receipt(&mut self, class: Class, seq: u64) -> Vec<ServerFrame> {
        let mut others = Vec::new();
        while self.receipts[class.index()] < Seq(seq) {
            match self.frame().await.expect("a receipt before the end") {
                ServerFrame::Receipt(receipt) => self.receipts[receipt.class.index()] = receipt.up_to,
                ServerFrame::Credit(_) => {}
                other => others.push(other),
            }
        }
        others
    }

    /// Waits for the end of the connection.
    pub async fn closed(&self) -> Closed {
        patient("the end of the connection", self.connection.closed()).await.into()
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.connection.close_reason().is_some()
    }

    /// Goes on from another port, as a phone does that changes its network.
    ///
    /// # Panics
    /// Where there is no socket.
    pub fn rebind(&self) {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        self.endpoint.rebind(socket).expect("another socket");
    }

    /// Says goodbye, and waits until it is said.
    pub async fn close(self) {
        self.connection.close(0u32.into(), b"");
        patient("goodbye to be said", self.endpoint.wait_idle()).await;
    }
}

async fn patient<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited {PATIENCE:?} for {what}, in vain"),
    }
}

impl From<quinn::ConnectionError> for Closed {
    fn from(error: quinn::ConnectionError) -> Closed {
        match error {
            quinn::ConnectionError::ApplicationClosed(close) => Closed::Application {
                code: close.error_code.into_inner(),
                reason: String::from_utf8_lossy(&close.reason).into_owned(),
            },
            other => Closed::Otherwise(other.to_string()),
        }
    }
}
