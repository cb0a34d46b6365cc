//! Moments and lengths of time: their arithmetic, their parts, their texts.
//!
//! Zones are names of the IANA database, which comes with the crate `jiff` and not from the machine, or offsets: `+02:00`,
//! `-09:30`, `02:00`. Nothing here asks the clock.

use super::Applied;
use crate::failure::Fault;
use crate::value::Value;
use jiff::tz::TimeZoneDatabase;
use rules_cel::overload::TimePart;
use rules_cel::{Overload, time};

const NANOS_PER_SECOND: i128 = 1_000_000_000;

pub(super) fn call(overload: Overload, args: &[Value]) -> Applied {
    use Overload as O;
    use Value::{Duration, Timestamp};
    let [left, right] = args else { return None };
    Some(match (overload, left, right) {
        (O::AddDurationDuration, Duration { .. }, Duration { .. }) => duration(nanos(left) + nanos(right)),
        (O::SubtractDurationDuration, Duration { .. }, Duration { .. })
        | (O::SubtractTimestampTimestamp, Timestamp { .. }, Timestamp { .. }) => duration(nanos(left) - nanos(right)),
        (O::AddDurationTimestamp, Duration { .. }, Timestamp { .. })
        | (O::AddTimestampDuration, Timestamp { .. }, Duration { .. }) => moment(nanos(left) + nanos(right)),
        (O::SubtractTimestampDuration, Timestamp { .. }, Duration { .. }) => moment(nanos(left) - nanos(right)),
        _ => return None,
    })
}

fn nanos(value: &Value) -> i128 {
    match value {
        Value::Duration { nanos } => i128::from(*nanos),
        Value::Timestamp { seconds, nanos } => i128::from(*seconds) * NANOS_PER_SECOND + i128::from(*nanos),
        _ => 0,
    }
}

fn duration(nanos: i128) -> Result<Value, Fault> {
    let nanos = i64::try_from(nanos).map_err(|_| Fault::range("the length of time is out of range"))?;
    Ok(Value::Duration { nanos })
}

fn moment(nanos: i128) -> Result<Value, Fault> {
    let seconds = i64::try_from(nanos.div_euclid(NANOS_PER_SECOND)).ok();
    let rest = u32::try_from(nanos.rem_euclid(NANOS_PER_SECOND)).ok();
    let moment = seconds.zip(rest).and_then(|(seconds, nanos)| time::timestamp(seconds, nanos));
    moment.map(|moment| Value::from(&moment)).ok_or_else(|| Fault::range("the moment is out of range"))
}

/// `getHours()` and its kin.
pub(super) fn part(overload: Overload, args: &[Value]) -> Applied {
    Some(match (overload, args) {
        (Overload::TimestampPart(part, false), [Value::Timestamp { seconds, nanos }]) => {
            Ok(Value::Int(part_of(part, *seconds, *nanos)))
        }
        (Overload::TimestampPart(part, true), [Value::Timestamp { seconds, nanos }, Value::String(zone)]) => {
            offset(zone, *seconds).map(|offset| Value::Int(part_of(part, seconds + offset, *nanos)))
        }
        (Overload::DurationPart(part), [Value::Duration { nanos }]) => Ok(Value::Int(match part {
            TimePart::Hours => nanos / 3_600_000_000_000,
            TimePart::Minutes => nanos / 60_000_000_000,
            TimePart::Seconds => nanos / 1_000_000_000,
            _ => nanos / 1_000_000 % 1_000,
        })),
        _ => return None,
    })
}

fn part_of(part: TimePart, local_seconds: i64, nanos: u32) -> i64 {
    let (days, second) = (local_seconds.div_euclid(86_400), local_seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    match part {
        TimePart::FullYear => year,
        TimePart::Month => month - 1,
        TimePart::DayOfYear => days - days_before(year),
        TimePart::DayOfMonth => day - 1,
        TimePart::Date => day,
        // 1970 began on a Thursday.
        TimePart::DayOfWeek => (days + 4).rem_euclid(7),
        TimePart::Hours => second / 3_600,
        TimePart::Minutes => second / 60 % 60,
        TimePart::Seconds => second % 60,
        TimePart::Milliseconds => i64::from(nanos / 1_000_000),
    }
}

/// How many days lie between 1970-01-01 and the first day of the year.
fn days_before(year: i64) -> i64 {
    let before = year - 1;
    before * 365 + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) - 719_162
}

