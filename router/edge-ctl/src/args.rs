//! What can be written on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Compiles, tests and loads rules; asks and steers a running edge-router.
///
/// Exit codes: 0 fine; 1 rules have errors, tests fail, or something else stands against what was asked; 2 the command line is
/// wrong; 3 a file or socket cannot be read or written; 4 the daemon refused.
#[derive(Parser, Debug)]
#[command(name = "edgectl", version, propagate_version = true)]
pub(crate) struct Cli {
    /// Print JSON, for scripts.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", value_parser = ["auto", "always", "never"])]
    pub(crate) color: String,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Check, test, build and load rules.
    #[command(subcommand)]
    Rules(Rules),
    /// Ask the daemon how it is going.
    Status(Socket),
    /// Have the daemon read its bundle file again.
    Reload(Socket),
    /// Have the daemon finish what is there, take nothing new, and end.
    Drain(Socket),
}

#[derive(Subcommand, Debug)]
pub(crate) enum Rules {
    /// Say everything that is wrong with rule files.
    Check(Sources),
    /// Run the tests that rule files contain.
    Test(Test),
    /// Say what each rule may cost at worst, and where it comes from.
    Cost(Sources),
    /// Run a capture of events through rules, offline, as the daemon would take it live.
    Replay(Replay),
    /// Say which rules never fired in a capture, and how far each got.
    Coverage(Coverage),
    /// Say why a rule fired for an event, or did not.
    Why(Why),
    /// Ask the engine and CEL's reference interpreter whether conditions hold, and say where they differ.
    Verify(Verify),
    /// Make a signed bundle.
    Build(Build),
    /// Send a bundle to the daemon and make it live.
    Load(Load),
    /// Make rules live again that served before and proved good.
    Rollback(Rollback),
    /// Say which rules serve, and what a rollback could go to.
    Status(Socket),
    /// Say who changed the rules when.
    Log(RulesLog),
    /// Say what a code means and what to do about it.
    Explain(Explain),
    /// Look at the catalogue of events: what is untidy, and what a change breaks.
    #[command(subcommand)]
    Catalogue(CatalogueCommand),
    /// Make a key that signs bundles: a secret file, and a public one for the nodes.
    Keygen(Keygen),
}

#[derive(Subcommand, Debug)]
pub(crate) enum CatalogueCommand {
    /// Say everything that is wrong or untidy with a catalogue.
    Lint(CatalogueLint),
    /// Say what changed from one catalogue to the next, and what of it breaks clients or rules.
    Diff(CatalogueDiff),
}

