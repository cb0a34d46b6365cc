//! Two catalogues and an independent decoder for each of their event types.
//!
//! What comes in: the example catalogue `game.v1`, and `schemas/odd/v1`, whose messages share field numbers and differ
//! in everything else. What goes out: event types with extractors for all their messages, made once.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use prost_reflect::{DescriptorPool, MessageDescriptor};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use rules_catalogue::compile::{OPTIONS_FILE, OPTIONS_TEXT, Sources, compile};
use rules_catalogue::{Catalogue, EventType, Extractor, MessageIndex};

use crate::repository;

/// A catalogue with what reads its messages.
pub(super) struct Schema {
    pub(super) catalogue: Arc<Catalogue>,
    /// All fields of each message, by its index.
    pub(super) extractors: Vec<Extractor>,
    /// The independent decoder's view of each event type.
    pub(super) descriptors: Vec<MessageDescriptor>,
}

static SCHEMAS: LazyLock<[Schema; 2]> = LazyLock::new(|| ["rules/catalogue", "tests/fuzz/schemas"].map(Schema::read));

/// The event type that a byte chooses, and its place in its schema.
pub(super) fn choose(n: u8) -> (&'static Schema, usize, &'static EventType) {
    let types =
        SCHEMAS.iter().flat_map(|schema| schema.catalogue.event_types().iter().enumerate().map(move |t| (schema, t)));
    let count = types.clone().count();
    let (schema, (at, event_type)) = types.clone().nth(usize::from(n) % count).expect("below the count");
    (schema, at, event_type)
}

/// How many event types there are.
pub(super) fn count() -> usize {
    SCHEMAS.iter().map(|schema| schema.catalogue.event_types().len()).sum()
}

impl Schema {
    fn read(folder: &str) -> Schema {
        let folder = repository::root().join(folder);
        let sources = Sources::read_dir(&folder).expect("the catalogue is there");
        let catalogue = Arc::new(compile(&sources).expect("and compiles").catalogue);
        let extractor = |at: usize| {
            let message = MessageIndex(at as u16);
            let names: Vec<&str> = catalogue.message(message).fields.iter().map(|f| f.name.as_str()).collect();
            Extractor::new(&catalogue, message, &names).expect("a message's own fields are paths")
        };
        let extractors = (0..catalogue.data().messages.len()).map(extractor).collect();
        let pool = pool(folder, catalogue.data().files.iter().map(String::as_str));
        let descriptor = |event_type: &EventType| {
            let name = &catalogue.message(event_type.message).full_name;
            pool.get_message_by_name(name).expect("the message exists")
        };
        let descriptors = catalogue.event_types().iter().map(descriptor).collect();
        Schema { catalogue, extractors, descriptors }
    }
}

fn pool<'a>(folder: PathBuf, files: impl Iterator<Item = &'a str>) -> DescriptorPool {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Folder(folder));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true);
    files.for_each(|file| drop(compiler.open_file(file).map(drop)));
    compiler.descriptor_pool()
}

struct Folder(PathBuf);

impl FileResolver for Folder {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == OPTIONS_FILE {
            return File::from_source(name, OPTIONS_TEXT);
        }
        let text = std::fs::read_to_string(self.0.join(name)).map_err(|_| protox::Error::file_not_found(name))?;
        File::from_source(name, &text)
    }
}
