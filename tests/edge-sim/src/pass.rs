//! How a client proves who it is: tokens of one connection, in time, too late, or not its own.
//!
//! In: the story's habits ([`Papers`]), moments. Out: the token of HELLO, those of REAUTH and when they are due, and what the
//! server must do about them: until when it may serve the connection, and with which code it may end it. Deliberately absent:
//! signatures (see [`tls`](crate::tls)), and how a frame is sent.

use std::time::Duration;

use edge_door::sim::Rng;
use edge_event::Provenance;
use edge_wire::{CloseCode, Refuse, RefuseCode};
use serde::{Deserialize, Serialize};

use crate::span;
use crate::tls::{Ticket, keys};

/// How tokens are in a story.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Papers {
    /// How long a token is good for.
    #[serde(with = "span")]
    pub(crate) life: Duration,
    /// How far the nodes take clocks to differ.
    #[serde(with = "span")]
    pub(crate) leeway: Duration,
}

/// How a client treats REAUTH on one connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Habit {
    /// Lets its token run out.
    Forgets,
    /// A fresh token, well before the end.
    InTime,
    /// A fresh token, when the connection should be gone.
    TooLate,
    /// A token with another signature.
    Forged,
    /// A good token of another player.
    Foreign,
    /// A good token of the same name, from the issuer of game servers, or from that of players.
    OtherIssuer,
}

/// So long may a token's end go unnoticed: a timer's tick, a stalled thread, a turn.
const GRACE: Duration = Duration::from_millis(100);
/// Whole milliseconds are told, by the client's clock and by the node's, and between them stands a token's end as a fraction of a
/// second in floating point: each may take one.
const CLOSE: Duration = Duration::from_millis(3);
/// Within so long a deny list acts on living connections.
const DENY_WITHIN: Duration = Duration::from_secs(1);

/// A span of the story in which a client is on the deny list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ban {
    pub(crate) from: Duration,
    pub(crate) to: Option<Duration>,
    /// One token, or all of the subject.
    pub(crate) jti: Option<String>,
}

/// The papers of one connection.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) jti: String,
    habit: Habit,
    /// The first token's end and that of the latest good one, leeway included; time since the story's beginning.
    first_end: Duration,
    end: Duration,
    /// When REAUTH is due.
    due: Option<Duration>,
    has_cheated: bool,
}

/// Whose papers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bearer<'a> {
    pub(crate) sub: &'a str,
    pub(crate) provenance: Provenance,
}

/// A moment on both hands of the clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) elapsed: Duration,
    pub(crate) unix_ms: i64,
}

/// What a server did wrong about papers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fault {
    pub(crate) why: String,
    /// It would be right by a wall clock that is wrong.
    pub(crate) is_of_clock: bool,
}

impl Ban {
    /// Whether a word that left then may be for its sake.
    fn bites(&self, jti: &str, sent_at: Duration) -> bool {
        self.jti.as_ref().is_none_or(|banned| banned == jti)
            && sent_at >= self.from
            && self.to.is_none_or(|to| sent_at <= to + DENY_WITHIN)
    }
}

impl Pass {
    /// The papers of a new connection, and the token of its HELLO. `serial` makes the token's id.
    pub(crate) fn new(who: Bearer<'_>, serial: u64, papers: Papers, now: Moment, rng: &mut Rng) -> (Pass, String) {
        let habit = match rng.below(100) {
            0..25 => Habit::Forgets,
            25..65 => Habit::InTime,
            65..75 => Habit::TooLate,
            75..83 => Habit::Forged,
            83..92 => Habit::Foreign,
            _ => Habit::OtherIssuer,
        };
        let jti = format!("{}-{serial}", who.sub);
        let end = now.elapsed + papers.life + papers.leeway;
        let mut pass = Pass { jti, habit, first_end: end, end, due: None, has_cheated: false };
        pass.plan(papers, now, rng);
        let token = pass.fresh(who, papers, now);
        (pass, token)
    }

    fn plan(&mut self, papers: Papers, now: Moment, rng: &mut Rng) {
        let part = match self.habit {
            Habit::Forgets => None,
            Habit::InTime => Some((30, 80)),
            Habit::TooLate => Some((100, 110)),
            Habit::Forged | Habit::Foreign | Habit::OtherIssuer => Some((10, 80)),
        };
        let at = |(from, to): (u64, u64)| papers.life * (from + rng.below(to - from)) as u32 / 100;
        self.due = part.map(at).map(|after| now.elapsed + after);
        if self.habit == Habit::TooLate {
            self.due = self.due.map(|due| due + papers.leeway + GRACE);
        }
    }

