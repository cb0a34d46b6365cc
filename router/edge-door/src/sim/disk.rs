//! The simulated disk: one directory whose unsynced part a crash may take, tear or leave.
//!
//! In: the operations of the door, a virtual clock, faults. Out: their ends, after a delay drawn from the seed; and after
//! [`SimDisk::crash`] a directory that an honest kernel could have left behind: every change that no sync covers,
//! of contents and of names alike, may or may not be there, and writes may be torn between sectors of 512 bytes.
//!
//! Two operations in flight at once may take effect in either order, as on a kernel. Each fault that fires is counted.
//! Deliberately absent: sub-directories, permissions, and more than one client's locks.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::disk::check_name;
use crate::sim::file::SimFile;
use crate::sim::{DiskFaults, Fail, Ppm, Rng, Rot, SimClock};
use crate::{Clock, Disk, DiskOp, FileName, OpId};

/// How the disk behaves.
///
/// # Defaults
/// No delay, unlimited room, no faults.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DiskConfig {
    /// Least delay of an operation.
    pub latency: Duration,
    /// Most that is added to it; what is submitted together may end in any order.
    pub jitter: Duration,
    /// Room for the lengths of all files together, in bytes; `None`: unlimited.
    pub capacity_bytes: Option<u64>,
    /// Whether every write needs room for its bytes, also where the file is long enough: as on a file system that writes
    /// elsewhere first and frees the old place afterwards.
    pub copies_on_write: bool,
    /// Syncs of a file that fail, and lose what they should have covered.
    pub sync_error_ppm: Ppm,
    /// Writes that fail after any part was written.
    pub write_error_ppm: Ppm,
}

/// What lies on a disk that has no power: the durable bytes of the durable names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DiskImage {
    /// The files by name.
    pub files: BTreeMap<FileName, Vec<u8>>,
}

/// A simulated directory. [`handle`](SimDisk::handle) gives another door to the same directory, with ids of its own.
#[derive(Debug)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    handle: u64,
}

#[derive(Debug)]
struct State {
    clock: SimClock,
    config: DiskConfig,
    rng: Rng,
    files: Vec<SimFile>,
    /// What readers see.
    names: BTreeMap<FileName, usize>,
    /// What survives for certain.
    durable_names: BTreeMap<FileName, usize>,
    pending_names: Vec<(u64, NameChange)>,
    next_name_change: u64,
    /// By end, then by the order of submission.
    in_flight: BTreeMap<(Instant, u64), Flight>,
    next_flight: u64,
    next_handle: u64,
    sync_failures_due: u32,
    /// What fails once.
    failures_due: Vec<Fail>,
    faults: DiskFaults,
}

#[derive(Clone, Debug)]
enum NameChange {
    Link { name: FileName, file: usize },
    Rename { from: FileName, to: FileName, file: usize },
    Unlink { name: FileName },
}

#[derive(Debug)]
struct Flight {
    handle: u64,
    id: OpId,
    op: DiskOp,
    /// For syncs: what had happened when it was submitted.
    mark: u64,
}

impl SimDisk {
    /// An empty directory.
    pub fn new(clock: SimClock, seed: u64, config: DiskConfig) -> Self {
        Self::from_image(&DiskImage::default(), clock, seed, config)
    }

    /// The directory that an image holds.
    pub fn from_image(image: &DiskImage, clock: SimClock, seed: u64, config: DiskConfig) -> Self {
        let names: BTreeMap<_, _> = image.files.keys().cloned().enumerate().map(|(i, name)| (name, i)).collect();
        let state = State {
            clock,
            config,
            rng: Rng::new(seed),
            files: image.files.values().cloned().map(SimFile::durable).collect(),
            durable_names: names.clone(),
            names,
            pending_names: Vec::new(),
            next_name_change: 0,
            in_flight: BTreeMap::new(),
            next_flight: 0,
            next_handle: 1,
            sync_failures_due: 0,
            failures_due: Vec::new(),
            faults: DiskFaults::default(),
        };
        Self { state: Arc::new(Mutex::new(state)), handle: 0 }
    }

    /// Another door to the same directory.
    pub fn handle(&self) -> Self {
        let mut state = self.state();
        let handle = state.next_handle;
        state.next_handle += 1;
        Self { state: self.state.clone(), handle }
    }

