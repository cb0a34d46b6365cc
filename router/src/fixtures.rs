//! What tests of several rooms start from: signed bundles of the built-in rules, and a folder that a daemon could start from.

use std::path::Path;

use base64::Engine as _;
use edge_config::Config;
use ring::signature::KeyPair as _;
use rules_bundle::{Manifest, SigningKey, Unsigned};
use rules_catalogue::Catalogue;
use rules_engine::ir::RuleSetIr;

use crate::bundles::{Bundles, store_in};

/// A day of the tests, milliseconds since 1970.
pub(crate) const NOW_MS: i64 = 1_800_000_000_000;

fn key() -> SigningKey {
    SigningKey::from_seed([7; 32], "test")
}

/// The public key that bundles are signed with, as `rules.keys` holds it.
pub(crate) fn rules_keys() -> String {
    format!("{}\n", key().public().to_text())
}

/// The tenant of the built-in rules.
pub(crate) fn tenant() -> String {
    rules(1).tenant
}

fn rules(revision: u64) -> RuleSetIr {
    let rules = RuleSetIr::from_bytes(include_bytes!(concat!(env!("OUT_DIR"), "/rules.bin"))).expect("built in");
    RuleSetIr { revision, ..rules }
}

/// The built-in rules under any revision, signed.
pub(crate) fn bundle(revision: u64) -> Vec<u8> {
    let catalogue = include_bytes!(concat!(env!("OUT_DIR"), "/catalogue.bin"));
    let catalogue = Catalogue::from_bytes(catalogue).expect("built in");
    let rules = rules(revision);
    let manifest = Manifest {
        tenant: rules.tenant.clone(),
        packages: rules.packages.clone(),
        revision,
        created_ms: NOW_MS,
        expires_ms: None,
        catalogue: catalogue.name().to_owned(),
        lineage: vec![*catalogue.digest()],
        builder: "test".to_owned(),
    };
    Unsigned::emit(&manifest, &catalogue, &rules).expect("the parts agree").sign(&[&key()]).to_vec()
}

/// What trusts [`bundle`].
pub(crate) fn bundles(folder: Option<&Path>) -> Bundles {
    let store = store_in(folder).unwrap_or_else(|why| panic!("{why}"));
    Bundles::new(&rules_keys(), &tenant(), store).expect("a good key")
}

/// Fills a folder with everything that a daemon needs, and resolves its config.
pub(crate) fn furnish(folder: &Path) -> Config {
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("a file");
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    write("certificate.pem", certified.cert.pem().as_bytes());
    write("key.pem", certified.signing_key.serialize_pem().as_bytes());
    let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&[9; 32]).expect("a seed");
    let x = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(pair.public_key());
    let jwks = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"{x}"}}]}}"#);
    write("players.jwks.json", jwks.as_bytes());
    write("rules.bundle", &bundle(5));
    write("rules.keys", rules_keys().as_bytes());
    let text = format!(
        r#"
        node = {{ id = 1, tenant = "{}" }}
        listen = {{ address = "127.0.0.1:0", shards = 2, pin = false }}
        tls = {{ certificate = "certificate.pem", key = "key.pem" }}
        rules = {{ bundle = "rules.bundle", keys = "rules.keys", store = "rules" }}
        spool = {{ directory = "spool", segment = "4MiB", checkpoint_every = "8MiB" }}
        sink = {{ file = {{ directory = "commands" }} }}
        control = {{ socket = "control.sock", http = "127.0.0.1:0" }}
        drain = {{ within = "2s" }}
        tokens = {{ deny = "deny.json", issuers = [
            {{ name = "players", provenance = "client", audience = "edge", jwks = "players.jwks.json" }} ] }}
        "#,
        tenant()
    );
    write("deny.json", b"{}");
    Config::from_text(&text, "edge-router.toml", folder).unwrap_or_else(|problems| panic!("{problems}"))
}
