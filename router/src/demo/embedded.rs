//! What was built in: the example catalogue and the example rules, compiled, with the texts they were made of.
//!
//! What comes in: what `build.rs` wrote. What goes out: the catalogue, an unsigned bundle, the texts to start from.
//! Deliberately absent: a signature; who runs the demo makes the key.

use std::sync::Arc;

use anyhow::{Context, Result};
use rules_bundle::{Manifest, Unsigned};
use rules_catalogue::Catalogue;
use rules_engine::ir::RuleSetIr;

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

const CATALOGUE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/catalogue.bin"));
const RULES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.bin"));

/// The catalogue that was built in.
pub(crate) fn catalogue() -> Arc<Catalogue> {
    Arc::new(Catalogue::from_bytes(CATALOGUE).expect("INVARIANT: the build wrote a catalogue of this version"))
}

/// A bundle of the rules that were built in.
///
/// # Errors
/// The parts do not fit each other; the build would have to be done again.
pub(crate) fn bundle(catalogue: &Catalogue, created_ms: i64) -> Result<Unsigned> {
    let rules = RuleSetIr::from_bytes(RULES).context("the embedded rules")?;
    let manifest = Manifest {
        tenant: rules.tenant.clone(),
        packages: rules.packages.clone(),
        revision: rules.revision,
        created_ms,
        expires_ms: None,
        catalogue: catalogue.name().to_owned(),
        lineage: vec![*catalogue.digest()],
        builder: concat!("edge-router ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    Unsigned::emit(&manifest, catalogue, &rules).context("the embedded rules and catalogue")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules_bundle::{SigningKey, TrustedKeys, VerifiedBundle};

    #[test]
    fn what_was_built_in_signs_verifies_and_loads() {
        let key = SigningKey::from_seed([7; 32], "test");
        let signed = bundle(&catalogue(), 1).unwrap().sign(&[&key]);
        let verified = VerifiedBundle::verify(signed, &TrustedKeys::new([key.public()])).unwrap();
        let loaded = verified.load().unwrap();
        assert!(loaded.rule_set.rules().len() >= 1);
        assert!(!RULE_FILES.is_empty() && !CATALOGUE_FILES.is_empty());
    }
}
