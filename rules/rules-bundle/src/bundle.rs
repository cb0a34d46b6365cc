//! Emitting, signing, verifying and loading a bundle.

use std::sync::Arc;

use bytes::Bytes;
use rules_catalogue::Catalogue;
use rules_engine::RuleSet;
use rules_engine::ir::{DecodeError, RuleSetIr};

use crate::container::{self, Container, MAX_MANIFEST_BYTES, MAX_SIGNATURES, ReadError};
use crate::key::{KeyId, SigningKey, TrustedKeys};
use crate::manifest::Manifest;

/// A bundle before it is signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsigned {
    bytes: Vec<u8>,
}

/// A bundle with at least one good signature of a trusted key. Its exact bytes are kept, to be stored as last good.
#[derive(Clone, Debug)]
pub struct VerifiedBundle {
    bytes: Bytes,
    digest: [u8; 32],
    signers: Vec<KeyId>,
    manifest: Manifest,
}

/// What a bundle carries, ready to serve.
#[derive(Debug)]
pub struct LoadedBundle {
    /// What it says about itself.
    pub manifest: Manifest,
    /// Names it for ever: see [`VerifiedBundle::digest`].
    pub digest: [u8; 32],
    /// The catalogue that admits events.
    pub catalogue: Arc<Catalogue>,
    /// The rules.
    pub rule_set: Arc<RuleSet>,
}

/// Why a bundle cannot be made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EmitError {
    /// A section or the whole is too large.
    #[error(transparent)]
    TooLarge(ReadError),
    /// The parts contradict each other.
    #[error("manifest and rule set name different {what}")]
    Contradiction {
        /// What differs.
        what: &'static str,
    },
}

/// Why a bundle is refused; what serves goes on serving.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RefuseError {
    /// Not a whole bundle of this format.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Nobody signed it.
    #[error("the bundle is not signed: sign it with `edgectl rules build --key FILE`")]
    Unsigned,
    /// Nobody who is trusted signed it.
    #[error("no trusted key signed the bundle (signed by {}): add the public key to the node's trusted keys, or sign with a trusted one", ids(.signers))]
    Untrusted {
        /// Who did.
        signers: Vec<KeyId>,
    },
    /// A trusted key's signature does not fit.
    #[error("the signature of key {key} does not fit the bundle: it was changed after signing; build it again")]
    BadSignature {
        /// Whose.
        key: KeyId,
    },
    /// The manifest cannot be read.
    #[error("the bundle's manifest is malformed: build the bundle again")]
    Manifest,
    /// The catalogue cannot be used.
    #[error("the bundle's catalogue is refused: {0}")]
    Catalogue(#[source] rules_catalogue::LoadError),
    /// The rule set's bytes cannot be read.
    #[error("the bundle's rules are refused: {0}")]
    RulesBytes(#[source] DecodeError),
    /// The rule set cannot be used.
    #[error("the bundle's rules are refused: {0}")]
    Rules(#[source] rules_engine::LoadError),
    /// Its parts contradict each other.
    #[error("the bundle's parts name different {what}: build the bundle again")]
    Contradiction {
        /// What differs.
        what: &'static str,
    },
}

impl RefuseError {
    /// Stable word for metrics and documents.
    pub const fn code(&self) -> &'static str {
        match self {
            RefuseError::Read(e) => e.code(),
            RefuseError::Unsigned => "BUNDLE_UNSIGNED",
            RefuseError::Untrusted { .. } => "BUNDLE_UNTRUSTED",
            RefuseError::BadSignature { .. } => "BUNDLE_BAD_SIGNATURE",
            RefuseError::Manifest => "BUNDLE_MANIFEST",
            RefuseError::Catalogue(_) => "BUNDLE_CATALOGUE",
            RefuseError::RulesBytes(e) => e.code(),
            RefuseError::Rules(e) => e.code(),
            RefuseError::Contradiction { .. } => "BUNDLE_CONTRADICTION",
        }
    }
}

impl EmitError {
    /// Stable word for metrics and documents.
    pub const fn code(&self) -> &'static str {
        match self {
            EmitError::TooLarge(e) => e.code(),
            EmitError::Contradiction { .. } => "BUNDLE_CONTRADICTION",
        }
    }
}

impl Unsigned {
    /// Puts a bundle together; the same parts give the same bytes.
    ///
    /// # Errors
    /// A part is too large, or the manifest says something else than the parts.
    ///
    /// # Panics
    /// Never: a manifest can always be written.
    pub fn emit(manifest: &Manifest, catalogue: &Catalogue, rules: &RuleSetIr) -> Result<Unsigned, EmitError> {
        agree(manifest, catalogue, rules).map_err(|what| EmitError::Contradiction { what })?;
        let manifest = postcard::to_allocvec(manifest).expect("a manifest always serialises");
        let bytes = container::write([&manifest, &catalogue.to_bytes(), &rules.to_bytes()]);
        Ok(Unsigned { bytes: bytes.map_err(EmitError::TooLarge)? })
    }

