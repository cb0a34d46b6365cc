//! Timestamps and durations as text: RFC 3339 and decimal seconds with `s`.
//!
//! Comes in: text of rule tests and recordings, or seconds with nanoseconds. Goes out: the other of the two. The calendar
//! is the proleptic Gregorian one, years 1 to 9999. Deliberately absent: time zones by name, leap seconds.

use edge_event::UnixMillis;

/// Milliseconds as RFC 3339 in UTC, always with three digits of fraction: e.g. `2026-03-01T09:30:00.250Z`. Years outside 1 to
/// 9999 are clamped.
pub fn rfc3339(time: UnixMillis) -> String {
    let ms = time.0.clamp(-62_135_596_800_000, 253_402_300_799_999);
    let whole = format_timestamp(ms.div_euclid(1000), 0);
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), ms.rem_euclid(1000))
}

/// The inverse of [`rfc3339`], with any zone and any fraction; what is finer than a millisecond is dropped. `None`: it is no time.
pub fn parse_rfc3339(text: &str) -> Option<UnixMillis> {
    let (seconds, nanos) = parse_timestamp(text)?;
    Some(UnixMillis(seconds * 1000 + i64::from(nanos / 1_000_000)))
}

/// Seconds and nanoseconds as RFC 3339 in UTC, with 0, 3, 6 or 9 digits of fraction.
pub(crate) fn format_timestamp(seconds: i64, nanos: i32) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_of(days);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{}Z", fraction(nanos.unsigned_abs()))
}

/// RFC 3339 §5.6; `t`, `z` and a space for `T` are taken, too, as its notes allow. A leap second is refused.
pub(crate) fn parse_timestamp(text: &str) -> Option<(i64, i32)> {
    let b = text.as_bytes();
    let separators = b.len() >= 20 && b[4] == b'-' && b[7] == b'-' && b[13] == b':' && b[16] == b':';
    if !separators || !matches!(b[10], b'T' | b't' | b' ') {
        return None;
    }
    let (year, month, day) = (digits(&b[0..4])?, digits(&b[5..7])?, digits(&b[8..10])?);
    let (hour, minute, second) = (digits(&b[11..13])?, digits(&b[14..16])?, digits(&b[17..19])?);
    let in_day = hour < 24 && minute < 60 && second < 60;
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_in(year, month) || !in_day {
        return None;
    }
    let (nanos, zone) = parse_fraction(&b[19..])?;
    let local = days_of(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((local - parse_zone(zone)?, nanos))
}

/// Decimal seconds with `s`, e.g. `-1.500s`.
pub(crate) fn format_duration(seconds: i64, nanos: i32) -> String {
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    format!("{sign}{}{}s", seconds.unsigned_abs(), fraction(nanos.unsigned_abs()))
}

/// The inverse of [`format_duration`]; takes 1 to 9 digits of fraction.
pub(crate) fn parse_duration(text: &str) -> Option<(i64, i32)> {
    let body = text.strip_suffix('s')?;
    let (sign, body) = body.strip_prefix('-').map_or((1, body), |rest| (-1, rest));
    let whole = body.split('.').next()?;
    if whole.is_empty() || whole.len() > 12 {
        return None;
    }
    let (nanos, rest) = parse_fraction(&body.as_bytes()[whole.len()..])?;
    if !rest.is_empty() {
        return None;
    }
    Some((sign * digits(whole.as_bytes())?, sign as i32 * nanos))
}

fn fraction(nanos: u32) -> String {
    match nanos {
        0 => String::new(),
        n if n % 1_000_000 == 0 => format!(".{:03}", n / 1_000_000),
        n if n % 1_000 == 0 => format!(".{:06}", n / 1_000),
        n => format!(".{n:09}"),
    }
}

/// An optional fraction of a second, and what follows it.
fn parse_fraction(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let Some(after_dot) = bytes.strip_prefix(b".") else { return Some((0, bytes)) };
    let len = after_dot.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=9).contains(&len) {
        return None;
    }
    let value = digits(&after_dot[..len])? * 10_i64.pow(9 - len as u32);
    Some((value as i32, &after_dot[len..]))
}

/// Seconds east of UTC.
fn parse_zone(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let east = hours * 3_600 + minutes * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'+' { east } else { -east })
        }
        _ => None,
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0_i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date. Years begin in March here, so that the leap day comes last.
const fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

/// The inverse of [`days_of`]: year, month, day.
const fn civil_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_there_and_back() {
        for (text, seconds, nanos) in [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("2010-07-30T21:54:59Z", 1_280_526_899, 0),
            ("2000-02-29T23:59:59.999Z", 951_868_799, 999_000_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
            ("9999-12-31T23:59:59.999999999Z", 253_402_300_799, 999_999_999),
        ] {
            assert_eq!(parse_timestamp(text), Some((seconds, nanos)), "{text}");
            assert_eq!(format_timestamp(seconds, nanos), text);
        }
        assert_eq!(parse_timestamp("2010-07-30 21:54:59+00:00"), Some((1_280_526_899, 0)));
        assert_eq!(parse_timestamp("2010-07-30T23:54:59+02:00"), Some((1_280_526_899, 0)));
    }

    #[test]
    fn other_texts_are_no_timestamps() {
        for text in [
            "",
            "2010-07-30",
            "2010-07-30T21:54:59",
            "2010-02-29T00:00:00Z",
            "2010-13-01T00:00:00Z",
            "2010-07-30T24:00:00Z",
            "2010-07-30T21:54:60Z",
            "2010-07-30T21:54:59.Z",
            "2010-07-30T21:54:59.1234567890Z",
            "2010-07-30T21:54:59+2:00",
            "0000-07-30T21:54:59Z",
            "2010-07-30T21:54:59Zé",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn durations_there_and_back() {
        for (text, seconds, nanos) in
            [("0s", 0, 0), ("90s", 90, 0), ("-1.500s", -1, -500_000_000), ("0.000000001s", 0, 1)]
        {
            assert_eq!(parse_duration(text), Some((seconds, nanos)), "{text}");
            assert_eq!(format_duration(seconds, nanos), text);
        }
        for text in ["", "s", "5m", "1", "1.s", ".5s", "--1s", "1e3s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_the_calendar_returns() {
        for days in (-719_162..2_932_896).step_by(97) {
            let (year, month, day) = civil_of(days);
            assert_eq!(days_of(year, month, day), days);
        }
    }
}
