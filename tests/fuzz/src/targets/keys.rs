//! Files of keys, and what a node remembers of rules that served: text that operators copy about and that a node keeps.
//!
//! The first byte says which file, the rest is its text. What must hold: malformed with words, or what it says is
//! written out and reads back as the same.

use rules_bundle::{PublicKey, Ratchet, SigningKey, TrustedKeys};
use rules_store::{Chain, Memory};

pub(super) fn run(bytes: &[u8]) {
    let Some((&which, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    match which % 6 {
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
        3 => match Memory::from_text(text) {
            Ok(memory) => assert_eq!(Memory::from_text(&memory.to_text()).as_ref(), Ok(&memory)),
            Err(error) => assert!(!error.to_string().is_empty()),
        },
        4 => {
            let (chain, whole, fault) = Chain::read(text.as_bytes());
            assert!(whole <= text.len() && chain.entries().len() <= text.lines().count());
            // What was cut off at a line's end says the same of all lines before it.
            let (again, _, same) = Chain::read(&text.as_bytes()[..whole]);
            assert_eq!((again, same), (chain, fault));
        }
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
    let name = format!(r#"{{"revision":7,"digest":"{digest}"}}"#);
    let memory = format!(r#"{{"serving":{name},"is_pinned":true,"in_vain":2,"good":[{name}],"highest":9}}"#);
    let log = format!(
        r#"{{"n":1,"deed":{{"at_ms":5,"what":"load","uid":0,"by":"ops","revision":7,"replaced":6,"digest":"{digest}"}},"prev":"{zero}","hash":"{digest}"}}"#,
        zero = "0".repeat(64)
    );
    let texts = [(0, public), (1, secret), (2, both), (3, memory), (4, format!("{log}\n")), (5, ratchet)];
    texts.into_iter().map(|(which, text)| [&[which], text.as_bytes()].concat()).collect()
}
