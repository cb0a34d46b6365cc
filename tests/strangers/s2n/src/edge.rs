//! A client of wire protocol version 1 on s2n-quic: one connection and the session on it.
//!
//! What a game's client needs besides (a queue on disk, credit, back-off, endpoints) is described in
//! `router/docs/protocol.md`, clauses reliable-4, credit-1 and close-2.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use s2n_quic::client::Connect;
use s2n_quic::connection::Error;
use s2n_quic::provider::datagram::default as datagrams;
use s2n_quic::provider::tls::rustls;
use s2n_quic::stream::{ReceiveStream, SendStream};

use crate::wire::{self, Fields, Message};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What went wrong on the way; shown to people.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Where the daemon is and whom it trusts.
#[derive(Clone)]
pub struct Briefing {
    pub host: String,
    pub port: u16,
    pub ca: PathBuf,
    pub digest: Vec<u8>,
}

/// How a connection ended: the code of the application, or words about anything else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    Application(u64),
    Otherwise(String),
}

/// A connection and its session.
pub struct Connection {
    connection: s2n_quic::Connection,
    /// Lives as long as its connections.
    _client: s2n_quic::Client,
    control: Option<SendStream>,
    answers: Option<ReceiveStream>,
    heard: Vec<u8>,
    classes: BTreeMap<u64, SendStream>,
    since: Instant,
    /// By class.
    pub receipts: [u64; 4],
    pub credit: [u64; 4],
    pub replied: Vec<Fields>,
    pub rejected: Vec<Fields>,
}

impl Connection {
    /// Shakes hands under an ALPN.
    pub async fn open(briefing: &Briefing, alpn: &str) -> Result<Connection, Fault> {
        let tls = rustls::Client::builder()
            .with_certificate(&*briefing.ca)?
            .with_application_protocols([alpn].into_iter())?
            .build()?;
        let datagrams = datagrams::Endpoint::builder().with_send_capacity(64)?.build()?;
        // Ours beside the daemon's: tests stay on this machine.
        let client = s2n_quic::Client::builder()
            .with_tls(tls)?
            .with_io((&*briefing.host, 0))?
            .with_datagram(datagrams)?
            .start()?;
        let server: std::net::SocketAddr = format!("{}:{}", briefing.host, briefing.port).parse()?;
        let connect = client.connect(Connect::new(server).with_server_name(&*briefing.host));
        let connection = tokio::time::timeout(PATIENCE, connect).await??;
        Ok(Connection {
            connection,
            _client: client,
            control: None,
            answers: None,
            heard: Vec::new(),
            classes: BTreeMap::new(),
            since: Instant::now(),
            receipts: [0; 4],
            credit: [0; 4],
            replied: Vec::new(),
            rejected: Vec::new(),
        })
    }

    fn now_ms(&self) -> u64 {
        self.since.elapsed().as_millis() as u64
    }

    // ---- what the client says

    /// Says HELLO with more fields than every HELLO needs, and gives the frame that answers it.
    pub async fn hello(
        &mut self,
        token: &str,
        producer: [u8; 16],
        digest: &[u8],
        more: Message,
    ) -> Result<(u64, Fields), Fault> {
        let (answers, control) = self.connection.open_bidirectional_stream().await?.split();
        (self.answers, self.control) = (Some(answers), Some(control));
        let body = more.bytes(1, token).bytes(2, producer).bytes(7, digest).number(10, self.now_ms()).done();
        self.say(&[wire::varint(wire::CONTROL), wire::frame(wire::HELLO, &body)].concat()).await?;
        let (kind, fields) = self.frame().await.map_err(|ended| format!("{ended:?}"))?;
        if kind == wire::WELCOME {
            (self.receipts, self.credit) = (fields.class_seqs(3), fields.class_seqs(5));
        }
        Ok((kind, fields))
    }

    /// Says bytes on the control stream.
    pub async fn say(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let control = self.control.as_mut().ok_or("HELLO comes first")?;
        Ok(control.send(Bytes::copy_from_slice(bytes)).await?)
    }

