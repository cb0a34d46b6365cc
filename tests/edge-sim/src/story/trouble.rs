//! Trouble in a story: what the plan has in store, and what follows from it.
//!
//! In: moments. Out: dead daemons, cut networks, new addresses, bundles; and, at last, quiet. Deliberately absent: when what
//! comes (see [`plan`](crate::plan)).

use std::sync::Arc;
use std::time::{Duration, Instant};

use edge_door::sim::{LinkConfig, Rng};

use super::Story;
use crate::plan::{Plan, Trouble};
use crate::rulebook::{REVISIONS, rulebook};
use crate::scribe::Promise;

impl Story<'_> {
    pub(super) fn trouble(&mut self, now: Instant) {
        self.nodes.iter_mut().for_each(|node| node.tend(now, &mut self.scribe));
        while let Some(client) = self.heals.iter().find(|(_, at)| **at <= now).map(|(client, _)| *client) {
            self.heals.remove(&client);
            self.heal(client);
            self.scribe.note(format_args!("{} reaches the site again", self.actors[client].client.name));
        }
        self.close_holes(now);
        self.pardon(now);
        while let Some((_, trouble)) = self.troubles.pop_if(|(at, _)| *at <= now) {
            self.scribe.note(format_args!("trouble: {trouble:?}"));
            self.happen(trouble, 0, now);
        }
        if !self.is_quiet && now >= self.quiet_at {
            self.quieten(now);
        }
    }

    /// `at`: the node that it happens to, where it happens to one.
    fn happen(&mut self, trouble: Trouble, at: usize, now: Instant) {
        let elapsed = self.clock.elapsed().as_micros() as u64;
        let node = &mut self.nodes[at];
        match trouble {
            Trouble::Elsewhere(trouble) => self.happen(*trouble, (at + 1) % self.plan.nodes, now),
            Trouble::Death { death, from_ambush: true, down, fuse } => node.ambush = Some((death, down, fuse)),
            Trouble::Death { death, from_ambush: false, down, fuse } => {
                node.kill((death, down, fuse), now, &mut self.scribe);
            }
            Trouble::Cut { client, lasts } => {
                let actor = &mut self.actors[client];
                actor.is_cut_until(now + lasts);
                self.net.cut(actor.ip, self.nodes[actor.node].address.ip());
                self.heals.insert(client, now + lasts);
            }
            Trouble::BlackHole { client, way, mtu_bytes, lasts } => {
                self.actors[client].is_cut_until(now + lasts);
                self.open_hole(client, way, mtu_bytes, now + lasts);
            }
            Trouble::Deny { client, is_whole_subject, lasts } => self.deny(client, is_whole_subject, now + lasts),
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
            Trouble::Roam { client, leaves } => {
                if leaves {
                    self.actors[client].client.close(now);
                }
                self.actors[client].node = (self.actors[client].node + 1) % self.plan.nodes;
                self.connect(client, now);
                self.serve(client, now);
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
                self.tell_burst(client, facts);
                self.serve(client, now);
            }
            Trouble::Swap => {
                let next = node.pop.desk.revision() + 1;
                if next <= REVISIONS && node.pop.offer(rulebook().bundle(next), &mut self.scribe) {
                    self.scribe.mix.swaps += 1;
                    self.scribe.mix.swaps_while_down += u64::from(!node.pop.is_up());
                    self.scribe.mix.swaps_in_drain += u64::from(node.is_draining());
                    self.scribe.mix.swaps_in_cut += u64::from(node.pop.is_cutting());
                }
            }
            Trouble::Spoiled => {
                let before = node.pop.desk.serving().clone();
                let (bytes, how) = rulebook().spoiled(node.pop.desk.revision(), &mut Rng::new(self.spoils ^ elapsed));
                if node.pop.offer(bytes, &mut self.scribe) {
                    self.scribe.broken(Promise::P6, format!("a bundle that is {how} serves"));
                }
                if !Arc::ptr_eq(&before, node.pop.desk.serving()) {
                    self.scribe.broken(Promise::P6, format!("a bundle that is {how} changed what serves"));
                }
            }
            Trouble::Stall { shard, lasts } => {
                self.scribe.mix.stalls += 1;
                node.pop.stall(shard, now + lasts);
            }
            Trouble::Drain { within, down } => node.drain(within, down, now),
            Trouble::Hardship(hardship) => node.pop.suffer(hardship, now, &mut self.scribe),
            Trouble::Gate { lasts } => {
                node.pop.gate(false);
                node.opens_at = Some(now + lasts);
            }
            Trouble::LedgerCut => node.pop.cut(),
        }
    }

    /// A client reaches every node again.
    fn heal(&mut self, client: usize) {
        let ip = self.actors[client].ip;
        self.nodes.iter().for_each(|node| self.net.heal(ip, node.address.ip()));
    }

    /// The trouble is over: the network is good, everybody is there, nobody tells anything new.
    pub(super) fn quieten(&mut self, now: Instant) {
        self.is_quiet = true;
        self.scribe.note(format_args!("quiet"));
        self.net.set_default_link(LinkConfig { latency: Duration::from_millis(5), ..LinkConfig::default() });
        (0..self.actors.len()).for_each(|client| self.heal(client));
        self.heals.clear();
        self.holes.iter_mut().for_each(|hole| hole.ends_at = now);
        self.close_holes(now);
        self.pardons.iter_mut().for_each(|(at, _)| *at = now);
        self.pardon(now);
        self.actors.iter_mut().for_each(|actor| actor.client.papers = Plan::QUIET_PAPERS);
        self.troubles.clear();
        self.nodes.iter_mut().for_each(|node| node.quieten(now, &mut self.scribe));
    }
}
