//! A recording, read into one track for each player, or as it stands.
//!
//! What comes in: a capture (`rules/docs/replay.md`). What goes out: [`Track`]s, or [`Captured`] events, or the first line that is
//! wrong and why. The file is decoded as a stream; what is kept is bounded. Deliberately absent: time and connections.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use edge_event::{ConnInfo, EventTypeId, Provenance, UnixMillis};
use rules_capture::{Captured, Decoder, unpacked};
use rules_catalogue::Catalogue;

/// Most senders of a recording: each has a connection of its own.
const SENDERS_MAX: usize = 4_096;
/// Most events.
const EVENTS_MAX: u64 = 20_000_000;
/// Most bytes of payloads.
const PAYLOAD_BYTES_MAX: u64 = 1 << 30;
/// The longest time a player's matches may last together. Seconds.
const TRACK_SECONDS_MAX: f64 = 4_000_000.0;

/// Everything that was recorded.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) tracks: Vec<Track>,
    pub(crate) events: u64,
    pub(crate) matches: u64,
}

/// One player's events in the order of the recording.
#[derive(Debug, Default)]
pub(crate) struct Track {
    pub(crate) player: String,
    pub(crate) region: String,
    pub(crate) build: String,
    steps: Vec<Step>,
    payloads: Vec<u8>,
}

/// One event of a track.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Since the player's first match began, matches end to end. Milliseconds.
    at_ms: u32,
    event_type: EventTypeId,
    /// Whether its kind comes many times a second, so that a datagram suits it.
    high_rate: bool,
    /// Where its payload ends; it begins where the one before ends.
    end: u32,
}

/// One event, borrowed from its track.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct RecordedEvent {
    pub(crate) at_ms: u32,
    pub(crate) event_type: EventTypeId,
    pub(crate) high_rate: bool,
    pub(crate) payload: Bytes,
}

/// Kinds that come many times a second.
const HIGH_RATE: [&str; 3] = ["camera_moved", "units_selected", "control_group"];

/// Whether a recorded type comes many times a second, so that a datagram suits it.
pub(crate) fn is_high_rate(recorded_type: &str) -> bool {
    HIGH_RATE.contains(&recorded_type)
}

/// Reads a whole file into tracks: what players of their own make of it, each at its own pace.
///
/// # Errors
/// It cannot be read, or a line is no event of a player that the catalogue knows: the message says which line and why.
pub(crate) fn read(path: &Path, catalogue: &Arc<Catalogue>) -> Result<Recorded> {
    let high_rate = HIGH_RATE.map(|name| catalogue.event_type_of_record(name).map(|of| of.id));
    let mut places: Vec<Place> = Vec::new();
    let mut recorded = Recorded::default();
    let counts = each(path, catalogue, |captured| {
        if captured.conn.provenance == Provenance::Server {
            bail!("line {}: a game server's event; --recorded-time plays those, too", captured.line);
        }
        if captured.sender == recorded.tracks.len() {
            recorded.tracks.push(Track::new(&captured.conn));
            places.push(Place { game: None, began_ms: 0.0, first: captured.at });
        }
        let track = &mut recorded.tracks[captured.sender];
        let at_ms = places[captured.sender].at_ms(track, &captured)?;
        track.payloads.extend_from_slice(&captured.payload);
        let end = u32::try_from(track.payloads.len()).context("one player's payloads exceed 4 GiB")?;
        let (event_type, high_rate) = (captured.event_type, high_rate.contains(&Some(captured.event_type)));
        track.steps.push(Step { at_ms, event_type, high_rate, end });
        Ok(())
    })?;
    (recorded.events, recorded.matches) = counts;
    Ok(recorded)
}

/// Reads a whole file as it stands: every event with its sender, its number and its time.
///
/// # Errors
/// See [`read`].
pub(crate) fn read_dated(path: &Path, catalogue: &Arc<Catalogue>) -> Result<Vec<Captured>> {
    let mut events = Vec::new();
    each(path, catalogue, |captured| {
        events.push(captured);
        Ok(())
    })?;
    Ok(events)
}

/// Hands over every event. Gives how many there were, and how many matches.
fn each(path: &Path, catalogue: &Arc<Catalogue>, mut take: impl FnMut(Captured) -> Result<()>) -> Result<(u64, u64)> {
    let about = || path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let lines = unpacked(BufReader::with_capacity(256 * 1024, file)).with_context(about)?;
    let mut decoder = Decoder::new(catalogue.clone());
    let (mut events, mut payload_bytes) = (0, 0);
    for captured in decoder.events(lines) {
        let captured = captured.with_context(about)?;
        events += 1;
        payload_bytes += captured.payload.len() as u64;
        if events > EVENTS_MAX || payload_bytes > PAYLOAD_BYTES_MAX {
            bail!(
                "{} is too large: at most {EVENTS_MAX} events and {PAYLOAD_BYTES_MAX} bytes of payloads; cut it",
                about()
            );
        }
        if captured.sender == SENDERS_MAX {
            bail!("{} has more than {SENDERS_MAX} senders: each one needs a connection of its own; cut it", about());
        }
        take(captured).with_context(about)?;
    }
    if events == 0 {
        bail!("{} holds no event", path.display());
    }
    Ok((events, decoder.matches() as u64))
}

