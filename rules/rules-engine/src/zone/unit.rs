//! Hours, days, weeks and months by the clock on the wall.
//!
//! In: what a clock shows. Out: what it showed when the unit began, and what it shows when the next one begins. Absent: zones, and so
//! the moments at which that is.

use super::WallMillis;
use crate::expr::{date_of, days_to};

pub(super) const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A piece of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unit {
    /// From full hour to full hour.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first of a month to the first of the next.
    Month,
}

impl Unit {
    /// What the clock showed when the unit began.
    pub(super) fn floor(self, wall: WallMillis) -> WallMillis {
        let day = wall.0.div_euclid(DAY_MS);
        WallMillis(match self {
            Unit::Hour => wall.0 - wall.0.rem_euclid(HOUR_MS),
            Unit::Day => day * DAY_MS,
            Unit::Week => (day - weekday(day)) * DAY_MS,
            Unit::Month => {
                let (year, month, _) = date_of(day);
                days_to(year, month, 1) * DAY_MS
            }
        })
    }

    /// What the clock shows when the next unit begins; `begins` is where one begins.
    pub(super) fn next(self, begins: WallMillis) -> WallMillis {
        WallMillis(match self {
            Unit::Hour => begins.0 + HOUR_MS,
            Unit::Day => begins.0 + DAY_MS,
            Unit::Week => begins.0 + 7 * DAY_MS,
            Unit::Month => {
                let (year, month, _) = date_of(begins.0.div_euclid(DAY_MS));
                let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                days_to(year, month, 1) * DAY_MS
            }
        })
    }
}

impl WallMillis {
    /// Days since 1970-01-01.
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }

    /// Milliseconds since Monday 00:00.
    pub fn of_week_ms(self) -> i64 {
        let day = self.day();
        weekday(day) * DAY_MS + self.0.rem_euclid(DAY_MS)
    }
}

/// Monday 0; 1970-01-01 was a Thursday.
fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}
