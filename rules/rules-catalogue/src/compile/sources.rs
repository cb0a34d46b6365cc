//! The `.proto` files of a catalogue, by the names under which they import each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// File names and texts, sorted by name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sources {
    files: BTreeMap<String, String>,
}

/// The longest file that is read. Bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Most files of a catalogue.
const MAX_FILES: usize = 4_096;
/// How deep directories are followed.
const MAX_DIRECTORY_DEPTH: usize = 16;

/// Why files cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file or directory cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is too long, there are too many, or directories nest too deep.
    #[error("{}: {what}", .path.display())]
    TooLarge {
        /// Where.
        path: PathBuf,
        /// What.
        what: &'static str,
    },
    /// The directory holds no `.proto` file.
    #[error("{} holds no .proto file; give the directory that imports are relative to", .path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
}

impl SourceError {
    /// Stable for ever; names the cause in the reference.
    pub const fn code(&self) -> &'static str {
        match self {
            SourceError::Io { .. } => "sources_io",
            SourceError::TooLarge { .. } => "sources_too_large",
            SourceError::Empty { .. } => "sources_empty",
        }
    }
}

impl Sources {
    /// No files.
    pub fn new() -> Sources {
        Sources::default()
    }

    /// Adds a file under the name that others import, e.g. `game/v1/player.proto`; replaces one of the same name.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Sources {
        self.files.insert(name.to_owned(), text.to_owned());
        self
    }

    /// All `.proto` files below `root`, named by their path relative to it.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn read_dir(root: &Path) -> Result<Sources, SourceError> {
        let mut sources = Sources::new();
        sources.add_dir(root, "", 0)?;
        if sources.files.is_empty() {
            return Err(SourceError::Empty { path: root.to_owned() });
        }
        Ok(sources)
    }

    /// The names of the files, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The text of a file, for showing it below a diagnostic.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(String::as_str)
    }

    fn add_dir(&mut self, dir: &Path, prefix: &str, depth: usize) -> Result<(), SourceError> {
        let too_large = |what| SourceError::TooLarge { path: dir.to_owned(), what };
        if depth > MAX_DIRECTORY_DEPTH {
            return Err(too_large("directories nest more than 16 deep"));
        }
        let io = |source| SourceError::Io { path: dir.to_owned(), source };
        for entry in std::fs::read_dir(dir).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
            let name = format!("{prefix}{name}");
            if path.is_dir() {
                self.add_dir(&path, &format!("{name}/"), depth + 1)?;
            } else if path.extension().is_some_and(|e| e == "proto") {
                self.add_file(&path, name)?;
            }
        }
        if self.files.len() > MAX_FILES {
            return Err(too_large("more than 4,096 .proto files"));
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path, name: String) -> Result<(), SourceError> {
        let io = |source| SourceError::Io { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(io)?.len() > MAX_FILE_BYTES {
            return Err(SourceError::TooLarge { path: path.to_owned(), what: "longer than 1 MiB" });
        }
        self.files.insert(name, std::fs::read_to_string(path).map_err(io)?);
        Ok(())
    }
}
