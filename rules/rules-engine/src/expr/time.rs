//! Calendar arithmetic in UTC, and the text forms of timestamps and durations.
//!
//! Proleptic Gregorian, years 1 to 9999, no leap seconds: as `google.protobuf.Timestamp`. Deliberately absent: time zones.

use super::value::{EvalError, Timestamp};

/// 0001-01-01T00:00:00Z.
pub(crate) const MIN_SECONDS: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z.
pub(crate) const MAX_SECONDS: i64 = 253_402_300_799;

const NANOS: i128 = 1_000_000_000;
const DAY: i64 = 86_400;

/// A moment, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// `1..=12`.
    pub(crate) month: u32,
    /// `1..=31`.
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
    /// Sunday 0.
    pub(crate) weekday: u32,
    /// `0..=365`.
    pub(crate) day_of_year: u32,
}

impl Timestamp {
    /// Checked against the range of years.
    pub(crate) fn new(seconds: i64, nanos: u32) -> Result<Timestamp, EvalError> {
        if (MIN_SECONDS..=MAX_SECONDS).contains(&seconds) && nanos < 1_000_000_000 {
            Ok(Timestamp { seconds, nanos })
        } else {
            Err(EvalError::Overflow)
        }
    }

    /// Moved by a duration in nanoseconds.
    pub(crate) fn plus(self, nanos: i64) -> Result<Timestamp, EvalError> {
        let total = self.total() + i128::from(nanos);
        let seconds = i64::try_from(total.div_euclid(NANOS)).map_err(|_| EvalError::Overflow)?;
        Timestamp::new(seconds, total.rem_euclid(NANOS) as u32)
    }

    /// The duration since `earlier`, in nanoseconds.
    pub(crate) fn since(self, earlier: Timestamp) -> Result<i64, EvalError> {
        i64::try_from(self.total() - earlier.total()).map_err(|_| EvalError::Overflow)
    }

    fn total(self) -> i128 {
        i128::from(self.seconds) * NANOS + i128::from(self.nanos)
    }

    pub(crate) fn civil(self) -> Civil {
        let days = self.seconds.div_euclid(DAY);
        let of_day = self.seconds.rem_euclid(DAY) as u32;
        let (year, month, day) = date_of(days);
        Civil {
            year,
            month,
            day,
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            // 1970-01-01 was a Thursday.
            weekday: (days + 4).rem_euclid(7) as u32,
            day_of_year: (days - days_to(year, 1, 1)) as u32,
        }
    }
}

/// Days from 1970-01-01 to a date. Years are counted from March, so that the leap day is a year's last.
pub(crate) fn days_to(year: i64, month: u32, day: u32) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = i64::from((153 * month + 2) / 5 + day - 1);
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + leaps + of_year - 719_468
}

/// The inverse of [`days_to`].
pub(crate) fn date_of(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let century4 = days.div_euclid(146_097);
    let rest = days.rem_euclid(146_097);
    // Years within 400: the corrections take out the leap days that came before.
    let year_of = (rest - rest / 1_460 + rest / 36_524 - rest / 146_096) / 365;
    let of_year = (rest - (365 * year_of + year_of / 4 - year_of / 100)) as u32;
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let (month, carry) = if shifted < 10 { (shifted + 3, 0) } else { (shifted - 9, 1) };
    (century4 * 400 + year_of + carry, month, day)
}

/// RFC 3339, with `Z` or a numeric offset; at most nine digits of fraction.
pub(crate) fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let b = text.as_bytes();
    if b.len() < 20 || b[4] != b'-' || b[7] != b'-' || b[10] | 0x20 != b't' || b[13] != b':' || b[16] != b':' {
        return None;
    }
    let [year, month, day] = [digits(&b[..4])?, digits(&b[5..7])?, digits(&b[8..10])?];
    let [hour, minute, second] = [digits(&b[11..13])?, digits(&b[14..16])?, digits(&b[17..19])?];
    if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    if day == 0 || day > days_in(i64::from(year), month) {
        return None;
    }
    let (nanos, rest) = match b[19] {
        b'.' => fraction(&b[20..])?,
        _ => (0, &b[19..]),
    };
    let offset_seconds = match rest {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = i64::from(hours * 3_600 + minutes * 60);
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    let of_day = i64::from(hour * 3_600 + minute * 60 + second);
    let seconds = days_to(i64::from(year), month, day) * DAY + of_day - offset_seconds;
    Timestamp::new(seconds, nanos).ok()
}

/// Digits after a dot as nanoseconds, and what follows them.
fn fraction(b: &[u8]) -> Option<(u32, &[u8])> {
    let count = b.iter().take_while(|c| c.is_ascii_digit()).count();
    if count == 0 || count > 9 {
        return None;
    }
    Some((digits(&b[..count])? * 10_u32.pow(9 - count as u32), &b[count..]))
}

fn digits(b: &[u8]) -> Option<u32> {
    b.iter().try_fold(0_u32, |n, c| c.is_ascii_digit().then(|| n * 10 + u32::from(c - b'0')))
}

fn days_in(year: i64, month: u32) -> u32 {
    let next = if month == 12 { days_to(year + 1, 1, 1) } else { days_to(year, month + 1, 1) };
    (next - days_to(year, month, 1)) as u32
}