    fn fresh(&self, who: Bearer<'_>, papers: Papers, now: Moment) -> String {
        let Bearer { sub, provenance } = who;
        let ends_unix_ms = now.unix_ms + papers.life.as_millis() as i64;
        keys().token(&Ticket { sub, provenance, jti: &self.jti, made_unix_ms: now.unix_ms, ends_unix_ms })
    }

    /// When the next REAUTH is due.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.due
    }

    /// The token of a REAUTH that is due.
    pub(crate) fn reauth(&mut self, who: Bearer<'_>, papers: Papers, now: Moment, rng: &mut Rng) -> Option<String> {
        self.due.take_if(|due| *due <= now.elapsed)?;
        let Bearer { sub, provenance } = who;
        let stranger = format!("{sub}-not");
        let (sub, provenance) = match self.habit {
            Habit::Foreign => (stranger.as_str(), provenance),
            Habit::OtherIssuer if provenance == Provenance::Client => (sub, Provenance::Server),
            Habit::OtherIssuer => (sub, Provenance::Client),
            _ => (sub, provenance),
        };
        let mut token = self.fresh(Bearer { sub, provenance }, papers, now);
        match self.habit {
            Habit::InTime => {
                self.end = self.end.max(now.elapsed + papers.life + papers.leeway);
                self.plan(papers, now, rng);
            }
            // Were it taken after all, the connection would live on, and that shows.
            Habit::TooLate | Habit::Forgets => {}
            Habit::Forged => {
                let last = token.pop();
                token.push(if last == Some('A') { 'Q' } else { 'A' });
                self.has_cheated = true;
            }
            Habit::Foreign | Habit::OtherIssuer => self.has_cheated = true,
        }
        Some(token)
    }

    /// What is wrong with a session that is served in a packet that left its node then.
    pub(crate) fn judge_service(&self, sent_at: Duration, bans: &[Ban]) -> Option<Fault> {
        if sent_at > self.end + GRACE {
            let why = format!("served at {sent_at:?}, the token ended at {:?}", self.end);
            return Some(Fault { why, is_of_clock: true });
        }
        let ban = bans.iter().find(|ban| {
            ban.jti.as_ref().is_none_or(|jti| *jti == self.jti)
                && sent_at > ban.from + DENY_WITHIN
                && ban.to.is_none_or(|to| sent_at < to)
        })?;
        Some(Fault { why: format!("served at {sent_at:?} in spite of {ban:?}"), is_of_clock: false })
    }

    /// Whether the session was served beyond its first token.
    pub(crate) fn is_renewed(&self, sent_at: Duration) -> bool {
        sent_at > self.first_end + GRACE
    }

    /// What is wrong with a refusal in a packet that left then: every token of HELLO is good when it is made.
    pub(crate) fn judge_refusal(&self, refuse: &Refuse, sent_at: Duration, bans: &[Ban]) -> Option<Fault> {
        let code = RefuseCode::from_number(refuse.code);
        let is_right = match code {
            Some(RefuseCode::TokenExpired) => sent_at + CLOSE >= self.first_end,
            Some(RefuseCode::TokenRevoked) => bans.iter().any(|ban| ban.bites(&self.jti, sent_at)),
            Some(RefuseCode::Overloaded | RefuseCode::Draining) => true,
            _ => false,
        };
        let is_of_clock = matches!(code, Some(RefuseCode::TokenExpired | RefuseCode::TokenNotYetValid));
        let why = || format!("{refuse:?} at {sent_at:?}: {self:?}, {bans:?}");
        (!is_right).then(|| Fault { why: why(), is_of_clock })
    }

    /// What is wrong with an end by this code, in a packet that left then.
    pub(crate) fn judge_end(&self, code: CloseCode, sent_at: Duration, bans: &[Ban]) -> Option<Fault> {
        let is_right = match code {
            CloseCode::TokenExpired => sent_at + CLOSE >= self.first_end,
            CloseCode::TokenInvalid => self.has_cheated,
            CloseCode::Revoked => bans.iter().any(|ban| ban.bites(&self.jti, sent_at)),
            // No matter of papers; see `check/ends.rs`.
            _ => true,
        };
        let why = || format!("closed with {} at {sent_at:?}: {self:?}, {bans:?}", code.name());
        (!is_right).then(|| Fault { why: why(), is_of_clock: code != CloseCode::Revoked })
    }
}
