//! Proves that the suite catches what it is there to catch: every planted bug, one after the other, and nothing where none is.
//!
//! What comes in: names of mutants, or none for all. What goes out: a table (mutant, what caught it, after how many stories),
//! and a failure where one survives or where the clean code is found wanting. What a whole site shows is left to the simulator,
//! with fresh seeds; what it cannot show, to tests by name. Everything is built once, with all mutants in it. Deliberately
//! absent: what is wrong in a mutant, and where; `router/edge-mutant` says the one, `mutant!` in the code the other.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use edge_mutant::Mutant;
use serde_json::Value;

use crate::steps::{at_root, cargo, step};
use crate::tools;

/// A mutant that so many stories have not caught has survived.
const SEEDS_MAX: &str = "20000";
/// Stories of the clean code, which must all be clean.
const CLEAN_SEEDS: &str = "300";
/// A test that has not ended after its time hangs, which catches a mutant, too; see `.config/nextest.toml`.
const PROFILE: &str = "mutants";

/// What must catch a mutant.
enum Suite {
    /// A story of a whole site.
    Simulator,
    /// Tests of a crate: those whose names contain this.
    Tests { package: &'static str, name: &'static str },
}

/// Which suite is there for which mutant.
const fn suite(mutant: Mutant) -> Suite {
    match mutant {
        // One datagram too many shows only where a first flight is larger than those of the simulated site.
        Mutant::ClampOff => Suite::Tests { package: "edge-session", name: "three_times_what_it_sent" },
        // Threads that sleep are the daemon's; in a story nobody sleeps, and whoever is late is late by plan.
        Mutant::LostWakeUp => Suite::Tests { package: "router", name: "only_a_sleeper_is_woken" },
        _ => Suite::Simulator,
    }
}

/// One line of the table.
struct Row {
    mutant: &'static str,
    /// `None`: it survived.
    caught_by: Option<String>,
    stories: Option<u64>,
    seconds: f64,
    what: String,
}

/// Runs the suite against the mutants of these names; against all, where there is none.
pub(crate) fn run(names: &[&str]) -> Result<()> {
    let wanted = wanted(names)?;
    build()?;
    let mut rows = Vec::new();
    let begun = Instant::now();
    println!("\n== The suite catches every planted bug, and finds none where there is none");
    nothing_is_found_in_clean_code()?;
    for mutant in wanted {
        let row = match suite(mutant) {
            Suite::Simulator => simulate(mutant)?,
            Suite::Tests { package, name } => test(mutant, package, name)?,
        };
        println!("{row}");
        rows.push(row);
    }
    let alive: Vec<&str> = rows.iter().filter(|row| row.caught_by.is_none()).map(|row| row.mutant).collect();
    println!("== {} of {} caught ({:.0} s)", rows.len() - alive.len(), rows.len(), begun.elapsed().as_secs_f64());
    if !alive.is_empty() {
        bail!("nothing caught {}: strengthen a checker", alive.join(", "));
    }
    Ok(())
}

fn wanted(names: &[&str]) -> Result<Vec<Mutant>> {
    if names.is_empty() {
        return Ok(Mutant::ALL.to_vec());
    }
    let named = |name: &&str| {
        let known = || Mutant::ALL.iter().map(|mutant| mutant.name()).collect::<Vec<_>>().join(", ");
        Mutant::named(name).with_context(|| format!("no mutant is called `{name}`; there are: {}", known()))
    };
    names.iter().map(named).collect()
}