    /// When the next operation of any handle ends.
    pub fn next_due(&self) -> Option<Instant> {
        self.state().in_flight.first_key_value().map(|((due, _), _)| *due)
    }

    /// The power goes and comes back: operations in flight never end, and of what no sync covers any part is left.
    pub fn crash(&mut self, rng: &mut Rng) {
        self.state().crash(rng);
    }

    /// The process dies and the kernel lives on: operations in flight are carried out or not, nobody hears of their ends,
    /// and what was written stays readable and as unsynced as it was.
    pub fn abandon(&mut self, rng: &mut Rng) {
        self.state().abandon(rng);
    }

    /// What would certainly be there after a crash now.
    pub fn image(&self) -> DiskImage {
        let state = self.state();
        let bytes = |file: &usize| state.files[*file].durable_bytes().to_vec();
        DiskImage { files: state.durable_names.iter().map(|(name, file)| (name.clone(), bytes(file))).collect() }
    }

    /// Makes the next `n` syncs of files fail.
    pub fn fail_next_syncs(&mut self, n: u32) {
        self.state().sync_failures_due = n;
    }

    /// Makes the next operation of this kind fail.
    pub fn fail_next(&mut self, fail: Fail) {
        self.state().failures_due.push(fail);
    }

    /// Takes back what was to fail and has not been asked for.
    pub fn fail_nothing(&mut self) {
        let mut state = self.state();
        (state.sync_failures_due, state.failures_due) = (0, Vec::new());
    }

