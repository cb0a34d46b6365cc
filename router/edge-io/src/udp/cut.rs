//! Cutting a run into what the kernel takes: whole where it can, else groups, else single datagrams.
//!
//! In: lengths. Out: ranges. Deliberately absent: sending, and remembering what the kernel refused.

use std::io;
use std::ops::Range;

/// Datagrams that the kernel cuts one message into at most (UDP_MAX_SEGMENTS of older kernels).
const SEGMENTS_MAX: usize = 64;

/// Longest message of one send, in bytes: 65,535 less the longest headers without options (40 and 8).
const MESSAGE_BYTES_MAX: usize = 65_487;

/// A segment that every interface we could be on carries, in bytes: 1,500 less IPv6 and UDP headers.
const SURE_SEGMENT_BYTES: usize = 1_452;

/// Whether one send can take the run whole.
pub(super) fn whole(len: usize, segment_size: Option<usize>, gso: bool) -> bool {
    match segment_size {
        Some(size) if size < len => gso && size > 0 && len.div_ceil(size) <= SEGMENTS_MAX && len <= MESSAGE_BYTES_MAX,
        _ => true,
    }
}

/// The parts of a run, each for one send.
pub(super) fn parts(len: usize, segment_size: usize, gso: bool) -> impl Iterator<Item = Range<usize>> {
    let size = segment_size.max(1);
    let group = match gso {
        true => size * (MESSAGE_BYTES_MAX / size).clamp(1, SEGMENTS_MAX),
        false => size,
    };
    (0..len).step_by(group).map(move |at| at..(at + group).min(len))
}

/// Whether a refusal of a run that the kernel should have cut is about the cutting; and whether it will always be so.
pub(super) fn blames_gso(error: &io::Error, segment_size: usize) -> Option<Forever> {
    match error.raw_os_error() {
        // The device cannot do the checksums of segments.
        Some(libc::EIO) => Some(Forever(true)),
        // Either the device, or segments longer than its MTU: only the first is for ever.
        Some(libc::EINVAL) => Some(Forever(segment_size <= SURE_SEGMENT_BYTES)),
        _ => None,
    }
}

/// The kernel will never cut on this socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Forever(pub(super) bool);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_cut_only_where_they_must_be() {
        assert!(whole(1_200, None, false));
        assert!(whole(1_200, Some(1_200), false));
        assert!(whole(64 * 1_000, Some(1_000), true));
        assert!(!whole(65 * 1_000, Some(1_000), true));
        assert!(!whole(65_500, Some(1_200), true));
        assert!(!whole(2_400, Some(1_200), false));
        assert!(!whole(10, Some(0), true));
    }

    #[test]
    fn parts_cover_the_run_at_segment_borders() {
        for (len, size) in [(1, 1), (100_000, 1_200), (2_500, 1_200), (65_000, 1), (70_000, 65_000)] {
            for gso in [false, true] {
                let mut at = 0;
                for part in parts(len, size, gso) {
                    assert_eq!(part.start, at);
                    assert!(part.len() == len - at || part.len() % size == 0);
                    assert!(part.len() <= MESSAGE_BYTES_MAX && part.len().div_ceil(size) <= SEGMENTS_MAX);
                    at = part.end;
                }
                assert_eq!(at, len);
            }
        }
    }

    #[test]
    fn only_two_errors_blame_the_cutting() {
        let error = io::Error::from_raw_os_error;
        assert_eq!(blames_gso(&error(libc::EIO), 9_000), Some(Forever(true)));
        assert_eq!(blames_gso(&error(libc::EINVAL), 1_200), Some(Forever(true)));
        assert_eq!(blames_gso(&error(libc::EINVAL), 1_600), Some(Forever(false)));
        assert_eq!(blames_gso(&error(libc::ENETUNREACH), 1_200), None);
    }
}
