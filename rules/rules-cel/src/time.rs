//! The texts of moments and lengths of time, and their values.
//!
//! Moments are RFC 3339 (section 5.6) between years 1 and 9999; lengths are numbers with units, `1h30m`, `-1.5s`. Nothing
//! here asks the clock.

use crate::checked::Constant;

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// 0001-01-01T00:00:00Z, in seconds since 1970.
pub const TIMESTAMP_SECONDS_MIN: i64 = -62_135_596_800;

/// 9999-12-31T23:59:59Z, in seconds since 1970.
pub const TIMESTAMP_SECONDS_MAX: i64 = 253_402_300_799;

/// The length of time behind a text like `1h30m`, `250ms`, `-1.5s`, in nanoseconds. Units: h, m, s, ms, us, ns. Nothing
/// where the text is malformed or the length does not fit 64 bits (about 292 years).
pub fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i128 = 0;
    loop {
        let (part, after) = duration_part(rest)?;
        total = total.checked_add(part).filter(|total| *total <= i128::from(i64::MAX) + 1)?;
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// The first number with its unit, in nanoseconds, and what follows.
fn duration_part(text: &str) -> Option<(i128, &str)> {
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(number_end);
    let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let unit_nanos: i128 = match unit {
        "h" => 3_600_000_000_000,
        "m" => 60_000_000_000,
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ns" => 1,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || whole.len() > 19 || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Digits below a nanosecond of the largest unit change nothing.
    let fraction = &fraction[..fraction.len().min(13)];
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let fraction: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    Some((whole * unit_nanos + fraction * unit_nanos / scale, rest))
}

/// The moment behind an RFC 3339 text, as [`Constant::Timestamp`]. Nothing where the text is malformed, the date does not
/// exist, or the year is outside 1..=9999. A leap second is refused.
pub fn parse_timestamp(text: &str) -> Option<Constant> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = bytes.get(from..to)?;
        digits.iter().try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
    };
    let separators = [(4, b"-"), (7, b"-"), (13, b":"), (16, b":")];
    let well_formed = separators.iter().all(|(at, separator)| bytes.get(*at..at + 1) == Some(*separator));
    if !well_formed || !matches!(bytes.get(10)?, b'T' | b't') {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month)
        || day < 1
        || day > days_of_month(year, month)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0;
    if bytes.get(at) == Some(&b'.') {
        let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        let fraction = u32::try_from(number(at + 1, at + 1 + digits)?).ok()?;
        nanos = fraction * 10_u32.pow(9 - u32::try_from(digits).ok()?);
        at += 1 + digits;
    }
    let offset_seconds = match bytes.get(at)? {
        b'Z' | b'z' if bytes.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if bytes.len() == at + 6 && bytes[at + 3] == b':' => {
            let (hours, minutes) = (number(at + 1, at + 3)?, number(at + 4, at + 6)?);
            let seconds = (hours <= 23 && minutes <= 59).then_some(hours * 3_600 + minutes * 60)?;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset_seconds;
    timestamp(seconds, nanos)
}

/// The moment, where it is in range.
pub fn timestamp(seconds: i64, nanos: u32) -> Option<Constant> {
    let in_range = (TIMESTAMP_SECONDS_MIN..=TIMESTAMP_SECONDS_MAX).contains(&seconds) && nanos < NANOS_PER_SECOND;
    in_range.then_some(Constant::Timestamp { seconds, nanos })
}

/// A moment as nanoseconds since 1970, which always fit 128 bits.
pub(crate) fn timestamp_nanos(seconds: i64, nanos: u32) -> i128 {
    i128::from(seconds) * i128::from(NANOS_PER_SECOND) + i128::from(nanos)
}

/// The moment so many nanoseconds after 1970, where it is in range.
pub(crate) fn timestamp_from_nanos(total: i128) -> Option<Constant> {
    let per_second = i128::from(NANOS_PER_SECOND);
    let seconds = i64::try_from(total.div_euclid(per_second)).ok()?;
    timestamp(seconds, u32::try_from(total.rem_euclid(per_second)).ok()?)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let days_before_year = before * 365 + before / 4 - before / 100 + before / 400;
    let days_before_month: i64 = (1..month).map(|month| days_of_month(year, month)).sum();
    // 719,162 days lie between 0001-01-01 and 1970-01-01.
    days_before_year + days_before_month + day - 1 - 719_162
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let known = [
            ("5m", Some(300_000_000_000)),
            ("1h30m", Some(5_400_000_000_000)),
            ("-1.5s", Some(-1_500_000_000)),
            ("1.s", Some(1_000_000_000)),
            (".5s", Some(500_000_000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("100us7ns", Some(100_007)),
            ("2562047h47m16.854775807s", Some(i64::MAX)),
            ("-2562047h47m16.854775808s", Some(i64::MIN)),
            ("2562047h47m16.854775808s", None),
            ("", None),
            ("-", None),
            ("5", None),
            ("m", None),
            (".s", None),
            ("5d", None),
            ("1h 5m", None),
            ("1..5s", None),
        ];
        for (text, nanos) in known {
            assert_eq!(parse_duration(text), nanos, "{text:?}");
        }
    }

    #[test]
    fn timestamps() {
        let known = [
            ("1970-01-01T00:00:00Z", Some((0, 0))),
            ("2009-02-13T23:31:30.5Z", Some((1_234_567_890, 500_000_000))),
            ("2000-02-29T00:00:00+01:00", Some((951_778_800, 0))),
            ("0001-01-01T00:00:00Z", Some((TIMESTAMP_SECONDS_MIN, 0))),
            ("9999-12-31T23:59:59.999999999Z", Some((TIMESTAMP_SECONDS_MAX, 999_999_999))),
            ("9999-12-31T23:59:59-01:00", None),
            ("0000-01-01T00:00:00Z", None),
            ("2001-02-29T00:00:00Z", None),
            ("2001-01-01T24:00:00Z", None),
            ("2001-01-01T00:00:60Z", None),
            ("2001-01-01T00:00:00", None),
            ("2001-01-01T00:00:00.Z", None),
            ("2001-01-01T00:00:00Z ", None),
            ("2001-01-01 00:00:00Z", None),
            ("2001-01-01T00:00:00+0100", None),
            ("20\u{e9}1-01-01T00:00:00Z", None),
        ];
        for (text, value) in known {
            let wanted = value.map(|(seconds, nanos)| Constant::Timestamp { seconds, nanos });
            assert_eq!(parse_timestamp(text), wanted, "{text:?}");
        }
    }
}
