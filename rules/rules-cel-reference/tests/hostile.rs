//! Texts that want too much: whatever is written, an evaluation ends soon, in bounded memory, and without a panic.

use proptest::prelude::*;
use proptest::sample::select;
use rules_cel::{Env, Type, Typing, check, fold, parse};
use rules_cel_reference::{Bindings, Descriptors, Kind, Map, Run, Settings, Stop, Value, equal, evaluate};

/// Names that texts may speak of.
fn names() -> Vec<(&'static str, Type, Value)> {
    let mut ages = Map::new();
    for (name, age) in [("a", 1), ("zz", -1)] {
        ages.insert(Value::from(name), Value::Int(age)).expect("a text is a key");
    }
    vec![
        ("names", Type::list(Type::String), Value::list(vec![Value::from("a"), Value::from("\u{e4}b")])),
        ("any", Type::Dyn, Value::Uint(3)),
        ("n", Type::Int, Value::Int(7)),
        ("u", Type::Uint, Value::Uint(u64::MAX)),
        ("x", Type::Double, Value::Double(-1.5)),
        ("b", Type::Bool, Value::Bool(true)),
        ("s", Type::String, Value::from("\u{1f600} text")),
        ("y", Type::Bytes, Value::bytes(b"\xff\x00")),
        ("l", Type::list(Type::Int), Value::list(vec![Value::Int(i64::MIN), Value::Int(0)])),
        ("m", Type::map(Type::String, Type::Int), Value::map(ages)),
    ]
}

fn env(types: &Descriptors, typing: Typing) -> Env<'_> {
    let mut env = Env::new(types);
    env.set_typing(typing);
    for (name, ty, _) in names() {
        env.variable(name, ty);
    }
    env
}

fn run(source: &str, typing: Typing, settings: Settings) -> Result<Value, Stop> {
    let types = Descriptors::default();
    let checked = check(&parse(source).ast, &env(&types, typing)).checked;
    let bindings = names().into_iter().fold(Bindings::new(), |bindings, (name, _, value)| bindings.bind(name, value));
    evaluate(&checked, &bindings, &types, settings)
}

/// A block in which each value is made of the one before, `v` in `step`; the last one is asked for as `v` in `last`.
fn block(first: &str, step: &str, last: &str, times: usize) -> String {
    let index = |text: &str, number: usize| text.replace('v', &format!("cel.index({number})"));
    let steps: String = (0..times).map(|number| format!(", {}", index(step, number))).collect();
    format!("cel.block([{first}{steps}], {})", index(last, times))
}

#[test]
fn what_grows_without_bound_is_stopped() {
    let sources = [
        block("[1]", "v + v", "size(v)", 50),
        block("'ab'", "v + v", "size(v)", 50),
        block("b'ab'", "v + v", "size(v)", 50),
        block("[1]", "[v, v]", "v == v", 50),
        block("[1]", "[v, v]", "'%s'.format([v])", 50),
        block("[1]", "[v, v]", "google.protobuf.Value{list_WALUE: v}", 50).replace("WALUE", "value"),
        block("'aa'", "v.replace('a', 'aaaaaaaaaaaaaaaa')", "size(v)", 50),
        block("'aa'", "[v, v, v, v].join(v)", "size(v)", 50),
        "names.map(a, names.map(b, names.map(c, names.map(d, 1))))"
            .replace("names", &format!("[{}]", "1, ".repeat(100))),
        format!("[{}].all(n, names[0].matches('(a{{1,100}}){{1,' + string(n) + '}}') || true)", "1, 2, ".repeat(400)),
    ];
    for source in sources {
        match run(&source, Typing::Definition, Settings::default()) {
            Err(Stop::Failed(failure)) => assert_eq!(failure.kind, Kind::Exhausted, "{source}: {}", failure.message),
            other => panic!("{source}: {other:?}"),
        }
    }
}

/// Whoever backtracks does not come to an end here.
#[test]
fn regular_expressions_run_in_linear_time() {
    let long = format!("('{}' + '!')", "a".repeat(4_000));
    for pattern in ["^(a+)+$", "^(a|aa)+$", "^(a*)*b", "(x+x+)+y|(a+a+)+b", "^(a?){64}a{64}$"] {
        let found = run(&format!("{long}.matches('{pattern}')"), Typing::Definition, Settings::default());
        assert_eq!(found.map(|value| value.as_bool()), Ok(Some(false)), "{pattern}");
    }
    for pattern in ["(a{1000}){1000}", "\\\\pL{1000}"] {
        let found = run(&format!("'a'.matches('{pattern}')"), Typing::Definition, Settings::default());
        assert!(matches!(found, Err(Stop::Failed(_))), "{pattern} is too large inside");
    }
}

#[test]
fn what_is_nested_without_bound_is_stopped() {
    let steps = [
        format!("{}v{}", "[".repeat(60), "]".repeat(60)),
        format!("{}v{}", "{1: ".repeat(30), "}".repeat(30)),
        format!("{}v{}", "optional.of(".repeat(10), ")".repeat(10)),
    ];
    for step in steps {
        let found = run(&block("1", &step, "v == v", 40), Typing::Dynamic, Settings::default());
        let Err(Stop::Failed(failure)) = found else { panic!("{step}: {found:?}") };
        assert_eq!(failure.kind, Kind::Exhausted, "{step}: {}", failure.message);
    }
    // Long sums that wait for each other do not use up the stack.
    let sums = block("1", &format!("v{}", " + 1".repeat(45)), "v", 40);
    assert_eq!(run(&sums, Typing::Dynamic, Settings::default()).map(|value| value.as_int()), Ok(Some(1_801)));
}

