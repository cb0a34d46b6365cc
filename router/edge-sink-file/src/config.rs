//! What a file sink can be told.

use std::sync::Arc;
use std::time::Duration;

use edge_event::SpoolUuid;

/// Names and bounds of a file sink.
///
/// # Defaults
/// * `prefix`: `commands`
/// * `rotate_bytes`: 64 MiB
/// * `files_max`: 1,024
/// * `queue_bytes_max`: 8 MiB
/// * `retry_interval`: 1 s
///
/// `source` and `spool` have none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The start of the files' names: `[a-z0-9_]`, at most 24 bytes.
    pub prefix: Arc<str>,
    /// The CloudEvents `source`: a URI reference that names this node in the fleet, e.g. `/edge/fra1/node-3`.
    pub source: Arc<str>,
    /// The spool whose commands are written: places are compared only within it.
    pub spool: SpoolUuid,
    /// A file that has reached this size is followed by the next.
    pub rotate_bytes: u64,
    /// How many files are kept; the oldest beyond are removed. At least 1.
    pub files_max: u64,
    /// Most bytes of commands that wait for a write.
    pub queue_bytes_max: usize,
    /// How long to wait after a failed write, sync or rotation.
    pub retry_interval: Duration,
}

impl Config {
    /// The defaults, for one spool of one node.
    pub fn new(source: &str, spool: SpoolUuid) -> Config {
        Config {
            prefix: "commands".into(),
            source: source.into(),
            spool,
            rotate_bytes: 64 << 20,
            files_max: 1024,
            queue_bytes_max: 8 << 20,
            retry_interval: Duration::from_secs(1),
        }
    }

    /// The same for commands that an upstream will never take.
    pub fn quarantine(source: &str, spool: SpoolUuid) -> Config {
        Config { prefix: "quarantine".into(), ..Config::new(source, spool) }
    }
}
