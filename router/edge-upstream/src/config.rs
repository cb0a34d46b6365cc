//! What a forwarder can be told.

/// Bounds of delivery.
///
/// # Defaults
/// * `open_max`: 65,536 commands
/// * `shed_above`: 49,152 commands
/// * `batch_max`: 256 commands
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Commands read from the spool and not settled. At this many nothing more is read: the rest waits in the spool.
    pub open_max: usize,
    /// Above this many, waiting best-effort commands are shed, the oldest first.
    pub shed_above: usize,
    /// Most commands of one batch. One batch of a lane and priority is on its way at a time.
    pub batch_max: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config { open_max: 65_536, shed_above: 49_152, batch_max: 256 }
    }
}
