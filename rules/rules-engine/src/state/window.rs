//! What a cell holds, as words of a table, and its arithmetic.
//!
//! A window ends at the newer of the reading event's time and the newest time of its key, so an event that arrives after a
//! younger one of its player still counts, and the newest `capacity` times suffice for an exact answer. Times are
//! milliseconds since 1970. Deliberately absent: keys, memory, eviction (see [`Table`](super::table::Table)).

/// Sub-buckets of a window.
const BUCKETS: u64 = 16;
/// A window that begins inside a bucket touches one more.
const KEPT: usize = BUCKETS as usize + 1;
/// A mark of use, the newest time, the number of the newest bucket, and two counts a word.
const BUCKET_WORDS: usize = 3 + KEPT.div_ceil(2);

/// How the words of a cell are laid out. A new cell is all zeros; every layout reads that as "nothing yet".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layout {
    /// `[len, oldest … newest]`.
    Ring { capacity: u8 },
    /// `[used, newest time, number of the newest bucket, counts, newest first]`.
    Buckets { width_ms: u64 },
    /// `[used, generation, period, player low, player high]`.
    Once,
    /// `[used, time of the last passage]`.
    Cooldown,
    /// `[used, time of the last passage, nanoseconds owed after it]`, see [`Rate`](super::rate::Rate).
    Rate,
}

impl Layout {
    /// The layout of a window's cells that counts in sub-buckets.
    pub(crate) fn buckets(within_ms: u64) -> Layout {
        Layout::Buckets { width_ms: within_ms.div_ceil(BUCKETS).max(1) }
    }

    /// Words of one cell.
    pub(crate) const fn words(self) -> usize {
        match self {
            Layout::Ring { capacity } => 1 + capacity as usize,
            Layout::Buckets { .. } => BUCKET_WORDS,
            Layout::Once => 5,
            Layout::Cooldown => 2,
            Layout::Rate => 3,
        }
    }

    /// Whether state of one layout can be read as the other's.
    pub(crate) const fn is_window(self) -> bool {
        matches!(self, Layout::Ring { .. } | Layout::Buckets { .. })
    }
}

/// Adds `count` events at one time to a window's cell.
pub(crate) fn feed(layout: Layout, cell: &mut [u64], time_ms: i64, count: u32) {
    match layout {
        Layout::Ring { capacity } => {
            for _ in 0..count.min(u32::from(capacity)) {
                feed_ring(cell, usize::from(capacity), time_ms);
            }
        }
        Layout::Buckets { width_ms } => feed_buckets(cell, width_ms, time_ms, count),
        Layout::Once | Layout::Cooldown | Layout::Rate => debug_assert!(false, "a gate is not fed"),
    }
}

/// Keeps the newest `capacity` times, sorted.
fn feed_ring(cell: &mut [u64], capacity: usize, time_ms: i64) {
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
}

fn feed_buckets(cell: &mut [u64], width_ms: u64, time_ms: i64, count: u32) {
    let bucket = time_ms.div_euclid(width_ms as i64);
    if cell[0] == 0 {
        cell[0] = 1;
        cell[1] = time_ms as u64;
        cell[2] = bucket as u64;
    }
    let newest = cell[2] as i64;
    if bucket > newest {
        shift(&mut cell[3..], bucket.abs_diff(newest));
        cell[2] = bucket as u64;
    }
    cell[1] = (cell[1] as i64).max(time_ms) as u64;
    // Beyond the last bucket no window of this length reaches.
    let age = (cell[2] as i64).abs_diff(bucket);
    if age < KEPT as u64 {
        let age = age as usize;
        let sum = count_at(&cell[3..], age).saturating_add(count);
        set_count(&mut cell[3..], age, sum);
    }
}

fn count_at(counts: &[u64], at: usize) -> u32 {
    (counts[at / 2] >> (32 * (at % 2))) as u32
}

fn set_count(counts: &mut [u64], at: usize, count: u32) {
    let bits = 32 * (at % 2);
    counts[at / 2] = counts[at / 2] & !(0xffff_ffff << bits) | u64::from(count) << bits;
}

