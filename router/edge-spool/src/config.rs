//! What a spool can be told. Checked once; the machine then trusts it.

use std::time::Duration;

use crate::codec::RECORD_BYTES_MAX;
use crate::layout::{RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES};

/// Sizes, windows and lifetimes of a spool.
///
/// # Defaults
/// * `segment_bytes`: 64 MiB
/// * `record_bytes_max`: 1 MiB
/// * `batch_bytes_max`: 2 MiB
/// * `queue_bytes_max`: 16 MiB
/// * `commit_window`: 1 ms
/// * `log_bytes_max`: 64 GiB
/// * `checkpoint_every_bytes`: 256 MiB
/// * `checkpoint_piece_bytes`: 64 KiB
/// * `ballast_bytes`: 1 MiB
/// * `cursor_interval`: 200 ms
/// * `retry_interval`: 250 ms
/// * `mark_ttl_ms`: 7 days
/// * `lanes`: 64
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Bytes set aside for each segment.
    pub segment_bytes: u64,
    /// Most payload bytes of one record.
    pub record_bytes_max: usize,
    /// Most bytes of one group commit.
    pub batch_bytes_max: usize,
    /// Most bytes that wait for a group commit; [`Spool::has_room`](crate::Spool::has_room) keeps to it.
    pub queue_bytes_max: usize,
    /// How long the first record of a group waits for company.
    pub commit_window: Duration,
    /// Most bytes of all segments together; at this size new work is refused. A checkpoint that makes room, and what waited before
    /// it, may go beyond.
    pub log_bytes_max: u64,
    /// A checkpoint begins when this much was appended since the last one began (or as much as the state itself weighs,
    /// if that is more).
    pub checkpoint_every_bytes: u64,
    /// Most payload bytes of one piece of a checkpoint; one piece goes with a group commit.
    pub checkpoint_piece_bytes: usize,
    /// Bytes kept in reserve for cursor writes on a full disk.
    pub ballast_bytes: u64,
    /// A changed cursor is persisted at most this often, unless a segment waits for it.
    pub cursor_interval: Duration,
    /// How long to wait before asking a full disk again.
    pub retry_interval: Duration,
    /// A dedupe mark is forgotten this long after its last event, in milliseconds.
    pub mark_ttl_ms: i64,
    /// Over how many lanes partitions are dealt, `1..=4096`.
    pub lanes: u16,
}

/// Why a [`Config`] cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("spool: `{field}` is {value}, but must be {must}")]
pub struct ConfigError {
    /// The field.
    pub field: &'static str,
    /// What it was set to.
    pub value: u64,
    /// What it must be.
    pub must: String,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            segment_bytes: 64 << 20,
            record_bytes_max: RECORD_BYTES_MAX,
            batch_bytes_max: 2 << 20,
            queue_bytes_max: 16 << 20,
            commit_window: Duration::from_millis(1),
            log_bytes_max: 64 << 30,
            checkpoint_every_bytes: 256 << 20,
            checkpoint_piece_bytes: 64 << 10,
            ballast_bytes: 1 << 20,
            cursor_interval: Duration::from_millis(200),
            retry_interval: Duration::from_millis(250),
            mark_ttl_ms: 7 * 24 * 3600 * 1000,
            lanes: 64,
        }
    }
}

impl Config {
    /// Checks that the sizes fit into each other.
    ///
    /// # Errors
    /// Names the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let framed = self.record_bytes_max + RECORD_HEADER_BYTES + 8;
        let batch_room = self.segment_bytes.saturating_sub(SEGMENT_HEADER_BYTES as u64);
        let log_least = (4 * self.segment_bytes).saturating_add(2 * self.checkpoint_every_bytes);
        let in_range = |field, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(ConfigError { field, value, must: format!("{least} to {most}") })
        };
        in_range("segment_bytes", self.segment_bytes, 4 << 10, 4 << 30)?;
        in_range("record_bytes_max", self.record_bytes_max as u64, 256, RECORD_BYTES_MAX as u64)?;
        in_range("batch_bytes_max", self.batch_bytes_max as u64, framed as u64, batch_room)?;
        in_range("queue_bytes_max", self.queue_bytes_max as u64, self.batch_bytes_max as u64, 1 << 30)?;
        in_range("checkpoint_every_bytes", self.checkpoint_every_bytes, self.segment_bytes, 1 << 40)?;
        in_range("checkpoint_piece_bytes", self.checkpoint_piece_bytes as u64, 256, self.record_bytes_max as u64)?;
        in_range("log_bytes_max", self.log_bytes_max, log_least, 1 << 50)?;
        in_range("mark_ttl_ms", self.mark_ttl_ms.max(0) as u64, 60_000, 1 << 40)?;
        in_range("lanes", u64::from(self.lanes), 1, u64::from(edge_event::place::PARTITIONS))
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
        let config = Config { batch_bytes_max: 10, ..Config::default() };
        let said = config.check().unwrap_err().to_string();
        assert!(said.starts_with("spool: `batch_bytes_max` is 10, but must be 1048"), "{said}");
    }
}
