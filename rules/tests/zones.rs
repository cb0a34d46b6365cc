//! Every time zone of the database, at every jump of many years, against the crate that the tables come from.

use edge_event::UnixMillis;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use rules::zones::{YEARS, Zones, names, zone};
use rules_engine::zone::{Unit, WallMillis, Zone};

/// Jumps that are looked at: those that recorded and coming events can meet.
const FROM: i64 = 0;
const UNTIL: i64 = 2_524_608_000; // 2050-01-01

const HOUR_MS: i64 = 3_600_000;

fn wall_of(datetime: DateTime) -> WallMillis {
    let as_utc = datetime.to_zoned(TimeZone::UTC).expect("within the calendar");
    WallMillis(as_utc.timestamp().as_millisecond())
}

fn datetime(zone: &TimeZone, at: UnixMillis) -> DateTime {
    zone.to_datetime(Timestamp::from_millisecond(at.0).expect("within the calendar"))
}

/// Each zone in both forms.
fn all() -> Vec<(Zone, TimeZone)> {
    let database = TimeZoneDatabase::bundled();
    let loaded = |name: &String| {
        let ours =
            Zone::new(&zone(name).expect("a name of the database")).unwrap_or_else(|why| panic!("{name}: {why}"));
        (ours, database.get(name).expect("a name of the database"))
    };
    names().iter().map(loaded).collect()
}

/// Moments around each jump of a zone, and some between.
fn moments(theirs: &TimeZone) -> Vec<UnixMillis> {
    let from = Timestamp::from_second(FROM).expect("a moment");
    let jumps = theirs.following(from).map(|jump| jump.timestamp().as_millisecond());
    let around = [-25 * HOUR_MS, -HOUR_MS, -1, 0, 1, HOUR_MS / 2, HOUR_MS, 25 * HOUR_MS, 60 * 24 * HOUR_MS];
    let near = jumps.take_while(|at| *at < UNTIL * 1_000).flat_map(|at| around.map(|by| UnixMillis(at + by)));
    let moments: Vec<_> = near.filter(|at| at.0 > 0).collect();
    if moments.is_empty() { vec![UnixMillis(1_790_000_000_000)] } else { moments }
}

#[test]
fn the_wall_shows_what_it_should() {
    let mut seen = 0;
    for (ours, theirs) in all() {
        for at in moments(&theirs) {
            assert_eq!(ours.wall(at), wall_of(datetime(&theirs, at)), "{} at {at:?}", ours.name());
            seen += 1;
        }
    }
    assert!(seen > 200_000, "{seen} moments");
}

/// Skipped and repeated readings around every jump.
#[test]
fn the_first_moment_of_a_reading_is_theirs() {
    let (mut gaps, mut folds) = (0, 0);
    for (ours, theirs) in all() {
        for at in moments(&theirs) {
            // What the clock shows, and what it would show had it not been set.
            for reading in [datetime(&theirs, at), datetime(&theirs, UnixMillis(at.0 - 2 * HOUR_MS)) + 2.hours()] {
                let first = match theirs.to_ambiguous_timestamp(reading).offset() {
                    AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(reading).expect("a moment"),
                    AmbiguousOffset::Fold { before, after } => {
                        folds += 1;
                        let first = before.to_timestamp(reading).expect("a moment");
                        // Where its table ends and its rule begins, the crate takes the rule's offset for that before.
                        let shows = theirs.to_datetime(first) == reading;
                        if shows { first } else { after.to_timestamp(reading).expect("a moment") }
                    }
                    AmbiguousOffset::Gap { after, .. } => {
                        gaps += 1;
                        // A clock that went on as it is after the jump would have shown it before: the next jump from there.
                        let sure = after.to_timestamp(reading).expect("a moment");
                        theirs.following(sure).next().expect("the jump of the gap").timestamp()
                    }
                };
                let found = ours.first_at(wall_of(reading));
                assert_eq!(found.0, first.as_millisecond(), "{} shows {reading}", ours.name());
            }
        }
    }
    assert!(gaps > 10_000 && folds > 10_000, "{gaps} gaps, {folds} folds");
}

#[test]
fn days_weeks_and_months_begin_where_theirs_do() {
    for (ours, theirs) in all() {
        for at in moments(&theirs) {
            let date = datetime(&theirs, at).date();
            let monday = date - i64::from(date.weekday().since(Weekday::Monday)).days();
            for (unit, begins) in [(Unit::Day, date), (Unit::Week, monday), (Unit::Month, date.first_of_month())] {
                let start = ours.start_of(unit, at);
                // Where a clock is set back over midnight, the date falls back, and the day does not.
                let midnight = theirs.to_zoned(begins.at(0, 0, 0, 0)).expect("a moment").timestamp().as_millisecond();
                let again = falls_back(&theirs, at) && start.0 > midnight;
                assert!(start.0 == midnight || again, "{} {unit:?} of {at:?}", ours.name());
                assert!(start <= at && at < ours.end_of(unit, at), "{} {unit:?} of {at:?}", ours.name());
            }
        }
    }
}

/// Whether the clock has already shown a later day than it shows, before it was last set.
fn falls_back(theirs: &TimeZone, at: UnixMillis) -> bool {
    let now = Timestamp::from_millisecond(at.0 + 1).expect("a moment");
    let jump = theirs.preceding(now).next().map_or(at.0, |jump| jump.timestamp().as_millisecond());
    datetime(theirs, UnixMillis(jump - 1)).date() > datetime(theirs, at).date()
}

#[test]
fn a_zone_is_taken_once_and_by_its_exact_name() {
    let mut zones = Zones::default();
    assert_eq!(zones.index("Europe/Berlin"), Ok(0));
    assert_eq!(zones.index("America/Sao_Paulo"), Ok(1));
    assert_eq!(zones.index("Europe/Berlin"), Ok(0));
    for (wrong, right) in [("europe/berlin", "Europe/Berlin"), ("Europe/Berln", "Europe/Berlin")] {
        assert_eq!(zones.index(wrong).unwrap_err().nearest.as_deref(), Some(right));
    }
    assert_eq!(zones.index("Middle-earth/Shire").unwrap_err().to_string(), "no time zone `Middle-earth/Shire`");
    let tables = zones.into_ir();
    assert_eq!(tables.len(), 2);
    assert_eq!(tables[0].jumps.len(), 2 * (i32::from(YEARS.end) - 1980) as usize, "Berlin has summer time since 1980");
}
