//! What the author is told.
//!
//! The parser and the checker make [`Diagnostic`]s: a stable code, a span, a sentence, and where possible one line of help
//! and the data behind it, so that the caller can say it in its own house style. [`render`] draws them with carets for
//! tests and for plain output. Deliberately absent: files, lines of a larger file, colours, severities (all are errors).

use crate::span::Span;
use std::fmt::Write as _;

/// What kind of mistake it is. The words of [`Code::as_str`] are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// The text is longer than [`crate::MAX_TEXT_BYTES`].
    TooLong,
    /// Brackets, ternaries or operators are nested too deep.
    TooDeep,
    /// More mistakes than [`crate::MAX_DIAGNOSTICS`]; the rest is not told.
    TooMany,
    /// A character that begins nothing.
    BadCharacter,
    /// A number that is malformed or out of range.
    BadNumber,
    /// A string or bytes literal that is malformed or not closed.
    BadString,
    /// An escape sequence that does not exist or makes no character.
    BadEscape,
    /// Something else was expected here.
    Unexpected,
    /// An opening bracket without its closing one.
    Unclosed,
    /// A reserved word used as a name.
    Reserved,
    /// A name that nothing has.
    UnknownName,
    /// A field that the message does not have.
    UnknownField,
    /// A function that does not exist.
    UnknownFunction,
    /// A message type that does not exist.
    UnknownType,
    /// A function or operator that does not take these types.
    NoOverload,
    /// A value of another type was needed here.
    WrongType,
    /// A field read from, or an index into, something that has none.
    NotSelectable,
    /// A macro used in a way it cannot be.
    BadMacro,
    /// The same name twice.
    Duplicate,
    /// A constant expression without a value: a malformed date, a division by zero.
    BadValue,
}

impl Code {
    /// The stable word: metric label and anchor in the reference.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too-long",
            Self::TooDeep => "too-deep",
            Self::TooMany => "too-many",
            Self::BadCharacter => "bad-character",
            Self::BadNumber => "bad-number",
            Self::BadString => "bad-string",
            Self::BadEscape => "bad-escape",
            Self::Unexpected => "unexpected",
            Self::Unclosed => "unclosed",
            Self::Reserved => "reserved",
            Self::UnknownName => "unknown-name",
            Self::UnknownField => "unknown-field",
            Self::UnknownFunction => "unknown-function",
            Self::UnknownType => "unknown-type",
            Self::NoOverload => "no-overload",
            Self::WrongType => "wrong-type",
            Self::NotSelectable => "not-selectable",
            Self::BadMacro => "bad-macro",
            Self::Duplicate => "duplicate",
            Self::BadValue => "bad-value",
        }
    }
}

/// One mistake. All text is lower case with back-ticks around the author's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of mistake.
    pub code: Code,
    /// Where the caret goes.
    pub span: Span,
    /// One sentence: what is wrong.
    pub message: String,
    /// One line: what to do.
    pub help: Option<String>,
    /// Another place that explains this one, for example the opening bracket.
    pub related: Option<(Span, String)>,
    /// The message type whose field was not found, for [`Code::UnknownField`].
    pub message_type: Option<String>,
    /// Names that exist and look similar, the nearest first; at most three.
    pub candidates: Vec<String>,
}

impl Diagnostic {
    pub(crate) fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            span,
            message: message.into(),
            help: None,
            related: None,
            message_type: None,
            candidates: Vec::new(),
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related = Some((span, label.into()));
        self
    }

    /// Adds near names, and the help that offers the nearest unless there is help already.
    pub(crate) fn candidates(mut self, candidates: Vec<String>) -> Self {
        if let (Some(first), None) = (candidates.first(), &self.help) {
            self.help = Some(format!("did you mean `{first}`?"));
        }
        self.candidates = candidates;
        self
    }
}

/// Collects diagnostics up to [`crate::MAX_DIAGNOSTICS`] and then says once that there are more.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    list: Vec<Diagnostic>,
}

impl Collector {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let room = crate::MAX_DIAGNOSTICS.saturating_sub(self.list.len());
        match room {
            0 => {}
            1 => self.list.push(Diagnostic::new(Code::TooMany, diagnostic.span, "more mistakes from here on")),
            _ => self.list.push(diagnostic),
        }
    }

    /// Whether nothing more is told, so that nobody need find good words for it.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= crate::MAX_DIAGNOSTICS
    }

    /// In the order of the text.
    pub(crate) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|diagnostic| diagnostic.span);
        self.list
    }
}

/// Draws the diagnostics under the lines of `source` that they are about.
pub fn render(source: &str, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let _ = writeln!(out, "error[{}]: {}", diagnostic.code.as_str(), diagnostic.message);
        draw(source, diagnostic.span, diagnostic.help.as_deref().unwrap_or(""), &mut out);
        if let Some((span, label)) = &diagnostic.related {
            draw(source, *span, label, &mut out);
        }
    }
    out
}

fn draw(source: &str, span: Span, label: &str, out: &mut String) {
    let start = (span.start as usize).min(source.len());
    let before = &source[..start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = source[line_start..].lines().next().unwrap_or("");
    let in_line = &source[start..(span.end as usize).clamp(start, line_start + line.len().max(start - line_start))];
    let indent = source[line_start..start].chars().count();
    let carets = in_line.chars().count().max(1);
    let _ = writeln!(out, "{}", format!("  | {}", line.replace('\t', " ")).trim_end());
    let _ = writeln!(out, "{}", format!("  | {}{} {label}", " ".repeat(indent), "^".repeat(carets)).trim_end());
}
