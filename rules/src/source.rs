//! Text with positions: what every span of this crate points into.
//!
//! In: the files a caller read. Out: lines, columns and slices for diagnostics. A span is a range of bytes in one file;
//! lines and columns are made only when something is shown. Absent: reading files; the caller does that.

use std::ops::Range;

/// Names one file of a [`Sources`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FileId(pub u32);

/// A range of bytes in one file, `start <= end`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A value and where its author wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub span: Span,
}

/// One file as the compiler sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceFile {
    /// The path shown in diagnostics, and against which a relative `params:` path is resolved.
    pub path: String,
    /// The whole text.
    pub text: String,
    line_starts: Vec<u32>,
}

/// All files of one compilation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

/// A place in a file as people count: both from 1, columns in characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The line, from 1.
    pub line: u32,
    /// The character in the line, from 1.
    pub column: u32,
}

impl<T> Spanned<T> {
    /// A value written at `span`.
    pub const fn new(value: T, span: Span) -> Spanned<T> {
        Spanned { value, span }
    }
}

impl Span {
    /// A span of `range` in `file`.
    pub fn new(file: FileId, range: Range<usize>) -> Span {
        debug_assert!(range.start <= range.end, "a span never runs backwards");
        Span { file, start: range.start as u32, end: range.end as u32 }
    }

    /// The bytes it covers.
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The empty span at its start.
    pub const fn at_start(self) -> Span {
        Span { file: self.file, start: self.start, end: self.start }
    }
}

impl SourceFile {
    /// A file with its lines counted. Line ends are `\n`, `\r\n` and `\r`, as in YAML.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> SourceFile {
        let text = text.into();
        let bytes = text.as_bytes();
        let mut line_starts = vec![0];
        for (i, b) in bytes.iter().enumerate() {
            let ends_line = *b == b'\n' || (*b == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
            if ends_line {
                line_starts.push(i as u32 + 1);
            }
        }
        SourceFile { path: path.into(), text, line_starts }
    }

    /// Line and column of a byte. Past the end: the end. Inside a character: that character.
    pub fn place(&self, byte: u32) -> Place {
        let byte = (byte as usize).min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start as usize <= byte) - 1;
        let start = self.line_starts[line] as usize;
        let column = self.text[start..].char_indices().take_while(|(i, _)| start + i < byte).count();
        let inside = !self.text.is_char_boundary(byte);
        Place { line: line as u32 + 1, column: column as u32 + u32::from(!inside) }
    }

    /// The text of a line (from 1) without its line end; empty where there is none.
    pub fn line(&self, line: u32) -> &str {
        let index = line.saturating_sub(1) as usize;
        let Some(start) = self.line_starts.get(index) else { return "" };
        let end = self.line_starts.get(index + 1).map_or(self.text.len(), |end| *end as usize);
        self.text[*start as usize..end].trim_end_matches(['\n', '\r'])
    }

    /// The byte of a line (from 1) and a character in it (from 0), clamped to the line.
    pub fn byte_at(&self, line: usize, column: usize) -> usize {
        let Some(start) = self.line_starts.get(line.saturating_sub(1)) else { return self.text.len() };
        let start = *start as usize;
        let text = self.line(line as u32);
        text.char_indices().nth(column).map_or(start + text.len(), |(i, _)| start + i)
    }
}

impl Sources {
    /// Takes a file in.
    pub fn add(&mut self, file: SourceFile) -> FileId {
        self.files.push(file);
        FileId(self.files.len() as u32 - 1)
    }

    /// The file of an id made by [`Sources::add`].
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// All files, in the order they were added.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(i, file)| (FileId(i as u32), file))
    }

    /// `path:line:column` of a span's start.
    pub fn describe(&self, span: Span) -> String {
        let file = self.file(span.file);
        let place = file.place(span.start);
        format!("{}:{}:{}", file.path, place.line, place.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        let file = SourceFile::new("a", "ab\näöx\r\nz");
        assert_eq!(file.place(0), Place { line: 1, column: 1 });
        assert_eq!(file.place(3), Place { line: 2, column: 1 });
        assert_eq!(file.place(7), Place { line: 2, column: 3 });
        assert_eq!(file.place(4), Place { line: 2, column: 1 });
        assert_eq!(file.place(999), Place { line: 3, column: 2 });
        assert_eq!(file.line(2), "äöx");
        assert_eq!(file.byte_at(2, 2), 7);
        assert_eq!(file.byte_at(2, 99), 8);
        assert_eq!(file.byte_at(9, 0), file.text.len());
    }
}
