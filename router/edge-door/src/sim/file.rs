//! One simulated file: what is durable, and the changes since that a crash may take or tear.
//!
//! In: writes, length changes, syncs, crashes. Out: what a reader sees now, and what is left afterwards. A change is
//! kept whole until a sync covers it. Deliberately absent: names (the directory has them) and time.

use crate::sim::{Rng, Rot};

/// What the simulated disk writes whole or not at all, in bytes.
pub const SECTOR_BYTES: u64 = 512;

/// One file's contents.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct SimFile {
    /// What survives for certain.
    durable: Vec<u8>,
    /// Of each sector, what was durable before it was last synced; as long as `durable` or shorter, zeros behind.
    before: Vec<u8>,
    /// What a reader sees.
    current: Vec<u8>,
    /// What leads from one to the other, in order; empty of what a failed sync has dropped.
    pending: Vec<(u64, Change)>,
    /// Ordinal of the next change.
    next_change: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Change {
    Write { offset: u64, data: bytes::Bytes },
    Resize { len: u64 },
}

/// What a crash did to one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Losses {
    /// Changes gone whole.
    pub(super) lost: u64,
    /// Writes of which some sectors are gone.
    pub(super) torn: u64,
    /// Changes that survived although nothing had made them durable.
    pub(super) kept: u64,
}

impl SimFile {
    /// A file as it lies on the disk after a restart.
    pub(super) fn durable(bytes: Vec<u8>) -> Self {
        Self { current: bytes.clone(), durable: bytes, ..Self::default() }
    }

    pub(super) fn current(&self) -> &[u8] {
        &self.current
    }

    pub(super) fn durable_bytes(&self) -> &[u8] {
        &self.durable
    }

    pub(super) fn write(&mut self, offset: u64, data: bytes::Bytes) {
        put(&mut self.current, offset, &data);
        self.push(Change::Write { offset, data });
    }

    pub(super) fn resize(&mut self, len: u64) {
        self.current.resize(len as usize, 0);
        self.push(Change::Resize { len });
    }

    /// Names the moment after all changes so far; a sync that begins now covers exactly those.
    pub(super) fn mark(&self) -> u64 {
        self.next_change
    }

    /// Makes durable what was changed before `mark`.
    pub(super) fn sync(&mut self, mark: u64) {
        let covered = self.pending.iter().take_while(|(n, _)| *n < mark).count();
        for (_, change) in self.pending.drain(..covered) {
            if let Change::Write { offset, data } = &change {
                keep_before(&mut self.before, &self.durable, *offset, data.len() as u64);
            }
            apply(&mut self.durable, &change);
        }
    }

    /// A sync that failed: of what it should have covered, any part is on the disk and the rest never will be, although
    /// readers still see it. That is how Linux treats pages whose write-back failed.
    pub(super) fn sync_failed(&mut self, mark: u64, rng: &mut Rng) {
        let covered = self.pending.iter().take_while(|(n, _)| *n < mark).count();
        let doomed: Vec<_> = self.pending.drain(..covered).collect();
        survive(&mut self.durable, &doomed, rng);
    }

    /// The power goes: of what no sync covers, any part survives.
    pub(super) fn crash(&mut self, rng: &mut Rng) -> Losses {
        let pending = std::mem::take(&mut self.pending);
        let losses = survive(&mut self.durable, &pending, rng);
        self.current.clone_from(&self.durable);
        losses
    }

    /// Flips one bit in what is durable and in what readers see. Says whether there was such a bit.
    pub(super) fn flip(&mut self, offset: u64, bit: u8) -> bool {
        let at = offset as usize;
        if at >= self.durable.len() {
            return false;
        }
        self.durable[at] ^= 1 << (bit & 7);
        if let Some(byte) = self.current.get_mut(at) {
            *byte ^= 1 << (bit & 7);
        }
        true
    }

