//! What can happen to the files of a spool.
//!
//! What comes in: a disk at rest, and an input that says what happens. What goes out: the disk afterwards, and what the
//! damage was like: changes whose checksums were made right cannot be told from writes.

use edge_door::FileName;
use edge_door::sim::DiskImage;

use super::spools::UUID;
use crate::input::Input;

/// What was done to an image.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Harm {
    /// A checksum was made right over changed bytes: nobody can tell.
    pub(super) is_forged: bool,
    /// Something else than segments was changed.
    pub(super) is_beside: bool,
}

/// Changes an image as the input says.
pub(super) fn damage(image: &mut DiskImage, input: &mut Input<'_>) -> Harm {
    let mut harm = Harm::default();
    for _ in 0..8 {
        if input.is_empty() || image.files.is_empty() {
            break;
        }
        let how = input.u8();
        let name = nth(image, input);
        harm.is_beside |= !name.starts_with("seg-");
        match how % 12 {
            5 => drop(image.files.remove(&name)),
            6 => {
                let other = nth(image, input);
                harm.is_beside |= !other.starts_with("seg-");
                let (a, b) = (image.files[&name].clone(), image.files[&other].clone());
                image.files.insert(name, b);
                image.files.insert(other, a);
            }
            7 => {
                let copy = FileName::from(format!("seg-{:016x}.log", input.u8()).as_str());
                let bytes = image.files[&name].clone();
                image.files.insert(copy, bytes);
            }
            4 => {
                let from = image.files[&nth(image, input)].clone();
                let from_at = place(&from, input);
                let piece = from[from_at..].iter().copied().take(8 * usize::from(input.u8())).collect::<Vec<_>>();
                write(image, &name, input, &piece);
            }
            how => harm.is_forged |= change(image.files.get_mut(&name).expect("it is there"), how, input),
        }
    }
    harm
}

/// Changes one file; whether it is forged.
fn change(file: &mut Vec<u8>, how: u8, input: &mut Input<'_>) -> bool {
    let at = place(file, input);
    match how {
        0 | 1 if at < file.len() => file[at] ^= 1 << (input.u8() % 8),
        2 => file.truncate(at),
        3 => file.extend(std::iter::repeat_n(input.u8(), 16)),
        8 => {
            let by = input.u8();
            file.iter_mut().skip(at / 8 * 8).take(8 * (1 + usize::from(by >> 4))).for_each(|byte| *byte = by & 1);
        }
        9 => file.iter_mut().skip(at / 512 * 512).take(512).for_each(|byte| *byte = 0),
        10 => {
            let piece = input.short();
            file.iter_mut().skip(at).zip(piece).for_each(|(byte, by)| *byte = *by);
            return reseal(file, at);
        }
        11 if at < file.len() => {
            file[at] = input.u8();
            return reseal(file, at);
        }
        _ => {}
    }
    false
}

fn nth(image: &DiskImage, input: &mut Input<'_>) -> FileName {
    let n = input.below(image.files.len());
    image.files.keys().nth(n).expect("below the count").clone()
}

fn place(file: &[u8], input: &mut Input<'_>) -> usize {
    // Most of a segment is zeros: look where something is.
    let used = file.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 33);
    usize::from(input.u16()) % (used.min(file.len()) + 1)
}

fn write(image: &mut DiskImage, name: &FileName, input: &mut Input<'_>, piece: &[u8]) {
    let file = image.files.get_mut(name).expect("it is there");
    let at = place(file, input) / 8 * 8;
    file.iter_mut().skip(at).zip(piece).for_each(|(byte, by)| *byte = *by);
}

const SEGMENT_HEADER_BYTES: usize = 64;
const RECORD_HEADER_BYTES: usize = 48;

/// Makes the checksum of the record, or of the segment's header, right in which `at` lies. Always counts as forged: it
/// may have been right before.
fn reseal(file: &mut [u8], at: usize) -> bool {
    if at < SEGMENT_HEADER_BYTES {
        if let Some(head) = file.first_chunk_mut::<SEGMENT_HEADER_BYTES>() {
            let crc = crc32c::crc32c(&head[..60]);
            head[60..].copy_from_slice(&crc.to_le_bytes());
        }
        return true;
    }
    let mut start = SEGMENT_HEADER_BYTES;
    while let Some(head) = file.get(start..start + RECORD_HEADER_BYTES) {
        let len = u32::from_le_bytes(head[..4].try_into().expect("four bytes")) as usize;
        let end = start.saturating_add(RECORD_HEADER_BYTES).saturating_add(len);
        if len == 0 || end > file.len() {
            return true;
        }
        if at < end.next_multiple_of(8) {
            let crc = crc32c::crc32c_append(crc32c::crc32c(&UUID.0), &file[start..start + 4]);
            let crc = crc32c::crc32c_append(crc, &file[start + 8..end]);
            file[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
            return true;
        }
        start = end.next_multiple_of(8);
    }
    true
}
