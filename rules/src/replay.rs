//! A capture through rules, offline, as the daemon takes it live.
//!
//! In: [`Captured`] events, one after the other, and rule sets that replace each other at stated times. Out: for each event where
//! it ends, the lines of what it ordered, and at the end a [`Summary`]. Each event goes the way of a live one: admission by the
//! catalogue of the rules in force, dedupe by its number, the same evaluator; and so a command has the id it would have live.
//!
//! Absent: files, sessions and their budgets, the disk. An event arrives when it happened, reliably.

mod line;
mod summary;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use edge_event::{Class, Event, EventId, Partition, PlayerKey, Provenance, Seq, UnixMillis};
use rules_capture::Captured;
use rules_engine::{RuleSet, Verdict};
use xxhash_rust::xxh3::xxh3_128;

use crate::offline::Offline;
use line::write_line;
use summary::Tally;
pub use summary::{Rejected, RuleTally, Summary};

/// Where an event ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Admission refused it; the code says why.
    Rejected(&'static str),
    /// Its number was taken before.
    Duplicate,
    /// It was evaluated.
    Evaluated(Verdict),
}

/// See the head of this file.
pub struct Replay {
    offline: Offline,
    /// Rule sets to come, by the time from which they hold.
    swaps: VecDeque<(UnixMillis, Arc<RuleSet>)>,
    /// How far each sender's class has come, by the slice of the subjects.
    marks: HashMap<(usize, Class, Partition), Seq>,
    tally: Tally,
}

/// The longest subject of a server's event. Bytes; the daemon refuses the same.
const SUBJECT_BYTES_MAX: usize = 128;
/// The code of an event whose subject is none.
const SUBJECT_INVALID: &str = "subject_invalid";

impl Replay {
    /// Begins with empty state.
    pub fn new(set: Arc<RuleSet>) -> Replay {
        let mut tally = Tally::default();
        tally.adopt(&set);
        Replay { offline: Offline::new(set), swaps: VecDeque::new(), marks: HashMap::new(), tally }
    }

    /// Has `set` replace the rules between two events: the first event at `from` or later meets it. State goes on where
    /// definitions are the same. Swaps are given in the order of their times.
    pub fn swap_at(&mut self, from: UnixMillis, set: Arc<RuleSet>) {
        self.swaps.push_back((from, set));
    }

    /// Takes one event; appends a line to `out` for each command it orders. Times must not fall.
    pub fn take(&mut self, captured: Captured, out: &mut Vec<u8>) -> Outcome {
        while let Some((_, set)) = self.swaps.pop_front_if(|(from, _)| *from <= captured.at) {
            self.tally.adopt(&set);
            self.offline.swap(set);
        }
        self.tally.event(&captured);
        let (line, sender, class, seq) = (captured.line, captured.sender, captured.class, captured.seq);
        let event = match self.admit(captured) {
            Ok(event) => event,
            Err((code, detail)) => {
                self.tally.rejected(code, line, detail);
                return Outcome::Rejected(code);
            }
        };
        let mark = self.marks.entry((sender, class, event.partition)).or_default();
        if seq <= *mark {
            self.tally.duplicate();
            return Outcome::Duplicate;
        }
        *mark = seq;
        let (id, player) = (event.id.clone(), event.subject.clone());
        let revision = self.offline.rule_set().revision();
        let observed = self.offline.feed_event(event);
        let verdict = observed.verdict;
        self.tally.evaluated(&player, &observed);
        // An event's commands travel together, with the priority of the most urgent one.
        let travels = observed.commands.iter().map(|command| command.priority).min().unwrap_or_default();
        observed.commands.iter().for_each(|command| write_line(out, &id, revision, travels, command));
        observed.replies.iter().for_each(|reply| write_line(out, &id, revision, reply.priority, reply));
        Outcome::Evaluated(verdict)
    }

    /// The rules and their state after the event that was taken last.
    pub fn offline(&self) -> &Offline {
        &self.offline
    }

    /// What became of all events until now.
    pub fn summary(&self) -> Summary {
        self.tally.summary()
    }

    /// What admission has against an event: its code, and the detail.
    pub(crate) fn refusal(&self, captured: &Captured) -> Option<(&'static str, String)> {
        self.admit(captured.clone()).err()
    }

    /// As the daemon admits: by the catalogue in force, with the subject that the event's provenance gives it.
    fn admit(&self, captured: Captured) -> Result<Event, (&'static str, String)> {
        let Captured { at, conn, class, seq, event_type, payload, .. } = captured;
        let catalogue = self.offline.rule_set().catalogue();
        let admitted = catalogue
            .admit(event_type, conn.provenance, &payload)
            .map_err(|refusal| (refusal.code(), refusal.to_string()))?;
        let subject = match (conn.provenance, admitted.subject) {
            (Provenance::Client, _) => conn.sub.clone(),
            (Provenance::Server, Some(name)) if (1..=SUBJECT_BYTES_MAX).contains(&name.len()) => Arc::from(name),
            (Provenance::Server, _) => {
                return Err((SUBJECT_INVALID, format!("the subject field must hold 1 to {SUBJECT_BYTES_MAX} bytes")));
            }
        };
        // The key of players is fixed by the wire protocol: XXH3-128 over the subject's bytes.
        let player = PlayerKey(xxh3_128(subject.as_bytes()));
        let id = EventId::Reliable { sub: conn.sub.clone(), producer: conn.producer, class, seq };
        let partition = Partition::of(player);
        Ok(Event { id, event_type, subject, player, partition, arrival: at, happened: at, conn, payload })
    }
}
