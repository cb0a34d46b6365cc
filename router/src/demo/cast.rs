//! Certificate and keys, made on the spot: what a server needs to show, and what vouches for players and game servers.
//!
//! What comes in: the system's random bytes. What goes out: a [`Cast`]; its [`Issuer`]s sign tokens. Secrets live as long as
//! the demo, or in the folder that `--write` names. Deliberately absent: files.

use anyhow::{Context, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rules_bundle::SigningKey;
use serde_json::{Value, json};

/// What tokens must name as their audience; the config template says the same.
pub(crate) const AUDIENCE: &str = "edge-demo";
/// How long a token lives. Seconds; the config template allows it.
pub(crate) const TOKEN_S: i64 = 24 * 3600;

/// Everything that is made on the spot.
pub(crate) struct Cast {
    /// PEM, self-signed, for `localhost` and the loopback addresses.
    pub(crate) certificate: String,
    /// PEM.
    pub(crate) certificate_key: String,
    /// For Retry, stateless resets and connection ids.
    pub(crate) quic_secret: [u8; 32],
    pub(crate) players: Issuer,
    pub(crate) game_servers: Issuer,
    /// Signs bundles.
    pub(crate) signing: SigningKey,
}

/// Signs tokens.
pub(crate) struct Issuer {
    name: &'static str,
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

/// What a token says about its bearer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Bearer {
    pub(crate) sub: String,
    pub(crate) region: String,
    pub(crate) segments: Vec<String>,
}

impl Cast {
    /// Makes all of it.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub(crate) fn make() -> Result<Cast> {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).context("cannot make a certificate")?;
        Ok(Cast {
            certificate: made.cert.pem(),
            certificate_key: made.signing_key.serialize_pem(),
            quic_secret: random()?,
            players: Issuer::make("players")?,
            game_servers: Issuer::make("game-servers")?,
            signing: SigningKey::from_seed(random()?, "made by the demo"),
        })
    }
}

impl Issuer {
    fn make(name: &'static str) -> Result<Issuer> {
        let seed = random()?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|why| anyhow!("a token key: {why}"))?;
        Ok(Issuer { name, seed, pair })
    }

    /// A token that is good from now on for [`TOKEN_S`].
    pub(crate) fn token(&self, bearer: &Bearer, now_unix_s: i64) -> String {
        let header = json!({ "alg": "EdDSA", "kid": self.name, "typ": "JWT" });
        let mut claims = json!({
            "aud": AUDIENCE, "sub": bearer.sub, "iat": now_unix_s, "exp": now_unix_s + TOKEN_S, "segments": bearer.segments,
        });
        if !bearer.region.is_empty() {
            claims["region"] = Value::from(bearer.region.as_str());
        }
        let signed = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", base64url(signature))
    }

    /// The public half, as a JWK set (RFC 7517, RFC 8037).
    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    /// Both halves, as a JWK, for tools that sign tokens.
    pub(crate) fn private_jwk(&self) -> Value {
        let mut jwk = self.jwk();
        jwk["d"] = Value::from(base64url(self.seed));
        jwk
    }

    fn jwk(&self) -> Value {
        let x = base64url(self.pair.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.name, "x": x })
    }
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow!("the system gives no random bytes"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge_event::Provenance;
    use edge_session::{DenyList, IssuerConfig, TokenTimes, TokenVerifier};
    use std::time::Duration;

    #[test]
    fn a_token_passes_the_daemons_own_check() {
        let cast = Cast::make().unwrap();
        let issuer = |issuer: &Issuer, provenance| IssuerConfig {
            name: issuer.name.into(),
            provenance,
            audience: AUDIENCE.into(),
            iss: None,
            titles: Vec::new(),
            jwks: issuer.jwks().to_string(),
        };
        let issuers = vec![issuer(&cast.players, Provenance::Client), issuer(&cast.game_servers, Provenance::Server)];
        let times = TokenTimes { leeway: Duration::from_secs(30), lifetime_max: Duration::from_secs(TOKEN_S as u64) };
        let verifier = TokenVerifier::new(issuers, times).unwrap();
        let bearer = Bearer { sub: "p1".into(), region: "eu".into(), segments: vec!["vip".into()] };
        let (now_s, deny) = (1_800_000_000, DenyList::default());
        for (issuer, provenance) in [(&cast.players, Provenance::Client), (&cast.game_servers, Provenance::Server)] {
            let claims = verifier.verify(issuer.token(&bearer, now_s).as_bytes(), now_s * 1000, &deny).unwrap();
            assert_eq!((&*claims.sub, &*claims.region, claims.provenance), ("p1", "eu", provenance));
        }
        let late = verifier.verify(cast.players.token(&bearer, now_s).as_bytes(), (now_s + TOKEN_S + 31) * 1000, &deny);
        assert!(late.is_err());
    }

    #[test]
    fn the_public_set_keeps_the_secret() {
        let cast = Cast::make().unwrap();
        assert!(!cast.players.jwks().to_string().contains("\"d\""));
        assert!(cast.players.private_jwk()["d"].is_string());
        assert!(cast.certificate.contains("BEGIN CERTIFICATE") && cast.certificate_key.contains("PRIVATE KEY"));
    }
}
