//! The signed envelope: three base64url parts, of which the first names the key.
//!
//! In: the bytes of a token. Out: the payload, after the signature fitted. Deliberately absent: what the payload says.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::jwks::Key;
use super::{TOKEN_BYTES_MAX, TokenError};

/// A token taken apart; nothing of it is trusted yet.
pub(super) struct Jws<'a> {
    /// Header and payload as sent: what the signature covers.
    signed: &'a [u8],
    kid: String,
    alg: String,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// RFC 7515 §4.1. Other members are ignored, as the RFC asks.
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow, default)]
    kid: Option<Cow<'a, str>>,
    #[serde(default)]
    crit: Option<serde::de::IgnoredAny>,
}

impl<'a> Jws<'a> {
    pub(super) fn split(token: &'a [u8]) -> Result<Jws<'a>, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        let signed = &token[..header.len() + 1 + payload.len()];
        let header = decode(header)?;
        let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| TokenError::Malformed)?;
        if header.crit.is_some() {
            return Err(TokenError::CriticalExtension);
        }
        let kid = header.kid.ok_or(TokenError::NoKeyId)?.into_owned();
        let alg = header.alg.into_owned();
        Ok(Jws { signed, kid, alg, payload: decode(payload)?, signature: decode(signature)? })
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The key's algorithm is the only one that is ever tried.
    pub(super) fn verify(&self, key: &Key) -> Result<(), TokenError> {
        if !key.algorithm().is_called(&self.alg) {
            return Err(TokenError::WrongAlgorithm);
        }
        key.verify(self.signed, &self.signature).map_err(|_| TokenError::BadSignature)
    }
}

fn decode(part: &[u8]) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)
}
