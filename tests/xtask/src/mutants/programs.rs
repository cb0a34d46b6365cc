//! The programs that carry every mutant: built once each, run with one active or none.
//!
//! In: a mutant and what to run against it. Out: what was found, or how a test ended. Deliberately absent: judgement.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};
use edge_mutant::Mutant;

use super::found::Found;
use super::hunt::Seeds;
use super::suite::Test;
use crate::steps::{at_root, cargo, step};
use crate::tools;

/// Names the active mutant of a build that carries them; see `router/edge-mutant`.
const VARIABLE: &str = "EDGE_MUTANT";
/// Of the test runner; see `.config/nextest.toml`.
const PROFILE: &str = "mutants";

// ---- the simulator

pub(super) fn build_simulator() -> Result<()> {
    step("The simulator builds with every planted bug", &mut cargo(PLANTED))?;
    let programs = [("edge-router", false), ("edge-sim", false), ("edge-sim-planted", true)];
    for (program, is_planted) in programs {
        let profile = if program == "edge-router" { "release" } else { "sim" };
        let path = tools::target_dir().join(profile).join(program);
        if path.exists() && carries_mutants(&path)? != is_planted {
            bail!("`{}` {} planted bugs", path.display(), if is_planted { "carries no" } else { "carries" });
        }
    }
    Ok(())
}

const PLANTED: [&str; 10] =
    ["build", "--profile", "sim", "--locked", "-p", "edge-sim", "--bin", "edge-sim-planted", "--features", "planted"];

/// Whether a program asks for the name of the active mutant: who does not, has none.
fn carries_mutants(program: &Path) -> Result<bool> {
    let bytes = std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let name = VARIABLE.as_bytes();
    Ok(bytes.windows(name.len()).any(|window| window == name))
}

/// Tells the story of a file with a mutant.
pub(super) fn tell_file(mutant: Mutant, file: &Path) -> Result<Found> {
    run_simulator(Some(mutant), &["--story".as_ref(), file.as_os_str()])
}

/// Tells stories until one of them breaks something. Nothing is made short here: one seed tells a story again in an instant.
pub(super) fn tell(mutant: Option<Mutant>, seeds: Seeds) -> Result<Found> {
    let (count, from) = (seeds.count.to_string(), seeds.from.map(|from| from.to_string()));
    let mut arguments: Vec<&OsStr> = vec!["--until-first".as_ref(), "--seeds".as_ref(), count.as_ref()];
    if let Some(from) = &from {
        arguments.extend([OsStr::new("--from"), from.as_ref()]);
    }
    run_simulator(mutant, &arguments)
}

fn run_simulator(mutant: Option<Mutant>, arguments: &[&OsStr]) -> Result<Found> {
    let summary = tools::target_dir().join("mutants.json");
    // A run that was broken off may have left one, and a simulator that ends without a summary must not be taken for that one.
    match std::fs::remove_file(&summary) {
        Err(why) if why.kind() != ErrorKind::NotFound => return Err(why).context("the summary before"),
        _ => {}
    }
    let mut command = Command::new(tools::target_dir().join("sim/edge-sim-planted"));
    command.args(arguments).arg("--no-shrink").arg("--summary").arg(&summary);
    let output = output_of(&mut command, mutant)?;
    let text = std::fs::read_to_string(&summary)
        .with_context(|| format!("the simulator wrote no summary:\n{}", tail_of(&output)))?;
    let found = Found::parse(&text)?;
    if output.status.success() != found.findings.is_empty() {
        let (status, count) = (output.status, found.findings.len());
        bail!("the simulator ended with {status} and {count} findings:\n{}", tail_of(&output));
    }
    Ok(found)
}

// ---- tests

/// How a test ended.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Verdict {
    Passed,
    /// With the words of its promise.
    Broken,
    /// With other words, which are these.
    Failed(String),
}

pub(super) fn build_test(test: Test) -> Result<()> {
    let sentence = format!("The tests of `{}` build with every planted bug", test.package);
    step(&sentence, at_root(nextest(test)?.arg("--no-run")))
}

pub(super) fn run_test(mutant: Option<Mutant>, test: Test) -> Result<Verdict> {
    let filter = format!("package(={}) & test(={})", test.package, test.name);
    let output = output_of(nextest(test)?.args(["--no-tests", "fail", "-E", &filter]), mutant)?;
    match output.status.code() {
        Some(0) => Ok(Verdict::Passed),
        Some(TESTS_FAILED) if said_by(&output).contains(test.says) => Ok(Verdict::Broken),
        Some(TESTS_FAILED) => Ok(Verdict::Failed(tail_of(&output))),
        _ => bail!("the tests of {} do not run:\n{}", test.package, tail_of(&output)),
    }
}

/// The test runner's word for it; other codes say that nothing ran.
const TESTS_FAILED: i32 = 100;

fn nextest(test: Test) -> Result<Command> {
    let mut command = tools::cargo(tools::nextest()?);
    command.args(["nextest", "run", "--locked", "--profile", PROFILE, "--features", "edge-mutant/planted"]);
    command.args(test.selection);
    Ok(command)
}

// ---- both

fn output_of(command: &mut Command, mutant: Option<Mutant>) -> Result<Output> {
    command.env_remove(VARIABLE);
    if let Some(mutant) = mutant {
        command.env(VARIABLE, mutant.name());
    }
    let program = PathBuf::from(command.get_program());
    at_root(command).output().with_context(|| format!("`{}` does not start", program.display()))
}

fn said_by(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// The last lines that a program said.
fn tail_of(output: &Output) -> String {
    let said = said_by(output);
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
