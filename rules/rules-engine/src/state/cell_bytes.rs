//! The durable form of a cell: what stands in an event's record and comes back after a restart.
//!
//! ```text
//! ring      01 capacity:u8 len:u8 time:i64 × len     (rising)
//! panes     02 fold:u8 width_ms:u64 newest:i64 number:i64 flags:u64 parts
//! once      03 generation:u32 period:i64 player:u128
//! cooldown  04 last:i64
//! single    05 fold:u8 newest:i64 oldest:i64 flags:u64 parts
//! recent    06 capacity:u16 sketches:u8 width_ms:u64 newest:i64 len:u16 hash:u64 × len time:i64 × len
//!           07 width_ms:u64 newest:i64 number:i64 filled:u32 registers:8×u64 × filled     (youngest first)
//! values    08 capacity:u16 sketches:u8 newest:i64 oldest:i64 len:u16 hash:u64 × len
//!           09 newest:i64 oldest:i64 registers:32×u64
//! last      0a room:u8 newest:i64 oldest:i64 len:u16 value:u64 × ⌈len/8⌉, at least one
//! rate      10 last:i64 owed_ns:u64
//! parts = word:u64 × filled (where the fold has words) count:u32 × filled (where it has counts)     (youngest first)
//! ```
//! Little-endian; version 1 for ever. It says its own layout, so it can be read before any rule set is loaded.

use super::fold::{Fold, Part};
use super::panes::KEPT;
use super::parts::Parts;
use super::recent::{self, PANE, Recent};
use super::span::HEAD;
use super::values::{self, SKETCHED, USED};
use super::window::{DISTINCT_EXACT, Layout, VALUES_SKETCH_WORDS};
use super::{last, panes, single};
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

/// The most bytes that a cell of a layout takes: all its words, and what it says of its layout.
pub(crate) const fn most(layout: Layout) -> usize {
    16 + 8 * layout.words()
}

/// Appends the durable form.
pub(crate) fn write(layout: Layout, cell: &[u64], out: &mut Vec<u8>) {
    let is_sketch = layout.is_window() && cell[0] & SKETCHED != 0;
    match layout {
        Layout::Ring { capacity } => {
            let len = cell[0] as usize;
            out.extend_from_slice(&[1, capacity, len as u8]);
            put(&cell[1..=len], out);
        }
        Layout::Panes { fold, width_ms } => {
            out.extend_from_slice(&[2, fold as u8]);
            put(&[width_ms, cell[1], cell[2], cell[0]], out);
            put_parts(panes::panes(fold), cell, out);
        }
        Layout::Once => {
            out.push(3);
            out.extend_from_slice(&(cell[1] as u32).to_le_bytes());
            put(&cell[2..], out);
        }
        Layout::Cooldown => {
            out.push(4);
            put(&cell[1..], out);
        }
        Layout::Rate => {
            out.push(0x10);
            put(&cell[1..], out);
        }
        Layout::Single { fold } => {
            out.extend_from_slice(&[5, fold as u8]);
            put(&[cell[1], cell[2], cell[0]], out);
            put_parts(single::pane(fold), cell, out);
        }
        Layout::Recent { width_ms, .. } if is_sketch => put_sketches(width_ms, cell, out),
        Layout::Recent { capacity, width_ms, sketches } => {
            let recent = Recent { capacity: usize::from(capacity), width_ms, sketches };
            put_capacity(6, capacity, sketches, out);
            put(&[width_ms, cell[1]], out);
            put_hashes(cell, out);
            put(recent.times(cell), out);
        }
        Layout::Values { .. } if is_sketch => {
            out.push(9);
            put(&cell[1..], out);
        }
        Layout::Values { capacity, sketches } => {
            put_capacity(8, capacity, sketches, out);
            put(&cell[1..HEAD], out);
            put_hashes(cell, out);
        }
        Layout::Last { words } => {
            let len = last::len(cell);
            out.extend_from_slice(&[0x0a, words]);
            put(&cell[1..HEAD], out);
            out.extend_from_slice(&(len as u16).to_le_bytes());
            put(&cell[HEAD..HEAD + len.div_ceil(8).max(1)], out);
        }
    }
}

fn put(words: &[u64], out: &mut Vec<u8>) {
    words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
}

/// Panes that know something, words first.
fn put_parts(parts: Parts, cell: &[u64], out: &mut Vec<u8>) {
    let filled = || (0..parts.kept).map(|at| parts.get(cell, at)).filter(|part| part.count > 0);
    if parts.fold.has_word() {
        filled().for_each(|part| out.extend_from_slice(&part.word.to_le_bytes()));
    }
    if parts.fold.has_count() {
        filled().for_each(|part| out.extend_from_slice(&(part.count as u32).to_le_bytes()));
    }
}

