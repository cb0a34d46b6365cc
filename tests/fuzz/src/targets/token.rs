//! Tokens and key sets: what a client presents, and what an operator's issuer publishes.
//!
//! The first byte says which: 0 a token as it comes, 1 claims behind a good signature, 2 a header and claims (a zero
//! byte between them) behind a good signature, 3 the text of a key set. What must hold: refused with the published
//! code, or claims within their limits that end in the future and not too far; a token that we did not sign is never
//! taken.

use std::time::Duration;

use edge_event::Provenance;
use edge_session::{Claims, DenyList, TokenTimes, TokenVerifier};

use super::issuer::{HEADER, NOW_S, claims, issuer, jwks, signed, token, verifier};

pub(super) fn run(bytes: &[u8]) {
    let Some((&which, rest)) = bytes.split_first() else { return };
    match which % 4 {
        0 => {
            let is_ours = rest == token().as_bytes();
            assert_eq!(verified(rest).is_some(), is_ours, "only what we signed is taken");
        }
        1 => drop(verified(signed(HEADER, rest).as_bytes())),
        2 => {
            let at = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
            let claims = rest.get(at + 1..).unwrap_or_default();
            verified(signed(&rest[..at], claims).as_bytes());
        }
        _ => key_set(rest),
    }
}

fn verified(bytes: &[u8]) -> Option<Claims> {
    match verifier().verify(bytes, NOW_S * 1000, &DenyList::default()) {
        Ok(claims) => {
            let TokenTimes { leeway, lifetime_max } = TokenTimes::default();
            let left = Duration::from_millis((claims.ends_unix_ms - NOW_S * 1000).try_into().expect("in the future"));
            assert!(left > Duration::ZERO && left <= lifetime_max + 3 * leeway, "{claims:?}");
            assert!((1..=128).contains(&claims.sub.len()) && !claims.sub.chars().any(char::is_control), "{claims:?}");
            assert!(
                claims.segments.len() <= 32 && claims.segments.is_sorted() && claims.provenance == Provenance::Client
            );
            Some(claims)
        }
        Err(error) => {
            assert!(!error.code().is_empty() && !error.to_string().is_empty() && error.refuse_code().number() > 0);
            None
        }
    }
}

fn key_set(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Err(error) = TokenVerifier::new(vec![issuer(text.to_owned())], TokenTimes::default()) {
        assert!(!error.to_string().is_empty());
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let other = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"e","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","key_ops":["verify"]},{"kty":"RSA","n":"AQAB","e":"AQAB"},
        {"kty":"OKP","crv":"Ed25519","kid":"p","d":"AA","x":"AA","alg":"none"}]}"#;
    let claims = claims();
    let both = [HEADER, &[0], claims.as_bytes()].concat();
    let ours = jwks();
    let seeds: [(u8, &[u8]); 6] = [
        (0, token().as_bytes()),
        (0, b"e30.e30."),
        (1, claims.as_bytes()),
        (2, &both),
        (3, other.as_bytes()),
        (3, ours.as_bytes()),
    ];
    seeds.into_iter().map(|(which, rest)| [&[which], rest].concat()).collect()
}
