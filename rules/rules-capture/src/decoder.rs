//! Lines to events: one clock over all matches, one numbering for each sender's classes.
//!
//! The clock: an event that has `at` happens then. The first match begins at [`FIRST_MATCH_MS`], or [`PAUSE_MS`] after whatever
//! stands before it; the next ones follow in the order of the lines, each [`PAUSE_MS`] after the last event before it. So a
//! capture's events are dated the same wherever it is read.

use std::collections::{HashMap, HashSet};
use std::io::BufRead;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use edge_event::identity::CLASSES;
use edge_event::{Class, ConnInfo, EventTypeId, Provenance, Seq, UnixMillis};
use rules_catalogue::Catalogue;
use serde_json::Value;

use crate::conn;
use crate::fault::{CaptureError, Fault};
use crate::line::{Line, SessionLine};
use crate::{FIRST_MATCH_MS, LINE_BYTES_MAX, MATCHES_MAX, PAUSE_MS, SENDERS_MAX};

/// One event of a capture.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Its line, from 1, in its file.
    pub line: u64,
    /// When it happened and arrived.
    pub at: UnixMillis,
    /// The match it is part of, if it says so.
    pub game: Option<Game>,
    /// Which sender: they are numbered from 0 in the order of their first events.
    pub sender: usize,
    /// The sender's session.
    pub conn: Arc<ConnInfo>,
    /// Its class.
    pub class: Class,
    /// Its number in the class.
    pub seq: Seq,
    /// Its type; the catalogue may not have it.
    pub event_type: EventTypeId,
    /// The catalogue's message, not admitted yet.
    pub payload: Bytes,
}

/// A match of a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Game {
    /// Its name.
    pub name: Arc<str>,
    /// When it began.
    pub began: UnixMillis,
}

/// The class of events that name none.
const CLASS: Class = Class::ALL[1];
/// The longest time between a match's beginning and an event of it. Seconds.
const MATCH_SECONDS_MAX: f64 = 4_000_000.0;
/// The latest time. Milliseconds since 1970: 9999-12-31T23:59:59.999Z.
const AT_MAX: i64 = 253_402_300_799_999;

/// Reads lines; goes on where it stopped when it is given another file.
pub struct Decoder {
    catalogue: Arc<Catalogue>,
    senders: Vec<Sender>,
    players: HashMap<Arc<str>, usize>,
    servers: HashMap<Arc<str>, usize>,
    /// By the name as it is written.
    types: HashMap<String, EventTypeId>,
    games: HashSet<Arc<str>>,
    game: Option<Game>,
    /// Of the latest event.
    now: Option<i64>,
    /// Senders that have sent.
    heard: usize,
}

struct Sender {
    conn: Arc<ConnInfo>,
    /// By class: the highest number so far.
    latest: [Seq; CLASSES],
    /// Whether a line described it.
    is_described: bool,
    /// Its public number, once it has sent.
    number: Option<usize>,
}

/// The events of one file. Ends after the first error.
pub struct Events<'a, R> {
    decoder: &'a mut Decoder,
    input: R,
    number: u64,
    line: Vec<u8>,
    is_over: bool,
}

impl Decoder {
    /// Event types are those of `catalogue`: what the senders were built with.
    pub fn new(catalogue: Arc<Catalogue>) -> Decoder {
        Decoder {
            catalogue,
            senders: Vec::new(),
            players: HashMap::new(),
            servers: HashMap::new(),
            types: HashMap::new(),
            games: HashSet::new(),
            game: None,
            now: None,
            heard: 0,
        }
    }

