use proptest::prelude::*;

use super::*;
use crate::ir::JumpIr;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn zone(offset_s: i32, jumps: &[(i64, i32)]) -> Result<Zone, &'static str> {
    let jumps = jumps.iter().map(|(at_s, offset_s)| JumpIr { at_s: *at_s, offset_s: *offset_s }).collect();
    Zone::new(&ZoneIr { name: "Test/Zone".to_owned(), offset_s, jumps })
}

/// An hour ahead; summer time from 02:00 on the 10th to 03:00 on the 20th of January 1970.
fn summer() -> Zone {
    zone(3_600, &[(9 * 86_400 + 3_600, 7_200), (19 * 86_400 + 3_600, 3_600)]).unwrap()
}

fn wall(day: i64, hour: i64, minute: i64) -> WallMillis {
    WallMillis((day - 1) * DAY + hour * HOUR + minute * 60_000)
}

fn utc(day: i64, hour: i64, minute: i64) -> UnixMillis {
    UnixMillis(wall(day, hour, minute).0)
}

#[test]
fn a_skipped_hour_begins_and_ends_at_the_jump() {
    let zone = summer();
    assert_eq!(zone.wall(UnixMillis(utc(10, 1, 0).0 - 1)), WallMillis(wall(10, 2, 0).0 - 1));
    assert_eq!(zone.wall(utc(10, 1, 0)), wall(10, 3, 0));
    for skipped in [wall(10, 2, 0), wall(10, 2, 30), wall(10, 3, 0)] {
        assert_eq!(zone.first_at(skipped), utc(10, 1, 0));
    }
    assert_eq!(zone.first_at(wall(10, 3, 1)), utc(10, 1, 1));
    let day = (zone.start_of(Unit::Day, utc(10, 12, 0)), zone.end_of(Unit::Day, utc(10, 12, 0)));
    assert_eq!(day, (utc(9, 23, 0), utc(10, 22, 0)), "23 hours");
}

#[test]
fn of_an_hour_that_is_shown_twice_the_first_pass_counts() {
    let zone = summer();
    assert_eq!(zone.first_at(wall(20, 2, 30)), utc(20, 0, 30));
    assert_eq!((zone.wall(utc(20, 0, 30)), zone.wall(utc(20, 1, 30))), (wall(20, 2, 30), wall(20, 2, 30)));
    assert_eq!(zone.first_at(wall(20, 3, 0)), utc(20, 2, 0));
    let day = (zone.start_of(Unit::Day, utc(20, 12, 0)), zone.end_of(Unit::Day, utc(20, 12, 0)));
    assert_eq!(day, (utc(19, 22, 0), utc(20, 23, 0)), "25 hours");
    // The repeated hour is an hour of its own.
    assert_eq!(zone.start_of(Unit::Hour, utc(20, 0, 59)), utc(20, 0, 0));
    assert_eq!(zone.end_of(Unit::Hour, utc(20, 0, 59)), utc(20, 1, 0));
    assert_eq!(zone.start_of(Unit::Hour, utc(20, 1, 59)), utc(20, 1, 0));
}

#[test]
fn weeks_begin_on_monday_and_months_on_their_first() {
    let zone = summer();
    // 1970-01-12 was a Monday.
    assert_eq!(zone.start_of(Unit::Week, utc(15, 12, 0)), utc(11, 22, 0));
    assert_eq!(zone.end_of(Unit::Week, utc(15, 12, 0)), utc(18, 22, 0));
    assert_eq!(zone.start_of(Unit::Month, utc(15, 12, 0)), UnixMillis(-HOUR));
    assert_eq!(zone.end_of(Unit::Month, utc(15, 12, 0)), utc(31, 23, 0));
    assert_eq!(zone.end_of(Unit::Month, utc(62, 0, 0)), UnixMillis(90 * DAY - HOUR), "March ends");
    assert_eq!(wall(12, 0, 1).of_week_ms(), 60_000);
}

