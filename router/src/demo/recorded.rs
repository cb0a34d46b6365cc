//! A recording, read into one track for each player.
//!
//! What comes in: a gzip file of JSON lines (`match`, `t`, `player`, `type`, `fields`), ordered by time within a match. What
//! goes out: [`Track`]s with payloads encoded by the catalogue, or the first line that is wrong and why. The file is decoded
//! as a stream; what is kept is bounded. Deliberately absent: time and connections.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use edge_event::EventTypeId;
use flate2::read::MultiGzDecoder;
use rules_catalogue::{Catalogue, EventType};
use serde::Deserialize;
use serde_json::Value;

/// The longest line. Bytes.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Most players of a recording: each has a connection of its own.
const PLAYERS_MAX: usize = 4_096;
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
    /// Of the first match that says so.
    pub(crate) region: String,
    /// Of the first match that says so.
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

/// One line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(rename = "match", borrow)]
    game: std::borrow::Cow<'a, str>,
    t: f64,
    #[serde(borrow)]
    player: std::borrow::Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    of: std::borrow::Cow<'a, str>,
    fields: Value,
}

/// Kinds that come many times a second.
const HIGH_RATE: [&str; 3] = ["camera_moved", "units_selected", "control_group"];

/// Whether a recorded type comes many times a second, so that a datagram suits it.
pub(crate) fn is_high_rate(recorded_type: &str) -> bool {
    HIGH_RATE.contains(&recorded_type)
}

/// Reads a whole file.
///
/// # Errors
/// It cannot be read, is no gzip, or a line is no event of the catalogue: the message says which line and why.
pub(crate) fn read(path: &Path, catalogue: &Catalogue) -> Result<Recorded> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let decoder = MultiGzDecoder::new(BufReader::with_capacity(256 * 1024, file));
    read_lines(BufReader::with_capacity(256 * 1024, decoder), catalogue).with_context(|| path.display().to_string())
}

fn read_lines(mut lines: impl BufRead, catalogue: &Catalogue) -> Result<Recorded> {
    let mut reader = Reader::new(catalogue);
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let length = lines
            .by_ref()
            .take(LINE_BYTES_MAX + 1)
            .read_until(b'\n', &mut line)
            .with_context(|| format!("line {number}: cannot be read; is it gzip, and whole?"))?;
        if length == 0 {
            break;
        }
        if length as u64 > LINE_BYTES_MAX {
            bail!("line {number}: longer than {LINE_BYTES_MAX} bytes");
        }
        if !line.trim_ascii().is_empty() {
            reader.take(&line).with_context(|| format!("line {number}"))?;
        }
    }
    if reader.recorded.events == 0 {
        bail!("holds no event");
    }
    Ok(reader.recorded)
}

struct Reader<'a> {
    catalogue: &'a Catalogue,
    recorded: Recorded,
    track_of: HashMap<String, usize>,
    /// By recorded name.
    types: HashMap<String, &'a EventType>,
    game: String,
    payload_bytes: u64,
    /// By track: which match it is in, and when that began on the track.
    places: Vec<Place>,
}

struct Place {
    game: String,
    began_ms: f64,
}

