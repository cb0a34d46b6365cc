//! Request and response types of the control socket.
//!
//! What comes in: one JSON object a line, a [`Request`]. What goes out: one JSON object a line, a [`Response`], in the order
//! of the requests. A line is at most [`LINE_BYTES_MAX`] long. The socket is a Unix stream socket; the daemon
//! lets in the users whom its configuration names, by peer credentials.
//!
//! Deliberately absent: sockets (the daemon and `edgectl` bring their own) and anything about rules' content: a bundle
//! is opaque bytes here.

use serde::{Deserialize, Serialize};

/// The longest line either side accepts, bytes: a bundle of 16 MiB in base64, and room for its envelope.
pub const LINE_BYTES_MAX: usize = 24 << 20;

/// The version of these types. A daemon refuses a request of another major version.
pub const VERSION: u32 = 1;

/// What an operator, or `edgectl` for him, asks of the daemon.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// How is it going?
    Status,
    /// Verify this bundle and make it live on every shard.
    LoadBundle {
        /// The signed bytes, standard base64.
        bundle: String,
        /// Who asks, for the audit log; at most 128 bytes.
        #[serde(default)]
        by: String,
    },
    /// Make rules live again that served before and proved good.
    Rollback {
        /// Which revision; by default the one that proved good last, before those that serve.
        #[serde(default)]
        revision: Option<u64>,
        /// Who asks, for the audit log; at most 128 bytes.
        #[serde(default)]
        by: String,
        /// Why, for the audit log; at most 512 bytes.
        #[serde(default)]
        why: String,
    },
    /// Who changed the rules when?
    RulesLog {
        /// So many of the newest entries; at most 10,000 are told.
        last: u32,
    },
    /// Read the bundle file that the configuration names again, as SIGHUP does.
    Reload,
    /// Take no new session, send MOVE, finish what is here, then end: as SIGTERM does.
    Drain,
}

