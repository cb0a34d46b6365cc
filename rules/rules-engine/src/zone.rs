//! Time zones: what the clock on the wall shows at a moment, and when it first shows something.
//!
//! Comes in: a table of jumps ([`ZoneIr`]), checked here. Goes out: wall clock readings, and the beginnings and ends of local hours,
//! days, weeks and months. Everything is a search in the table: no clock, no allocation, no database.
//!
//! The clock decides. In an hour that is shown twice both passes read alike; an hour that is skipped is never read. *When* the
//! clock shows something is the first moment at which it shows that or later: of two passes the first, of a skipped hour the jump.
//! So days, weeks and months follow each other without gaps and overlaps, of 23, 24 or 25 hours; a day that a zone skipped is empty.

mod unit;

use std::sync::Arc;

use edge_event::UnixMillis;

use crate::expr::{MAX_SECONDS, MIN_SECONDS};
use crate::ir::{ZoneIr, limits};
pub use unit::Unit;

/// What a clock on the wall shows: milliseconds since its own 1970-01-01 00:00.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WallMillis(pub i64);

/// See the file's head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    name: Arc<str>,
    /// When the clock is set, in milliseconds since 1970, rising.
    jumps: Vec<i64>,
    /// What the clock is ahead of UTC: before the first jump, and after each. Milliseconds; one more than jumps.
    offsets: Vec<i64>,
}

impl Zone {
    /// A clock that shows UTC.
    pub fn utc() -> Zone {
        Zone { name: "UTC".into(), jumps: Vec::new(), offsets: vec![0] }
    }

    /// Takes a table after a check.
    ///
    /// # Errors
    /// In words: too many jumps, moments that do not rise or lie outside of years 1 to 9999, distances that no clock has, a clock
    /// that is set back by more than it went since it was last set.
    pub fn new(ir: &ZoneIr) -> Result<Zone, &'static str> {
        if ir.jumps.len() > limits::MAX_JUMPS {
            return Err("it has too many jumps");
        }
        let offsets = || std::iter::once(ir.offset_s).chain(ir.jumps.iter().map(|jump| jump.offset_s));
        if offsets().any(|offset| offset.abs() > limits::MAX_OFFSET_S) {
            return Err("a clock is ahead of UTC or behind it by more than is possible");
        }
        if ir.jumps.iter().any(|jump| !(MIN_SECONDS..=MAX_SECONDS).contains(&jump.at_s)) {
            return Err("a jump lies outside of years 1 to 9999");
        }
        if !ir.jumps.is_sorted_by(|a, b| a.at_s < b.at_s) {
            return Err("its jumps do not rise");
        }
        // INVARIANT: what the clock shows when it is set rises from jump to jump, so that `first_at` can search for it.
        let tops = ir.jumps.iter().zip(offsets()).map(|(jump, before)| jump.at_s + i64::from(before));
        if !tops.is_sorted_by(|a, b| a < b) {
            return Err("a clock is set back by more than it went since it was last set");
        }
        Ok(Zone {
            name: ir.name.as_str().into(),
            jumps: ir.jumps.iter().map(|jump| jump.at_s * 1_000).collect(),
            offsets: offsets().map(|offset| i64::from(offset) * 1_000).collect(),
        })
    }

    /// Its name in the IANA database.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What the clock shows. Moments outside of years 1 to 9999 are read as the nearest inside.
    #[inline]
    pub fn wall(&self, at: UnixMillis) -> WallMillis {
        let at = clamped(at.0);
        WallMillis(at + self.offsets[self.piece(at)])
    }

    /// The first moment at which the clock shows `wall` or later.
    pub fn first_at(&self, wall: WallMillis) -> UnixMillis {
        let wall = wall.0.clamp(MIN_MS - BESIDE_MS, MAX_MS + BESIDE_MS);
        // The piece of time before the first jump at which the clock showed more.
        let piece = partition(self.jumps.len(), |jump| self.jumps[jump] + self.offsets[jump] <= wall);
        let begins = piece.checked_sub(1).map_or(i64::MIN, |jump| self.jumps[jump]);
        UnixMillis(begins.max(wall - self.offsets[piece]))
    }

    /// When the hour, day, week or month began that `at` lies in.
    pub fn start_of(&self, unit: Unit, at: UnixMillis) -> UnixMillis {
        match unit {
            Unit::Hour => self.hour(at).0,
            _ => self.first_at(self.period(unit, at)),
        }
    }

    /// When the hour, day, week or month ends that `at` lies in, which is when the next one begins.
    pub fn end_of(&self, unit: Unit, at: UnixMillis) -> UnixMillis {
        match unit {
            Unit::Hour => self.hour(at).1,
            _ => self.first_at(unit.next(self.period(unit, at))),
        }
    }

    /// What the clock shows at the beginning of the day, week or month that `at` lies in.
    fn period(&self, unit: Unit, at: UnixMillis) -> WallMillis {
        let at = UnixMillis(clamped(at.0));
        let mut begins = unit.floor(self.wall(at));
        // Where the clock was set back over a midnight, the new day has begun although the clock shows the old one again.
        // Clocks differ by at most 36 h from each other, so this goes on for a day or two at most.
        loop {
            let next = unit.next(begins);
            if self.first_at(next) > at {
                return begins;
            }
            begins = next;
        }
    }

    /// The full hour by the clock, cut where the clock is set: an hour that is shown twice is two hours.
    fn hour(&self, at: UnixMillis) -> (UnixMillis, UnixMillis) {
        let at = clamped(at.0);
        let piece = self.piece(at);
        let begins = at - (at + self.offsets[piece]).rem_euclid(unit::HOUR_MS);
        let last_jump = piece.checked_sub(1).map_or(i64::MIN, |jump| self.jumps[jump]);
        let next_jump = self.jumps.get(piece).copied().unwrap_or(i64::MAX);
        (UnixMillis(begins.max(last_jump)), UnixMillis((begins + unit::HOUR_MS).min(next_jump)))
    }

    /// How many jumps lie at or before a moment.
    fn piece(&self, at_ms: i64) -> usize {
        self.jumps.partition_point(|jump| *jump <= at_ms)
    }
}

/// The first of `0..len` for which `before` does not hold; those for which it holds come first.
fn partition(len: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

fn clamped(ms: i64) -> i64 {
    ms.clamp(MIN_MS, MAX_MS)
}

/// The first and the last moment that are told apart: years 1 to 9999.
const MIN_MS: i64 = MIN_SECONDS * 1_000;
const MAX_MS: i64 = MAX_SECONDS * 1_000 + 999;
/// How far beside them a clock can show the end of a month: it is more than a month and two clocks' difference.
const BESIDE_MS: i64 = 100 * 24 * unit::HOUR_MS;

#[cfg(test)]
mod tests;
