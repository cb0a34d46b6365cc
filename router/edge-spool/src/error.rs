//! What can go wrong, one enum per operation. Codes are stable: metric labels and anchors of the documentation.

use std::io;

use edge_event::Position;

use crate::codec::DecodeError;
use crate::config::ConfigError;

/// Why a record was not taken. Nothing was changed; the caller still has the record.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AppendError {
    /// The caller's fault: the rules' worst case is larger than a record may be.
    #[error(
        "a record of {bytes} bytes is over the limit of {limit}: lower the rules' output or raise `record_bytes_max`"
    )]
    TooLarge {
        /// Encoded size.
        bytes: usize,
        /// The configured limit.
        limit: usize,
    },
    /// Transient: ask [`has_room`](crate::Spool::has_room) first, and wait while it says no.
    #[error("no room for the record now: the disk is full or slow, try again when there is room")]
    NoRoom,
    /// For good: the disk failed twice in a row. Replace it and restart; what was committed is delivered meanwhile.
    #[error("the spool is read-only: {why}")]
    ReadOnly {
        /// What happened.
        why: String,
    },
}

/// Why a spool could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The operator's: a setting does not fit.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The disk's.
    #[error("spool: {doing} `{file}` failed: {source}; check the disk and the directory's permissions")]
    Disk {
        /// What was attempted.
        doing: &'static str,
        /// On which file.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
    /// The directory holds segments of a newer format.
    #[error("spool: `{file}` has format version {version}, this build reads up to {known}: start the newer build")]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
        /// What we know.
        known: u32,
    },
    /// Segments are there, but neither `spool.id` nor any segment header says whose they are.
    #[error(
        "spool: segments without a readable identity (`spool.id` and every segment header are damaged): \
         restore `spool.id` from a backup, or move the segments away to start afresh"
    )]
    NoIdentity,
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk's; may pass.
    #[error("spool: reading `{file}` failed: {source}")]
    Disk {
        /// The file.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
    /// Ours: the checksum holds, but the payload is not a record. Reading goes on behind it with the next call.
    #[error("spool: the record at {position} cannot be decoded: {source}; keep the segment and report this as a bug")]
    Decode {
        /// Where.
        position: Position,
        /// What is wrong.
        source: DecodeError,
    },
}

impl AppendError {
    /// Stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            AppendError::TooLarge { .. } => "spool-record-too-large",
            AppendError::NoRoom => "spool-no-room",
            AppendError::ReadOnly { .. } => "spool-read-only",
        }
    }

    /// Whether the same call can succeed later.
    pub const fn can_retry(&self) -> bool {
        matches!(self, AppendError::NoRoom)
    }
}

impl RecoverError {
    /// Stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            RecoverError::Config(_) => "spool-config",
            RecoverError::Disk { .. } => "spool-disk",
            RecoverError::Newer { .. } => "spool-newer-format",
            RecoverError::NoIdentity => "spool-no-identity",
        }
    }
}

impl ReadError {
    /// Stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            ReadError::Disk { .. } => "spool-read-disk",
            ReadError::Decode { .. } => "spool-read-decode",
        }
    }

    /// Whether the same call can succeed later.
    pub const fn can_retry(&self) -> bool {
        matches!(self, ReadError::Disk { .. })
    }
}
