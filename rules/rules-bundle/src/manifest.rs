//! What a bundle says about itself.

use edge_event::UnixMillis;
use serde::{Deserialize, Serialize};

/// Stands first in a bundle; readable without loading the rest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Whose rules these are; the rule set says the same.
    pub tenant: String,
    /// Packages inside, sorted; the rule set says the same.
    pub packages: Vec<String>,
    /// Rises with every build that is put to service; the rule set says the same.
    pub revision: u64,
    /// When it was built. Milliseconds since 1970.
    pub created_ms: i64,
    /// From then on an alarm asks for a fresh build; what serves goes on serving. Milliseconds since 1970.
    pub expires_ms: Option<i64>,
    /// Name of the catalogue, e.g. `game.v1`.
    pub catalogue: String,
    /// Digests of the catalogues whose events it can read, its own first: clients with these are welcome.
    pub lineage: Vec<[u8; 32]>,
    /// What built it, for people.
    pub builder: String,
}

impl Manifest {
    /// Whether the alarm is due.
    pub fn is_expired(&self, now: UnixMillis) -> bool {
        self.expires_ms.is_some_and(|at| at <= now.0)
    }

    /// Whether events of clients with this catalogue can be read.
    pub fn reads_catalogue(&self, digest: &[u8; 32]) -> bool {
        self.lineage.contains(digest)
    }
}
