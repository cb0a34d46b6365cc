//! The processes of a long run, and what is told of them.
//!
//! What comes in: a built target and how much is asked of it. What goes out: progress, and a summary line in the form
//! of the table of `tests/fuzz/campaigns.md`. Each process writes its log beside the corpus; all share the corpus and
//! read what the others find.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Asked, Run, corpus};
use crate::tools;

/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(30);
/// How often to look whether a process has ended.
const LOOK: Duration = Duration::from_secs(1);

/// What libFuzzer said last.
#[derive(Clone, Copy, Default)]
struct Said {
    executions: u64,
    coverage: u64,
    inputs: u64,
}

/// Runs until every process has ended.
pub(super) fn run(run: &Run, asked: &Asked<'_>) -> Result<()> {
    let known = corpus::files(&run.findings())?.len();
    // What was built until now is no part of it.
    let (begun, cpu_before_s) = (Instant::now(), children_cpu_s());
    let mut jobs = (0..asked.jobs).map(|n| Ok((start(run, asked, n)?, log(run, n)))).collect::<Result<Vec<_>>>()?;
    let mut told = Instant::now();
    while jobs.iter_mut().any(|(child, _)| matches!(child.try_wait(), Ok(None))) {
        std::thread::sleep(LOOK);
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            let said = all_said(&jobs);
            let (seconds, Said { executions, coverage, inputs }) = (begun.elapsed().as_secs(), said);
            println!("{}: {seconds} s, {executions} executions, {coverage} branches, {inputs} inputs", run.target);
        }
    }
    let is_well = jobs.iter_mut().all(|(child, _)| child.wait().is_ok_and(|status| status.success()));
    let Said { executions, coverage, inputs } = all_said(&jobs);
    let findings = corpus::files(&run.findings())?;
    let (fresh, cpu_s) = (findings.len() - known.min(findings.len()), children_cpu_s() - cpu_before_s);
    println!("\n| date | commit | target | executions | CPU s | branches | inputs | findings |");
    println!(
        "| {} | {} | {} | {executions} | {cpu_s} | {coverage} | {inputs} | {fresh} |",
        date(),
        run.commit,
        run.target
    );
    for file in findings.iter().rev().take(fresh) {
        println!("look at it: cargo run -p edge-fuzz -- {} {}", run.target, file.display());
    }
    if !is_well || fresh > 0 {
        bail!("{}: {fresh} findings; the logs are in {}", run.target, run.folder.display());
    }
    Ok(())
}

fn start(run: &Run, asked: &Asked<'_>, n: u64) -> Result<Child> {
    let log = File::create(log(run, n))?;
    let mut command = Command::new(&run.program);
    command.arg(asked.target).arg(run.corpus());
    command.arg(format!("-artifact_prefix={}/", run.findings().display()));
    // The clock of a timeout goes on while others have the processor: it is generous.
    command.args(["-print_final_stats=1", "-timeout=120", "-rss_limit_mb=4096", "-reload=10"]);
    if let Some(runs) = asked.runs {
        command.arg(format!("-runs={}", runs.div_ceil(asked.jobs)));
    }
    if let Some(time) = asked.time {
        command.arg(format!("-max_total_time={}", time.as_secs()));
    }
    if asked.runs.is_none() && asked.time.is_none() {
        command.arg("-max_total_time=60");
    }
    command.stdout(Stdio::null()).stderr(log).spawn().context("edge-fuzz does not start")
}

fn log(run: &Run, n: u64) -> PathBuf {
    run.folder.join(format!("job-{n}.log"))
}

/// Executions of all processes; branches and inputs of the one that knows most.
fn all_said(jobs: &[(Child, PathBuf)]) -> Said {
    let said = jobs.iter().map(|(_, log)| read(&fs::read(log).unwrap_or_default()));
    said.fold(Said::default(), |all, one| Said {
        executions: all.executions + one.executions,
        coverage: all.coverage.max(one.coverage),
        inputs: all.inputs.max(one.inputs),
    })
}

/// The newest figures of a log: lines as `#4096 pulse cov: 412 ft: 890 corp: 76/2Kb ...`.
fn read(log: &[u8]) -> Said {
    let mut said = Said::default();
    for line in String::from_utf8_lossy(log).lines().filter(|line| line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let number = |text: &str| text.split('/').next().and_then(|digits| digits.parse().ok());
        said.executions = words.next().and_then(|word| number(&word[1..])).unwrap_or(said.executions);
        while let Some(word) = words.next() {
            match word {
                "cov:" => said.coverage = words.next().and_then(number).unwrap_or(said.coverage),
                "corp:" => said.inputs = words.next().and_then(number).unwrap_or(said.inputs),
                _ => {}
            }
        }
    }
    said
}

/// Processor time of the children that have ended, in seconds: fields 16 and 17 of `proc(5)`'s stat, in hundredths.
fn children_cpu_s() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<u64> = after_name.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    // The state, right behind the name, is field 3.
    fields.iter().skip(16 - 3).take(2).sum::<u64>() / 100
}

pub(super) fn commit() -> String {
    said_by("git", &["rev-parse", "--short", "HEAD"])
}

fn date() -> String {
    said_by("date", &["-u", "+%Y-%m-%d"])
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(tools::root()).output();
    output.map_or_else(|_| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_figures_are_read() {
        let log = b"INFO: seed\n#2\tINITED cov: 4 ft: 5 corp: 1/1b\n#8192\tpulse  cov: 12 ft: 20 corp: 7/31b lim: 4\n\
                    #9001\tDONE   cov: 13 ft: 20 corp: 8/40b\nDone 9001 runs\n";
        let Said { executions, coverage, inputs } = read(log);
        assert_eq!((executions, coverage, inputs), (9001, 13, 8));
        assert_eq!(read(b"").executions, 0);
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(super::super::duration("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(super::super::duration("1h").unwrap(), Duration::from_secs(3600));
        assert!(super::super::duration("1").is_err());
    }
}
