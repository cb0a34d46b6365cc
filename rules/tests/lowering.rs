//! What the compiler decides about state: how windows count, what keys consist of, and which ids are stable.

use std::path::Path;
use std::sync::Arc;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use rules::{Compilation, Identity, InputFile};
use rules_catalogue::{Catalogue, compile};
use rules_engine::RuleSet;
use rules_engine::ir::{Aggregate, DefinitionKind, RuleSetIr};

const HEADER: &str = "rules/v1: { package: p, catalogue: game.v1, owner: o }\n";

fn catalogue() -> Arc<Catalogue> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("diagnostics/catalogue");
    let sources = compile::Sources::read_dir(&root).unwrap();
    Arc::new(compile::compile(&sources).unwrap().catalogue)
}

fn compiled(text: &str) -> Compilation {
    let inputs = vec![InputFile::new("p.rules.yaml", text)];
    Compilation::new(inputs, catalogue(), Identity { tenant: "t".to_owned(), revision: 1 })
}

fn set(rules: &str) -> RuleSetIr {
    let compilation = compiled(&format!("{HEADER}{rules}"));
    compilation.rule_set().unwrap_or_else(|| panic!("{}", compilation.to_text(false))).clone()
}

fn rule(lets: &str, when: &str, body: &str) -> String {
    format!(
        "params: {{ k: {{ type: int, default: 3, range: 1..=9 }}, open: {{ type: int, default: 3, range: 1..= }} }}\n\
         rules:\n  - id: r\n    on: PlayerDied\n    let: {{ {lets} }}\n    when: {when}\n    \
         do: [ {{ publish: t, message: {{ {body} }} }} ]\n"
    )
}