/// The daemon's answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "response", rename_all = "snake_case")]
pub enum Response {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::LoadBundle`], [`Request::Rollback`] and [`Request::Reload`]: it is live.
    Loaded(Loaded),
    /// To [`Request::RulesLog`].
    RulesLog(RulesLog),
    /// To [`Request::Drain`]: it has begun.
    Draining,
    /// The request was not carried out and nothing changed.
    Refused(Refusal),
}

/// Why a request was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {what}; {help}")]
pub struct Refusal {
    /// A stable word, e.g. `bundle_older`.
    pub code: String,
    /// What is wrong and where, in one line.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

/// A bundle that became live.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Loaded {
    /// Its revision.
    pub revision: u64,
    /// The revision that served before.
    pub replaced: u64,
    /// How many rules it holds.
    pub rules: u64,
    /// From the request's acceptance until the last shard had adopted it, milliseconds.
    pub live_after_ms: f64,
    /// What an operator should know though it is live, e.g. that it expires soon.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// How it is going.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// [`VERSION`].
    pub version: u32,
    /// The daemon's release.
    pub release: String,
    /// `starting`, `serving`, `draining`.
    pub phase: String,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// Who we are in the fleet.
    pub node: u32,
    /// The start epoch of the spool's writer.
    pub epoch: u64,
    /// The rule set that serves.
    pub revision: u64,
    /// More about it.
    #[serde(default)]
    pub rules: RulesStatus,
    /// Each shard's own state.
    pub shards: Vec<ShardStatus>,
    /// The spool.
    pub spool: SpoolStatus,
    /// Where commands go.
    #[serde(default)]
    pub sink: SinkStatus,
    /// A line for each thread that stands still: which, for how long, and what the kernel says of it.
    #[serde(default)]
    pub stuck: Vec<String>,
    /// The ledger of events and commands. Shards show it ten times a second, each at its own moment, so only at rest do
    /// its two ends agree to the last event.
    pub ledger: Ledger,
    /// Events that ended nowhere, or twice, at the latest consistent cut: exact under load, too. Must be 0.
    #[serde(default)]
    pub residual_events: i64,
    /// The same of commands between the rules and the spool.
    #[serde(default)]
    pub residual_commands: i64,
}

/// The rules that serve, and what could serve instead.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RulesStatus {
    /// Digest of the bundle, hexadecimal.
    pub digest: String,
    /// Packages inside.
    pub packages: Vec<String>,
    /// When it was built, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it expires, in milliseconds since 1970; it serves on.
    pub expires_ms: Option<i64>,
    /// Somebody stepped back to it, or a start did: what is deployed takes its place only where it is newer than all before.
    pub is_stepped_back_to: bool,
    /// Revisions that proved good here and are kept, the newest word last: what a rollback can go to.
    pub proved_good: Vec<u64>,
    /// Somebody changed the audit log.
    pub log_is_broken: bool,
}

/// The audit log of rules, or its end.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RulesLog {
    /// The oldest first.
    pub entries: Vec<RulesEntry>,
    /// Where the log was changed by somebody else; empty where it was not.
    pub broken: String,
    /// Hash of the newest entry, hexadecimal: kept elsewhere, it vouches for all entries up to it.
    pub newest: String,
}

/// One change of the rules.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RulesEntry {
    /// Counted from 1.
    pub n: u64,
    /// When, in milliseconds since 1970 by the node's wall clock.
    pub at_ms: i64,
    /// `start`, `load`, `reload`, `rollback`, `fell_back`, `proved_good`.
    pub what: String,
    /// The user who asked, as the kernel knows it; absent where the daemon did it by itself.
    pub uid: Option<u32>,
    /// The name that came with the request: its word.
    pub by: String,
    /// The reason that came with the request.
    pub why: String,
    /// The revision that it is about.
    pub revision: u64,
    /// The revision that served before; 0 where there was none.
    pub replaced: u64,
    /// The bundle's digest, hexadecimal.
    pub digest: String,
}

/// One shard.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ShardStatus {
    /// Which.
    pub shard: u16,
    /// `io_uring` or `epoll`.
    pub door: String,
    /// Sessions after WELCOME.
    pub sessions: u64,
    /// The revision it evaluates under.
    pub revision: u64,
}

/// The spool.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SpoolStatus {
    /// `healthy`, or why it takes nothing.
    pub state: String,
    /// `io_uring` or `plain`.
    pub door: String,
    /// Bytes in segments.
    pub bytes: u64,
    /// Records appended in this epoch.
    pub appended: u64,
    /// Records committed in this epoch.
    pub committed: u64,
}

/// The upstream's adapter.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SinkStatus {
    /// E.g. `file`.
    pub name: String,
    /// Why commands are not delivered at the moment; empty while they are.
    pub trouble: String,
}

/// Both ends of the ledger: what was accepted, and where it ended. Counted independently of each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Events that were accepted and sent to their owners, duplicates among them.
    pub accepted: u64,
    /// Events that had been accepted before: dropped by identity.
    pub duplicate: u64,
    /// Events that the catalogue refused before they were accepted; counted apart.
    pub rejected: u64,
    /// Ended as: at least one command.
    pub commanded: u64,
    /// Ended as: a rule matched and its gates held it back.
    pub suppressed: u64,
    /// Ended as: no rule matched.
    pub no_match: u64,
    /// Accepted and still on the way to an owner.
    pub in_flight: u64,
    /// Durable commands ordered by rules.
    pub commands: u64,
    /// Commands an upstream took.
    pub delivered: u64,
    /// Commands whose deadline passed first.
    pub expired: u64,
    /// Commands that can never succeed.
    pub quarantined: u64,
    /// Best-effort commands dropped under pressure.
    pub shed: u64,
    /// Commands between a rule and their end.
    pub pending: u64,
}

impl Ledger {
    /// Accepted events that ended nowhere, or somewhere twice. Must be 0.
    pub const fn residual_events(&self) -> i64 {
        let ended = self.duplicate + self.commanded + self.suppressed + self.no_match + self.in_flight;
        self.accepted as i64 - ended as i64
    }

    /// Commands that ended nowhere, or somewhere twice. Must be 0.
    pub const fn residual_commands(&self) -> i64 {
        let ended = self.delivered + self.expired + self.quarantined + self.shed + self.pending;
        self.commands as i64 - ended as i64
    }
}

/// One line for the socket, its newline included.
///
/// # Panics
/// Never: these types have no map with keys that are not text.
pub fn to_line<T: Serialize>(message: &T) -> String {
    let mut line = serde_json::to_string(message).expect("INVARIANT: admin types always serialise");
    line.push('\n');
    line
}

/// Reads one line of the socket.
///
/// # Errors
/// The line is longer than [`LINE_BYTES_MAX`] or not the JSON of a `T`; the text says where.
pub fn from_line<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, Refusal> {
    if line.len() > LINE_BYTES_MAX {
        return Err(Refusal {
            code: "line_too_long".into(),
            what: format!("a line of {} bytes; the limit is {LINE_BYTES_MAX}", line.len()),
            help: "send a smaller bundle".into(),
        });
    }
    serde_json::from_str(line).map_err(|e| Refusal {
        code: "not_understood".into(),
        what: e.to_string(),
        help: "send one JSON object a line, as `edgectl` of the same release does".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_line_and_reads_back() {
        for r in [Request::Status, Request::Reload, Request::LoadBundle { bundle: "AA==".into(), by: "ops".into() }] {
            let line = to_line(&r);
            assert_eq!(line.matches('\n').count(), 1);
            assert_eq!(from_line::<Request>(line.trim_end()).unwrap(), r);
        }
    }

    #[test]
    fn a_refusal_says_what_and_what_to_do() {
        let e = from_line::<Request>(r#"{"request":"load_bundle","bundle":"","x":1}"#).unwrap_err();
        assert_eq!(e.code, "not_understood");
        let e = from_line::<Request>(r#"{"request":"fly"}"#).unwrap_err();
        assert!(e.what.contains("fly"), "{e}");
    }

    #[test]
    fn the_residual_shows_what_ended_nowhere() {
        let l = Ledger { accepted: 10, commanded: 3, suppressed: 1, no_match: 4, in_flight: 1, ..Ledger::default() };
        assert_eq!(l.residual_events(), 1);
    }
}
