//! The durable log of commands: records, segments, cursors, recovery.
