//! How a client is made: settings, checked once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use edge_event::ProducerId;
use edge_wire::{ClientFrame, Hello, Token, limits};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::client::{Client, Handle};
use crate::clock::{ClientClock, GivenClock, unix_ms};
use crate::driver::drive;
use crate::error::BuildError;
use crate::journal::{Durability, Journal, Newborn};
use crate::link::server_name;
use crate::outbox::Outbox;
use crate::quic::{self, Identity};
use crate::shared::Shared;
use crate::stats::Stats;
use crate::token::{FixedToken, TokenProvider};
use crate::writer::sync_queue;

/// Settings of a client; see [`Client::builder`](crate::Client::builder).
///
/// # Defaults
/// * queue: 65,536 events, 16 MiB
/// * payload of a reliable event: 16,384 bytes, which every server takes
/// * connect timeout: 5 s; back-off: 100 ms to 30 s
/// * idle timeout: 15 s, kept alive
/// * datagrams: sent at most 5 ms after their first event
/// * durability: [`Durability::Process`]
#[must_use = "a builder does nothing until `start`"]
pub struct ClientBuilder {
    endpoints: Vec<String>,
    roots: RootCertStore,
    identity: Option<Identity>,
    tokens: Option<Arc<dyn TokenProvider>>,
    hello: Hello,
    state: Option<StateDir>,
    durability: Durability,
    queue_events_max: usize,
    queue_bytes_max: usize,
    event_payload_bytes_max: usize,
    connect_timeout: Duration,
    backoff: (Duration, Duration),
    idle_timeout: Duration,
    datagram_delay: Duration,
    bind: Option<SocketAddr>,
    clock: Option<GivenClock>,
    producer: Option<ProducerId>,
}

enum StateDir {
    Memory,
    Dir(PathBuf),
}

/// The checked settings.
pub(crate) struct Config {
    pub(crate) endpoints: Vec<String>,
    pub(crate) tokens: Arc<dyn TokenProvider>,
    /// All but the token, the receipts and the clock.
    pub(crate) hello: Hello,
    pub(crate) quic: quinn::ClientConfig,
    /// `None`: memory only.
    pub(crate) durability: Option<Durability>,
    pub(crate) queue_events_max: usize,
    pub(crate) queue_bytes_max: usize,
    pub(crate) event_payload_bytes_max: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) backoff_min: Duration,
    pub(crate) backoff_max: Duration,
    pub(crate) datagram_delay: Duration,
    pub(crate) bind: Option<SocketAddr>,
}

impl ClientBuilder {
    pub(crate) fn new() -> ClientBuilder {
        ClientBuilder {
            endpoints: Vec::new(),
            roots: RootCertStore::empty(),
            identity: None,
            tokens: None,
            hello: Hello::default(),
            state: None,
            durability: Durability::default(),
            queue_events_max: 65_536,
            queue_bytes_max: 16 << 20,
            event_payload_bytes_max: limits::EVENT_PAYLOAD_BYTES_DEFAULT,
            connect_timeout: Duration::from_secs(5),
            backoff: (Duration::from_millis(100), Duration::from_secs(30)),
            idle_timeout: Duration::from_secs(15),
            datagram_delay: Duration::from_millis(5),
            bind: None,
            clock: None,
            producer: None,
        }
    }

    /// Adds an endpoint, `host:port`, best first. The host is also the name that the server's certificate must have.
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> ClientBuilder {
        self.endpoints.push(endpoint.into());
        self
    }

    /// Adds several endpoints.
    pub fn endpoints<S: Into<String>>(mut self, endpoints: impl IntoIterator<Item = S>) -> ClientBuilder {
        self.endpoints.extend(endpoints.into_iter().map(Into::into));
        self
    }

    /// Adds a root certificate in DER.
    ///
    /// # Errors
    /// [`BuildError::Certificate`].
    pub fn root_der(mut self, certificate: impl Into<Vec<u8>>) -> Result<ClientBuilder, BuildError> {
        let added = self.roots.add(CertificateDer::from(certificate.into()));
        added.map_err(|error| BuildError::Certificate(error.to_string()))?;
        Ok(self)
    }

