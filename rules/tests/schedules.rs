//! Schedules around every jump of every time zone, against the definition in the reference and the crate that knows the zones.
//!
//! The oracle reads the wall at a moment from `jiff` and decides by language.md 6.4; it knows neither the engine's tables nor its
//! arithmetic. What a clock showed before is found by looking at it right before each time it was set.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use edge_event::{ConnInfo, UnixMillis};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use rules::zones::names;
use rules::{Compilation, Identity, InputFile, Offline};
use rules_catalogue::{Catalogue, compile};

const FROM: &str = "2023-06-01T00:00:00Z";
const UNTIL: &str = "2027-01-01T00:00:00Z";
const HOUR_MS: i64 = 3_600_000;

/// A schedule as the oracle knows it.
#[derive(Default)]
struct Plan {
    text: &'static str,
    from: Option<DateTime>,
    /// The first reading that no longer counts.
    until: Option<DateTime>,
    /// Day and time of the first reading, and of the first that no longer counts; a day's end is the next day's midnight.
    weekly: Vec<((Weekday, Time), (Weekday, Time))>,
    except: Option<(Date, Date)>,
}

fn at(hour: i8, minute: i8) -> Time {
    Time::constant(hour, minute, 0, 0)
}

fn plans() -> Vec<Plan> {
    use Weekday::{Friday, Monday, Saturday, Sunday};
    let day = |y, m, d| Date::constant(y, m, d);
    vec![
        Plan {
            text: "weekly: [ 'Sun 01:30 - 02:30', 'Sat 23:30 - Sun 00:30' ]",
            weekly: vec![((Sunday, at(1, 30)), (Sunday, at(2, 30))), ((Saturday, at(23, 30)), (Sunday, at(0, 30)))],
            ..Plan::default()
        },
        Plan {
            text: "weekly: 'Fri 18:00 - Sun 23:59'",
            weekly: vec![((Friday, at(18, 0)), (Monday, at(0, 0)))],
            ..Plan::default()
        },
        Plan {
            text: "from: 2025-03-30 02:30, until: 2025-10-26 02:30",
            from: Some(day(2025, 3, 30).to_datetime(at(2, 30))),
            until: Some(day(2025, 10, 26).to_datetime(at(2, 30))),
            ..Plan::default()
        },
        Plan {
            text: "from: 2024-03-10, until: 2024-11-03 01:30",
            from: Some(day(2024, 3, 10).to_datetime(at(0, 0))),
            until: Some(day(2024, 11, 3).to_datetime(at(1, 30))),
            ..Plan::default()
        },
        Plan { text: "until: 2025-10-26", until: Some(day(2025, 10, 27).to_datetime(at(0, 0))), ..Plan::default() },
        Plan { text: "except: calendar.turns", except: Some((day(2024, 3, 8), day(2026, 10, 25))), ..Plan::default() },
    ]
}

fn rules(plans: &[Plan]) -> String {
    let mut text = "rules/v1: { package: p, catalogue: game.v1, owner: team }\n".to_owned();
    text.push_str("calendars: { turns: [2024-03-08..2026-10-25] }\nregions:\n  others: UTC\n");
    for (at, name) in names().iter().enumerate() {
        let _ = writeln!(text, "  z{at}: {name}");
    }
    text.push_str("rules:\n");
    for (at, plan) in plans.iter().enumerate() {
        let _ = writeln!(text, "  - id: r{at}\n    on: MatchLeft\n    active: {{ tz: region.tz, {} }}", plan.text);
        text.push_str("    do: [ { reply: hi } ]\n");
    }
    text
}

impl Plan {
    fn is_active(&self, zone: &TimeZone, now: UnixMillis) -> bool {
        let shows = reading(zone, now);
        let highest = highest(zone, now, shows);
        let day_of = |weekday: Weekday, time: Time| i64::from(weekday.to_monday_zero_offset()) * 86_400 + seconds(time);
        let second = day_of(shows.weekday(), shows.time());
        let on = |((first, from), (last, until)): &((Weekday, Time), (Weekday, Time))| {
            let (from, until) = (day_of(*first, *from), day_of(*last, *until));
            if from < until { (from..until).contains(&second) } else { second >= from || second < until }
        };
        self.from.is_none_or(|from| highest >= from)
            && self.until.is_none_or(|until| highest < until)
            && (self.weekly.is_empty() || self.weekly.iter().any(on))
            && self.except.is_none_or(|(first, last)| !(first..=last).contains(&shows.date()))
    }
}

