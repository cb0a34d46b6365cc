//! What the specification's test data does not ask: unknown values, what is absorbed, places of failures, exact numbers.

use rules_cel::{Env, Type, check, compile, parse};
use rules_cel_reference::{Bindings, Descriptors, Kind, Numbers, Settings, Stop, Value, evaluate};

/// `x` and `y` are known bools, `later` and `never` are unknown ones; `text` is bound to nothing.
fn run_with(source: &str, settings: Settings) -> Result<Value, Stop> {
    let types = Descriptors::default();
    let mut env = Env::new(&types);
    for name in ["x", "y", "later", "never"] {
        env.variable(name, Type::Bool);
    }
    env.variable("text", Type::String).variable("number", Type::Dyn);
    let checked = compile(source, &env).unwrap_or_else(|mistakes| panic!("{source}: {mistakes:?}"));
    let bindings = Bindings::new().bind("x", Value::Bool(true)).bind("y", Value::Bool(false));
    let bindings = bindings.unknown("later").unknown("never").bind("number", Value::Int(9_007_199_254_740_993));
    evaluate(&checked, &bindings, &types, settings)
}

fn run(source: &str) -> Result<Value, Stop> {
    run_with(source, Settings::default())
}

#[test]
fn one_side_decides_whatever_the_other_is() {
    for source in ["text == '' || x", "later || x", "x || later || 1 / 0 == 1", "[1, 0].exists(n, 1 / n == 1)"] {
        assert_eq!(run(source).map(|value| value.as_bool()), Ok(Some(true)), "{source}");
    }
    for source in ["text == '' && y", "y && never", "[0, 1].all(n, 1 / n == 2)"] {
        assert_eq!(run(source).map(|value| value.as_bool()), Ok(Some(false)), "{source}");
    }
}

#[test]
fn what_is_unknown_is_named_and_outweighs_failures() {
    let unknown = |source: &str| match run(source) {
        Err(Stop::Unknown(names)) => names.into_iter().collect::<Vec<_>>().join(" "),
        other => panic!("{source}: {other:?}"),
    };
    assert_eq!(unknown("later && x"), "later");
    assert_eq!(unknown("later || never"), "later never");
    assert_eq!(unknown("[later, never] == [true]"), "later never");
    assert_eq!(unknown("text == '' && later"), "later");
    assert_eq!(unknown("[text, string(later)].size() > 0"), "later");
}

#[test]
fn a_failure_tells_its_kind_and_its_place() {
    let known = [
        ("1 + 10 / (2 - 2)", Kind::DivideByZero, "10 / (2 - 2)"),
        ("[1, 2][5] == 1", Kind::NoSuchKey, "[1, 2][5]"),
        ("{'a': 1}.b == 1", Kind::NoSuchKey, "{'a': 1}.b"),
        ("text + 'x'", Kind::Unbound, "text"),
        ("9223372036854775807 + 1", Kind::OutOfRange, "9223372036854775807 + 1"),
        ("'x'.matches('(')", Kind::InvalidArgument, "'x'.matches('(')"),
        ("{'a': 1, 'a': 2}", Kind::InvalidArgument, "'a'"),
        ("number.name", Kind::NoSuchField, "number.name"),
        ("number.size()", Kind::NoOverload, "number.size()"),
    ];
    for (source, kind, place) in known {
        let Err(Stop::Failed(failure)) = run(source) else { panic!("{source} has a value") };
        assert_eq!((failure.kind, failure.span.text(source)), (kind, place), "{source}: {}", failure.message);
    }
}

#[test]
fn what_is_bound_and_never_asked_for_never_fails() {
    assert_eq!(run("cel.bind(n, 1 / 0, 3)").map(|value| value.as_int()), Ok(Some(3)));
    assert_eq!(run("cel.bind(n, 1 / 0, x || n == 1)").map(|value| value.as_bool()), Ok(Some(true)));
    assert!(run("cel.bind(n, 1 / 0, n)").is_err());
}

#[test]
fn numbers_compare_exactly_unless_asked_otherwise() {
    let rounded = Settings { numbers: Numbers::Rounded, ..Settings::default() };
    let truth = |source, settings| run_with(source, settings).map(|value| value.as_bool());
    let source = "number > 9007199254740992.0";
    assert_eq!(truth(source, Settings::default()), Ok(Some(true)));
    assert_eq!(truth(source, rounded), Ok(Some(false)));
    assert_eq!(truth("number == 9007199254740992.0", rounded), Ok(Some(true)));
    assert_eq!(truth("number == 0.0 / 0.0 || number < 0.0 / 0.0", rounded), Ok(Some(false)));
}

#[test]
fn a_tree_with_an_error_in_it_fails_there() {
    let types = Descriptors::default();
    let checked = check(&parse("1 + ").ast, &Env::new(&types)).checked;
    let Err(Stop::Failed(failure)) = evaluate(&checked, &Bindings::new(), &types, Settings::default()) else {
        panic!("a broken text has a value")
    };
    assert_eq!(failure.kind, Kind::Malformed);
}
