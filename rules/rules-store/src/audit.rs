//! Who changed what when: a file of JSON lines, each with the hash of the line before it.
//!
//! In: deeds. Out: entries, and whether the chain holds. A line that was changed, removed or put in between breaks the chain from
//! there on; who can write the file can make a whole chain anew, so whoever must not trust the node keeps the newest hash elsewhere.
//! Deliberately absent: clocks (callers bring the time), files.

use serde::{Deserialize, Serialize};

use crate::memory::unhex;

/// The longest text of a deed that is kept, bytes; the rest is cut off.
const TEXT_BYTES_MAX: usize = 512;

/// Something that somebody did to the rules.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deed {
    /// When, in milliseconds since 1970 by the node's wall clock.
    pub at_ms: i64,
    /// What, in a word: `start`, `load`, `reload`, `rollback`, `fell_back`, `proved_good`, …
    pub what: String,
    /// The user at the other end of the control socket; absent where the daemon did it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The name that came with the request: its word, not proven.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Why, in the words of who did it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// The revision that it is about.
    #[serde(default)]
    pub revision: u64,
    /// The revision that served before.
    #[serde(default)]
    pub replaced: u64,
    /// The bundle's digest, hexadecimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
}

/// A line of the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Counted from 1.
    pub n: u64,
    /// What was done.
    pub deed: Deed,
    /// [`Entry::hash`] of the line before, hexadecimal; 64 zeros in the first.
    pub prev: String,
    /// BLAKE3 over `prev`, `n` and the deed's JSON, hexadecimal.
    pub hash: String,
}

/// The file's lines.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chain {
    entries: Vec<Entry>,
}

/// Where a chain does not hold.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line} of the audit log {what}: the log was changed, or lines of it are missing")]
pub struct ChainError {
    /// Counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub what: &'static str,
}

impl Chain {
    /// Reads a file's text, and where its last whole line ends: a crash may leave a torn one behind, which was never answered for.
    /// Lines after one that does not hold are read all the same; the first fault is told beside them.
    pub fn read(text: &[u8]) -> (Chain, usize, Option<ChainError>) {
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (mut chain, mut fault) = (Chain::default(), None);
        for (at, line) in (1..).zip(text[..whole].split_inclusive(|byte| *byte == b'\n')) {
            let found = match serde_json::from_slice::<Entry>(line) {
                Ok(entry) => {
                    let what = chain.fault_of(&entry);
                    chain.entries.push(entry);
                    what
                }
                Err(_) => Some("is no entry"),
            };
            fault = fault.or(found.map(|what| ChainError { line: at, what }));
        }
        (chain, whole, fault)
    }

    fn fault_of(&self, entry: &Entry) -> Option<&'static str> {
        if entry.n != self.next() {
            Some("has another number than its place")
        } else if entry.prev != self.newest() {
            Some("does not follow the line before it")
        } else if unhex(&entry.hash).is_none() || entry.hash != hash(&entry.prev, entry.n, &entry.deed) {
            Some("has another content than its hash says")
        } else {
            None
        }
    }

    /// The line that a deed adds, its newline included. It counts once [`Chain::push`] was told that it lies on disk.
    ///
    /// # Panics
    /// Never: an entry holds nothing that JSON cannot.
    pub(crate) fn line(&self, mut deed: Deed) -> (Entry, String) {
        for text in [&mut deed.what, &mut deed.by, &mut deed.why, &mut deed.digest] {
            text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        }
        let (n, prev) = (self.next(), self.newest());
        let hash = hash(&prev, n, &deed);
        let entry = Entry { n, deed, prev, hash };
        let mut line = serde_json::to_string(&entry).expect("INVARIANT: an entry always serialises");
        line.push('\n');
        (entry, line)
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// All of them, the oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The newest line's hash: kept elsewhere, it vouches for all lines up to it.
    pub fn newest(&self) -> String {
        self.entries.last().map_or_else(|| "0".repeat(64), |entry| entry.hash.clone())
    }

    fn next(&self) -> u64 {
        self.entries.last().map_or(1, |entry| entry.n + 1)
    }
}

fn hash(prev: &str, n: u64, deed: &Deed) -> String {
    let deed = serde_json::to_vec(deed).expect("INVARIANT: a deed always serialises");
    let mut hasher = blake3::Hasher::new();
    hasher.update(prev.as_bytes());
    hasher.update(&n.to_le_bytes());
    hasher.update(&deed);
    hasher.finalize().to_hex().to_string()
}
