//! What rules mean, from the text to the command: the files here run their own tests; the offline run equals them.

use std::path::Path;
use std::sync::Arc;

use edge_event::UnixMillis;
use rules::{Compilation, Identity, InputFile, Offline};
use rules_catalogue::compile;
use rules_engine::{RuleSet, Verdict};
use serde_json::json;

fn compilation() -> Compilation {
    compiled("semantics.rules.yaml", include_str!("semantics.rules.yaml"))
}

fn compiled(name: &str, text: &str) -> Compilation {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = compile::Sources::read_dir(&root.join("diagnostics/catalogue")).unwrap();
    let catalogue = Arc::new(compile::compile(&sources).unwrap().catalogue);
    let input = InputFile::new(name, text);
    Compilation::new(vec![input], catalogue, Identity { tenant: "studio".to_owned(), revision: 3 })
}

#[test]
fn the_files_own_tests_pass() {
    for (compilation, least) in
        [(compilation(), 7), (compiled("feeds.rules.yaml", include_str!("feeds.rules.yaml")), 6)]
    {
        assert!(compilation.report().diagnostics().is_empty(), "{}", compilation.to_text(false));
        let run = compilation.test();
        assert_eq!(run.failed(), 0, "{}", run.to_text(compilation.sources(), false));
        assert!(run.passed() >= least);
    }
}

#[test]
fn an_offline_run_orders_the_same_twice() {
    let compilation = compilation();
    let set = RuleSet::load(compilation.rule_set().unwrap().clone(), Arc::clone(compilation.catalogue())).unwrap();
    let set = Arc::new(set);
    let run = || {
        let mut offline = Offline::new(Arc::clone(&set));
        let mut commands = Vec::new();
        for n in 0..50 {
            let time = UnixMillis(1_000_000 + n * 1000);
            let fields = json!({ "level": n % 30 + 1, "zone": "catacombs" });
            let seen = offline.feed(["p1", "p2"][(n % 2) as usize], "PlayerDied", &fields, time).unwrap();
            assert_eq!(seen.verdict == Verdict::Commanded, !seen.fired.is_empty());
            commands.extend(seen.commands.iter().cloned());
        }
        commands
    };
    let first = run();
    assert!(!first.is_empty());
    assert_eq!(first, run());
}

#[test]
fn what_cannot_be_fed_says_why() {
    let compilation = compilation();
    let set = RuleSet::load(compilation.rule_set().unwrap().clone(), Arc::clone(compilation.catalogue())).unwrap();
    let mut offline = Offline::new(Arc::new(set));
    let e = offline.feed("p", "PlayerDead", &json!({}), UnixMillis(1)).unwrap_err();
    assert_eq!(e.code(), "feed_unknown_type");
    let e = offline.feed("p", "PlayerDied", &json!({ "level": 900 }), UnixMillis(1)).unwrap_err();
    assert!(e.to_string().contains("level"), "{e}");
}
