//! Holds the workspace to `tests/arrows.toml`: every arrow between our crates is listed, every listed arrow is drawn, and
//! the crates that must stay pure have no door to the outside anywhere in their tree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use serde::Deserialize;

#[derive(Deserialize)]
struct Law {
    arrows: BTreeMap<String, BTreeSet<String>>,
    anything: Crates,
    purity: Purity,
}

#[derive(Deserialize)]
struct Crates {
    crates: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Purity {
    crates: BTreeSet<String>,
    never: BTreeSet<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn law() -> Law {
    let text = std::fs::read_to_string(root().join("tests/arrows.toml")).expect("tests/arrows.toml is there");
    toml::from_str(&text).expect("tests/arrows.toml reads")
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(vec!["--offline".into(), "--locked".into()])
        .exec()
        .expect("cargo metadata answers")
}

/// What each of our crates depends on among ours, tests aside.
fn drawn(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let ours: BTreeSet<&str> = metadata.workspace_packages().iter().map(|p| p.name.as_str()).collect();
    metadata
        .workspace_packages()
        .iter()
        .map(|package| {
            let to = package
                .dependencies
                .iter()
                .filter(|d| d.kind != DependencyKind::Development && ours.contains(d.name.as_str()))
                .map(|d| d.name.clone());
            (package.name.to_string(), to.collect())
        })
        .collect()
}

#[test]
fn every_arrow_is_listed_and_every_listed_arrow_is_drawn() {
    let law = law();
    let mut wrong = Vec::new();
    let drawn = drawn(&metadata());
    for (from, to) in &drawn {
        if law.anything.crates.contains(from) {
            continue;
        }
        let Some(allowed) = law.arrows.get(from) else {
            wrong.push(format!("crate `{from}` is not in tests/arrows.toml: add it with the crates it may know"));
            continue;
        };
        wrong.extend(to.difference(allowed).map(|t| format!("`{from} -> {t}` is drawn and not listed")));
        wrong.extend(allowed.difference(to).map(|t| format!("`{from} -> {t}` is listed and not drawn")));
    }
    wrong.extend(
        law.arrows.keys().filter(|n| !drawn.contains_key(*n)).map(|n| format!("`{n}` is listed and is not a crate")),
    );
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The names of all crates that are linked into `package`, tests and build scripts aside, with the features that it has alone.
fn linked(package: &str) -> BTreeSet<String> {
    let output = std::process::Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--offline", "--locked", "--package", package, "--edges", "normal,no-proc-macro"])
        .args(["--prefix", "none", "--format", "{p}"])
        .output()
        .expect("cargo tree starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo tree speaks UTF-8");
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn pure_crates_have_no_way_outside() {
    let law = law();
    let wrong: Vec<String> = law
        .purity
        .crates
        .iter()
        .flat_map(|package| {
            let linked = linked(package);
            assert!(linked.contains(package), "cargo tree lists the crate itself");
            law.purity
                .never
                .intersection(&linked)
                .map(|name| format!("`{package}` reaches `{name}`"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The daemon reads bundles and never rule text or `.proto`: nothing that compiles them is linked into it.
#[test]
fn the_daemon_links_no_compiler() {
    let linked = linked("router");
    let compiler =
        ["rules", "rules-cel", "rules-cel-reference", "rules-verify", "protox", "prost-reflect", "saphyr-parser"];
    let wrong: Vec<_> = compiler.into_iter().filter(|name| linked.contains(*name)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(linked.contains("rules-engine"), "the list is the daemon's");
}

/// Planted bugs are switched on for one program of another name, and by nobody's default.
#[test]
fn nobody_but_the_planted_simulator_turns_planted_bugs_on() {
    let mut who = Vec::new();
    for package in metadata().workspace_packages() {
        let asks = |feature: &String| feature.starts_with("edge-mutant/") || feature.starts_with("dep:edge-mutant");
        let of_feature = package.features.iter().filter(|(_, turns_on)| turns_on.iter().any(asks));
        who.extend(of_feature.map(|(feature, _)| format!("{} with `{feature}`", package.name)));
        let with_features = package.dependencies.iter().filter(|d| d.name == "edge-mutant" && !d.features.is_empty());
        who.extend(with_features.map(|_| format!("{} always", package.name)));
    }
    assert_eq!(who, ["edge-sim with `planted`"]);
}
