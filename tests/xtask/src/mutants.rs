//! Proves that the suite catches what it is there to catch: every planted bug, one after the other, and nothing where none is.
//!
//! What comes in: names of mutants, or none for all. What goes out: a table (mutant, the promise that caught it, after how many
//! stories), how long each part took, and a failure where one survives or where the clean code is found wanting; which
//! comes last, so that the table is whole. What a whole site shows is left to the simulator, with fresh seeds; what it cannot
//! show, to tests by name. Everything is built once, with all mutants in it. Deliberately absent: what is wrong in a
//! mutant, and where; `router/edge-mutant` says the one, `mutant!` in the code the other.

mod found;
mod hunt;
mod programs;
mod suite;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use edge_mutant::Mutant;

use self::found::{Broken, Finding};
use self::hunt::{Code, Hunt, Seeds};
use self::programs::Verdict;
use self::suite::{Suite, Test, suite};
use crate::tools;

/// A mutant that so many stories have not caught has survived. Of nine hunts for each none took a fiftieth of it.
const STORIES_MAX: u64 = 5_000;
/// Stories of the clean code, which must all be clean.
const CLEAN_STORIES: u64 = 300;

/// A row shows so many of what did not count.
const BESIDE_MAX: usize = 3;

/// One line of the table.
struct Row {
    mutant: &'static str,
    /// `None`: it survived.
    caught: Option<Broken>,
    /// Of the simulator.
    stories: Option<u64>,
    took: Duration,
    /// What failed for another reason than the mutant is there for.
    accidents: Vec<String>,
    /// What failed without the mutant, too.
    wanting: Vec<String>,
}

