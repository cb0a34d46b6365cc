//! The table's text, the same for the same recording.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::measure::{AT, quantiles, rank_correlation};
use super::{ABOVE, Field, Recording, Scalar, Stay, Type};

/// The most words that are told of a field, the most frequent ones; the rest shares their weights.
const WORDS_MAX: usize = 24;

const HEAD: &str = "\
# How players play: what the demo's simulated matches are made of. Generated; to make it anew from a recording:
#     EDGE_EVENTS=events.jsonl.gz cargo xtask mix
#
# at            shares at which values are told; every list of quantiles below has a value for each
# stays         one player in one match; `stay_s` tells how long they are
# present       share of the players' time that lies in stays with at least one event of the type
# a_second      events of one player in one second of such a stay
# gap_ms        between two events of the type in one stay
# numbers       how values lie; `whole` ones have no fraction; `above` tells a distance above another field
# words         values with weights, the frequent ones
# items         how many a list has
# absent        share of events without a value
# sticks        how much the value before it tells about a value, 0 to 1
# with_age      how much the match's age tells, -1 (falls) to 1 (grows)
";

pub(super) fn text(recording: &Recording) -> String {
    let mut out = String::from(HEAD);
    let seconds: f64 = recording.stays.iter().sum();
    let stays = recording.stays.len();
    let (events, players, matches) = (recording.events, recording.players.len(), recording.matches.len());
    line(&mut out, format_args!("at = {}", list(&AT)));
    line(&mut out, format_args!("\n[recording]\nevents = {events}\nplayers = {players}\nmatches = {matches}"));
    line(&mut out, format_args!("stays = {stays}\nplayer_seconds = {}", number(seconds)));
    line(&mut out, format_args!("stay_s = {}", list(&quantiles(recording.stays.clone()))));
    let mut types: Vec<_> = recording.types.iter().collect();
    types.sort_by_key(|(name, of)| (std::cmp::Reverse(of.count), *name));
    for (name, of) in types {
        type_text(&mut out, recording, name, of, seconds);
    }
    out
}

fn type_text(out: &mut String, recording: &Recording, name: &str, of: &Type, seconds: f64) {
    let here: f64 =
        of.latest.keys().collect::<std::collections::BTreeSet<_>>().iter().map(|s| recording.stays[**s]).sum();
    line(out, format_args!("\n[[event]]\ntype = {name:?}\ncount = {}", of.count));
    line(out, format_args!("share = {}", number(of.count as f64 / recording.events as f64)));
    line(out, format_args!("present = {}\na_second = {}", number(here / seconds), number(of.count as f64 / here)));
    line(out, format_args!("gap_ms = {}", list(&quantiles(of.gaps_ms.clone()))));
    for (field, seen) in &of.fields {
        let above = ABOVE.iter().find(|(n, f, _)| *n == name && f == field).map(|(_, _, base)| *base);
        field_text(out, &recording.stays, field, seen, above);
    }
}

fn field_text(out: &mut String, stays: &[f64], name: &str, field: &Field, above: Option<&str>) {
    line(out, format_args!("[event.fields.{name}]"));
    if !field.lengths.is_empty() {
        line(out, format_args!("items = {}", list(&quantiles(field.lengths.clone()))));
    }
    let absent = field.seen.iter().filter(|s| s.value == Scalar::Absent).count();
    if absent > 0 {
        line(out, format_args!("absent = {}", number(absent as f64 / field.seen.len() as f64)));
    }
    let numbers: Vec<(Stay, f64, f64)> = field
        .seen
        .iter()
        .filter_map(|s| match &s.value {
            Scalar::Number(n) => Some((s.stay, s.t, n.0)),
            _ => None,
        })
        .collect();
    if numbers.is_empty() {
        words_text(out, field);
    } else {
        numbers_text(out, stays, &numbers, above);
    }
}

