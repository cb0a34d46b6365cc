//! The inside of a bundle, behind a signature that is made good: manifest, catalogue, typed programs, and what they do.
//!
//! The first byte says which section of a good bundle the rest takes the place of: 0 the rules, 1 the catalogue, 2 the
//! manifest; 3 the rules, with the manifest made to agree. What must hold: refused with a code and words, or loaded;
//! what loads evaluates any event within the worst case it stated, twice alike, and in bounded time.

use std::sync::LazyLock;

use ring::signature::Ed25519KeyPair;
use rules_bundle::{Manifest, VerifiedBundle};
use rules_engine::ir::RuleSetIr;

use super::bundles::{self, compiled, good, sealed, sections, trusted};
use super::evaluation::evaluated_afresh;

pub(super) fn run(bytes: &[u8]) {
    let Some((&place, rest)) = bytes.split_first() else { return };
    let [manifest, catalogue, rules] = sections(good());
    let agreeing;
    let parts = match place % 4 {
        0 => [manifest, catalogue, rest],
        1 => [manifest, rest, rules],
        2 => [rest, catalogue, rules],
        _ => {
            agreeing = agreeing_manifest(rest);
            [&agreeing[..], catalogue, rest]
        }
    };
    let bundle = sealed(parts, sign);
    let verified = match VerifiedBundle::verify(bundle, trusted()) {
        Ok(verified) => verified,
        Err(error) => {
            assert!(place % 4 == 2 || place % 4 == 3, "only a manifest is looked at: {error}");
            assert!(!error.code().is_empty() && !error.to_string().is_empty());
            return;
        }
    };
    match verified.load() {
        Ok(loaded) => {
            let first = evaluated_afresh(&loaded.rule_set);
            assert_eq!(first, evaluated_afresh(&loaded.rule_set), "the same events give the same commands");
        }
        Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
    }
}

fn sign(bytes: &[u8]) -> [u8; 64] {
    static PAIR: LazyLock<Ed25519KeyPair> =
        LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[42; 32]).expect("any seed is good"));
    PAIR.sign(bytes).as_ref().try_into().expect("64 bytes")
}

/// The manifest of the good bundle, or one that says what the rules say.
fn agreeing_manifest(rules: &[u8]) -> Vec<u8> {
    let manifest = match RuleSetIr::from_bytes(rules) {
        Ok(ir) => bundles::manifest(&ir.tenant, ir.revision, ir.packages),
        Err(_) => bundles::manifest("studio", 1, Vec::new()),
    };
    manifest_bytes(&manifest)
}

/// The manifest in its bytes, told by the one that makes bundles.
fn manifest_bytes(manifest: &Manifest) -> Vec<u8> {
    use rules_bundle::Unsigned;
    let empty = empty_rules(manifest);
    let unsigned = Unsigned::emit(manifest, bundles::catalogue(), &empty).map(|unsigned| unsigned.sign(&[]));
    unsigned.map(|bytes| sections(&bytes)[0].to_vec()).unwrap_or_default()
}

fn empty_rules(manifest: &Manifest) -> RuleSetIr {
    RuleSetIr {
        format: rules_engine::ir::IR_FORMAT,
        tenant: manifest.tenant.clone(),
        revision: manifest.revision,
        catalogue_digest: *bundles::catalogue().digest(),
        lateness_ms: 0,
        packages: manifest.packages.clone(),
        events: Vec::new(),
        consts: Vec::new(),
        params: Vec::new(),
        sets: Vec::new(),
        regexes: Vec::new(),
        zones: Vec::new(),
        regions: Vec::new(),
        calendars: Vec::new(),
        groups: Vec::new(),
        definitions: Vec::new(),
        rules: Vec::new(),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for compilation in compiled() {
        let rules = compilation.rule_set().expect("it compiled").to_bytes();
        seeds.push([vec![3], rules].concat());
    }
    let [manifest, _, rules] = sections(good());
    seeds.push([&[0], rules].concat());
    seeds.push([&[2], manifest].concat());
    seeds.push([vec![1], small_catalogue()].concat());
    seeds
}

/// The catalogue of the diagnostics' cases, which is small.
fn small_catalogue() -> Vec<u8> {
    use rules_catalogue::compile::{Sources, compile};
    let folder = crate::repository::root().join("rules/diagnostics/catalogue");
    let sources = Sources::read_dir(&folder).expect("the catalogue is there");
    compile(&sources).expect("and compiles").catalogue.to_bytes()
}
