//! What the demo shows: the daemon's figures and the clients', put side by side.
//!
//! What comes in: a daemon's [`Snapshot`], the clients' counts. What goes out: [`Figures`]; the view, the lines, the summary and
//! the JSON show nothing else. Deliberately absent: how they are shown.

use std::time::Duration;

use serde::Serialize;

use super::players::ClientFigures;
use crate::metrics::Snapshot;

/// Everything that is shown.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Figures {
    /// Seconds since the play began.
    pub(crate) seconds: f64,
    /// Events accepted since the look before, a second.
    pub(crate) events_per_s: f64,
    /// Commands ordered since the look before, a second.
    pub(crate) commands_per_s: f64,
    pub(crate) sessions: u64,
    pub(crate) shards: Vec<ShardFigures>,
    pub(crate) reliable: Reliable,
    pub(crate) datagrams: Datagrams,
    /// Rules that have fired or could have, the most frequent first.
    pub(crate) rules: Vec<RuleFired>,
    pub(crate) latency: LatencyFigures,
    pub(crate) ledger: LedgerFigures,
    pub(crate) commands: CommandFigures,
    pub(crate) spool: SpoolFigures,
    /// Replies that reached clients.
    pub(crate) replies: u64,
    pub(crate) revision: u64,
    /// Of a recording: how many of its events have been played, and how many there are.
    pub(crate) progress: Option<Progress>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ShardFigures {
    pub(crate) door: String,
    pub(crate) sessions: u64,
    pub(crate) accepted: u64,
}

/// Reliable events, as clients count them.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Reliable {
    pub(crate) sent: u64,
    pub(crate) receipted: u64,
    pub(crate) outstanding: u64,
    pub(crate) resent: u64,
    pub(crate) rejected: u64,
    /// Sessions beyond each client's first.
    pub(crate) reconnects: u64,
}

/// Datagram events: sent as clients count them, arrived as the daemon does.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Datagrams {
    pub(crate) events_sent: u64,
    pub(crate) events_arrived: u64,
    /// Events that clients could not even begin to send.
    pub(crate) events_unsent: u64,
    pub(crate) datagrams_sent: u64,
    /// Datagrams that the daemon dropped for a budget, or while it had no room.
    pub(crate) datagrams_shed: u64,
    /// Packets that the kernel dropped before the daemon could read them.
    pub(crate) packets_overflowed: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RuleFired {
    pub(crate) package: String,
    pub(crate) rule: String,
    pub(crate) fired: u64,
    pub(crate) suppressed: u64,
    pub(crate) errors: u64,
}