    /// Adds all root certificates of a PEM text.
    ///
    /// # Errors
    /// [`BuildError::Certificate`].
    pub fn roots_pem(mut self, pem: &[u8]) -> Result<ClientBuilder, BuildError> {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let added = certificate.map_err(|error| error.to_string()).map(|certificate| self.roots.add(certificate));
            added.and_then(|added| added.map_err(|error| error.to_string())).map_err(BuildError::Certificate)?;
        }
        Ok(self)
    }

    /// Authenticates a game server by a certificate, too (mTLS): chain and key as PEM texts.
    ///
    /// # Errors
    /// [`BuildError::Certificate`].
    pub fn identity_pem(mut self, chain: &[u8], key: &[u8]) -> Result<ClientBuilder, BuildError> {
        let failed = |error: rustls::pki_types::pem::Error| BuildError::Certificate(error.to_string());
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        self.identity = Some((chain, PrivateKeyDer::from_pem_slice(key).map_err(failed)?));
        Ok(self)
    }

    /// Asked for a fresh token before each connection and before a token ends.
    pub fn token_provider(mut self, tokens: impl TokenProvider) -> ClientBuilder {
        self.tokens = Some(Arc::new(tokens));
        self
    }

    /// One token for the client's whole life; for tests and tools, since tokens live minutes.
    pub fn token(self, token: impl Into<String>) -> ClientBuilder {
        self.token_provider(FixedToken(token.into()))
    }

    /// The client's build, e.g. `4.10.0`; at most 64 bytes.
    pub fn build(mut self, build: impl Into<String>) -> ClientBuilder {
        self.hello.build = build.into();
        self
    }

    /// E.g. `pc`, `ps5`; at most 32 bytes.
    pub fn platform(mut self, platform: impl Into<String>) -> ClientBuilder {
        self.hello.platform = platform.into();
        self
    }

    /// BCP 47, e.g. `pt-BR`; at most 35 bytes.
    pub fn locale(mut self, locale: impl Into<String>) -> ClientBuilder {
        self.hello.locale = locale.into();
        self
    }

    /// Adds a free attribute: a name of at most 32 bytes, a value of at most 128; at most 16 of them.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> ClientBuilder {
        self.hello.attributes.push((name.into(), value.into()));
        self
    }

    /// BLAKE3 of the catalogue that the client was built with.
    pub fn catalogue_digest(mut self, digest: [u8; limits::CATALOGUE_DIGEST_BYTES]) -> ClientBuilder {
        self.hello.catalogue_digest = digest;
        self
    }

    /// Keeps the producer's id and the queue in a directory of its own; it is made where it is not there.
    pub fn state_dir(mut self, dir: impl Into<PathBuf>) -> ClientBuilder {
        self.state = Some(StateDir::Dir(dir.into()));
        self
    }

    /// Keeps the queue in memory only: events without a receipt are lost with the process, and each start is a new producer.
    pub fn memory_only(mut self) -> ClientBuilder {
        self.state = Some(StateDir::Memory);
        self
    }

    /// What a queued event survives.
    pub fn durability(mut self, durability: Durability) -> ClientBuilder {
        self.durability = durability;
        self
    }

    /// Limits the queue; `send` waits when it is full. One event is always taken.
    pub fn queue_limit(mut self, events: usize, bytes: usize) -> ClientBuilder {
        (self.queue_events_max, self.queue_bytes_max) = (events.max(1), bytes);
        self
    }

    /// Raises what a reliable event's payload may have, at most to 65,536 bytes. Only where all your servers grant it.
    pub fn event_payload_limit(mut self, bytes: usize) -> ClientBuilder {
        self.event_payload_bytes_max = bytes.min(limits::EVENT_PAYLOAD_BYTES_MAX);
        self
    }

    /// How long one attempt may take, the token's making apart.
    pub fn connect_timeout(mut self, timeout: Duration) -> ClientBuilder {
        self.connect_timeout = timeout;
        self
    }

    /// The shortest and the longest wait between attempts.
    pub fn backoff(mut self, min: Duration, max: Duration) -> ClientBuilder {
        self.backoff = (min, max.max(min));
        self
    }

    /// After how long a silent connection is given up; kept alive at a third of it.
    pub fn idle_timeout(mut self, timeout: Duration) -> ClientBuilder {
        self.idle_timeout = timeout;
        self
    }

    /// How long a datagram that is not full waits for more events.
    pub fn datagram_delay(mut self, delay: Duration) -> ClientBuilder {
        self.datagram_delay = delay;
        self
    }

    /// The local address; by default any, IPv6 and IPv4.
    pub fn bind(mut self, address: SocketAddr) -> ClientBuilder {
        self.bind = Some(address);
        self
    }

    /// Stamps events by a clock of the application's own, in milliseconds from any beginning: for a game whose time is not the
    /// machine's, and for tools that play recorded events. It must never go back, and a client with a directory must go on with
    /// it after a restart.
    pub fn clock(mut self, read_ms: impl Fn() -> u64 + Send + Sync + 'static) -> ClientBuilder {
        self.clock = Some(Arc::new(read_ms));
        self
    }

    /// Names the producer of a client whose queue is in memory only; otherwise it is made at random. For tools that play recorded
    /// events: numbers begin at 1, so a server that has seen the producer takes what comes for resends.
    pub fn producer(mut self, producer: ProducerId) -> ClientBuilder {
        self.producer = Some(producer);
        self
    }

    /// Opens the queue and starts the background tasks on the current tokio runtime. Does not wait for a connection.
    ///
    /// # Errors
    /// What is missing or wrong in the settings; nothing was started then.
    pub fn start(self) -> Result<Client, BuildError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        self.endpoints.iter().try_for_each(|endpoint| check_endpoint(endpoint))?;
        if self.endpoints.is_empty() {
            return Err(BuildError::NoEndpoint);
        }
        let newborn = Newborn { producer: self.producer.unwrap_or_else(new_producer), created_unix_ms: unix_ms() };
        let state = self.state.as_ref().ok_or(BuildError::NoState)?;
        let durability = matches!(state, StateDir::Dir(_)).then_some(self.durability);
        let mut config = self.config(durability)?;
        let socket = quic::socket(self.bind)?;
        let (journal, outbox, clock, stats) = self.open_state(&mut config, newborn)?;
        let clock = self.clock.clone().map_or(clock, ClientClock::Given);
        let shared = Arc::new(Shared::new(config, journal, outbox, clock, stats));
        let syncing = shared.waits_for_sync().then(|| runtime.spawn(sync_queue(Arc::clone(&shared))));
        runtime.spawn(drive(Arc::clone(&shared), socket));
        Ok(Client(Arc::new(Handle { shared, syncing })))
    }

    fn open_state(
        &self,
        config: &mut Config,
        newborn: Newborn,
    ) -> Result<(Option<Journal>, Outbox, ClientClock, Stats), BuildError> {
        let Some(StateDir::Dir(dir)) = &self.state else {
            config.hello.producer = newborn.producer;
            let clock = ClientClock::resume(newborn.created_unix_ms, 0);
            return Ok((None, Outbox::default(), clock, Stats::default()));
        };
        let (journal, recovered) = Journal::open(dir, self.durability, newborn)?;
        config.hello.producer = recovered.producer;
        let clock = ClientClock::resume(recovered.created_unix_ms, recovered.latest_client_ms);
        let recovered_events = recovered.outbox.outstanding() as u64;
        let stats = Stats { recovered: recovered_events, cut_bytes: recovered.cut_bytes, ..Stats::default() };
        if recovered.cut_bytes > 0 {
            tracing::warn!(bytes = recovered.cut_bytes, "a torn tail of the queue was cut");
        }
        Ok((Some(journal), recovered.outbox, clock, stats))
    }

    fn config(&self, durability: Option<Durability>) -> Result<Config, BuildError> {
        let tokens = self.tokens.clone().ok_or(BuildError::NoToken)?;
        let hello = Hello { idle_timeout_ms: self.idle_timeout.as_millis() as u64, ..self.hello.clone() };
        check_hello(&hello)?;
        Ok(Config {
            endpoints: self.endpoints.clone(),
            tokens,
            hello,
            quic: quic::config(&self.roots, self.identity.as_ref(), self.idle_timeout)?,
            durability,
            queue_events_max: self.queue_events_max,
            queue_bytes_max: self.queue_bytes_max,
            event_payload_bytes_max: self.event_payload_bytes_max,
            connect_timeout: self.connect_timeout,
            backoff_min: self.backoff.0,
            backoff_max: self.backoff.1,
            datagram_delay: self.datagram_delay,
            bind: self.bind,
        })
    }
}

fn check_endpoint(endpoint: &str) -> Result<(), BuildError> {
    let port = endpoint.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    let named = rustls::pki_types::ServerName::try_from(server_name(endpoint)).is_ok();
    if port.is_some_and(|port| port != 0) && named { Ok(()) } else { Err(BuildError::Endpoint(endpoint.to_owned())) }
}

/// Tries the encoder with stand-ins for what is not known yet.
fn check_hello(hello: &Hello) -> Result<(), BuildError> {
    let hello = Hello { token: Token("t".into()), producer: ProducerId([1; 16]), ..hello.clone() };
    ClientFrame::Hello(Box::new(hello)).encode(&mut Vec::new()).map_err(BuildError::Hello)
}

fn new_producer() -> ProducerId {
    let mut id = [0; 16];
    SystemRandom::new().fill(&mut id).expect("the system gives random bytes");
    ProducerId(id)
}
