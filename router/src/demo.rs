//! The demo: a whole daemon with players, made on the spot.
//!
//! ```text
//! cast (certificate, keys) -> stage (the daemon, in a fresh folder) -> roles -> troupe (clients, real QUIC)
//!     (a recording by its own clock: score -> conductor -> the same clients, step by step)
//!     -> figures, looked at while it plays -> everything receipted, drained -> summary, verdict
//! ```
//!
//! What comes in: [`Options`]; nothing else is needed, since catalogue and rules are built in. What goes out: a view or lines, a
//! summary, and an exit code: 0 where every promise was kept, 1 where one was broken or something failed, 2 where the options
//! ask for what cannot be. Deliberately absent: a second way to start a daemon; this one starts as `run` does.

mod cast;
mod conductor;
mod course;
mod dice;
mod embedded;
mod export;
mod figures;
mod given;
mod lines;
mod lobby;
mod mix;
mod players;
mod recorded;
mod roles;
mod score;
mod script;
mod stage;
mod summary;
mod view;
mod watch;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use edge_door::{Clock as _, Entropy as _};
use edge_io::{ProcessClock, SystemClock, SystemEntropy};
use rules_catalogue::Catalogue;

use cast::Cast;
use conductor::Conductor;
use figures::Figures;
use given::{Given, Swap};
use players::{Role, Troupe};
use score::Score;
use stage::{Stage, Terms};
use summary::{OnDisk, Play, Summary};
use watch::{Show, Watch};

/// What the demo is told.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// How many players are simulated, each on a connection of its own.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    players: u32,
    /// How long to play, e.g. `30s`, `2min`; by default until `q` or Ctrl-C, and 10 s where nobody watches.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    play_for: Option<Duration>,
    /// The seed of the simulated players; by default another one each time.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many recorded seconds pass in one: 10 for simulated players; a recording is played as fast as it goes.
    #[arg(long, value_name = "N", value_parser = speed)]
    speed: Option<f64>,
    /// Play a recording (gzip, one JSON event a line), each of its players on a connection of its own.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["players", "seed"])]
    events: Option<PathBuf>,
    /// Send the recording's camera, selection and control-group events reliably, too.
    #[arg(long, requires = "events")]
    all_reliable: bool,
    /// Play the recording by its own clock: every event goes reliably and is dated as recorded, for clients and daemon alike, so that
    /// windows and cooldowns see recorded time, and what is ordered equals `edgectl rules replay` of the same file.
    #[arg(long, requires = "events", conflicts_with_all = ["speed", "all_reliable"])]
    recorded_time: bool,
    /// With --recorded-time: how often each player's connection is dropped in the middle, with whatever is on the way.
    #[arg(long, value_name = "N", requires = "recorded_time", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    reconnects: u32,
    /// Play a recording to these rules instead of the demo's own: a signed bundle.
    #[arg(long, value_name = "FILE", requires_all = ["events", "keys"])]
    bundle: Option<PathBuf>,
    /// The public keys, one of which signed the bundle.
    #[arg(long, value_name = "FILE", requires = "bundle")]
    keys: Option<PathBuf>,
    /// With --recorded-time: load another bundle before the first event at a time, e.g. `2026-01-01T02:00:00Z=new.bundle`.
    #[arg(long = "swap", value_name = "TIME=FILE", requires_all = ["recorded_time", "bundle"], value_parser = given::swap)]
    swaps: Vec<Swap>,
    /// Lines of text, even on a terminal.
    #[arg(long)]
    no_tui: bool,
    /// One JSON object with all figures on standard output, at the end.
    #[arg(long)]
    json: bool,
    /// Write config, catalogue, rules, certificate, keys and tokens into this empty folder to start from, and end.
    #[arg(long, value_name = "DIR", exclusive = true)]
    write: Option<PathBuf>,
}

