//! A catalogue as its authors write it: `.proto` text.
//!
//! The bytes are one file. What must hold: never a panic; diagnostics with words, or a catalogue whose bytes load as
//! the same.

use rules_catalogue::Catalogue;
use rules_catalogue::compile::{Sources, compile};

use crate::repository;

pub(super) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match compile(&Sources::new().with("a.proto", text)) {
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty());
            diagnostics.iter().for_each(|diagnostic| assert!(!diagnostic.to_string().is_empty()));
        }
        Ok(compiled) => {
            let bytes = compiled.catalogue.to_bytes();
            assert_eq!(Catalogue::from_bytes(&bytes).as_ref(), Ok(&compiled.catalogue));
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let folders = ["rules/catalogue/game/v1", "rules/diagnostics/catalogue/game/v1", "tests/fuzz/schemas/odd/v1"];
    let texts = folders.into_iter().flat_map(|folder| repository::texts(folder, ".proto"));
    texts.map(|(_, text)| text.into_bytes()).collect()
}
