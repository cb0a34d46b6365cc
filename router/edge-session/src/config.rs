//! What an operator may set about sessions, checked once.
//!
//! In: values that `edge-config` read. Out: a [`Config`] whose [`check`](Config::check) passed. Deliberately absent:
//! text, files, keys and tokens' issuers (see [`TokenVerifier`](crate::TokenVerifier)), and anything that changes while
//! the daemon runs.

use std::time::Duration;

use edge_event::NodeId;
use edge_event::identity::CLASSES;
use edge_wire::limits::{EVENT_PAYLOAD_BYTES_DEFAULT, EVENT_PAYLOAD_BYTES_MAX};

use crate::budget::Budget;
use crate::transport::TransportLimits;

/// Limits and deadlines of one shard's sessions.
///
/// # Defaults
/// * handshake and HELLO within 3 s each, a partial frame within 5 s, our words read within 10 s, idle after 15 s (a
///   client may ask for 5 to 60 s)
/// * Retry above 64 unvalidated half-open connections, Initials dropped above 4,096 handshakes, 60,000 connections a
///   shard
/// * 256 outstanding events a class, payloads up to 16 KiB
/// * receipts after 25 ms or 16 events
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// This machine, as WELCOME tells it.
    pub node: NodeId,
    /// The run of the daemon on this node, `0..=15`: part of every connection id, so that two generations can share a
    /// port.
    pub generation: u8,
    /// From the first Initial to a complete handshake.
    pub handshake_deadline: Duration,
    /// From a complete handshake to a whole HELLO.
    pub hello_deadline: Duration,
    /// From the first byte of a frame (or of a stream's head) to its last.
    pub frame_deadline: Duration,
    /// How long what we say may wait for a client that does not read.
    pub write_deadline: Duration,
    /// Silence after which a session ends, where HELLO names none.
    pub idle_timeout: Duration,
    /// The shortest idle timeout a client may ask for.
    pub idle_timeout_min: Duration,
    /// The longest idle timeout a client may ask for.
    pub idle_timeout_max: Duration,
    /// How long a refused or moved session may take to fetch what was said to it, before the connection closes.
    pub linger: Duration,
    /// Half-open connections with an unvalidated address above which new ones are answered with Retry.
    pub retry_above: usize,
    /// Half-open connections above which Initials are dropped.
    pub handshakes_max: usize,
    /// Connections of one shard above which new ones are refused.
    pub connections_max: usize,
    /// Events of a class that may be without a receipt, by class; `1..=4096`.
    pub window_events: [u32; CLASSES],
    /// Largest payload of an event. WELCOME tells it.
    pub event_payload_bytes_max: u32,
    /// A receipt waits at most this long for company.
    pub receipt_delay: Duration,
    /// A receipt that covers this many events goes at once.
    pub receipt_batch: u32,
    /// Bytes of control frames that may wait for a client to read them; replies beyond it are dropped.
    pub control_backlog_bytes_max: usize,
    /// What a player's connection may do.
    pub client_budget: Budget,
    /// What a game server's connection may do.
    pub server_budget: Budget,
    /// What a client that spent its budget is told to wait before it comes again.
    pub budget_retry_after: Duration,
    /// The QUIC stack's own limits.
    pub transport: TransportLimits,
    /// Clients' clocks are compared with the shard's time instead of the monotonic clock. For playing recorded events only, where
    /// both ends live by a wall clock that is moved by hand; otherwise each of its steps would make events late.
    pub ages_by_wall: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            node: NodeId(0),
            generation: 0,
            handshake_deadline: Duration::from_secs(3),
            hello_deadline: Duration::from_secs(3),
            frame_deadline: Duration::from_secs(5),
            write_deadline: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(15),
            idle_timeout_min: Duration::from_secs(5),
            idle_timeout_max: Duration::from_secs(60),
            linger: Duration::from_secs(1),
            retry_above: 64,
            handshakes_max: 4096,
            connections_max: 60_000,
            window_events: [256; CLASSES],
            event_payload_bytes_max: 16 * 1024,
            receipt_delay: Duration::from_millis(25),
            receipt_batch: 16,
            control_backlog_bytes_max: 256 * 1024,
            client_budget: Budget::for_players(),
            server_budget: Budget::for_servers(),
            budget_retry_after: Duration::from_secs(10),
            transport: TransportLimits::default(),
            ages_by_wall: false,
        }
    }
}

/// A value that makes no sense. The operator's fault; never retried.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("session config: `{field}` is {found}: {expected}")]
pub struct ConfigError {
    /// The field, as in [`Config`].
    pub field: &'static str,
    /// What was found.
    pub found: String,
    /// What would be right.
    pub expected: &'static str,
}

impl Config {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let short = Duration::from_millis(100)..=Duration::from_secs(60);
        ensure(self.generation <= 15, "generation", self.generation, "0..=15")?;
        for (field, value) in [
            ("handshake_deadline", self.handshake_deadline),
            ("hello_deadline", self.hello_deadline),
            ("frame_deadline", self.frame_deadline),
            ("write_deadline", self.write_deadline),
        ] {
            ensure(short.contains(&value), field, format!("{value:?}"), "100 ms to 60 s")?;
        }
        ensure(
            self.idle_timeout_min >= Duration::from_secs(1) && self.idle_timeout_min <= self.idle_timeout,
            "idle_timeout_min",
            format!("{:?}", self.idle_timeout_min),
            "at least 1 s and at most `idle_timeout`",
        )?;
        ensure(
            self.idle_timeout <= self.idle_timeout_max && self.idle_timeout_max <= Duration::from_secs(600),
            "idle_timeout_max",
            format!("{:?}", self.idle_timeout_max),
            "at least `idle_timeout` and at most 600 s",
        )?;
        ensure(
            self.linger <= Duration::from_secs(10),
            "linger",
            format!("{:?}", self.linger),
            "at most 10 s, since the connection is kept for it",
        )?;
        ensure(
            self.retry_above <= self.handshakes_max,
            "retry_above",
            self.retry_above,
            "at most `handshakes_max`, else Retry never happens",
        )?;
        ensure(self.handshakes_max >= 1, "handshakes_max", self.handshakes_max, "at least 1")?;
        ensure(self.connections_max >= 1, "connections_max", self.connections_max, "at least 1")?;
        for window in self.window_events {
            ensure((1..=4096).contains(&window), "window_events", window, "1..=4096 for each class")?;
        }
        ensure(
            (EVENT_PAYLOAD_BYTES_DEFAULT..=EVENT_PAYLOAD_BYTES_MAX).contains(&(self.event_payload_bytes_max as usize)),
            "event_payload_bytes_max",
            self.event_payload_bytes_max,
            "16384 to 65536, the protocol's own limits",
        )?;
        ensure(
            self.receipt_delay <= Duration::from_secs(1),
            "receipt_delay",
            format!("{:?}", self.receipt_delay),
            "at most 1 s",
        )?;
        ensure(self.receipt_batch >= 1, "receipt_batch", self.receipt_batch, "at least 1")?;
        ensure(
            self.control_backlog_bytes_max >= 16 * 1024,
            "control_backlog_bytes_max",
            self.control_backlog_bytes_max,
            "at least 16 KiB, room for two control frames",
        )?;
        self.client_budget.check("client_budget")?;
        self.server_budget.check("server_budget")?;
        self.transport.check()
    }
}

pub(crate) fn ensure(
    ok: bool,
    field: &'static str,
    found: impl std::fmt::Display,
    expected: &'static str,
) -> Result<(), ConfigError> {
    if ok { Ok(()) } else { Err(ConfigError { field, found: found.to_string(), expected }) }
}
