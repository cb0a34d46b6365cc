//! `edge-sim`: tells stories of many seeds, says what happened in them, and fails on a broken promise.
//!
//! In: `--seeds N --from S --jobs J`. Out: the seeds, the fault mix, the speed; for each failing seed what broke and the
//! command that tells it again. With 100 stories or more, a kind of trouble that never came is a failure, too: a run that
//! never met a fault proves nothing about it.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Parser;
use edge_sim::{Ending, Listener, Mix, tell};

/// From this many stories on, every kind of trouble must have come.
const MIX_MATTERS_FROM: u64 = 100;

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
    /// Shows every line of each story; for a single seed.
    #[arg(long)]
    trace: bool,
}

/// What a run found.
#[derive(Default)]
struct Tally {
    mix: Mix,
    lasted: Duration,
    memory_permille: u32,
    stories: u64,
    failures: Vec<u64>,
}

fn main() -> ExitCode {
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
    let from = match arguments.from {
        Some(from) => from,
        None => fresh_seed()?,
    };
    let seeds = arguments.seeds;
    say(&format!("edge-sim: {seeds} stories from seed {from} ({} at a time)", arguments.jobs));
    let begun = Instant::now();
    let tally = Mutex::new(Tally::default());
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= seeds {
                        return;
                    }
                    one(from.wrapping_add(n), arguments.trace, &tally);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    report(&tally, begun.elapsed())
}

thread_local! {
    /// The seed of the story that this thread tells.
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Where panics abort, nothing after them is printed: so the seed comes first.
fn name_the_seed_on_panic() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if let Some(seed) = SEED.get() {
            say(&format!("seed {seed}: PANIC; again: cargo run -p edge-sim -- --seeds 1 --from {seed} --trace"));
        }
        default(info);
    }));
}

/// Tells one story and adds it to the tally.
fn one(seed: u64, trace: bool, tally: &Mutex<Tally>) {
    SEED.set(Some(seed));
    // A panic of the code under test is a finding like any other.
    let mut aloud = |line: &str| say(line);
    let told = catch_unwind(AssertUnwindSafe(|| tell(seed, trace.then_some(&mut aloud as Listener<'_>))));
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    tally.stories += 1;
    let failed = match &told {
        Ok(ending) => {
            tally.mix.add(&ending.mix);
            tally.lasted += ending.lasted;
            tally.memory_permille = tally.memory_permille.max(ending.memory_permille);
            show(seed, ending);
            !ending.violations.is_empty()
        }
        Err(_) => true,
    };
    if failed {
        tally.failures.push(seed);
        say(&format!("  again: cargo run -p edge-sim -- --seeds 1 --from {seed} --trace"));
    }
}

fn show(seed: u64, ending: &Ending) {
    for violation in &ending.violations {
        say(&format!("seed {seed}: {violation}"));
    }
}

fn report(tally: &Tally, took: Duration) -> Result<()> {
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
        bail!("{} of {stories} stories broke a promise: seeds {:?}", tally.failures.len(), tally.failures);
    }
    let never = tally.mix.never();
    if stories >= MIX_MATTERS_FROM && !never.is_empty() {
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
