//! One lane and priority: what waits, and the one batch on its way.
//!
//! What comes in: commands in log order, and a sink's outcomes. What goes out: the next batch, always a prefix of what is not
//! settled. After a `Retry` everything from that command on goes back to the front, whatever came behind it: the lane goes
//! back N, and order holds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use edge_event::UnixMillis;
use edge_mutant::mutant;

use crate::command::LaneCommand;
use crate::sink::{BatchId, Outcome};

/// A batch that weighs this much takes no further command.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// An ordered stream of commands.
#[derive(Debug, Default)]
pub(crate) struct LaneQueue {
    waiting: VecDeque<Arc<LaneCommand>>,
    on_its_way: Option<(BatchId, Vec<Arc<LaneCommand>>)>,
    /// After a `Retry`: nothing is sent before.
    not_before: Option<Instant>,
    /// Shed since the last command that carries the count.
    skipped: u64,
}

/// How a command ended.
pub(crate) enum End {
    Delivered,
    Expired,
    Rejected(Arc<str>),
}

impl LaneQueue {
    pub(crate) fn push(&mut self, command: LaneCommand) {
        let skipped = std::mem::take(&mut self.skipped);
        self.waiting.push_back(Arc::new(LaneCommand { skipped, ..command }));
    }

    /// Sheds the command that waits longest; the next one carries the count.
    pub(crate) fn shed_one(&mut self) -> Option<Arc<LaneCommand>> {
        let shed = self.waiting.pop_front()?;
        self.note_skipped(shed.skipped + 1);
        Some(shed)
    }

    /// Sheds a command that never waited.
    pub(crate) fn shed_arriving(&mut self) {
        self.skipped += 1;
    }

    /// The place of the command that waits longest.
    pub(crate) fn oldest_waiting(&self) -> Option<crate::Place> {
        self.waiting.front().map(|c| c.place)
    }

    /// Whether nothing is to be kept of it.
    pub(crate) fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.on_its_way.is_none() && self.skipped == 0
    }

    /// Whether a batch could be sent at `now`.
    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        !self.waiting.is_empty() && self.on_its_way.is_none() && self.not_before.is_none_or(|at| at <= now)
    }

    /// When it will be, where only time is missing.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        if self.waiting.is_empty() || self.on_its_way.is_some() { None } else { self.not_before }
    }

    /// The next batch, at most `most` commands and [`BATCH_BYTES_MAX`]; those whose deadline has passed are handed to `on_end` instead.
    pub(crate) fn take_batch(
        &mut self,
        id: BatchId,
        most: usize,
        now: UnixMillis,
        mut on_end: impl FnMut(&LaneCommand, End),
    ) -> Vec<Arc<LaneCommand>> {
        self.not_before = None;
        let mut batch: Vec<Arc<LaneCommand>> = Vec::new();
        let mut bytes = 0;
        while batch.len() < most && bytes < BATCH_BYTES_MAX {
            let Some(command) = self.waiting.pop_front() else { break };
            if command.command.deadline.is_some_and(|deadline| deadline <= now) {
                self.note_skipped(command.skipped);
                on_end(&command, End::Expired);
            } else {
                bytes += command.bytes();
                batch.push(command);
            }
        }
        if !batch.is_empty() {
            self.on_its_way = Some((id, batch.clone()));
        }
        batch
    }

    /// The sink answered. Gives back how many commands will be sent again.
    pub(crate) fn on_answer(
        &mut self,
        id: BatchId,
        outcomes: Vec<Outcome>,
        now: Instant,
        mut on_end: impl FnMut(&LaneCommand, End),
    ) -> u64 {
        let (sent_id, sent) = self.on_its_way.take().expect("an answer is to a batch on its way");
        assert_eq!(sent_id, id, "one batch of a lane is on its way at a time");
        assert_eq!(sent.len(), outcomes.len(), "a sink answers for each command of a batch");
        let mut pairs = sent.into_iter().zip(outcomes);
        let mut again = Vec::new();
        for (command, outcome) in pairs.by_ref() {
            match outcome {
                Outcome::Delivered => on_end(&command, End::Delivered),
                Outcome::Reject { reason } => on_end(&command, End::Rejected(reason)),
                Outcome::Retry { after } => {
                    self.not_before = Some(now + after);
                    again.push(command);
                    break;
                }
            }
        }
        again.extend(pairs.map(|(command, _)| command));
        let resent = again.len() as u64;
        if mutant!(OrderSwappedOnResend) {
            again.reverse();
        }
        for command in again.into_iter().rev() {
            self.waiting.push_front(command);
        }
        resent
    }

    fn note_skipped(&mut self, count: u64) {
        if count == 0 {
            return;
        }
        match self.waiting.front_mut() {
            Some(next) => Arc::make_mut(next).skipped += count,
            None => self.skipped += count,
        }
    }
}
