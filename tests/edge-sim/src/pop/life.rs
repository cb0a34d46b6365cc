//! A daemon's life: it starts on what the disks hold, recovers, and dies.
//!
//! In: a power cut's fuse, a way to die. Out: a running [`Daemon`], or word of why there is none; its counts at the end. Deliberately
//! absent: who decides that it dies.

use std::sync::Arc;

use edge_door::Clock as _;
use edge_event::{ShardId, SpoolUuid, StartEpoch};
use edge_session::{Sessions, SharedKeys};
use edge_shard::{Parts, Restored, Shard};
use edge_sink_file::OpenError;
use edge_spool::{RecoverError, Recovered, Spool};

use super::{Daemon, Death, Pop};
use crate::check::removals;
use crate::cuts::Cuts;
use crate::fabric::Fabric;
use crate::forward::ForwardSeat;
use crate::heap;
use crate::plan::Store;
use crate::scribe::{Promise, Scribe};
use crate::shard_seat::ShardSeat;
use crate::spool_seat::SpoolSeat;
use crate::tls::keys;
use crate::watch::WatchedDisk;

impl Pop {
    /// Starts a daemon on what the disks hold. There may be none afterwards: with a fuse, the power may go in the midst of
    /// recovery; and a disk that fails once fails a start.
    pub(crate) fn start(&mut self, fuse: Option<u32>, scribe: &mut Scribe<'_>) {
        assert!(self.daemon.is_none(), "one daemon a directory");
        self.starts += 1;
        self.chronicle.start();
        self.take_shards(scribe);
        scribe.mix.starts_on_full_disk += u64::from(self.is_full(Store::Spool));
        let mut disk = WatchedDisk::new(self.spool_disk.handle(), self.watch.clone());
        disk.set_fuse(fuse);
        let mut fresh = [0; 16];
        self.rng.fill(&mut fresh);
        let wall = self.chronicle.wall();
        let own = heap::of_node(self.at());
        let opened = Spool::recover(&mut disk, &self.setup.spool, SpoolUuid(fresh), wall);
        removals::check(&mut disk, &self.setup.spool, scribe);
        let (spool, recovered) = match opened {
            Ok(opened) => opened,
            Err(why) if disk.has_blown() => {
                scribe.note(format_args!("power lost in recovery: {why}"));
                scribe.mix.recovery_crashes += 1;
                self.lose_power(&mut disk);
                return;
            }
            Err(why) => {
                let is_passing = matches!(why, RecoverError::Disk { .. });
                self.not_started(&format!("the spool does not open: {why}"), is_passing, scribe);
                return;
            }
        };
        disk.set_fuse(None);
        self.note_start(&recovered, scribe);
        self.witness.recovered(&recovered, scribe);
        match ForwardSeat::open(self.node, &recovered, self.spool_disk.handle(), &self.sink_disk, &self.quarantine_disk)
        {
            Ok(delivery) => {
                self.daemon = Some(self.assemble(spool, disk, &recovered, delivery));
                drop(recovered);
                drop(own);
                self.memory.started(self.setup.shards, scribe);
            }
            Err(why) => {
                let is_passing = matches!(why, OpenError::Disk { .. });
                self.not_started(&format!("the sink does not open: {why}"), is_passing, scribe);
            }
        }
    }

    fn not_started(&mut self, why: &str, is_passing: bool, scribe: &mut Scribe<'_>) {
        if is_passing {
            scribe.note(format_args!("no start: {why}"));
            scribe.mix.failed_starts += 1;
        } else {
            scribe.broken(Promise::P1, why.to_owned());
        }
    }

    fn note_start(&self, recovered: &Recovered, scribe: &mut Scribe<'_>) {
        let (marks, cells) = (recovered.marks.len(), recovered.state.len());
        scribe.mix.restored += (marks + cells) as u64;
        scribe.note(format_args!(
            "node {} start {}: epoch {}, {marks} marks, {cells} cells, settled {}, cut {} bytes",
            self.node.0, self.starts, recovered.epoch.0, recovered.settled, recovered.report.cut_bytes,
        ));
    }

    fn assemble(&mut self, spool: Spool, disk: WatchedDisk, recovered: &Recovered, delivery: ForwardSeat) -> Daemon {
        let shards = self.setup.shards;
        self.cuts = Cuts::new(usize::from(shards));
        let dealt = Restored::deal(&recovered.marks, &recovered.state, shards);
        let seats = (0..shards).zip(dealt).map(|(shard, restored)| {
            ShardSeat::new(usize::from(shard), self.shard(ShardId(shard), restored, recovered.epoch))
        });
        Daemon {
            shards: seats.collect(),
            fabric: Fabric::new(&self.setup, self.rng.fork(1)),
            spool: SpoolSeat::new(spool, disk, shards, self.setup.spool.clone()),
            delivery,
        }
    }

    fn shard(&mut self, shard: ShardId, restored: Restored, epoch: StartEpoch) -> Shard {
        let (now, wall) = (self.clock.now(), self.chronicle.wall());
        let shards = self.setup.shards;
        let mut seed = [0; 32];
        self.rng.fill(&mut seed);
        let sessions = Sessions::new(
            Arc::new(self.setup.sessions.clone()),
            keys().server.clone(),
            &SharedKeys::derive(&[7; 32]),
            shard,
            shards,
            keys().verifier(self.setup.token_leeway),
            &seed,
            now,
        );
        let parts = Parts {
            shard,
            shards,
            config: self.setup.shard.clone(),
            sessions: sessions.expect("the story's session configuration is sound"),
            serving: self.desk.serving().clone(),
            restored,
            node: self.node,
            epoch,
            hash_seed: self.rng.next_u64(),
        };
        let mut shard = Shard::new(parts, now, wall);
        shard.handle_deny_list(self.deny.clone());
        shard
    }

    /// The daemon dies without a word.
    pub(crate) fn die(&mut self, death: Death, scribe: &mut Scribe<'_>) {
        let Some(mut daemon) = self.daemon.take() else { return };
        daemon.harvest(scribe);
        scribe.note(format_args!("node {} dies: {death:?}", self.node.0));
        match death {
            Death::Kill => {
                scribe.mix.kills += 1;
                daemon.spool.disk.abandon(&mut self.rng);
                self.sink_disk.abandon(&mut self.rng);
                self.quarantine_disk.abandon(&mut self.rng);
            }
            Death::PowerLoss => {
                scribe.mix.power_losses += 1;
                self.lose_power(&mut daemon.spool.disk);
            }
        }
    }

    fn lose_power(&mut self, spool: &mut WatchedDisk) {
        spool.crash(&mut self.rng);
        self.sink_disk.crash(&mut self.rng);
        self.quarantine_disk.crash(&mut self.rng);
    }

    /// Ends the story: adds what the running daemon and the disks counted.
    pub(crate) fn finish(&mut self, scribe: &mut Scribe<'_>) {
        if let Some(daemon) = &self.daemon {
            daemon.harvest(scribe);
        }
        for disk in [&self.spool_disk, &self.sink_disk, &self.quarantine_disk] {
            let faults = disk.faults();
            scribe.mix.writes_torn += faults.writes_torn;
            scribe.mix.changes_lost += faults.changes_lost;
            scribe.mix.changes_kept += faults.changes_kept;
            scribe.mix.names_lost += faults.names_lost;
            scribe.mix.syncs_failed += faults.syncs_failed;
            scribe.mix.dir_syncs_failed += faults.dir_syncs_failed;
            scribe.mix.writes_failed += faults.writes_failed;
            scribe.mix.out_of_space += faults.out_of_space;
        }
    }
}
