//! The command line of `edge-sim`: tells stories of many seeds, says what happened in them, and fails on a broken promise.
//!
//! In: `--seeds N --from S --jobs J`. Out: the seeds, the fault mix, the speed; for each failing seed what broke and the
//! command that tells it again; with `--summary` the same as JSON, for programs. With 300 stories or more, a kind of trouble
//! that never came is a failure, too: a run that never met a fault proves nothing about it. The first story that broke a
//! promise is made short, kept as a file and told; `--story FILE` tells it again.

mod progress;
mod short;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use serde_json::json;

use self::progress::Progress;
use crate::{Ending, Listener, Mix, Script, Violation, retell};

/// From this many stories on, every kind of trouble must have come.
const MIX_MATTERS_FROM: u64 = 300;

/// Tells stories of a whole PoP, each from one seed.
#[derive(Parser, Debug)]
#[command(version, about)]
struct Arguments {
    /// How many stories.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed; the others follow it. Without it, a fresh one.
    #[arg(long)]
    from: Option<u64>,
    /// Threads; each tells a story of its own.
    #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, |n| n.get()))]
    jobs: usize,
    /// Shows every line of each story; for a single one.
    #[arg(long)]
    trace: bool,
    /// Tells the story of a file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "from"])]
    story: Option<PathBuf>,
    /// Does not make the first story that breaks a promise short.
    #[arg(long)]
    no_shrink: bool,
    /// How many stories may be told to make one short.
    #[arg(long, default_value_t = 500, value_name = "N")]
    retellings: u32,
    /// Where short stories are kept.
    #[arg(long, default_value = "target/stories", value_name = "FOLDER")]
    stories: PathBuf,
    /// Ends at the first story that breaks a promise; a mix without some kind of trouble is no failure then.
    #[arg(long)]
    until_first: bool,
    /// Where to write what was found, as JSON.
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

/// What a run found.
#[derive(Default)]
struct Tally {
    mix: Mix,
    lasted: Duration,
    memory_permille: u32,
    stories: u64,
    failures: Vec<Failure>,
}

/// Whose story is told.
#[derive(Clone)]
struct Tale {
    script: Script,
    /// The command that tells it again.
    again: String,
}

/// A story that went wrong.
struct Failure {
    tale: Tale,
    /// What broke first; the story is made short for its sake.
    first: Broken,
    /// What else broke, each promise once.
    others: Vec<Broken>,
}

/// A promise, or `Panic`, and how it was broken.
struct Broken {
    promise: String,
    what: String,
}

/// Runs the program and says how it ended.
pub fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(&format!("edge-sim: {why:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    name_the_seed_on_panic();
    let tales = Tales::new(arguments)?;
    if let Some(mutant) = edge_mutant::active() {
        say(&format!("a bug is planted: {}: {}", mutant.name(), mutant.summary()));
    }
    let begun = Instant::now();
    let tally = Mutex::new(Tally::default());
    let progress = Mutex::new(Progress::new(tales.count, begun));
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= tales.count || is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    let is_clean = one(tales.nth(n), arguments.trace, &tally);
                    if !is_clean && arguments.until_first {
                        is_over.store(true, Ordering::Relaxed);
                    }
                    tell_how_far(&progress, &tally);
                }
            });
        }
    });
    let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    // Threads end in any order.
    tally.failures.sort_by_key(|failure| failure.tale.script.seed());
    let took = begun.elapsed();
    if let Some(path) = &arguments.summary {
        let text = summary(tales.from, &tally, took).to_string();
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(Failure { tale, first, .. }) = tally.failures.first()
        && arguments.story.is_none()
        && !arguments.no_shrink
    {
        short::shorten(&tale.script, &first.promise, arguments.retellings, &arguments.stories)?;
    }
    report(arguments, &tally, took)
}

/// What is told.
struct Tales {
    /// A story out of a file, instead of all others.
    file: Option<Tale>,
    from: u64,
    count: u64,
}

impl Tales {
    fn new(arguments: &Arguments) -> Result<Tales> {
        if let Some(path) = &arguments.story {
            say(&format!("edge-sim: the story {}", path.display()));
            let script = read(path)?;
            let again = format!("--story {}", path.display());
            return Ok(Tales { from: script.seed(), file: Some(Tale { script, again }), count: 1 });
        }
        let from = match arguments.from {
            Some(from) => from,
            None => fresh_seed()?,
        };
        let count = arguments.seeds;
        say(&format!("edge-sim: {count} stories from seed {from} ({} at a time)", arguments.jobs));
        Ok(Tales { file: None, from, count })
    }

    fn nth(&self, n: u64) -> Tale {
        self.file.clone().unwrap_or_else(|| {
            let seed = self.from.wrapping_add(n);
            Tale { script: Script::draw(seed), again: format!("--seeds 1 --from {seed}") }
        })
    }
}

fn read(path: &Path) -> Result<Script> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Script::from_text(&text).with_context(|| path.display().to_string())
}

/// For programs; see `tests/xtask`.
fn summary(from: u64, tally: &Tally, took: Duration) -> serde_json::Value {
    let broken = |b: &Broken| json!({ "promise": b.promise, "what": b.what });
    let one = |f: &Failure| {
        let all = std::iter::once(&f.first).chain(&f.others).map(broken);
        json!({ "seed": f.tale.script.seed(), "broken": all.collect::<Vec<_>>() })
    };
    let failures = tally.failures.iter().map(one);
    json!({
        "from": from,
        "stories": tally.stories,
        "simulated_seconds": tally.lasted.as_secs_f64(),
        "seconds": took.as_secs_f64(),
        "failures": failures.collect::<Vec<_>>(),
    })
}

