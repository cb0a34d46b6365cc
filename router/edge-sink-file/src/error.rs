//! Why a file sink could not be opened.

use std::io;

/// Opening failed. Nothing that was delivered is lost; the spool keeps the rest.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operator's: a setting cannot be used.
    #[error("file sink: `{field}` is `{value}`, but must be {must}")]
    Config {
        /// The field.
        field: &'static str,
        /// What it was set to.
        value: String,
        /// What it must be.
        must: &'static str,
    },
    /// The disk's.
    #[error("file sink: {doing} `{file}` failed: {source}; check the disk and the directory's permissions")]
    Disk {
        /// What was attempted.
        doing: &'static str,
        /// On which file.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
}

impl OpenError {
    /// Stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            OpenError::Config { .. } => "sink-file-config",
            OpenError::Disk { .. } => "sink-file-disk",
        }
    }

    pub(crate) fn disk<'a>(doing: &'static str, file: &'a str) -> impl FnOnce(io::Error) -> OpenError + use<'a> {
        move |source| OpenError::Disk { doing, file: file.to_string(), source }
    }
}
