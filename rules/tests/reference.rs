//! The engine against CEL's reference interpreter: what a rule's expression is worth, asked of both.
//!
//! What comes in: drawn expressions over an event's fields. What goes out: agreement, or the expression and both answers. The
//! reference sees the event as a map in which nothing is typed, so that nothing of the compiler's is taken for granted but the
//! parser. Deliberately absent: what rules cannot say; the compiler refuses such texts, and they are drawn anew.

use std::path::Path;
use std::sync::Arc;

use edge_event::{Action, UnixMillis};
use rules::{Compilation, Identity, InputFile, Offline};
use rules_catalogue::{Catalogue, compile};
use rules_cel::{Env, NoTypes, Type, Typing};
use rules_cel_reference::{Bindings, Descriptors, Map, Settings, Value, evaluate};
use rules_engine::RuleSet;
use serde_json::{Value as Json, json};

/// How many texts are drawn, and how many of them at least must be rules.
const TEXTS: usize = 1_500;
const RULES_MIN: usize = 1_000;

#[derive(Clone, Copy)]
enum Kind {
    Int,
    Double,
    Text,
    Truth,
    Texts,
    Ints,
    Length,
    Moment,
}

/// Draws well-typed texts, the same ones at each run.
struct Dice(u64);

impl Dice {
    fn pick<'c>(&mut self, choices: &[&'c str]) -> &'c str {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        choices[(self.0 >> 33) as usize % choices.len()]
    }

    /// A text of a kind; `height` bounds how high its tree may be.
    fn text(&mut self, kind: Kind, height: usize) -> String {
        let template = match (kind, height) {
            (Kind::Int, 0) => {
                self.pick(&["event.level", "0", "1", "-7", "3", "9223372036854775807", "duration('90s').getSeconds()"])
            }
            (Kind::Double, 0) => self.pick(&["event.force", "event.place.x", "2.5", "-0.0", "1e300", "0.1"]),
            (Kind::Text, 0) => {
                self.pick(&["event.zone", "'sword'", "''", "'\u{e4}x'", "'a,b,,c'", "'12'", "player.id"])
            }
            (Kind::Truth, 0) => self.pick(&[
                "true",
                "event.level > 3",
                "event.zone == ''",
                "has(event.place)",
                "'sword' in event.items",
            ]),
            (Kind::Texts, 0) => self.pick(&["event.items", "event.tags", "['a', 'B ']"]),
            (Kind::Ints, 0) => self.pick(&["[1, 2, 3]", "[event.level, 0]"]),
            (Kind::Length, 0) => self.pick(&["duration('90s')", "duration('-1h30m')", "duration('1ns')"]),
            (Kind::Moment, 0) => {
                self.pick(&["timestamp('2026-01-31T18:00:00.5Z')", "timestamp(0)", "timestamp('0001-01-01T00:00:00Z')"])
            }
            (Kind::Int, _) => self.pick(&[
                "(I + I)",
                "(I - I)",
                "(I * I)",
                "(I / I)",
                "(I % I)",
                "-(I)",
                "(B ? I : I)",
                "size(S)",
                "S.size()",
                "size(T)",
                "int(D)",
                "int(uint(D))",
                "int(S)",
                "S.indexOf(S)",
                "S.lastIndexOf(S)",
                "S.indexOf(S, I)",
                "math.greatest(I, I)",
                "math.least(I, I)",
                "math.abs(I)",
                "math.sign(I)",
                "N[I]",
                "L.getHours()",
                "L.getMilliseconds()",
                "M.getFullYear()",
                "M.getDayOfYear()",
                "M.getDayOfWeek()",
                "M.getDate()",
                "int(M)",
            ]),
            (Kind::Double, _) => self.pick(&[
                "(D + D)",
                "(D - D)",
                "(D * D)",
                "(D / D)",
                "-(D)",
                "(B ? D : D)",
                "double(I)",
                "double(S)",
                "math.ceil(D)",
                "math.floor(D)",
                "math.round(D)",
                "math.trunc(D)",
                "math.abs(D)",
                "math.greatest(D, D)",
            ]),
            (Kind::Text, _) => self.pick(&[
                "(S + S)",
                "(B ? S : S)",
                "string(I)",
                "string(D)",
                "string(B)",
                "string(L)",
                "string(M)",
                "S.lowerAscii()",
                "S.upperAscii()",
                "S.trim()",
                "S.substring(I)",
                "S.substring(I, I)",
                "S.charAt(I)",
                "S.replace(S, S)",
                "T.join()",
                "T.join(S)",
                "T[I]",
            ]),
            (Kind::Truth, _) => self.pick(&[
                "(I < I)",
                "(I == D)",
                "(D >= I)",
                "(D != D)",
                "(S < S)",
                "(S == S)",
                "(B && B)",
                "(B || B)",
                "!(B)",
                "(B ? B : B)",
                "(S in T)",
                "(I in N)",
                "S.contains(S)",
                "S.startsWith(S)",
                "S.endsWith(S)",
                "S.matches('^[a-z_]+$')",
                "S.matches('^\\\\w+$')",
                "S.matches('[[a&&b]')",
                "T.exists(t, t == S)",
                "T.all(t, S.contains(t))",
                "N.exists_one(n, n > I)",
                "N.all(n, n / I > 0)",
                "(L < L)",
                "(M == M)",
                "(T == T)",
                "bool(S)",
                "math.isNaN(D)",
            ]),
            (Kind::Texts, _) => self.pick(&[
                "(T + T)",
                "[S, S]",
                "S.split(S)",
                "T.filter(t, t.contains(S))",
                "T.map(t, t + S)",
                "(B ? T : T)",
            ]),
            (Kind::Ints, _) => {
                self.pick(&["(N + N)", "[I, I]", "N.filter(n, n < I)", "N.map(n, n * I)", "T.map(t, t.size())"])
            }
            (Kind::Length, _) => self.pick(&["(L + L)", "(L - L)", "(M - M)", "duration(S)", "(B ? L : L)"]),
            (Kind::Moment, _) => self.pick(&["(M + L)", "(M - L)", "timestamp(I)", "timestamp(S)"]),
        };
        let mut out = String::new();
        let mut before = ' ';
        let mut quoted = false;
        for (at, c) in template.char_indices() {
            let alone = !before.is_alphanumeric()
                && !template[at + c.len_utf8()..].starts_with(|next: char| next.is_alphanumeric());
            let hole =
                [Kind::Int, Kind::Double, Kind::Text, Kind::Truth, Kind::Texts, Kind::Ints, Kind::Length, Kind::Moment];
            match "IDSBTNLM".find(c).filter(|_| height > 0 && alone && !quoted) {
                Some(number) => out.push_str(&self.text(hole[number], height - 1)),
                None => out.push(c),
            }
            quoted ^= c == '\'';
            before = c;
        }
        out
    }
}

