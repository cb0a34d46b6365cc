//! Who plays what: simulated players with their game servers, or the players of a recording.
//!
//! What comes in: scripts or tracks, and how fast time passes. What goes out: [`Role`]s. Deliberately absent: connections.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use edge_event::ConnInfo;
use rules_capture::Captured;
use rules_catalogue::{Catalogue, EventType};
use tokio::sync::mpsc;

use super::cast::Bearer;
use super::dice::Dice;
use super::lobby::Lobby;
use super::mix::Mix;
use super::players::{Attested, Line, Part, Role};
use super::recorded::{Recorded, is_high_rate};
use super::script::{Happening, Script};

/// Game servers of the simulated players.
const GAME_SERVERS: usize = 2;
/// What a game server may have yet to send.
const ATTESTED_MAX: usize = 4_096;
/// What simulated players connect with, and how frequent it is.
const PLATFORMS: [(&str, f64); 4] = [("pc", 0.6), ("ps5", 0.2), ("xbox", 0.12), ("mobile", 0.08)];
const LOCALES: [(&str, f64); 5] = [("en-US", 0.4), ("de-DE", 0.2), ("pt-BR", 0.15), ("ko-KR", 0.15), ("zh-CN", 0.1)];
const REGIONS: [(&str, f64); 3] = [("us", 0.5), ("eu", 0.35), ("kr", 0.15)];
const BUILD: &str = "5.0.14";

/// Simulated players, and the game servers that attest their matches' results.
///
/// # Errors
/// The embedded catalogue does not know an event type of the table.
pub(crate) fn simulated(catalogue: &Arc<Catalogue>, seed: u64, players: u32, speed: f64) -> Result<Vec<Role>> {
    let mix = Arc::new(Mix::embedded());
    let recorded = mix.types.iter().map(|of| {
        let known = catalogue.event_type_of_record(&of.name);
        known.cloned().with_context(|| format!("the catalogue has no event type for `{}`", of.name))
    });
    let types: Arc<[EventType]> = recorded.collect::<Result<_>>()?;
    let lobby = Arc::new(Lobby::new(catalogue.clone())?);
    let mut servers = Vec::new();
    let mut roles = Vec::new();
    for number in 0..GAME_SERVERS {
        let (sender, attested) = mpsc::channel(ATTESTED_MAX);
        servers.push(sender);
        let bearer = Bearer { sub: format!("gs-{number}"), ..Bearer::default() };
        let part = Part::GameServer(attested);
        roles.push(Role {
            bearer,
            build: BUILD.into(),
            platform: "linux".into(),
            locale: "en-US".into(),
            attributes: Vec::new(),
            part,
        });
    }
    for number in 0..u64::from(players) {
        let mut dice = Dice::new(seed, &[5, number]);
        let sub = format!("p{number:05}");
        let mut teller = Teller {
            catalogue: catalogue.clone(),
            mix: mix.clone(),
            types: types.clone(),
            lobby: lobby.clone(),
            player: sub.clone(),
            dice: Dice::new(seed, &[6, number]),
            server: servers[(number / 2) as usize % servers.len()].clone(),
            speed,
        };
        let segments = [("vip", 0.1), ("newcomer", 0.3)].into_iter().filter(|(_, share)| dice.hits(*share));
        let segments = segments.map(|(name, _)| name.to_owned()).collect();
        let region = one_of(&mut dice, &REGIONS).to_owned();
        let platform = one_of(&mut dice, &PLATFORMS).to_owned();
        let locale = one_of(&mut dice, &LOCALES).to_owned();
        let feed = Script::new(mix.clone(), seed, number).flat_map(move |happening| teller.lines(happening));
        let part = Part::Player(Box::new(feed));
        let bearer = Bearer { sub, region, segments };
        roles.push(Role { bearer, build: BUILD.into(), platform, locale, attributes: Vec::new(), part });
    }
    Ok(roles)
}

/// The players of a recording. `speed`: how many recorded seconds pass in one; `None`: as fast as they can.
pub(crate) fn recorded(recorded: Recorded, speed: Option<f64>, all_reliable: bool) -> Vec<Role> {
    let role = |track: super::recorded::Track| {
        let bearer = Bearer { sub: track.player.clone(), region: track.region.clone(), segments: Vec::new() };
        let build = track.build.clone();
        let feed = track.into_events().map(move |event| Line {
            at: speed.map_or(Duration::ZERO, |speed| real(f64::from(event.at_ms), speed)),
            event_type: event.event_type,
            payload: event.payload,
            reliable: all_reliable || !event.high_rate,
            attests: None,
        });
        let (platform, locale) = ("pc".to_owned(), "en-US".to_owned());
        Role { bearer, build, platform, locale, attributes: Vec::new(), part: Part::Player(Box::new(feed)) }
    };
    recorded.tracks.into_iter().map(role).collect()
}

