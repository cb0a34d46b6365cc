//! Revisions only rise: an older bundle of a key is refused, however well it is signed.
//!
//! Comes in: bundles that verified. Goes out: whether they may serve. A pure value; whoever owns it stores its text form
//! durably before the bundle serves. Going back on purpose means building the old rules under a new revision.

use std::collections::BTreeMap;

use edge_mutant::mutant;

use crate::bundle::VerifiedBundle;
use crate::key::KeyId;

/// The highest revision that each key brought to service.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ratchet {
    highest: BTreeMap<KeyId, (u64, [u8; 32])>,
}

/// Why a bundle may not serve.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RatchetError {
    /// A newer one of the same key served before.
    #[error(
        "revision {found} is older than revision {served}, which key {key} already brought to service: build it under a newer revision"
    )]
    Older {
        /// Whose.
        key: KeyId,
        /// The bundle's.
        found: u64,
        /// The newest so far.
        served: u64,
    },
    /// Another one with the same number served before.
    #[error(
        "key {key} already brought another bundle with revision {revision} to service: build it under a newer revision"
    )]
    SameRevision {
        /// Whose.
        key: KeyId,
        /// The number.
        revision: u64,
    },
}

impl RatchetError {
    /// Stable word for metrics and documents.
    pub const fn code(&self) -> &'static str {
        match self {
            RatchetError::Older { .. } => "BUNDLE_OLDER",
            RatchetError::SameRevision { .. } => "BUNDLE_SAME_REVISION",
        }
    }
}

/// Text is no ratchet.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "line {line} of the stored revisions is malformed: it must read `KEY REVISION DIGEST` in hexadecimal, decimal, hexadecimal"
)]
pub struct RatchetTextError {
    /// Counted from 1.
    pub line: usize,
}

impl RatchetTextError {
    /// Stable word for metrics and documents.
    pub const fn code(&self) -> &'static str {
        "RATCHET_MALFORMED"
    }
}

impl Ratchet {
    /// Whether a bundle may serve: for each of its signers it is the newest so far, or the very one that serves.
    ///
    /// # Errors
    /// See [`RatchetError`].
    pub fn check(&self, bundle: &VerifiedBundle) -> Result<(), RatchetError> {
        let found = bundle.manifest().revision;
        for key in bundle.signers() {
            let Some((served, digest)) = self.highest.get(key) else { continue };
            if found < *served && !mutant!(OlderBundleAccepted) {
                return Err(RatchetError::Older { key: *key, found, served: *served });
            }
            if found == *served && digest != bundle.digest() {
                return Err(RatchetError::SameRevision { key: *key, revision: found });
            }
        }
        Ok(())
    }

    /// Remembers that a bundle serves. Never goes back.
    pub fn accept(&mut self, bundle: &VerifiedBundle) {
        let entry = (bundle.manifest().revision, *bundle.digest());
        for key in bundle.signers() {
            let highest = self.highest.entry(*key).or_insert(entry);
            if entry.0 > highest.0 {
                *highest = entry;
            }
        }
    }

    /// One line a key: its id, the revision, the bundle's digest.
    pub fn to_text(&self) -> String {
        let line = |(key, (revision, digest)): (&KeyId, &(u64, [u8; 32]))| {
            let digest: String = digest.iter().map(|b| format!("{b:02x}")).collect();
            format!("{key} {revision} {digest}\n")
        };
        self.highest.iter().map(line).collect()
    }

    /// The inverse of [`to_text`](Self::to_text).
    ///
    /// # Errors
    /// A line is malformed.
    pub fn from_text(text: &str) -> Result<Ratchet, RatchetTextError> {
        let mut highest = BTreeMap::new();
        for (line, text) in (1..).zip(text.lines()) {
            let entry = || {
                let mut words = text.split(' ');
                let key = KeyId(hex(words.next()?)?);
                let revision = words.next()?.parse().ok()?;
                let digest = hex(words.next()?)?;
                words.next().is_none().then_some((key, (revision, digest)))
            };
            let (key, value) = entry().ok_or(RatchetTextError { line })?;
            highest.insert(key, value);
        }
        Ok(Ratchet { highest })
    }
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
