//! From a bundle's bytes to something shards can serve: read, signed by a trusted key, ours, newer, within its limits; and what is
//! remembered of those that came to service.
//!
//! What comes in: bytes of anybody. What goes out: a [`Serving`], or a refusal that says what is wrong and what to do.
//! Nothing that serves is touched. Deliberately absent: publication (`control.rs`), and how it is remembered (`rules-store`).

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use edge_admin::Refusal;
use edge_event::UnixMillis;
use edge_shard::Serving;
use rules_bundle::{Manifest, TrustedKeys, VerifiedBundle};
use rules_store::{Deed, How, Name, Source, Store, StoreError};

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

    /// What an operator should know about it though it serves.
    pub(crate) fn warnings(&self, now_unix_ms: i64) -> Vec<String> {
        match self.manifest.expires_ms {
            Some(at) if at <= now_unix_ms => vec!["the bundle is past its expiry: build a fresh one".into()],
            Some(at) if at - now_unix_ms < EXPIRES_SOON_MS => {
                vec![format!("the bundle expires in {} h: build a fresh one soon", (at - now_unix_ms) / 3_600_000)]
            }
            _ => Vec::new(),
        }
    }
}

/// What a daemon starts with.
pub(crate) struct First {
    pub(crate) checked: Checked,
    how: How,
    /// Why it is not what is deployed; empty where it is.
    why: String,
}

/// Who may sign, and what is remembered.
pub(crate) struct Bundles {
    trusted: TrustedKeys,
    tenant: String,
    store: Store,
    newest: Option<Manifest>,
}

impl Bundles {
    /// Trusts the keys in `keys`, and remembers in `folder` what served. Changes nothing.
    ///
    /// # Errors
    /// The keys cannot be read.
    pub(crate) fn new(keys: &str, tenant: &str, store: Store) -> Result<Bundles, String> {
        let trusted = TrustedKeys::parse(keys).map_err(|why| why.to_string())?;
        if trusted.is_empty() {
            return Err("holds no public key, so no bundle could ever be trusted".into());
        }
        if let Some(fault) = store.broken() {
            tracing::error!(%fault, "somebody changed the audit log of rules");
        }
        Ok(Bundles { trusted, tenant: tenant.into(), store, newest: None })
    }

    /// What a daemon starts with: what is deployed, or what served last, or what proved good before it. Changes nothing.
    ///
    /// # Errors
    /// What is deployed may not serve, and nothing that may is remembered.
    pub(crate) fn first<E: fmt::Display>(&self, deployed: Result<Checked, E>, now_unix_ms: i64) -> Result<First, E> {
        let name = deployed.as_ref().ok().map(|checked| Name::from(&checked.bundle));
        let Some(choice) = self.store.memory().choose(name).filter(|choice| Some(choice.name) != name) else {
            return deployed.map(|checked| First { checked, how: How::Start, why: String::new() });
        };
        let kept = match self.kept(choice.name, now_unix_ms) {
            Ok(kept) => kept,
            Err(why) => {
                tracing::error!(code = why.code, what = why.what, "what served last cannot serve again");
                let why = "what served last cannot serve again".to_owned();
                return deployed.map(|checked| First { checked, how: How::Start, why });
            }
        };
        let (how, why) = match (choice.source, &deployed) {
            (Source::FellBack { from, starts }, _) => (
                How::FallBack,
                format!("revision {from} was started {starts} times and never served for `rules.proved_after`"),
            ),
            (_, Err(why)) => (How::Start, format!("what is deployed may not serve: {why}")),
            (_, Ok(_)) if self.store.memory().is_pinned() => {
                (How::Start, "somebody stepped back to it, and nothing newer is deployed".to_owned())
            }
            (_, Ok(_)) => (How::Start, "what is deployed is older".to_owned()),
        };
        Ok(First { checked: kept, how, why })
    }

    /// Verifies and loads a bundle; changes nothing. Takes milliseconds.
    ///
    /// # Errors
    /// See each refusal's code.
    pub(crate) fn check(&self, bytes: Vec<u8>, now_unix_ms: i64) -> Result<Checked, Refusal> {
        let checked = self.look_at(bytes, now_unix_ms)?;
        self.store.ratchet().check(&checked.bundle).map_err(|e| refused(e.code(), &e))?;
        Ok(checked)
    }

    /// A bundle that served before, verified anew; that newer ones served since stands not against it.
    ///
    /// # Errors
    /// It is gone, or may not serve any more.
    fn kept(&self, name: Name, now_unix_ms: i64) -> Result<Checked, Refusal> {
        let bytes = self.store.bytes_of(name).map_err(|e| refused("BUNDLE_NOT_KEPT", &e))?;
        let checked = self.look_at(bytes, now_unix_ms)?;
        if Name::from(&checked.bundle) != name {
            return Err(refused("BUNDLE_NOT_KEPT", &format_args!("the file of {name} holds another bundle")));
        }
        Ok(checked)
    }