fn fields() -> Json {
    json!({ "level": 12, "zone": "Sky_Fortress", "force": -0.25, "items": ["sword", "", "\u{e4}x"], "tags": [], "place": { "x": 1.5 } })
}

/// The rule's answer: its body's value, or nothing where it has none; nothing at all where the text is no rule.
fn of_the_engine(source: &str, catalogue: &Arc<Catalogue>) -> Option<Option<Json>> {
    let quoted = Json::from(source).to_string();
    let rules = format!(
        "rules/v1: {{ package: eu.reference, catalogue: game.v1, owner: team-eu }}\nrules:\n  - id: it\n    on: PlayerDied\n    \
         do: [ {{ reply: it, body: {{ v: {quoted} }} }} ]\n"
    );
    let identity = Identity { tenant: "studio".to_owned(), revision: 1 };
    let compilation = Compilation::new(vec![InputFile::new("it.rules.yaml", rules)], Arc::clone(catalogue), identity);
    let set = RuleSet::load(compilation.rule_set()?.clone(), Arc::clone(catalogue)).expect("what compiles loads");
    let mut offline = Offline::new(Arc::new(set));
    let seen = offline.feed("p1", "PlayerDied", &fields(), UnixMillis(1_000_000)).expect("the event is admitted");
    Some(seen.replies.first().map(|command| {
        let Action::Reply { body, .. } = &command.action else { panic!("the rule replies") };
        let body: Json = serde_json::from_slice(body.as_ref()).expect("a body is JSON");
        body["v"].clone()
    }))
}

