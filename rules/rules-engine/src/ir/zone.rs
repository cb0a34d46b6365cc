//! Time zones as they travel in a rule set: tables of jumps, without names of rules and without a database on the node.
//!
//! A table says from when on which distance to UTC holds. Beyond its last jump the last distance holds for ever; the
//! compiler writes jumps for as many years as bundles could live and refuses dates behind them.

use serde::{Deserialize, Serialize};

/// One time zone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ZoneIr {
    /// Its name in the IANA database, e.g. `Europe/Berlin`. Unique in the set.
    pub name: String,
    /// What the clock on the wall is ahead of UTC before the first jump. Seconds, at most
    /// [`MAX_OFFSET_S`](super::limits::MAX_OFFSET_S) either way.
    pub offset_s: i32,
    /// When the clock is set, rising. Where a clock is set back, it was not set for longer than that before.
    pub jumps: Vec<JumpIr>,
}

/// One setting of the clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JumpIr {
    /// The moment, in seconds since 1970.
    pub at_s: i64,
    /// What the clock is ahead of UTC from here on, in seconds.
    pub offset_s: i32,
}
