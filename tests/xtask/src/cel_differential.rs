//! The C++ runtime of CEL, from Python's packages, and the run that asks it and our interpreter of the same expressions.
//!
//! What comes in: a machine with Python. What goes out: the packages under `target/cel-differential`, each file by its hash, and
//! what the run tells. Deliberately absent: what is asked; that is `tests/cel-differential`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::{steps, tools};

/// The run that is part of the test command: the same expressions each time, so that only a change of ours makes a difference.
const SHORT: [&str; 4] = ["--expressions", "5000", "--seed", "1"];

fn installed() -> PathBuf {
    tools::target_dir().join("cel-differential")
}

/// Installs what is not there yet.
pub(crate) fn install() -> Result<()> {
    let pins = tools::root().join("tests/cel-differential/requirements.txt");
    tools::python("the C++ runtime of CEL", &installed(), &pins)
}

/// Asks both; see the program's own arguments.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    install()?;
    asked(steps::cargo(["run", "--quiet", "--locked", "-p", "cel-differential", "--"]).args(arguments))
}

/// The short run, with the program that the test command has built.
pub(crate) fn short() -> Result<()> {
    asked(Command::new(tools::target_dir().join("debug/cel-differential")).args(SHORT))
}

fn asked(program: &mut Command) -> Result<()> {
    steps::step("CEL means here what it means in C++", program.arg("--installed").arg(installed()))
}
