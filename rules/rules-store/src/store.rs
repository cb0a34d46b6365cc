//! The folder: opens it, and keeps it in step with what serves.
//!
//! In: a folder's name, bundles that came to service, deeds. Out: what is remembered; errors of the disk, which change nothing that
//! serves. Without a folder everything is remembered until the end of the process. Deliberately absent: which bundle is right.

use std::io;
use std::path::{Path, PathBuf};

use rules_bundle::{MAX_BUNDLE_BYTES, Ratchet, VerifiedBundle};

use crate::audit::{Chain, ChainError, Deed};
use crate::files;
use crate::memory::{How, Memory, Name, TEXT_BYTES_MAX};

/// The largest audit log, bytes: some hundred thousand changes.
const AUDIT_BYTES_MAX: u64 = 64 << 20;
/// The largest file of revisions, bytes.
const REVISIONS_BYTES_MAX: u64 = 1 << 20;

/// See the head of this file.
#[derive(Debug)]
pub struct Store {
    folder: Option<PathBuf>,
    ratchet: Ratchet,
    memory: Memory,
    chain: Chain,
    /// Where the audit log's last whole line ends; behind it lies at most the torn one of a crash.
    whole: u64,
    broken: Option<ChainError>,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", .path.display())]
pub struct StoreError {
    /// Which file of it.
    pub path: PathBuf,
    /// What is wrong.
    pub what: String,
}

impl Store {
    /// Remembers nothing beyond the process.
    pub fn in_memory() -> Store {
        Store {
            folder: None,
            ratchet: Ratchet::default(),
            memory: Memory::default(),
            chain: Chain::default(),
            whole: 0,
            broken: None,
        }
    }

    /// Reads a folder, which may not be there yet, and changes nothing.
    ///
    /// # Errors
    /// A file of it cannot be read or is malformed. An audit log whose chain is broken is no error: see [`Store::broken`].
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        let text = |name: &str, most| -> Result<String, StoreError> {
            let path = folder.join(name);
            let bytes = files::read(&path, most).map_err(|why| fault(&path, &why))?.unwrap_or_default();
            String::from_utf8(bytes).map_err(|_| fault(&path, &"is not UTF-8"))
        };
        let revisions = text("revisions", REVISIONS_BYTES_MAX)?;
        let ratchet = Ratchet::from_text(&revisions).map_err(|why| fault(&folder.join("revisions"), &why))?;
        let memory = match text("memory.json", TEXT_BYTES_MAX)? {
            none if none.is_empty() => Memory::default(),
            some => Memory::from_text(&some).map_err(|why| fault(&folder.join("memory.json"), &why))?,
        };
        let log = folder.join("audit.jsonl");
        let lines = files::read(&log, AUDIT_BYTES_MAX).map_err(|why| fault(&log, &why))?.unwrap_or_default();
        let (chain, whole, broken) = Chain::read(&lines);
        Ok(Store { folder: Some(folder.to_owned()), ratchet, memory, chain, whole: whole as u64, broken })
    }

    /// The newest revision of each key.
    pub fn ratchet(&self) -> &Ratchet {
        &self.ratchet
    }

    /// What serves and what has proved good.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The audit log.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Where the audit log was changed by somebody else, if it was.
    pub fn broken(&self) -> Option<&ChainError> {
        self.broken.as_ref()
    }

    /// The signed bytes of a kept bundle.
    ///
    /// # Errors
    /// They are not there, or cannot be read.
    pub fn bytes_of(&self, name: Name) -> Result<Vec<u8>, StoreError> {
        let Some(folder) = &self.folder else {
            return Err(fault(Path::new("rules.store"), &"is not set, so no bundle is kept"));
        };
        let path = bundle_path(folder, name);
        let bytes = files::read(&path, MAX_BUNDLE_BYTES as u64).map_err(|why| fault(&path, &why))?;
        bytes.ok_or_else(|| fault(&path, &"is gone"))
    }

