//! Holds the workspace to `tests/arrows.toml`: every arrow between our crates is listed, every listed arrow is drawn, and
//! the crates that must stay pure have no door to the outside anywhere in their tree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
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

#[test]
fn pure_crates_have_no_way_outside() {
    let law = law();
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("cargo metadata resolves");
    let edges: BTreeMap<&PackageId, Vec<&PackageId>> = resolve
        .nodes
        .iter()
        .map(|n| {
            let normal = n
                .deps
                .iter()
                .filter(|d| d.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal))
                // Features are unified over the workspace: the compiler half of the catalogue is not the daemon's.
                .map(|d| &d.pkg)
                .collect();
            (&n.id, normal)
        })
        .collect();
    let name_of: BTreeMap<&PackageId, &str> = metadata.packages.iter().map(|p| (&p.id, p.name.as_str())).collect();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages().iter().filter(|p| law.purity.crates.contains(p.name.as_str())) {
        let mut seen = BTreeSet::new();
        let mut todo = vec![&package.id];
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            todo.extend(edges[id].iter().copied());
        }
        for name in seen.iter().map(|id| name_of[*id]).filter(|n| law.purity.never.contains(*n)) {
            let by_feature = name == "protox"; // optional, behind `compile`, which only `rules` turns on
            if !by_feature {
                wrong.push(format!("`{}` reaches `{name}`", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The daemon reads bundles and never rule text: the compiler must not be among its normal dependencies.
#[test]
fn the_daemon_links_no_compiler() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let router = packages.iter().find(|p| p.name.as_str() == "router").expect("there is a crate `router`");
    let compiler: Vec<_> = router
        .dependencies
        .iter()
        .filter(|d| ["rules", "rules-cel"].contains(&d.name.as_str()) && d.kind == DependencyKind::Normal)
        .collect();
    assert!(compiler.is_empty(), "{compiler:?}");
}
