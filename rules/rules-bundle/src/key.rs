//! Keys that sign bundles, and those that a node trusts.
//!
//! A key file is one line of text: `edge-key/1 secret BASE64 COMMENT` (the 32-byte Ed25519 seed) or
//! `edge-key/1 public BASE64 COMMENT` (the 32-byte point). Empty lines and lines that start with `#` are skipped. Secrets are
//! never shown by `Debug` or in errors.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

/// First word of a key file.
const FORMAT: &str = "edge-key/1";

/// Short name of a key: the first 16 bytes of BLAKE3 over the public point.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 16]);

/// Signs bundles.
pub struct SigningKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
    comment: String,
}

/// Checks signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    point: [u8; 32],
    comment: String,
}

/// The keys that a node trusts.
#[derive(Clone, Debug, Default)]
pub struct TrustedKeys {
    keys: Vec<(KeyId, PublicKey)>,
}

/// Why text is no key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a line of a key file.
    #[error("line {line} is no key: it must read `{FORMAT} secret|public BASE64 comment`")]
    Malformed {
        /// Counted from 1.
        line: usize,
    },
    /// The other kind of key.
    #[error("line {line} holds a {found} key, a {wanted} key is needed here")]
    OtherKind {
        /// Counted from 1.
        line: usize,
        /// What it is.
        found: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// There is no key in the file, or more than one where one is needed.
    #[error("the file holds {found} keys, exactly one is needed")]
    NotOne {
        /// How many.
        found: usize,
    },
}

impl KeyError {
    /// Stable word for metrics and documents.
    pub const fn code(&self) -> &'static str {
        match self {
            KeyError::Malformed { .. } => "KEY_MALFORMED",
            KeyError::OtherKind { .. } => "KEY_OTHER_KIND",
            KeyError::NotOne { .. } => "KEY_NOT_ONE",
        }
    }
}

impl SigningKey {
    /// The key of a seed; the seed must be random and is the secret.
    ///
    /// # Panics
    /// Never: every seed is a key.
    pub fn from_seed(seed: [u8; 32], comment: &str) -> SigningKey {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("every 32 bytes are an Ed25519 seed");
        SigningKey { seed, pair, comment: one_line(comment) }
    }

    /// Reads a key file with one secret key.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn parse(text: &str) -> Result<SigningKey, KeyError> {
        match &lines(text, "secret")?[..] {
            [(seed, comment)] => Ok(SigningKey::from_seed(*seed, comment)),
            keys => Err(KeyError::NotOne { found: keys.len() }),
        }
    }

    /// The key file's text. Keep it secret.
    pub fn to_secret_text(&self) -> String {
        line("secret", &self.seed, &self.comment)
    }

    /// What others check its signatures with.
    ///
    /// # Panics
    /// Never: a public point has 32 bytes.
    pub fn public(&self) -> PublicKey {
        let point = self.pair.public_key().as_ref().try_into().expect("an Ed25519 point has 32 bytes");
        PublicKey { point, comment: self.comment.clone() }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }
}

impl PublicKey {
    /// Reads a key file with one public key.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn parse(text: &str) -> Result<PublicKey, KeyError> {
        match &lines(text, "public")?[..] {
            [(point, comment)] => Ok(PublicKey { point: *point, comment: comment.clone() }),
            keys => Err(KeyError::NotOne { found: keys.len() }),
        }
    }

    /// The key file's text.
    pub fn to_text(&self) -> String {
        line("public", &self.point, &self.comment)
    }

    /// Its short name.
    pub fn id(&self) -> KeyId {
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::hash(&self.point).as_bytes()[..16]);
        KeyId(id)
    }

    /// What its owner wrote beside it.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.point).verify(message, signature).is_ok()
    }
}

impl TrustedKeys {
    /// Trusts these keys and no others.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> TrustedKeys {
        let mut keys: Vec<_> = keys.into_iter().map(|key| (key.id(), key)).collect();
        keys.sort_by_key(|(id, _)| *id);
        keys.dedup_by_key(|(id, _)| *id);
        TrustedKeys { keys }
    }

    /// Reads a file with any number of public keys.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn parse(text: &str) -> Result<TrustedKeys, KeyError> {
        Ok(TrustedKeys::new(lines(text, "public")?.into_iter().map(|(point, comment)| PublicKey { point, comment })))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// `None` where the key is unknown.
    pub(crate) fn verifies(&self, id: KeyId, message: &[u8], signature: &[u8; 64]) -> Option<bool> {
        let at = self.keys.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(self.keys[at].1.verifies(message, signature))
    }
}

/// All keys of a file, which must be of one kind.
fn lines(text: &str, wanted: &'static str) -> Result<Vec<([u8; 32], String)>, KeyError> {
    let mut keys = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let mut words = text.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (format, kind, body, comment) = (word(), word(), word(), word());
        let found = match kind {
            "secret" => "secret",
            "public" => "public",
            _ => return Err(KeyError::Malformed { line }),
        };
        if format != FORMAT {
            return Err(KeyError::Malformed { line });
        }
        if found != wanted {
            return Err(KeyError::OtherKind { line, found, wanted });
        }
        let bytes = STANDARD.decode(body).ok().and_then(|b| <[u8; 32]>::try_from(b).ok());
        keys.push((bytes.ok_or(KeyError::Malformed { line })?, comment.to_owned()));
    }
    Ok(keys)
}

fn line(kind: &str, bytes: &[u8; 32], comment: &str) -> String {
    let text = format!("{FORMAT} {kind} {} {comment}", STANDARD.encode(bytes));
    format!("{}\n", text.trim_end())
}

fn one_line(comment: &str) -> String {
    comment.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// 32 hexadecimal digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.public().id()).finish_non_exhaustive()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("id", &self.id()).field("comment", &self.comment).finish_non_exhaustive()
    }
}
