//! Diagnostics as JSON, for CI and editors.
//!
//! In: a report and its sources. Out: `{"errors", "warnings", "diagnostics": [{code, severity, message, path, line, column,
//! end_line, end_column, label, also, notes, help}]}`. Lines and columns count from 1, columns in characters, ends exclusive.

use serde_json::{Value, json};

use super::{Diagnostic, Report, Severity};
use crate::source::{Sources, Span};

/// The whole report as one object.
pub fn report(report: &Report, sources: &Sources) -> Value {
    json!({
        "errors": report.count(Severity::Error),
        "warnings": report.count(Severity::Warning),
        "dropped": report.dropped(),
        "diagnostics": report.diagnostics().iter().map(|d| one(d, sources)).collect::<Vec<_>>(),
    })
}

fn one(d: &Diagnostic, sources: &Sources) -> Value {
    let mut object = place(d.span, sources);
    let severity = match d.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let also: Vec<Value> = d.also.iter().map(|(span, words)| with(place(*span, sources), "label", words)).collect();
    let notes: Vec<Value> = d.notes.iter().map(|(word, text)| json!({ "kind": word, "text": text })).collect();
    let more = json!({
        "code": d.code.as_str(),
        "severity": severity,
        "message": d.message,
        "label": d.label,
        "also": also,
        "notes": notes,
        "help": d.help,
    });
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

fn place(span: Span, sources: &Sources) -> Value {
    let file = sources.file(span.file);
    let (start, end) = (file.place(span.start), file.place(span.end));
    json!({
        "path": file.path,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
    })
}

fn with(mut object: Value, key: &str, value: &str) -> Value {
    object[key] = Value::from(value);
    object
}