    /// The whole bundle, signed by these keys; the same keys give the same bytes. A key that stands twice signs once.
    ///
    /// # Panics
    /// With more than [`MAX_SIGNATURES`] keys.
    pub fn sign(&self, keys: &[&SigningKey]) -> Vec<u8> {
        assert!(keys.len() <= MAX_SIGNATURES, "at most {MAX_SIGNATURES} keys sign a bundle");
        let mut signatures: Vec<_> = keys.iter().map(|key| (key.public().id(), key.sign(&self.bytes))).collect();
        signatures.sort_by_key(|(id, _)| *id);
        signatures.dedup_by_key(|(id, _)| *id);
        let mut bundle = self.bytes.clone();
        container::append_signatures(&mut bundle, &signatures);
        bundle
    }

    /// BLAKE3 over what is signed: the bundle's name.
    pub fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.bytes).as_bytes()
    }
}

impl VerifiedBundle {
    /// Checks shape, digests and signatures, and reads the manifest.
    ///
    /// One good signature of a trusted key is enough; signatures of unknown keys are passed over (that is how keys are
    /// replaced), but a bad one of a trusted key refuses the bundle.
    ///
    /// # Errors
    /// See [`RefuseError`].
    pub fn verify(bytes: impl Into<Bytes>, trusted: &TrustedKeys) -> Result<VerifiedBundle, RefuseError> {
        let bytes = bytes.into();
        let container = container::read(&bytes)?;
        let signers = signers(&container, trusted)?;
        let manifest = manifest_of(&container)?;
        let digest = *blake3::hash(container.signed).as_bytes();
        Ok(VerifiedBundle { digest, signers, manifest, bytes })
    }

    /// Makes the catalogue and the rules ready to serve. Takes milliseconds: not on a shard.
    ///
    /// # Errors
    /// See [`RefuseError`].
    pub fn load(&self) -> Result<LoadedBundle, RefuseError> {
        load(&container::read(&self.bytes)?, self.manifest.clone(), self.digest)
    }

    /// What it says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// BLAKE3 over what is signed: two bundles with one digest differ at most in their signatures.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The trusted keys that signed it, sorted; at least one.
    pub fn signers(&self) -> &[KeyId] {
        &self.signers
    }

    /// The exact bytes, signatures included.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl LoadedBundle {
    /// Reads a bundle whoever signed it, for tools that look at one on a desk. Shape and digests are checked, signatures are
    /// not: never for what serves.
    ///
    /// # Errors
    /// See [`RefuseError`].
    pub fn unverified(bytes: &[u8]) -> Result<LoadedBundle, RefuseError> {
        let container = container::read(bytes)?;
        let manifest = manifest_of(&container)?;
        load(&container, manifest, *blake3::hash(container.signed).as_bytes())
    }
}

fn manifest_of(container: &Container<'_>) -> Result<Manifest, RefuseError> {
    let (manifest, rest) =
        postcard::take_from_bytes::<Manifest>(container.manifest).map_err(|_| RefuseError::Manifest)?;
    debug_assert!(container.manifest.len() <= MAX_MANIFEST_BYTES, "the container bounds its sections");
    let canonical = postcard::to_allocvec(&manifest).is_ok_and(|bytes| bytes == container.manifest);
    if rest.is_empty() && canonical { Ok(manifest) } else { Err(RefuseError::Manifest) }
}

fn load(container: &Container<'_>, manifest: Manifest, digest: [u8; 32]) -> Result<LoadedBundle, RefuseError> {
    let catalogue = Catalogue::from_bytes(container.catalogue).map_err(RefuseError::Catalogue)?;
    let rules = RuleSetIr::from_bytes(container.rules).map_err(RefuseError::RulesBytes)?;
    agree(&manifest, &catalogue, &rules).map_err(|what| RefuseError::Contradiction { what })?;
    let catalogue = Arc::new(catalogue);
    let rule_set = RuleSet::load(rules, catalogue.clone()).map_err(RefuseError::Rules)?;
    Ok(LoadedBundle { manifest, digest, catalogue, rule_set: Arc::new(rule_set) })
}

fn signers(container: &Container<'_>, trusted: &TrustedKeys) -> Result<Vec<KeyId>, RefuseError> {
    if container.signatures.is_empty() {
        return Err(RefuseError::Unsigned);
    }
    let mut good = Vec::new();
    for (key, signature) in &container.signatures {
        match trusted.verifies(*key, container.signed, signature) {
            Some(true) => good.push(*key),
            Some(false) => return Err(RefuseError::BadSignature { key: *key }),
            None => {}
        }
    }
    if good.is_empty() {
        let signers = container.signatures.iter().map(|(key, _)| *key).collect();
        return Err(RefuseError::Untrusted { signers });
    }
    Ok(good)
}

/// What both say must be the same; otherwise the name of what differs.
fn agree(manifest: &Manifest, catalogue: &Catalogue, rules: &RuleSetIr) -> Result<(), &'static str> {
    if manifest.tenant != rules.tenant {
        return Err("tenants");
    }
    if manifest.revision != rules.revision {
        return Err("revisions");
    }
    if manifest.packages != rules.packages {
        return Err("packages");
    }
    let own = catalogue.digest();
    if manifest.catalogue != catalogue.name() || manifest.lineage.first() != Some(own) || rules.catalogue_digest != *own
    {
        return Err("catalogues");
    }
    Ok(())
}

fn ids(keys: &[KeyId]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