/// The simulator and the tests, each with every mutant in it.
fn build() -> Result<()> {
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

/// Names the active mutant of a build that carries them; see `router/edge-mutant`.
const VARIABLE: &str = "EDGE_MUTANT";

fn nothing_is_found_in_clean_code() -> Result<()> {
    let (output, found) = tell(None, CLEAN_SEEDS)?;
    if !output.status.success() || !found.failures.is_empty() {
        bail!("with no bug planted the simulator finds something:\n{}", tail_of(&output));
    }
    for mutant in Mutant::ALL {
        if let Suite::Tests { package, name } = suite(*mutant) {
            let output = nextest(None, package, name)?;
            if !output.status.success() {
                bail!("with no bug planted `{name}` of {package} fails:\n{}", tail_of(&output));
            }
        }
    }
    println!("{:<28}clean in {} stories", "(none)", found.stories);
    Ok(())
}

// ---- the simulator

/// What the simulator's summary says.
struct Found {
    stories: u64,
    /// Promise and words.
    failures: Vec<(String, String)>,
}

fn simulate(mutant: Mutant) -> Result<Row> {
    let begun = Instant::now();
    let (output, found) = tell(Some(mutant), SEEDS_MAX)?;
    if found.failures.is_empty() && !output.status.success() {
        bail!("the simulator failed and found nothing, with {} planted:\n{}", mutant.name(), tail_of(&output));
    }
    let first = found.failures.into_iter().next();
    let (caught_by, what) = first.unzip();
    Ok(Row {
        mutant: mutant.name(),
        caught_by,
        stories: Some(found.stories),
        seconds: begun.elapsed().as_secs_f64(),
        what: what.unwrap_or_default(),
    })
}

fn tell(mutant: Option<Mutant>, seeds: &str) -> Result<(Output, Found)> {
    let summary = tools::target_dir().join("mutants.json");
    let program = tools::target_dir().join("sim/edge-sim-planted");
    let mut command = Command::new(program);
    command.args(["--until-first", "--seeds", seeds, "--summary"]).arg(&summary);
    let output = output_of(&mut command, mutant)?;
    let text = std::fs::read_to_string(&summary)
        .with_context(|| format!("the simulator wrote no summary:\n{}", tail_of(&output)))?;
    std::fs::remove_file(&summary)?;
    let value: Value = serde_json::from_str(&text).context("the simulator's summary")?;
    let text = |failure: &Value, name: &str| failure[name].as_str().unwrap_or_default().to_owned();
    let failures = value["failures"].as_array().context("the summary has no failures")?;
    let failures = failures.iter().map(|f| (text(f, "promise"), text(f, "what"))).collect();
    let stories = value["stories"].as_u64().context("the summary has no number of stories")?;
    Ok((output, Found { stories, failures }))
}

// ---- tests

fn test(mutant: Mutant, package: &'static str, name: &'static str) -> Result<Row> {
    let begun = Instant::now();
    let output = nextest(Some(mutant), package, name)?;
    let (caught_by, what) = match output.status.code() {
        Some(0) => (None, String::new()),
        // Tests ran, and one of them failed.
        Some(100) => (Some(format!("test of {package}")), name.to_owned()),
        _ => bail!("the tests of {package} do not run, with {} planted:\n{}", mutant.name(), tail_of(&output)),
    };
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Row { mutant: mutant.name(), caught_by, stories: None, seconds, what })
}

fn nextest(mutant: Option<Mutant>, package: &str, name: &str) -> Result<Output> {
    let mut command = Command::new(tools::nextest()?);
    command.args(["nextest", "run", "--locked", "--lib", "--bins", "--profile", PROFILE]);
    command.args(["--no-tests", "fail", "--features", "edge-mutant/planted", "--package", package]).arg(name);
    output_of(&mut command, mutant)
}

// ---- around both

fn output_of(command: &mut Command, mutant: Option<Mutant>) -> Result<Output> {
    command.env_remove(VARIABLE);
    if let Some(mutant) = mutant {
        command.env(VARIABLE, mutant.name());
    }
    let program = PathBuf::from(command.get_program());
    at_root(command).output().with_context(|| format!("`{}` does not start", program.display()))
}

/// The last lines that a program said.
fn tail_of(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let caught_by = self.caught_by.as_deref().unwrap_or("SURVIVED");
        let stories = self.stories.map_or_else(String::new, |n| format!("{n} stories"));
        let what: String = self.what.chars().take(90).collect();
        write!(f, "{:<28}{caught_by:<24}{stories:>14}{:>7.1} s  {what}", self.mutant, self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mutant that stands nowhere would be caught by nothing, and one that stands twice would prove nothing of either place.
    #[test]
    fn every_mutant_is_planted_in_one_place() {
        let mut sources = String::new();
        for family in ["router", "rules", "edge-config"] {
            read_all(&tools::root().join(family), &mut sources);
        }
        for mutant in Mutant::ALL {
            let planted = sources.matches(&format!("mutant!({mutant:?})")).count();
            let in_the_manual = usize::from(*mutant == Mutant::ReceiptBeforeFsync);
            assert_eq!(planted, 1 + in_the_manual, "{mutant:?}");
        }
    }

    #[test]
    fn the_page_tells_of_every_mutant_and_of_no_other() {
        let page = std::fs::read_to_string(tools::root().join("tests/edge-sim/MUTANTS.md")).unwrap();
        let told: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        assert_eq!(told, Mutant::ALL.iter().map(|mutant| mutant.name()).collect::<Vec<_>>());
    }

    fn read_all(folder: &Path, sources: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read_all(&path, sources);
            } else if path.extension().is_some_and(|e| e == "rs") {
                sources.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn a_name_that_is_none_says_which_there_are() {
        let said = wanted(&["clamp"]).unwrap_err().to_string();
        assert!(said.starts_with("no mutant is called `clamp`; there are: clamp-off, "), "{said}");
        assert_eq!(wanted(&["clamp-off"]).unwrap(), [Mutant::ClampOff]);
        assert_eq!(wanted(&[]).unwrap().len(), Mutant::ALL.len());
    }
}
