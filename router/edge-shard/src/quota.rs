//! What all connections of one player may do together: events and bytes a second, and how many there may be.
//!
//! A player may have several producers, each with a connection and a budget of its own, on whichever shard. Their events
//! meet at the owner of the player, and so here. What comes in: events, sessions. What goes out: how long the session
//! that sent too much shall be left alone; nothing that was accepted is dropped. Memory is a meter for each player who
//! sent something lately. Deliberately absent: game servers, who speak for many players.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ahash::RandomState;
use edge_event::PlayerKey;
use edge_session::{Gcra, Rate};

use crate::config::Config;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Quotas {
    events: Rate,
    bytes: Rate,
    /// Meters count from here.
    origin: Instant,
    meters: HashMap<PlayerKey, Meters, RandomState>,
    /// Times that a session was told to slow down.
    slowed: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Meters {
    events: Gcra,
    bytes: Gcra,
}

impl Quotas {
    pub(crate) fn new(config: &Config, hash_seed: u64, now: Instant) -> Quotas {
        Quotas {
            events: config.player_events,
            bytes: config.player_bytes,
            origin: now,
            meters: HashMap::with_hasher(crate::hasher(hash_seed)),
            slowed: 0,
        }
    }

    /// One event of a player, who sent it at `at`. Says how long its session shall wait where that is too much.
    pub(crate) fn charge(&mut self, player: PlayerKey, payload_bytes: usize, at: Instant) -> Option<Duration> {
        let at_ns = self.since_origin_ns(at);
        let meters = self.meters.entry(player).or_default();
        let payload_bytes = u32::try_from(payload_bytes).unwrap_or(u32::MAX);
        let for_event = meters.events.owe(self.events, at_ns, 1);
        let for_bytes = meters.bytes.owe(self.bytes, at_ns, payload_bytes);
        let wait = for_event.max(for_bytes)?;
        self.slowed += 1;
        Some(wait)
    }

    /// Forgets players whose meters are as good as new.
    pub(crate) fn on_time(&mut self, now: Instant) {
        let now_ns = self.since_origin_ns(now);
        self.meters.retain(|_, meters| !(meters.events.is_idle(now_ns) && meters.bytes.is_idle(now_ns)));
        self.meters.shrink_to(2 * self.meters.len());
    }

    pub(crate) fn slowed(&self) -> u64 {
        self.slowed
    }

    pub(crate) fn len(&self) -> usize {
        self.meters.len()
    }

    fn since_origin_ns(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.origin).as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn quotas(now: Instant) -> Quotas {
        let config = Config {
            player_events: Rate { a_second: 10, burst: 20 },
            player_bytes: Rate { a_second: 1_000, burst: 10_000 },
            ..Config::default()
        };
        Quotas::new(&config, 1, now)
    }

    #[test]
    fn a_player_is_charged_for_all_its_sessions_and_nobody_elses() {
        let now = Instant::now();
        let mut quotas = quotas(now);
        let (one, other) = (PlayerKey(1), PlayerKey(2));
        assert!((0..20).all(|_| quotas.charge(one, 10, now).is_none()));
        assert_eq!(quotas.charge(one, 10, now), Some(SECOND / 10));
        assert_eq!(quotas.charge(other, 10, now), None);
        assert!(quotas.charge(other, 20_000, now) > Some(9 * SECOND), "bytes count, too");
        assert_eq!(quotas.slowed(), 2);
    }

    #[test]
    fn who_does_as_told_gets_the_rate_and_no_more() {
        let start = Instant::now();
        let mut quotas = quotas(start);
        let (mut now, mut sent) = (start, 0);
        while now < start + 60 * SECOND {
            sent += 1;
            now += quotas.charge(PlayerKey(1), 1, now).unwrap_or_default();
        }
        assert!((600..=622).contains(&sent), "{sent} in a minute at ten a second");
    }

    #[test]
    fn quiet_players_are_forgotten() {
        let now = Instant::now();
        let mut quotas = quotas(now);
        (0..10_000).for_each(|n| assert_eq!(quotas.charge(PlayerKey(n), 1, now), None));
        assert_eq!(quotas.len(), 10_000);
        quotas.on_time(now + SECOND);
        assert_eq!(quotas.len(), 0);
    }
}
