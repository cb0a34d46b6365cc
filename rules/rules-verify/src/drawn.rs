//! Events drawn from a catalogue: as a capture would have them, with values at which conditions are decided.
//!
//! In: a compilation, how many events, a seed. Out: JSON lines, as `rules-capture` reads them. Only event types that a rule looks at or
//! counts are drawn. Numbers and texts are, more often than not, constants of the package's own conditions, or one beside them.
//! Absent: events that clients would plausibly send; whoever has a capture gives that.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use edge_event::EventTypeId;
use rules::Compilation;
use rules_catalogue::{Cardinality, Catalogue, EventType, Field, Kind, MessageIndex, Provenances, Range};
use rules_engine::ir::ConstIr;
use serde_json::{Map, Value as Json, json};

/// When the first event happens: 2026-01-01T00:00:00Z. Milliseconds since 1970.
const FIRST_MS: i64 = 1_767_225_600_000;
/// Who sends.
const PLAYERS: [&str; 8] = ["ada", "bo", "cy", "d\u{e9}e", "eve", "fay", "gil", "hal"];
/// How deep messages are filled in.
const DEPTH_MAX: usize = 4;

/// Draws a capture.
pub fn capture(compilation: &Compilation, events: usize, seed: u64) -> String {
    let catalogue = compilation.catalogue();
    let mut drawer = Drawer { catalogue, seed, constants: constants(compilation) };
    let types = looked_at(compilation);
    let mut out = String::new();
    for player in PLAYERS {
        let _ = writeln!(out, "{}", drawer.session(player));
    }
    let (mut at, mut player, mut chosen) = (FIRST_MS, PLAYERS[0], 0);
    for _ in 0..if types.is_empty() { 0 } else { events } {
        // Bursts of one type from one player, so that counts rise; now and then a pause, in which windows empty.
        if drawer.below(8) == 0 {
            (player, chosen) = (PLAYERS[drawer.below(PLAYERS.len())], drawer.below(types.len()));
        }
        at += [0, 0, 50, 100, 250, 500, 999, 1_000, 2_500, 10_000, 59_000, 301_000][drawer.below(12)];
        let _ = writeln!(out, "{}", drawer.event(types[chosen], player, at));
    }
    out
}

/// Event types that rules are about, or count.
fn looked_at(compilation: &Compilation) -> Vec<&EventType> {
    let Some(set) = compilation.rule_set() else { return Vec::new() };
    let types: BTreeSet<EventTypeId> = set.events.iter().map(|event| event.event_type).collect();
    types.into_iter().filter_map(|id| compilation.catalogue().event_type(id)).collect()
}

/// What conditions compare with.
#[derive(Default)]
struct Constants {
    numbers: Vec<f64>,
    texts: Vec<String>,
}

fn constants(compilation: &Compilation) -> Constants {
    let mut out =
        Constants { numbers: vec![0.0, 1.0], texts: vec![String::new(), "x".to_owned(), "\u{e4}".to_owned()] };
    let Some(set) = compilation.rule_set() else { return out };
    let members = set.sets.iter().flat_map(|set| &set.items);
    for constant in set.consts.iter().chain(set.params.iter().map(|param| &param.value)).chain(members) {
        match constant {
            ConstIr::Int(number) => out.numbers.push(*number as f64),
            ConstIr::Uint(number) => out.numbers.push(*number as f64),
            ConstIr::Double(number) if number.is_finite() => out.numbers.push(*number),
            ConstIr::String(text) => out.texts.push(text.clone()),
            _ => {}
        }
    }
    out
}

struct Drawer<'c> {
    catalogue: &'c Catalogue,
    seed: u64,
    constants: Constants,
}

