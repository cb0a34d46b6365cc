//! What a shard counts: verdicts, and per rule what became of it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::outcome::{REASONS, Reason, RuleIndex, Verdict};
use crate::rule_set::RuleSet;

/// Totals of one shard. The three verdicts sum up to all events evaluated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EvaluatorCounters {
    /// Events that ordered something.
    pub commanded: u64,
    /// Events that ordered nothing because of this, by [`Reason`].
    pub suppressed: [u64; REASONS],
    /// Events that no rule fitted.
    pub no_match: u64,
    /// Events, of types that rules use, that came too late for windows.
    pub late: u64,
    /// Events whose payload could not be read (admission should have refused them).
    pub unreadable: u64,
    /// Times that the `where` or the key of a feed failed, so that the event did not count.
    pub feed_errors: u64,
}

/// What became of one rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RuleCounters {
    /// Events of its type.
    pub evaluated: u64,
    /// Times it ordered something.
    pub fired: u64,
    /// Times it was held back, by [`Reason`]; its errors are those of [`Reason::Error`].
    pub suppressed: [u64; REASONS],
}

#[derive(Default)]
pub(super) struct Counters {
    totals: EvaluatorCounters,
    adopted: Option<[u8; 32]>,
    rules: Vec<RuleCounters>,
    /// Package and id of each rule, to find it again after a swap.
    names: Vec<(Arc<str>, Arc<str>)>,
    /// The partition of each rule's type.
    partitions: Vec<u32>,
    /// Events of each partition since the set was adopted.
    events: Vec<u64>,
}

impl Counters {
    pub(super) fn adopt(&mut self, set: &RuleSet) {
        if self.adopted.as_ref() == Some(set.identity()) {
            return;
        }
        let old: Vec<RuleCounters> = self.rules().collect();
        let names = std::mem::take(&mut self.names);
        let old: HashMap<(Arc<str>, Arc<str>), RuleCounters, ahash::RandomState> = names.into_iter().zip(old).collect();
        let infos = || set.rules().map(|(_, info)| info);
        self.names = infos().map(|i| (i.package.clone(), i.id.clone())).collect();
        self.rules = self.names.iter().map(|name| old.get(name).copied().unwrap_or_default()).collect();
        let partition = |event_type| set.partition_index(event_type).map_or(u32::MAX, |at| at as u32);
        self.partitions = infos().map(|i| partition(i.on)).collect();
        self.events = vec![0; set.partitions.len()];
        self.adopted = Some(*set.identity());
    }

    pub(super) fn event_of(&mut self, partition: usize, late: bool) {
        self.events[partition] += 1;
        self.totals.late += u64::from(late);
    }

    pub(super) fn unreadable(&mut self) {
        self.totals.unreadable += 1;
    }

    pub(super) fn feed_error(&mut self) {
        self.totals.feed_errors += 1;
    }

    pub(super) fn fired(&mut self, rule: RuleIndex) {
        self.rules[rule.0 as usize].fired += 1;
    }

    pub(super) fn suppressed(&mut self, rule: RuleIndex, reason: Reason) {
        self.rules[rule.0 as usize].suppressed[reason as usize] += 1;
    }

    pub(super) fn count(&mut self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::Commanded => self.totals.commanded += 1,
            Verdict::Suppressed(reason) => self.totals.suppressed[reason as usize] += 1,
            Verdict::NoMatch => self.totals.no_match += 1,
        }
        verdict
    }

    pub(super) fn totals(&self) -> EvaluatorCounters {
        self.totals
    }

    /// Events are counted once a partition, not once a rule.
    pub(super) fn rules(&self) -> impl ExactSizeIterator<Item = RuleCounters> + '_ {
        self.rules.iter().zip(&self.partitions).map(|(rule, partition)| {
            let events = self.events.get(*partition as usize).copied().unwrap_or(0);
            RuleCounters { evaluated: rule.evaluated + events, ..*rule }
        })
    }
}
