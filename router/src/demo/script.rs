//! What one simulated player's client reports: the moments of a course, with values in the events' fields.
//!
//! What comes in: the table, a seed, the player's number. What goes out: [`Happening`]s in the order of game time, without end.
//! Deliberately absent: real time, payloads, connections.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::course::{Course, Moment, Turn};
use super::dice::{Dice, normal_at, share_below};
use super::mix::{FieldMix, Mix, Word};

/// Something that a player's client reports.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Happening {
    /// Game time since the demo began. Milliseconds.
    pub(crate) at_ms: u64,
    /// The event type's place in the table.
    pub(crate) of: usize,
    /// The event's fields, as recorded ones would be.
    pub(crate) fields: Value,
    /// Set on the last event of a match.
    pub(crate) result: Option<MatchResult>,
}

/// How a match ended for a player.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct MatchResult {
    pub(crate) match_id: String,
    pub(crate) mode: String,
    pub(crate) won: bool,
    pub(crate) seconds: f64,
}

/// One player.
#[derive(Debug)]
pub(crate) struct Script {
    mix: Arc<Mix>,
    course: Course,
    player: u64,
    dice: Dice,
    /// By type and field, for the length of a match.
    memories: Vec<Vec<Memory>>,
    mode: String,
}

/// What a field remembers of its last value.
#[derive(Clone, Copy, Debug)]
struct Memory {
    /// Of a number: its place in the normal distribution.
    z: f64,
    /// Of a word: its place in the table.
    word: Option<usize>,
}

impl Script {
    /// Player number `player` of `seed`.
    pub(crate) fn new(mix: Arc<Mix>, seed: u64, player: u64) -> Script {
        let course = Course::new(mix.clone(), seed, player);
        let dice = Dice::new(seed, &[4, player]);
        Script { mix, course, player, dice, memories: Vec::new(), mode: String::new() }
    }

    fn joined(&mut self, moment: &Moment) -> Map<String, Value> {
        let types = &self.mix.types;
        let fresh = |dice: &mut Dice| Memory { z: dice.normal(), word: None };
        self.memories = types.iter().map(|of| of.fields.iter().map(|_| fresh(&mut self.dice)).collect()).collect();
        // Both players tell of the same map and mode; race and league are each one's own.
        let own = self.fields(moment, &mut self.dice.clone());
        self.memories[moment.of].iter_mut().for_each(|memory| memory.word = None);
        let mut fields = self.fields(moment, &mut self.course.shared_dice());
        for name in ["race", "league"] {
            if let Some(value) = own.get(name) {
                fields.insert(name.into(), value.clone());
            }
        }
        fields.insert("team".into(), Value::from(self.player % 2 + 1));
        self.mode = fields.get("mode").and_then(Value::as_str).unwrap_or_default().to_owned();
        fields
    }

    fn ended(&self) -> (Map<String, Value>, MatchResult) {
        let seconds = (self.course.seconds() * 100.0).round() / 100.0;
        let won = self.course.won();
        let result = MatchResult { match_id: self.course.match_id(), mode: self.mode.clone(), won, seconds };
        let fields = [("won".to_owned(), Value::from(won)), ("seconds".to_owned(), Value::from(seconds))];
        (fields.into_iter().collect(), result)
    }

    fn fields(&mut self, moment: &Moment, dice: &mut Dice) -> Map<String, Value> {
        let mut fields = Map::new();
        // What is told as a distance comes after what it is told from.
        for above in [false, true] {
            for ((name, field), memory) in self.mix.types[moment.of].fields.iter().zip(&mut self.memories[moment.of]) {
                if field.above.is_some() == above {
                    let base = field.above.as_ref().and_then(|base| fields.get(base)).and_then(Value::as_f64);
                    let value = value(&self.mix, field, memory, moment.age, base.unwrap_or_default(), dice);
                    fields.insert(name.clone(), value);
                }
            }
        }
        fields
    }
}

impl Iterator for Script {
    type Item = Happening;

