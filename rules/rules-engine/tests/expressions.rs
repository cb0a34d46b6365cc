//! Every operation of expressions against what CEL says it gives.

mod kit;

use kit::tree::{
    Tree, binary, boolean, bytes, call, comprehension, condition, double, duration, field, has, int, list, local, null,
    param, select, text, timestamp, uint, unary, var,
};
use kit::{Builder, HIT, World};
use rules_engine::ir::{BinaryOp as B, ComprehensionKind as C, Function as F, UnaryOp as U, Var};
use rules_engine::{EvalError as E, RuleIndex, explain};
use serde_json::json;

/// The value of an expression on one rich event, as JSON.
fn eval(tree: &Tree) -> Result<String, E> {
    let mut builder = Builder::new();
    let root = builder.expr(tree).nodes.len() as u32 - 1;
    let whole = binary(call(F::Size, [list([tree.clone()])]), B::Equal, int(1));
    builder.rule("probe", HIT, Some(whole), &[]);
    let set = builder.load();
    let mut world = World::new();
    let fields = json!({
        "level": 12, "zone": "crypt", "damage": 2.5, "score": 9, "ok": true, "tags": ["a", "bb", "ccc"],
        "items": [{ "sku": "x1", "count": 3 }, { "sku": "y2", "count": 0, "note": "" }],
        "attrs": { "str": 5, "dex": -2 }, "at": "2024-02-29T12:34:56.789Z", "took": "90.5s",
        "inner": { "note": "hi" }, "kind": "sword", "raw": "AQI="
    });
    let event = world.event("p1", HIT, 0, &fields);
    world.evaluate(&set, &event);
    let explanation = explain(&set, &world.state, &event, RuleIndex(0)).expect("the probe is about this event");
    explanation.nodes.into_iter().find(|(at, _)| *at == root).expect("the root is outside of macros").1
}

fn is(tree: Tree, wanted: &str) {
    assert_eq!(eval(&tree).as_deref(), Ok(wanted), "{tree:?}");
}

fn fails(tree: Tree, wanted: E) {
    assert_eq!(eval(&tree), Err(wanted), "{tree:?}");
}

#[test]
fn arithmetic_is_checked() {
    is(binary(int(2), B::Add, int(3)), "5");
    is(binary(int(2), B::Subtract, int(3)), "-1");
    is(binary(uint(2), B::Multiply, uint(3)), "6");
    is(binary(int(-7), B::Divide, int(2)), "-3");
    is(binary(int(-7), B::Modulo, int(2)), "-1");
    is(binary(double(1.0), B::Divide, double(0.0)), "\"Infinity\"");
    is(unary(U::Negate, int(5)), "-5");
    is(unary(U::Negate, double(-1.5)), "1.5");
    fails(binary(int(i64::MAX), B::Add, int(1)), E::Overflow);
    fails(binary(uint(0), B::Subtract, uint(1)), E::Overflow);
    fails(binary(int(i64::MIN), B::Divide, int(-1)), E::Overflow);
    fails(binary(int(i64::MIN), B::Modulo, int(-1)), E::Overflow);
    fails(unary(U::Negate, int(i64::MIN)), E::Overflow);
    fails(binary(int(1), B::Divide, int(0)), E::DivisionByZero);
    fails(binary(uint(1), B::Modulo, uint(0)), E::DivisionByZero);
}

#[test]
fn relations_are_exact_across_numbers() {
    is(binary(int(1), B::Equal, double(1.0)), "true");
    is(binary(double(9_007_199_254_740_992.0), B::GreaterOrEqual, int(9_007_199_254_740_993)), "false");
    is(binary(int(-1), B::Less, uint(0)), "true");
    is(binary(double(f64::NAN), B::Equal, double(f64::NAN)), "false");
    is(binary(double(f64::NAN), B::NotEqual, double(f64::NAN)), "true");
    is(binary(double(f64::NAN), B::LessOrEqual, int(1)), "false");
    is(binary(text("a"), B::Less, text("b")), "true");
    is(binary(boolean(false), B::Less, boolean(true)), "true");
    is(binary(bytes(&[1]), B::Less, bytes(&[1, 0])), "true");
    is(binary(null(), B::Equal, int(0)), "false");
    is(binary(list([int(1), int(2)]), B::Equal, list([uint(1), double(2.0)])), "true");
}

