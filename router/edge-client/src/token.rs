//! Where tokens come from, and when they end.
//!
//! What comes in: whatever the game's login gives. What goes out: a JWT for each connection and each REAUTH. The token is not
//! verified here; only its `exp` is read, to renew it in time.

use std::future::Future;
use std::pin::Pin;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// An error of the game's own code.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a [`TokenProvider`] returns.
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<String, BoxError>> + Send + 'a>>;

/// Gives a fresh token. Asked before each connection and before a token's `exp`; an error is an attempt that failed.
/// Closures that return a future are providers.
pub trait TokenProvider: Send + Sync + 'static {
    /// A compact JWS that is valid now.
    fn token(&self) -> TokenFuture<'_>;
}

impl<F, Fut> TokenProvider for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, BoxError>> + Send + 'static,
{
    fn token(&self) -> TokenFuture<'_> {
        Box::pin(self())
    }
}

/// One token for the client's whole life.
pub(crate) struct FixedToken(pub(crate) String);

impl TokenProvider for FixedToken {
    fn token(&self) -> TokenFuture<'_> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// The token's `exp` in milliseconds since 1970; `None` where it has none that can be read.
pub(crate) fn expires_unix_ms(token: &str) -> Option<u64> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    let seconds = claims.get("exp")?.as_f64().filter(|seconds| *seconds >= 0.0)?;
    Some((seconds * 1000.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_exp_and_nothing_else() {
        let token = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(expires_unix_ms(&token(r#"{"sub":"p","exp":1700000000}"#)), Some(1_700_000_000_000));
        assert_eq!(expires_unix_ms(&token(r#"{"exp":1700000000.5}"#)), Some(1_700_000_000_500));
        for odd in ["", "a.b.c", "...", &token("{}"), &token(r#"{"exp":"soon"}"#), &token(r#"{"exp":-1}"#), &token("[")]
        {
            assert_eq!(expires_unix_ms(odd), None, "{odd}");
        }
    }
}