/// What the fuzzer of parser and checker kept, evaluated.
#[test]
fn what_a_fuzzer_found_ends_in_an_answer() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/corpus/cel");
    let (mut texts, mut values) = (0, 0);
    for entry in std::fs::read_dir(folder).expect("the corpus is there") {
        let bytes = std::fs::read(entry.expect("the corpus can be listed").path()).expect("an input can be read");
        let Ok(source) = String::from_utf8(bytes) else { continue };
        texts += 1;
        for typing in [Typing::Strict, Typing::Definition, Typing::Dynamic] {
            let found = run(&source, typing, Settings { steps: 100_000, ..Settings::default() });
            values += usize::from(found.is_ok());
        }
    }
    assert!(texts > 50 && values > 20, "{values} values of {texts} texts");
}

fn text() -> impl Strategy<Value = String> {
    let leaves = select(vec![
        "1",
        "0",
        "-1",
        "2u",
        "1.5",
        "0.0",
        "9223372036854775807",
        "'a'",
        "''",
        "b'\\xff'",
        "true",
        "false",
        "null",
        "names",
        "any",
        "x",
        "int",
        "duration('1h')",
        "timestamp(0)",
        "[]",
        "{}",
        "optional.none()",
        "nobody",
        "google.protobuf.Value{}",
        "google.protobuf.Any{}",
        "'%s %d %f'",
        "google.protobuf.Struct{}",
    ]);
    let leaves = leaves.prop_map(str::to_owned);
    leaves.prop_recursive(6, 48, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        let ops = vec!["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "in", "&&", "||"];
        let methods = vec![
            "size",
            "string",
            "int",
            "uint",
            "double",
            "bytes",
            "bool",
            "duration",
            "timestamp",
            "type",
            "dyn",
            "optional.of",
            "optional.ofNonZeroValue",
            "math.greatest",
            "math.abs",
            "math.sqrt",
            "base64.decode",
            "base64.encode",
            "!",
            "-",
            "strings.quote",
            "google.protobuf.nobody",
        ];
        let receivers = vec![
            "contains",
            "matches",
            "split",
            "join",
            "indexOf",
            "lastIndexOf",
            "charAt",
            "substring",
            "format",
            "getHours",
            "orValue",
            "or",
            "replace",
            "startsWith",
        ];
        let loops = vec!["all", "exists", "exists_one", "filter", "map"];
        prop_oneof![
            (two.clone(), select(ops)).prop_map(|((left, right), op)| format!("({left} {op} {right})")),
            (inner.clone(), select(methods)).prop_map(|(inner, name)| format!("{name}({inner})")),
            (two.clone(), select(receivers)).prop_map(|((left, right), name)| format!("{left}.{name}({right})")),
            (two.clone(), select(loops)).prop_map(|((left, right), name)| format!("{left}.{name}(x, {right})")),
            (two.clone(), inner.clone()).prop_map(|((a, b), c)| format!("({a} ? {b} : {c})")),
            (two.clone(), inner.clone()).prop_map(|((a, b), c)| format!("{a}.transformMap(k, v, {b}, {c})")),
            two.clone().prop_map(|(left, right)| format!("[{left}, ?{right}]")),
            two.clone().prop_map(|(left, right)| format!("{{{left}: {right}}}")),
            two.clone().prop_map(|(left, right)| format!("{left}[{right}]")),
            two.clone().prop_map(|(left, right)| format!("cel.bind(x, {left}, {right})")),
            two.prop_map(|(left, right)| format!("{left}.optMap(x, {right})")),
            inner.clone().prop_map(|inner| format!("{inner}.?field.value()")),
            inner.prop_map(|inner| format!("has({inner}.field)")),
        ]
    })
}

/// The same outcome: equal values, or failures of whatever kind.
fn same(left: &Result<Value, Stop>, right: &Result<Value, Stop>) -> bool {
    match (left, right) {
        (Ok(left), Ok(right)) => {
            // NaN is no other's equal, but shows itself.
            let is_equal = equal(left, right, &Descriptors::default(), &mut Run::new(Settings::default()));
            is_equal == Ok(true) || format!("{left:?}") == format!("{right:?}")
        }
        (Err(_), Err(_)) => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// Whatever is written, it ends without a panic; and types only take meaning away: what is well typed means the same
    /// when nothing is typed.
    #[test]
    fn types_do_not_change_what_a_text_means(source in text()) {
        let settings = Settings { steps: 20_000, ..Settings::default() };
        let dynamic = run(&source, Typing::Dynamic, settings);
        for typing in [Typing::Strict, Typing::Definition] {
            let typed = run(&source, typing, settings);
            if check(&parse(&source).ast, &env(&Descriptors::default(), typing)).diagnostics.is_empty() {
                prop_assert!(same(&typed, &dynamic), "{source}\n{typing:?}: {typed:?}\ndynamic: {dynamic:?}");
            }
        }
    }

    /// What the checker's folding computes beforehand is what comes out.
    #[test]
    fn what_is_folded_is_what_is_evaluated(source in text()) {
        let types = Descriptors::default();
        let checked = check(&parse(&source).ast, &env(&types, Typing::Strict));
        if checked.diagnostics.is_empty()
            && let Some(constant) = fold::fold(&checked.checked).value(checked.checked.root())
        {
            let found = run(&source, Typing::Strict, Settings::default());
            prop_assert!(same(&found, &Ok(Value::from(constant))), "{source}: {found:?} and {constant:?}");
        }
    }

    #[test]
    fn bytes_of_any_kind_end_in_an_answer(source in "\\PC{0,200}") {
        let _ = run(&source, Typing::Dynamic, Settings { steps: 20_000, ..Settings::default() });
    }
}