#[derive(Args, Debug)]
pub(crate) struct CatalogueLint {
    /// The directory of .proto files that imports are relative to.
    #[arg(value_name = "DIR")]
    pub(crate) catalogue: PathBuf,
    /// A code, e.g. C0411, that is told and does not fail; may stand several times.
    #[arg(long, value_name = "CODE")]
    pub(crate) allow: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct CatalogueDiff {
    /// What is in use: a directory of .proto files, or a bundle.
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// What shall replace it: a directory of .proto files, or a bundle.
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// A code, e.g. C0530, whose changes are told and do not fail; may stand several times.
    #[arg(long, value_name = "CODE")]
    pub(crate) allow: Vec<String>,
}

/// Rule files and their catalogue.
#[derive(Args, Debug)]
pub(crate) struct Sources {
    /// Files, or directories that are searched for *.rules.yaml, *.params.yaml and *.overlay.yaml.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Directory of the catalogue's .proto files; by default the directory `catalogue` beside or above the first path.
    #[arg(long, env = "EDGE_CATALOGUE", value_name = "DIR")]
    pub(crate) catalogue: Option<PathBuf>,
    /// Whose rules these are; part of every command's id, so keep it for ever.
    #[arg(long, env = "EDGE_TENANT", default_value = "default", value_name = "NAME")]
    pub(crate) tenant: String,
    /// The region whose overlays are laid over the rules; those of all regions are checked and tested.
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Test {
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Run them again whenever a file changes, until Ctrl-C.
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// A bundle; or a rule file, or a directory of them, which is compiled on the spot.
    #[arg(value_name = "BUNDLE_OR_RULES")]
    pub(crate) rules: PathBuf,
    /// Captures, one after the other: JSON lines, gzip or not; `-` is standard input.
    #[arg(required = true, value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,
    /// Where the commands go, one JSON line each; replaced whole.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Other rules from a time of the capture on, e.g. `2026-01-01T02:00:00Z=new.bundle`; several in the order of time.
    #[arg(long = "swap", value_name = "TIME=BUNDLE_OR_RULES", value_parser = swap)]
    pub(crate) swaps: Vec<Swap>,
    /// Public keys, one of which must have signed each bundle; without it nobody asks who signed.
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// For rules that are compiled: the directory of the catalogue's .proto files; by default as for `check`.
    #[arg(long, env = "EDGE_CATALOGUE", value_name = "DIR")]
    pub(crate) catalogue: Option<PathBuf>,
    /// For rules that are compiled: whose they are; part of every command's id.
    #[arg(long, env = "EDGE_TENANT", default_value = "default", value_name = "NAME")]
    pub(crate) tenant: String,
    /// For rules that are compiled: the region whose overlays are laid over them.
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
}

/// Rules that hold from a time on.
#[derive(Clone, Debug)]
pub(crate) struct Swap {
    /// Milliseconds since 1970.
    pub(crate) from_ms: i64,
    pub(crate) rules: PathBuf,
}

fn swap(text: &str) -> Result<Swap, String> {
    let parsed = text.split_once('=').and_then(|(time, rules)| {
        let from_ms = rules_catalogue::parse_rfc3339(time)?.0;
        Some(Swap { from_ms, rules: rules.into() }).filter(|_| !rules.is_empty())
    });
    parsed.ok_or_else(|| "write e.g. 2026-01-01T02:00:00Z=new.bundle".to_owned())
}

/// Rule files, by one path.
#[derive(Args, Clone, Debug)]
pub(crate) struct RulesPath {
    /// A rule file, or a directory of them.
    #[arg(value_name = "RULES")]
    pub(crate) rules: PathBuf,
    /// Directory of the catalogue's .proto files; by default as for `check`.
    #[arg(long, env = "EDGE_CATALOGUE", value_name = "DIR")]
    pub(crate) catalogue: Option<PathBuf>,
    /// Whose rules these are; part of every command's id.
    #[arg(long, env = "EDGE_TENANT", default_value = "default", value_name = "NAME")]
    pub(crate) tenant: String,
    /// The region whose overlays are laid over the rules.
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Coverage {
    #[command(flatten)]
    pub(crate) rules: RulesPath,
    /// Captures, one after the other: JSON lines, gzip or not; `-` is standard input.
    #[arg(required = true, value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,
    /// A rule, PACKAGE/ID, that may stay silent in this capture; may stand several times.
    #[arg(long, value_name = "RULE")]
    pub(crate) allow: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) rules: RulesPath,
    /// Captures, one after the other: JSON lines, gzip or not; `-` is standard input. Without any, events are drawn.
    #[arg(value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,
    /// How many events are drawn, from what the catalogue allows and conditions compare with; after the captures, where some are given.
    #[arg(long, value_name = "N")]
    pub(crate) drawn: Option<usize>,
    /// From which number they are drawn.
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    pub(crate) seed: u64,
}

#[derive(Args, Debug)]
pub(crate) struct Why {
    /// PACKAGE/ID, or the id alone where one package has it.
    #[arg(value_name = "RULE")]
    pub(crate) rule: String,
    #[command(flatten)]
    pub(crate) rules: RulesPath,
    /// Captures, one after the other, that hold the event or come before it; `-` is standard input.
    #[arg(value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// Which event is asked for.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The event in this line of the last capture.
    #[arg(long, value_name = "N")]
    pub(crate) line: Option<u64>,
    /// The event of this identity: PRODUCER/CLASS/SEQ as commands carry it, or PLAYER/CLASS/SEQ.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// An event as a line of a capture, after all captures; without `at` it happens together with the last event before it.
    #[arg(long, value_name = "JSON")]
    pub(crate) event: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Build {
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Where the bundle goes; replaced whole.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// A number that rises with every build; by default the seconds since 1970.
    #[arg(long, value_name = "N")]
    pub(crate) revision: Option<u64>,
    /// A secret key file; several sign together.
    #[arg(long = "key", required = true, value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
    /// Days until an alarm asks for a fresh build.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(crate) expires_days: Option<u32>,
    /// Build although a test fails.
    #[arg(long)]
    pub(crate) skip_tests: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Load {
    /// The bundle.
    #[arg(value_name = "FILE")]
    pub(crate) bundle: PathBuf,
    #[command(flatten)]
    pub(crate) socket: Socket,
}

#[derive(Args, Debug)]
pub(crate) struct Rollback {
    /// The revision to go back to; by default the one that proved good last, before those that serve.
    #[arg(long, value_name = "REVISION")]
    pub(crate) to: Option<u64>,
    /// Why, for those who read the log.
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
    #[command(flatten)]
    pub(crate) socket: Socket,
}

#[derive(Args, Debug)]
pub(crate) struct RulesLog {
    /// So many of the newest changes.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) last: u32,
    #[command(flatten)]
    pub(crate) socket: Socket,
}

#[derive(Args, Debug)]
pub(crate) struct Socket {
    /// The daemon's control socket.
    #[arg(long, env = "EDGE_SOCKET", default_value = "/run/edge-router/control.sock", value_name = "PATH")]
    pub(crate) socket: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// E.g. R0204; without it, all codes are listed.
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Keygen {
    /// NAME.secret and NAME.public are written; neither may exist.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) output: PathBuf,
    /// Whose key it is, for people.
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) comment: String,
}