    /// What to step back to: a revision that proved good, or the last that did before the one that serves.
    ///
    /// # Errors
    /// There is none, or it may not serve any more.
    pub(crate) fn step_back(&self, to: Option<u64>, now_unix_ms: i64) -> Result<Checked, Refusal> {
        let memory = self.store.memory();
        let name = match to {
            Some(revision) => memory.good(revision),
            None => memory.step_back(),
        };
        let Some(name) = name else {
            let proven: Vec<String> = memory.proven().iter().map(|name| name.revision.to_string()).collect();
            let what = match to {
                Some(revision) => {
                    format!("revision {revision} is none that proved good here (those are: {})", proven.join(", "))
                }
                None => "no other revision has proved good here".to_owned(),
            };
            return Err(refused("BUNDLE_NOT_KEPT", &what));
        };
        self.kept(name, now_unix_ms)
    }

    fn look_at(&self, bytes: Vec<u8>, now_unix_ms: i64) -> Result<Checked, Refusal> {
        let bundle = VerifiedBundle::verify(bytes, &self.trusted).map_err(|e| refused(e.code(), &e))?;
        if bundle.manifest().tenant != self.tenant {
            return Err(Refusal {
                code: "BUNDLE_TENANT".into(),
                what: format!("the bundle is of tenant `{}`, this node of `{}`", bundle.manifest().tenant, self.tenant),
                help: "build it for this tenant, or set `node.tenant`".into(),
            });
        }
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

    /// The daemon starts with a bundle.
    pub(crate) fn begin(&mut self, first: First, now_unix_ms: i64) {
        let First { checked, how, why } = first;
        let revision = checked.manifest.revision;
        if !why.is_empty() {
            tracing::error!(revision, why, "the daemon starts with rules that are not those deployed");
        }
        let what = if how == How::FallBack { "fell_back" } else { "start" };
        let deed = Deed { at_ms: now_unix_ms, what: what.into(), why, ..Deed::default() };
        self.took(&checked, how, deed);
    }

    /// A bundle has come to service: older ones are refused from now on, after a restart too. Says what could not be written.
    pub(crate) fn took(&mut self, checked: &Checked, how: How, deed: Deed) -> Option<String> {
        self.newest = Some(checked.manifest.clone());
        let written = self.store.take(&checked.bundle, how, deed);
        complain(written, "a restart may not know which rules served")
    }

    /// What serves has done so for long enough.
    pub(crate) fn prove(&mut self, now_unix_ms: i64) {
        let deed = Deed { at_ms: now_unix_ms, what: "proved_good".into(), ..Deed::default() };
        complain(self.store.confirm(deed), "a restart does not know that the rules proved good");
    }

    /// The daemon ends in good order.
    pub(crate) fn rest(&mut self) {
        complain(self.store.rest(), "the next start takes this end for a crash");
    }

    /// What is remembered.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The bundle that came to service last.
    pub(crate) fn newest(&self) -> Option<&Manifest> {
        self.newest.as_ref()
    }

    /// Whether the newest bundle is past its expiry.
    pub(crate) fn is_expired(&self, now_unix_ms: i64) -> bool {
        self.newest.as_ref().is_some_and(|m| m.is_expired(UnixMillis(now_unix_ms)))
    }
}

fn refused(code: &str, why: &dyn fmt::Display) -> Refusal {
    Refusal { code: code.into(), what: why.to_string(), help: "the bundle that serves goes on serving".into() }
}

/// A disk that takes no files stops no rules.
fn complain(written: Result<(), StoreError>, so: &str) -> Option<String> {
    let why = written.err()?;
    tracing::error!(%why, "what is remembered of the rules was not written: {so}");
    Some(format!("it serves, but was not written down ({why}): {so}"))
}

/// The folder of what is remembered; nothing is where none is named.
///
/// # Errors
/// A file of it cannot be read.
pub(crate) fn store_in(folder: Option<&Path>) -> Result<Store, StoreError> {
    folder.map_or_else(|| Ok(Store::in_memory()), Store::open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, NOW_MS};

    fn code(result: Result<Checked, Refusal>) -> String {
        result.err().map_or("none".into(), |refusal| refusal.code)
    }

    fn deed() -> Deed {
        Deed { what: "load".into(), ..Deed::default() }
    }

    fn revision(first: Result<First, Refusal>) -> (u64, String) {
        let first = first.unwrap_or_else(|why| panic!("{why}"));
        (first.checked.serving().rules.revision(), first.why)
    }

    #[test]
    fn a_check_changes_nothing_and_what_came_to_service_is_remembered_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store");
        let mut bundles = fixtures::bundles(Some(&file));
        let newer = bundles.check(fixtures::bundle(6), NOW_MS).unwrap();
        assert!(!file.exists());
        assert_eq!(code(bundles.check(fixtures::bundle(5), NOW_MS)), "none", "a check is no service");
        assert_eq!(bundles.took(&newer, How::Load, deed()), None);
        for bundles in [bundles, fixtures::bundles(Some(&file))] {
            assert_eq!(code(bundles.check(fixtures::bundle(5), NOW_MS)), "BUNDLE_OLDER");
            assert_eq!(code(bundles.check(fixtures::bundle(6), NOW_MS)), "none", "the very one that serves");
        }
    }

