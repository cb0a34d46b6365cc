//! One evaluation: what it may cost, and how it compares numbers.
//!
//! Every node costs one step; whatever goes over a text, a list or a value costs a step for each byte or element, and is
//! paid for before it is done. So neither time nor memory grows beyond a constant times the limit.

use crate::failure::{Fault, Kind};
use regex::{Regex, RegexBuilder};
use std::sync::Arc;

/// The settings of an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many steps it may cost: nodes walked, elements and bytes gone over.
    pub steps: u64,
    /// How an int or uint compares with a double.
    pub numbers: Numbers,
}

/// How an int or uint compares with a double.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numbers {
    /// By exact value, as rules promise: 9007199254740993 is larger than 9007199254740992.0.
    #[default]
    Exact,
    /// After it was rounded to a double, as cel-spec's test data has it: the two are equal.
    Rounded,
}

impl Default for Settings {
    /// # Defaults
    /// 1,000,000 steps: about a second and a hundred megabytes at worst. Numbers compare by exact value.
    fn default() -> Self {
        Self { steps: 1_000_000, numbers: Numbers::Exact }
    }
}

/// An evaluation under way.
#[derive(Debug)]
pub struct Run {
    left: u64,
    numbers: Numbers,
    /// The last regular expression, so that one in a loop is compiled once.
    regex: Option<(Arc<str>, Regex)>,
}

/// The largest compiled regular expression, in bytes.
const MAX_REGEX_BYTES: usize = 1 << 18;

/// What compiling one costs.
const REGEX_STEPS: usize = 5_000;

impl Run {
    /// Nothing is spent yet.
    pub fn new(settings: Settings) -> Self {
        Self { left: settings.steps, numbers: settings.numbers, regex: None }
    }

    pub(crate) fn numbers(&self) -> Numbers {
        self.numbers
    }

    /// Pays.
    ///
    /// # Errors
    /// [`Kind::Exhausted`] where too little is left; then nothing is.
    pub fn charge(&mut self, steps: usize) -> Result<(), Fault> {
        match self.left.checked_sub(steps as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Fault::new(Kind::Exhausted, "the evaluation costs more than its limit"))
            }
        }
    }

    /// Whether a regular expression is found in a text. It runs in linear time; how long, the pattern's length tells about.
    pub(crate) fn is_match(&mut self, pattern: &Arc<str>, text: &str) -> Result<bool, Fault> {
        self.charge(text.len().saturating_mul(1 + pattern.len()))?;
        if self.regex.as_ref().is_none_or(|(last, _)| last != pattern) {
            self.charge(REGEX_STEPS)?;
            let rewritten = rules_cel::pattern::rewritten(pattern).map_err(Fault::invalid)?;
            let mut builder = RegexBuilder::new(&rewritten);
            let regex = builder.size_limit(MAX_REGEX_BYTES).dfa_size_limit(MAX_REGEX_BYTES).build();
            let regex = regex.map_err(|_| Fault::invalid("the pattern is no regular expression, or too large"))?;
            self.regex = Some((pattern.clone(), regex));
        }
        Ok(self.regex.as_ref().is_some_and(|(_, regex)| regex.is_match(text)))
    }
}