/// Where a player stands: which match it is in, when that began on its track, and when its first event was.
struct Place {
    game: Option<Arc<str>>,
    began_ms: f64,
    first: UnixMillis,
}

impl Place {
    /// When an event comes on its track. A player's matches follow each other without a pause.
    fn at_ms(&mut self, track: &Track, captured: &Captured) -> Result<u32> {
        let latest_ms = track.steps.last().map_or(0, |step| step.at_ms);
        let since = match &captured.game {
            Some(game) => {
                if self.game.as_ref() != Some(&game.name) {
                    (self.game, self.began_ms) = (Some(game.name.clone()), f64::from(latest_ms));
                }
                game.began
            }
            None => self.first,
        };
        let at_ms = self.began_ms + (captured.at.0 - since.0) as f64;
        if at_ms > TRACK_SECONDS_MAX * 1000.0 {
            bail!("line {}: one player's matches last longer than {TRACK_SECONDS_MAX} seconds", captured.line);
        }
        Ok((at_ms as u32).max(latest_ms))
    }
}

impl Track {
    /// All events in order.
    pub(crate) fn into_events(self) -> impl Iterator<Item = RecordedEvent> + Send {
        let payloads = Bytes::from(self.payloads);
        let mut from = 0;
        self.steps.into_iter().map(move |step| {
            let payload = payloads.slice(from..step.end as usize);
            from = step.end as usize;
            RecordedEvent { at_ms: step.at_ms, event_type: step.event_type, high_rate: step.high_rate, payload }
        })
    }

    fn new(conn: &ConnInfo) -> Track {
        let (player, region, build) = (conn.sub.to_string(), conn.region.to_string(), conn.build.to_string());
        Track { player, region, build, ..Track::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::embedded;

    fn read_text(text: &str) -> Result<Recorded> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path(), &embedded::catalogue())
    }

    fn refused(text: &str) -> String {
        format!("{:#}", read_text(text).unwrap_err())
    }

    const JOINED: &str = r#"{"match":"m1","t":0.0,"player":"a","type":"match_joined","fields":{"region":"eu","build":"1.2","mode":"1v1","team":1}}"#;

    #[test]
    fn players_have_tracks_and_matches_follow_each_other() {
        let moved = |game: &str, t: f64, player: &str| {
            format!(
                r#"{{"match":"{game}","t":{t},"player":"{player}","type":"camera_moved","fields":{{"x":1.5,"y":2}}}}"#
            )
        };
        let lines = [JOINED.into(), moved("m1", 2.5, "a"), moved("m1", 3.0, "b"), String::new(), moved("m2", 1.0, "a")];
        let recorded = read_text(&lines.join("\n")).unwrap();
        assert_eq!((recorded.events, recorded.matches, recorded.tracks.len()), (4, 2, 2));
        let mut tracks = recorded.tracks.into_iter();
        let (a, b) = (tracks.next().unwrap(), tracks.next().unwrap());
        assert_eq!((a.player.as_str(), a.region.as_str(), a.build.as_str()), ("a", "eu", "1.2"));
        let events: Vec<_> = a.into_events().collect();
        assert_eq!(events.iter().map(|e| e.at_ms).collect::<Vec<_>>(), [0, 2_500, 3_500]);
        assert_eq!(events.iter().map(|e| e.high_rate).collect::<Vec<_>>(), [false, true, true]);
        assert_eq!(events[1].payload, events[2].payload);
        assert_eq!(b.into_events().next().unwrap().payload, events[1].payload);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, expected) in [
            ("", "holds no event"),
            ("\n{}", "line 2: a line names either a `player` or a `server`"),
            (r#"{"at":1,"server":"s","type":"camera_moved","fields":{}}"#, "line 1: a game server's event"),
        ] {
            let found = refused(text);
            assert!(found.contains(expected), "{found}");
        }
        let why = format!("{:#}", read(Path::new("/none"), &embedded::catalogue()).unwrap_err());
        assert!(why.contains("cannot open /none"), "{why}");
    }

    #[test]
    fn dated_events_stand_as_they_were_captured() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), JOINED).unwrap();
        let events = read_dated(file.path(), &embedded::catalogue()).unwrap();
        assert_eq!((events.len(), events[0].at.0, &*events[0].conn.sub), (1, rules_capture::FIRST_MATCH_MS, "a"));
    }
}
