//! What rules with time must order where the wall clock stepped: by true time, within what a step may do to a span.
//!
//! In: the events of one player, with when each was told and when its record went by. Out: violations of what the
//! [`chronicle`](crate::chronicle) promises. Where no step came, [`once`](super::once) is exact. Deliberately absent: the moments that
//! records show; they are the daemon's own idea of time, which is what is on trial here.

use std::time::Duration;

use edge_event::Position;

use crate::chronicle::Chronicle;
use crate::oracle;
use crate::scribe::{Promise, Scribe};

/// One event of a rule with time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// When it was told, in true time.
    pub(crate) told: Duration,
    /// Its record and when that went by; it was evaluated in between.
    pub(crate) record: Option<(Position, Duration)>,
    /// Whether the rule fired for it.
    pub(crate) has_fired: bool,
    /// Whether it was this node that receipted it.
    pub(crate) is_receipted: bool,
}

/// Packets, rings and rounding: what true time may be off by.
const SLACK: Duration = Duration::from_millis(500);

/// Whether the steps between two moments may have ended a span of an hour.
pub(crate) fn may_end_an_hour(chronicle: &Chronicle, from: Duration, to: Duration) -> bool {
    const MOST_OF_AN_HOUR_MS: i64 = 50 * 60 * 1_000;
    chronicle.forward_ms(from, to) >= MOST_OF_AN_HOUR_MS
}

/// Two kills within the window fire whatever the wall did, unless it stepped over what was left of the window; two that are
/// twice the window apart do not.
pub(crate) fn rapid(player: &str, kills: &[Seen], chronicle: &Chronicle, scribe: &mut Scribe<'_>) {
    let within = millis(oracle::RAPID_WITHIN_MS);
    for (at, kill) in kills.iter().enumerate() {
        let Some((_, by)) = kill.record else { continue };
        let earlier: Vec<&Seen> = kills[..at].iter().filter(|k| k.record.is_some()).collect();
        let is_near = |k: &&Seen| by.saturating_sub(k.told) + forward(chronicle, k.told, by) < within;
        let is_far = |k: &&Seen| kill.told >= latest(k, by, chronicle) + 2 * within + SLACK;
        if !kill.has_fired && earlier.iter().any(is_near) {
            let what = format!("kill {} of {player}, told at {:?}: another was within the window", at + 1, kill.told);
            scribe.broken(Promise::P1, what);
        }
        if kill.has_fired && earlier.iter().all(is_far) {
            let what = format!("kill {} of {player}, told at {:?}: no other was within the window", at + 1, kill.told);
            scribe.broken(Promise::P1, what);
        }
    }
}

/// Two passages are a cooldown apart, less what the wall stepped over; and what did not pass met one within twice a cooldown.
pub(crate) fn calm_down(player: &str, chats: &[Seen], chronicle: &Chronicle, scribe: &mut Scribe<'_>) {
    let cooldown = millis(oracle::CALM_MS);
    let mut passed: Vec<&Seen> = chats.iter().filter(|chat| chat.has_fired && chat.record.is_some()).collect();
    passed.sort_unstable_by_key(|chat| chat.record);
    for pair in passed.windows(2) {
        let Some((_, by)) = pair[1].record else { continue };
        if by.saturating_sub(pair[0].told) + forward(chronicle, pair[0].told, by) < cooldown {
            let what = format!("the cooldown of {player} passed at {:?} and again at {:?}", pair[0], pair[1]);
            scribe.broken(Promise::P1, what);
        }
    }
    for chat in chats.iter().filter(|chat| chat.is_receipted && !chat.has_fired) {
        let held = |p: &&Seen| chat.told <= latest(p, Duration::MAX, chronicle) + 2 * cooldown + SLACK;
        if !passed.iter().any(held) {
            let what =
                format!("a chat line of {player}, told at {:?}, met an open cooldown and ordered nothing", chat.told);
            scribe.broken(Promise::P1, what);
        }
    }
}

/// Until when an event may count as happening: a start takes what lies in the future of its wall as happening then.
fn latest(seen: &Seen, before: Duration, chronicle: &Chronicle) -> Duration {
    let by = seen.record.map_or(seen.told, |(_, by)| by);
    by.max(chronicle.last_start(before))
}

fn forward(chronicle: &Chronicle, from: Duration, to: Duration) -> Duration {
    millis(chronicle.forward_ms(from, to))
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}
