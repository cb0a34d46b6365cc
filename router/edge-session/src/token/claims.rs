//! What a verified token says, and whether it holds now.
//!
//! In: the payload of a token whose signature fitted. Out: [`Claims`]. Deliberately absent: the deny list, which also
//! acts on live sessions.

use std::sync::Arc;
use std::time::Duration;

use edge_event::Provenance;
use serde::{Deserialize, Deserializer};

use super::{Issuer, TokenError, TokenTimes};

/// Longest `sub`.
const SUB_BYTES_MAX: usize = 128;
/// Longest `region`, segment, `title` and `jti`.
const WORD_BYTES_MAX: usize = 64;
/// Longest `jti`.
const JTI_BYTES_MAX: usize = 128;
/// Most segments.
const SEGMENTS_MAX: usize = 32;
/// 9999-12-31T23:59:59Z: later dates are mistakes, and sums with earlier ones do not overflow.
const DATE_MAX_S: f64 = 253_402_300_799.0;

/// What a token vouches for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// The player or game server.
    pub sub: Arc<str>,
    /// The issuer's name, as configured.
    pub issuer: Arc<str>,
    /// Decided by the key.
    pub provenance: Provenance,
    /// Empty where the token names none.
    pub region: Arc<str>,
    /// Sorted, each once.
    pub segments: Vec<Arc<str>>,
    /// Empty where the token names none.
    pub title: Arc<str>,
    /// The token's own id; empty where it has none.
    pub jti: Arc<str>,
    /// The key that signed it.
    pub kid: Arc<str>,
    /// When it ends, leeway included: milliseconds since 1970.
    pub ends_unix_ms: i64,
}

/// Members that are not listed are ignored, as RFC 7519 §4 asks.
#[derive(Deserialize)]
struct Raw {
    iss: Option<String>,
    sub: Option<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    aud: Vec<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    jti: Option<String>,
    region: Option<String>,
    #[serde(default)]
    segments: Vec<String>,
    title: Option<String>,
}

pub(super) fn read(
    payload: &[u8],
    kid: &str,
    issuer: &Issuer,
    times: TokenTimes,
    unix_ms: i64,
) -> Result<Claims, TokenError> {
    let raw = parse(payload)?;
    if issuer.iss.is_some() && issuer.iss != raw.iss {
        return Err(TokenError::WrongIssuer);
    }
    if !raw.aud.contains(&issuer.audience) {
        return Err(TokenError::WrongAudience);
    }
    let ends_unix_ms = check_times(&raw, times, unix_ms)?;
    let sub = raw.sub.filter(|sub| is_subject(sub)).ok_or(TokenError::BadSubject)?;
    let scope = raw.region.iter().chain(raw.title.iter()).chain(&raw.segments);
    let jti_fits = raw.jti.as_ref().is_none_or(|jti| jti.len() <= JTI_BYTES_MAX);
    if raw.segments.len() > SEGMENTS_MAX || scope.into_iter().any(|word| word.len() > WORD_BYTES_MAX) || !jti_fits {
        return Err(TokenError::BadScope);
    }
    let title = raw.title.unwrap_or_default();
    if !issuer.titles.is_empty() && !issuer.titles.contains(&title) {
        return Err(TokenError::WrongTitle);
    }
    let mut segments: Vec<Arc<str>> = raw.segments.into_iter().map(Arc::from).collect();
    segments.sort();
    segments.dedup();
    Ok(Claims {
        sub: sub.into(),
        issuer: issuer.name.clone(),
        provenance: issuer.provenance,
        region: raw.region.unwrap_or_default().into(),
        segments,
        title: title.into(),
        jti: raw.jti.unwrap_or_default().into(),
        kid: kid.into(),
        ends_unix_ms,
    })
}

/// What is JSON and no object is no claims; an object with a claim of another type has a fault of its own.
fn parse(payload: &[u8]) -> Result<Raw, TokenError> {
    if !payload.trim_ascii_start().starts_with(b"{") {
        return Err(TokenError::Malformed);
    }
    serde_json::from_slice(payload)
        .map_err(|why| if why.is_data() { TokenError::WrongType } else { TokenError::Malformed })
}

/// It travels into keys, workflow ids and documents, where control characters do harm.
fn is_subject(sub: &str) -> bool {
    (1..=SUB_BYTES_MAX).contains(&sub.len()) && !sub.chars().any(char::is_control)
}

/// When the token ends, in milliseconds, leeway included.
fn check_times(raw: &Raw, times: TokenTimes, unix_ms: i64) -> Result<i64, TokenError> {
    let leeway_ms = millis(times.leeway);
    let exp_ms = raw.exp.map(date_ms).transpose()?.ok_or(TokenError::NoExpiry)?;
    let nbf_ms = raw.nbf.map(date_ms).transpose()?;
    let iat_ms = raw.iat.map(date_ms).transpose()?;
    if unix_ms >= exp_ms.saturating_add(leeway_ms) {
        return Err(TokenError::Expired);
    }
    if nbf_ms.is_some_and(|nbf_ms| unix_ms.saturating_add(leeway_ms) < nbf_ms) {
        return Err(TokenError::NotYetValid);
    }
    if iat_ms.is_some_and(|iat_ms| unix_ms.saturating_add(leeway_ms) < iat_ms) {
        return Err(TokenError::IssuedInFuture);
    }
    // Where `iat` is missing, the token may have lived before: what is left of it is all that can be judged.
    if exp_ms.saturating_sub(iat_ms.unwrap_or(unix_ms)) > millis(times.lifetime_max).saturating_add(leeway_ms) {
        return Err(TokenError::LifetimeTooLong);
    }
    Ok(exp_ms.saturating_add(leeway_ms))
}

/// A NumericDate (RFC 7519 §2): seconds, possibly with a fraction.
fn date_ms(seconds: f64) -> Result<i64, TokenError> {
    if (0.0..=DATE_MAX_S).contains(&seconds) { Ok((seconds * 1000.0) as i64) } else { Err(TokenError::WrongType) }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// `aud` is a string or an array of strings (RFC 7519 §4.1.3).
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(from)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}
