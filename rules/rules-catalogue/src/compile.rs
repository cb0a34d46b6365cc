//! From `.proto` text to a catalogue, with every complaint at once.
//!
//! Comes in: [`Sources`], from memory or from a directory; the options file `edge/catalogue/v1/options.proto` and Google's
//! own files need not be among them. Goes out: a checked [`Catalogue`] with warnings, or all
//! [`Diagnostic`]s, each with a stable code, a place and a line of help; what more a tidy catalogue would say is told by
//! [`lint`]. Deliberately absent: rules, and compatibility with an earlier catalogue.

mod diagnostic;
mod event;
mod limits;
mod lint;
mod lower;
mod options;
mod places;
mod sources;

use std::collections::BTreeSet;

use prost_reflect::DescriptorPool;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

pub use diagnostic::{Code, Diagnostic, Severity};
pub use lint::lint;
pub use sources::{SourceError, Sources};

use crate::Catalogue;

/// The name under which catalogues import the options.
pub const OPTIONS_FILE: &str = "edge/catalogue/v1/options.proto";

/// The text of [`OPTIONS_FILE`].
pub const OPTIONS_TEXT: &str = include_str!("../proto/edge/catalogue/v1/options.proto");

/// What compiling gave.
#[derive(Clone, PartialEq, Debug)]
pub struct Compiled {
    /// The catalogue.
    pub catalogue: Catalogue,
    /// What deserves a look and stops nothing, sorted by place.
    pub warnings: Vec<Diagnostic>,
}

/// Compiles all files of `sources` into one catalogue.
///
/// # Errors
/// At least one diagnostic is an error. All of them come together, warnings included, sorted by place.
pub fn compile(sources: &Sources) -> Result<Compiled, Vec<Diagnostic>> {
    let (pool, mut diagnostics) = parse(sources);
    let broken: BTreeSet<&str> = diagnostics.iter().map(|d| d.file.as_str()).collect();
    let all_parsed = broken.is_empty();
    let data = lower::lower(&pool, sources, all_parsed, &mut diagnostics);
    diagnostics.sort();
    diagnostics.dedup();
    if diagnostics.iter().any(|d| d.severity == Severity::Error) {
        return Err(diagnostics);
    }
    match Catalogue::new(data) {
        Ok(catalogue) => Ok(Compiled { catalogue, warnings: diagnostics }),
        Err(e) => {
            let file = sources.names().next().unwrap_or_default();
            diagnostics.push(Diagnostic::new(Code::Refused, file, (0, 0), format!("the catalogue is refused: {e}")));
            Err(diagnostics)
        }
    }
}

/// Parses and links every file that can be; a file that cannot leaves a diagnostic and is not in the pool.
pub(crate) fn parse(sources: &Sources) -> (DescriptorPool, Vec<Diagnostic>) {
    let mut resolver = ChainFileResolver::new();
    resolver.add(InMemory(sources.clone()));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true);
    let mut diagnostics = Vec::new();
    for name in sources.names() {
        if let Err(e) = compiler.open_file(name) {
            diagnostics.push(Diagnostic::of_parser(name, &e));
        }
    }
    (compiler.descriptor_pool(), diagnostics)
}

struct InMemory(Sources);

impl FileResolver for InMemory {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let text = match self.0.text(name) {
            Some(text) => text,
            None if name == OPTIONS_FILE => OPTIONS_TEXT,
            None => return Err(protox::Error::file_not_found(name)),
        };
        File::from_source(name, text)
    }
}

#[cfg(test)]
mod tests;
