//! How a spool is: for metrics, readiness and the operator.

use edge_event::{Position, UnixMillis};

/// Whether it takes records.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Health {
    /// It does.
    #[default]
    Healthy,
    /// The disk (or the configured share of it) is full: nothing new is committed until there is room.
    Full {
        /// What the disk said.
        why: String,
    },
    /// The disk failed twice in a row: nothing is committed until a restart. Delivery goes on.
    ReadOnly {
        /// What happened.
        why: String,
    },
}

impl Health {
    /// A stable word for metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Health::Healthy => "healthy",
            Health::Full { .. } => "full",
            Health::ReadOnly { .. } => "read_only",
        }
    }
}

/// Gauges and counters; counters start at 0 with the process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Status {
    /// Whether it takes records.
    pub health: Health,
    /// Records that are not committed yet.
    pub uncommitted_records: usize,
    /// Their bytes.
    pub uncommitted_bytes: usize,
    /// Everything up to here is durable.
    pub committed: Position,
    /// Everything up to here is delivered, as told by `settle`.
    pub settled: Position,
    /// The same, as the durable cursor has it.
    pub settled_durable: Position,
    /// Segments on disk.
    pub segments: usize,
    /// The oldest of them.
    pub oldest_segment: u64,
    /// Their bytes.
    pub log_bytes: u64,
    /// Folded durable cells.
    pub cells: usize,
    /// Folded timers.
    pub timers: usize,
    /// Folded dedupe marks.
    pub marks: usize,
    /// What the fold weighs, roughly.
    pub fold_bytes: u64,
    /// Records appended, checkpoints not counted.
    pub appended_records: u64,
    /// Bytes appended, headers and checkpoints included.
    pub appended_bytes: u64,
    /// Group commits.
    pub commits: u64,
    /// Group commits whose write or fsync failed.
    pub commit_failures: u64,
    /// Complete checkpoints.
    pub checkpoints: u64,
    /// Segments retired.
    pub retired_segments: u64,
    /// Cursor writes that failed.
    pub cursor_failures: u64,
    /// Whether the ballast is set aside.
    pub has_ballast: bool,
    /// The latest time that the spool was told.
    pub now: UnixMillis,
}
