//! What the rules of `story/sim.rules.yaml` must order, written a second time in plain Rust.
//!
//! In: facts as their clients know them, and the revision. Out: the commands, without ids. Stateless rules are exact for each
//! event alone; what windows and gates order is told from all facts of a player. Deliberately absent: anything of
//! `rules-engine`.

use serde_json::{Value, json};

use crate::fact::{Fact, Zone, note};

/// How long the window of rule `rapid` is, in milliseconds.
pub(crate) const RAPID_WITHIN_MS: i64 = 3_000;
/// How many kills within it fire.
pub(crate) const RAPID_COUNT: usize = 2;
/// From which kill on rule `streak` fires.
pub(crate) const STREAK_COUNT: usize = 3;
/// How long the cooldown of rule `calm_down` is, in milliseconds.
pub(crate) const CALM_MS: i64 = 4_000;
/// From which chat line on rule `chatter` fires, where no daemon died.
pub(crate) const CHATTER_COUNT: usize = 4;

/// A command, as the sink's line must show it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Expected {
    pub(crate) rule: &'static str,
    pub(crate) action: u64,
    /// The line's `data`.
    pub(crate) data: Value,
}

fn expected(rule: &'static str, action: u64, data: Value) -> Expected {
    Expected { rule, action, data }
}

fn publish(rule: &'static str, action: u64, topic: &str, message: Value) -> Expected {
    expected(rule, action, json!({ "topic": topic, "message": message }))
}

/// What the rules without state order for one event of `player`.
pub(crate) fn stateless(fact: &Fact, nonce: u64, player: &str, rev: u64) -> Vec<Expected> {
    let mut all = Vec::new();
    match fact {
        Fact::Hit { power, zone, note_bytes } => {
            let message = json!({ "nonce": nonce, "note": note(*note_bytes), "rev": rev });
            all.push(publish("audit_hit", 0, "sim.audit", message));
            if *power >= 50 && matches!(zone, Zone::Catacombs | Zone::SkyFortress) {
                let message = json!({ "nonce": nonce, "power": power, "rev": rev });
                all.push(publish("hard_hit", 0, "sim.hard", message));
                let id = format!("hard-{player}-{nonce}");
                let input = json!({ "nonce": nonce, "rev": rev });
                let start = json!({ "workflow": "HardHit", "workflow_id": id, "input": input });
                all.push(expected("hard_hit", 1, start));
            }
            if power % 2 == 1 && rev % 2 == 1 {
                all.push(publish("odd_revision", 0, "sim.odd", json!({ "nonce": nonce, "rev": rev })));
            }
        }
        Fact::Trade { gold, .. } => {
            let message = json!({ "nonce": nonce, "gold": gold, "rev": rev });
            all.push(publish("ledger", 0, "sim.ledger", message));
            if *gold >= 50_000 {
                all.push(publish("whale", 0, "sim.whale", json!({ "nonce": nonce, "rev": rev })));
            }
        }
        Fact::Step { far } if *far >= 80 => {
            all.push(publish("far_step", 0, "sim.far", json!({ "nonce": nonce, "rev": rev })));
        }
        Fact::Login | Fact::Kill | Fact::Chat | Fact::Step { .. } | Fact::Noise | Fact::Unknown | Fact::Garbled => {}
    }
    all.sort_by_key(|e| (e.rule, e.action));
    all
}

/// What a rule with state orders where it fires.
pub(crate) fn stateful(rule: &str, nonce: u64, player: &str, rev: u64) -> Option<Expected> {
    let body = json!({ "nonce": nonce, "rev": rev });
    Some(match rule {
        "welcome" => {
            let id = format!("welcome-{player}");
            expected("welcome", 0, json!({ "workflow": "Welcome", "workflow_id": id, "input": body }))
        }
        "first_blood" => publish("first_blood", 0, "sim.first", json!({ "nonce": nonce, "odd": 1, "rev": rev })),
        "calm_down" => {
            let id = format!("chat-{player}");
            expected("calm_down", 0, json!({ "workflow_id": id, "signal": "CalmDown", "input": body }))
        }
        "streak" => publish("streak", 0, "sim.streak", body),
        "rapid" => publish("rapid", 0, "sim.rapid", body),
        "chatter" => publish("chatter", 0, "sim.chatter", body),
        _ => return None,
    })
}

/// Whether the command of rule `first_blood` can be made of a fact; where it cannot, the rule's gate must stay as it was.
pub(crate) const fn can_be_first(fact: &Fact) -> bool {
    matches!(fact, Fact::Hit { power, .. } if *power % 2 == 1)
}

/// Whether an event cannot be finished without a record: it orders something whatever came before, or feeds a durable window.
pub(crate) const fn needs_record(fact: &Fact) -> bool {
    matches!(fact, Fact::Hit { .. } | Fact::Kill | Fact::Trade { .. })
}

/// The rule whose durable gate every event of this kind meets: where it has no record, somebody has used the gate before.
pub(crate) const fn gate(fact: &Fact) -> Option<&'static str> {
    match fact {
        Fact::Login => Some("welcome"),
        Fact::Chat => Some("calm_down"),
        _ => None,
    }
}
