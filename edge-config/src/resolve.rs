//! From values by key to each crate's own `Config`, checked.
//!
//! What comes in: [`Values`] with defaults filled in. What goes out: a [`Config`], or the problems that only show when values
//! are seen together. Deliberately absent: text.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use edge_event::{NodeId, Provenance};
use edge_session::{Budget, Rate, TokenTimes};

use crate::config::{Config, Control, Door, Drain, Issuer, Listen, Log, Node, Rules, SinkFile, Spool, Tls, Tokens};
use crate::problem::Problem;
use crate::read::Values;
use crate::value::Value;

/// Values, the folder that paths start from, and what was wrong so far.
pub(crate) struct Resolver<'a> {
    values: &'a Values,
    base: &'a Path,
    problems: Vec<Problem>,
}

/// Builds the configuration out of complete values.
///
/// # Errors
/// Every problem that the crates' own checks find.
pub(crate) fn resolve(values: &Values, base: &Path) -> Result<Config, Vec<Problem>> {
    let mut r = Resolver { values, base, problems: Vec::new() };
    let mut config = Config {
        node: r.node(),
        listen: r.listen(),
        tls: Tls { certificate: r.path("tls.certificate"), key: r.path("tls.key"), secret: r.path_if("tls.secret") },
        tokens: r.tokens(),
        rules: Rules {
            bundle: r.path("rules.bundle"),
            keys: r.path("rules.keys"),
            store: r.path_if("rules.store"),
            proved_after: r.duration("rules.proved_after"),
        },
        spool: r.spool(),
        sink_file: r.sink_file(),
        control: Control { socket: r.path_if("control.socket"), http: r.address_if("control.http") },
        session: r.session(),
        shard: edge_shard::Config::default(),
        drain: Drain { within: r.duration("drain.within"), endpoints: r.texts("drain.endpoints") },
        log: Log { json: r.text("log.format") == "json", level: r.text("log.level") },
    };
    config.shard = r.shard(&config.session.client_budget);
    if config.tokens.issuers.is_empty() {
        r.problem("tokens.issuers", "is missing: nobody could connect", "add at least one [[tokens.issuers]]");
    }
    if r.problems.is_empty() { Ok(config) } else { Err(r.problems) }
}

