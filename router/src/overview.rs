//! Everything that threads laid out, gathered into one [`Snapshot`].
//!
//! What comes in: the shards' and the spool's latest figures. What goes out: one value for `/metrics`, for `edgectl status`
//! and for the demo's view, so that all three say the same. Deliberately absent: counting.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge_admin::Ledger;
use edge_door::Wake;
use edge_shard::Latency;

use crate::board::ShardDesk;
use crate::forward_thread::ForwardDesk;
use crate::ledger::Cuts;
use crate::metrics::{ForwardFigure, RuleFigure, ShardFigure, Snapshot, SpoolFigure};
use crate::spool_thread::SpoolDesk;

/// What a snapshot needs beside the boards.
pub(crate) struct Overview {
    pub(crate) started: Instant,
    /// Which interface serves each shard's socket, and why.
    pub(crate) doors: Vec<(&'static str, String)>,
    /// Wakes each shard.
    pub(crate) wakers: Vec<Arc<dyn Wake>>,
    pub(crate) forward: Arc<ForwardDesk>,
    pub(crate) epoch: u64,
}

impl Overview {
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn wake_shards(&self) {
        for waker in &self.wakers {
            waker.wake();
        }
    }

    pub(crate) fn snapshot(&self, desks: &[ShardDesk], spool: &SpoolDesk, cuts: &Cuts) -> Snapshot {
        let mut latency = Latency::default();
        let mut shards = Vec::with_capacity(desks.len());
        let mut rules: BTreeMap<(String, String), RuleFigure> = BTreeMap::new();
        for (i, desk) in desks.iter().enumerate() {
            let Some(figures) = desk.figures.load_full() else { continue };
            latency.merge(&figures.stats.latency);
            shards.push(ShardFigure {
                shard: i as u16,
                door: self.doors[i].0,
                sessions: figures.stats.sessions,
                counters: figures.stats.counters,
                waiting: figures.stats.waiting as u64,
                marks: figures.stats.marks as u64,
                players_slowed: figures.stats.players_slowed,
                players_metered: figures.stats.players_metered as u64,
                revision: figures.stats.revision,
                turns: figures.turns,
                sleeps: figures.sleeps,
                send_errors: figures.udp.sends_refused() + figures.udp.sends_overflowed(),
                receive_overflows: figures.udp.receive_starved() + figures.udp.kernel_dropped(),
            });
            for ((_, info), hits) in figures.rules.rules().zip(&figures.hits) {
                let key = (info.package.to_string(), info.id.to_string());
                let rule = rules.entry(key).or_insert_with_key(|(package, rule)| RuleFigure {
                    package: package.clone(),
                    rule: rule.clone(),
                    owner: info.owner.to_string(),
                    ..RuleFigure::default()
                });
                rule.add(hits);
            }
        }
        let spool = self.spool(spool);
        let forward = self.forward.figures();
        let ledger = self.ledger(&shards, cuts, &forward);
        let closed = cuts.closed();
        Snapshot {
            release: env!("CARGO_PKG_VERSION"),
            shards,
            rules: rules.into_values().collect(),
            latency,
            spool,
            forward,
            ledger,
            residual_events: closed.residual_events(),
            residual_commands: closed.residual_commands(),
            ..Snapshot::default()
        }
    }

    fn spool(&self, desk: &SpoolDesk) -> SpoolFigure {
        let figures = desk.figures.load();
        let status = &figures.status;
        SpoolFigure {
            door: figures.door,
            healthy: status.health == edge_spool::Health::Healthy,
            state: status.health.word().to_owned(),
            bytes: status.log_bytes,
            appended: status.appended_records,
            committed: status.appended_records - (status.uncommitted_records as u64).min(status.appended_records),
            syncs: status.commits,
            epoch: self.epoch,
        }
    }

    /// The ledger as it stands: exact when nothing moves; while events move, the cut's residual is what counts.
    fn ledger(&self, shards: &[ShardFigure], cuts: &Cuts, forward: &ForwardFigure) -> Ledger {
        let mut ledger = Ledger::default();
        for shard in shards {
            let c = &shard.counters;
            ledger.accepted += c.accepted;
            ledger.duplicate += c.duplicate;
            ledger.rejected += c.rejected + c.dropped;
            ledger.commanded += c.commanded;
            ledger.suppressed += c.suppressed;
            ledger.no_match += c.no_match;
            ledger.commands += c.commands;
        }
        ledger.in_flight = cuts.closed().in_flight;
        // What earlier starts left in the spool is delivered now, though no shard of this run ordered it.
        ledger.commands += forward.recovered;
        ledger.delivered = forward.delivered;
        ledger.expired = forward.expired;
        ledger.quarantined = forward.quarantined;
        ledger.shed = forward.shed;
        let ended = ledger.delivered + ledger.expired + ledger.quarantined + ledger.shed;
        ledger.pending = ledger.commands.saturating_sub(ended);
        ledger
    }
}

impl RuleFigure {
    fn add(&mut self, hits: &rules_engine::RuleCounters) {
        self.fired += hits.fired;
        self.errors += hits.suppressed[rules_engine::Reason::Error as usize];
        if self.suppressed.is_empty() {
            self.suppressed = rules_engine::Reason::ALL.iter().map(|r| (r.word(), 0)).collect();
        }
        for ((_, mine), theirs) in self.suppressed.iter_mut().zip(hits.suppressed) {
            *mine += theirs;
        }
    }
}
