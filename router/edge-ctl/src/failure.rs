//! How a command ends: its exit code, and what it says on the way out.

use std::fmt;
use std::process::ExitCode;

/// A command that did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Rules have errors, or tests fail; it was printed already.
    Rules,
    /// A file, socket or catalogue cannot be used.
    Environment(anyhow::Error),
    /// The daemon refused.
    Refused(String),
}

impl Failure {
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Rules => 1,
            Failure::Environment(_) => 3,
            Failure::Refused(_) => 4,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Rules => Ok(()),
            Failure::Environment(error) => write!(f, "{error:#}"),
            Failure::Refused(why) => f.write_str(why),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Environment(error)
    }
}
