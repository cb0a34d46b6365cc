//! Feeds: what a rule's `let` gathers of one event type, key by key, over a window.
//!
//! Part of the intermediate form, and as untrusted as the rest of it. Deliberately absent: how cells keep it (`state`), and
//! what fits together (`load`): here stands everything that can be written down.

use edge_event::EventTypeId;
use serde::{Deserialize, Serialize};

use super::{ExprIr, KeyType, ZoneRef, codec};

/// What a feed's cells gather.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FeedIr {
    /// Which events feed it.
    #[serde(with = "codec::event_type_serde")]
    pub event_type: EventTypeId,
    /// Which of them. Over `event.*` of that type.
    pub filter: Option<ExprIr>,
    /// The key's parts, over `event.*` of that type; correlated conjuncts' event side last.
    pub key: Vec<ExprIr>,
    /// What becomes of them.
    pub aggregate: Aggregate,
    /// For how long they count.
    pub window: Window,
}

/// What becomes of the events in a window.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Aggregate {
    /// How many there are: int.
    Count {
        /// `Some(k)`: the newest `k` times are kept (`1..=64`), so the count is exact and stops at `k`. Sliding windows only.
        ring: Option<u8>,
    },
    /// The sum: of the operand's type. 0 where there are none.
    Sum(Operand),
    /// The smallest: of the operand's type.
    Min(Operand),
    /// The largest: of the operand's type.
    Max(Operand),
    /// The mean: double; of durations, a duration.
    Avg(Operand),
    /// How many different values: int.
    Distinct {
        /// Of what.
        of: Operand,
        /// `Some(n)`: exact, and stops at `n` (`1..=1024`). `None`: exact to 32, estimated beyond.
        max: Option<u16>,
    },
    /// When the first of them was: timestamp.
    FirstSeen,
    /// The newest one's value: of the operand's type.
    Last {
        /// Of what.
        of: Operand,
        /// Room for texts and bytes, `1..=256`; 0 for other types. A longer one does not feed.
        max_bytes: u16,
    },
}

/// What is summed, compared or kept of an event.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Operand {
    /// Over `event.*` of the feed's type.
    pub expr: ExprIr,
    /// Its type.
    pub ty: ScalarType,
}

/// For how long events count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Window {
    /// `(end - within, end]`, where `end` is the newer of the reading event's time and the newest time of the key. What is not
    /// kept by a ring is kept in 16 parts: the window may reach back up to a sixteenth of its length further.
    Sliding {
        /// Its length.
        within_ms: u64,
    },
    /// From the first event on, until none came for `gap`. One that arrives late belongs to the session that runs when it lies less
    /// than `gap` before its oldest event, else to none.
    Session {
        /// A session is over when so much time passed.
        gap_ms: u64,
    },
    /// The hour, day, week or month that the reading event lies in, or the newest event of the key where that is newer. An event of
    /// an earlier one than the newest counts nowhere.
    Tumbling {
        /// How long one is.
        period: Period,
        /// By whose clock; `Region` is that of the event's token.
        zone: ZoneRef,
    },
    /// All time. `FirstSeen` and `Last` only.
    Ever,
}

/// A piece of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Period {
    /// From full hour to full hour.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first of a month to the first of the next.
    Month,
}

/// The type of a single value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum ScalarType {
    /// CEL `bool`.
    Bool = 0,
    /// CEL `int`, enums.
    Int = 1,
    /// CEL `uint`.
    Uint = 2,
    /// CEL `string`.
    String = 3,
    /// CEL `bytes`.
    Bytes = 4,
    /// CEL `timestamp`.
    Timestamp = 5,
    /// CEL `duration`.
    Duration = 6,
    /// CEL `double`.
    Double = 7,
}

impl Aggregate {
    /// What is gathered; `None` where events alone are.
    pub fn operand(&self) -> Option<&Operand> {
        match self {
            Aggregate::Count { .. } | Aggregate::FirstSeen => None,
            Aggregate::Sum(of) | Aggregate::Min(of) | Aggregate::Max(of) | Aggregate::Avg(of) => Some(of),
            Aggregate::Distinct { of, .. } | Aggregate::Last { of, .. } => Some(of),
        }
    }

    /// The type of what a rule reads.
    pub fn result(&self) -> ScalarType {
        match self {
            Aggregate::Count { .. } | Aggregate::Distinct { .. } => ScalarType::Int,
            Aggregate::Avg(of) if of.ty != ScalarType::Duration => ScalarType::Double,
            Aggregate::Sum(of) | Aggregate::Min(of) | Aggregate::Max(of) | Aggregate::Avg(of) => of.ty,
            Aggregate::Last { of, .. } => of.ty,
            Aggregate::FirstSeen => ScalarType::Timestamp,
        }
    }

    /// Whether an empty window has no value.
    pub fn may_be_empty(&self) -> bool {
        match self {
            Aggregate::Count { .. } | Aggregate::Sum(_) | Aggregate::Distinct { .. } => false,
            Aggregate::Min(_) | Aggregate::Max(_) | Aggregate::Avg(_) => true,
            Aggregate::FirstSeen | Aggregate::Last { .. } => true,
        }
    }
}

impl From<KeyType> for ScalarType {
    fn from(key: KeyType) -> ScalarType {
        match key {
            KeyType::Bool => ScalarType::Bool,
            KeyType::Int => ScalarType::Int,
            KeyType::Uint => ScalarType::Uint,
            KeyType::String => ScalarType::String,
            KeyType::Bytes => ScalarType::Bytes,
            KeyType::Timestamp => ScalarType::Timestamp,
            KeyType::Duration => ScalarType::Duration,
        }
    }
}