    /// The events of one file, after those of the files before.
    pub fn events<R: BufRead>(&mut self, input: R) -> Events<'_, R> {
        Events { decoder: self, input, number: 0, line: Vec::new(), is_over: false }
    }

    /// How many senders there were so far.
    pub fn senders(&self) -> usize {
        self.heard
    }

    /// How many matches there were so far.
    pub fn matches(&self) -> usize {
        self.games.len()
    }

    /// `None` where the line is no event.
    fn line(&mut self, number: u64, line: &[u8]) -> Result<Option<Captured>, Fault> {
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        let line: Line<'_> = serde_json::from_slice(line).map_err(|why| form(&why.to_string()))?;
        match &line.session {
            Some(session) => self.session(&line, session).map(|()| None),
            None => self.event(number, &line).map(Some),
        }
    }

    fn session(&mut self, line: &Line<'_>, session: &SessionLine) -> Result<(), Fault> {
        let is_event = line.of.is_some() || line.type_id.is_some() || line.player.is_some() || line.server.is_some();
        if is_event || line.at.is_some() || line.t.is_some() || line.game.is_some() {
            return Err(form("a line with `session` has nothing beside it"));
        }
        let (sub, provenance) = named(session.player.as_deref(), session.server.as_deref())?;
        let at = self.sender(sub, provenance, None)?;
        let sender = &mut self.senders[at];
        if std::mem::replace(&mut sender.is_described, true) || sender.number.is_some() {
            return Err(Fault::LateSession { sub: sub.to_owned() });
        }
        sender.conn = Arc::new(conn::of_session(&sender.conn.sub, provenance, session)?);
        Ok(())
    }

    fn event(&mut self, number: u64, line: &Line<'_>) -> Result<Captured, Fault> {
        let (sub, provenance) = named(line.player.as_deref(), line.server.as_deref())?;
        let (event_type, payload) = self.content(line)?;
        let at = self.time(line)?;
        let sender = self.sender(sub, provenance, line.fields.as_ref())?;
        let about = &mut self.senders[sender];
        let sender = *about.number.get_or_insert(self.heard);
        self.heard = self.heard.max(sender + 1);
        let (class, seq) = identity(line, &about.latest)?;
        about.latest[class.index()] = seq.max(about.latest[class.index()]);
        let (conn, game) = (about.conn.clone(), self.game.clone().filter(|_| line.game.is_some()));
        Ok(Captured { line: number, at, game, sender, conn, class, seq, event_type, payload })
    }

    fn content(&mut self, line: &Line<'_>) -> Result<(EventTypeId, Bytes), Fault> {
        let event_type = match (&line.of, line.type_id) {
            (Some(name), None) => self.event_type(name)?,
            (None, Some(id)) => EventTypeId(id),
            _ => return Err(form("an event has either `type` or `type_id`")),
        };
        let payload = match (&line.fields, &line.payload) {
            (Some(fields), None) => self.encode(event_type, fields)?,
            (None, Some(text)) => STANDARD.decode(text.as_bytes()).map_err(Fault::Payload)?,
            _ => return Err(form("an event has either `fields` or `payload`")),
        };
        Ok((event_type, payload.into()))
    }

    fn event_type(&mut self, name: &str) -> Result<EventTypeId, Fault> {
        if let Some(id) = self.types.get(name) {
            return Ok(*id);
        }
        let catalogue = &self.catalogue;
        let found = catalogue.event_type_by_name(name).or_else(|| catalogue.event_type_of_record(name));
        let Some(found) = found else {
            let nearest = catalogue.nearest_event_type(name).map(|near| near.name.clone());
            return Err(Fault::UnknownType { name: name.to_owned(), catalogue: catalogue.name().to_owned(), nearest });
        };
        self.types.insert(name.to_owned(), found.id);
        Ok(found.id)
    }

    fn encode(&self, id: EventTypeId, fields: &Value) -> Result<Vec<u8>, Fault> {
        let Some(event_type) = self.catalogue.event_type(id) else {
            return Err(form("the catalogue has no type of this `type_id`; give `payload` instead of `fields`"));
        };
        let encoded = self.catalogue.encode_json_unchecked(event_type, fields);
        encoded.map_err(|source| Fault::Fields { name: event_type.name.clone(), source })
    }

    /// When the event happens. Nothing has changed where this fails.
    fn time(&mut self, line: &Line<'_>) -> Result<UnixMillis, Fault> {
        let at = match (line.at, &line.game, line.t) {
            (Some(at), None, None) if (0..=AT_MAX).contains(&at) => at,
            (Some(at), None, None) => return Err(time("at", &at, "milliseconds since 1970, up to the year 9999")),
            (None, Some(game), Some(t)) => return self.time_in_match(game, t),
            _ => return Err(form("an event has either `match` and `t`, or `at`")),
        };
        self.advance(at)
    }

    fn time_in_match(&mut self, name: &str, t: f64) -> Result<UnixMillis, Fault> {
        if !(0.0..=MATCH_SECONDS_MAX).contains(&t) {
            return Err(time("t", &t, "seconds from 0 to 4,000,000"));
        }
        let since_ms = (t * 1000.0).round() as i64;
        if let Some(game) = self.game.as_ref().filter(|game| &*game.name == name) {
            let at = game.began.0 + since_ms;
            return self.advance(at);
        }
        if self.games.contains(name) {
            return Err(Fault::MatchAgain { name: name.to_owned() });
        }
        if self.games.len() == MATCHES_MAX {
            return Err(Fault::TooManyMatches);
        }
        let began = self.now.map_or(FIRST_MATCH_MS, |now| now + PAUSE_MS);
        let name: Arc<str> = name.into();
        self.games.insert(name.clone());
        self.game = Some(Game { name, began: UnixMillis(began) });
        self.advance(began + since_ms)
    }

    fn advance(&mut self, at: i64) -> Result<UnixMillis, Fault> {
        let by_ms = self.now.map_or(0, |now| now - at);
        if by_ms > 0 {
            return Err(Fault::Backwards { by_ms });
        }
        self.now = Some(at);
        Ok(UnixMillis(at))
    }

    /// The sender of a name, made where it is new.
    fn sender(&mut self, sub: &str, provenance: Provenance, fields: Option<&Value>) -> Result<usize, Fault> {
        let known = match provenance {
            Provenance::Client => &mut self.players,
            Provenance::Server => &mut self.servers,
        };
        if let Some(at) = known.get(sub) {
            return Ok(*at);
        }
        if self.senders.len() == SENDERS_MAX {
            return Err(Fault::TooManySenders);
        }
        let sub: Arc<str> = sub.into();
        let conn = Arc::new(conn::of_first_event(&sub, provenance, fields));
        let at = self.senders.len();
        self.senders.push(Sender { conn, latest: [Seq(0); CLASSES], is_described: false, number: None });
        known.insert(sub, at);
        Ok(at)
    }
}

