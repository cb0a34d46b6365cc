//! Paths of fields: `cart.total_cents`, from the names in a rule to the numbers on the wire.
//!
//! Comes in: names with dots. Goes out: a [`FieldPath`] with the type at its end, or a [`PathError`] that names the part
//! at fault and the nearest name that exists. Deliberately absent: paths through lists and maps; a rule iterates over those.

use crate::model::{Cardinality, Field, Kind, MessageIndex};
use crate::{Catalogue, MAX_DEPTH};

/// A field of an event, found.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FieldPath {
    /// As written.
    pub text: String,
    /// Field numbers from the outermost message in.
    pub numbers: Vec<u32>,
    /// The message that the last field belongs to.
    pub message: MessageIndex,
    /// What the last field holds; of a map: its values.
    pub kind: Kind,
    /// How many.
    pub cardinality: Cardinality,
}

/// Why a path leads nowhere. `at` counts parts from 0.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PathError {
    /// A name does not exist.
    #[error("no field `{name}` on {message}{}", did_you_mean(.nearest.as_deref()))]
    Unknown {
        /// Which part.
        at: usize,
        /// The name.
        name: String,
        /// Full name of the message.
        message: String,
        /// The most similar name that exists.
        nearest: Option<String>,
    },
    /// A part in the middle is no message.
    #[error("`{name}` is of type {kind} and has no fields")]
    NotAMessage {
        /// Which part.
        at: usize,
        /// The name.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// A part in the middle is a list or a map.
    #[error("`{name}` is a list or a map; use `.exists(x, …)` or an index to reach into it")]
    Many {
        /// Which part.
        at: usize,
        /// The name.
        name: String,
    },
    /// More parts than messages can nest.
    #[error("the path has more than {MAX_DEPTH} parts")]
    TooDeep,
    /// An extractor was asked for the same path twice.
    #[error("`{path}` is asked for twice; ask once and share the slot")]
    Twice {
        /// The path.
        path: String,
    },
}

impl PathError {
    /// Stable for ever; names the cause in metrics and in the reference.
    pub const fn code(&self) -> &'static str {
        match self {
            PathError::Unknown { .. } => "path_unknown_field",
            PathError::NotAMessage { .. } => "path_not_a_message",
            PathError::Many { .. } => "path_through_many",
            PathError::TooDeep => "path_too_deep",
            PathError::Twice { .. } => "path_twice",
        }
    }
}

impl Catalogue {
    /// Follows `path` from `message`.
    ///
    /// # Errors
    /// See [`PathError`].
    pub fn resolve(&self, message: MessageIndex, path: &str) -> Result<FieldPath, PathError> {
        let parts = path.split('.').count();
        if parts > MAX_DEPTH {
            return Err(PathError::TooDeep);
        }
        let mut at_message = message;
        let mut numbers = Vec::with_capacity(parts);
        for (at, name) in path.split('.').enumerate() {
            let field = self.field_or_nearest(at_message, at, name)?;
            numbers.push(field.number);
            if at + 1 == parts {
                let (kind, cardinality) = (field.kind, field.cardinality);
                return Ok(FieldPath { text: path.to_owned(), numbers, message: at_message, kind, cardinality });
            }
            if matches!(field.cardinality, Cardinality::Repeated | Cardinality::Map(_)) {
                return Err(PathError::Many { at, name: name.to_owned() });
            }
            let Kind::Message(next) = field.kind else {
                return Err(PathError::NotAMessage { at, name: name.to_owned(), kind: field.kind.word() });
            };
            at_message = next;
        }
        unreachable!("splitting a string gives at least one part, and the last part returns")
    }

    /// The field at the end of a path of this catalogue.
    pub fn field_at(&self, path: &FieldPath) -> &Field {
        let number = *path.numbers.last().expect("a path has at least one part");
        self.message(path.message).field(number).expect("a path is used with the catalogue it was resolved in")
    }

    fn field_or_nearest(&self, message: MessageIndex, at: usize, name: &str) -> Result<&Field, PathError> {
        let message = self.message(message);
        message.field_by_name(name).ok_or_else(|| PathError::Unknown {
            at,
            name: name.to_owned(),
            message: message.full_name.clone(),
            nearest: nearest(name, message.fields.iter().map(|f| f.name.as_str())).map(str::to_owned),
        })
    }
}

/// The most similar of `names`, where one is similar enough to be meant.
pub(crate) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let mut best: Option<(f64, &str)> = None;
    for candidate in names {
        let likeness = strsim::jaro_winkler(name, candidate);
        if likeness >= 0.75 && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The tail of a message that offers another name.
pub(crate) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
