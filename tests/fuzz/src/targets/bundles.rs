//! A good bundle, its key, and how to sign others, for the targets that begin behind a signature.
#![allow(dead_code, reason = "a build with one target alone uses a part of it")]

use std::sync::{Arc, LazyLock};

use rules::{BuildInfo, Compilation, Identity, InputFile};
use rules_bundle::{Manifest, PublicKey, SigningKey, TrustedKeys};
use rules_catalogue::Catalogue;
use rules_catalogue::compile::{Sources, compile};

use crate::repository;

/// The example catalogue.
pub(super) fn catalogue() -> &'static Arc<Catalogue> {
    static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
        let sources = Sources::read_dir(&repository::root().join("rules/catalogue")).expect("the catalogue is there");
        Arc::new(compile(&sources).expect("and compiles").catalogue)
    });
    &CATALOGUE
}

/// The key that is trusted.
pub(super) fn key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_seed([42; 32], "trusted"));
    &KEY
}

/// The keys that are trusted: one.
pub(super) fn trusted() -> &'static TrustedKeys {
    static TRUSTED: LazyLock<TrustedKeys> = LazyLock::new(|| TrustedKeys::new([key().public()]));
    &TRUSTED
}

/// The id of the key that is trusted.
pub(super) fn key_id() -> [u8; 16] {
    PublicKey::id(&key().public()).0
}

/// Files of example rules, each compiled alone.
pub(super) fn compiled() -> Vec<Compilation> {
    let files = repository::texts("rules/examples", ".yaml");
    let is_rules = |(name, _): &&(String, String)| name.ends_with(".rules.yaml");
    // An overlay needs the rules that it lies over.
    let is_params = |(name, _): &&(String, String)| name.ends_with(".params.yaml");
    let others: Vec<InputFile> =
        files.iter().filter(is_params).map(|(name, text)| InputFile::new(name, text.clone())).collect();
    let compiled = |(name, text): &(String, String)| {
        let inputs = [InputFile::new(name, text.clone())].into_iter().chain(others.iter().cloned()).collect();
        Compilation::new(inputs, Arc::clone(catalogue()), identity())
    };
    files.iter().filter(is_rules).map(compiled).filter(|c| c.rule_set().is_some()).collect()
}

/// Whose rules they are.
pub(super) fn identity() -> Identity {
    Identity { tenant: "studio".to_owned(), revision: 1 }
}

/// The good bundle's bytes.
pub(super) fn good() -> &'static [u8] {
    static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let info = BuildInfo { created_ms: 1, expires_ms: None, lineage: Vec::new(), builder: "fuzz".to_owned() };
        compiled().first().expect("there are examples").bundle(&info, &[key()]).expect("they are sound")
    });
    &GOOD
}

/// One bundle of all example rules.
pub(super) fn good_of_all() -> Vec<u8> {
    let files = repository::texts("rules/examples", ".yaml");
    let inputs = files.into_iter().map(|(name, text)| InputFile::new(name, text)).collect();
    let info = BuildInfo { created_ms: 1, expires_ms: None, lineage: Vec::new(), builder: "fuzz".to_owned() };
    let compilation = Compilation::new(inputs, Arc::clone(catalogue()), identity());
    compilation.bundle(&info, &[key()]).expect("the examples are sound")
}

/// A manifest for a rule set over the example catalogue.
pub(super) fn manifest(tenant: &str, revision: u64, packages: Vec<String>) -> Manifest {
    Manifest {
        tenant: tenant.to_owned(),
        packages,
        revision,
        created_ms: 1,
        expires_ms: None,
        catalogue: catalogue().name().to_owned(),
        lineage: vec![*catalogue().digest()],
        builder: "fuzz".to_owned(),
    }
}

/// Where the sections of a bundle lie.
const TABLE_AT: usize = 12;
const ENTRY_BYTES: usize = 44;

/// Manifest, catalogue and rules of a bundle whose shape is good.
pub(super) fn sections(bundle: &[u8]) -> [&[u8]; 3] {
    let mut at = TABLE_AT + 3 * ENTRY_BYTES;
    [0, 1, 2].map(|n| {
        let len_at = TABLE_AT + n * ENTRY_BYTES + 4;
        let len = u64::from_le_bytes(bundle[len_at..len_at + 8].try_into().expect("eight bytes")) as usize;
        at += len;
        &bundle[at - len..at]
    })
}

/// A bundle of any sections, its digests right, signed by `sign`.
pub(super) fn sealed(sections: [&[u8]; 3], sign: impl FnOnce(&[u8]) -> [u8; 64]) -> Vec<u8> {
    let mut out = b"EDGEBNDL\x01\x00\x03\x00".to_vec();
    for (kind, section) in (1_u16..).zip(sections) {
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&(section.len() as u64).to_le_bytes());
        out.extend_from_slice(blake3::hash(section).as_bytes());
    }
    sections.iter().for_each(|section| out.extend_from_slice(section));
    let signature = sign(&out);
    out.push(1);
    out.extend_from_slice(&key_id());
    out.extend_from_slice(&signature);
    out
}