    #[test]
    fn a_start_takes_what_served_last_where_what_is_deployed_is_older_or_bad() {
        let folder = tempfile::tempdir().unwrap();
        let mut bundles = fixtures::bundles(Some(folder.path()));
        let six = bundles.check(fixtures::bundle(6), NOW_MS).unwrap();
        bundles.took(&six, How::Load, deed());
        let bundles = fixtures::bundles(Some(folder.path()));
        let first = |bytes| revision(bundles.first(bundles.check(bytes, NOW_MS), NOW_MS));
        for (bytes, why) in [(fixtures::bundle(5), "BUNDLE_OLDER"), (b"rubbish".to_vec(), "BUNDLE_")] {
            let (revision, said) = first(bytes);
            assert!(revision == 6 && said.contains(why), "{revision}: {said}");
        }
        assert_eq!(first(fixtures::bundle(6)), (6, String::new()));
        assert_eq!(first(fixtures::bundle(7)), (7, String::new()));
    }

    #[test]
    fn a_revision_that_crashes_the_daemon_gives_way_to_the_last_good_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut bundles = fixtures::bundles(Some(folder.path()));
        let six = bundles.check(fixtures::bundle(6), NOW_MS).unwrap();
        bundles.took(&six, How::Load, deed());
        bundles.prove(NOW_MS);
        let mut started = Vec::new();
        for _ in 0..5 {
            // Each time it dies before it has proved good.
            let mut bundles = fixtures::bundles(Some(folder.path()));
            let first = bundles.first(bundles.check(fixtures::bundle(7), NOW_MS), NOW_MS).unwrap();
            started.push(first.checked.serving().rules.revision());
            bundles.begin(first, NOW_MS);
        }
        assert_eq!(started, [7, 7, 7, 6, 6]);
        let bundles = fixtures::bundles(Some(folder.path()));
        let deeds: Vec<_> = bundles.store().chain().entries().iter().map(|e| e.deed.what.clone()).collect();
        assert_eq!(deeds, ["load", "proved_good", "start", "start", "start", "fell_back", "start"]);
    }

    #[test]
    fn a_step_back_goes_to_what_proved_good_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let mut bundles = fixtures::bundles(Some(folder.path()));
        assert_eq!(code(bundles.step_back(None, NOW_MS)), "BUNDLE_NOT_KEPT");
        for number in 5..=7 {
            let checked = bundles.check(fixtures::bundle(number), NOW_MS).unwrap();
            bundles.took(&checked, How::Load, deed());
            if number != 6 {
                bundles.prove(NOW_MS);
            }
        }
        assert_eq!(bundles.step_back(None, NOW_MS).unwrap().serving().rules.revision(), 5);
        assert_eq!(code(bundles.step_back(Some(6), NOW_MS)), "BUNDLE_NOT_KEPT", "it never proved good");
        let mut files = std::fs::read_dir(folder.path()).unwrap().flatten().map(|file| file.path());
        let kept = files.find(|file| std::fs::read(file).unwrap() == fixtures::bundle(5)).unwrap();
        std::fs::write(&kept, fixtures::bundle(4)).unwrap();
        assert_eq!(code(bundles.step_back(Some(5), NOW_MS)), "BUNDLE_NOT_KEPT", "the file was exchanged");
        std::fs::write(&kept, b"rubbish").unwrap();
        assert_ne!(code(bundles.step_back(Some(5), NOW_MS)), "none", "it is verified anew");
    }

    #[test]
    fn a_bundle_of_another_tenant_and_one_that_was_changed_are_refused() {
        let other = Bundles::new(&fixtures::rules_keys(), "somebody-else", Store::in_memory()).unwrap();
        assert_eq!(code(other.check(fixtures::bundle(1), NOW_MS)), "BUNDLE_TENANT");
        let mut bytes = fixtures::bundle(1);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        assert_ne!(code(fixtures::bundles(None).check(bytes, NOW_MS)), "none");
        assert!(Bundles::new("", "default", Store::in_memory()).is_err(), "nobody could sign");
    }
}
