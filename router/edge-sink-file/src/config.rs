//! What a file sink can be told. Checked once; the sink then trusts it.

use std::time::Duration;

/// Sizes and retention of the files.
///
/// # Defaults
/// * `rotate_bytes`: 1 GiB
/// * `keep_files`: 1000
/// * `retry_after`: 1 s
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// A file that has reached this is closed, and another begins. The batch that reaches it is kept whole.
    pub rotate_bytes: u64,
    /// How many files of a kind stay, the one being written included; older ones are removed, read or not.
    pub keep_files: usize,
    /// After a write that failed: how long to wait before the next attempt.
    pub retry_after: Duration,
}

/// Why a [`Config`] cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("file sink: `{field}` is {value}, but must be {least} to {most}")]
pub struct ConfigError {
    /// The field.
    pub field: &'static str,
    /// What it was set to.
    pub value: u64,
    /// The least it may be.
    pub least: u64,
    /// The most it may be.
    pub most: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config { rotate_bytes: 1 << 30, keep_files: 1000, retry_after: Duration::from_secs(1) }
    }
}

impl Config {
    /// Checks that every field is in its range.
    ///
    /// # Errors
    /// Names the first field that is not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let in_range = |field, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(ConfigError { field, value, least, most })
        };
        in_range("rotate_bytes", self.rotate_bytes, 4 << 10, 1 << 40)?;
        in_range("keep_files", self.keep_files as u64, 2, 1_000_000)?;
        in_range("retry_after", self.retry_after.as_millis().min(1 << 40) as u64, 1, 3_600_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_fit() {
        assert_eq!(Config::default().check(), Ok(()));
    }

    #[test]
    fn a_misfit_is_named_with_its_range() {
        let said = Config { keep_files: 0, ..Config::default() }.check().unwrap_err().to_string();
        assert_eq!(said, "file sink: `keep_files` is 0, but must be 2 to 1000000");
    }
}
