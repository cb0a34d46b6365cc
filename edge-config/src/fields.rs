//! Every key there is: its kind, its default, and what it means. The one table behind the reader, the reference and
//! the errors.
//!
//! What comes in: nothing. What goes out: [`FIELDS`]. Deliberately absent: how text becomes a value (`value.rs`), and what
//! values mean together (`resolve.rs`).

/// What a key's value looks like.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Kind {
    /// Any text within this many bytes.
    Text(usize),
    /// A file or folder; relative to the folder of the config file.
    Path,
    /// `"25ms"`, `"15s"`, `"30min"`, `"7d"`.
    Duration,
    /// `"64MiB"`, `"16KiB"`, `"512B"`.
    Size,
    /// A whole number in a range.
    Int(i64, i64),
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A list of whole numbers.
    Ints(i64, i64),
    /// `{ a_second = 500, burst = 2000 }`.
    Rate,
}

/// What happens when a key is not there.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Absent {
    /// This is taken, written as in the file.
    Default(&'static str),
    /// The file is refused.
    Refused,
    /// It is left out; the text says what that means. The example stands in the reference.
    Means(&'static str, &'static str),
}

/// One key.
pub(crate) struct Field {
    /// Its place, e.g. `session.idle_timeout`; `tokens.issuers[]` marks a list of tables.
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    pub(crate) absent: Absent,
    /// What it means, for the reference.
    pub(crate) doc: &'static str,
}

/// What each table of the file is about, in the order of the reference.
pub(crate) const TABLES: &[(&str, &str)] = &[
    ("node", "Who this machine is in the fleet."),
    ("listen", "Where clients connect, and the threads that serve them."),
    ("tls", "The certificate that clients see."),
    ("tokens", "Who may sign the tokens of clients and game servers."),
    ("tokens.issuers[]", "One issuer; repeat the table for more. The key that signed a token decides its provenance."),
    ("rules", "The signed rules to start with. SIGHUP reads them again."),
    ("spool", "The durable log of commands."),
    ("sink.file", "Where commands go: JSON lines, the embedded default."),
    ("control", "The operator's socket and the pages for machines."),
    ("session", "Deadlines and limits of one client's session."),
    ("session.client_budget", "What one player's connection may do: rates, and how much may come at once."),
    ("session.server_budget", "What one game server's connection may do."),
    ("shard", "Queues between the threads, and how long resends are recognised."),
    ("drain", "What happens on SIGTERM."),
    ("log", "What is written to standard error."),
];

use Absent::{Default, Means, Refused};

const fn field(path: &'static str, kind: Kind, absent: Absent, doc: &'static str) -> Field {
    Field { path, kind, absent, doc }
}

const DOORS: Kind = Kind::Word(&["auto", "io_uring", "plain"]);

