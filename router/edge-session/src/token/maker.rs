//! Makes tokens and key sets for tests.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edge_event::Provenance;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::IssuerConfig;

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW_S: i64 = 1_767_225_600;

/// An issuer with an Ed25519 key `ed-<name>` and a P-256 key `ec-<name>`.
pub(crate) struct Maker {
    name: String,
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
}

pub(crate) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Maker {
    pub(crate) fn new(name: &str, seed: u8) -> Maker {
        let ed = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let random = SystemRandom::new();
        let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let ec = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Maker { name: name.to_owned(), ed, ec }
    }

    pub(crate) fn ed_kid(&self) -> String {
        format!("ed-{}", self.name)
    }

    pub(crate) fn ec_kid(&self) -> String {
        format!("ec-{}", self.name)
    }

    pub(crate) fn jwks(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        json!({ "keys": [
            { "kty": "OKP", "crv": "Ed25519", "kid": self.ed_kid(), "use": "sig", "alg": "EdDSA", "x": b64(self.ed.public_key().as_ref()) },
            { "kty": "EC", "crv": "P-256", "kid": self.ec_kid(), "x": b64(&point[1..33]), "y": b64(&point[33..]) },
        ]})
    }

    pub(crate) fn issuer(&self, provenance: Provenance) -> IssuerConfig {
        IssuerConfig {
            name: self.name.clone(),
            provenance,
            audience: "edge".into(),
            iss: None,
            titles: Vec::new(),
            jwks: self.jwks().to_string(),
        }
    }

    /// Signs any header and claims with the Ed25519 key.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
        let signature = self.ed.sign(signed.as_bytes());
        format!("{signed}.{}", b64(signature.as_ref()))
    }

    pub(crate) fn sign_es256(&self, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "kid": self.ec_kid() });
        let signed = format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
        let signature = self.ec.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", b64(signature.as_ref()))
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "alg": "EdDSA", "kid": self.ed_kid(), "typ": "JWT" })
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header(), claims)
    }
}

/// Claims of a token that is good for ten minutes.
pub(crate) fn claims(sub: &str) -> Value {
    json!({ "sub": sub, "aud": "edge", "iat": NOW_S, "exp": NOW_S + 600, "jti": "t1",
            "region": "eu", "segments": ["whale", "beta", "beta"], "title": "sc2" })
}
