//! A recording cut into steps that can be played to a daemon exactly: whatever overtakes whatever on the way, every player's events
//! meet the rules in the recorded order and with the recorded times.
//!
//! What comes in: dated events. What goes out: a [`Score`]. Within a step the daemon's clock stands at the step's last event, so a
//! step is no longer than events may lie behind the clock; and no player is told of by two streams within one step, since only
//! one stream has an order. Deliberately absent: clients, clocks, waiting.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Result, bail};
use edge_event::identity::CLASSES;
use edge_event::{Class, Provenance, Seq};
use rules_capture::Captured;
use rules_catalogue::Catalogue;

/// How far a step may reach. Milliseconds: the lateness that rules allow an event, and so the longest step in which none is late.
pub(crate) const REACH_MS: i64 = 10_000;
/// Events of a step at most, so that what is on the way stays little.
const STEP_EVENTS_MAX: usize = 2_048;
/// A sender with fewer events between two reconnects has fewer reconnects.
const EVENTS_BETWEEN_RECONNECTS: usize = 8;

/// What is played.
pub(crate) struct Score {
    pub(crate) events: Vec<Captured>,
    /// Where each step ends.
    ends: Vec<usize>,
    /// Events after which their sender's connection is dropped.
    breaks: HashSet<usize>,
}

impl Score {
    /// `reconnects`: how often each sender's connection is dropped in the middle of its events, where it has enough of them.
    /// A step also ends before the first event at one of `swaps`, milliseconds since 1970.
    ///
    /// # Errors
    /// An event has a number of its own, which no client would give it.
    pub(crate) fn new(events: Vec<Captured>, catalogue: &Catalogue, reconnects: u32, swaps: &[i64]) -> Result<Score> {
        check_numbers(&events)?;
        let breaks = breaks(&events, reconnects as usize);
        let ends = ends(&events, catalogue, swaps);
        Ok(Score { events, ends, breaks })
    }

    /// When the first event happens. Milliseconds since 1970.
    pub(crate) fn begins_at(&self) -> i64 {
        self.events.first().map_or(0, |event| event.at.0)
    }

    /// The steps in order, as places in `events`.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let begins = std::iter::once(&0).chain(&self.ends);
        begins.zip(&self.ends).map(|(begin, end)| *begin..*end)
    }

    /// Whether the connection is dropped after an event.
    pub(crate) fn breaks_after(&self, event: usize) -> bool {
        self.breaks.contains(&event)
    }
}

fn check_numbers(events: &[Captured]) -> Result<()> {
    let mut latest: HashMap<(usize, Class), Seq> = HashMap::new();
    for event in events {
        let expected = latest.entry((event.sender, event.class)).or_default();
        *expected = expected.next();
        if event.seq != *expected {
            let (line, seq) = (event.line, event.seq.0);
            bail!("line {line}: `seq` is {seq}, but clients number their events themselves, here {}", expected.0);
        }
    }
    Ok(())
}

/// Evenly over each sender's events.
fn breaks(events: &[Captured], reconnects: usize) -> HashSet<usize> {
    let mut of_sender: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, event) in events.iter().enumerate() {
        of_sender.entry(event.sender).or_default().push(at);
    }
    let places = |own: Vec<usize>| {
        let times = reconnects.min(own.len() / EVENTS_BETWEEN_RECONNECTS);
        (1..=times).map(move |n| own[own.len() * n / (times + 1)]).collect::<Vec<_>>()
    };
    of_sender.into_values().flat_map(places).collect()
}

fn ends(events: &[Captured], catalogue: &Catalogue, swaps: &[i64]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut told_by: HashMap<Arc<str>, (usize, Class)> = HashMap::new();
    let (mut begin, mut swaps) = (0, swaps.iter().copied().peekable());
    for (at, event) in events.iter().enumerate() {
        let is_swap = std::iter::from_fn(|| swaps.next_if(|swap| *swap <= event.at.0)).count() > 0;
        let stream = (event.sender, event.class);
        let subject = subject(event, catalogue);
        let is_overtaken = subject.as_ref().is_some_and(|s| told_by.get(s).is_some_and(|by| *by != stream));
        let is_far = event.at.0 - events[begin].at.0 > REACH_MS || at - begin == STEP_EVENTS_MAX;
        if at > begin && (is_far || is_swap || is_overtaken) {
            ends.push(at);
            begin = at;
            told_by.clear();
        }
        if let Some(subject) = subject {
            told_by.insert(subject, stream);
        }
    }
    ends.push(events.len());
    debug_assert!(events.is_empty() || ends.iter().zip(&ends[1..]).all(|(a, b)| a < b), "no step is empty");
    ends
}

