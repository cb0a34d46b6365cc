//! Why a rule set is refused.

use crate::ir::IR_FORMAT;

/// Always the fault of whoever built the set: the one that serves stays, and the answer is to build the bundle again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoadError {
    /// Written by another version.
    #[error(
        "rule set has format {found}, this build reads format {IR_FORMAT}: compile it with an `edgectl` of this version"
    )]
    Format {
        /// What it says.
        found: u16,
    },
    /// Checked against another catalogue.
    #[error("the rule set was compiled against another catalogue than the one it came with: build the bundle again")]
    Catalogue,
    /// More than the engine takes.
    #[error("{place}: {found} {what}, at most {limit} are possible")]
    Limit {
        /// Where.
        place: String,
        /// Of what.
        what: String,
        /// How many.
        found: usize,
        /// How many are possible.
        limit: usize,
    },
    /// Something that is referred to does not exist.
    #[error("{place}: {what}")]
    Dangling {
        /// Where.
        place: String,
        /// What.
        what: String,
    },
    /// Something stands twice, or out of order.
    #[error("{place}: {what}")]
    Duplicate {
        /// Where.
        place: String,
        /// What.
        what: String,
    },
    /// Something contradicts the form's rules.
    #[error("{place}: {what}")]
    Invalid {
        /// Where.
        place: String,
        /// What.
        what: String,
    },
    /// An expression is malformed or of the wrong type.
    #[error("{place}, {part}, node {node}: {what}")]
    Expression {
        /// Whose.
        place: String,
        /// Which of its expressions.
        part: String,
        /// Which node.
        node: u32,
        /// What.
        what: String,
    },
    /// A regular expression does not compile or is too large.
    #[error("regular expression `{pattern}`: {why}")]
    Regex {
        /// Its beginning.
        pattern: String,
        /// What.
        why: String,
    },
}

impl LoadError {
    /// Stable word for metrics and documents.
    pub const fn code(&self) -> &'static str {
        match self {
            LoadError::Format { .. } => "RULES_FORMAT",
            LoadError::Catalogue => "RULES_CATALOGUE",
            LoadError::Limit { .. } => "RULES_LIMIT",
            LoadError::Dangling { .. } => "RULES_DANGLING",
            LoadError::Duplicate { .. } => "RULES_DUPLICATE",
            LoadError::Invalid { .. } => "RULES_INVALID",
            LoadError::Expression { .. } => "RULES_EXPRESSION",
            LoadError::Regex { .. } => "RULES_REGEX",
        }
    }

    pub(super) fn limit(place: &str, what: &str, found: usize, limit: usize) -> LoadError {
        LoadError::Limit { place: place.to_owned(), what: what.to_owned(), found, limit }
    }

    pub(super) fn dangling(place: &str, what: &str) -> LoadError {
        LoadError::Dangling { place: place.to_owned(), what: what.to_owned() }
    }

    pub(super) fn duplicate(place: &str, what: &str) -> LoadError {
        LoadError::Duplicate { place: place.to_owned(), what: what.to_owned() }
    }

    pub(super) fn invalid(place: &str, what: &str) -> LoadError {
        LoadError::Invalid { place: place.to_owned(), what: what.to_owned() }
    }
}