/// From an event's arrival to the commit of the commands it ordered. Microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct LatencyFigures {
    pub(crate) count: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) max_us: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct LedgerFigures {
    pub(crate) accepted: u64,
    pub(crate) commanded: u64,
    pub(crate) suppressed: u64,
    pub(crate) no_match: u64,
    pub(crate) duplicate: u64,
    pub(crate) refused: u64,
    /// Events that ended nowhere, or twice. Must be 0.
    pub(crate) residual_events: i64,
    /// Commands that ended nowhere, or twice. Must be 0.
    pub(crate) residual_commands: i64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct CommandFigures {
    pub(crate) ordered: u64,
    pub(crate) delivered: u64,
    pub(crate) pending: u64,
    pub(crate) expired: u64,
    pub(crate) quarantined: u64,
    pub(crate) shed: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct SpoolFigures {
    pub(crate) door: String,
    pub(crate) state: String,
    pub(crate) records: u64,
    pub(crate) committed: u64,
    pub(crate) syncs: u64,
    pub(crate) bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Progress {
    pub(crate) played: u64,
    pub(crate) events: u64,
    /// Seconds until the end, at the pace so far.
    pub(crate) eta_s: Option<f64>,
}

impl Figures {
    /// Puts both sides together. `unsent`: datagram events that clients could not even begin to send.
    pub(crate) fn new(elapsed: Duration, snapshot: &Snapshot, clients: &ClientFigures, unsent: u64) -> Figures {
        let sum = |of: fn(&crate::metrics::ShardFigure) -> u64| snapshot.shards.iter().map(of).sum::<u64>();
        let l = &snapshot.ledger;
        let mut figures = Figures {
            seconds: elapsed.as_secs_f64(),
            sessions: sum(|s| s.sessions.sessions),
            shards: snapshot.shards.iter().map(ShardFigures::new).collect(),
            reliable: Reliable {
                sent: clients.queued,
                receipted: clients.receipted,
                outstanding: clients.outstanding,
                resent: clients.resent,
                rejected: clients.rejected,
                reconnects: clients.reconnects,
            },
            datagrams: Datagrams {
                events_sent: clients.datagram_events,
                events_arrived: sum(|s| s.sessions.events_datagram),
                events_unsent: unsent + clients.datagram_events_dropped,
                datagrams_sent: clients.datagrams,
                datagrams_shed: sum(|s| {
                    s.sessions.datagrams_before_welcome + s.sessions.datagrams_over_budget + s.sessions.datagrams_shed
                }),
                packets_overflowed: sum(|s| s.receive_overflows),
            },
            rules: snapshot.rules.iter().map(RuleFired::new).collect(),
            latency: LatencyFigures {
                count: snapshot.latency.total(),
                p50_us: snapshot.latency.quantile_us(0.5),
                p99_us: snapshot.latency.quantile_us(0.99),
                max_us: snapshot.latency.max_us,
            },
            ledger: LedgerFigures {
                accepted: l.accepted,
                commanded: l.commanded,
                suppressed: l.suppressed,
                no_match: l.no_match,
                duplicate: l.duplicate,
                refused: sum(|s| s.counters.rejected + s.counters.dropped),
                residual_events: snapshot.residual_events,
                residual_commands: snapshot.residual_commands,
            },
            commands: CommandFigures {
                ordered: l.commands,
                delivered: l.delivered,
                pending: l.pending,
                expired: l.expired,
                quarantined: l.quarantined,
                shed: l.shed,
            },
            spool: SpoolFigures {
                door: snapshot.spool.door.to_owned(),
                state: snapshot.spool.state.clone(),
                records: snapshot.spool.appended,
                committed: snapshot.spool.committed,
                syncs: snapshot.spool.syncs,
                bytes: snapshot.spool.bytes,
            },
            replies: clients.replies,
            revision: snapshot.revision,
            ..Figures::default()
        };
        figures.rules.sort_by(|a, b| b.fired.cmp(&a.fired).then_with(|| a.rule.cmp(&b.rule)));
        figures
    }

    /// Sets the paces, by what there was at the look before.
    pub(crate) fn pace(&mut self, before: &Figures) {
        let seconds = self.seconds - before.seconds;
        if seconds > 0.0 {
            let pace = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
            self.events_per_s = pace(self.ledger.accepted, before.ledger.accepted);
            self.commands_per_s = pace(self.commands.ordered, before.commands.ordered);
        }
    }

    /// Sets how far a recording has been played.
    pub(crate) fn progress(&mut self, played: u64, events: u64) {
        let left = events.saturating_sub(played) as f64;
        let eta_s = (played > 0).then(|| left * self.seconds / played as f64);
        self.progress = Some(Progress { played, events, eta_s });
    }

    /// Rules that have fired, by name.
    pub(crate) fn fired(&self) -> impl Iterator<Item = &RuleFired> {
        self.rules.iter().filter(|rule| rule.fired > 0)
    }
}

impl ShardFigures {
    fn new(shard: &crate::metrics::ShardFigure) -> ShardFigures {
        let (door, sessions, accepted) = (shard.door.to_owned(), shard.sessions.sessions, shard.counters.accepted);
        ShardFigures { door, sessions, accepted }
    }
}

impl RuleFired {
    fn new(rule: &crate::metrics::RuleFigure) -> RuleFired {
        RuleFired {
            package: rule.package.clone(),
            rule: rule.rule.clone(),
            fired: rule.fired,
            suppressed: rule.suppressed.iter().map(|(_, n)| n).sum(),
            errors: rule.errors,
        }
    }
}

/// A count with its thousands apart: `853,583`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Microseconds as a person reads them: `850 µs`, `3.2 ms`, `1.5 s`.
pub(crate) fn micros(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..10_000 => format!("{:.1} ms", us as f64 / 1e3),
        10_000..1_000_000 => format!("{:.0} ms", us as f64 / 1e3),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}

/// Bytes as a person reads them.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1_024 => format!("{n} B"),
        1_024..1_048_576 => format!("{:.1} KiB", n as f64 / 1_024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", n as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", n as f64 / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([0, 999, 1_000, 853_583, 1_000_000].map(grouped), ["0", "999", "1,000", "853,583", "1,000,000"]);
        assert_eq!([7, 850, 3_249, 85_000, 1_500_000].map(micros), ["7 µs", "850 µs", "3.2 ms", "85 ms", "1.5 s"]);
        assert_eq!([12, 1_536, 3 << 20].map(bytes), ["12 B", "1.5 KiB", "3.0 MiB"]);
    }

    #[test]
    fn paces_are_differences_and_the_rest_is_foretold() {
        let before = Figures { seconds: 1.0, ..Figures::default() };
        let mut now = Figures { seconds: 3.0, ..Figures::default() };
        now.ledger.accepted = 500;
        now.pace(&before);
        now.progress(250, 1_000);
        assert_eq!(now.events_per_s, 250.0);
        assert_eq!(now.progress.unwrap().eta_s, Some(9.0));
    }
}
