//! Different values of a session, or of all time.
//!
//! ```text
//! [len | SKETCHED | USED, newest time, oldest time, hashes …]      exact
//! [      SKETCHED | USED, newest time, oldest time, registers …]   estimated
//! ```
//! A value is known by its stable hash. Up to the capacity the count is exact; then it becomes a sketch in the same words, or, where
//! an author gave the capacity, stops.

use super::sketch;
use super::span::{self, HEAD, Span};

/// What the first word says beside the number of hashes.
pub(crate) const USED: u64 = 1 << 17;
pub(crate) const SKETCHED: u64 = 1 << 16;

/// Takes in a value, and says whether the cell changed.
pub(crate) fn feed(span: Span<'_>, cell: &mut [u64], sketches: bool, time_ms: i64, hash: u64) -> bool {
    if !span::admit(span, cell, time_ms) {
        return false;
    }
    cell[0] |= USED;
    let added = add(cell, sketches, hash);
    span.ends() || added
}

fn add(cell: &mut [u64], sketches: bool, hash: u64) -> bool {
    if cell[0] & SKETCHED != 0 {
        return sketch::add(&mut cell[HEAD..], hash);
    }
    let len = len(cell);
    let room = cell.len() - HEAD;
    let known = &mut cell[HEAD..];
    if known[..len].contains(&hash) {
        return false;
    }
    if len < room {
        known[len] = hash;
        cell[0] += 1;
        return true;
    }
    if sketches {
        become_sketch(cell);
        sketch::add(&mut cell[HEAD..], hash);
    }
    sketches
}

/// The hashes make room for the registers that they leave.
fn become_sketch(cell: &mut [u64]) {
    let mut registers = [0; super::window::VALUES_SKETCH_WORDS];
    cell[HEAD..].iter().for_each(|hash| {
        sketch::add(&mut registers, *hash);
    });
    cell[HEAD..].copy_from_slice(&registers);
    cell[0] = USED | SKETCHED;
}

/// How many different values the window holds at a time.
pub(crate) fn read(span: Span<'_>, cell: &[u64], time_ms: i64) -> u64 {
    match () {
        () if !span::is_held(span, cell, time_ms) => 0,
        () if cell[0] & SKETCHED != 0 => sketch::estimate(&cell[HEAD..]),
        () => len(cell) as u64,
    }
}

/// How many hashes are kept.
pub(crate) fn len(cell: &[u64]) -> usize {
    (cell[0] & 0xffff) as usize
}

/// Takes in what a cell of another capacity knows. What it does not have room for is forgotten.
pub(crate) fn convert(cell: &[u64], to: &mut [u64], sketches: bool) {
    if cell[0] == 0 {
        return;
    }
    to[..HEAD].copy_from_slice(&cell[..HEAD]);
    if cell[0] & SKETCHED != 0 {
        to[HEAD..].copy_from_slice(&cell[HEAD..]);
        return;
    }
    to[0] = USED;
    cell[HEAD..HEAD + len(cell)].iter().for_each(|hash| {
        add(to, sketches, *hash);
    });
}
