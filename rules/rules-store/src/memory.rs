//! Which bundle serves, which ones have proved good, and how often the one that serves was started in vain.
//!
//! In: what is deployed, what came to service, what proved good. Out: what to start with. A pure value with a text form. The
//! crash-loop guard lives here: a bundle that was started [`IN_VAIN_MAX`] times without proving good gives way to the newest
//! one that did. Deliberately absent: bytes of bundles, clocks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Starts of one bundle that never came to serve for long, after which the next start takes another.
pub const IN_VAIN_MAX: u32 = 3;
/// Bundles that have proved good and are kept, to step back to.
pub const KEPT_MAX: usize = 8;
/// The longest text form, bytes.
pub(crate) const TEXT_BYTES_MAX: u64 = 64 << 10;

/// A bundle by its revision and the digest of what is signed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Name {
    /// Its revision.
    pub revision: u64,
    /// [`rules_bundle::VerifiedBundle::digest`].
    pub digest: [u8; 32],
}

/// See the head of this file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// What came to service last.
    serving: Option<Name>,
    /// Somebody, or the guard, stepped back to it: what is deployed takes its place only where it is newer than all before.
    is_pinned: bool,
    /// Starts with it since it last proved good.
    in_vain: u32,
    /// What has proved good, the newest word last.
    good: Vec<Name>,
    /// The highest revision that ever came to service.
    highest: u64,
}

/// What to start with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choice {
    /// Which bundle.
    pub name: Name,
    /// Where it is from.
    pub source: Source,
}

/// Why a bundle is the one to start with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// It is what is deployed.
    Deployed,
    /// It served last, and what is deployed is older, or bad, or was stepped back from.
    Remembered,
    /// What served last was started in vain so many times.
    FellBack {
        /// The revision that gave way.
        from: u64,
        /// How often it was started.
        starts: u32,
    },
}

/// How a bundle came to service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// The daemon started with it.
    Start,
    /// The daemon started with it in place of one that was started in vain.
    FallBack,
    /// Somebody loaded it.
    Load,
    /// Somebody stepped back to it.
    StepBack,
}

/// Text is no memory.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("what the node remembers of its rules is malformed: {0}")]
pub struct MemoryError(String);

impl Memory {
    /// What to start with, of a deployed bundle that may serve, and of what is remembered; `None` where there is neither.
    pub fn choose(&self, deployed: Option<Name>) -> Option<Choice> {
        let Some(serving) = self.serving else {
            return deployed.map(|name| Choice { name, source: Source::Deployed });
        };
        let floor = if self.is_pinned { self.highest } else { serving.revision };
        if let Some(name) = deployed.filter(|d| d.revision > floor) {
            return Some(Choice { name, source: Source::Deployed });
        }
        if self.in_vain >= IN_VAIN_MAX
            && let Some(name) = self.step_back()
        {
            return Some(Choice { name, source: Source::FellBack { from: serving.revision, starts: self.in_vain } });
        }
        let source = if deployed == Some(serving) { Source::Deployed } else { Source::Remembered };
        Some(Choice { name: serving, source })
    }

    /// What to step back to: the bundle that proved good last, other than the one that serves.
    pub fn step_back(&self) -> Option<Name> {
        self.good.iter().rev().copied().find(|name| Some(*name) != self.serving)
    }

    /// The kept bundle of a revision that has proved good.
    pub fn good(&self, revision: u64) -> Option<Name> {
        self.good.iter().rev().copied().find(|name| name.revision == revision)
    }

    /// A bundle has come to service.
    pub(crate) fn take(&mut self, name: Name, how: How) {
        let is_same = self.serving == Some(name);
        let before = if is_same { self.in_vain } else { 0 };
        self.in_vain = before.saturating_add(u32::from(matches!(how, How::Start | How::FallBack)));
        self.is_pinned = matches!(how, How::StepBack | How::FallBack) || (is_same && self.is_pinned);
        self.serving = Some(name);
        self.highest = self.highest.max(name.revision);
    }

    /// What serves has proved good. Says whether that is news.
    pub(crate) fn confirm(&mut self) -> bool {
        let Some(serving) = self.serving else { return false };
        let is_news = self.in_vain > 0 || self.good.last() != Some(&serving);
        self.in_vain = 0;
        self.good.retain(|name| *name != serving);
        self.good.push(serving);
        let surplus = self.good.len().saturating_sub(KEPT_MAX);
        self.good.drain(..surplus);
        is_news
    }

    /// The daemon ends in good order, whenever that is: this start was not in vain. Says whether that is news.
    pub(crate) fn rest(&mut self) -> bool {
        std::mem::take(&mut self.in_vain) > 0
    }

    /// What came to service last.
    pub fn serving(&self) -> Option<Name> {
        self.serving
    }

    /// Whether it was stepped back to.
    pub fn is_pinned(&self) -> bool {
        self.is_pinned
    }

    /// All whose bytes are kept.
    pub fn kept(&self) -> impl Iterator<Item = Name> + '_ {
        self.good.iter().copied().chain(self.serving)
    }

    /// What has proved good, the newest word last.
    pub fn proven(&self) -> &[Name] {
        &self.good
    }

    /// JSON.
    ///
    /// # Panics
    /// Never: it holds nothing that JSON cannot.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("INVARIANT: names and numbers always serialise");
        text.push('\n');
        text
    }

    /// The inverse of [`to_text`](Self::to_text).
    ///
    /// # Errors
    /// It is no memory.
    pub fn from_text(text: &str) -> Result<Memory, MemoryError> {
        let memory: Memory = serde_json::from_str(text).map_err(|why| MemoryError(why.to_string()))?;
        if memory.good.len() > KEPT_MAX {
            return Err(MemoryError(format!(
                "`good` names {} bundles; at most {KEPT_MAX} are kept",
                memory.good.len()
            )));
        }
        if memory.kept().any(|name| name.revision > memory.highest) {
            return Err(MemoryError("`highest` is lower than a revision that served".to_owned()));
        }
        Ok(memory)
    }
}

impl Name {
    /// 64 hexadecimal digits.
    pub fn digest_text(&self) -> String {
        self.digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// `revision 7 (0011aabb)`.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "revision {} ({})", self.revision, &self.digest_text()[..8])
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How a file tells a [`Name`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    revision: u64,
    digest: String,
}

impl From<Name> for Written {
    fn from(name: Name) -> Written {
        Written { revision: name.revision, digest: name.digest_text() }
    }
}

impl TryFrom<Written> for Name {
    type Error = String;

    fn try_from(written: Written) -> Result<Name, String> {
        let digest = unhex(&written.digest).ok_or("a digest is 64 hexadecimal digits")?;
        Ok(Name { revision: written.revision, digest })
    }
}

/// 32 bytes of 64 lower-case hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |d: u8| char::from(d).to_digit(16).filter(|_| !d.is_ascii_uppercase());
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(bytes)
}
