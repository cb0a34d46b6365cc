//! The door that a daemon's spool gets: it passes everything on, tells the [watch](super::Watch), and counts what failed.
//!
//! In: the spool's operations. Out: the same, to the simulated disk. A fuse can blow in the midst of recovery. One promise is
//! checked right here: a sync that failed is not asked for again, and nothing but failures of the disk ends writing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;
use std::time::Instant;

use edge_door::sim::{DiskImage, Rng, SimDisk};
use edge_door::{Disk, DiskOp, FileName, OpId};

use super::{Flight, Watch, is_segment};
use crate::heap;
use crate::scribe::{Promise, Scribe};

/// What a daemon lives through before it may stop writing: a failure, and another one on what took its place.
const FAILURES_TO_END: u64 = 2;

/// See the head of this file.
pub(crate) struct WatchedDisk {
    disk: SimDisk,
    watch: Rc<RefCell<Watch>>,
    flights: BTreeMap<OpId, (Flight, What)>,
    /// Blocking operations that still succeed.
    fuse: Option<u32>,
    has_blown: bool,
    removals: Vec<(FileName, DiskImage)>,
    tally: Tally,
    /// Files whose sync failed in this run, and were not written since.
    suspects: BTreeSet<FileName>,
    complaints: Vec<String>,
    has_ended: bool,
    is_full: bool,
}

/// What an operation is about, for the counts.
#[derive(Clone, PartialEq, Eq, Debug)]
enum What {
    Sync(FileName),
    Write(FileName),
    Other,
}

/// What happened in one run.
#[derive(Clone, Copy, Default)]
struct Tally {
    failures: u64,
    blocking_failures: u64,
    segment_syncs_failed: u64,
    cursor_syncs_failed: u64,
    cursors_on_full_disk: u64,
}

impl WatchedDisk {
    pub(crate) fn new(disk: SimDisk, watch: Rc<RefCell<Watch>>) -> WatchedDisk {
        WatchedDisk {
            disk,
            watch,
            flights: BTreeMap::new(),
            fuse: None,
            has_blown: false,
            removals: Vec::new(),
            tally: Tally::default(),
            suspects: BTreeSet::new(),
            complaints: Vec::new(),
            has_ended: false,
            is_full: false,
        }
    }

    /// How many records lie between their write and their fsync.
    pub(crate) fn unsynced_records(&self) -> usize {
        let watch = self.watch.borrow();
        let covers = |flight: &Flight| match flight {
            Flight::Sync { file, .. } => watch.written.get(file).map_or(0, Vec::len),
            _ => 0,
        };
        self.flights.values().map(|(flight, _)| covers(flight)).sum()
    }

    /// The segments whose removal was asked for, each with a copy of what certainly lay on the disk just before.
    pub(crate) fn take_removals(&mut self) -> Vec<(FileName, DiskImage)> {
        std::mem::take(&mut self.removals)
    }

    /// Whether the power has failed.
    pub(crate) fn has_blown(&self) -> bool {
        self.has_blown
    }

