//! Gates and variations in the intermediate form: what a rule whose condition holds is asked next.
//!
//! Clock readings are those of a wall in some zone, counted from its own 1970-01-01 00:00. Shares are thousandths of a
//! percent, so that 100,000 are all. `once` and `cooldown` are plain [`GateIr`]s.

use serde::{Deserialize, Serialize};

use super::{ConstIr, ExprIr, GateIr};

/// All players, as a share.
pub const ALL: u32 = 100_000;

/// When a rule is active: all parts that are there must hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScheduleIr {
    /// Whose clock.
    pub zone: ZoneRef,
    /// Active from the first moment at which the clock shows this. Minutes.
    pub from_min: Option<i64>,
    /// Active until the first moment at which the clock shows this; after `from_min`. Minutes.
    pub until_min: Option<i64>,
    /// Active while the clock shows one of these; empty: always. Rising and apart.
    pub weekly: Vec<WeekSpanIr>,
    /// Not active on days of these calendars (indices). Rising strictly.
    pub except: Vec<u16>,
}

/// Whose clock a schedule goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ZoneRef {
    /// One zone (index).
    Zone(u16),
    /// That of the token's region, by a table of regions (index).
    Region(u16),
}

/// A piece of each week, in minutes since Monday 00:00; not empty, not beyond the week's 10,080 minutes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WeekSpanIr {
    /// Belongs to it.
    pub from_min: u16,
    /// Does not.
    pub until_min: u16,
}

/// Days that schedules except.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CalendarIr {
    /// E.g. `eu_blackout`.
    pub name: String,
    /// Rising and apart.
    pub days: Vec<DaysIr>,
}

/// Some days on end, as numbers since 1970-01-01. Both ends belong to them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DaysIr {
    /// The first.
    pub first: i32,
    /// The last, not before the first.
    pub last: i32,
}

/// The zones of regions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RegionsIr {
    /// A region as tokens name it, and its zone (index). Sorted by name, unique.
    pub zones: Vec<(String, u16)>,
    /// The zone of all other regions (index).
    pub others: u16,
}

/// A set of rules of which at most one fires for one event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupIr {
    /// Package (index); its rules alone are members.
    pub package: u16,
    /// E.g. `rewards`. Unique in the package.
    pub name: String,
}

/// Lets a share of all keys through.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RolloutIr {
    /// The share, at most [`ALL`].
    pub share: u32,
    /// Makes rollouts independent of each other.
    pub salt: String,
    /// Over the triggering event: text, whole numbers, booleans. At least one part.
    pub key: Vec<ExprIr>,
}

/// One way in which a rule may go, for some players.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct VariationIr {
    /// Bool over the triggering event; absent: for everybody.
    pub when: Option<ExprIr>,
    /// As of a rollout; of no meaning where there is one arm.
    pub salt: String,
    /// As of a rollout; empty where there is one arm.
    pub key: Vec<ExprIr>,
    /// At least one; the shares are [`ALL`] together.
    pub arms: Vec<ArmIr>,
}

/// What becomes of a share of the players.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ArmIr {
    /// What `variation` reads as.
    pub name: String,
    /// How many: those whose bucket lies behind the arms before.
    pub share: u32,
    /// Parameters of the package (indices, rising strictly) that have another value in the actions; of their own type.
    pub params: Vec<(u16, ConstIr)>,
    /// The rule does not fire for them.
    pub holds_back: bool,
}

/// How often a rule may fire.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RateLimitIr {
    /// A `Rate` definition. Any scope.
    pub limit: GateIr,
    /// What one player may take of it: a `Rate` definition by player, with the same key. Required where players share `limit`.
    pub per_player: Option<GateIr>,
}
