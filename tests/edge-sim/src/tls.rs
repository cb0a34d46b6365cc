//! Keys, certificates and tokens of all stories.
//!
//! Everything is made from fixed seeds and signed by Ed25519, so that every handshake has the same number of bytes in every
//! process; only TLS's own key exchange is random, and no length or choice follows from it. Verification reads a fixed
//! time. Deliberately absent: other signature schemes and key exchanges, resumption, early data.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edge_event::Provenance;
use edge_session::{IssuerConfig, TokenTimes, TokenVerifier};
use quinn_proto::crypto::rustls::QuicClientConfig;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::TimeProvider;
use serde_json::json;

/// The moment at which every story begins: 2026-01-01T00:00:00Z.
pub(crate) const START_UNIX_MS: i64 = 1_767_225_600_000;
/// The name in the certificate.
pub(crate) const SERVER_NAME: &str = "edge.test";

/// PKCS #8 around an Ed25519 seed (RFC 8410, section 7).
const PKCS8_ED25519: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// What both ends of a handshake and the issuers of tokens know; made once a process, the same in each.
pub(crate) struct Keys {
    /// For the daemon.
    pub(crate) server: Arc<rustls::ServerConfig>,
    /// For players and game servers.
    pub(crate) client: Arc<QuicClientConfig>,
    issuers: Vec<IssuerConfig>,
    players: Issuer,
    servers: Issuer,
}

/// What a token of a story says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket<'a> {
    pub(crate) sub: &'a str,
    pub(crate) provenance: Provenance,
    /// The token's own id.
    pub(crate) jti: &'a str,
    /// When it was made, and when it ends, in milliseconds of the wall clock.
    pub(crate) made_unix_ms: i64,
    pub(crate) ends_unix_ms: i64,
}

struct Issuer {
    kid: &'static str,
    key: Ed25519KeyPair,
}

/// The keys of this process.
pub(crate) fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(Keys::make)
}

impl Keys {
    fn make() -> Keys {
        let (certificate, key) = identity([1; 32]);
        let players = Issuer::new("players", [2; 32]);
        let servers = Issuer::new("servers", [3; 32]);
        Keys {
            server: Arc::new(server_tls(&certificate, key)),
            client: Arc::new(client_tls(&certificate)),
            issuers: vec![players.config(Provenance::Client), servers.config(Provenance::Server)],
            players,
            servers,
        }
    }

    /// For a daemon that takes clocks to differ by at most `leeway`.
    pub(crate) fn verifier(&self, leeway: Duration) -> Arc<TokenVerifier> {
        let times = TokenTimes { leeway, ..TokenTimes::default() };
        Arc::new(TokenVerifier::new(self.issuers.clone(), times).expect("our own key sets are good"))
    }

    /// A signed token.
    pub(crate) fn token(&self, claims: &Ticket<'_>) -> String {
        match claims.provenance {
            Provenance::Client => self.players.token(claims),
            Provenance::Server => self.servers.token(claims),
        }
    }
}

impl Issuer {
    fn new(kid: &'static str, seed: [u8; 32]) -> Issuer {
        Issuer { kid, key: Ed25519KeyPair::from_seed_unchecked(&seed).expect("every seed is a key") }
    }

    fn config(&self, provenance: Provenance) -> IssuerConfig {
        let x = URL_SAFE_NO_PAD.encode(self.key.public_key().as_ref());
        let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": self.kid, "alg": "EdDSA", "x": x }] });
        IssuerConfig {
            name: self.kid.to_owned(),
            provenance,
            audience: "edge".to_owned(),
            iss: None,
            titles: Vec::new(),
            jwks: jwks.to_string(),
        }
    }

    fn token(&self, claims: &Ticket<'_>) -> String {
        let header = json!({ "alg": "EdDSA", "kid": self.kid, "typ": "JWT" });
        let claims = json!({
            "sub": claims.sub,
            "aud": "edge",
            "jti": claims.jti,
            "iat": claims.made_unix_ms / 1000,
            "exp": claims.ends_unix_ms as f64 / 1000.0,
            "region": "eu",
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// A self-signed certificate and its key: the same bytes in every process.
fn identity(seed: [u8; 32]) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let mut pkcs8 = PKCS8_ED25519.to_vec();
    pkcs8.extend_from_slice(&seed);
    let der = PrivateKeyDer::Pkcs8(pkcs8.into());
    let pair = rcgen::KeyPair::from_der_and_sign_algo(&der, &rcgen::PKCS_ED25519).expect("the PKCS #8 above is sound");
    let mut params = rcgen::CertificateParams::new(vec![SERVER_NAME.to_owned()]).expect("the name is a name");
    params.serial_number = Some(rcgen::SerialNumber::from(7_u64));
    let certificate = params.self_signed(&pair).expect("Ed25519 signs everything");
    (certificate.der().clone(), der)
}

/// X25519 alone: a second key share would only cost time.
fn provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.kx_groups = vec![rustls::crypto::ring::kx_group::X25519];
    Arc::new(provider)
}

fn server_tls(certificate: &CertificateDer<'static>, key: PrivateKeyDer<'static>) -> rustls::ServerConfig {
    let mut tls = rustls::ServerConfig::builder_with_details(provider(), Arc::new(FixedTime))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("ring knows TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("certificate and key belong together");
    tls.alpn_protocols = vec![edge_wire::ALPN.to_vec()];
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    tls
}

fn client_tls(certificate: &CertificateDer<'static>) -> QuicClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).expect("our own certificate parses");
    let mut tls = rustls::ClientConfig::builder_with_details(provider(), Arc::new(FixedTime))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("ring knows TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![edge_wire::ALPN.to_vec()];
    tls.resumption = Resumption::disabled();
    QuicClientConfig::try_from(tls).expect("TLS 1.3 with AES-128-GCM is there")
}

/// Certificates are checked at the moment at which every story begins.
#[derive(Debug)]
struct FixedTime;

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(START_UNIX_MS as u64)))
    }
}
