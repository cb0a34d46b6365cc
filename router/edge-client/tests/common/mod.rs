//! A small server that speaks the wire protocol and does what a script tells it.
//!
//! It holds every client to the rules of seqs and credit, and remembers all that it saw.

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use edge_client::{Class, Client, ClientBuilder, CommandId, EventTypeId, ProducerId, Seq};
use edge_event::{NodeId, UnixMillis};
use edge_wire::{
    ClientFrame, CloseCode, Command, Credit, DatagramEvents, EventFrame, FrameDecoder, Hello, Move, MoveReason,
    RawFrame, Receipt, Refuse, Reject, RejectCode, ServerFrame, SessionLimits, StreamHeader, Welcome, limits,
};
use tokio::sync::mpsc;

pub(crate) const C0: Class = Class::ALL[0];
pub(crate) const C1: Class = Class::ALL[1];
pub(crate) const KIND: EventTypeId = EventTypeId(7);

const PAYLOAD_MAX: usize = limits::EVENT_PAYLOAD_BYTES_DEFAULT;

/// What the server does beside taking events.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Whether receipts are sent.
    pub(crate) receipts: bool,
    /// Events a class may have without a receipt.
    pub(crate) window: u64,
    /// For each next HELLO.
    pub(crate) refuse: VecDeque<Refuse>,
    /// Each connection is closed with this code after so many reliable events.
    pub(crate) drop_after: Option<(usize, CloseCode)>,
    /// Every event is answered with a reply, twice.
    pub(crate) replies: bool,
    /// This seq of every class is rejected.
    pub(crate) reject: Option<u64>,
    /// MOVE is sent after so many events of a connection.
    pub(crate) move_after: Option<(usize, Vec<String>)>,
    /// WELCOME waits while this is set.
    pub(crate) hold_welcome: bool,
    /// WELCOME claims these receipts on top of what is known.
    pub(crate) claims: [Seq; 4],
    /// Sent right after WELCOME, raw.
    pub(crate) after_welcome: Vec<u8>,
}

/// What the server saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) hellos: Vec<Hello>,
    /// Reliable events in order of arrival, with the index of their connection, resends included.
    pub(crate) events: Vec<(usize, Class, EventFrame)>,
    pub(crate) datagrams: Vec<Vec<EventFrame>>,
    pub(crate) reauths: usize,
    /// Codes with which clients closed.
    pub(crate) closes: Vec<u64>,
    marks: HashMap<(ProducerId, Class), Seq>,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: Vec<u8>,
    state: Arc<State>,
}

struct State {
    connections: Mutex<Vec<quinn::Connection>>,
    script: Mutex<Script>,
    seen: Mutex<Seen>,
}

impl Default for Script {
    fn default() -> Script {
        Script {
            receipts: true,
            window: 256,
            refuse: VecDeque::new(),
            drop_after: None,
            replies: false,
            reject: None,
            move_after: None,
            hold_welcome: false,
            claims: [Seq(0); 4],
            after_welcome: Vec::new(),
        }
    }
}

