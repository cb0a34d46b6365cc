//! The revisions of a story's rules, as signed bundles, and the desk that takes bundles in.
//!
//! In: `story/sim.proto` and `story/sim.rules.yaml`, compiled once a process. Out: bundles of revisions 1, 2, 3, …, good and
//! spoiled, and what serves. All revisions fire alike but for one rule that only odd ones have; each writes its number into
//! every body, so that a command says under which it was made. Deliberately absent: files.

use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use edge_door::sim::Rng;
use edge_shard::Serving;
use rules::{Compilation, Identity, InputFile};
use rules_bundle::{Manifest, Ratchet, SigningKey, TrustedKeys, Unsigned, VerifiedBundle};
use rules_catalogue::{Catalogue, compile};
use rules_engine::ir::RuleSetIr;
use rules_engine::ir::limits::{MAX_ACTIONS, MAX_LATENESS_MS};

use crate::tls::START_UNIX_MS;

/// How many revisions there are.
pub(crate) const REVISIONS: u64 = 10;
/// Part of every command id.
pub(crate) const TENANT: &str = "sim";

const PROTO: &str = include_str!("../story/sim.proto");
const RULES: &str = include_str!("../story/sim.rules.yaml");

/// Everything compiled; the same in every process.
pub(crate) struct Rulebook {
    pub(crate) catalogue: Arc<Catalogue>,
    /// Bundle of revision `n` at `n - 1`.
    bundles: Vec<Bytes>,
    /// Another bundle of revision `n` at `n - 1`, signed as well.
    twins: Vec<Bytes>,
    /// Signed by a key that nobody trusts.
    stranger: Bytes,
    /// Signed by nobody.
    unsigned: Bytes,
    /// Well signed, newer than all others, and beyond what the engine takes.
    costly: Bytes,
    trusted: TrustedKeys,
}

/// The rulebook of this process.
///
/// # Panics
/// Where the story's own files do not compile: they are part of this crate, and its tests compile them.
pub(crate) fn rulebook() -> &'static Rulebook {
    static RULEBOOK: OnceLock<Rulebook> = OnceLock::new();
    RULEBOOK.get_or_init(|| Rulebook::make().unwrap_or_else(|why| panic!("the story's rules: {why:#}")))
}

impl Rulebook {
    fn make() -> Result<Rulebook> {
        let sources = compile::Sources::new().with("sim/v1/sim.proto", PROTO);
        let compiled = compile::compile(&sources).map_err(|said| anyhow!("the catalogue: {said:?}"))?;
        let catalogue = Arc::new(compiled.catalogue);
        let ours = SigningKey::from_seed([11; 32], "sim");
        let theirs = SigningKey::from_seed([12; 32], "stranger");
        let build = |ir: &RuleSetIr, later_ms: i64| -> Result<Unsigned> {
            let mut manifest = manifest(&catalogue, ir);
            manifest.created_ms += later_ms;
            Unsigned::emit(&manifest, &catalogue, ir).context("the bundle")
        };
        let (mut bundles, mut twins) = (Vec::new(), Vec::new());
        for revision in 1..=REVISIONS {
            let ir = rule_set(&catalogue, revision)?;
            bundles.push(Bytes::from(build(&ir, 0)?.sign(&[&ours])));
            twins.push(Bytes::from(build(&ir, 1)?.sign(&[&ours])));
        }
        let mut newest = rule_set(&catalogue, REVISIONS + 1)?;
        let stranger = Bytes::from(build(&newest, 0)?.sign(&[&theirs]));
        let unsigned = Bytes::from(build(&newest, 0)?.sign(&[]));
        let actions = &mut newest.rules[0].actions;
        *actions = actions.iter().cycle().take(MAX_ACTIONS + 1).cloned().collect();
        let costly = Bytes::from(build(&newest, 0)?.sign(&[&ours]));
        let trusted = TrustedKeys::new([ours.public()]);
        Ok(Rulebook { catalogue, bundles, twins, stranger, unsigned, costly, trusted })
    }

    /// The good bundle of a revision.
    pub(crate) fn bundle(&self, revision: u64) -> Bytes {
        self.bundles[revision as usize - 1].clone()
    }