fn put_capacity(tag: u8, capacity: u16, sketches: bool, out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&capacity.to_le_bytes());
    out.push(u8::from(sketches));
}

fn put_hashes(cell: &[u64], out: &mut Vec<u8>) {
    let len = values::len(cell);
    out.extend_from_slice(&(len as u16).to_le_bytes());
    put(&cell[HEAD..HEAD + len], out);
}

fn put_sketches(width_ms: u64, cell: &[u64], out: &mut Vec<u8>) {
    let is_filled = |at: &usize| recent::pane(cell, *at).iter().any(|word| *word != 0);
    let filled = (0..KEPT).filter(is_filled).fold(0_u32, |bits, at| bits | 1 << at);
    out.push(7);
    put(&[width_ms, cell[1], cell[2]], out);
    out.extend_from_slice(&filled.to_le_bytes());
    (0..KEPT).filter(is_filled).for_each(|at| put(recent::pane(cell, at), out));
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
        5 => of_a_span(&mut bytes)?,
        6 => recent_values(&mut bytes)?,
        7 => sketches(&mut bytes)?,
        8 => some_values(&mut bytes)?,
        9 => {
            let (layout, mut cell) = empty(Layout::Values { capacity: VALUES_SKETCH_WORDS as u16, sketches: true });
            cell[0] = USED | SKETCHED;
            times(&mut bytes, &mut cell)?;
            bytes.fill(&mut cell[HEAD..])?;
            (layout, cell)
        }
        0x0a => newest_value(&mut bytes)?,
        0x10 => (Layout::Rate, vec![1, bytes.u64()?, bytes.u64()?]),
        _ => return Err(RestoreError),
    };
    if bytes.0.is_empty() { Ok(read) } else { Err(RestoreError) }
}

fn empty(layout: Layout) -> (Layout, Vec<u64>) {
    (layout, vec![0; layout.words()])
}

fn check(holds: bool) -> Result<(), RestoreError> {
    if holds { Ok(()) } else { Err(RestoreError) }
}

/// The newest and the oldest time.
fn times(bytes: &mut Bytes<'_>, cell: &mut [u64]) -> Result<(), RestoreError> {
    bytes.fill(&mut cell[1..HEAD])?;
    check(cell[2] as i64 <= cell[1] as i64)
}

/// The width of a pane, the newest time, and the number of its pane.
fn pane_of(width_ms: u64, newest: u64, number: u64) -> Result<(), RestoreError> {
    check((1..=limits::MAX_SPAN_MS).contains(&width_ms))?;
    check(number as i64 == (newest as i64).div_euclid(width_ms as i64))
}

fn ring(bytes: &mut Bytes<'_>) -> Result<(Layout, Vec<u64>), RestoreError> {
    let (capacity, len) = (bytes.u8()?, bytes.u8()?);
    check(capacity <= limits::MAX_RING && len <= capacity)?;
    let (layout, mut cell) = empty(Layout::Ring { capacity });
    cell[0] = u64::from(len);
    let times = &mut cell[1..=usize::from(len)];
    bytes.fill(times)?;
    check(times.is_sorted_by_key(|time| *time as i64))?;
    Ok((layout, cell))
}

fn sliding(bytes: &mut Bytes<'_>) -> Result<(Layout, Vec<u64>), RestoreError> {
    let fold = Fold::from_u8(bytes.u8()?).ok_or(RestoreError)?;
    let [width_ms, newest, number, flags] = bytes.u64s()?;
    pane_of(width_ms, newest, number)?;
    let (layout, mut cell) = empty(Layout::Panes { fold, width_ms });
    (cell[1], cell[2]) = (newest, number);
    take_parts(bytes, panes::panes(fold), &mut cell, flags)?;
    Ok((layout, cell))
}

fn of_a_span(bytes: &mut Bytes<'_>) -> Result<(Layout, Vec<u64>), RestoreError> {
    let fold = Fold::from_u8(bytes.u8()?).ok_or(RestoreError)?;
    let (layout, mut cell) = empty(Layout::Single { fold });
    times(bytes, &mut cell)?;
    let flags = bytes.u64()?;
    take_parts(bytes, single::pane(fold), &mut cell, flags)?;
    Ok((layout, cell))
}

fn recent_values(bytes: &mut Bytes<'_>) -> Result<(Layout, Vec<u64>), RestoreError> {
    let (capacity, sketches) = take_capacity(bytes)?;
    let [width_ms, newest] = bytes.u64s()?;
    check((1..=limits::MAX_SPAN_MS).contains(&width_ms))?;
    let (layout, mut cell) = empty(Layout::Recent { capacity, width_ms, sketches });
    cell[1] = newest;
    let len = take_hashes(bytes, capacity, &mut cell)?;
    let times = &mut cell[HEAD + usize::from(capacity)..][..len];
    bytes.fill(times)?;
    check(times.iter().all(|time| *time as i64 <= newest as i64))?;
    Ok((layout, cell))
}

