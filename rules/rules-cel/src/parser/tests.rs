//! The grammar, its limits, its mistakes, and that text and tree go over into each other.

use crate::diagnostic::render;
use crate::unparse::unparse;
use crate::{Code, MAX_HEIGHT, MAX_NESTING, MAX_TEXT_BYTES, parse};
use expect_test::{Expect, expect};
use proptest::prelude::*;

/// The outline of a text that must be without mistakes.
fn outline(source: &str) -> String {
    let parsed = parse(source);
    assert!(parsed.diagnostics.is_empty(), "{}", render(source, &parsed.diagnostics));
    parsed.ast.outline()
}

fn check_outlines(sources: &[&str], expected: &Expect) {
    let lines: Vec<_> = sources.iter().map(|source| format!("{source}  =>  {}\n", outline(source))).collect();
    expected.assert_eq(&lines.concat());
}

fn check_mistakes(source: &str, expected: &Expect) {
    expected.assert_eq(&render(source, &parse(source).diagnostics));
}

#[test]
fn precedence_and_grouping() {
    check_outlines(
        &[
            "a || b && c || d",
            "a && b && c && d",
            "(a && b) && c",
            "a == b + c * -d",
            "a - b - c",
            "a < b == c",
            "a in b || !c in d",
            "a ? b : c ? d : e",
            "a ? (b ? c : d) : e",
            "!!a && --b == - -1",
            "-1.5.f() + -x.f",
            "a.b.c[0].d(1, 2)[e]",
            "a -1",
        ],
        &expect![[r#"
            a || b && c || d  =>  (Or a (And b c) d)
            a && b && c && d  =>  (And a b c d)
            (a && b) && c  =>  (And (And a b) c)
            a == b + c * -d  =>  (Equal a (Add b (Multiply c (Negate d))))
            a - b - c  =>  (Subtract (Subtract a b) c)
            a < b == c  =>  (Equal (Less a b) c)
            a in b || !c in d  =>  (Or (In a b) (In (Not c) d))
            a ? b : c ? d : e  =>  (if a b (if c d e))
            a ? (b ? c : d) : e  =>  (if a (if b c d) e)
            !!a && --b == - -1  =>  (And (Not (Not a)) (Equal (Negate (Negate b)) (Negate Int(-1))))
            -1.5.f() + -x.f  =>  (Add (call f of Double(-1.5)) (Negate (select."f" x)))
            a.b.c[0].d(1, 2)[e]  =>  (index (call d of (index (select."c" (select."b" a)) Int(0)) Int(1) Int(2)) e)
            a -1  =>  (Subtract a Int(1))
        "#]],
    );
}

#[test]
fn primaries() {
    check_outlines(
        &[
            "[]",
            "[1, 2,]",
            "[?a, b]",
            "{}",
            "{'a': 1, ?b: 2,}",
            "M{}",
            ".pkg.M{f: 1, ?g: x, `h-i`: 3,}",
            "a.?b[?c].`d/e`",
            "has(a.b) && l.exists(x, x > 0)",
            ".f(x) + .y",
            "a.for.while",
            "M{as: 1, package: 2}",
            "f() // to the end\n  + 1",
            "optional.of(x).or(y)",
            "(((a)))",
        ],
        &expect![[r#"
            []  =>  [ ]
            [1, 2,]  =>  [ Int(1) Int(2) ]
            [?a, b]  =>  [ ?a b ]
            {}  =>  { }
            {'a': 1, ?b: 2,}  =>  { String("a"): Int(1) ?b: Int(2) }
            M{}  =>  (new M)
            .pkg.M{f: 1, ?g: x, `h-i`: 3,}  =>  (new .pkg.M "f": Int(1) ?"g": x "h-i": Int(3))
            a.?b[?c].`d/e`  =>  (select."d/e" (index? (select.?"b" a) c))
            has(a.b) && l.exists(x, x > 0)  =>  (And (call has (select."b" a)) (call exists of l x (Greater x Int(0))))
            .f(x) + .y  =>  (Add (call .f x) .y)
            a.for.while  =>  (select."while" (select."for" a))
            M{as: 1, package: 2}  =>  (new M "as": Int(1) "package": Int(2))
            f() // to the end
              + 1  =>  (Add (call f) Int(1))
            optional.of(x).or(y)  =>  (call or of (call of of optional x) y)
            (((a)))  =>  a
        "#]],
    );
}

#[test]
fn literals() {
    check_outlines(
        &[
            "0xFF + 0Xff + 007",
            "18446744073709551615u + 0xAU",
            "-9223372036854775808",
            "-0x8000000000000000",
            ".5 + 1.0 + 1e3 + 1.5E-3 + 6.02e+23",
            r#"'it\'s' + "\"" + 'a"b'"#,
            r"'\a\b\f\n\r\t\v\\\?\`'",
            r"'\x41\u00e4\U0001F600\101'",
            r"r'\d+' + R'\'",
            r"b'\xff\377\n' + b'ä'",
            r"br'\x' + Br'\y'",
            "'''it's\ntwo''' + r\"\"\"a\"b\\\"\"\"",
            "'' + ''''''",
            "true || false || null",
        ],
        &expect![[r#"
            0xFF + 0Xff + 007  =>  (Add (Add Int(255) Int(255)) Int(7))
            18446744073709551615u + 0xAU  =>  (Add Uint(18446744073709551615) Uint(10))
            -9223372036854775808  =>  Int(-9223372036854775808)
            -0x8000000000000000  =>  Int(-9223372036854775808)
            .5 + 1.0 + 1e3 + 1.5E-3 + 6.02e+23  =>  (Add (Add (Add (Add Double(0.5) Double(1.0)) Double(1000.0)) Double(0.0015)) Double(6.02e23))
            'it\'s' + "\"" + 'a"b'  =>  (Add (Add String("it's") String("\"")) String("a\"b"))
            '\a\b\f\n\r\t\v\\\?\`'  =>  String("\u{7}\u{8}\u{c}\n\r\t\u{b}\\?`")
            '\x41\u00e4\U0001F600\101'  =>  String("Aä😀A")
            r'\d+' + R'\'  =>  (Add String("\\d+") String("\\"))
            b'\xff\377\n' + b'ä'  =>  (Add Bytes([255, 255, 10]) Bytes([195, 164]))
            br'\x' + Br'\y'  =>  (Add Bytes([92, 120]) Bytes([92, 121]))
            '''it's
            two''' + r"""a"b\"""  =>  (Add String("it's\ntwo") String("a\"b\\"))
            '' + ''''''  =>  (Add String("") String(""))
            true || false || null  =>  (Or Bool(true) Bool(false) Null)
        "#]],
    );
}

#[test]
fn spans_cover_operators_and_parentheses() {
    let source = "(a + b) * c.d";
    let parsed = parse(source);
    let root = parsed.ast.expr(parsed.ast.root());
    assert_eq!(root.span.text(source), source);
    let crate::ast::ExprKind::Binary { op_span, left, right, .. } = &root.kind else { panic!("not infix: {root:?}") };
    assert_eq!(op_span.text(source), "*");
    assert_eq!(parsed.ast.expr(*left).span.text(source), "a + b");
    assert_eq!(parsed.ast.expr(*right).span.text(source), "c.d");
}

#[test]
fn mistakes_in_tokens() {
    check_mistakes(
        "a = 'b' & c | d",
        &expect![[r#"
        error[bad-character]: `=` has no meaning here
          | a = 'b' & c | d
          |   ^ `==` compares
        error[bad-character]: `&` has no meaning here
          | a = 'b' & c | d
          |         ^ `&&` means and
        error[bad-character]: `|` has no meaning here
          | a = 'b' & c | d
          |             ^ `||` means or
    "#]],
    );
    check_mistakes(
        "duration < 5m && x == 5d && y == 12abc",
        &expect![[r#"
        error[bad-number]: `5m` is not a number
          | duration < 5m && x == 5d && y == 12abc
          |            ^^ write a length of time as `duration('5m')`
        error[bad-number]: `5d` is not a number
          | duration < 5m && x == 5d && y == 12abc
          |                       ^^ write days in hours, as in `duration('24h')`
        error[bad-number]: `12abc` is not a number
          | duration < 5m && x == 5d && y == 12abc
          |                                  ^^^^^
    "#]],
    );
    check_mistakes(
        "9223372036854775808 + 99999999999999999999u + 0x + 1e999",
        &expect![[r#"
        error[bad-number]: `9223372036854775808` is too large for an int
          | 9223372036854775808 + 99999999999999999999u + 0x + 1e999
          | ^^^^^^^^^^^^^^^^^^^
        error[bad-number]: `99999999999999999999u` is too large for a uint
          | 9223372036854775808 + 99999999999999999999u + 0x + 1e999
          |                       ^^^^^^^^^^^^^^^^^^^^^
        error[bad-number]: `0x` is not a number
          | 9223372036854775808 + 99999999999999999999u + 0x + 1e999
          |                                               ^^ hex digits follow `0x`
        error[bad-number]: `1e999` is too large for a double
          | 9223372036854775808 + 99999999999999999999u + 0x + 1e999
          |                                                    ^^^^^
    "#]],
    );
    check_mistakes(
        r"'\d+' + '\u12' + '\ud800' + b'\u0041' + '\400'",
        &expect![[r#"
        error[bad-escape]: there is no escape `\d`
          | '\d+' + '\u12' + '\ud800' + b'\u0041' + '\400'
          |  ^^ write `\\` for a backslash, or put `r` before the text: `r'\d+'`
        error[bad-escape]: the escape `\u` needs 4 hex digits
          | '\d+' + '\u12' + '\ud800' + b'\u0041' + '\400'
          |          ^^ write `\\` for a backslash, or put `r` before the text: `r'\d+'`
        error[bad-escape]: U+D800 is not a character
          | '\d+' + '\u12' + '\ud800' + b'\u0041' + '\400'
          |                   ^^^^^^ write `\\` for a backslash, or put `r` before the text: `r'\d+'`
        error[bad-escape]: `\u` cannot stand in bytes
          | '\d+' + '\u12' + '\ud800' + b'\u0041' + '\400'
          |                               ^^ write `\\` for a backslash, or put `r` before the text: `r'\d+'`
        error[bad-escape]: there is no escape `\4`
          | '\d+' + '\u12' + '\ud800' + b'\u0041' + '\400'
          |                                          ^^ write `\\` for a backslash, or put `r` before the text: `r'\d+'`
    "#]],
    );
    check_mistakes(
        "'open\n&& b",
        &expect![[r#"
        error[bad-string]: the text after ' is not closed
          | 'open
          | ^^^^^ put ' at its end
    "#]],
    );
    check_mistakes(
        "\u{201c}pc\u{201d} == a # note",
        &expect![[r#"
            error[bad-character]: `“` has no meaning here
              | “pc” == a # note
              | ^ use straight quotes
            error[bad-character]: `#` has no meaning here
              | “pc” == a # note
              |           ^ a comment begins with `//`
        "#]],
    );
    check_mistakes(
        "a.`b",
        &expect![[r#"
        error[bad-string]: the name between back-ticks is not well formed
          | a.`b
          |   ^^ letters, digits, `_`, `.`, `-`, `/` and spaces may stand between back-ticks
    "#]],
    );
}

#[test]
fn mistakes_in_grammar() {
    check_mistakes(
        "",
        &expect![[r#"
            error[unexpected]: expected a value, found the end
              |
              | ^
        "#]],
    );
    check_mistakes(
        "a and b",
        &expect![[r#"
        error[unexpected]: expected an operator or the end, found `and`
          | a and b
          |   ^^^ `&&` means and
    "#]],
    );
    check_mistakes(
        "a && && b",
        &expect![[r#"
        error[unexpected]: expected a value, found `&&`
          | a && && b
          |      ^^
    "#]],
    );
    check_mistakes(
        "a &&",
        &expect![[r#"
        error[unexpected]: expected a value, found the end
          | a &&
          |     ^
    "#]],
    );
    check_mistakes(
        "f(1 2, 3 4) + [5 6]",
        &expect![[r#"
        error[unexpected]: expected `,` or `)`, found `2`
          | f(1 2, 3 4) + [5 6]
          |     ^
        error[unexpected]: expected `,` or `)`, found `4`
          | f(1 2, 3 4) + [5 6]
          |          ^
        error[unexpected]: expected `,` or `]`, found `6`
          | f(1 2, 3 4) + [5 6]
          |                  ^
    "#]],
    );
    check_mistakes(
        "(a + b",
        &expect![[r#"
        error[unclosed]: `(` is not closed
          | (a + b
          | ^ `)` is missing
    "#]],
    );
    check_mistakes(
        "[a, b)",
        &expect![[r#"
        error[unexpected]: expected `,` or `]`, found `)`
          | [a, b)
          |      ^
    "#]],
    );
    check_mistakes(
        "a ? b",
        &expect![[r#"
        error[unexpected]: expected `:` and the other value, found the end
          | a ? b
          |      ^
          | a ? b
          |   ^ for this question mark
    "#]],
    );
    check_mistakes(
        "a ? b ? c : d : e",
        &expect![[r#"
        error[unexpected]: expected `:` and the other value, found `?`
          | a ? b ? c : d : e
          |       ^ put the inner condition in parentheses
          | a ? b ? c : d : e
          |   ^ for this question mark
    "#]],
    );
    check_mistakes(
        "{a: 1, b, 'c' 2}",
        &expect![[r#"
        error[unexpected]: expected `:` and the key's value, found `,`
          | {a: 1, b, 'c' 2}
          |         ^
        error[unexpected]: expected `:` and the key's value, found `2`
          | {a: 1, b, 'c' 2}
          |               ^
    "#]],
    );
    check_mistakes(
        "M{1: 2, a b, c: 3}",
        &expect![[r#"
        error[unexpected]: expected a field's name, found `1`
          | M{1: 2, a b, c: 3}
          |   ^
        error[unexpected]: expected `:` and the field's value, found `b`
          | M{1: 2, a b, c: 3}
          |           ^
    "#]],
    );
    check_mistakes(
        "if + a.in + `b` + a.",
        &expect![[r#"
        error[reserved]: `if` is a reserved word
          | if + a.in + `b` + a.
          | ^^ choose another name
        error[unexpected]: expected a field's name, found `in`
          | if + a.in + `b` + a.
          |        ^^ put the name between back-ticks
        error[unexpected]: a name between back-ticks can only be a field
          | if + a.in + `b` + a.
          |             ^^^ write it after a dot
        error[unexpected]: expected a field's name, found the end
          | if + a.in + `b` + a.
          |                     ^
    "#]],
    );
    check_mistakes(
        "(a.b){c: 1}",
        &expect![[r#"
        error[unexpected]: expected an operator or the end, found `{`
          | (a.b){c: 1}
          |      ^
    "#]],
    );
    check_mistakes(
        "f(a,) + g(,)",
        &expect![[r#"
        error[unexpected]: expected a value, found `)`
          | f(a,) + g(,)
          |     ^
        error[unexpected]: expected a value, found `,`
          | f(a,) + g(,)
          |           ^
        error[unexpected]: expected a value, found `)`
          | f(a,) + g(,)
          |            ^
    "#]],
    );
    check_mistakes(
        "rb'x'",
        &expect![[r#"
        error[unexpected]: expected an operator or the end, found a text
          | rb'x'
          |   ^^^
    "#]],
    );
}

#[test]
fn a_mistake_leaves_the_rest_of_the_tree() {
    let parsed = parse("event.level >= && event.zone == 'x'");
    expect![[r#"(And (GreaterEqual (select."level" event) <error>) (Equal (select."zone" event) String("x")))"#]]
        .assert_eq(&parsed.ast.outline());
}

#[test]
fn limits_are_told_once() {
    let long = "a".repeat(MAX_TEXT_BYTES + 1);
    let nested = "(".repeat(MAX_NESTING + 1) + "a" + &")".repeat(MAX_NESTING + 1);
    let stacked = "a".to_owned() + &" + a".repeat(MAX_HEIGHT);
    let path = "a".to_owned() + &".b".repeat(MAX_HEIGHT);
    let message = path.clone() + "{c: 1}";
    for (source, code) in [
        (long, Code::TooLong),
        (nested, Code::TooDeep),
        (stacked, Code::TooDeep),
        (path, Code::TooDeep),
        (message, Code::TooDeep),
        ("!".repeat(MAX_HEIGHT) + "a", Code::TooDeep),
        ("[".repeat(MAX_TEXT_BYTES), Code::TooDeep),
    ] {
        let codes: Vec<_> = parse(&source).diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(codes, [code], "{}", &source[..20]);
    }
}

#[test]
fn what_the_definition_asks_for_fits_the_limits() {
    for source in [
        "(".repeat(MAX_NESTING - 1) + "a" + &")".repeat(MAX_NESTING - 1),
        "a".to_owned() + &" + a".repeat(MAX_HEIGHT - 1),
        "a".to_owned() + &" || a".repeat(1_500),
        "a".to_owned() + &" && a".repeat(1_500),
        "a ? b : ".repeat(MAX_NESTING - 1) + "c",
        "a".to_owned() + &"[a".repeat(32) + &"]".repeat(32),
        "f(".repeat(32) + "a" + &")".repeat(32),
        format!("[{}1]", "1, ".repeat(2_000)),
    ] {
        outline(&source);
    }
}

#[test]
fn mistakes_are_bounded_in_number() {
    assert_eq!(parse(&"$ ".repeat(1_000)).diagnostics.len(), crate::MAX_DIAGNOSTICS);
}

/// Text that is an expression, built from the grammar.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "a",
            "b.c",
            ".d",
            "null",
            "true",
            "-1",
            "2",
            "3u",
            "-4.5",
            ".5",
            "1e300",
            "'it\\'s'",
            "b'\\xff'",
            "r'\\d'",
            "[]",
            "{}",
            "M{}",
            "''''\"\n'''",
        ])
        .prop_map(str::to_owned),
        "[a-z]{1,3}".prop_filter("a word with a meaning", |word| !matches!(
            word.as_str(),
            "in" | "as" | "for" | "if" | "let" | "var"
        )),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let infix = vec!["==", "!=", "<", "<=", ">", ">=", " in ", "+", "-", "*", "/", "%", "&&", "||"];
        prop_oneof![
            4 => (inner.clone(), prop::sample::select(infix), inner.clone()).prop_map(|(l, op, r)| format!("{l}{op}{r}")),
            2 => inner.clone().prop_map(|e| format!("({e})")),
            1 => (prop::sample::select(vec!["!", "-", "- "]), inner.clone()).prop_map(|(op, e)| format!("{op}{e}")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(c, t, e)| format!("({c}) ? ({t}) : {e}")),
            1 => (inner.clone(), prop::sample::select(vec![".f", ".?g", ".`h-i`", ".m()", "[?0]", "[x]"]))
                .prop_map(|(e, tail)| format!("({e}){tail}")),
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(|e| format!("f({})", e.join(", "))),
            1 => prop::collection::vec(inner.clone(), 1..4).prop_map(|e| format!("[?{},]", e.join(", "))),
            1 => (inner.clone(), inner.clone()).prop_map(|(k, v)| format!("{{({k}): {v}, ?'k': {v}}}")),
            1 => inner.prop_map(|e| format!("a.b.M{{f: {e}, ?`g.h`: {e}}}")),
        ]
    })
}

proptest! {
    #[test]
    fn a_tree_written_as_text_gives_the_tree_again(source in expression()) {
        let parsed = parse(&source);
        // Operators beside each other may group so that a ternary lands where none may stand.
        prop_assume!(parsed.diagnostics.is_empty());
        let text = unparse(&parsed.ast);
        let again = parse(&text);
        prop_assert!(again.diagnostics.is_empty(), "{source}\n{text}\n{}", render(&text, &again.diagnostics));
        prop_assert_eq!(again.ast.outline(), parsed.ast.outline(), "{}\n{}", source, text);
        prop_assert_eq!(unparse(&again.ast), text);
    }

    #[test]
    fn any_text_parses_or_is_told_why(source in any::<String>()) {
        let parsed = parse(&source);
        let text = render(&source, &parsed.diagnostics);
        prop_assert!(parsed.diagnostics.len() <= crate::MAX_DIAGNOSTICS);
        prop_assert_eq!(text.is_empty(), parsed.diagnostics.is_empty());
        prop_assert_eq!(parsed.ast.outline().contains("<error>") && parsed.diagnostics.is_empty(), false);
    }

    #[test]
    fn any_tokens_parse_or_are_told_why(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "a", ".", "?", ":", "(", ")", "[", "]", "{", "}", ",", "&&", "||", "+", "-", "!", "==", "in", "1",
                "'s'", "for", "`q`", "b'", "\"", "\n", "=", "has", "all",
            ]),
            0..60,
        )
    ) {
        let source = tokens.join(" ");
        let parsed = parse(&source);
        for expr in (0..parsed.ast.len()).map(|at| &parsed.ast.exprs[at]) {
            prop_assert!(expr.span.end as usize <= source.len() && source.is_char_boundary(expr.span.start as usize));
        }
        prop_assert_eq!(parsed.ast.outline().contains("<error>") && parsed.diagnostics.is_empty(), false);
        render(&source, &parsed.diagnostics);
    }
}
