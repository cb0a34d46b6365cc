//! What a scenario needs of the machine and may not get: said aloud where it is missing, and a failure in CI.
//!
//! `skipped: WHY` on a line of its own is what `cargo xtask test` looks for; it tells at its end what was skipped.

use std::path::PathBuf;
use std::process::Command;

/// Gives what was granted. Where it was not, says so; the scenario then ends without a verdict.
///
/// # Panics
/// Where `CI` is set: a check that cannot do its work there is a failed one.
#[allow(clippy::print_stdout, reason = "a skipped scenario says so")]
pub fn or_skip<T>(need: &str, granted: Result<T, String>) -> Option<T> {
    match granted {
        Ok(it) => Some(it),
        Err(why) if std::env::var_os("CI").is_some() => panic!("this machine must give us {need}, and does not: {why}"),
        Err(why) => {
            println!("skipped: needs {need}, which this machine does not give: {why}");
            None
        }
    }
}

/// The recorded events, where somebody has them: no machine must.
#[allow(clippy::print_stdout, reason = "a skipped scenario says so")]
pub fn recording() -> Option<PathBuf> {
    let named = std::env::var_os("EDGE_EVENTS");
    if named.is_none() {
        println!("skipped: EDGE_EVENTS names no recording");
    }
    named.map(PathBuf::from)
}

/// strace, where it may trace.
pub fn strace() -> Option<()> {
    let tried = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    let works = match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")),
        Err(why) => Err(format!("{why} (`cargo xtask tools` installs it)")),
    };
    or_skip("strace", works)
}
