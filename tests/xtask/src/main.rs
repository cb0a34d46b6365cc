//! Everything beyond cargo, as `cargo xtask COMMAND`: the same commands on a desk and in CI.
//!
//! What comes in: a command's name. What goes out: the steps' own output, one headline a step, and an exit code.
//! Deliberately absent: the tests themselves; they live beside what they test.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod cel_differential;
mod cel_spec;
mod fuzz;
mod kills;
mod mix;
mod mutants;
mod seeds;
mod skips;
mod steps;
mod strangers;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND

  test            everything a change must pass: format, lints, crate policy, tests, docs, simulation, the daemon
  test --quick    the same without the release build, the simulation, the planted bugs, the demo and the whole recording
  sim [ARGS]      simulate whole PoPs from seeds (`cargo xtask sim --help` lists the arguments)
  sim --log ARGS  the same, and one line more in tests/edge-sim/seeds.log
  mutants [NAME]  prove that the suite catches every planted bug, or those of these names
  cel-spec        tell how well CEL keeps to its specification's test data; fetches the data
  cel-differential [--expressions N] [--seed S]
                  ask our CEL and the C++ runtime of the same N expressions (100000), drawn from a seed; installs the latter
  strangers       let foreign QUIC stacks talk to the daemon; installs them
  kills [--kills N] [--seed S]
                  kill the real daemon N times (1000) under load; beside the kills pauses, frozen threads, full disks and
                  drains
  fuzz TARGET [--runs N | --for 1h] [--jobs J]
                  run a fuzz target under libFuzzer; `fuzz --minimise TARGET` makes its committed corpus anew
  mix             make router/demo/mix.toml anew from the recording that EDGE_EVENTS names
  picture         render the README's picture of the demo anew, from a real run
  tools           install what the test command needs and is not on this machine
";

fn main() -> ExitCode {
    if let Some(code) = fuzz::as_compiler() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["test"] => steps::test(steps::Depth::Full),
        ["test", "--quick"] => steps::test(steps::Depth::Quick),
        ["sim", "--log", rest @ ..] => steps::sim_logged(rest),
        ["sim", rest @ ..] => steps::sim(rest),
        ["mutants", names @ ..] => mutants::run(names),
        ["cel-spec"] => cel_spec::score(),
        ["cel-differential", rest @ ..] => cel_differential::run(rest),
        ["strangers"] => steps::strangers(),
        ["kills", rest @ ..] => kills::run(rest),
        ["fuzz", rest @ ..] => fuzz::fuzz(rest),
        ["mix"] => mix::write(),
        ["picture"] => steps::picture(),
        ["tools"] => tools::install_all(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\nxtask: {why:#}");
            ExitCode::FAILURE
        }
    }
}
