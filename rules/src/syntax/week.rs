//! Pieces of a week as authors write them.
//!
//! In: `Fri 18:00 - Sun 23:59` and its shorter forms. Out: minutes since Monday 00:00, taken apart where the week begins anew. The end
//! is the first minute that is no part of it; `23:59` and `24:00` as an end both are the day's end.

use super::schedule::{DAY_MIN, time_of};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const WEEK_MIN: i64 = 7 * DAY_MIN;

/// A word of a span.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Word {
    Day(i64),
    /// A time as a beginning and as an end.
    Time(i64, i64),
    Dash,
}

/// `None` where the text is no span.
pub(super) fn week_spans(text: &str) -> Option<Vec<(u16, u16)>> {
    let spaced = text.replace('-', " - ");
    let words = spaced.split_whitespace().map(word).collect::<Option<Vec<_>>>()?;
    use Word::{Dash, Day, Time};
    let spans = match words[..] {
        [Day(first), Time(from, _), Dash, Day(last), Time(_, until)] => {
            vec![(first * DAY_MIN + from, last * DAY_MIN + until)]
        }
        [Day(day), Time(from, _), Dash, Time(_, until)] => daily([day].into_iter(), from, until),
        [Day(first), Dash, Day(last), Time(from, _), Dash, Time(_, until)] => daily(days(first, last), from, until),
        [Time(from, _), Dash, Time(_, until)] => daily(0..7, from, until),
        [Day(first), Dash, Day(last)] => daily(days(first, last), 0, DAY_MIN),
        [Day(day)] => daily([day].into_iter(), 0, DAY_MIN),
        _ => return None,
    };
    spans.into_iter().map(|(from, until)| within_week(from, until)).collect::<Option<Vec<_>>>().map(|all| all.concat())
}

fn word(text: &str) -> Option<Word> {
    if text == "-" {
        return Some(Word::Dash);
    }
    if let Some(day) = DAYS.iter().position(|day| *day == text) {
        return Some(Word::Day(day as i64));
    }
    if text == "24:00" {
        // As a beginning it is that of the next day.
        return Some(Word::Time(DAY_MIN, DAY_MIN));
    }
    let time = time_of(text)?;
    Some(Word::Time(time, if time == DAY_MIN - 1 { DAY_MIN } else { time }))
}

/// From one day to another, over the week's end where that must be.
fn days(first: i64, last: i64) -> impl Iterator<Item = i64> {
    (first..=first + (last - first).rem_euclid(7)).map(|day| day % 7)
}

/// The same times on several days; what ends before it begins ends on the next day.
fn daily(days: impl Iterator<Item = i64>, from: i64, until: i64) -> Vec<(i64, i64)> {
    let until = if until <= from { until + DAY_MIN } else { until };
    days.map(|day| (day * DAY_MIN + from, day * DAY_MIN + until)).collect()
}

/// What reaches over the week's end goes on at its beginning. An empty span is `None`.
fn within_week(from: i64, until: i64) -> Option<Vec<(u16, u16)>> {
    let length = (until - from).rem_euclid(WEEK_MIN);
    // From Monday to Sunday's end is a whole week, and so no remainder of one.
    let length = if length == 0 && until > from { WEEK_MIN } else { length };
    if length == 0 {
        return None;
    }
    let from = from.rem_euclid(WEEK_MIN);
    let until = from + length;
    if until <= WEEK_MIN {
        return Some(vec![(from as u16, until as u16)]);
    }
    Some(vec![(from as u16, WEEK_MIN as u16), (0, (until - WEEK_MIN) as u16)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const H: u16 = 60;
    const D: u16 = 1_440;

    #[test]
    fn spans() {
        for (text, spans) in [
            ("Fri 18:00 - Sun 23:59", vec![(4 * D + 18 * H, 7 * D)]),
            ("Fri 18:00-Sun 24:00", vec![(4 * D + 18 * H, 7 * D)]),
            ("Sun 22:00 - Mon 02:00", vec![(6 * D + 22 * H, 7 * D), (0, 2 * H)]),
            ("Sat 10:00 - 12:30", vec![(5 * D + 10 * H, 5 * D + 12 * H + 30)]),
            ("Sat 22:00 - 02:00", vec![(5 * D + 22 * H, 6 * D + 2 * H)]),
            ("Sun 22:00 - 02:00", vec![(6 * D + 22 * H, 7 * D), (0, 2 * H)]),
            ("Sat", vec![(5 * D, 6 * D)]),
            ("Mon - Sun", (0..7).map(|day| (day * D, (day + 1) * D)).collect()),
            ("Sat-Mon", vec![(5 * D, 6 * D), (6 * D, 7 * D), (0, D)]),
            ("Mon 00:00 - Sun 24:00", vec![(0, 7 * D)]),
            ("Tue 12:00 - Mon 12:00", vec![(D + 12 * H, 7 * D), (0, 12 * H)]),
            ("Mon - Tue 09:00 - 17:00", vec![(9 * H, 17 * H), (D + 9 * H, D + 17 * H)]),
            ("22:00 - 23:00", (0..7).map(|day| (day * D + 22 * H, day * D + 23 * H)).collect()),
        ] {
            assert_eq!(week_spans(text), Some(spans), "{text}");
        }
        for text in
            ["", "Fri", "Fri 18:00 - Fri 18:00", "Fry 18:00 - Sun 23:59", "Fri 18 - Sun 20", "Fri 25:00 - 26:00", "-"]
        {
            assert_eq!(week_spans(text).is_some(), text == "Fri", "{text}");
        }
    }
}
