//! What every part of a story writes into: the trace, the fault mix, and the promises found broken.
//!
//! In: notes, counts, violations. Out: the same, at the end. Deliberately absent: judgement; the checkers decide what is a
//! violation.

use std::fmt;
use std::time::Duration;

use edge_door::sim::SimClock;

use crate::heap;
use crate::mix::Mix;
use crate::trace::{Listener, Trace};

/// A broken promise of `architecture.md`, or what the story demands besides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Promise {
    /// A receipted event's commands and state are on disk and take effect once.
    P1,
    /// A player's commands reach the upstream in order.
    P2,
    /// Memory stays within fixed + connections x ceiling.
    P4,
    /// No evaluation sees two revisions; a bad bundle never activates.
    P6,
    /// Every event and command ends in one counted place.
    P8,
    /// Overload stops the least urgent first, drops nothing reliable, and ends.
    Overload,
    /// No receipt before its fsync.
    Receipt,
    /// The protocol, as the client sees it.
    Protocol,
    /// With the faults over, everything comes to an end.
    Liveness,
}

/// What was found broken, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which promise.
    pub promise: Promise,
    /// Virtual time since the story's beginning.
    pub at: Duration,
    /// What was seen, and what should have been.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} broken at {:.6} s: {}", self.promise, self.at.as_secs_f64(), self.what)
    }
}

/// See the head of this file.
pub(crate) struct Scribe<'a> {
    pub(crate) clock: SimClock,
    pub(crate) trace: Trace<'a>,
    pub(crate) mix: Mix,
    pub(crate) violations: Vec<Violation>,
}

/// More of one promise say nothing new; of another one they do.
const VIOLATIONS_MAX: usize = 20;

impl<'a> Scribe<'a> {
    pub(crate) fn new(clock: SimClock, listener: Option<Listener<'a>>) -> Scribe<'a> {
        Scribe { clock, trace: Trace::new(listener), mix: Mix::default(), violations: Vec::new() }
    }

    /// One line of the trace.
    pub(crate) fn note(&mut self, words: fmt::Arguments<'_>) {
        let _mine = heap::of_simulator();
        self.trace.note(self.clock.elapsed(), words);
    }

    /// A broken promise.
    pub(crate) fn broken(&mut self, promise: Promise, what: String) {
        self.note(format_args!("BROKEN {promise:?}: {what}"));
        if self.violations.iter().filter(|before| before.promise == promise).count() < VIOLATIONS_MAX {
            self.violations.push(Violation { promise, at: self.clock.elapsed(), what });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_often_does_not_hide_what_breaks_once() {
        let mut scribe = Scribe::new(SimClock::new(std::time::Instant::now(), 0), None);
        for n in 0..2 * VIOLATIONS_MAX {
            scribe.broken(Promise::P1, format!("{n} is lost"));
        }
        scribe.broken(Promise::P6, "two revisions".to_owned());
        assert_eq!(scribe.violations.len(), VIOLATIONS_MAX + 1);
        assert_eq!(scribe.violations.last().map(|one| one.promise), Some(Promise::P6));
    }
}
