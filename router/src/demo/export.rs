//! A folder to start from: config, catalogue, rules, certificate, keys, a signed bundle, tokens.
//!
//! What comes in: an empty folder's path, a [`Cast`]. What goes out: the files, laid out as the config names them, so that
//! `edge-router run --config DIR/edge-router.toml` serves. The demo itself starts from such a folder. Deliberately absent:
//! overwriting anything.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rules_catalogue::Catalogue;

use super::cast::{Bearer, Cast};
use super::embedded;

/// The config's place in the folder.
pub(crate) const CONFIG: &str = "edge-router.toml";
/// Where the commands go; the config says the same.
pub(crate) const COMMANDS: &str = "commands";

const CONFIG_TEXT: &str = include_str!("../../demo/edge-router.toml");
const README_TEXT: &str = include_str!("../../demo/README.md");
/// Whom the tokens for trying name.
const TRY_PLAYER: &str = "p-try";
const TRY_SERVER: &str = "gs-try";

/// Fills `dir`, which is made where it is not there and must be empty.
///
/// # Errors
/// It is not empty, or cannot be written; what was written until then stays.
pub(crate) fn write(dir: &Path, cast: &Cast, catalogue: &Catalogue, now_unix_ms: i64) -> Result<()> {
    make(dir)?;
    if fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?.next().is_some() {
        bail!("{} is not empty: name a folder that is empty or does not exist", dir.display());
    }
    let bundle = embedded::bundle(catalogue, now_unix_ms)?.sign(&[&cast.signing]);
    let now_s = now_unix_ms / 1000;
    let bearer = |sub: &str| Bearer { sub: sub.into(), region: "eu".into(), segments: Vec::new() };
    let line = |text: String| format!("{text}\n").into_bytes();
    let folder = Folder { root: dir };

    folder.open(CONFIG, CONFIG_TEXT.as_bytes())?;
    folder.open("README.md", README_TEXT.as_bytes())?;
    folder.open("tls/certificate.pem", cast.certificate.as_bytes())?;
    folder.secret("tls/key.pem", cast.certificate_key.as_bytes())?;
    folder.secret("tls/quic.secret", &cast.quic_secret)?;
    for (name, issuer, sub) in
        [("players", &cast.players, TRY_PLAYER), ("game-servers", &cast.game_servers, TRY_SERVER)]
    {
        folder.open(&format!("tokens/{name}.jwks.json"), &line(issuer.jwks().to_string()))?;
        folder.secret(&format!("tokens/{name}.private.jwk.json"), &line(issuer.private_jwk().to_string()))?;
        folder.secret(&format!("tokens/{sub}.jwt"), &line(issuer.token(&bearer(sub), now_s)))?;
    }
    folder.open("bundle/rules.bundle", &bundle)?;
    folder.open("bundle/trusted.keys", &line(cast.signing.public().to_text()))?;
    folder.secret("bundle/signing.key", &line(cast.signing.to_secret_text()))?;
    for (name, text) in embedded::CATALOGUE_FILES {
        folder.open(&format!("catalogue/{name}"), text.as_bytes())?;
    }
    for (name, text) in embedded::RULE_FILES {
        folder.open(&format!("rules/{name}"), text.as_bytes())?;
    }
    make(&dir.join(COMMANDS))?;
    make(&dir.join("spool"))
}

/// Puts other rules in the place of the demo's own.
///
/// # Errors
/// The files cannot be written.
pub(crate) fn replace_rules(dir: &Path, bundle: &[u8], keys: &[u8]) -> Result<()> {
    for (name, bytes) in [("bundle/rules.bundle", bundle), ("bundle/trusted.keys", keys)] {
        let path = dir.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

struct Folder<'a> {
    root: &'a Path,
}

impl Folder<'_> {
    fn open(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.file(name, bytes, 0o644)
    }

    /// For our own user only.
    fn secret(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.file(name, bytes, 0o600)
    }

    fn file(&self, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
        let path: PathBuf = self.root.join(name);
        if let Some(parent) = path.parent() {
            make(parent)?;
        }
        let opened = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        opened.and_then(|mut file| file.write_all(bytes)).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn make(dir: &Path) -> Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("cannot make {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use edge_config::Config;

    const NOW_MS: i64 = 1_800_000_000_000;

    #[test]
    fn a_daemon_would_start_from_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &Cast::make().unwrap(), &embedded::catalogue(), NOW_MS).unwrap();
        let config = Config::from_file(&dir.path().join(CONFIG)).unwrap_or_else(|all| panic!("{all}"));
        assert_eq!(config.listen.shards, Some(2));
        assert_eq!(config.sink_file.directory, dir.path().join(COMMANDS));
        Settings::load(config, NOW_MS).unwrap_or_else(|all| panic!("{all}"));
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine"), "x").unwrap();
        let why = write(dir.path(), &Cast::make().unwrap(), &embedded::catalogue(), NOW_MS).unwrap_err();
        assert!(why.to_string().contains("is not empty"), "{why}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
