//! What each gate of a rule says, in words, for people.
//!
//! In: a rule, an event, the state as it is. Out: a [`GateAnswer`] for each gate that the rule has, in the order in which they are
//! asked. Absent: the group, which only knows while an event is settled; its answer is what became of the rule.

use super::gates::{active, bucket, cell, choose};
use super::{Case, KeyBytes};
use crate::expr::Scratch;
use crate::outcome::Reason;
use crate::rule_set::Rule;
use crate::schedule::Inactive;
use crate::state::State;
use crate::zone::Zone;

/// What a gate says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateAnswer {
    /// The word of the rule file: `active`, `variation`, `rollout`, `once`, `cooldown`, `rate_limit`; `rate_limit_player` for what
    /// one player may take of a shared limit.
    pub gate: String,
    /// Whether it would let the event through, or why not.
    pub answer: Result<(), Reason>,
    /// What it looked at, e.g. `bucket 31415 of 100000, below 40000`; may be empty.
    pub detail: String,
}

pub(super) fn ask_all(
    case: Case<'_>,
    state: &State,
    rule: &Rule,
    keys: &mut KeyBytes,
    scratch: &Scratch,
) -> Vec<GateAnswer> {
    let mut answers = Vec::new();
    let mut say = |gate: &str, answer, detail| answers.push(GateAnswer { gate: gate.to_owned(), answer, detail });
    if rule.active.is_some() {
        say("active", active(case, state, rule), clock(case, state, rule));
    }
    if !rule.variations.is_empty() {
        let (answer, detail) = match choose(case, &rule.variations, keys, scratch) {
            Ok(Some(arm)) if arm.holds_back => (Err(Reason::Variation), format!("`{}`", arm.name)),
            Ok(Some(arm)) => (Ok(()), format!("`{}`", arm.name)),
            Ok(None) => (Ok(()), "none was chosen".to_owned()),
            Err(_) => (Err(Reason::Error), String::new()),
        };
        say("variation", answer, detail);
    }
    if let Some(rollout) = &rule.rollout {
        let (answer, detail) = match bucket(case, &rollout.salt, &rollout.key, keys, scratch) {
            Ok(at) if at < rollout.share => (Ok(()), format!("bucket {at}, below {}", rollout.share)),
            Ok(at) => (Err(Reason::Rollout), format!("bucket {at}, not below {}", rollout.share)),
            Err(_) => (Err(Reason::Error), String::new()),
        };
        say("rollout", answer, detail);
    }
    let limits = [("rate_limit", &rule.limits.shared), ("rate_limit_player", &rule.limits.per_player)];
    for (word, gate) in [("once", &rule.once), ("cooldown", &rule.cooldown)].into_iter().chain(limits) {
        if let Some(gate) = gate {
            say(word, cell(case, state, gate, keys, scratch).map(|_| ()), String::new());
        }
    }
    answers
}

/// What the clock shows, and which part of the schedule says no.
fn clock(case: Case<'_>, state: &State, rule: &Rule) -> String {
    let Some(schedule) = &rule.active else { return String::new() };
    let zone = schedule.zone_for(case.set, &case.event.conn.region);
    let shows = reading(zone, state);
    match schedule.check(zone, &case.set.calendars, state.now()) {
        Ok(()) => shows,
        Err(Inactive::NotYet) => format!("{shows}, before `from`"),
        Err(Inactive::Over) => format!("{shows}, `until` is over"),
        Err(Inactive::OffHours) => format!("{shows}, outside of `weekly`"),
        Err(Inactive::Excepted(at)) => {
            format!("{shows}, a day of `calendar.{}`", case.set.calendars[usize::from(at)].name)
        }
    }
}

/// `Mon 2026-01-05 13:00:00 in Europe/Berlin`
fn reading(zone: &Zone, state: &State) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let wall = zone.wall(state.now());
    let day = DAYS[(wall.of_week_ms() / 86_400_000) as usize];
    let (year, month, date) = crate::expr::date_of(wall.day());
    let second = wall.0.div_euclid(1_000).rem_euclid(86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{day} {year:04}-{month:02}-{date:02} {hour:02}:{minute:02}:{second:02} in {}", zone.name())
}
