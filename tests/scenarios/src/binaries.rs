//! The programs under test: found beside the test binary, and built where they are missing or older than their sources.
//!
//! `EDGE_BINARIES=/usr/bin` tests those of another folder instead, as they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The daemon.
pub fn edge_router() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| find("edge-router"))
}

/// The operator's tool.
pub fn edgectl() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| find("edgectl"))
}

/// Test binaries lie in `target/<profile>/deps`, programs in `target/<profile>`.
fn profile_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    test.ancestors().nth(2).expect("test binaries lie in deps").to_owned()
}

#[allow(clippy::print_stdout, reason = "a build in the middle of a test deserves a word")]
fn find(program: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("EDGE_BINARIES") {
        return Path::new(&folder).join(program);
    }
    let folder = profile_dir();
    let path = folder.join(program);
    if is_fresh(&path) {
        return path;
    }
    println!("{} is missing or older than its sources: building it", path.display());
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Both in one go, as the test command builds them: apart, cargo would choose other features for what they share.
    cargo
        .args(["build", "--quiet", "-p", "router", "-p", "edge-ctl"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    if let Some(target) = folder.parent() {
        cargo.env("CARGO_TARGET_DIR", target);
    }
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "`cargo build -p router -p edge-ctl` ended with {status}");
    path
}

/// Cargo leaves beside a program the list of the sources it was made of.
fn is_fresh(program: &Path) -> bool {
    let age = |path: &Path| fs::metadata(path).and_then(|about| about.modified());
    let (Ok(built), Ok(list)) = (age(program), fs::read_to_string(program.with_extension("d"))) else {
        return false;
    };
    let sources = list.split_once(": ").map_or("", |(_, sources)| sources);
    let names = sources.trim_end().replace("\\ ", "\u{0}");
    let is_older = |source: &str| age(Path::new(source)).unwrap_or(SystemTime::UNIX_EPOCH) <= built;
    names.split(' ').filter(|name| !name.is_empty()).map(|name| name.replace('\u{0}', " ")).all(|name| is_older(&name))
}