/// How fast simulated players play: ten seconds of play in one, so that matches end while one watches.
const SIMULATED_SPEED: f64 = 10.0;
/// How long a demo lasts that nobody watches.
const UNWATCHED: Duration = Duration::from_secs(10);
/// Exit codes: a promise was broken, or something failed; nothing was started.
const BROKEN: u8 = 1;
const REFUSED: u8 = 2;
/// At the end: how long receipts may take.
const RECEIPTS_WITHIN: Duration = Duration::from_secs(60);
/// From this speed on players do more than a player may.
const WIDE_FROM: f64 = 20.0;

/// What will be played.
struct Plan {
    catalogue: Arc<Catalogue>,
    play: Play,
    roles: Vec<Role>,
    /// Of a recording.
    events: Option<u64>,
    given: Option<Given>,
    by_clock: Option<ByClock>,
}

/// What a recording needs that is played by its own clock.
struct ByClock {
    score: Score,
    swaps: Vec<(i64, Vec<u8>)>,
}

/// Plays the demo, or writes the folder.
pub(crate) fn run(options: Options) -> ExitCode {
    if let Some(directory) = &options.write {
        return match write(directory) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => failed(&why, REFUSED),
        };
    }
    let plan = match Plan::new(&options) {
        Ok(plan) => plan,
        Err(why) => return failed(&why, REFUSED),
    };
    match plan.play(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(BROKEN),
        Err(why) => failed(&why, BROKEN),
    }
}

fn failed(why: &anyhow::Error, code: u8) -> ExitCode {
    say_aside(&format!("demo: {why:#}"));
    ExitCode::from(code)
}

fn write(directory: &Path) -> Result<()> {
    export::write(directory, &Cast::make()?, &embedded::catalogue(), SystemClock.unix_millis())?;
    let shown = directory.display();
    say(&format!(
        "wrote {shown}\n\n    edge-router run --config {shown}/{}\n\nand see {shown}/README.md",
        export::CONFIG
    ));
    Ok(())
}

impl Plan {
    /// Decides who plays what; reads a recording whole, so that what is wrong with it is told before anything starts.
    fn new(options: &Options) -> Result<Plan> {
        let given = match (&options.bundle, &options.keys) {
            (Some(bundle), Some(keys)) => Some(Given::read(bundle, keys)?),
            _ => None,
        };
        let catalogue = given.as_ref().map_or_else(embedded::catalogue, |given| given.catalogue.clone());
        let mut by_clock = None;
        let mut play = Play { speed: options.speed, file: options.events.clone(), ..Play::default() };
        let (roles, events) = match &options.events {
            Some(path) if options.recorded_time => {
                say_aside(&format!("reading {}", path.display()));
                let events = recorded::read_dated(path, &catalogue)?;
                let (roles, count) = (roles::conducted(&events), events.len() as u64);
                say_aside(&format!("{} events of {} senders", figures::grouped(count), roles.len()));
                (play.mode, play.players, play.recorded_time) = ("recorded", roles.len() as u64, true);
                let swaps = given.as_ref().map_or(Ok(Vec::new()), |given| given.swaps(&options.swaps))?;
                let times: Vec<i64> = swaps.iter().map(|(from, _)| *from).collect();
                let score = Score::new(events, &catalogue, options.reconnects, &times)?;
                by_clock = Some(ByClock { score, swaps });
                (roles, Some(count))
            }
            Some(path) => {
                say_aside(&format!("reading {}", path.display()));
                let recorded = recorded::read(path, &catalogue)?;
                let (events, matches, players) = (recorded.events, recorded.matches, recorded.tracks.len());
                say_aside(&format!("{} events of {players} players in {matches} matches", figures::grouped(events)));
                (play.mode, play.players) = ("recorded", players as u64);
                (roles::recorded(recorded, play.speed, options.all_reliable), Some(events))
            }
            None => {
                let seed = options.seed.unwrap_or_else(|| SystemEntropy.next_u64() >> 32);
                let speed = options.speed.unwrap_or(SIMULATED_SPEED);
                (play.mode, play.players) = ("simulated", u64::from(options.players));
                (play.seed, play.speed) = (Some(seed), Some(speed));
                (roles::simulated(&catalogue, seed, options.players, speed)?, None)
            }
        };
        Ok(Plan { catalogue, play, roles, events, given, by_clock })
    }

