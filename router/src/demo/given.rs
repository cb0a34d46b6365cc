//! Rules that the demo is given instead of its own: a bundle, the keys that vouch for it, bundles to swap to.
//!
//! What comes in: paths of the command line. What goes out: the files' content, checked so far that the catalogue is known and a
//! mistake is told before anything starts. Deliberately absent: which bundle serves.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rules_bundle::{MAX_BUNDLE_BYTES, TrustedKeys, VerifiedBundle};
use rules_catalogue::Catalogue;

/// A bundle to play with, and its keys.
pub(crate) struct Given {
    pub(crate) bundle: Vec<u8>,
    /// The file with the public keys.
    pub(crate) keys: Vec<u8>,
    pub(crate) tenant: String,
    pub(crate) catalogue: Arc<Catalogue>,
    trusted: TrustedKeys,
}

/// A bundle from a time on.
#[derive(Clone, Debug)]
pub(crate) struct Swap {
    /// Milliseconds since 1970.
    pub(crate) from_ms: i64,
    pub(crate) bundle: PathBuf,
}

impl Given {
    /// # Errors
    /// A file cannot be read, or none of the keys signed the bundle.
    pub(crate) fn read(bundle: &Path, keys: &Path) -> Result<Given> {
        let text = std::fs::read(keys).with_context(|| format!("cannot read {}", keys.display()))?;
        let trusted = std::str::from_utf8(&text).context("no text").and_then(|text| Ok(TrustedKeys::parse(text)?));
        let trusted = trusted.with_context(|| keys.display().to_string())?;
        let (bytes, verified) = verified(bundle, &trusted)?;
        let tenant = verified.manifest().tenant.clone();
        let catalogue = verified.load().with_context(|| bundle.display().to_string())?.catalogue;
        Ok(Given { bundle: bytes, keys: text, tenant, catalogue, trusted })
    }

    /// The bundles to swap to, with their times.
    ///
    /// # Errors
    /// One cannot be read, is signed by nobody who is trusted, or comes earlier than the one before.
    pub(crate) fn swaps(&self, swaps: &[Swap]) -> Result<Vec<(i64, Vec<u8>)>> {
        if !swaps.is_sorted_by_key(|swap| swap.from_ms) {
            bail!("`--swap` must be given in the order of time");
        }
        swaps.iter().map(|swap| Ok((swap.from_ms, verified(&swap.bundle, &self.trusted)?.0))).collect()
    }
}

fn verified(path: &Path, trusted: &TrustedKeys) -> Result<(Vec<u8>, VerifiedBundle)> {
    let about = || format!("cannot read {}", path.display());
    let length = std::fs::metadata(path).with_context(about)?.len();
    if length > MAX_BUNDLE_BYTES as u64 {
        bail!("{} has {length} bytes; limit {MAX_BUNDLE_BYTES}", path.display());
    }
    let bytes = std::fs::read(path).with_context(about)?;
    let verified = VerifiedBundle::verify(bytes.clone(), trusted).with_context(|| path.display().to_string())?;
    Ok((bytes, verified))
}

/// `TIME=BUNDLE`, the time as RFC 3339.
pub(crate) fn swap(text: &str) -> Result<Swap, String> {
    let parsed = text.split_once('=').and_then(|(time, bundle)| {
        let from_ms = rules_catalogue::parse_rfc3339(time)?.0;
        Some(Swap { from_ms, bundle: bundle.into() }).filter(|_| !bundle.is_empty())
    });
    parsed.ok_or_else(|| format!("`{text}` is no swap; write e.g. 2026-01-01T02:00:00Z=new.bundle"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::embedded;
    use rules_bundle::SigningKey;

    #[test]
    fn bundles_are_taken_with_their_keys_only() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let [ours, theirs] = [7, 8].map(|seed| SigningKey::from_seed([seed; 32], "test"));
        let bundle = embedded::bundle(&embedded::catalogue(), 1).unwrap().sign(&[&ours]);
        std::fs::write(at("b"), bundle).unwrap();
        std::fs::write(at("ours"), ours.public().to_text()).unwrap();
        std::fs::write(at("theirs"), theirs.public().to_text()).unwrap();
        let given = Given::read(&at("b"), &at("ours")).unwrap();
        assert_eq!((given.tenant.as_str(), given.catalogue.name()), ("demo", "game.v1"));
        let why = format!("{:#}", Given::read(&at("b"), &at("theirs")).err().unwrap());
        assert!(why.contains("no trusted key signed"), "{why}");
        let swaps = [3, 2].map(|from_ms| Swap { from_ms, bundle: at("b") });
        assert!(given.swaps(&swaps).is_err());
        assert_eq!(given.swaps(&swaps[..1]).unwrap()[0].0, 3);
    }

    #[test]
    fn a_swap_is_a_time_and_a_file() {
        let found = swap("1970-01-01T00:00:01.5Z=a=b.bundle").unwrap();
        assert_eq!((found.from_ms, found.bundle), (1_500, PathBuf::from("a=b.bundle")));
        for wrong in ["", "x", "x=y", "1970-01-01T00:00:01Z="] {
            assert!(swap(wrong).is_err(), "{wrong}");
        }
    }
}