thread_local! {
    /// The command that tells the story again that this thread tells.
    static AGAIN: Cell<Option<String>> = const { Cell::new(None) };
    /// Panics of this thread are expected.
    static HUSHED: Cell<bool> = const { Cell::new(false) };
}

/// Runs something whose panics are nobody's business.
fn hush<T>(run: impl FnOnce() -> T) -> T {
    HUSHED.set(true);
    let done = run();
    HUSHED.set(false);
    done
}

/// Where panics abort, nothing after them is printed: so the story comes first.
fn name_the_seed_on_panic() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if HUSHED.get() {
            return;
        }
        if let Some(again) = AGAIN.take() {
            say(&format!("PANIC; again: cargo xtask sim {again} --trace"));
        }
        default(info);
    }));
}

/// Tells one story and adds it to the tally; says whether it was clean.
fn one(tale: Tale, trace: bool, tally: &Mutex<Tally>) -> bool {
    AGAIN.set(Some(tale.again.clone()));
    // A panic of the code under test is a finding like any other.
    let mut aloud = |line: &str| say(line);
    let told = catch_unwind(AssertUnwindSafe(|| retell(&tale.script, trace.then_some(&mut aloud as Listener<'_>))));
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    tally.stories += 1;
    let broken = match &told {
        Ok(ending) => {
            tally.mix.add(&ending.mix);
            tally.lasted += ending.lasted;
            tally.memory_permille = tally.memory_permille.max(ending.memory_permille);
            show(&tale, ending);
            each_once(&ending.violations)
        }
        Err(panic) => vec![Broken { promise: "Panic".to_owned(), what: words_of(panic.as_ref()) }],
    };
    let mut broken = broken.into_iter();
    let Some(first) = broken.next() else { return true };
    say(&format!("  again: cargo xtask sim {} --trace", tale.again));
    tally.failures.push(Failure { tale, first, others: broken.collect() });
    false
}

fn tell_how_far(progress: &Mutex<Progress>, tally: &Mutex<Tally>) {
    let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(words) = progress.words(tally.stories, tally.failures.len(), tally.lasted, Instant::now()) {
        say(&words);
    }
}

/// The first violation of each promise, in the order of the story.
fn each_once(violations: &[Violation]) -> Vec<Broken> {
    let is_first = |at: usize, one: &Violation| violations[..at].iter().all(|before| before.promise != one.promise);
    let firsts = violations.iter().enumerate().filter(|(at, one)| is_first(*at, one));
    firsts.map(|(_, one)| Broken { promise: format!("{:?}", one.promise), what: one.what.clone() }).collect()
}

/// What a panic said.
fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}

fn show(tale: &Tale, ending: &Ending) {
    for violation in &ending.violations {
        say(&format!("seed {}: {violation}", tale.script.seed()));
    }
}

fn report(arguments: &Arguments, tally: &Tally, took: Duration) -> Result<()> {
    say(&format!("{}", tally.mix));
    let minutes = tally.lasted.as_secs_f64() / 60.0;
    let a_second = minutes / took.as_secs_f64().max(f64::MIN_POSITIVE);
    let stories = tally.stories;
    let seconds = took.as_secs_f64();
    say(&format!(
        "{stories} stories, {minutes:.1} simulated minutes in {seconds:.1} s: {a_second:.2} simulated minutes a second"
    ));
    say(&format!("the fullest node held {:.1} % of the memory that it may", f64::from(tally.memory_permille) / 10.0));
    if !tally.failures.is_empty() {
        let seeds: Vec<u64> = tally.failures.iter().map(|failure| failure.tale.script.seed()).collect();
        bail!("{} of {stories} stories broke a promise: seeds {:?}", tally.failures.len(), seeds);
    }
    let never = tally.mix.never();
    if stories >= MIX_MATTERS_FROM && !arguments.until_first && !never.is_empty() {
        bail!("this never happened in {stories} stories, so nothing is known about it: {}", never.join(", "));
    }
    Ok(())
}

/// Eight bytes of the system's randomness, fewer than a person would mind to copy.
fn fresh_seed() -> Result<u64> {
    let mut bytes = [0; 8];
    let random = ring::rand::SystemRandom::new();
    if ring::rand::SecureRandom::fill(&random, &mut bytes).is_err() {
        bail!("the system has no randomness; name a seed with `--from`");
    }
    Ok(u64::from_le_bytes(bytes) >> 24)
}

#[allow(clippy::print_stdout, reason = "a console program")]
fn say(line: &str) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Promise;

    #[test]
    fn a_promise_that_broke_twice_is_told_once_and_by_its_first_time() {
        let violation = |promise, what: &str| Violation { promise, at: Duration::ZERO, what: what.to_owned() };
        let broke = [
            violation(Promise::P1, "lost"),
            violation(Promise::P6, "two revisions"),
            violation(Promise::P1, "lost again"),
        ];
        let told: Vec<(String, String)> = each_once(&broke).into_iter().map(|one| (one.promise, one.what)).collect();
        let said = [("P1", "lost"), ("P6", "two revisions")].map(|(promise, what)| (promise.into(), what.into()));
        assert_eq!(told, said);
    }
}
