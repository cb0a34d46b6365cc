//! Where a character of a scalar's value stands in the file.
//!
//! In: a scalar's value and its text as written. Out: a map from byte offsets of the value to byte offsets of the file, so
//! that carets point at the very word also in quoted, escaped and folded scalars. Rather than repeat YAML's rules for folding,
//! both texts are walked side by side: what is not blank must agree, blanks may be stretched. Where they do not agree, every
//! offset maps to the scalar's start.

use std::ops::Range;

use super::Style;

/// Maps offsets of a scalar's value to offsets of its file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OffsetMap {
    /// File offset of each byte of the value, and of its end; empty where only the start is known.
    offsets: Vec<u32>,
    /// What the scalar covers in the file.
    whole: Range<u32>,
}

impl OffsetMap {
    /// Builds the map. `written` is the slice of the file from byte `start` on that holds the scalar, quotes and all.
    pub fn new(value: &str, style: Style, written: &str, start: u32) -> OffsetMap {
        let offsets = walk(value, style, written)
            .map(|found| found.into_iter().map(|offset| offset + start).collect())
            .unwrap_or_default();
        OffsetMap { offsets, whole: start..start + written.len() as u32 }
    }

    /// The file's range for a range of the value. Clamped; never empty where the value's range is not.
    pub fn range(&self, value: Range<usize>) -> Range<usize> {
        let Some(last) = self.offsets.len().checked_sub(1) else {
            return self.whole.start as usize..self.whole.end as usize;
        };
        let start = self.offsets[value.start.min(last)] as usize;
        if value.end <= value.start {
            return start..start;
        }
        // The end is where the last covered byte ends, not where the next begins: between them blanks may be folded.
        let end = self.offsets[value.end.min(last) - usize::from(value.end > 0)] as usize;
        let next = self.offsets[value.end.min(last)] as usize;
        let end = if next > end && next - end <= 6 { next } else { end + 1 };
        // The value of a block can end with a line break that the file lacks.
        start..end.min(self.whole.end as usize).max(start)
    }
}

fn walk(value: &str, style: Style, written: &str) -> Option<Vec<u32>> {
    let mut at = match style {
        Style::Plain | Style::Block => 0,
        Style::SingleQuoted | Style::DoubleQuoted => 1,
    };
    let mut offsets = Vec::with_capacity(value.len() + 1);
    for c in value.chars() {
        let (from, to) = match style {
            Style::DoubleQuoted => step_escaped(written, at, c)?,
            _ => step(written, at, c, style == Style::SingleQuoted)?,
        };
        offsets.extend(std::iter::repeat_n(from as u32, c.len_utf8()));
        at = to;
    }
    offsets.push(at as u32);
    Some(offsets)
}

/// Finds `c` at or after `at`; gives its range. A blank may stand for none, one or many blanks of the text.
fn step(written: &str, at: usize, c: char, doubled_quotes: bool) -> Option<(usize, usize)> {
    let rest = &written[at..];
    if rest.starts_with(c) {
        let mut to = at + c.len_utf8();
        if doubled_quotes && c == '\'' {
            to += written[to..].strip_prefix('\'').map(|_| 1)?;
        }
        return Some((at, to));
    }
    if is_blank(c) {
        return Some((at, at));
    }
    let folded = rest.trim_start_matches(is_blank);
    if folded.starts_with(c) { step(written, written.len() - folded.len(), c, doubled_quotes) } else { None }
}

/// As [`step`], where the text may spell characters with a backslash.
fn step_escaped(written: &str, mut at: usize, c: char) -> Option<(usize, usize)> {
    loop {
        let rest = &written[at..];
        if let Some(after) = rest.strip_prefix('\\') {
            let kind = after.chars().next()?;
            let length = match kind {
                '\n' | '\r' => {
                    // The line goes on below; neither the break nor the blanks around it belong to the value.
                    at = written.len() - after.trim_start_matches(is_blank).len();
                    continue;
                }
                'x' => 4,
                'u' => 6,
                'U' => 10,
                kind => 1 + kind.len_utf8(),
            };
            return written.is_char_boundary(at + length).then_some((at, at + length));
        }
        if rest.starts_with(c) {
            return Some((at, at + c.len_utf8()));
        }
        if is_blank(c) {
            return Some((at, at));
        }
        let folded = rest.trim_start_matches(is_blank);
        if folded.len() == rest.len() {
            return None;
        }
        at = written.len() - folded.len();
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}
