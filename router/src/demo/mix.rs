//! The table of how players play (`router/demo/mix.toml`), read.
//!
//! What comes in: the text that `cargo xtask mix` wrote, built in. What goes out: a [`Mix`], and values along its
//! quantiles. Deliberately absent: dice.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The committed table.
const TEXT: &str = include_str!("../../demo/mix.toml");

/// The whole table.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mix {
    /// Shares at which every list of quantiles tells a value; rising from 0 to 1.
    pub(crate) at: Vec<f64>,
    pub(crate) recording: Recording,
    #[serde(rename = "event")]
    pub(crate) types: Vec<TypeMix>,
}

/// What was recorded; the table tells more of it, for people and tests.
#[derive(Deserialize, Debug)]
pub(crate) struct Recording {
    #[cfg(test)]
    pub(crate) events: u64,
    #[cfg(test)]
    pub(crate) player_seconds: f64,
    /// How long a player stays in a match. Seconds.
    pub(crate) stay_s: Vec<f64>,
}

/// One event type.
#[derive(Deserialize, Debug)]
pub(crate) struct TypeMix {
    /// As recorded, e.g. `camera_moved`.
    #[serde(rename = "type")]
    pub(crate) name: String,
    pub(crate) count: u64,
    /// Of all events.
    #[cfg(test)]
    pub(crate) share: f64,
    /// Share of players' time in stays that have such an event at all.
    pub(crate) present: f64,
    /// Events of a player in a second of such a stay.
    pub(crate) a_second: f64,
    /// Between two of one stay. Milliseconds.
    pub(crate) gap_ms: Vec<f64>,
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, FieldMix>,
}

/// One field of an event type: numbers or words.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FieldMix {
    /// How many items a list has; empty for what is no list.
    pub(crate) items: Vec<f64>,
    /// Share without a value.
    pub(crate) absent: f64,
    /// `numbers` are a distance above this field of the same event.
    pub(crate) above: Option<String>,
    /// Numbers without a fraction.
    pub(crate) whole: bool,
    /// How much the value before tells, 0 to 1.
    pub(crate) sticks: f64,
    /// How much the match's age tells, -1 to 1.
    pub(crate) with_age: f64,
    pub(crate) numbers: Vec<f64>,
    pub(crate) words: Vec<Word>,
    pub(crate) weights: Vec<f64>,
}

/// One of a field's frequent values.
#[derive(Deserialize, Clone, PartialEq, Debug)]
#[serde(untagged)]
pub(crate) enum Word {
    Flag(bool),
    Text(String),
}

impl Mix {
    /// The table that was built in.
    pub(crate) fn embedded() -> Mix {
        toml::from_str(TEXT).expect("INVARIANT: the committed table reads; a test holds it")
    }

    /// The value of quantiles at a share, linear in between; 0 for none.
    pub(crate) fn value(&self, quantiles: &[f64], share: f64) -> f64 {
        let above = self.at.partition_point(|at| *at <= share).min(quantiles.len().saturating_sub(1));
        let Some(below) = above.checked_sub(1) else { return quantiles.first().copied().unwrap_or_default() };
        let (from, to) = (quantiles[below], quantiles[above]);
        let width = self.at[above] - self.at[below];
        from + (to - from) * ((share - self.at[below]) / width).clamp(0.0, 1.0)
    }

    /// The mean of what [`value`](Mix::value) gives over all shares.
    pub(crate) fn mean(&self, quantiles: &[f64]) -> f64 {
        let widths = self.at.windows(2).map(|at| at[1] - at[0]);
        quantiles.windows(2).zip(widths).map(|(q, width)| (q[0] + q[1]) / 2.0 * width).sum()
    }

    /// A value chosen with a probability that grows with the value itself: `segment` and `place` are thrown from 0 to 1.
    pub(crate) fn value_by_weight(&self, quantiles: &[f64], segment: f64, place: f64) -> f64 {
        let mut left = segment * self.mean(quantiles);
        let mut chosen = (0.0, 0.0);
        for (ends, at) in quantiles.windows(2).zip(self.at.windows(2)) {
            chosen = (ends[0], ends[1]);
            left -= (ends[0] + ends[1]) / 2.0 * (at[1] - at[0]);
            if left < 0.0 {
                break;
            }
        }
        let (from, to) = chosen;
        (from * from + place * (to * to - from * from)).sqrt()
    }

    /// The place of a type.
    pub(crate) fn place_of(&self, name: &str) -> Option<usize> {
        self.types.iter().position(|of| of.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_is_whole() {
        let mix = Mix::embedded();
        let fits = |list: &[f64]| list.len() == mix.at.len() && list.is_sorted();
        assert!(mix.at.is_sorted() && mix.at.first() == Some(&0.0) && mix.at.last() == Some(&1.0));
        assert!(fits(&mix.recording.stay_s));
        let shares: f64 = mix.types.iter().map(|t| t.share).sum();
        assert!((shares - 1.0).abs() < 0.001, "{shares}");
        assert_eq!(mix.types.iter().map(|t| t.count).sum::<u64>(), mix.recording.events);
        for of in &mix.types {
            assert!(of.gap_ms.is_empty() || fits(&of.gap_ms), "{}", of.name);
            assert!((0.0..=1.0).contains(&of.present) && of.a_second > 0.0, "{}", of.name);
            for (name, field) in &of.fields {
                let place = format!("{}.{name}", of.name);
                assert!(field.numbers.is_empty() != field.words.is_empty(), "{place}: numbers or words");
                assert!(field.numbers.is_empty() || fits(&field.numbers), "{place}");
                assert!(field.items.is_empty() || fits(&field.items), "{place}");
                assert_eq!(field.words.len(), field.weights.len(), "{place}");
                assert!(field.above.as_ref().is_none_or(|base| of.fields.contains_key(base)), "{place}");
            }
        }
    }

    #[test]
    fn values_lie_on_the_line_between_quantiles() {
        let mix = Mix { at: vec![0.0, 0.5, 1.0], ..Mix::embedded() };
        let quantiles = [0.0, 10.0, 110.0];
        let values = [-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 2.0].map(|share| mix.value(&quantiles, share));
        assert_eq!(values, [0.0, 0.0, 5.0, 10.0, 60.0, 110.0, 110.0]);
        let weighed = [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)].map(|(s, p)| mix.value_by_weight(&quantiles, s, p));
        assert_eq!(weighed, [0.0, 10.0, 110.0]);
        assert_eq!((mix.mean(&quantiles), mix.value(&[], 0.5), mix.value(&[3.0], 0.5)), (32.5, 0.0, 3.0));
    }
}
