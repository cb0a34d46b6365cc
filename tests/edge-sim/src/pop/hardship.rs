//! What a machine suffers from outside: its disks fill up and fail, its clock steps, its next daemon has other shards.
//!
//! In: [`Hardship`]s and moments. Out: changed disks and clocks, and the end of what lasts a while. Deliberately absent: when
//! what comes (see [`plan`](crate::plan)).

use std::collections::BTreeMap;
use std::time::Instant;

use edge_door::sim::{DiskConfig, Rng, SimDisk};

use super::Pop;
use crate::check::rot::{self, Patient};
use crate::plan::{Hardship, Store};
use crate::scribe::Scribe;

/// What lasts, or waits for the next start.
#[derive(Default)]
pub(super) struct Hardships {
    /// When each full disk has room again.
    room_at: BTreeMap<Store, Instant>,
    next_shards: Option<u16>,
}

impl Hardships {
    /// When something ends.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.room_at.values().min().copied()
    }
}

impl Pop {
    /// Something comes from outside.
    pub(crate) fn suffer(&mut self, hardship: Hardship, now: Instant, scribe: &mut Scribe<'_>) {
        match hardship {
            Hardship::ClockStep { by_ms } => {
                let steps = if by_ms > 0 { &mut scribe.mix.steps_forward } else { &mut scribe.mix.steps_back };
                *steps += 1;
                scribe.mix.steps_while_down += u64::from(!self.is_up());
                self.chronicle.step(by_ms);
            }
            Hardship::Full { store, room_bytes, copies_on_write, lasts } => {
                let common = self.setup.disk.clone();
                let disk = self.disk(store);
                let capacity_bytes = Some(disk.used_bytes() + room_bytes);
                disk.set_config(DiskConfig { capacity_bytes, copies_on_write, ..common });
                self.hardships.room_at.insert(store, now + lasts);
            }
            Hardship::Failure(point) => {
                let (store, fail) = point.fail();
                self.disk(store).fail_next(fail);
            }
            Hardship::Rot(number) => {
                let (image, wall) = (self.spool_disk.image(), self.chronicle.wall());
                let patient = Patient { image, config: &self.setup.spool, wall };
                rot::check(&patient, &mut Rng::new(u64::from(number)), scribe);
            }
            Hardship::Shards(count) => self.hardships.next_shards = Some(count),
        }
    }

    /// Ends what has lasted long enough.
    pub(super) fn tend(&mut self, now: Instant, scribe: &mut Scribe<'_>) {
        while let Some((store, _)) = self.hardships.room_at.iter().find(|(_, at)| **at <= now) {
            let store = *store;
            self.hardships.room_at.remove(&store);
            scribe.note(format_args!("the disk of the {store:?} has room again"));
            let common = self.setup.disk.clone();
            self.disk(store).set_config(common);
        }
    }

    /// Nothing lasts any longer: there is room, nothing fails, and the clock is right.
    pub(crate) fn relieve(&mut self, now: Instant, scribe: &mut Scribe<'_>) {
        self.hardships.room_at.values_mut().for_each(|at| *at = now);
        self.tend(now, scribe);
        for store in [Store::Spool, Store::Sink] {
            self.disk(store).fail_nothing();
        }
        if self.chronicle.skew_ms() != 0 {
            self.chronicle.step(-self.chronicle.skew_ms());
        }
    }

    /// How many shards the daemon that starts now has.
    pub(super) fn take_shards(&mut self, scribe: &mut Scribe<'_>) {
        let Some(count) = self.hardships.next_shards.take() else { return };
        scribe.mix.more_shards += u64::from(count > self.setup.shards);
        scribe.mix.fewer_shards += u64::from(count < self.setup.shards);
        self.setup.shards = count;
    }

    /// Whether the disk is full from outside.
    pub(super) fn is_full(&self, store: Store) -> bool {
        self.hardships.room_at.contains_key(&store)
    }

    fn disk(&mut self, store: Store) -> &mut SimDisk {
        match store {
            Store::Spool => &mut self.spool_disk,
            Store::Sink => &mut self.sink_disk,
        }
    }
}