fn seconds(time: Time) -> i64 {
    i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second())
}

fn reading(zone: &TimeZone, at: UnixMillis) -> DateTime {
    zone.to_datetime(Timestamp::from_millisecond(at.0).expect("within the calendar"))
}

/// The latest that the clock has shown until now: now, or right before it was set in the last two days.
fn highest(zone: &TimeZone, now: UnixMillis, shows: DateTime) -> DateTime {
    let moment = Timestamp::from_millisecond(now.0 + 1).expect("within the calendar");
    let jumps = zone.preceding(moment).map(|jump| jump.timestamp().as_millisecond());
    let recent = jumps.take_while(|jump| *jump > now.0 - 48 * HOUR_MS);
    recent.map(|jump| reading(zone, UnixMillis(jump - 1))).fold(shows, DateTime::max)
}

fn catalogue() -> Arc<Catalogue> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let sources = compile::Sources::read_dir(&root).expect("the example catalogue is there");
    Arc::new(compile::compile(&sources).expect("and compiles").catalogue)
}

/// Moments around the times when a clock is set.
fn moments(zone: &TimeZone) -> Vec<UnixMillis> {
    let [from, until]: [Timestamp; 2] = [FROM, UNTIL].map(|text| text.parse().expect("a moment"));
    let jumps = zone.following(from).map(|jump| jump.timestamp()).take_while(|jump| *jump < until);
    let mut moments: Vec<UnixMillis> = jumps
        .flat_map(|jump| {
            let at = jump.as_millisecond();
            let near = (-7..=7).map(move |half| UnixMillis(at + half * HOUR_MS / 2));
            near.chain([-1, 1, 29 * 60_000, 31 * 60_000].map(|by| UnixMillis(at + by)))
        })
        .collect();
    // Zones whose clocks are never set have edges, too.
    let sunday: Timestamp = "2024-11-03T00:00:00Z".parse().expect("a moment");
    moments.extend((-30..60).map(|half| UnixMillis(sunday.as_millisecond() + half * HOUR_MS / 2)));
    moments.sort_unstable();
    moments
}

#[test]
fn schedules_are_right_around_every_jump() {
    let plans = plans();
    let catalogue = catalogue();
    let identity = Identity { tenant: "studio".to_owned(), revision: 1 };
    let files = vec![InputFile::new("p.rules.yaml", rules(&plans))];
    let compilation = Compilation::new(files, Arc::clone(&catalogue), identity);
    let set = compilation.loaded().unwrap_or_else(|| panic!("{}", compilation.to_text(false)));
    let left = catalogue.event_type_by_name("MatchLeft").expect("an event type of the examples").id;
    let (mut events, mut flips) = (0, vec![[0_u32; 2]; plans.len()]);
    for (at, name) in names().iter().enumerate() {
        let zone = TimeZoneDatabase::bundled().get(name).expect("a name of the database");
        // Time runs forward, so each zone has a shard of its own.
        let mut offline = Offline::new(Arc::clone(&set));
        let conn = Arc::new(ConnInfo { region: format!("z{at}").into(), ..ConnInfo::default() });
        for now in moments(&zone) {
            let seen = offline.feed_payload("p1", left, Bytes::new(), &conn, now, now);
            let fired: Vec<String> = seen.fired.iter().map(|at| set.rule(*at).id.to_string()).collect();
            for (n, plan) in plans.iter().enumerate() {
                let (found, wanted) = (fired.contains(&format!("r{n}")), plan.is_active(&zone, now));
                assert_eq!(found, wanted, "`{}` in {name}, which shows {}", plan.text, reading(&zone, now));
                flips[n][usize::from(found)] += 1;
            }
            events += 1;
        }
    }
    assert!(events > 60_000, "{events} events");
    assert!(flips.iter().flatten().all(|count| *count > 1_000), "{flips:?}");
}
