//! Spans of time as a story's file tells them: `"1.204117s"`, exact to the nanosecond.
//!
//! For `#[serde(with = "span")]`, and as a type of its own where a table of values needs one.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A span of time that reads and writes itself so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span(Duration);

impl From<Duration> for Span {
    fn from(span: Duration) -> Span {
        Span(span)
    }
}

impl From<Span> for Duration {
    fn from(Span(span): Span) -> Duration {
        span
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, to)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
        deserialize(from).map(Span)
    }
}

pub(crate) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    let digits = format!("{}.{:09}", span.as_secs(), span.subsec_nanos());
    to.serialize_str(&format!("{}s", digits.trim_end_matches('0').trim_end_matches('.')))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is no span of time, as `1.204117s` is one")))
}

fn parse(text: &str) -> Option<Duration> {
    let digits = text.strip_suffix('s')?;
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 9 {
        return None;
    }
    Some(Duration::new(whole.parse().ok()?, format!("{part:0<9}").parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_they_are_written() {
        for (nanos, text) in [(0, "0s"), (1, "0.000000001s"), (1_204_117_000, "1.204117s"), (20_000_000_000, "20s")] {
            let span = Span(Duration::from_nanos(nanos));
            assert_eq!(serde_json::to_value(span).unwrap(), text);
            assert_eq!(serde_json::from_value::<Span>(text.into()).unwrap(), span);
        }
        for text in ["", "s", "1", "1.s", "-1s", "1.0000000001s", "1e3s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