/// Every key, table by table.
pub(crate) const FIELDS: &[Field] = &[
    field(
        "node.id",
        Kind::Int(1, u32::MAX as i64),
        Refused,
        "Unique in the fleet: it is part of the identity of datagram events.",
    ),
    field("node.pop", Kind::Text(64), Default("\"\""), "The site, e.g. `fra1`; for people and metrics."),
    field("node.region", Kind::Text(64), Default("\"\""), "The region the site belongs to, e.g. `eu`."),
    field("node.tenant", Kind::Text(64), Default("\"default\""), "Must be the tenant of the bundle."),
    field(
        "listen.address",
        Kind::Text(64),
        Default("\"0.0.0.0:4433\""),
        "UDP address and port; 443 is recommended in production.",
    ),
    field(
        "listen.shards",
        Kind::Int(1, 256),
        Means("one for each core that this process may use", "2"),
        "How many shard threads.",
    ),
    field("listen.pin", Kind::Bool, Default("true"), "Whether each shard stays on its core."),
    field(
        "listen.cores",
        Kind::Ints(0, 4095),
        Means("the first cores this process may use", "[0, 1]"),
        "The core of each shard, in order.",
    ),
    field(
        "listen.door",
        DOORS,
        Default("\"auto\""),
        "`auto` takes io_uring where the kernel allows it, else epoll with recvmmsg.",
    ),
    field(
        "listen.generation",
        Kind::Int(0, 15),
        Default("0"),
        "Part of every connection id; differs between two daemons that share a port.",
    ),
    field(
        "listen.alpn_for_tests",
        Kind::Text(64),
        Default("\"\""),
        "Another protocol name to agree to, for tests with clients that cannot choose theirs; only on a loopback address. Empty: none.",
    ),
    field("tls.certificate", Kind::Path, Refused, "PEM chain, the server's own certificate first."),
    field("tls.key", Kind::Path, Refused, "PEM private key."),
    field(
        "tls.secret",
        Kind::Path,
        Means("a new one at each start: clients notice a restart only by time-outs", "\"quic.secret\""),
        "File of at least 32 random bytes; keys for Retry, stateless resets and connection ids follow from it.",
    ),
    field("tokens.leeway", Kind::Duration, Default("\"30s\""), "How far the issuer's clock may be from ours."),
    field("tokens.lifetime_max", Kind::Duration, Default("\"1h\""), "Longest accepted distance from now to `exp`."),
    field(
        "tokens.deny",
        Kind::Path,
        Means("nobody is denied", "\"deny.json\""),
        "JSON with `subjects`, `keys`, `tokens` to refuse; SIGHUP reads it again and closes live sessions.",
    ),
    field("tokens.issuers[].name", Kind::Text(64), Refused, "For logs."),
    field(
        "tokens.issuers[].provenance",
        Kind::Word(&["client", "server"]),
        Refused,
        "Whom it vouches for: players, or game servers.",
    ),
    field("tokens.issuers[].audience", Kind::Text(256), Refused, "What `aud` must contain."),
    field(
        "tokens.issuers[].iss",
        Kind::Text(256),
        Means("`iss` is not checked", "\"https://login.example\""),
        "What `iss` must be.",
    ),
    field("tokens.issuers[].titles", Kind::Texts, Default("[]"), "Titles it may sign for; empty: any."),
    field(
        "tokens.issuers[].jwks",
        Kind::Path,
        Refused,
        "JWKS file with Ed25519 and P-256 keys; SIGHUP reads it again.",
    ),
    field("rules.bundle", Kind::Path, Refused, "The signed bundle."),
    field("rules.keys", Kind::Path, Refused, "Public keys that may sign bundles."),
    field(
        "rules.store",
        Kind::Path,
        Means("a restart forgets which rules served", "\"rules\""),
        "Directory of what is remembered of the rules: the bundles that served, to start with and to step back to; the newest revision of each signing key, so that an older bundle is refused after a restart, too; who changed what when.",
    ),
    field(
        "rules.proved_after",
        Kind::Duration,
        Default("\"60s\""),
        "Rules that served so long without a crash have proved good: what to step back to, by hand or after three starts of newer ones in vain.",
    ),
    field(
        "spool.directory",
        Kind::Path,
        Refused,
        "A directory of its own, on a disk that tells the truth about fsync.",
    ),
    field("spool.segment", Kind::Size, Default("\"64MiB\""), "Size of each segment file."),
    field("spool.limit", Kind::Size, Default("\"64GiB\""), "At this size new work is refused."),
    field(
        "spool.commit_window",
        Kind::Duration,
        Default("\"1ms\""),
        "How long a record waits for others to share its fsync.",
    ),
    field(
        "spool.checkpoint_every",
        Kind::Size,
        Default("\"256MiB\""),
        "How much is written between two checkpoints of durable state.",
    ),
    field(
        "spool.door",
        DOORS,
        Default("\"auto\""),
        "`auto` takes tokio-uring where the kernel allows it, else plain calls.",
    ),
    field("sink.file.directory", Kind::Path, Refused, "Where the files `commands-….jsonl` go."),
    field(
        "sink.file.rotate",
        Kind::Size,
        Default("\"64MiB\""),
        "A file that has reached this size is followed by the next.",
    ),
    field(
        "sink.file.keep",
        Kind::Int(1, 100_000),
        Default("1024"),
        "How many files are kept; the oldest beyond are removed, delivered or read by nobody.",
    ),
    field(
        "control.socket",
        Kind::Path,
        Means("no control socket", "\"control.sock\""),
        "Unix socket for `edgectl`; mode 0600, so our own user and root.",
    ),
    field(
        "control.http",
        Kind::Text(64),
        Means("no pages", "\"127.0.0.1:9464\""),
        "Address of `/metrics`, `/healthz`, `/readyz`. Not for the outside.",
    ),
    field(
        "session.handshake_deadline",
        Kind::Duration,
        Default("\"3s\""),
        "From a client's first packet to a complete handshake.",
    ),
    field("session.hello_deadline", Kind::Duration, Default("\"3s\""), "From the handshake to a whole HELLO."),
    field("session.frame_deadline", Kind::Duration, Default("\"5s\""), "From a frame's first byte to its last."),
    field(
        "session.write_deadline",
        Kind::Duration,
        Default("\"10s\""),
        "How long what we say may wait for a client that does not read.",
    ),
    field("session.idle_timeout", Kind::Duration, Default("\"15s\""), "Silence after which a session ends."),
    field(
        "session.window_events",
        Kind::Int(1, 4096),
        Default("256"),
        "Events of a class that may be without a receipt.",
    ),
    field("session.payload_max", Kind::Size, Default("\"16KiB\""), "Largest event; WELCOME tells clients."),
    field("session.receipt_delay", Kind::Duration, Default("\"25ms\""), "A receipt waits this long for company."),
    field(
        "session.receipt_batch",
        Kind::Int(1, 4096),
        Default("16"),
        "A receipt that covers this many events goes at once.",
    ),
    field(
        "session.retry_above",
        Kind::Int(0, 1_000_000),
        Default("64"),
        "Half-open connections of a shard above which addresses must prove themselves first.",
    ),
    field(
        "session.handshakes_max",
        Kind::Int(1, 1_000_000),
        Default("4096"),
        "Half-open connections of a shard above which packets of new ones are dropped.",
    ),
    field(
        "session.connections_max",
        Kind::Int(1, 1_000_000),
        Default("60000"),
        "Connections of a shard above which new ones are refused.",
    ),
    field(
        "session.retry_after",
        Kind::Duration,
        Default("\"10s\""),
        "How long a client that spent its budget is told to stay away.",
    ),
    field("session.client_budget.events", Kind::Rate, Default("{ a_second = 500, burst = 2000 }"), "Events."),
    field(
        "session.client_budget.bytes",
        Kind::Rate,
        Default("{ a_second = 131072, burst = 1048576 }"),
        "Bytes of payloads.",
    ),
    field(
        "session.client_budget.datagrams",
        Kind::Rate,
        Default("{ a_second = 250, burst = 500 }"),
        "Datagrams with events.",
    ),
    field(
        "session.client_budget.strikes",
        Kind::Rate,
        Default("{ a_second = 100, burst = 2000 }"),
        "Datagrams beyond the budget before the connection is closed.",
    ),
    field(
        "session.client_budget.streams",
        Kind::Rate,
        Default("{ a_second = 2, burst = 32 }"),
        "Streams opened. Past it and what follows: closed.",
    ),
    field(
        "session.client_budget.resets",
        Kind::Rate,
        Default("{ a_second = 20, burst = 200 }"),
        "Streams reset or stopped.",
    ),
    field(
        "session.client_budget.frames",
        Kind::Rate,
        Default("{ a_second = 5000, burst = 20000 }"),
        "QUIC frames of any kind; at least four times `events`.",
    ),
    field(
        "session.client_budget.retirements",
        Kind::Rate,
        Default("{ a_second = 1, burst = 100 }"),
        "Connection ids retired.",
    ),
    field(
        "session.client_budget.new_ids",
        Kind::Rate,
        Default("{ a_second = 1, burst = 100 }"),
        "Connection ids announced.",
    ),
    field(
        "session.client_budget.paths",
        Kind::Rate,
        Default("{ a_second = 1, burst = 32 }"),
        "Paths asked about and addresses changed.",
    ),
    field(
        "session.client_budget.packets",
        Kind::Rate,
        Default("{ a_second = 2000, burst = 4000 }"),
        "UDP datagrams; at least twice `events`. Past it they are not read; nobody is closed for it.",
    ),
    field(
        "session.client_budget.packets_a_turn",
        Kind::Int(16, 65_536),
        Default("256"),
        "UDP datagrams that are read in one turn of the loop; at least a 64th of what `events` lets come at once.",
    ),
    field(
        "session.client_budget.reply_bytes",
        Kind::Rate,
        Default("{ a_second = 32768, burst = 262144 }"),
        "Bytes of replies. Past it replies are dropped.",
    ),
    field("session.server_budget.events", Kind::Rate, Default("{ a_second = 100000, burst = 200000 }"), "Events."),
    field(
        "session.server_budget.bytes",
        Kind::Rate,
        Default("{ a_second = 33554432, burst = 67108864 }"),
        "Bytes of payloads.",
    ),
    field(
        "session.server_budget.datagrams",
        Kind::Rate,
        Default("{ a_second = 100000, burst = 200000 }"),
        "Datagrams with events.",
    ),
    field(
        "session.server_budget.strikes",
        Kind::Rate,
        Default("{ a_second = 10000, burst = 200000 }"),
        "Datagrams beyond the budget before the connection is closed.",
    ),
    field(
        "session.server_budget.streams",
        Kind::Rate,
        Default("{ a_second = 2, burst = 32 }"),
        "Streams opened. Past it and what follows: closed.",
    ),
    field(
        "session.server_budget.resets",
        Kind::Rate,
        Default("{ a_second = 20, burst = 200 }"),
        "Streams reset or stopped.",
    ),
    field(
        "session.server_budget.frames",
        Kind::Rate,
        Default("{ a_second = 400000, burst = 800000 }"),
        "QUIC frames of any kind; at least four times `events`.",
    ),
    field(
        "session.server_budget.retirements",
        Kind::Rate,
        Default("{ a_second = 1, burst = 100 }"),
        "Connection ids retired.",
    ),
    field(
        "session.server_budget.new_ids",
        Kind::Rate,
        Default("{ a_second = 1, burst = 100 }"),
        "Connection ids announced.",
    ),
    field(
        "session.server_budget.paths",
        Kind::Rate,
        Default("{ a_second = 1, burst = 32 }"),
        "Paths asked about and addresses changed.",
    ),
    field(
        "session.server_budget.packets",
        Kind::Rate,
        Default("{ a_second = 200000, burst = 400000 }"),
        "UDP datagrams; at least twice `events`. Past it they are not read; nobody is closed for it.",
    ),
    field(
        "session.server_budget.packets_a_turn",
        Kind::Int(16, 65_536),
        Default("4096"),
        "UDP datagrams that are read in one turn of the loop; at least a 64th of what `events` lets come at once.",
    ),
    field(
        "session.server_budget.reply_bytes",
        Kind::Rate,
        Default("{ a_second = 1048576, burst = 4194304 }"),
        "Bytes of replies. Past it replies are dropped.",
    ),
    field(
        "shard.forward_slots",
        Kind::Int(16, 1_000_000),
        Default("1024"),
        "Messages that may wait for another shard.",
    ),
    field("shard.record_slots", Kind::Int(16, 1_000_000), Default("4096"), "Records that may wait for the spool."),
    field("shard.waiting_slots", Kind::Int(16, 10_000_000), Default("65536"), "Events that may wait for a commit."),
    field("shard.mark_memory", Kind::Duration, Default("\"7d\""), "How long a producer's resends are recognised."),
    field(
        "shard.player_events",
        Kind::Rate,
        Means("twice what one connection of a player may do", "{ a_second = 1000, burst = 4000 }"),
        "Events of all connections of one player.",
    ),
    field(
        "shard.player_bytes",
        Kind::Rate,
        Means("twice what one connection of a player may do", "{ a_second = 262144, burst = 2097152 }"),
        "Bytes of payloads of all connections of one player.",
    ),
    field("shard.player_sessions", Kind::Int(1, 10_000), Default("16"), "Sessions that one player may have at once."),
    field("drain.within", Kind::Duration, Default("\"30s\""), "How long sessions have to move before they are closed."),
    field(
        "drain.endpoints",
        Kind::Texts,
        Default("[]"),
        "Where MOVE sends clients, best first; empty: their own list.",
    ),
    field("log.format", Kind::Word(&["text", "json"]), Default("\"text\""), "Lines for people or for machines."),
    field(
        "log.level",
        Kind::Word(&["error", "warn", "info", "debug", "trace"]),
        Default("\"info\""),
        "What is written.",
    ),
];