    fn next(&mut self) -> Option<Happening> {
        let moment = self.course.next_moment();
        let (fields, result) = match moment.turn {
            Turn::Joined => (self.joined(&moment), None),
            Turn::Left => (Map::new(), None),
            Turn::Ended => {
                let (fields, result) = self.ended();
                (fields, Some(result))
            }
            Turn::Played => {
                let mut dice = self.dice.clone();
                let fields = self.fields(&moment, &mut dice);
                self.dice = dice;
                (fields, None)
            }
        };
        Some(Happening { at_ms: moment.at_ms, of: moment.of, fields: Value::Object(fields), result })
    }
}

fn value(mix: &Mix, field: &FieldMix, memory: &mut Memory, age: f64, base: f64, dice: &mut Dice) -> Value {
    if !field.items.is_empty() {
        return items(mix, field, dice);
    }
    if field.absent > 0.0 && dice.hits(field.absent) {
        return Value::Null;
    }
    if !field.words.is_empty() {
        let kept = memory.word.filter(|_| dice.hits(field.sticks));
        let place = kept.unwrap_or_else(|| dice.place(&field.weights));
        memory.word = Some(place);
        return word(&field.words[place]);
    }
    // A walk that stays normally distributed, leaned on the match's age.
    memory.z = field.sticks * memory.z + (1.0 - field.sticks.powi(2)).max(0.0).sqrt() * dice.normal();
    let leaned = field.with_age * normal_at(age) + (1.0 - field.with_age.powi(2)).max(0.0).sqrt() * memory.z;
    let number = mix.value(&field.numbers, share_below(leaned));
    let number = if field.above.is_some() { (number + base).max(0.0) } else { number };
    if field.whole { Value::from(number.round() as i64) } else { Value::from((number * 100.0).round() / 100.0) }
}

/// A list without repeats.
fn items(mix: &Mix, field: &FieldMix, dice: &mut Dice) -> Value {
    let wanted = mix.value(&field.items, dice.unit()).round() as usize;
    let mut places: Vec<usize> = Vec::new();
    for _ in 0..wanted {
        let place = dice.place(&field.weights);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    Value::Array(places.into_iter().map(|place| word(&field.words[place])).collect())
}

fn word(word: &Word) -> Value {
    match word {
        Word::Flag(flag) => Value::from(*flag),
        Word::Text(text) => Value::from(text.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::embedded;

    fn play(seed: u64, players: u64, minutes: u64) -> Vec<Vec<Happening>> {
        let mix = Arc::new(Mix::embedded());
        let one = |player| Script::new(mix.clone(), seed, player).take_while(|h| h.at_ms < minutes * 60_000).collect();
        (0..players).map(one).collect()
    }

    #[test]
    fn the_same_seed_plays_the_same() {
        assert_eq!(play(3, 2, 5), play(3, 2, 5));
        assert_ne!(play(3, 1, 5), play(4, 1, 5));
    }

    #[test]
    fn every_happening_is_an_event_of_the_catalogue() {
        let mix = Mix::embedded();
        let catalogue = embedded::catalogue();
        let mut seen = std::collections::BTreeSet::new();
        for happening in play(5, 12, 60).iter().flatten() {
            let name = &mix.types[happening.of].name;
            let of = catalogue.event_type_of_record(name).unwrap_or_else(|| panic!("no event type for {name}"));
            let encoded = catalogue.encode_json(of, &happening.fields);
            assert!(encoded.is_ok(), "{name} {}: {encoded:?}", happening.fields);
            seen.insert(happening.of);
        }
        assert!(seen.len() >= mix.types.len() - 3, "rare ones may be missing, no more: {seen:?}");
    }

    #[test]
    fn a_pair_meets_in_the_same_matches_and_one_wins() {
        let both = play(9, 2, 120);
        let results = |player: &[Happening]| player.iter().filter_map(|h| h.result.clone()).collect::<Vec<_>>();
        let (ours, theirs) = (results(&both[0]), results(&both[1]));
        assert!(ours.len() > 1, "two hours hold some matches");
        for (a, b) in ours.iter().zip(&theirs) {
            assert_eq!((&a.match_id, &a.mode, a.seconds), (&b.match_id, &b.mode, b.seconds));
            assert_ne!(a.won, b.won);
        }
    }
}
