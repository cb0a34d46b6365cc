//! `edge-router`: the daemon. `main` reads as the life of the process.
//!
//! ```text
//! run   config -> files it names -> spool recovered -> sockets bound -> serving -> draining -> ended
//! demo  the same, with a config, certificate, tokens and players made on the spot
//! ```
//!
//! What comes in: arguments, one config file, signals. What goes out: exit code 0 after a drain, 1 where something failed while
//! it ran, 2 where the arguments or the config are wrong. Deliberately absent: rule text; `edgectl` compiles it.

/// No build of the daemon carries planted bugs: this one would not have compiled.
#[cfg(not(test))]
const _: () = assert!(!edge_mutant::PLANTED, "a daemon with planted bugs is not to be built: drop the feature");

mod board;
mod bundles;
mod control;
mod control_socket;
mod daemon;
mod demo;
mod fabric;
#[cfg(test)]
mod fixtures;
mod forward_thread;
mod ledger;
mod limits;
mod logging;
mod metrics;
mod overview;
mod pages;
mod pulse;
mod settings;
mod shard_thread;
mod signals;
mod spool_thread;
mod threads;
mod watch_thread;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use edge_config::Config;
use edge_door::Clock;
use edge_io::ProcessClock;

use crate::daemon::Daemon;
use crate::settings::Settings;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Edge event router for live games: takes events over QUIC, evaluates rules, forwards commands.
#[derive(Parser)]
#[command(name = "edge-router", version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM or `edgectl drain`.
    Run {
        /// The config file; `edge-router reference` prints one with every key.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Check the config and every file it names, say what is wrong, and end.
        #[arg(long)]
        check_config: bool,
    },
    /// Print a config file with every key, its default and its meaning.
    Reference,
    /// See it work: simulated players, real QUIC over loopback, rules, commands on disk. Needs nothing else.
    Demo(demo::Options),
}

fn main() -> ExitCode {
    edge_io::limits::share_arena();
    match Arguments::parse().command {
        Command::Run { config, check_config } => run(&config, check_config),
        Command::Reference => {
            use std::io::Write as _;
            let written = std::io::stdout().write_all(edge_config::reference().as_bytes());
            if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Command::Demo(options) => demo::run(options),
    }
}

fn run(path: &std::path::Path, check_config: bool) -> ExitCode {
    let config = match Config::from_file(path) {
        Ok(config) => config,
        Err(problems) => return wrong(&problems),
    };
    logging::start(&config.log);
    let clock = ProcessClock::default();
    let settings = match Settings::load(config, clock.unix_millis()) {
        Ok(settings) => settings,
        Err(problems) => return wrong(&problems),
    };
    if check_config {
        tracing::info!(path = %path.display(), revision = settings.first.checked.serving().rules.revision(), "the config is good");
        return ExitCode::SUCCESS;
    }
    match serve(settings, &clock) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            tracing::error!(why = format!("{why:#}"), "ended");
            ExitCode::FAILURE
        }
    }
}

fn serve(settings: Settings, clock: &ProcessClock) -> anyhow::Result<()> {
    let signals = signals::block()?;
    let daemon = Daemon::start(settings, clock)?;
    signals.forward_to(daemon.asks(), daemon.hurry())?;
    daemon.wait().map(drop)
}

/// Exit code 2: nothing was started.
#[allow(clippy::print_stderr)] // Logging may not have begun.
fn wrong(problems: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("{problems}");
    ExitCode::from(2)
}
