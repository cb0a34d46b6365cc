//! The container of a bundle: bytes that somebody copied onto a node.
//!
//! The first byte says how much of the work is done for the rest, since no mutation finds a digest: 0 nothing, the
//! bytes are the bundle; 1 its digests are made right (a table of lengths and kinds, then the body), 2 they are and
//! keys that nobody trusts signed. What must hold: refused with a code and words, never taken: not one of these has a
//! trusted signature but the good bundle itself.

use bytes::Bytes;
use rules_bundle::VerifiedBundle;

use super::bundles::{good, trusted};
use crate::input::Input;

pub(super) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let bundle = match input.u8() % 4 {
        0 => Bytes::copy_from_slice(input.rest()),
        how => assembled(how, input).into(),
    };
    let is_good = || bundle == *good();
    match VerifiedBundle::verify(bundle.clone(), trusted()) {
        Ok(_) => assert!(is_good(), "taken, and nobody who is trusted signed it"),
        Err(error) => {
            assert!(!error.code().is_empty());
            assert!(!is_good(), "the good bundle is taken");
        }
    }
}

/// A container whose digests are right: flags and kinds of the table, then three sections, then signatures as they
/// come.
fn assembled(how: u8, mut input: Input<'_>) -> Vec<u8> {
    let odd = input.u8();
    let sections = [input.short(), input.short(), input.short()];
    let mut out = b"EDGEBNDL".to_vec();
    out.extend_from_slice(&u16::from(1 + (odd & 1)).to_le_bytes());
    out.extend_from_slice(&u16::from(3 - (odd >> 1 & 1)).to_le_bytes());
    for (kind, section) in (1_u16..).zip(sections) {
        out.extend_from_slice(&(kind + u16::from(odd >> 2 & 1)).to_le_bytes());
        out.extend_from_slice(&[0, odd >> 3 & 1]);
        out.extend_from_slice(&(section.len() as u64 + u64::from(odd >> 4 & 1)).to_le_bytes());
        out.extend_from_slice(blake3::hash(section).as_bytes());
    }
    sections.iter().for_each(|section| out.extend_from_slice(section));
    if how == 1 {
        out.extend_from_slice(input.rest());
        return out;
    }
    let count = input.u8();
    out.push(count);
    for n in 0..count {
        out.extend_from_slice(&[n.wrapping_add(input.u8() & 3); 16]);
        out.extend_from_slice(&[7; 64]);
    }
    out.extend_from_slice(input.rest());
    out
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let whole = |how: u8, rest: &[u8]| [&[how], rest].concat();
    let cut = [8, 12, 56, 143, 144, 200].map(|len| whole(0, &good()[..len]));
    let made: [&[u8]; 6] = [
        &[0, 1, b'm', 2, b'c', b'c', 3, b'r', b'r', b'r', 0],
        &[0, 0, 0, 0, 1],
        &[0, 0, 0, 0, 16],
        &[1, 0, 0, 0, 0],
        &[16, 1, 1, 1, 1, 1, 1, 0],
        &[0, 0, 0, 0, 2, 1, 1, 9],
    ];
    let signed = (1..=2).flat_map(|how| made.map(|rest| whole(how, rest)));
    cut.into_iter().chain(signed).chain([whole(0, good())]).collect()
}