/// RFC 3339 in UTC, the fraction without trailing zeros.
pub(crate) fn write_timestamp(t: Timestamp, out: &mut impl std::fmt::Write) -> std::fmt::Result {
    let c = t.civil();
    write!(out, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", c.year, c.month, c.day, c.hour, c.minute, c.second)?;
    write_fraction(t.nanos, out)?;
    out.write_char('Z')
}

/// Seconds with a fraction and an `s`, e.g. `-1.5s`.
pub(crate) fn write_duration(nanos: i64, out: &mut impl std::fmt::Write) -> std::fmt::Result {
    let size = nanos.unsigned_abs();
    write!(out, "{}{}", if nanos < 0 { "-" } else { "" }, size / 1_000_000_000)?;
    write_fraction((size % 1_000_000_000) as u32, out)?;
    out.write_char('s')
}

fn write_fraction(nanos: u32, out: &mut impl std::fmt::Write) -> std::fmt::Result {
    if nanos == 0 {
        return Ok(());
    }
    let (mut n, mut width) = (nanos, 9);
    while n % 10 == 0 {
        n /= 10;
        width -= 1;
    }
    write!(out, ".{n:0width$}")
}

/// A sign and numbers with units `h m s ms us ns`, e.g. `1h30m`, `-1.5s`; `0` needs none. Digits below a nanosecond are cut.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if rest == b"0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_i128;
    while !rest.is_empty() {
        let (nanos, after) = duration_part(rest)?;
        total = total.checked_add(nanos)?;
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// One number with its unit.
fn duration_part(b: &[u8]) -> Option<(i128, &[u8])> {
    let whole_len = b.iter().take_while(|c| c.is_ascii_digit()).count();
    let (whole, mut rest) = b.split_at(whole_len);
    let mut part: &[u8] = &[];
    if let [b'.', after @ ..] = rest {
        let len = after.iter().take_while(|c| c.is_ascii_digit()).count();
        (part, rest) = after.split_at(len);
    }
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let unit_len = rest.iter().take_while(|c| c.is_ascii_alphabetic()).count();
    let (unit, rest) = rest.split_at(unit_len);
    let unit_nanos: i128 = match unit {
        b"h" => 3_600 * NANOS,
        b"m" => 60 * NANOS,
        b"s" => NANOS,
        b"ms" => 1_000_000,
        b"us" => 1_000,
        b"ns" => 1,
        _ => return None,
    };
    let mut nanos = 0_i128;
    for c in whole {
        nanos = nanos.checked_mul(10)?.checked_add(i128::from(c - b'0'))?;
    }
    nanos = nanos.checked_mul(unit_nanos)?;
    let mut scale = unit_nanos;
    // Beyond 15 digits no unit has a nanosecond left.
    for c in part.iter().take(15) {
        nanos += i128::from(c - b'0') * scale / 10;
        scale /= 10;
    }
    Some((nanos, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn show(t: Timestamp) -> String {
        let mut s = String::new();
        write_timestamp(t, &mut s).expect("strings take everything");
        s
    }

    #[test]
    fn timestamps_have_a_text_form() {
        for (text, seconds, nanos) in [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("2009-02-13T23:31:30Z", 1_234_567_890, 0),
            ("2024-02-29T12:00:00.25Z", 1_709_208_000, 250_000_000),
            ("0001-01-01T00:00:00Z", MIN_SECONDS, 0),
            ("9999-12-31T23:59:59.999999999Z", MAX_SECONDS, 999_999_999),
            ("1969-12-31T23:59:59.5Z", -1, 500_000_000),
        ] {
            let t = Timestamp { seconds, nanos };
            assert_eq!(parse_timestamp(text), Some(t), "{text}");
            assert_eq!(show(t), text);
        }
        assert_eq!(parse_timestamp("1970-01-01T02:00:00+02:00").map(|t| t.seconds), Some(0));
        assert_eq!(parse_timestamp("1969-12-31T19:30:00-04:30").map(|t| t.seconds), Some(0));
        for bad in ["", "1970-01-01", "2023-02-29T00:00:00Z", "1970-13-01T00:00:00Z", "1970-01-01T24:00:00Z"] {
            assert_eq!(parse_timestamp(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_have_a_text_form() {
        for (text, nanos) in [
            ("1h30m", 5_400_000_000_000),
            ("-1.5s", -1_500_000_000),
            ("10ms", 10_000_000),
            ("1us1ns", 1_001),
            ("0", 0),
            ("0.000000001s", 1),
        ] {
            assert_eq!(parse_duration(text), Some(nanos), "{text}");
        }
        for bad in ["", "-", "1", "h", "1x", ".s", "9999999999999h"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
        let mut s = String::new();
        write_duration(-1_500_000_000, &mut s).expect("strings take everything");
        assert_eq!(s, "-1.5s");
    }

    proptest! {
        #[test]
        fn civil_dates_round_trip(seconds in MIN_SECONDS..=MAX_SECONDS, nanos in 0_u32..1_000_000_000) {
            let t = Timestamp { seconds, nanos };
            prop_assert_eq!(parse_timestamp(&show(t)), Some(t));
            let c = t.civil();
            prop_assert_eq!(days_to(c.year, c.month, c.day), seconds.div_euclid(DAY));
        }

        #[test]
        fn days_follow_each_other(day in -719_000_i64..2_932_000) {
            let (a, b) = (date_of(day), date_of(day + 1));
            let next = if a.2 < days_in(a.0, a.1) { (a.0, a.1, a.2 + 1) }
                else if a.1 < 12 { (a.0, a.1 + 1, 1) } else { (a.0 + 1, 1, 1) };
            prop_assert_eq!(b, next);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = parse_timestamp(&text);
            let _ = parse_duration(&text);
        }
    }
}