    /// Spoils a durable sector, for readers too. Says whether anything has changed by that.
    pub(super) fn rot(&mut self, sector: u64, rot: Rot) -> bool {
        let start = ((sector * SECTOR_BYTES) as usize).min(self.durable.len());
        let end = (start + SECTOR_BYTES as usize).min(self.durable.len());
        let sound = self.durable[start..end].to_vec();
        let mut spoiled = sound.clone();
        match rot {
            Rot::Flip(bit) => {
                if let Some(byte) = spoiled.get_mut(usize::from(bit / 8)) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Rot::Zero => spoiled.fill(0),
            Rot::Stale => {
                let before = self.before.get(start..).unwrap_or_default();
                let known = before.len().min(spoiled.len());
                spoiled[..known].copy_from_slice(&before[..known]);
                spoiled[known..].fill(0);
            }
        }
        self.durable[start..end].copy_from_slice(&spoiled);
        // What was written since and is not synced yet stays as it was written.
        for (at, (sound, spoiled)) in sound.iter().zip(&spoiled).enumerate() {
            if let Some(seen) = self.current.get_mut(start + at).filter(|seen| *seen == sound) {
                *seen = *spoiled;
            }
        }
        sound != spoiled
    }

    fn push(&mut self, change: Change) {
        self.pending.push((self.next_change, change));
        self.next_change += 1;
    }
}

/// Remembers the sectors of a stretch as they are.
fn keep_before(before: &mut Vec<u8>, durable: &[u8], offset: u64, len: u64) {
    let start = ((offset / SECTOR_BYTES * SECTOR_BYTES) as usize).min(durable.len());
    let end = ((offset + len).next_multiple_of(SECTOR_BYTES) as usize).min(durable.len());
    if before.len() < end {
        before.resize(end, 0);
    }
    before[start..end].copy_from_slice(&durable[start..end]);
}

/// Applies a part of `changes` that chance picks: all, none, a prefix, a subset, or a subset with torn sectors.
fn survive(durable: &mut Vec<u8>, changes: &[(u64, Change)], rng: &mut Rng) -> Losses {
    let mut losses = Losses::default();
    let manner = rng.below(5);
    let prefix = rng.index(changes.len() + 1);
    for (i, (_, change)) in changes.iter().enumerate() {
        let keep = match manner {
            0 => true,
            1 => false,
            2 => i < prefix,
            _ => rng.chance(500_000),
        };
        let torn = match change {
            Change::Write { offset, data } if manner == 4 || (manner == 2 && i == prefix) => {
                tear(durable, *offset, data, rng)
            }
            _ => {
                if keep {
                    apply(durable, change);
                    losses.kept += 1;
                } else {
                    losses.lost += 1;
                }
                continue;
            }
        };
        match torn {
            Torn::Whole => losses.kept += 1,
            Torn::Partly => losses.torn += 1,
            Torn::Gone => losses.lost += 1,
        }
    }
    losses
}

enum Torn {
    Whole,
    Partly,
    Gone,
}

/// Writes each sector of a write, or does not.
fn tear(durable: &mut Vec<u8>, offset: u64, data: &[u8], rng: &mut Rng) -> Torn {
    let (mut kept, mut lost) = (0u64, 0u64);
    let (mut at, end) = (offset, offset + data.len() as u64);
    while at < end {
        let next = ((at / SECTOR_BYTES + 1) * SECTOR_BYTES).min(end);
        if rng.chance(500_000) {
            put(durable, at, &data[(at - offset) as usize..(next - offset) as usize]);
            kept += 1;
        } else {
            lost += 1;
        }
        at = next;
    }
    match (kept, lost) {
        (_, 0) => Torn::Whole,
        (0, _) => Torn::Gone,
        _ => Torn::Partly,
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, data } => put(bytes, *offset, data),
        Change::Resize { len } => bytes.resize(*len as usize, 0),
    }
}

fn put(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let (start, end) = (offset as usize, offset as usize + data.len());
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[start..end].copy_from_slice(data);
}
