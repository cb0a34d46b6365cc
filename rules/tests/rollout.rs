//! Buckets of rollouts and splits: as published, and never taken back by a wider share.

use std::path::Path;
use std::sync::Arc;

use edge_event::UnixMillis;
use rules::{Compilation, Identity, InputFile, Offline};
use rules_catalogue::{Catalogue, compile};
use rules_engine::bucket;
use serde_json::json;

const NOON: UnixMillis = UnixMillis(1_767_614_400_000);

fn catalogue() -> Arc<Catalogue> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let sources = compile::Sources::read_dir(&root).expect("the example catalogue is there");
    Arc::new(compile::compile(&sources).expect("and compiles").catalogue)
}

fn offline(rules: &str, catalogue: &Arc<Catalogue>) -> Offline {
    let text = format!("rules/v1: {{ package: p, catalogue: game.v1, owner: team }}\n{rules}");
    let identity = Identity { tenant: "studio".to_owned(), revision: 1 };
    let compilation = Compilation::new(vec![InputFile::new("p.rules.yaml", text)], Arc::clone(catalogue), identity);
    Offline::new(compilation.loaded().unwrap_or_else(|| panic!("{}", compilation.to_text(false))))
}

/// Lines of the published file: salt, key, bucket.
fn vectors() -> Vec<(String, String, u32)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rollout-vectors.txt");
    let text = std::fs::read_to_string(path).expect("the vectors are published");
    let line = |line: &str| {
        let parts: Vec<&str> = line.split('\t').collect();
        let [salt, key, bucket] = parts[..] else { panic!("three columns: {line}") };
        (salt.to_owned(), key.replace("\\0", "\0"), bucket.parse().expect("a number"))
    };
    text.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

#[test]
fn buckets_are_those_that_are_published() {
    let vectors = vectors();
    assert!(vectors.len() >= 80);
    for (salt, key, published) in vectors {
        assert_eq!(bucket(&salt, &key), published, "{salt} {key}");
    }
}

#[test]
fn a_rule_rolls_out_by_the_published_buckets() {
    let catalogue = catalogue();
    let salts = ["rq_2026q4", "xp_ab"];
    let mut rules = "rules:\n".to_owned();
    for salt in salts {
        for share in [10, 40, 75] {
            rules.push_str(&format!(
                "  - id: {salt}_{share}\n    on: ChatSent\n    rollout: {{ {share}%, by: player, salt: {salt} }}\n    do: [ {{ reply: hi }} ]\n"
            ));
        }
    }
    let mut offline = offline(&rules, &catalogue);
    for (salt, player, published) in
        vectors().into_iter().filter(|(salt, key, _)| salts.contains(&&**salt) && !key.contains('\0'))
    {
        let seen = offline.feed(&player, "ChatSent", &json!({}), NOON).expect("a sound event");
        let fired = seen.fired.to_vec();
        let set = offline.rule_set();
        for share in [10, 40, 75] {
            let fires = fired.iter().any(|at| *set.rule(*at).id == *format!("{salt}_{share}"));
            assert_eq!(fires, published < share * 1_000, "{salt} {player} {share} %");
        }
    }
}

/// Growing shares, 0.001 % included: whoever is in stays in, and the shares are about what they say.
#[test]
fn widening_never_takes_anybody_out() {
    let players: Vec<u32> = (0..20_000).map(|n| bucket("wide", &format!("player-{n}"))).collect();
    let mut before = 0;
    for share in [0, 1, 125, 1_000, 12_500, 40_000, 99_999, 100_000] {
        let inside = players.iter().filter(|bucket| **bucket < share).count();
        assert!(inside >= before, "{share}");
        before = inside;
        let expected = players.len() as f64 * f64::from(share) / 100_000.0;
        assert!((inside as f64 - expected).abs() < 300.0, "{inside} of {expected} at {share}");
    }
    assert_eq!(before, players.len());
    // Another salt chooses others.
    let both =
        (0..20_000).map(|n| format!("player-{n}")).filter(|p| bucket("a", p) < 50_000 && bucket("b", p) < 50_000);
    assert!((4_500..5_500).contains(&both.count()));
}

#[test]
fn keys_of_several_parts_are_their_texts_apart_by_zero_bytes() {
    let catalogue = catalogue();
    let rules = "rules:\n  - id: r\n    on: PlayerDied\n    rollout: { 50%, by: [player, event.level, event.zone], salt: many }\n    do: [ { reply: hi } ]\n";
    let mut offline = offline(rules, &catalogue);
    let mut seen = [false; 2];
    for level in 1..60 {
        let fields = json!({ "level": level, "zone": "catacombs" });
        let fires = !offline.feed("p1", "PlayerDied", &fields, NOON).expect("a sound event").fired.is_empty();
        assert_eq!(fires, bucket("many", &format!("p1\0{level}\0catacombs")) < 50_000, "{level}");
        seen[usize::from(fires)] = true;
    }
    assert_eq!(seen, [true, true]);
}
