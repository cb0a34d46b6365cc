//! From YAML events to the tree.
//!
//! In: a file's text. Out: the tree, and diagnostics for what strict YAML refuses. The stack of open lists and maps lives on
//! the heap and is bounded, so no text can overflow the program's stack.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span as YamlSpan};

use super::{Entry, Kind, MAX_DEPTH, MAX_FILE_BYTES, Node, Scalar, Style};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::source::{FileId, SourceFile, Span};

/// Reads one file. `None` where it holds nothing but blanks and comments, or is too large to be read.
pub fn read(id: FileId, file: &SourceFile, report: &mut Report) -> Option<Node> {
    if file.text.len() > MAX_FILE_BYTES {
        let words = format!("file has {} bytes; limit {MAX_FILE_BYTES}", file.text.len());
        report.push(Diagnostic::new(Code::TooLarge, Span::new(id, 0..0), words).help("split it into several files"));
        return None;
    }
    let mut reader =
        Reader { id, file, report, open: Vec::new(), root: None, documents: 0, too_deep: 0, last: (0, 0, 0) };
    reader.run();
    reader.root
}

struct Reader<'a> {
    id: FileId,
    file: &'a SourceFile,
    report: &'a mut Report,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    /// Lists and maps entered beyond the depth limit; their content is skipped.
    too_deep: usize,
    /// Line, column and byte of the last marker that was looked up.
    last: (usize, usize, usize),
}

/// A list or map whose end has not come yet.
struct Open {
    start: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, seen: HashMap<String, Span>, key: Option<(String, Span)>, skip_value: bool },
}