/// Makes room for `by` younger buckets.
fn shift(counts: &mut [u64], by: u64) {
    let by = usize::try_from(by).unwrap_or(KEPT).min(KEPT);
    for at in (0..KEPT).rev() {
        let count = if at >= by { count_at(counts, at - by) } else { 0 };
        set_count(counts, at, count);
    }
}

/// How many events lie in `(end - within, end]`, where `end` is the newer of `time_ms` and the newest of the cell.
pub(crate) fn count(layout: Layout, cell: &[u64], time_ms: i64, within_ms: u64) -> u32 {
    let Some(newest) = newest(layout, cell) else { return 0 };
    let start = newest.max(time_ms).saturating_sub_unsigned(within_ms);
    match layout {
        Layout::Ring { .. } => {
            let times = &cell[1..=cell[0] as usize];
            times.iter().rev().take_while(|t| **t as i64 > start).count() as u32
        }
        Layout::Buckets { width_ms } => {
            let oldest = start.saturating_add(1).div_euclid(width_ms as i64);
            let buckets = (cell[2] as i64).saturating_sub(oldest).saturating_add(1).clamp(0, KEPT as i64);
            (0..buckets as usize).fold(0, |sum: u32, at| sum.saturating_add(count_at(&cell[3..], at)))
        }
        Layout::Once | Layout::Cooldown | Layout::Rate => 0,
    }
}

/// Moves a cell whose newest time lies behind `now_ms` back, as a whole, so that it is `now_ms`. A period of `once` has no time
/// and stays.
pub(crate) fn bring_back(layout: Layout, cell: &mut [u64], now_ms: i64) {
    let last = match layout {
        Layout::Cooldown | Layout::Rate => cell[1] as i64,
        Layout::Ring { .. } | Layout::Buckets { .. } => newest(layout, cell).unwrap_or(now_ms),
        Layout::Once => now_ms,
    };
    let Some(ahead) = last.checked_sub(now_ms).filter(|ahead| *ahead > 0) else { return };
    match layout {
        Layout::Cooldown | Layout::Rate => cell[1] = now_ms as u64,
        Layout::Ring { .. } => {
            let len = cell[0] as usize;
            cell[1..=len].iter_mut().for_each(|time| *time = (*time as i64).saturating_sub(ahead) as u64);
        }
        // Counts are by age, so they move along; within their bucket they may move by less than its width.
        Layout::Buckets { width_ms } => {
            (cell[1], cell[2]) = (now_ms as u64, now_ms.div_euclid(width_ms as i64) as u64);
        }
        Layout::Once => {}
    }
}

/// The newest time that a window's cell knows.
pub(crate) fn newest(layout: Layout, cell: &[u64]) -> Option<i64> {
    match layout {
        Layout::Ring { .. } => (cell[0] > 0).then(|| cell[cell[0] as usize] as i64),
        Layout::Buckets { .. } => (cell[0] > 0).then(|| cell[1] as i64),
        Layout::Once | Layout::Cooldown | Layout::Rate => None,
    }
}

/// Feeds what one window's cell knows into another's. What is known only to a bucket is taken at the bucket's end, so the
/// count may for a while be too high by a bucket, never too low (but for a ring that grows: it knows what the old one kept).
pub(crate) fn convert(from: Layout, cell: &[u64], to: Layout, out: &mut [u64]) {
    match from {
        Layout::Ring { .. } => {
            let times = &cell[1..=cell[0] as usize];
            times.iter().for_each(|t| feed(to, out, *t as i64, 1));
        }
        Layout::Buckets { width_ms } => {
            let Some(newest) = newest(from, cell) else { return };
            for at in (0..KEPT).rev() {
                let bucket = (cell[2] as i64).saturating_sub(at as i64);
                let end = bucket.saturating_add(1).saturating_mul(width_ms as i64).saturating_sub(1).min(newest);
                let count = count_at(&cell[3..], at);
                if count > 0 {
                    feed(to, out, end, count);
                }
            }
        }
        Layout::Once | Layout::Cooldown | Layout::Rate => debug_assert!(false, "a gate is not converted"),
    }
}
