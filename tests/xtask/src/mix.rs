//! Turns recorded events into the table from which the demo simulates players.
//!
//! What comes in: the recording that `EDGE_EVENTS` names (gzip, one JSON event a line). What goes out: `router/demo/mix.toml`:
//! for each event type how often it comes and after which gaps, for each of its fields how its values lie. Deliberately
//! absent: single events; nobody's match can be read out of the table.

mod measure;
mod write;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::tools;

/// A player's stay in a match, as a place in [`Recording::stays`].
type Stay = usize;

/// Everything that the table is made of.
#[derive(Default)]
struct Recording {
    events: u64,
    players: BTreeSet<String>,
    matches: BTreeSet<String>,
    stay_of: HashMap<(String, String), Stay>,
    /// How long each stay was: seconds from the match's start to the player's last event.
    stays: Vec<f64>,
    types: BTreeMap<String, Type>,
}

/// One event type.
#[derive(Default)]
struct Type {
    count: u64,
    /// Milliseconds between two events of one stay.
    gaps_ms: Vec<f64>,
    latest: HashMap<Stay, f64>,
    fields: BTreeMap<String, Field>,
}

/// One field: what was seen, in the order of the recording.
#[derive(Default)]
struct Field {
    seen: Vec<Seen>,
    /// For lists: how many items each had.
    lengths: Vec<f64>,
}

struct Seen {
    stay: Stay,
    t: f64,
    value: Scalar,
}

/// A value, or one item of a list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Scalar {
    Absent,
    Flag(bool),
    Number(Finite),
    Word(String),
}

/// A number that can be sorted.
#[derive(Clone, Copy, PartialEq)]
struct Finite(f64);

impl PartialOrd for Finite {
    fn partial_cmp(&self, other: &Finite) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Finite {}

impl Ord for Finite {
    fn cmp(&self, other: &Finite) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Fields that are told as a distance above another field of the same event, so that what rules compare stays plausible.
const ABOVE: [(&str, &str, &str); 1] = [("economy_sampled", "food_made", "food_used")];

/// Writes the table anew.
pub(crate) fn write() -> Result<()> {
    let Some(events) = std::env::var_os("EDGE_EVENTS") else {
        bail!("EDGE_EVENTS is not set: let it name the recording (gzip, one JSON event a line)");
    };
    let text = table(Path::new(&events))?;
    let path = committed();
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("wrote {}", path.display());
    Ok(())
}

/// Where the table lies.
fn committed() -> PathBuf {
    tools::root().join("router/demo/mix.toml")
}

fn table(events: &Path) -> Result<String> {
    let file = File::open(events).with_context(|| format!("cannot open {}", events.display()))?;
    let mut recording = Recording::default();
    for (number, line) in BufReader::new(GzDecoder::new(file)).lines().enumerate() {
        let place = || format!("{}, line {}", events.display(), number + 1);
        let line = line.with_context(place)?;
        let event: Value = serde_json::from_str(&line).with_context(place)?;
        recording.add(&event).with_context(place)?;
    }
    if recording.events == 0 {
        bail!("{} holds no event", events.display());
    }
    Ok(write::text(&recording))
}

impl Recording {
    fn add(&mut self, event: &Value) -> Result<()> {
        let text = |name: &str| event[name].as_str().with_context(|| format!("`{name}` is missing or no text"));
        let (game, player, name) = (text("match")?, text("player")?, text("type")?);
        let t = event["t"].as_f64().context("`t` is missing or no number")?;
        let fields = event["fields"].as_object().context("`fields` is missing or no object")?;
        self.events += 1;
        self.players.insert(player.to_owned());
        self.matches.insert(game.to_owned());
        let stay = *self.stay_of.entry((game.to_owned(), player.to_owned())).or_insert_with(|| {
            self.stays.push(0.0);
            self.stays.len() - 1
        });
        self.stays[stay] = self.stays[stay].max(t);
        let of = self.types.entry(name.to_owned()).or_default();
        of.count += 1;
        if let Some(before) = of.latest.insert(stay, t) {
            of.gaps_ms.push((t - before).max(0.0) * 1000.0);
        }
        for (field, value) in fields {
            let mut value = value.clone();
            if let Some((_, _, base)) = ABOVE.iter().find(|(n, f, _)| *n == name && f == field) {
                value = distance(&value, &fields[*base])?;
            }
            of.fields.entry(field.clone()).or_default().add(stay, t, &value)?;
        }
        Ok(())
    }
}

fn distance(value: &Value, base: &Value) -> Result<Value> {
    let both = value.as_f64().zip(base.as_f64()).context("a field that is told by distance is no number")?;
    Ok(Value::from(both.0 - both.1))
}

impl Field {
    fn add(&mut self, stay: Stay, t: f64, value: &Value) -> Result<()> {
        let mut see = |value| self.seen.push(Seen { stay, t, value });
        match value {
            Value::Null => see(Scalar::Absent),
            Value::Bool(flag) => see(Scalar::Flag(*flag)),
            Value::Number(n) => see(Scalar::Number(Finite(n.as_f64().context("a number that is no double")?))),
            Value::String(word) => see(Scalar::Word(word.clone())),
            Value::Array(items) => {
                self.lengths.push(items.len() as f64);
                for item in items {
                    let word = item.as_str().context("a list of something else than texts")?;
                    self.seen.push(Seen { stay, t, value: Scalar::Word(word.to_owned()) });
                }
            }
            Value::Object(_) => bail!("a field that is an object"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_is_that_of_the_recording() {
        let Some(events) = std::env::var_os("EDGE_EVENTS") else {
            println!("skipped: EDGE_EVENTS names no recording");
            return;
        };
        let fresh = table(Path::new(&events)).expect("EDGE_EVENTS is set and names a recording");
        let committed = std::fs::read_to_string(committed()).expect("the table is committed");
        assert!(fresh == committed, "router/demo/mix.toml is stale: run `cargo xtask mix`");
    }

    #[test]
    fn a_stay_lasts_until_the_last_event_and_gaps_stay_inside() {
        let mut recording = Recording::default();
        for (game, t) in [("m1", 1.0), ("m1", 3.0), ("m2", 0.5)] {
            let event =
                serde_json::json!({"match": game, "t": t, "player": "p", "type": "x", "fields": {"n": t, "on": true}});
            recording.add(&event).unwrap();
        }
        assert_eq!(recording.stays, [3.0, 0.5]);
        assert_eq!(recording.types["x"].gaps_ms, [2000.0]);
        assert_eq!(recording.types["x"].fields["n"].seen.len(), 3);
    }

    #[test]
    fn a_line_that_is_no_event_says_why() {
        let wrong = serde_json::json!({"match": "m", "t": "soon", "player": "p", "type": "x", "fields": {}});
        assert_eq!(Recording::default().add(&wrong).unwrap_err().to_string(), "`t` is missing or no number");
    }
}