/// Runs the suite against the mutants of these names; against all, where there is none.
pub(crate) fn run(names: &[&str]) -> Result<()> {
    let wanted = wanted(names)?;
    let mut parts = Parts::default();
    parts.time("the simulator's build", programs::build_simulator)?;
    for mutant in &wanted {
        if let Suite::Test(test) = suite(*mutant) {
            parts.time("the tests' build", || programs::build_test(test))?;
        }
    }
    println!("\n== The suite catches every planted bug, and finds none where there is none");
    let mut wanting = parts.time("clean stories", clean_stories)?;
    let mut alive = Vec::new();
    for mutant in &wanted {
        let row = match suite(*mutant) {
            Suite::Simulator(promises) => parts.time("planted stories", || simulate(*mutant, promises))?,
            Suite::Test(test) => parts.time("tests", || by_test(*mutant, test))?,
        };
        println!("{row}");
        if row.caught.is_none() {
            alive.push(row.mutant);
        }
        wanting.extend(row.wanting);
    }
    println!("== {} of {} caught; {parts}", wanted.len() - alive.len(), wanted.len());
    conclude(&alive, &wanting)
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

/// What the clean code breaks, with the mutants built in and none of them active.
fn clean_stories() -> Result<Vec<String>> {
    let found = programs::tell(None, Seeds { from: None, count: CLEAN_STORIES })?;
    let wanting: Vec<String> = found.findings.iter().map(describe).collect();
    let outcome = if wanting.is_empty() { "clean" } else { "FOUND WANTING" };
    println!("{:<28}{outcome:<16}{:>7} stories, from seed {}", "(none)", found.stories, found.from);
    wanting.iter().for_each(|what| println!("{:>28}{what}", ""));
    Ok(wanting)
}

/// A story that is kept under a mutant's name shows it, or it shows nothing any more.
fn kept_story(mutant: Mutant, promises: &[&str]) -> Result<Option<String>> {
    let file = tools::root().join("tests/edge-sim/stories").join(format!("{}.story", mutant.name()));
    if !file.exists() {
        return Ok(None);
    }
    let found = programs::tell_file(mutant, &file)?;
    let breaks = |promise: &&str| found.findings.iter().any(|f| f.broken.iter().any(|b| b.promise == **promise));
    let fault = format!("{} breaks no promise that its mutant is made to break", file.display());
    Ok((!promises.iter().any(breaks)).then_some(fault))
}

fn simulate(mutant: Mutant, promises: &[&str]) -> Result<Row> {
    let begun = Instant::now();
    let mut tell = |code: Code, seeds| programs::tell((code == Code::Planted).then_some(mutant), seeds);
    let Hunt { stories, caught, accidents, wanting } =
        hunt::hunt(promises, STORIES_MAX, &mut tell).with_context(|| format!("with {} planted", mutant.name()))?;
    let blind = kept_story(mutant, promises)?;
    Ok(Row {
        mutant: mutant.name(),
        caught: caught.map(|caught| caught.by),
        stories: Some(stories),
        took: begun.elapsed(),
        accidents: accidents.iter().map(describe).collect(),
        wanting: wanting.iter().map(describe).chain(blind).collect(),
    })
}

fn by_test(mutant: Mutant, test: Test) -> Result<Row> {
    let begun = Instant::now();
    let planted = programs::run_test(Some(mutant), test)?;
    let clean = programs::run_test(None, test)?;
    let words = |verdict: &Verdict| match verdict {
        Verdict::Failed(words) => vec![format!("{} fails otherwise:\n{words}", test.name)],
        Verdict::Broken => vec![format!("{} fails", test.name)],
        Verdict::Passed => Vec::new(),
    };
    let is_caught = (&planted, &clean) == (&Verdict::Broken, &Verdict::Passed);
    Ok(Row {
        mutant: mutant.name(),
        caught: is_caught.then(|| Broken { promise: "a test".to_owned(), what: test.name.to_owned() }),
        stories: None,
        took: begun.elapsed(),
        accidents: if planted == Verdict::Broken { Vec::new() } else { words(&planted) },
        wanting: words(&clean),
    })
}

/// With the seed, which tells the story again.
fn describe(finding: &Finding) -> String {
    let broken = finding.broken.iter().map(|broken| format!("{}: {}", broken.promise, excerpt(&broken.what)));
    format!("seed {} breaks {}", finding.seed, broken.collect::<Vec<_>>().join("; "))
}

fn excerpt(words: &str) -> String {
    words.chars().take(90).collect()
}

/// Whether the suite is as good as it should be. Where the clean code is found wanting, nothing else can be known.
fn conclude(alive: &[&str], wanting: &[String]) -> Result<()> {
    let mut faults = Vec::new();
    if !wanting.is_empty() {
        let again = "each again with `cargo xtask sim --seeds 1 --from SEED`";
        faults.push(format!(
            "the clean code is found wanting, with no bug planted ({again}):\n  {}",
            wanting.join("\n  ")
        ));
    }
    if !alive.is_empty() {
        faults.push(format!("nothing caught {}: strengthen a checker", alive.join(", ")));
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    Ok(())
}

/// How long each part took.
#[derive(Default)]
struct Parts(Vec<(&'static str, Duration)>);

impl Parts {
    fn time<T>(&mut self, part: &'static str, run: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = run();
        self.add(part, begun.elapsed());
        done
    }

    fn add(&mut self, part: &'static str, took: Duration) {
        match self.0.iter_mut().find(|(known, _)| *known == part) {
            Some((_, sum)) => *sum += took,
            None => self.0.push((part, took)),
        }
    }
}

impl std::fmt::Display for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = self.0.iter().map(|(part, took)| format!("{part} {:.0} s", took.as_secs_f64()));
        f.write_str(&parts.collect::<Vec<_>>().join(", "))
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (promise, what) = match &self.caught {
            Some(by) => (by.promise.as_str(), excerpt(&by.what)),
            None => ("SURVIVED", String::new()),
        };
        let stories = self.stories.map_or_else(String::new, |stories| format!("{stories} stories"));
        write!(f, "{:<28}{promise:<10}{stories:>14}{:>7.1} s  {what}", self.mutant, self.took.as_secs_f64())?;
        let beside =
            [("by accident, which does not count", &self.accidents), ("without the mutant, too", &self.wanting)];
        for (how, told) in beside {
            for one in told.iter().take(BESIDE_MAX) {
                write!(f, "\n{:>28}{how}: {one}", "")?;
            }
            if let Some(more @ 1..) = told.len().checked_sub(BESIDE_MAX) {
                write!(f, "\n{:>28}{how}: {more} more", "")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::tools;

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

    #[test]
    fn who_survives_and_what_the_clean_code_breaks_are_both_told() {
        assert!(conclude(&[], &[]).is_ok());
        let said = |alive: &[&str], wanting: &[&str]| {
            conclude(alive, &wanting.iter().map(|what| (*what).to_owned()).collect::<Vec<_>>()).unwrap_err().to_string()
        };
        assert_eq!(said(&["a", "b"], &[]), "nothing caught a, b: strengthen a checker");
        let both = said(&["a"], &["seed 7 breaks P1: lost"]);
        assert!(
            both.starts_with("the clean code is found wanting, ") && both.contains("\n  seed 7 breaks P1: lost\n"),
            "{both}"
        );
        assert!(both.ends_with("nothing caught a: strengthen a checker"), "{both}");
    }

    #[test]
    fn a_row_tells_what_did_not_count() {
        let by = Broken { promise: "P1".to_owned(), what: "lost".to_owned() };
        let accident =
            describe(&Finding { seed: 7, broken: vec![by.clone(), Broken { promise: "P8".into(), ..by.clone() }] });
        let row = Row {
            mutant: "a",
            caught: None,
            stories: Some(20),
            took: Duration::from_secs(2),
            accidents: vec![accident],
            wanting: vec![],
        };
        let said = row.to_string();
        assert!(said.contains("SURVIVED") && said.contains("20 stories"), "{said}");
        assert!(said.ends_with("by accident, which does not count: seed 7 breaks P1: lost; P8: lost"), "{said}");
        let many = (0..5).map(|seed| format!("seed {seed}")).collect();
        let row = Row { accidents: many, ..row };
        assert!(
            row.to_string()
                .ends_with("not count: seed 2\n                            by accident, which does not count: 2 more")
        );
        let said = Row { caught: Some(by), accidents: vec![], wanting: vec!["seed 9".into()], ..row }.to_string();
        assert!(said.contains("P1") && said.ends_with("without the mutant, too: seed 9"), "{said}");
    }

    #[test]
    fn parts_of_one_name_are_added_up() {
        let mut parts = Parts::default();
        for (part, seconds) in [("stories", 2), ("tests", 5), ("stories", 3)] {
            parts.add(part, Duration::from_secs(seconds));
        }
        assert_eq!(parts.to_string(), "stories 5 s, tests 5 s");
    }
}
