//! Rules over events without a daemon: for tests, golden counts and replays.
//!
//! In: a rule set, and events one by one with the times at which they happened and arrived. Out: for each event what the daemon
//! would have ordered. One state, one evaluator, the caller's clock. Absent: sessions, dedupe, partitions; each player
//! is one producer whose events are numbered as they come.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use edge_event::{
    Class, Command, ConnInfo, Event, EventId, EventTypeId, Partition, PlayerKey, ProducerId, Seq, UnixMillis,
};
use rules_catalogue::EncodeError;
use rules_engine::{
    Evaluator, Explanation, Outputs, Reason, RuleCounters, RuleIndex, RuleSet, State, StateLimits, Verdict, explain,
};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

/// A shard of its own. See the file's head.
pub struct Offline {
    set: Arc<RuleSet>,
    state: State,
    evaluator: Evaluator,
    outputs: Outputs,
    /// Of each player: the session, and how many events came.
    players: BTreeMap<Arc<str>, (Arc<ConnInfo>, u64)>,
    last: Option<(Event, Verdict)>,
}

/// What became of one event.
#[derive(Debug)]
pub struct Observed<'a> {
    /// Where it ends in the ledger.
    pub verdict: Verdict,
    /// Rules that ordered something, in emission order.
    pub fired: &'a [RuleIndex],
    /// Rules that were held back.
    pub suppressed: &'a [(RuleIndex, Reason)],
    /// Durable commands, in emission order.
    pub commands: &'a [Command],
    /// Replies, in emission order.
    pub replies: &'a [Command],
}

/// Why an event could not be fed.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The catalogue has no such type.
    #[error("no event type `{name}` in catalogue {catalogue}; correct the name or load the catalogue that has it")]
    UnknownType {
        /// The name.
        name: String,
        /// The catalogue.
        catalogue: String,
    },
    /// The fields are no such event, or admission would refuse it.
    #[error("{name}: {source}; correct the field, or the limit in the catalogue")]
    Refused {
        /// The event type.
        name: String,
        /// Why.
        source: EncodeError,
    },
}

impl FeedError {
    /// Stable for ever.
    pub const fn code(&self) -> &'static str {
        match self {
            FeedError::UnknownType { .. } => "feed_unknown_type",
            FeedError::Refused { source, .. } => source.code(),
        }
    }
}

/// Definitions that left a rule set are kept this long; nothing here rolls back.
const RETIRE_GRACE_MS: u64 = 3_600_000;

impl Offline {
    /// With empty state, at a time before all events.
    pub fn new(set: Arc<RuleSet>) -> Offline {
        let limits = StateLimits { hash_seed: 0, retire_grace_ms: RETIRE_GRACE_MS, max_retired: 1000 };
        Offline {
            set,
            state: State::new(limits, UnixMillis(0)),
            evaluator: Evaluator::new(),
            outputs: Outputs::default(),
            players: BTreeMap::new(),
            last: None,
        }
    }

    /// The rules that decide.
    pub fn rule_set(&self) -> &Arc<RuleSet> {
        &self.set
    }

    /// Replaces the rules; state goes on where definitions are the same.
    pub fn swap(&mut self, set: Arc<RuleSet>) {
        self.set = set;
    }

    /// Feeds an event whose fields are JSON, with happened = arrived = `time`. Time must not fall.
    ///
    /// # Errors
    /// See [`FeedError`]; nothing happened.
    pub fn feed(
        &mut self,
        player: &str,
        event_type: &str,
        fields: &Value,
        time: UnixMillis,
    ) -> Result<Observed<'_>, FeedError> {
        let catalogue = Arc::clone(self.set.catalogue());
        let Some(found) = catalogue.event_type_by_name(event_type) else {
            let (name, catalogue) = (event_type.to_owned(), catalogue.name().to_owned());
            return Err(FeedError::UnknownType { name, catalogue });
        };
        let payload = catalogue
            .encode_json(found, fields)
            .map_err(|source| FeedError::Refused { name: event_type.to_owned(), source })?;
        let conn = Arc::clone(&self.session(player).0);
        Ok(self.feed_payload(player, found.id, Bytes::from(payload), &conn, time, time))
    }

    /// Feeds an encoded event that admission would pass, from a session that the caller describes.
    pub fn feed_payload(
        &mut self,
        player: &str,
        event_type: EventTypeId,
        payload: Bytes,
        conn: &Arc<ConnInfo>,
        happened: UnixMillis,
        arrived: UnixMillis,
    ) -> Observed<'_> {
        let session = self.session(player);
        session.1 += 1;
        let seq = session.1;
        let subject: Arc<str> = Arc::from(player);
        // The key of players is fixed by the wire protocol: XXH3-128 over the subject's bytes.
        let key = PlayerKey(xxh3_128(player.as_bytes()));
        let class = Class::ALL[0];
        let id = EventId::Reliable { sub: Arc::clone(&subject), producer: conn.producer, class, seq: Seq(seq) };
        self.feed_event(Event {
            id,
            event_type,
            subject,
            player: key,
            partition: Partition::of(key),
            arrival: arrived,
            happened,
            conn: Arc::clone(conn),
            payload,
        })
    }

    /// Feeds an event that was admitted and is new.
    pub(crate) fn feed_event(&mut self, event: Event) -> Observed<'_> {
        let verdict = self.evaluator.evaluate(&self.set, &mut self.state, &event, event.arrival, &mut self.outputs);
        self.last = Some((event, verdict));
        self.observed().expect("INVARIANT: an event was fed just now")
    }

    /// What became of the event that was fed last.
    pub fn observed(&self) -> Option<Observed<'_>> {
        let (_, verdict) = self.last.as_ref()?;
        Some(Observed {
            verdict: *verdict,
            fired: &self.outputs.fired,
            suppressed: &self.outputs.suppressed,
            commands: &self.outputs.commands,
            replies: &self.outputs.replies,
        })
    }

    /// The event that was fed last.
    pub fn last_event(&self) -> Option<&Event> {
        self.last.as_ref().map(|(event, _)| event)
    }

    /// What a rule made of the event that was fed last.
    pub fn explain_last(&self, rule: RuleIndex) -> Option<Explanation> {
        let (event, _) = self.last.as_ref()?;
        explain(&self.set, &self.state, event, rule)
    }

    /// What happened to each rule of the set that decided last, in the order of [`RuleSet::rules`].
    pub(crate) fn rule_counters(&self) -> impl ExactSizeIterator<Item = RuleCounters> + '_ {
        self.evaluator.rule_counters()
    }

    /// The player's session, and how many events came from it.
    fn session(&mut self, player: &str) -> &mut (Arc<ConnInfo>, u64) {
        if !self.players.contains_key(player) {
            let sub: Arc<str> = Arc::from(player);
            let producer = ProducerId(xxh3_128(player.as_bytes()).to_le_bytes());
            let conn = ConnInfo { sub: Arc::clone(&sub), producer, ..ConnInfo::default() };
            self.players.insert(sub, (Arc::new(conn), 0));
        }
        self.players.get_mut(player).expect("INVARIANT: the session was made above")
    }
}