impl Server {
    pub(crate) fn start(script: Script) -> Server {
        let issued =
            rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]).expect("a certificate");
        Server::start_with(script, &issued)
    }

    /// Several servers of one fleet share a certificate.
    pub(crate) fn start_with(script: Script, issued: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Server {
        let certificate = issued.cert.der().clone();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key.into())
            .expect("a usable certificate");
        tls.alpn_protocols = vec![edge_wire::ALPN.to_vec()];
        let tls = quinn::crypto::rustls::QuicServerConfig::try_from(tls).expect("a QUIC configuration");
        let config = quinn::ServerConfig::with_crypto(Arc::new(tls));
        let endpoint = quinn::Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into()).expect("a socket");
        let address = endpoint.local_addr().expect("an address");
        let state =
            Arc::new(State { connections: Mutex::default(), script: Mutex::new(script), seen: Mutex::default() });
        tokio::spawn(accept(endpoint, Arc::clone(&state)));
        Server { address, certificate: certificate.to_vec(), state }
    }

    pub(crate) fn name(&self) -> String {
        format!("127.0.0.1:{}", self.address.port())
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.state.seen.lock().expect("not poisoned")
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.state.script.lock().expect("not poisoned")
    }

    /// Closes every connection that is open.
    pub(crate) fn kick(&self, code: CloseCode) {
        let mut connections = self.state.connections.lock().expect("not poisoned");
        connections.drain(..).for_each(|connection| connection.close(code.number().into(), b""));
    }

    /// A client of this server, in memory, with little patience.
    pub(crate) fn client(&self) -> ClientBuilder {
        Client::builder()
            .endpoint(self.name())
            .root_der(self.certificate.clone())
            .expect("a certificate")
            .token("h.e30.s")
            .backoff(Duration::from_millis(5), Duration::from_millis(50))
            .connect_timeout(Duration::from_secs(3))
            .memory_only()
    }

    /// Waits until the server saw what is asked for.
    pub(crate) async fn until(&self, what: &str, found: impl Fn(&Seen) -> bool) {
        for _ in 0..2_000 {
            if found(&self.seen()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never saw: {what}: {:?}", self.seen());
    }
}

async fn accept(endpoint: quinn::Endpoint, state: Arc<State>) {
    let mut index = 0;
    while let Some(incoming) = endpoint.accept().await {
        let state = Arc::clone(&state);
        let Ok(connection) = incoming.await else { continue };
        state.connections.lock().expect("not poisoned").push(connection.clone());
        tokio::spawn(async move {
            let session = Session { state, connection: connection.clone(), index };
            if session.run().await.is_none() {
                connection.close(CloseCode::ProtocolViolation.number().into(), b"the test server's rules");
            }
        });
        index += 1;
    }
}

struct Session {
    state: Arc<State>,
    connection: quinn::Connection,
    index: usize,
}

impl Session {
    /// `None` where the client broke a rule.
    async fn run(self) -> Option<()> {
        let this = Arc::new(self);
        let Ok((mut send, mut receive)) = this.connection.accept_bi().await else { return Some(()) };
        let mut decoder = FrameDecoder::client_stream(PAYLOAD_MAX);
        let ClientFrame::Hello(hello) = next_control(&mut receive, &mut decoder).await? else { return None };
        let refuse = this.state.script.lock().expect("not poisoned").refuse.pop_front();
        this.state.seen.lock().expect("not poisoned").hellos.push((*hello).clone());
        if let Some(refuse) = refuse {
            write(&mut send, &ServerFrame::Refuse(refuse)).await;
            tokio::time::sleep(Duration::from_millis(30)).await;
            this.connection.close(CloseCode::Refused.number().into(), b"");
            return Some(());
        }
        while this.state.script.lock().expect("not poisoned").hold_welcome {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let welcome = this.welcome(&hello);
        let (base, credit) = (welcome.receipts, welcome.credit);
        write(&mut send, &ServerFrame::Welcome(Box::new(welcome))).await;
        let raw = this.state.script.lock().expect("not poisoned").after_welcome.clone();
        let _ = send.write_all(&raw).await;
        let (out, mut frames) = mpsc::unbounded_channel::<ServerFrame>();
        tokio::spawn(async move {
            while let Some(frame) = frames.recv().await {
                write(&mut send, &frame).await;
            }
        });
        tokio::spawn(Arc::clone(&this).datagrams());
        tokio::spawn(Arc::clone(&this).reauths(receive, decoder));
        let base = std::array::from_fn(|n| base[n].max(hello.highest_receipts[n]));
        this.streams(hello.producer, base, credit, out).await
    }

    fn welcome(&self, hello: &Hello) -> Welcome {
        let script = self.state.script.lock().expect("not poisoned").clone();
        let seen = self.state.seen.lock().expect("not poisoned");
        let mark = |class: Class| seen.marks.get(&(hello.producer, class)).copied().unwrap_or_default();
        let known = Class::ALL.map(|class| if script.receipts { mark(class) } else { Seq(0) });
        let receipts: [Seq; 4] = std::array::from_fn(|n| known[n].max(script.claims[n]));
        let base: [Seq; 4] = std::array::from_fn(|n| receipts[n].max(hello.highest_receipts[n]));
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        Welcome {
            resumed: receipts != [Seq(0); 4],
            receipts,
            limits: SessionLimits::default(),
            credit: base.map(|seq| Seq(seq.0 + script.window)),
            server_time: UnixMillis(wall.as_millis() as i64),
            node: NodeId(1),
            revision: 5,
            ..Welcome::default()
        }
    }

    async fn streams(
        self: &Arc<Self>,
        producer: ProducerId,
        base: [Seq; 4],
        credit: [Seq; 4],
        out: mpsc::UnboundedSender<ServerFrame>,
    ) -> Option<()> {
        let count = Arc::new(Mutex::new(0));
        loop {
            match self.connection.accept_uni().await {
                Ok(stream) => {
                    let (this, out, count) = (Arc::clone(self), out.clone(), Arc::clone(&count));
                    tokio::spawn(async move {
                        let done = this.events(stream, producer, base, credit, out, count).await;
                        if done.is_none() {
                            this.connection.close(CloseCode::SeqGap.number().into(), b"the test server's rules");
                        }
                    });
                }
                Err(quinn::ConnectionError::ApplicationClosed(close)) => {
                    self.state.seen.lock().expect("not poisoned").closes.push(close.error_code.into_inner());
                    return Some(());
                }
                Err(_) => return Some(()),
            }
        }
    }

    async fn events(
        self: &Arc<Self>,
        mut stream: quinn::RecvStream,
        producer: ProducerId,
        base: [Seq; 4],
        mut credit: [Seq; 4],
        out: mpsc::UnboundedSender<ServerFrame>,
        count: Arc<Mutex<usize>>,
    ) -> Option<()> {
        let mut decoder = FrameDecoder::client_stream(PAYLOAD_MAX);
        let mut last: Option<Seq> = None;
        loop {
            let Ok(Some(chunk)) = stream.read_chunk(4096, true).await else { return Some(()) };
            decoder.push(chunk.bytes);
            while let Some(frame) = decoder.poll().ok()? {
                let StreamHeader::Events(class) = decoder.header()? else { return None };
                let event = EventFrame::decode_reliable(frame.body, PAYLOAD_MAX).ok()?;
                let seq = event.seq;
                let in_order = last.map_or(seq <= base[class.index()].next(), |last| seq == last.next());
                if !in_order || seq > credit[class.index()] {
                    return None;
                }
                last = Some(seq);
                if !self.take(producer, class, event, &count) {
                    return Some(());
                }
                self.answer(class, seq, &mut credit, &out, *count.lock().expect("not poisoned"));
            }
        }
    }

    /// `false` where the script wants the connection closed.
    fn take(&self, producer: ProducerId, class: Class, event: EventFrame, count: &Mutex<usize>) -> bool {
        let mut count = count.lock().expect("not poisoned");
        let drop_after = self.state.script.lock().expect("not poisoned").drop_after;
        if let Some((events, code)) = drop_after.filter(|(events, _)| *count >= *events) {
            let _ = events;
            self.connection.close(code.number().into(), b"retry_after_ms=1");
            return false;
        }
        *count += 1;
        let mut seen = self.state.seen.lock().expect("not poisoned");
        let mark = seen.marks.entry((producer, class)).or_default();
        *mark = event.seq.max(*mark);
        seen.events.push((self.index, class, event));
        true
    }

    fn answer(
        &self,
        class: Class,
        seq: Seq,
        credit: &mut [Seq; 4],
        out: &mpsc::UnboundedSender<ServerFrame>,
        count: usize,
    ) {
        let script = self.state.script.lock().expect("not poisoned").clone();
        let send = |frame| drop(out.send(frame));
        if script.reject == Some(seq.0) {
            send(ServerFrame::Reject(Reject::new(class, seq, RejectCode::PayloadLimit, "too much")));
        }
        if script.replies {
            let mut id = [class.get(); 16];
            id[..8].copy_from_slice(&seq.0.to_le_bytes());
            let body = format!("{{\"seq\":{}}}", seq.0).into_bytes().into();
            let reply = ServerFrame::Command(Command { id: CommandId(id), name: "echo".into(), body });
            send(reply.clone());
            send(reply);
        }
        if script.receipts {
            send(ServerFrame::Receipt(Receipt { class, up_to: seq }));
            credit[class.index()] = credit[class.index()].max(Seq(seq.0 + script.window));
            send(ServerFrame::Credit(Credit { class, up_to: credit[class.index()] }));
        }
        if let Some((_, endpoints)) = script.move_after.filter(|(events, _)| *events == count) {
            send(ServerFrame::Move(Move { reason: MoveReason::Drain, within_ms: 5_000, endpoints }));
        }
    }

    async fn datagrams(self: Arc<Self>) {
        while let Ok(datagram) = self.connection.read_datagram().await {
            let events: Result<Vec<_>, _> = DatagramEvents::new(datagram, PAYLOAD_MAX).collect();
            self.state.seen.lock().expect("not poisoned").datagrams.push(events.expect("a well-formed datagram"));
        }
    }

    async fn reauths(self: Arc<Self>, mut receive: quinn::RecvStream, mut decoder: FrameDecoder) {
        while let Some(ClientFrame::Reauth(_)) = next_control(&mut receive, &mut decoder).await {
            self.state.seen.lock().expect("not poisoned").reauths += 1;
        }
    }
}

async fn next_control(receive: &mut quinn::RecvStream, decoder: &mut FrameDecoder) -> Option<ClientFrame> {
    loop {
        let frame: Option<RawFrame> = decoder.poll().expect("well-formed frames");
        if let Some(frame) = frame {
            return Some(ClientFrame::decode(frame).expect("a well-formed body"));
        }
        decoder.push(receive.read_chunk(4096, true).await.ok()??.bytes);
    }
}

async fn write(send: &mut quinn::SendStream, frame: &ServerFrame) {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes).expect("within limits");
    let _ = send.write_all(&bytes).await;
}
