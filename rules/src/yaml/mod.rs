//! Strict YAML: text in, a tree with spans out, always.
//!
//! Scalars stay text; what `no`, `5m` or `on` mean is decided by whoever reads the tree against a schema. Refused, each with
//! a diagnostic: anchors, aliases, tags, merge keys, duplicate keys, keys that are not scalars, more than one document, and
//! anything beyond the limits below. After a syntax error the tree holds what came before it; nodes that were cut off are
//! marked, so that nobody complains about keys that the author may well have written.

mod offsets;
mod read;

#[cfg(test)]
mod tests;

pub use offsets::OffsetMap;
pub use read::read;

use crate::source::Span;

/// Largest file, in bytes.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;

/// Deepest nesting of lists and maps.
pub const MAX_DEPTH: usize = 32;

/// One value of the tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// From its first to its last byte.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
    /// A syntax error cut it off: keys or items may be missing.
    pub cut_off: bool,
}

/// What a value is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Text, of which the schema makes more. A missing value is plain, empty text.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order written; no key occurs twice.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Where the key is.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// Text as YAML understood it, and how it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scalar {
    /// After escapes and folding.
    pub text: String,
    /// How it was written.
    pub style: Style,
}

/// How a scalar was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'single'`
    SingleQuoted,
    /// `"double"`
    DoubleQuoted,
    /// `|` or `>`
    Block,
}

impl Node {
    /// The text of a scalar.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Whether nothing was written (`key:` alone, or a key without `:` in braces).
    pub fn is_absent(&self) -> bool {
        self.as_scalar().is_some_and(|s| s.text.is_empty() && s.style == Style::Plain)
    }

    /// In an author's words: `a list`, `a map`, `text`, `nothing`.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Scalar(_) if self.is_absent() => "nothing",
            Kind::Scalar(_) => "a single value",
        }
    }
}
