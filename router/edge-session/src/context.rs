//! What all sessions of a shard share: limits, keys, the time, the way out.
//!
//! In: what the shard told last. Out: the same to each session, and their events and counts back. Deliberately absent:
//! connections.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge_event::identity::CLASSES;

use crate::config::Config;
use crate::events::{MoveTo, SessionEvent, Stats};
use crate::shears::Shears;
use crate::token::{DenyList, TokenVerifier};

/// The surroundings of a session while it works.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: Arc<Config>,
    pub(crate) verifier: Arc<TokenVerifier>,
    pub(crate) deny: Arc<DenyList>,
    pub(crate) shears: Arc<Shears>,
    /// When the shard's sessions were made; meters count from here.
    pub(crate) origin: Instant,
    pub(crate) now: Instant,
    /// When the two below were read; `now` may have gone on since.
    pub(crate) told_at: Instant,
    /// The shard's time, which never runs backwards: milliseconds since 1970. Events are dated by it.
    pub(crate) shown_ms: i64,
    /// The wall clock as it is, steps and all. Tokens are judged by it.
    pub(crate) wall_ms: i64,
    pub(crate) events: VecDeque<SessionEvent>,
    pub(crate) stats: Stats,
    /// Classes that are not read and get no further credit.
    pub(crate) paused: [bool; CLASSES],
    pub(crate) shed_datagrams: bool,
    /// Where clients go once the shard drains.
    pub(crate) draining: Option<MoveTo>,
    /// Of the last datagram event.
    pub(crate) ordinal: u64,
}

impl Context {
    pub(crate) fn new(config: Arc<Config>, verifier: Arc<TokenVerifier>, shears: Arc<Shears>, now: Instant) -> Context {
        Context {
            config,
            verifier,
            deny: Arc::default(),
            shears,
            origin: now,
            now,
            told_at: now,
            shown_ms: 0,
            wall_ms: 0,
            events: VecDeque::new(),
            stats: Stats::default(),
            paused: [false; CLASSES],
            shed_datagrams: false,
            draining: None,
            ordinal: 0,
        }
    }

    /// For meters.
    pub(crate) fn now_ns(&self) -> u64 {
        self.now.saturating_duration_since(self.origin).as_nanos() as u64
    }

    /// What clients' clocks are compared with: the monotonic clock when the time was told, in milliseconds since the sessions were
    /// made.
    pub(crate) fn told_ms(&self) -> i64 {
        if self.config.ages_by_wall {
            return self.shown_ms;
        }
        i64::try_from(self.told_at.saturating_duration_since(self.origin).as_millis()).unwrap_or(i64::MAX)
    }

    /// The monotonic moment of one of the wall clock, as that shows the time now.
    pub(crate) fn instant_of(&self, wall_ms: i64) -> Instant {
        let ahead_ms = u64::try_from(wall_ms.saturating_sub(self.wall_ms)).unwrap_or(0);
        // A year is beyond any session; it keeps the sum from overflowing.
        self.told_at + Duration::from_millis(ahead_ms.min(365 * 24 * 3600 * 1000))
    }
}