impl Resolver<'_> {
    fn node(&mut self) -> Node {
        Node {
            id: NodeId(self.int("node.id") as u32),
            pop: self.text("node.pop"),
            region: self.text("node.region"),
            tenant: self.text("node.tenant"),
        }
    }

    fn listen(&mut self) -> Listen {
        let cores = match self.values.get("listen.cores") {
            Some(Value::Ints(cores)) => Some(cores.iter().map(|c| *c as usize).collect::<Vec<_>>()),
            _ => None,
        };
        let shards = self.int_if("listen.shards").map(|n| n as u16);
        if let (Some(cores), Some(shards)) = (&cores, shards)
            && cores.len() != usize::from(shards)
        {
            let what = format!("names {} cores for {shards} shards", cores.len());
            self.problem("listen.cores", &what, "name one core for each shard, or leave it out");
        }
        let address = self.address_if("listen.address").unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 4433)));
        let alpn_for_tests = Some(self.text("listen.alpn_for_tests")).filter(|name| !name.is_empty());
        if alpn_for_tests.is_some() && !address.ip().is_loopback() {
            let what = format!("is set, and others can reach {address}");
            self.problem("listen.alpn_for_tests", &what, "leave it out, or listen on 127.0.0.1");
        }
        Listen {
            address,
            shards: shards.or_else(|| cores.as_ref().map(|c| c.len() as u16)),
            pin: self.values.get("listen.pin") == Some(&Value::Bool(true)),
            cores,
            door: self.door("listen.door"),
            alpn_for_tests,
        }
    }

    fn tokens(&mut self) -> Tokens {
        let times =
            TokenTimes { leeway: self.duration("tokens.leeway"), lifetime_max: self.duration("tokens.lifetime_max") };
        let base = self.base;
        let issuers = self.values.issuers.iter().map(|issuer| issuer_of(issuer, base)).collect();
        Tokens { times, deny: self.path_if("tokens.deny"), issuers }
    }

    fn spool(&mut self) -> Spool {
        let mark_memory = self.duration("shard.mark_memory");
        let config = edge_spool::Config {
            segment_bytes: self.size("spool.segment"),
            log_bytes_max: self.size("spool.limit"),
            commit_window: self.duration("spool.commit_window"),
            checkpoint_every_bytes: self.size("spool.checkpoint_every"),
            mark_ttl_ms: mark_memory.as_millis() as i64,
            ..edge_spool::Config::default()
        };
        if let Err(why) = config.check() {
            let (key, what) = match why.field {
                "segment_bytes" => ("spool.segment", format!("is {} bytes; expected {}", why.value, why.must)),
                // The batch has no key of its own: it is the segment that is too small for it.
                "batch_bytes_max" => {
                    ("spool.segment", "is too small for a group commit; expected at least 4MiB".into())
                }
                "log_bytes_max" => ("spool.limit", format!("is {} bytes; expected {}", why.value, why.must)),
                "checkpoint_every_bytes" => {
                    ("spool.checkpoint_every", format!("is {} bytes; expected {}", why.value, why.must))
                }
                "mark_ttl_ms" => ("shard.mark_memory", format!("is {} ms; expected {}", why.value, why.must)),
                other => (other, format!("is {}; expected {}", why.value, why.must)),
            };
            self.problem(key, &what, "");
        }
        Spool { directory: self.path("spool.directory"), door: self.door("spool.door"), config }
    }

    fn sink_file(&self) -> SinkFile {
        SinkFile {
            directory: self.path("sink.file.directory"),
            rotate_bytes: self.size("sink.file.rotate"),
            files_max: self.int("sink.file.keep") as u64,
        }
    }

    fn session(&mut self) -> edge_session::Config {
        let mut config = edge_session::Config {
            node: NodeId(self.int("node.id") as u32),
            generation: self.int("listen.generation") as u8,
            handshake_deadline: self.duration("session.handshake_deadline"),
            hello_deadline: self.duration("session.hello_deadline"),
            frame_deadline: self.duration("session.frame_deadline"),
            write_deadline: self.duration("session.write_deadline"),
            idle_timeout: self.duration("session.idle_timeout"),
            retry_above: self.int("session.retry_above") as usize,
            handshakes_max: self.int("session.handshakes_max") as usize,
            connections_max: self.int("session.connections_max") as usize,
            window_events: [self.int("session.window_events") as u32; edge_event::identity::CLASSES],
            event_payload_bytes_max: u32::try_from(self.size("session.payload_max")).unwrap_or(u32::MAX),
            receipt_delay: self.duration("session.receipt_delay"),
            receipt_batch: self.int("session.receipt_batch") as u32,
            budget_retry_after: self.duration("session.retry_after"),
            ..edge_session::Config::default()
        };
        for (table, budget) in
            [("session.client_budget", &mut config.client_budget), ("session.server_budget", &mut config.server_budget)]
        {
            for (name, rate) in rates_of(budget) {
                if let Some(given) = self.rate_if(&format!("{table}.{name}")) {
                    *rate = given;
                }
            }
            budget.packets_a_turn = self.int(&format!("{table}.packets_a_turn")) as u32;
            // A packet may bring an event and a few frames about it; whoever may send more events may send more frames.
            let floor = budget.events.a_second.saturating_mul(4);
            budget.frames.a_second = budget.frames.a_second.max(floor);
            budget.frames.burst = budget.frames.burst.max(budget.events.burst.saturating_mul(4));
            budget.packets.a_second = budget.packets.a_second.max(budget.events.a_second.saturating_mul(2));
            budget.packets.burst = budget.packets.burst.max(budget.events.burst.saturating_mul(2));
            budget.packets_a_turn = budget.packets_a_turn.max(budget.events.burst / 64);
        }
        config.idle_timeout_min = config.idle_timeout_min.min(config.idle_timeout);
        config.idle_timeout_max = config.idle_timeout_max.max(config.idle_timeout);
        if let Err(why) = config.check() {
            let key = match why.field {
                "event_payload_bytes_max" => "session.payload_max".to_owned(),
                other => format!("session.{other}"),
            };
            self.problem(&key, &format!("is {}; expected {}", why.found, why.expected), "");
        }
        config
    }

    /// A player may do twice what one of its connections may, where nothing else is said.
    fn shard(&mut self, connection: &Budget) -> edge_shard::Config {
        edge_shard::Config {
            player_events: self.rate_if("shard.player_events").unwrap_or_else(|| twice(connection.events)),
            player_bytes: self.rate_if("shard.player_bytes").unwrap_or_else(|| twice(connection.bytes)),
            player_sessions_max: self.int("shard.player_sessions") as usize,
            forward_slots: self.int("shard.forward_slots") as usize,
            record_slots: self.int("shard.record_slots") as usize,
            waiting_slots: self.int("shard.waiting_slots") as usize,
            mark_memory: self.duration("shard.mark_memory"),
            ..edge_shard::Config::default()
        }
    }

    // ---- one value each; a value that was refused is a problem already, so a stand-in does no harm

    fn text(&self, path: &str) -> String {
        match self.values.get(path) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    fn texts(&self, path: &str) -> Vec<String> {
        match self.values.get(path) {
            Some(Value::Texts(texts)) => texts.clone(),
            _ => Vec::new(),
        }
    }

    fn duration(&self, path: &str) -> Duration {
        match self.values.get(path) {
            Some(Value::Duration(duration)) => *duration,
            _ => Duration::ZERO,
        }
    }

    fn size(&self, path: &str) -> u64 {
        match self.values.get(path) {
            Some(Value::Size(size)) => *size,
            _ => 0,
        }
    }

    fn rate_if(&self, path: &str) -> Option<Rate> {
        match self.values.get(path) {
            Some(Value::Rate { a_second, burst }) => Some(Rate { a_second: *a_second, burst: *burst }),
            _ => None,
        }
    }

    fn int_if(&self, path: &str) -> Option<i64> {
        match self.values.get(path) {
            Some(Value::Int(n)) => Some(*n),
            _ => None,
        }
    }

    fn int(&self, path: &str) -> i64 {
        self.int_if(path).unwrap_or_default()
    }

    fn path_if(&self, path: &str) -> Option<PathBuf> {
        match self.values.get(path) {
            Some(Value::Text(text)) => Some(self.base.join(text)),
            _ => None,
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.path_if(path).unwrap_or_default()
    }

    fn door(&self, path: &str) -> Door {
        match self.text(path).as_str() {
            "io_uring" => Door::Uring,
            "plain" => Door::Plain,
            _ => Door::Auto,
        }
    }

    fn address_if(&mut self, path: &str) -> Option<SocketAddr> {
        let Value::Text(text) = self.values.get(path)? else { return None };
        let address = text.parse().ok();
        if address.is_none() {
            let what =
                format!("is \"{text}\"; expected an address and a port such as \"0.0.0.0:4433\" or \"[::]:4433\"");
            self.problem(path, &what, "names are not looked up");
        }
        address
    }

    fn problem(&mut self, key: &str, what: &str, help: &str) {
        let line = if crate::fields::FIELDS.iter().any(|f| f.path == key) { self.values.line(key) } else { 0 };
        self.problems.push(Problem { line, key: key.into(), what: what.into(), help: help.into() });
    }
}

fn twice(rate: Rate) -> Rate {
    Rate { a_second: rate.a_second.saturating_mul(2), burst: rate.burst.saturating_mul(2) }
}

/// The rates of a budget by their keys.
fn rates_of(budget: &mut Budget) -> [(&'static str, &mut Rate); 12] {
    [
        ("events", &mut budget.events),
        ("bytes", &mut budget.bytes),
        ("datagrams", &mut budget.datagrams),
        ("strikes", &mut budget.strikes),
        ("streams", &mut budget.streams),
        ("resets", &mut budget.resets),
        ("frames", &mut budget.frames),
        ("retirements", &mut budget.retirements),
        ("new_ids", &mut budget.new_ids),
        ("paths", &mut budget.paths),
        ("packets", &mut budget.packets),
        ("reply_bytes", &mut budget.reply_bytes),
    ]
}

fn issuer_of(values: &Values, base: &Path) -> Issuer {
    let r = Resolver { values, base, problems: Vec::new() };
    Issuer {
        name: r.text("tokens.issuers[].name"),
        provenance: if r.text("tokens.issuers[].provenance") == "server" {
            Provenance::Server
        } else {
            Provenance::Client
        },
        audience: r.text("tokens.issuers[].audience"),
        iss: Some(r.text("tokens.issuers[].iss")).filter(|iss| !iss.is_empty()),
        titles: r.texts("tokens.issuers[].titles"),
        jwks: r.path("tokens.issuers[].jwks"),
    }
}
