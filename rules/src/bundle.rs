//! From a compilation to the signed bytes that a daemon loads.
//!
//! In: a [`Compilation`] without errors, keys, and what the caller knows of time. Out: a bundle. The same files, the same
//! [`BuildInfo`] and the same keys give the same bytes. Absent: reading keys and clocks.

use rules_bundle::{EmitError, Manifest, SigningKey, Unsigned};

use crate::compilation::Compilation;

/// What a bundle says about itself beyond its rules.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuildInfo {
    /// When it is built. Milliseconds since 1970.
    pub created_ms: i64,
    /// From then on an alarm asks for a fresh build. Milliseconds since 1970.
    pub expires_ms: Option<i64>,
    /// Digests of other catalogues whose events it can read.
    pub lineage: Vec<[u8; 32]>,
    /// What built it, for people, e.g. `edgectl 0.1.0`.
    pub builder: String,
}

/// Why no bundle was made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BuildError {
    /// The rules have errors.
    #[error("the rules have errors; correct them first: `edgectl rules check` shows them")]
    HasErrors,
    /// The parts do not fit a bundle.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

impl BuildError {
    /// Stable for ever.
    pub const fn code(&self) -> &'static str {
        match self {
            BuildError::HasErrors => "BUILD_HAS_ERRORS",
            BuildError::Emit(error) => error.code(),
        }
    }
}

impl Compilation {
    /// The bundle, signed by `keys`.
    ///
    /// # Errors
    /// See [`BuildError`].
    ///
    /// # Panics
    /// With more than [`rules_bundle::MAX_SIGNATURES`] keys.
    pub fn bundle(&self, info: &BuildInfo, keys: &[&SigningKey]) -> Result<Vec<u8>, BuildError> {
        let set = self.rule_set().ok_or(BuildError::HasErrors)?;
        let mut lineage = vec![*self.catalogue().digest()];
        lineage.extend(info.lineage.iter().filter(|digest| *digest != self.catalogue().digest()));
        let manifest = Manifest {
            tenant: set.tenant.clone(),
            packages: set.packages.clone(),
            revision: set.revision,
            created_ms: info.created_ms,
            expires_ms: info.expires_ms,
            catalogue: self.catalogue().name().to_owned(),
            lineage,
            builder: info.builder.clone(),
        };
        Ok(Unsigned::emit(&manifest, self.catalogue(), set)?.sign(keys))
    }
}
