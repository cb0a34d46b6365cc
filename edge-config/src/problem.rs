//! What can be wrong with a config file: each problem says where, what was found, and what would be right.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Line of the file, from 1; 0 where something is missing.
    pub line: usize,
    /// The key, e.g. `session.idle_timeout`.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it; may be empty.
    pub help: String,
}

/// Everything that is wrong with one file, in the order of its lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problems {
    /// The file, as it was named.
    pub file: String,
    /// At least one.
    pub list: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, p) in self.list.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            match p.line {
                0 => write!(f, "{}: ", self.file)?,
                line => write!(f, "{}:{line}: ", self.file)?,
            }
            if !p.key.is_empty() {
                write!(f, "`{}` ", p.key)?;
            }
            write!(f, "{}", p.what)?;
            if !p.help.is_empty() {
                write!(f, "; {}", p.help)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