    /// Says whether every promise was kept.
    fn play(mut self, options: &Options) -> Result<bool> {
        let cast = Arc::new(Cast::make()?);
        let (clock, hand) = match &self.by_clock {
            Some(ByClock { score, .. }) => {
                let (clock, hand) = ProcessClock::by_hand(score.begins_at());
                (clock, Some(hand))
            }
            None => (ProcessClock::default(), None),
        };
        let wide = self.play.speed.is_none_or(|speed| speed >= WIDE_FROM);
        let terms = Terms { wide, by_clock: self.by_clock.is_some(), clock: clock.clone() };
        let stage = Stage::open(&cast, self.given.as_ref(), &terms)?;
        self.play.directory = stage.directory.clone();
        let show = Show::new(!options.no_tui && !options.json && std::io::stdout().is_terminal(), options.json);
        if !show.is_view() {
            say_aside(&format!("{}\n{}", self.play.headline(), stage.places()));
        }
        let play_for = options.play_for.or((!show.is_view() && self.events.is_none()).then_some(UNWATCHED));

        let runtime = players_runtime()?;
        let mut watch = Watch::new(&runtime, &stage, self.events)?;
        let entered = runtime.enter();
        let mut troupe = Troupe::gather(&cast, &clock, stage.daemon.address(), *self.catalogue.digest(), self.roles)?;
        drop(entered);
        runtime.block_on(troupe.connected())?;
        let entered = runtime.enter();
        match (self.by_clock, hand) {
            (Some(ByClock { score, swaps }), Some(hand)) => {
                troupe.begin_conducted(Conductor { score, hand, swaps, asks: stage.daemon.asks() });
            }
            _ => troupe.begin(self.play.speed.is_none()),
        }
        drop(entered);
        watch.until_end(show, &self.play.headline(), &troupe, play_for)?;

        let (played, unsent) = troupe.tally().counts();
        let clients = runtime.block_on(troupe.end(RECEIPTS_WITHIN))?;
        let elapsed = watch.elapsed();
        let commands = stage.commands();
        let last = stage.close()?;
        runtime.shutdown_timeout(Duration::from_secs(1));

        let on_disk = OnDisk::count(&commands)?;
        let mut figures = Figures::new(elapsed, &last, &clients, unsent);
        figures.pace(&Figures::default());
        if let Some(events) = self.events {
            figures.progress(played, events);
        }
        let broken = summary::broken(&figures, &last, &on_disk);
        let summary = Summary { play: self.play, figures, on_disk, broken };
        say(&if options.json { summary.to_json() } else { summary.to_text() });
        Ok(summary.broken.is_empty())
    }
}

fn players_runtime() -> Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let built = builder.worker_threads(2).thread_name("players").enable_all().build();
    built.context("cannot start the players' threads")
}

/// Writes to standard output; nobody there is no reason to fail.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
}

/// Writes to standard error.
fn say_aside(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// `500ms`, `30s`, `2min`, `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("`{text}` is no duration; write e.g. 500ms, 30s, 2min, 1h");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| expected())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(expected()),
    };
    match number.checked_mul(millis) {
        Some(ms) if (1..=30 * 24 * 3_600_000).contains(&ms) => Ok(Duration::from_millis(ms)),
        _ => Err(format!("`{text}` is out of range: 1ms to 30 days")),
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(speed),
        _ => Err(format!("`{text}` is no speed; write e.g. 1, 10, 0.5")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        let read = |text| duration(text).map(|d| d.as_millis());
        assert_eq!(read("500ms"), Ok(500));
        assert_eq!(read("30s"), Ok(30_000));
        assert_eq!((read("2min"), read("2m")), (Ok(120_000), Ok(120_000)));
        assert_eq!(read("1h"), Ok(3_600_000));
        for wrong in ["", "s", "30", "-1s", "1.5s", "30 s", "0s", "99999999999999999999s", "10000h", "3d"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn speeds_are_above_zero() {
        assert_eq!(speed("0.5"), Ok(0.5));
        for wrong in ["", "0", "-1", "NaN", "inf", "fast"] {
            assert!(speed(wrong).is_err(), "{wrong}");
        }
    }
}
