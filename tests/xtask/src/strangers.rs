//! The foreign QUIC stacks of `tests/strangers`: installed once, pinned, under `target/strangers`; ngtcp2's client from Debian's
//! packages.
//!
//! What comes in: a machine with Rust, a C compiler, Python and Node. What goes out: programs where the tests look for them.
//! Deliberately absent: what they do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::tools;

/// Where Node's program looks for its package: beside itself.
const NODE_FILES: [&str; 3] = ["wire.mjs", "edge.mjs", "play.mjs"];

fn sources(language: &str) -> PathBuf {
    tools::root().join("tests/strangers").join(language)
}

fn installed(language: &str) -> PathBuf {
    tools::target_dir().join("strangers").join(language)
}

/// Installs what is not there yet.
pub(crate) fn install() -> Result<()> {
    python()?;
    node()?;
    rust()?;
    tools::debian("ngtcp2-client", Path::new("/usr/bin/gtlsclient").exists())
}

/// aioquic in an environment of its own, every file by its hash.
fn python() -> Result<()> {
    tools::python("aioquic", &installed("python"), &sources("python").join("requirements.txt"))
}

/// quiche for Node, every file by its hash. Its packages' install scripts do not run: the library comes built.
fn node() -> Result<()> {
    let folder = installed("node");
    fs::create_dir_all(&folder)?;
    for file in NODE_FILES {
        let link = folder.join(file);
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(sources("node").join(file), &link)?;
    }
    tools::once(&folder, &sources("node").join("package-lock.json"), |_| {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(sources("node").join(file), folder.join(file))?;
        }
        // Not `npm ci`: it wants the packages of all platforms, some of which were never published.
        let mut npm = Command::new("npm");
        npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]).current_dir(&folder);
        tools::run("quiche", &mut npm)
    })
}

/// What the program in Rust is made of, so that all else about it needs no network.
fn rust() -> Result<()> {
    let folder = installed("s2n");
    fs::create_dir_all(&folder)?;
    tools::once(&folder, &sources("s2n").join("Cargo.lock"), |_| {
        let mut fetch = tools::cargo("cargo");
        fetch.args(["fetch", "--quiet", "--locked", "--manifest-path"]).arg(sources("s2n").join("Cargo.toml"));
        tools::run("what s2n-quic is made of", &mut fetch)
    })
}

/// The program in Rust, as cargo keeps it fresh.
pub(crate) fn build() -> Command {
    let mut cargo = tools::cargo("cargo");
    cargo.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(sources("s2n").join("Cargo.toml"));
    cargo.arg("--target-dir").arg(installed("s2n"));
    cargo
}

/// The commands that hold the program in Rust to what the workspace is held to, each with its sentence.
pub(crate) fn checks(deny: &Path) -> Vec<(&'static str, Command)> {
    let manifest = sources("s2n").join("Cargo.toml");
    let mut format = tools::cargo("cargo");
    format.args(["fmt", "--check", "--manifest-path"]).arg(&manifest);
    let mut lint = tools::cargo("cargo");
    lint.args(["clippy", "--quiet", "--locked", "--all-targets", "--manifest-path"]).arg(&manifest);
    lint.arg("--target-dir").arg(installed("s2n")).args(["--", "-D", "warnings"]);
    let mut policy = Command::new(deny);
    // It finds the deny.toml beside the manifest.
    policy.args(["--offline", "--manifest-path"]).arg(&manifest).args(["check", "bans", "licenses", "sources"]);
    vec![
        ("The stranger in Rust is formatted", format),
        ("No lint complains about the stranger in Rust", lint),
        ("What the stranger in Rust brings is licensed and from a known source", policy),
    ]
}
