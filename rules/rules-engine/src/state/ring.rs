//! Rings: the newest times of a key, sorted.
//!
//! `[len, oldest … newest]`. They suffice for an exact count that stops at their capacity, in a window of any length.

/// Keeps the newest `capacity` times.
pub(crate) fn feed(cell: &mut [u64], capacity: usize, time_ms: i64) -> bool {
    let len = cell[0] as usize;
    let times = &mut cell[1..=capacity];
    let after = times[..len].iter().rposition(|t| *t as i64 <= time_ms).map_or(0, |at| at + 1);
    if len < capacity {
        times.copy_within(after..len, after + 1);
        times[after] = time_ms as u64;
        cell[0] += 1;
    } else if after > 0 {
        times.copy_within(1..after, 0);
        times[after - 1] = time_ms as u64;
    }
    len < capacity || after > 0
}

/// How many times lie in `(end - within, end]`, where `end` is the newer of `time_ms` and the newest.
pub(crate) fn count(cell: &[u64], time_ms: i64, within_ms: u64) -> u64 {
    let Some(newest) = newest(cell) else { return 0 };
    let start = newest.max(time_ms).saturating_sub_unsigned(within_ms);
    times(cell).iter().rev().take_while(|t| **t as i64 > start).count() as u64
}

/// The newest time.
pub(crate) fn newest(cell: &[u64]) -> Option<i64> {
    times(cell).last().map(|time| *time as i64)
}

/// All times that are kept.
pub(crate) fn times(cell: &[u64]) -> &[u64] {
    &cell[1..=cell[0] as usize]
}

/// Moves all times back.
pub(crate) fn bring_back(cell: &mut [u64], ahead_ms: i64) {
    let len = cell[0] as usize;
    cell[1..=len].iter_mut().for_each(|time| *time = (*time as i64).saturating_sub(ahead_ms) as u64);
}
