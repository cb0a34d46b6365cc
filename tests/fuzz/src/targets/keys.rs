//! Files of keys and of revisions that served: text that operators copy about and that a node keeps.
//!
//! The first byte says which file, the rest is its text. What must hold: malformed with words, or what it says is
//! written out and reads back as the same.

use rules_bundle::{PublicKey, Ratchet, SigningKey, TrustedKeys};

pub(super) fn run(bytes: &[u8]) {
    let Some((&which, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    match which % 4 {
        0 => match PublicKey::parse(text) {
            Ok(key) => assert_eq!(PublicKey::parse(&key.to_text()), Ok(key)),
            Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
        },
        1 => match SigningKey::parse(text) {
            Ok(key) => {
                let again = SigningKey::parse(&key.to_secret_text()).expect("our own text");
                assert_eq!(again.public(), key.public());
            }
            Err(error) => {
                let words = error.to_string();
                assert!(!error.code().is_empty() && !words.is_empty());
            }
        },
        2 => match TrustedKeys::parse(text) {
            Ok(keys) => assert!(keys.len() <= text.lines().count()),
            Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
        },
        _ => match Ratchet::from_text(text) {
            Ok(ratchet) => assert_eq!(Ratchet::from_text(&ratchet.to_text()), Ok(ratchet)),
            Err(error) => assert!((1..=text.lines().count()).contains(&error.line) && !error.code().is_empty()),
        },
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let key = SigningKey::from_seed([1; 32], "a key with a comment");
    let other = SigningKey::from_seed([2; 32], "");
    let (public, secret) = (key.public().to_text(), key.to_secret_text());
    let both = format!("# trusted\n\n{public}{}", other.public().to_text());
    let digest = "ab".repeat(32);
    let ratchet = format!("{} 7 {digest}\n{} 18446744073709551615 {digest}\n", key.public().id(), other.public().id());
    let texts = [(0, public), (1, secret), (2, both), (3, ratchet)];
    texts.into_iter().map(|(which, text)| [&[which], text.as_bytes()].concat()).collect()
}
