//! What is known to differ, and why: `differences.toml`.
//!
//! What comes in: a difference that was made small. What goes out: the entry that recognises it, or none. Each entry says by what:
//! the small expression's whole text, what the two sides say of it, as regular expressions, and whether only the order is another.

use std::path::Path;

use anyhow::{Context, Result};
use regex::Regex;
use serde::Deserialize;

use crate::answer::{Difference, Part};

/// Everything that is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    #[serde(default)]
    missing: Vec<Missing>,
    #[serde(default, rename = "difference")]
    entries: Vec<Entry>,
}

/// Forms that the C++ runtime, as it is packaged, does not have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Missing {
    forms: Vec<String>,
    lacks: Lacks,
    #[serde(rename = "reason")]
    _reason: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Lacks {
    /// The checker alone: without a check it evaluates them.
    Check,
    /// All of it.
    Everything,
}

/// A difference with its reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) name: String,
    #[serde(rename = "reason")]
    _reason: String,
    parts: Vec<Part>,
    expression: Option<Pattern>,
    ours: Option<Pattern>,
    theirs: Option<Pattern>,
    /// Whether it recognises lists in another order.
    #[serde(default)]
    order: bool,
}

/// A regular expression that a whole text must match.
struct Pattern(Regex);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Regex::new(&format!("^(?s:{text})$")).map(Self).map_err(serde::de::Error::custom)
    }
}

impl Known {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} is not there", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} does not read", path.display()))
    }

    /// Forms that are not drawn.
    pub(crate) fn missing(&self) -> Vec<String> {
        self.lacking(Lacks::Everything)
    }

    /// Forms that their checker lacks.
    pub(crate) fn unchecked(&self) -> Vec<String> {
        self.lacking(Lacks::Check)
    }

    fn lacking(&self, what: Lacks) -> Vec<String> {
        self.missing.iter().filter(|missing| missing.lacks == what).flat_map(|missing| missing.forms.clone()).collect()
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The number of the entry that recognises a small expression's difference.
    pub(crate) fn recognised(&self, expression: &str, of: &Difference) -> Option<usize> {
        let matches = |pattern: &Option<Pattern>, text: &str| pattern.as_ref().is_none_or(|of| of.0.is_match(text));
        self.entries.iter().position(|entry| {
            entry.parts.contains(&of.part)
                && (of.is_order || !entry.order)
                && matches(&entry.expression, expression)
                && matches(&entry.ours, &of.ours)
                && matches(&entry.theirs, &of.theirs)
        })
    }
}