/// The senders of a recording that is played by its own clock, in their order.
pub(crate) fn conducted(events: &[Captured]) -> Vec<Role> {
    let mut roles = Vec::new();
    for event in events {
        if event.sender == roles.len() {
            roles.push(conducted_as(&event.conn));
        }
    }
    roles
}

fn conducted_as(conn: &ConnInfo) -> Role {
    let segments = conn.segments.iter().map(ToString::to_string).collect();
    Role {
        bearer: Bearer { sub: conn.sub.to_string(), region: conn.region.to_string(), segments },
        build: conn.build.to_string(),
        platform: conn.platform.to_string(),
        locale: conn.locale.to_string(),
        attributes: conn.attributes.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        part: Part::Conducted(conn.provenance, conn.producer),
    }
}

fn real(game_ms: f64, speed: f64) -> Duration {
    // Past any demo's end where the speed is tiny.
    Duration::try_from_secs_f64(game_ms / 1000.0 / speed).unwrap_or(Duration::from_secs(u64::from(u32::MAX)))
}

fn one_of(dice: &mut Dice, choices: &[(&'static str, f64)]) -> &'static str {
    let weights: Vec<f64> = choices.iter().map(|(_, weight)| *weight).collect();
    choices[dice.place(&weights)].0
}

/// Tells one simulated player's happenings as events.
struct Teller {
    catalogue: Arc<Catalogue>,
    mix: Arc<Mix>,
    /// By the table's places.
    types: Arc<[EventType]>,
    lobby: Arc<Lobby>,
    player: String,
    dice: Dice,
    server: mpsc::Sender<Attested>,
    speed: f64,
}

impl Teller {
    /// One event, and after a match what is done in the lobby. None where the table tells of a value that the catalogue
    /// forbids; a test holds that there is none.
    fn lines(&mut self, happening: Happening) -> Vec<Line> {
        let event_type = &self.types[happening.of];
        let Ok(payload) = self.catalogue.encode_json(event_type, &happening.fields) else { return Vec::new() };
        let at_ms = happening.at_ms;
        let mut lines = vec![Line {
            at: real(at_ms as f64, self.speed),
            event_type: event_type.id,
            payload: payload.into(),
            reliable: !is_high_rate(&self.mix.types[happening.of].name),
            attests: None,
        }];
        if let Some(result) = happening.result {
            lines[0].attests = self.lobby.result(&self.player, &result).map(|attested| (self.server.clone(), attested));
            let steps = self.lobby.steps(&self.player, &result, &mut self.dice);
            lines.extend(steps.into_iter().map(|step| Line {
                at: real((at_ms + step.after_ms) as f64, self.speed),
                event_type: step.event_type,
                payload: step.payload,
                reliable: true,
                attests: step.attests.map(|attested| (self.server.clone(), attested)),
            }));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::embedded;

    #[test]
    fn simulated_players_send_high_rates_as_datagrams_and_results_are_attested() {
        let roles = simulated(&embedded::catalogue(), 1, 3, 60.0).unwrap();
        assert_eq!(roles.len(), GAME_SERVERS + 3);
        let player = roles.into_iter().last().unwrap();
        let Part::Player(feed) = player.part else { panic!("players come last") };
        // An hour of game time in a minute.
        let lines: Vec<Line> = feed.take_while(|line| line.at < Duration::from_secs(60)).collect();
        assert!(lines.iter().any(|line| line.attests.is_some()), "an hour holds the end of a match");
        let datagrams = lines.iter().filter(|line| !line.reliable).count() as f64 / lines.len() as f64;
        assert!((0.5..0.9).contains(&datagrams), "{datagrams}");
    }

    #[test]
    fn a_tiny_speed_is_a_long_wait_and_no_panic() {
        assert_eq!(real(2_000.0, 2.0), Duration::from_secs(1));
        assert!(real(1.0, 1e-300) > Duration::from_secs(1 << 30));
    }
}
