//! Our side: parser, checker and reference interpreter.

use rules_cel::{Checked, Env, Type, Typing, check, parse};
use rules_cel_reference::{Bindings, Descriptors, Numbers, Settings, Stop, Value, evaluate};
use serde_json::{Value as Json, json};

use crate::answer::{Answer, Said};
use crate::dice::Dice;
use crate::leaf::{self, variables};
use crate::seen::Seen;

/// Numbers of different types compare as the definition's test data has them: after rounding to a double.
const SETTINGS: Settings = Settings { steps: 1_000_000, numbers: Numbers::Rounded };

/// What our side knows beside the text.
pub(crate) struct Ours {
    types: Descriptors,
    bindings: Vec<Vec<(&'static str, Value)>>,
}

impl Ours {
    /// Draws values of the variables, as many sets as are asked for.
    pub(crate) fn new(sets: usize, dice: &mut impl Dice) -> Self {
        let mut ours = Self { types: Descriptors::default(), bindings: Vec::new() };
        ours.bindings =
            (0..sets).map(|_| variables().map(|(name, ty)| (name, ours.drawn(&ty, dice))).to_vec()).collect();
        ours
    }

    fn drawn(&self, ty: &Type, dice: &mut impl Dice) -> Value {
        let mut constant = |ty: &Type| dice.pick(leaf::constants(ty)).to_owned();
        let text = match ty {
            // Neither finer than microseconds nor with a zero inside: what Python hands over has neither.
            Type::Timestamp => "timestamp('2024-02-29T12:34:56.789Z')".to_owned(),
            Type::Duration => "duration('1h1m1.5s')".to_owned(),
            Type::Dyn => format!(
                "{{'a': {}, 'l': [{}, {}], 's': {}}}",
                constant(&Type::Int),
                constant(&Type::Double),
                constant(&Type::String),
                constant(&Type::String)
            ),
            Type::List(element) => format!("[{}, {}]", constant(element), constant(element)),
            Type::Map(key, _) if **key == Type::Int => {
                format!("{{1: {}, 2: {}}}", constant(&Type::String), constant(&Type::String))
            }
            Type::Map(..) => format!("{{'a': {}, 'b': {}}}", constant(&Type::Int), constant(&Type::Int)),
            ty => constant(ty),
        };
        let mut env = Env::new(&self.types);
        env.set_typing(Typing::Dynamic);
        let checked = check(&parse(&text).ast, &env).checked;
        evaluate(&checked, &Bindings::new(), &self.types, SETTINGS).expect("constants have values")
    }

    /// What the other side is to declare and bind.
    pub(crate) fn declarations(&self) -> Json {
        let types: serde_json::Map<String, Json> = variables()
            .into_iter()
            .map(|(name, ty)| (name.to_owned(), their_type(&ty).to_lowercase().into()))
            .collect();
        let set = |set: &Vec<(&'static str, Value)>| -> serde_json::Map<String, Json> {
            set.iter().map(|(name, value)| ((*name).to_owned(), bound(value))).collect()
        };
        let sets: Vec<_> = self.bindings.iter().map(set).collect();
        json!({ "variables": types, "bindings": sets })
    }

    /// What our side says of a text, with a set of values.
    pub(crate) fn said(&self, text: &str, set: usize) -> Said {
        let mut bindings = Bindings::new();
        for (name, value) in &self.bindings[set] {
            bindings = bindings.bind(*name, value.clone());
        }
        let (checked, ty) = match self.check(text, Typing::Definition) {
            Ok(checked) => (self.answer(&checked, &bindings), their_type(checked.ty())),
            Err(why) => (Answer::Refused(why), String::new()),
        };
        let dynamic = match self.check(text, Typing::Dynamic) {
            Ok(checked) => self.answer(&checked, &bindings),
            Err(why) => Answer::Refused(why),
        };
        Said { checked, ty, dynamic }
    }

    fn check(&self, text: &str, typing: Typing) -> Result<Checked, String> {
        let mut env = Env::new(&self.types);
        env.set_typing(typing);
        for (name, ty) in variables() {
            env.variable(name, ty);
        }
        rules_cel::compile(text, &env).map_err(|diagnostics| diagnostics[0].message.clone())
    }

    fn answer(&self, checked: &Checked, bindings: &Bindings) -> Answer {
        match evaluate(checked, bindings, &self.types, SETTINGS) {
            Ok(value) => Answer::Value(Seen::ours(&value)),
            Err(Stop::Failed(failure)) => Answer::Failed(failure.message),
            Err(unknown) => Answer::Failed(unknown.to_string()),
        }
    }
}

/// A type as the other side's package writes it.
fn their_type(ty: &Type) -> String {
    match ty {
        Type::List(element) => format!("LIST<{}>", their_type(element)),
        Type::Map(key, value) => format!("MAP<{}, {}>", their_type(key), their_type(value)),
        Type::Type(of) => format!("TYPE<{}>", their_type(of)),
        Type::Optional(value) => format!("optional_type<{}>", their_type(value)),
        Type::Wrapper(inner) => their_type(inner),
        other => other.to_string().to_uppercase(),
    }
}

/// A value as `theirs.py` reads it.
fn bound(value: &Value) -> Json {
    match value {
        Value::Int(value) => json!(["int", value.to_string()]),
        Value::Uint(value) => json!(["uint", value.to_string()]),
        Value::Double(value) => json!(["double", format!("{:016x}", value.to_bits())]),
        Value::Bool(value) => json!(["bool", value]),
        Value::String(text) => json!(["string", **text]),
        Value::Bytes(bytes) => json!(["bytes", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()]),
        Value::Timestamp { seconds, nanos } => {
            json!(["timestamp", (seconds * 1_000_000 + i64::from(nanos / 1_000)).to_string()])
        }
        Value::Duration { nanos } => json!(["duration", (nanos / 1_000).to_string()]),
        Value::List(list) => [json!("list")].into_iter().chain(list.iter().map(bound)).collect(),
        Value::Map(map) => {
            let entries = map.entries().iter().map(|(key, value)| json!([bound(key), bound(value)]));
            [json!("map")].into_iter().chain(entries).collect()
        }
        other => panic!("{other:?} is not bound"),
    }
}
