//! What happened, line by line: for a reader's eyes and for the hash by which two tellings of a story are compared.
//!
//! In: moments and sentences. Out: a hash over all of them and, where wanted, the lines. Every choice that a story makes
//! shows in some line, so equal hashes mean equal stories. Deliberately absent: anything that differs between two runs
//! of one seed (TLS keys, addresses in memory, the real time).

use std::fmt::{self, Write as _};
use std::time::Duration;

use xxhash_rust::xxh3::Xxh3;

/// The lines so far.
pub(crate) struct Trace {
    hash: Xxh3,
    line: String,
    lines: Option<Vec<String>>,
    count: u64,
}

impl Trace {
    /// `keep`: whether the lines are wanted, or only their hash.
    pub(crate) fn new(keep: bool) -> Trace {
        Trace { hash: Xxh3::new(), line: String::new(), lines: keep.then(Vec::new), count: 0 }
    }

    /// Writes one line: the time since the story's beginning, then the words.
    pub(crate) fn note(&mut self, at: Duration, words: fmt::Arguments<'_>) {
        self.line.clear();
        let _ = write!(self.line, "{:>4}.{:06} {words}", at.as_secs(), at.subsec_micros());
        self.hash.update(self.line.as_bytes());
        self.count += 1;
        if let Some(lines) = &mut self.lines {
            lines.push(self.line.clone());
        }
    }

    /// Over all lines so far, in order.
    pub(crate) fn hash(&self) -> u64 {
        self.hash.digest() ^ self.count
    }

    /// The lines, where they were kept.
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
