//! `edgectl rules why`: why a rule fired for an event, or did not.
//!
//! In: rule files, captures, and which event. Out: the answer. State is what the captures left until that event, and nothing after it
//! is read. Absent: the explanation.

use anyhow::{Context as _, anyhow, bail};
use edge_event::UnixMillis;
use rules::Replay;
use rules_capture::{Captured, Decoder, FIRST_MATCH_MS};
use serde_json::Value;

use crate::args::{Which, Why};
use crate::captures;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;

pub(crate) fn why(args: &Why, out: &mut Output) -> Result<(), Failure> {
    let wanted = Wanted::read(&args.which)?;
    if args.captures.is_empty() && !matches!(wanted, Wanted::Given(_)) {
        return Err(anyhow!("name the capture that holds the event, or give the event with `--event JSON`").into());
    }
    let (compilation, set) = files::load_rules(&args.rules, out)?;
    let rule = compilation.find_rule(&set, &args.rule).map_err(anyhow::Error::from)?;
    let mut decoder = Decoder::new(set.catalogue().clone());
    let mut replay = Replay::new(set);
    let found = seek(args, &wanted, &mut decoder, &mut replay)?;
    let why = compilation.why(&mut replay, found, rule);
    out.text(&why.to_text())?;
    out.json(&serde_json::to_value(&why).context("INVARIANT: an answer always serialises")?)?;
    Ok(())
}

/// The event that is asked for.
enum Wanted {
    Line(u64),
    Id { sender: String, class: u8, seq: u64 },
    Given(Value),
}

impl Wanted {
    fn read(which: &Which) -> anyhow::Result<Wanted> {
        match (which.line, &which.id, &which.event) {
            (Some(line), ..) => Ok(Wanted::Line(line)),
            (_, Some(id), _) => {
                let parts: Vec<&str> = id.rsplitn(3, '/').collect();
                let [seq, class, sender] = parts.as_slice() else { bail!("`--id {id}`: write e.g. p-7/1/42") };
                let (Ok(class), Ok(seq)) = (class.parse(), seq.parse()) else {
                    bail!("`--id {id}`: class and number must be whole numbers, e.g. p-7/1/42")
                };
                Ok(Wanted::Id { sender: (*sender).to_owned(), class, seq })
            }
            (_, _, Some(text)) => {
                let value: Value = serde_json::from_str(text).context("`--event` is not JSON")?;
                if !value.is_object() {
                    bail!("`--event` is no JSON object; it is a line of a capture, e.g. {EXAMPLE}");
                }
                Ok(Wanted::Given(value))
            }
            _ => unreachable!("INVARIANT: the command line asks for one of the three"),
        }
    }

    fn is(&self, is_last_capture: bool, captured: &Captured) -> bool {
        match self {
            Wanted::Line(line) => is_last_capture && captured.line == *line,
            Wanted::Id { sender, class, seq } => {
                let is_sender = *captured.conn.sub == **sender || captured.conn.producer.to_string() == *sender;
                is_sender && captured.class.get() == *class && captured.seq.0 == *seq
            }
            Wanted::Given(_) => false,
        }
    }
}

const EXAMPLE: &str = r#"{"player":"p1","type":"UnitDied","fields":{"unit":"SCV"}}"#;

/// Replays everything before the event, and gives the event.
fn seek(args: &Why, wanted: &Wanted, decoder: &mut Decoder, replay: &mut Replay) -> anyhow::Result<Captured> {
    let last_capture = args.captures.len().saturating_sub(1);
    let (mut found, mut lines) = (None, Vec::new());
    let (mut now, mut last_line) = (None, 0);
    captures::each(&args.captures, decoder, |capture, captured| {
        (now, last_line) = (Some(captured.at), captured.line);
        if wanted.is(capture == last_capture, &captured) {
            found = Some(captured);
            return Ok(false);
        }
        lines.clear();
        replay.take(captured, &mut lines);
        Ok(true)
    })?;
    match (found, wanted) {
        (Some(found), _) => Ok(found),
        (None, Wanted::Given(event)) => given(event.clone(), now, decoder),
        (None, Wanted::Line(line)) => {
            bail!("line {line} of the capture holds no event; its last event is in line {last_line}")
        }
        (None, Wanted::Id { sender, class, seq }) => {
            bail!("the capture has no event {sender}/{class}/{seq}; `--line N` takes the number of a line")
        }
    }
}

/// The event of the command line, dated where it has no date.
fn given(mut event: Value, now: Option<UnixMillis>, decoder: &mut Decoder) -> anyhow::Result<Captured> {
    let is_dated = ["at", "t", "match"].iter().any(|key| event.get(key).is_some());
    if !is_dated {
        event["at"] = now.map_or(FIRST_MATCH_MS, |now| now.0).into();
    }
    let line = event.to_string();
    let first = decoder.events(line.as_bytes()).next();
    first.ok_or_else(|| anyhow!("`--event` is no event; write e.g. {EXAMPLE}"))?.context("`--event`")
}
