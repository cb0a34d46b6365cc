//! The spool's thread in the simulated daemon: from the shards' rings to a watched disk, and the word of it back.
//!
//! Mirrors the daemon's own loop. Every record passes the [witness](crate::witness) on its way in, every commit on its way
//! out. Deliberately absent: what a record says.

use std::time::{Duration, Instant};

use edge_door::Disk as _;
use edge_event::{Position, ShardId, UnixMillis};
use edge_shard::ToSpool;
use edge_spool::{Config, Health, Spool};

use crate::check::removals;
use crate::cuts::Cuts;
use crate::fabric::Fabric;
use crate::scribe::Scribe;
use crate::watch::WatchedDisk;
use crate::witness::Witness;

/// While there is no room: how long until a turn looks again, should no operation end.
const NO_ROOM_POLL: Duration = Duration::from_millis(5);

/// See the head of this file.
pub(crate) struct SpoolSeat {
    spool: Spool,
    pub(crate) disk: WatchedDisk,
    config: Config,
    /// An item taken from a ring for which there was no room yet, by shard.
    held: Vec<Option<ToSpool>>,
    /// Commands taken in, by shard.
    commands: Vec<u64>,
    wake_at: Option<Instant>,
    /// The log is at its own bound, as far as this seat can see.
    is_at_bound: bool,
    /// As the forward thread knows it.
    pub(crate) committed: Position,
}

/// Whom the spool's thread meets in a turn.
pub(crate) struct Around<'a> {
    pub(crate) fabric: &'a mut Fabric,
    pub(crate) witness: &'a mut Witness,
    pub(crate) cuts: &'a mut Cuts,
    /// What each shard has adopted.
    pub(crate) revisions: &'a [u64],
    /// How far delivery is settled.
    pub(crate) settled: Position,
    pub(crate) now: Instant,
    pub(crate) wall: UnixMillis,
}

impl SpoolSeat {
    pub(crate) fn new(spool: Spool, disk: WatchedDisk, shards: u16, config: Config) -> SpoolSeat {
        let n = usize::from(shards);
        SpoolSeat {
            committed: spool.committed(),
            spool,
            disk,
            config,
            held: (0..n).map(|_| None).collect(),
            commands: vec![0; n],
            wake_at: None,
            is_at_bound: false,
        }
    }

    /// When its next turn is due.
    pub(crate) fn due(&self, fabric: &Fabric, now: Instant) -> Option<Instant> {
        let rings = fabric.spool_due(now, self.wake_at.is_some());
        [rings, self.disk.next_due(), self.spool.poll_timeout(), self.wake_at].into_iter().flatten().min()
    }

    /// Somebody rings for it.
    pub(crate) fn wake(&mut self, now: Instant) {
        self.wake_at = Some(now);
    }

    /// One turn of the loop.
    pub(crate) fn turn(&mut self, mut around: Around<'_>, scribe: &mut Scribe<'_>) {
        let now = around.now;
        self.wake_at = None;
        loop {
            let mut busy = false;
            while let Some((id, end)) = self.disk.poll() {
                if let Err(why) = &end {
                    scribe.note(format_args!("spool's disk: {why}"));
                }
                self.spool.handle_end(id, end, now);
                busy = true;
            }
            busy |= self.take_records(&mut around, scribe);
            self.spool.settle(around.settled);
            while let Some((id, op)) = self.spool.poll_op(now) {
                self.disk.submit(id, op);
                busy = true;
            }
            removals::check(&mut self.disk, &self.config, scribe);
            while let Some(committed) = self.spool.poll_committed() {
                around.witness.committed(committed.shard, committed.up_to_ticket, scribe);
                around.fabric.push_ticket(usize::from(committed.shard.0), committed.up_to_ticket, now);
                busy = true;
            }
            self.committed = self.spool.committed();
            if !busy {
                break;
            }
        }
        let is_at_bound = matches!(self.spool.health(), Health::Full { why } if why.contains("configured"));
        if is_at_bound && !std::mem::replace(&mut self.is_at_bound, is_at_bound) {
            scribe.mix.logs_at_bound += 1;
        }
        self.is_at_bound = is_at_bound;
        if self.held.iter().any(Option::is_some) {
            self.wake_at = Some(now + NO_ROOM_POLL);
        }
    }

    /// Whether it takes nothing any more until a restart.
    pub(crate) fn is_read_only(&self) -> bool {
        matches!(self.spool.health(), Health::ReadOnly { .. })
    }

    /// Whether everything it was given is committed.
    pub(crate) fn is_idle(&self) -> bool {
        self.held.iter().all(Option::is_none) && self.spool.status().uncommitted_records == 0
    }

    /// Adds its own counts to the mix, at its end.
    pub(crate) fn harvest(&self, scribe: &mut Scribe<'_>) {
        let status = self.spool.status();
        scribe.mix.commits += status.commits;
        scribe.mix.checkpoints += status.checkpoints;
        scribe.mix.segments_retired += status.retired_segments;
        self.disk.harvest(scribe);
    }

    /// Takes from each shard's ring as much as there is room for.
    fn take_records(&mut self, around: &mut Around<'_>, scribe: &mut Scribe<'_>) -> bool {
        let mut any = false;
        for shard in 0..self.held.len() {
            while let Some(item) = self.held[shard].take().or_else(|| around.fabric.pop_to_spool(shard, around.now)) {
                match item {
                    ToSpool::Cut(number) => around.cuts.note_spool(shard, number, self.commands[shard], scribe),
                    ToSpool::Record { .. } if !self.spool.has_room(1, self.config.record_bytes_max) => {
                        self.held[shard] = Some(item);
                        break;
                    }
                    ToSpool::Record { ticket, record } => {
                        self.commands[shard] += record.commands.len() as u64;
                        let id = ShardId(shard as u16);
                        let position = self.spool.append(id, ticket, &record, around.wall);
                        let position =
                            position.unwrap_or_else(|why| panic!("the spool refused what it has room for: {why}"));
                        around.witness.appended(id, ticket, position, &record, around.revisions[shard], scribe);
                    }
                }
                any = true;
            }
        }
        any
    }
}
