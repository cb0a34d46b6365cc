//! What the compiler says to an author: code, message, place, one line of help.
//!
//! In: problems found by any stage. Out: a [`Report`] holding all of them together, shown as text by [`render`] or as
//! JSON by [`json`]. The table of codes, with the long text that `edgectl rules explain` prints, is in [`code`].
//! Absent: wording of single problems; the stage that finds one words it.

pub mod code;
pub mod json;
pub mod render;

pub use code::Code;

use crate::source::{Sources, Span};

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Nothing is built.
    Error,
    /// It is built, and the author should look.
    Warning,
}

/// One problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Its stable code.
    pub code: Code,
    /// The one sentence, lower case, back-ticks around the author's words.
    pub message: String,
    /// Where, in the rule files.
    pub span: Span,
    /// A few words beside the carets; may be empty.
    pub label: String,
    /// Further places in the rule files that belong to it, with their own words.
    pub also: Vec<(Span, String)>,
    /// Facts from elsewhere, each as `word: text`, e.g. `catalogue: game/v1/player.proto:41  PlayerDied.level`.
    pub notes: Vec<(&'static str, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

/// Everything that was found in one go, in the order of files and lines.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    dropped: usize,
}

/// More problems than this are counted, not kept.
pub const MAX_DIAGNOSTICS: usize = 1000;

impl Diagnostic {
    /// A problem at a place; the rest is added with the methods below.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            message: message.into(),
            span,
            label: String::new(),
            also: Vec::new(),
            notes: Vec::new(),
            help: None,
        }
    }

    /// Words beside the carets.
    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = label.into();
        self
    }

    /// `did you mean` beside the carets, where there is a guess.
    pub fn did_you_mean(self, guess: Option<&str>) -> Diagnostic {
        match guess {
            Some(guess) => self.label(format!("did you mean `{guess}`?")),
            None => self,
        }
    }

    /// One more place.
    pub fn also(mut self, span: Span, words: impl Into<String>) -> Diagnostic {
        self.also.push((span, words.into()));
        self
    }

    /// One more fact.
    pub fn note(mut self, word: &'static str, text: impl Into<String>) -> Diagnostic {
        self.notes.push((word, text.into()));
        self
    }

    /// What to do.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// How bad it is: a property of its code.
    pub fn severity(&self) -> Severity {
        self.code.info().severity
    }
}

impl Report {
    /// Takes one in.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_DIAGNOSTICS {
            self.diagnostics.push(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    /// Adds what another report says and this one does not.
    pub fn add_new(&mut self, other: Report) {
        for diagnostic in other.diagnostics {
            if !self.diagnostics.contains(&diagnostic) {
                self.push(diagnostic);
            }
        }
    }

    /// Puts them in the order of files and lines; of one place, in the order they were found.
    pub fn sort(&mut self) {
        self.diagnostics.sort_by_key(|d| (d.span.file, d.span.start));
    }

    /// All of them.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether nothing can be built.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many are this bad.
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|d| d.severity() == severity).count()
    }

    /// How many were counted but not kept.
    pub const fn dropped(&self) -> usize {
        self.dropped
    }

    /// As a person reads it, with a summary line; empty where there is nothing to say.
    pub fn to_text(&self, sources: &Sources, color: bool) -> String {
        render::report(self, sources, color)
    }

    /// As a tool reads it: one JSON object.
    pub fn to_json(&self, sources: &Sources) -> serde_json::Value {
        json::report(self, sources)
    }
}