#[test]
fn logic_absorbs_errors() {
    let error = || binary(binary(int(1), B::Divide, int(0)), B::Equal, int(1));
    is(Tree::And(vec![error(), boolean(false)]), "false");
    is(Tree::Or(vec![error(), boolean(true)]), "true");
    fails(Tree::And(vec![error(), boolean(true)]), E::DivisionByZero);
    fails(Tree::Or(vec![boolean(false), error()]), E::DivisionByZero);
    is(condition(boolean(true), int(1), binary(int(1), B::Divide, int(0))), "1");
    fails(condition(error(), int(1), int(2)), E::DivisionByZero);
    is(unary(U::Not, boolean(true)), "false");
}

#[test]
fn fields_read_as_cel_says() {
    use kit::{AT, ATTRS, DAMAGE, INNER_NOTE, ITEMS, KIND, LEVEL, OK, OPT, RAW, SCORE, TAGS, TOOK, ZONE};
    is(field(LEVEL), "12");
    is(field(ZONE), "\"crypt\"");
    is(field(DAMAGE), "2.5");
    is(field(SCORE), "9");
    is(field(OK), "true");
    is(field(TAGS), r#"["a","bb","ccc"]"#);
    is(field(ATTRS), r#"{"dex":-2,"str":5}"#);
    is(field(AT), "\"2024-02-29T12:34:56.789Z\"");
    is(field(TOOK), "\"90.5s\"");
    is(field(INNER_NOTE), "\"hi\"");
    is(field(KIND), "1");
    is(field(RAW), "\"AQI=\"");
    is(field(OPT), "0");
    is(has(OPT), "false");
    is(has(INNER_NOTE), "true");
    is(has(TAGS), "true");
    let second = || binary(field(ITEMS), B::Index, int(1));
    is(select(second(), 1), "\"y2\"");
    is(Tree::HasSelect(Box::new(second()), 3), "true");
    is(Tree::HasSelect(Box::new(second()), 2), "false");
    is(binary(field(ATTRS), B::Index, text("str")), "5");
    fails(binary(field(ATTRS), B::Index, text("none")), E::NoSuchKey);
    fails(binary(field(TAGS), B::Index, int(3)), E::IndexOutOfRange);
    is(call(F::HasKey, [field(ATTRS), text("dex")]), "true");
    is(binary(text("bb"), B::In, field(TAGS)), "true");
    is(binary(text("luck"), B::In, field(ATTRS)), "false");
}

#[test]
fn sessions_params_and_sets_are_seen() {
    is(var(Var::PlayerId), "\"p1\"");
    is(var(Var::ConnPlatform), "\"pc\"");
    is(var(Var::ConnLocale), "\"pt-BR\"");
    is(var(Var::ConnBuild), "\"1.2.3\"");
    is(var(Var::ConnRegion), "\"eu\"");
    is(var(Var::TokenRegion), "\"eu\"");
    is(var(Var::TokenSub), "\"p1\"");
    is(binary(var(Var::ConnAttributes), B::Index, text("clan")), "\"wolves\"");
    is(binary(text("vip"), B::In, var(Var::TokenSegments)), "true");
    is(param(0), "3");
    is(Tree::InSet(Box::new(field(kit::ZONE)), 0), "true");
    is(Tree::InSet(Box::new(text("town")), 0), "false");
    is(Tree::InSet(Box::new(double(5.0)), 1), "true");
    is(Tree::InSet(Box::new(int(7)), 1), "true");
    is(Tree::InSet(Box::new(double(f64::NAN)), 1), "false");
    is(Tree::Matches(Box::new(field(kit::ZONE)), 0), "true");
    is(Tree::Matches(Box::new(text("crypts")), 0), "false");
}

#[test]
fn macros_run_over_lists_and_keys() {
    let long = || binary(call(F::Size, [local(0)]), B::Greater, int(1));
    let tags = || field(kit::TAGS);
    is(comprehension(C::Exists, tags(), Some(long()), None), "true");
    is(comprehension(C::All, tags(), Some(long()), None), "false");
    is(comprehension(C::ExistsOne, tags(), Some(long()), None), "false");
    is(comprehension(C::Filter, tags(), Some(long()), None), r#"["bb","ccc"]"#);
    is(comprehension(C::Map, tags(), None, Some(call(F::Size, [local(0)]))), "[1,2,3]");
    is(comprehension(C::Map, tags(), Some(long()), Some(call(F::UpperAscii, [local(0)]))), r#"["BB","CCC"]"#);
    is(comprehension(C::All, list([]), Some(boolean(false)), None), "true");
    is(comprehension(C::Exists, field(kit::ATTRS), Some(binary(local(0), B::Equal, text("dex"))), None), "true");
    let paid = binary(select(local(0), 2), B::Greater, uint(0));
    is(comprehension(C::Exists, field(kit::ITEMS), Some(paid), None), "true");
    // Errors are absorbed by an element that decides, and told otherwise.
    let inverse = || binary(binary(int(6), B::Divide, local(0)), B::Greater, int(2));
    is(comprehension(C::Exists, list([int(0), int(2)]), Some(inverse()), None), "true");
    fails(comprehension(C::Exists, list([int(0), int(3)]), Some(inverse()), None), E::DivisionByZero);
    fails(comprehension(C::ExistsOne, list([int(2), int(0)]), Some(inverse()), None), E::DivisionByZero);
    // Nested: pairs of tags of one length.
    let same = binary(call(F::Size, [local(0)]), B::Equal, call(F::Size, [local(1)]));
    let inner = comprehension(C::ExistsOne, tags(), Some(same), None);
    is(comprehension(C::All, tags(), Some(inner), None), "true");
}

#[test]
fn strings_count_code_points() {
    is(binary(text("a"), B::Add, text("é")), "\"aé\"");
    is(call(F::Size, [text("né😀")]), "3");
    is(call(F::Contains, [text("catacombs"), text("comb")]), "true");
    is(call(F::StartsWith, [text("abc"), text("ab")]), "true");
    is(call(F::EndsWith, [text("abc"), text("ab")]), "false");
    is(call(F::LowerAscii, [text("ÀBC")]), "\"Àbc\"");
    is(call(F::UpperAscii, [text("àbc")]), "\"àBC\"");
    is(call(F::Trim, [text(" \u{a0}x\t")]), "\"x\"");
    is(call(F::IndexOf, [text("né😀né"), text("né")]), "0");
    is(call(F::IndexOf, [text("né😀né"), text("né"), int(1)]), "3");
    is(call(F::LastIndexOf, [text("né😀né"), text("né")]), "3");
    is(call(F::LastIndexOf, [text("né😀né"), text("né"), int(2)]), "0");
    is(call(F::IndexOf, [text("abc"), text("x")]), "-1");
    fails(call(F::IndexOf, [text("abc"), text("x"), int(4)]), E::IndexOutOfRange);
    is(call(F::Substring, [text("né😀x"), int(1), int(3)]), "\"é😀\"");
    is(call(F::Substring, [text("né😀x"), int(2)]), "\"😀x\"");
    fails(call(F::Substring, [text("abc"), int(2), int(1)]), E::IndexOutOfRange);
    is(call(F::CharAt, [text("né"), int(1)]), "\"é\"");
    is(call(F::CharAt, [text("né"), int(2)]), "\"\"");
    fails(call(F::CharAt, [text("né"), int(3)]), E::IndexOutOfRange);
    is(call(F::Replace, [text("aXbX"), text("X"), text("-")]), "\"a-b-\"");
    is(call(F::Replace, [text("aXbX"), text("X"), text("-"), int(1)]), "\"a-bX\"");
    is(call(F::Replace, [text("ab"), text(""), text("-")]), "\"-a-b-\"");
    is(call(F::Split, [text("a,b,c"), text(",")]), r#"["a","b","c"]"#);
    is(call(F::Split, [text("a,b,c"), text(","), int(2)]), r#"["a","b,c"]"#);
    is(call(F::Split, [text("é1"), text("")]), r#"["é","1"]"#);
    is(call(F::Split, [text("é12"), text(""), int(2)]), r#"["é","12"]"#);
    is(call(F::Split, [text("a,b"), text(","), int(0)]), "[]");
    is(call(F::Join, [list([text("a"), text("b")]), text("-")]), "\"a-b\"");
    is(call(F::Join, [list([text("a"), text("b")])]), "\"ab\"");
}

#[test]
fn conversions_refuse_what_does_not_fit() {
    is(call(F::ToInt, [double(-2.9)]), "-2");
    is(call(F::ToInt, [text("42")]), "42");
    is(call(F::ToInt, [timestamp("1970-01-01T00:01:00Z")]), "60");
    fails(call(F::ToInt, [uint(u64::MAX)]), E::Overflow);
    fails(call(F::ToInt, [double(1e19)]), E::Overflow);
    fails(call(F::ToInt, [text("4x")]), E::BadConversion);
    is(call(F::ToUint, [int(7)]), "7");
    fails(call(F::ToUint, [int(-7)]), E::Overflow);
    // What is negative is no uint, however near to zero.
    fails(call(F::ToUint, [double(-0.5)]), E::Overflow);
    is(call(F::ToUint, [double(-0.0)]), "0");
    is(call(F::ToUint, [double(0.9)]), "0");
    is(call(F::ToBool, [text("t")]), "true");
    fails(call(F::ToBool, [text("T")]), E::BadConversion);
    is(call(F::ToString, [double(-0.0)]), "\"-0\"");
    is(call(F::ToDouble, [text("1.5")]), "1.5");
    is(call(F::ToString, [double(1e21)]), "\"1e+21\"");
    is(call(F::ToString, [int(-5)]), "\"-5\"");
    is(call(F::ToString, [boolean(true)]), "\"true\"");
    is(call(F::ToString, [duration("90m")]), "\"5400s\"");
    fails(call(F::ToString, [bytes(&[0xff])]), E::BadConversion);
    is(call(F::ToBytes, [text("hi")]), "\"aGk=\"");
    is(call(F::ToBool, [text("true")]), "true");
    fails(call(F::ToBool, [text("yes")]), E::BadConversion);
    fails(timestamp("yesterday"), E::BadConversion);
    fails(duration("soon"), E::BadConversion);
}

#[test]
fn time_is_utc_and_bounded() {
    let t = || timestamp("2024-02-29T12:34:56.789Z");
    for (function, wanted) in [
        (F::GetFullYear, "2024"),
        (F::GetMonth, "1"),
        (F::GetDate, "29"),
        (F::GetDayOfMonth, "28"),
        (F::GetDayOfWeek, "4"),
        (F::GetDayOfYear, "59"),
        (F::GetHours, "12"),
        (F::GetMinutes, "34"),
        (F::GetSeconds, "56"),
        (F::GetMilliseconds, "789"),
    ] {
        is(call(function, [t()]), wanted);
    }
    is(call(F::GetMinutes, [duration("2h3m4s")]), "123");
    is(call(F::GetMilliseconds, [duration("2.25s")]), "250");
    is(binary(t(), B::Add, duration("24h")), "\"2024-03-01T12:34:56.789Z\"");
    is(binary(t(), B::Subtract, timestamp("2024-02-29T12:34:55.789Z")), "\"1s\"");
    is(binary(t(), B::Greater, timestamp("2024-02-29T12:34:56Z")), "true");
    is(binary(duration("1s"), B::Add, duration("500ms")), "\"1.5s\"");
    fails(binary(timestamp("9999-12-31T23:59:59Z"), B::Add, duration("1s")), E::Overflow);
}

#[test]
fn numbers_have_extremes_and_signs() {
    is(call(F::Greatest, [int(1), double(2.5), uint(2)]), "2.5");
    is(call(F::Least, [list([int(3), int(-3)])]), "-3");
    fails(call(F::Greatest, [list([])]), E::BadConversion);
    is(call(F::Abs, [int(-4)]), "4");
    fails(call(F::Abs, [int(i64::MIN)]), E::Overflow);
    is(call(F::Sign, [double(-0.5)]), "-1");
    is(call(F::ToString, [call(F::Sign, [double(-0.0)])]), "\"0\"");
    is(call(F::Ceil, [double(1.2)]), "2");
    is(call(F::Floor, [double(-1.2)]), "-2");
    is(call(F::Round, [double(2.5)]), "3");
    is(call(F::Trunc, [double(-2.7)]), "-2");
    is(call(F::IsNan, [double(f64::NAN)]), "true");
    is(call(F::IsInf, [double(1.0)]), "false");
    is(call(F::IsFinite, [double(1.0)]), "true");
}

#[test]
fn lists_and_maps_are_built() {
    is(binary(list([int(1)]), B::Add, list([int(2), int(3)])), "[1,2,3]");
    is(Tree::Map(vec![(text("b"), int(1)), (text("a"), null())]), r#"{"a":null,"b":1}"#);
    fails(Tree::Map(vec![(int(1), int(1)), (uint(1), int(2))]), E::DuplicateKey);
    is(call(F::Size, [Tree::Map(vec![(int(1), int(1))])]), "1");
}

#[test]
fn work_and_memory_are_bounded() {
    // Each concatenation doubles the text.
    let mut grown = text(&"x".repeat(64));
    for _ in 0..14 {
        grown = call(F::Replace, [grown, text("x"), text("xx")]);
    }
    fails(call(F::Size, [grown]), E::TooLarge);
    let numbers = || {
        let part: Vec<Tree> = (0..60).map(int).collect();
        Tree::List(part)
    };
    let inner = comprehension(C::All, numbers(), Some(binary(local(2), B::GreaterOrEqual, int(0))), None);
    let middle = comprehension(C::All, numbers(), Some(inner), None);
    fails(comprehension(C::All, numbers(), Some(middle), None), E::TooCostly);
}