    /// Bytes of all files together.
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes()
    }

    /// Changes how the disk behaves from now on.
    pub fn set_config(&mut self, config: DiskConfig) {
        self.state().config = config;
    }

    /// Flips one bit of a file, also of its durable bytes. Says whether there was one.
    pub fn flip_bit(&mut self, file: &FileName, offset: u64, bit: u8) -> bool {
        let mut state = self.state();
        let Some(&at) = state.names.get(file) else { return false };
        let flipped = state.files[at].flip(offset, bit);
        state.faults.bits_flipped += u64::from(flipped);
        flipped
    }

    /// Spoils a sector of what is durable of a file, by its number from 0; readers see it at once. Says whether anything has
    /// changed by that.
    pub fn rot(&mut self, file: &FileName, sector: u64, rot: Rot) -> bool {
        let mut state = self.state();
        let Some(&at) = state.names.get(file) else { return false };
        let has_changed = state.files[at].rot(sector, rot);
        let fired = match rot {
            Rot::Flip(_) => &mut state.faults.bits_flipped,
            Rot::Zero => &mut state.faults.sectors_zeroed,
            Rot::Stale => &mut state.faults.sectors_stale,
        };
        *fired += u64::from(has_changed);
        has_changed
    }

    /// What fired so far.
    pub fn faults(&self) -> DiskFaults {
        self.state().faults
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for SimDisk {
    fn submit(&mut self, id: OpId, op: DiskOp) {
        let handle = self.handle;
        let mut state = self.state();
        let mark = state.mark(&op);
        let (latency, jitter) = (state.config.latency, state.config.jitter);
        let due = state.clock.now() + latency + state.rng.duration(jitter);
        let key = (due, state.next_flight);
        state.next_flight += 1;
        state.in_flight.insert(key, Flight { handle, id, op, mark });
    }

    fn poll(&mut self) -> Option<(OpId, io::Result<()>)> {
        let handle = self.handle;
        let mut state = self.state();
        let now = state.clock.now();
        let key = state.in_flight.iter().take_while(|((due, _), _)| *due <= now).find(|(_, f)| f.handle == handle);
        let key = *key?.0;
        let flight = state.in_flight.remove(&key).expect("it was found");
        let end = state.carry_out(flight.op, flight.mark);
        Some((flight.id, end))
    }

    fn blocking(&mut self, op: DiskOp) -> io::Result<()> {
        let mut state = self.state();
        let mark = state.mark(&op);
        state.carry_out(op, mark)
    }

    fn list(&mut self) -> io::Result<Vec<(FileName, u64)>> {
        let state = self.state();
        Ok(state.names.iter().map(|(name, file)| (name.clone(), state.files[*file].current().len() as u64)).collect())
    }

    fn read(&mut self, file: &FileName, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        check_name(file)?;
        let state = self.state();
        let bytes = state.files[state.find(file)?].current();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let n = out.len().min(bytes.len() - start);
        out[..n].copy_from_slice(&bytes[start..start + n]);
        Ok(n)
    }
}

impl State {
    fn find(&self, name: &FileName) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| no_such_file(name))
    }

    /// What a sync that is submitted now covers; 0 for other operations.
    fn mark(&self, op: &DiskOp) -> u64 {
        match op {
            DiskOp::Sync { file } => self.names.get(file).map_or(0, |at| self.files[*at].mark()),
            DiskOp::SyncDir => self.next_name_change,
            _ => 0,
        }
    }

    fn carry_out(&mut self, op: DiskOp, mark: u64) -> io::Result<()> {
        match op {
            DiskOp::Create { file, len } => self.create(&file, len),
            DiskOp::Write { file, offset, data } => self.write(&file, offset, data),
            DiskOp::Sync { file } => self.sync(&file, mark),
            DiskOp::SyncDir => self.sync_dir(mark),
            DiskOp::Truncate { file, len } => {
                check_name(&file)?;
                let at = self.find(&file)?;
                self.need_room(len.saturating_sub(self.files[at].current().len() as u64))?;
                self.files[at].resize(len);
                Ok(())
            }
            DiskOp::Rename { from, to } => {
                check_name(&from)?;
                check_name(&to)?;
                let file = self.find(&from)?;
                self.change_name(NameChange::Rename { from, to, file });
                Ok(())
            }
            DiskOp::Unlink { file } => {
                check_name(&file)?;
                self.find(&file)?;
                self.change_name(NameChange::Unlink { name: file });
                Ok(())
            }
        }
    }

    fn create(&mut self, name: &FileName, len: u64) -> io::Result<()> {
        check_name(name)?;
        if self.names.contains_key(name) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("`{name}` exists already")));
        }
        if self.fails(|fail| matches!(fail, Fail::Create(prefix) if name.starts_with(prefix))) {
            self.faults.writes_failed += 1;
            return Err(io::Error::from_raw_os_error(EIO));
        }
        self.need_room(len)?;
        let mut file = SimFile::default();
        if len > 0 {
            file.resize(len);
        }
        self.files.push(file);
        self.change_name(NameChange::Link { name: name.clone(), file: self.files.len() - 1 });
        Ok(())
    }

    fn write(&mut self, name: &FileName, offset: u64, data: Bytes) -> io::Result<()> {
        check_name(name)?;
        let at = self.find(name)?;
        let end = offset + data.len() as u64;
        let written = data.len();
        let grows = end.saturating_sub(self.files[at].current().len() as u64);
        let needed = if self.config.copies_on_write { written as u64 } else { grows };
        if let Err(full) = self.need_room(needed) {
            self.write_part(at, offset, &data, written);
            return Err(full);
        }
        let is_due = self.fails(|fail| matches!(fail, Fail::Write(prefix) if name.starts_with(prefix)));
        if self.rng.chance(self.config.write_error_ppm) || is_due {
            self.faults.writes_failed += 1;
            self.write_part(at, offset, &data, written);
            return Err(io::Error::from_raw_os_error(EIO));
        }
        self.files[at].write(offset, data);
        Ok(())
    }

    /// What a failed write leaves: any prefix that lies within the file as it was.
    fn write_part(&mut self, at: usize, offset: u64, data: &Bytes, written: usize) {
        let inside = (self.files[at].current().len() as u64).saturating_sub(offset);
        let part = self.rng.index(written + 1).min(usize::try_from(inside).unwrap_or(usize::MAX));
        if part > 0 {
            // A copy: what was not written is nobody's, and a slice would keep it as long as what was.
            self.files[at].write(offset, Bytes::copy_from_slice(&data[..part]));
        }
    }

    fn sync(&mut self, name: &FileName, mark: u64) -> io::Result<()> {
        check_name(name)?;
        let at = self.find(name)?;
        let unlucky = self.rng.chance(self.config.sync_error_ppm);
        let is_due = self.fails(|fail| matches!(fail, Fail::Sync(prefix) if name.starts_with(prefix)));
        if unlucky || is_due || self.sync_failures_due > 0 {
            self.sync_failures_due = self.sync_failures_due.saturating_sub(1);
            self.faults.syncs_failed += 1;
            self.files[at].sync_failed(mark, &mut self.rng);
            return Err(io::Error::from_raw_os_error(EIO));
        }
        self.files[at].sync(mark);
        Ok(())
    }

    fn sync_dir(&mut self, mark: u64) -> io::Result<()> {
        let covered = self.pending_names.iter().take_while(|(n, _)| *n < mark).count();
        let is_due = self.fails(|fail| matches!(fail, Fail::SyncDir));
        // Where it fails, what it got done is a prefix: names are written in the order of their changes.
        let done = if is_due { self.rng.index(covered + 1) } else { covered };
        for (_, change) in self.pending_names.drain(..done) {
            rename(&mut self.durable_names, &change);
        }
        if is_due {
            self.faults.dir_syncs_failed += 1;
            return Err(io::Error::from_raw_os_error(EIO));
        }
        Ok(())
    }

    /// Whether something is to fail now; it then has.
    fn fails(&mut self, is_meant: impl Fn(&Fail) -> bool) -> bool {
        let due = self.failures_due.iter().position(is_meant);
        due.map(|at| self.failures_due.remove(at)).is_some()
    }

    fn change_name(&mut self, change: NameChange) {
        rename(&mut self.names, &change);
        self.pending_names.push((self.next_name_change, change));
        self.next_name_change += 1;
        self.forget_unreachable();
    }

    /// Frees the bytes of files that no name, now or durable or pending, leads to.
    fn forget_unreachable(&mut self) {
        let mut live = vec![false; self.files.len()];
        let pending = self.pending_names.iter().filter_map(|(_, change)| match change {
            NameChange::Link { file, .. } | NameChange::Rename { file, .. } => Some(file),
            NameChange::Unlink { .. } => None,
        });
        for at in self.names.values().chain(self.durable_names.values()).chain(pending) {
            live[*at] = true;
        }
        for (at, _) in live.iter().enumerate().filter(|(_, live)| !**live) {
            self.files[at] = SimFile::default();
        }
    }

    fn need_room(&mut self, more: u64) -> io::Result<()> {
        let Some(capacity) = self.config.capacity_bytes else { return Ok(()) };
        if more == 0 || self.used_bytes() + more <= capacity {
            return Ok(());
        }
        self.faults.out_of_space += 1;
        Err(io::Error::from_raw_os_error(ENOSPC))
    }

    fn used_bytes(&self) -> u64 {
        self.names.values().map(|at| self.files[*at].current().len() as u64).sum()
    }

    fn abandon(&mut self, rng: &mut Rng) {
        for (_, flight) in std::mem::take(&mut self.in_flight) {
            if rng.chance(500_000) {
                let _ = self.carry_out(flight.op, flight.mark);
            }
        }
    }

    fn crash(&mut self, rng: &mut Rng) {
        self.faults.crashes += 1;
        // What was in flight may have been carried out, and is then as unsynced as anything else.
        self.abandon(rng);
        for file in &mut self.files {
            let losses = file.crash(rng);
            self.faults.changes_lost += losses.lost;
            self.faults.writes_torn += losses.torn;
            self.faults.changes_kept += losses.kept;
        }
        let pending = std::mem::take(&mut self.pending_names);
        let in_order = rng.chance(500_000);
        let prefix = rng.index(pending.len() + 1);
        for (i, (_, change)) in pending.iter().enumerate() {
            if if in_order { i < prefix } else { rng.chance(500_000) } {
                rename(&mut self.durable_names, change);
            } else {
                self.faults.names_lost += 1;
            }
        }
        self.names.clone_from(&self.durable_names);
        self.forget_unreachable();
    }
}

/// A change of names; one whose start is missing (a lost change went before it) does what is left of it.
fn rename(names: &mut BTreeMap<FileName, usize>, change: &NameChange) {
    match change {
        NameChange::Link { name, file } => {
            names.insert(name.clone(), *file);
        }
        NameChange::Rename { from, to, file } => {
            if names.get(from) == Some(file) {
                names.remove(from);
            }
            names.insert(to.clone(), *file);
        }
        NameChange::Unlink { name } => {
            names.remove(name);
        }
    }
}

fn no_such_file(name: &FileName) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no file `{name}`"))
}

/// Linux's numbers, so that an error looks as from the kernel.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

#[cfg(test)]
mod tests;
