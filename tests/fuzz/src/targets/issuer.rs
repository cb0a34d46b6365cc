//! An issuer of tokens with a fixed Ed25519 key.
#![allow(dead_code, reason = "a build with one target alone uses a part of it")]

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edge_event::Provenance;
use edge_session::{IssuerConfig, TokenTimes, TokenVerifier};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// 2026-01-01T00:00:00Z.
pub(super) const NOW_S: i64 = 1_767_225_600;

fn pair() -> &'static Ed25519KeyPair {
    static PAIR: LazyLock<Ed25519KeyPair> =
        LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[9; 32]).expect("any seed is good"));
    &PAIR
}

/// An issuer whose key set is `jwks`.
pub(super) fn issuer(jwks: String) -> IssuerConfig {
    let (name, audience) = ("players".to_owned(), "edge".to_owned());
    IssuerConfig { name, provenance: Provenance::Client, audience, iss: None, titles: Vec::new(), jwks }
}

/// The text of the issuer's key set.
pub(super) fn jwks() -> String {
    let x = URL_SAFE_NO_PAD.encode(pair().public_key().as_ref());
    format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"k","use":"sig","alg":"EdDSA","x":"{x}"}}]}}"#)
}

/// What verifies its tokens.
pub(super) fn verifier() -> Arc<TokenVerifier> {
    static VERIFIER: LazyLock<Arc<TokenVerifier>> = LazyLock::new(|| {
        Arc::new(TokenVerifier::new(vec![issuer(jwks())], TokenTimes::default()).expect("our own key set is good"))
    });
    Arc::clone(&VERIFIER)
}

/// The header of its tokens.
pub(super) const HEADER: &[u8] = br#"{"alg":"EdDSA","kid":"k","typ":"JWT"}"#;

/// Claims that are good for ten minutes.
pub(super) fn claims() -> String {
    let (iat, exp) = (NOW_S, NOW_S + 600);
    format!(
        r#"{{"sub":"p1","aud":["edge"],"iat":{iat},"nbf":{iat},"exp":{exp},"jti":"t","region":"eu","segments":["a","b"],"title":"x"}}"#
    )
}

/// A token of any header and claims.
pub(super) fn signed(header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = pair().sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

/// A good token.
pub(super) fn token() -> &'static str {
    static GOOD: LazyLock<String> = LazyLock::new(|| signed(HEADER, claims().as_bytes()));
    &GOOD
}