fn sketches(bytes: &mut Bytes<'_>) -> Result<(Layout, Vec<u64>), RestoreError> {
    let [width_ms, newest, number] = bytes.u64s()?;
    pane_of(width_ms, newest, number)?;
    let capacity = DISTINCT_EXACT as u16;
    let (layout, mut cell) = empty(Layout::Recent { capacity, width_ms, sketches: true });
    cell[..HEAD].copy_from_slice(&[USED | SKETCHED, newest, number]);
    let filled = bytes.u32()?;
    check(filled >> KEPT == 0)?;
    for at in (0..KEPT).filter(|at| filled >> at & 1 == 1) {
        let pane = recent::pane_mut(&mut cell, at);
        bytes.fill(pane)?;
        check(pane.iter().any(|word| *word != 0) && pane.len() == PANE)?;
    }
    Ok((layout, cell))
}

fn some_values(bytes: &mut Bytes<'_>) -> Result<(Layout, Vec<u64>), RestoreError> {
    let (capacity, sketches) = take_capacity(bytes)?;
    let (layout, mut cell) = empty(Layout::Values { capacity, sketches });
    times(bytes, &mut cell)?;
    take_hashes(bytes, capacity, &mut cell)?;
    Ok((layout, cell))
}

fn newest_value(bytes: &mut Bytes<'_>) -> Result<(Layout, Vec<u64>), RestoreError> {
    let words = bytes.u8()?;
    check((1..=limits::MAX_LAST_BYTES.div_ceil(8) as u8).contains(&words))?;
    let (layout, mut cell) = empty(Layout::Last { words });
    times(bytes, &mut cell)?;
    let len = usize::from(bytes.u16()?);
    check(len <= usize::from(words) * 8)?;
    cell[0] = last::USED | (len as u64) << 8;
    let value = &mut cell[HEAD..HEAD + len.div_ceil(8).max(1)];
    bytes.fill(value)?;
    Ok((layout, cell))
}

fn take_capacity(bytes: &mut Bytes<'_>) -> Result<(u16, bool), RestoreError> {
    let (capacity, sketches) = (bytes.u16()?, bytes.u8()?);
    let fits = match sketches {
        0 => (1..=limits::MAX_DISTINCT).contains(&capacity),
        1 => usize::from(capacity) == DISTINCT_EXACT,
        _ => false,
    };
    check(fits)?;
    Ok((capacity, sketches == 1))
}

fn take_hashes(bytes: &mut Bytes<'_>, capacity: u16, cell: &mut [u64]) -> Result<usize, RestoreError> {
    let len = bytes.u16()?;
    check((1..=capacity).contains(&len))?;
    cell[0] = USED | u64::from(len);
    bytes.fill(&mut cell[HEAD..HEAD + usize::from(len)])?;
    Ok(usize::from(len))
}

/// The inverse of [`put_parts`]; `flags` is the cell's first word.
fn take_parts(bytes: &mut Bytes<'_>, parts: Parts, cell: &mut [u64], flags: u64) -> Result<(), RestoreError> {
    let (filled, overflow) = (flags as u32, (flags >> 32) as u32);
    check(filled >> parts.kept == 0 && overflow & !filled == 0 && filled & 1 == 1)?;
    let places: Vec<usize> = (0..parts.kept).filter(|at| filled >> at & 1 == 1).collect();
    let mut taken = vec![Part { word: 0, count: 1, overflow: false }; places.len()];
    if parts.fold.has_word() {
        taken.iter_mut().try_for_each(|part| bytes.u64().map(|word| part.word = word))?;
    }
    if parts.fold.has_count() {
        taken.iter_mut().try_for_each(|part| bytes.u32().map(|count| part.count = u64::from(count)))?;
        check(taken.iter().all(|part| part.count > 0))?;
    }
    for (at, part) in places.into_iter().zip(taken) {
        parts.set(cell, at, Part { overflow: overflow >> at & 1 == 1, ..part });
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

    fn u16(&mut self) -> Result<u16, RestoreError> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, RestoreError> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, RestoreError> {
        self.take().map(u64::from_le_bytes)
    }

    fn u64s<const N: usize>(&mut self) -> Result<[u64; N], RestoreError> {
        let mut words = [0; N];
        self.fill(&mut words)?;
        Ok(words)
    }

    fn fill(&mut self, words: &mut [u64]) -> Result<(), RestoreError> {
        words.iter_mut().try_for_each(|word| self.u64().map(|read| *word = read))
    }
}
