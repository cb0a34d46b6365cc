//! What a scenario needs of the machine and may not get: said aloud where it is missing, and a failure in CI.

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
