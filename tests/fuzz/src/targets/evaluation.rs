//! Some events of every type of the example catalogue through a rule set.
//!
//! What comes in: a rule set and a state. What goes out: what was ordered, as text. What holds on every event is
//! asserted here: nothing beyond the worst case that the rule set states for its type.
#![allow(dead_code, reason = "a build with one target alone uses a part of it")]

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use edge_event::{Class, ConnInfo, Event, EventId, EventTypeId, Partition, PlayerKey, ProducerId, Seq, UnixMillis};
use rules_engine::{Evaluator, Outputs, RuleSet, State, StateLimits, Verdict};

use super::bundles;
use super::payloads::full;

thread_local! {
    static EVALUATOR: RefCell<Evaluator> = RefCell::new(Evaluator::new());
}

/// What some events of each type order, as text to compare; with a state that knows nothing.
pub(super) fn evaluated_afresh(set: &RuleSet) -> String {
    let limits = StateLimits { hash_seed: 0, retire_grace_ms: 1000, max_retired: 10 };
    evaluated(set, &mut State::new(limits, UnixMillis(0)))
}

/// The same, with a state that knows something.
pub(super) fn evaluated(set: &RuleSet, state: &mut State) -> String {
    let mut out = Outputs::default();
    let mut told = String::new();
    EVALUATOR.with_borrow_mut(|evaluator| {
        for (seq, (event_type, payload)) in (1_u64..).zip(payloads()) {
            let worst = set.worst_case(*event_type);
            let event = event(seq, *event_type, payload.clone());
            let verdict = evaluator.evaluate(set, state, &event, UnixMillis(1000 * seq as i64), &mut out);
            assert!(out.commands.len() <= worst.commands as usize, "{} commands, {worst:?}", out.commands.len());
            assert!(out.replies.len() <= worst.replies as usize, "{} replies, {worst:?}", out.replies.len());
            assert!(out.deltas.len() <= worst.deltas as usize, "{} deltas, {worst:?}", out.deltas.len());
            assert!(out.is_durable() <= (worst.records > 0), "a record that was not reserved");
            assert_eq!(verdict == Verdict::Commanded, !out.fired.is_empty());
            told = format!("{told}{verdict:?} {:?} {:?}\n", out.commands, out.replies);
        }
    });
    told
}

/// For each event type of the catalogue an empty payload, twice, and a full one.
fn payloads() -> &'static [(EventTypeId, Bytes)] {
    static PAYLOADS: LazyLock<Vec<(EventTypeId, Bytes)>> = LazyLock::new(|| {
        let mut all = Vec::new();
        for event_type in bundles::catalogue().event_types() {
            let full = full(bundles::catalogue(), event_type);
            all.push((event_type.id, Bytes::new()));
            all.push((event_type.id, Bytes::from(full.clone())));
            all.push((event_type.id, Bytes::from(full)));
        }
        all
    });
    &PAYLOADS
}

fn event(seq: u64, event_type: EventTypeId, payload: Bytes) -> Event {
    static CONN: LazyLock<Arc<ConnInfo>> =
        LazyLock::new(|| Arc::new(ConnInfo { sub: "p1".into(), producer: ProducerId([3; 16]), ..ConnInfo::default() }));
    let id = EventId::Reliable { sub: "p1".into(), producer: ProducerId([3; 16]), class: Class::ALL[0], seq: Seq(seq) };
    let (player, time) = (PlayerKey(7), UnixMillis(1000 * seq as i64));
    Event {
        id,
        event_type,
        subject: "p1".into(),
        player,
        partition: Partition::of(player),
        arrival: time,
        happened: time,
        conn: Arc::clone(&CONN),
        payload,
    }
}