fn numbers_text(out: &mut String, stays: &[f64], seen: &[(Stay, f64, f64)], above: Option<&str>) {
    let values: Vec<f64> = seen.iter().map(|(_, _, v)| *v).collect();
    let ages: Vec<f64> = seen.iter().map(|(stay, t, _)| t / stays[*stay].max(f64::MIN_POSITIVE)).collect();
    let (before, after) = pairs(seen.iter().map(|(stay, _, v)| (*stay, *v)));
    if let Some(above) = above {
        line(out, format_args!("above = {above:?}"));
    }
    if values.iter().all(|v| v.fract() == 0.0) {
        line(out, format_args!("whole = true"));
    }
    line(out, format_args!("sticks = {}", number(rank_correlation(&before, &after).max(0.0))));
    line(out, format_args!("with_age = {}", number(rank_correlation(&values, &ages))));
    line(out, format_args!("numbers = {}", list(&quantiles(values))));
}

fn words_text(out: &mut String, field: &Field) {
    let mut counts: BTreeMap<&Scalar, usize> = BTreeMap::new();
    field.seen.iter().filter(|s| s.value != Scalar::Absent).for_each(|s| *counts.entry(&s.value).or_default() += 1);
    let total: usize = counts.values().sum();
    let mut frequent: Vec<_> = counts.into_iter().collect();
    frequent.sort_by_key(|(value, count)| (std::cmp::Reverse(*count), *value));
    // Two that follow each other are alike by chance with the sum of the squared shares; what is more, sticks.
    let chance: f64 = frequent.iter().map(|(_, n)| (*n as f64 / total.max(1) as f64).powi(2)).sum();
    frequent.truncate(WORDS_MAX);
    if field.lengths.is_empty() {
        let (before, after) = pairs(field.seen.iter().map(|s| (s.stay, &s.value)));
        let alike = before.iter().zip(&after).filter(|(a, b)| a == b).count() as f64 / before.len().max(1) as f64;
        let sticks = if chance < 0.999 { ((alike - chance) / (1.0 - chance)).clamp(0.0, 1.0) } else { 0.0 };
        line(out, format_args!("sticks = {}", number(sticks)));
    }
    let words: Vec<String> = frequent.iter().map(|(value, _)| word(value)).collect();
    let weights: Vec<f64> = frequent.iter().map(|(_, n)| *n as f64 / total.max(1) as f64).collect();
    line(out, format_args!("words = [{}]\nweights = {}", words.join(", "), list(&weights)));
}

/// Values that follow each other within one stay.
fn pairs<T: Clone>(seen: impl Iterator<Item = (Stay, T)>) -> (Vec<T>, Vec<T>) {
    let mut latest: HashMap<Stay, T> = HashMap::new();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (stay, value) in seen {
        if let Some(previous) = latest.insert(stay, value.clone()) {
            before.push(previous);
            after.push(value);
        }
    }
    (before, after)
}

fn word(value: &Scalar) -> String {
    match value {
        Scalar::Flag(flag) => flag.to_string(),
        Scalar::Word(word) => serde_json::to_string(word).expect("INVARIANT: a text always serialises"),
        Scalar::Absent | Scalar::Number(_) => unreachable!("INVARIANT: only flags and words come here"),
    }
}

fn list(values: &[f64]) -> String {
    format!("[{}]", values.iter().map(|v| number(*v)).collect::<Vec<_>>().join(", "))
}

/// Four digits that matter, always with a fraction, so that TOML reads a float.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0.0".into();
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 8) as usize;
    let text = format!("{value:.digits$}");
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if short.contains('.') { short.to_owned() } else { format!("{short}.0") }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("INVARIANT: writing into a `String` does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_floats() {
        let texts = [0.0, 1.0, 0.000_123_45, 12.3456, 123_456.7, -0.5].map(number);
        assert_eq!(texts, ["0.0", "1.0", "0.0001234", "12.35", "123457.0", "-0.5"]);
    }

    #[test]
    fn pairs_stay_within_a_stay() {
        let (before, after) = pairs([(0, 'a'), (1, 'x'), (0, 'b'), (1, 'y'), (0, 'c')].into_iter());
        assert_eq!((before, after), (vec!['a', 'x', 'b'], vec!['b', 'y', 'c']));
    }
}
