//! What the daemon is told, resolved: each crate's own `Config`, and what the router itself needs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use edge_event::{NodeId, Provenance};
use edge_session::TokenTimes;

/// The whole configuration. Files are named, not read: that is the router's.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who we are.
    pub node: Node,
    /// Where clients connect.
    pub listen: Listen,
    /// Certificate, key and secret.
    pub tls: Tls,
    /// Who may sign tokens.
    pub tokens: Tokens,
    /// The bundle to start with.
    pub rules: Rules,
    /// The spool's directory and machine.
    pub spool: Spool,
    /// Where commands go.
    pub sink_file: SinkFile,
    /// The operator's ways in.
    pub control: Control,
    /// Of `edge-session`.
    pub session: edge_session::Config,
    /// Of `edge-shard`.
    pub shard: edge_shard::Config,
    /// SIGTERM.
    pub drain: Drain,
    /// Standard error.
    pub log: Log,
}

/// Who this machine is.
#[derive(Clone, Debug)]
pub struct Node {
    /// Unique in the fleet.
    pub id: NodeId,
    /// The site.
    pub pop: String,
    /// The region.
    pub region: String,
    /// Must be the bundle's.
    pub tenant: String,
}

/// Which kernel interface to use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// io_uring where it works.
    Auto,
    /// io_uring or nothing.
    Uring,
    /// System calls.
    Plain,
}

/// Sockets and shard threads.
#[derive(Clone, Debug)]
pub struct Listen {
    /// UDP.
    pub address: SocketAddr,
    /// `None`: one a core.
    pub shards: Option<u16>,
    /// Whether shards are pinned.
    pub pin: bool,
    /// `None`: the first that the process may use.
    pub cores: Option<Vec<usize>>,
    /// Of the sockets.
    pub door: Door,
    /// What else than `edge/1` a client may speak of in the handshake. Only on a loopback address.
    pub alpn_for_tests: Option<String>,
}

/// Files of TLS.
#[derive(Clone, Debug)]
pub struct Tls {
    /// PEM chain.
    pub certificate: PathBuf,
    /// PEM key.
    pub key: PathBuf,
    /// At least 32 random bytes.
    pub secret: Option<PathBuf>,
}

/// Tokens.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Leeway and longest lifetime.
    pub times: TokenTimes,
    /// The deny list's file.
    pub deny: Option<PathBuf>,
    /// At least one.
    pub issuers: Vec<Issuer>,
}

/// One issuer.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// For logs.
    pub name: String,
    /// Whom it vouches for.
    pub provenance: Provenance,
    /// What `aud` must contain.
    pub audience: String,
    /// What `iss` must be.
    pub iss: Option<String>,
    /// Titles it may sign for; empty: any.
    pub titles: Vec<String>,
    /// The JWKS file.
    pub jwks: PathBuf,
}

/// Rules.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The signed bundle.
    pub bundle: PathBuf,
    /// Keys that may sign.
    pub keys: PathBuf,
    /// Directory of what is remembered of the rules that served.
    pub store: Option<PathBuf>,
    /// How long rules must serve to have proved good.
    pub proved_after: Duration,
}

/// The spool.
#[derive(Clone, Debug)]
pub struct Spool {
    /// Its directory.
    pub directory: PathBuf,
    /// How it writes.
    pub door: Door,
    /// Of `edge-spool`.
    pub config: edge_spool::Config,
}

/// The file sink.
#[derive(Clone, Debug)]
pub struct SinkFile {
    /// Its directory.
    pub directory: PathBuf,
    /// A file that has reached this size is followed by the next.
    pub rotate_bytes: u64,
    /// How many files are kept.
    pub files_max: u64,
}

/// The operator's ways in.
#[derive(Clone, Debug)]
pub struct Control {
    /// Unix socket.
    pub socket: Option<PathBuf>,
    /// Pages for machines.
    pub http: Option<SocketAddr>,
}

/// SIGTERM.
#[derive(Clone, Debug)]
pub struct Drain {
    /// How long sessions have.
    pub within: Duration,
    /// Where MOVE sends them.
    pub endpoints: Vec<String>,
}

/// Standard error.
#[derive(Clone, Debug)]
pub struct Log {
    /// JSON lines, else text.
    pub json: bool,
    /// `error` to `trace`.
    pub level: String,
}