impl<R: BufRead> Iterator for Events<'_, R> {
    type Item = Result<Captured, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            match self.next_line() {
                Ok(Some(captured)) => return Some(Ok(captured)),
                Ok(None) => {}
                Err(fault) => {
                    self.is_over = true;
                    return Some(Err(CaptureError { line: self.number, fault }));
                }
            }
        }
        None
    }
}

impl<R: BufRead> Events<'_, R> {
    /// One line; `None` where it holds no event, or the file is over.
    fn next_line(&mut self) -> Result<Option<Captured>, Fault> {
        self.line.clear();
        self.number += 1;
        let mut limited = std::io::Read::take(&mut self.input, LINE_BYTES_MAX as u64 + 1);
        let length = limited.read_until(b'\n', &mut self.line).map_err(Fault::Io)?;
        if length == 0 {
            self.is_over = true;
            return Ok(None);
        }
        if length > LINE_BYTES_MAX {
            return Err(Fault::TooLong);
        }
        self.decoder.line(self.number, &self.line)
    }
}

fn named<'a>(player: Option<&'a str>, server: Option<&'a str>) -> Result<(&'a str, Provenance), Fault> {
    let (key, sub, provenance) = match (player, server) {
        (Some(sub), None) => ("player", sub, Provenance::Client),
        (None, Some(sub)) => ("server", sub, Provenance::Server),
        _ => return Err(form("a line names either a `player` or a `server`")),
    };
    conn::check_sub(key, sub)?;
    Ok((sub, provenance))
}

fn identity(line: &Line<'_>, latest: &[Seq; CLASSES]) -> Result<(Class, Seq), Fault> {
    let class = match line.class {
        None => CLASS,
        Some(n) => u8::try_from(n).ok().and_then(Class::new).ok_or(Fault::Number {
            key: "class",
            value: n,
            expected: "0 to 3",
        })?,
    };
    match line.seq {
        None => Ok((class, latest[class.index()].next())),
        Some(seq) if (1..=i64::MAX as u64 / 2).contains(&seq) => Ok((class, Seq(seq))),
        Some(value) => Err(Fault::Number { key: "seq", value, expected: "a number from 1 on" }),
    }
}

fn form(why: &str) -> Fault {
    Fault::Form { why: why.to_owned() }
}

fn time(key: &'static str, value: &dyn std::fmt::Display, expected: &'static str) -> Fault {
    Fault::Time { key, value: value.to_string(), expected }
}