/// Year, month and day of month, so many days after 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    // A first guess by the average year is at most one too high or too low.
    let mut year = 1970 + (days * 400).div_euclid(146_097);
    while days_before(year) > days {
        year -= 1;
    }
    while days_before(year + 1) <= days {
        year += 1;
    }
    let leap = i64::from(days_before(year + 1) - days_before(year) == 366);
    let lengths = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let (mut month, mut day) = (1, days - days_before(year));
    for length in lengths {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month, day + 1)
}

/// How many seconds a zone is ahead of UTC at a moment.
fn offset(zone: &str, seconds: i64) -> Result<i64, Fault> {
    if let Some(offset) = fixed_offset(zone) {
        return Ok(offset);
    }
    if zone.is_empty() {
        return Ok(0);
    }
    let shown: String = zone.chars().take(40).collect();
    let unknown = || Fault::invalid(format!("there is no time zone '{shown}'"));
    let zone = TimeZoneDatabase::bundled().get(zone).map_err(|_| unknown())?;
    // The zones' own calendar ends a day before years do; no zone changes in between.
    let seconds = seconds.clamp(jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
    let at = jiff::Timestamp::from_second(seconds).map_err(|_| Fault::range("the moment is out of range"))?;
    Ok(i64::from(zone.to_offset(at).seconds()))
}

fn fixed_offset(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.as_bytes().first()? {
        b'-' => (-1, &zone[1..]),
        b'+' => (1, &zone[1..]),
        _ => (1, zone),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two_digits = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<i64>().ok()).flatten()
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// A moment as RFC 3339 has it, in UTC.
pub(crate) fn timestamp_text(seconds: i64, nanos: u32) -> String {
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hours, minutes, seconds) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}{}Z", fraction(nanos))
}

/// A length of time in seconds: `1.5s`.
pub(crate) fn duration_text(nanos: i64) -> String {
    let (seconds, rest) = (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    let sign = if nanos < 0 { "-" } else { "" };
    format!("{sign}{seconds}{}s", fraction(u32::try_from(rest).unwrap_or(0)))
}

/// The digits after the seconds, without trailing zeros; nothing where there are none.
fn fraction(nanos: u32) -> String {
    if nanos == 0 {
        return String::new();
    }
    format!(".{nanos:09}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_moments_read_back() {
        let known = [
            (0, 0, "1970-01-01T00:00:00Z"),
            (951_782_400, 0, "2000-02-29T00:00:00Z"),
            (time::TIMESTAMP_SECONDS_MIN, 1, "0001-01-01T00:00:00.000000001Z"),
            (time::TIMESTAMP_SECONDS_MAX, 500_000_000, "9999-12-31T23:59:59.5Z"),
            (-1, 0, "1969-12-31T23:59:59Z"),
        ];
        for (seconds, nanos, text) in known {
            assert_eq!(timestamp_text(seconds, nanos), text);
            assert_eq!(time::parse_timestamp(text), time::timestamp(seconds, nanos));
        }
    }

    #[test]
    fn zones_have_summers_and_histories() {
        let july = 1_783_000_000;
        let known = [("Europe/Berlin", 7_200), ("America/New_York", -14_400), ("Asia/Kathmandu", 20_700), ("UTC", 0)];
        for (zone, seconds) in known {
            assert_eq!(offset(zone, july), Ok(seconds), "{zone}");
        }
        assert_eq!(offset("Europe/Berlin", july + 15_552_000), Ok(3_600), "in winter");
        assert_eq!(offset("-09:30", 0), Ok(-34_200));
        assert_eq!(offset("", july), Ok(0), "nothing is UTC");
        for zone in ["Middle/Earth", "+1:00", "+24:00", "25:61", "\u{661}\u{662}:00"] {
            assert!(offset(zone, 0).is_err(), "{zone}");
        }
    }
}
