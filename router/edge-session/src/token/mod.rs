//! Who a client is: compact JWS tokens (RFC 7515, RFC 7519), signed with EdDSA or ES256.
//!
//! In: issuers with their JWKS texts, once; then tokens and the time. Out: [`Claims`], or the one check that failed.
//! The key decides everything: its algorithm (a token that names another is refused, so there is nothing to confuse),
//! its issuer, and with it provenance and audience. Deliberately absent: files, fetching of keys, and the moment at
//! which a session ends (see `session.rs`).

mod claims;
mod deny;
mod jwks;
mod jws;
#[cfg(test)]
pub(crate) mod maker;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use edge_event::Provenance;
use edge_wire::RefuseCode;

pub use claims::Claims;
pub use deny::DenyList;
pub use jwks::JwksError;

use jwks::Key;

/// Longest token that is looked at.
pub const TOKEN_BYTES_MAX: usize = edge_wire::limits::TOKEN_BYTES_MAX;

/// Most issuers of one verifier.
pub const ISSUERS_MAX: usize = 16;

/// Who signs tokens, and what such a token makes of its bearer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IssuerConfig {
    /// For logs and metrics.
    pub name: String,
    /// Who vouches for events of its bearers.
    pub provenance: Provenance,
    /// Must be among the token's `aud`.
    pub audience: String,
    /// Where set, must equal the token's `iss`.
    pub iss: Option<String>,
    /// Where not empty, the token's `title` must be among these.
    pub titles: Vec<String>,
    /// The text of a JWK set (RFC 7517).
    pub jwks: String,
}

/// How strictly times are taken.
///
/// # Defaults
/// 30 s of leeway, tokens of at most one hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenTimes {
    /// How far clocks may disagree.
    pub leeway: Duration,
    /// Longest allowed span from `iat` (or now, where there is none) to `exp`.
    pub lifetime_max: Duration,
}

impl Default for TokenTimes {
    fn default() -> Self {
        TokenTimes { leeway: Duration::from_secs(30), lifetime_max: Duration::from_secs(3600) }
    }
}

/// Why a set of issuers makes no verifier. The operator's fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IssuerError {
    /// No token could ever be verified.
    #[error("there is no issuer: name at least one with a JWKS file")]
    None,
    /// More than [`ISSUERS_MAX`].
    #[error("there are {0} issuers; the limit is {ISSUERS_MAX}")]
    TooMany(usize),
    /// The key set cannot be used.
    #[error("issuer `{issuer}`: {error}")]
    Jwks {
        /// Its name.
        issuer: String,
        /// Why.
        error: JwksError,
    },
    /// A key id must decide the issuer.
    #[error(
        "key id `{kid}` is in the key sets of both `{first}` and `{second}`: rename one, since the key decides provenance"
    )]
    SharedKid {
        /// The key id.
        kid: String,
        /// One issuer.
        first: String,
        /// The other.
        second: String,
    },
}

/// Why a token was refused: the first check that failed, in the order of the variants. The bearer's or its issuer's
/// fault.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`TOKEN_BYTES_MAX`].
    #[error("the token is longer than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    /// Not three base64url parts, or header or claims are no JSON objects.
    #[error("the token is not a compact JWS with a JSON header and JSON claims")]
    Malformed,
    /// The header has no `kid`.
    #[error("the token's header names no key (`kid`)")]
    NoKeyId,
    /// No issuer has that key.
    #[error("no issuer has the key that the token names (`kid`)")]
    UnknownKey,
    /// `alg` is not the key's.
    #[error("the token's `alg` is not that of its key")]
    WrongAlgorithm,
    /// The header has `crit`: extensions that must be understood, and we understand none.
    #[error("the token asks for extensions (`crit`) that are not supported")]
    CriticalExtension,
    /// The signature does not fit.
    #[error("the token's signature does not fit its key")]
    BadSignature,
    /// A claim is not what RFC 7519 says it is.
    #[error(
        "a claim has the wrong type: `exp`, `nbf`, `iat` are dates in seconds, `aud` and `segments` may be lists, all others text"
    )]
    WrongType,
    /// `iss` is not the issuer's.
    #[error("the token's `iss` is not that of its key's issuer")]
    WrongIssuer,
    /// `aud` does not name us.
    #[error("the token's `aud` does not name this service")]
    WrongAudience,
    /// `exp` is missing.
    #[error("the token has no `exp`")]
    NoExpiry,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is to come.
    #[error("the token is not valid yet (`nbf`)")]
    NotYetValid,
    /// `iat` is to come.
    #[error("the token was issued in the future (`iat`)")]
    IssuedInFuture,
    /// It would be valid for too long.
    #[error("the token's lifetime is longer than allowed")]
    LifetimeTooLong,
    /// `sub` is missing or not 1 to 128 bytes of text.
    #[error("the token's `sub` is missing or not 1 to 128 bytes of text")]
    BadSubject,
    /// `region`, `segments`, `title` or `jti` are beyond their limits.
    #[error("the token's `region`, `segments`, `title` or `jti` are beyond their limits")]
    BadScope,
    /// `title` is not one of the issuer's.
    #[error("the token's `title` is not one that its issuer may speak for")]
    WrongTitle,
    /// The deny list names its subject, key or id.
    #[error("the token was revoked")]
    Revoked,
}