    /// Says bytes on a class's stream, which is opened with its header where it is not yet.
    pub async fn say_to(&mut self, class: u64, bytes: &[u8]) -> Result<(), Fault> {
        if !self.classes.contains_key(&class) {
            let mut stream = self.connection.open_send_stream().await?;
            stream.send([wire::varint(wire::EVENTS), wire::varint(class)].concat().into()).await?;
            self.classes.insert(class, stream);
        }
        let stream = self.classes.get_mut(&class).ok_or("just opened")?;
        Ok(stream.send(Bytes::copy_from_slice(bytes)).await?)
    }

    /// Finishes a class's stream.
    pub fn finish(&mut self, class: u64) -> Result<(), Fault> {
        Ok(self.classes.get_mut(&class).ok_or("a class that was opened")?.finish()?)
    }

    /// Sends a reliable event.
    pub async fn tell(&mut self, class: u64, seq: u64, event_type: u64, payload: &[u8]) -> Result<(), Fault> {
        self.say_to(class, &wire::event(seq, event_type, self.now_ms(), payload)).await
    }

    /// Sends events in one datagram.
    pub fn throw(&mut self, events: &[(u64, Vec<u8>)]) -> Result<(), Fault> {
        let client_ms = self.now_ms();
        let datagram: Vec<u8> =
            events.iter().flat_map(|(kind, payload)| wire::event(0, *kind, client_ms, payload)).collect();
        let sent =
            self.connection.datagram_mut(|sender: &mut datagrams::Sender| sender.send_datagram(datagram.into()))?;
        sent.map_err(|why| format!("no datagram leaves: {why:?}").into())
    }

    /// Closes with NO_ERROR, and waits until that has been said.
    pub async fn goodbye(mut self) {
        self.connection.close(0u32.into());
        let _ = tokio::time::timeout(PATIENCE, self._client.wait_idle()).await;
    }

    // ---- what the server says

    /// The server's next frame.
    pub async fn frame(&mut self) -> Result<(u64, Fields), Ended> {
        loop {
            if let Some(frame) = wire::take_frame(&mut self.heard) {
                return Ok(frame);
            }
            let Some(answers) = &mut self.answers else { return Err(Ended::Otherwise("HELLO comes first".into())) };
            match tokio::time::timeout(PATIENCE, answers.receive()).await {
                Ok(Ok(Some(chunk))) => self.heard.extend_from_slice(&chunk),
                Ok(Ok(None)) => return Err(self.closed().await),
                Ok(Err(s2n_quic::stream::Error::ConnectionError { error, .. })) => return Err(ended(&error)),
                Ok(Err(other)) => return Err(Ended::Otherwise(other.to_string())),
                Err(_) => return Err(Ended::Otherwise("nothing came in time".into())),
            }
        }
    }

    /// Waits for the end after the server's last word. It opens no stream of its own, so nothing else can come.
    async fn closed(&mut self) -> Ended {
        match tokio::time::timeout(PATIENCE, self.connection.accept()).await {
            Ok(Err(error)) => ended(&error),
            Ok(Ok(_)) => Ended::Otherwise("closed without an error".into()),
            Err(_) => Ended::Otherwise("nothing came in time".into()),
        }
    }

    /// Takes one frame in and gives its type.
    pub async fn hear(&mut self) -> Result<u64, Ended> {
        let (kind, fields) = self.frame().await?;
        let class = fields.number(1) as usize;
        match kind {
            wire::RECEIPT => self.receipts[class] = self.receipts[class].max(fields.number(2)),
            wire::CREDIT => self.credit[class] = self.credit[class].max(fields.number(2)),
            wire::COMMAND => self.replied.push(fields),
            wire::REJECT => self.rejected.push(fields),
            _ => {}
        }
        Ok(kind)
    }

    /// Waits until an event has its receipt.
    pub async fn receipt(&mut self, class: u64, seq: u64) -> Result<(), Fault> {
        while self.receipts[class as usize] < seq {
            self.hear().await.map_err(|ended| format!("{ended:?}"))?;
        }
        Ok(())
    }

    /// Waits for the end, hearing what comes before it.
    pub async fn end(&mut self) -> Ended {
        loop {
            if let Err(ended) = self.hear().await {
                return ended;
            }
        }
    }
}

fn ended(error: &Error) -> Ended {
    match error {
        Error::Application { error, .. } => Ended::Application((*error).into()),
        other => Ended::Otherwise(other.to_string()),
    }
}
