//! Trouble in a story: what the plan has in store, and what follows from it.
//!
//! In: moments. Out: dead daemons, cut networks, new addresses, bundles; and, at last, quiet. Deliberately absent: when what
//! comes (see [`plan`](crate::plan)).

use std::time::{Duration, Instant};

use edge_door::sim::LinkConfig;

use super::{AMBUSH_RECORDS, Story};
use crate::cast::SERVER;
use crate::plan::Trouble;
use crate::pop::Death;
use crate::rulebook::{REVISIONS, rulebook};
use crate::scribe::Promise;

impl Story<'_> {
    pub(super) fn trouble(&mut self, now: Instant) {
        if let Some((_, fuse)) = self.restart_at.take_if(|(at, _)| *at <= now) {
            self.pop.start(fuse, &mut self.scribe);
            if !self.pop.is_up() {
                self.restart_at = Some((now + Duration::from_millis(20), None));
            }
        }
        if self.pop.is_read_only() {
            self.scribe.note(format_args!("the spool is read-only; its operator restarts the daemon"));
            self.kill(Death::Kill, Duration::from_millis(100), None, now);
        }
        if self.pop.unsynced_records() >= AMBUSH_RECORDS
            && let Some((death, down, fuse)) = self.ambush.take()
        {
            self.kill(death, down, fuse, now);
        }
        if self.opens_at.take_if(|at| *at <= now).is_some() {
            self.pop.gate(true);
        }
        while let Some(client) = self.heals.iter().find(|(_, at)| **at <= now).map(|(client, _)| *client) {
            self.heals.remove(&client);
            self.net.heal(self.actors[client].ip, SERVER.ip());
            self.scribe.note(format_args!("{} reaches the site again", self.actors[client].client.name));
        }
        while let Some((_, trouble)) = self.troubles.pop_if(|(at, _)| *at <= now) {
            self.scribe.note(format_args!("trouble: {trouble:?}"));
            self.happen(trouble, now);
        }
        if !self.is_quiet && now >= self.quiet_at {
            self.quieten(now);
        }
    }

    pub(super) fn happen(&mut self, trouble: Trouble, now: Instant) {
        match trouble {
            Trouble::Death { death, from_ambush: true, down, fuse } => self.ambush = Some((death, down, fuse)),
            Trouble::Death { death, from_ambush: false, down, fuse } => self.kill(death, down, fuse, now),
            Trouble::Cut { client, lasts } => {
                self.net.cut(self.actors[client].ip, SERVER.ip());
                self.heals.insert(client, now + lasts);
            }
            Trouble::Weather(link) => self.net.set_default_link(*link),
            Trouble::Rebind { client } => {
                let actor = &mut self.actors[client];
                let local = actor.next_address();
                if actor.client.rebind(local) {
                    self.scribe.mix.rebinds += 1;
                }
                self.serve(client, now);
            }
            Trouble::Supersede { client } => {
                if self.actors[client].client.is_welcomed() {
                    self.connect(client, now);
                    self.serve(client, now);
                }
            }
            Trouble::Close { client } => {
                self.actors[client].client.close(now);
                self.serve(client, now);
                self.reconnect_later(client, now);
            }
            Trouble::ClientDeath { client } => {
                self.scribe.mix.client_deaths += 1;
                self.actors[client].client.die();
                self.reconnect_later(client, now);
            }
            Trouble::Burst { client, facts } => {
                self.tell(client, facts);
                self.serve(client, now);
            }
            Trouble::Swap => {
                let next = self.pop.desk.revision() + 1;
                if next <= REVISIONS && self.pop.offer(rulebook().bundle(next), &mut self.scribe) {
                    self.scribe.mix.swaps += 1;
                }
            }
            Trouble::Spoiled => {
                let (bytes, how) = rulebook().spoiled(self.pop.desk.revision(), &mut self.rng);
                if self.pop.offer(bytes, &mut self.scribe) {
                    self.scribe.broken(Promise::P6, format!("a bundle that is {how} serves"));
                }
            }
            Trouble::Stall { shard, lasts } => {
                self.scribe.mix.stalls += 1;
                self.pop.stall(shard, now + lasts);
            }
            Trouble::SpoolSyncFailure => self.pop.fail_next_spool_sync(),
            Trouble::SinkSyncFailure => self.pop.fail_next_sink_sync(),
            Trouble::Gate { lasts } => {
                self.pop.gate(false);
                self.opens_at = Some(now + lasts);
            }
            Trouble::LedgerCut => self.pop.cut(),
        }
    }

    pub(super) fn kill(&mut self, death: Death, down: Duration, fuse: Option<u32>, now: Instant) {
        if self.pop.is_up() {
            self.deaths += 1;
            self.pop.die(death, &mut self.scribe);
            self.restart_at = Some((now + down, fuse));
        }
    }

    /// The trouble is over: the network is good, everybody is there, nobody tells anything new.
    pub(super) fn quieten(&mut self, now: Instant) {
        self.is_quiet = true;
        self.scribe.note(format_args!("quiet"));
        self.net.set_default_link(LinkConfig { latency: Duration::from_millis(5), ..LinkConfig::default() });
        for actor in &self.actors {
            self.net.heal(actor.ip, SERVER.ip());
        }
        self.heals.clear();
        self.ambush = None;
        self.opens_at = None;
        self.pop.gate(true);
        self.troubles.clear();
        self.restart_at = self.restart_at.map(|(at, _)| (at.min(now + Duration::from_millis(100)), None));
    }
}
