//! One CEL expression: lexer, parser, checker, constant folding, and writing it out again.
//!
//! The bytes are its text. What must hold: never a panic, spans within the text and between characters, a report that
//! can be shown, and a tree that is written out reads back as the tree that is written out alike.
#![allow(dead_code, reason = "a build with one target alone uses a part of it")]

use rules_cel::unparse::unparse;
use rules_cel::{Diagnostic, Env, MAX_DIAGNOSTICS, NoTypes, Type, check, fold, parse, render};

use crate::repository;

pub(super) fn run(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        ENV.with(|env| expression(text, env));
    }
}

fn expression(text: &str, env: &Env<'_>) {
    let parsed = parse(text);
    shown(text, &parsed.diagnostics);
    let checked = check(&parsed.ast, env);
    shown(text, &checked.diagnostics);
    if !parsed.diagnostics.is_empty() {
        return;
    }
    let written = unparse(&parsed.ast);
    let again = parse(&written);
    assert!(again.diagnostics.is_empty(), "`{written}` of `{text}`: {:?}", again.diagnostics);
    assert_eq!(unparse(&again.ast), written, "of `{text}`");
    if checked.diagnostics.is_empty() {
        let folded = fold::fold(&checked.checked);
        let again = check(&again.ast, env);
        assert!(again.diagnostics.is_empty(), "`{written}` of `{text}`: {:?}", again.diagnostics);
        assert_eq!(again.checked.ty(), checked.checked.ty());
        let value = folded.value(checked.checked.root()).map(|value| format!("{value:?}"));
        let again_folded = fold::fold(&again.checked);
        assert_eq!(again_folded.value(again.checked.root()).map(|value| format!("{value:?}")), value, "`{text}`");
    }
}

fn shown(text: &str, diagnostics: &[Diagnostic]) {
    assert!(diagnostics.len() <= MAX_DIAGNOSTICS);
    if !diagnostics.is_empty() {
        assert!(!render(text, diagnostics).is_empty());
    }
}

thread_local! {
    /// Every kind of name that an expression can speak of.
    static ENV: Env<'static> = {
        let mut env = Env::new(&NoTypes);
        env.variable("n", Type::Int).variable("u", Type::Uint).variable("x", Type::Double).variable("b", Type::Bool);
        env.variable("s", Type::String).variable("y", Type::Bytes).variable("l", Type::list(Type::Int));
        env.variable("m", Type::map(Type::String, Type::Int)).named_constant("zones.hard", Type::list(Type::String));
        env
    };
}

/// What stands behind `when:` and `where:` in the examples and the documentation, and one text a form of the grammar.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let examples = repository::texts("rules/examples", ".yaml").into_iter().map(|(_, text)| text);
    let texts: Vec<String> = examples.chain([repository::text("rules/docs/language.md")]).collect();
    let after = |line: &str| {
        let (_, value) = line.split_once("when: ").or_else(|| line.split_once("where: "))?;
        Some(value.trim_matches(['\'', '"', ' ', '}']).to_owned())
    };
    let mut seeds: Vec<Vec<u8>> =
        texts.iter().flat_map(|text| text.lines()).filter_map(after).map(String::into_bytes).collect();
    let forms = [
        "n + 1 * -2 - (n / 3) % 4 == 5 ? s : 'a\\n\\u00e4\\x41\\'' + \"b\"",
        "!b && (x < 1.5e3 || u >= 7u) && s in ['a', r'b\\'] && n != 0x1f",
        "l.all(i, i > 0) && l.exists(i, i == 1) || l.exists_one(i, i < 2) || l.map(i, i * 2).filter(j, j > 1).size() > 0",
        "m['a'] + {'k': 1, 'l': 2}['k'] == l[0] && has(m.a) && 'zz' in m && s in zones.hard",
        "timestamp('2026-01-01T00:00:00Z') + duration('1h30m') > timestamp(0) && s.startsWith('a') && s.matches('^a+$')",
        "string(n) + s == b'bytes' ? null : int('4') == int(x) || double(n) > x || type(n) == int",
        "s.size() > 3 && s.contains('x') && !s.endsWith('y') && bytes(s) == y && dyn(n) == 1.0",
        "'''multi\nline''' + \"\"\"more\"\"\" + R\"raw\\\" // comment",
        "[1, 2u, 3.0, true, null, b'x', 'y', [[]], {}, {'a': {'b': [1]}}]",
    ];
    seeds.extend(forms.map(|form| form.as_bytes().to_vec()));
    seeds
}