    /// A bundle has come to service: its bytes are kept, older ones are refused from now on (a step back leaves that as it was), and
    /// the deed is written down.
    ///
    /// # Errors
    /// Something could not be written; everything else was.
    pub fn take(&mut self, bundle: &VerifiedBundle, how: How, deed: Deed) -> Result<(), StoreError> {
        let name = name_of(bundle);
        if matches!(how, How::Start | How::Load) {
            self.ratchet.accept(bundle);
        }
        self.memory.take(name, how);
        let deed = Deed { revision: name.revision, digest: name.digest_text(), ..deed };
        let kept = match &self.folder {
            Some(folder) => keep(folder, name, bundle.bytes(), &self.ratchet),
            None => Ok(()),
        };
        let remembered = self.remember();
        kept.and(remembered).and(self.write_down(deed))
    }

    /// What serves has proved good, or does so still.
    ///
    /// # Errors
    /// It could not be written.
    pub fn confirm(&mut self, deed: Deed) -> Result<(), StoreError> {
        if !self.memory.confirm() {
            return Ok(());
        }
        let name = self.memory.serving().expect("what was confirmed serves");
        self.remember()?;
        self.write_down(Deed { revision: name.revision, digest: name.digest_text(), ..deed })
    }

    /// The daemon ends in good order.
    ///
    /// # Errors
    /// It could not be written.
    pub fn rest(&mut self) -> Result<(), StoreError> {
        if self.memory.rest() { self.remember() } else { Ok(()) }
    }

    /// Adds a line to the audit log.
    ///
    /// # Errors
    /// It could not be written.
    pub fn write_down(&mut self, deed: Deed) -> Result<(), StoreError> {
        let (entry, line) = self.chain.line(deed);
        if let Some(folder) = &self.folder {
            let path = folder.join("audit.jsonl");
            let append = || -> io::Result<()> {
                std::fs::create_dir_all(folder)?;
                if std::fs::metadata(&path).is_ok_and(|about| about.len() > self.whole) {
                    files::cut(&path, self.whole)?;
                }
                files::append(&path, line.as_bytes())
            };
            append().map_err(|why| fault(&path, &why))?;
            self.whole += line.len() as u64;
        }
        self.chain.push(entry);
        Ok(())
    }

    /// Writes the memory, and removes bundles that it does not name any more.
    fn remember(&self) -> Result<(), StoreError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let path = folder.join("memory.json");
        let write = || -> io::Result<()> {
            std::fs::create_dir_all(folder)?;
            files::replace(&path, self.memory.to_text().as_bytes())?;
            let kept: Vec<PathBuf> = self.memory.kept().map(|name| bundle_path(folder, name)).collect();
            for file in std::fs::read_dir(folder)? {
                let file = file?.path();
                if file.extension().is_some_and(|e| e == "bundle") && !kept.contains(&file) {
                    std::fs::remove_file(file)?;
                }
            }
            Ok(())
        };
        write().map_err(|why| fault(&path, &why))
    }
}

/// The bundle's bytes first: what the memory names must be there.
fn keep(folder: &Path, name: Name, bytes: &[u8], ratchet: &Ratchet) -> Result<(), StoreError> {
    let (bundle, revisions) = (bundle_path(folder, name), folder.join("revisions"));
    std::fs::create_dir_all(folder).map_err(|why| fault(folder, &why))?;
    if !bundle.exists() {
        files::replace(&bundle, bytes).map_err(|why| fault(&bundle, &why))?;
    }
    files::replace(&revisions, ratchet.to_text().as_bytes()).map_err(|why| fault(&revisions, &why))
}

fn bundle_path(folder: &Path, name: Name) -> PathBuf {
    folder.join(format!("{}.bundle", name.digest_text()))
}

/// A bundle's name in what is remembered.
pub(crate) fn name_of(bundle: &VerifiedBundle) -> Name {
    Name { revision: bundle.manifest().revision, digest: *bundle.digest() }
}

impl From<&VerifiedBundle> for Name {
    fn from(bundle: &VerifiedBundle) -> Name {
        name_of(bundle)
    }
}

fn fault(path: &Path, what: &dyn std::fmt::Display) -> StoreError {
    StoreError { path: path.to_owned(), what: what.to_string() }
}
