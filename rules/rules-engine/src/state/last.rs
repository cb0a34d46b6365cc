//! The newest value.
//!
//! `[USED | bytes << 8, newest time, oldest time, value …]`: one word, or text with its length. Of two events at one time the one that
//! came later counts. What is read is exact.

use super::span::{self, HEAD, Span};

pub(crate) const USED: u64 = 1;

/// What an event brings.
#[derive(Clone, Copy)]
pub(crate) enum Newest<'a> {
    Word(u64),
    /// Not longer than the cell's room.
    Bytes(&'a [u8]),
}

/// Takes in a value, and says whether the cell changed.
pub(crate) fn feed(span: Span<'_>, cell: &mut [u64], time_ms: i64, value: Newest<'_>) -> bool {
    let is_newest = span::newest(cell).is_none_or(|newest| time_ms >= newest);
    if !span::admit(span, cell, time_ms) {
        return false;
    }
    if is_newest {
        put(cell, value);
    }
    // An older one may stretch its session, and is nothing to other windows.
    is_newest || matches!(span, Span::Session { .. })
}

fn put(cell: &mut [u64], value: Newest<'_>) {
    match value {
        Newest::Word(word) => (cell[0], cell[HEAD]) = (USED, word),
        Newest::Bytes(bytes) => {
            cell[0] = USED | (bytes.len() as u64) << 8;
            let room = &mut cell[HEAD..];
            room.fill(0);
            for (at, byte) in bytes.iter().enumerate().take(room.len() * 8) {
                room[at / 8] |= u64::from(*byte) << (8 * (at % 8));
            }
        }
    }
}

/// The word of the newest value, where the window holds one at a time.
pub(crate) fn word(span: Span<'_>, cell: &[u64], time_ms: i64) -> Option<u64> {
    span::is_held(span, cell, time_ms).then(|| cell[HEAD])
}

/// Appends the bytes of the newest value; says whether the window holds one at a time.
pub(crate) fn bytes(span: Span<'_>, cell: &[u64], time_ms: i64, out: &mut Vec<u8>) -> bool {
    let is_held = span::is_held(span, cell, time_ms);
    if is_held {
        append(cell, out);
    }
    is_held
}

/// How many bytes the value has; 0 for a word.
pub(crate) fn len(cell: &[u64]) -> usize {
    ((cell[0] >> 8) as usize).min((cell.len() - HEAD) * 8)
}

/// Appends the bytes of the value.
pub(crate) fn append(cell: &[u64], out: &mut Vec<u8>) {
    let all = cell[HEAD..].iter().flat_map(|word| word.to_le_bytes());
    out.extend(all.take(len(cell)));
}

/// Takes in what a cell with other room knows, where it has room for it.
pub(crate) fn convert(cell: &[u64], to: &mut [u64]) {
    let words = len(cell).div_ceil(8).max(1);
    if cell[0] == 0 || words > to.len() - HEAD {
        return;
    }
    to[..HEAD + words].copy_from_slice(&cell[..HEAD + words]);
}
