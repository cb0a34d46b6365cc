//! Structured logs on standard error: text for people, JSON lines for machines. Never a player's id.

use edge_config::Log;
use tracing_subscriber::EnvFilter;

/// Starts logging. Once a process; a second call changes nothing.
pub(crate) fn start(log: &Log) {
    let filter = EnvFilter::new(&log.level);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let started = if log.json { lines.json().try_init() } else { lines.try_init() };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
