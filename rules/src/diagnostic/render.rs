//! Diagnostics as text: the line, carets under the place, notes and help below.
//!
//! In: a [`Report`] and its [`Sources`]. Out: text for a terminal, with or without colours. Long lines are cut around the
//! place, tabs are shown as one blank, control characters as `·`, so that a file cannot steer the terminal.

use std::fmt::Write as _;

use super::{Diagnostic, Report, Severity};
use crate::source::{Place, Sources, Span};

/// Characters of a source line that are shown at most.
const MAX_LINE_CHARS: usize = 160;

/// Every diagnostic, a blank line after each, then one line of summary.
pub fn report(report: &Report, sources: &Sources, color: bool) -> String {
    let paint = Paint { color };
    let mut out = String::new();
    for diagnostic in report.diagnostics() {
        one(&mut out, diagnostic, sources, paint);
        out.push('\n');
    }
    if let Some(line) = summary(report) {
        let _ = writeln!(out, "{line}");
    }
    out
}

fn summary(report: &Report) -> Option<String> {
    let (errors, warnings) = (report.count(Severity::Error), report.count(Severity::Warning));
    let mut line = match (errors, warnings) {
        (0, 0) => return None,
        (e, 0) => plural(e, "error"),
        (0, w) => plural(w, "warning"),
        (e, w) => format!("{}, {}", plural(e, "error"), plural(w, "warning")),
    };
    if report.dropped() > 0 {
        let _ = write!(line, "; {} more not shown", report.dropped());
    }
    Some(line)
}

fn plural(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

fn one(out: &mut String, d: &Diagnostic, sources: &Sources, paint: Paint) {
    let (word, hue) = match d.severity() {
        Severity::Error => ("error", Hue::Red),
        Severity::Warning => ("warning", Hue::Yellow),
    };
    let head = paint.bold(hue, &format!("{word}[{}]", d.code.as_str()));
    let _ = writeln!(out, "{head}: {}", clean(&d.message));
    let deepest = d.also.iter().map(|(span, _)| *span).chain([d.span]).map(|s| place_of(sources, s).line).max();
    let gutter = deepest.unwrap_or(1).to_string().len();
    snippet(out, sources, d.span, &d.label, gutter, paint, hue);
    for (span, words) in &d.also {
        snippet(out, sources, *span, words, gutter, paint, Hue::Blue);
    }
    for (word, text) in &d.notes {
        let _ = writeln!(out, "{:gutter$} {} {word}: {}", "", paint.dim("="), clean(text));
    }
    if let Some(help) = &d.help {
        let _ = writeln!(out, "{:gutter$} {} help: {}", "", paint.dim("="), clean(help));
    }
}

fn place_of(sources: &Sources, span: Span) -> Place {
    sources.file(span.file).place(span.start)
}

fn snippet(out: &mut String, sources: &Sources, span: Span, label: &str, gutter: usize, paint: Paint, hue: Hue) {
    let file = sources.file(span.file);
    let Place { line, column } = file.place(span.start);
    let pad = " ".repeat(gutter);
    let _ = writeln!(out, "{pad}{} {}:{line}:{column}", paint.dim("-->"), clean(&file.path));
    let bar = paint.dim("|");
    let _ = writeln!(out, "{pad} {bar}");
    let text: Vec<char> = file.line(line).chars().map(printable).collect();
    let start = (column as usize - 1).min(text.len());
    let length = caret_length(sources, span, line, text.len() - start);
    let (shown, start) = window(&text, start, length);
    let _ = writeln!(out, "{} {bar} {}", paint.dim(&format!("{line:>gutter$}")), shown.trim_end());
    let carets = format!("{}{}", "^".repeat(length.min(MAX_LINE_CHARS)), if label.is_empty() { "" } else { " " });
    let _ = writeln!(out, "{pad} {bar} {}{}", " ".repeat(start), paint.bold(hue, &format!("{carets}{}", clean(label))));
}

/// Carets cover the span on its first line, and at least one character.
fn caret_length(sources: &Sources, span: Span, line: u32, rest_of_line: usize) -> usize {
    let file = sources.file(span.file);
    let end = file.place(span.end);
    let start = file.place(span.start);
    let length = if end.line == line { (end.column - start.column) as usize } else { rest_of_line };
    length.max(1)
}

/// Cuts a long line to the part around the place; says so with `...`.
fn window(text: &[char], start: usize, length: usize) -> (String, usize) {
    if text.len() <= MAX_LINE_CHARS {
        return (text.iter().collect(), start);
    }
    let from = start.saturating_sub(MAX_LINE_CHARS / 3);
    let to = text.len().min((from + MAX_LINE_CHARS).max((start + length).min(from + MAX_LINE_CHARS)));
    let mut shown = String::new();
    let mut start = start - from;
    if from > 0 {
        shown.push_str("...");
        start += 3;
    }
    shown.extend(&text[from..to]);
    if to < text.len() {
        shown.push_str("...");
    }
    (shown, start)
}

fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '·',
        c => c,
    }
}

fn clean(text: &str) -> String {
    text.chars().map(printable).collect()
}

#[derive(Clone, Copy)]
enum Hue {
    Red,
    Yellow,
    Blue,
}

#[derive(Clone, Copy)]
struct Paint {
    color: bool,
}

impl Paint {
    fn bold(self, hue: Hue, text: &str) -> String {
        let number = match hue {
            Hue::Red => 31,
            Hue::Yellow => 33,
            Hue::Blue => 34,
        };
        if self.color { format!("\u{1b}[1;{number}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn dim(self, text: &str) -> String {
        if self.color { format!("\u{1b}[34m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
