//! Kills the real daemon under load, as often as one likes; see `tests/scenarios/tests/daemon/kill9.rs`.
//!
//! What comes in: how often, and the seed of an earlier run. What goes out: the scenario's figures, or what broke.

use std::num::NonZeroU32;

use anyhow::{Result, bail};

use crate::steps::{cargo, step};
use crate::tools;

/// `--kills N` (1,000), `--seed S` (a fresh one).
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let (mut kills, mut seed) = ("1000", None);
    for pair in arguments.chunks(2) {
        match *pair {
            ["--kills", n] if n.parse::<NonZeroU32>().is_ok() => kills = n,
            ["--seed", n] if n.parse::<u64>().is_ok() => seed = Some(n),
            _ => bail!("`{}`: expected `--kills N`, `--seed S`", pair.join(" ")),
        }
    }
    tools::for_scenarios()?;
    step("The release builds", &mut cargo(["build", "--release", "--locked", "-p", "router", "-p", "edge-ctl"]))?;
    // The clients are as the test command builds them; what is killed is what ships.
    let mut story = cargo(["test", "--locked", "-p", "scenarios", "--test", "daemon", "--", "kill9::", "--nocapture"]);
    story.env("EDGE_BINARIES", tools::target_dir().join("release"));
    // A part that cannot be played here would be missing from the figures.
    story.env("EDGE_KILLS", kills).env("CI", "true");
    if let Some(seed) = seed {
        story.env("EDGE_SEED", seed);
    }
    step("No kill loses or doubles what was receipted", &mut story)
}
