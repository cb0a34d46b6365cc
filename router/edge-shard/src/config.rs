//! How large a shard's queues are, and how long it remembers.

use std::time::Duration;

use edge_session::Rate;

/// # Defaults
///
/// | field | default |
/// |---|---|
/// | `forward_slots` | 1,024 messages to each peer |
/// | `back_slots` | 8,192 messages to each peer |
/// | `record_slots` | 4,096 records towards the spool |
/// | `waiting_slots` | 65,536 completions that wait for a commit |
/// | `mark_memory` | 7 days |
/// | `marks_max` | 2,000,000 marks, 200 MB |
/// | `player_events` | 1,000 a second, 4,000 at once: two connections' worth |
/// | `player_bytes` | 256 KiB a second, 2 MiB at once |
/// | `player_sessions_max` | 16 |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Events that may wait for one peer's forward ring. HELLOs may take as many again, strayed packets half of it; and there is
    /// always room for the end of a session.
    pub forward_slots: usize,
    /// Messages that may wait for one peer's back ring, over what the ring itself holds.
    pub back_slots: usize,
    /// Records that may wait for the spool's ring.
    pub record_slots: usize,
    /// Completions that may wait for a commit.
    pub waiting_slots: usize,
    /// A dedupe mark is kept at least this long after its producer's last event, at most twice as long; see `marks_max`.
    pub mark_memory: Duration,
    /// Dedupe marks kept at most; where there are more, the oldest half goes early.
    pub marks_max: usize,
    /// Events of all connections of one player.
    pub player_events: Rate,
    /// Bytes of their payloads.
    pub player_bytes: Rate,
    /// Sessions that one player may have at once, each of another producer.
    pub player_sessions_max: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            forward_slots: 1024,
            back_slots: 8192,
            record_slots: 4096,
            waiting_slots: 65_536,
            mark_memory: Duration::from_secs(7 * 24 * 3600),
            marks_max: 2_000_000,
            player_events: Rate { a_second: 1_000, burst: 4_000 },
            player_bytes: Rate { a_second: 256 * 1024, burst: 2 * 1024 * 1024 },
            player_sessions_max: 16,
        }
    }
}
