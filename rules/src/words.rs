//! An explanation in the author's words: the text that stands in the file for a node, and the values that were read in it.
//!
//! In: an [`Explanation`] and where the nodes of the condition stand. Out: words, places, values. Absent: gates and commands,
//! which have no words of their own.

use rules_engine::{EvalError, Explanation};

use crate::source::{Sources, Span};

/// Values that are shown of one condition.
const VALUES_SHOWN: usize = 8;

/// An explanation and its places.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    pub(crate) explanation: &'a Explanation,
    /// Of each node of the condition; empty where the rule has none.
    pub(crate) places: &'a [Span],
    pub(crate) sources: &'a Sources,
}

impl Words<'_> {
    /// The first condition that failed.
    pub(crate) fn failed(&self) -> Option<(u32, &Result<bool, EvalError>)> {
        let failed = self.explanation.conjuncts.iter().find(|(_, holds)| *holds != Ok(true));
        failed.map(|(node, holds)| (*node, holds))
    }

    /// The author's own words of a node, on one line.
    pub(crate) fn text(&self, node: u32) -> String {
        text_of(self.sources, self.places, node)
    }

    /// `path:line:column` of a node.
    pub(crate) fn place(&self, node: u32) -> String {
        self.places.get(node as usize).map(|span| self.sources.describe(*span)).unwrap_or_default()
    }

    /// What was read in and below a node (anywhere, where there is none): `event.level = 3`.
    pub(crate) fn values(&self, below: Option<u32>) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        let span = below.and_then(|node| self.places.get(node as usize)).copied();
        for (node, value) in &self.explanation.nodes {
            let Some(place) = self.places.get(*node as usize) else { continue };
            let inside = span.is_none_or(|span| span.start <= place.start && place.end <= span.end);
            let text = self.text(*node);
            let named = text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
                && !matches!(text.as_str(), "true" | "false" | "null");
            let shown = match value {
                Ok(value) => format!("{text} = {value}"),
                Err(error) => format!("{text}: {error}"),
            };
            if inside && named && !out.contains(&shown) && out.len() < VALUES_SHOWN {
                out.push(shown);
            }
        }
        out
    }
}

/// The author's own words of a node, on one line.
pub(crate) fn text_of(sources: &Sources, places: &[Span], node: u32) -> String {
    let Some(span) = places.get(node as usize) else { return String::new() };
    let text = &sources.file(span.file).text[span.range()];
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a condition came to, after its words: `is false`.
pub(crate) fn came_to(holds: &Result<bool, EvalError>) -> String {
    match holds {
        Ok(true) => "is true".to_owned(),
        Ok(false) => "is false".to_owned(),
        Err(error) => format!("has no value: {error}"),
    }
}
