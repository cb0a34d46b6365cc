//! Whether a rule is active: by the clock on the wall of a zone, at the shard's time.
//!
//! In: a moment and the token's region. Out: yes, or which part says no. `from` and `until` are moments, each the first at which the clock
//! shows what is written; `weekly` and `except` go by what the clock shows: an hour that it shows twice is in or out twice, an hour
//! that it skips never is. Absent: the shard's time itself; checks of the intermediate form.

use edge_event::UnixMillis;

use crate::ir::{CalendarIr, WeekSpanIr, ZoneRef};
use crate::rule_set::RuleSet;
use crate::zone::{WallMillis, Zone};

const MINUTE_MS: i64 = 60_000;

/// As [`ir::ScheduleIr`](crate::ir::ScheduleIr), checked.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) zone: ZoneRef,
    pub(crate) from: Option<WallMillis>,
    pub(crate) until: Option<WallMillis>,
    pub(crate) weekly: Vec<WeekSpanIr>,
    pub(crate) except: Vec<u16>,
}

/// Why a rule is not active.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Inactive {
    /// Before `from`.
    NotYet,
    /// At or after `until`.
    Over,
    /// None of `weekly`.
    OffHours,
    /// On a day of this calendar.
    Excepted(u16),
}

impl Schedule {
    /// Whose clock it goes by for a player of this region.
    pub(crate) fn zone_for<'s>(&self, set: &'s RuleSet, region: &str) -> &'s Zone {
        set.zone_for(self.zone, region)
    }

    /// Whether it is active at `now`.
    pub(crate) fn check(&self, zone: &Zone, calendars: &[CalendarIr], now: UnixMillis) -> Result<(), Inactive> {
        if self.from.is_some_and(|from| now < zone.first_at(from)) {
            return Err(Inactive::NotYet);
        }
        if self.until.is_some_and(|until| now >= zone.first_at(until)) {
            return Err(Inactive::Over);
        }
        let wall = zone.wall(now);
        let minute = wall.of_week_ms() / MINUTE_MS;
        let on = |span: &WeekSpanIr| (i64::from(span.from_min)..i64::from(span.until_min)).contains(&minute);
        if !self.weekly.is_empty() && !self.weekly.iter().any(on) {
            return Err(Inactive::OffHours);
        }
        match self.except.iter().find(|at| has_day(&calendars[usize::from(**at)], wall.day())) {
            Some(at) => Err(Inactive::Excepted(*at)),
            None => Ok(()),
        }
    }
}

fn has_day(calendar: &CalendarIr, day: i64) -> bool {
    let after = calendar.days.partition_point(|days| i64::from(days.last) < day);
    calendar.days.get(after).is_some_and(|days| i64::from(days.first) <= day)
}
