//! Who may not come in although a signature fits: subjects, keys, single tokens.
//!
//! In: names that operators push. Out: yes or no, asked at HELLO, at REAUTH, and of every live session when a new list
//! arrives. Deliberately absent: expiry; whoever makes the list leaves out what has expired.

use std::collections::BTreeSet;

use super::Claims;

/// A deny list. Immutable once shared; a new one takes its place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DenyList {
    /// Values of `sub`.
    pub subjects: BTreeSet<String>,
    /// Values of `kid`: all tokens that the key signed.
    pub keys: BTreeSet<String>,
    /// Values of `jti`.
    pub tokens: BTreeSet<String>,
}

impl DenyList {
    /// Whether the list names the token's subject, key or id.
    pub fn names(&self, claims: &Claims) -> bool {
        self.subjects.contains(&*claims.sub)
            || self.keys.contains(&*claims.kid)
            || (!claims.jti.is_empty() && self.tokens.contains(&*claims.jti))
    }
}