#[test]
fn a_clock_set_back_over_midnight_begins_no_second_day() {
    // At 00:30 on the 5th the clock is set back to 23:30 on the 4th.
    let zone = zone(0, &[(4 * 86_400 + 1_800, -3_600)]).unwrap();
    assert_eq!(zone.start_of(Unit::Day, utc(5, 0, 15)), utc(5, 0, 0));
    assert_eq!(zone.wall(utc(5, 0, 45)), wall(4, 23, 45));
    assert_eq!(zone.start_of(Unit::Day, utc(5, 0, 45)), utc(5, 0, 0));
    assert_eq!(zone.end_of(Unit::Day, utc(4, 12, 0)), utc(5, 0, 0));
}

#[test]
fn tables_that_no_clock_could_follow_are_refused() {
    assert_eq!(zone(18 * 3_600 + 1, &[]).unwrap_err(), "a clock is ahead of UTC or behind it by more than is possible");
    assert_eq!(zone(0, &[(5, 0), (5, 1)]).unwrap_err(), "its jumps do not rise");
    assert_eq!(zone(0, &[(i64::MAX, 0)]).unwrap_err(), "a jump lies outside of years 1 to 9999");
    let back = zone(0, &[(0, -3_600), (3_600, 0)]);
    assert_eq!(back.unwrap_err(), "a clock is set back by more than it went since it was last set");
    let many: Vec<(i64, i32)> = (0..=limits::MAX_JUMPS as i64).map(|n| (n * 86_400, 0)).collect();
    assert_eq!(zone(0, &many).unwrap_err(), "it has too many jumps");
}

/// Any table that is taken: jumps of up to 18 h in both directions, as close as the check allows.
fn any_zone() -> impl Strategy<Value = Zone> {
    let jump = (1_i64..200_000, -64_800_i32..=64_800);
    (-64_800_i32..=64_800, prop::collection::vec(jump, 0..12)).prop_filter_map("refused", |(first, gaps)| {
        let mut at = -500_000;
        let jumps: Vec<(i64, i32)> = gaps
            .into_iter()
            .map(|(gap, offset)| {
                at += gap;
                (at, offset)
            })
            .collect();
        zone(first, &jumps).ok()
    })
}

proptest! {
    /// `first_at` against its definition, by looking at every hour and at every jump.
    #[test]
    fn first_at_is_the_first_moment(zone in any_zone(), wall in -900_000_000_i64..900_000_000) {
        let wall = WallMillis(wall);
        let first = zone.first_at(wall);
        prop_assert!(zone.wall(first) >= wall);
        for hour in 1..2_000 {
            prop_assert!(zone.wall(UnixMillis(first.0 - hour * HOUR / 2)) < wall);
        }
        prop_assert!(zone.wall(UnixMillis(first.0 - 1)) < wall);
    }

    /// Periods follow each other without gaps and overlaps, and each moment lies in its own.
    #[test]
    fn periods_tile_the_time(zone in any_zone(), at in -900_000_000_i64..900_000_000) {
        for unit in [Unit::Hour, Unit::Day, Unit::Week, Unit::Month] {
            let at = UnixMillis(at);
            let (start, end) = (zone.start_of(unit, at), zone.end_of(unit, at));
            prop_assert!(start <= at && at < end, "{unit:?} {start:?} {end:?}");
            for inside in [start, UnixMillis(end.0 - 1)] {
                prop_assert_eq!((zone.start_of(unit, inside), zone.end_of(unit, inside)), (start, end));
            }
            prop_assert_eq!(zone.start_of(unit, end), end);
        }
    }

    #[test]
    fn any_moment_is_taken(zone in any_zone(), at in prop_oneof![any::<i64>(), Just(MIN_MS), Just(MAX_MS), Just(i64::MAX)]) {
        for unit in [Unit::Hour, Unit::Day, Unit::Week, Unit::Month] {
            zone.start_of(unit, UnixMillis(at));
            zone.end_of(unit, UnixMillis(at));
        }
        zone.first_at(WallMillis(at));
    }
}
