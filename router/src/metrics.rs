//! What `/metrics` shows: one prefix, base units, bounded labels, never a player.
//!
//! What comes in: a [`Snapshot`] of figures that the threads laid out. What goes out: the OpenMetrics text of it. Deliberately
//! absent: counting; each thread counts for itself.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::time::Duration;

use edge_admin::Ledger;
use edge_session::Limit;
use edge_shard::Latency;
use edge_wire::CloseCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// Everything one scrape shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) release: &'static str,
    pub(crate) phase: &'static str,
    pub(crate) revision: u64,
    /// For how long each thread has not turned. Laid out by who serves the page.
    pub(crate) threads: Vec<(String, Duration)>,
    pub(crate) shards: Vec<ShardFigure>,
    pub(crate) rules: Vec<RuleFigure>,
    pub(crate) latency: Latency,
    pub(crate) spool: SpoolFigure,
    pub(crate) forward: ForwardFigure,
    pub(crate) ledger: Ledger,
    /// Of the latest finished cut.
    pub(crate) residual_events: i64,
    pub(crate) residual_commands: i64,
    pub(crate) bundles_refused: u64,
    pub(crate) bundle_expired: bool,
}

/// One shard.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShardFigure {
    pub(crate) shard: u16,
    pub(crate) door: &'static str,
    pub(crate) sessions: edge_session::Stats,
    pub(crate) counters: edge_shard::Counters,
    pub(crate) revision: u64,
    pub(crate) waiting: u64,
    pub(crate) marks: u64,
    pub(crate) players_slowed: u64,
    pub(crate) players_metered: u64,
    pub(crate) turns: u64,
    pub(crate) sleeps: u64,
    pub(crate) send_errors: u64,
    pub(crate) receive_overflows: u64,
}

/// One rule, summed over shards.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleFigure {
    pub(crate) package: String,
    pub(crate) rule: String,
    pub(crate) owner: String,
    pub(crate) fired: u64,
    pub(crate) suppressed: Vec<(&'static str, u64)>,
    pub(crate) errors: u64,
}

/// The spool.
#[derive(Debug, Clone, Default)]
pub(crate) struct SpoolFigure {
    pub(crate) door: &'static str,
    pub(crate) healthy: bool,
    pub(crate) state: String,
    pub(crate) bytes: u64,
    pub(crate) appended: u64,
    pub(crate) committed: u64,
    pub(crate) syncs: u64,
    pub(crate) epoch: u64,
}

/// The way upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ForwardFigure {
    pub(crate) sink: &'static str,
    pub(crate) taken: u64,
    pub(crate) recovered: u64,
    pub(crate) delivered: u64,
    pub(crate) expired: u64,
    pub(crate) quarantined: u64,
    pub(crate) shed: u64,
    pub(crate) retries: u64,
    /// Why the sink takes nothing at the moment.
    pub(crate) trouble: Option<String>,
}

/// In which of the two formats that scrapers speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' older text format, version 0.0.4.
    Text,
}

/// The text of a scrape.
///
/// # Errors
/// Never in practice: writing into a `String` does not fail.
pub(crate) fn render(snapshot: Snapshot, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(snapshot)));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(match format {
        Format::OpenMetrics => text,
        Format::Text => to_text_format(&text),
    })
}

/// The two formats differ in this: the older one names a counter's family like its samples, `_total` included, and knows no end.
fn to_text_format(open_metrics: &str) -> String {
    let type_of =
        |line: &str| line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" counter")).map(str::to_owned);
    let counters: BTreeSet<String> = open_metrics.lines().filter_map(type_of).collect();
    let mut text = String::with_capacity(open_metrics.len() + 8 * counters.len());
    for line in open_metrics.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what), Some(name), Some(rest)) if counters.contains(name) => {
                let _ = writeln!(text, "# {what} {name}_total {rest}");
            }
            _ => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

#[derive(Debug)]
struct Scrape(Snapshot);

type Labels = Vec<(&'static str, String)>;

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut out = Out(encoder);
        out.process(&self.0)?;
        out.threads(&self.0.threads)?;
        out.shards(&self.0.shards)?;
        out.rules(&self.0.rules)?;
        out.spool(&self.0.spool)?;
        out.forward(&self.0.forward)?;
        out.ledger(&self.0)?;
        out.latency(&self.0.latency)
    }
}

struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    fn process(&mut self, s: &Snapshot) -> fmt::Result {
        self.gauges("edge_build_info", "The release that runs; always 1.", [(vec![("release", s.release.into())], 1)])?;
        self.gauges("edge_phase_info", "The phase of the process; always 1.", [(vec![("phase", s.phase.into())], 1)])?;
        self.gauges("edge_rules_revision", "The rule-set revision in force.", [(vec![], s.revision as i64)])?;
        self.gauges(
            "edge_rules_expired",
            "1 where the bundle in force is past its expiry.",
            [(vec![], i64::from(s.bundle_expired))],
        )?;
        self.counters("edge_rules_refused", "Bundles that were refused.", [(vec![], s.bundles_refused)])
    }

    fn threads(&mut self, threads: &[(String, Duration)]) -> fmt::Result {
        let help = "For how long a thread has not turned; beyond 2 s it stands still.";
        let mut family = self.0.encode_descriptor("edge_thread_silent_seconds", help, None, MetricType::Gauge)?;
        for (thread, silent) in threads {
            let labels = vec![("thread", thread.clone())];
            ConstGauge::new(silent.as_secs_f64()).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn shards(&mut self, shards: &[ShardFigure]) -> fmt::Result {
        let label = |s: &ShardFigure| vec![("shard", s.shard.to_string())];
        self.gauges(
            "edge_udp_door_info",
            "Which kernel interface serves a shard's socket; always 1.",
            shards.iter().map(|s| (vec![("shard", s.shard.to_string()), ("door", s.door.to_string())], 1)),
        )?;
        for (name, help, get) in SHARD_GAUGES {
            self.gauges(name, help, shards.iter().map(|s| (label(s), get(s) as i64)))?;
        }
        for (name, help, get) in SHARD_COUNTERS {
            self.counters(name, help, shards.iter().map(|s| (label(s), get(s))))?;
        }
        let with = |s: &ShardFigure, name: &'static str, word: &str| {
            vec![("shard", s.shard.to_string()), (name, word.to_string())]
        };
        self.counters(
            "edge_closes",
            "Connections closed by us, by the published code.",
            shards.iter().flat_map(|s| {
                CloseCode::ALL.iter().zip(s.sessions.closed).map(|(code, n)| (with(s, "code", code.name()), n))
            }),
        )?;
        self.counters(
            "edge_over_budget",
            "Connections closed because a budget was spent, by the budget.",
            shards.iter().flat_map(|s| {
                Limit::ALL.iter().zip(s.sessions.over_budget).map(|(limit, n)| (with(s, "budget", limit.word()), n))
            }),
        )
    }

    fn rules(&mut self, rules: &[RuleFigure]) -> fmt::Result {
        let label =
            |r: &RuleFigure| vec![("package", r.package.clone()), ("rule", r.rule.clone()), ("owner", r.owner.clone())];
        self.counters(
            "edge_rule_fired",
            "Times a rule ordered its commands.",
            rules.iter().map(|r| (label(r), r.fired)),
        )?;
        self.counters(
            "edge_rule_errors",
            "Times a rule could not be evaluated.",
            rules.iter().map(|r| (label(r), r.errors)),
        )?;
        self.counters(
            "edge_rule_suppressed",
            "Times a rule's condition held and it was held back.",
            rules.iter().flat_map(|r| {
                r.suppressed.iter().filter(|(_, n)| *n > 0).map(move |(reason, n)| {
                    let mut labels = label(r);
                    labels.push(("reason", (*reason).to_string()));
                    (labels, *n)
                })
            }),
        )
    }

    fn spool(&mut self, s: &SpoolFigure) -> fmt::Result {
        self.gauges("edge_spool_door_info", "What writes and syncs; always 1.", [(vec![("door", s.door.into())], 1)])?;
        self.gauges("edge_spool_healthy", "1 where receipts are given.", [(vec![], i64::from(s.healthy))])?;
        self.gauges("edge_spool_bytes", "Bytes in segments.", [(vec![], s.bytes as i64)])?;
        self.gauges("edge_spool_start_epoch", "Starts of this spool's writer.", [(vec![], s.epoch as i64)])?;
        self.counters("edge_spool_records_appended", "Records taken in.", [(vec![], s.appended)])?;
        self.counters("edge_spool_records_committed", "Records that are durable.", [(vec![], s.committed)])?;
        self.counters("edge_spool_syncs", "Group commits.", [(vec![], s.syncs)])
    }

    fn forward(&mut self, f: &ForwardFigure) -> fmt::Result {
        let sink = |outcome: &str| vec![("sink", f.sink.to_string()), ("outcome", outcome.to_string())];
        self.counters(
            "edge_commands_settled",
            "Commands by how they ended.",
            [
                (sink("delivered"), f.delivered),
                (sink("expired"), f.expired),
                (sink("quarantined"), f.quarantined),
                (sink("shed"), f.shed),
            ],
        )?;
        self.gauges(
            "edge_sink_healthy",
            "1 where commands are delivered.",
            [(vec![("sink", f.sink.to_string())], i64::from(f.trouble.is_none()))],
        )?;
        self.counters("edge_command_retries", "Commands sent again.", [(vec![("sink", f.sink.to_string())], f.retries)])
    }

    fn ledger(&mut self, s: &Snapshot) -> fmt::Result {
        self.gauges(
            "edge_ledger_residual",
            "What ended nowhere, or twice, at the latest cut; must be 0.",
            [
                (vec![("of", "events".into())], s.residual_events),
                (vec![("of", "commands".into())], s.residual_commands),
            ],
        )?;
        self.gauges(
            "edge_ledger_in_flight",
            "What was on its way at the latest cut.",
            [
                (vec![("of", "events".into())], s.ledger.in_flight as i64),
                (vec![("of", "commands".into())], s.ledger.pending as i64),
            ],
        )
    }

    fn latency(&mut self, l: &Latency) -> fmt::Result {
        // Every power of two: the finer buckets stay inside, the scrape stays small.
        let mut buckets = Vec::new();
        let mut since = 0;
        for (i, count) in l.counts.iter().enumerate() {
            since += count;
            if i >= 4 && i % 4 == 3 && i < edge_shard::BUCKETS - 1 {
                buckets.push(((Latency::upper_us(i) + 1) as f64 / 1e6, since));
                since = 0;
            }
        }
        buckets.push((f64::INFINITY, since));
        let mut family = self.0.encode_descriptor(
            "edge_event_to_durable_seconds",
            "From an event's arrival to the commit of what it ordered.",
            None,
            MetricType::Histogram,
        )?;
        family.encode_histogram::<NoLabelSet>(l.sum_us as f64 / 1e6, l.total(), &buckets, None)
    }

    fn counters(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, u64)>) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in rows {
            if labels.is_empty() {
                return ConstCounter::new(value).encode(family); // the one row; an empty set of labels would be shown as `{}`
            }
            ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn gauges(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, i64)>) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in rows {
            if labels.is_empty() {
                return ConstGauge::new(value).encode(family);
            }
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

type Column = (&'static str, &'static str, fn(&ShardFigure) -> u64);

const SHARD_GAUGES: &[Column] = &[
    ("edge_connections", "Connections, half-open ones among them.", |s| s.sessions.connections),
    ("edge_half_open", "Handshakes not complete.", |s| s.sessions.half_open),
    ("edge_sessions", "Welcomed sessions.", |s| s.sessions.sessions),
    ("edge_players_metered", "Players who sent something lately.", |s| s.players_metered),
    ("edge_events_waiting_for_commit", "Answers that wait for a commit.", |s| s.waiting),
    ("edge_dedupe_marks", "Producers' classes remembered, by slice of players.", |s| s.marks),
];

const SHARD_COUNTERS: &[Column] = &[
    ("edge_events_accepted", "Events that sessions accepted.", |s| s.counters.accepted),
    ("edge_events_rejected", "Reliable events that the catalogue refused.", |s| s.counters.rejected),
    ("edge_events_dropped", "Datagram events that the catalogue refused.", |s| s.counters.dropped),
    ("edge_events_duplicate", "Events dropped by their owner because they had been taken in before.", |s| {
        s.counters.duplicate
    }),
    ("edge_events_commanded", "Events that ordered at least one command.", |s| s.counters.commanded),
    ("edge_events_suppressed", "Events whose rules were all held back.", |s| s.counters.suppressed),
    ("edge_events_unmatched", "Events that no rule matched.", |s| s.counters.no_match),
    ("edge_commands_ordered", "Durable commands that rules ordered.", |s| s.counters.commands),
    ("edge_replies_ordered", "Replies that rules ordered.", |s| s.counters.replies),
    ("edge_replies_dropped", "Replies that could not be handed to a client.", |s| s.sessions.replies_dropped),
    ("edge_handshakes", "Handshakes completed.", |s| s.sessions.handshakes),
    ("edge_hellos_refused", "HELLOs refused.", |s| s.sessions.refused),
    ("edge_tokens_refused", "Tokens refused.", |s| s.sessions.tokens_refused),
    ("edge_retries_sent", "Retry packets sent to unvalidated addresses.", |s| s.sessions.retries),
    ("edge_initials_shed", "Initials dropped because a limit was reached.", |s| s.sessions.initials_shed),
    ("edge_amplification_held", "Sends held back at 3.00 times what an unvalidated address sent.", |s| {
        s.sessions.amplification_held
    }),
    ("edge_amplification_dropped", "Datagrams lost because they would have passed 3.00 times.", |s| {
        s.sessions.amplification_dropped
    }),
    ("edge_handshakes_expired", "Handshakes that ran out of time.", |s| s.sessions.handshakes_expired),
    ("edge_initials_unreadable", "Initials that did not verify, or that no handshake can begin with.", |s| {
        s.sessions.initials_unreadable
    }),
    ("edge_packets_ignored", "Datagrams that belong to nothing.", |s| s.sessions.datagrams_ignored),
    ("edge_packets_unread", "Datagrams of connections that sent too many at once.", |s| s.sessions.datagrams_unread),
    ("edge_versions_negotiated", "Version Negotiation packets sent.", |s| s.sessions.versions_negotiated),
    ("edge_resets_sent", "Stateless resets sent.", |s| s.sessions.resets_sent),
    ("edge_answers_lost", "Stateless answers that were lost: too many at once.", |s| s.sessions.answers_lost),
    ("edge_address_changes", "Times that a connection came to another address.", |s| s.sessions.address_changes),
    ("edge_transport_violations", "Connections closed for a violation of RFC 9000.", |s| {
        s.sessions.transport_violations
    }),
    ("edge_datagrams_before_welcome", "Datagrams dropped because no WELCOME had been sent.", |s| {
        s.sessions.datagrams_before_welcome
    }),
    ("edge_streams_slowed", "Times that a session's streams were read later for a budget.", |s| {
        s.sessions.streams_slowed
    }),
    ("edge_players_slowed", "Times that a session was slowed for all sessions of its player.", |s| s.players_slowed),
    ("edge_datagrams_over_budget", "Datagrams dropped for a budget.", |s| s.sessions.datagrams_over_budget),
    ("edge_violations", "Connections closed for a fault of the client.", |s| s.sessions.violations),
    ("edge_receipts_sent", "Receipt frames sent.", |s| s.sessions.receipts),
    ("edge_packets_strayed", "Packets handed to the shard that their connection id names.", |s| {
        s.sessions.datagrams_foreign
    }),
    ("edge_udp_send_errors", "Runs of packets that the kernel refused.", |s| s.send_errors),
    ("edge_udp_receive_overflows", "Times the kernel had no buffer of ours to receive into.", |s| s.receive_overflows),
    ("edge_shard_turns", "Turns of the loop.", |s| s.turns),
    ("edge_shard_sleeps", "Times the loop slept.", |s| s.sleeps),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn scrape(format: Format) -> String {
        let mut latency = Latency::default();
        latency.add(Duration::from_micros(900));
        let shards = vec![ShardFigure { shard: 0, door: "epoll", ..ShardFigure::default() }];
        let rules = vec![RuleFigure { suppressed: vec![("cooldown", 2)], ..RuleFigure::default() }];
        render(Snapshot { release: "1", phase: "serving", shards, rules, latency, ..Snapshot::default() }, format)
            .unwrap()
    }

    #[test]
    fn a_scrape_names_no_unit_twice_and_ends_as_openmetrics() {
        let text = scrape(Format::OpenMetrics);
        assert!(text.contains("# TYPE edge_events_accepted counter"), "{text}");
        assert!(text.contains("edge_events_accepted_total{shard=\"0\"} 0"), "{text}");
        assert!(text.contains("edge_ledger_residual{of=\"events\"} 0"), "{text}");
        assert!(text.contains("edge_event_to_durable_seconds_count 1"), "{text}");
        assert!(text.contains("le=\"+Inf\"} 1"), "{text}");
        assert!(text.contains("edge_rules_revision 0") && !text.contains("{}"), "{text}");
        assert!(text.ends_with("# EOF\n"));
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            assert!(line.starts_with("edge_"), "{line}");
        }
    }

    /// What `promtool check metrics` holds against a scrape, where it can be seen from the text.
    #[test]
    fn in_the_older_format_every_sample_stands_under_the_name_of_its_family() {
        let text = scrape(Format::Text);
        assert!(!text.contains("# EOF") && !text.contains("_total_total"), "{text}");
        let (mut family, mut kind, mut helped) = ("", "", BTreeSet::new());
        for line in text.lines() {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words[..] {
                ["#", "HELP", name, help] => assert!(!help.is_empty() && helped.insert(name), "{line}"),
                ["#", "TYPE", name, of] => {
                    (family, kind) = (name, of);
                    assert!(helped.contains(name), "{line}");
                    assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
                }
                _ => {
                    let name = line.split(['{', ' ']).next().unwrap();
                    let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} under {family}"));
                    assert!(suffix.is_empty() || kind == "histogram", "{line}");
                }
            }
        }
    }
}