/// Whom an event is about; `None` where it will be refused.
fn subject(event: &Captured, catalogue: &Catalogue) -> Option<Arc<str>> {
    match event.conn.provenance {
        Provenance::Client => Some(event.conn.sub.clone()),
        Provenance::Server => {
            let of = catalogue.event_type(event.event_type)?;
            catalogue.subject_of(of, &event.payload).ok().flatten().map(Arc::from)
        }
    }
}

/// The highest number of each stream, for those that have one.
pub(crate) fn last_numbers(events: &[Captured]) -> HashMap<usize, [Seq; CLASSES]> {
    let mut last: HashMap<usize, [Seq; CLASSES]> = HashMap::new();
    for event in events {
        last.entry(event.sender).or_default()[event.class.index()] = event.seq;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::embedded;
    use rules_capture::Decoder;

    fn score(lines: &[String], reconnects: u32, swaps: &[i64]) -> Result<Score> {
        let catalogue = embedded::catalogue();
        let text = lines.join("\n");
        let events = Decoder::new(catalogue.clone()).events(text.as_bytes()).collect::<Result<_, _>>().unwrap();
        Score::new(events, &catalogue, reconnects, swaps)
    }

    fn left(at: i64, player: &str, more: &str) -> String {
        format!(r#"{{"at":{at},"player":"{player}","type":"MatchLeft","fields":{{}}{more}}}"#)
    }

    fn paid(at: i64, server: &str, player: &str) -> String {
        format!(r#"{{"at":{at},"server":"{server}","type":"Purchase","fields":{{"player_id":"{player}"}}}}"#)
    }

    fn steps(lines: &[String], swaps: &[i64]) -> Vec<Range<usize>> {
        score(lines, 0, swaps).unwrap().steps().collect()
    }

    #[test]
    fn a_step_reaches_as_far_as_no_event_is_late() {
        let lines = [0, 5_000, 10_000, 10_001, 40_000].map(|at| left(at, "a", ""));
        assert_eq!(steps(&lines, &[]), [0..3, 3..4, 4..5]);
        assert_eq!(steps(&lines, &[3_000, 4_000, 10_000]), [0..1, 1..2, 2..4, 4..5], "rules change between two steps");
        assert_eq!(steps(&lines[..1], &[0]).len(), 1, "there is no step before the first event");
    }

    #[test]
    fn nobody_is_told_of_by_two_streams_at_a_time() {
        let lines = [left(0, "a", ""), left(0, "b", ""), paid(0, "s", "a"), paid(0, "s", "b"), paid(0, "t", "a")];
        assert_eq!(steps(&lines, &[]), [0..2, 2..4, 4..5]);
        assert_eq!(steps(&[left(0, "a", ""), left(0, "a", r#","class":0"#)], &[]), [0..1, 1..2]);
    }

    #[test]
    fn connections_break_in_the_middle() {
        let lines: Vec<String> = (0..30).map(|at| left(at, if at < 24 { "a" } else { "b" }, "")).collect();
        let score = score(&lines, 5, &[]).unwrap();
        let breaks: Vec<usize> = (0..30).filter(|at| score.breaks_after(*at)).collect();
        assert_eq!(breaks, [6, 12, 18], "24 events have room for three, six for none");
    }

    #[test]
    fn numbers_of_its_own_are_refused() {
        let why = score(&[left(0, "a", r#","seq":2"#)], 0, &[]).err().unwrap().to_string();
        assert!(why.contains("line 1: `seq` is 2") && why.contains("here 1"), "{why}");
    }
}
