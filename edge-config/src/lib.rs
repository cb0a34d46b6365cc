//! Configuration: one TOML file, read, checked and resolved into each crate's own `Config`.
//!
//! ```text
//! text --read--> values by key (defaults filled in) --resolve--> Config
//!          \__ table of fields: kind, default, meaning __/          \--> or every problem, with line, key and what to do
//! ```
//!
//! What comes in: a file. What goes out: a [`Config`] or [`Problems`], all of them together. This is the only crate that
//! reads a config file, and running state is never kept here. Deliberately absent: the files that a config names
//! (certificates, keys, bundles); the router reads those.

mod config;
mod fields;
mod problem;
mod read;
mod reference;
mod resolve;
mod value;

use std::path::Path;

pub use config::{Config, Control, Door, Drain, Issuer, Listen, Log, Node, Rules, SinkFile, Spool, Tls, Tokens};
pub use problem::{Problem, Problems};
pub use reference::reference;

/// The largest config file, bytes.
pub const FILE_BYTES_MAX: u64 = 256 * 1024;

impl Config {
    /// Reads a config file.
    ///
    /// # Errors
    /// The file cannot be read, is too large, or is wrong; each problem names line and key.
    pub fn from_file(path: &Path) -> Result<Config, Problems> {
        let file = path.display().to_string();
        let failed = |what: String, help: &str| Problems {
            file: file.clone(),
            list: vec![Problem { line: 0, key: String::new(), what, help: help.into() }],
        };
        match std::fs::metadata(path) {
            Ok(m) if m.len() > FILE_BYTES_MAX => {
                return Err(failed(format!("has {} bytes; at most {FILE_BYTES_MAX} are read", m.len()), ""));
            }
            Ok(_) => {}
            Err(why) => return Err(failed(format!("cannot be read: {why}"), "name it with --config")),
        }
        let text = std::fs::read_to_string(path).map_err(|why| failed(format!("cannot be read: {why}"), ""))?;
        let base = path.parent().unwrap_or(Path::new("."));
        Config::from_text(&text, &file, base)
    }

    /// Reads the text of a config file named `file`, whose paths start from `base`.
    ///
    /// # Errors
    /// See [`from_file`](Config::from_file).
    pub fn from_text(text: &str, file: &str, base: &Path) -> Result<Config, Problems> {
        let (values, problems) = read::values(text);
        let list = if problems.is_empty() {
            match resolve::resolve(&values, base) {
                Ok(config) => return Ok(config),
                Err(problems) => problems,
            }
        } else {
            problems
        };
        Err(Problems { file: file.into(), list })
    }
}

#[cfg(test)]
mod tests;
