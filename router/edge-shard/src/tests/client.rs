//! One end of the stories: a client with an endpoint of its own, and the keys of everybody.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Bytes, BytesMut};
use edge_event::identity::CLASSES;
use edge_event::{Class, EventTypeId, ProducerId, Provenance, Seq};
use edge_session::{IssuerConfig, TokenTimes, TokenVerifier};
use edge_wire::{
    ClientFrame, CloseCode, CloseReason, EventFrame, FrameDecoder, Hello, RefuseCode, ServerFrame, StreamHeader, Token,
};
use quinn_proto::crypto::rustls::QuicClientConfig;
use quinn_proto::{
    ClientConfig, Connection, ConnectionError, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig, Event,
    StreamId, TransportConfig, VarInt,
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

use super::rulebook::payload;

pub(super) const SERVER: &str = "198.51.100.1:443";
pub(super) const NOW_S: i64 = 1_767_225_600;

/// What is made once, because making it is what takes time.
pub(super) struct Keys {
    pub(super) server: Arc<rustls::ServerConfig>,
    client: ClientConfig,
    pub(super) verifier: Arc<TokenVerifier>,
}

pub(super) fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["edge.test".to_owned()]).unwrap().self_signed(&key).unwrap();
        let certificate: CertificateDer<'static> = certificate.der().clone();
        let issuers = [Provenance::Client, Provenance::Server].map(issuer).to_vec();
        Keys {
            server: Arc::new(server_tls(certificate.clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())),
            client: client_config(certificate),
            verifier: Arc::new(TokenVerifier::new(issuers, TokenTimes::default()).unwrap()),
        }
    })
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.kx_groups = vec![rustls::crypto::ring::kx_group::X25519];
    Arc::new(provider)
}

fn server_tls(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> rustls::ServerConfig {
    let builder = rustls::ServerConfig::builder_with_provider(provider());
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap().with_no_client_auth();
    let mut tls = builder.with_single_cert(vec![certificate], key).unwrap();
    tls.alpn_protocols = vec![edge_wire::ALPN.to_vec()];
    tls
}

fn client_config(certificate: CertificateDer<'static>) -> ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let builder = rustls::ClientConfig::builder_with_provider(provider());
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let mut tls = builder.with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![edge_wire::ALPN.to_vec()];
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(None);
    config.transport_config(Arc::new(transport));
    config
}

fn issuer_key(provenance: Provenance) -> (&'static str, Ed25519KeyPair) {
    let (kid, seed) = match provenance {
        Provenance::Client => ("players", [1; 32]),
        Provenance::Server => ("servers", [2; 32]),
    };
    (kid, Ed25519KeyPair::from_seed_unchecked(&seed).unwrap())
}

fn issuer(provenance: Provenance) -> IssuerConfig {
    let (kid, key) = issuer_key(provenance);
    let x = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
    let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": kid, "alg": "EdDSA", "x": x }] });
    IssuerConfig {
        name: kid.into(),
        provenance,
        audience: "edge".into(),
        iss: None,
        titles: Vec::new(),
        jwks: jwks.to_string(),
    }
}

fn token(sub: &str, provenance: Provenance) -> Token {
    let (kid, key) = issuer_key(provenance);
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "EdDSA", "kid": kid, "typ": "JWT" }));
    let claims = part(json!({ "sub": sub, "aud": "edge", "iat": NOW_S, "exp": NOW_S + 900 }));
    let signed = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
    Token(format!("{signed}.{signature}"))
}

/// HELLO of `sub`, whose producer has `receipts` already.
pub(super) fn hello(sub: &str, provenance: Provenance, receipts: [u64; CLASSES]) -> Hello {
    Hello {
        token: token(sub, provenance),
        producer: ProducerId([3; 16]),
        highest_receipts: receipts.map(Seq),
        client_ms: 1_000,
        ..Hello::default()
    }
}

pub(super) fn class(n: u8) -> Class {
    Class::new(n).unwrap()
}

/// A client and its connection.
pub(super) struct Client {
    endpoint: Endpoint,
    pub(super) conn: Connection,
    handle: ConnectionHandle,
    pub(super) address: SocketAddr,
    /// The shard to which the kernel steers its packets.
    pub(super) steered_to: usize,
    /// Nothing leaves it any more.
    pub(super) is_mute: bool,
    control: Option<StreamId>,
    streams: [Option<StreamId>; CLASSES],
    decoder: FrameDecoder,
    pub(super) inbox: VecDeque<BytesMut>,
    pub(super) frames: Vec<ServerFrame>,
    lost: Option<ConnectionError>,
}

impl Client {
    pub(super) fn new(number: usize, steered_to: usize, now: Instant) -> Client {
        let mut config = EndpointConfig::default();
        config.rng_seed(Some([number as u8 + 100; 32]));
        let mut endpoint = Endpoint::new(Arc::new(config), None, false, None);
        let connected = endpoint.connect(now, keys().client.clone(), SERVER.parse().unwrap(), "edge.test");
        let (handle, conn) = connected.unwrap();
        Client {
            endpoint,
            conn,
            handle,
            address: SocketAddr::from(([192, 0, 2, 1], 10_000 + number as u16)),
            steered_to,
            is_mute: false,
            control: None,
            streams: [None; CLASSES],
            decoder: FrameDecoder::server_control(),
            inbox: VecDeque::new(),
            frames: Vec::new(),
            lost: None,
        }
    }

