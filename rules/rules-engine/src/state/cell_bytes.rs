//! The durable form of a cell: what stands in an event's record and comes back after a restart.
//!
//! ```text
//! ring      01 capacity:u8 len:u8 time:i64 × len     (rising)
//! buckets   02 width_ms:u64 newest:i64 bucket:i64 count:u32 × 17     (youngest bucket first)
//! once      03 generation:u32 period:i64 player:u128
//! cooldown  04 last:i64
//! rate      10 last:i64 owed_ns:u64
//! ```
//! Little-endian; version 1 for ever. It says its own layout, so it can be read before any rule set is loaded.

use super::window::Layout;

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

/// Appends the durable form.
pub(crate) fn write(layout: Layout, cell: &[u64], out: &mut Vec<u8>) {
    let words = match layout {
        Layout::Ring { capacity } => {
            let len = cell[0] as usize;
            out.extend_from_slice(&[1, capacity, len as u8]);
            &cell[1..=len]
        }
        Layout::Buckets { width_ms } => {
            out.push(2);
            out.extend_from_slice(&width_ms.to_le_bytes());
            &cell[1..]
        }
        Layout::Once => {
            out.push(3);
            out.extend_from_slice(&(cell[1] as u32).to_le_bytes());
            &cell[2..]
        }
        Layout::Cooldown => {
            out.push(4);
            &cell[1..]
        }
        Layout::Rate => {
            out.push(0x10);
            &cell[1..]
        }
    };
    words.iter().for_each(|w| out.extend_from_slice(&w.to_le_bytes()));
}

/// The inverse of [`write`].
pub(crate) fn read(bytes: &[u8]) -> Result<(Layout, Vec<u64>), RestoreError> {
    let (&tag, rest) = bytes.split_first().ok_or(RestoreError)?;
    match tag {
        1 => {
            let (&[capacity, len], rest) = rest.split_first_chunk().ok_or(RestoreError)?;
            let times = words(rest)?;
            let sorted = times.windows(2).all(|two| two[0] as i64 <= two[1] as i64);
            if times.len() != usize::from(len) || len > capacity || capacity > crate::ir::limits::MAX_RING || !sorted {
                return Err(RestoreError);
            }
            let layout = Layout::Ring { capacity };
            let mut cell = vec![0; layout.words()];
            cell[0] = u64::from(len);
            cell[1..=times.len()].copy_from_slice(&times);
            Ok((layout, cell))
        }
        2 => {
            let (width, rest) = rest.split_first_chunk().ok_or(RestoreError)?;
            let width_ms = u64::from_le_bytes(*width);
            let layout = Layout::Buckets { width_ms };
            let fits = (1..=crate::ir::limits::MAX_SPAN_MS).contains(&width_ms);
            let words = words(rest)?;
            if !fits
                || words.len() + 1 != layout.words()
                || words[1] as i64 != (words[0] as i64).div_euclid(width_ms as i64)
            {
                return Err(RestoreError);
            }
            Ok((layout, [1].into_iter().chain(words).collect()))
        }
        3 => {
            let (generation, rest) = rest.split_first_chunk().ok_or(RestoreError)?;
            let words = words(rest)?;
            if words.len() != 3 {
                return Err(RestoreError);
            }
            let generation = u64::from(u32::from_le_bytes(*generation));
            Ok((Layout::Once, [1, generation].into_iter().chain(words).collect()))
        }
        4 => match words(rest)?[..] {
            [last] => Ok((Layout::Cooldown, vec![1, last])),
            _ => Err(RestoreError),
        },
        0x10 => match words(rest)?[..] {
            [last, owed] => Ok((Layout::Rate, vec![1, last, owed])),
            _ => Err(RestoreError),
        },
        _ => Err(RestoreError),
    }
}

fn words(bytes: &[u8]) -> Result<Vec<u64>, RestoreError> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(RestoreError);
    }
    Ok(chunks.iter().map(|c| u64::from_le_bytes(*c)).collect())
}
