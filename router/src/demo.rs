//! The demo: a whole daemon with players, made on the spot.
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What the demo is told.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// How many players are simulated.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    players: u32,
    /// How long to run, e.g. `30s`; without it until `q` or Ctrl-C, and 10 s where nobody watches.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    run_for: Option<Duration>,
    /// Write config, catalogue, rules, keys and a token into this empty folder, and end.
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
}
fn duration(_: &str) -> Result<Duration, String> {
    Ok(Duration::ZERO)
}
pub(crate) fn run(_o: Options) -> ExitCode {
    ExitCode::SUCCESS
}
