//! `edgectl`: parses arguments, calls the crates that do the work, prints, and ends with a code that scripts can trust.

mod args;
mod captures;
mod catalogue_commands;
mod cost_command;
mod coverage_command;
mod daemon_commands;
mod failure;
mod files;
mod output;
mod replay_command;
mod rules_commands;
mod serving_commands;
mod verify_command;
mod watch;
mod why_command;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use args::{CatalogueCommand, Cli, Command, Rules};
use failure::Failure;
use output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = Output::new(cli.json, &cli.color);
    match run(&cli.command, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let words = failure.to_string();
            if !words.is_empty() {
                // Where standard error is gone, too, the exit code still tells.
                let _ = writeln!(std::io::stderr(), "edgectl: {words}");
            }
            failure.code()
        }
    }
}

fn run(command: &Command, out: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Rules(Rules::Check(sources)) => rules_commands::check(sources, out),
        Command::Rules(Rules::Test(args)) if args.watch => watch::test(&args.sources, out),
        Command::Rules(Rules::Test(args)) => rules_commands::test(&args.sources, out),
        Command::Rules(Rules::Cost(sources)) => cost_command::cost(sources, out),
        Command::Rules(Rules::Replay(args)) => replay_command::replay(args, out),
        Command::Rules(Rules::Coverage(args)) => coverage_command::coverage(args, out),
        Command::Rules(Rules::Why(args)) => why_command::why(args, out),
        Command::Rules(Rules::Verify(args)) => verify_command::verify(args, out),
        Command::Rules(Rules::Build(args)) => rules_commands::build(args, out),
        Command::Rules(Rules::Load(args)) => daemon_commands::load(args, out),
        Command::Rules(Rules::Rollback(args)) => serving_commands::rollback(args, out),
        Command::Rules(Rules::Status(args)) => serving_commands::status(args, out),
        Command::Rules(Rules::Log(args)) => serving_commands::log(args, out),
        Command::Rules(Rules::Explain(args)) => rules_commands::explain(args, out),
        Command::Rules(Rules::Catalogue(CatalogueCommand::Lint(args))) => catalogue_commands::lint(args, out),
        Command::Rules(Rules::Catalogue(CatalogueCommand::Diff(args))) => catalogue_commands::diff(args, out),
        Command::Rules(Rules::Keygen(args)) => rules_commands::keygen(args, out),
        Command::Status(args) => daemon_commands::status(args, out),
        Command::Reload(args) => daemon_commands::reload(args, out),
        Command::Drain(args) => daemon_commands::drain(args, out),
    }
}