    /// A bundle that must be refused by a desk that has taken `revision` in, and what is wrong with it.
    pub(crate) fn spoiled(&self, revision: u64, rng: &mut Rng) -> (Bytes, &'static str) {
        let newest = self.bundle(REVISIONS);
        match rng.below(8) {
            0 if revision > 1 => (self.bundle(1 + rng.below(revision - 1)), "older"),
            1 => (newest.slice(..rng.index(newest.len())), "truncated"),
            2 => {
                let mut bytes = newest.to_vec();
                let at = rng.index(bytes.len());
                bytes[at] ^= 1 << rng.below(8);
                (Bytes::from(bytes), "bit-flipped")
            }
            3 => (self.unsigned.clone(), "signed by nobody"),
            4 => (self.twins[revision as usize - 1].clone(), "another one of the revision that serves"),
            5 | 6 => (self.costly.clone(), "too costly"),
            _ => (self.stranger.clone(), "signed by a stranger"),
        }
    }
}

fn rule_set(catalogue: &Arc<Catalogue>, revision: u64) -> Result<RuleSetIr> {
    let odd = if revision % 2 == 1 { "true" } else { "false" };
    let text = RULES.replace("ODD", odd).replace("REV", &revision.to_string());
    let identity = Identity { tenant: TENANT.to_owned(), revision };
    let compilation = Compilation::new(vec![InputFile::new("sim.rules.yaml", text)], catalogue.clone(), identity);
    let mut ir = compilation.rule_set().with_context(|| compilation.to_text(false))?.clone();
    // Stories are full of outages, and an oracle cannot know which of them made an event late.
    ir.lateness_ms = MAX_LATENESS_MS;
    ensure!(ir.revision == revision, "the revision is the one asked for");
    Ok(ir)
}

fn manifest(catalogue: &Catalogue, ir: &RuleSetIr) -> Manifest {
    Manifest {
        tenant: ir.tenant.clone(),
        packages: ir.packages.clone(),
        revision: ir.revision,
        created_ms: START_UNIX_MS,
        expires_ms: None,
        catalogue: catalogue.name().to_owned(),
        lineage: vec![*catalogue.digest()],
        builder: "edge-sim".to_owned(),
    }
}

/// Where bundles arrive: verifies, ratchets, loads. Outlives the daemon, as its files do.
pub(crate) struct Desk {
    ratchet: Ratchet,
    serving: Arc<Serving>,
}

impl Desk {
    /// Serves revision 1.
    pub(crate) fn new() -> Desk {
        let mut ratchet = Ratchet::default();
        let serving = take_in(&mut ratchet, rulebook().bundle(1)).expect("the first bundle is good");
        Desk { ratchet, serving }
    }

    /// What serves, and what a daemon begins with.
    pub(crate) fn serving(&self) -> &Arc<Serving> {
        &self.serving
    }

    /// The revision that serves.
    pub(crate) fn revision(&self) -> u64 {
        self.serving.rules.revision()
    }

    /// Takes a bundle in, or says why not; what serves is untouched then.
    pub(crate) fn offer(&mut self, bytes: Bytes) -> Result<Arc<Serving>, String> {
        self.serving = take_in(&mut self.ratchet, bytes)?;
        Ok(self.serving.clone())
    }
}

fn take_in(ratchet: &mut Ratchet, bytes: Bytes) -> Result<Arc<Serving>, String> {
    let bundle = VerifiedBundle::verify(bytes, &rulebook().trusted).map_err(|why| why.to_string())?;
    ratchet.check(&bundle).map_err(|why| why.to_string())?;
    let loaded = bundle.load().map_err(|why| why.to_string())?;
    ratchet.accept(&bundle);
    Ok(Arc::new(Serving { rules: loaded.rule_set, lineage: loaded.manifest.lineage }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_revision_is_good_and_every_spoiled_bundle_is_refused() {
        let mut desk = Desk::new();
        let mut rng = Rng::new(1);
        for revision in 2..=REVISIONS {
            for _ in 0..20 {
                let (bytes, what) = rulebook().spoiled(desk.revision(), &mut rng);
                assert!(desk.offer(bytes).is_err(), "{what}");
            }
            desk.offer(rulebook().bundle(revision)).unwrap();
            assert_eq!(desk.revision(), revision);
        }
    }
}
