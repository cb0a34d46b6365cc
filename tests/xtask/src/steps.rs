//! The steps of the test command, each a sentence.
//!
//! What comes in: how deep to go. What goes out: one headline and one duration a step; the first failing step ends it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::seeds::Log;
use crate::skips::Skips;
use crate::{cel_differential, cel_spec, mutants, strangers, tools};

/// How much of the test command to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Everything.
    Full,
    /// Without the release build, the simulation, the planted bugs, the demo and the whole recording.
    Quick,
}

/// How many fresh seeds the test command simulates.
const FRESH_SEEDS: &str = "1000";

pub(crate) fn test(depth: Depth) -> Result<()> {
    say_about_recorded_events();
    // What no build here needs is looked at, too: other platforms' crates, and features that are off.
    step("Every locked crate is at hand", &mut cargo(["fetch", "--locked"]))?;
    step("Every file is formatted", &mut cargo(["fmt", "--all", "--check"]))?;
    step(
        "No lint complains",
        &mut cargo(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    )?;
    let deny = tools::deny()?;
    step(
        "Every crate is licensed, current and from a known source",
        at_root(Command::new(&deny).args(["--offline", "check", "bans", "licenses", "sources"])),
    )?;
    strangers::install()?;
    cel_spec::install()?;
    cel_differential::install()?;
    for (sentence, mut command) in strangers::checks(&deny) {
        step(sentence, at_root(&mut command))?;
    }
    tools::for_scenarios()?;
    step("The stranger in Rust builds", at_root(&mut strangers::build()))?;
    let nextest = tools::nextest()?;
    // One selection for binaries and tests, so that no crate is built twice with other features.
    step("Everything builds", &mut cargo(["build", "--workspace", "--all-targets", "--locked"]))?;
    step(
        "Every test passes",
        at_root(tools::cargo(&nextest).args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"])),
    )?;
    let skips = Skips::told()?;
    cel_spec::told(&nextest, &["--workspace"])?;
    cel_differential::short()?;
    step("Every documented example compiles", &mut cargo(["test", "--workspace", "--doc", "--locked", "--quiet"]))?;
    step(
        "The documentation has no broken link",
        cargo(["doc", "--workspace", "--no-deps", "--locked", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    if depth == Depth::Full {
        step("The release builds", &mut cargo(RELEASE))?;
        sim(&["--seeds", FRESH_SEEDS])?;
        mutants::run(&[])?;
        demo()?;
        online_equals_offline(&nextest)?;
    }
    println!("\n{skips}\nall steps passed");
    Ok(())
}

/// What ships, as it ships.
const RELEASE: [&str; 7] = ["build", "--release", "--locked", "-p", "router", "-p", "edge-ctl"];

/// Optimised, too, but a panic ends one story and not the run.
const SIMULATOR: [&str; 8] = ["build", "--profile", "sim", "--locked", "-p", "edge-sim", "--bin", "edge-sim"];

/// Foreign QUIC stacks talk to the daemon; see `router/docs/strangers.md`.
pub(crate) fn strangers() -> Result<()> {
    strangers::install()?;
    step("The stranger in Rust builds", at_root(&mut strangers::build()))?;
    let nextest = tools::nextest()?;
    let mut tests = tools::cargo(nextest);
    tests.args(["nextest", "run", "--locked", "--no-fail-fast", "-p", "strangers"]).env("CI", "true");
    step("Strangers are served as the documents say, and refused as they say", at_root(&mut tests))
}

/// Simulates whole PoPs; see `tests/edge-sim`.
pub(crate) fn sim(arguments: &[&str]) -> Result<()> {
    step("The simulator builds", &mut cargo(SIMULATOR))?;
    let simulator = tools::target_dir().join("sim/edge-sim");
    step("Simulated PoPs keep the promises", at_root(Command::new(simulator).args(arguments)))
}

/// The README's picture of the demo; see `tests/scenarios/examples/picture.rs`.
pub(crate) fn picture() -> Result<()> {
    step("The release builds", &mut cargo(RELEASE))?;
    step(
        "The picture is rendered",
        &mut cargo(["run", "--release", "--locked", "-p", "scenarios", "--example", "picture"]),
    )
}

/// The same, kept in the log of seeds whatever came out.
pub(crate) fn sim_logged(arguments: &[&str]) -> Result<()> {
    let log = Log::begin()?;
    let summary = log.summary().display().to_string();
    let told = sim(&[arguments, &["--summary", &summary]].concat());
    log.end(told.is_ok())?;
    told
}

/// The README's first command, headless, and the recorded events where they are at hand. What the demo keeps for its
/// user is removed here.
fn demo() -> Result<()> {
    let daemon = tools::target_dir().join("release/edge-router");
    let scratch = tools::target_dir().join("xtask-demo");
    std::fs::create_dir_all(&scratch)?;
    let run = |sentence: &str, arguments: &[&OsStr]| {
        step(sentence, at_root(Command::new(&daemon).args(["demo", "--json"]).args(arguments).env("TMPDIR", &scratch)))
    };
    run("The demo runs and its ledger closes", &["--for".as_ref(), "5s".as_ref()])?;
    if let Some(events) = std::env::var_os("EDGE_EVENTS") {
        run("Every recorded event runs through", &["--events".as_ref(), &events])?;
    }
    Ok(std::fs::remove_dir_all(&scratch)?)
}

/// The whole recording through the daemon and through a replay, with the release build.
fn online_equals_offline(nextest: &Path) -> Result<()> {
    if std::env::var_os("EDGE_EVENTS").is_none() {
        return Ok(());
    }
    let test = [
        "--run-ignored",
        "only",
        "--success-output",
        "final",
        "-E",
        "test(online_equals_offline::the_whole_recording)",
    ];
    step(
        "What the daemon orders of every recorded event is what a replay orders",
        at_root(tools::cargo(nextest).args(["nextest", "run", "--workspace", "--locked"]).args(test))
            .env("EDGE_BINARIES", tools::target_dir().join("release")),
    )
}

fn say_about_recorded_events() {
    match std::env::var_os("EDGE_EVENTS") {
        Some(path) if Path::new(&path).exists() => println!("recorded events: {}", path.display()),
        Some(path) => println!("recorded events: {} is missing; the tests that need it will fail", path.display()),
        None => println!("recorded events: EDGE_EVENTS is not set; the tests that need them say that they are skipped"),
    }
}

pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = tools::cargo("cargo");
    command.args(arguments);
    at_root(&mut command);
    command
}

pub(crate) fn at_root(command: &mut Command) -> &mut Command {
    command.current_dir(tools::root())
}

pub(crate) fn step(sentence: &str, command: &mut Command) -> Result<()> {
    println!("\n== {sentence}");
    let began = Instant::now();
    let program = Path::new(command.get_program()).file_name().map(OsStr::to_owned).unwrap_or_default();
    let status = command.status().with_context(|| format!("`{}` does not start", program.display()))?;
    println!("== {sentence}: {} ({:.0} s)", if status.success() { "yes" } else { "NO" }, began.elapsed().as_secs_f64());
    if !status.success() {
        bail!("not so: {sentence} (`{}` ended with {status})", program.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_told_this_program_about_itself_is_not_told_on() {
        let mut command = cargo(["build"]);
        let kept = |name: &str| !command.get_envs().any(|(removed, value)| removed == name && value.is_none());
        for told in ["CARGO_PKG_NAME", "CARGO_PKG_VERSION_MINOR", "CARGO_MANIFEST_DIR"] {
            assert!(std::env::var_os(told).is_none() || !kept(told), "{told}");
        }
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some(), "cargo runs this test");
        assert!(kept("CARGO_TARGET_DIR") && kept("CARGO_HOME") && kept("PATH"));
        assert_eq!(at_root(&mut command).get_current_dir(), Some(tools::root().as_path()));
    }
}
