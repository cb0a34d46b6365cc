//! Checker of what a producer's connections to one node may do to each other: a newer one ends the older one, whichever shards
//! they are on.
//!
//! In: when each connection of a client was welcomed. Two that are open side by side for a moment are on their way apart: the
//! word that ends the older one may be lost. For longer than an idle timeout nothing excuses it, and on a network that
//! loses nothing not even for that. Deliberately absent: who else is connected.

use std::time::Duration;

use super::World;
use crate::client::{Client, IDLE_TIMEOUT};
use crate::link::Link;
use crate::scribe::{Promise, Scribe};

/// Two connections side by side for so long, on a network that loses nothing.
const GOOD_WEATHER: Duration = Duration::from_secs(3);

/// At the end, since when the weather was good.
pub(crate) fn check(world: &World<'_>, scribe: &mut Scribe<'_>) {
    for actor in world.actors {
        side_by_side(&actor.client, world.quiet_since, GOOD_WEATHER, scribe);
    }
}

/// At any moment, whatever the weather.
pub(crate) fn on_words(client: &Client, scribe: &mut Scribe<'_>) {
    side_by_side(client, Duration::ZERO, 2 * IDLE_TIMEOUT, scribe);
}

fn side_by_side(client: &Client, from: Duration, most: Duration, scribe: &mut Scribe<'_>) {
    let open: Vec<&Link> = client.links.iter().filter(|link| link.welcomed_at.is_some()).collect();
    for (at, older) in open.iter().enumerate() {
        let Some(newer) = open[at + 1..].iter().find(|newer| newer.node == older.node) else { continue };
        let since = newer.welcomed_at.unwrap_or_default();
        if since.max(from) + most < scribe.clock.elapsed() {
            let (name, older, newer) = (&client.name, older.number, newer.number);
            let what = format!("{name}: connection {newer} is served since {since:?}, and {older} still is");
            scribe.broken(Promise::Protocol, what);
        }
    }
}
