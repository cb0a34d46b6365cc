//! The log of seeds: which stories were told of which commit, on what, how fast, and whether they were clean.
//!
//! What comes in: a run of the simulator (its arguments, its summary), the commit. What goes out: one more line of
//! `tests/edge-sim/seeds.log`, and never another change of it. A run of a tree that differs from its commit is not kept: nobody
//! could tell it again. Deliberately absent: the stories; a seed and a commit are enough to tell each of them again.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::tools;

/// One run. `fmt` and `parse` are each other's inverse.
#[derive(Clone, PartialEq, Debug)]
struct Run {
    /// As `2026-11-28`.
    date: String,
    commit: String,
    /// The first seed; the others follow it.
    from: u64,
    stories: u64,
    /// Simulated ones.
    minutes: f64,
    /// Simulated minutes in a second of real time.
    minutes_a_second: f64,
    /// Stories of all runs so far, this one included.
    so_far: u64,
    is_clean: bool,
    /// In words.
    machine: String,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.is_clean { "clean" } else { "broken" };
        let Run { date, commit, from, stories, minutes, minutes_a_second, so_far, machine, .. } = self;
        write!(
            f,
            "{date} {commit:<9} {from:>13} {stories:>8} {minutes:>9.1} {minutes_a_second:>6.2} {so_far:>9} {outcome:<6} {machine}"
        )
    }
}

impl Run {
    fn parse(line: &str) -> Result<Run> {
        let mut words = line.split_whitespace();
        let mut word = |what: &str| words.next().with_context(|| format!("`{line}` has no {what}"));
        let (date, commit) = (word("date")?.to_owned(), word("commit")?.to_owned());
        let (from, stories) = (word("seed")?.parse()?, word("number of stories")?.parse()?);
        let (minutes, minutes_a_second) = (word("minutes")?.parse()?, word("speed")?.parse()?);
        let so_far = word("sum")?.parse()?;
        let is_clean = match word("outcome")? {
            "clean" => true,
            "broken" => false,
            other => bail!("`{other}` is no outcome: {line}"),
        };
        let machine = words.collect::<Vec<_>>().join(" ");
        Ok(Run { date, commit, from, stories, minutes, minutes_a_second, so_far, is_clean, machine })
    }
}

/// A log that is about to get one more line.
pub(crate) struct Log {
    commit: String,
}

impl Log {
    /// For a run of the tree as it is now.
    ///
    /// # Errors
    /// The tree is not that of its commit.
    pub(crate) fn begin() -> Result<Log> {
        // The log itself may have got lines since.
        let dirty = git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":!tests/edge-sim/seeds.log"])?;
        if !dirty.is_empty() {
            bail!("the log keeps runs of commits, and this tree differs from its own:\n{dirty}");
        }
        let log = Log { commit: git(&["rev-parse", "--short=9", "HEAD"])? };
        // What an earlier run left must not be taken for this one's.
        match std::fs::remove_file(log.summary()) {
            Err(why) if why.kind() != ErrorKind::NotFound => Err(why).context("the summary before"),
            _ => Ok(log),
        }
    }

    /// Where the simulator is to write its summary.
    pub(crate) fn summary(&self) -> PathBuf {
        tools::target_dir().join("seeds.json")
    }

    /// Appends the line of the run that wrote the summary. `ended_well`: it said so itself; that a kind of trouble never came is
    /// no failure of a story, and yet not clean.
    pub(crate) fn end(self, ended_well: bool) -> Result<()> {
        let text = std::fs::read_to_string(self.summary()).context("the simulator wrote no summary")?;
        let value: Value = serde_json::from_str(&text)?;
        let number = |name: &str| value[name].as_f64().with_context(|| format!("the summary has no `{name}`"));
        let whole = |name: &str| value[name].as_u64().with_context(|| format!("the summary has no `{name}`"));
        let log = std::fs::read_to_string(path()).context("tests/edge-sim/seeds.log")?;
        let before = runs(&log)?.last().map_or(0, |run| run.so_far);
        let minutes = number("simulated_seconds")? / 60.0;
        let run = Run {
            date: output("date", &["-u", "+%F"])?,
            commit: self.commit,
            from: whole("from")?,
            stories: whole("stories")?,
            minutes,
            minutes_a_second: minutes / number("seconds")?.max(f64::MIN_POSITIVE),
            so_far: before + whole("stories")?,
            is_clean: ended_well && value["failures"].as_array().is_some_and(Vec::is_empty),
            machine: machine(),
        };
        std::fs::write(path(), format!("{log}{run}\n"))?;
        println!("logged: {run}");
        Ok(())
    }
}

fn path() -> PathBuf {
    tools::root().join("tests/edge-sim/seeds.log")
}

/// All runs of a log; lines that begin with `#` are for its reader.
fn runs(log: &str) -> Result<Vec<Run>> {
    log.lines().filter(|line| !line.starts_with('#')).map(Run::parse).collect()
}

/// Its cores and their make.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1).map(str::trim));
    format!("{cores} cores, {}", model.unwrap_or("of unknown make"))
}

fn git(arguments: &[&str]) -> Result<String> {
    output("git", arguments)
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).current_dir(tools::root()).output();
    let output = output.with_context(|| format!("`{program}` does not start"))?;
    if !output.status.success() {
        bail!("`{program} {}`: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_committed_log_reads_and_its_sums_add_up() {
        let log = std::fs::read_to_string(path()).unwrap();
        let (mut sum, mut told) = (0, BTreeMap::<String, Vec<std::ops::Range<u64>>>::new());
        for (line, run) in log.lines().filter(|line| !line.starts_with('#')).zip(runs(&log).unwrap()) {
            assert_eq!(run.to_string(), line);
            sum += run.stories;
            assert_eq!(run.so_far, sum, "{run}");
            assert!(run.stories > 0 && run.minutes > 0.0 && run.minutes_a_second > 0.0, "{run}");
            // A seed that was told before is no fresh one.
            let seeds = run.from..run.from + run.stories;
            let before = told.entry(run.commit.clone()).or_default();
            assert!(before.iter().all(|b| b.end <= seeds.start || seeds.end <= b.start), "{run}");
            before.push(seeds);
        }
    }

    #[test]
    fn a_line_leads_back_to_its_run() {
        let run = Run {
            date: "2026-11-28".to_owned(),
            commit: "7491e8f12".to_owned(),
            from: 995_884_738_053,
            stories: 20_000,
            minutes: 3_401.5,
            minutes_a_second: 21.53,
            so_far: 120_000,
            is_clean: false,
            machine: "2 cores, of unknown make".to_owned(),
        };
        assert_eq!(Run::parse(&run.to_string()).unwrap(), run);
        let said = Run::parse("2026-11-28 7491e8f12 1 2 3 4 5 fine 2 cores").unwrap_err().to_string();
        assert!(said.starts_with("`fine` is no outcome"), "{said}");
        assert!(Run::parse("2026-11-28").is_err());
    }
}
