//! The program: `cel-differential --expressions N --seed S --show N --installed FOLDER`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::known::Known;
use crate::run::Run;
use crate::theirs::Place;

/// Expressions, where nobody says how many.
const EXPRESSIONS: usize = 100_000;

/// Differences that are shown, where nobody says how many.
const SHOWN: usize = 20;

struct Arguments {
    expressions: usize,
    seed: u64,
    shown: usize,
    installed: PathBuf,
}

/// Runs it.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("\ncel-differential: {why:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    println!("seed {}, {} expressions", arguments.seed, arguments.expressions);
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = arguments.installed.join("bin/python");
    let place = Place { zones: zones(&arguments.installed)?, script: sources.join("theirs.py"), python };
    let known = Known::read(&sources.join("differences.toml"))?;
    Run::new(arguments.seed, arguments.shown, known, place)?.expressions(arguments.expressions)
}

/// The database of time zones that was installed beside.
fn zones(installed: &Path) -> Result<PathBuf> {
    let library = installed.join("lib");
    for folder in std::fs::read_dir(&library).with_context(|| format!("{} is not there", library.display()))? {
        let zones = folder?.path().join("site-packages/tzdata/zoneinfo");
        if zones.is_dir() {
            return Ok(zones);
        }
    }
    bail!("no time zones below {}", library.display());
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let nanos = SystemTime::UNIX_EPOCH.elapsed().context("the clock is after 1970")?.as_nanos();
        let mut out = Self { expressions: EXPRESSIONS, seed: nanos as u64, shown: SHOWN, installed: PathBuf::new() };
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} has a value"));
            match word.as_str() {
                "--expressions" => out.expressions = value()?.parse().context("--expressions is a number")?,
                "--seed" => out.seed = value()?.parse().context("--seed is a number")?,
                "--show" => out.shown = value()?.parse().context("--show is a number")?,
                "--installed" => out.installed = value()?.into(),
                other => bail!("there is no `{other}`: --expressions N, --seed S, --show N, --installed FOLDER"),
            }
        }
        Ok(out)
    }
}