fn of_the_reference(source: &str) -> Option<Value> {
    let mut env = Env::new(&NoTypes);
    env.set_typing(Typing::Dynamic).variable("event", Type::Dyn).variable("player.id", Type::String);
    let checked = rules_cel::check(&rules_cel::parse(source).ast, &env).checked;
    let bindings = Bindings::new().bind("event", value(&fields())).bind("player.id", Value::from("p1"));
    evaluate(&checked, &bindings, &Descriptors::default(), Settings::default()).ok()
}

fn value(json: &Json) -> Value {
    match json {
        Json::Number(number) => number.as_i64().map_or_else(|| Value::Double(number.as_f64().unwrap()), Value::Int),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(values) => Value::list(values.iter().map(value).collect()),
        Json::Object(members) => {
            let mut map = Map::new();
            for (name, member) in members {
                map.insert(Value::from(name.as_str()), value(member)).unwrap();
            }
            Value::map(map)
        }
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Null => Value::Null,
    }
}

/// Whether the JSON is what a body makes of the value.
fn shows(json: &Json, value: &Value) -> bool {
    match (json, value) {
        (Json::Null, Value::Null) => true,
        // JSON has no such numbers.
        (Json::String(json), Value::Double(number)) if !number.is_finite() => {
            let shown = if number.is_nan() {
                "NaN"
            } else if *number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            json == shown
        }
        (Json::Bool(json), Value::Bool(truth)) => json == truth,
        (Json::Number(json), Value::Int(number)) => json.as_i64() == Some(*number),
        (Json::Number(json), Value::Uint(number)) => json.as_u64() == Some(*number),
        (Json::Number(json), Value::Double(number)) => json.as_f64() == Some(*number),
        (Json::String(json), Value::String(text)) => **json == **text,
        (Json::String(json), Value::Duration { .. } | Value::Timestamp { .. }) => {
            let text = format!(
                "'%s'.format([{}])",
                if matches!(value, Value::Duration { .. }) { "duration(x)" } else { "timestamp(x)" }
            );
            let source = text.replace('x', &format!("'{json}'"));
            of_the_reference(&source).and_then(|text| text.as_str().map(|text| text == json)) == Some(true)
        }
        (Json::Array(json), Value::List(list)) => {
            json.len() == list.len() && json.iter().zip(list.iter()).all(|(json, value)| shows(json, value))
        }
        _ => false,
    }
}

#[test]
fn the_engine_and_the_reference_agree() {
    let sources =
        compile::Sources::read_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("diagnostics/catalogue")).unwrap();
    let catalogue = Arc::new(compile::compile(&sources).unwrap().catalogue);
    let kinds = [Kind::Int, Kind::Double, Kind::Text, Kind::Truth, Kind::Texts, Kind::Ints, Kind::Length, Kind::Moment];
    let (mut dice, mut rules, mut wrong) = (Dice(1), 0, Vec::new());
    for number in 0..TEXTS {
        let source = dice.text(kinds[number % kinds.len()], 1 + number % 3);
        let Some(found) = of_the_engine(&source, &catalogue) else { continue };
        rules += 1;
        let wanted = of_the_reference(&source);
        let agree = match (&found, &wanted) {
            (None, None) => true,
            (Some(found), Some(wanted)) => shows(found, wanted),
            _ => false,
        };
        if !agree {
            wrong.push(format!("{source}\n  engine: {found:?}\n  reference: {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rules >= RULES_MIN, "only {rules} of {TEXTS} texts were rules");
}
