//! What the nodes of a fleet share: certificate, issuers, the key that signs bundles, the catalogue; and clients of it all.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edge_client::{Client, ClientBuilder, EventTypeId};
use rules::{BuildInfo, Compilation, Identity, InputFile};
use rules_bundle::SigningKey;
use rules_catalogue::{Catalogue, compile};
use serde_json::Value;

use crate::Issuer;
use crate::issuer::now_s;

/// The tenant of every node and bundle.
pub const TENANT: &str = "scenarios";

const PROTO: &str = include_str!("../story/scenario.proto");
const RULES: &str = include_str!("../story/scenario.rules.yaml");

/// What a fleet shares.
#[derive(Clone)]
pub struct World {
    /// Signs for players.
    pub players: Arc<Issuer>,
    /// Signs for game servers.
    pub servers: Arc<Issuer>,
    /// Signs bundles.
    pub signer: Arc<SigningKey>,
    /// What events there are.
    pub catalogue: Arc<Catalogue>,
    /// PEM, of 127.0.0.1.
    pub certificate: Arc<str>,
    /// PEM.
    pub key: Arc<str>,
    secret: [u8; 32],
}

impl World {
    /// With fresh keys.
    ///
    /// # Panics
    /// Where the scenarios' own catalogue is wrong.
    pub fn new() -> World {
        let issued = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
        let texts = compile::Sources::new().with("scenario.proto", PROTO);
        let compiled = compile::compile(&texts).unwrap_or_else(|wrong| panic!("the scenarios' catalogue: {wrong:?}"));
        World {
            players: Arc::new(Issuer::new("players")),
            servers: Arc::new(Issuer::new("servers")),
            signer: Arc::new(SigningKey::from_seed(random(), "scenarios")),
            catalogue: Arc::new(compiled.catalogue),
            certificate: issued.cert.pem().into(),
            key: issued.signing_key.serialize_pem().into(),
            secret: random(),
        }
    }

    /// The scenarios' rules as a signed bundle.
    pub fn bundle(&self, revision: u64) -> Vec<u8> {
        self.bundle_of(RULES, revision, TENANT, &[&self.signer])
    }

    /// The scenarios' rules with `from` replaced by `to`.
    ///
    /// # Panics
    /// Where `from` is not in the rules.
    pub fn bundle_with(&self, revision: u64, from: &str, to: &str) -> Vec<u8> {
        assert!(RULES.contains(from), "the scenarios' rules hold no `{from}`");
        self.bundle_of(&RULES.replace(from, to), revision, TENANT, &[&self.signer])
    }

    /// The scenarios' rules for another tenant, or by other signers.
    pub fn bundle_for(&self, revision: u64, tenant: &str, signers: &[&SigningKey]) -> Vec<u8> {
        self.bundle_of(RULES, revision, tenant, signers)
    }

    /// Rules of one's own over the scenarios' catalogue, signed.
    ///
    /// # Panics
    /// Where they have errors.
    pub fn bundle_of_rules(&self, rules: &str, revision: u64) -> Vec<u8> {
        self.bundle_of(rules, revision, TENANT, &[&self.signer])
    }

    fn bundle_of(&self, rules: &str, revision: u64, tenant: &str, signers: &[&SigningKey]) -> Vec<u8> {
        let text = rules.replace("REV", &revision.to_string());
        let identity = Identity { tenant: tenant.into(), revision };
        let files = vec![InputFile::new("scenario.rules.yaml", text)];
        let compilation = Compilation::new(files, Arc::clone(&self.catalogue), identity);
        assert!(!compilation.report().has_errors(), "the scenarios' rules:\n{}", compilation.to_text(false));
        let info = BuildInfo {
            created_ms: now_s() * 1000,
            expires_ms: None,
            lineage: Vec::new(),
            builder: "scenarios".into(),
        };
        compilation.bundle(&info, signers).expect("rules without errors make a bundle")
    }

    /// An event type's id and the payload of an event of it.
    ///
    /// # Panics
    /// Where the catalogue has no such event.
    pub fn event(&self, name: &str, fields: &Value) -> (EventTypeId, Vec<u8>) {
        let event_type = self.catalogue.event_type_by_name(name).expect("an event type of the catalogue");
        let payload = self.catalogue.encode_json(event_type, fields).expect("fields of the event type");
        (event_type.id, payload)
    }

    /// Settings of a player's client; add endpoints and a place for the queue.
    ///
    /// # Panics
    /// Never: the certificate is one.
    pub fn player(&self, sub: &str) -> ClientBuilder {
        self.client(sub, &self.players)
    }

    /// Settings of a game server's client.
    pub fn server(&self, sub: &str) -> ClientBuilder {
        self.client(sub, &self.servers)
    }

    fn client(&self, sub: &str, issuer: &Arc<Issuer>) -> ClientBuilder {
        let (sub, issuer) = (sub.to_owned(), Arc::clone(issuer));
        Client::builder()
            .roots_pem(self.certificate.as_bytes())
            .expect("a certificate")
            .token_provider(move || {
                let token = issuer.token(&sub);
                async move { Ok(token) }
            })
            .catalogue_digest(*self.catalogue.digest())
            .platform("pc")
            .connect_timeout(Duration::from_secs(2))
            .backoff(Duration::from_millis(10), Duration::from_millis(100))
            .idle_timeout(Duration::from_secs(6))
    }

    /// Writes what a node's config names, beside its config.
    ///
    /// # Errors
    /// The disk's.
    pub fn furnish(&self, folder: &Path, bundle: &[u8]) -> std::io::Result<()> {
        std::fs::write(folder.join("certificate.pem"), self.certificate.as_bytes())?;
        std::fs::write(folder.join("key.pem"), self.key.as_bytes())?;
        std::fs::write(folder.join("quic.secret"), self.secret)?;
        std::fs::write(folder.join("players.jwks.json"), self.players.jwks())?;
        std::fs::write(folder.join("servers.jwks.json"), self.servers.jwks())?;
        std::fs::write(folder.join("rules.keys"), self.signer.public().to_text())?;
        std::fs::write(folder.join("rules.bundle"), bundle)
    }
}

impl Default for World {
    fn default() -> World {
        World::new()
    }
}

/// Fresh random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    use ring::rand::SecureRandom as _;
    let mut bytes = [0; N];
    ring::rand::SystemRandom::new().fill(&mut bytes).expect("the system gives randomness");
    bytes
}
