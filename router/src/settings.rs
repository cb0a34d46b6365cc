//! Everything that a config names, read from disk and understood, before anything is started.
//!
//! What comes in: a resolved [`Config`]. What goes out: [`Settings`], or every reason why the daemon could not start with it.
//! `--check-config` is just this. Deliberately absent: sockets and threads.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use edge_admin::Refusal;
use edge_config::Config;
use edge_door::Entropy;
use edge_session::{DenyList, IssuerConfig, IssuerError, SharedKeys, TokenVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::bundles::{Bundles, First, store_in};

/// The largest file that a config may name, bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What the daemon starts from.
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) tls: Arc<rustls::ServerConfig>,
    pub(crate) keys: SharedKeys,
    pub(crate) verifier: Arc<TokenVerifier>,
    pub(crate) deny: Option<Arc<DenyList>>,
    pub(crate) bundles: Bundles,
    /// The bundle to start with; it is taken into service when everything else has succeeded.
    pub(crate) first: First,
}

/// Why a file that the config names cannot be used.
#[derive(Debug)]
pub(crate) struct Unusable {
    key: &'static str,
    path: PathBuf,
    what: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` names {}: {}", self.key, self.path.display(), self.what)
    }
}

/// Every one of them.
#[derive(Debug)]
pub(crate) struct AllUnusable(Vec<Unusable>);

impl fmt::Display for AllUnusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, u) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{u}")?;
        }
        Ok(())
    }
}

impl std::error::Error for AllUnusable {}

impl Settings {
    /// Reads and checks everything that `config` names, and changes nothing.
    ///
    /// # Errors
    /// All that is wrong, together.
    pub(crate) fn load(config: Config, now_unix_ms: i64) -> Result<Settings, AllUnusable> {
        let mut wrong = Vec::new();
        let tls = note(&mut wrong, tls_of(&config));
        let keys = note(&mut wrong, shared_keys_of(&config));
        let verifier = note(&mut wrong, verifier_of(&config));
        let deny = note(&mut wrong, deny_of(&config));
        let bundles = note(&mut wrong, bundles_of(&config));
        let rules = bundles.map(|bundles| {
            let deployed = bundle_bytes(&config).and_then(|bytes| {
                let refused = |r: Refusal| {
                    unusable("rules.bundle", &config.rules.bundle, &format_args!("{}: {}", r.code, r.what))
                };
                bundles.check(bytes, now_unix_ms).map_err(refused)
            });
            let first = bundles.first(deployed, now_unix_ms);
            (bundles, note(&mut wrong, first))
        });
        match (tls, keys, verifier, deny, rules) {
            (Some(tls), Some(keys), Some(verifier), Some(deny), Some((bundles, Some(first)))) if wrong.is_empty() => {
                Ok(Settings { config, tls, keys, verifier, deny, bundles, first })
            }
            _ => Err(AllUnusable(wrong)),
        }
    }
}

fn note<T>(wrong: &mut Vec<Unusable>, result: Result<T, Unusable>) -> Option<T> {
    result.map_err(|why| wrong.push(why)).ok()
}

fn unusable(key: &'static str, path: &Path, what: &dyn fmt::Display) -> Unusable {
    Unusable { key, path: path.to_owned(), what: what.to_string() }
}

/// A whole file, if it is not absurdly large.
fn read(path: &Path, key: &'static str) -> Result<Vec<u8>, Unusable> {
    let failed = |why: std::io::Error| unusable(key, path, &format_args!("cannot be read: {why}"));
    let mut bytes = Vec::new();
    // What a file says about its length is not asked: it may be a pipe.
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(unusable(key, path, &format_args!("is too large: at most {FILE_BYTES_MAX} bytes are read")));
    }
    Ok(bytes)
}

fn tls_of(config: &Config) -> Result<Arc<rustls::ServerConfig>, Unusable> {
    let (certificate, key) = (&config.tls.certificate, &config.tls.key);
    let pem = read(certificate, "tls.certificate")?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|why| unusable("tls.certificate", certificate, &format_args!("is not PEM: {why}")))?;
    if chain.is_empty() {
        return Err(unusable("tls.certificate", certificate, &"holds no certificate; put the chain there, PEM"));
    }
    let private = PrivateKeyDer::from_pem_slice(&read(key, "tls.key")?)
        .map_err(|why| unusable("tls.key", key, &format_args!("is not a PEM private key: {why}")))?;
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("INVARIANT: ring speaks TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|why| unusable("tls.key", key, &format_args!("does not fit `tls.certificate`: {why}")))?;
    tls.alpn_protocols = vec![edge_wire::ALPN.to_vec()];
    tls.alpn_protocols.extend(config.listen.alpn_for_tests.clone().map(String::into_bytes));
    Ok(Arc::new(tls))
}

fn shared_keys_of(config: &Config) -> Result<SharedKeys, Unusable> {
    let mut secret = [0; 32];
    match &config.tls.secret {
        None => edge_io::SystemEntropy.fill(&mut secret),
        Some(path) => {
            let bytes = read(path, "tls.secret")?;
            if bytes.len() < secret.len() {
                let what = format_args!("has {} bytes; at least {} random ones are needed", bytes.len(), secret.len());
                return Err(unusable("tls.secret", path, &what));
            }
            secret.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, &bytes).as_ref());
        }
    }
    Ok(SharedKeys::derive(&secret))
}

/// Reads every issuer's keys. Also done again on SIGHUP.
pub(crate) fn verifier_of(config: &Config) -> Result<Arc<TokenVerifier>, Unusable> {
    let mut issuers = Vec::new();
    for issuer in &config.tokens.issuers {
        let jwks = read(&issuer.jwks, "tokens.issuers.jwks")?;
        let jwks =
            String::from_utf8(jwks).map_err(|_| unusable("tokens.issuers.jwks", &issuer.jwks, &"is not UTF-8"))?;
        issuers.push(IssuerConfig {
            name: issuer.name.clone(),
            provenance: issuer.provenance,
            audience: issuer.audience.clone(),
            iss: issuer.iss.clone(),
            titles: issuer.titles.clone(),
            jwks,
        });
    }
    TokenVerifier::new(issuers, config.tokens.times).map(Arc::new).map_err(|why| {
        let at_fault = match &why {
            IssuerError::Jwks { issuer, .. } => config.tokens.issuers.iter().find(|i| i.name == *issuer),
            IssuerError::SharedKid { second, .. } => config.tokens.issuers.iter().find(|i| i.name == *second),
            IssuerError::None | IssuerError::TooMany(_) => None,
        };
        let path = at_fault.or(config.tokens.issuers.first()).map_or(Path::new(""), |i| &i.jwks);
        unusable("tokens.issuers", path, &why)
    })
}

/// Reads the deny list, where one is named. Also done again on SIGHUP.
pub(crate) fn deny_of(config: &Config) -> Result<Option<Arc<DenyList>>, Unusable> {
    let Some(path) = &config.tokens.deny else { return Ok(None) };
    let bytes = read(path, "tokens.deny")?;
    let written: WrittenDenyList = serde_json::from_slice(&bytes).map_err(|why| {
        // Its own words may quote the list, and with it a player's id.
        let (line, column) = (why.line(), why.column());
        let what = format_args!(
            "is not a deny list, at line {line}, column {column}: it must read \
             {{\"subjects\": [\"…\"], \"keys\": [\"…\"], \"tokens\": [\"…\"]}}, each of which may be left out"
        );
        unusable("tokens.deny", path, &what)
    })?;
    Ok(Some(Arc::new(DenyList { subjects: written.subjects, keys: written.keys, tokens: written.tokens })))
}

/// The deny list as operators write it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDenyList {
    #[serde(default)]
    subjects: BTreeSet<String>,
    #[serde(default)]
    keys: BTreeSet<String>,
    #[serde(default)]
    tokens: BTreeSet<String>,
}

fn bundles_of(config: &Config) -> Result<Bundles, Unusable> {
    let path = &config.rules.keys;
    let text = String::from_utf8(read(path, "rules.keys")?)
        .map_err(|_| unusable("rules.keys", path, &"is not text; it lists public keys, one a line"))?;
    let folder = config.rules.store.as_deref();
    let store = store_in(folder).map_err(|why| unusable("rules.store", &why.path, &why.what))?;
    Bundles::new(&text, &config.node.tenant, store).map_err(|why| unusable("rules.keys", path, &why))
}

/// The bundle's bytes as they lie on disk now, for SIGHUP.
pub(crate) fn bundle_bytes(config: &Config) -> Result<Vec<u8>, Unusable> {
    read(&config.rules.bundle, "rules.bundle")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, NOW_MS};

    fn wrong(config: Config) -> String {
        Settings::load(config, NOW_MS).err().map_or(String::new(), |all| all.to_string())
    }

    #[test]
    fn a_folder_with_everything_is_read_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let config = fixtures::furnish(folder.path());
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        let before = files();
        let settings = Settings::load(config, NOW_MS).unwrap_or_else(|all| panic!("{all}"));
        assert_eq!(settings.first.checked.serving().rules.revision(), 5);
        assert_eq!(files(), before, "no store, no spool");
    }

    #[test]
    fn everything_that_is_wrong_is_told_together_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let config = fixtures::furnish(folder.path());
        for (name, text) in [("certificate.pem", ""), ("players.jwks.json", "{}"), ("rules.bundle", "x")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let said = wrong(config);
        for part in
            ["`tls.certificate` names ", "`tokens.issuers` names ", "players.jwks.json: issuer `players`", "BUNDLE_"]
        {
            assert!(said.contains(part), "{part} in {said}");
        }
        assert_eq!(said.lines().count(), 3, "{said}");
    }

    #[test]
    fn a_wrong_deny_list_is_told_without_a_players_id() {
        let folder = tempfile::tempdir().unwrap();
        for text in [r#"{"subjects": "player-77"}"#, r#"{"player-77": []}"#, r#"["player-77"]"#, "player-77"] {
            let config = fixtures::furnish(folder.path());
            std::fs::write(folder.path().join("deny.json"), text).unwrap();
            let said = wrong(config);
            assert!(said.contains("`tokens.deny`") && said.contains("line 1") && !said.contains("77"), "{said}");
        }
    }

    #[test]
    fn an_endless_file_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = fixtures::furnish(folder.path());
        config.rules.keys = PathBuf::from("/dev/zero");
        assert!(wrong(config).contains("is too large"));
    }
}
