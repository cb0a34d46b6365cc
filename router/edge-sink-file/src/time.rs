//! Milliseconds since 1970 as RFC 3339 text in UTC.

use edge_event::UnixMillis;

const DAY_MS: i64 = 86_400_000;

/// E.g. `2026-03-01T09:30:00.250Z`. Years outside 0 to 9999, which RFC 3339 does not have, are clamped.
pub(crate) fn rfc3339(time: UnixMillis) -> String {
    let first_ms = -719_528 * DAY_MS;
    let last_ms = 2_932_897 * DAY_MS - 1;
    let ms = time.0.clamp(first_ms, last_ms);
    let (year, month, day) = civil(ms.div_euclid(DAY_MS));
    let of_day = ms.rem_euclid(DAY_MS);
    let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", of_day % 1000)
}

/// Year, month and day of a count of days since 1970-01-01, in the proleptic Gregorian calendar.
///
/// Years are counted from March, so that a leap day is the last of its year; 400 years have 146,097 days.
fn civil(days: i64) -> (i64, i64, i64) {
    let from_march_0 = days + 719_468;
    let era = from_march_0.div_euclid(146_097);
    let day_of_era = from_march_0.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        let check = |ms, text| assert_eq!(rfc3339(UnixMillis(ms)), text);
        check(0, "1970-01-01T00:00:00.000Z");
        check(-1, "1969-12-31T23:59:59.999Z");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z");
        check(1_709_251_199_999, "2024-02-29T23:59:59.999Z");
        check(1_772_357_400_250, "2026-03-01T09:30:00.250Z");
        check(4_107_542_400_000, "2100-03-01T00:00:00.000Z");
        check(i64::MIN, "0000-01-01T00:00:00.000Z");
        check(i64::MAX, "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn days_follow_each_other() {
        let mut before = civil(-800_000);
        for day in -799_999..800_000 {
            let now = civil(day);
            let same_month = (before.0, before.1, before.2 + 1) == now;
            let next_month = now.2 == 1 && (28..=31).contains(&before.2);
            assert!(same_month || next_month, "{before:?} {now:?}");
            before = now;
        }
    }
}
