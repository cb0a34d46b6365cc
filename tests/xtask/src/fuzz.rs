//! Long runs of the fuzz targets, under libFuzzer.
//!
//! What comes in: a target of `tests/fuzz`, how many executions or how long, how many processes. What goes out:
//! `edge-fuzz` built with instrumented code of ours, a corpus that grows under `target/fuzz-runs/TARGET`, a line of
//! progress now and then, and a summary; findings make it fail. A run that is begun again goes on with the corpus it
//! left.
//!
//! Only our own crates are instrumented: cargo hands their compilations to this very program ([`as_compiler`]), because
//! each branch that is counted costs every execution. Deliberately absent: priorities; to give way to everybody else,
//! run it under `chrt -i 0 nice -n 19`.

mod corpus;
mod jobs;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::tools;

/// Set for the compilations of our own crates.
const COMPILER_VARIABLE: &str = "EDGE_FUZZ_COMPILES";

/// What libFuzzer reads while our code runs: which branches were taken, and what was compared with what.
const INSTRUMENTS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=16",
];

/// What was asked for.
struct Asked<'a> {
    target: &'a str,
    runs: Option<u64>,
    time: Option<Duration>,
    jobs: u64,
}

/// A built target and where its run lives.
struct Run {
    target: String,
    program: PathBuf,
    /// `target/fuzz-runs/TARGET`.
    folder: PathBuf,
    /// What it was built from.
    commit: String,
}

/// `cargo xtask fuzz ...`
pub(crate) fn fuzz(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["--minimise", target] => corpus::minimise(&Run::build(target)?),
        [target, rest @ ..] if !target.starts_with('-') => {
            let asked = Asked::read(target, rest)?;
            let run = Run::build(target)?;
            corpus::begin(&run)?;
            jobs::run(&run, &asked)
        }
        _ => bail!("say `cargo xtask fuzz TARGET [--runs N | --for 1h] [--jobs J]` or `--minimise TARGET`"),
    }
}

impl<'a> Asked<'a> {
    fn read(target: &'a str, mut rest: &[&str]) -> Result<Asked<'a>> {
        let mut asked = Asked { target, runs: None, time: None, jobs: 1 };
        while let [option, value, after @ ..] = rest {
            match *option {
                "--runs" => asked.runs = Some(value.replace('_', "").parse().context("--runs takes a number")?),
                "--for" => asked.time = Some(duration(value)?),
                "--jobs" => asked.jobs = value.parse().context("--jobs takes a number")?,
                other => bail!("`{other}` is not known; known are --runs, --for, --jobs"),
            }
            rest = after;
        }
        ensure!(rest.is_empty(), "`{}` lacks its value", rest[0]);
        ensure!(asked.jobs >= 1, "--jobs takes at least 1");
        Ok(asked)
    }
}

/// `90s`, `20m`, `1h`.
fn duration(text: &str) -> Result<Duration> {
    let seconds = [("s", 1), ("m", 60), ("h", 3600)].into_iter().find_map(|(unit, seconds)| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(count * seconds)
    });
    Ok(Duration::from_secs(seconds.with_context(|| format!("`{text}` is no duration: say 90s, 20m or 1h"))?))
}

impl Run {
    /// Builds `edge-fuzz` with this target alone.
    fn build(target: &str) -> Result<Run> {
        let commit = jobs::commit();
        let features = format!("libfuzzer,{target}");
        println!("building edge-fuzz with target {target}, our crates instrumented");
        let status = tools::cargo("cargo")
            .args(["build", "--quiet", "--locked", "--profile", "fuzz", "-p", "edge-fuzz", "--no-default-features"])
            .args(["--features", &features])
            .current_dir(tools::root())
            .env("RUSTC_WORKSPACE_WRAPPER", std::env::current_exe().context("where am I?")?)
            .env(COMPILER_VARIABLE, "1")
            .status()
            .context("cargo does not start")?;
        ensure!(
            status.success(),
            "edge-fuzz with target {target} does not build; `tests/fuzz/README.md` lists the targets"
        );
        let folder = tools::target_dir().join("fuzz-runs").join(target);
        std::fs::create_dir_all(&folder)?;
        // The next target's build takes the place of the program; a run under way keeps its own.
        let program = folder.join("edge-fuzz");
        let _ = std::fs::remove_file(&program);
        std::fs::copy(tools::target_dir().join("fuzz/edge-fuzz"), &program)?;
        Ok(Run { target: target.to_owned(), program, folder, commit })
    }

    fn corpus(&self) -> PathBuf {
        self.folder.join("corpus")
    }

    fn findings(&self) -> PathBuf {
        self.folder.join("findings")
    }
}

/// Stands in for the compiler where cargo compiles one of our crates for [`Run::build`]; `None` where this is no such
/// call.
pub(crate) fn as_compiler() -> Option<ExitCode> {
    std::env::var_os(COMPILER_VARIABLE)?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (compiler, rest) = arguments.split_first()?;
    // Programs that run while building have nobody who would read the counters.
    let is_build_script = rest.windows(2).any(|two| two[0] == "--crate-name" && two[1].starts_with("build_script"));
    let instruments: &[&str] = if is_build_script { &[] } else { &INSTRUMENTS };
    let status = Command::new(compiler).args(rest).args(instruments).status().ok()?;
    Some(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
