//! The durable form of a cell: what stands in an event's record and comes back after a restart.
//!
//! ```text
//! ring      01 capacity:u8 len:u8 time:i64 × len     (rising)
//! panes     02 fold:u8 width_ms:u64 newest:i64 number:i64 filled:u32 overflow:u32
//!              word:u64 × filled (where the fold has words)  count:u32 × filled (where it has counts)   (youngest first)
//! once      03 generation:u32 period:i64 player:u128
//! cooldown  04 last:i64
//! ```
//! Little-endian; version 1 for ever. It says its own layout, so it can be read before any rule set is loaded.

use super::fold::{Fold, Part};
use super::panes::{self, KEPT};
use super::window::Layout;
use crate::ir::limits;

/// Bytes are no cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a durable cell is malformed: its record was written by another version or the disk changed it")]
pub struct RestoreError;

impl RestoreError {
    /// Stable word for metrics and documents.
    pub const fn code(self) -> &'static str {
        "STATE_CELL_MALFORMED"
    }
}

/// The most bytes that a cell of a layout takes.
pub(crate) const fn most(layout: Layout) -> usize {
    match layout {
        Layout::Ring { capacity } => 3 + 8 * capacity as usize,
        // Every word of a cell, its own layout, and nothing saved.
        layout => 16 + 8 * layout.words(),
    }
}

/// Appends the durable form.
pub(crate) fn write(layout: Layout, cell: &[u64], out: &mut Vec<u8>) {
    match layout {
        Layout::Ring { capacity } => {
            let len = cell[0] as usize;
            out.extend_from_slice(&[1, capacity, len as u8]);
            put_words(&cell[1..=len], out);
        }
        Layout::Panes { fold, width_ms } => {
            out.extend_from_slice(&[2, fold as u8]);
            put_words(&[width_ms, cell[1], cell[2], cell[0]], out);
            put_parts(fold, cell, KEPT, out);
        }
        Layout::Once => {
            out.push(3);
            out.extend_from_slice(&(cell[1] as u32).to_le_bytes());
            put_words(&cell[2..], out);
        }
        Layout::Cooldown => {
            out.push(4);
            put_words(&cell[1..], out);
        }
    }
}

fn put_words(words: &[u64], out: &mut Vec<u8>) {
    words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
}

/// Panes that know something, words first.
fn put_parts(fold: Fold, cell: &[u64], kept: usize, out: &mut Vec<u8>) {
    let parts = || (0..kept).map(|at| panes::part(fold, cell, at)).filter(|part| part.count > 0);
    if fold.has_word() {
        parts().for_each(|part| out.extend_from_slice(&part.word.to_le_bytes()));
    }
    if fold.has_count() {
        parts().for_each(|part| out.extend_from_slice(&(part.count as u32).to_le_bytes()));
    }
}

/// The inverse of [`write`].
pub(crate) fn read(bytes: &[u8]) -> Result<(Layout, Vec<u64>), RestoreError> {
    let mut bytes = Bytes(bytes);
    let read = match bytes.u8()? {
        1 => ring(&mut bytes)?,
        2 => sliding(&mut bytes)?,
        3 => {
            let generation = u64::from(bytes.u32()?);
            (Layout::Once, vec![1, generation, bytes.u64()?, bytes.u64()?, bytes.u64()?])
        }
        4 => (Layout::Cooldown, vec![1, bytes.u64()?]),
        _ => return Err(RestoreError),
    };
    if bytes.0.is_empty() { Ok(read) } else { Err(RestoreError) }
}

fn ring(bytes: &mut Bytes<'_>) -> Result<(Layout, Vec<u64>), RestoreError> {
    let (capacity, len) = (bytes.u8()?, bytes.u8()?);
    if capacity > limits::MAX_RING || len > capacity {
        return Err(RestoreError);
    }
    let layout = Layout::Ring { capacity };
    let mut cell = vec![0; layout.words()];
    cell[0] = u64::from(len);
    let times = &mut cell[1..=usize::from(len)];
    for time in times.iter_mut() {
        *time = bytes.u64()?;
    }
    let sorted = times.is_sorted_by_key(|time| *time as i64);
    if sorted { Ok((layout, cell)) } else { Err(RestoreError) }
}

fn sliding(bytes: &mut Bytes<'_>) -> Result<(Layout, Vec<u64>), RestoreError> {
    let fold = Fold::from_u8(bytes.u8()?).ok_or(RestoreError)?;
    let width_ms = bytes.u64()?;
    let (newest, number, filled) = (bytes.u64()?, bytes.u64()?, bytes.u64()?);
    if !(1..=limits::MAX_SPAN_MS).contains(&width_ms) || number as i64 != (newest as i64).div_euclid(width_ms as i64) {
        return Err(RestoreError);
    }
    let layout = Layout::Panes { fold, width_ms };
    let mut cell = vec![0; layout.words()];
    (cell[1], cell[2]) = (newest, number);
    take_parts(bytes, fold, &mut cell, KEPT, filled)?;
    Ok((layout, cell))
}

/// The inverse of [`put_parts`]; `flags` is the cell's first word.
fn take_parts(
    bytes: &mut Bytes<'_>,
    fold: Fold,
    cell: &mut [u64],
    kept: usize,
    flags: u64,
) -> Result<(), RestoreError> {
    let (filled, overflow) = (flags as u32, (flags >> 32) as u32);
    if filled >> kept != 0 || overflow & !filled != 0 || filled & 1 == 0 {
        return Err(RestoreError);
    }
    let places: Vec<usize> = (0..kept).filter(|at| filled >> at & 1 == 1).collect();
    let mut parts = vec![Part { word: 0, count: 1, overflow: false }; places.len()];
    if fold.has_word() {
        for part in &mut parts {
            part.word = bytes.u64()?;
        }
    }
    if fold.has_count() {
        for part in &mut parts {
            part.count = u64::from(bytes.u32()?);
            if part.count == 0 {
                return Err(RestoreError);
            }
        }
    }
    for (at, part) in places.into_iter().zip(parts) {
        panes::set_part(fold, cell, at, Part { overflow: overflow >> at & 1 == 1, ..part });
    }
    Ok(())
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], RestoreError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(RestoreError)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, RestoreError> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, RestoreError> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, RestoreError> {
        self.take().map(u64::from_le_bytes)
    }
}
