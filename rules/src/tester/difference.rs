//! What a test expected of an event and what happened, line by line.
//!
//! In: a [`Judge`] whose expectation was not met. Out: a [`Difference`]: lines that were expected alone, happened alone, or both. Absent:
//! why it happened; the diagnostics beside it tell.

use edge_event::{Action, Command};
use serde::Serialize;

use super::judge::{Judge, difference, parts};
use crate::offline::Observed;
use crate::source::Spanned;
use crate::syntax::{Expectation, ExpectedCommand, Verb};

/// How an event ended otherwise than its test expects.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// The event's type.
    pub event: String,
    /// `path:line:column` of the event.
    pub place: String,
    /// In the order of the expectation.
    pub lines: Vec<DifferenceLine>,
}

/// One fact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DifferenceLine {
    /// Who says so.
    pub side: Side,
    /// E.g. `fires: rage_quit_offer`.
    pub text: String,
}

/// Who says that something is so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// It was expected and happened.
    Both,
    /// It was expected and did not happen.
    Expected,
    /// It happened and was not expected.
    Happened,
}

impl Side {
    /// As in other diffs.
    pub const fn mark(self) -> char {
        match self {
            Side::Both => ' ',
            Side::Expected => '-',
            Side::Happened => '+',
        }
    }
}

impl Difference {
    /// For people, as a diff.
    pub(super) fn write(&self, out: &mut String, color: bool) {
        out.push_str(&format!("      {} at {}\n", self.event, self.place));
        for line in &self.lines {
            let text = format!("{} {}", line.side.mark(), line.text);
            let hue = match line.side {
                Side::Both => None,
                Side::Expected => Some(31),
                Side::Happened => Some(32),
            };
            match hue.filter(|_| color) {
                Some(hue) => out.push_str(&format!("      \u{1b}[{hue}m{text}\u{1b}[0m\n")),
                None => out.push_str(&format!("      {text}\n")),
            }
        }
    }
}

impl Judge<'_> {
    /// Compares everything that is expected with what was seen, what is alike included.
    pub(super) fn difference(&self, expect: &Expectation) -> Difference {
        let mut lines = Vec::new();
        if let Some(seen) = self.offline.observed() {
            if let Some(fires) = &expect.fires {
                self.of_fires(fires, &seen, &mut lines);
            }
            if let Some(reason) = &expect.none {
                self.of_none(&reason.value, &seen, &mut lines);
            }
            if let Some(commands) = &expect.commands {
                self.of_commands(commands, &seen, &mut lines);
            }
        }
        let line = |(side, text)| DifferenceLine { side, text };
        Difference {
            event: self.step.name.to_owned(),
            place: self.sources.describe(self.step.name_span),
            lines: lines.into_iter().map(line).collect(),
        }
    }

    fn of_fires(&self, wanted: &[Spanned<String>], seen: &Observed<'_>, lines: &mut Vec<(Side, String)>) {
        let fired = self.looked_at(seen.fired);
        for rule in wanted {
            let name = rule.value.as_str();
            if fired.contains(&name) {
                lines.push((Side::Both, format!("fires: {name}")));
                continue;
            }
            lines.push((Side::Expected, format!("fires: {name}")));
            let held_back = self.held_back(seen).into_iter().find(|(held, _)| *held == name);
            let reason = held_back.map_or("no_match", |(_, reason)| reason.word());
            lines.push((Side::Happened, format!("none: {reason}  # {name}")));
        }
        let extra = fired.iter().filter(|name| !wanted.iter().any(|rule| rule.value == **name));
        lines.extend(extra.map(|name| (Side::Happened, format!("fires: {name}"))));
    }

    fn of_none(&self, reason: &str, seen: &Observed<'_>, lines: &mut Vec<(Side, String)>) {
        let (fired, held_back) = (self.looked_at(seen.fired), self.held_back(seen));
        let shown = if reason.is_empty() { "any" } else { reason };
        let is_met = fired.is_empty()
            && match reason {
                "" => true,
                "no_match" => held_back.is_empty(),
                word => held_back.iter().any(|(_, found)| found.word() == word),
            };
        if is_met {
            return lines.push((Side::Both, format!("none: {shown}")));
        }
        lines.push((Side::Expected, format!("none: {shown}")));
        lines.extend(fired.iter().map(|name| (Side::Happened, format!("fires: {name}"))));
        if fired.is_empty() {
            let found = held_back.iter().map(|(name, found)| format!("none: {}  # {name}", found.word()));
            lines.extend(found.map(|text| (Side::Happened, text)));
            if held_back.is_empty() {
                lines.push((Side::Happened, "none: no_match".to_owned()));
            }
        }
    }

    fn of_commands(&self, wanted: &[ExpectedCommand], seen: &Observed<'_>, lines: &mut Vec<(Side, String)>) {
        let ours = |c: &&Command| self.is_ours(c);
        let (mut durable, mut replies) = (seen.commands.iter().filter(ours), seen.replies.iter().filter(ours));
        for want in wanted {
            let found = if want.verb == Verb::Reply { replies.next() } else { durable.next() };
            let is_met = found.is_some_and(|found| difference(want, &found.action).is_none());
            lines.push((if is_met { Side::Both } else { Side::Expected }, self.written(want)));
            if let (Some(found), false) = (found, is_met) {
                lines.push((Side::Happened, as_written(&found.action)));
            }
        }
        let extra = durable.chain(replies).map(|command| (Side::Happened, as_written(&command.action)));
        lines.extend(extra);
    }

    /// An expected command as its author wrote it, on one line and without braces.
    fn written(&self, want: &ExpectedCommand) -> String {
        let text = &self.sources.file(want.span.file).text[want.span.range()];
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let Some(inner) = text.strip_prefix('{') else { return text };
        // The place may end before the closing brace.
        let (open, closed) = (inner.matches('{').count(), inner.matches('}').count());
        let inner = if closed > open { inner.strip_suffix('}').unwrap_or(inner) } else { inner };
        inner.trim().to_owned()
    }
}

/// A command as a test would expect it.
fn as_written(action: &Action) -> String {
    let (kind, name, id, body) = parts(action);
    let body_key = Verb::ALL.into_iter().find(|verb| verb.key() == kind).and_then(Verb::body_key);
    let mut out = format!("{kind}: {name}");
    if let Some(id) = id {
        out.push_str(&format!(", id: {id}"));
    }
    if let Some(key) = body_key {
        out.push_str(&format!(", {key}: {body}"));
    }
    out
}
