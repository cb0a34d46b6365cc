//! What the specification's test data does not ask, and other implementations agree upon.
//!
//! What comes in: expressions in which we once stood alone, found by asking the C++ runtime of the same (`tests/cel-differential`). What
//! goes out: their values, as the interpreter shows them, or that there is none.

use rules_cel::{Env, NoTypes, Typing, compile};
use rules_cel_reference::{Bindings, Descriptors, Settings, Value, evaluate};

fn run(source: &str) -> Option<Value> {
    let types = Descriptors::default();
    let mut env = Env::new(&types);
    env.set_typing(Typing::Definition);
    let checked = compile(source, &env).unwrap_or_else(|mistakes| panic!("{source}: {mistakes:?}"));
    evaluate(&checked, &Bindings::new(), &types, Settings::default()).ok()
}

fn check(known: &[(&str, &str)]) {
    for (source, wanted) in known {
        let found = run(source).map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}"));
        assert_eq!(found, *wanted, "{source}");
    }
}

#[test]
fn conversions() {
    check(&[
        ("uint(-0.5)", "nothing"),
        ("uint(-0.0)", "0u"),
        ("uint(0.9)", "0u"),
        ("bool('t')", "true"),
        ("bool('T')", "nothing"),
        ("bool('F')", "nothing"),
        ("string(-0.0)", "\"-0\""),
        ("double(string(-0.0))", "-0.0"),
        ("math.sign(-0.0)", "0.0"),
        ("base64.decode('12')", "b\"\\xd7\""),
        ("base64.decode('1=2')", "nothing"),
        ("google.protobuf.Value{string_value: 'x'}", "\"x\""),
        ("google.protobuf.Struct{fields: {'a': duration('1.5s')}}.a", "\"1.500s\""),
        (
            "google.protobuf.Struct{fields: {'a': timestamp('2026-01-31T18:00:00.0001Z')}}.a",
            "\"2026-01-31T18:00:00.000100Z\"",
        ),
    ]);
}

#[test]
fn moments_in_zones() {
    check(&[
        ("timestamp(0).getHours('')", "0"),
        ("timestamp('9999-12-31T23:59:59.5Z').getFullYear('America/New_York')", "9999"),
        ("timestamp('9999-12-31T23:59:59.5Z').getHours('Asia/Kathmandu')", "5"),
        ("timestamp('0001-01-01T00:00:00Z').getHours('Europe/Berlin')", "0"),
    ]);
}

#[test]
fn optionals() {
    check(&[
        ("optional.of(1).orValue([][2])", "1"),
        ("optional.none().orValue([3][0])", "3"),
        ("optional.none().orValue([][2])", "nothing"),
        ("optional.of(1).or({}.a).value()", "1"),
        ("optional.ofNonZeroValue(optional.none()).hasValue()", "true"),
        ("{}[?b'x'].hasValue()", "false"),
        ("{?[]: optional.none()}", "nothing"),
        ("optional.of(1).optFlatMap(v, {}.a).hasValue()", "nothing"),
        ("[?optional.none(), 2]", "[2]"),
    ]);
}

/// In RE2, letters and digits of classes are ASCII, and brackets in a class do not nest.
#[test]
fn patterns() {
    check(&[
        ("'\u{e4}'.matches('^\\\\w$')", "false"),
        ("'\u{663}'.matches('\\\\d')", "false"),
        ("'\u{e4}'.matches('\\\\p{L}')", "true"),
        ("'x\u{e4}'.matches('x\\\\b')", "true"),
        ("'['.matches('^[[a]$')", "true"),
        ("'&'.matches('[a&&b]')", "true"),
        ("'b'.matches('[a&&b]')", "true"),
        ("'a{,2}'.matches('^a{,2}$')", "true"),
        ("'a.b'.matches('\\\\Qa.b\\\\E')", "true"),
        ("'a'.matches('a**')", "nothing"),
    ]);
}

#[test]
fn types_that_are_never_found_stay_open() {
    let ty =
        |source: &str| compile(source, Env::new(&NoTypes).set_typing(Typing::Definition)).map(|it| it.ty().to_string());
    assert_eq!(ty("{}.a - duration('0s')").as_deref(), Ok("dyn"));
    assert_eq!(ty("({}[true] - duration('0s')) <= duration('0s')").as_deref(), Ok("bool"));
    assert_eq!(ty("[].map(x, x + 1)").as_deref(), Ok("list(int)"));
    assert_eq!(ty("optional.of(0).optFlatMap(v, optional.none().value())").as_deref(), Ok("dyn"));
    for none in ["math.greatest([])", "math.least([])", "math.greatest([1, 'a'])"] {
        assert!(ty(none).is_err(), "{none}");
    }
}