impl Drawer<'_> {
    /// SplitMix64.
    fn below(&mut self, end: usize) -> usize {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or(0) % end.max(1)
    }

    fn session(&mut self, player: &str) -> Json {
        // What a token or HELLO says is short and has no control characters.
        let mut text = || self.text(Some(16)).replace(char::is_control, "");
        let (region, platform, locale, build) = (text(), text(), text(), text());
        let segments: BTreeSet<String> = (0..2).map(|_| text()).filter(|segment| !segment.is_empty()).collect();
        let attributes = json!({ "campaign": text() });
        json!({ "session": {
            "player": player, "region": region, "platform": platform, "locale": locale, "build": build,
            "segments": segments, "attributes": attributes,
        } })
    }

    fn event(&mut self, event_type: &EventType, player: &str, at: i64) -> Json {
        let mut fields = self.message(event_type.message, 0);
        let mut line = json!({ "at": at, "type": event_type.name });
        if event_type.provenance == Provenances::Server {
            line["server"] = "server".into();
            if let Some(path) = &event_type.subject {
                set(&mut fields, path, player);
            }
        } else {
            line["player"] = player.into();
        }
        line["fields"] = fields.into();
        line
    }

    fn message(&mut self, message: MessageIndex, depth: usize) -> Map<String, Json> {
        let mut out = Map::new();
        let mut taken = BTreeSet::new();
        for field in &self.catalogue.message(message).fields {
            let is_deep = matches!(field.kind, Kind::Message(_)) && depth == DEPTH_MAX;
            let is_left_out = !field.is_needed() && self.below(4) == 0;
            if is_deep || is_left_out || field.oneof.is_some_and(|oneof| !taken.insert(oneof)) {
                continue;
            }
            let value = self.field(field, depth);
            out.insert(field.name.clone(), value);
        }
        out
    }

    fn field(&mut self, field: &Field, depth: usize) -> Json {
        let most = field.limits.max_items.map_or(3, |most| (most as usize).min(3));
        match field.cardinality {
            Cardinality::Implicit | Cardinality::Explicit => self.value(field, depth),
            Cardinality::Repeated => (0..self.below(most + 1)).map(|_| self.value(field, depth)).collect(),
            Cardinality::Map(key) => {
                let entries: Map<String, Json> =
                    (0..self.below(most + 1)).map(|_| (self.key(field, key), self.value(field, depth))).collect();
                entries.into()
            }
        }
    }

    fn key(&mut self, field: &Field, kind: Kind) -> String {
        match kind {
            Kind::Bool => ["true", "false"][self.below(2)].to_owned(),
            Kind::String => self.text(field.limits.max_key_len),
            _ => self.below(10).to_string(),
        }
    }

    fn value(&mut self, field: &Field, depth: usize) -> Json {
        match field.kind {
            Kind::Bool => (self.below(2) > 0).into(),
            Kind::Float | Kind::Double => self.number(field).into(),
            Kind::String => self.text(field.limits.max_len).into(),
            Kind::Bytes => ["", "AQI=", "/w=="][self.below(3)].into(),
            Kind::Enum(index) => {
                let values = &self.catalogue.enum_type(index).values;
                match values.get(self.below(values.len() + 1)) {
                    Some(value) => value.short.as_str().into(),
                    // Nobody knows it.
                    None => 9_999.into(),
                }
            }
            Kind::Message(message) => self.message(message, depth + 1).into(),
            Kind::Timestamp => ["2026-01-01T00:00:00Z", "1970-01-01T00:00:00.000000001Z", "2024-02-29T23:59:59.5Z"]
                [self.below(3)]
            .into(),
            Kind::Duration => ["0s", "90s", "-1.5s", "600s", "600.000000001s"][self.below(5)].into(),
            // As text, which keeps every digit.
            _ => format!("{:.0}", self.number(field)).into(),
        }
    }

    /// A constant, one beside it, or an end of the field's range; within the range and the type.
    fn number(&mut self, field: &Field) -> f64 {
        let (min, max) = match (field.limits.range, field.kind) {
            (Some(Range::Int { min, max }), _) => (min as f64, max as f64),
            (Some(Range::Uint { min, max }), _) => (min as f64, max as f64),
            (Some(Range::Double { min, max }), _) => (min, max),
            (None, Kind::Uint32 | Kind::Fixed32) => (0.0, f64::from(u32::MAX)),
            (None, Kind::Uint64 | Kind::Fixed64) => (0.0, 1e18),
            (None, Kind::Int64 | Kind::Sint64 | Kind::Sfixed64) => (-1e18, 1e18),
            (None, Kind::Float | Kind::Double) => (-1e9, 1e9),
            (None, _) => (f64::from(i32::MIN), f64::from(i32::MAX)),
        };
        let chosen = self.below(self.constants.numbers.len());
        let number = self.constants.numbers[chosen];
        match self.below(8) {
            0..=2 => number,
            3 => number - 1.0,
            4 => number + 1.0,
            5 => number + 0.5,
            6 => min,
            _ => max,
        }
        .clamp(min, max)
    }

    fn text(&mut self, max_len: Option<u32>) -> String {
        let chosen = self.below(self.constants.texts.len());
        let text = self.constants.texts[chosen].clone();
        let text = match self.below(8) {
            0 => text + "x",
            1 => text.to_uppercase(),
            _ => text,
        };
        let most = max_len.map_or(64, |most| most as usize);
        let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= most).last();
        text[..end.unwrap_or(0)].to_owned()
    }
}

/// Puts a text at a path of names.
fn set(fields: &mut Map<String, Json>, path: &str, text: &str) {
    match path.split_once('.') {
        None => {
            fields.insert(path.to_owned(), text.into());
        }
        Some((name, rest)) => {
            let inside = fields.entry(name).or_insert_with(|| json!({}));
            if let Json::Object(inside) = inside {
                set(inside, rest, text);
            }
        }
    }
}