impl<'a> Reader<'a> {
    fn new(catalogue: &'a Catalogue) -> Reader<'a> {
        Reader {
            catalogue,
            recorded: Recorded::default(),
            track_of: HashMap::new(),
            types: HashMap::new(),
            game: String::new(),
            payload_bytes: 0,
            places: Vec::new(),
        }
    }

    fn take(&mut self, line: &[u8]) -> Result<()> {
        let line: Line<'_> = serde_json::from_slice(line).map_err(|why| {
            anyhow!("{why}; a line reads {{\"match\":\"…\",\"t\":0.5,\"player\":\"…\",\"type\":\"…\",\"fields\":{{}}}}")
        })?;
        if !line.t.is_finite() || line.t < 0.0 {
            bail!("`t` is {}; it must be seconds from 0 on", line.t);
        }
        let of = self.event_type(&line.of)?;
        let payload =
            self.catalogue.encode_json(of, &line.fields).map_err(|why| anyhow!("`fields` of {}: {why}", line.of))?;
        if *line.game != self.game {
            self.game = line.game.clone().into_owned();
            self.recorded.matches += 1;
        }
        self.payload_bytes += payload.len() as u64;
        self.recorded.events += 1;
        if self.recorded.events > EVENTS_MAX || self.payload_bytes > PAYLOAD_BYTES_MAX {
            bail!(
                "the recording is too large: at most {EVENTS_MAX} events and {PAYLOAD_BYTES_MAX} bytes of payloads; cut it"
            );
        }
        let track = self.track(&line.player)?;
        let at_ms = self.at_ms(track, &line)?;
        let track = &mut self.recorded.tracks[track];
        track.remember(&line.fields);
        track.payloads.extend_from_slice(&payload);
        let end = u32::try_from(track.payloads.len()).context("one player's payloads exceed 4 GiB")?;
        track.steps.push(Step { at_ms, event_type: of.id, high_rate: is_high_rate(&line.of), end });
        Ok(())
    }

    fn event_type(&mut self, name: &str) -> Result<&'a EventType> {
        if let Some(of) = self.types.get(name) {
            return Ok(of);
        }
        let of = self.catalogue.event_type_of_record(name).ok_or_else(|| {
            anyhow!(
                "`type` is `{name}`, which no event type of the catalogue {} is called in lower_snake_case",
                self.catalogue.name()
            )
        })?;
        self.types.insert(name.to_owned(), of);
        Ok(of)
    }

    fn track(&mut self, player: &str) -> Result<usize> {
        if let Some(track) = self.track_of.get(player) {
            return Ok(*track);
        }
        if player.is_empty() || player.len() > 128 || player.chars().any(char::is_control) {
            bail!("`player` must be 1 to 128 bytes without control characters");
        }
        let track = self.recorded.tracks.len();
        if track == PLAYERS_MAX {
            bail!("more than {PLAYERS_MAX} players: each one needs a connection of its own; cut the recording");
        }
        self.recorded.tracks.push(Track { player: player.to_owned(), ..Track::default() });
        self.places.push(Place { game: String::new(), began_ms: 0.0 });
        self.track_of.insert(player.to_owned(), track);
        Ok(track)
    }

    /// When the event comes on its track. A player's matches follow each other without a pause.
    fn at_ms(&mut self, track: usize, line: &Line<'_>) -> Result<u32> {
        let latest_ms = self.recorded.tracks[track].steps.last().map_or(0, |step| step.at_ms);
        let place = &mut self.places[track];
        if place.game != *line.game {
            *place = Place { game: line.game.clone().into_owned(), began_ms: f64::from(latest_ms) };
        }
        let at_ms = place.began_ms + line.t * 1000.0;
        if at_ms > TRACK_SECONDS_MAX * 1000.0 {
            bail!("one player's matches last longer than {TRACK_SECONDS_MAX} seconds");
        }
        // Where the recording is not in order, nothing comes before what came before.
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

    fn remember(&mut self, fields: &Value) {
        for (mine, name) in [(&mut self.region, "region"), (&mut self.build, "build")] {
            if mine.is_empty()
                && let Some(text) = fields.get(name).and_then(Value::as_str)
            {
                // HELLO and tokens have limits; a recording may say anything.
                *mine = text.chars().filter(|c| !c.is_control()).take(16).collect();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::embedded;

    fn read_text(text: &str) -> Result<Recorded> {
        read_lines(text.as_bytes(), &embedded::catalogue())
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
            ("{}", "line 1: missing field `match`"),
            ("\n\n[1]", "line 3: invalid type"),
            (r#"{"match":"m","t":-1,"player":"p","type":"camera_moved","fields":{}}"#, "line 1: `t` is -1"),
            (r#"{"match":"m","t":1,"player":"","type":"camera_moved","fields":{}}"#, "line 1: `player` must be"),
            (r#"{"match":"m","t":1,"player":"p","type":"camera","fields":{}}"#, "line 1: `type` is `camera`"),
            (
                r#"{"match":"m","t":1,"player":"p","type":"camera_moved","fields":{"z":1}}"#,
                "line 1: `fields` of camera_moved: no field `z`",
            ),
        ] {
            let found = refused(text);
            assert!(found.starts_with(expected), "{found}");
        }
        assert!(refused(&format!("{JOINED}\n{}", "x".repeat(70_000))).contains("line 2: longer than 65536 bytes"));
    }

    #[test]
    fn a_file_that_is_no_gzip_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl.gz");
        std::fs::write(&path, JOINED).unwrap();
        let why = format!("{:#}", read(&path, &embedded::catalogue()).unwrap_err());
        assert!(why.contains("events.jsonl.gz: line 1: cannot be read; is it gzip"), "{why}");
        let why = format!("{:#}", read(&dir.path().join("none"), &embedded::catalogue()).unwrap_err());
        assert!(why.contains("cannot open"), "{why}");
    }
}
