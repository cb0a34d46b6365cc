//! Key sets: the public keys of one issuer (RFC 7517, RFC 8037, RFC 7518 §6.2).
//!
//! In: the text of a JWK set, at most 64 KiB. Out: keys by their id. Keys of other types or for other uses are passed
//! over, as the RFC asks; a set in which nothing is left, a private key, or a key that contradicts itself is an error.
//! Deliberately absent: RSA, symmetric keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use serde::Deserialize;

/// Longest key set that is read.
const JWKS_BYTES_MAX: usize = 64 * 1024;
/// Most keys of a set.
const KEYS_MAX: usize = 64;
/// Longest key id.
const KID_BYTES_MAX: usize = 128;

/// Why a key set cannot be used. The operator's fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JwksError {
    /// Longer than 64 KiB.
    #[error("the key set has {0} bytes; the limit is 65536")]
    TooLong(usize),
    /// Not the JSON of a key set.
    #[error("the key set is not a JSON object with an array `keys` of keys: {0}")]
    Malformed(String),
    /// More than 64 keys.
    #[error("the key set has {0} keys; the limit is 64")]
    TooMany(usize),
    /// A key without an id can never be chosen.
    #[error("key {index} has no `kid` of 1 to 128 bytes: give it one, and put the same into the tokens' headers")]
    NoKeyId {
        /// Its place in `keys`, from 0.
        index: usize,
    },
    /// Two keys with one id.
    #[error("two keys have the id `{kid}`: rename one")]
    SameKeyId {
        /// The id.
        kid: String,
    },
    /// A private key has no business here.
    #[error("key `{kid}` has its private part (`d`): replace it, it is no secret any more, and give only public keys")]
    Private {
        /// The key's id.
        kid: String,
    },
    /// `alg` is not what the key's type and curve allow.
    #[error("key `{kid}` says `alg` {alg}, which does not fit its type and curve")]
    WrongAlgorithm {
        /// The key's id.
        kid: String,
        /// What it says.
        alg: String,
    },
    /// Coordinates are missing, not base64url, or of the wrong length.
    #[error("key `{kid}`: `x` (and `y` for P-256) must be base64url of 32 bytes each")]
    BadCoordinates {
        /// The key's id.
        kid: String,
    },
    /// Nothing to verify with.
    #[error("the key set has no usable key: needed is an Ed25519 (kty OKP) or P-256 (kty EC) key for signatures")]
    NoUsableKey,
}

/// How a key signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256,
}

impl Algorithm {
    /// Whether a token or key may call it so; RFC 9864 gives Ed25519 its second name.
    pub(super) fn is_called(self, alg: &str) -> bool {
        match self {
            Algorithm::EdDsa => alg == "EdDSA" || alg == "Ed25519",
            Algorithm::Es256 => alg == "ES256",
        }
    }
}

/// One public key.
#[derive(Debug)]
pub(super) struct Key {
    algorithm: Algorithm,
    public: UnparsedPublicKey<Vec<u8>>,
}

impl Key {
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), ring::error::Unspecified> {
        self.public.verify(signed, signature)
    }
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<serde::de::IgnoredAny>,
}

/// Reads a key set: key ids with their keys, in the set's order.
pub(super) fn parse(text: &str) -> Result<Vec<(String, Key)>, JwksError> {
    if text.len() > JWKS_BYTES_MAX {
        return Err(JwksError::TooLong(text.len()));
    }
    let set: JwkSet = serde_json::from_str(text).map_err(|e| JwksError::Malformed(e.to_string()))?;
    if set.keys.len() > KEYS_MAX {
        return Err(JwksError::TooMany(set.keys.len()));
    }
    let mut keys: Vec<(String, Key)> = Vec::new();
    for (index, value) in set.keys.into_iter().enumerate() {
        let jwk: Jwk = serde_json::from_value(value).map_err(|e| JwksError::Malformed(format!("key {index}: {e}")))?;
        let Some((kid, key)) = read_key(jwk, index)? else { continue };
        if keys.iter().any(|(other, _)| *other == kid) {
            return Err(JwksError::SameKeyId { kid });
        }
        keys.push((kid, key));
    }
    if keys.is_empty() { Err(JwksError::NoUsableKey) } else { Ok(keys) }
}

/// `None` for a key that is not for us.
fn read_key(jwk: Jwk, index: usize) -> Result<Option<(String, Key)>, JwksError> {
    let algorithm = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
        ("EC", Some("P-256")) => Algorithm::Es256,
        _ => return Ok(None),
    };
    let verifies = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
    if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") || !jwk.key_ops.as_ref().is_none_or(verifies) {
        return Ok(None);
    }
    let kid = jwk.kid.filter(|kid| (1..=KID_BYTES_MAX).contains(&kid.len())).ok_or(JwksError::NoKeyId { index })?;
    if jwk.d.is_some() {
        return Err(JwksError::Private { kid });
    }
    if let Some(alg) = jwk.alg.filter(|alg| !algorithm.is_called(alg)) {
        return Err(JwksError::WrongAlgorithm { kid, alg });
    }
    let point = match algorithm {
        Algorithm::EdDsa => coordinate(jwk.x.as_deref()).map(Vec::from),
        // SEC 1 §2.3.3: an uncompressed point.
        Algorithm::Es256 => coordinate(jwk.x.as_deref())
            .zip(coordinate(jwk.y.as_deref()))
            .map(|(x, y)| [&[4][..], &x[..], &y[..]].concat()),
    };
    let Some(point) = point else { return Err(JwksError::BadCoordinates { kid }) };
    let verification: &'static dyn VerificationAlgorithm = match algorithm {
        Algorithm::EdDsa => &signature::ED25519,
        Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
    };
    Ok(Some((kid, Key { algorithm, public: UnparsedPublicKey::new(verification, point) })))
}

fn coordinate(text: Option<&str>) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text?).ok()?.try_into().ok()
}