    pub(super) fn read(&mut self, now: Instant) {
        while let Some(datagram) = self.inbox.pop_front() {
            let event = self.endpoint.handle(now, SERVER.parse().unwrap(), None, None, datagram, &mut Vec::new());
            if let Some(DatagramEvent::ConnectionEvent(_, event)) = event {
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
        let Some(control) = self.control else { return };
        let mut stream = self.conn.recv_stream(control);
        if let Ok(mut chunks) = stream.read(true) {
            while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
                self.decoder.push(chunk.bytes);
            }
            let _ = chunks.finalize();
        }
        while let Some(frame) = self.decoder.poll().unwrap() {
            self.frames.push(ServerFrame::decode(frame).unwrap());
        }
    }

    pub(super) fn greet(&mut self, hello: Hello) {
        let mut bytes = Vec::new();
        StreamHeader::Control.encode(&mut bytes);
        ClientFrame::Hello(Box::new(hello)).encode(&mut bytes).unwrap();
        let id = self.conn.streams().open(Dir::Bi).unwrap();
        self.conn.send_stream(id).write(&bytes).unwrap();
        self.control = Some(id);
    }

    /// Sends one reliable event.
    pub(super) fn tell(&mut self, class: Class, seq: u64, event_type: u32, payload: Vec<u8>) {
        let mut bytes = Vec::new();
        let id = *self.streams[class.index()].get_or_insert_with(|| {
            StreamHeader::Events(class).encode(&mut bytes);
            self.conn.streams().open(Dir::Uni).unwrap()
        });
        event(seq, event_type, payload).encode(&mut bytes).unwrap();
        assert_eq!(self.conn.send_stream(id).write(&bytes), Ok(bytes.len()));
    }

    /// Sends events of one type whose nonces are their seqs.
    pub(super) fn tell_all(&mut self, class: Class, seqs: std::ops::RangeInclusive<u64>, event_type: u32) {
        seqs.for_each(|seq| self.tell(class, seq, event_type, payload(seq)));
    }

    pub(super) fn tell_unreliably(&mut self, event_type: u32, payload: Vec<u8>) {
        let mut bytes = Vec::new();
        event(0, event_type, payload).encode(&mut bytes).unwrap();
        self.conn.datagrams().send(Bytes::from(bytes), true).unwrap();
    }

    pub(super) fn close(&mut self, now: Instant) {
        self.conn.close(now, VarInt::from_u32(0), Bytes::new());
    }

    // ---- what it was told

    pub(super) fn welcome(&self) -> Option<&edge_wire::Welcome> {
        self.frames.iter().find_map(|frame| match frame {
            ServerFrame::Welcome(welcome) => Some(&**welcome),
            _ => None,
        })
    }

    pub(super) fn refusal(&self) -> Option<(RefuseCode, u64)> {
        self.frames.iter().find_map(|frame| match frame {
            ServerFrame::Refuse(refuse) => Some((refuse.known().unwrap(), refuse.retry_after_ms.unwrap_or(0))),
            _ => None,
        })
    }

    /// The highest receipt, by class.
    pub(super) fn receipts(&self) -> [u64; CLASSES] {
        let mut receipts = [0; CLASSES];
        for frame in &self.frames {
            if let ServerFrame::Receipt(receipt) = frame {
                receipts[receipt.class.index()] = receipt.up_to.0;
            }
        }
        receipts
    }

    /// Names of replies, in order.
    pub(super) fn replies(&self) -> Vec<&str> {
        let replies = self.frames.iter().filter_map(|frame| match frame {
            ServerFrame::Command(command) => Some(command.name.as_str()),
            _ => None,
        });
        replies.collect()
    }

    /// Seqs of REJECTs.
    pub(super) fn rejects(&self) -> Vec<u64> {
        let rejects = self.frames.iter().filter_map(|frame| match frame {
            ServerFrame::Reject(reject) => Some(reject.seq.0),
            _ => None,
        });
        rejects.collect()
    }

    /// The code with which the server closed; `None` while it is open.
    pub(super) fn closed(&self) -> Option<CloseCode> {
        match &self.lost {
            None => None,
            Some(ConnectionError::ApplicationClosed(close)) => {
                Some(CloseReason::parse(close.error_code.into_inner(), &close.reason).unwrap().code)
            }
            Some(other) => panic!("lost for another reason: {other:?}"),
        }
    }
}

fn event(seq: u64, event_type: u32, payload: Vec<u8>) -> EventFrame {
    EventFrame { seq: Seq(seq), event_type: EventTypeId(event_type), client_ms: 1_000, payload: Bytes::from(payload) }
}
