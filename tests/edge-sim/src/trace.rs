//! What happened, line by line: for a reader's eyes and for the hash by which two tellings of a story are compared.
//!
//! In: moments and sentences. Out: a hash over all of them and, where somebody listens, each line at once, so that a story
//! that panics was told up to there. Every choice that a story makes shows in some line, so equal hashes mean equal stories.
//! Deliberately absent: anything that differs between two runs of one seed (TLS keys, addresses in memory, the real time).

use std::fmt::{self, Write as _};
use std::time::Duration;

use xxhash_rust::xxh3::Xxh3;

/// Hears each line of a story as it happens.
pub type Listener<'a> = &'a mut dyn FnMut(&str);

/// The lines so far.
pub(crate) struct Trace<'a> {
    hash: Xxh3,
    line: String,
    listener: Option<Listener<'a>>,
    count: u64,
}

impl<'a> Trace<'a> {
    pub(crate) fn new(listener: Option<Listener<'a>>) -> Trace<'a> {
        Trace { hash: Xxh3::new(), line: String::new(), listener, count: 0 }
    }

    /// Writes one line: the time since the story's beginning, then the words.
    pub(crate) fn note(&mut self, at: Duration, words: fmt::Arguments<'_>) {
        self.line.clear();
        let _ = write!(self.line, "{:>4}.{:06} {words}", at.as_secs(), at.subsec_micros());
        self.hash.update(self.line.as_bytes());
        self.count += 1;
        if let Some(listener) = &mut self.listener {
            listener(&self.line);
        }
    }

    /// Over all lines so far, in order.
    pub(crate) fn hash(&self) -> u64 {
        self.hash.digest() ^ self.count
    }
}
