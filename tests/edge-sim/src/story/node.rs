//! One node of a story: its machine, and what the story has in store for it.
//!
//! In: moments, deaths. Out: a daemon that comes back, dies from an ambush, lets sessions in again, and at the end a last cut
//! of the ledger. All nodes of a story serve the same clients and know nothing of each other. Deliberately absent: the
//! machine itself (see [`pop`](crate::pop)).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use edge_door::sim::{Rng, SimClock};
use edge_event::NodeId;

use super::AMBUSH_RECORDS;
use crate::cast;
use crate::pop::{Death, Pop, Setup};
use crate::scribe::Scribe;

/// How a node's daemon is to die once records lie between their write and their fsync; how long it stays away then, and how
/// many disk operations its recovery may take before the power goes again.
pub(super) type Ambush = (Death, Duration, Option<u32>);

/// How long connections may take to be gone after they were closed: three times what QUIC waits for lost packets, and more.
const DRAINS_FOR: Duration = Duration::from_secs(2);

/// See the head of this file.
pub(super) struct Node {
    pub(super) pop: Pop,
    pub(super) address: SocketAddr,
    /// Daemons that died.
    pub(super) deaths: u64,
    /// The daemon comes back then, with this fuse.
    pub(super) restart_at: Option<(Instant, Option<u32>)>,
    /// A death that waits for its moment.
    pub(super) ambush: Option<Ambush>,
    /// Its sessions are sent away: when it ends at the latest, and how long it stays away.
    drains: Option<(Instant, Duration)>,
    /// When new sessions are let in again.
    pub(super) opens_at: Option<Instant>,
    /// The number of the cut that ends the story.
    final_cut: Option<u64>,
}

impl Node {
    pub(super) fn new(at: usize, setup: Setup, clock: SimClock, rng: Rng) -> Node {
        Node {
            pop: Pop::new(NodeId(1 + at as u32), setup, clock, rng),
            address: cast::address(at),
            deaths: 0,
            restart_at: None,
            ambush: None,
            drains: None,
            opens_at: None,
            final_cut: None,
        }
    }

    /// When something is due.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<Instant> {
        let own =
            [self.restart_at.map(|(at, _)| at), self.drains.map(|(at, _)| at), self.opens_at, self.pop.next_due(now)];
        own.into_iter().flatten().min()
    }

    /// Does what is due to it.
    pub(super) fn tend(&mut self, now: Instant, scribe: &mut Scribe<'_>) {
        if let Some((_, fuse)) = self.restart_at.take_if(|(at, _)| *at <= now) {
            self.pop.start(fuse, scribe);
            if !self.pop.is_up() {
                self.restart_at = Some((now + Duration::from_millis(20), None));
            }
        }
        if self.pop.is_read_only() {
            scribe.note(format_args!("the spool is read-only; its operator restarts the daemon"));
            self.kill((Death::Kill, Duration::from_millis(100), None), now, scribe);
        }
        if self.pop.unsynced_records() >= AMBUSH_RECORDS
            && let Some(ambush) = self.ambush.take()
        {
            self.kill(ambush, now, scribe);
        }
        if let Some((_, down)) = self.drains.take_if(|(at, _)| *at <= now || self.pop.is_empty()) {
            scribe.mix.drains += u64::from(self.pop.is_empty());
            self.kill((Death::Kill, down, None), now, scribe);
        }
        if self.opens_at.take_if(|at| *at <= now).is_some() {
            self.pop.gate(true);
        }
    }

    /// The daemon dies, where there is one, and comes back.
    pub(super) fn kill(&mut self, (death, down, fuse): Ambush, now: Instant, scribe: &mut Scribe<'_>) {
        if self.pop.is_up() {
            self.deaths += 1;
            self.drains = None;
            self.pop.die(death, scribe);
            self.restart_at = Some((now + down, fuse));
        }
    }

    /// The daemon sends everybody away `within` so long, ends when nobody is left, and comes back after `down`.
    pub(super) fn drain(&mut self, within: Duration, down: Duration, now: Instant) {
        if self.pop.is_up() && self.drains.is_none() {
            self.pop.drain(within);
            self.drains = Some((now + within + DRAINS_FOR, down));
        }
    }

    /// Whether its sessions are being sent away.
    pub(super) fn is_draining(&self) -> bool {
        self.drains.is_some()
    }

    /// The trouble is over: the daemon is back soon and lets everybody in.
    pub(super) fn quieten(&mut self, now: Instant, scribe: &mut Scribe<'_>) {
        self.ambush = None;
        self.opens_at = None;
        self.pop.relieve(now, scribe);
        self.pop.quicken_disks();
        self.pop.gate(true);
        self.restart_at = self.restart_at.map(|(at, _)| (at.min(now + Duration::from_millis(100)), None));
    }

    /// Whether every thread is idle and a last cut of the ledger closed.
    pub(super) fn is_at_rest(&mut self) -> bool {
        if self.is_draining() || !self.pop.busy().is_empty() {
            return false;
        }
        let Some(cut) = self.pop.last_cut() else { return false };
        // What a client told the other node may still come here, behind the cut that was meant to be the last.
        let is_final = cut.number > 0 && self.final_cut == Some(cut.number) && cut.accepted == self.pop.accepted();
        if !is_final {
            self.pop.cut();
            self.final_cut = Some(cut.number + 1);
        }
        is_final
    }
}