    /// When the next operation ends.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.disk.next_due()
    }

    /// Lets the power fail after so many more blocking operations.
    pub(crate) fn set_fuse(&mut self, operations: Option<u32>) {
        self.fuse = operations;
    }

    /// Says what was seen that must not be. `is_read_only`: the spool writes no longer.
    pub(crate) fn complain(&mut self, is_read_only: bool, scribe: &mut Scribe<'_>) {
        for what in self.complaints.drain(..) {
            scribe.broken(Promise::Receipt, what);
        }
        if is_read_only && !std::mem::replace(&mut self.has_ended, true) && self.tally.failures < FAILURES_TO_END {
            let what = format!("the spool is read-only after {} failures of its disk", self.tally.failures);
            scribe.broken(Promise::Liveness, what);
        }
    }

    /// Adds its own counts to the mix, at its end.
    pub(crate) fn harvest(&self, scribe: &mut Scribe<'_>) {
        let mix = &mut scribe.mix;
        mix.recovery_failures += self.tally.blocking_failures;
        mix.segment_syncs_failed += self.tally.segment_syncs_failed;
        mix.cursor_syncs_failed += self.tally.cursor_syncs_failed;
        mix.cursors_on_full_disk += self.tally.cursors_on_full_disk;
    }

    fn look(&mut self, op: &DiskOp) -> What {
        match op {
            DiskOp::Sync { file } => {
                if self.suspects.contains(file) {
                    self.complaints.push(format!("the sync of `{file}` failed and is asked for again"));
                }
                What::Sync(file.clone())
            }
            DiskOp::Write { file, .. } => What::Write(file.clone()),
            DiskOp::Unlink { file } if is_segment(file) => {
                self.removals.push((file.clone(), self.disk.image()));
                What::Other
            }
            _ => What::Other,
        }
    }

    fn note(&mut self, what: What, end: &io::Result<()>) {
        let is_full = end.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::StorageFull);
        self.tally.failures += u64::from(end.is_err() && !is_full);
        // Full from the first refusal on, until a segment is written again.
        self.is_full |= is_full;
        match what {
            What::Sync(file) if end.is_err() => {
                self.tally.segment_syncs_failed += u64::from(file.starts_with("seg-"));
                self.tally.cursor_syncs_failed += u64::from(file.starts_with("cursor-"));
                self.suspects.insert(file);
            }
            What::Sync(file) => {
                self.tally.cursors_on_full_disk += u64::from(self.is_full && file.starts_with("cursor-"));
            }
            // What was written again can be synced again; that the rest of it is doomed, the watch knows.
            What::Write(file) => {
                self.is_full &= end.is_err() || !file.starts_with("seg-");
                self.suspects.remove(&file);
            }
            What::Other => {}
        }
    }

    /// The process dies, the kernel lives on. Writes in flight may have been carried out.
    pub(crate) fn abandon(&mut self, rng: &mut Rng) {
        self.disk.abandon(rng);
        let mut watch = self.watch.borrow_mut();
        for (flight, _) in std::mem::take(&mut self.flights).into_values() {
            if matches!(flight, Flight::Write { .. } | Flight::Create { .. }) {
                watch.end(flight, true);
            }
        }
    }

    /// The power fails.
    pub(crate) fn crash(&mut self, rng: &mut Rng) {
        self.disk.crash(rng);
        let survivors = self.disk.list().unwrap_or_default();
        let mut watch = self.watch.borrow_mut();
        for (flight, _) in std::mem::take(&mut self.flights).into_values() {
            if matches!(flight, Flight::Write { .. }) {
                watch.end(flight, true);
            }
        }
        watch.on_power_loss(&survivors);
    }
}

impl Disk for WatchedDisk {
    fn submit(&mut self, id: OpId, op: DiskOp) {
        let _mine = heap::of_simulator();
        let what = self.look(&op);
        let flight = self.watch.borrow_mut().begin(&op);
        self.flights.insert(id, (flight, what));
        self.disk.submit(id, op);
    }

    fn poll(&mut self) -> Option<(OpId, io::Result<()>)> {
        let _mine = heap::of_simulator();
        let (id, end) = self.disk.poll()?;
        if let Some((flight, what)) = self.flights.remove(&id) {
            self.watch.borrow_mut().end(flight, end.is_ok());
            self.note(what, &end);
        }
        Some((id, end))
    }

    fn blocking(&mut self, op: DiskOp) -> io::Result<()> {
        let _mine = heap::of_simulator();
        if let Some(left) = &mut self.fuse {
            let Some(less) = left.checked_sub(1) else {
                self.has_blown = true;
                return Err(io::Error::other("the power failed"));
            };
            *left = less;
        }
        let what = self.look(&op);
        let flight = self.watch.borrow_mut().begin(&op);
        let end = self.disk.blocking(op);
        self.watch.borrow_mut().end(flight, end.is_ok());
        let failures = self.tally.failures;
        self.note(what, &end);
        self.tally.blocking_failures += self.tally.failures - failures;
        end
    }

    fn list(&mut self) -> io::Result<Vec<(FileName, u64)>> {
        self.disk.list()
    }

    fn read(&mut self, file: &FileName, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        self.disk.read(file, offset, out)
    }
}
