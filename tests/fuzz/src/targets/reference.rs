//! CEL's reference interpreter: an expression, and what its names stand for.
//!
//! The first byte says what follows: even, the expression's text; odd, choices by which one of the language's forms is drawn, and
//! others into its holes. The second says which values the variables have and how far the expression is held to types. What must
//! hold: never a panic, an end within the steps that it was given, the same outcome twice, and the same outcome of the text that the
//! tree is written out as.

use std::sync::LazyLock;

use cel_differential::dice::{Seeded, Written};
use cel_differential::{Grammar, Manner, draw, variables};
use rules_cel::unparse::unparse;
use rules_cel::{Env, Type, Typing, check, parse};
use rules_cel_reference::{Bindings, Descriptors, Map, Numbers, Settings, Stop, Value, evaluate};

use super::cel;
use crate::input::Input;

/// What an evaluation may cost here; by default it is twenty times as much.
const STEPS: u64 = 50_000;

pub(super) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (kind, manner) = (input.u8(), input.u8());
    let written;
    let text = if kind % 2 == 0 {
        let Ok(text) = std::str::from_utf8(input.rest()) else { return };
        text
    } else {
        written = with_grammar(|grammar| drawn(grammar, &mut input));
        &written
    };
    let typing = [Typing::Strict, Typing::Definition, Typing::Dynamic][usize::from(manner % 3)];
    let numbers = if manner & 64 == 0 { Numbers::Exact } else { Numbers::Rounded };
    let settings = Settings { steps: STEPS, numbers };
    let Some(first) = outcome(text, typing, manner, settings) else { return };
    assert_eq!(outcome(text, typing, manner, settings).as_ref(), Some(&first), "the second time, of `{text}`");
    let parsed = parse(text);
    if parsed.diagnostics.is_empty() {
        let written = unparse(&parsed.ast);
        assert_eq!(outcome(&written, typing, manner, settings), Some(first), "`{written}` of `{text}`");
    }
}

fn drawn(grammar: &Grammar, input: &mut Input<'_>) -> String {
    let form = input.below(grammar.forms().len());
    let manner = Manner { height: 1 + input.below(5), mischief: input.below(2) > 0, prefix: "" };
    draw(grammar, form, manner, &mut Written(input.rest())).text(grammar)
}

/// What becomes of a text: its value, or what kind of failure. Places are left out: a tree that is written out has others. Nothing
/// where it is not well typed.
fn outcome(text: &str, typing: Typing, values: u8, settings: Settings) -> Option<Result<String, String>> {
    let types = &*TYPES;
    let mut env = Env::new(types);
    env.set_typing(typing);
    for (name, ty) in variables() {
        env.variable(name, ty);
    }
    let parsed = parse(text);
    let checked = check(&parsed.ast, &env);
    let has_mistakes = !parsed.diagnostics.is_empty() || !checked.diagnostics.is_empty();
    if has_mistakes && typing != Typing::Dynamic {
        // What is not well typed is not evaluated; a tree with mistakes in it fails there, and must not panic.
        let _ = evaluate(&checked.checked, &Bindings::new(), types, settings);
        return None;
    }
    let mut bindings = Bindings::new();
    for (number, (name, ty)) in variables().into_iter().enumerate() {
        bindings = match (usize::from(values) + number) % 11 {
            0 => bindings.unknown(name),
            1 => bindings,
            _ => bindings.bind(name, value(&ty, values)),
        };
    }
    Some(match evaluate(&checked.checked, &bindings, types, settings) {
        Ok(value) => Ok(format!("{value:?}")),
        Err(Stop::Failed(failure)) => Err(format!("{:?}", failure.kind)),
        Err(unknown) => Err(unknown.to_string()),
    })
}

/// A value of a type, as a byte chooses it.
fn value(ty: &Type, choice: u8) -> Value {
    let odd = choice & 16 != 0;
    match ty {
        Type::Int => Value::Int(if odd { i64::MIN } else { i64::from(choice) - 8 }),
        Type::Uint => Value::Uint(if odd { u64::MAX } else { 7 }),
        Type::Double => Value::Double(if odd { f64::NAN } else { -0.5 }),
        Type::String => Value::from(if odd { "\u{1f600}\0 text" } else { "a,b,,c" }),
        Type::Bytes => Value::bytes(if odd { b"\xff\x00" } else { b"abc" }),
        Type::Bool => Value::Bool(odd),
        Type::Timestamp => Value::Timestamp { seconds: if odd { -62_135_596_800 } else { 1_700_000_000 }, nanos: 5 },
        Type::Duration => Value::Duration { nanos: if odd { i64::MAX } else { 90_000_000_000 } },
        Type::List(element) => Value::list(vec![value(element, choice), value(element, !choice)]),
        Type::Map(key, of) => {
            let mut map = Map::new();
            for choice in [choice, !choice] {
                // Perhaps the same twice.
                let _ = map.insert(value(key, choice), value(of, choice));
            }
            Value::map(map)
        }
        _ => Value::list(vec![
            Value::Null,
            Value::some(Value::Int(1)),
            value(&Type::map(Type::String, Type::Int), choice),
        ]),
    }
}

static TYPES: LazyLock<Descriptors> = LazyLock::new(Descriptors::default);

fn with_grammar<T>(with: impl FnOnce(&Grammar) -> T) -> T {
    thread_local! {
        static GRAMMAR: Grammar = Grammar::without(&[]);
    }
    GRAMMAR.with(with)
}

/// The texts of the target `cel`, and choices for each form.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = cel::seeds().into_iter().map(|text| [vec![0, 2], text].concat()).collect();
    let mut dice = Seeded::new(1);
    let forms = with_grammar(|grammar| grammar.forms().len());
    for form in 0..forms {
        let mut seed = vec![1, (form % 251) as u8, (form & 255) as u8, (form >> 8) as u8, 3, 0];
        seed.extend((0..40).map(|_| dice.number() as u8));
        seeds.push(seed);
    }
    seeds
}
