//! The names of a spool's files.

use edge_door::FileName;

pub(crate) const ID: &str = "spool.id";
pub(crate) const ID_NEW: &str = "spool.id.new";
pub(crate) const BALLAST: &str = "ballast";

/// `seg-<16 hex>.log`.
pub(crate) fn segment(number: u64) -> FileName {
    format!("seg-{number:016x}.log").into()
}

/// The number in a segment's name; `None` for other files.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    number(name, "seg-", ".log")
}

/// `cursor-<16 hex>.slots`.
pub(crate) fn cursor(number: u64) -> FileName {
    format!("cursor-{number:016x}.slots").into()
}

/// The number in a cursor file's name; `None` for other files.
pub(crate) fn cursor_number(name: &str) -> Option<u64> {
    number(name, "cursor-", ".slots")
}

/// `quarantine-<segment>-<offset>.bin`.
pub(crate) fn quarantine(segment: u64, offset: u64) -> FileName {
    format!("quarantine-{segment:016x}-{offset:016x}.bin").into()
}

fn number(name: &str, head: &str, tail: &str) -> Option<u64> {
    let hex = name.strip_prefix(head)?.strip_suffix(tail)?;
    let lower = hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if hex.len() != 16 || !lower {
        return None;
    }
    u64::from_str_radix(hex, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_number() {
        assert_eq!(segment_number(&segment(0x2a)), Some(0x2a));
        assert_eq!(cursor_number(&cursor(u64::MAX)), Some(u64::MAX));
        assert_eq!(segment_number("seg-2a.log"), None);
        assert_eq!(segment_number("seg-+00000000000002a.log"), None);
        assert!(quarantine(1, 2).len() <= 64);
    }
}