impl TokenError {
    /// The published code with which HELLO is refused.
    pub const fn refuse_code(self) -> RefuseCode {
        match self {
            TokenError::TooLong | TokenError::Malformed | TokenError::CriticalExtension => RefuseCode::TokenMalformed,
            TokenError::NoKeyId | TokenError::UnknownKey => RefuseCode::TokenKeyUnknown,
            TokenError::WrongAlgorithm => RefuseCode::TokenAlgorithm,
            TokenError::BadSignature => RefuseCode::TokenSignature,
            TokenError::WrongAudience => RefuseCode::TokenAudience,
            TokenError::Expired => RefuseCode::TokenExpired,
            TokenError::NotYetValid | TokenError::IssuedInFuture => RefuseCode::TokenNotYetValid,
            TokenError::NoExpiry | TokenError::LifetimeTooLong => RefuseCode::TokenLifetime,
            TokenError::BadSubject => RefuseCode::TokenSubject,
            TokenError::WrongType | TokenError::WrongIssuer | TokenError::BadScope => RefuseCode::TokenClaim,
            TokenError::WrongTitle => RefuseCode::TokenScope,
            TokenError::Revoked => RefuseCode::TokenRevoked,
        }
    }

    /// A stable lower-case word for metrics, finer than the published code.
    pub const fn code(self) -> &'static str {
        match self {
            TokenError::TooLong => "token_too_long",
            TokenError::Malformed => "token_malformed",
            TokenError::NoKeyId => "token_no_key_id",
            TokenError::UnknownKey => "token_unknown_key",
            TokenError::WrongAlgorithm => "token_wrong_algorithm",
            TokenError::CriticalExtension => "token_critical_extension",
            TokenError::BadSignature => "token_bad_signature",
            TokenError::WrongType => "token_wrong_type",
            TokenError::WrongIssuer => "token_wrong_issuer",
            TokenError::WrongAudience => "token_wrong_audience",
            TokenError::NoExpiry => "token_no_expiry",
            TokenError::Expired => "token_expired",
            TokenError::NotYetValid => "token_not_yet_valid",
            TokenError::IssuedInFuture => "token_issued_in_future",
            TokenError::LifetimeTooLong => "token_lifetime_too_long",
            TokenError::BadSubject => "token_bad_subject",
            TokenError::BadScope => "token_bad_scope",
            TokenError::WrongTitle => "token_wrong_title",
            TokenError::Revoked => "token_revoked",
        }
    }
}

/// Verifies tokens. Immutable: new key sets make a new one, which takes the old one's place.
#[derive(Debug)]
pub struct TokenVerifier {
    issuers: Vec<Issuer>,
    keys: BTreeMap<String, (usize, Key)>,
    times: TokenTimes,
}

#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) name: Arc<str>,
    pub(crate) provenance: Provenance,
    audience: String,
    iss: Option<String>,
    titles: Vec<String>,
}

impl TokenVerifier {
    /// Reads the issuers' key sets.
    ///
    /// # Errors
    /// The first issuer whose key set cannot be used.
    pub fn new(issuers: Vec<IssuerConfig>, times: TokenTimes) -> Result<TokenVerifier, IssuerError> {
        if issuers.is_empty() {
            return Err(IssuerError::None);
        }
        if issuers.len() > ISSUERS_MAX {
            return Err(IssuerError::TooMany(issuers.len()));
        }
        let mut verifier = TokenVerifier { issuers: Vec::new(), keys: BTreeMap::new(), times };
        for config in issuers {
            verifier.add(config)?;
        }
        Ok(verifier)
    }

    fn add(&mut self, config: IssuerConfig) -> Result<(), IssuerError> {
        let keys =
            jwks::parse(&config.jwks).map_err(|error| IssuerError::Jwks { issuer: config.name.clone(), error })?;
        let index = self.issuers.len();
        for (kid, key) in keys {
            if let Some((other, _)) = self.keys.get(&kid) {
                let first = self.issuers[*other].name.to_string();
                return Err(IssuerError::SharedKid { kid, first, second: config.name });
            }
            self.keys.insert(kid, (index, key));
        }
        let IssuerConfig { name, provenance, audience, iss, titles, jwks: _ } = config;
        self.issuers.push(Issuer { name: name.into(), provenance, audience, iss, titles });
        Ok(())
    }

    /// Checks `token` at `unix_ms` (milliseconds since 1970).
    ///
    /// # Errors
    /// The first check that failed. No bytes make it panic, and nothing is parsed as claims before the signature
    /// fitted.
    pub fn verify(&self, token: &[u8], unix_ms: i64, deny: &DenyList) -> Result<Claims, TokenError> {
        let jws = jws::Jws::split(token)?;
        let (kid, (index, key)) = self.keys.get_key_value(jws.kid()).ok_or(TokenError::UnknownKey)?;
        jws.verify(key)?;
        let claims = claims::read(jws.payload(), kid, &self.issuers[*index], self.times, unix_ms)?;
        if deny.names(&claims) { Err(TokenError::Revoked) } else { Ok(claims) }
    }
}