fn window(when: &str, body: &str) -> Option<u8> {
    let ir = set(&rule("n: { count: PlayerDied, within: 1m, by: player }", when, body));
    match &ir.definitions[0].kind {
        DefinitionKind::Feed(feed) => match feed.aggregate {
            Aggregate::Count { ring } => ring,
            ref other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_ring_is_as_large_as_what_is_compared_needs() {
    for (when, body, expected) in [
        ("n >= 3", "", Some(3)),
        ("n > 3", "", Some(4)),
        ("3 < n", "", Some(4)),
        ("3 <= n", "", Some(3)),
        ("n < 3", "", Some(3)),
        ("n <= 3", "", Some(4)),
        ("n == 3", "", Some(4)),
        ("n >= 2 && n != 5", "", Some(6)),
        ("n >= 1 + 2", "", Some(3)),
        ("n >= 2.5", "", Some(3)),
        ("n >= 64", "", Some(64)),
        ("n >= 65", "", None),
        ("n >= params.k", "", Some(9)),
        ("n >= params.open", "", None),
        ("n >= 3", "n: n", Some(64)),
        ("n >= 100", "n: n", None),
        ("event.level > 0", "n: n", None),
        ("n >= event.level", "", None),
        ("n + 1 >= 3", "", None),
    ] {
        assert_eq!(window(when, body), expected, "{when} / {body}");
    }
}

fn definitions(rules: &str, expect: Expect) {
    let ir = set(rules);
    let lines: Vec<String> = ir
        .definitions
        .iter()
        .map(|d| {
            let keep = format!("{:?}", d.at_capacity);
            format!("{:016x} {} {:?} durable={} {keep} {}\n", d.id, d.name, d.key_types, d.durable, d.max_keys)
        })
        .collect();
    expect.assert_eq(&lines.concat());
}

#[test]
fn ids_are_stable_for_ever() {
    definitions(
        "rules:\n  - id: r\n    on: PlayerDied\n    let:\n      \
         a: { count: PlayerDied, within: 1m, by: player }\n      \
         b: { count: PlayerDied, where: event.zone == trigger.zone, within: 1m, by: [player, event.level], durable: true }\n    \
         when: a > 1 && b > 1\n    once: player\n    cooldown: { 1h, by: [player, event.zone], evict: deny, max_keys: 5 }\n    \
         do: [ { reply: hi } ]\n",
        expect![[r#"
            9da447491b0fe0d6 r/a [] durable=false EvictOldest 1000000
            ba408b1c52564b65 r/b [Int, String] durable=true EvictOldest 1000000
            4ff64a709e864209 r/@once [] durable=true Deny 1000000
            2b50a24378a6dcee r/@cooldown [String] durable=false Deny 5
        "#]],
    );
}

#[test]
fn what_is_tuned_keeps_the_state() {
    let text = |within: &str, threshold: &str, cooldown: &str| {
        format!(
            "rules:\n  - id: r\n    on: PlayerDied\n    let: {{ a: {{ count: PlayerDied, within: {within}, by: player }} }}\n    \
             when: a > {threshold}\n    cooldown: {cooldown}\n    do: [ {{ reply: hi }} ]\n"
        )
    };
    let ids = |text: &str| set(text).definitions.iter().map(|d| d.id).collect::<Vec<_>>();
    let base = ids(&text("1m", "1", "1h"));
    assert_eq!(base, ids(&text("2m", "100", "2h")));
    assert_ne!(base, ids(&text("1m", "1", "{ 1h, by: [player, event.zone] }")));
}

fn codes(rules: &str) -> Vec<&'static str> {
    compiled(&format!("{HEADER}rules:\n{rules}")).report().diagnostics().iter().map(|d| d.code.as_str()).collect()
}

#[test]
fn taint_is_followed_into_keys_filters_and_counts() {
    let grant = |clauses: &str| {
        format!("  - id: r\n    on: MatchFinished\n{clauses}    do: [ {{ publish: t, granting: true }} ]\n")
    };
    assert_eq!(codes(&grant("")), [""; 0]);
    assert_eq!(codes(&grant("    once: { by: [player, event.result] }\n")), [""; 0]);
    assert_eq!(codes(&grant("    once: { by: [player, conn.platform] }\n")), ["R0405"]);
    assert_eq!(codes(&grant("    cooldown: { 1h, by: [player, conn.build] }\n")), ["R0405"]);
    let count = |what: &str| format!("    let: {{ n: {{ {what}, within: 1h, by: player }} }}\n    when: n > 1\n");
    assert_eq!(codes(&grant(&count("count: MatchFinished"))), [""; 0]);
    assert_eq!(codes(&grant(&count("count: MatchFinished, where: conn.locale == 'de'"))), ["R0405"]);
    assert_eq!(codes(&grant(&count("count: ItemAdded"))), ["R0405"]);
    let start = |of: &str, id: &str| {
        format!(
            "  - id: r\n    on: MatchFinished\n    let: {{ n: {{ count: {of}, within: 1h, by: player }} }}\n    \
             do: [ {{ start_workflow: W, id: \"{id}\" }} ]\n"
        )
    };
    assert_eq!(codes(&start("MatchFinished", "'w' + string(n)")), [""; 0]);
    assert_eq!(codes(&start("ItemAdded", "'w' + string(n)")), ["R0404"]);
    assert_eq!(codes(&start("ItemAdded", "player.id + string(n)")), [""; 0]);
}

#[test]
fn reads_of_what_may_be_absent_need_a_guard() {
    let codes = |lets: &str, when: &str, body: &str| {
        let text = format!(
            "rules:\n  - id: r\n    on: ItemAdded\n    let: {{ {lets} }}\n    when: \"{when}\"\n    \
             do: [ {{ publish: t, message: {{ best: \"{body}\" }} }} ]\n"
        );
        compiled(&format!("{HEADER}{text}")).report().diagnostics().iter().map(|d| d.code.as_str()).collect::<Vec<_>>()
    };
    let best = "best: { max: event.level, of: PlayerDied, within: 1m, by: player }";
    for (when, body, guarded) in [
        ("best > 3", "1", false),
        ("has(best) && best > 3", "best", true),
        ("best > 3 && has(best)", "best", true),
        ("!has(best) || best > 3", "1", true),
        ("!has(best) || best > 3", "best", false),
        ("has(best) || best > 3", "1", false),
        ("has(best) ? best > 3 : event.cart_id == 'a'", "1", true),
        ("has(best) ? event.cart_id == 'a' : best > 3", "1", false),
        ("!(!has(best) || event.cart_id == 'a')", "best", true),
        ("has(best) || event.cart_id == 'a'", "best", false),
        ("(has(best) && event.cart_id == 'a') || (has(best) && event.cart_id == 'b')", "best", true),
        ("event.cart_id == 'a'", "has(best) ? best : 0", true),
        ("['a'].exists(x, has(best) && best > 3 && x == event.cart_id)", "1", true),
    ] {
        let expected: &[&str] = if guarded { &[] } else { &["R0311"] };
        assert_eq!(codes(best, when, body), expected, "{when} / {body}");
    }
    // A default, and the triggering event itself, leave no window empty.
    let with_default = "best: { max: event.level, of: PlayerDied, within: 1m, by: player, default: 0 }";
    assert_eq!(codes(with_default, "best > 3", "best"), [""; 0]);
    assert_eq!(codes(with_default, "has(best)", "best"), ["R0209"], "it is always there");
    let own = "best: { max: size(event.cart_id), of: ItemAdded, within: 1m, by: player }";
    assert_eq!(codes(own, "best > 3", "best"), [""; 0]);
    for out in ["where: event.cart_id == 'a', ", "evict: deny, "] {
        let kept_out = own.replace("within", &format!("{out}within"));
        assert_eq!(codes(&kept_out, "best > 3", "1"), ["R0311"], "{out}");
    }
    assert_eq!(codes("n: { count: PlayerDied, within: 1m, by: player }", "has(n)", "n"), ["R0209"]);
}

#[test]
fn defaults_are_of_the_type_that_is_read() {
    let codes = |value: &str, default: &str| {
        let rule = format!(
            "rules:\n  - id: r\n    on: ItemAdded\n    let: {{ x: {{ {value}, of: PlayerDied, within: 1m, by: player, default: {default} }} }}\n    \
             do: [ {{ publish: t, message: {{ x: x }} }} ]\n"
        );
        compiled(&format!("{HEADER}{rule}")).report().diagnostics().iter().map(|d| d.code.as_str()).collect::<Vec<_>>()
    };
    for (value, good, bad) in [
        ("max: event.level", "-3", "0.5"),
        ("avg: event.level", "0.5", "none"),
        ("avg: event.level", "0", "true"),
        ("max: uint(event.level)", "7", "-1"),
        ("max: event.born", "2026-01-31T18:00:00Z", "2026-01-31"),
        ("max: duration('1s')", "90s", "1"),
    ] {
        assert_eq!(codes(value, good), [""; 0], "{value}, default: {good}");
        assert_eq!(codes(value, bad), ["R0104"], "{value}, default: {bad}");
    }
    assert_eq!(codes("sum: event.level", "0"), ["R0101"], "a sum is never empty");
}

#[test]
fn the_same_files_give_the_same_bytes() {
    let text =
        rule("n: { count: PlayerDied, within: 1m, by: player }", "n >= 3 && event.zone in ['a', 'b']", "z: event.zone");
    assert_eq!(set(&text).to_bytes(), set(&text).to_bytes());
}

#[test]
fn ten_thousand_rules_compile() {
    let file = |part: usize| {
        let mut text = format!("{HEADER}rules:\n");
        for n in part * 5_000..(part + 1) * 5_000 {
            text.push_str(&format!(
                "- id: r{n}\n  on: PlayerDied\n  when: event.zone == 'z{}' && event.level > {}\n",
                n % 500,
                n % 99
            ));
            text.push_str("  do: [ { reply: hi } ]\n");
        }
        InputFile::new(format!("p{part}.rules.yaml"), text)
    };
    let identity = Identity { tenant: "t".to_owned(), revision: 1 };
    let compilation = Compilation::new(vec![file(0), file(1)], catalogue(), identity);
    assert_eq!(compilation.rule_set().map(|set| set.rules.len()), Some(10_000), "{}", compilation.to_text(false));
}

/// Words that rule files are made of, and some that they are not.
fn word() -> impl Strategy<Value = String> {
    let words = [
        "rules/v1:",
        "{ package: p, catalogue: game.v1, owner: o }",
        "rules:",
        "- id: r",
        "id:",
        "on:",
        "PlayerDied",
        "when:",
        "event.level",
        ">=",
        "3",
        "&&",
        "let:",
        "n:",
        "{ count: PlayerDied, within: 5m, by: player }",
        "once:",
        "player",
        "cooldown:",
        "{ 24h, by: player }",
        "do:",
        "[ { reply: hi } ]",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "'",
        "\"",
        "|",
        ">",
        "&a",
        "*a",
        "#",
        "trigger.zone",
        "==",
        "params.k",
        "params:",
        "sets:",
        "tests:",
        "events:",
        "at: 0s",
        "expect:",
        "fires: [r]",
        "\\",
        "é",
        "\t",
        "5m",
        "exists(x, x > 1)",
        "(",
        ")",
        "?",
        "!",
        "12345678901234567890",
    ];
    prop::sample::select(words.map(str::to_owned).to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_compiler_panic(words in prop::collection::vec(word(), 0..60), headed in any::<bool>()) {
        let head = if headed { format!("{HEADER}rules:\n  - id: r\n    on: PlayerDied\n    when: ") } else { String::new() };
        let compilation = compiled(&format!("{head}{}", words.join(" ")));
        let _ = compilation.to_text(true);
        compilation.test();
    }

    #[test]
    fn what_compiles_the_engine_takes(level in 0..300i64, text in "[a-z'\\\\ ]{0,6}", op in prop::sample::select(vec!["==", "<", ">=", "!=", "+", "&&", "in"])) {
        let when = format!("event.level {op} {level} || event.zone {op} '{text}' || event.items.exists(i, i {op} event.zone)");
        let rules = format!("{HEADER}rules:\n  - id: r\n    on: PlayerDied\n    when: {}\n    do: [ {{ reply: hi }} ]\n", quoted(&when));
        let compilation = compiled(&rules);
        if let Some(set) = compilation.rule_set() {
            RuleSet::load(set.clone(), Arc::clone(compilation.catalogue())).unwrap();
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
