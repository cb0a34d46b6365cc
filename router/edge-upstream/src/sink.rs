//! The contract between delivery and an upstream's adapter.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::command::LaneCommand;

/// Names a batch that a sink was given, never used twice in a process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct BatchId(pub u64);

/// Commands to carry out in order. Never empty. To an upstream they go by one lane and priority; to a quarantine mixed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// Its name.
    pub id: BatchId,
    /// In order.
    pub commands: Vec<Arc<LaneCommand>>,
}

/// What became of one command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The upstream has it, durably. Also when it had it before.
    Delivered,
    /// Not now, or not known. It and everything behind it on its lane is sent again, in order.
    Retry {
        /// At least how long to wait.
        after: Duration,
    },
    /// Never: the upstream will refuse it whenever it comes. It goes to the quarantine.
    Reject {
        /// Why, for the operator; names what and where.
        reason: Arc<str>,
    },
}

/// A sink's word on a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Which batch.
    pub id: BatchId,
    /// One for each of its commands, in order.
    pub outcomes: Vec<Outcome>,
}

/// An upstream's adapter, or the quarantine's.
///
/// A batch is carried out in order, and nothing of it behind a command whose outcome is `Retry`: a consumer that drops what
/// it has seen must never see a later command of a lane before an earlier one.
///
/// Every batch is answered once, in any order among batches. A sink never blocks, and answers in bounded time: a call that
/// hangs is a `Retry`.
pub trait Sink {
    /// A stable lower-case word for metrics and logs.
    fn name(&self) -> &'static str;

    /// Whether another batch may be submitted now.
    fn has_room(&self) -> bool;

    /// Takes a batch. [`has_room`](Sink::has_room) said yes.
    fn submit(&mut self, batch: Batch);

    /// The next answer.
    fn poll_answer(&mut self) -> Option<Answer>;

    /// Tells the time at or after [`poll_timeout`](Sink::poll_timeout).
    fn handle_timeout(&mut self, now: Instant);

    /// When the sink wants to be told the time.
    fn poll_timeout(&self) -> Option<Instant>;
}
