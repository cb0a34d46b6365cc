//! A token issuer of the scenarios: an Ed25519 and a P-256 key, the JWKS text of both, and tokens, good ones and bad ones.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

/// The audience that every node of a world asks for.
pub const AUDIENCE: &str = "edge";

/// How long good tokens live, seconds.
const LIFETIME_S: i64 = 600;

/// Whoever signs tokens of players, or of game servers.
#[derive(Debug)]
pub struct Issuer {
    name: &'static str,
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
}

/// Seconds since 1970.
pub fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

impl Issuer {
    /// With fresh keys `ed-<name>` and `ec-<name>`.
    ///
    /// # Panics
    /// Where the system gives no randomness.
    pub fn new(name: &'static str) -> Issuer {
        let random = SystemRandom::new();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).expect("the system gives randomness");
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("randomness");
        Issuer {
            name,
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).expect("a key just made"),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random)
                .expect("a key just made"),
        }
    }

    /// The key set (RFC 7517).
    pub fn jwks(&self) -> String {
        let point = self.ec.public_key().as_ref();
        json!({ "keys": [
            { "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": format!("ed-{}", self.name), "x": b64(self.ed.public_key().as_ref()) },
            { "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": format!("ec-{}", self.name), "x": b64(&point[1..33]), "y": b64(&point[33..]) },
        ]})
        .to_string()
    }

    /// Claims of a good token.
    pub fn claims(&self, sub: &str) -> Value {
        let now = now_s();
        json!({ "sub": sub, "aud": AUDIENCE, "iat": now, "exp": now + LIFETIME_S, "region": "eu" })
    }

    /// A good token.
    pub fn token(&self, sub: &str) -> String {
        self.sign(&self.claims(sub))
    }

    /// The claims, changed, under a good signature.
    pub fn token_but(&self, sub: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims(sub);
        change(&mut claims);
        self.sign(&claims)
    }

    /// Any claims, signed by the Ed25519 key.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({ "alg": "EdDSA", "kid": format!("ed-{}", self.name), "typ": "JWT" }), claims)
    }

    /// Any header and claims, signed by the Ed25519 key whatever the header says.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
        format!("{signed}.{}", b64(self.ed.sign(signed.as_bytes()).as_ref()))
    }

    /// A good token by the P-256 key.
    ///
    /// # Panics
    /// Where the system gives no randomness.
    pub fn token_es256(&self, sub: &str) -> String {
        let header = json!({ "alg": "ES256", "kid": format!("ec-{}", self.name) });
        let signed = format!("{}.{}", b64(header.to_string().as_bytes()), b64(self.claims(sub).to_string().as_bytes()));
        let signature = self.ec.sign(&SystemRandom::new(), signed.as_bytes()).expect("randomness");
        format!("{signed}.{}", b64(signature.as_ref()))
    }
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
