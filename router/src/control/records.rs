//! What is remembered of the rules, in the words of the control socket.
//!
//! In: the store. Out: parts of answers. Deliberately absent: everything that changes something.

use edge_admin::{RulesEntry, RulesLog, RulesStatus};
use rules_store::{Entry, Store};

use crate::bundles::Bundles;

/// The most entries of the log that one answer carries.
const ENTRIES_MAX: usize = 10_000;

/// The newest entries of the audit log, the oldest of them first.
pub(super) fn log(store: &Store, last: u32) -> RulesLog {
    let entries = store.chain().entries();
    let surplus = entries.len().saturating_sub((last as usize).min(ENTRIES_MAX));
    RulesLog {
        entries: entries[surplus..].iter().map(entry).collect(),
        broken: store.broken().map(ToString::to_string).unwrap_or_default(),
        newest: store.chain().newest(),
    }
}

fn entry(entry: &Entry) -> RulesEntry {
    let deed = &entry.deed;
    RulesEntry {
        n: entry.n,
        at_ms: deed.at_ms,
        what: deed.what.clone(),
        uid: deed.uid,
        by: deed.by.clone(),
        why: deed.why.clone(),
        revision: deed.revision,
        replaced: deed.replaced,
        digest: deed.digest.clone(),
    }
}

/// Which rules serve, and what could serve instead.
pub(super) fn status(bundles: &Bundles) -> RulesStatus {
    let (memory, newest) = (bundles.store().memory(), bundles.newest());
    RulesStatus {
        digest: memory.serving().map(|name| name.digest_text()).unwrap_or_default(),
        packages: newest.map(|manifest| manifest.packages.clone()).unwrap_or_default(),
        created_ms: newest.map_or(0, |manifest| manifest.created_ms),
        expires_ms: newest.and_then(|manifest| manifest.expires_ms),
        is_stepped_back_to: memory.is_pinned(),
        proved_good: memory.proven().iter().map(|name| name.revision).collect(),
        log_is_broken: bundles.store().broken().is_some(),
    }
}
