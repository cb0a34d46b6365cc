//! From a bundle's bytes to something shards can serve: read, signed by a trusted key, ours, newer, within its limits.
//!
//! What comes in: bytes of anybody. What goes out: a [`Serving`], or a refusal that says what is wrong and what to do.
//! Nothing that serves is touched. Deliberately absent: publication (`control.rs`).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use edge_admin::Refusal;
use edge_event::UnixMillis;
use edge_shard::Serving;
use rules_bundle::{Manifest, Ratchet, TrustedKeys, VerifiedBundle};

/// A bundle that expires within this time is worth a warning, milliseconds.
const EXPIRES_SOON_MS: i64 = 7 * 24 * 3600 * 1000;

/// A bundle that may serve.
pub(crate) struct Checked {
    bundle: VerifiedBundle,
    manifest: Manifest,
    serving: Arc<Serving>,
}

impl Checked {
    /// What it would make shards serve.
    pub(crate) fn serving(&self) -> &Arc<Serving> {
        &self.serving
    }
}

/// Who may sign, and what was seen so far.
pub(crate) struct Bundles {
    trusted: TrustedKeys,
    tenant: String,
    ratchet: Ratchet,
    ratchet_file: Option<PathBuf>,
    newest: Option<Manifest>,
}

impl Bundles {
    /// Trusts the keys in `keys`, and remembers revisions in `ratchet_file`.
    ///
    /// # Errors
    /// The keys or the file cannot be read.
    pub(crate) fn new(keys: &str, tenant: &str, ratchet_file: Option<PathBuf>) -> Result<Bundles, String> {
        let trusted = TrustedKeys::parse(keys).map_err(|why| why.to_string())?;
        if trusted.is_empty() {
            return Err("holds no public key, so no bundle could ever be trusted".into());
        }
        let ratchet = match &ratchet_file {
            Some(path) => read_ratchet(path)?,
            None => Ratchet::default(),
        };
        Ok(Bundles { trusted, tenant: tenant.into(), ratchet, ratchet_file, newest: None })
    }

    /// Verifies and loads a bundle; changes nothing. Takes milliseconds.
    ///
    /// # Errors
    /// See each refusal's code.
    pub(crate) fn check(&self, bytes: Vec<u8>, now_unix_ms: i64) -> Result<Checked, Refusal> {
        let bundle = VerifiedBundle::verify(bytes, &self.trusted).map_err(|e| refused(e.code(), &e))?;
        if bundle.manifest().tenant != self.tenant {
            return Err(Refusal {
                code: "BUNDLE_TENANT".into(),
                what: format!("the bundle is of tenant `{}`, this node of `{}`", bundle.manifest().tenant, self.tenant),
                help: "build it for this tenant, or set `node.tenant`".into(),
            });
        }
        self.ratchet.check(&bundle).map_err(|e| refused(e.code(), &e))?;
        let loaded = bundle.load().map_err(|e| refused(e.code(), &e))?;
        if loaded.manifest.is_expired(UnixMillis(now_unix_ms)) {
            tracing::warn!(
                revision = loaded.manifest.revision,
                "the bundle is past its expiry; it serves all the same"
            );
        }
        let serving = Serving { rules: loaded.rule_set, lineage: loaded.manifest.lineage.clone() };
        Ok(Checked { bundle, manifest: loaded.manifest, serving: Arc::new(serving) })
    }

    /// Takes a bundle into service: older ones are refused from now on, after a restart too.
    pub(crate) fn accept(&mut self, checked: Checked) -> Arc<Serving> {
        let Checked { bundle, manifest, serving } = checked;
        let before = self.ratchet.clone();
        self.ratchet.accept(&bundle);
        if let Some(path) = &self.ratchet_file
            && self.ratchet != before
            && let Err(why) = write_ratchet(path, &self.ratchet)
        {
            tracing::error!(%why, path = %path.display(), "the ratchet was not written: a restart may accept an older bundle");
        }
        self.newest = Some(manifest);
        serving
    }

    /// Whether the newest bundle is past its expiry.
    pub(crate) fn is_expired(&self, now_unix_ms: i64) -> bool {
        self.newest.as_ref().is_some_and(|m| m.is_expired(UnixMillis(now_unix_ms)))
    }

    /// What an operator should know about the newest bundle though it serves.
    pub(crate) fn warnings(&self, now_unix_ms: i64) -> Vec<String> {
        let expires = self.newest.as_ref().and_then(|m| m.expires_ms);
        match expires {
            Some(at) if at <= now_unix_ms => vec!["the bundle is past its expiry: build a fresh one".into()],
            Some(at) if at - now_unix_ms < EXPIRES_SOON_MS => {
                vec![format!("the bundle expires in {} h: build a fresh one soon", (at - now_unix_ms) / 3_600_000)]
            }
            _ => Vec::new(),
        }
    }
}

fn refused(code: &str, why: &dyn std::fmt::Display) -> Refusal {
    Refusal { code: code.into(), what: why.to_string(), help: "the bundle that serves goes on serving".into() }
}

fn read_ratchet(path: &Path) -> Result<Ratchet, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ratchet::from_text(&text).map_err(|why| format!("`rules.ratchet` {}: {why}", path.display())),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(Ratchet::default()),
        Err(why) => Err(format!("`rules.ratchet` {}: {why}", path.display())),
    }
}

/// Written whole beside the old one, synced, and put in its place, so that a crash leaves one or the other.
fn write_ratchet(path: &Path, ratchet: &Ratchet) -> std::io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let mut file = std::fs::File::create(&fresh)?;
    file.write_all(ratchet.to_text().as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, NOW_MS};

    fn code(result: Result<Checked, Refusal>) -> String {
        result.err().map_or("none".into(), |refusal| refusal.code)
    }

    #[test]
    fn a_check_changes_nothing_and_an_accepted_bundle_is_remembered_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rules.ratchet");
        let mut bundles = fixtures::bundles(Some(&file));
        let newer = bundles.check(fixtures::bundle(6), NOW_MS).unwrap();
        assert!(!file.exists());
        assert_eq!(code(bundles.check(fixtures::bundle(5), NOW_MS)), "none", "a check is no service");
        bundles.accept(newer);
        for bundles in [bundles, fixtures::bundles(Some(&file))] {
            assert_eq!(code(bundles.check(fixtures::bundle(5), NOW_MS)), "BUNDLE_OLDER");
            assert_eq!(code(bundles.check(fixtures::bundle(6), NOW_MS)), "none", "the very one that serves");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half-written is left");
    }

    #[test]
    fn a_bundle_of_another_tenant_and_one_that_was_changed_are_refused() {
        let other = Bundles::new(&fixtures::rules_keys(), "somebody-else", None).unwrap();
        assert_eq!(code(other.check(fixtures::bundle(1), NOW_MS)), "BUNDLE_TENANT");
        let mut bytes = fixtures::bundle(1);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        assert_ne!(code(fixtures::bundles(None).check(bytes, NOW_MS)), "none");
        assert!(Bundles::new("", "default", None).is_err(), "nobody could sign");
    }
}