impl Reader<'_> {
    fn run(&mut self) {
        let text = self.file.text.as_str();
        let mut last_end = 0;
        for event in Parser::new_from_str(text) {
            match event {
                Ok((event, span)) => {
                    let span = self.span(&event, span);
                    last_end = last_end.max(span.end as usize);
                    if !self.event(event, span) {
                        break;
                    }
                }
                Err(error) => {
                    let at = self.byte(*error.marker());
                    self.syntax_error(at, error.info());
                    break;
                }
            }
        }
        self.close_cut_off(last_end);
    }

    /// `false` ends the reading.
    fn event(&mut self, event: Event<'_>, span: Span) -> bool {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let d = Diagnostic::new(Code::SeveralDocuments, span, "a second document begins here");
                    self.report.push(d.help("put it into a file of its own"));
                    return false;
                }
            }
            Event::Alias(_) => {
                self.refuse(span, "an alias (`*name`)");
                self.value(Node { cut_off: true, ..Node::scalar(span, String::new(), Style::Plain) });
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(span, anchor, tag.is_some());
                self.value(Node::scalar(span, text.into_owned(), style_of(style)));
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_properties(span, anchor, tag.is_some());
                self.enter(span, OpenKind::List(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_properties(span, anchor, tag.is_some());
                self.enter(
                    span,
                    OpenKind::Map { entries: Vec::new(), seen: HashMap::new(), key: None, skip_value: false },
                );
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(span.end as usize, false),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        true
    }

    fn enter(&mut self, span: Span, kind: OpenKind) {
        if self.open.len() >= MAX_DEPTH {
            if self.too_deep == 0 {
                let words = format!("nested deeper than {MAX_DEPTH} levels");
                self.report
                    .push(Diagnostic::new(Code::TooLarge, span.at_start(), words).help("look for a bracket too many"));
            }
            self.too_deep += 1;
            return;
        }
        self.open.push(Open { start: span.start as usize, kind });
    }

    fn leave(&mut self, end: usize, cut_off: bool) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            if self.too_deep == 0 {
                let here = Span::new(self.id, end..end);
                self.value(Node { cut_off: true, ..Node::scalar(here, String::new(), Style::Plain) });
            }
            return;
        }
        let Some(open) = self.open.pop() else { return };
        let (kind, end) = match open.kind {
            OpenKind::List(items) => {
                let end = items.last().map_or(end, |item| self.tight_end(item.span.end as usize, end));
                (Kind::List(items), end)
            }
            OpenKind::Map { mut entries, key, .. } => {
                if let Some((key, key_span)) = key {
                    // Only a syntax error leaves a key without a value.
                    let value = Node { cut_off: true, ..Node::scalar(key_span, String::new(), Style::Plain) };
                    entries.push(Entry { key, key_span, value });
                }
                let end = entries.last().map_or(end, |e| self.tight_end(e.value.span.end as usize, end));
                (Kind::Map(entries), end)
            }
        };
        let span = Span::new(self.id, open.start..end.max(open.start));
        self.value(Node { span, kind, cut_off });
    }

    /// A block list or map ends where its last value ends; in brackets or braces, behind the closing one.
    fn tight_end(&self, last_value_end: usize, end: usize) -> usize {
        let closed = end > 0 && matches!(self.file.text.as_bytes().get(end - 1), Some(b']' | b'}'));
        if closed { end } else { last_value_end }
    }

    fn close_cut_off(&mut self, end: usize) {
        self.too_deep = 0;
        while !self.open.is_empty() {
            self.leave(end, true);
        }
    }

    /// Puts a finished value where it belongs: into the open list, as the open map's key or value, or at the root.
    fn value(&mut self, node: Node) {
        if self.too_deep > 0 {
            return;
        }
        let Some(open) = self.open.last_mut() else {
            self.root.get_or_insert(node);
            return;
        };
        match &mut open.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map { entries, seen, key, skip_value } => match key.take() {
                None => {
                    let (name, skip) = key_of(&node, seen, self.report);
                    *skip_value = skip;
                    *key = Some((name, node.span));
                }
                Some((key, key_span)) => {
                    if !std::mem::take(skip_value) {
                        entries.push(Entry { key, key_span, value: node });
                    }
                }
            },
        }
    }

    fn refuse_properties(&mut self, span: Span, anchor: usize, tagged: bool) {
        if anchor > 0 {
            self.refuse(span, "an anchor (`&name`)");
        }
        if tagged {
            self.refuse(span, "a tag (`!name`)");
        }
    }

    fn refuse(&mut self, span: Span, what: &str) {
        let d = Diagnostic::new(Code::RefusedYaml, span, format!("{what} is not allowed in rule files"));
        self.report.push(d.help("write the value out; a text that begins with this character needs quotes"));
    }

    fn syntax_error(&mut self, at: usize, info: &str) {
        let end = self.file.text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
        let d = Diagnostic::new(Code::Syntax, Span::new(self.id, at..end), format!("not valid YAML: {info}"));
        let line = self.file.line(self.file.place(at as u32).line);
        let help = if line.contains('\t') && line.trim_start_matches(' ').starts_with('\t') {
            "indent with blanks, not with tabs"
        } else {
            "look for a missing quote, bracket or blank here or in the line above; an \
             expression with `: ` or ` #` in it, or with a quote at its beginning, needs quotes around the whole"
        };
        self.report.push(d.help(help));
    }

    fn span(&mut self, event: &Event<'_>, span: YamlSpan) -> Span {
        let start = self.byte(span.start);
        let mut end = self.byte(span.end).max(start);
        if let Event::Scalar(text, style, ..) = event {
            let absent = text.is_empty() && *style == ScalarStyle::Plain;
            end = if absent { start } else { start + self.file.text[start..end].trim_end().len() };
        }
        Span::new(self.id, start..end)
    }

    /// The byte of a marker. Markers mostly run forward, so the walk along a line goes on from the last one.
    fn byte(&mut self, marker: Marker) -> usize {
        let (line, column, byte) = self.last;
        let (from_column, from_byte) = if line == marker.line() && column <= marker.col() {
            (column, byte)
        } else {
            (0, self.file.byte_at(marker.line(), 0))
        };
        let rest = &self.file.text[from_byte..];
        let steps = marker.col() - from_column;
        let found = rest.char_indices().map(|(i, _)| i).chain([rest.len()]).nth(steps).unwrap_or(rest.len());
        self.last = (marker.line(), marker.col(), from_byte + found);
        from_byte + found
    }
}

impl Node {
    fn scalar(span: Span, text: String, style: Style) -> Node {
        Node { span, kind: Kind::Scalar(Scalar { text, style }), cut_off: false }
    }
}

/// A key's text, and whether its value is to be skipped because the key is refused.
fn key_of(node: &Node, seen: &mut HashMap<String, Span>, report: &mut Report) -> (String, bool) {
    let Some(scalar) = node.as_scalar() else {
        let words = format!("a key must be a single value, not {}", node.describe());
        report.push(
            Diagnostic::new(Code::BadKey, node.span, words).help("a `?`, `[` or `{` before a `:` makes such a key"),
        );
        return (String::new(), true);
    };
    if scalar.text == "<<" && scalar.style == Style::Plain {
        let d = Diagnostic::new(Code::RefusedYaml, node.span, "a merge key (`<<`) is not allowed in rule files");
        report.push(d.help("write the keys out"));
        return (String::new(), true);
    }
    if let Some(first) = seen.get(&scalar.text) {
        let d = Diagnostic::new(Code::DuplicateKey, node.span, format!("key `{}` occurs twice", scalar.text));
        report.push(d.also(*first, "first here; this one counts").help("remove one of them"));
        return (scalar.text.clone(), true);
    }
    seen.insert(scalar.text.clone(), node.span);
    (scalar.text.clone(), false)
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
    }
}
